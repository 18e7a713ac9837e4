//! RP2040: bits of the ring oscillator.
//!
//! The chip has no generator of true random numbers. It has one bit that shows the ring oscillator's state (RP2040
//! datasheet §2.17, register RANDOMBIT), and the datasheet says that this "does not meet the requirements of randomness
//! for security systems". The bits are biased, and bits that are read soon after each other depend on each other. What
//! is unpredictable in them is the jitter of that oscillator against the crystal that times the reading. So there is time
//! between two readings, the bias is taken out, and 16 bits go into each bit of the seed. That is what one can do with
//! this chip; somebody who needs more adds a source of entropy, or takes a Pico 2 W.

use defmt::error;
use embassy_rp::pac::ROSC;
use embassy_time::Timer;
use station::random::{Generator, unbiased};

/// Cycles of the processor between two readings: 1 µs at 125 MHz, several periods of the oscillator.
const CYCLES: u32 = 125;

/// Seeds the generator; takes a tenth of a second or so. Without a source there are no secrets: it waits for one.
pub(crate) async fn seed() -> Generator {
    loop {
        let raw = unbiased(|| {
            cortex_m::asm::delay(CYCLES);
            ROSC.randombit().read().randombit()
        });
        match raw {
            Some(raw) => return Generator::seeded(&raw),
            None => error!("random numbers, seed: the ring oscillator stands still; again in 10 s"),
        }
        Timer::after_secs(10).await;
    }
}

//! RP2040: one bit of the ring oscillator, many times.
//!
//! The chip has no generator of true random numbers. It has a register that shows one bit of the ring oscillator's state
//! (RP2040 datasheet §2.17.5), about which its maker says that it is not good enough for security. And it is not, as it
//! comes: the bits are biased, and those that are read soon after each other depend on each other. What cannot be foreseen
//! in them is how this oscillator jitters against the crystal that the processor runs from, and that is little in a
//! microsecond. So there is time between two readings, the bias is taken out, and 16 bits are condensed into each bit of
//! the seed.
//!
//! That is what can be done with this chip alone, and nobody certifies it. A device with more to lose adds a source of
//! entropy (a secure element), or is a Pico 2 W, which has a generator.

use defmt::error;
use embassy_rp::pac::ROSC;
use embassy_time::Timer;
use station::random::{Generator, unbiased};

/// Cycles of the processor between two readings: 1 µs at 125 MHz, in which the oscillator turns several times.
const CYCLES: u32 = 125;

/// Seeds the generator, from 16,000 readings or more. Without a source there are no secrets: it waits for one.
pub(crate) async fn seed() -> Generator {
    loop {
        let raw = unbiased(|| {
            cortex_m::asm::delay(CYCLES);
            ROSC.randombit().read().randombit()
        });
        match raw {
            Some(raw) => return Generator::seeded(&raw),
            None => error!("random numbers: the ring oscillator stands still; again in 10 s"),
        }
        Timer::after_secs(10).await;
    }
}

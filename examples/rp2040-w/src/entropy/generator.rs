//! RP2350: its generator of true random numbers (RP2350 datasheet §12.12).
//!
//! It samples a ring oscillator of its own, takes the bias out, and watches for repetitions. The datasheet does not claim
//! that every test of randomness is passed, so 16 bits are condensed into each bit of the seed here too.

use embassy_rp::{
    Peri, bind_interrupts,
    peripherals::TRNG,
    trng::{Config, InterruptHandler, Trng},
};
use station::random::{Generator, RAW_LEN};

bind_interrupts!(struct Interrupts {
    TRNG_IRQ => InterruptHandler<TRNG>;
});

/// Seeds the generator.
pub(crate) async fn seed(trng: Peri<'static, TRNG>) -> Generator {
    let mut raw = [0; RAW_LEN];
    Trng::new(trng, Interrupts, Config::default()).fill_bytes(&mut raw).await;
    Generator::seeded(&raw)
}

//! Random numbers for secrets: a well-known generator, seeded once from what the board's hardware gives.
//!
//! ```text
//!   hardware ──▶ bits ──▶ unbiased ──▶ SHA-256 ──▶ ChaCha20 ──▶ TLS, SNTP, back-off
//! ```
//!
//! A seed of 256 bits is condensed from far more bits than that, so that it is unpredictable even if each of them is
//! worth little. A source that stands still gives no seed.

use core::cell::RefCell;

use rand_chacha::{
    ChaCha20Rng,
    rand_core::{Rng, SeedableRng},
};
use sha2::{Digest, Sha256};
use socketpool::tls::{Random, RandomError};
use static_cell::StaticCell;

/// Bytes of a seed before they are condensed.
pub const RAW_LEN: usize = 512;

/// A generator that is seeded. Every copy goes on where the others left off.
#[derive(Clone, Copy)]
pub struct Generator(&'static RefCell<ChaCha20Rng>);

impl Generator {
    /// Seeds the one generator of the program.
    ///
    /// # Panics
    /// The second time.
    #[must_use]
    pub fn seeded(raw: &[u8; RAW_LEN]) -> Self {
        static GENERATOR: StaticCell<RefCell<ChaCha20Rng>> = StaticCell::new();
        let seed = Sha256::digest(raw);
        Self(GENERATOR.init(RefCell::new(ChaCha20Rng::from_seed(seed.into()))))
    }

    /// A random number.
    #[must_use]
    pub fn next_u32(self) -> u32 {
        self.0.borrow_mut().next_u32()
    }

    /// A random number.
    #[must_use]
    pub fn next_u64(self) -> u64 {
        self.0.borrow_mut().next_u64()
    }
}

impl Random for Generator {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), RandomError> {
        self.0.borrow_mut().fill_bytes(bytes);
        Ok(())
    }
}

/// Fills `out` with bits from which the bias is taken as von Neumann did: of each pair of bits, one that differs from
/// the other counts. Bits that depend on each other still do. `None` if pairs that differ are rarer than one in 64:
/// then the source is as good as dead.
#[must_use]
pub fn unbiased(mut bit: impl FnMut() -> bool) -> Option<[u8; RAW_LEN]> {
    let mut out = [0; RAW_LEN];
    let mut pairs_left = RAW_LEN * 8 * 64;
    for byte in &mut out {
        for _ in 0..8 {
            let fair = loop {
                pairs_left = pairs_left.checked_sub(1)?;
                let (first, second) = (bit(), bit());
                if first != second {
                    break first;
                }
            };
            *byte = *byte << 1 | u8::from(fair);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_each_pair_the_first_counts_if_they_differ() {
        let mut bits = [false, false, true, false, true, true, false, true].into_iter().cycle();
        assert_eq!(unbiased(|| bits.next().unwrap()), Some([0b1010_1010; RAW_LEN]));
    }

    #[test]
    fn a_source_that_stands_still_gives_nothing() {
        assert_eq!(unbiased(|| true), None);
        assert_eq!(unbiased(|| false), None);
    }
}

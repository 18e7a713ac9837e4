//! Where the secrets of a handshake come from.

/// A cryptographically secure source of random bytes.
///
/// A closure will do, whatever version of whatever trait your chip's generator speaks:
/// `|bytes: &mut [u8]| rng.fill_bytes(bytes)`. A generator with the traits of `rand_core` 0.6 fits in [`RandCore`].
///
/// The bytes must be unpredictable: every secret of a connection is made of them. A generator seeded with a constant,
/// a serial number or the time gives every secret away.
pub trait Random {
    /// Fills `bytes`.
    fn fill(&mut self, bytes: &mut [u8]);
}

impl<F: FnMut(&mut [u8])> Random for F {
    fn fill(&mut self, bytes: &mut [u8]) {
        self(bytes);
    }
}

/// A generator that says of itself, with `rand_core` 0.6, that it is fit for cryptography.
#[derive(Debug, Clone)]
pub struct RandCore<T>(pub T);

impl<T: rand_core::RngCore + rand_core::CryptoRng> Random for RandCore<T> {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }
}

//! Where the secrets of a handshake come from.

use core::fmt;

/// A cryptographically secure source of random bytes.
///
/// A closure will do, whatever version of whatever trait your chip's generator speaks:
/// `|bytes: &mut [u8]| rng.fill_bytes(bytes)`. One that can fail fits in [`TryFill`], and a generator with the traits of
/// `rand_core` 0.6 in [`RandCore`].
///
/// The bytes must be unpredictable: every secret of a connection is made of them. A generator seeded with a constant,
/// a serial number or the time gives every secret away.
///
/// # A generator that stands still
/// A true random number generator without its clock gives zeros, or one word again and again. What a handshake draws is
/// looked at before the first byte leaves: a failure, a block whose bytes are all the same, a block that comes twice, and
/// draws that yield no key again and again end the handshake with [`TlsError::Random`](super::TlsError::Random). That finds
/// a dead generator. A predictable one it cannot find.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not fill bytes with random numbers in the way TLS asks",
    label = "not a `socketpool::tls::Random`",
    note = "a closure will do, whatever version of rand_core the generator is for: `|bytes: &mut [u8]| \
            rng.fill_bytes(bytes)`; `tls::TryFill` takes one that can fail"
)]
pub trait Random {
    /// Fills `bytes`.
    ///
    /// # Errors
    /// [`RandomError`] if the generator cannot give as many: what it was for is refused by name then, and nothing is sent.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), RandomError>;
}

/// The generator failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RandomError;

impl fmt::Display for RandomError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the random number generator failed")
    }
}

impl core::error::Error for RandomError {}

impl<F: FnMut(&mut [u8])> Random for F {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), RandomError> {
        self(bytes);
        Ok(())
    }
}

/// A closure that can fail, with whatever error.
///
/// # Examples
/// ```
/// use socketpool::tls::{Now, TlsContext, TryFill};
///
/// # struct Trng;
/// # impl Trng { fn try_fill(&mut self, _: &mut [u8]) -> Result<(), u8> { Err(1) } }
/// # let mut trng = Trng;
/// let tls = TlsContext::new(TryFill(|bytes: &mut [u8]| trng.try_fill(bytes)), || Now::Unknown);
/// ```
#[derive(Debug, Clone)]
pub struct TryFill<F>(pub F);

impl<E, F: FnMut(&mut [u8]) -> Result<(), E>> Random for TryFill<F> {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), RandomError> {
        (self.0)(bytes).map_err(|_| RandomError)
    }
}

/// A generator that says of itself, with `rand_core` 0.6, that it is fit for cryptography.
#[derive(Debug, Clone)]
pub struct RandCore<T>(pub T);

impl<T: rand_core::RngCore + rand_core::CryptoRng> Random for RandCore<T> {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), RandomError> {
        self.0.try_fill_bytes(bytes).map_err(|_| RandomError)
    }
}

/// So many bytes of a draw are kept, to be compared with the next: more would be a copy of a key. A draw of fewer is not
/// judged: it can be constant, or come twice, by accident.
const BLOCK: usize = 8;

/// How often one handshake may draw. A client random and a key are two draws; a draw that yields no key occurs once in
/// 2³² (P-256: the order of the group begins with 32 ones), so six of them are no accident.
const DRAWS: u8 = 8;

/// Looks at what a generator gives: the tests of a stuck source in the manner of NIST SP 800-90B §4.4.1, on whole draws.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    last: [u8; BLOCK],
    draws: u8,
}

impl Watch {
    /// One draw.
    ///
    /// # Errors
    /// [`RandomError`]: the generator failed, stands still, or was asked too often. What is in `bytes` must not be used.
    pub(crate) fn fill<R: Random>(&mut self, random: &mut R, bytes: &mut [u8]) -> Result<(), RandomError> {
        self.draws = self.draws.checked_add(1).filter(|draws| *draws <= DRAWS).ok_or(RandomError)?;
        random.fill(bytes)?;
        let Some(first) = bytes.first_chunk() else { return Ok(()) };
        if bytes.iter().all(|byte| *byte == first[0]) || *first == self.last {
            return Err(RandomError);
        }
        self.last = *first;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Draws `count` blocks.
    fn draw(random: &mut impl Random, count: usize) -> Result<(), RandomError> {
        let mut watch = Watch::default();
        (0..count).try_for_each(|_| watch.fill(random, &mut [0; 32]))
    }

    fn counter() -> impl Random {
        let mut next = 0u8;
        move |bytes: &mut [u8]| {
            for byte in bytes {
                next = next.wrapping_add(1);
                *byte = next;
            }
        }
    }

    #[test]
    fn a_generator_that_stands_still_is_found_at_the_first_draw_or_the_second() {
        for byte in [0, 1, 0x55, 0xff] {
            assert_eq!(draw(&mut |bytes: &mut [u8]| bytes.fill(byte), 1), Err(RandomError), "{byte}");
        }
        let mut word =
            |bytes: &mut [u8]| bytes.iter_mut().zip([1, 2, 3, 4].iter().cycle()).for_each(|(to, from)| *to = *from);
        assert_eq!(draw(&mut word, 1), Ok(()));
        assert_eq!(draw(&mut word, 2), Err(RandomError));
        assert_eq!(draw(&mut |_: &mut [u8]| (), 1), Err(RandomError), "one that fills in nothing");
        assert_eq!(draw(&mut TryFill(|_: &mut [u8]| Err(7)), 1), Err(RandomError));
    }

    #[test]
    fn a_handshake_draws_no_more_than_it_can_need() {
        assert_eq!(draw(&mut counter(), usize::from(DRAWS)), Ok(()));
        assert_eq!(draw(&mut counter(), usize::from(DRAWS) + 1), Err(RandomError));
    }

    #[test]
    fn draws_of_other_lengths_are_looked_at_too() {
        let mut watch = Watch::default();
        assert_eq!(watch.fill(&mut counter(), &mut [0; 48]), Ok(()));
        assert_eq!(watch.fill(&mut counter(), &mut [0; 48]), Err(RandomError), "the same 48 again");
        assert_eq!(watch.fill(&mut counter(), &mut [0; 8]), Err(RandomError), "and the first eight of them");
        assert_eq!(watch.fill(&mut counter(), &mut []), Ok(()), "nothing asked for");
    }
}

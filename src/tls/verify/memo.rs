//! Signatures of certificates that were right, remembered from one handshake to the next.

use core::{cell::RefCell, fmt};

use embassy_sync::blocking_mutex::Mutex;

use crate::sync::{CriticalSectionRawMutex, RawMutex};

/// Remembers up to `N` signature checks of certificates that succeeded, so that they are not made again: 32 bytes for each,
/// in a static of yours. A context that [has](crate::tls::TlsContext::memo) one reconnects to a server for the price of a
/// single check, that of the server's own signature over the handshake, which is never remembered.
///
/// What is remembered is that one signature by one key over one certificate, or revocation list, is right: a SHA-256 of the
/// algorithm, the key, what is signed and the signature. That does not change with time. All that may is verified in every
/// handshake: the path to a root, the host name, dates, constraints, pins and revocation. So contexts of different trust can
/// share a memo, and a certificate that has expired since is refused. Algorithms are told apart by their identifiers: where
/// two implementations of one differ in trust, give each a memo.
///
/// A chain takes as many entries as it has certificates, its root not counted where the server does not send it. When all
/// are taken, the one that was not used for the longest time makes room. What is remembered is public; one who can write to
/// the memo can make this device believe any certificate.
///
/// `R` guards it against several executors, cores or threads: the page of [`sync`](crate::sync) has more.
///
/// # Examples
/// ```
/// use socketpool::tls::{Memo, Now, TlsContext};
///
/// static MEMO: Memo<8> = Memo::new(); // two or three chains, 264 bytes
///
/// # let (rng, clock) = (|bytes: &mut [u8]| bytes.fill(4), || Now::Unknown);
/// let tls = TlsContext::new(rng, clock).memo(&MEMO);
/// ```
pub struct Memo<const N: usize, R: RawMutex = CriticalSectionRawMutex>(Mutex<R, RefCell<Known<N>>>);

/// Digests of checks, the one that was used last first.
type Known<const N: usize> = heapless::Vec<[u8; 32], N>;

impl<const N: usize, R: RawMutex> Memo<N, R> {
    /// Remembers nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        const { assert!(N > 0, "room for one check at least") };
        Self(Mutex::new(RefCell::new(heapless::Vec::new())))
    }

    /// Forgets everything: the next handshakes check all signatures.
    pub fn clear(&self) {
        self.0.lock(|known| known.borrow_mut().clear());
    }

    /// How many checks are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.lock(|known| known.borrow().len())
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<const N: usize, R: RawMutex> Default for Memo<N, R> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize, R: RawMutex> fmt::Debug for Memo<N, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memo")
    }
}

/// A [`Memo`] of any size.
pub(crate) trait Remember: Sync {
    /// Whether this check succeeded before.
    fn knows(&self, digest: &[u8; 32]) -> bool;
    /// This check has succeeded.
    fn keep(&self, digest: &[u8; 32]);
}

impl<const N: usize, R: RawMutex + Sync> Remember for Memo<N, R> {
    fn knows(&self, digest: &[u8; 32]) -> bool {
        let is_known = self.has(digest);
        if is_known {
            self.put(*digest);
        }
        is_known
    }

    fn keep(&self, digest: &[u8; 32]) {
        self.put(*digest);
    }
}

impl<const N: usize, R: RawMutex> Memo<N, R> {
    fn has(&self, digest: &[u8; 32]) -> bool {
        self.0.lock(|known| known.borrow().contains(digest))
    }

    fn put(&self, digest: [u8; 32]) {
        self.0.lock(|known| {
            let known = &mut *known.borrow_mut();
            // Its own place, or a new one, or that of the last.
            let at = known.iter().position(|known| *known == digest).unwrap_or_else(|| {
                let _ = known.push(digest);
                known.len().saturating_sub(1)
            });
            if let Some(moved) = known.get_mut(..=at) {
                moved.rotate_right(1);
            }
            if let Some(first) = known.first_mut() {
                *first = digest;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_not_used_for_the_longest_time_makes_room() {
        let memo = Memo::<3>::new();
        let digest = |number| [number; 32];
        let known = || (0..9).filter(|number| memo.has(&digest(*number))).collect::<std::vec::Vec<_>>();
        for number in 0..3 {
            memo.put(digest(number));
        }
        assert_eq!(known(), [0, 1, 2]);
        memo.put(digest(0));
        memo.put(digest(3));
        assert_eq!(known(), [0, 2, 3]);
        memo.put(digest(2));
        memo.put(digest(4));
        memo.put(digest(4));
        assert_eq!((known(), memo.len()), ([2, 3, 4].to_vec(), 3));
        memo.clear();
        assert!(memo.is_empty() && known().is_empty());
        let one = Memo::<1>::new();
        one.put(digest(1));
        one.put(digest(2));
        assert!(one.has(&digest(2)) && !one.has(&digest(1)));
    }
}

//! Signature checks as values: what one is, what it costs, and which are done.

use rustls_pki_types::{AlgorithmIdentifier, SignatureVerificationAlgorithm, alg_id};
use sha2::{Digest, Sha256};

use super::algorithms::RsaPublicKey;

/// One signature to check.
#[derive(Clone, Copy)]
pub(super) struct Check<'a> {
    pub(super) algorithm: &'a dyn SignatureVerificationAlgorithm,
    /// The octets of `subjectPublicKey`.
    pub(super) key: &'a [u8],
    pub(super) message: &'a [u8],
    pub(super) signature: &'a [u8],
}

impl Check<'_> {
    /// What tells this check from every other: SHA-256 over all that goes into it, each part behind its length.
    pub(super) fn digest(&self) -> [u8; 32] {
        let (by, how) = (self.algorithm.public_key_alg_id(), self.algorithm.signature_alg_id());
        let mut digest = Sha256::new();
        for part in [by.as_ref(), how.as_ref(), self.key, self.message, self.signature] {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        digest.finalize().into()
    }

    /// What it costs, in tenths of a check with P-256.
    ///
    /// Instructions on an emulated Cortex-M0+ (`./ci.sh icount`): P-256 13 million, P-384 35, RSA-2048 12, RSA-4096 47,
    /// Ed25519 14. The weights are older: P-256 took 22 million then, and P-384 58.
    pub(super) fn cost(&self) -> u16 {
        let key_is = |id: AlgorithmIdentifier| self.algorithm.public_key_alg_id().as_ref() == id.as_ref();
        if key_is(alg_id::ECDSA_P256) {
            10
        } else if key_is(alg_id::ED25519) {
            7
        } else if key_is(alg_id::RSA_ENCRYPTION) {
            // It grows with the square of the size: 5 for 2048 bits, 20 for 4096.
            let kilobits = RsaPublicKey::parse(self.key).map_or(u16::MAX, |key| key.bits()).div_ceil(1024);
            kilobits * kilobits * 5 / 4
        } else {
            COST_P384
        }
    }

    /// Does the work.
    #[inline(never)]
    pub(super) fn holds(&self) -> bool {
        self.algorithm.verify_signature(self.key, self.message, self.signature).is_ok()
    }
}

/// What a check with P-384 costs.
pub(super) const COST_P384: u16 = 30;

/// Up to `N` signature checks that are done, each by its [digest](Check::digest), and what came of it. `N` is at most 16.
///
/// A check is asked for again with the same outcome and no work: that makes a verification something that can stop and
/// start again. Certificates are public, so nothing in here is secret.
#[derive(Clone)]
pub(crate) struct Outcomes<const N: usize> {
    done: heapless::Vec<[u8; 32], N>,
    /// A bit for each that failed.
    failed: u16,
}

impl<const N: usize> Outcomes<N> {
    pub(crate) const fn new() -> Self {
        const { assert!(N <= 16) };
        Self { done: heapless::Vec::new(), failed: 0 }
    }

    /// Whether the signature fits; `None` if that is not known.
    pub(super) fn outcome(&self, digest: &[u8; 32]) -> Option<bool> {
        let at = self.done.iter().position(|done| done == digest)?;
        Some(self.failed >> at & 1 == 0)
    }

    /// Keeps an outcome, if there is room.
    pub(super) fn keep(&mut self, digest: [u8; 32], holds: bool) {
        let at = self.done.len();
        if self.done.push(digest).is_ok() && !holds {
            self.failed |= 1 << at;
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.done.is_full()
    }

    /// How many of them failed.
    pub(super) const fn failed(&self) -> u32 {
        self.failed.count_ones()
    }
}

#[cfg(test)]
mod tests {
    use super::super::algorithms;
    use super::*;

    fn check<'a>(key: &'a [u8], message: &'a [u8], signature: &'a [u8]) -> Check<'a> {
        Check { algorithm: algorithms::ECDSA_P256_SHA256, key, message, signature }
    }

    /// No two checks share a digest because a byte moved from one part to the next.
    #[test]
    fn a_digest_is_of_one_check() {
        let digests = [
            check(b"ab", b"c", b"d").digest(),
            check(b"a", b"bc", b"d").digest(),
            check(b"ab", b"", b"cd").digest(),
            check(b"ab", b"cd", b"").digest(),
            Check { algorithm: algorithms::ECDSA_P384_SHA256, ..check(b"ab", b"c", b"d") }.digest(),
            Check { algorithm: algorithms::ECDSA_P256_SHA384, ..check(b"ab", b"c", b"d") }.digest(),
        ];
        for (at, digest) in digests.iter().enumerate() {
            assert!(!digests[..at].contains(digest), "{at}");
        }
        assert_eq!(digests[0], check(b"ab", b"c", b"d").digest());
    }

    #[test]
    fn outcomes_are_kept_until_it_is_full() {
        let mut outcomes = Outcomes::<2>::new();
        assert_eq!(outcomes.outcome(&[1; 32]), None);
        outcomes.keep([1; 32], false);
        outcomes.keep([2; 32], true);
        outcomes.keep([3; 32], false);
        assert_eq!(outcomes.outcome(&[1; 32]), Some(false));
        assert_eq!(outcomes.outcome(&[2; 32]), Some(true));
        assert_eq!(outcomes.outcome(&[3; 32]), None);
        assert!(outcomes.is_full());
        assert_eq!(outcomes.failed(), 1);
    }
}

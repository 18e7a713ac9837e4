//! A limit on the work that the certificates of one handshake can cause.

use core::cell::Cell;
use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU16, Ordering::Relaxed};

use rustls_pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id};
use webpki::ExtendedKeyUsageValidator;

use super::MIN_RSA_BITS;
use super::algorithms::RsaPublicKey;

/// Certificates looked at in one search, each counted every time a path goes through it.
///
/// An honest server's search takes as many steps as its path has certificates, a few more with cross-signs.
const MAX_PATH_STEPS: u8 = 48;

/// What is left of the signature checks of one verification.
///
/// Atomic because an algorithm object must be `Sync`. It lives on the stack of one call and is only loaded and stored, so
/// cores without compare-and-swap are fine.
#[derive(Debug)]
pub(super) struct Budget {
    signatures: AtomicU8,
    overdrawn: AtomicBool,
    weak_key_bits: AtomicU16,
}

impl Budget {
    pub(super) const fn new(signatures: u8) -> Self {
        Self {
            signatures: AtomicU8::new(signatures),
            overdrawn: AtomicBool::new(false),
            weak_key_bits: AtomicU16::new(0),
        }
    }

    /// A signature was left unchecked because the budget was spent.
    pub(super) fn is_overdrawn(&self) -> bool {
        self.overdrawn.load(Relaxed)
    }

    /// The size of an RSA key that was refused for being too short, if there was one.
    pub(super) fn weak_key_bits(&self) -> Option<u16> {
        Some(self.weak_key_bits.load(Relaxed)).filter(|bits| *bits > 0)
    }

    fn spend(&self) -> Result<(), InvalidSignature> {
        match self.signatures.load(Relaxed).checked_sub(1) {
            Some(left) => {
                self.signatures.store(left, Relaxed);
                Ok(())
            }
            None => {
                self.overdrawn.store(true, Relaxed);
                Err(InvalidSignature)
            }
        }
    }
}

/// An algorithm that spends from a budget, and takes no RSA key below [`MIN_RSA_BITS`], whoever wrote it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Metered<'a> {
    pub(super) algorithm: &'a dyn SignatureVerificationAlgorithm,
    pub(super) budget: &'a Budget,
}

impl SignatureVerificationAlgorithm for Metered<'_> {
    fn verify_signature(&self, public_key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        if self.algorithm.public_key_alg_id().as_ref() == alg_id::RSA_ENCRYPTION.as_ref() {
            let bits = RsaPublicKey::parse(public_key).ok_or(InvalidSignature)?.bits();
            if bits < MIN_RSA_BITS {
                self.budget.weak_key_bits.store(bits, Relaxed);
                return Err(InvalidSignature);
            }
        }
        self.budget.spend()?;
        self.algorithm.verify_signature(public_key, message, signature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.public_key_alg_id()
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.signature_alg_id()
    }
}

/// Ends a search that takes too many steps.
///
/// The path search asks for the extended key usage of every certificate it steps on: there we count. A certificate
/// that names purposes has to name TLS servers among them (RFC 5280 §4.2.1.12).
#[derive(Debug)]
pub(super) struct Steps<'a> {
    left: Cell<u8>,
    budget: &'a Budget,
}

impl<'a> Steps<'a> {
    pub(super) const fn new(budget: &'a Budget) -> Self {
        Self { left: Cell::new(MAX_PATH_STEPS), budget }
    }
}

impl ExtendedKeyUsageValidator for Steps<'_> {
    fn validate(&self, purposes: webpki::KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        if self.budget.is_overdrawn() {
            return Err(webpki::Error::MaximumSignatureChecksExceeded);
        }
        let left = self.left.get().checked_sub(1).ok_or(webpki::Error::MaximumPathBuildCallsExceeded)?;
        self.left.set(left);
        webpki::KeyUsage::server_auth().validate(purposes)
    }
}

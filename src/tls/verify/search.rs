//! A search for a path that does no signature check itself: it looks outcomes up, and says which one it needs next.
//!
//! The path search of rustls-webpki asks an algorithm object for each signature. Ours answers from the outcomes of the checks that
//! are done. At the first that is not among them it notes which one that is and refuses, and from then on everything: the
//! search ends, the check is done outside of it, and the next search gets further. So a search never has a signature's
//! arithmetic on top of its own stack, and between two checks its caller has the processor.

use core::fmt;
use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU16, AtomicUsize, Ordering::Relaxed};

use rustls_pki_types::{
    AlgorithmIdentifier, CertificateDer, InvalidSignature, SignatureVerificationAlgorithm, UnixTime, alg_id,
};
use webpki::ExtendedKeyUsageValidator;

use super::algorithms::RsaPublicKey;
use super::certificate::{self, Certificate, check_intermediate, extension};
use super::check::{Check, Outcomes};
use super::limits::{MAX_CHECKS, MIN_RSA_BITS};
use super::memo::Remember;

/// What answers the path search.
///
/// Atomic because an algorithm object must be `Sync`. It lives on the stack of one call and is only loaded and stored, so
/// cores without compare-and-swap are fine.
pub(super) struct Answers<'a> {
    pub(super) outcomes: &'a Outcomes<MAX_CHECKS>,
    /// Checks of earlier handshakes that succeeded.
    pub(super) memo: Option<&'a dyn Remember>,
    pub(super) algorithms: &'a [&'a dyn SignatureVerificationAlgorithm],
    /// The certificates among which there may be a renewed key; none if revocation is looked up, which they are not.
    pub(super) renewals: &'a [CertificateDer<'a>],
    /// What is signed of the server's own certificate.
    pub(super) leaf: &'a [u8],
    pub(super) time: UnixTime,
    pub(super) wanted: Wanted,
    /// How many more certificates and signatures are looked at.
    pub(super) steps: AtomicU8,
    /// The size of an RSA key that was refused for being too short; 0 if there was none.
    pub(super) weak_key_bits: AtomicU16,
    /// There was a self-issued certificate of the right name that could not be taken for a renewal.
    pub(super) has_odd_renewal: AtomicBool,
}

/// Which check the search needs next: the place of the algorithm in the list, and where key, message and signature are.
///
/// They are addresses, because they cannot be borrowed for long enough; [`Wanted::find`] finds what is there again.
#[derive(Default)]
pub(super) struct Wanted {
    /// The place of the algorithm, counted from 1; 0 for none.
    algorithm: AtomicUsize,
    parts: [[AtomicUsize; 2]; 3],
}

impl Wanted {
    pub(super) fn is_some(&self) -> bool {
        self.algorithm.load(Relaxed) > 0
    }

    fn set(&self, algorithm: usize, parts: [&[u8]; 3]) {
        for ([address, len], part) in self.parts.iter().zip(parts) {
            address.store(part.as_ptr().addr(), Relaxed);
            len.store(part.len(), Relaxed);
        }
        self.algorithm.store(algorithm + 1, Relaxed);
    }

    /// The check that is wanted, its parts found in `places`, which are all the bytes that the search has seen.
    pub(super) fn find<'a>(
        &self,
        algorithms: &[&'a dyn SignatureVerificationAlgorithm],
        places: impl Iterator<Item = &'a [u8]> + Clone,
    ) -> Option<Check<'a>> {
        let algorithm = *algorithms.get(self.algorithm.load(Relaxed).checked_sub(1)?)?;
        let part = |[address, len]: &[AtomicUsize; 2]| {
            let (address, len) = (address.load(Relaxed), len.load(Relaxed));
            places.clone().find_map(|place| {
                let start = address.checked_sub(place.as_ptr().addr())?;
                place.get(start..start.checked_add(len)?)
            })
        };
        let [key, message, signature] = &self.parts;
        Some(Check { algorithm, key: part(key)?, message: part(message)?, signature: part(signature)? })
    }
}

impl Answers<'_> {
    /// Takes a step, if there is one left.
    fn step(&self) -> bool {
        let left = self.steps.load(Relaxed).checked_sub(1);
        self.steps.store(left.unwrap_or(0), Relaxed);
        left.is_some()
    }

    /// Whether the signature fits, as far as is known; what is not known is wanted next.
    fn outcome(&self, place: usize, key: &[u8], message: &[u8], signature: &[u8]) -> Option<bool> {
        let algorithm = *self.algorithms.get(place)?;
        if self.wanted.is_some() || !self.step() {
            return None;
        }
        // No RSA key below the limit, whatever the algorithm.
        if algorithm.public_key_alg_id().as_ref() == alg_id::RSA_ENCRYPTION.as_ref() {
            let bits = RsaPublicKey::parse(key)?.bits();
            if bits < MIN_RSA_BITS {
                self.weak_key_bits.store(bits, Relaxed);
                return None;
            }
        }
        let digest = Check { algorithm, key, message, signature }.digest();
        if self.memo.is_some_and(|memo| memo.knows(&digest)) {
            return Some(true);
        }
        let outcome = self.outcomes.outcome(&digest);
        if outcome.is_none() {
            self.wanted.set(place, [key, message, signature]);
        }
        outcome
    }

    /// The signature is by a new key of the same authority, which a self-issued certificate says: the old key signed it,
    /// and it names the authority as its issuer and its subject.
    ///
    /// RFC 5280 leaves such certificates out of pathLen (§6.1.4 (l)) and of name constraints (§6.1.3 (b), (c)), and the
    /// path search cannot: so to the search, what the new key signed is signed by the old one. One renewal is followed, of
    /// a certificate without name constraints of its own; its own pathLen holds.
    #[inline(never)] // rare, and its frame would be under every check
    fn is_by_renewed_key(&self, place: usize, key: &[u8], message: &[u8], signature: &[u8]) -> Option<bool> {
        let issuer = certificate::issuer_of_signed(message)?;
        for der in self.renewals {
            let Some(renewal) = Certificate::parse(der) else { continue };
            if renewal.subject != issuer || !renewal.is_self_issued() {
                continue;
            }
            if !self.may_renew(der, &renewal, message) {
                self.has_odd_renewal.store(true, Relaxed);
                continue;
            }
            let Some((new_key_id, new_key)) = certificate::split_spki(renewal.spki_contents) else { continue };
            let algorithm = self.algorithms.get(place)?;
            let old = self.place(algorithm.public_key_alg_id().as_ref(), renewal.signature_algorithm);
            let new = self.place(new_key_id, algorithm.signature_alg_id().as_ref());
            let (Some(signed_by), Some(signs_by)) = (old, new) else { continue };
            if self.outcome(signed_by, key, renewal.signed, renewal.signature) == Some(true)
                && self.outcome(signs_by, new_key, message, signature) == Some(true)
            {
                return Some(true);
            }
        }
        None
    }

    /// The certificate is one that the path search would take for an issuer, pathLen and name constraints aside.
    fn may_renew(&self, der: &CertificateDer<'_>, renewal: &Certificate<'_>, message: &[u8]) -> bool {
        let now = self.time.as_secs();
        let is_now = renewal.dates().is_some_and(|(not_before, not_after)| (not_before..=not_after).contains(&now));
        let is_for_servers = renewal.purposes().is_some_and(|purposes| purposes.is_none_or(|purposes| purposes.server));
        let has_constraints = !matches!(renewal.extension(extension::NAME_CONSTRAINTS), Some(None));
        let Some(Some(basic)) = renewal.extension(extension::BASIC_CONSTRAINTS) else { return false };
        let is_ca = certificate::is_ca(basic.value) == Some(true);
        let has_room = match certificate::path_len(basic.value) {
            Some(None) => true,
            Some(Some(len)) => self.depth(message).is_some_and(|depth| depth <= len),
            None => false,
        };
        is_now
            && is_for_servers
            && is_ca
            && has_room
            && !has_constraints
            && check_intermediate(der).is_ok()
            // Reads every extension, and refuses a critical one that it does not know.
            && webpki::EndEntityCert::try_from(der).is_ok()
    }

    /// The most intermediate certificates from this one, given by what is signed of it, down to the server's.
    fn depth(&self, signed: &[u8]) -> Option<u8> {
        if signed == self.leaf {
            return Some(0);
        }
        let mut certificates = self.renewals.iter().filter_map(|der| Certificate::parse(der));
        let basic = certificates.find(|this| this.signed == signed)?.extension(extension::BASIC_CONSTRAINTS)??;
        certificate::path_len(basic.value)??.checked_add(1)
    }

    /// The place of the algorithm for this kind of key and signature.
    fn place(&self, key_id: &[u8], signature_id: &[u8]) -> Option<usize> {
        self.algorithms.iter().position(|algorithm| {
            algorithm.public_key_alg_id().as_ref() == key_id && algorithm.signature_alg_id().as_ref() == signature_id
        })
    }
}

/// An algorithm that looks its answers up.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) answers: &'a Answers<'a>,
    pub(super) place: usize,
    pub(super) algorithm: &'a dyn SignatureVerificationAlgorithm,
}

impl SignatureVerificationAlgorithm for Asked<'_> {
    fn verify_signature(&self, public_key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        let holds = match self.answers.outcome(self.place, public_key, message, signature) {
            Some(false) => self.answers.is_by_renewed_key(self.place, public_key, message, signature),
            outcome => outcome,
        };
        if holds == Some(true) { Ok(()) } else { Err(InvalidSignature) }
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.public_key_alg_id()
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.signature_alg_id()
    }
}

impl fmt::Debug for Asked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Asked")
    }
}

/// Ends a search that needs a signature checked, or takes too many steps.
///
/// The path search asks for the extended key usage of every certificate it steps on: there we count. A certificate
/// that names purposes has to name TLS servers among them (RFC 5280 §4.2.1.12).
pub(super) struct Steps<'a>(pub(super) &'a Answers<'a>);

impl ExtendedKeyUsageValidator for Steps<'_> {
    fn validate(&self, purposes: webpki::KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        if self.0.wanted.is_some() {
            return Err(webpki::Error::MaximumSignatureChecksExceeded);
        }
        if !self.0.step() {
            return Err(webpki::Error::MaximumPathBuildCallsExceeded);
        }
        webpki::KeyUsage::server_auth().validate(purposes)
    }
}

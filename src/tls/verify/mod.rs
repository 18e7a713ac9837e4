//! Web PKI path validation without a heap: from the bytes a server sent to "this is the server we asked for", or a
//! reason why not.
//!
//! The path search of RFC 5280 §6 is rustls-webpki's; it does not show in this interface. Around it stand our own rules,
//! [signature algorithms](algorithms) that run without a heap, and limits on the work that hostile certificates can
//! cause.
//!
//! [`verify_server_chain`] promises that, when it succeeds,
//! - a path of at most six intermediate certificates leads from the first certificate to one of the policy's roots,
//!   every signature on it verifies, every certificate on it is within its dates, every issuer on it is an authority
//!   that may issue (basicConstraints, pathLen, keyUsage) and name (name constraints) what it did; the certificates may
//!   have come in any order and with others between them;
//! - the first certificate is for the name that was asked for, by its subject alternative names alone, and for a TLS
//!   server: below a public root it has to say so, below a root of your own it must not say otherwise; it is no
//!   authority itself and may sign;
//! - no SHA-1 and no RSA key below 2048 bits had a part in it;
//! - one of the pins fits, if there are any, and no revocation list that was given names a certificate of the path.
//!
//! It takes any bytes without a panic, checks at most [`max_signatures`](VerifyPolicy::max_signatures) signatures, and
//! needs no more memory than its stack (about 12 KB on a 32-bit core for a path with one intermediate certificate: 5 KB for
//! the search, 1.5 KB of them per intermediate, and 7 KB for P-384, 5 KB with the feature `verify-compact`).
//!
//! [`verify_handshake_signature`] then checks that the server owns the key in that certificate.
//!
//! Not supported: revocation without a list of your own, Certificate Transparency, constraints on directory names, P-521.
//!
//! # Examples
//! ```
//! use core::time::Duration;
//! use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
//! use socketpool::tls::roots::Roots;
//! use socketpool::tls::verify::{CertificateError, VerifyPolicy, verify_server_chain};
//!
//! let chain = [CertificateDer::from(&b"what the server sent"[..])];
//! let name = ServerName::try_from("example.com").unwrap();
//! let now = UnixTime::since_unix_epoch(Duration::from_secs(1_767_225_600));
//! let error = verify_server_chain(&chain, &name, now, &VerifyPolicy::new(Roots::MOZILLA)).unwrap_err();
//! assert_eq!(error, CertificateError::Malformed);
//! assert_eq!(error.reason(), "malformed");
//! ```

pub mod algorithms;
mod budget;
pub(crate) mod certificate;
mod crl;
pub(crate) mod der;
mod error;
mod handshake;
mod policy;

use core::cell::Cell;
use core::time::Duration;

pub use certificate::KeyKind;
pub use crl::Crl;
pub use error::CertificateError;
pub use handshake::{LeafKey, verify_handshake_signature};
pub use policy::{RevocationPolicy, TimePolicy, VerifyPolicy};
use rustls_pki_types::{CertificateDer, ServerName, SignatureVerificationAlgorithm, TrustAnchor, UnixTime};

use self::budget::{Budget, Metered, Steps};
use self::certificate::{Certificate, PublicKey, extension};
use crate::tls::pin::{self, PinMode};

/// The most certificates taken from a server, its own among them.
pub const MAX_CERTIFICATES: usize = 16;
/// The most algorithms a policy can list.
pub const MAX_ALGORITHMS: usize = 16;
/// The most revocation lists a policy can hold.
pub const MAX_CRLS: usize = 8;
/// The shortest RSA modulus, in bits.
pub const MIN_RSA_BITS: u16 = 2048;
/// The longest RSA modulus, in bits.
pub const MAX_RSA_BITS: u16 = 4096;

/// A server whose certificate passed every check of a policy: its key borrows from the certificates (`'c`), the root from
/// the policy's roots (`'r`).
#[derive(Debug, Clone, Copy)]
pub struct Verified<'c, 'r> {
    key: PublicKey<'c>,
    anchor: Option<&'r TrustAnchor<'r>>,
}

impl<'r> Verified<'_, 'r> {
    /// The server's public key, copied so that it outlives the certificates.
    ///
    /// # Errors
    /// None today: a key that could not be kept was refused before.
    pub fn leaf_key(&self) -> Result<LeafKey, CertificateError> {
        LeafKey::new(self.key)
    }

    /// The root at the end of the path; `None` if a pin was checked instead of the chain.
    #[must_use]
    pub const fn anchor(&self) -> Option<&'r TrustAnchor<'r>> {
        self.anchor
    }

    /// The name of that root for people: its common name, else its organisational unit, else its organisation.
    #[must_use]
    pub fn root_name(&self) -> Option<&'r str> {
        self.anchor.map(|anchor| certificate::short_name(anchor.subject.as_ref()))
    }
}

/// Verifies the certificates of a server, its own first, for `name` and `now`.
///
/// With [`TimePolicy::FloorOnly`], `now` is the floor. With [`PinMode::InsteadOfChain`] neither the path nor the name is
/// checked: the pin stands for both.
///
/// # Errors
/// The reason of the path that got furthest. Every error means: send nothing, close the connection.
pub fn verify_server_chain<'c, 'r>(
    chain: &'c [CertificateDer<'c>],
    name: &ServerName<'_>,
    now: UnixTime,
    policy: &VerifyPolicy<'r>,
) -> Result<Verified<'c, 'r>, CertificateError> {
    let Some((leaf_der, intermediates)) = chain.split_first() else { return Err(CertificateError::EmptyChain) };
    if chain.len() > MAX_CERTIFICATES {
        return Err(CertificateError::TooManyCertificates { count: u8::try_from(chain.len()).unwrap_or(u8::MAX) });
    }
    let leaf = Certificate::parse(leaf_der).ok_or(CertificateError::Malformed)?;
    if policy.pin_mode == PinMode::InsteadOfChain {
        return verify_pinned(leaf_der, &leaf, now, policy);
    }

    let budget = Budget::new(policy.max_signatures);
    let metered: heapless::Vec<Metered<'_>, MAX_ALGORITHMS> = policy
        .algorithms
        .iter()
        .take(MAX_ALGORITHMS)
        .map(|algorithm| Metered { algorithm: *algorithm, budget: &budget })
        .collect();
    let algorithms: heapless::Vec<&dyn SignatureVerificationAlgorithm, MAX_ALGORITHMS> =
        metered.iter().map(|algorithm| algorithm as &dyn SignatureVerificationAlgorithm).collect();
    let end_entity = webpki::EndEntityCert::try_from(leaf_der).map_err(error::from_webpki)?;
    let search = Search {
        leaf_der,
        leaf: &leaf,
        end_entity: &end_entity,
        intermediates,
        algorithms: &algorithms,
        time: match policy.time {
            TimePolicy::Strict => now,
            TimePolicy::FloorOnly => latest_start(chain, now),
        },
        budget: &budget,
        policy,
    };

    let own = search.run(policy.roots.own, Audience::Own);
    let anchor =
        own.or_else(|own| search.run(policy.roots.public, Audience::Public).map_err(|public| own.or_better(public)))?;
    end_entity.verify_is_valid_for_subject_name(name).map_err(error::from_webpki)?;
    Ok(Verified { key: check_leaf(&leaf)?, anchor: Some(anchor) })
}

/// Who a root speaks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Audience {
    /// Everyone: the rules of the CA/Browser Forum hold below it.
    Public,
    /// The owner of this device.
    Own,
}

/// All that a path search needs to know.
struct Search<'s, 'r> {
    leaf_der: &'s CertificateDer<'s>,
    leaf: &'s Certificate<'s>,
    end_entity: &'s webpki::EndEntityCert<'s>,
    intermediates: &'s [CertificateDer<'s>],
    algorithms: &'s [&'s dyn SignatureVerificationAlgorithm],
    time: UnixTime,
    budget: &'s Budget,
    policy: &'s VerifyPolicy<'r>,
}

impl<'r> Search<'_, 'r> {
    /// Looks for a path to one of `anchors`.
    #[inline(never)]
    fn run(&self, anchors: &'r [TrustAnchor<'r>], audience: Audience) -> Result<&'r TrustAnchor<'r>, CertificateError> {
        let crls: heapless::Vec<&webpki::CertRevocationList<'_>, MAX_CRLS> =
            self.policy.crls.iter().take(MAX_CRLS).map(|crl| &crl.0).collect();
        // The builder fails for an empty list only.
        let revocation = webpki::RevocationOptionsBuilder::new(&crls).ok().map(|options| {
            options
                .with_expiration_policy(webpki::ExpirationPolicy::Enforce)
                .with_status_policy(match self.policy.revocation {
                    RevocationPolicy::IfListed => webpki::UnknownStatusPolicy::Allow,
                    RevocationPolicy::Required => webpki::UnknownStatusPolicy::Deny,
                })
                .build()
        });
        if revocation.is_none() && self.policy.revocation == RevocationPolicy::Required {
            return Err(CertificateError::UnknownRevocation);
        }

        let refusal = Cell::new(None);
        let check = |path: &webpki::VerifiedPath<'_>| {
            self.check_path(path, audience).map_err(|error| {
                refusal.set(refusal.get().or(Some(error)));
                webpki::Error::UnknownIssuer
            })
        };
        let found = self.end_entity.verify_for_usage(
            self.algorithms,
            anchors,
            self.intermediates,
            self.time,
            Steps::new(self.budget),
            revocation,
            Some(&check),
        );
        match found {
            // The anchor as it stands in `anchors`, which lives longer than the search.
            Ok(path) => {
                let anchor = anchors.iter().find(|anchor| core::ptr::eq(*anchor, path.anchor()));
                anchor.ok_or(CertificateError::UnknownIssuer)
            }
            Err(error) => Err(self.reason(error, refusal.get())),
        }
    }

    /// Our rules for a path whose signatures, dates and constraints are right already. The search goes on for another
    /// path if this one fails.
    fn check_path(&self, path: &webpki::VerifiedPath<'_>, audience: Audience) -> Result<(), CertificateError> {
        let purposes = self.leaf.purposes().ok_or(CertificateError::Malformed)?;
        if audience == Audience::Public && purposes.is_none_or(|purposes| !purposes.server || purposes.any) {
            return Err(CertificateError::WrongUsage);
        }
        if path.intermediate_certificates().count() > usize::from(self.policy.max_intermediates) {
            return Err(CertificateError::PathTooLong);
        }
        for intermediate in path.intermediate_certificates() {
            check_intermediate(&intermediate.der())?;
        }
        if self.policy.pins.is_empty() || self.has_pin(path) { Ok(()) } else { Err(CertificateError::PinMismatch) }
    }

    /// One of the pins fits the leaf or a key on the path.
    fn has_pin(&self, path: &webpki::VerifiedPath<'_>) -> bool {
        let pins = self.policy.pins;
        pin::fits_leaf(pins, self.leaf_der, self.leaf.spki)
            || pin::fits_anchor(pins, path.anchor())
            || path.intermediate_certificates().any(|certificate| {
                let der = certificate.der();
                Certificate::parse(&der).is_some_and(|certificate| pin::fits_any(pins, certificate.spki))
            })
    }

    /// The most helpful word for a search that failed.
    fn reason(&self, error: webpki::Error, refusal: Option<CertificateError>) -> CertificateError {
        if let Some(refusal) = refusal {
            return refusal;
        }
        if self.budget.is_overdrawn() {
            return CertificateError::TooManySignatures;
        }
        match error::from_webpki(error) {
            CertificateError::BadSignature => match self.budget.weak_key_bits() {
                Some(bits) => CertificateError::WeakKey { bits },
                None => CertificateError::BadSignature,
            },
            // An authority that signed itself and serves with the same certificate: nobody we know issued it.
            CertificateError::WrongUsage if self.leaf.is_self_issued() => CertificateError::UnknownIssuer,
            reason => reason,
        }
    }
}

/// Our rules for an intermediate certificate: it names its subject, may sign certificates, constrains something if it has
/// name constraints, and takes its authority key identifier for a hint only (RFC 5280 §4.1.2.6, §4.2.1.3, §4.2.1.10,
/// §4.2.1.1).
fn check_intermediate(der: &CertificateDer<'_>) -> Result<(), CertificateError> {
    let intermediate = Certificate::parse(der).ok_or(CertificateError::Malformed)?;
    let usage = intermediate.key_usage().ok_or(CertificateError::Malformed)?;
    if usage.is_some_and(|usage| !usage.has_key_cert_sign()) {
        return Err(CertificateError::NotACa);
    }
    let constraints = intermediate.extension(extension::NAME_CONSTRAINTS).ok_or(CertificateError::Malformed)?;
    let is_void = constraints.is_some_and(|constraints| certificate::name_constraints(constraints.value).is_none());
    if intermediate.subject.is_empty() || is_void || has_critical_authority_key_id(&intermediate)? {
        return Err(CertificateError::Malformed);
    }
    Ok(())
}

/// An authority key identifier is never critical (RFC 5280 §4.2.1.1).
fn has_critical_authority_key_id(certificate: &Certificate<'_>) -> Result<bool, CertificateError> {
    let extension = certificate.extension(extension::AUTHORITY_KEY_ID).ok_or(CertificateError::Malformed)?;
    Ok(extension.is_some_and(|extension| extension.is_critical))
}

/// Our rules for the server's own certificate: it may sign handshakes, it may not sign certificates (RFC 5280 §4.2.1.3,
/// RFC 8446 §4.4.2.2), and its key is of a kind we can verify handshakes with.
fn check_leaf<'a>(leaf: &Certificate<'a>) -> Result<PublicKey<'a>, CertificateError> {
    let usage = leaf.key_usage().ok_or(CertificateError::Malformed)?;
    if usage.is_some_and(|usage| usage.has_key_cert_sign() || !usage.has_digital_signature()) {
        return Err(CertificateError::WrongUsage);
    }
    // Name constraints are for authorities (RFC 5280 §4.2.1.10).
    let constraints = leaf.extension(extension::NAME_CONSTRAINTS).ok_or(CertificateError::Malformed)?;
    if constraints.is_some() || has_critical_authority_key_id(leaf)? {
        return Err(CertificateError::Malformed);
    }
    PublicKey::from_spki_contents(leaf.spki_contents)
}

/// A pin instead of the chain: the leaf's key or certificate is the one expected, it may sign, and its dates are right.
fn verify_pinned<'c, 'r>(
    leaf_der: &CertificateDer<'_>,
    leaf: &Certificate<'c>,
    now: UnixTime,
    policy: &VerifyPolicy<'_>,
) -> Result<Verified<'c, 'r>, CertificateError> {
    if !pin::fits_leaf(policy.pins, leaf_der, leaf.spki) {
        return Err(CertificateError::PinMismatch);
    }
    let now = now.as_secs();
    let (not_before, not_after) = leaf.dates().ok_or(CertificateError::Malformed)?;
    if now > not_after {
        return Err(CertificateError::Expired { not_after, now });
    }
    if now < not_before && policy.time == TimePolicy::Strict {
        return Err(CertificateError::NotYetValid { not_before, now });
    }
    let usage = leaf.key_usage().ok_or(CertificateError::Malformed)?;
    if usage.is_some_and(|usage| !usage.has_digital_signature()) {
        return Err(CertificateError::WrongUsage);
    }
    Ok(Verified { key: PublicKey::from_spki_contents(leaf.spki_contents)?, anchor: None })
}

/// The floor, or the latest start date in the chain if that is later: the earliest time at which all could be valid.
fn latest_start(chain: &[CertificateDer<'_>], floor: UnixTime) -> UnixTime {
    let starts = chain.iter().filter_map(|der| Some(Certificate::parse(der)?.dates()?.0));
    UnixTime::since_unix_epoch(Duration::from_secs(starts.fold(floor.as_secs(), u64::max)))
}

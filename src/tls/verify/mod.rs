//! Web PKI path validation without a heap: from the bytes a server sent to "this is the server we asked for", or a
//! reason why not.
//!
//! The path search of RFC 5280 §6 is rustls-webpki's; it does not show in this interface. Around it stand our own rules,
//! [signature algorithms](algorithms) that run without a heap, and limits on the work that hostile certificates can
//! cause.
//!
//! [`verify_server_chain`] promises that, when it succeeds,
//! - a path of at most six intermediate certificates leads from the first certificate to one of the policy's roots,
//!   every signature on it verifies, every certificate on it is within its dates (the root's too, where they are known),
//!   every issuer on it is an authority that may issue (basicConstraints, pathLen, keyUsage) and name (name constraints)
//!   what it did; the certificates may have come in any order and with others between them;
//! - an authority that gave itself a new key, by a certificate that names it as issuer and subject and that the old key
//!   signed, is one authority: such a certificate counts for no pathLen and lies outside of name constraints (RFC 5280
//!   §6.1.3, §6.1.4); one per key, and not where revocation lists are given;
//! - every certificate on it says which key signed it, and has neither key identifier critical, nor a broken authority
//!   information access (RFC 5280 §4.2.1.1, §4.2.1.2, §4.2.2.1);
//! - the first certificate is for the name that was asked for, by its subject alternative names alone, and for a TLS
//!   server: below a public root it has to say so, below a root of your own it must not say otherwise; it is no
//!   authority itself and may sign;
//! - no SHA-1 and no RSA key below 2048 bits had a part in it;
//! - one of the pins fits, if there are any, and no revocation list that was given names a certificate of the path.
//!
//! # What a hostile server can cost
//! Every signature check has its price ([`VerifyPolicy::max_work`]); a server may cost as much as two chains with P-384,
//! with at most [`MAX_CHECKS`] checks, [`MAX_FAILED_CHECKS`] of which may fail. RSA keys have at most 4096 bits and a public
//! exponent of at most 65,537. No signature is checked twice. [`ChainCheck`] does one check at a time, so that a deadline is
//! kept and other tasks run; the search around them takes at most 160 steps (15 million instructions on a Cortex-M0+ for a
//! maze of fifteen authorities).
//!
//! It takes any bytes without a panic, and needs no more memory than its stack: on a Cortex-M0+ 7.5 KB for the search for a
//! path with one intermediate certificate, 1.4 KB more for each further one. A check runs when the search is over, and needs
//! less.
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
pub(crate) mod certificate;
mod check;
mod crl;
pub(crate) mod der;
mod handshake;
pub(crate) mod limits;
mod memo;
mod policy;
mod search;

use core::cell::Cell;
use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU16, Ordering::Relaxed};
use core::time::Duration;

pub use crate::error::certificate::CertificateError;
use crate::error::certificate::from_webpki;
pub use certificate::KeyKind;
pub use crl::Crl;
pub use handshake::{LeafKey, verify_handshake_signature};
pub use limits::{MAX_CHECKS, MAX_RSA_BITS, MIN_RSA_BITS};
pub use memo::Memo;
pub use policy::{RevocationPolicy, TimePolicy, VerifyPolicy};
use rustls_pki_types::{CertificateDer, ServerName, SignatureVerificationAlgorithm, UnixTime};

use self::certificate::{Certificate, PublicKey, check_intermediate, extension};
use self::check::{Check, Outcomes};
pub(crate) use self::memo::Remember;
use self::search::{Answers, Asked, Steps, Wanted};
use crate::tls::pin::{self, PinMode};
use crate::tls::roots::{Roots, TrustAnchor};

/// The most certificates taken from a server, its own among them.
pub const MAX_CERTIFICATES: usize = 16;
/// The most algorithms a policy can list.
pub const MAX_ALGORITHMS: usize = 16;
/// The most revocation lists a policy can hold.
pub const MAX_CRLS: usize = 8;
/// The most of these that may fail before the server is refused.
pub const MAX_FAILED_CHECKS: u32 = 3;

/// Roots of one list that are tried for one server: those that bear the name of an issuer.
const MAX_MATCHING_ROOTS: usize = 8;
/// How many certificates and signatures all searches of one verification look at together, each counted every time a path
/// goes through it. The longest honest path, of eight certificates, takes about 90.
const MAX_STEPS: u8 = 160;

/// A server whose certificate passed every check of a policy: its key borrows from the certificates (`'c`), the root from
/// the policy's roots (`'r`).
#[derive(Debug, Clone, Copy)]
pub struct Verified<'c, 'r> {
    key: PublicKey<'c>,
    anchor: Option<TrustAnchor<'r>>,
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
    pub const fn anchor(&self) -> Option<TrustAnchor<'r>> {
        self.anchor
    }

    /// The name of that root for people: its common name, else its organisational unit, else its organisation.
    #[must_use]
    pub fn root_name(&self) -> Option<&'r str> {
        self.anchor.map(|anchor| certificate::short_name(anchor.subject))
    }
}

/// Verifies the certificates of a server, its own first, for `name` and `now`, without a pause.
///
/// With [`TimePolicy::FloorOnly`], `now` is the floor. With [`PinMode::InsteadOfChain`] neither the path nor the name is
/// checked: the pin stands for both. Where a deadline or other tasks should have a say, there is [`ChainCheck`].
///
/// # Errors
/// The reason of the path that got furthest. Every error means: send nothing, close the connection.
pub fn verify_server_chain<'c, 'r>(
    chain: &'c [CertificateDer<'c>],
    name: &ServerName<'_>,
    now: UnixTime,
    policy: &VerifyPolicy<'r>,
) -> Result<Verified<'c, 'r>, CertificateError> {
    let mut check = ChainCheck::new();
    loop {
        if let Progress::Done(verified) = check.step(chain, name, now, policy)? {
            return Ok(verified);
        }
    }
}

/// How far a [`ChainCheck`] is.
#[derive(Debug, Clone, Copy)]
pub enum Progress<'c, 'r> {
    /// One signature was checked, and there is more to do: call [`step`](ChainCheck::step) again.
    Again,
    /// The server is verified.
    Done(Verified<'c, 'r>),
}

/// A verification of a server's certificates that does one signature check at a time.
///
/// A check takes from 0.1 to 1 s on a small microcontroller. Between two of them the caller has the processor: it looks at
/// its deadline, feeds a watchdog, lets other tasks run. What has been done is kept in here, about 300 bytes, for one
/// handshake; nothing borrows from the certificates between two steps, but they have to be the same at each.
///
/// # Examples
/// ```
/// use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
/// use socketpool::tls::verify::{CertificateError, ChainCheck, LeafKey, Progress, VerifyPolicy};
///
/// async fn verify(
///     chain: &[CertificateDer<'_>],
///     name: &ServerName<'_>,
///     now: UnixTime,
///     policy: &VerifyPolicy<'_>,
///     is_late: impl Fn() -> bool,
///     others: impl AsyncFn(),
/// ) -> Result<Option<LeafKey>, CertificateError> {
///     let mut check = ChainCheck::new();
///     loop {
///         match check.step(chain, name, now, policy)? {
///             Progress::Done(verified) => return verified.leaf_key().map(Some),
///             Progress::Again if is_late() => return Ok(None),
///             Progress::Again => others().await,
///         }
///     }
/// }
/// ```
pub struct ChainCheck {
    outcomes: Outcomes<MAX_CHECKS>,
    work: u16,
    steps: u8,
    /// Which lists of roots have been searched in vain, and what was found there.
    searched: u8,
    reason: Option<CertificateError>,
}

impl Default for ChainCheck {
    fn default() -> Self {
        Self::new()
    }
}

impl core::fmt::Debug for ChainCheck {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ChainCheck").field("work", &self.work).finish_non_exhaustive()
    }
}

impl ChainCheck {
    /// Nothing is checked yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { outcomes: Outcomes::new(), work: 0, steps: MAX_STEPS, searched: 0, reason: None }
    }

    /// The work done so far, in tenths of a signature check with P-256.
    #[must_use]
    pub const fn work(&self) -> u16 {
        self.work
    }

    /// Checks one signature more, or comes to an end, as [`verify_server_chain`] would.
    ///
    /// # Errors
    /// As [`verify_server_chain`]. After an error there is nothing more to do.
    pub fn step<'c, 'r>(
        &mut self,
        chain: &'c [CertificateDer<'c>],
        name: &ServerName<'_>,
        now: UnixTime,
        policy: &VerifyPolicy<'r>,
    ) -> Result<Progress<'c, 'r>, CertificateError> {
        self.step_named(chain, name, now, &policy.or_algorithms(algorithms::DEFAULT), None)
    }

    /// The same, by a policy that names its signature algorithms, and perhaps with a memo of earlier checks.
    pub(crate) fn step_named<'c, 'r>(
        &mut self,
        chain: &'c [CertificateDer<'c>],
        name: &ServerName<'_>,
        now: UnixTime,
        policy: &VerifyPolicy<'r>,
        memo: Option<&dyn Remember>,
    ) -> Result<Progress<'c, 'r>, CertificateError> {
        let Some((leaf_der, intermediates)) = chain.split_first() else { return Err(CertificateError::EmptyChain) };
        if chain.len() > MAX_CERTIFICATES {
            return Err(CertificateError::TooManyCertificates { count: u8::try_from(chain.len()).unwrap_or(u8::MAX) });
        }
        let leaf = Certificate::parse(leaf_der).ok_or(CertificateError::Malformed)?;
        if policy.pin_mode == PinMode::InsteadOfChain {
            return verify_pinned(leaf_der, &leaf, now, policy).map(Progress::Done);
        }
        let time = match policy.time {
            TimePolicy::Strict => now,
            TimePolicy::FloorOnly => latest_start(chain, now),
        };
        let search = Search { leaf_der, leaf: &leaf, intermediates, time, now, policy, memo };
        let anchor = loop {
            match search.run(self) {
                Found::Path(anchor) => break anchor,
                Found::Check(check) => {
                    self.work = self.work.saturating_add(check.cost());
                    let outcomes = &mut self.outcomes;
                    if outcomes.is_full() || outcomes.failed() >= MAX_FAILED_CHECKS || self.work > policy.work() {
                        return Err(CertificateError::TooManySignatures);
                    }
                    let (holds, digest) = (check.holds(), check.digest());
                    if let (true, Some(memo)) = (holds, memo) {
                        memo.keep(&digest);
                    }
                    outcomes.keep(digest, holds);
                    return Ok(Progress::Again);
                }
                Found::Nothing(reason) => {
                    let reason = self.reason.map_or(reason, |before| before.or_better(reason));
                    if self.searched >= search.last_list() {
                        return Err(reason);
                    }
                    self.reason = Some(reason);
                    self.searched += 1;
                }
            }
        };
        is_for(leaf_der, name)?;
        Ok(Progress::Done(Verified { key: check_leaf(&leaf)?, anchor: Some(anchor) }))
    }
}

/// The certificate names the server that was asked for.
#[inline(never)]
fn is_for(leaf: &CertificateDer<'_>, name: &ServerName<'_>) -> Result<(), CertificateError> {
    let end_entity = webpki::EndEntityCert::try_from(leaf).map_err(from_webpki)?;
    end_entity.verify_is_valid_for_subject_name(name).map_err(from_webpki)
}

/// Who a root speaks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Audience {
    /// Everyone: the rules of the CA/Browser Forum hold below it.
    Public,
    /// The owner of this device.
    Own,
}

/// What came of a search.
enum Found<'s, 'r> {
    Path(TrustAnchor<'r>),
    /// A signature has to be checked before it can go on.
    Check(Check<'s>),
    Nothing(CertificateError),
}

/// All that a path search needs to know.
struct Search<'s, 'r> {
    leaf_der: &'s CertificateDer<'s>,
    leaf: &'s Certificate<'s>,
    intermediates: &'s [CertificateDer<'s>],
    /// The time that certificates are checked for, and the time that it is, or the floor.
    time: UnixTime,
    now: UnixTime,
    policy: &'s VerifyPolicy<'r>,
    memo: Option<&'s dyn Remember>,
}

impl<'s, 'r> Search<'s, 'r> {
    /// Looks for a path to one of the roots in the list whose turn it is: own ones, public ones, Mozilla's.
    fn run(&self, check: &mut ChainCheck) -> Found<'s, 'r> {
        let Roots { mozilla, public, own } = self.policy.roots;
        let (dated, audience) = match check.searched {
            0 => (own, Audience::Own),
            1 => (public, Audience::Public),
            _ => return self.look(check, mozilla, &[], Audience::Public),
        };
        // Few roots issued anything here: of the others the search need not know.
        let chosen: heapless::Vec<&'r TrustAnchor<'r>, MAX_MATCHING_ROOTS> =
            dated.iter().filter(|root| self.names(root.subject)).take(MAX_MATCHING_ROOTS).collect();
        if chosen.is_empty() && check.searched < self.last_list() {
            return Found::Nothing(CertificateError::UnknownIssuer);
        }
        let anchors: heapless::Vec<rustls_pki_types::TrustAnchor<'r>, MAX_MATCHING_ROOTS> =
            chosen.iter().map(|root| root.as_der()).collect();
        self.look(check, &anchors, &chosen, audience)
    }

    /// The place of the last list that has roots.
    fn last_list(&self) -> u8 {
        let Roots { mozilla, public, .. } = self.policy.roots;
        if !mozilla.is_empty() { 2 } else { u8::from(!public.is_empty()) }
    }

    /// One of the certificates has this name for its issuer.
    fn names(&self, issuer: &[u8]) -> bool {
        self.leaf.issuer == issuer
            || self.intermediates.iter().any(|der| Certificate::parse(der).is_some_and(|this| this.issuer == issuer))
    }

    #[inline(never)]
    fn look(
        &self,
        check: &mut ChainCheck,
        anchors: &[rustls_pki_types::TrustAnchor<'r>],
        dated: &[&'r TrustAnchor<'r>],
        audience: Audience,
    ) -> Found<'s, 'r> {
        let crls: heapless::Vec<&webpki::CertRevocationList<'_>, MAX_CRLS> =
            self.policy.crls.iter().take(MAX_CRLS).map(|crl| &crl.list).collect();
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
        let is_looked_up = revocation.is_some() || self.policy.revocation == RevocationPolicy::Required;
        if is_looked_up && revocation.is_none() {
            return Found::Nothing(CertificateError::UnknownRevocation);
        }
        let end_entity = match webpki::EndEntityCert::try_from(self.leaf_der) {
            Ok(end_entity) => end_entity,
            Err(error) => return Found::Nothing(from_webpki(error)),
        };

        let answers = Answers {
            outcomes: &check.outcomes,
            memo: self.memo,
            algorithms: self.policy.named(),
            renewals: if is_looked_up { &[] } else { self.intermediates },
            leaf: self.leaf.signed,
            time: self.time,
            wanted: Wanted::default(),
            steps: AtomicU8::new(check.steps),
            weak_key_bits: AtomicU16::new(0),
            has_odd_renewal: AtomicBool::new(false),
        };
        let asked: heapless::Vec<Asked<'_>, MAX_ALGORITHMS> = (self.policy.named().iter().enumerate())
            .take(MAX_ALGORITHMS)
            .map(|(place, algorithm)| Asked { answers: &answers, place, algorithm: *algorithm })
            .collect();
        let algorithms: heapless::Vec<&dyn SignatureVerificationAlgorithm, MAX_ALGORITHMS> =
            asked.iter().map(|algorithm| algorithm as &dyn SignatureVerificationAlgorithm).collect();

        let place =
            |anchor: &rustls_pki_types::TrustAnchor<'_>| anchors.iter().position(|this| core::ptr::eq(this, anchor));
        let refusal = Cell::new(None);
        let check_path = |path: &webpki::VerifiedPath<'_>| {
            let root = place(path.anchor()).and_then(|place| dated.get(place).copied());
            self.check_path(path, root, audience).map_err(|error| {
                refusal.set(refusal.get().or(Some(error)));
                webpki::Error::UnknownIssuer
            })
        };
        let found = end_entity.verify_for_usage(
            &algorithms,
            anchors,
            self.intermediates,
            self.time,
            Steps(&answers),
            revocation,
            Some(&check_path),
        );
        let found = found.map(|path| {
            // The anchor as it stands in the policy, which lives longer than the search.
            let place = place(path.anchor())?;
            let undated = || self.policy.roots.mozilla.get(place).map(TrustAnchor::from);
            dated.get(place).map(|root| **root).or_else(undated)
        });
        check.steps = answers.steps.load(Relaxed);
        if answers.wanted.is_some() {
            return match answers.wanted.find(self.policy.named(), self.places()) {
                Some(wanted) => Found::Check(wanted),
                None => Found::Nothing(CertificateError::BadSignature),
            };
        }
        match found {
            Ok(Some(anchor)) => Found::Path(anchor),
            Ok(None) => Found::Nothing(CertificateError::UnknownIssuer),
            Err(error) => Found::Nothing(refusal.get().unwrap_or_else(|| self.reason(error, &answers))),
        }
    }

    /// All bytes that a key, a message or a signature can be part of.
    fn places(&self) -> impl Iterator<Item = &'s [u8]> + Clone + use<'s, 'r> {
        let Roots { mozilla, public, own } = self.policy.roots;
        let chain = core::iter::once(self.leaf_der).chain(self.intermediates).map(|der| der.as_ref());
        let roots = own.iter().chain(public).map(|root| root.public_key);
        let mozilla = mozilla.iter().map(|root| root.subject_public_key_info.as_ref());
        let lists = self.policy.crls.iter().map(|crl| crl.der);
        chain.chain(roots).chain(mozilla).chain(lists)
    }

    /// Our rules for a path whose signatures, dates and constraints are right already. The search goes on for another
    /// path if this one fails.
    fn check_path(
        &self,
        path: &webpki::VerifiedPath<'_>,
        root: Option<&TrustAnchor<'_>>,
        audience: Audience,
    ) -> Result<(), CertificateError> {
        if let Some((not_before, not_after)) = root.and_then(|root| root.dates) {
            check_dates(not_before, not_after, self.now, self.policy.time)?;
        }
        let purposes = self.leaf.purposes().ok_or(CertificateError::Malformed)?;
        if audience == Audience::Public && purposes.is_none_or(|purposes| !purposes.server || purposes.any) {
            return Err(CertificateError::WrongUsage);
        }
        self.leaf.check_profile()?;
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
            || pin::fits_anchor(pins, &path.anchor().subject_public_key_info)
            || path.intermediate_certificates().any(|certificate| {
                let der = certificate.der();
                Certificate::parse(&der).is_some_and(|certificate| pin::fits_any(pins, certificate.spki))
            })
    }

    /// The most helpful word for a search that failed.
    fn reason(&self, error: webpki::Error, answers: &Answers<'_>) -> CertificateError {
        match from_webpki(error) {
            CertificateError::BadSignature => match answers.weak_key_bits.load(Relaxed) {
                0 if answers.has_odd_renewal.load(Relaxed) => CertificateError::PathTooLong,
                0 => CertificateError::BadSignature,
                bits => CertificateError::WeakKey { bits },
            },
            // An authority that signed itself and serves with the same certificate: no authority that is trusted issued it.
            CertificateError::WrongUsage if self.leaf.is_self_issued() => CertificateError::UnknownIssuer,
            reason => reason,
        }
    }
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
    // Without a subject, the names are all there is to the certificate, and critical (§4.1.2.6).
    let names = leaf.extension(extension::SUBJECT_ALT_NAME).ok_or(CertificateError::Malformed)?;
    let is_nameless = leaf.subject.is_empty() && names.is_none_or(|names| !names.is_critical);
    if constraints.is_some() || is_nameless {
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
    let (not_before, not_after) = leaf.dates().ok_or(CertificateError::Malformed)?;
    check_dates(not_before, not_after, now, policy.time)?;
    let usage = leaf.key_usage().ok_or(CertificateError::Malformed)?;
    if usage.is_some_and(|usage| !usage.has_digital_signature()) {
        return Err(CertificateError::WrongUsage);
    }
    Ok(Verified { key: PublicKey::from_spki_contents(leaf.spki_contents)?, anchor: None })
}

/// The end of a certificate, in seconds since 1970.
pub(crate) fn not_after(der: &CertificateDer<'_>) -> Option<u64> {
    Certificate::parse(der)?.dates().map(|(_, not_after)| not_after)
}

/// With a floor for `now`, a start after it is no fault.
fn check_dates(not_before: u64, not_after: u64, now: UnixTime, time: TimePolicy) -> Result<(), CertificateError> {
    let now = now.as_secs();
    if now > not_after {
        return Err(CertificateError::Expired { not_after, now });
    }
    if now < not_before && time == TimePolicy::Strict {
        return Err(CertificateError::NotYetValid { not_before, now });
    }
    Ok(())
}

/// The floor, or the latest start date in the chain if that is later: the earliest time at which all could be valid.
fn latest_start(chain: &[CertificateDer<'_>], floor: UnixTime) -> UnixTime {
    let starts = chain.iter().filter_map(|der| Some(Certificate::parse(der)?.dates()?.0));
    UnixTime::since_unix_epoch(Duration::from_secs(starts.fold(floor.as_secs(), u64::max)))
}

//! What a program asks of a server's certificates.

use core::fmt;

use rustls_pki_types::SignatureVerificationAlgorithm;

use super::check::COST_P384;
use super::{Crl, MAX_ALGORITHMS, MAX_CRLS, algorithms};
use crate::tls::pin::{Pin, PinMode};
use crate::tls::roots::Roots;

/// What is asked of a server's certificates: roots, algorithms, pins, revocation lists, dates.
///
/// [`VerifyPolicy::new`] is strict; each setter changes one thing. All of them are `const`, so that a policy can be a
/// `static`.
///
/// # Examples
/// ```
/// use socketpool::tls::pin::Pin;
/// use socketpool::tls::roots::Roots;
/// use socketpool::tls::verify::VerifyPolicy;
///
/// static PINS: [Pin; 1] = [Pin::AnySpki([0x5a; 32])];
/// static POLICY: VerifyPolicy<'static> = VerifyPolicy::new(Roots::MOZILLA).pins(&PINS);
/// ```
#[derive(Clone, Copy)]
#[must_use]
pub struct VerifyPolicy<'a> {
    pub(crate) roots: Roots<'a>,
    /// None: those of the context's `Crypto`.
    pub(crate) algorithms: Option<&'a [&'a dyn SignatureVerificationAlgorithm]>,
    pub(crate) max_work: u16,
    pub(crate) max_intermediates: u8,
    pub(crate) pins: &'a [Pin],
    pub(crate) pin_mode: PinMode,
    pub(crate) crls: &'a [Crl<'a>],
    pub(crate) revocation: RevocationPolicy,
    pub(crate) time: TimePolicy,
}

impl<'a> VerifyPolicy<'a> {
    /// Work allowed per verification, unless [`max_work`](Self::max_work) says otherwise, in tenths of a signature check
    /// with P-256: two chains of a server, an intermediate and a root that are all P-384, the dearest in common use.
    ///
    /// On a Cortex-M0+ that is 282 million instructions at most, for six checks with RSA-4096. A check with P-256 costs 10, with P-384 30,
    /// with Ed25519 7, with RSA 5 for 2048 bits and 20 for 4096. So Let's Encrypt's longest chain of 2026, with three
    /// signatures by P-384, costs 90 where its root is not known, and 60 where it is.
    pub const DEFAULT_MAX_WORK: u16 = 120;

    /// Intermediate certificates allowed on a path, and the most that ever are.
    pub const DEFAULT_MAX_INTERMEDIATES: u8 = 6;

    /// The signature algorithms of the context's [`Crypto`](crate::tls::engine::Crypto), or without a context of
    /// [`DEFAULT`](algorithms::DEFAULT); dates checked, no pins, no revocation lists.
    pub const fn new(roots: Roots<'a>) -> Self {
        Self {
            roots,
            algorithms: None,
            max_work: Self::DEFAULT_MAX_WORK,
            max_intermediates: Self::DEFAULT_MAX_INTERMEDIATES,
            pins: &[],
            pin_mode: PinMode::BesidesChain,
            crls: &[],
            revocation: RevocationPolicy::IfListed,
            time: TimePolicy::Strict,
        }
    }

    /// Other roots.
    pub const fn roots(mut self, roots: Roots<'a>) -> Self {
        self.roots = roots;
        self
    }

    /// Other signature algorithms, whatever the [`Crypto`](crate::tls::engine::Crypto) of a context names: a hardware
    /// engine's, or only those that the servers of this program need.
    ///
    /// # Panics
    /// If there are more than [`MAX_ALGORITHMS`]; in a `static`, that is an error of the compiler.
    pub const fn algorithms(mut self, algorithms: &'a [&'a dyn SignatureVerificationAlgorithm]) -> Self {
        assert!(algorithms.len() <= MAX_ALGORITHMS, "more signature algorithms than MAX_ALGORITHMS");
        self.algorithms = Some(algorithms);
        self
    }

    /// How much work one server's certificates may cause, in tenths of a signature check with P-256: a bound on the time a
    /// hostile one can cost. Every revocation list adds a check with P-384. Whatever the work, there are at most
    /// [`MAX_CHECKS`](super::MAX_CHECKS) checks, and [`MAX_FAILED_CHECKS`](super::MAX_FAILED_CHECKS) that fail.
    pub const fn max_work(mut self, max_work: u16) -> Self {
        self.max_work = max_work;
        self
    }

    /// All the work that may be done.
    pub(super) fn work(&self) -> u16 {
        self.max_work.saturating_add(self.crls.len().min(MAX_CRLS) as u16 * COST_P384)
    }

    /// How many intermediate certificates may stand between a server and a root: 0 for a root of your own that issues
    /// server certificates itself.
    pub const fn max_intermediates(mut self, max_intermediates: u8) -> Self {
        self.max_intermediates = max_intermediates;
        self
    }

    /// Keys or certificates one of which has to be there, besides all other checks.
    pub const fn pins(mut self, pins: &'a [Pin]) -> Self {
        self.pins = pins;
        self
    }

    /// Whether pins are checked besides the chain or instead of it.
    pub const fn pin_mode(mut self, pin_mode: PinMode) -> Self {
        self.pin_mode = pin_mode;
        self
    }

    /// Revocation lists to look certificates up in. A list past its next update is an error.
    ///
    /// # Panics
    /// If there are more than [`MAX_CRLS`].
    pub const fn crls(mut self, crls: &'a [Crl<'a>]) -> Self {
        assert!(crls.len() <= MAX_CRLS, "more revocation lists than MAX_CRLS");
        self.crls = crls;
        self
    }

    /// What a certificate is worth for which there is no revocation list.
    pub const fn revocation(mut self, revocation: RevocationPolicy) -> Self {
        self.revocation = revocation;
        self
    }

    /// How the dates of certificates are checked.
    pub const fn time(mut self, time: TimePolicy) -> Self {
        self.time = time;
        self
    }

    /// The signature algorithms, for [`verify_handshake_signature`](super::verify_handshake_signature).
    #[must_use]
    pub const fn signature_algorithms(&self) -> &'a [&'a dyn SignatureVerificationAlgorithm] {
        match self.algorithms {
            Some(algorithms) => algorithms,
            None => algorithms::DEFAULT,
        }
    }

    /// The same policy, which names its signature algorithms: these, unless it does already.
    pub(crate) const fn or_algorithms(mut self, algorithms: &'a [&'a dyn SignatureVerificationAlgorithm]) -> Self {
        if self.algorithms.is_none() {
            self.algorithms = Some(algorithms);
        }
        self
    }

    /// What it names. Where it has been given none there are none: [`DEFAULT`](algorithms::DEFAULT) is not linked here.
    pub(crate) fn named(&self) -> &'a [&'a dyn SignatureVerificationAlgorithm] {
        self.algorithms.unwrap_or_default()
    }
}

impl Default for VerifyPolicy<'_> {
    /// [`VerifyPolicy::new`] with [`Roots::MOZILLA`].
    fn default() -> Self {
        Self::new(Roots::MOZILLA)
    }
}

impl fmt::Debug for VerifyPolicy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyPolicy")
            .field("roots", &self.roots)
            .field("algorithms", &self.algorithms)
            .field("max_work", &self.max_work)
            .field("max_intermediates", &self.max_intermediates)
            .field("pins", &self.pins.len())
            .field("pin_mode", &self.pin_mode)
            .field("crls", &self.crls.len())
            .field("revocation", &self.revocation)
            .field("time", &self.time)
            .finish()
    }
}

/// How the dates of certificates are checked. A [`TlsContext`](crate::tls::TlsContext) falls back to the second only while
/// its clock does not know better; the page of [`tls::time`](crate::tls::time) has the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum TimePolicy {
    /// Now is known, and lies between the two dates of every certificate.
    #[default]
    Strict,
    /// Only a time in the past is known, for example when the firmware was built: no certificate may have expired by
    /// then. A certificate that expired since, or that is not valid yet, is accepted.
    FloorOnly,
}

/// What a certificate is worth for which there is no revocation list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum RevocationPolicy {
    /// Certificates are looked up in the list of their issuer if there is one.
    #[default]
    IfListed,
    /// Every certificate of the path needs a list.
    Required,
}

//! The roots a program trusts.
//!
//! [`Roots::MOZILLA`] is the list Firefox ships (from the webpki-roots crate, about 57 KB of flash, linked only if it is
//! named), and two roots that it does not have yet. Roots of your own come from DER, at compile time
//! ([`constant_trust_anchor`]) or at run time ([`trust_anchor_from_der`]), or from PEM text at run time ([`RootStore`]).
//! The name, key, name constraints and dates of a root certificate are used (RFC 5280 §6.1.1); Mozilla's list has no dates.
//!
//! # What is added to Mozilla's list
//! Since May 2026 Let's Encrypt issues below ISRG's Root YR (RSA-4096) and Root YE (P-384), which webpki-roots 1.0.10 does
//! not have. Servers send them cross-signed by older roots; as roots of ours they save a signature check per connection.
//! They are carried as Let's Encrypt publishes them (<https://letsencrypt.org/certificates/>), 1.8 KB of flash, until
//! webpki-roots has them. SHA-256 of the certificates:
//! - Root YR `e57b7e6f150c419102e8d5c055729ff967b9d1a829bf00cec89ca604ebf4a86f`,
//! - Root YE `e14ffcad5b0025731006caa43a121a22d8e9700f4fb9cf852f02a708aa5d5666`.
//!
//! # Examples
//! A root certificate in flash:
//! ```
//! use socketpool::tls::roots::{Roots, TrustAnchor, constant_trust_anchor};
//!
//! # macro_rules! include_bytes { ($path:literal) => { core::include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pki/der/", $path)) } }
//! static OWN: [TrustAnchor<'static>; 1] = [constant_trust_anchor(include_bytes!("root.der"))];
//! static ROOTS: Roots<'static> = Roots::only(&OWN);
//! ```

use core::fmt;

use rustls_pki_types::Der;

use super::pem::{self, PemError};
use super::verify::CertificateError;
use super::verify::certificate::{self, Certificate, KeyUsageBits, extension};
use super::verify::der;

static MOZILLA: &[rustls_pki_types::TrustAnchor<'static>] = webpki_roots::TLS_SERVER_ROOTS;

/// Let's Encrypt's roots of generation Y, which Mozilla's list does not have yet.
static GENERATION_Y: [TrustAnchor<'static>; 2] = [
    constant_trust_anchor(include_bytes!("roots/isrg-root-yr.der")),
    constant_trust_anchor(include_bytes!("roots/isrg-root-ye.der")),
];

/// A root: the name and the key of an authority, what it may name, and how long it is trusted.
///
/// Made by [`constant_trust_anchor`], [`trust_anchor_from_der`] or [`RootStore`] of a root certificate, or by
/// [`new`](Self::new) of its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrustAnchor<'a> {
    pub(crate) subject: &'a [u8],
    pub(crate) public_key: &'a [u8],
    pub(crate) name_constraints: Option<&'a [u8]>,
    /// notBefore and notAfter, in seconds since the Unix epoch.
    pub(crate) dates: Option<(u64, u64)>,
}

impl<'a> TrustAnchor<'a> {
    /// A root without dates, of the DER of its parts, each without the outer header: subject, subjectPublicKeyInfo and the
    /// value of nameConstraints.
    #[must_use]
    pub const fn new(subject: &'a [u8], public_key: &'a [u8], name_constraints: Option<&'a [u8]>) -> Self {
        Self { subject, public_key, name_constraints, dates: None }
    }

    /// The distinguished name, DER without its header.
    #[must_use]
    pub const fn subject(&self) -> &'a [u8] {
        self.subject
    }

    /// The public key: the DER of subjectPublicKeyInfo without its header.
    #[must_use]
    pub const fn public_key(&self) -> &'a [u8] {
        self.public_key
    }

    /// What the authority may name: the DER of the value of nameConstraints without its header.
    #[must_use]
    pub const fn name_constraints(&self) -> Option<&'a [u8]> {
        self.name_constraints
    }

    /// notBefore and notAfter of the certificate, in seconds since 1970-01-01 UTC, if it was made of one.
    #[must_use]
    pub const fn dates(&self) -> Option<(u64, u64)> {
        self.dates
    }

    /// As the path search wants it.
    pub(crate) const fn as_der(&self) -> rustls_pki_types::TrustAnchor<'a> {
        rustls_pki_types::TrustAnchor {
            subject: Der::from_slice(self.subject),
            subject_public_key_info: Der::from_slice(self.public_key),
            name_constraints: match self.name_constraints {
                Some(constraints) => Some(Der::from_slice(constraints)),
                None => None,
            },
        }
    }
}

impl<'a> From<&'a rustls_pki_types::TrustAnchor<'a>> for TrustAnchor<'a> {
    /// A root without dates: one of webpki-roots.
    fn from(anchor: &'a rustls_pki_types::TrustAnchor<'a>) -> Self {
        let name_constraints = anchor.name_constraints.as_ref().map(|constraints| constraints.as_ref());
        Self::new(&anchor.subject, &anchor.subject_public_key_info, name_constraints)
    }
}

/// The roots a program trusts: public ones, its own, both or none.
///
/// Below a public root the rules of the Web PKI hold in full: a server's certificate has to say that it is for a TLS
/// server. Below a root of your own it may leave that open.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Roots<'a> {
    pub(crate) mozilla: &'a [rustls_pki_types::TrustAnchor<'a>],
    pub(crate) public: &'a [TrustAnchor<'a>],
    pub(crate) own: &'a [TrustAnchor<'a>],
}

impl Roots<'static> {
    /// The roots Mozilla trusts for TLS servers, and Let's Encrypt's of generation Y.
    pub const MOZILLA: Self = Self { mozilla: MOZILLA, public: &GENERATION_Y, own: &[] };
    /// No roots: for [`PinMode::InsteadOfChain`](super::pin::PinMode::InsteadOfChain). Without pins, every server is
    /// refused.
    pub const NONE: Self = Self { mozilla: &[], public: &[], own: &[] };
}

impl<'a> Roots<'a> {
    /// Roots of your own and no others.
    #[must_use]
    pub const fn only(own: &'a [TrustAnchor<'a>]) -> Self {
        Self { mozilla: &[], public: &[], own }
    }

    /// Roots of your own, and Mozilla's.
    #[must_use]
    pub const fn mozilla_and(own: &'a [TrustAnchor<'a>]) -> Self {
        Self { mozilla: MOZILLA, public: &GENERATION_Y, own }
    }

    /// A choice of public roots, for a device that talks to a few services only: 0.2 KB of flash each for one with an
    /// elliptic key, 0.4 to 0.7 KB for RSA, instead of 57 KB for all of [`MOZILLA`](Self::MOZILLA).
    ///
    /// `cargo run --example roots` in this crate's repository lists Mozilla's with what each costs, and given names
    /// writes those as Rust source. Or make constants of the certificates that the authorities publish, with
    /// [`constant_trust_anchor`]. Which root a server leads to, `cargo run --example request -- --explain HOST` tells.
    #[must_use]
    pub const fn public(public: &'a [TrustAnchor<'a>]) -> Self {
        Self { mozilla: &[], public, own: &[] }
    }

    /// How many roots there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.mozilla.len() + self.public.len() + self.own.len()
    }

    /// There are no roots.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Debug for Roots<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let public = self.mozilla.len() + self.public.len();
        f.debug_struct("Roots").field("public", &public).field("own", &self.own.len()).finish()
    }
}

/// Makes a trust anchor of a root certificate in DER, for a constant. It borrows from `certificate`.
///
/// # Panics
/// If it is no certificate, or no authority; in a `static` or `const`, that is an error of the compiler. For
/// certificates that come at run time there is [`trust_anchor_from_der`].
#[must_use]
pub const fn constant_trust_anchor(certificate: &[u8]) -> TrustAnchor<'_> {
    match read_root(certificate) {
        Ok(anchor) => anchor,
        Err(CertificateError::PemInsteadOfDer) => {
            panic!("PEM instead of DER: openssl x509 -in root.pem -outform DER -out root.der")
        }
        Err(_) => panic!("not the DER of a root certificate"),
    }
}

/// Makes a trust anchor of a root certificate in DER, at run time. It borrows from `certificate`.
///
/// The signature of a root certificate means nothing and is not looked at. What it says about itself has to be right, its
/// dates when it is used: an expired root issues nothing.
///
/// # Errors
/// [`NotACa`](CertificateError::NotACa) for a certificate that is no authority,
/// [`UnsupportedCriticalExtension`](CertificateError::UnsupportedCriticalExtension),
/// [`PemInsteadOfDer`](CertificateError::PemInsteadOfDer), and [`Malformed`](CertificateError::Malformed).
pub fn trust_anchor_from_der(certificate: &[u8]) -> Result<TrustAnchor<'_>, CertificateError> {
    read_root(certificate)
}

/// `ok_or(Malformed)?` inside a `const fn`.
macro_rules! part {
    ($option:expr) => {
        match $option {
            Some(value) => value,
            None => return Err(CertificateError::Malformed),
        }
    };
}

/// There is a block of PEM in it.
const fn is_pem(mut text: &[u8]) -> bool {
    while let [_, rest @ ..] = text {
        if let [b'-', b'-', b'-', b'-', b'-', b'B', b'E', b'G', b'I', b'N', b' ', ..] = text {
            return true;
        }
        text = rest;
    }
    false
}

const fn read_root(certificate: &[u8]) -> Result<TrustAnchor<'_>, CertificateError> {
    let Some(root) = Certificate::parse(certificate) else {
        return Err(if is_pem(certificate) { CertificateError::PemInsteadOfDer } else { CertificateError::Malformed });
    };
    let mut name_constraints = None;
    let (mut own_key_id, mut authority_key_id) = (None, None);
    let mut is_ca = root.is_v1();
    let mut may_sign = true;
    let mut seen = 0u64;

    let mut extensions = root.extensions();
    while let Some(extension) = part!(extensions.next()) {
        let value = extension.value;
        match extension.number {
            // Critical (RFC 5280 §4.2.1.9): what does not know the extension must not take the certificate.
            Some(extension::BASIC_CONSTRAINTS) => {
                is_ca = part!(certificate::is_ca(value));
                if !extension.is_critical {
                    return Err(CertificateError::Malformed);
                }
            }
            Some(extension::KEY_USAGE) => may_sign = part!(KeyUsageBits::parse(value)).has_key_cert_sign(),
            Some(extension::NAME_CONSTRAINTS) => name_constraints = Some(part!(certificate::name_constraints(value))),
            // Neither is ever critical (RFC 5280 §4.2.1.1, §4.2.1.2).
            Some(extension::SUBJECT_KEY_ID | extension::AUTHORITY_KEY_ID) if extension.is_critical => {
                return Err(CertificateError::Malformed);
            }
            Some(extension::SUBJECT_KEY_ID) => own_key_id = Some(part!(der::only(value, der::OCTET_STRING))),
            Some(extension::AUTHORITY_KEY_ID) => authority_key_id = part!(certificate::authority_key_id(value)),
            Some(extension::EXTENDED_KEY_USAGE) => {}
            _ if extension.is_critical => return Err(CertificateError::UnsupportedCriticalExtension),
            _ => {}
        }
        // No extension may come twice (RFC 5280 §4.2).
        if let Some(number @ 0..64) = extension.number {
            if seen >> number & 1 == 1 {
                return Err(CertificateError::Malformed);
            }
            seen |= 1 << number;
        }
    }

    if !is_ca || !may_sign {
        return Err(CertificateError::NotACa);
    }
    // A root names itself, and knows the key it signed itself with (RFC 5280 §4.1.2.4, §4.2.1.1).
    let is_own_key = match (own_key_id, authority_key_id) {
        (Some(own), Some(authority)) => der::equal(own, authority),
        _ => true,
    };
    if root.subject.is_empty() || (root.is_self_issued() && !is_own_key) {
        return Err(CertificateError::Malformed);
    }
    Ok(TrustAnchor {
        subject: root.subject,
        public_key: root.spki_contents,
        name_constraints,
        dates: Some(part!(root.dates())),
    })
}

/// Up to `N` roots read from PEM text, their DER in a buffer of the caller's.
///
/// The buffer has to hold the certificates, three quarters of the text or less. A certificate that is no root we can use
/// does not spoil a bundle: it is left out, and [`skipped`](Self::skipped) names it.
///
/// # Examples
/// ```
/// use socketpool::tls::roots::{RootStore, Roots};
///
/// # let text = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pki/roots.pem"));
/// let mut buffer = [0; 4096];
/// let store = RootStore::<4>::from_pem(text, &mut buffer)?;
/// assert_eq!(store.anchors().len(), 2);
/// let roots = Roots::only(store.anchors());
/// # Ok::<(), socketpool::tls::roots::RootError>(())
/// ```
#[derive(Debug, Clone)]
pub struct RootStore<'b, const N: usize> {
    anchors: heapless::Vec<TrustAnchor<'b>, N>,
    skipped: heapless::Vec<SkippedRoot<'b>, N>,
}

/// A certificate of a bundle that is no root we can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SkippedRoot<'b> {
    /// Which certificate of the text it is, counted from 0.
    pub position: usize,
    /// Its common name, else its organisational unit, else its organisation; empty if it has none or is unreadable.
    pub name: &'b str,
    /// What is wrong with it.
    pub reason: CertificateError,
}

impl<'b, const N: usize> RootStore<'b, N> {
    /// Reads every certificate in `text`; blocks with other labels are skipped.
    ///
    /// # Errors
    /// [`RootError`]; on any error there are no roots. [`RootError::Certificate`] says what is wrong with the first
    /// certificate if none of them is a root.
    pub fn from_pem(text: &[u8], mut buffer: &'b mut [u8]) -> Result<Self, RootError> {
        let mut store = Self { anchors: heapless::Vec::new(), skipped: heapless::Vec::new() };
        let mut used = 0;
        for block in pem::blocks(text) {
            let block = block?;
            if block.label() != pem::CERTIFICATE {
                continue;
            }
            let len = block.decoded_len()?;
            let Some((der, rest)) = buffer.split_at_mut_checked(len) else {
                return Err(RootError::Pem(PemError::BufferTooSmall { needed: used + len }));
            };
            block.decode(der)?;
            let der: &'b [u8] = der;
            let is_kept = match trust_anchor_from_der(der) {
                Ok(anchor) => store.anchors.push(anchor).is_ok(),
                Err(reason) => {
                    let position = store.anchors.len() + store.skipped.len();
                    let name = Certificate::parse(der).map_or("", |root| certificate::short_name(root.subject));
                    store.skipped.push(SkippedRoot { position, name, reason }).is_ok()
                }
            };
            if !is_kept {
                return Err(RootError::TooMany { capacity: N });
            }
            used += len;
            buffer = rest;
        }
        match store.skipped.first() {
            _ if !store.anchors.is_empty() => Ok(store),
            Some(skipped) => Err(RootError::Certificate(skipped.reason)),
            None => Err(RootError::Pem(PemError::NotFound)),
        }
    }

    /// The roots, for [`Roots::only`] or [`Roots::mozilla_and`].
    #[must_use]
    pub fn anchors(&self) -> &[TrustAnchor<'b>] {
        &self.anchors
    }

    /// The certificates of the text that are no roots, and why.
    #[must_use]
    pub fn skipped(&self) -> &[SkippedRoot<'b>] {
        &self.skipped
    }
}

/// Why roots could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum RootError {
    /// The text is not right, has no certificate, or the buffer is too small.
    Pem(PemError),
    /// No block is a root certificate.
    Certificate(CertificateError),
    /// More roots, or more certificates that are none, than the store has room for.
    TooMany {
        /// How many it can hold.
        capacity: usize,
    },
}

impl From<PemError> for RootError {
    fn from(error: PemError) -> Self {
        Self::Pem(error)
    }
}

impl From<CertificateError> for RootError {
    fn from(error: CertificateError) -> Self {
        Self::Certificate(error)
    }
}

impl fmt::Display for RootError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pem(error) => error.fmt(f),
            Self::Certificate(error) => error.fmt(f),
            Self::TooMany { capacity } => write!(f, "more than {capacity} roots"),
        }
    }
}

impl core::error::Error for RootError {}

//! The roots a program trusts.
//!
//! [`Roots::MOZILLA`] is the list Firefox ships (from the webpki-roots crate, about 57 KB of flash, linked only if it is
//! named). Roots of your own come from DER, at compile time ([`constant_trust_anchor`]) or at run time
//! ([`trust_anchor_from_der`]), or from PEM text at run time ([`RootStore`]). Only the name, key and name constraints of a root are used; its dates are not (RFC 5280 §6.1.1).
//!
//! # Examples
//! A root certificate in flash:
//! ```
//! use rustls_pki_types::TrustAnchor;
//! use socketpool::tls::roots::{Roots, constant_trust_anchor};
//!
//! # macro_rules! include_bytes { ($path:literal) => { core::include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pki/der/", $path)) } }
//! static OWN: [TrustAnchor<'static>; 1] = [constant_trust_anchor(include_bytes!("root.der"))];
//! static ROOTS: Roots<'static> = Roots::only(&OWN);
//! ```

use core::fmt;

use rustls_pki_types::{Der, TrustAnchor};

use super::pem::{self, PemError};
use super::verify::CertificateError;
use super::verify::certificate::{self, Certificate, KeyUsageBits, extension};
use super::verify::der;

static MOZILLA: &[TrustAnchor<'static>] = webpki_roots::TLS_SERVER_ROOTS;

/// The roots a program trusts: public ones, its own, both or none.
///
/// Below a public root the rules of the Web PKI hold in full: a server's certificate has to say that it is for a TLS
/// server. Below a root of your own it may leave that open.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Roots<'a> {
    pub(crate) public: &'a [TrustAnchor<'a>],
    pub(crate) own: &'a [TrustAnchor<'a>],
}

impl Roots<'static> {
    /// The roots Mozilla trusts for TLS servers.
    pub const MOZILLA: Self = Self { public: MOZILLA, own: &[] };
    /// No roots: for [`PinMode::InsteadOfChain`](super::pin::PinMode::InsteadOfChain). Without pins, every server is
    /// refused.
    pub const NONE: Self = Self { public: &[], own: &[] };
}

impl<'a> Roots<'a> {
    /// Roots of your own and no others.
    #[must_use]
    pub const fn only(own: &'a [TrustAnchor<'a>]) -> Self {
        Self { public: &[], own }
    }

    /// Roots of your own, and Mozilla's.
    #[must_use]
    pub const fn mozilla_and(own: &'a [TrustAnchor<'a>]) -> Self {
        Self { public: MOZILLA, own }
    }

    /// A choice of public roots, for a device that talks to a few services only: 0.2 KB of flash each for one with an
    /// elliptic key, 0.4 to 0.7 KB for RSA, instead of 57 KB for all of [`MOZILLA`](Self::MOZILLA).
    ///
    /// `cargo run --example roots` in this crate's repository lists Mozilla's with what each costs, and given names
    /// writes those as Rust source. Or make constants of the certificates that the authorities publish, with
    /// [`constant_trust_anchor`]. Which root a server leads to, `openssl s_client -showcerts -connect HOST:443` tells: the
    /// last issuer (`i:`) that it prints.
    #[must_use]
    pub const fn public(public: &'a [TrustAnchor<'a>]) -> Self {
        Self { public, own: &[] }
    }

    /// How many roots there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.public.len() + self.own.len()
    }

    /// There are no roots.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Debug for Roots<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Roots").field("public", &self.public.len()).field("own", &self.own.len()).finish()
    }
}

/// Makes a trust anchor of a root certificate in DER, for a constant. It borrows from `certificate`.
///
/// # Panics
/// If it is no certificate, or no authority; in a `static` or `const`, that is an error of the compiler. For
/// certificates that come at run time there is [`trust_anchor_from_der`].
#[must_use]
pub const fn constant_trust_anchor(certificate: &[u8]) -> TrustAnchor<'_> {
    match Parts::read(certificate) {
        Ok(parts) => parts.anchor(),
        Err(_) => panic!("not the DER of a root certificate"),
    }
}

/// Makes a trust anchor of a root certificate in DER, at run time. It borrows from `certificate`.
///
/// The signature of a root certificate and its dates mean nothing and are not looked at; what it says about itself has to
/// be right.
///
/// # Errors
/// [`NotACa`](CertificateError::NotACa) for a certificate that is no authority,
/// [`UnsupportedCriticalExtension`](CertificateError::UnsupportedCriticalExtension), and
/// [`Malformed`](CertificateError::Malformed).
pub fn trust_anchor_from_der(certificate: &[u8]) -> Result<TrustAnchor<'_>, CertificateError> {
    Parts::read(certificate).map(Parts::anchor)
}

/// What a trust anchor is made of.
#[derive(Clone, Copy)]
struct Parts<'a> {
    subject: &'a [u8],
    public_key: &'a [u8],
    name_constraints: Option<&'a [u8]>,
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

impl<'a> Parts<'a> {
    const fn read(certificate: &'a [u8]) -> Result<Self, CertificateError> {
        let root = part!(Certificate::parse(certificate));
        let mut name_constraints = None;
        let (mut own_key_id, mut authority_key_id) = (None, None);
        let mut is_ca = root.is_v1();
        let mut may_sign = true;
        let mut seen = 0u64;

        let mut extensions = root.extensions();
        while let Some(extension) = part!(extensions.next()) {
            let value = extension.value;
            match extension.number {
                Some(extension::BASIC_CONSTRAINTS) => is_ca = part!(certificate::is_ca(value)),
                Some(extension::KEY_USAGE) => may_sign = part!(KeyUsageBits::parse(value)).has_key_cert_sign(),
                Some(extension::NAME_CONSTRAINTS) => {
                    name_constraints = Some(part!(certificate::name_constraints(value)))
                }
                Some(extension::SUBJECT_KEY_ID) => own_key_id = Some(part!(der::only(value, der::OCTET_STRING))),
                Some(extension::AUTHORITY_KEY_ID) if !extension.is_critical => {
                    authority_key_id = part!(certificate::authority_key_id(value));
                }
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
        Ok(Self { subject: root.subject, public_key: root.spki_contents, name_constraints })
    }

    const fn anchor(self) -> TrustAnchor<'a> {
        TrustAnchor {
            subject: Der::from_slice(self.subject),
            subject_public_key_info: Der::from_slice(self.public_key),
            name_constraints: match self.name_constraints {
                Some(constraints) => Some(Der::from_slice(constraints)),
                None => None,
            },
        }
    }
}

/// Up to `N` roots read from PEM text, their DER in a buffer of the caller's.
///
/// The buffer has to hold the certificates, three quarters of the text or less.
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
}

impl<'b, const N: usize> RootStore<'b, N> {
    /// Reads every certificate in `text`; blocks with other labels are skipped.
    ///
    /// # Errors
    /// [`RootError`]; on any error there are no roots.
    pub fn from_pem(text: &[u8], mut buffer: &'b mut [u8]) -> Result<Self, RootError> {
        let mut anchors = heapless::Vec::new();
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
            let anchor = trust_anchor_from_der(der)?;
            anchors.push(anchor).map_err(|_| RootError::TooMany { capacity: N })?;
            used += len;
            buffer = rest;
        }
        if anchors.is_empty() { Err(RootError::Pem(PemError::NotFound)) } else { Ok(Self { anchors }) }
    }

    /// The roots, for [`Roots::only`] or [`Roots::mozilla_and`].
    #[must_use]
    pub fn anchors(&self) -> &[TrustAnchor<'b>] {
        &self.anchors
    }
}

/// Why roots could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum RootError {
    /// The text is not right, has no certificate, or the buffer is too small.
    Pem(PemError),
    /// A block is no root certificate.
    Certificate(CertificateError),
    /// More roots than the store has room for.
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

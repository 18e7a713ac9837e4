//! What a connection agreed on, and what its server showed.
//!
//! [`TlsInfo`] is what both ends agreed on; a session keeps it. The certificates of a server are gone when the handshake is
//! over, because a session has no memory for them: a [`TlsObserver`] sees them while they are there, together with the
//! verdict on them. A context without an observer has none of that code.

use core::net::IpAddr;

use rustls_pki_types::{CertificateDer, ServerName, SignatureVerificationAlgorithm, UnixTime, alg_id};

use super::verify::{
    CertificateError, ChainCheck, KeyKind, Progress, Verified, VerifyPolicy,
    algorithms::RsaPublicKey,
    certificate::{self, Certificate, extension},
    der::{self, Reader},
};

/// What a TLS connection agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct TlsInfo {
    /// The cipher suite, by its name at IANA.
    pub suite: &'static str,
    /// The group of the key exchange, by its name at IANA.
    pub group: &'static str,
    /// The protocol that the server chose: its place in the list that the context offers ([ALPN](super::Alpn)).
    pub alpn: Option<usize>,
    /// A ticket of an earlier connection made the handshake short. No certificate was shown then.
    pub is_resumed: bool,
    /// The server asked for a second ClientHello (HelloRetryRequest, RFC 8446 §4.1.4): a round trip and a key pair more. If it
    /// did for another group, [`Crypto::groups`](super::engine::Crypto::groups) should begin with that one.
    pub is_retried: bool,
}

impl TlsInfo {
    /// The version of the protocol, as RFCs write it: TLS 1.3, always.
    #[must_use]
    pub const fn version(&self) -> &'static str {
        "TLS 1.3"
    }
}

/// Sees what servers show in handshakes, for [`TlsContext::observer`](super::TlsContext::observer).
///
/// It changes nothing: the verdict is made. What it does takes its time in the middle of a handshake, so it should only look
/// and note.
///
/// # Examples
/// A device that tells when the certificate of its server should have been renewed:
/// ```
/// use core::cell::Cell;
/// use socketpool::tls::{CertificateInfo, Now, ShownChain, TlsContext, TlsObserver};
///
/// #[derive(Default)]
/// struct Expiry(Cell<Option<u64>>);
///
/// impl TlsObserver for Expiry {
///     fn chain_judged(&self, chain: &ShownChain<'_>) {
///         let leaf = chain.certificates.first().and_then(|der| CertificateInfo::parse(der));
///         self.0.set(leaf.map(|leaf| leaf.not_after()));
///     }
/// }
///
/// # let (rng, clock) = (|bytes: &mut [u8]| bytes.fill(4), || Now::Unknown);
/// let expiry = Expiry::default();
/// let tls = TlsContext::new(rng, clock).observer(&expiry);
/// ```
pub trait TlsObserver {
    /// The certificates of a server were verified, or refused. Once per handshake at most: not where a ticket or a shared key
    /// takes the place of certificates, nor under a context that does not verify.
    fn chain_judged(&self, chain: &ShownChain<'_>);
}

/// What a context asks of its observer. The code of this is linked only where there is one.
pub(crate) trait Observe {
    /// [`ChainCheck::step_named`]; the last step is told to the observer.
    fn step<'c, 'r>(
        &self,
        check: &mut ChainCheck,
        chain: &'c [CertificateDer<'c>],
        name: &ServerName<'_>,
        now: UnixTime,
        policy: &VerifyPolicy<'r>,
    ) -> Result<Progress<'c, 'r>, CertificateError>;
}

impl<O: TlsObserver> Observe for O {
    fn step<'c, 'r>(
        &self,
        check: &mut ChainCheck,
        chain: &'c [CertificateDer<'c>],
        name: &ServerName<'_>,
        now: UnixTime,
        policy: &VerifyPolicy<'r>,
    ) -> Result<Progress<'c, 'r>, CertificateError> {
        let step = check.step_named(chain, name, now, policy);
        let verdict = match step {
            Ok(Progress::Again) => return step,
            Ok(Progress::Done(verified)) => Ok(verified),
            Err(error) => Err(error),
        };
        self.chain_judged(&ShownChain { certificates: chain, verdict, work: check.work(), now });
        step
    }
}

/// The certificates that a server showed, and the verdict on them.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct ShownChain<'a> {
    /// In the order in which they came, the server's own first. [`CertificateInfo`] reads them.
    pub certificates: &'a [CertificateDer<'a>],
    /// The key and the root that they lead to, or why they were refused.
    pub verdict: Result<Verified<'a, 'a>, CertificateError>,
    /// The work of verifying them, in tenths of a signature check with P-256
    /// ([`VerifyPolicy::max_work`](super::VerifyPolicy::max_work)). The server's signature over the handshake comes on top.
    pub work: u16,
    /// The date that they were checked for: now, or the [floor](super::TlsContext::floor).
    pub now: UnixTime,
}

/// The fields of a certificate that tell people what it is. Nothing is verified by reading it.
#[derive(Debug, Clone, Copy)]
pub struct CertificateInfo<'a> {
    parts: Certificate<'a>,
    dates: (u64, u64),
}

impl<'a> CertificateInfo<'a> {
    /// Reads a certificate in DER; `None` if it is none.
    #[must_use]
    pub fn parse(der: &'a [u8]) -> Option<Self> {
        let parts = Certificate::parse(der)?;
        Some(Self { parts, dates: parts.dates()? })
    }

    /// Whom it names: the common name, else the organisational unit, else the organisation, else nothing. To be shown, and
    /// not to be compared with the name of a server.
    #[must_use]
    pub fn subject(&self) -> &'a str {
        certificate::short_name(self.parts.subject)
    }

    /// Who signed it, in the same way.
    #[must_use]
    pub fn issuer(&self) -> &'a str {
        certificate::short_name(self.parts.issuer)
    }

    /// The distinguished name of whom it names: DER without its header, as in
    /// [`TrustAnchor::subject`](super::TrustAnchor::subject).
    #[must_use]
    pub const fn subject_der(&self) -> &'a [u8] {
        self.parts.subject
    }

    /// The distinguished name of who signed it, in the same way.
    #[must_use]
    pub const fn issuer_der(&self) -> &'a [u8] {
        self.parts.issuer
    }

    /// notBefore, in seconds since 1970-01-01 UTC.
    #[must_use]
    pub const fn not_before(&self) -> u64 {
        self.dates.0
    }

    /// notAfter, in seconds since 1970-01-01 UTC.
    #[must_use]
    pub const fn not_after(&self) -> u64 {
        self.dates.1
    }

    /// How many whole days there are from `now` until it ends; negative once it has ended.
    #[must_use]
    pub fn days_left(&self, now: UnixTime) -> i64 {
        self.dates.1.cast_signed().saturating_sub_unsigned(now.as_secs()).div_euclid(86_400)
    }

    /// The public key: the DER of subjectPublicKeyInfo without its header, as in
    /// [`TrustAnchor::public_key`](super::TrustAnchor::public_key).
    #[must_use]
    pub const fn public_key(&self) -> &'a [u8] {
        self.parts.spki_contents
    }

    /// The kind and the size of its key.
    #[must_use]
    pub fn key(&self) -> KeyInfo {
        KeyInfo::of(self.parts.spki_contents)
    }

    /// The DNS names that it is for (RFC 5280 §4.2.1.6), wildcards as they stand there.
    pub fn dns_names(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.names().filter(|name| name.tag == DNS_NAME).filter_map(|name| core::str::from_utf8(name.contents).ok())
    }

    /// The IP addresses that it is for.
    pub fn ip_addresses(&self) -> impl Iterator<Item = IpAddr> + use<'a> {
        self.names().filter(|name| name.tag == IP_ADDRESS).filter_map(|name| match name.contents.len() {
            4 => <[u8; 4]>::try_from(name.contents).ok().map(IpAddr::from),
            _ => <[u8; 16]>::try_from(name.contents).ok().map(IpAddr::from),
        })
    }

    /// The subject alternative names.
    fn names(&self) -> impl Iterator<Item = der::Value<'a>> + use<'a> {
        let value = self.parts.extension(extension::SUBJECT_ALT_NAME).flatten().map(|names| names.value);
        let mut names = Reader::new(value.and_then(|value| der::only(value, der::SEQUENCE)).unwrap_or_default());
        core::iter::from_fn(move || names.read())
    }

    /// Whether this key (as [`public_key`](Self::public_key) gives it) made its signature, by one of these algorithms; `None`
    /// if none of them is for such a signature.
    #[must_use]
    pub fn is_signed_by(&self, key: &[u8], algorithms: &[&dyn SignatureVerificationAlgorithm]) -> Option<bool> {
        let (key_id, octets) = certificate::split_spki(key)?;
        let algorithm = algorithms.iter().find(|algorithm| {
            algorithm.public_key_alg_id().as_ref() == key_id
                && algorithm.signature_alg_id().as_ref() == self.parts.signature_algorithm
        })?;
        Some(algorithm.verify_signature(octets, self.parts.signed, self.parts.signature).is_ok())
    }
}

/// dNSName and iPAddress among the kinds of GeneralName (RFC 5280 §4.2.1.6).
const DNS_NAME: u8 = 0x82;
const IP_ADDRESS: u8 = 0x87;

/// The kind and the size of a public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct KeyInfo {
    /// Its kind; `None` if it is none that this crate verifies with.
    pub kind: Option<KeyKind>,
    /// The bits of an RSA modulus, or of a point's coordinate; 0 if the kind is not known.
    pub bits: u16,
}

impl KeyInfo {
    /// Of a subjectPublicKeyInfo without its header: a certificate's or a root's.
    #[must_use]
    pub fn of(public_key: &[u8]) -> Self {
        let Some((algorithm, octets)) = certificate::split_spki(public_key) else {
            return Self { kind: None, bits: 0 };
        };
        let (kind, bits) = if algorithm == alg_id::ECDSA_P256.as_ref() {
            (Some(KeyKind::P256), 256)
        } else if algorithm == alg_id::ECDSA_P384.as_ref() {
            (Some(KeyKind::P384), 384)
        } else if algorithm == alg_id::ED25519.as_ref() {
            (Some(KeyKind::Ed25519), 256)
        } else if algorithm == alg_id::RSA_ENCRYPTION.as_ref() {
            (Some(KeyKind::Rsa), RsaPublicKey::parse(octets).map_or(0, |key| key.bits()))
        } else {
            (None, 0)
        };
        Self { kind, bits }
    }
}

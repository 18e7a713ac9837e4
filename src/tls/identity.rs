//! Who this device is, for servers that ask: a client certificate and its key (RFC 8446 §4.3.2, §4.4).
//!
//! An [`Identity`] is a certificate, with those above it if the server does not know them, and something that can sign with
//! its key: a [`Signer`]. [`P256Key`] and [`Ed25519Key`] sign in software, from keys in SEC1 or PKCS#8, DER or PEM; a secure
//! element that never gives its key away is a `Signer` of yours.
//!
//! A server that asks for a certificate and gets none may go on without, or not: that is its choice, and a context
//! without an identity leaves it to it. Only a server that has proved who it is gets the certificate, or a signature.
//!
//! # Limits
//! - A chain has at most [`MAX_CHAIN_LEN`] bytes. It leaves in as many records as it takes: no buffer has to hold it.
//! - The server's wishes about authorities are not looked at: it gets the one chain there is. A server that does not want
//!   a signature such as ours gets none, and no certificate.
//! - With TLS 1.3 a server judges the client last. So most often the handshake succeeds here, and a refusal of our
//!   certificate, or of having none, is an error of the first read or write after it:
//!   [`PeerAlert`](super::TlsError::PeerAlert), `certificate_required` for example, or the end of the connection.
//!
//! # Examples
//! ```
//! use socketpool::tls::{TlsContext, identity::{Identity, PrivateKey}};
//!
//! # let (rng, clock) = (|bytes: &mut [u8]| bytes.fill(4), || socketpool::tls::Now::Unknown);
//! # macro_rules! include_bytes { ($path:literal) => { core::include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pki/identity/", $path)) } }
//! let key = PrivateKey::from_pem(include_bytes!("p256.key.pem"))?;
//! let identity = Identity::new(include_bytes!("p256.der"), &key)?;
//! let tls = TlsContext::new(rng, clock).identity(identity);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod key;

use core::{fmt, iter};

pub use self::key::{Ed25519Key, KeyError, P256Key, PrivateKey};
use super::{
    pem::{self, PemError},
    verify::{
        CertificateError, KeyKind,
        certificate::{Certificate, PublicKey},
        der::Reader,
    },
};

/// The longest chain, in bytes of DER and five more for each certificate: some servers take no longer message.
pub const MAX_CHAIN_LEN: usize = 65_531;

/// The longest signature a [`Signer`] can make, in bytes. ECDSA with P-256 makes up to 72, Ed25519 makes 64.
pub const MAX_SIGNATURE_LEN: usize = 104;

/// How a client signs (RFC 8446 §4.2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SignatureScheme {
    /// ECDSA with P-256 over SHA-256; the signature is DER, `SEQUENCE { r INTEGER, s INTEGER }`.
    EcdsaSecp256r1Sha256,
    /// Ed25519 (RFC 8032), pure; the signature is 64 bytes.
    Ed25519,
}

impl SignatureScheme {
    /// Its number on the wire.
    pub(crate) const fn code(self) -> u16 {
        match self {
            Self::EcdsaSecp256r1Sha256 => 0x0403,
            Self::Ed25519 => 0x0807,
        }
    }
}

/// The signature could not be made: a secure element that does not answer, a key that is locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SignFailed;

impl fmt::Display for SignFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("signature could not be made")
    }
}

impl core::error::Error for SignFailed {}

/// Holds a private key and signs handshakes with it, in software or in a secure element.
///
/// It is asked once in a handshake, if the server asks for a certificate, and blocks the executor until it is done. It
/// works through `&self`: put a driver that needs `&mut` in a `RefCell`.
///
/// # Examples
/// A secure element that signs SHA-256 hashes and answers with `r` and `s`, 32 bytes each:
/// ```
/// use core::cell::RefCell;
/// use sha2::{Digest, Sha256};
/// use socketpool::tls::identity::{MAX_SIGNATURE_LEN, SignFailed, SignatureScheme, Signer, encode_ecdsa_p256};
///
/// # struct Driver;
/// # impl Driver { fn sign_hash(&mut self, _: [u8; 32]) -> Result<[u8; 64], ()> { Ok([1; 64]) } }
/// struct SecureElement(RefCell<Driver>);
///
/// impl Signer for SecureElement {
///     fn scheme(&self) -> SignatureScheme {
///         SignatureScheme::EcdsaSecp256r1Sha256
///     }
///
///     fn sign(&self, message: &[u8], signature: &mut [u8; MAX_SIGNATURE_LEN]) -> Result<usize, SignFailed> {
///         let hash = Sha256::digest(message).into();
///         let r_and_s = self.0.borrow_mut().sign_hash(hash).map_err(|_| SignFailed)?;
///         encode_ecdsa_p256(&r_and_s, signature)
///     }
/// }
/// # let mut signature = [0; MAX_SIGNATURE_LEN];
/// # assert_eq!(SecureElement(RefCell::new(Driver)).sign(b"message", &mut signature), Ok(70));
/// ```
pub trait Signer {
    /// How this key signs.
    fn scheme(&self) -> SignatureScheme;

    /// Signs `message` (not a hash of it; 130 bytes, at most 146) and puts the signature, as the scheme encodes it, at
    /// the start of `signature`. Returns its length.
    ///
    /// # Errors
    /// [`SignFailed`] ends the handshake with [`TlsError::SignFailed`](super::TlsError::SignFailed); nothing more is sent
    /// then. A length of 0, or of more than there is room for, does the same.
    fn sign(&self, message: &[u8], signature: &mut [u8; MAX_SIGNATURE_LEN]) -> Result<usize, SignFailed>;

    /// Whether this is the private half of a public key: 65 bytes beginning with 4 for P-256, 32 bytes for Ed25519. Who
    /// cannot tell says yes, as this does unless overridden: then the server will tell.
    fn is_key_of(&self, public_key: &[u8]) -> bool {
        let _ = public_key;
        true
    }
}

/// Encodes an ECDSA signature with P-256, as `r` and `s` of 32 bytes each, the way TLS wants it. For [`Signer::sign`] of a
/// secure element.
///
/// # Errors
/// [`SignFailed`] if `r` or `s` is zero or not below the order of the group: that is no signature.
pub fn encode_ecdsa_p256(r_and_s: &[u8; 64], signature: &mut [u8; MAX_SIGNATURE_LEN]) -> Result<usize, SignFailed> {
    let encoded = p256::ecdsa::Signature::from_slice(r_and_s).map_err(|_| SignFailed)?.to_der();
    put(encoded.as_bytes(), signature)
}

fn put(bytes: &[u8], signature: &mut [u8; MAX_SIGNATURE_LEN]) -> Result<usize, SignFailed> {
    signature.get_mut(..bytes.len()).ok_or(SignFailed)?.copy_from_slice(bytes);
    Ok(bytes.len())
}

/// A client certificate and who can sign with its key. CircuitPython's `load_cert_chain`, for
/// [`TlsContext::identity`](super::TlsContext::identity). See the [module](self).
#[derive(Clone, Copy)]
pub struct Identity<'a> {
    /// Certificates in DER, one after another.
    pub(crate) chain: &'a [u8],
    pub(crate) signer: &'a dyn Signer,
}

impl<'a> Identity<'a> {
    /// An identity of certificates in DER, and the key of the first.
    ///
    /// `chain` is the certificate of this device, and behind it, with nothing between them, those that lead from it to an
    /// authority that the server knows, each issued by the next (RFC 8446 §4.4.2): `cat device.der intermediate.der`. The
    /// authority itself need not be among them.
    ///
    /// # Errors
    /// [`IdentityError`]: a certificate cannot be read, all of them are too long, or the key is not that of the first.
    pub fn new(chain: &'a [u8], signer: &'a dyn Signer) -> Result<Self, IdentityError> {
        const MALFORMED: IdentityError = IdentityError::Certificate(CertificateError::Malformed);
        let (mut rest, mut len) = (Reader::new(chain), 0);
        while !rest.is_empty() {
            let certificate = rest.read().ok_or(MALFORMED)?.encoded;
            Certificate::parse(certificate).ok_or(MALFORMED)?;
            len += certificate.len() + 5;
        }
        if len > MAX_CHAIN_LEN {
            return Err(IdentityError::TooLong { len });
        }
        let parts = certificates(chain).next().and_then(Certificate::parse).ok_or(MALFORMED)?;
        let key = PublicKey::from_spki_contents(parts.spki_contents).map_err(IdentityError::Certificate)?;
        let kind = match signer.scheme() {
            SignatureScheme::EcdsaSecp256r1Sha256 => KeyKind::P256,
            SignatureScheme::Ed25519 => KeyKind::Ed25519,
        };
        if key.kind != kind || !signer.is_key_of(key.octets) {
            return Err(IdentityError::KeyMismatch);
        }
        Ok(Self { chain, signer })
    }

    /// An identity of the certificates in a PEM text, in their order, and the key of the first. They are decoded into
    /// `buffer`: three quarters of the text are enough. Other blocks, such as a key, are passed over.
    ///
    /// # Errors
    /// As [`new`](Self::new); also if the text has no certificate, or the buffer is too small.
    pub fn from_pem(text: &[u8], buffer: &'a mut [u8], signer: &'a dyn Signer) -> Result<Self, IdentityError> {
        let mut len = 0;
        for block in pem::blocks(text) {
            let block = block.map_err(IdentityError::Pem)?;
            if block.label() == pem::CERTIFICATE {
                let room = buffer.get_mut(len..).unwrap_or_default();
                len += match block.decode(room) {
                    Ok(certificate) => certificate.len(),
                    Err(PemError::BufferTooSmall { needed }) => {
                        return Err(IdentityError::Pem(PemError::BufferTooSmall { needed: len + needed }));
                    }
                    Err(error) => return Err(IdentityError::Pem(error)),
                };
            }
        }
        match buffer.get(..len) {
            Some(chain @ [_, ..]) => Self::new(chain, signer),
            _ => Err(IdentityError::Pem(PemError::NotFound)),
        }
    }
}

/// The certificates of a chain, in DER one after another.
pub(crate) fn certificates(chain: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    let mut rest = Reader::new(chain);
    iter::from_fn(move || rest.read().map(|certificate| certificate.encoded))
}

impl fmt::Debug for Identity<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (len, scheme) = (self.chain.len(), self.signer.scheme());
        f.debug_struct("Identity").field("chain_len", &len).field("scheme", &scheme).finish_non_exhaustive()
    }
}

/// Why a certificate and a key are no identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum IdentityError {
    /// The text is not right, has no certificate, or the buffer is too small.
    Pem(PemError),
    /// A certificate is malformed, or the key of the first of a kind that is not supported.
    Certificate(CertificateError),
    /// The certificates are longer than [`MAX_CHAIN_LEN`]. Leave out those that the server knows.
    TooLong {
        /// Their length in bytes, with five more for each.
        len: usize,
    },
    /// The key is not that of the first certificate.
    KeyMismatch,
}

impl fmt::Display for IdentityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pem(error) => error.fmt(f),
            Self::Certificate(error) => error.fmt(f),
            Self::TooLong { len } => {
                write!(f, "client certificates of {len} bytes are too long, at most {MAX_CHAIN_LEN} can be sent")
            }
            Self::KeyMismatch => f.write_str("key is not that of the client certificate"),
        }
    }
}

impl core::error::Error for IdentityError {}

//! Keys in memory, and their forms: SEC1 (RFC 5915), PKCS#8 (RFC 5958), PEM (RFC 7468).

use core::fmt;

use p256::{
    ecdsa::{SigningKey, signature::Signer as _},
    elliptic_curve::zeroize::Zeroizing,
};

use super::{MAX_SIGNATURE_LEN, SignFailed, SignatureScheme, Signer, put};
use crate::tls::{
    pem::{self, PemError},
    verify::der::{self, Reader},
};

/// The longest key we read, in DER: room for a P-256 key with its public key and some attributes.
const MAX_KEY_LEN: usize = 256;

/// Why a private key could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum KeyError {
    /// The text is not right, or has no private key.
    Pem(PemError),
    /// Not DER, not a private key, out of range, or its public half is another key's.
    Malformed,
    /// A key of another kind: RSA, another curve, or not the one asked for.
    Unsupported,
    /// The key is encrypted with a password. Decrypt it where it comes from: `openssl pkey -in KEY`.
    Encrypted,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pem(error) => error.fmt(f),
            Self::Malformed => f.write_str("private key is malformed"),
            Self::Unsupported => f.write_str("private key is of a kind that is not supported"),
            Self::Encrypted => f.write_str("private key is encrypted"),
        }
    }
}

impl core::error::Error for KeyError {}

/// The object identifiers of RFC 5480 §2.1.1 and RFC 8410 §3, as they stand in an AlgorithmIdentifier.
const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const SECP256R1: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

/// What a file says a key is. Nothing of it is checked against anything yet.
struct Parts<'a> {
    is_ed25519: bool,
    secret: &'a [u8],
    public: Option<&'a [u8]>,
}

impl<'a> Parts<'a> {
    /// Reads SEC1 or PKCS#8, whichever it is.
    fn read(key: &'a [u8]) -> Result<Self, KeyError> {
        let mut fields = Reader::new(der::only(key, der::SEQUENCE).ok_or(KeyError::Malformed)?);
        let version = fields.expect(der::INTEGER).ok_or(KeyError::Malformed)?;
        match (version, fields.peek()) {
            ([1], Some(der::OCTET_STRING)) => read_sec1(fields, true),
            ([0 | 1], Some(der::SEQUENCE)) => read_pkcs8(fields),
            ([0], Some(der::INTEGER)) => Err(KeyError::Unsupported), // PKCS#1: an RSA key
            _ => Err(KeyError::Malformed),
        }
    }

    /// The secret and the public key in it if it is `is_ed25519` as said.
    fn of_kind(key: &'a [u8], is_ed25519: bool) -> Result<([u8; 32], Option<&'a [u8]>), KeyError> {
        let parts = Self::read(key)?;
        if parts.is_ed25519 != is_ed25519 {
            return Err(KeyError::Unsupported);
        }
        Ok((parts.secret.try_into().map_err(|_| KeyError::Malformed)?, parts.public))
    }
}

/// The rest of an ECPrivateKey, behind its version (RFC 5915 §3). Inside PKCS#8 the curve may be left out.
fn read_sec1(mut fields: Reader<'_>, needs_curve: bool) -> Result<Parts<'_>, KeyError> {
    let mut read = || {
        let secret = fields.expect(der::OCTET_STRING)?;
        let curve = fields.optional(der::context(0))?;
        let public = match fields.optional(der::context(1))? {
            Some(public) => Some(der::octets_of_bit_string(der::only(public, der::BIT_STRING)?)?),
            None => None,
        };
        fields.is_empty().then_some((secret, curve, public))
    };
    let (secret, curve, public) = read().ok_or(KeyError::Malformed)?;
    match curve.map(|curve| der::only(curve, der::OID)) {
        Some(Some(SECP256R1)) => {}
        None if !needs_curve => {}
        // Another curve, or one that is spelled out.
        _ => return Err(KeyError::Unsupported),
    }
    Ok(Parts { is_ed25519: false, secret, public })
}

/// The rest of a OneAsymmetricKey, behind its version (RFC 5958 §2).
fn read_pkcs8(mut fields: Reader<'_>) -> Result<Parts<'_>, KeyError> {
    let mut read = || {
        let algorithm = fields.expect(der::SEQUENCE)?;
        let key = fields.expect(der::OCTET_STRING)?;
        fields.optional(der::context(0))?; // attributes
        // [1] IMPLICIT BIT STRING; some write it with a BIT STRING inside.
        let public = match (fields.optional(0x81)?, fields.optional(der::context(1))?) {
            (Some(bits), None) => Some(der::octets_of_bit_string(bits)?),
            (None, Some(value)) => Some(der::octets_of_bit_string(der::only(value, der::BIT_STRING)?)?),
            (None, None) => None,
            (Some(_), Some(_)) => return None,
        };
        fields.is_empty().then_some((algorithm, key, public))
    };
    let (algorithm, key, public) = read().ok_or(KeyError::Malformed)?;
    let mut algorithm = Reader::new(algorithm);
    match algorithm.expect(der::OID).ok_or(KeyError::Malformed)? {
        EC_PUBLIC_KEY if algorithm.expect(der::OID) == Some(SECP256R1) && algorithm.is_empty() => {
            let mut inner = Reader::new(der::only(key, der::SEQUENCE).ok_or(KeyError::Malformed)?);
            if inner.expect(der::INTEGER) != Some(&[1]) {
                return Err(KeyError::Malformed);
            }
            let parts = read_sec1(inner, false)?;
            match (parts.public, public) {
                (Some(inner), Some(outer)) if inner != outer => Err(KeyError::Malformed),
                (inner, outer) => Ok(Parts { public: inner.or(outer), ..parts }),
            }
        }
        ED25519 if algorithm.is_empty() => {
            let secret = der::only(key, der::OCTET_STRING).ok_or(KeyError::Malformed)?;
            Ok(Parts { is_ed25519: true, secret, public })
        }
        _ => Err(KeyError::Unsupported),
    }
}

/// Decodes the first private key in a text, and has it read.
fn from_pem<K>(text: &[u8], from_der: impl FnOnce(&[u8]) -> Result<K, KeyError>) -> Result<K, KeyError> {
    let mut buffer = Zeroizing::new([0; MAX_KEY_LEN]);
    for block in pem::blocks(text) {
        let block = block.map_err(KeyError::Pem)?;
        match block.label() {
            pem::PRIVATE_KEY | pem::EC_PRIVATE_KEY => {
                let der = block.decode(&mut *buffer).map_err(|error| match error {
                    PemError::BufferTooSmall { .. } => KeyError::Unsupported,
                    // The fields of RFC 1421, such as `Proc-Type: 4,ENCRYPTED`, are no base64.
                    error => KeyError::Pem(error),
                })?;
                return from_der(der);
            }
            "ENCRYPTED PRIVATE KEY" => return Err(KeyError::Encrypted),
            "RSA PRIVATE KEY" | "DSA PRIVATE KEY" => return Err(KeyError::Unsupported),
            _ => {} // a certificate, parameters of a curve
        }
    }
    Err(KeyError::Pem(PemError::NotFound))
}

/// An ECDSA key on P-256, in memory (about 100 bytes). It signs in constant time, without random numbers (RFC 6979), and
/// is overwritten when it is dropped.
pub struct P256Key(SigningKey);

impl P256Key {
    /// The key whose secret number this is, 32 bytes, the highest first.
    ///
    /// # Errors
    /// [`KeyError::Malformed`] if it is zero or not below the order of the group.
    pub fn from_bytes(secret: &[u8; 32]) -> Result<Self, KeyError> {
        SigningKey::from_slice(secret).map(Self).map_err(|_| KeyError::Malformed)
    }

    /// Reads SEC1 or PKCS#8 in DER.
    ///
    /// # Errors
    /// [`KeyError::Unsupported`] for other kinds of keys; [`KeyError::Malformed`].
    pub fn from_der(der: &[u8]) -> Result<Self, KeyError> {
        let (secret, public) = Parts::of_kind(der, false)?;
        let key = Self::from_bytes(&Zeroizing::new(secret))?;
        if public.is_some_and(|public| !key.is_key_of(public)) { Err(KeyError::Malformed) } else { Ok(key) }
    }

    /// Reads the first private key in a PEM text, SEC1 (`EC PRIVATE KEY`) or PKCS#8 (`PRIVATE KEY`).
    ///
    /// # Errors
    /// As [`from_der`](Self::from_der); [`KeyError::Pem`], [`KeyError::Encrypted`].
    pub fn from_pem(text: &[u8]) -> Result<Self, KeyError> {
        from_pem(text, Self::from_der)
    }
}

impl Signer for P256Key {
    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::EcdsaSecp256r1Sha256
    }

    fn sign(&self, message: &[u8], signature: &mut [u8; MAX_SIGNATURE_LEN]) -> Result<usize, SignFailed> {
        let made: p256::ecdsa::Signature = self.0.try_sign(message).map_err(|_| SignFailed)?;
        put(made.to_der().as_bytes(), signature)
    }

    fn is_key_of(&self, public_key: &[u8]) -> bool {
        let key = self.0.verifying_key();
        key.to_encoded_point(false).as_bytes() == public_key || key.to_encoded_point(true).as_bytes() == public_key
    }
}

/// An Ed25519 key, in memory (about 220 bytes). It signs in constant time and is overwritten when it is dropped.
pub struct Ed25519Key(ed25519_dalek::SigningKey);

impl Ed25519Key {
    /// The key of this secret, 32 random bytes (RFC 8032 §5.1.5).
    #[must_use]
    pub fn from_bytes(secret: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(secret))
    }

    /// Reads PKCS#8 in DER (RFC 8410 §7), with or without the public key in it.
    ///
    /// # Errors
    /// [`KeyError::Unsupported`] for other kinds of keys; [`KeyError::Malformed`].
    pub fn from_der(der: &[u8]) -> Result<Self, KeyError> {
        let (secret, public) = Parts::of_kind(der, true)?;
        let key = Self::from_bytes(&Zeroizing::new(secret));
        if public.is_some_and(|public| !key.is_key_of(public)) { Err(KeyError::Malformed) } else { Ok(key) }
    }

    /// Reads the first private key in a PEM text, `PRIVATE KEY`.
    ///
    /// # Errors
    /// As [`from_der`](Self::from_der); [`KeyError::Pem`], [`KeyError::Encrypted`].
    pub fn from_pem(text: &[u8]) -> Result<Self, KeyError> {
        from_pem(text, Self::from_der)
    }
}

impl Signer for Ed25519Key {
    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::Ed25519
    }

    fn sign(&self, message: &[u8], signature: &mut [u8; MAX_SIGNATURE_LEN]) -> Result<usize, SignFailed> {
        let made = self.0.try_sign(message).map_err(|_| SignFailed)?;
        put(&made.to_bytes(), signature)
    }

    fn is_key_of(&self, public_key: &[u8]) -> bool {
        self.0.verifying_key().as_bytes() == public_key
    }
}

/// A key of either kind, for programs that learn at run time which one they have. Who knows it names [`P256Key`] (6 KB of
/// flash on a Cortex-M0+, in a program that verifies servers anyway) or [`Ed25519Key`] (9 KB), and saves the other.
#[derive(Debug)]
#[non_exhaustive]
pub enum PrivateKey {
    /// ECDSA on P-256.
    P256(P256Key),
    /// Ed25519.
    Ed25519(Ed25519Key),
}

impl PrivateKey {
    /// Reads SEC1 or PKCS#8 in DER.
    ///
    /// # Errors
    /// [`KeyError::Unsupported`] for RSA and other curves; [`KeyError::Malformed`].
    pub fn from_der(der: &[u8]) -> Result<Self, KeyError> {
        match Parts::read(der)?.is_ed25519 {
            true => Ed25519Key::from_der(der).map(Self::Ed25519),
            false => P256Key::from_der(der).map(Self::P256),
        }
    }

    /// Reads the first private key in a PEM text, SEC1 (`EC PRIVATE KEY`) or PKCS#8 (`PRIVATE KEY`).
    ///
    /// # Errors
    /// As [`from_der`](Self::from_der); [`KeyError::Pem`], [`KeyError::Encrypted`].
    pub fn from_pem(text: &[u8]) -> Result<Self, KeyError> {
        from_pem(text, Self::from_der)
    }

    fn signer(&self) -> &dyn Signer {
        match self {
            Self::P256(key) => key,
            Self::Ed25519(key) => key,
        }
    }
}

impl Signer for PrivateKey {
    fn scheme(&self) -> SignatureScheme {
        self.signer().scheme()
    }

    fn sign(&self, message: &[u8], signature: &mut [u8; MAX_SIGNATURE_LEN]) -> Result<usize, SignFailed> {
        self.signer().sign(message, signature)
    }

    fn is_key_of(&self, public_key: &[u8]) -> bool {
        self.signer().is_key_of(public_key)
    }
}

impl fmt::Debug for P256Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("P256Key").finish_non_exhaustive()
    }
}

impl fmt::Debug for Ed25519Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ed25519Key").finish_non_exhaustive()
    }
}

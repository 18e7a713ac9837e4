//! The server's proof that it owns the key in its certificate: CertificateVerify (RFC 8446 §4.4.3).

use core::fmt;

use rustls_pki_types::{AlgorithmIdentifier, SignatureVerificationAlgorithm, alg_id};

use super::CertificateError;
use super::certificate::{KeyKind, PublicKey};

/// The longest `subjectPublicKey` we keep: RSA with 4096 bits and a four-octet exponent.
const MAX_KEY_LEN: usize = 528;

/// The public key of a verified server, copied out of its certificate (about 540 bytes).
///
/// The certificates of a handshake are gone when the signature over it arrives; this is what has to be kept. It comes
/// from [`Verified::leaf_key`](super::Verified::leaf_key) only.
#[derive(Clone, PartialEq, Eq)]
pub struct LeafKey {
    kind: KeyKind,
    len: u16,
    octets: [u8; MAX_KEY_LEN],
}

impl LeafKey {
    pub(super) fn new(key: PublicKey<'_>) -> Result<Self, CertificateError> {
        let mut octets = [0; MAX_KEY_LEN];
        // No key that `PublicKey` lets through is longer.
        octets.get_mut(..key.octets.len()).ok_or(CertificateError::Malformed)?.copy_from_slice(key.octets);
        Ok(Self { kind: key.kind, len: key.octets.len() as u16, octets })
    }

    /// The kind of key.
    #[must_use]
    pub const fn kind(&self) -> KeyKind {
        self.kind
    }

    fn octets(&self) -> &[u8] {
        self.octets.get(..usize::from(self.len)).unwrap_or(&[])
    }
}

impl fmt::Debug for LeafKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeafKey").field("kind", &self.kind).field("len", &self.len).finish_non_exhaustive()
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for LeafKey {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "LeafKey({}, {} bytes)", self.kind, self.len);
    }
}

/// Checks the signature in the server's CertificateVerify message.
///
/// `scheme` is the code point of its SignatureScheme, `transcript_hash` the hash of the handshake up to and with the
/// Certificate message (32 or 48 bytes), `algorithms` usually [`VerifyPolicy`](super::VerifyPolicy)'s. The scheme has to
/// be the one that belongs to the kind of key: P-256 with SHA-256, P-384 with SHA-384, Ed25519, or RSA-PSS with any
/// SHA-2 hash.
///
/// # Errors
/// [`ForbiddenScheme`](CertificateError::ForbiddenScheme) for PKCS#1 v1.5 and SHA-1,
/// [`SchemeMismatch`](CertificateError::SchemeMismatch) for a scheme of another key,
/// [`UnsupportedAlgorithm`](CertificateError::UnsupportedAlgorithm) for one that we or `algorithms` do not know, and
/// [`BadSignature`](CertificateError::BadSignature). All of them end the connection.
pub fn verify_handshake_signature(
    leaf: &LeafKey,
    algorithms: &[&dyn SignatureVerificationAlgorithm],
    scheme: u16,
    transcript_hash: &[u8],
    signature: &[u8],
) -> Result<(), CertificateError> {
    let (kind, key_id, signature_id) = algorithm_of(scheme)?;
    if kind != leaf.kind {
        return Err(CertificateError::SchemeMismatch { scheme });
    }
    let algorithm = algorithms
        .iter()
        .find(|algorithm| {
            algorithm.public_key_alg_id().as_ref() == key_id.as_ref()
                && algorithm.signature_alg_id().as_ref() == signature_id.as_ref()
        })
        .ok_or(CertificateError::UnsupportedAlgorithm)?;

    let mut content = [0x20; CONTENT_LEN + MAX_HASH_LEN];
    let content = signed_content(transcript_hash, &mut content).ok_or(CertificateError::BadSignature)?;
    algorithm.verify_signature(leaf.octets(), content, signature).map_err(|_| CertificateError::BadSignature)
}

/// The longest transcript hash, SHA-384.
const MAX_HASH_LEN: usize = 48;
/// What stands between the 64 spaces and the hash.
const CONTEXT: &[u8] = b"TLS 1.3, server CertificateVerify\0";
/// The content before the hash.
const CONTENT_LEN: usize = 64 + CONTEXT.len();

/// Completes the signed content in a buffer of spaces. `None` if the hash is of no suite of TLS 1.3.
fn signed_content<'b>(hash: &[u8], spaces: &'b mut [u8; CONTENT_LEN + MAX_HASH_LEN]) -> Option<&'b [u8]> {
    if !matches!(hash.len(), 32 | 48) {
        return None;
    }
    let content = spaces.get_mut(..CONTENT_LEN + hash.len())?;
    content.get_mut(64..CONTENT_LEN)?.copy_from_slice(CONTEXT);
    content.get_mut(CONTENT_LEN..)?.copy_from_slice(hash);
    Some(content)
}

/// The key, and the algorithm, that a SignatureScheme stands for (RFC 8446 §4.2.3).
fn algorithm_of(scheme: u16) -> Result<(KeyKind, AlgorithmIdentifier, AlgorithmIdentifier), CertificateError> {
    match scheme {
        0x0403 => Ok((KeyKind::P256, alg_id::ECDSA_P256, alg_id::ECDSA_SHA256)),
        0x0503 => Ok((KeyKind::P384, alg_id::ECDSA_P384, alg_id::ECDSA_SHA384)),
        0x0804 => Ok((KeyKind::Rsa, alg_id::RSA_ENCRYPTION, alg_id::RSA_PSS_SHA256)),
        0x0805 => Ok((KeyKind::Rsa, alg_id::RSA_ENCRYPTION, alg_id::RSA_PSS_SHA384)),
        0x0806 => Ok((KeyKind::Rsa, alg_id::RSA_ENCRYPTION, alg_id::RSA_PSS_SHA512)),
        0x0807 => Ok((KeyKind::Ed25519, alg_id::ED25519, alg_id::ED25519)),
        // rsa_pkcs1_sha1, ecdsa_sha1, dsa_sha1; rsa_pkcs1_sha256, _sha384, _sha512.
        0x0201..=0x0203 | 0x0401 | 0x0501 | 0x0601 => Err(CertificateError::ForbiddenScheme { scheme }),
        _ => Err(CertificateError::UnsupportedAlgorithm),
    }
}

//! Groups for key exchange (RFC 8446 §4.2.7, §4.2.8.2).

use core::fmt;

use p256::elliptic_curve::sec1::ToEncodedPoint;
use zeroize::Zeroizing;

use crate::tls::TlsError;

/// The longest key share, in bytes: an uncompressed point of P-256.
pub const MAX_SHARE_LEN: usize = 65;
/// The length of a private key, and of a shared secret, in bytes.
pub const PRIVATE_LEN: usize = 32;

/// A group for (elliptic curve) Diffie-Hellman.
///
/// A chip with an engine of its own, or a secure element, fills this trait, and names the object in
/// [`Crypto`](super::Crypto).
pub trait Group: Sync {
    /// The code point (RFC 8446 §4.2.7).
    fn code(&self) -> u16;
    /// The name that IANA registers.
    fn name(&self) -> &'static str;
    /// The length of a key share in bytes, at most [`MAX_SHARE_LEN`].
    fn share_len(&self) -> usize;
    /// Makes a key pair: a private key out of random bytes, and its share, which has [`share_len`](Self::share_len)
    /// bytes.
    ///
    /// # Errors
    /// What `random` says; [`TlsError::Random`] if no key came of it.
    fn generate(
        &self,
        random: &mut dyn FnMut(&mut [u8]) -> Result<(), TlsError>,
        private: &mut [u8; PRIVATE_LEN],
        share: &mut [u8],
    ) -> Result<(), TlsError>;
    /// The secret that our private key and the peer's share make. `None` if the share is none of this group, or the
    /// secret is zero (RFC 8446 §7.4.2): that refuses the server.
    fn agree(&self, private: &[u8; PRIVATE_LEN], share: &[u8]) -> Option<Zeroizing<[u8; 32]>>;
}

/// X25519 (RFC 7748): the fastest, and the smallest.
pub const X25519: &dyn Group = &Curve25519;
/// P-256 (FIPS 186-5), `secp256r1`: what every server of TLS 1.3 must have (RFC 8446 §9.1).
pub const SECP256R1: &dyn Group = &NistP256;

struct Curve25519;
struct NistP256;

impl Group for Curve25519 {
    fn code(&self) -> u16 {
        0x001d
    }

    fn name(&self) -> &'static str {
        "x25519"
    }

    fn share_len(&self) -> usize {
        32
    }

    fn generate(
        &self,
        random: &mut dyn FnMut(&mut [u8]) -> Result<(), TlsError>,
        private: &mut [u8; PRIVATE_LEN],
        share: &mut [u8],
    ) -> Result<(), TlsError> {
        random(private)?;
        // The ladder, and not the multiplication by the base point of Edwards: its tables are large.
        let public = x25519_dalek::x25519(*private, x25519_dalek::X25519_BASEPOINT_BYTES);
        *share.first_chunk_mut().ok_or(TlsError::Engine)? = public;
        Ok(())
    }

    fn agree(&self, private: &[u8; PRIVATE_LEN], share: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
        let secret = Zeroizing::new(x25519_dalek::x25519(*private, share.try_into().ok()?));
        let is_zero: bool = subtle::ConstantTimeEq::ct_eq(&secret[..], &[0; 32]).into();
        (!is_zero).then_some(secret)
    }
}

impl Group for NistP256 {
    fn code(&self) -> u16 {
        0x0017
    }

    fn name(&self) -> &'static str {
        "secp256r1"
    }

    fn share_len(&self) -> usize {
        MAX_SHARE_LEN
    }

    fn generate(
        &self,
        random: &mut dyn FnMut(&mut [u8]) -> Result<(), TlsError>,
        private: &mut [u8; PRIVATE_LEN],
        share: &mut [u8],
    ) -> Result<(), TlsError> {
        // One number in 2^32 is zero or not below the order. A generator that makes four of them is broken.
        for _ in 0..4 {
            random(private)?;
            if let Ok(secret) = p256::SecretKey::from_slice(private) {
                let point = secret.public_key().to_encoded_point(false);
                *share.first_chunk_mut().ok_or(TlsError::Engine)? =
                    <[u8; MAX_SHARE_LEN]>::try_from(point.as_bytes()).map_err(|_| TlsError::Engine)?;
                return Ok(());
            }
        }
        Err(TlsError::Random)
    }

    fn agree(&self, private: &[u8; PRIVATE_LEN], share: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
        // Uncompressed points only (RFC 8446 §4.2.8.2); that it lies on the curve is checked.
        let [4, ..] = share else { return None };
        let theirs = p256::PublicKey::from_sec1_bytes(share).ok()?;
        let ours = p256::SecretKey::from_slice(private).ok()?;
        let secret = p256::ecdh::diffie_hellman(ours.to_nonzero_scalar(), theirs.as_affine());
        Some(Zeroizing::new((*secret.raw_secret_bytes()).into()))
    }
}

impl fmt::Debug for dyn Group + '_ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

//! RSA signatures, RSASSA-PKCS1-v1_5 and RSASSA-PSS (RFC 8017 §8), for moduli of 2048 to 4096 bits.
//!
//! Verification raises the signature to the public exponent and compares the result with the encoded message it must
//! be. Keys and encodings are here, the power is next door.

use core::fmt;
use core::marker::PhantomData;

use rustls_pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id};
use sha2::{Sha256, Sha384, Sha512};

use super::power::{MAX_LEN, power};
use super::{Hash, write_all};
use crate::tls::verify::der::{self, Reader};
use crate::tls::verify::limits::{MAX_RSA_BITS, MIN_RSA_BITS};

/// PKCS#1 v1.5 with SHA-256: certificates only, TLS 1.3 forbids it for handshakes.
pub static RSA_PKCS1_SHA256: &dyn SignatureVerificationAlgorithm = &Pkcs1::<Sha256>(PhantomData);
/// PKCS#1 v1.5 with SHA-384: certificates only.
pub static RSA_PKCS1_SHA384: &dyn SignatureVerificationAlgorithm = &Pkcs1::<Sha384>(PhantomData);
/// PKCS#1 v1.5 with SHA-512: certificates only.
pub static RSA_PKCS1_SHA512: &dyn SignatureVerificationAlgorithm = &Pkcs1::<Sha512>(PhantomData);
/// PSS with SHA-256, and TLS scheme `rsa_pss_rsae_sha256`.
pub static RSA_PSS_SHA256: &dyn SignatureVerificationAlgorithm = &Pss::<Sha256>(PhantomData);
/// PSS with SHA-384, and TLS scheme `rsa_pss_rsae_sha384`.
pub static RSA_PSS_SHA384: &dyn SignatureVerificationAlgorithm = &Pss::<Sha384>(PhantomData);
/// PSS with SHA-512, and TLS scheme `rsa_pss_rsae_sha512`.
pub static RSA_PSS_SHA512: &dyn SignatureVerificationAlgorithm = &Pss::<Sha512>(PhantomData);

struct Pkcs1<H>(PhantomData<fn() -> H>);

impl<H: Hash> SignatureVerificationAlgorithm for Pkcs1<H> {
    fn verify_signature(&self, public_key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        let mut block = [0; MAX_LEN];
        let encoded = recover(public_key, signature, &mut block).ok_or(InvalidSignature)?;
        if is_pkcs1::<H>(encoded, &H::digest(message)) { Ok(()) } else { Err(InvalidSignature) }
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::RSA_ENCRYPTION
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        H::PKCS1
    }
}

impl<H: Hash> fmt::Debug for Pkcs1<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_all(f, &["RSA PKCS#1 v1.5 ", H::NAME])
    }
}

struct Pss<H>(PhantomData<fn() -> H>);

impl<H: Hash> SignatureVerificationAlgorithm for Pss<H> {
    fn verify_signature(&self, public_key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        let mut block = [0; MAX_LEN];
        let encoded = recover(public_key, signature, &mut block).ok_or(InvalidSignature)?;
        if is_pss::<H>(encoded, &H::digest(message)) { Ok(()) } else { Err(InvalidSignature) }
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::RSA_ENCRYPTION
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        H::PSS
    }
}

impl<H: Hash> fmt::Debug for Pss<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_all(f, &["RSA PSS ", H::NAME])
    }
}

/// The largest public exponent.
const MAX_EXPONENT: u32 = 65_537;

/// An `RSAPublicKey` (RFC 8017 §A.1.1): modulus and public exponent, big-endian, without leading zeros.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RsaPublicKey<'a> {
    modulus: &'a [u8],
    exponent: &'a [u8],
}

impl<'a> RsaPublicKey<'a> {
    /// Reads the DER encoding; any size.
    pub(crate) fn parse(der: &'a [u8]) -> Option<Self> {
        let mut fields = Reader::new(der::only(der, der::SEQUENCE)?);
        let modulus = der::unsigned(fields.expect(der::INTEGER)?)?;
        let exponent = der::unsigned(fields.expect(der::INTEGER)?)?;
        if fields.is_empty() { Some(Self { modulus, exponent }) } else { None }
    }

    /// The size of the modulus in bits; 65,535 for anything larger.
    pub(crate) fn bits(&self) -> u16 {
        let unused = self.modulus.first().map_or(0, |first| first.leading_zeros() as usize);
        u16::try_from(self.modulus.len() * 8 - unused).unwrap_or(u16::MAX)
    }

    /// The public exponent, if it is one of those in use.
    ///
    /// It is odd and above 1 (RFC 8017 §3.1). FIPS 186-5 §A.1.1 and NIST SP 800-56B §6.2 want more than 65,536, and the
    /// Baseline Requirements of the CA/Browser Forum, §6.1.6, advise that: 65,537 is what everybody takes. Older roots have
    /// 3, and 17, 35 and 257 occur. A larger one, or one of more ones, only makes the check dearer: none that takes more
    /// multiplications than 65,537.
    fn exponent(&self) -> Option<u32> {
        let mut octets = [0; 4];
        octets.get_mut(4usize.checked_sub(self.exponent.len())?..)?.copy_from_slice(self.exponent);
        let exponent = u32::from_be_bytes(octets);
        let is_odd = exponent >= 3 && exponent & 1 == 1;
        if is_odd && exponent.ilog2() + exponent.count_ones() <= MAX_EXPONENT.ilog2() + MAX_EXPONENT.count_ones() {
            Some(exponent).filter(|exponent| *exponent <= MAX_EXPONENT)
        } else {
            None
        }
    }

    /// Size, exponent and parity are what the functions below can work with.
    pub(crate) fn is_usable(&self) -> bool {
        let is_odd = self.modulus.last().is_some_and(|last| last & 1 == 1);
        let bits = self.bits();
        (MIN_RSA_BITS..=MAX_RSA_BITS).contains(&bits) && bits.is_multiple_of(8) && is_odd && self.exponent().is_some()
    }
}

/// Signature to the power of the exponent modulo the modulus, as many octets as the modulus has (RFC 8017 §5.2.2).
/// `None` if the key is not usable or the signature not in range.
fn recover<'b>(public_key: &[u8], signature: &[u8], block: &'b mut [u8; MAX_LEN]) -> Option<&'b mut [u8]> {
    let key = RsaPublicKey::parse(public_key)?;
    let exponent = key.exponent()?;
    if !key.is_usable() || signature.len() != key.modulus.len() || signature >= key.modulus {
        return None;
    }
    let block = block.get_mut(..signature.len())?;
    power(signature, exponent, key.modulus, block);
    Some(block)
}

/// `encoded` is `00 01 ff…ff 00 DigestInfo hash` (RFC 8017 §9.2), octet for octet; nothing in it is parsed.
fn is_pkcs1<H: Hash>(encoded: &[u8], hash: &[u8]) -> bool {
    let tail = H::DIGEST_INFO.len() + hash.len();
    let Some((head, tail)) = encoded.len().checked_sub(tail).and_then(|at| encoded.split_at_checked(at)) else {
        return false;
    };
    // With 2048 bits and more there is always room for far more than the eight octets of padding needed.
    let [0x00, 0x01, padding @ .., 0x00] = head else { return false };
    let Some((digest_info, recovered)) = tail.split_at_checked(H::DIGEST_INFO.len()) else { return false };
    padding.iter().all(|octet| *octet == 0xff) && digest_info == H::DIGEST_INFO && recovered == hash
}

/// `encoded` is an EMSA-PSS encoding of `hash` with a salt as long as the hash (RFC 8017 §9.1.2). Works in place. The
/// modulus has a multiple of eight bits, so the encoding has one bit less than `encoded`.
fn is_pss<H: Hash>(encoded: &mut [u8], hash: &[u8]) -> bool {
    let Some((0xbc, encoded)) = encoded.split_last_mut() else { return false };
    let Some(at) = encoded.len().checked_sub(hash.len()) else { return false };
    let Some((block, masked_hash)) = encoded.split_at_mut_checked(at) else { return false };
    if block.first().is_none_or(|first| first & 0x80 != 0) {
        return false;
    }
    for (counter, part) in (0u32..).zip(block.chunks_mut(hash.len())) {
        let mask = H::new().chain_update(&*masked_hash).chain_update(counter.to_be_bytes()).finalize();
        for (octet, mask) in part.iter_mut().zip(mask) {
            *octet ^= mask;
        }
    }
    if let Some(first) = block.first_mut() {
        *first &= 0x7f;
    }
    let Some(at) = block.len().checked_sub(hash.len()) else { return false };
    let Some((padding, salt)) = block.split_at_checked(at) else { return false };
    let Some((0x01, zeros)) = padding.split_last() else { return false };
    let expected = H::new().chain_update([0; 8]).chain_update(hash).chain_update(salt).finalize();
    zeros.iter().all(|octet| *octet == 0) && *masked_hash == *expected
}

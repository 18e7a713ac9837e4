//! RSA signatures, RSASSA-PKCS1-v1_5 and RSASSA-PSS (RFC 8017 §8), for moduli of 2048 to 4096 bits.
//!
//! Verification raises the signature to the public exponent and compares the result with the encoded message it must
//! be. The arithmetic on large numbers is crypto-bigint's; here is the order of its steps. About 4 KB of stack for a
//! 4096-bit key, 2 KB for a 2048-bit one.

use core::fmt;
use core::marker::PhantomData;

use crypto_bigint::modular::montgomery_reduction;
use crypto_bigint::{Limb, U2048, U3072, U4096, Uint, Word};
use rustls_pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id};
use sha2::{Sha256, Sha384, Sha512};

use super::Hash;
use crate::tls::verify::der::{self, Reader};
use crate::tls::verify::{MAX_RSA_BITS, MIN_RSA_BITS};

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
        write!(f, "RSA PKCS#1 v1.5 {}", H::NAME)
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
        write!(f, "RSA PSS {}", H::NAME)
    }
}

/// Octets in the largest modulus.
const MAX_LEN: usize = MAX_RSA_BITS as usize / 8;

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

    /// The public exponent, if it is odd and in 3..2^32.
    fn exponent(&self) -> Option<u32> {
        let mut octets = [0; 4];
        octets.get_mut(4usize.checked_sub(self.exponent.len())?..)?.copy_from_slice(self.exponent);
        let exponent = u32::from_be_bytes(octets);
        if exponent >= 3 && exponent & 1 == 1 { Some(exponent) } else { None }
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
    match key.bits() {
        0..=2048 => power::<{ U2048::LIMBS }>(signature, exponent, key.modulus, block),
        2049..=3072 => power::<{ U3072::LIMBS }>(signature, exponent, key.modulus, block),
        _ => power::<{ U4096::LIMBS }>(signature, exponent, key.modulus, block),
    }
    Some(block)
}

/// Writes `base ^ exponent mod modulus` to `out`. The modulus is odd, has at least two bits and fits in `LIMBS`; the
/// base is smaller than the modulus; the exponent is not zero.
///
/// Numbers are in Montgomery form: x stands as xR mod n, where R is 2 to the number of bits in `LIMBS` limbs.
#[inline(never)]
fn power<const LIMBS: usize>(base: &[u8], exponent: u32, modulus: &[u8], out: &mut [u8]) {
    let modulus: Uint<LIMBS> = number(modulus);
    let reduce = Modulus { n: &modulus, minus_inverse: minus_inverse(modulus.as_limbs()[0].0) };

    // R mod n, from the largest power of two below n. One doubling per bit that is left up to R.
    let mut x = Uint::ONE.shl_vartime(modulus.bits_vartime() - 1);
    for _ in modulus.bits_vartime()..=Uint::<LIMBS>::BITS {
        x = x.add_mod(&x, &modulus);
    }
    // R = 2^(odd * 2^squarings). From 1 in Montgomery form to 2^odd by doubling, then to R by squaring: R² mod n.
    let squarings = Uint::<LIMBS>::BITS.trailing_zeros();
    for _ in 0..Uint::<LIMBS>::BITS >> squarings {
        x = x.add_mod(&x, &modulus);
    }
    for _ in 0..squarings {
        x = reduce.square(&x);
    }

    let base = reduce.multiply(&number(base), &x);
    x = base;
    for bit in (0..exponent.ilog2()).rev() {
        x = reduce.square(&x);
        if exponent >> bit & 1 == 1 {
            x = reduce.multiply(&x, &base);
        }
    }
    x = reduce.leave(&x);

    let limbs = x.as_words();
    for (i, octet) in out.iter_mut().rev().enumerate() {
        let shift = i % LIMB_LEN * 8;
        *octet = limbs.get(i / LIMB_LEN).map_or(0, |limb| (limb >> shift) as u8);
    }
}

/// Montgomery arithmetic for one modulus.
struct Modulus<'a, const LIMBS: usize> {
    n: &'a Uint<LIMBS>,
    minus_inverse: Limb,
}

impl<const LIMBS: usize> Modulus<'_, LIMBS> {
    #[inline(never)]
    fn multiply(&self, a: &Uint<LIMBS>, b: &Uint<LIMBS>) -> Uint<LIMBS> {
        montgomery_reduction(&a.mul_wide(b), self.n, self.minus_inverse)
    }

    #[inline(never)]
    fn square(&self, a: &Uint<LIMBS>) -> Uint<LIMBS> {
        montgomery_reduction(&a.square_wide(), self.n, self.minus_inverse)
    }

    /// Out of Montgomery form.
    fn leave(&self, a: &Uint<LIMBS>) -> Uint<LIMBS> {
        montgomery_reduction(&(*a, Uint::ZERO), self.n, self.minus_inverse)
    }
}

/// Octets in a limb.
const LIMB_LEN: usize = Limb::BYTES;

/// A big-endian number. Octets above the size of the result are dropped; callers have none.
fn number<const LIMBS: usize>(octets: &[u8]) -> Uint<LIMBS> {
    let mut limbs: [Word; LIMBS] = [0; LIMBS];
    for (i, octet) in octets.iter().rev().enumerate() {
        if let Some(limb) = limbs.get_mut(i / LIMB_LEN) {
            *limb |= Word::from(*octet) << (i % LIMB_LEN * 8);
        }
    }
    Uint::from_words(limbs)
}

/// -1/n modulo the limb size, for odd n. An odd number is its own inverse modulo 8, and each of Newton's steps doubles
/// the number of right bits: 3, 6, 12, 24, 48, 96.
fn minus_inverse(n: Word) -> Limb {
    let mut inverse = n;
    for _ in 0..5 {
        inverse = inverse.wrapping_mul((2 as Word).wrapping_sub(n.wrapping_mul(inverse)));
    }
    Limb(inverse.wrapping_neg())
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

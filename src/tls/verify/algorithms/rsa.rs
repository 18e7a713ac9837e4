//! RSA signatures, RSASSA-PKCS1-v1_5 and RSASSA-PSS (RFC 8017 §8), for moduli of 2048 to 4096 bits.
//!
//! Verification raises the signature to the public exponent and compares the result with the encoded message it must
//! be. The arithmetic works on slices of limbs that are as long as the modulus: one copy of the code for every size, and
//! less than 4 KB of stack, where a type per size would take three copies and three times the stack.

use core::fmt;
use core::marker::PhantomData;
use core::mem::swap;

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
    power(signature, exponent, key.modulus, block);
    Some(block)
}

/// Limbs in the largest modulus.
const MAX_LIMBS: usize = MAX_LEN.div_ceil(4);

/// Writes `base ^ exponent mod modulus` to `out`. Modulus, base and `out` have the same length, at most [`MAX_LEN`]; the
/// modulus is odd and its first octet at least 0x80; the base is smaller than the modulus; the exponent is not zero.
///
/// Numbers are in Montgomery form: x stands as xR mod n, where R = 2^(32 * limbs).
#[inline(never)]
fn power(base: &[u8], exponent: u32, modulus: &[u8], out: &mut [u8]) {
    let mut limbs = [[0; MAX_LIMBS]; 4];
    let len = modulus.len().div_ceil(4).min(MAX_LIMBS);
    let [n, base_limbs, x, product] = limbs.each_mut().map(|limbs| &mut limbs[..len]);
    let (mut x, mut product) = (x, product);
    read(modulus, n);
    read(base, base_limbs);
    let n = Modulus { n, minus_inverse: minus_inverse(n[0]) };

    // R mod n, from the largest power of two below n. One doubling per bit that is left up to R.
    let bits = modulus.len() * 8;
    x[len - 1] = 1 << ((bits - 1) % 32);
    for _ in bits..=len * 32 {
        n.double(x);
    }
    // R = 2^(odd * 2^squarings). From 1 in Montgomery form to 2^odd by doubling, then to R by squaring: R^2 mod n.
    let squarings = (len * 32).trailing_zeros();
    for _ in 0..(len * 32) >> squarings {
        n.double(x);
    }
    for _ in 0..squarings {
        n.multiply(x, x, product);
        swap(&mut x, &mut product);
    }

    // The base into Montgomery form; then the exponent, its highest bit being done, bit by bit.
    n.multiply(base_limbs, x, product);
    base_limbs.copy_from_slice(product);
    x.copy_from_slice(product);
    for bit in (0..exponent.ilog2()).rev() {
        n.multiply(x, x, product);
        swap(&mut x, &mut product);
        if exponent >> bit & 1 == 1 {
            n.multiply(x, base_limbs, product);
            swap(&mut x, &mut product);
        }
    }

    // Out of Montgomery form: times 1.
    base_limbs.fill(0);
    base_limbs[0] = 1;
    n.multiply(x, base_limbs, product);
    write(product, out);
}

/// An odd modulus, its lowest limb first.
struct Modulus<'a> {
    n: &'a [u32],
    /// -1/n modulo 2^32.
    minus_inverse: u32,
}

impl Modulus<'_> {
    /// `product = a * b / R mod n`, for a and b below n (Montgomery's method, one limb of b at a time).
    #[inline(never)]
    fn multiply(&self, a: &[u32], b: &[u32], product: &mut [u32]) {
        product.fill(0);
        let mut above = 0; // the limb above the product
        for b in b {
            // Add a * b, and as many times n as makes the lowest limb zero; then drop that limb. A product of two limbs
            // has room for two more limbs on top, so that neither sum overflows.
            let mut first = wide(a[0], *b) + u64::from(product[0]);
            let times = low(first).wrapping_mul(self.minus_inverse);
            let mut second = wide(self.n[0], times) + u64::from(low(first));
            for i in 1..self.n.len() {
                first = wide(a[i], *b) + u64::from(product[i]) + (first >> 32);
                second = wide(self.n[i], times) + u64::from(low(first)) + (second >> 32);
                product[i - 1] = low(second);
            }
            let sum = above + (first >> 32) + (second >> 32);
            product[self.n.len() - 1] = low(sum);
            above = sum >> 32;
        }
        self.reduce(above != 0, product);
    }

    /// `x = 2x mod n`, for x below n.
    fn double(&self, x: &mut [u32]) {
        let mut carry = 0;
        for limb in &mut *x {
            (*limb, carry) = (*limb << 1 | carry, *limb >> 31);
        }
        self.reduce(carry != 0, x);
    }

    /// Takes n off a number below 2n; `has_carry` stands for the bit above `x`.
    fn reduce(&self, has_carry: bool, x: &mut [u32]) {
        if !has_carry && x.iter().rev().lt(self.n.iter().rev()) {
            return;
        }
        let mut borrow = false;
        for (limb, n) in x.iter_mut().zip(self.n) {
            (*limb, borrow) = limb.borrowing_sub(*n, borrow);
        }
    }
}

/// The product of two limbs.
fn wide(a: u32, b: u32) -> u64 {
    // Cortex-M0 and M0+, the ARM cores without compare-and-swap, multiply to 32 bits only: four halves are faster there
    // than a call of the run-time library.
    if cfg!(all(target_arch = "arm", not(target_has_atomic = "32"))) {
        wide_by_halves(a, b)
    } else {
        u64::from(a) * u64::from(b)
    }
}

fn wide_by_halves(a: u32, b: u32) -> u64 {
    let (a_high, a_low, b_high, b_low) = (a >> 16, a & 0xffff, b >> 16, b & 0xffff);
    let middle = u64::from(a_high * b_low) + u64::from(a_low * b_high);
    (u64::from(a_high * b_high) << 32) + (middle << 16) + u64::from(a_low * b_low)
}

/// The lower half.
fn low(sum: u64) -> u32 {
    sum as u32
}

/// -1/n modulo 2^32, for odd n. An odd number is its own inverse modulo 8, and each of Newton's steps doubles the number
/// of right bits: 3, 6, 12, 24, 48.
fn minus_inverse(n: u32) -> u32 {
    let mut inverse = n;
    for _ in 0..4 {
        inverse = inverse.wrapping_mul(2u32.wrapping_sub(n.wrapping_mul(inverse)));
    }
    inverse.wrapping_neg()
}

/// A big-endian number to limbs, the lowest first.
fn read(octets: &[u8], limbs: &mut [u32]) {
    for (limb, octets) in limbs.iter_mut().zip(octets.rchunks(4)) {
        *limb = octets.iter().fold(0, |limb, octet| limb << 8 | u32::from(*octet));
    }
}

/// Limbs to a big-endian number.
fn write(limbs: &[u32], octets: &mut [u8]) {
    for (limb, octets) in limbs.iter().zip(octets.rchunks_mut(4)) {
        octets.copy_from_slice(&limb.to_be_bytes()[4 - octets.len()..]);
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_of_halves() {
        let limbs = [0, 1, 2, 0xffff, 0x1_0000, 0x1_0001, 0x7fff_ffff, 0x8000_0000, 0xdead_beef, 0xffff_fffe, u32::MAX];
        for a in limbs {
            for b in limbs {
                assert_eq!(wide_by_halves(a, b), u64::from(a) * u64::from(b), "{a:#x} {b:#x}");
            }
        }
    }

    #[test]
    fn inverses() {
        for n in [1, 3, 5, 0xffff, 0x8000_0001, 0xdead_beef, u32::MAX] {
            assert_eq!(n.wrapping_mul(minus_inverse(n)), u32::MAX, "{n:#x}");
        }
    }

    /// 3^7 mod m and m - 1 (which is -1) to an odd power, for a modulus with the largest and the smallest limbs.
    #[test]
    fn foreseeable_powers() {
        for len in [256, 257, 258, 259, 512] {
            let mut modulus = [0xff; MAX_LEN];
            modulus[1..len / 2].fill(0);
            let modulus = &modulus[..len];
            let mut base = [0; MAX_LEN];
            let mut out = [0; MAX_LEN];
            base[len - 1] = 3;
            power(&base[..len], 7, modulus, &mut out[..len]);
            assert_eq!(out[len - 2..len], 2187u16.to_be_bytes());
            assert!(out[..len - 2].iter().all(|octet| *octet == 0));
            let mut minus_one = [0; MAX_LEN];
            minus_one[..len].copy_from_slice(modulus);
            minus_one[len - 1] -= 1;
            power(&minus_one[..len], u32::MAX, modulus, &mut out[..len]);
            assert_eq!(out[..len], minus_one[..len]);
        }
    }
}

//! RSA on the numbers of crypto-bigint: one copy of the code for each of three sizes.

use crypto_bigint::modular::montgomery_reduction;
use crypto_bigint::{Limb, U2048, U3072, U4096, Uint, Word};
use rustls_pki_types::SignatureVerificationAlgorithm;
use sha2::{Sha256, Sha384, Sha512};

use super::{Pkcs1, Power, Pss};

/// PKCS#1 v1.5 with SHA-256: certificates only, TLS 1.3 forbids it for handshakes.
pub static RSA_PKCS1_SHA256: &dyn SignatureVerificationAlgorithm = &Pkcs1::<Sha256, Bigint>::new();
/// PKCS#1 v1.5 with SHA-384: certificates only.
pub static RSA_PKCS1_SHA384: &dyn SignatureVerificationAlgorithm = &Pkcs1::<Sha384, Bigint>::new();
/// PKCS#1 v1.5 with SHA-512: certificates only.
pub static RSA_PKCS1_SHA512: &dyn SignatureVerificationAlgorithm = &Pkcs1::<Sha512, Bigint>::new();
/// PSS with SHA-256, and TLS scheme `rsa_pss_rsae_sha256`.
pub static RSA_PSS_SHA256: &dyn SignatureVerificationAlgorithm = &Pss::<Sha256, Bigint>::new();
/// PSS with SHA-384, and TLS scheme `rsa_pss_rsae_sha384`.
pub static RSA_PSS_SHA384: &dyn SignatureVerificationAlgorithm = &Pss::<Sha384, Bigint>::new();
/// PSS with SHA-512, and TLS scheme `rsa_pss_rsae_sha512`.
pub static RSA_PSS_SHA512: &dyn SignatureVerificationAlgorithm = &Pss::<Sha512, Bigint>::new();

/// The power of crypto-bigint's numbers.
struct Bigint;

impl Power for Bigint {
    const NOTE: &'static str = "";

    fn power(base: &[u8], exponent: u32, modulus: &[u8], out: &mut [u8]) {
        match modulus.len() * 8 {
            0..=2048 => power::<{ U2048::LIMBS }>(base, exponent, modulus, out),
            2049..=3072 => power::<{ U3072::LIMBS }>(base, exponent, modulus, out),
            _ => power::<{ U4096::LIMBS }>(base, exponent, modulus, out),
        }
    }
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

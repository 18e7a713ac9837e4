//! ECDSA on P-256 and P-384 (FIPS 186-5 §6.4.2, SEC 1 §4.1.4), with any of the SHA-2 hashes.

use core::fmt;
use core::marker::PhantomData;

use rustls_pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id};
use sha2::{Sha256, Sha384, Sha512};

use super::curve::{Curve, P256, P384};
use super::limbs::{self, LIMB_LEN};
use super::montgomery::{Field, NonZero};
use super::{Hash, write_all};
use crate::tls::verify::der::{self, Reader};

/// P-256 with SHA-256: most server certificates, and TLS scheme `ecdsa_secp256r1_sha256`.
pub static ECDSA_P256_SHA256: &dyn SignatureVerificationAlgorithm = &p256::<Sha256>();
/// P-256 with SHA-384.
pub static ECDSA_P256_SHA384: &dyn SignatureVerificationAlgorithm = &p256::<Sha384>();
/// P-256 with SHA-512.
pub static ECDSA_P256_SHA512: &dyn SignatureVerificationAlgorithm = &p256::<Sha512>();
/// P-384 with SHA-256.
pub static ECDSA_P384_SHA256: &dyn SignatureVerificationAlgorithm = &p384::<Sha256>();
/// P-384 with SHA-384: most authorities with elliptic curves, and TLS scheme `ecdsa_secp384r1_sha384`.
pub static ECDSA_P384_SHA384: &dyn SignatureVerificationAlgorithm = &p384::<Sha384>();
/// P-384 with SHA-512.
pub static ECDSA_P384_SHA512: &dyn SignatureVerificationAlgorithm = &p384::<Sha512>();

struct Ecdsa<const N: usize, H> {
    curve: &'static Curve<N>,
    key: AlgorithmIdentifier,
    hash: PhantomData<fn() -> H>,
}

const fn p256<H>() -> Ecdsa<8, H> {
    Ecdsa { curve: &P256, key: alg_id::ECDSA_P256, hash: PhantomData }
}

const fn p384<H>() -> Ecdsa<12, H> {
    Ecdsa { curve: &P384, key: alg_id::ECDSA_P384, hash: PhantomData }
}

impl<const N: usize, H: Hash> SignatureVerificationAlgorithm for Ecdsa<N, H> {
    fn verify_signature(&self, public_key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        match is_signature(self.curve, public_key, &H::digest(message), signature) {
            Some(true) => Ok(()),
            Some(false) | None => Err(InvalidSignature),
        }
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.key
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        H::ECDSA
    }
}

impl<const N: usize, H: Hash> fmt::Debug for Ecdsa<N, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_all(f, &["ECDSA ", self.curve.name, " ", H::NAME])
    }
}

/// The signature is one of this hash by this key; `None` if the key or the signature is not one at all.
#[inline(never)]
fn is_signature<const N: usize>(curve: &Curve<N>, public_key: &[u8], hash: &[u8], signature: &[u8]) -> Option<bool> {
    let q = curve.point(public_key)?;
    let (r, s) = parse(&curve.scalars, signature)?;

    let n = &curve.scalars;
    let inverse = n.enter(&n.invert(&s));
    let u1 = n.scale(&inverse, &number(n, hash));
    let u2 = n.scale(&inverse, r.plain());
    let sum = curve.combine(&u1, &u2, &q);
    if sum.is_infinity() {
        return Some(false);
    }

    // Is r the sum's x modulo n? x is below p, and p is less than 2n: it is r, or r + n if that is below p. Compared as
    // x Z² without an inverse.
    let p = &curve.coordinates;
    let z_squared = p.square(&sum.z);
    let is_x = |plain| p.element(plain).is_some_and(|x| p.multiply(&x, &z_squared) == sum.x);
    let mut above = *r.plain();
    let carry = limbs::add(&mut above, n.prime());
    Some(is_x(*r.plain()) || !carry && is_x(above))
}

/// `Ecdsa-Sig-Value` (RFC 3279 §2.2.3): a SEQUENCE of r and s, in DER to the last octet, both above zero and below the
/// order.
fn parse<const N: usize>(scalars: &Field<N>, signature: &[u8]) -> Option<(NonZero<N>, NonZero<N>)> {
    let mut fields = Reader::new(der::only(signature, der::SEQUENCE)?);
    let mut next = || {
        let octets = der::unsigned(fields.expect(der::INTEGER)?)?;
        let mut plain = [0; N];
        if octets.len() > N * LIMB_LEN {
            return None;
        }
        limbs::read(octets, &mut plain);
        scalars.non_zero(plain)
    };
    let numbers = (next()?, next()?);
    if fields.is_empty() { Some(numbers) } else { None }
}

/// A hash as a scalar (FIPS 186-5 §6.4.2, steps 3 and 4): as many bits of it as the order has, its first ones.
fn number<const N: usize>(scalars: &Field<N>, hash: &[u8]) -> [u32; N] {
    let mut plain = [0; N];
    limbs::read(hash.get(..N * LIMB_LEN).unwrap_or(hash), &mut plain);
    scalars.reduce(&mut plain);
    plain
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    /// A number as octets.
    fn octets<const N: usize>(limbs: &[u32; N]) -> Vec<u8> {
        limbs.iter().rev().flat_map(|limb| limb.to_be_bytes()).collect()
    }

    /// Hashes are cut to the order's length and taken modulo the order; no message with such a hash is known.
    #[test]
    fn hashes_as_scalars() {
        let n = &P256.scalars;
        let order = octets(n.prime());
        assert_eq!(number(n, &order), [0; 8]);
        let mut above = *n.prime();
        limbs::add_limb(&mut above, 5);
        assert_eq!(number(n, &octets(&above)), [5, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(number(n, &[&order[..], &[0xff; 32]].concat()), [0; 8]);
        assert_eq!(number(&P384.scalars, &order)[..8], n.prime()[..]);
        assert_eq!(number(&P384.scalars, &order)[8..], [0; 4]);
    }

    /// With a hash of zero u1 is zero, and the sum is u2·Q alone: for r = s it is Q itself.
    #[test]
    fn a_hash_of_zero() {
        let generator = [
            &[4][..],
            &octets(&limbs::hex::<8>("6b17d1f2 e12c4247 f8bce6e5 63a440f2 77037d81 2deb33a0 f4a13945 d898c296")),
            &octets(&limbs::hex::<8>("4fe342e2 fe1a7f9b 8ee7eb4a 7c0f9e16 2bce3357 6b315ece cbb64068 37bf51f5")),
        ]
        .concat();
        let x = &generator[1..33];
        let signature = [&[0x30, 68, 2, 32], x, &[2, 32], x].concat();
        assert_eq!(is_signature(&P256, &generator, &[0; 32], &signature), Some(true));
        assert_eq!(is_signature(&P256, &generator, &octets(P256.scalars.prime()), &signature), Some(true));
        assert_eq!(is_signature(&P256, &generator, &[1; 32], &signature), Some(false));
    }
}

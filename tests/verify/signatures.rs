//! Our algorithms, RustCrypto's and ring's give the same verdict: on honest signatures, on tampered ones, at the
//! borders of every range, on points made to meet in the middle of the sum, and on noise.
//!
//! Signatures and points are made with p256 and p384, which compute in another way, from seeds: a failure repeats.

use p256::elliptic_curve::{
    AffinePoint, CurveArithmetic, Field, FieldBytes, FieldBytesSize, PrimeCurve, PrimeField, ProjectivePoint, Scalar,
    bigint::ArrayEncoding,
    ops::{Invert, Reduce},
    point::DecompressPoint,
    sec1::{FromEncodedPoint, ModulusSize, ToEncodedPoint},
    subtle::Choice,
};
use sha2::{Digest, Sha256, Sha384, Sha512};

use crate::support::algorithms::{Algorithm, Noise, beside, cases, ours, verdict};

/// An INTEGER of a big-endian number, in DER.
fn integer(number: &[u8]) -> Vec<u8> {
    let start = number.iter().position(|octet| *octet != 0).unwrap_or(number.len() - 1);
    let mut contents = number[start..].to_vec();
    if contents[0] >= 0x80 {
        contents.insert(0, 0);
    }
    [&[2, contents.len() as u8], &contents[..]].concat()
}

fn der(r: &[u8], s: &[u8]) -> Vec<u8> {
    let numbers = [integer(r), integer(s)].concat();
    [&[0x30, numbers.len() as u8], &numbers[..]].concat()
}

/// A curve of the crates p256 and p384 with its algorithms for each hash, to make test cases on.
struct Bench<C> {
    hashes: [Vec<Algorithm>; 3],
    noise: Noise,
    curve: core::marker::PhantomData<C>,
}

impl<C> Bench<C>
where
    C: CurveArithmetic + PrimeCurve,
    FieldBytesSize<C>: ModulusSize,
    AffinePoint<C>: FromEncodedPoint<C> + ToEncodedPoint<C> + DecompressPoint<C>,
    Scalar<C>: Reduce<C::Uint, Bytes = FieldBytes<C>>,
{
    fn new(ours: [Algorithm; 3]) -> Self {
        Self { hashes: ours.map(beside), noise: Noise(0), curve: core::marker::PhantomData }
    }

    /// Octets in a coordinate and in a scalar.
    fn len() -> usize {
        FieldBytes::<C>::default().len()
    }

    fn scalar(&mut self) -> Scalar<C> {
        let bytes = self.noise.bytes(Self::len());
        Self::reduced(&bytes)
    }

    fn reduced(bytes: &[u8]) -> Scalar<C> {
        <Scalar<C> as Reduce<C::Uint>>::reduce_bytes(FieldBytes::<C>::from_slice(bytes))
    }

    /// A message's hash as a scalar.
    fn hashed(hash: usize, message: &[u8]) -> Scalar<C> {
        let digest = match hash {
            0 => Sha256::digest(message).to_vec(),
            1 => Sha384::digest(message).to_vec(),
            _ => Sha512::digest(message).to_vec(),
        };
        let len = digest.len().min(Self::len());
        Self::reduced(&[&vec![0; Self::len() - len], &digest[..len]].concat())
    }

    fn encode(point: ProjectivePoint<C>) -> Vec<u8> {
        let point: AffinePoint<C> = point.into();
        point.to_encoded_point(false).as_bytes().to_vec()
    }

    /// The x of a point, modulo the order.
    fn x(point: ProjectivePoint<C>) -> Scalar<C> {
        Self::reduced(&Self::encode(point)[1..=Self::len()])
    }

    fn generator() -> ProjectivePoint<C> {
        <ProjectivePoint<C> as p256::elliptic_curve::Group>::generator()
    }

    /// A signature by a secret number (FIPS 186-5 §6.4.1).
    fn sign(&mut self, secret: Scalar<C>, hash: usize, message: &[u8]) -> Vec<u8> {
        let k = self.scalar();
        let r = Self::x(Self::generator() * k);
        let s = Option::<Scalar<C>>::from(Invert::invert(&k)).unwrap() * (Self::hashed(hash, message) + r * secret);
        der(&r.to_repr(), &s.to_repr())
    }

    /// The order of the group, big-endian.
    fn order() -> Vec<u8> {
        C::ORDER.to_be_byte_array().to_vec()
    }

    fn honest_and_tampered(&mut self) {
        for round in 0..12 {
            let hash = round % 3;
            let all = self.hashes[hash].clone();
            let secret = self.scalar();
            let key = Self::encode(Self::generator() * secret);
            let message = self.noise.bytes(round);
            let signature = self.sign(secret, hash, &message);
            assert!(verdict(&all, &key, &message, &signature));
            assert!(!verdict(&self.hashes[(hash + 1) % 3], &key, &message, &signature));
            assert!(!verdict(&all, &key, b"another message", &signature));
            for part in [&key, &signature] {
                for _ in 0..12 {
                    let mut changed = part.clone();
                    let position = self.noise.below(changed.len());
                    changed[position] ^= 1 << self.noise.below(8);
                    let is_key = part == &key;
                    let (key, signature) = if is_key { (&changed, &signature) } else { (&key, &changed) };
                    assert!(!verdict(&all, key, &message, signature));
                }
            }
        }
    }

    /// r and s at the ends of their range, and the encodings around it.
    fn borders(&mut self) {
        let order = Self::order();
        let near = |difference: i8| {
            let mut number = order.clone();
            *number.last_mut().unwrap() = number.last().unwrap().wrapping_add_signed(difference);
            number
        };
        let mut numbers = vec![vec![0], vec![1], vec![2], near(-1), near(0), near(1), vec![0xff; Self::len()]];
        numbers.push([&[1], &vec![0; Self::len()][..]].concat());
        numbers.push([&[1], &order[..]].concat());
        let secret = self.scalar();
        for key in [Self::generator() * secret, Self::generator(), -Self::generator()].map(Self::encode) {
            for r in &numbers {
                for s in &numbers {
                    assert!(!verdict(&self.hashes[0], &key, b"hello", &der(r, s)));
                }
            }
        }
        // An honest r with any border for s, and the reverse; and s negated, which is another signature of the same.
        let key = Self::encode(Self::generator() * secret);
        let k = self.scalar();
        let r = Self::x(Self::generator() * k);
        let s = Option::<Scalar<C>>::from(Invert::invert(&k)).unwrap() * (Self::hashed(0, b"hello") + r * secret);
        for number in &numbers {
            assert!(!verdict(&self.hashes[0], &key, b"hello", &der(&r.to_repr(), number)));
            assert!(!verdict(&self.hashes[0], &key, b"hello", &der(number, &s.to_repr())));
        }
        assert!(verdict(&self.hashes[0], &key, b"hello", &der(&r.to_repr(), &s.to_repr())));
        assert!(verdict(&self.hashes[0], &key, b"hello", &der(&r.to_repr(), &(-s).to_repr())));
    }

    /// Keys near the generator: the multiples of both points meet, as equals and as opposites, while they are added up.
    fn meetings(&mut self) {
        let half = Option::<Scalar<C>>::from(Invert::invert(&Scalar::<C>::from(2))).unwrap();
        let small = (1..=9).map(Scalar::<C>::from);
        for secret in small.chain([half]).flat_map(|secret| [secret, -secret]) {
            let key = Self::encode(Self::generator() * secret);
            for hash in 0..2 {
                let message = self.noise.bytes(8);
                let signature = self.sign(secret, hash, &message);
                assert!(verdict(&self.hashes[hash], &key, &message, &signature));
                assert!(!verdict(&self.hashes[hash], &key, b"another", &signature));
            }
        }
    }

    /// u1·G + u2·Q with chosen u1 and u2 that fit the message: s = e / u1, r = s u2, and Q such that the sum is R. Only if
    /// r is R's x is it a signature, which needs luck; that both say so is the test, and that infinity is never one.
    fn chosen_sums(&mut self) {
        let e = Self::hashed(0, b"hello");
        let inverse = |x: Scalar<C>| Option::<Scalar<C>>::from(Invert::invert(&x)).unwrap();
        for u1 in (1..5).map(Scalar::<C>::from).flat_map(|u| [u, -u]) {
            for u2 in (1..4).map(Scalar::<C>::from).flat_map(|u| [u, -u]) {
                let s = e * inverse(u1);
                let r = s * u2;
                // Q = -(u1 / u2) G: the sum is infinity. And the keys G and -G.
                for secret in [-(u1 * inverse(u2)), Scalar::<C>::ONE, -Scalar::<C>::ONE] {
                    let key = Self::encode(Self::generator() * secret);
                    assert!(!verdict(&self.hashes[0], &key, b"hello", &der(&r.to_repr(), &s.to_repr())));
                }
            }
        }
    }

    /// Points whose x is not below the order: r is x - n, and the comparison has to think of r + n. A random signature is
    /// one of these once in 2^32 (P-256) or 2^190 (P-384); here Q is computed to fit.
    fn large_x(&mut self) {
        let inverse = |x: Scalar<C>| Option::<Scalar<C>>::from(Invert::invert(&x)).unwrap();
        let order = Self::order();
        let mut found = 0;
        for r in 1u8..20 {
            let mut x = order.clone();
            let mut carry = u16::from(r);
            for octet in x.iter_mut().rev() {
                carry += u16::from(*octet);
                *octet = carry as u8;
                carry >>= 8;
            }
            let point = AffinePoint::<C>::decompress(FieldBytes::<C>::from_slice(&x), Choice::from(0));
            let Some(point) = Option::<AffinePoint<C>>::from(point) else { continue };
            found += 1;
            let (e, s, r) = (Self::hashed(0, b"hello"), self.scalar(), Scalar::<C>::from(u64::from(r)));
            // R = (e G + r Q) / s.
            let q = (ProjectivePoint::<C>::from(point) * s - Self::generator() * e) * inverse(r);
            let key = Self::encode(q);
            assert!(verdict(&self.hashes[0], &key, b"hello", &der(&r.to_repr(), &s.to_repr())));
            assert!(!verdict(&self.hashes[0], &key, b"hello", &der(&(r + Scalar::<C>::ONE).to_repr(), &s.to_repr())));
        }
        assert!(found > 3);
    }

    /// Forms of keys that are no uncompressed points on the curve.
    fn keys(&mut self) {
        let secret = self.scalar();
        let key = Self::encode(Self::generator() * secret);
        let signature = self.sign(secret, 0, b"hello");
        let all = self.hashes[0].clone();
        assert!(verdict(&all, &key, b"hello", &signature));
        for form in [0, 1, 2, 3, 5, 6, 7, 0x84, 0xff] {
            let mut other = key.clone();
            other[0] = form;
            assert!(!verdict(&all, &other, b"hello", &signature));
            assert!(!verdict(&all, &other[..=Self::len()], b"hello", &signature));
        }
        let zeros = [&[4], &vec![0; 2 * Self::len()][..]].concat();
        let ones = [&[4], &vec![0xff; 2 * Self::len()][..]].concat();
        for other in [&[][..], &[0], &[4], &key[1..], &key[..key.len() - 1], &[&key[..], &[0]].concat(), &zeros, &ones]
        {
            assert!(!verdict(&all, other, b"hello", &signature));
        }
    }

    /// Signatures with octets added, taken away and changed: both parsers are equally strict.
    fn encodings(&mut self) {
        let secret = self.scalar();
        let key = Self::encode(Self::generator() * secret);
        let signature = self.sign(secret, 0, b"hello");
        for position in 0..signature.len() {
            assert!(!verdict(&self.hashes[0], &key, b"hello", &signature[..position]));
            for octet in [0x00, 0x81] {
                let (mut changed, mut longer) = (signature.clone(), signature.clone());
                changed[position] = octet;
                longer.insert(position, octet);
                assert_eq!(verdict(&self.hashes[0], &key, b"hello", &changed), changed == signature);
                assert!(!verdict(&self.hashes[0], &key, b"hello", &longer));
            }
        }
        for _ in 0..100 {
            let len = self.noise.below(2 * signature.len());
            let noise = self.noise.bytes(len);
            assert!(!verdict(&self.hashes[0], &key, b"hello", &noise));
            assert!(!verdict(&self.hashes[0], &noise, b"hello", &signature));
        }
    }

    /// As many as [`cases`] says, half of them honest: r is the x of one point after the other, with a new key every 256
    /// signatures. The others have another message, one bit changed in the key or the signature, r and s in each other's
    /// place, or an r that is too large by the order.
    fn generated(mut self) {
        let mut k = Scalar::<C>::ZERO;
        let mut r_point = Self::generator();
        let (mut secret, mut key) = (Scalar::<C>::ONE, Vec::new());
        for case in 0..cases() / 2 {
            if case % 256 == 0 {
                (secret, k) = (self.scalar(), self.scalar());
                (key, r_point) = (Self::encode(Self::generator() * secret), Self::generator() * k);
            }
            let hash = case % 3;
            let message = self.noise.bytes(case % 67);
            let r = Self::x(r_point);
            let s = Option::<Scalar<C>>::from(Invert::invert(&k)).unwrap() * (Self::hashed(hash, &message) + r * secret);
            (k, r_point) = (k + Scalar::<C>::ONE, r_point + Self::generator());
            let signature = der(&r.to_repr(), &s.to_repr());
            assert!(verdict(&self.hashes[hash], &key, &message, &signature));

            let (mut other_key, mut other_message, mut other_signature) = (key.clone(), message, signature);
            match self.noise.below(5) {
                0 => self.noise.flip(&mut other_key),
                1 => self.noise.flip(&mut other_signature),
                2 => other_signature = der(&s.to_repr(), &r.to_repr()),
                3 => {
                    let mut above = Self::order();
                    let mut carry = 0;
                    for (octet, other) in above.iter_mut().zip(r.to_repr()).rev() {
                        carry += u16::from(*octet) + u16::from(other);
                        *octet = carry as u8;
                        carry >>= 8;
                    }
                    other_signature = der(&[&[carry as u8], &above[..]].concat(), &s.to_repr());
                }
                _ => other_message.push(0),
            }
            assert!(!verdict(&self.hashes[hash], &other_key, &other_message, &other_signature));
        }
    }

    fn everything(mut self) {
        self.honest_and_tampered();
        self.borders();
        self.meetings();
        self.chosen_sums();
        self.large_x();
        self.keys();
        self.encodings();
    }
}

#[test]
fn p256() {
    Bench::<p256::NistP256>::new(ours().p256).everything();
}

#[test]
fn p384() {
    Bench::<p384::NistP384>::new(ours().p384).everything();
}

#[test]
fn generated_p256() {
    Bench::<p256::NistP256>::new(ours().p256).generated();
}

#[test]
fn generated_p384() {
    Bench::<p384::NistP384>::new(ours().p384).generated();
}

#[test]
fn rsa() {
    let file = |name: &str| std::fs::read(format!("{}/tests/pki/rsa/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let pairs = [ours().pkcs1[0], ours().pss[0]].map(beside);
    // ring takes an exponent above 65,537: see tests/verify/rsa.rs.
    let mut noise = Noise(0);
    for name in ["2048-3", "2056-65537", "3080-17", "4088-65537", "4096-3"] {
        let key = file(&format!("{name}.key"));
        for (pair, form) in pairs.iter().zip(["pkcs1", "pss"]) {
            let signature = file(&format!("{name}.{form}"));
            assert!(verdict(pair, &key, b"hello world", &signature), "{name} {form}");
            for _ in 0..40 {
                let mut changed = [&key[..], &signature].concat();
                for _ in 0..=noise.below(3) {
                    let position = noise.below(changed.len());
                    changed[position] ^= 1 << noise.below(8);
                }
                let (key, signature) = changed.split_at(key.len());
                assert!(!verdict(pair, key, b"hello world", signature), "{name} {form}");
            }
            for _ in 0..20 {
                let len = noise.below(600);
                let bytes = noise.bytes(len);
                assert!(!verdict(pair, &bytes, b"hello world", &signature));
                assert!(!verdict(pair, &key, b"hello world", &bytes));
            }
        }
    }
}

/// Every list has the algorithms that its page promises, and RustCrypto's differs in ECDSA alone.
#[test]
fn lists() {
    use socketpool::tls::verify::algorithms::{ALL, DEFAULT, SMALL, rustcrypto};
    let names = |list: &[Algorithm]| list.iter().map(|one| format!("{one:?}")).collect::<Vec<_>>();
    let (default, all, others) = (names(DEFAULT), names(ALL), names(rustcrypto::DEFAULT));
    assert_eq!(default.len(), 12);
    assert_eq!(all[..12], default);
    assert_eq!(all[12..], ["Ed25519"]);
    assert!(names(SMALL).iter().all(|name| default.contains(name)));
    for (ours, other) in default.iter().zip(&others) {
        let other_is = if ours.starts_with("ECDSA") { format!("{ours}, RustCrypto") } else { ours.clone() };
        assert_eq!(*other, other_is);
    }
    assert_eq!(others.len(), 12);
}

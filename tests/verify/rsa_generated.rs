//! Generated RSA signatures, which ours and ring's algorithms have to judge alike: of every size, good ones and bad ones,
//! under ever new keys.
//!
//! A modulus for real has two primes. These have one for every 64 bits, so that everybody can take roots modulo it: that
//! makes a signature cheap, and to verify it is the same work.

use sha2::{Digest, Sha256, Sha384, Sha512};

use crate::support::algorithms::{Algorithm, Noise, beside, cases, ours, verdict};

const EXPONENTS: [u64; 4] = [3, 17, 257, 65_537];

fn multiply(a: u64, b: u64, n: u64) -> u64 {
    (u128::from(a) * u128::from(b) % u128::from(n)) as u64
}

fn power(mut base: u64, mut exponent: u64, n: u64) -> u64 {
    let mut result = 1 % n;
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = multiply(result, base, n);
        }
        (base, exponent) = (multiply(base, base, n), exponent >> 1);
    }
    result
}

/// 1/a modulo n, by Euclid.
fn inverse(a: u64, n: u64) -> u64 {
    let (mut r, mut next_r) = (i128::from(n), i128::from(a % n));
    let (mut t, mut next_t) = (0, 1);
    while next_r != 0 {
        let q = r / next_r;
        (r, next_r) = (next_r, r - q * next_r);
        (t, next_t) = (next_t, t - q * next_t);
    }
    assert_eq!(r, 1);
    t.rem_euclid(i128::from(n)) as u64
}

/// By Miller and Rabin, with bases that leave no doubt below 2^64.
fn is_prime(n: u64) -> bool {
    const BASES: [u64; 12] = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37];
    if n < 38 || BASES.iter().any(|base| n.is_multiple_of(*base)) {
        return BASES.contains(&n);
    }
    let zeros = (n - 1).trailing_zeros();
    BASES.iter().all(|base| {
        let mut x = power(*base, (n - 1) >> zeros, n);
        x == 1
            || (0..zeros).any(|_| {
                let is_minus_one = x == n - 1;
                x = multiply(x, x, n);
                is_minus_one
            })
    })
}

/// A number with its lowest limb first, times one and plus one.
fn multiply_add(number: &mut Vec<u64>, factor: u64, summand: u64) {
    let mut carry = u128::from(summand);
    for limb in number.iter_mut() {
        carry += u128::from(*limb) * u128::from(factor);
        *limb = carry as u64;
        carry >>= 64;
    }
    if carry > 0 {
        number.push(carry as u64);
    }
}

fn bytes(number: &[u64], len: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = number.iter().rev().flat_map(|limb| limb.to_be_bytes()).collect();
    while bytes.len() < len {
        bytes.insert(0, 0);
    }
    assert!(bytes[..bytes.len() - len].iter().all(|octet| *octet == 0));
    bytes.split_off(bytes.len() - len)
}

fn der(tag: u8, contents: &[u8]) -> Vec<u8> {
    let len = contents.len();
    let header = match len {
        0..0x80 => vec![tag, len as u8],
        0x80..0x100 => vec![tag, 0x81, len as u8],
        _ => vec![tag, 0x82, (len >> 8) as u8, len as u8],
    };
    [header, contents.to_vec()].concat()
}

fn integer(number: &[u8]) -> Vec<u8> {
    let start = number.iter().position(|octet| *octet != 0).unwrap();
    let padding: &[u8] = if number[start] >= 0x80 { &[0] } else { &[] };
    der(2, &[padding, &number[start..]].concat())
}

struct Key {
    len: usize,
    primes: Vec<u64>,
    /// The exponent that takes the root modulo each.
    roots: Vec<u64>,
    /// The inverse of the product of all primes before, modulo each.
    inverses: Vec<u64>,
    /// `RSAPublicKey`.
    der: Vec<u8>,
}

/// Primes just below 2^64, none of which has an exponent that divides the number before it.
struct Primes(Vec<u64>);

impl Primes {
    fn new(noise: &mut Noise) -> Self {
        let mut primes = Vec::new();
        while primes.len() < 100 {
            // The product of 64 of them has to have its highest bit.
            let prime = Self::one(noise, 64, 0xff << 56);
            if !primes.contains(&prime) {
                primes.push(prime);
            }
        }
        Self(primes)
    }

    fn one(noise: &mut Noise, bits: u32, set: u64) -> u64 {
        loop {
            let prime = noise.number() >> (64 - bits) | set >> (64 - bits) | 1;
            if EXPONENTS.iter().all(|exponent| !(prime - 1).is_multiple_of(*exponent)) && is_prime(prime) {
                return prime;
            }
        }
    }

    /// A key with a modulus of exactly so many bits, a multiple of eight.
    fn key(&mut self, noise: &mut Noise, bits: usize) -> Key {
        let exponent = EXPONENTS[noise.below(EXPONENTS.len())];
        loop {
            let count = bits / 64;
            for i in 0..count {
                let other = i + noise.below(self.0.len() - i);
                self.0.swap(i, other);
            }
            let mut primes = self.0[..count].to_vec();
            if !bits.is_multiple_of(64) {
                // With fewer bits than 16 there are too few primes: the last one shares them.
                let left = (bits % 64) as u32;
                if left < 16 {
                    primes.pop();
                    primes.push(Self::one(noise, 40, 0xff << 56));
                    primes.push(Self::one(noise, 24 + left, 1 << 63));
                } else {
                    primes.push(Self::one(noise, left, 1 << 63));
                }
            }
            let mut modulus = vec![1];
            primes.iter().for_each(|prime| multiply_add(&mut modulus, *prime, 0));
            let is_long = (modulus.len() - 1) * 64 + (64 - modulus[modulus.len() - 1].leading_zeros() as usize) == bits;
            if !is_long {
                continue;
            }
            let roots = primes.iter().map(|prime| inverse(exponent, prime - 1)).collect();
            let before =
                |i: usize, prime: u64| primes[..i].iter().fold(1, |all, one| multiply(all, one % prime, prime));
            let inverses = primes.iter().enumerate().map(|(i, prime)| inverse(before(i, *prime), *prime)).collect();
            let numbers = [integer(&bytes(&modulus, bits / 8)), integer(&exponent.to_be_bytes())].concat();
            return Key { len: bits / 8, primes, roots, inverses, der: der(0x30, &numbers) };
        }
    }
}

impl Key {
    /// The number whose power is this one (RFC 8017 §5.2.1), by the Chinese remainder theorem.
    fn sign(&self, encoded: &[u8]) -> Vec<u8> {
        let mut digits: Vec<u64> = Vec::new();
        for (i, prime) in self.primes.iter().copied().enumerate() {
            let word = |sum: u64, octets: &[u8]| {
                let word = octets.iter().fold(0, |word, octet| word << 8 | u64::from(*octet));
                (((u128::from(sum) << (8 * octets.len())) | u128::from(word)) % u128::from(prime)) as u64
            };
            let remainder = encoded.chunks(8).fold(0, word);
            let root = power(remainder, self.roots[i], prime);
            // What the digits before are modulo this prime: d0 + p0 (d1 + p1 (d2 + …)).
            let pairs = digits.iter().zip(&self.primes).rev();
            let before = pairs.fold(0, |sum, (digit, p)| {
                ((u128::from(multiply(sum, p % prime, prime)) + u128::from(*digit)) % u128::from(prime)) as u64
            });
            let difference = ((u128::from(root) + u128::from(prime) - u128::from(before)) % u128::from(prime)) as u64;
            digits.push(multiply(difference, self.inverses[i], prime));
        }
        let mut number = vec![0];
        for (digit, prime) in digits.iter().zip(&self.primes).rev() {
            multiply_add(&mut number, *prime, *digit);
        }
        bytes(&number, self.len)
    }
}

fn digest(hash: usize, parts: &[&[u8]]) -> Vec<u8> {
    let message = parts.concat();
    match hash {
        0 => Sha256::digest(message).to_vec(),
        1 => Sha384::digest(message).to_vec(),
        _ => Sha512::digest(message).to_vec(),
    }
}

/// EMSA-PKCS1-v1_5 (RFC 8017 §9.2).
fn encode_pkcs1(hash: usize, message: &[u8], len: usize) -> Vec<u8> {
    let digest = digest(hash, &[message]);
    let algorithm = der(6, &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 1 + hash as u8]);
    let info = der(0x30, &[der(0x30, &[algorithm, vec![5, 0]].concat()), der(4, &digest)].concat());
    [&[0, 1], &vec![0xff; len - info.len() - 3][..], &[0], &info].concat()
}

/// EMSA-PSS (RFC 8017 §9.1.1) with a salt as long as the hash, for a modulus whose highest bit is that of an octet.
fn encode_pss(hash: usize, message: &[u8], salt: &[u8], len: usize) -> Vec<u8> {
    let hashed = digest(hash, &[&[0; 8], &digest(hash, &[message]), salt]);
    let mut block = vec![0; len - 2 * hashed.len() - 2];
    block.push(1);
    block.extend(salt);
    for (i, part) in block.chunks_mut(hashed.len()).enumerate() {
        let mask = digest(hash, &[&hashed, &(i as u32).to_be_bytes()]);
        part.iter_mut().zip(mask).for_each(|(octet, mask)| *octet ^= mask);
    }
    block[0] &= 0x7f;
    [&block[..], &hashed, &[0xbc]].concat()
}

/// As many as [`cases`] says, half of them honest. The others have one bit changed: in what was signed, under a signature that
/// fits it, in the signature, the key or the message.
fn generated(sizes: impl Fn(&mut Noise) -> usize, seed: u64) {
    let ours = ours();
    let (pkcs1, pss) = (ours.pkcs1.map(beside), ours.pss.map(beside));
    let mut noise = Noise(seed << 32);
    let mut primes = Primes::new(&mut noise);
    let mut key = primes.key(&mut noise, 2048);
    for case in 0..cases() / 2 {
        if case % 16 == 0 {
            let bits = sizes(&mut noise);
            key = primes.key(&mut noise, bits);
        }
        let hash = case % 3;
        let message = noise.bytes(case % 67);
        let (all, mut encoded): (&[Algorithm], _) = if case % 2 == 0 {
            (&pkcs1[hash], encode_pkcs1(hash, &message, key.len))
        } else {
            let salt = noise.bytes([32, 48, 64][hash]);
            (&pss[hash], encode_pss(hash, &message, &salt, key.len))
        };
        let signature = key.sign(&encoded);
        assert!(verdict(all, &key.der, &message, &signature));

        let (mut other_key, mut other_message, mut other_signature) = (key.der.clone(), message, signature);
        match case / 2 % 5 {
            // Anywhere but in the first bit, which would make it larger than some moduli.
            0 | 1 => {
                noise.flip(&mut encoded[1..]);
                other_signature = key.sign(&encoded);
            }
            2 => noise.flip(&mut other_signature),
            3 => noise.flip(&mut other_key),
            _ => other_message.push(0),
        }
        assert!(!verdict(all, &other_key, &other_message, &other_signature));
    }
}

#[test]
fn generated_rsa_2048() {
    generated(|_| 2048, 1);
}

#[test]
fn generated_rsa_3072() {
    generated(|_| 3072, 2);
}

#[test]
fn generated_rsa_4096() {
    generated(|_| 4096, 3);
}

/// Every size that we take.
#[test]
fn generated_rsa_of_all_sizes() {
    generated(|noise| 2048 + 8 * noise.below(257), 4);
}

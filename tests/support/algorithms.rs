//! The signature algorithms to compare: ours, RustCrypto's and ring's.

use rustls::crypto::ring;
use rustls_pki_types::{SignatureVerificationAlgorithm, alg_id};
use sha2::{Digest, Sha512};
use socketpool::tls::verify::algorithms;

pub type Algorithm = &'static dyn SignatureVerificationAlgorithm;

/// Each with SHA-256, SHA-384 and SHA-512.
pub struct Set {
    pub name: &'static str,
    pub p256: [Algorithm; 3],
    pub p384: [Algorithm; 3],
    pub pkcs1: [Algorithm; 3],
    pub pss: [Algorithm; 3],
}

macro_rules! set {
    ($name:literal, $ecdsa:path) => {{
        use $ecdsa as ecdsa;
        Set {
            name: $name,
            p256: [ecdsa::ECDSA_P256_SHA256, ecdsa::ECDSA_P256_SHA384, ecdsa::ECDSA_P256_SHA512],
            p384: [ecdsa::ECDSA_P384_SHA256, ecdsa::ECDSA_P384_SHA384, ecdsa::ECDSA_P384_SHA512],
            pkcs1: [algorithms::RSA_PKCS1_SHA256, algorithms::RSA_PKCS1_SHA384, algorithms::RSA_PKCS1_SHA512],
            pss: [algorithms::RSA_PSS_SHA256, algorithms::RSA_PSS_SHA384, algorithms::RSA_PSS_SHA512],
        }
    }};
}

pub fn ours() -> Set {
    set!("ours", algorithms)
}

pub fn rustcrypto() -> Set {
    set!("RustCrypto's ECDSA", algorithms::rustcrypto)
}

pub fn sets() -> [Set; 2] {
    [ours(), rustcrypto()]
}

/// One of ours, and beside it those of RustCrypto and ring that verify the same.
pub fn beside(algorithm: Algorithm) -> Vec<Algorithm> {
    let is_same = |other: &&Algorithm| {
        other.public_key_alg_id() == algorithm.public_key_alg_id()
            && other.signature_alg_id() == algorithm.signature_alg_id()
    };
    let is_rsa = algorithm.public_key_alg_id() == alg_id::RSA_ENCRYPTION;
    let rustcrypto = algorithms::rustcrypto::DEFAULT.iter().find(is_same).filter(|_| !is_rsa);
    let ring = ring::default_provider().signature_verification_algorithms.all.iter().find(is_same);
    [Some(&algorithm), rustcrypto, ring].into_iter().flatten().copied().collect()
}

/// The verdict of all, which has to be one.
#[track_caller]
pub fn verdict(all: &[Algorithm], key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let holds = all[0].verify_signature(key, message, signature).is_ok();
    for other in &all[1..] {
        assert_eq!(
            other.verify_signature(key, message, signature).is_ok(),
            holds,
            "{:?} says {holds}, {other:?} the other: key {key:02x?} message {message:02x?} signature {signature:02x?}",
            all[0]
        );
    }
    holds
}

/// How many generated signatures are tried of each kind: few, or as many as the gate says.
pub fn cases() -> usize {
    std::env::var("SIGNATURE_CASES").map_or(24, |cases| cases.parse().expect("SIGNATURE_CASES is a number"))
}

/// Numbers that look random and are the same in every run: the hashes of a counter.
pub struct Noise(pub u64);

impl Noise {
    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while bytes.len() < len {
            self.0 += 1;
            bytes.extend(Sha512::digest(self.0.to_be_bytes()));
        }
        bytes.truncate(len);
        bytes
    }

    pub fn number(&mut self) -> u64 {
        u64::from_be_bytes(self.bytes(8).try_into().unwrap())
    }

    pub fn below(&mut self, limit: usize) -> usize {
        self.number() as usize % limit
    }

    /// Changes one bit.
    pub fn flip(&mut self, octets: &mut [u8]) {
        let position = self.below(octets.len());
        octets[position] ^= 1 << self.below(8);
    }
}

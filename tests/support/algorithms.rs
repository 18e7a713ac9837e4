//! The sets of signature algorithms to compare: ours, ours with RustCrypto's ECDSA, and ring's.

use rustls::crypto::ring;
use rustls_pki_types::{AlgorithmIdentifier, SignatureVerificationAlgorithm, alg_id};
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

/// ring's algorithm of the same name, if it has one.
pub fn of_ring(algorithm: Algorithm) -> Option<Algorithm> {
    let name = |algorithm: Algorithm| -> [AlgorithmIdentifier; 2] {
        [algorithm.public_key_alg_id(), algorithm.signature_alg_id()]
    };
    let all = ring::default_provider().signature_verification_algorithms.all;
    all.iter().copied().find(|other| name(*other) == name(algorithm))
}

/// Every one of ours beside the others of its name.
pub fn beside(algorithm: Algorithm) -> Vec<Algorithm> {
    let ours = algorithms::DEFAULT.iter().position(|one| std::ptr::eq(*one, algorithm)).unwrap();
    let mut all = vec![algorithm];
    if algorithm.public_key_alg_id() != alg_id::RSA_ENCRYPTION {
        all.push(algorithms::rustcrypto::DEFAULT[ours]);
    }
    all.extend(of_ring(algorithm));
    all
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
    std::env::var("SIGNATURE_CASES").map_or(200, |cases| cases.parse().expect("SIGNATURE_CASES is a number"))
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
}

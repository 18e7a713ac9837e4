//! ECDSA on P-256 and P-384 (FIPS 186-5 §6) by the crates `p256` and `p384` of RustCrypto, with any of the SHA-2 hashes.
//!
//! For a program whose reviewers ask for them. They give the same verdicts as their namesakes one level up, take 185 KB of
//! flash on a Cortex-M0+, and there two to four times as long.
//!
//! ```
//! use socketpool::tls::{Roots, VerifyPolicy, verify::algorithms::rustcrypto};
//!
//! let policy = VerifyPolicy::new(Roots::MOZILLA).algorithms(rustcrypto::DEFAULT);
//! # let _ = policy;
//! ```

use core::fmt;
use core::marker::PhantomData;

use p256::ecdsa::signature::hazmat::PrehashVerifier;
use rustls_pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id};
use sha2::{Sha256, Sha384, Sha512};

use super::{Hash, list, rsa, write_all};

/// [`DEFAULT`](super::DEFAULT) with the ECDSA of this module. RSA is the same.
pub static DEFAULT: &[&dyn SignatureVerificationAlgorithm] = list![self];

/// P-256 with SHA-256: most server certificates, and TLS scheme `ecdsa_secp256r1_sha256`.
pub static ECDSA_P256_SHA256: &dyn SignatureVerificationAlgorithm = &P256::<Sha256>(PhantomData);
/// P-256 with SHA-384.
pub static ECDSA_P256_SHA384: &dyn SignatureVerificationAlgorithm = &P256::<Sha384>(PhantomData);
/// P-256 with SHA-512.
pub static ECDSA_P256_SHA512: &dyn SignatureVerificationAlgorithm = &P256::<Sha512>(PhantomData);
/// P-384 with SHA-256.
pub static ECDSA_P384_SHA256: &dyn SignatureVerificationAlgorithm = &P384::<Sha256>(PhantomData);
/// P-384 with SHA-384: most authorities with elliptic curves, and TLS scheme `ecdsa_secp384r1_sha384`.
pub static ECDSA_P384_SHA384: &dyn SignatureVerificationAlgorithm = &P384::<Sha384>(PhantomData);
/// P-384 with SHA-512.
pub static ECDSA_P384_SHA512: &dyn SignatureVerificationAlgorithm = &P384::<Sha512>(PhantomData);

struct P256<H>(PhantomData<fn() -> H>);

impl<H: Hash> SignatureVerificationAlgorithm for P256<H> {
    fn verify_signature(&self, public_key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        // A certificate may hold an uncompressed point only; the parser below would take a compressed one too.
        if public_key.len() != 65 {
            return Err(InvalidSignature);
        }
        let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(public_key).map_err(|_| InvalidSignature)?;
        let signature = p256::ecdsa::Signature::from_der(signature).map_err(|_| InvalidSignature)?;
        key.verify_prehash(&H::digest(message), &signature).map_err(|_| InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_P256
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        H::ECDSA
    }
}

impl<H: Hash> fmt::Debug for P256<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_all(f, &["ECDSA P-256 ", H::NAME, ", RustCrypto"])
    }
}

struct P384<H>(PhantomData<fn() -> H>);

impl<H: Hash> SignatureVerificationAlgorithm for P384<H> {
    fn verify_signature(&self, public_key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        if public_key.len() != 97 {
            return Err(InvalidSignature);
        }
        let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(public_key).map_err(|_| InvalidSignature)?;
        let signature = p384::ecdsa::Signature::from_der(signature).map_err(|_| InvalidSignature)?;
        key.verify_prehash(&H::digest(message), &signature).map_err(|_| InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_P384
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        H::ECDSA
    }
}

impl<H: Hash> fmt::Debug for P384<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_all(f, &["ECDSA P-384 ", H::NAME, ", RustCrypto"])
    }
}

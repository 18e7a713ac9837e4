//! The sets of signature algorithms there are: the general one and, with the feature, the compact one.

use rustls_pki_types::SignatureVerificationAlgorithm;
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
    ($name:literal, $from:path) => {{
        use $from as from;
        Set {
            name: $name,
            p256: [from::ECDSA_P256_SHA256, from::ECDSA_P256_SHA384, from::ECDSA_P256_SHA512],
            p384: [from::ECDSA_P384_SHA256, from::ECDSA_P384_SHA384, from::ECDSA_P384_SHA512],
            pkcs1: [from::RSA_PKCS1_SHA256, from::RSA_PKCS1_SHA384, from::RSA_PKCS1_SHA512],
            pss: [from::RSA_PSS_SHA256, from::RSA_PSS_SHA384, from::RSA_PSS_SHA512],
        }
    }};
}

pub fn general() -> Set {
    set!("general", algorithms)
}

#[cfg(feature = "verify-compact")]
pub fn compact() -> Set {
    set!("compact", algorithms::compact)
}

pub fn sets() -> Vec<Set> {
    vec![
        general(),
        #[cfg(feature = "verify-compact")]
        compact(),
    ]
}

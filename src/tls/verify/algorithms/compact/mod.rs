//! The same algorithms in small code: P-256 and P-384 share their formulas, and RSA of every size its arithmetic.
//!
//! They accept and refuse the same signatures as their namesakes one level up; with the feature `verify-compact`,
//! [`ALL`](super::ALL), and so every [`VerifyPolicy`](crate::tls::VerifyPolicy) that does not choose for itself, is made of
//! these. The feature also takes the compact form of SHA-2, for the whole program.
//!
//! All of it is 10 KB of code on a Cortex-M0+, in place of 185 KB; a program that speaks HTTPS is 40 to 50 % smaller. On a desk
//! P-384 takes the same time as before, P-256 half as much again and RSA twice as long (`cargo bench --bench verify`); on a
//! Cortex-M0+, built for size, everything is faster than before, P-384 more than twice (`./ci.sh icount`). The stack it
//! takes on a 32-bit core is 4.3 KB for P-384, 3.2 KB for P-256 and 4 KB for RSA.
//!
//! # For public data only
//! Time, branches and memory accesses depend on every number. That is right for what a verification is about, which
//! everybody may see: a certificate, a public key, a signature, the hash of a message. It would give a secret away. So this
//! module shows nothing to the outside but objects that verify; the arithmetic below them stays private, and knows no
//! operation that a secret key would need. Key exchange and client signatures are computed elsewhere, in constant time.
//!
//! # How it is built
//! ```text
//!   ecdsa ──▶ curve ──▶ montgomery ──▶ limbs
//!   rsa ────────────────────▲
//! ```

mod curve;
mod ecdsa;
mod limbs;
mod montgomery;
mod rsa;

pub use ecdsa::{
    ECDSA_P256_SHA256, ECDSA_P256_SHA384, ECDSA_P256_SHA512, ECDSA_P384_SHA256, ECDSA_P384_SHA384, ECDSA_P384_SHA512,
};
pub use rsa::{RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512};

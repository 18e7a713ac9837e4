//! The signature algorithms of the Web PKI, for verification only.
//!
//! Each is an object of the trait [`SignatureVerificationAlgorithm`]; [`DEFAULT`] lists what public servers need, [`ALL`] all of
//! them. A chip with a crypto engine brings objects of its own and hands a slice of them to
//! [`VerifyPolicy::algorithms`]; a program that talks to known servers lists only what these need and saves the flash of
//! the rest.
//!
//! Ed25519 is not in the default list: no public authority issues certificates for it, as far as is known (the Baseline
//! Requirements of the CA/Browser Forum, §7.1.3.1, allow RSA and ECDSA only), and it takes 18 KB of flash. For a server of
//! your own that has such a key, `policy.algorithms(algorithms::ALL)`, or a list that names [`ED25519`].
//!
//! # One set, small and ours
//! ECDSA and RSA are computed by code of this crate: the curves share their formulas, and RSA of every size its
//! arithmetic. TODOSIZE
//!
//! RustCrypto's ECDSA, of the crates `p256` and `p384`, is there for a program whose reviewers ask for it: the feature
//! `rustcrypto-ecdsa` adds a module `rustcrypto` with the same objects made of them, and changes nothing else. What a program
//! does not name, the linker drops.
//!
//! How it is known that ours are right: `./ci.sh signatures` runs Project Wycheproof's vectors, compares the verdicts with
//! ring's and RustCrypto's on generated signatures, good and bad, compares the numbers within with those of other big
//! integers, and runs the arithmetic under Miri.
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
//!   rsa ────▶ power ────────▲
//! ```
//!
//! Not supported: SHA-1, RSA below 2048 or above 4096 bits, P-521, Ed448, RSA keys restricted to PSS.
//!
//! [`VerifyPolicy::algorithms`]: super::VerifyPolicy::algorithms

mod curve;
mod ecdsa;
mod ed25519;
mod limbs;
mod montgomery;
mod power;
mod rsa;
#[cfg(feature = "rustcrypto-ecdsa")]
pub mod rustcrypto;
mod sparse;

pub use ecdsa::{
    ECDSA_P256_SHA256, ECDSA_P256_SHA384, ECDSA_P256_SHA512, ECDSA_P384_SHA256, ECDSA_P384_SHA384, ECDSA_P384_SHA512,
};
pub use ed25519::ED25519;
pub(crate) use rsa::RsaPublicKey;
pub use rsa::{RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512};
use rustls_pki_types::{AlgorithmIdentifier, SignatureVerificationAlgorithm, alg_id};
use sha2::{Digest, Sha256, Sha384, Sha512};

/// Each ECDSA of a module and each RSA, the most common ones first, and others behind them.
macro_rules! list {
    ($ecdsa:ident $(, $more:expr)?) => {
        &[
            $ecdsa::ECDSA_P256_SHA256,
            $ecdsa::ECDSA_P384_SHA384,
            rsa::RSA_PKCS1_SHA256,
            rsa::RSA_PSS_SHA256,
            rsa::RSA_PKCS1_SHA384,
            rsa::RSA_PKCS1_SHA512,
            rsa::RSA_PSS_SHA384,
            rsa::RSA_PSS_SHA512,
            $ecdsa::ECDSA_P256_SHA384,
            $ecdsa::ECDSA_P256_SHA512,
            $ecdsa::ECDSA_P384_SHA256,
            $ecdsa::ECDSA_P384_SHA512,
            $($more)?
        ]
    };
}
#[cfg(feature = "rustcrypto-ecdsa")]
use list;

/// What public servers and their authorities sign with: every algorithm of this module but Ed25519, the most common ones
/// first.
pub static DEFAULT: &[&dyn SignatureVerificationAlgorithm] = list![ecdsa];

/// Every algorithm of this module: [`DEFAULT`], and Ed25519.
pub static ALL: &[&dyn SignatureVerificationAlgorithm] = list![ecdsa, ED25519];

/// What most public servers need, in less flash: P-256, P-384 and RSA, each with the hash that belongs to it.
pub static SMALL: &[&dyn SignatureVerificationAlgorithm] =
    &[ECDSA_P256_SHA256, ECDSA_P384_SHA384, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RSA_PKCS1_SHA384];

/// For `Debug`: a name in pieces, without the machinery of `format_args!`, which every image with these objects would carry.
fn write_all(f: &mut core::fmt::Formatter<'_>, pieces: &[&str]) -> core::fmt::Result {
    pieces.iter().try_for_each(|piece| f.write_str(piece))
}

/// A hash function with the names it has inside certificates.
trait Hash: Digest {
    /// For `Debug`.
    const NAME: &'static str;
    /// ECDSA with this hash (RFC 5758 §3.2).
    const ECDSA: AlgorithmIdentifier;
    /// RSASSA-PKCS1-v1_5 with this hash (RFC 4055 §5).
    const PKCS1: AlgorithmIdentifier;
    /// RSASSA-PSS with this hash, MGF1 with this hash and a salt of the hash's length (RFC 4055 §3.1).
    const PSS: AlgorithmIdentifier;
    /// The octets before the hash in an encoded PKCS#1 v1.5 message (RFC 8017 §9.2, note 1).
    const DIGEST_INFO: &'static [u8];
}

impl Hash for Sha256 {
    const NAME: &'static str = "SHA-256";
    const ECDSA: AlgorithmIdentifier = alg_id::ECDSA_SHA256;
    const PKCS1: AlgorithmIdentifier = alg_id::RSA_PKCS1_SHA256;
    const PSS: AlgorithmIdentifier = alg_id::RSA_PSS_SHA256;
    const DIGEST_INFO: &'static [u8] = &digest_info(1, 32);
}

impl Hash for Sha384 {
    const NAME: &'static str = "SHA-384";
    const ECDSA: AlgorithmIdentifier = alg_id::ECDSA_SHA384;
    const PKCS1: AlgorithmIdentifier = alg_id::RSA_PKCS1_SHA384;
    const PSS: AlgorithmIdentifier = alg_id::RSA_PSS_SHA384;
    const DIGEST_INFO: &'static [u8] = &digest_info(2, 48);
}

impl Hash for Sha512 {
    const NAME: &'static str = "SHA-512";
    const ECDSA: AlgorithmIdentifier = alg_id::ECDSA_SHA512;
    const PKCS1: AlgorithmIdentifier = alg_id::RSA_PKCS1_SHA512;
    const PSS: AlgorithmIdentifier = alg_id::RSA_PSS_SHA512;
    const DIGEST_INFO: &'static [u8] = &digest_info(3, 64);
}

/// `DigestInfo` up to the hash: SEQUENCE { SEQUENCE { OID 2.16.840.1.101.3.4.2.`arc`, NULL }, OCTET STRING of `len` }.
const fn digest_info(arc: u8, len: u8) -> [u8; 19] {
    [0x30, 17 + len, 0x30, 13, 0x06, 9, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, arc, 0x05, 0, 0x04, len]
}

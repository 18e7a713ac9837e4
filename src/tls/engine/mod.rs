//! A client for TLS 1.3 (RFC 8446) that does no I/O: bytes in, bytes out, and what it wants next.
#![deny(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

mod alert;
mod client;
mod flight;
mod group;
mod hello;
mod post;
mod record;
mod schedule;
mod session;
mod state;
mod suite;
#[cfg(test)]
mod tests;
mod ticket;
mod wire;

use core::fmt;

use rustls_pki_types::SignatureVerificationAlgorithm;

pub use self::{
    group::{Group, MAX_SHARE_LEN, PRIVATE_LEN, SECP256R1, X25519},
    schedule::{Hash, SHA256, SHA384},
    suite::{AES_128_GCM_SHA256, AES_256_GCM_SHA384, CHACHA20_POLY1305_SHA256, CipherSuite, TAG_LEN},
};
pub(crate) use self::{
    flight::Chain,
    session::{Next, Session},
};
use crate::tls::{
    Psk, TlsError,
    identity::{SignatureScheme, Signer},
    verify::algorithms,
};

/// The algorithms of a program: what it does not name is not linked.
///
/// Suites and groups are offered in this order; the share of the first group is sent, the others cost a server that wants
/// one of them another round trip (HelloRetryRequest).
///
/// # Examples
/// ```
/// use socketpool::tls::engine::{AES_128_GCM_SHA256, Crypto, SECP256R1};
/// use socketpool::tls::verify::algorithms::ECDSA_P256_SHA256;
///
/// /// For one server, which has AES-128-GCM and P-256 in hardware too.
/// const CRYPTO: Crypto<'static> =
///     Crypto { suites: &[AES_128_GCM_SHA256], groups: &[SECP256R1], signatures: &[ECDSA_P256_SHA256] };
/// ```
#[derive(Clone, Copy)]
pub struct Crypto<'c> {
    /// Cipher suites, the preferred one first.
    pub suites: &'c [&'c dyn CipherSuite],
    /// Groups for the key exchange, the preferred one first.
    pub groups: &'c [&'c dyn Group],
    /// Algorithms to verify servers with: their certificates, and their handshakes.
    pub signatures: &'c [&'c dyn SignatureVerificationAlgorithm],
}

impl Crypto<'static> {
    /// ChaCha20-Poly1305 before AES-128-GCM, X25519 before P-256, and every signature we can verify.
    pub const DEFAULT: Self = Self {
        suites: &[CHACHA20_POLY1305_SHA256, AES_128_GCM_SHA256],
        groups: &[X25519, SECP256R1],
        signatures: algorithms::ALL,
    };

    /// ChaCha20-Poly1305 and X25519 only, which every large service speaks; signatures with P-256, P-384 and RSA.
    pub const SMALL: Self =
        Self { suites: &[CHACHA20_POLY1305_SHA256], groups: &[X25519], signatures: algorithms::SMALL };
}

impl fmt::Debug for Crypto<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crypto")
            .field("suites", &self.suites)
            .field("groups", &self.groups)
            .field("signatures", &self.signatures)
            .finish()
    }
}

/// The record buffers, lent for one call. They have to be the same ones each time, and nobody else's between.
#[derive(Debug)]
pub(crate) struct Buffers<'b> {
    pub(crate) rx: &'b mut [u8],
    pub(crate) tx: &'b mut [u8],
}

/// What a handshake offers.
#[derive(Clone, Copy)]
pub(crate) struct Config<'a> {
    /// The name for `server_name`; none for addresses (RFC 6066 §3).
    pub(crate) server_name: Option<&'a str>,
    pub(crate) alpn: &'a [&'a [u8]],
    pub(crate) psk: Option<PskOffer<'a>>,
    /// What the server may sign with.
    pub(crate) signatures: &'a [&'a dyn SignatureVerificationAlgorithm],
    pub(crate) identity: Option<ClientAuth<'a>>,
    /// Ask for tickets.
    pub(crate) wants_tickets: bool,
    /// Look like TLS 1.2 to middleboxes (RFC 8446 §D.4).
    pub(crate) compatible: bool,
}

/// A client certificate with those above it, and its key.
#[derive(Clone, Copy)]
pub(crate) struct ClientAuth<'a> {
    pub(crate) chain: &'a [&'a [u8]],
    pub(crate) signer: &'a dyn Signer,
}

impl ClientAuth<'_> {
    /// The code point of the signer's scheme.
    fn scheme(&self) -> u16 {
        match self.signer.scheme() {
            SignatureScheme::EcdsaSecp256r1Sha256 => 0x0403,
            SignatureScheme::Ed25519 => 0x0807,
        }
    }
}

/// A key that the server may know already.
#[derive(Clone, Copy)]
pub(crate) enum PskOffer<'a> {
    /// It has to.
    External(Psk<'a>),
    /// If it does not, there is a full handshake.
    Ticket {
        identity: &'a [u8],
        key: &'a [u8],
        hash: &'a dyn Hash,
        /// Its age in milliseconds, plus `age_add`.
        obfuscated_age: u32,
    },
}

impl<'a> PskOffer<'a> {
    fn identity(&self) -> &'a [u8] {
        match self {
            Self::External(psk) => psk.identity,
            Self::Ticket { identity, .. } => identity,
        }
    }

    fn key(&self) -> &'a [u8] {
        match self {
            Self::External(psk) => psk.key,
            Self::Ticket { key, .. } => key,
        }
    }

    fn hash(&self) -> &'a dyn Hash {
        match self {
            Self::External(_) => SHA256,
            Self::Ticket { hash, .. } => *hash,
        }
    }

    const fn obfuscated_age(&self) -> u32 {
        match self {
            Self::External(_) => 0,
            Self::Ticket { obfuscated_age, .. } => *obfuscated_age,
        }
    }

    const fn binder_label(&self) -> &'static str {
        match self {
            Self::External(_) => "ext binder",
            Self::Ticket { .. } => "res binder",
        }
    }

    const fn is_ticket(&self) -> bool {
        matches!(self, Self::Ticket { .. })
    }
}

/// Whether something that can take long is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    Done,
    /// Call again with the same.
    Again,
}

/// What a handshake needs from outside: random bytes, and a verdict on what the server shows.
///
/// The engine calls [`chain`](Self::chain) until it is done, then [`signature`](Self::signature) once, or neither where
/// a key that both know takes their place.
pub(crate) trait Environment {
    /// Fills `bytes`.
    fn random(&mut self, bytes: &mut [u8]) -> Result<(), TlsError>;
    /// Verifies the server's certificates, or goes on with it.
    fn chain(&mut self, chain: Chain<'_>) -> Result<Progress, TlsError>;
    /// Verifies a signature over the handshake by the key of that chain.
    fn signature(&mut self, scheme: u16, transcript_hash: &[u8], signature: &[u8]) -> Result<(), TlsError>;
}

//! A client for TLS 1.3 (RFC 8446) that does no I/O: bytes in, bytes out, and what it wants next.
//!
//! [`TlsStream`](crate::tls::TlsStream) drives it over any stream of bytes. This page says which algorithms a program can
//! choose, in a [`Crypto`], and is for reviewers: what the engine does, where secrets are, what a peer can cost.
//!
//! It has no heap, no unsafe code, and no panic that a peer's bytes can reach: indexing, unchecked arithmetic, `unwrap`,
//! `expect` and `panic!` are errors of the compiler in this module.
//!
//! # How it is used
//! A session lasts as long as a connection, and owns no buffers: `rx` and `tx` are lent for each call. It never waits.
//! Each call says what is wanted: send these bytes of `tx`, receive into this room of `rx`, call again (others may work
//! first), take this data. All progress lies in the session and the two buffers, so that a driver may stop anywhere and
//! go on later.
//!
//! ```text
//!   rx:  │ opened: a message, whole or in part, or data │ records as they came │ room to receive
//!   tx:  │ records to be sent │ the record that writes fill │ kept free for one alert
//! ```
//!
//! # States
//! In each state the messages of this table may come; any other is `unexpected_message`, from its first byte on.
//!
//! | state | may come | then |
//! |---|---|---|
//! | ServerHello | ServerHello; HelloRetryRequest | EncryptedExtensions; SecondServerHello |
//! | SecondServerHello | ServerHello | EncryptedExtensions |
//! | EncryptedExtensions | EncryptedExtensions | CertificateOrRequest; with a pre-shared key Finished |
//! | CertificateOrRequest | CertificateRequest; Certificate | Certificate; CertificateVerify |
//! | Certificate | Certificate | CertificateVerify, once the chain is verified |
//! | CertificateVerify | CertificateVerify | Finished, if the signature is right |
//! | Finished | Finished | our flight, if its MAC is right |
//! | our Certificate, CertificateVerify, Finished | nothing is read | Open |
//! | Open | NewSessionTicket, KeyUpdate, data, `close_notify` | Open |
//!
//! **Nothing of ours but alerts is sent between the ServerHello and the verified Finished of the server.** A client
//! certificate, a signature and data exist only behind it. A server without a pre-shared key comes through the table
//! only with a chain and a signature that were verified, once each and in this order.
//!
//! Messages may be split over records and share records in any way. No other record may stand inside of a split message,
//! and behind a message that changes keys its record ends (RFC 8446 §5.1).
//!
//! # What is offered
//! The suites, groups and signatures of the [`Crypto`]; one key share, the other groups by HelloRetryRequest;
//! `server_name`, ALPN, `record_size_limit` (RFC 8449) with what `rx` can hold; an external pre-shared key or a ticket,
//! with (EC)DHE always. Values that the engine does not know are passed over in lists and requests, and refused in
//! responses (`unsupported_extension`). Not supported: early data, authentication after the handshake, certificate
//! compression, TLS 1.2.
//!
//! # Tickets
//! One that came in an open session is handed out with its key, and may be offered by a later session; which one may be
//! used when is decided [outside](crate::tls::sessions). As long as it may have to be written into a second ClientHello it
//! lies behind `rx`, in memory that is lent to `rx` when the ServerHello has come: it costs no memory of its own. A server
//! that takes it goes from EncryptedExtensions to Finished in the table, and any certificate is `unexpected_message`; one
//! that does not take it goes the long way. A selected identity that is not the first, and a suite with another hash than
//! the ticket's, are `illegal_parameter`. A ticket that makes the ClientHello longer than `tx` is left out.
//!
//! # Secrets
//! | secret | from | until |
//! |---|---|---|
//! | private key of the exchange | ClientHello | ServerHello |
//! | early and handshake secret | ServerHello | the same call |
//! | main secret | ServerHello | our Finished, when the resumption secret takes its place |
//! | key of a ticket | ClientHello (from the store), NewSessionTicket | ServerHello, the store |
//! | traffic secrets and keys of the handshake | ServerHello | Finished (the server's), our Finished (ours) |
//! | traffic secrets and keys of the application | Finished | KeyUpdate, or the end |
//!
//! Each is overwritten when it is replaced, when the session fails and when it is dropped. [`TlsStream`] overwrites its
//! record buffers too. Copies that the compiler leaves on the stack, and expanded keys inside of the AES and ChaCha20
//! crates, are beyond us. Finished and binders are compared in constant time; key exchange and AEAD are RustCrypto's and
//! dalek's constant-time code.
//!
//! # What a peer can cost
//! - Memory: nothing. What does not fit in `rx` is [`RxTooSmall`](crate::tls::TlsError::RxTooSmall), with the size
//!   needed.
//! - Before its proof: one key agreement (two key pairs with a HelloRetryRequest), and what verifying its chain costs
//!   within the [budget](crate::tls::VerifyPolicy::max_work).
//! - Records that bring nothing (empty, `change_cipher_spec`, `user_canceled`): 32 in a row.
//! - KeyUpdates without data between them: 1,024. Tickets: any number; after 16 messages the engine yields, so that
//!   deadlines are looked at.
//! - Extensions of one message: 64.
//!
//! # How errors end
//! Every error is final. The alert that RFC 8446 §6 gives it is in `tx` before the error is returned, and leaves if the
//! stream takes it at once. After `close_notify` each direction ends by itself; the end of the stream without it is
//! [`Truncated`](crate::tls::TlsError::Truncated).
//!
//! [`TlsStream`]: crate::tls::TlsStream
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

pub(crate) use self::{
    flight::Chain,
    session::{Next, Session},
    ticket::Ticket,
};
pub use self::{
    group::{Group, MAX_SHARE_LEN, PRIVATE_LEN, SECP256R1, X25519},
    schedule::{Hash, SHA256, SHA384},
    suite::{AES_128_GCM_SHA256, AES_256_GCM_SHA384, CHACHA20_POLY1305_SHA256, CipherSuite, TAG_LEN},
};
use crate::tls::{Identity, Psk, TlsError, verify::algorithms};

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
/// const CRYPTO: Crypto =
///     Crypto { suites: &[AES_128_GCM_SHA256], groups: &[SECP256R1], signatures: &[ECDSA_P256_SHA256] };
/// ```
#[derive(Clone, Copy)]
pub struct Crypto {
    /// Cipher suites, the preferred one first.
    pub suites: &'static [&'static dyn CipherSuite],
    /// Groups for the key exchange, the preferred one first.
    pub groups: &'static [&'static dyn Group],
    /// Algorithms to verify servers with: their certificates, and their handshakes.
    pub signatures: &'static [&'static dyn SignatureVerificationAlgorithm],
}

impl Crypto {
    /// ChaCha20-Poly1305 before AES-128-GCM, X25519 before P-256, and what public servers sign with: all but Ed25519,
    /// the list [`algorithms::DEFAULT`].
    pub const DEFAULT: Self = Self {
        suites: &[CHACHA20_POLY1305_SHA256, AES_128_GCM_SHA256],
        groups: &[X25519, SECP256R1],
        signatures: algorithms::DEFAULT,
    };

    /// ChaCha20-Poly1305 and X25519 only, which every large service speaks; signatures with P-256, P-384 and RSA.
    pub const SMALL: Self =
        Self { suites: &[CHACHA20_POLY1305_SHA256], groups: &[X25519], signatures: algorithms::SMALL };
}

impl fmt::Debug for Crypto {
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
    pub(crate) crypto: &'static Crypto,
    /// The name for `server_name`; none for addresses (RFC 6066 §3).
    pub(crate) server_name: Option<&'a str>,
    pub(crate) alpn: &'a [&'a [u8]],
    pub(crate) psk: Option<PskOffer<'a>>,
    /// What the server may sign with.
    pub(crate) signatures: &'a [&'a dyn SignatureVerificationAlgorithm],
    pub(crate) identity: Option<Identity<'a>>,
    /// So many bytes behind `rx` hold the ticket: `rx` has them too, once there is a ServerHello.
    pub(crate) rx_to_come: usize,
    /// How many bytes `rx` has after the handshake. If those are fewer, the server has to agree to send no longer records
    /// (RFC 8449), and nothing is received beyond its Finished.
    pub(crate) lasting_rx: usize,
    /// Ask for tickets.
    pub(crate) wants_tickets: bool,
    /// Look like TLS 1.2 to middleboxes (RFC 8446 §D.4).
    pub(crate) compatible: bool,
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

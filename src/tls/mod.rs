//! TLS 1.3 with verification that is always on.
//!
//! A [`TlsContext`] says whom to trust, what the date is, and where random numbers come from. With it, `https` means on
//! a microcontroller what it means in a browser: the server shows a chain of certificates that leads to a root you
//! trust, for the host name you asked for, valid today, and signs the handshake with the key of that chain. A server
//! that does not gets not one byte of your request.
//!
//! ```text
//!   any Read + Write ◀──▶ driver ◀──▶ engine: what may come now, what goes out ──▶ read, write
//!                                       │
//!                                       ▼ what the server shows
//!                                     proof: a chain, verified │ a signature, verified │ each once, in this order
//! ```
//!
//! # What is checked
//! - The chain (RFC 5280): issuers in any order, cross-signs, basic constraints, path length, key usage, extended key
//!   usage, name constraints; RSA of 2048 to 4096 bits, P-256, P-384, and Ed25519 if you name it; no SHA-1; dates;
//!   revocation lists if you give some. See [`verify`].
//! - The name (RFC 9525): DNS names, wildcards of one label, IP addresses; subject alternative names only.
//! - The handshake (RFC 8446): only the records and messages that may come at that moment, a ServerHello that answers what
//!   we offered, a signature over this handshake.
//! - The end: a stream that ends without `close_notify` was cut, and is an error wherever that matters.
//!
//! # What is not
//! - Revocation, unless you give [lists](verify::Crl); OCSP and certificate transparency.
//! - Anything with an unknown date: without one every handshake with certificates is [refused](TlsError::TimeUnknown).
//!   [`time`] tells what to do without a clock.
//!
//! # Who the device is
//! Servers that ask get a client certificate, if the context has an [`identity`]. With a [`Psk`] there are no certificates
//! at all: client and server prove themselves by one key, and neither roots nor a date are needed. [`Alpn`] offers
//! protocols.
//!
//! # What is spoken
//! TLS 1.3 as a client, with the algorithms of a [`Crypto`](engine::Crypto): unless
//! [chosen](TlsContext::crypto) otherwise ChaCha20-Poly1305 and AES-128-GCM, X25519 and P-256. Records up to the full
//! 16 KiB, HelloRetryRequest, KeyUpdate, handshake messages over several records. The page of [`engine`] has the table of
//! its states. With a store of tickets, the next handshake with a server is [short](sessions).
//!
//! The engine is ours, and drives the sockets of a pool and [`TlsStream`]. The feature `embedded-tls` has a second one, for
//! comparison.
//!
//! # How it stands still
//! Verifying a chain takes a microcontroller a second or so. Between two signature checks other tasks run, and the deadline
//! is looked at; the longest piece is one check.
//!
//! # Examples
//! A device that trusts one authority of its own, and no other:
//!
//! ```
//! use socketpool::tls::{Now, Roots, TlsContext, roots::{TrustAnchor, constant_trust_anchor}};
//!
//! # macro_rules! include_bytes { ($path:literal) => { core::include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pki/der/root.der")) } }
//! static OWN: [TrustAnchor<'static>; 1] = [constant_trust_anchor(include_bytes!("own-root.der"))];
//!
//! # let (rng, clock) = (|bytes: &mut [u8]| bytes.fill(4), || Now::Unknown);
//! let tls = TlsContext::new(rng, clock).roots(Roots::only(&OWN));
//! ```

mod alpn;
mod context;
#[cfg(feature = "dangerous-unverified-tls")]
pub mod dangerous;
mod driver;
#[cfg(feature = "embedded-tls")]
pub mod embedded_tls;
pub mod engine;
mod fingerprint;
pub mod identity;
mod info;
mod memory;
mod offer;
pub mod pem;
pub mod pin;
mod proof;
mod psk;
pub(crate) mod random;
pub mod roots;
pub mod sessions;
mod stream;
pub mod time;
pub mod verify;

pub(crate) use self::memory::{Lent, TlsMemory, TlsSession};
pub use self::{
    alpn::{Alpn, AlpnError},
    context::TlsContext,
    identity::{Identity, Signer},
    info::{CertificateInfo, KeyInfo, ShownChain, TlsInfo, TlsObserver},
    psk::{Psk, PskError},
    random::{RandCore, Random, RandomError, TryFill},
    roots::{Roots, TrustAnchor},
    sessions::{SavedSession, SessionKey, SessionStore, Sessions, SessionsError},
    stream::TlsStream,
    time::{Now, RELEASE_DATE, TimeSource, WallClock},
    verify::VerifyPolicy,
};
pub use crate::error::tls::{TlsError, TlsStreamError, Unsupported};
/// A date, in seconds since 1970-01-01 UTC.
pub use rustls_pki_types::UnixTime;

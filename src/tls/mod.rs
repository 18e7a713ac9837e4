//! TLS 1.3 with verification that is always on.
//!
//! A [`TlsContext`] says whom to trust, what the date is, and where random numbers come from. With it, `https` means on
//! a microcontroller what it means in a browser: the server shows a chain of certificates that leads to a root you
//! trust, for the host name you asked for, valid today, and signs the handshake with the key of that chain. A server
//! that does not gets not one byte of your request.
//!
//! ```text
//!   TCP ──▶ guard ──▶ engine ──▶ checked records ──▶ read, write
//!           which records        what is inside
//!           may come now         each of them
//!                        │
//!                        ▼ what the server shows
//!                      proof: a chain, verified │ a signature, verified │ each once, in this order
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
//! TLS 1.3 as a client: AES-128-GCM with SHA-256, key exchange over P-256, records up to the full 16 KiB. Session
//! resumption, HelloRetryRequest, KeyUpdate and handshake messages over several records are not supported: a server that
//! insists gets a named [error](TlsError::Unsupported).
//!
//! That is the pool's engine. [`TlsStream`] has one of our own, over any stream of bytes, which speaks more: the page of
//! [`engine`] tells.
//!
//! # How it stands still
//! Verifying a chain takes a microcontroller a second or so, in one piece: nothing else runs on that executor meanwhile.
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
mod error;
mod fingerprint;
pub mod identity;
mod memory;
pub mod pem;
pub mod pin;
mod proof;
mod psk;
pub(crate) mod random;
pub mod roots;
mod stream;
pub mod time;
pub mod verify;

pub(crate) use self::memory::{Lent, TlsMemory, TlsSession};
pub use self::{
    alpn::{Alpn, AlpnError},
    context::TlsContext,
    error::{TlsError, Unsupported},
    identity::{Identity, Signer},
    psk::{Psk, PskError},
    random::{RandCore, Random, RandomError, TryFill},
    roots::{Roots, TrustAnchor},
    stream::{TlsInfo, TlsStream, TlsStreamError},
    time::{Now, RELEASE_DATE, TimeSource, WallClock},
    verify::VerifyPolicy,
};
/// A date, in seconds since 1970-01-01 UTC.
pub use rustls_pki_types::UnixTime;

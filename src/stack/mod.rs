//! The seam: what a network stack offers, as small traits.
//!
//! A [`SocketPool`](crate::SocketPool) needs a stack that can [`Connect`], [`Resolve`] names, and tell time
//! ([`Timer`]). [`Network`] makes one of any embedded-nal-async `TcpConnect`, any `Dns` and any
//! timer. A stack that can do more than embedded-nal-async has words for (send a FIN, tell an unknown name from a dead
//! name server) implements these traits itself.

mod nal;

use core::net::{IpAddr, SocketAddr};

use embedded_io_async::{ErrorKind, Read, Write};

pub use self::nal::{Network, NetworkConnection};
use crate::time::Timer;

/// All that a pool needs of a network, in one bound. Whatever has the parts has it.
pub trait Stack: Connect + Resolve + Timer {}

impl<S: Connect + Resolve + Timer> Stack for S {}

/// Opens TCP connections.
pub trait Connect {
    /// An open connection. Dropping it closes it.
    type Connection<'a>: Connection
    where
        Self: 'a;

    /// Opens a connection.
    ///
    /// # Errors
    /// The reason in embedded-io's words; `ConnectionRefused` only if the peer did refuse.
    ///
    /// # Cancel safety
    /// Dropping the future ends the attempt.
    async fn connect(&self, remote: SocketAddr) -> Result<Self::Connection<'_>, ErrorKind>;
}

/// An open TCP connection. `read` gives `Ok(0)` when the peer has closed its side.
pub trait Connection: Read + Write {
    /// Sends what was written and ends our side of the stream (FIN), as far as the stack can.
    async fn shutdown(&mut self) -> Result<(), ErrorKind>;
}

/// Resolves host names.
pub trait Resolve {
    /// One address of `host`, which is a name and not an address literal.
    async fn resolve(&self, host: &str, family: Family) -> Result<IpAddr, ResolveError>;
}

/// What a `write` says it took of `bytes`, if it can be true. Zero would be asked for again and again, or panic in
/// embedded-io's `write_all`.
pub(crate) fn took(bytes: &[u8], count: usize) -> Result<usize, ErrorKind> {
    match count {
        0 if !bytes.is_empty() => Err(ErrorKind::WriteZero),
        count if count > bytes.len() => Err(ErrorKind::InvalidData),
        count => Ok(count),
    }
}

/// Which addresses are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Family {
    /// IPv4 only.
    Ipv4,
    /// IPv6 only.
    Ipv6,
    /// IPv4, and IPv6 if there is none.
    #[default]
    Any,
}

/// Why a name did not resolve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ResolveError {
    /// The name server answered: there is no such name, or it has no address of that family.
    NoSuchName,
    /// No usable answer.
    NoAnswer,
}

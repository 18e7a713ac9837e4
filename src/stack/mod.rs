//! The seam: what a network stack offers, as small traits.
//!
//! A [`SocketPool`](crate::SocketPool) needs a stack that can [`Connect`], [`Resolve`] names, and tell time
//! ([`Timer`]). [`Network`] makes one of any embedded-nal-async `TcpConnect`, any `Dns` and any timer. A stack with UDP
//! also [binds](Datagrams) sockets for datagrams. A stack that can do more than embedded-nal-async has words for (send a
//! FIN, tell an unknown name from a dead name server) implements these traits itself.

mod nal;

use core::net::{IpAddr, SocketAddr};

use embedded_io_async::{ErrorKind, Read, Write};

pub use self::nal::{Network, NetworkConnection, NetworkDatagrams};
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

/// Binds UDP sockets. A stack without UDP does not implement this.
pub trait Datagrams {
    /// A bound UDP socket. Dropping it closes it.
    type Socket<'a>: DatagramSocket
    where
        Self: 'a;

    /// A socket on this local port of every local address, or on the one address that the stack picks; any free port
    /// for 0. With [`Family::Any`] the stack chooses the family.
    ///
    /// # Errors
    /// The reason in embedded-io's words.
    ///
    /// # Cancel safety
    /// Dropping the future binds nothing.
    async fn bind(&self, family: Family, port: u16) -> Result<Self::Socket<'_>, ErrorKind>;
}

/// A bound UDP socket.
pub trait DatagramSocket {
    /// Which addresses it can send to.
    fn family(&self) -> Family;

    /// Sends one datagram, whole or not at all.
    ///
    /// # Errors
    /// The reason in embedded-io's words. Success does not mean that it arrives.
    ///
    /// # Cancel safety
    /// After dropping the future it is unknown whether the datagram was sent.
    async fn send_to(&mut self, remote: SocketAddr, datagram: &[u8]) -> Result<(), ErrorKind>;

    /// Receives one datagram: how many bytes it has (what does not fit in `out` is lost, but counted where the stack
    /// can), and who sent it. An IPv4 sender is an IPv4 address, also on a socket for both families.
    ///
    /// # Errors
    /// The reason in embedded-io's words.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    async fn recv_from(&mut self, out: &mut [u8]) -> Result<(usize, SocketAddr), ErrorKind>;
}

/// An IPv4 address that came in IPv6's clothes (RFC 4291 §2.5.5.2) is an IPv4 address again.
pub(crate) fn unmapped(remote: SocketAddr) -> SocketAddr {
    match remote {
        SocketAddr::V6(address) => match address.ip().to_ipv4_mapped() {
            Some(ip) => SocketAddr::new(IpAddr::V4(ip), address.port()),
            None => remote,
        },
        SocketAddr::V4(_) => remote,
    }
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

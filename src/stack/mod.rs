//! The seam: what a network stack offers, as small traits.
//!
//! A [`SocketPool`](crate::SocketPool) needs a stack that can [`Connect`], [`Resolve`] names, and tell time
//! ([`Timer`]). [`Network`] makes one of any embedded-nal-async `TcpConnect`, any `Dns` and any timer. A stack with UDP
//! also [binds](Datagrams) sockets for datagrams, and one with servers [listens](Listen). A stack that can do more than
//! embedded-nal-async has words for (send a FIN, tell an unknown name from a dead name server, accept) implements these
//! traits itself. What not every stack can do is a provided method that answers `Unsupported`.

mod nal;

use core::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use embedded_io_async::{ErrorKind, Read, Write};

pub use self::nal::{Network, NetworkConnection, NetworkDatagrams};
use crate::time::Timer;

/// All that a pool needs of a network, in one bound. Whatever has the parts has it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a network for a pool",
    label = "not a `socketpool::stack::Stack`",
    note = "a stack of embedded-nal-async is made one by `socketpool::stack::Network::new(tcp, dns, timer)`, \
            embassy-net by `socketpool::embassy::Network`; a host's is `socketpool::host::Network` (feature `std`)"
)]
pub trait Stack: Connect + Resolve + Timer {}

impl<S: Connect + Resolve + Timer> Stack for S {}

/// Opens TCP connections.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a network for a pool: it opens no connections",
    label = "not a `socketpool::stack::Connect`",
    note = "a stack of embedded-nal-async is made one by `socketpool::stack::Network::new(tcp, dns, timer)`, \
            embassy-net by `socketpool::embassy::Network`; a host's is `socketpool::host::Network` (feature `std`)"
)]
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

/// Opens connections with TLS that the stack does itself: a modem with TLS on board.
///
/// [`StackTls`](crate::pool::StackTls) makes a context of it for sessions and connectors. A stack that implements this
/// vouches for the server as `tls::TlsContext` does: the chain up to a root that is trusted, the name and the dates are
/// verified before one byte of the application is sent. One that encrypts only must not implement it.
///
/// The connection that comes of it reads and writes the application's bytes, as one without TLS does. A stream that ends
/// without `close_notify` was cut off, perhaps by an attacker (RFC 8446 §6.1): its `read` fails, with `ConnectionAborted`,
/// and does not give `Ok(0)`. A profile that negotiates a protocol (ALPN) has to offer `http/1.1` for a session.
#[diagnostic::on_unimplemented(
    message = "the network `{Self}` has no TLS of its own",
    label = "not a `socketpool::stack::ConnectTls`",
    note = "give the session a `socketpool::tls::TlsContext`, which brings TLS to any network"
)]
pub trait ConnectTls: Connect {
    /// Opens a connection to `server` and verifies that it is `server.host`.
    ///
    /// # Errors
    /// How far it came, and why it ended there. The connection is closed then. `Unverified` is for a server that proved
    /// nothing, or something else than was asked for; also for a date or a root that the stack lacks.
    ///
    /// # Cancel safety
    /// Dropping the future ends the attempt.
    async fn connect_tls(&self, server: TlsServer<'_>) -> Result<Self::Connection<'_>, ConnectTlsError>;
}

/// Whom a stack with [TLS of its own](ConnectTls) is to connect to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TlsServer<'h> {
    /// The name, or the address literal, that the certificate has to have. A pool has checked it: letters, digits, `-`, `_`
    /// and `.`, 253 at most, or an address without brackets; so it can stand between the quotes of a command.
    pub host: &'h str,
    /// Where to connect to, if that is known; else the stack resolves `host` itself. Known for an address literal.
    pub address: Option<IpAddr>,
    /// The TCP port.
    pub port: u16,
    /// Which of its TLS configurations the stack is to use: roots, versions, a client certificate.
    pub profile: u8,
}

/// Why there is no connection with [TLS of the stack's own](ConnectTls).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ConnectTlsError {
    /// The name has no address.
    Resolve(ResolveError),
    /// No TCP connection.
    Connect(ErrorKind),
    /// The server did not prove who it is.
    Unverified,
    /// The handshake failed for another reason.
    Handshake(ErrorKind),
}

/// An open TCP connection. `read` gives `Ok(0)` when the peer has closed its side.
///
/// A future of `read` or `write` that is dropped before it is done has moved nothing; embedded-io-async encourages that,
/// and the time-outs of a [`Socket`](crate::Socket) rely on it.
pub trait Connection: Read + Write {
    /// Sends what was written and ends our side of the stream (FIN), as far as the stack can. The last that is asked of a
    /// connection before it is dropped.
    ///
    /// # Errors
    /// The reason in embedded-io's words.
    async fn shutdown(&mut self) -> Result<(), ErrorKind>;

    /// Sends what was written and ends our side of the stream (FIN); the peer's side stays open.
    ///
    /// # Errors
    /// `Unsupported` by a stack that can only close both sides.
    async fn close_write(&mut self) -> Result<(), ErrorKind> {
        Err(ErrorKind::Unsupported)
    }

    /// Whether the stack knows of bytes, or an end of the stream, that a `read` could not give at once because it would
    /// have to fetch them: from a modem that has announced them, for example. A connection on which the peer has spoken
    /// out of turn must not be kept for the next request, and a pool finds out with a `read` that it polls once.
    ///
    /// A stack whose `read` gives what has arrived when it is first polled leaves this as it is.
    fn has_more_to_fetch(&self) -> bool {
        false
    }

    /// Our address and port on this connection.
    ///
    /// # Errors
    /// `Unsupported` by a stack that does not tell.
    fn local_addr(&self) -> Result<SocketAddr, ErrorKind> {
        Err(ErrorKind::Unsupported)
    }

    /// Sets an option.
    ///
    /// # Errors
    /// `Unsupported` by a stack that does not have it.
    fn set_option(&mut self, option: SocketOption) -> Result<(), ErrorKind> {
        let _ = option;
        Err(ErrorKind::Unsupported)
    }
}

/// A connection whose two directions can be used at the same time.
#[diagnostic::on_unimplemented(
    message = "the two directions of `{Self}` cannot be used at the same time",
    label = "cannot be split",
    note = "connections of embassy-net and of a host can (`socketpool::embassy::Network`, \
            `socketpool::host::Network`); others send and receive in turns"
)]
pub trait Split: Connection {
    /// The direction from the peer.
    type Reader<'a>: Read
    where
        Self: 'a;

    /// The direction to the peer.
    type Writer<'a>: Write
    where
        Self: 'a;

    /// Both directions.
    fn split(&mut self) -> (Self::Reader<'_>, Self::Writer<'_>);
}

/// Accepts TCP connections. A stack without servers does not implement this.
#[diagnostic::on_unimplemented(
    message = "the network `{Self}` has no servers",
    label = "cannot listen",
    note = "embassy-net has (`socketpool::embassy::Network`), a host has (`socketpool::host::Network`), and a stack of yours that implements \
            `socketpool::stack::Listen`; embedded-nal-async has no words for servers"
)]
pub trait Listen: Connect {
    /// Waits for clients. Dropping it refuses those that come later, and closes those that were not accepted yet.
    type Listener<'a>: Listener<Connection = Self::Connection<'a>>
    where
        Self: 'a;

    /// Listens where `local` says, with room for at least one client, and for `backlog` if the stack can, that nobody has
    /// accepted yet. With `reuse` also on a port whose last connections are still in TIME-WAIT (RFC 9293 §3.6.1).
    ///
    /// # Errors
    /// The reason in embedded-io's words: `AddrInUse`, `AddrNotAvailable`, `OutOfMemory` when the stack has no socket left.
    ///
    /// # Cancel safety
    /// Dropping the future binds nothing.
    async fn listen(&self, local: Local, backlog: usize, reuse: bool) -> Result<Self::Listener<'_>, ErrorKind>;
}

/// A listening TCP socket.
pub trait Listener {
    /// What it accepts.
    type Connection;

    /// The next client, and its address.
    ///
    /// # Errors
    /// The reason in embedded-io's words. The listener goes on listening.
    ///
    /// # Cancel safety
    /// Dropping the future loses no client.
    async fn accept(&mut self) -> Result<(Self::Connection, SocketAddr), ErrorKind>;

    /// Where it listens; with the port that the stack picked.
    ///
    /// # Errors
    /// `Unsupported` by a stack that does not tell.
    fn local_addr(&self) -> Result<SocketAddr, ErrorKind> {
        Err(ErrorKind::Unsupported)
    }
}

/// Resolves host names.
#[diagnostic::on_unimplemented(
    message = "`{Self}` resolves no names",
    label = "not a `socketpool::stack::Resolve`",
    note = "`socketpool::stack::Network::new(tcp, dns, timer)` makes a network of three parts, one of which \
            knows names"
)]
pub trait Resolve {
    /// One address of `host`, which is a name and not an address literal.
    ///
    /// # Errors
    /// [`ResolveError`], as far as the stack can tell one from the other.
    async fn resolve(&self, host: &str, family: Family) -> Result<IpAddr, ResolveError>;

    /// The addresses of `host` in the order in which to try them, each once, as many as `out` has room for; says how many.
    /// A [`Socket`](crate::Socket) that connects to a name asks this, for four at most. A stack that knows one address of a
    /// name at a time need not implement it.
    ///
    /// # Errors
    /// As for [`resolve`](Self::resolve).
    async fn resolve_all(&self, host: &str, family: Family, out: &mut [IpAddr]) -> Result<usize, ResolveError> {
        let address = self.resolve(host, family).await?;
        let Some(place) = out.first_mut() else { return Ok(0) };
        *place = address;
        Ok(1)
    }
}

/// Binds UDP sockets. A stack without UDP does not implement this.
#[diagnostic::on_unimplemented(
    message = "the network `{Self}` has no UDP, which `udp_socket` and `sync_time` need",
    label = "no UDP",
    note = "in `stack::Network::new(tcp, dns, timer)` the first part has to be the `UdpStack` itself: a \
            reference to one is none"
)]
pub trait Datagrams {
    /// A bound UDP socket. Dropping it closes it.
    type Socket<'a>: DatagramSocket
    where
        Self: 'a;

    /// A socket bound where `local` says; a stack that cannot receive on every local address picks one.
    ///
    /// # Errors
    /// The reason in embedded-io's words.
    ///
    /// # Cancel safety
    /// Dropping the future binds nothing.
    async fn bind(&self, local: Local) -> Result<Self::Socket<'_>, ErrorKind>;
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

    /// Our address and port; the address is unspecified on a socket for all of them.
    ///
    /// # Errors
    /// `Unsupported` by a stack that does not tell.
    fn local_addr(&self) -> Result<SocketAddr, ErrorKind> {
        Err(ErrorKind::Unsupported)
    }

    /// Joins or leaves a multicast group: datagrams to it are received from now on, or no more.
    ///
    /// # Errors
    /// `Unsupported` by a stack that cannot; else the reason in embedded-io's words.
    fn set_member(&mut self, group: IpAddr, member: bool) -> Result<(), ErrorKind> {
        let _ = (group, member);
        Err(ErrorKind::Unsupported)
    }

    /// Sets an option.
    ///
    /// # Errors
    /// `Unsupported` by a stack that does not have it.
    fn set_option(&mut self, option: SocketOption) -> Result<(), ErrorKind> {
        let _ = option;
        Err(ErrorKind::Unsupported)
    }
}

/// Where a socket is bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Local {
    /// One of our addresses, or all of them.
    pub address: Option<IpAddr>,
    /// Of which family all of them are; with [`Family::Any`] the stack chooses, both if it can. One address says it itself.
    pub family: Family,
    /// The port; any free one for 0.
    pub port: u16,
}

impl Local {
    /// The address to bind, as other interfaces want it: unspecified for all of them; IPv4 if the family is open.
    #[must_use]
    pub const fn to_addr(self) -> SocketAddr {
        let address = match (self.address, self.family) {
            (Some(address), _) => address,
            (None, Family::Ipv6) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            (None, _) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        };
        SocketAddr::new(address, self.port)
    }
}

/// An option of a socket, and what it is set to. CircuitPython's `setsockopt`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SocketOption {
    /// TCP: small writes leave at once instead of waiting for those before them to be acknowledged (RFC 9293 §3.7.4). A pool
    /// sets it for every connection, where the stack has it.
    NoDelay(bool),
    /// TCP: how long a connection may be silent before the peer is asked whether it is still there (RFC 9293 §3.8.4).
    KeepAlive(Option<Duration>),
    /// TCP: before listening: take the port also while its last connections are in TIME-WAIT.
    ReuseAddress(bool),
    /// UDP: how many routers a multicast datagram may pass.
    MulticastTtl(u8),
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

impl Family {
    /// Whether this address is one of them.
    pub(crate) const fn has(self, address: IpAddr) -> bool {
        match self {
            Self::Ipv4 => address.is_ipv4(),
            Self::Ipv6 => address.is_ipv6(),
            Self::Any => true,
        }
    }
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

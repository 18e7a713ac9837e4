//! CircuitPython's constants, under their names, as values of the types that this crate has for them.
//!
//! ```
//! use socketpool::{ErrorKind, constants::{AF_INET, EAGAIN, TCP_NODELAY}, stack::{Family, SocketOption}};
//!
//! assert_eq!(AF_INET, Family::Ipv4);
//! assert_eq!(TCP_NODELAY(true), SocketOption::NoDelay(true));
//! assert_eq!(EAGAIN, ErrorKind::WouldBlock);
//! ```
//!
//! Which kind of socket it is (`SOCK_STREAM`, `SOCK_DGRAM`) is a type here: [`Socket`](crate::Socket),
//! [`UdpSocket`](crate::UdpSocket). There are no raw sockets.

use core::time::Duration;

use embedded_io_async::ErrorKind as Io;

use crate::{
    error::ErrorKind,
    stack::{Family, SocketOption},
};

/// IPv4.
pub const AF_INET: Family = Family::Ipv4;
/// IPv6.
pub const AF_INET6: Family = Family::Ipv6;
/// IPv4, and IPv6 if there is none.
pub const AF_UNSPEC: Family = Family::Any;

/// Small writes leave at once.
pub const TCP_NODELAY: fn(bool) -> SocketOption = SocketOption::NoDelay;
/// How long a connection may be silent before the peer is asked whether it is still there.
pub const SO_KEEPALIVE: fn(Option<Duration>) -> SocketOption = SocketOption::KeepAlive;
/// Listen on a port whose last connections are in TIME-WAIT.
pub const SO_REUSEADDR: fn(bool) -> SocketOption = SocketOption::ReuseAddress;
/// How many routers a multicast datagram may pass.
pub const IP_MULTICAST_TTL: fn(u8) -> SocketOption = SocketOption::MulticastTtl;

/// There is no such name.
pub const EAI_NONAME: ErrorKind = ErrorKind::NoSuchName;
/// The name server gave no answer.
pub const EAI_AGAIN: ErrorKind = ErrorKind::NoAnswer;
/// It would have to be waited for.
pub const EAGAIN: ErrorKind = ErrorKind::WouldBlock;
/// Time ran out.
pub const ETIMEDOUT: ErrorKind = ErrorKind::Timeout;
/// The socket is not connected.
pub const ENOTCONN: ErrorKind = ErrorKind::NotConnected;
/// The peer refused the connection.
pub const ECONNREFUSED: ErrorKind = ErrorKind::Io(Io::ConnectionRefused);
/// The connection broke.
pub const ECONNRESET: ErrorKind = ErrorKind::Io(Io::ConnectionReset);
/// Our side of the stream was ended.
pub const EPIPE: ErrorKind = ErrorKind::Io(Io::BrokenPipe);
/// The port is taken.
pub const EADDRINUSE: ErrorKind = ErrorKind::Io(Io::AddrInUse);
/// The network stack cannot do that.
pub const EOPNOTSUPP: ErrorKind = ErrorKind::Io(Io::Unsupported);

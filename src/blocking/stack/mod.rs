//! The seam of the blocking face: what a network stack offers, as small traits.
//!
//! A [`SocketPool`](super::SocketPool) needs a stack that can [`Connect`], [`Resolve`] names, and tell time
//! ([`Clock`]). [`Network`] makes one of any embedded-nal stack. A stack that can do more than
//! embedded-nal has words for (sleep until a packet arrives, end a name query, report who refused) implements these
//! traits itself.
//!
//! # Waiting
//! A stack knows one deadline, the one set last, and every operation waits for its peer until then and no longer: past
//! it the error is `TimedOut`, in embedded-io's words. What can be done without waiting is done in any case, so a
//! deadline in the past means "do not wait".

mod network;

use core::net::{IpAddr, SocketAddr};

use embedded_io::{ErrorKind, Read, Write};

pub use self::network::{Network, NetworkConnection, NetworkDatagrams, NetworkListener, UdpSilence, ZeroRead};
pub use crate::stack::{Family, Local, ResolveError, SocketOption};
use crate::time::{Clock, Deadline, Instant};

/// All that a pool needs of a network, in one bound. Whatever has the parts has it.
pub trait Stack: Connect + Resolve + Clock {}

impl<S: Connect + Resolve + Clock> Stack for S {}

/// Opens TCP connections. The blocking twin of [`Connect`](crate::stack::Connect).
pub trait Connect {
    /// An open connection. Dropping it closes it, without waiting.
    type Connection<'a>: Connection
    where
        Self: 'a;

    /// By when the operations that follow must be done, on this stack and on every connection of it. At first, and with
    /// [`Deadline::NEVER`], they may wait for ever.
    ///
    /// One deadline is enough because a blocking program does one thing at a time; who shares a stack sets it before
    /// each operation.
    fn set_deadline(&self, deadline: Deadline);

    /// Waits until `at`; at once if it has passed. Unless a stack knows a better way (to sleep, or to let its packets
    /// move meanwhile), it looks at its clock until then.
    fn wait_until(&self, at: Instant)
    where
        Self: Clock,
    {
        while self.now() < at {
            core::hint::spin_loop();
        }
    }

    /// Opens a connection.
    ///
    /// # Errors
    /// The reason in embedded-io's words; `ConnectionRefused` only if the peer did refuse, `TimedOut` if the deadline
    /// passed.
    fn connect(&self, remote: SocketAddr) -> Result<Self::Connection<'_>, ErrorKind>;
}

/// An open TCP connection. `read` gives `Ok(0)` when the peer has closed its side.
///
/// A `read` or `write` that waits past the [deadline](Connect::set_deadline) fails with an error of kind `TimedOut`,
/// and has moved nothing then.
pub trait Connection: Read + Write {
    /// Sends what was written and ends our side of the stream (FIN), as far as the stack can. Nothing is read from the
    /// connection after that.
    ///
    /// # Errors
    /// The reason in embedded-io's words.
    fn shutdown(&mut self) -> Result<(), ErrorKind>;

    /// Sends what was written and ends our side of the stream (FIN); the peer's side stays open.
    ///
    /// # Errors
    /// `Unsupported` by a stack that can only close both sides.
    fn close_write(&mut self) -> Result<(), ErrorKind> {
        Err(ErrorKind::Unsupported)
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

/// Accepts TCP connections. A stack without servers does not implement this. The blocking twin of
/// [`Listen`](crate::stack::Listen).
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
    fn listen(&self, local: Local, backlog: usize, reuse: bool) -> Result<Self::Listener<'_>, ErrorKind>;
}

/// A listening TCP socket. The blocking twin of [`Listener`](crate::stack::Listener); waiting for a client ends at the
/// stack's [deadline](Connect::set_deadline).
pub trait Listener {
    /// What it accepts.
    type Connection;

    /// The next client, and its address.
    ///
    /// # Errors
    /// The reason in embedded-io's words; `TimedOut` loses no client. The listener goes on listening.
    fn accept(&mut self) -> Result<(Self::Connection, SocketAddr), ErrorKind>;

    /// Where it listens; with the port that the stack picked.
    ///
    /// # Errors
    /// `Unsupported` by a stack that does not tell.
    fn local_addr(&self) -> Result<SocketAddr, ErrorKind> {
        Err(ErrorKind::Unsupported)
    }
}

/// Binds UDP sockets. A stack without UDP does not implement this. The blocking twin of
/// [`Datagrams`](crate::stack::Datagrams).
pub trait Datagrams {
    /// A bound UDP socket. Dropping it closes it, without waiting.
    type Socket<'a>: DatagramSocket
    where
        Self: 'a;

    /// A socket bound where `local` says; a stack that cannot receive on every local address picks one.
    ///
    /// # Errors
    /// The reason in embedded-io's words.
    fn bind(&self, local: Local) -> Result<Self::Socket<'_>, ErrorKind>;
}

/// A bound UDP socket. The blocking twin of [`DatagramSocket`](crate::stack::DatagramSocket); both operations end at the
/// stack's [deadline](Connect::set_deadline).
pub trait DatagramSocket {
    /// Which addresses it can send to.
    fn family(&self) -> Family;

    /// Sends one datagram, whole or not at all.
    ///
    /// # Errors
    /// The reason in embedded-io's words. Success does not mean that it arrives.
    fn send_to(&mut self, remote: SocketAddr, datagram: &[u8]) -> Result<(), ErrorKind>;

    /// Receives one datagram: how many bytes it has (what does not fit in `out` is lost, but counted where the stack
    /// can), and who sent it. An IPv4 sender is an IPv4 address, also on a socket for both families.
    ///
    /// # Errors
    /// The reason in embedded-io's words; `TimedOut` loses nothing.
    fn recv_from(&mut self, out: &mut [u8]) -> Result<(usize, SocketAddr), ErrorKind>;

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

/// Resolves host names. The blocking twin of [`Resolve`](crate::stack::Resolve).
pub trait Resolve {
    /// One address of `host`, which is a name and not an address literal.
    ///
    /// # Errors
    /// [`ResolveError::NoAnswer`] also when the [deadline](Connect::set_deadline) passed; the pool, which set it, knows.
    fn resolve(&self, host: &str, family: Family) -> Result<IpAddr, ResolveError>;

    /// The addresses of `host` in the order in which to try them, each once, as many as `out` has room for; says how many.
    /// A [`Socket`](super::Socket) that connects to a name asks this, for four at most. A stack that knows one address of a
    /// name at a time need not implement it.
    ///
    /// # Errors
    /// As for [`resolve`](Self::resolve).
    fn resolve_all(&self, host: &str, family: Family, out: &mut [IpAddr]) -> Result<usize, ResolveError> {
        let address = self.resolve(host, family)?;
        let Some(place) = out.first_mut() else { return Ok(0) };
        *place = address;
        Ok(1)
    }
}

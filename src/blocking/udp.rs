//! A blocking UDP socket: datagrams, and one slot of the pool.

use core::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use super::{SocketPool, stack::Stack};
use crate::{
    error::Result,
    pool,
    stack::{Connect, Datagrams, SocketOption},
    sync::{NoopRawMutex, RawMutex},
    time::{Deadline, run},
};

/// A UDP socket of a [`SocketPool`]; it takes a slot like any other socket, which is free again when it is dropped.
/// CircuitPython's `socketpool.Socket` of type `SOCK_DGRAM`; the blocking twin of [`UdpSocket`](crate::UdpSocket).
///
/// A datagram arrives whole or not at all, once, twice or never, in any order, and from any sender, under any address:
/// look at the sender, and at more than that where it matters.
///
/// Time-outs mean what they mean for a [TCP socket](super::Socket#time-outs).
pub struct UdpSocket<'p, 's, S: Connect + Datagrams, const N: usize, R: RawMutex = NoopRawMutex>(
    pool::UdpSocket<'p, 's, S, N, R>,
);

impl<'s, S: Stack + 's, const N: usize, R: RawMutex> SocketPool<'s, S, N, R> {
    /// Takes a free slot for UDP, as [`socket`](Self::socket) does for TCP.
    ///
    /// # Errors
    /// [`ErrorKind::Exhausted`](crate::ErrorKind::Exhausted) when every slot is in use.
    pub fn udp_socket(&self) -> Result<UdpSocket<'_, 's, S, N, R>>
    where
        S: Datagrams,
    {
        run(self.network(), self.0.udp_socket()).map(UdpSocket)
    }
}

impl<'p, 's, S: Stack + Datagrams + 's, const N: usize, R: RawMutex> UdpSocket<'p, 's, S, N, R> {
    /// How long each operation may take from now on; for ever with `None`, which is the default. With no time at all it
    /// does what it can without waiting.
    #[doc(alias = "settimeout", alias = "setblocking")]
    pub fn set_timeout(&mut self, timeout: Option<Duration>) {
        self.0.set_timeout(timeout);
    }

    /// By when everything must be done from now on.
    pub fn set_deadline(&mut self, deadline: Deadline) {
        self.0.set_deadline(deadline);
    }

    /// Receives from now on on this port, any free one for 0, of the local address `host`, or of all of them for `""`. What
    /// it was bound to before is closed.
    ///
    /// A socket that sends first need not be bound: it is, to any port, when it sends.
    ///
    /// # Errors
    /// With phase `Listen`: [`ErrorKind::HostName`](crate::ErrorKind::HostName) if `host` is neither empty nor an address literal; the port is taken,
    /// or the stack has no socket left.
    pub fn bind(&mut self, host: &str, port: u16) -> Result<()> {
        run(self.0.timer(), self.0.bind(host, port))
    }

    /// Speaks with one peer from now on: [`send`](Self::send) and [`recv_into`](Self::recv_into) mean that one, and what
    /// others send is lost.
    ///
    /// # Errors
    /// With phase `Resolve`. (UDP has no connections: no peer is asked whether it is there.)
    pub fn connect(&mut self, host: &str, port: u16) -> Result<()> {
        run(self.0.timer(), self.0.connect(host, port))
    }

    /// Sends one datagram to the peer it is connected with, whole or not at all.
    ///
    /// # Errors
    /// With phase `Listen` (an unbound socket could not be bound) or `Send`; [`ErrorKind::NotConnected`](crate::ErrorKind::NotConnected).
    pub fn send(&mut self, bytes: &[u8]) -> Result<()> {
        run(self.0.timer(), self.0.send(bytes))
    }

    /// Receives one datagram of the peer it is connected with: how many bytes it has, which may be more than `buffer` has
    /// room for, as for [`recv_from_into`](Self::recv_from_into). One of another sender is lost. With a time-out of 0 one call passes over
    /// 16 of them at most, and then says [`ErrorKind::WouldBlock`](crate::ErrorKind::WouldBlock).
    ///
    /// # Errors
    /// As for [`recv_from_into`](Self::recv_from_into).
    #[doc(alias = "recv")]
    pub fn recv_into(&mut self, buffer: &mut [u8]) -> Result<usize> {
        run(self.0.timer(), self.0.recv_into(buffer))
    }

    /// Resolves `host` and sends it one datagram, whole or not at all.
    ///
    /// # Errors
    /// With phase `Resolve`, `Listen` (an unbound socket could not be bound) or `Send`. Success does not mean that it
    /// arrives.
    #[doc(alias = "sendto")]
    pub fn send_to(&mut self, bytes: &[u8], host: &str, port: u16) -> Result<()> {
        run(self.0.timer(), self.0.send_to(bytes, host, port))
    }

    /// Sends one datagram to an address: that of a sender, or one of [`getaddrinfo`](SocketPool::getaddrinfo), which
    /// saves asking for the name again.
    ///
    /// # Errors
    /// With phase `Listen` (an unbound socket could not be bound) or `Send`.
    pub fn send_to_addr(&mut self, bytes: &[u8], remote: SocketAddr) -> Result<()> {
        run(self.0.timer(), self.0.send_to_addr(bytes, remote))
    }

    /// Receives one datagram: how many bytes it has, and who sent it.
    ///
    /// The size is the true one, as far as the stack tells it: if it is larger than `buffer`, the rest of the datagram
    /// is lost. So `buffer.get(..size)` is a whole datagram or nothing, and `&buffer[..size]` a panic that any sender can
    /// cause. (Stacks that do not tell are named at their adaptor, [`stack::Network`](super::stack::Network): give
    /// them one byte more than you expect.)
    ///
    /// # Errors
    /// With phase `Receive`; [`ErrorKind::NotConnected`](crate::ErrorKind::NotConnected) if nothing was bound or sent before. [`ErrorKind::Timeout`](crate::ErrorKind::Timeout) and
    /// [`ErrorKind::WouldBlock`](crate::ErrorKind::WouldBlock) lose nothing: call again.
    #[doc(alias = "recvfrom_into")]
    pub fn recv_from_into(&mut self, buffer: &mut [u8]) -> Result<(usize, SocketAddr)> {
        run(self.0.timer(), self.0.recv_from_into(buffer))
    }

    /// Receives from now on also what is sent to this multicast group.
    ///
    /// # Errors
    /// With phase `Setup`: [`ErrorKind::NotConnected`](crate::ErrorKind::NotConnected) if it is not bound; `Unsupported`, as [`ErrorKind::Io`](crate::ErrorKind::Io), if the
    /// stack has no multicast.
    #[doc(alias = "IP_ADD_MEMBERSHIP")]
    pub fn join(&mut self, group: IpAddr) -> Result<()> {
        self.0.join(group)
    }

    /// Receives no more what is sent to this multicast group.
    ///
    /// # Errors
    /// As for [`join`](Self::join).
    #[doc(alias = "IP_DROP_MEMBERSHIP")]
    pub fn leave(&mut self, group: IpAddr) -> Result<()> {
        self.0.leave(group)
    }

    /// Sets an option of a bound socket.
    ///
    /// # Errors
    /// With phase `Setup`: [`ErrorKind::NotConnected`](crate::ErrorKind::NotConnected) if it is not bound; `Unsupported`, as [`ErrorKind::Io`](crate::ErrorKind::Io), if the
    /// stack does not have the option.
    #[doc(alias = "setsockopt")]
    pub fn set_option(&mut self, option: SocketOption) -> Result<()> {
        self.0.set_option(option)
    }

    /// Our port, and our address if it is bound to one.
    ///
    /// # Errors
    /// With phase `Setup`: [`ErrorKind::NotConnected`](crate::ErrorKind::NotConnected) if it is not bound; `Unsupported`, as [`ErrorKind::Io`](crate::ErrorKind::Io), if the
    /// stack does not tell.
    #[doc(alias = "getsockname")]
    pub fn local_addr(&mut self) -> Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl<'s, S: Connect + Datagrams + 's, const N: usize, R: RawMutex> core::fmt::Debug for UdpSocket<'_, 's, S, N, R> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.fmt(f)
    }
}

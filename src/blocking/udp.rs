//! A blocking UDP socket: datagrams, and one slot of the pool.

use core::{net::SocketAddr, time::Duration};

use super::{
    SocketPool,
    pool::Resting,
    stack::{Connect, DatagramSocket, Datagrams, Family, Local, Resolve},
};
use crate::{
    error::{Error, ErrorKind, Phase, Result},
    pool::{Lease, Timeout},
    time::{Clock, Deadline},
};

/// A UDP socket of a [`SocketPool`]; it takes a slot like any other socket, which is free again when it is dropped.
/// CircuitPython's `socketpool.Socket` of type `SOCK_DGRAM`; the blocking twin of [`UdpSocket`](crate::UdpSocket).
///
/// A datagram arrives whole or not at all, once, twice or never, in any order, and from anybody who claims any address:
/// look at the sender, and at more than that where it matters.
///
/// # Not supported
/// Multicast, broadcast, and `connect`.
pub struct UdpSocket<'p, 's, S: Connect + Datagrams, const N: usize> {
    /// Dropped before the slot is free. `None` until it is bound.
    socket: Option<S::Socket<'s>>,
    pool: &'p SocketPool<'s, S, N>,
    _slot: Lease<'p, Resting<'s, S>>,
    timeout: Timeout,
}

impl<'s, S: Connect + Resolve + Datagrams + Clock + 's, const N: usize> SocketPool<'s, S, N> {
    /// Takes a free slot for UDP, as [`socket`](Self::socket) does for TCP.
    ///
    /// # Errors
    /// [`ErrorKind::Exhausted`] when every slot is in use.
    pub fn udp_socket(&self) -> Result<UdpSocket<'_, 's, S, N>> {
        let slot = self.socket()?.into_slot();
        Ok(UdpSocket { socket: None, pool: self, _slot: slot, timeout: Timeout::Each(None) })
    }
}

impl<'s, S: Connect + Resolve + Datagrams + Clock + 's, const N: usize> UdpSocket<'_, 's, S, N> {
    /// How long each operation may take from now on; for ever with `None`, which is the default.
    #[doc(alias = "settimeout")]
    pub fn set_timeout(&mut self, timeout: Option<Duration>) {
        self.timeout = Timeout::Each(timeout);
    }

    /// By when everything must be done from now on.
    pub fn set_deadline(&mut self, deadline: Deadline) {
        self.timeout = Timeout::Until(deadline);
    }

    /// Receives on this local port from now on, or on any free one for 0. What it was bound to before is closed.
    ///
    /// A socket that sends first need not be bound: it is, to any port, when it sends.
    ///
    /// # Errors
    /// With phase `Connect`: the port is taken, or the stack has no socket left.
    pub fn bind(&mut self, port: u16) -> Result<()> {
        self.bind_in(Family::Any, port, self.deadline())
    }

    /// Resolves `host` and sends it one datagram, whole or not at all.
    ///
    /// # Errors
    /// With phase `Resolve`, `Connect` (an unbound socket could not be bound) or `Send`. Success does not mean that it
    /// arrives.
    #[doc(alias = "sendto")]
    pub fn send_to(&mut self, bytes: &[u8], host: &str, port: u16) -> Result<()> {
        let deadline = self.deadline();
        let remote = self.resolve(host, port, deadline)?;
        self.send_until(bytes, remote, deadline)
    }

    /// Sends one datagram to an address: that of a sender, or one of [`getaddrinfo`](SocketPool::getaddrinfo), which
    /// saves asking for the name again.
    ///
    /// # Errors
    /// With phase `Connect` (an unbound socket could not be bound) or `Send`.
    pub fn send_to_addr(&mut self, bytes: &[u8], remote: SocketAddr) -> Result<()> {
        self.send_until(bytes, remote, self.deadline())
    }

    /// Receives one datagram: how many bytes it has, and who sent it.
    ///
    /// The size is the true one, as far as the stack tells it: if it is larger than `buffer`, the rest of the datagram
    /// is lost. So `buffer.get(..size)` is a whole datagram or nothing, and `&buffer[..size]` a panic that anybody can
    /// cause. (Stacks that do not tell are named at their adaptor, [`stack::Network`](super::stack::Network): give them one byte more than you expect.)
    ///
    /// # Errors
    /// With phase `Receive`; [`ErrorKind::NotConnected`] if nothing was bound or sent before. [`ErrorKind::Timeout`]
    /// loses nothing: call again.
    #[doc(alias = "recvfrom_into")]
    pub fn recv_from_into(&mut self, buffer: &mut [u8]) -> Result<(usize, SocketAddr)> {
        let deadline = self.deadline();
        let error = |kind| Error::new(Phase::Receive, kind);
        let socket = self.socket.as_mut().ok_or(error(ErrorKind::NotConnected))?;
        let received = self.pool.begin(deadline).and_then(|()| socket.recv_from(buffer).map_err(ErrorKind::from));
        received.map_err(error)
    }

    /// An address of `host` that this socket can send to.
    pub(super) fn resolve(&self, host: &str, port: u16, deadline: Deadline) -> Result<SocketAddr> {
        let family = self.socket.as_ref().map_or(Family::Any, DatagramSocket::family);
        self.pool.getaddrinfo(host, port, family, deadline)
    }

    fn send_until(&mut self, bytes: &[u8], remote: SocketAddr, deadline: Deadline) -> Result<()> {
        if self.socket.is_none() {
            let family = if remote.is_ipv4() { Family::Ipv4 } else { Family::Ipv6 };
            self.bind_in(family, 0, deadline)?;
        }
        let error = |kind| Error::new(Phase::Send, kind);
        let socket = self.socket.as_mut().ok_or(error(ErrorKind::NotConnected))?;
        let sent = self.pool.begin(deadline).and_then(|()| socket.send_to(remote, bytes).map_err(ErrorKind::from));
        sent.map_err(error)
    }

    fn bind_in(&mut self, family: Family, port: u16, deadline: Deadline) -> Result<()> {
        self.socket = None;
        let network = self.pool.network;
        let bound = self
            .pool
            .begin(deadline)
            .and_then(|()| network.bind(Local { address: None, family, port }).map_err(ErrorKind::from));
        self.socket = Some(bound.map_err(|kind| Error::new(Phase::Connect, kind))?);
        Ok(())
    }

    fn deadline(&self) -> Deadline {
        self.timeout.deadline(self.pool.network)
    }
}

impl<'s, S: Connect + Datagrams + 's, const N: usize> core::fmt::Debug for UdpSocket<'_, 's, S, N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("UdpSocket")
            .field("bound", &self.socket.is_some())
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

//! A UDP socket: datagrams, and one slot of the pool.

use core::{net::SocketAddr, pin::pin, time::Duration};

use super::{Lease, Resting, SocketPool, socket::Timeout};
use crate::{
    error::{Error, ErrorKind, Phase, Result},
    stack::{Connect, DatagramSocket, Datagrams, Family, Local, Resolve},
    time::{Deadline, Timer},
};

/// A UDP socket of a [`SocketPool`]; it takes a slot like any other socket, which is free again when it is dropped.
/// CircuitPython's `socketpool.Socket` of type `SOCK_DGRAM`.
///
/// A datagram arrives whole or not at all, once, twice or never, in any order, and from anybody who claims any address:
/// look at the sender, and at more than that where it matters.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use socketpool::{Resources, SocketPool};
/// # use socketpool::mock::{Peer, Script, Step, block_on};
/// # let steps = [Step::Receive(b"Hello"), Step::Send(b"Hello, world")];
/// # let peers = [Peer::udp("echo.example", 7, &steps)];
/// # let script = Script::new(&peers);
/// # let (mut network, mut memory) = (script.network(), Resources::<1>::new());
/// # block_on(async {
/// let pool = SocketPool::new(&mut network, &mut memory);
/// let mut socket = pool.udp_socket().await?;
/// socket.set_timeout(Some(Duration::from_secs(5)));
/// socket.send_to(b"Hello", "echo.example", 7).await?;
/// let mut buffer = [0; 128];
/// let (size, sender) = socket.recv_from_into(&mut buffer).await?;
/// assert_eq!(sender.port(), 7);
/// assert_eq!(buffer.get(..size), Some(&b"Hello, world"[..])); // `None`: longer than the buffer
/// # Ok::<_, socketpool::Error>(())
/// # }).unwrap();
/// ```
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

impl<'s, S: Connect + Resolve + Datagrams + Timer + 's, const N: usize> SocketPool<'s, S, N> {
    /// Takes a free slot for UDP, as [`socket`](Self::socket) does for TCP.
    ///
    /// # Errors
    /// [`ErrorKind::Exhausted`] when every slot is in use.
    ///
    /// # Cancel safety
    /// As for [`socket`](Self::socket).
    pub async fn udp_socket(&self) -> Result<UdpSocket<'_, 's, S, N>> {
        let slot = self.socket().await?.into_slot();
        Ok(UdpSocket { socket: None, pool: self, _slot: slot, timeout: Timeout::Each(None) })
    }
}

impl<'s, S: Connect + Resolve + Datagrams + Timer + 's, const N: usize> UdpSocket<'_, 's, S, N> {
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
    ///
    /// # Cancel safety
    /// After dropping the future the socket is not bound.
    pub async fn bind(&mut self, port: u16) -> Result<()> {
        self.bind_in(Family::Any, port, self.deadline()).await
    }

    /// Resolves `host` and sends it one datagram, whole or not at all.
    ///
    /// # Errors
    /// With phase `Resolve`, `Connect` (an unbound socket could not be bound) or `Send`. Success does not mean that it
    /// arrives.
    ///
    /// # Cancel safety
    /// After dropping the future it is unknown whether the datagram was sent; the socket can be used again.
    #[doc(alias = "sendto")]
    pub async fn send_to(&mut self, bytes: &[u8], host: &str, port: u16) -> Result<()> {
        let deadline = self.deadline();
        let remote = self.resolve(host, port, deadline).await?;
        self.send_until(bytes, remote, deadline).await
    }

    /// Sends one datagram to an address: that of a sender, or one of [`getaddrinfo`](SocketPool::getaddrinfo), which
    /// saves asking for the name again.
    ///
    /// # Errors
    /// With phase `Connect` (an unbound socket could not be bound) or `Send`.
    ///
    /// # Cancel safety
    /// As for [`send_to`](Self::send_to).
    pub async fn send_to_addr(&mut self, bytes: &[u8], remote: SocketAddr) -> Result<()> {
        self.send_until(bytes, remote, self.deadline()).await
    }

    /// Receives one datagram: how many bytes it has, and who sent it.
    ///
    /// The size is the true one, as far as the stack tells it: if it is larger than `buffer`, the rest of the datagram
    /// is lost. So `buffer.get(..size)` is a whole datagram or nothing, and `&buffer[..size]` a panic that anybody can
    /// cause. (Stacks that do not tell are named at their adaptors, [`stack::Network`](crate::stack::Network) and its
    /// blocking twin: give them one byte more than you expect.)
    ///
    /// # Errors
    /// With phase `Receive`; [`ErrorKind::NotConnected`] if nothing was bound or sent before. [`ErrorKind::Timeout`]
    /// loses nothing: call again.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    #[doc(alias = "recvfrom_into")]
    pub async fn recv_from_into(&mut self, buffer: &mut [u8]) -> Result<(usize, SocketAddr)> {
        let deadline = self.deadline();
        let error = |kind| Error::new(Phase::Receive, kind);
        let socket = self.socket.as_mut().ok_or(error(ErrorKind::NotConnected))?;
        match deadline.limit(self.pool.network, pin!(socket.recv_from(buffer))).await {
            None => Err(error(ErrorKind::Timeout)),
            Some(received) => received.map_err(|kind| error(kind.into())),
        }
    }

    /// An address of `host` that this socket can send to.
    pub(super) async fn resolve(&self, host: &str, port: u16, deadline: Deadline) -> Result<SocketAddr> {
        let family = self.socket.as_ref().map_or(Family::Any, DatagramSocket::family);
        self.pool.getaddrinfo(host, port, family, deadline).await
    }

    async fn send_until(&mut self, bytes: &[u8], remote: SocketAddr, deadline: Deadline) -> Result<()> {
        if self.socket.is_none() {
            let family = if remote.is_ipv4() { Family::Ipv4 } else { Family::Ipv6 };
            self.bind_in(family, 0, deadline).await?;
        }
        let error = |kind| Error::new(Phase::Send, kind);
        let socket = self.socket.as_mut().ok_or(error(ErrorKind::NotConnected))?;
        match deadline.limit(self.pool.network, pin!(socket.send_to(remote, bytes))).await {
            None => Err(error(ErrorKind::Timeout)),
            Some(sent) => sent.map_err(|kind| error(kind.into())),
        }
    }

    async fn bind_in(&mut self, family: Family, port: u16, deadline: Deadline) -> Result<()> {
        self.socket = None;
        let network = self.pool.network;
        let bound = match deadline.limit(network, pin!(network.bind(Local { address: None, family, port }))).await {
            None => Err(ErrorKind::Timeout),
            Some(bound) => bound.map_err(ErrorKind::from),
        };
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

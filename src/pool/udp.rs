//! A UDP socket: datagrams, and one slot of the pool.

use core::{
    net::{IpAddr, SocketAddr},
    pin::pin,
    time::Duration,
};

use super::{NOT_CONNECTED, PoolLease, SocketPool, Timeout, local_host, timeout::Patience};
use crate::{
    error::{Error, ErrorKind, Phase, Result},
    stack::{Connect, DatagramSocket, Datagrams, Family, Local, SocketOption, Stack},
    sync::{NoopRawMutex, RawMutex},
    time::Deadline,
};

/// A UDP socket of a [`SocketPool`]; it takes a slot like any other socket, which is free again when it is dropped.
/// CircuitPython's `socketpool.Socket` of type `SOCK_DGRAM`.
///
/// A datagram arrives whole or not at all, once, twice or never, in any order, and from any sender, under any address:
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
/// Time-outs mean what they mean for a [TCP socket](super::Socket#time-outs).
pub struct UdpSocket<'p, 's, S: Connect + Datagrams, const N: usize, R: RawMutex = NoopRawMutex> {
    /// Dropped before the slot is free. `None` until it is bound.
    socket: Option<S::Socket<'s>>,
    /// The one peer it speaks with, once it is connected.
    peer: Option<SocketAddr>,
    pool: &'p SocketPool<'s, S, N, R>,
    _slot: PoolLease<'p, 's, S, N, R>,
    timeout: Timeout,
}

/// So many datagrams of strangers are passed over by one call that must not wait.
pub(crate) const STRANGERS: u8 = 16;

impl<'s, S: Stack + 's, const N: usize, R: RawMutex> SocketPool<'s, S, N, R> {
    /// Takes a free slot for UDP, as [`socket`](Self::socket) does for TCP.
    ///
    /// # Errors
    /// [`ErrorKind::Exhausted`] when every slot is in use and none was free in time.
    ///
    /// # Cancel safety
    /// As for [`socket`](Self::socket).
    pub async fn udp_socket(&self) -> Result<UdpSocket<'_, 's, S, N, R>>
    where
        S: Datagrams,
    {
        let slot = self.socket().await?.into_slot();
        Ok(UdpSocket { socket: None, peer: None, pool: self, _slot: slot, timeout: Timeout::Each(None) })
    }
}

impl<'s, S: Stack + Datagrams + 's, const N: usize, R: RawMutex> UdpSocket<'_, 's, S, N, R> {
    /// How long each operation may take from now on; for ever with `None`, which is the default. With no time at all it
    /// does what it can without waiting.
    #[doc(alias = "settimeout", alias = "setblocking")]
    pub fn set_timeout(&mut self, timeout: Option<Duration>) {
        self.timeout = Timeout::Each(timeout);
    }

    /// By when everything must be done from now on.
    pub fn set_deadline(&mut self, deadline: Deadline) {
        self.timeout = Timeout::Until(deadline);
    }

    /// Receives from now on on this port, any free one for 0, of the local address `host`, or of all of them for `""`. What
    /// it was bound to before is closed.
    ///
    /// A socket that sends first need not be bound: it is, to any port, when it sends.
    ///
    /// # Errors
    /// With phase `Listen`: [`ErrorKind::HostName`] if `host` is neither empty nor an address literal; the port is taken,
    /// or the stack has no socket left.
    ///
    /// # Cancel safety
    /// After dropping the future the socket is not bound.
    pub async fn bind(&mut self, host: &str, port: u16) -> Result<()> {
        let patience = self.patience();
        self.bind_to(local_host(host, port)?, patience).await
    }

    /// Speaks with one peer from now on: [`send`](Self::send) and [`recv_into`](Self::recv_into) mean that one, and what
    /// others send is lost.
    ///
    /// # Errors
    /// With phase `Resolve`. (UDP has no connections: no peer is asked whether it is there.)
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn connect(&mut self, host: &str, port: u16) -> Result<()> {
        self.peer = Some(self.resolve(host, port, self.patience()).await?);
        Ok(())
    }

    /// Sends one datagram to the peer it is connected with, whole or not at all.
    ///
    /// # Errors
    /// With phase `Listen` (an unbound socket could not be bound) or `Send`; [`ErrorKind::NotConnected`].
    ///
    /// # Cancel safety
    /// As for [`send_to`](Self::send_to).
    pub async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        let peer = self.peer.ok_or(NOT_CONNECTED.in_phase(Phase::Send))?;
        self.send_until(bytes, peer, self.patience()).await
    }

    /// Receives one datagram of the peer it is connected with: how many bytes it has, which may be more than `buffer` has
    /// room for, as for [`recv_from_into`](Self::recv_from_into). One of another sender is lost. With a time-out of 0 one call passes over
    /// 16 of them at most, and then says [`ErrorKind::WouldBlock`].
    ///
    /// # Errors
    /// As for [`recv_from_into`](Self::recv_from_into).
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing of the peer's.
    #[doc(alias = "recv")]
    pub async fn recv_into(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let peer = self.peer.ok_or(NOT_CONNECTED)?;
        let patience = self.patience();
        let mut strangers = 0u8;
        loop {
            let (size, sender) = self.recv_until(buffer, patience).await?;
            if (sender.ip(), sender.port()) == (peer.ip(), peer.port()) {
                return Ok(size);
            }
            strangers = strangers.saturating_add(1);
            if strangers >= STRANGERS
                && let Patience::Nothing = patience
            {
                return Err(Error::new(Phase::Receive, ErrorKind::WouldBlock));
            }
        }
    }

    /// Resolves `host` and sends it one datagram, whole or not at all.
    ///
    /// # Errors
    /// With phase `Resolve`, `Listen` (an unbound socket could not be bound) or `Send`. Success does not mean that it
    /// arrives.
    ///
    /// # Cancel safety
    /// After dropping the future it is unknown whether the datagram was sent; the socket can be used again.
    #[doc(alias = "sendto")]
    pub async fn send_to(&mut self, bytes: &[u8], host: &str, port: u16) -> Result<()> {
        let patience = self.patience();
        let remote = self.resolve(host, port, patience).await?;
        self.send_until(bytes, remote, patience).await
    }

    /// Sends one datagram to an address: that of a sender, or one of [`getaddrinfo`](SocketPool::getaddrinfo), which
    /// saves asking for the name again.
    ///
    /// # Errors
    /// With phase `Listen` (an unbound socket could not be bound) or `Send`.
    ///
    /// # Cancel safety
    /// As for [`send_to`](Self::send_to).
    pub async fn send_to_addr(&mut self, bytes: &[u8], remote: SocketAddr) -> Result<()> {
        self.send_until(bytes, remote, self.patience()).await
    }

    /// Receives one datagram: how many bytes it has, and who sent it.
    ///
    /// The size is the true one, as far as the stack tells it: if it is larger than `buffer`, the rest of the datagram
    /// is lost. So `buffer.get(..size)` is a whole datagram or nothing, and `&buffer[..size]` a panic that any sender can
    /// cause. (Stacks that do not tell are named at their adaptors, [`stack::Network`](crate::stack::Network) and its
    /// blocking twin: give them one byte more than you expect.)
    ///
    /// # Errors
    /// With phase `Receive`; [`ErrorKind::NotConnected`] if nothing was bound or sent before. [`ErrorKind::Timeout`] and
    /// [`ErrorKind::WouldBlock`] lose nothing: call again.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    #[doc(alias = "recvfrom_into")]
    pub async fn recv_from_into(&mut self, buffer: &mut [u8]) -> Result<(usize, SocketAddr)> {
        self.recv_until(buffer, self.patience()).await
    }

    /// Receives from now on also what is sent to this multicast group.
    ///
    /// # Errors
    /// With phase `Setup`: [`ErrorKind::NotConnected`] if it is not bound; `Unsupported`, as [`ErrorKind::Io`], if the
    /// stack has no multicast.
    #[doc(alias = "IP_ADD_MEMBERSHIP")]
    pub fn join(&mut self, group: IpAddr) -> Result<()> {
        self.bound(|socket| socket.set_member(group, true))
    }

    /// Receives no more what is sent to this multicast group.
    ///
    /// # Errors
    /// As for [`join`](Self::join).
    #[doc(alias = "IP_DROP_MEMBERSHIP")]
    pub fn leave(&mut self, group: IpAddr) -> Result<()> {
        self.bound(|socket| socket.set_member(group, false))
    }

    /// Sets an option of a bound socket.
    ///
    /// # Errors
    /// With phase `Setup`: [`ErrorKind::NotConnected`] if it is not bound; `Unsupported`, as [`ErrorKind::Io`], if the
    /// stack does not have the option.
    #[doc(alias = "setsockopt")]
    pub fn set_option(&mut self, option: SocketOption) -> Result<()> {
        self.bound(|socket| socket.set_option(option))
    }

    /// Our port, and our address if it is bound to one.
    ///
    /// # Errors
    /// With phase `Setup`: [`ErrorKind::NotConnected`] if it is not bound; `Unsupported`, as [`ErrorKind::Io`], if the
    /// stack does not tell.
    #[doc(alias = "getsockname")]
    pub fn local_addr(&mut self) -> Result<SocketAddr> {
        self.bound(|socket| socket.local_addr())
    }

    fn bound<T>(
        &mut self,
        work: impl FnOnce(&mut S::Socket<'s>) -> Result<T, embedded_io_async::ErrorKind>,
    ) -> Result<T> {
        let socket = self.socket.as_mut().ok_or(ErrorKind::NotConnected);
        socket.and_then(|socket| Ok(work(socket)?)).map_err(|kind| Error::new(Phase::Setup, kind))
    }

    /// An address of `host` that this socket can send to.
    pub(crate) async fn resolve(&self, host: &str, port: u16, patience: Patience) -> Result<SocketAddr> {
        let family = self.socket.as_ref().map_or(Family::Any, DatagramSocket::family);
        self.pool.resolve(host, port, family, patience).await
    }

    async fn recv_until(&mut self, buffer: &mut [u8], patience: Patience) -> Result<(usize, SocketAddr)> {
        let socket = self.socket.as_mut().ok_or(NOT_CONNECTED)?;
        let received = patience.limit(self.pool.network, pin!(socket.recv_from(buffer))).await;
        received.map_err(|kind| Error::new(Phase::Receive, kind))
    }

    async fn send_until(&mut self, bytes: &[u8], remote: SocketAddr, patience: Patience) -> Result<()> {
        if self.socket.is_none() {
            let family = if remote.is_ipv4() { Family::Ipv4 } else { Family::Ipv6 };
            self.bind_to(Local { address: None, family, port: 0 }, patience).await?;
        }
        let error = |kind| Error::new(Phase::Send, kind);
        let socket = self.socket.as_mut().ok_or(error(ErrorKind::NotConnected))?;
        let sent = patience.limit(self.pool.network, pin!(socket.send_to(remote, bytes))).await;
        sent.map_err(error)
    }

    async fn bind_to(&mut self, local: Local, patience: Patience) -> Result<()> {
        self.socket = None;
        let network = self.pool.network;
        let bound = patience.limit(network, pin!(network.bind(local))).await;
        self.socket = Some(bound.map_err(|kind| Error::new(Phase::Listen, kind))?);
        Ok(())
    }

    /// The stack, for the verbs that wait.
    #[cfg(feature = "blocking")]
    pub(crate) fn timer(&self) -> &'s S {
        self.pool.network
    }

    fn patience(&self) -> Patience {
        self.timeout.begin(self.pool.network)
    }
}

impl<'s, S: Connect + Datagrams + 's, const N: usize, R: RawMutex> core::fmt::Debug for UdpSocket<'_, 's, S, N, R> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("UdpSocket")
            .field("bound", &self.socket.is_some())
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

//! The pool: a bounded number of sockets over one network stack, each in a slot that it always goes back to.
//!
//! ```text
//!             socket()                    keep(key)
//!     free ────────────▶ in use ────────────────────▶ idle
//!      ▲                  │  ▲                          │
//!      └── drop, close ───┘  └── same key, if quiet ────┤
//!      ▲                                                │
//!      └──── longest idle, when a slot is needed ───────┘
//! ```
//!
//! Capacity is counted here, never by provoking the stack: a task that finds a full pool waits in
//! [line](SocketPool#the-line), and gets [`ErrorKind::Exhausted`] when that takes too long. A slot comes back on every path, also when a future is
//! dropped half-way, because a [`Socket`] owns its slot and has a destructor. `in use + idle + free` is always the
//! capacity ([`SocketPool::counts`]).
//!
//! A [`Socket`] that [listens](Socket::listen) becomes a [`Listener`], whose clients take slots like any other socket. A
//! [`Connector`] hands the pool to other crates, as an embedded-nal-async `TcpConnect`.
//!
//! # Not supported
//! Raw sockets. Peeking and readiness cost an exchange buffer. What a stack cannot do (most have no multicast, many no
//! half-close) is refused by name, as `Unsupported`.

mod addresses;
mod ahead;
mod connector;
mod key;
mod ledger;
mod listener;
mod manager;
mod resources;
mod slots;
mod socket;
mod split;
mod stack_tls;
pub(crate) mod stream;
mod timeout;
#[cfg(feature = "tls")]
mod tls;
mod udp;

use core::{
    future::poll_fn,
    net::{IpAddr, SocketAddr},
    pin::pin,
    task::Poll,
    time::Duration,
};

#[cfg(any(feature = "requests", feature = "blocking"))]
#[cfg(feature = "requests")]
pub(crate) use self::manager::Line;
#[cfg(feature = "tls")]
use self::resources::{Shared, TlsMemory};
use self::stream::TlsSession;
pub(crate) use self::{
    addresses::{NO_ANSWER, ROOM, literal, may_try_another, only, unresolved},
    ledger::Need,
    slots::{Lease, Slots, Taken},
    socket::NOT_CONNECTED,
    stream::Stream,
    timeout::{Patience, Timeout},
};
#[cfg(feature = "blocking")]
pub(crate) use self::{connector::CONNECTING, stream::UNSUPPORTED};
pub use self::{
    connector::Connector,
    key::KEPT_HOST_LEN,
    ledger::WAITERS,
    listener::{Listener, WhenFull},
    manager::{ConnectionManager, Leased},
    resources::{DEFAULT_HEAD, DEFAULT_RX, Resources, SmallResources},
    slots::{Buffer, Counts},
    socket::{Shutdown, Socket},
    split::{ReadHalf, WriteHalf},
    stack_tls::StackTls,
    udp::UdpSocket,
};
pub use crate::traits::Key;
use crate::{
    addr::ip_literal,
    cell::Place,
    error::{Error, ErrorKind, Limit, Phase, Result},
    stack::{Connect, Family, Local, ResolveError, Stack},
    sync::{NoopRawMutex, RawMutex, is_shared},
    time::{Deadline, Instant},
    traits,
};

/// How long an orderly close may wait for the peer, at most. CircuitPython gives up after ten seconds.
pub(crate) const LINGER: Duration = Duration::from_secs(1);

/// How long [`SocketPool::socket`] waits for a slot, at most.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// How long a kept connection may be idle and still be used again, unless a pool says otherwise: shorter than most
/// routers remember a silent connection.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(90);

/// A pool of at most `N` sockets over one network stack. CircuitPython's `socketpool.SocketPool`.
///
/// It borrows the stack and its memory exclusively: one pool per radio, checked by the compiler. Several tasks of one
/// executor share it by reference; several executors, cores or threads too, with a [`RawMutex`] that allows it.
///
/// # The line
/// Sockets, TLS sessions and exchange buffers are waited for in one line, in the order of arrival, each task until its own
/// deadline; then it gets [`ErrorKind::Exhausted`] with what there is none of. A task takes all that it needs in one step,
/// before anything is connected: a request its socket, its buffer and for `https` a TLS session; a
/// [`Connector`] or [`ConnectionManager`] with TLS the socket and the session; [`socket`](Self::socket) only a socket. So no
/// two tasks can wait for each other's half. An idle connection counts as free: it is closed for the task whose turn it is,
/// if that needs its slot or its TLS session.
///
/// The order holds whatever a task needs: a plain request that came after an `https` request waits for it, even if a
/// socket is free and no TLS session is. That starves no task, and has a price: a TLS connection that is held for long (MQTT
/// over TLS) on a pool with one TLS session lets every `https` request wait until its time is up, and what comes after it
/// too. Give [`Resources`] one TLS session for each connection that is held, and one for the rest.
///
/// A task that holds a part already (a socket to be [wrapped](crate::tls::TlsContext::wrap_socket), the buffer of a request
/// that follows a redirect) passes tasks that could not be served yet in any case, so that the line cannot lock up. Up to
/// [`WAITERS`] tasks can wait; one more is refused with [`Resource::Waiters`](crate::Resource::Waiters). A pool that has no
/// TLS session at all says so at once: [`Resource::NoTlsSession`](crate::Resource::NoTlsSession).
///
/// # Examples
///
/// ```
/// use socketpool::{Resources, SocketPool};
/// # use socketpool::mock::{Peer, Script, Step, block_on};
/// # let steps = [Step::Receive(b"Hello, world"), Step::Send(b"Hello, world")];
/// # let peers = [Peer::new("echo.example", 7, &steps)];
/// # let script = Script::new(&peers);
/// # let mut network = script.network(); // or any other stack
///
/// let mut memory = Resources::<2>::new();
/// let pool = SocketPool::new(&mut network, &mut memory);
/// # block_on(async {
/// let mut socket = pool.socket().await?;
/// socket.connect("echo.example", 7).await?;
/// socket.send_all(b"Hello, world").await?;
/// let mut buffer = [0; 128];
/// let received = socket.recv_into(&mut buffer).await?;
/// assert_eq!(&buffer[..received], b"Hello, world");
/// socket.close().await
/// # }).unwrap();
/// ```
pub struct SocketPool<'s, S: Connect, const N: usize, R: RawMutex = NoopRawMutex> {
    network: &'s S,
    slots: Slots<Resting<'s, S, R>, R, N>,
    buffers: [&'s Place<[u8], R>; N],
    /// As many as there are; each slot can use one.
    #[cfg(feature = "tls")]
    tls: [Option<&'s Place<TlsMemory, R>>; N],
    #[cfg(feature = "tls")]
    shared_rx: Option<&'s Shared<R>>,
    idle_timeout: Option<Duration>,
    #[cfg(feature = "blocking")]
    is_blocking: bool,
}

/// What rests in a slot of a pool over `S`.
type Resting<'s, S, R> = Stream<<S as Connect>::Connection<'s>, TlsSession<'s, <S as Connect>::Connection<'s>, R>>;

/// A slot of a pool over `S`.
type PoolLease<'p, 's, S, const N: usize, R> = Lease<'p, Resting<'s, S, R>, R, N>;

/// What was taken of a pool over `S`.
type PoolTaken<'p, 's, S, const N: usize, R> = Taken<'p, Resting<'s, S, R>, R, N>;

/// The right to one connection of a [`SocketPool`], before it is known which: a slot, and a TLS session if one is
/// needed. Both are free again when it is dropped.
pub struct Reserved<'p, 's, S: Connect, const N: usize, R: RawMutex = NoopRawMutex>(
    /// Not to be used before what is idle in its slot was closed, or is what is wanted.
    Socket<'p, 's, S, N, R>,
    /// By when.
    Deadline,
);

impl<'s, S: Connect + 's, const N: usize, R: RawMutex> SocketPool<'s, S, N, R> {
    /// A pool over this network, in this memory.
    #[must_use]
    pub fn new<const TLS: usize, const HEAD: usize, const RX: usize, const SHARED: usize>(
        network: &'s mut S,
        memory: &'s mut Resources<N, TLS, HEAD, R, RX, SHARED>,
    ) -> Self
    where
        S: Stack,
    {
        let memory = &*memory;
        Self {
            network,
            slots: Slots::new(TLS),
            buffers: core::array::from_fn(|index| &memory.buffers[index] as &Place<[u8], R>),
            #[cfg(feature = "tls")]
            tls: core::array::from_fn(|index| memory.tls.get(index).map(|place| place as _)),
            #[cfg(feature = "tls")]
            shared_rx: memory.shared_rx.first(),
            idle_timeout: Some(IDLE_TIMEOUT),
            #[cfg(feature = "blocking")]
            is_blocking: false,
        }
    }

    /// The same for the blocking face, whose stack may wait inside.
    #[cfg(feature = "blocking")]
    pub(crate) const fn blocking(mut self) -> Self {
        self.is_blocking = true;
        self
    }

    /// Whether it is under the blocking face.
    const fn is_blocking(&self) -> bool {
        #[cfg(feature = "blocking")]
        return self.is_blocking;
        #[cfg(not(feature = "blocking"))]
        false
    }

    /// How long a kept connection may be idle and still be used again: [90 seconds](IDLE_TIMEOUT) unless you say
    /// otherwise; for ever with `None`. One that was idle for longer is closed when it would have been used.
    #[must_use]
    pub const fn idle_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.set_idle_timeout(timeout);
        self
    }

    pub(crate) const fn set_idle_timeout(&mut self, timeout: Option<Duration>) {
        self.idle_timeout = timeout;
    }

    /// The stack.
    #[cfg(any(feature = "blocking", feature = "tls"))]
    pub(crate) const fn network(&self) -> &'s S {
        self.network
    }

    /// How the slots are used at this moment.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.slots.counts()
    }

    fn lend_buffer(&self) -> Result<Buffer<'_, 's, N, R>> {
        self.slots.take_buffer(&self.buffers)
    }
}

impl<'s, S: Stack + 's, const N: usize, R: RawMutex> SocketPool<'s, S, N, R> {
    /// Takes a free slot. When there is none, the connection that was idle for the longest time is closed (in order,
    /// waiting a second at most, and not longer than for a slot) and its slot taken; when there is no such either, waits in [line](self#the-line) for
    /// [ten seconds](PATIENCE) at most.
    ///
    /// # Errors
    /// With phase `Setup`: [`ErrorKind::Exhausted`] when every slot is still in use after that, or more than [`WAITERS`]
    /// tasks wait.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the line, and loses nothing but that idle connection.
    pub async fn socket(&self) -> Result<Socket<'_, 's, S, N, R>> {
        self.socket_until(Deadline::within(self.network, Some(PATIENCE))).await
    }

    /// The same, but waits in line until `deadline`.
    ///
    /// # Errors
    /// As for [`socket`](Self::socket).
    ///
    /// # Cancel safety
    /// As for [`socket`](Self::socket).
    pub fn socket_until(&self, deadline: Deadline) -> impl Future<Output = Result<Socket<'_, 's, S, N, R>>> {
        async move { Ok(self.vacated(self.take(Need::SLOT, None, deadline).await?.slot()?, deadline).await) }
    }

    /// The same, without waiting: neither for a slot, nor for the idle connection to be closed in order.
    ///
    /// # Errors
    /// With phase `Setup`: [`ErrorKind::Exhausted`] when every slot is in use, or others wait for one.
    pub fn try_socket(&self) -> Result<Socket<'_, 's, S, N, R>> {
        let mut lease = self.slots.take(Need::SLOT, None)?.slot()?;
        lease.disconnect();
        Ok(Socket::new(self, lease))
    }

    /// Takes all that is needed in one step, when it is our turn in the line. A blocking program of one thread does not
    /// wait: it would keep itself from dropping a socket.
    fn take(
        &self,
        need: Need,
        own: Option<&PoolLease<'_, 's, S, N, R>>,
        deadline: Deadline,
    ) -> impl Future<Output = Result<PoolTaken<'_, 's, S, N, R>>> {
        async move {
            let mut place = self.slots.stand(need, own);
            let turn = poll_fn(|context| match place.poll(context.waker()) {
                Ok(None) => Poll::Pending,
                Ok(Some(taken)) => Poll::Ready(Ok(taken)),
                Err(error) => Poll::Ready(Err(error)),
            });
            let deadline = if self.is_blocking() && !is_shared::<R>() { Deadline::PASSED } else { deadline };
            let served = deadline.limit(self.network, turn).await;
            served.unwrap_or_else(|| place.take())
        }
    }

    /// Puts the connection that was kept under this key into the socket, in place of what was reserved for a new one.
    #[inline(never)]
    fn find_kept<'p>(&'p self, socket: &mut Socket<'p, 's, S, N, R>, key: Key<'_>) -> bool {
        let now = self.network.now();
        let is_good = |lease: &mut PoolLease<'_, 's, S, N, R>, since: Instant| {
            let is_fresh = self.idle_timeout.is_none_or(|timeout| now <= since.after(timeout));
            self.network.set_deadline(Deadline::PASSED);
            is_fresh && lease.connection().as_mut().is_some_and(|stream| stream.is_quiet(self.is_blocking()))
        };
        while let Some((mut kept, since)) = self.slots.kept(key) {
            if is_good(&mut kept, since) {
                socket.lease = kept;
                return true;
            }
            debug!("pool: an idle connection was closed by its peer, or was idle for too long");
        }
        // The slot that was reserved may be that of the only one.
        let Some(since) = socket.lease.idle_under(key) else { return false };
        if is_good(&mut socket.lease, since) {
            return socket.lease.resume().is_some();
        }
        socket.disconnect();
        false
    }

    /// A socket in this slot, after what was idle in it is closed in order, until `deadline` at most.
    fn vacated<'p>(
        &'p self,
        lease: PoolLease<'p, 's, S, N, R>,
        deadline: Deadline,
    ) -> impl Future<Output = Socket<'p, 's, S, N, R>> {
        async move {
            let mut socket = Socket::new(self, lease);
            socket.vacate(deadline).await;
            socket
        }
    }

    /// Resolves `host` to one address. An address literal (IPv6 with or without brackets) is only parsed.
    ///
    /// # Errors
    /// With phase `Resolve`: [`ErrorKind::NoSuchName`] or [`ErrorKind::NoAnswer`], as far as the stack can tell them
    /// apart; [`ErrorKind::NoSuchName`] too for a literal of another family; [`ErrorKind::HostName`] if it cannot be one;
    /// [`ErrorKind::Timeout`].
    pub async fn getaddrinfo(&self, host: &str, port: u16, family: Family, deadline: Deadline) -> Result<SocketAddr> {
        self.resolve(host, port, family, Patience::Until(deadline)).await
    }

    fn resolve(
        &self,
        host: &str,
        port: u16,
        family: Family,
        patience: Patience,
    ) -> impl Future<Output = Result<SocketAddr>> {
        async move {
            let mut one = [ROOM[0]];
            let found = self.find(host, family, patience, &mut one).await?;
            only(one[0], found, family, port)
        }
    }

    /// Finds the addresses of `host` in the order in which to try them, as many as there is room for, and says how many.
    fn find(
        &self,
        host: &str,
        family: Family,
        patience: Patience,
        out: &mut [IpAddr],
    ) -> impl Future<Output = Result<usize>> {
        async move {
            match literal_or_name(host).map_err(unresolved)? {
                Ok(address) => literal(address, family, out),
                Err(name) => {
                    let answer = patience.limit(self.network, pin!(self.network.resolve_all(name, family, out))).await;
                    answer.map_err(|kind| unresolved(self.why_no_answer(kind, patience)))
                }
            }
        }
    }

    /// A stack that waits inside says that there is no answer also when the time is over.
    fn why_no_answer(&self, kind: ErrorKind, patience: Patience) -> ErrorKind {
        match (kind, patience) {
            (ErrorKind::NoAnswer, Patience::Nothing) if self.is_blocking() => ErrorKind::WouldBlock,
            (ErrorKind::NoAnswer, Patience::Until(deadline))
                if self.is_blocking() && deadline.has_passed(self.network) =>
            {
                ErrorKind::Timeout
            }
            (kind, _) => kind,
        }
    }

    /// The connections that are kept for reuse. CircuitPython's `adafruit_connection_manager.get_connection_manager`.
    #[must_use]
    pub fn connection_manager(&self) -> ConnectionManager<'_, Self> {
        ConnectionManager::new(self)
    }

    /// Closes every idle connection in order, waiting a second at most for each.
    pub async fn close_idle(&self) {
        while let Some(lease) = self.slots.oldest_idle() {
            let _ = Socket::new(self, lease).close().await;
        }
    }
}

/// Where `bind` means: an address literal, or `""` for all addresses.
pub(crate) fn local_host(host: &str, port: u16) -> Result<Local> {
    let address = ip_literal(host);
    if address.is_none() && !host.is_empty() {
        return Err(Error::new(Phase::Listen, ErrorKind::HostName));
    }
    let family = match address {
        None => Family::Any,
        Some(IpAddr::V4(_)) => Family::Ipv4,
        Some(IpAddr::V6(_)) => Family::Ipv6,
    };
    Ok(Local { address: address.filter(|address| !address.is_unspecified()), family, port })
}

/// What a host is: an address, or a name to be resolved.
pub(crate) fn literal_or_name(host: &str) -> Result<Result<IpAddr, &str>, ErrorKind> {
    if let Some(literal) = ip_literal(host) {
        return Ok(Ok(literal));
    }
    if host.len() > 253 {
        return Err(ErrorKind::TooLarge { what: Limit::HostName, need: Some(host.len()), have: 253 });
    }
    let in_a_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if host.is_empty() || !host.bytes().all(in_a_name) {
        return Err(ErrorKind::HostName);
    }
    Ok(Err(host))
}

impl From<ResolveError> for ErrorKind {
    fn from(error: ResolveError) -> Self {
        match error {
            ResolveError::NoSuchName => Self::NoSuchName,
            ResolveError::NoAnswer => Self::NoAnswer,
        }
    }
}

impl From<traits::Need> for Need {
    fn from(need: traits::Need) -> Self {
        Self { slot: true, session: need.tls_session, buffer: need.buffer, holds: need.has_buffer }
    }
}

impl<'s, S: Stack + 's, const N: usize, R: RawMutex> traits::SocketPool for SocketPool<'s, S, N, R> {
    type Socket<'p>
        = Socket<'p, 's, S, N, R>
    where
        Self: 'p;
    type Buffer<'p>
        = Buffer<'p, 's, N, R>
    where
        Self: 'p;
    type Reserved<'p>
        = Reserved<'p, 's, S, N, R>
    where
        Self: 'p;
    type Timer = S;

    fn timer(&self) -> &S {
        self.network
    }

    async fn reserve(
        &self,
        need: traits::Need,
        deadline: Deadline,
    ) -> Result<(Self::Reserved<'_>, Option<Self::Buffer<'_>>)> {
        let mut taken = self.take(need.into(), None, deadline).await?;
        let buffer = if need.buffer { Some(taken.buffer(&self.buffers)?) } else { None };
        Ok((Reserved(Socket::new(self, taken.slot()?), deadline), buffer))
    }

    // Worked on where it lies: as an `async fn`, it would be there twice.
    fn socket_in<'p>(
        &'p self,
        Reserved(mut socket, deadline): Self::Reserved<'p>,
        key: Option<Key<'_>>,
    ) -> impl Future<Output = (Self::Socket<'p>, bool)> {
        let found = key.is_some_and(|key| self.find_kept(&mut socket, key));
        async move {
            if !found {
                socket.vacate(deadline).await;
            }
            (socket, found)
        }
    }
}

impl<'s, S: Connect + 's, const N: usize, R: RawMutex> core::fmt::Debug for Reserved<'_, 's, S, N, R> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Reserved")
    }
}

impl<'s, S: Connect + 's, const N: usize, R: RawMutex> core::fmt::Debug for SocketPool<'s, S, N, R> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("SocketPool").field(&self.counts()).finish()
    }
}

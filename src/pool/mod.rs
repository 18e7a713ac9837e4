//! The pool: a bounded number of sockets over one network stack, each in a slot that it always goes back to.
//!
//! ```text
//!             socket()                    keep(key)
//!     free ────────────▶ in use ────────────────────▶ idle
//!      ▲                  │  ▲                          │
//!      └── drop, close ───┘  └──── kept(key), if quiet ─┤
//!      ▲                                                │
//!      └──── longest idle, when a slot is needed ───────┘
//! ```
//!
//! Capacity is counted here, never by provoking the stack: a full pool answers
//! [`ErrorKind::Exhausted`]. A slot comes back on every path, also when a future is
//! dropped half-way, because a [`Socket`] owns its slot and has a destructor. `in use + idle + free` is always the
//! capacity ([`SocketPool::counts`]).
//!
//! # Not supported
//! Waiting for a free slot, listening, and use from several executors. UDP multicast and broadcast, and datagrams from
//! one fixed peer ("connected" UDP).

mod key;
mod manager;
mod resources;
mod slots;
mod socket;
pub(crate) mod stream;
#[cfg(feature = "tls")]
pub(crate) mod sync;
#[cfg(feature = "tls")]
mod tls;
mod udp;

use core::{
    net::{IpAddr, SocketAddr},
    pin::pin,
    time::Duration,
};

#[cfg(feature = "blocking")]
pub(crate) use self::socket::Timeout;
use self::stream::TlsStream;
pub use self::{
    key::KEPT_HOST_LEN,
    manager::{ConnectionManager, Leased},
    resources::{DEFAULT_HEAD, Resources},
    slots::Counts,
    socket::Socket,
    udp::UdpSocket,
};
pub(crate) use self::{
    resources::TlsMemory,
    slots::{Lease, NO_SLOT, Slots},
    stream::Stream,
};
pub use crate::traits::Key;
use crate::{
    addr::ip_literal,
    error::{Error, ErrorKind, Limit, Phase, Resource, Result},
    lending::{Loan, Place},
    stack::{Connect, Family, Resolve, ResolveError},
    time::{Deadline, Timer},
    traits,
};

/// How long an orderly close may wait for the peer, at most. CircuitPython gives up after ten seconds.
pub(crate) const LINGER: Duration = Duration::from_secs(1);

/// A pool of at most `N` sockets over one network stack. CircuitPython's `socketpool.SocketPool`.
///
/// It borrows the stack and its memory exclusively: one pool per radio, checked by the compiler.
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
pub struct SocketPool<'s, S: Connect, const N: usize> {
    network: &'s S,
    slots: Slots<Resting<'s, S>, N>,
    buffers: [&'s Place<[u8]>; N],
    #[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "there is no TLS to lend it to"))]
    tls: &'s [Place<TlsMemory>],
}

/// What rests in a slot of a pool over `S`.
type Resting<'s, S> = Stream<<S as Connect>::Connection<'s>, TlsStream<'s, <S as Connect>::Connection<'s>>>;

impl<'s, S: Connect + 's, const N: usize> SocketPool<'s, S, N> {
    /// A pool over this network, in this memory.
    #[must_use]
    pub fn new<const TLS: usize, const HEAD: usize>(
        network: &'s mut S,
        memory: &'s mut Resources<N, TLS, HEAD>,
    ) -> Self {
        let memory = &*memory;
        Self {
            network,
            slots: Slots::new(),
            buffers: core::array::from_fn(|index| &memory.buffers[index] as &Place<[u8]>),
            tls: &memory.tls,
        }
    }

    /// How the slots are used at this moment.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.slots.counts()
    }
}

impl<'s, S: Connect + Resolve + Timer + 's, const N: usize> SocketPool<'s, S, N> {
    /// Takes a free slot. When there is none, the connection that was idle for the longest time is closed (in order,
    /// waiting a second at most) and its slot taken.
    ///
    /// # Errors
    /// [`ErrorKind::Exhausted`] when every slot is in use.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing but that idle connection.
    pub async fn socket(&self) -> Result<Socket<'_, 's, S, N>> {
        if let Some(lease) = self.slots.free() {
            return Ok(Socket::new(self, lease));
        }
        let lease = self.slots.oldest_idle(|_| true).ok_or(NO_SLOT)?;
        let mut socket = Socket::new(self, lease);
        debug!("pool: closing the longest idle connection for its slot");
        let _ = socket.shut_down().await;
        Ok(socket)
    }

    /// Resolves `host` to one address. An address literal (IPv6 with or without brackets) is only parsed.
    ///
    /// # Errors
    /// With phase `Resolve`: [`ErrorKind::NoSuchName`] or [`ErrorKind::NoAnswer`], as far as the stack can tell them
    /// apart; [`ErrorKind::HostName`] if it cannot be one; [`ErrorKind::Timeout`].
    pub async fn getaddrinfo(&self, host: &str, port: u16, family: Family, deadline: Deadline) -> Result<SocketAddr> {
        let error = |kind| Error::new(Phase::Resolve, kind);
        let address = match literal_or_name(host).map_err(error)? {
            Ok(literal) => literal,
            Err(name) => match deadline.limit(self.network, pin!(self.network.resolve(name, family))).await {
                None => return Err(error(ErrorKind::Timeout)),
                Some(answer) => answer.map_err(|failure| error(failure.into()))?,
            },
        };
        Ok(SocketAddr::new(address, port))
    }

    /// The connections that are kept for reuse. CircuitPython's `adafruit_connection_manager.get_connection_manager`.
    #[must_use]
    pub fn connection_manager(&self) -> ConnectionManager<'_, Self> {
        ConnectionManager::new(self)
    }

    /// Closes every idle connection in order, waiting a second at most for each.
    pub async fn close_idle(&self) {
        while let Some(lease) = self.slots.oldest_idle(|_| true) {
            let _ = Socket::new(self, lease).close().await;
        }
    }
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

/// Finds a buffer that nobody has.
pub(crate) fn lend_buffer<'s>(buffers: &[&'s Place<[u8]>]) -> Result<Loan<'s, [u8]>> {
    let exhausted = Error::new(Phase::Setup, ErrorKind::Exhausted(Resource::Buffers));
    buffers.iter().find_map(|place| place.lend()).ok_or(exhausted)
}

impl<'s, S: Connect + Resolve + Timer + 's, const N: usize> traits::SocketPool for SocketPool<'s, S, N> {
    type Socket<'p>
        = Socket<'p, 's, S, N>
    where
        Self: 'p;
    type Buffer<'p>
        = Loan<'s, [u8]>
    where
        Self: 'p;
    type Timer = S;

    fn timer(&self) -> &S {
        self.network
    }

    async fn socket(&self) -> Result<Self::Socket<'_>> {
        self.socket().await
    }

    fn kept(&self, key: Key<'_>) -> Option<Self::Socket<'_>> {
        while let Some(mut lease) = self.slots.idle(key) {
            if lease.connection().as_mut().is_some_and(|stream| stream.is_quiet()) {
                return Some(Socket::new(self, lease));
            }
            debug!("pool: an idle connection was closed by its peer");
        }
        None
    }

    fn buffer(&self) -> Result<Self::Buffer<'_>> {
        lend_buffer(&self.buffers)
    }
}

impl<'s, S: Connect + 's, const N: usize> core::fmt::Debug for SocketPool<'s, S, N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("SocketPool").field(&self.counts()).finish()
    }
}

//! The blocking pool: thin verbs over the one of [`pool`].

use core::{net::SocketAddr, time::Duration};

use super::{Socket, stack::Stack};
use crate::{
    error::Result,
    pool::{self, Buffer, Counts, Key, Reserved, Resources},
    stack::{Connect, Family},
    sync::{NoopRawMutex, RawMutex},
    time::{Deadline, run},
    traits,
};

/// A pool of at most `N` sockets over one network stack. CircuitPython's `socketpool.SocketPool`; the blocking twin of
/// [`SocketPool`](crate::SocketPool).
///
/// It borrows the stack and its memory exclusively: one pool per radio, checked by the compiler. The
/// [module page](super) has an example.
///
/// # The line
/// What a request or a socket needs is taken in one step, before anything is connected, as from the
/// [asynchronous pool](crate::SocketPool#the-line). A pool with a raw mutex that threads can share (any but
/// [`NoopRawMutex`]) waits for it: threads are served in the order of arrival, each looks once a millisecond whether it is its
/// turn, and gives up at its deadline. A pool of a single thread does not wait, and says at once what there is none of.
pub struct SocketPool<'s, S: Connect, const N: usize, R: RawMutex = NoopRawMutex>(
    pub(super) pool::SocketPool<'s, S, N, R>,
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
        Self(pool::SocketPool::new(network, memory).blocking())
    }

    /// How long a kept connection may be idle and still be used again: [90 seconds](crate::pool::IDLE_TIMEOUT) unless you say
    /// otherwise; for ever with `None`. One that was idle for longer is closed when it would have been used.
    #[must_use]
    pub const fn idle_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.0.set_idle_timeout(timeout);
        self
    }

    /// How the slots are used at this moment.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.0.counts()
    }
}

impl<'s, S: Stack + 's, const N: usize, R: RawMutex> SocketPool<'s, S, N, R> {
    /// The stack, for the verbs that wait.
    pub(super) const fn network(&self) -> &'s S {
        self.0.network()
    }

    /// Takes a free slot. When there is none, the connection that was idle for the longest time is closed (in order,
    /// waiting a second at most) and its slot taken.
    ///
    /// A pool that several threads share waits for [ten seconds](crate::pool::PATIENCE) at most until another thread gives
    /// a slot back. One of a single thread never waits: a program that waited would keep itself from dropping a socket.
    ///
    /// # Errors
    /// With phase `Setup`: [`ErrorKind::Exhausted`](crate::ErrorKind::Exhausted) when every slot is in use.
    pub fn socket(&self) -> Result<Socket<'_, 's, S, N, R>> {
        run(self.network(), self.0.socket()).map(Socket)
    }

    /// The same; threads wait in line until `deadline`.
    ///
    /// # Errors
    /// As for [`socket`](Self::socket).
    pub fn socket_until(&self, deadline: Deadline) -> Result<Socket<'_, 's, S, N, R>> {
        run(self.network(), self.0.socket_until(deadline)).map(Socket)
    }

    /// The same, without waiting: neither for a slot, nor for the idle connection to be closed in order.
    ///
    /// # Errors
    /// As for [`socket`](Self::socket).
    pub fn try_socket(&self) -> Result<Socket<'_, 's, S, N, R>> {
        self.0.try_socket().map(Socket)
    }

    /// Resolves `host` to one address. An address literal (IPv6 with or without brackets) is only parsed.
    ///
    /// # Errors
    /// With phase `Resolve`: [`ErrorKind::NoSuchName`](crate::ErrorKind::NoSuchName) or [`ErrorKind::NoAnswer`](crate::ErrorKind::NoAnswer), as far as the stack can tell them
    /// apart; [`ErrorKind::NoSuchName`](crate::ErrorKind::NoSuchName) too for a literal of another family; [`ErrorKind::HostName`](crate::ErrorKind::HostName) if it cannot be one;
    /// [`ErrorKind::Timeout`](crate::ErrorKind::Timeout).
    pub fn getaddrinfo(&self, host: &str, port: u16, family: Family, deadline: Deadline) -> Result<SocketAddr> {
        run(self.network(), self.0.getaddrinfo(host, port, family, deadline))
    }

    /// Closes every idle connection in order, waiting a second at most for each.
    pub fn close_idle(&self) {
        run(self.network(), self.0.close_idle());
    }
}

/// As a pool for code that both faces share, which is [run](run) to its end.
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
        self.0.network()
    }

    fn reserve(
        &self,
        need: traits::Need,
        deadline: Deadline,
    ) -> impl Future<Output = Result<(Self::Reserved<'_>, Option<Self::Buffer<'_>>)>> {
        self.0.reserve(need, deadline)
    }

    async fn socket_in<'p>(&'p self, place: Self::Reserved<'p>, key: Option<Key<'_>>) -> (Self::Socket<'p>, bool) {
        let (socket, found) = self.0.socket_in(place, key).await;
        (Socket(socket), found)
    }
}

impl<'s, S: Connect + 's, const N: usize, R: RawMutex> core::fmt::Debug for SocketPool<'s, S, N, R> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.fmt(f)
    }
}

//! The blocking pool, on the slots and the memory of the other one.

use core::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use super::{
    ConnectionManager, Socket,
    stack::{Connect, Family, Stack},
    stream::TlsStream,
    traits,
};
use crate::{
    error::{ErrorKind, Result},
    lending::{Loan, Place},
    pool::{
        Counts, IDLE_TIMEOUT, Key, Lease, NO_SLOT, Patience, ROOM, Resources, Slots, Stream, TlsMemory, lend_buffer,
        literal, literal_or_name, only, unresolved,
    },
    sync::{NoopRawMutex, RawMutex},
    time::{Deadline, Instant},
};

/// A deadline that has always passed.
const DO_NOT_WAIT: Deadline = Deadline::at(Instant::from_millis(0));

/// A pool of at most `N` sockets over one network stack. CircuitPython's `socketpool.SocketPool`; the blocking twin of
/// [`SocketPool`](crate::SocketPool).
///
/// It borrows the stack and its memory exclusively: one pool per radio, checked by the compiler. The
/// [module page](super) has an example.
pub struct SocketPool<'s, S: Connect, const N: usize, R: RawMutex = NoopRawMutex> {
    pub(super) network: &'s S,
    pub(super) slots: Slots<Resting<'s, S, R>, R, N, 0>,
    buffers: [&'s Place<[u8], R>; N],
    #[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "there is no TLS to lend it to"))]
    pub(super) tls: &'s [Place<TlsMemory, R>],
    idle_timeout: Option<Duration>,
}

/// What rests in a slot of a pool over `S`.
pub(super) type Resting<'s, S, R> =
    Stream<<S as Connect>::Connection<'s>, TlsStream<'s, <S as Connect>::Connection<'s>, R>>;

/// A slot of a pool over `S`. Nobody waits for one.
pub(super) type PoolLease<'p, 's, S, const N: usize, R> = Lease<'p, Resting<'s, S, R>, R, N, 0>;

impl<'s, S: Connect + 's, const N: usize, R: RawMutex> SocketPool<'s, S, N, R> {
    /// A pool over this network, in this memory.
    #[must_use]
    pub fn new<const TLS: usize, const HEAD: usize>(
        network: &'s mut S,
        memory: &'s mut Resources<N, TLS, HEAD, R>,
    ) -> Self {
        let memory = &*memory;
        Self {
            network,
            slots: Slots::new(),
            buffers: core::array::from_fn(|index| &memory.buffers[index] as &Place<[u8], R>),
            tls: &memory.tls,
            idle_timeout: Some(IDLE_TIMEOUT),
        }
    }

    /// How long a kept connection may be idle and still be used again: [90 seconds](IDLE_TIMEOUT) unless you say
    /// otherwise; for ever with `None`. One that was idle for longer is closed when it would have been used.
    #[must_use]
    pub const fn idle_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.idle_timeout = timeout;
        self
    }

    /// How the slots are used at this moment.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.slots.counts()
    }

    pub(super) fn lend_buffer(&self) -> Result<Loan<'s, [u8], R>> {
        lend_buffer(&self.buffers)
    }
}

impl<'s, S: Stack + 's, const N: usize, R: RawMutex> SocketPool<'s, S, N, R> {
    /// Takes a free slot. When there is none, the connection that was idle for the longest time is closed (in order,
    /// waiting a second at most) and its slot taken.
    ///
    /// Here nobody waits for a slot: a blocking program that waited would keep itself from dropping a socket.
    ///
    /// # Errors
    /// With phase `Setup`: [`ErrorKind::Exhausted`] when every slot is in use.
    pub fn socket(&self) -> Result<Socket<'_, 's, S, N, R>> {
        let mut socket = Socket::new(self, self.slots.take().ok_or(NO_SLOT)?);
        if socket.stream().is_some() {
            debug!("pool: closing the longest idle connection for its slot");
            let _ = socket.shut_down();
        }
        Ok(socket)
    }

    /// The same, without waiting for the idle connection to be closed in order.
    ///
    /// # Errors
    /// As for [`socket`](Self::socket).
    pub fn try_socket(&self) -> Result<Socket<'_, 's, S, N, R>> {
        let mut socket = Socket::new(self, self.slots.take().ok_or(NO_SLOT)?);
        *socket.stream() = None;
        Ok(socket)
    }

    /// Resolves `host` to one address. An address literal (IPv6 with or without brackets) is only parsed.
    ///
    /// # Errors
    /// With phase `Resolve`: [`ErrorKind::NoSuchName`] or [`ErrorKind::NoAnswer`], as far as the stack can tell them
    /// apart; [`ErrorKind::NoSuchName`] too for a literal of another family; [`ErrorKind::HostName`] if it cannot be one;
    /// [`ErrorKind::Timeout`].
    pub fn getaddrinfo(&self, host: &str, port: u16, family: Family, deadline: Deadline) -> Result<SocketAddr> {
        self.resolve(host, port, family, Patience::Until(deadline))
    }

    pub(super) fn resolve(&self, host: &str, port: u16, family: Family, patience: Patience) -> Result<SocketAddr> {
        let mut one = [ROOM[0]];
        let found = self.find(host, family, patience, &mut one)?;
        only(one[0], found, family, port)
    }

    /// Finds the addresses of `host` in the order in which to try them, as many as there is room for, and says how many.
    pub(super) fn find(&self, host: &str, family: Family, patience: Patience, out: &mut [IpAddr]) -> Result<usize> {
        match literal_or_name(host).map_err(unresolved)? {
            Ok(address) => literal(address, family, out),
            Err(name) => {
                let answer = self.wait(patience, || Ok(self.network.resolve_all(name, family, out)?));
                answer.map_err(|kind| match (kind, patience) {
                    (ErrorKind::NoAnswer, Patience::Nothing) => unresolved(ErrorKind::WouldBlock),
                    (ErrorKind::NoAnswer, Patience::Until(deadline)) if deadline.has_passed(self.network) => {
                        unresolved(ErrorKind::Timeout)
                    }
                    (kind, _) => unresolved(kind),
                })
            }
        }
    }

    /// The connections that are kept for reuse. CircuitPython's `adafruit_connection_manager.get_connection_manager`.
    #[must_use]
    pub fn connection_manager(&self) -> ConnectionManager<'_, Self> {
        ConnectionManager::new(self)
    }

    /// Closes every idle connection in order, waiting a second at most for each.
    pub fn close_idle(&self) {
        while let Some(lease) = self.slots.oldest_idle(false) {
            let _ = Socket::new(self, lease).close();
        }
    }

    /// Does work of the stack's, which waits as long as `patience` allows. Work that is not begun in time is not begun.
    pub(super) fn wait<T>(
        &self,
        patience: Patience,
        work: impl FnOnce() -> Result<T, ErrorKind>,
    ) -> Result<T, ErrorKind> {
        let deadline = match patience {
            Patience::Nothing => DO_NOT_WAIT,
            Patience::Until(deadline) if deadline.has_passed(self.network) => return Err(ErrorKind::Timeout),
            Patience::Until(deadline) => deadline,
        };
        self.network.set_deadline(deadline);
        work().map_err(|kind| match (kind, patience) {
            (ErrorKind::Timeout, Patience::Nothing) => ErrorKind::WouldBlock,
            (kind, _) => kind,
        })
    }
}

impl<'s, S: Stack + 's, const N: usize, R: RawMutex> traits::SocketPool for SocketPool<'s, S, N, R> {
    type Socket<'p>
        = Socket<'p, 's, S, N, R>
    where
        Self: 'p;
    type Buffer<'p>
        = Loan<'s, [u8], R>
    where
        Self: 'p;
    type Clock = S;

    fn clock(&self) -> &S {
        self.network
    }

    fn wait_until(&self, at: Instant) {
        self.network.wait_until(at);
    }

    fn socket(&self) -> Result<Self::Socket<'_>> {
        self.socket()
    }

    fn kept(&self, key: Key<'_>) -> Option<Self::Socket<'_>> {
        while let Some((mut lease, since)) = self.slots.kept(key) {
            self.network.set_deadline(DO_NOT_WAIT);
            let is_fresh = self.idle_timeout.is_none_or(|timeout| self.network.now() <= since.after(timeout));
            if is_fresh && lease.connection().as_mut().is_some_and(|stream| stream.is_quiet()) {
                return Some(Socket::new(self, lease));
            }
            debug!("pool: an idle connection was closed by its peer, or was idle for too long");
        }
        None
    }

    fn buffer(&self) -> Result<Self::Buffer<'_>> {
        self.lend_buffer()
    }
}

impl<'s, S: Connect + 's, const N: usize, R: RawMutex> core::fmt::Debug for SocketPool<'s, S, N, R> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("SocketPool").field(&self.counts()).finish()
    }
}

//! The blocking pool, on the slots and the memory of the other one.

use core::{
    net::{IpAddr, SocketAddr},
    task::Waker,
    time::Duration,
};

use super::{
    ConnectionManager, Socket,
    ready::StackTimer,
    stack::{Connect, Family, Stack},
    stream::TlsSession,
};
use crate::{
    error::{ErrorKind, Result},
    lending::Place,
    pool::{
        Buffer, Counts, IDLE_TIMEOUT, Key, Lease, Need, PATIENCE, Patience, ROOM, Resources, Slots, Stream, Taken,
        TlsMemory, literal, literal_or_name, only, unresolved,
    },
    sync::{NoopRawMutex, RawMutex, is_shared},
    time::{Deadline, Instant},
    traits,
};

/// A deadline that has always passed.
pub(super) const DO_NOT_WAIT: Deadline = Deadline::at(Instant::from_millis(0));

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
pub struct SocketPool<'s, S: Connect, const N: usize, R: RawMutex = NoopRawMutex> {
    pub(super) network: &'s S,
    pub(super) timer: StackTimer<'s, S>,
    pub(super) slots: Slots<Resting<'s, S, R>, R, N>,
    buffers: [&'s Place<[u8], R>; N],
    #[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "there is no TLS to lend it to"))]
    pub(super) tls: &'s [Place<TlsMemory, R>],
    idle_timeout: Option<Duration>,
}

/// What rests in a slot of a pool over `S`.
pub(super) type Resting<'s, S, R> =
    Stream<<S as Connect>::Connection<'s>, TlsSession<'s, <S as Connect>::Connection<'s>, R>>;

/// A slot of a pool over `S`.
pub(super) type PoolLease<'p, 's, S, const N: usize, R> = Lease<'p, Resting<'s, S, R>, R, N>;

/// What was taken of a pool over `S`.
type PoolTaken<'p, 's, S, const N: usize, R> = Taken<'p, Resting<'s, S, R>, R, N>;

/// How long a thread that waits in line leaves it at that, before it looks again.
const GLANCE: Duration = Duration::from_millis(1);

/// The right to one connection of a blocking [`SocketPool`], before it is known which: a slot, and a TLS session if one is
/// needed. Both are free again when it is dropped.
pub struct Reserved<'p, 's, S: Connect, const N: usize, R: RawMutex = NoopRawMutex>(
    /// Not to be used before what is idle in its slot was closed, or is what is wanted.
    Socket<'p, 's, S, N, R>,
);

impl<'s, S: Connect + 's, const N: usize, R: RawMutex> SocketPool<'s, S, N, R> {
    /// A pool over this network, in this memory.
    #[must_use]
    pub fn new<const TLS: usize, const HEAD: usize>(
        network: &'s mut S,
        memory: &'s mut Resources<N, TLS, HEAD, R>,
    ) -> Self {
        let (network, memory) = (&*network, &*memory);
        Self {
            network,
            timer: StackTimer(network),
            slots: Slots::new(TLS),
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

    pub(super) fn lend_buffer(&self) -> Result<Buffer<'_, 's, N, R>> {
        self.slots.take_buffer(&self.buffers)
    }
}

impl<'s, S: Stack + 's, const N: usize, R: RawMutex> SocketPool<'s, S, N, R> {
    /// Takes a free slot. When there is none, the connection that was idle for the longest time is closed (in order,
    /// waiting a second at most) and its slot taken.
    ///
    /// A pool that several threads share waits for [ten seconds](crate::pool::PATIENCE) at most until another thread gives
    /// a slot back. One of a single thread never waits: a program that waited would keep itself from dropping a socket.
    ///
    /// # Errors
    /// With phase `Setup`: [`ErrorKind::Exhausted`] when every slot is in use.
    pub fn socket(&self) -> Result<Socket<'_, 's, S, N, R>> {
        self.socket_until(Deadline::within(self.network, Some(PATIENCE)))
    }

    /// The same; threads wait in line until `deadline`.
    ///
    /// # Errors
    /// As for [`socket`](Self::socket).
    pub fn socket_until(&self, deadline: Deadline) -> Result<Socket<'_, 's, S, N, R>> {
        Ok(self.vacated(self.take(Need::SLOT, None, deadline)?.slot()?))
    }

    /// The same, without waiting: neither for a slot, nor for the idle connection to be closed in order.
    ///
    /// # Errors
    /// As for [`socket`](Self::socket).
    pub fn try_socket(&self) -> Result<Socket<'_, 's, S, N, R>> {
        let mut lease = self.slots.take(Need::SLOT, None)?.slot()?;
        lease.disconnect();
        Ok(Socket::new(self, lease))
    }

    /// Takes all that is needed in one step, when it is our turn in the line.
    pub(super) fn take(
        &self,
        need: Need,
        own: Option<&PoolLease<'_, 's, S, N, R>>,
        deadline: Deadline,
    ) -> Result<PoolTaken<'_, 's, S, N, R>> {
        let mut place = self.slots.stand(need, own);
        while is_shared::<R>() && !deadline.has_passed(self.network) {
            if let Some(taken) = place.poll(Waker::noop())? {
                return Ok(taken);
            }
            self.network.wait_until(self.network.now().after(GLANCE));
        }
        place.take()
    }

    /// Puts the connection that was kept under this key into the socket, in place of what was reserved for a new one.
    #[inline(never)]
    fn find_kept<'p>(&'p self, socket: &mut Socket<'p, 's, S, N, R>, key: Key<'_>) -> bool {
        let now = self.network.now();
        let is_good = |lease: &mut PoolLease<'_, 's, S, N, R>, since: Instant| {
            self.network.set_deadline(DO_NOT_WAIT);
            let is_fresh = self.idle_timeout.is_none_or(|timeout| now <= since.after(timeout));
            is_fresh && lease.connection().as_mut().is_some_and(|stream| stream.is_quiet())
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

    /// A socket in this slot, after what was idle in it is closed in order.
    pub(super) fn vacated<'p>(&'p self, lease: PoolLease<'p, 's, S, N, R>) -> Socket<'p, 's, S, N, R> {
        let mut socket = Socket::new(self, lease);
        socket.vacate();
        socket
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
        while let Some(lease) = self.slots.oldest_idle() {
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

impl<'s, S: Stack + 's, const N: usize, R: RawMutex> SocketPool<'s, S, N, R> {
    pub(super) fn reserve_now(
        &self,
        need: traits::Need,
        deadline: Deadline,
    ) -> Result<(Reserved<'_, 's, S, N, R>, Option<Buffer<'_, 's, N, R>>)> {
        let mut taken = self.take(need.into(), None, deadline)?;
        let buffer = if need.buffer { Some(taken.buffer(&self.buffers)?) } else { None };
        Ok((Reserved(Socket::new(self, taken.slot()?)), buffer))
    }

    pub(super) fn socket_in_now<'p>(
        &'p self,
        Reserved(mut socket): Reserved<'p, 's, S, N, R>,
        key: Option<Key<'_>>,
    ) -> (Socket<'p, 's, S, N, R>, bool) {
        let found = key.is_some_and(|key| self.find_kept(&mut socket, key));
        if !found {
            socket.vacate();
        }
        (socket, found)
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

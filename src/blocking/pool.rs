//! The blocking pool, on the slots and the memory of the other one.

use core::net::SocketAddr;

use super::{
    ConnectionManager, Socket,
    stack::{Connect, Family, Resolve},
    stream::TlsStream,
    traits,
};
use crate::{
    error::{Error, ErrorKind, Phase, Result},
    lending::{Loan, Place},
    pool::{Counts, Key, NO_SLOT, Resources, Slots, Stream, TlsMemory, lend_buffer, literal_or_name},
    time::{Clock, Deadline, Instant},
};

/// A deadline that has always passed.
const DO_NOT_WAIT: Deadline = Deadline::at(Instant::from_millis(0));

/// A pool of at most `N` sockets over one network stack. CircuitPython's `socketpool.SocketPool`; the blocking twin of
/// [`SocketPool`](crate::SocketPool).
///
/// It borrows the stack and its memory exclusively: one pool per radio, checked by the compiler. The
/// [module page](super) has an example.
pub struct SocketPool<'s, S: Connect, const N: usize> {
    pub(super) network: &'s S,
    pub(super) slots: Slots<Resting<'s, S>, N>,
    buffers: [&'s Place<[u8]>; N],
    #[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "there is no TLS to lend it to"))]
    pub(super) tls: &'s [Place<TlsMemory>],
}

/// What rests in a slot of a pool over `S`.
pub(super) type Resting<'s, S> = Stream<<S as Connect>::Connection<'s>, TlsStream<'s, <S as Connect>::Connection<'s>>>;

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

impl<'s, S: Connect + Resolve + Clock + 's, const N: usize> SocketPool<'s, S, N> {
    /// Takes a free slot. When there is none, the connection that was idle for the longest time is closed (in order,
    /// waiting a second at most) and its slot taken.
    ///
    /// # Errors
    /// [`ErrorKind::Exhausted`] when every slot is in use.
    pub fn socket(&self) -> Result<Socket<'_, 's, S, N>> {
        if let Some(lease) = self.slots.free() {
            return Ok(Socket::new(self, lease));
        }
        let lease = self.slots.oldest_idle(|_| true).ok_or(NO_SLOT)?;
        let mut socket = Socket::new(self, lease);
        debug!("pool: closing the longest idle connection for its slot");
        let _ = socket.shut_down();
        Ok(socket)
    }

    /// Resolves `host` to one address. An address literal (IPv6 with or without brackets) is only parsed.
    ///
    /// # Errors
    /// With phase `Resolve`: [`ErrorKind::NoSuchName`] or [`ErrorKind::NoAnswer`], as far as the stack can tell them
    /// apart; [`ErrorKind::HostName`] if it cannot be one; [`ErrorKind::Timeout`].
    pub fn getaddrinfo(&self, host: &str, port: u16, family: Family, deadline: Deadline) -> Result<SocketAddr> {
        let error = |kind| Error::new(Phase::Resolve, kind);
        let address = match literal_or_name(host).map_err(error)? {
            Ok(literal) => literal,
            Err(name) => {
                self.begin(deadline).map_err(error)?;
                self.network.resolve(name, family).map_err(|failure| match ErrorKind::from(failure) {
                    ErrorKind::NoAnswer if deadline.has_passed(self.network) => error(ErrorKind::Timeout),
                    kind => error(kind),
                })?
            }
        };
        Ok(SocketAddr::new(address, port))
    }

    /// The connections that are kept for reuse. CircuitPython's `adafruit_connection_manager.get_connection_manager`.
    #[must_use]
    pub fn connection_manager(&self) -> ConnectionManager<'_, Self> {
        ConnectionManager::new(self)
    }

    /// Closes every idle connection in order, waiting a second at most for each.
    pub fn close_idle(&self) {
        while let Some(lease) = self.slots.oldest_idle(|_| true) {
            let _ = Socket::new(self, lease).close();
        }
    }

    /// Tells the stack by when the work that follows must be done. Work that is not begun in time is not begun.
    pub(super) fn begin(&self, deadline: Deadline) -> Result<(), ErrorKind> {
        if deadline.has_passed(self.network) {
            return Err(ErrorKind::Timeout);
        }
        self.network.set_deadline(deadline);
        Ok(())
    }
}

impl<'s, S: Connect + Resolve + Clock + 's, const N: usize> traits::SocketPool for SocketPool<'s, S, N> {
    type Socket<'p>
        = Socket<'p, 's, S, N>
    where
        Self: 'p;
    type Buffer<'p>
        = Loan<'s, [u8]>
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
        while let Some(mut lease) = self.slots.idle(key) {
            self.network.set_deadline(DO_NOT_WAIT);
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

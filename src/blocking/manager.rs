//! Finding a blocking connection: one that was kept, or a new one.

use super::stack::Stack;
use crate::{
    error::Result,
    pool::{self, Counts, Key, Leased},
    sync::RawMutex,
    time::{BlockingTimer, Deadline, run},
    traits::{Socket, SocketPool, TlsContext},
};

/// Leases connections of a pool: one kept from before if there is one, a new one if not. CircuitPython's
/// `adafruit_connection_manager.ConnectionManager`; the blocking twin of
/// [`ConnectionManager`](crate::ConnectionManager).
///
/// A connection is in exactly one pair of hands. It is closed when dropped, and kept for the next one with
/// [`free_socket`](Self::free_socket). What is kept lies in the pool, so that all managers of one pool share it.
#[derive(Debug)]
pub struct ConnectionManager<'p, P> {
    pool: &'p P,
}

impl<P> Clone for ConnectionManager<'_, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P> Copy for ConnectionManager<'_, P> {}

impl<'p, P: SocketPool<Timer: BlockingTimer>> ConnectionManager<'p, P> {
    /// The manager of this pool.
    #[must_use]
    pub const fn new(pool: &'p P) -> Self {
        Self { pool }
    }

    /// A connection to `host`: with TLS verified by `tls`, or plain with `None`. A slot of the pool, and a TLS session if one
    /// is needed, are taken together, before anything is connected.
    ///
    /// # Errors
    /// With phase `Setup` when the pool is exhausted, `Resolve`, `Connect` or `Handshake`.
    pub fn get_socket<T: TlsContext<P::Socket<'p>>>(
        &self,
        host: &str,
        port: u16,
        session_id: u32,
        tls: Option<&T>,
        deadline: Deadline,
    ) -> Result<Leased<P::Socket<'p>>> {
        let manager = pool::ConnectionManager::new(self.pool);
        run(self.pool.timer(), manager.get_socket(host, port, session_id, tls, deadline))
    }

    /// The same, but never one that was used before.
    ///
    /// # Errors
    /// As for [`get_socket`](Self::get_socket).
    pub fn new_socket<T: TlsContext<P::Socket<'p>>>(
        &self,
        host: &str,
        port: u16,
        tls: Option<&T>,
        deadline: Deadline,
    ) -> Result<Leased<P::Socket<'p>>> {
        let manager = pool::ConnectionManager::new(self.pool);
        run(self.pool.timer(), manager.new_socket(host, port, tls, deadline))
    }

    /// Gives a connection back to be used again by the next caller with the same `key`.
    pub fn free_socket(&self, socket: P::Socket<'p>, key: Key<'_>) {
        socket.keep(key);
    }

    /// Closes a connection in order.
    ///
    /// # Errors
    /// If the peer could not be told; the slot is free in any case.
    pub fn close_socket(&self, socket: P::Socket<'p>) -> Result<()> {
        run(self.pool.timer(), socket.close())
    }
}

impl<'s, S: Stack + 's, const N: usize, R: RawMutex> super::SocketPool<'s, S, N, R> {
    /// The connections that are kept for reuse. CircuitPython's `adafruit_connection_manager.get_connection_manager`.
    #[must_use]
    pub fn connection_manager(&self) -> ConnectionManager<'_, Self> {
        ConnectionManager::new(self)
    }
}

impl<'s, S: Stack + 's, const N: usize, R: RawMutex> ConnectionManager<'_, super::SocketPool<'s, S, N, R>> {
    /// How many connections are leased and how many are kept. CircuitPython's `managed_socket_count` is
    /// `in_use + idle`, its `available_socket_count` is `idle`.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.pool.counts()
    }

    /// Closes every connection that is kept, in order. Those that are leased belong to their users, and go when they
    /// are dropped. CircuitPython's `connection_manager_close_all`.
    pub fn close_all(&self) {
        self.pool.close_idle();
    }
}

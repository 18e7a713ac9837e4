//! Finding a connection: one that was kept, or a new one.

use super::{Counts, Key, NOT_CONNECTED};
use crate::{
    error::Result,
    stack::Stack,
    sync::RawMutex,
    time::Deadline,
    traits::{Need, Socket, SocketPool, TlsContext},
};

/// Leases connections of a pool: one kept from before if there is one, a new one if not. CircuitPython's
/// `adafruit_connection_manager.ConnectionManager`.
///
/// A connection is in exactly one pair of hands. It is closed when dropped, and kept for the next one with
/// [`free_socket`](Self::free_socket). What is kept lies in the pool, so that all managers of one pool share it.
#[derive(Debug)]
pub struct ConnectionManager<'p, P> {
    pool: &'p P,
    /// What its user has of the pool already.
    need: Need,
}

/// A leased connection, and whether it was used before.
#[derive(Debug)]
pub struct Leased<S> {
    /// The connection.
    pub socket: S,
    /// Whether it was kept from before. The peer may have closed it without our knowing yet.
    pub reused: bool,
}

/// A connection that is to be made, or is.
pub(crate) enum Line<R, S> {
    Closed,
    /// There is a place for it.
    #[cfg_attr(not(feature = "requests"), expect(dead_code, reason = "only a request reserves before it connects"))]
    Reserved(R),
    Open(S),
}

impl<R, S> Line<R, S> {
    /// What there is, in place of which there is nothing then.
    pub(crate) fn take(&mut self) -> Self {
        core::mem::replace(self, Self::Closed)
    }

    pub(crate) fn open(&mut self, socket: S) -> Option<&mut S> {
        *self = Self::Open(socket);
        self.socket()
    }

    pub(crate) fn socket(&mut self) -> Option<&mut S> {
        if let Self::Open(socket) = self { Some(socket) } else { None }
    }

    pub(crate) fn into_socket(self) -> Option<S> {
        if let Self::Open(socket) = self { Some(socket) } else { None }
    }
}

impl<P> Clone for ConnectionManager<'_, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P> Copy for ConnectionManager<'_, P> {}

impl<'p, P: SocketPool> ConnectionManager<'p, P> {
    /// The manager of this pool.
    #[must_use]
    pub const fn new(pool: &'p P) -> Self {
        Self { pool, need: Need { tls_session: false, buffer: false, has_buffer: false } }
    }

    /// The same, for an exchange that has its memory.
    #[cfg(feature = "requests")]
    pub(crate) const fn in_exchange(pool: &'p P) -> Self {
        Self { pool, need: Need { tls_session: false, buffer: false, has_buffer: true } }
    }

    /// A connection to `host`: with TLS verified by `tls`, or plain with `None`. A slot of the pool, and a TLS session if one
    /// is needed, are waited for together, in the pool's line, before anything is connected.
    ///
    /// # Errors
    /// With phase `Setup` when the pool is exhausted, `Resolve`, `Connect` or `Handshake`.
    ///
    /// # Cancel safety
    /// Dropping the future ends the attempt and frees the slot.
    pub fn get_socket<T: TlsContext<P::Socket<'p>>>(
        &self,
        host: &str,
        port: u16,
        session_id: u32,
        tls: Option<&T>,
        deadline: Deadline,
    ) -> impl Future<Output = Result<Leased<P::Socket<'p>>>> {
        async move {
            let key = Key { host, port, session_id, tls: tls.map(TlsContext::id) };
            self.lease(key, true, tls, deadline).await
        }
    }

    /// The same, but never one that was used before.
    ///
    /// # Errors
    /// As for [`get_socket`](Self::get_socket).
    ///
    /// # Cancel safety
    /// As for [`get_socket`](Self::get_socket).
    pub fn new_socket<T: TlsContext<P::Socket<'p>>>(
        &self,
        host: &str,
        port: u16,
        tls: Option<&T>,
        deadline: Deadline,
    ) -> impl Future<Output = Result<Leased<P::Socket<'p>>>> {
        async move {
            let key = Key { host, port, session_id: 0, tls: None };
            self.lease(key, false, tls, deadline).await
        }
    }

    /// Opens a connection for the host of this key: one that was kept under it, if it may be, and `true`; or else a new one.
    /// Its place is the one that was reserved, or is reserved now.
    // An `async fn` would have its arguments twice.
    pub(crate) fn open<T: TlsContext<P::Socket<'p>>>(
        self,
        line: &mut Line<P::Reserved<'p>, P::Socket<'p>>,
        key: Key<'_>,
        may_reuse: bool,
        tls: Option<&T>,
        deadline: Deadline,
    ) -> impl Future<Output = Result<bool>> {
        let Self { pool, need } = self;
        async move {
            let place = match line.take() {
                Line::Reserved(place) => place,
                _ => {
                    let tls_session = tls.is_some_and(TlsContext::takes_session);
                    pool.reserve(Need { tls_session, ..need }, deadline).await?.0
                }
            };
            let (socket, reused) = pool.socket_in(place, may_reuse.then_some(key)).await;
            if let Some(socket) = line.open(socket) {
                socket.set_deadline(deadline);
                match tls {
                    _ if reused => {}
                    Some(tls) => tls.connect(socket, key.host, key.port).await?,
                    None => socket.connect(key.host, key.port).await?,
                }
            }
            Ok(reused)
        }
    }

    fn lease<T: TlsContext<P::Socket<'p>>>(
        &self,
        key: Key<'_>,
        may_reuse: bool,
        tls: Option<&T>,
        deadline: Deadline,
    ) -> impl Future<Output = Result<Leased<P::Socket<'p>>>> {
        async move {
            let mut line = Line::Closed;
            let reused = self.open(&mut line, key, may_reuse, tls, deadline).await?;
            line.into_socket().map(|socket| Leased { socket, reused }).ok_or(NOT_CONNECTED)
        }
    }

    /// Gives a connection back to be used again by the next caller with the same `key`.
    pub fn free_socket(&self, socket: P::Socket<'p>, key: Key<'_>) {
        socket.keep(key);
    }

    /// Closes a connection in order.
    ///
    /// # Errors
    /// If the peer could not be told; the slot is free in any case.
    pub async fn close_socket(&self, socket: P::Socket<'p>) -> Result<()> {
        socket.close().await
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
    pub async fn close_all(&self) {
        self.pool.close_idle().await;
    }
}

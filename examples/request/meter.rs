//! What `--stats` counts, and how: something put around a pool and a TLS context, through the crate's three traits.

use std::{cell::Cell, fmt, net::SocketAddr};

use socketpool::{
    Result,
    pool::Key,
    stack::Stack,
    sync::RawMutex,
    time::Deadline,
    traits::{Need, SocketPool, TlsContext, TlsId},
};

/// Counts connections, and the requests and writes on them.
#[derive(Debug, Default)]
pub struct Meter {
    /// TCP connections that were made; counted by the network.
    pub connections: Cell<usize>,
    /// Write calls on TCP connections; counted by the network.
    pub writes: Cell<usize>,
    /// Those of them that were TLS's own, in handshakes and to take leave: `writes` less these carried requests.
    tls_writes: Cell<usize>,
    /// Connections whose handshake failed: no request was sent on them.
    refused: Cell<usize>,
    /// How often a kept connection was taken for a request.
    reused: Cell<usize>,
    /// TLS handshakes that succeeded, and those of them that a ticket made short; shown if there are tickets.
    handshakes: Cell<usize>,
    resumed: Cell<usize>,
    pub with_tickets: Cell<bool>,
}

/// A socket that tells whether a ticket made its TLS handshake short.
pub trait Resumed {
    fn is_resumed(&mut self) -> bool;
}

impl<'s, S: Stack + 's, const N: usize, R: RawMutex> Resumed for socketpool::Socket<'_, 's, S, N, R> {
    fn is_resumed(&mut self) -> bool {
        self.tls_info().is_some_and(|info| info.is_resumed)
    }
}

impl<'s, S: socketpool::blocking::stack::Stack + 's, const N: usize, R: RawMutex> Resumed
    for socketpool::blocking::Socket<'_, 's, S, N, R>
{
    fn is_resumed(&mut self) -> bool {
        self.tls_info().is_some_and(|info| info.is_resumed)
    }
}

/// Adds one.
pub fn count(counter: &Cell<usize>) {
    counter.set(counter.get() + 1);
}

impl Meter {
    /// What was written since there were so many writes is TLS's own.
    pub fn all_tls_since(&self, writes: usize) {
        self.tls_writes.set(self.tls_writes.get() + self.writes.get() - writes);
    }
}

impl Meter {
    /// Notes that a connection was taken for a request.
    fn take(&self, reused: bool) {
        if reused {
            count(&self.reused);
        }
    }
}

/// A request is what is sent on a connection, be it for a redirect, or once more because a kept connection was dead.
impl fmt::Display for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (connections, reused) = (self.connections.get(), self.reused.get());
        let requests = connections - self.refused.get() + reused;
        let writes = self.writes.get() - self.tls_writes.get();
        write!(f, "connections={connections} requests={requests} reused={reused} writes={writes}")?;
        if self.with_tickets.get() {
            write!(f, " handshakes={} resumed={}", self.handshakes.get(), self.resumed.get())?;
        }
        Ok(())
    }
}

/// A pool or a TLS context that is watched.
#[derive(Debug)]
pub struct Metered<'m, T> {
    pub inner: T,
    meter: &'m Meter,
}

impl<'m, T> Metered<'m, T> {
    pub fn new(inner: T, meter: &'m Meter) -> Self {
        Self { inner, meter }
    }

    /// Notes how a handshake ended, and what was written since it began.
    fn handshake_over(
        &self,
        socket: &mut impl Resumed,
        writes_before: usize,
        connections_before: usize,
        outcome: &Result<()>,
    ) {
        self.meter.all_tls_since(writes_before);
        if outcome.is_ok() {
            count(&self.meter.handshakes);
            if socket.is_resumed() {
                count(&self.meter.resumed);
            }
        }
        if outcome.is_err() && self.meter.connections.get() > connections_before {
            count(&self.meter.refused);
        }
    }
}

impl<P: SocketPool> SocketPool for Metered<'_, P> {
    type Socket<'p>
        = P::Socket<'p>
    where
        Self: 'p;
    type Buffer<'p>
        = P::Buffer<'p>
    where
        Self: 'p;
    type Reserved<'p>
        = P::Reserved<'p>
    where
        Self: 'p;
    type Timer = P::Timer;

    fn timer(&self) -> &P::Timer {
        self.inner.timer()
    }

    async fn reserve(&self, need: Need, deadline: Deadline) -> Result<(P::Reserved<'_>, Option<P::Buffer<'_>>)> {
        self.inner.reserve(need, deadline).await
    }

    async fn socket_in<'p>(&'p self, place: P::Reserved<'p>, key: Option<Key<'_>>) -> (P::Socket<'p>, bool) {
        let (socket, reused) = self.inner.socket_in(place, key).await;
        self.meter.take(reused);
        (socket, reused)
    }
}

impl<S: Resumed, T: TlsContext<S>> TlsContext<S> for Metered<'_, T> {
    fn id(&self) -> TlsId {
        self.inner.id()
    }

    fn takes_session(&self) -> bool {
        self.inner.takes_session()
    }

    async fn connect(&self, socket: &mut S, host: &str, port: u16) -> Result<()> {
        let (writes, connections) = (self.meter.writes.get(), self.meter.connections.get());
        let outcome = self.inner.connect(socket, host, port).await;
        self.handshake_over(socket, writes, connections, &outcome);
        outcome
    }

    async fn connect_addr(&self, socket: &mut S, host: &str, remote: SocketAddr) -> Result<()> {
        let (writes, connections) = (self.meter.writes.get(), self.meter.connections.get());
        let outcome = self.inner.connect_addr(socket, host, remote).await;
        self.handshake_over(socket, writes, connections, &outcome);
        outcome
    }
}

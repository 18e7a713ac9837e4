//! What `--stats` counts, what `-v` and `--explain` tell, and how: something put around a pool and a TLS context, through the
//! crate's three traits.

use std::{
    cell::{Cell, RefCell},
    fmt,
    net::SocketAddr,
    rc::Rc,
    time::Instant,
};

use socketpool::{
    Result, blocking,
    pool::Key,
    stack::Stack,
    sync::RawMutex,
    time::Deadline,
    tls::{self, Random, ShownChain, TimeSource, TlsInfo, TlsObserver},
    traits::{Need, Socket, SocketPool, TlsContext, TlsId},
};

use crate::{
    options::{Engine, Options},
    report::{Handshake, Shown, say},
    second::AnySocket,
};

/// Counts connections, and the requests and writes on them.
#[derive(Debug, Default)]
pub struct Meter {
    /// TCP connections that were made; counted by the network.
    pub connections: Cell<usize>,
    /// Write calls on TCP connections; counted by the network.
    pub writes: Cell<usize>,
    /// Those of them that were TLS's own, in handshakes and to take leave: `writes` less these carried requests.
    tls_writes: Rc<Cell<usize>>,
    /// Connections whose handshake failed: no request was sent on them.
    refused: Cell<usize>,
    /// How often a kept connection was taken for a request.
    reused: Cell<usize>,
    /// TLS handshakes that succeeded, those of them that a ticket made short, and those that took a second ClientHello.
    handshakes: Cell<usize>,
    resumed: Cell<usize>,
    retried: Cell<usize>,
    /// The last line tells of handshakes too.
    pub with_tickets: Cell<bool>,
    /// With -v: tell of every connection.
    verbose: Cell<bool>,
    /// What is offered inside TLS.
    protocols: RefCell<Vec<Vec<u8>>>,
    /// The second engine connects.
    is_second: Cell<bool>,
    /// The connection that was made last, and when.
    connected: Cell<Option<(SocketAddr, Instant)>>,
    /// What a server showed in the handshake at hand.
    shown: RefCell<Option<Shown>>,
    /// How every handshake ended, for --explain.
    pub seen: RefCell<Vec<Handshake>>,
}

impl TlsObserver for Meter {
    fn chain_judged(&self, chain: &ShownChain<'_>) {
        *self.shown.borrow_mut() = Some(Shown::of(chain));
    }
}

/// A socket that tells what its TLS connection agreed on.
pub trait Informed {
    fn tls_info(&mut self) -> Option<TlsInfo>;
}

impl<'s, S: Stack + 's, const N: usize, R: RawMutex> Informed for socketpool::Socket<'_, 's, S, N, R> {
    fn tls_info(&mut self) -> Option<TlsInfo> {
        self.tls_info()
    }
}

impl<'s, S: blocking::stack::Stack + 's, const N: usize, R: RawMutex> Informed for blocking::Socket<'_, 's, S, N, R> {
    fn tls_info(&mut self) -> Option<TlsInfo> {
        self.tls_info()
    }
}

impl<S: Socket + Informed> Informed for AnySocket<'_, S> {
    fn tls_info(&mut self) -> Option<TlsInfo> {
        match self {
            Self::Pool(socket) => socket.tls_info(),
            Self::Second { .. } | Self::Gone => None,
        }
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
    /// Does as the command line says.
    pub fn listen(&self, options: &Options<'_>) {
        self.verbose.set(options.verbose);
        self.is_second.set(options.engine == Engine::EmbeddedTls);
        *self.protocols.borrow_mut() = options.alpn.iter().map(|name| name.to_vec()).collect();
    }

    /// Where the last connection went.
    pub fn last_remote(&self) -> Option<SocketAddr> {
        self.connected.get().map(|(remote, _)| remote)
    }

    /// A kept connection served a request.
    pub fn was_reused(&self) -> bool {
        self.reused.get() > 0
    }

    /// A TCP connection was made.
    pub fn connected(&self, remote: SocketAddr) {
        count(&self.connections);
        self.connected.set(Some((remote, Instant::now())));
        self.shown.take();
        if self.verbose.get() {
            say(&format!("connected to {remote}"));
        }
    }

    /// A connection was taken for a request.
    fn take(&self, reused: Option<Key<'_>>) {
        if let Some(key) = reused {
            count(&self.reused);
            if self.verbose.get() {
                say(&format!("the connection to {} port {} is used again", key.host, key.port));
            }
        }
    }

    /// What is told of handshakes, if there were any.
    pub fn handshake_counts(&self) -> Option<String> {
        let [handshakes, resumed, retried] = [&self.handshakes, &self.resumed, &self.retried].map(Cell::get);
        (handshakes > 0).then(|| format!("handshakes={handshakes} resumed={resumed} retried={retried}"))
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
        socket: &mut impl Informed,
        writes_before: usize,
        connections_before: usize,
        outcome: &Result<()>,
    ) {
        let meter = self.meter;
        meter.all_tls_since(writes_before);
        let info = socket.tls_info();
        if outcome.is_ok() {
            count(&meter.handshakes);
            if info.is_some_and(|info| info.is_resumed) {
                count(&meter.resumed);
            }
            if info.is_some_and(|info| info.is_retried) {
                count(&meter.retried);
            }
        }
        if meter.connections.get() == connections_before {
            return;
        }
        if outcome.is_err() {
            count(&meter.refused);
        }
        let Some((_, since)) = meter.connected.get() else { return };
        let (took, shown) = (since.elapsed(), meter.shown.take());
        let handshake = Handshake { took, info, shown, outcome: *outcome };
        if meter.verbose.get() {
            let protocols = meter.protocols.borrow();
            let protocols: Vec<_> = protocols.iter().map(Vec::as_slice).collect();
            handshake.lines(&protocols).iter().for_each(|line| say(line));
        }
        meter.seen.borrow_mut().push(handshake);
    }
}

impl<'s, S: Stack + 's, const N: usize, R: RawMutex> Metered<'_, socketpool::SocketPool<'s, S, N, R>> {
    /// Closes the connections that are kept. What that writes is TLS's own.
    pub async fn close_idle(&self) {
        let writes = self.meter.writes.get();
        self.inner.close_idle().await;
        self.meter.all_tls_since(writes);
    }
}

impl<'s, S, const N: usize, R> Metered<'_, blocking::SocketPool<'s, S, N, R>>
where
    S: blocking::stack::Stack + 's,
    R: RawMutex,
{
    /// The same, with the blocking face.
    pub fn close_idle(&self) {
        let writes = self.meter.writes.get();
        self.inner.close_idle();
        self.meter.all_tls_since(writes);
    }
}

/// For either face's pool.
macro_rules! metered_pool {
    ($pool:ident, $stack:path) => {
        impl<'s, S: $stack + 's, const N: usize, R: RawMutex> SocketPool
            for Metered<'_, $pool::SocketPool<'s, S, N, R>>
        {
            type Socket<'p>
                = AnySocket<'p, $pool::Socket<'p, 's, S, N, R>>
            where
                Self: 'p;
            type Buffer<'p>
                = <$pool::SocketPool<'s, S, N, R> as SocketPool>::Buffer<'p>
            where
                Self: 'p;
            type Reserved<'p>
                = <$pool::SocketPool<'s, S, N, R> as SocketPool>::Reserved<'p>
            where
                Self: 'p;
            type Timer = <$pool::SocketPool<'s, S, N, R> as SocketPool>::Timer;

            fn timer(&self) -> &Self::Timer {
                self.inner.timer()
            }

            async fn reserve(
                &self,
                need: Need,
                deadline: Deadline,
            ) -> Result<(Self::Reserved<'_>, Option<Self::Buffer<'_>>)> {
                SocketPool::reserve(&self.inner, need, deadline).await
            }

            async fn socket_in<'p>(
                &'p self,
                place: Self::Reserved<'p>,
                key: Option<Key<'_>>,
            ) -> (Self::Socket<'p>, bool) {
                let (socket, reused) = SocketPool::socket_in(&self.inner, place, key).await;
                self.meter.take(key.filter(|_| reused));
                (AnySocket::Pool(socket), reused)
            }
        }
    };
}

metered_pool!(socketpool, Stack);
metered_pool!(blocking, blocking::stack::Stack);

impl<'m, 'c, S, G, C> TlsContext<AnySocket<'m, S>> for Metered<'_, tls::TlsContext<'c, G, C>>
where
    S: Socket + Informed + 'm,
    G: Random,
    C: TimeSource,
    tls::TlsContext<'c, G, C>: TlsContext<S>,
{
    fn id(&self) -> TlsId {
        self.inner.id()
    }

    fn takes_session(&self) -> bool {
        !self.meter.is_second.get() && self.inner.takes_session()
    }

    async fn connect(&self, socket: &mut AnySocket<'m, S>, host: &str, port: u16) -> Result<()> {
        let (writes, connections) = (self.meter.writes.get(), self.meter.connections.get());
        let outcome = match &mut *socket {
            AnySocket::Pool(socket) if !self.meter.is_second.get() => self.inner.connect(socket, host, port).await,
            socket => match socket.connect(host, port).await {
                Ok(()) => socket.wrap_second(&self.inner, host, Rc::clone(&self.meter.tls_writes)).await,
                failed => failed,
            },
        };
        self.handshake_over(socket, writes, connections, &outcome);
        outcome
    }

    async fn connect_addr(&self, socket: &mut AnySocket<'m, S>, host: &str, remote: SocketAddr) -> Result<()> {
        let (writes, connections) = (self.meter.writes.get(), self.meter.connections.get());
        let outcome = match &mut *socket {
            AnySocket::Pool(socket) if !self.meter.is_second.get() => {
                self.inner.connect_addr(socket, host, remote).await
            }
            socket => match socket.connect_addr(remote).await {
                Ok(()) => socket.wrap_second(&self.inner, host, Rc::clone(&self.meter.tls_writes)).await,
                failed => failed,
            },
        };
        self.handshake_over(socket, writes, connections, &outcome);
        outcome
    }
}

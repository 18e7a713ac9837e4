//! Sockets of a pool over TLS, against rustls in this process: what is left when a future is dropped at any await, and how
//! each direction ends by itself (RFC 8446 §6.1).

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    io::{Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    rc::Rc,
    task::Poll,
    time::Duration,
};

use embassy_futures::block_on;
use embedded_io_async::{ErrorKind as Io, ErrorType, Read, Write};
use rustls::ServerConnection;
use socketpool::{
    Error, ErrorKind, Phase, Resources, SmallResources, SocketPool, blocking,
    pool::Shutdown,
    requests::Session,
    stack::{Connect, Connection, Family, Resolve, ResolveError},
    time::{BlockingTimer, Clock, Instant, Timer},
    tls::TlsError,
};

use super::{Kind, context, polled};

/// A server behind a connection.
struct Server {
    tls: ServerConnection,
    /// What the client has not received yet.
    out: Vec<u8>,
    /// What the client said.
    heard: Vec<u8>,
    /// What the server says to each request.
    response: &'static [u8],
    error: Option<rustls::Error>,
    client_closed: bool,
    /// It takes nothing more for now.
    is_full: bool,
    has_ended: bool,
}

impl Server {
    fn run(&mut self) {
        match self.tls.process_new_packets() {
            Ok(state) => self.client_closed |= state.peer_has_closed(),
            Err(error) => _ = self.error.get_or_insert(error),
        }
        let mut data = [0; 4096];
        while let Ok(len @ 1..) = self.tls.reader().read(&mut data) {
            self.heard.extend(&data[..len]);
            if !self.response.is_empty() && self.heard.ends_with(b"\r\n\r\n") {
                self.tls.writer().write_all(self.response).unwrap();
            }
        }
        while self.tls.wants_write() {
            self.tls.write_tls(&mut self.out).unwrap();
        }
    }

    fn say(&mut self, words: &[u8]) {
        self.tls.writer().write_all(words).unwrap();
        self.run();
    }

    fn close(&mut self) {
        self.tls.send_close_notify();
        self.run();
    }
}

/// A network with such a server at every address. Its time passes when whoever waits is polled again and nothing has
/// happened since.
struct Net {
    kind: Kind,
    /// The most bytes that a read gives, and a write takes.
    step: usize,
    response: &'static [u8],
    open: Rc<Cell<usize>>,
    servers: Servers,
    now: Cell<u64>,
    /// What has happened: bytes that moved, and waits.
    events: Rc<Cell<u64>>,
}

/// The servers of a network, one for each connection that was made.
#[derive(Clone, Default)]
struct Servers(Rc<RefCell<Vec<Rc<RefCell<Server>>>>>);

impl Servers {
    fn last(&self) -> Rc<RefCell<Server>> {
        self.0.borrow().last().unwrap().clone()
    }

    /// None of them found fault with us.
    fn check(&self) {
        for server in self.0.borrow().iter() {
            assert_eq!(server.borrow().error, None);
        }
    }
}

impl Net {
    fn new(kind: Kind, step: usize) -> Self {
        let (open, servers) = (Rc::default(), Servers::default());
        Self { kind, step, response: b"", open, servers, now: Cell::new(0), events: Rc::default() }
    }
}

impl Clock for Net {
    fn now(&self) -> Instant {
        Instant::from_millis(self.now.get())
    }
}

impl Timer for Net {
    async fn wait_until(&self, at: Instant) {
        let mut seen = None;
        poll_fn(|context| {
            if seen.replace(self.events.get()) == Some(self.events.get()) {
                self.now.set(self.now.get().max(at.as_millis()));
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
}

impl BlockingTimer for Net {}

impl Resolve for Net {
    async fn resolve(&self, _: &str, _: Family) -> Result<IpAddr, ResolveError> {
        Ok(IpAddr::V4(Ipv4Addr::LOCALHOST))
    }
}

/// A connection to one of its servers.
struct Cable {
    server: Rc<RefCell<Server>>,
    step: usize,
    open: Rc<Cell<usize>>,
    events: Rc<Cell<u64>>,
}

impl Connect for Net {
    type Connection<'a> = Cable;

    async fn connect(&self, _: SocketAddr) -> Result<Cable, Io> {
        embassy_futures::yield_now().await;
        let server = Rc::new(RefCell::new(Server {
            tls: ServerConnection::new(self.kind.config()).unwrap(),
            out: vec![],
            heard: vec![],
            response: self.response,
            error: None,
            client_closed: false,
            is_full: false,
            has_ended: false,
        }));
        self.servers.0.borrow_mut().push(server.clone());
        self.open.set(self.open.get() + 1);
        Ok(Cable { server, step: self.step, open: self.open.clone(), events: self.events.clone() })
    }
}

impl Cable {
    /// Everything has to be awaited.
    async fn stall(&self) {
        self.events.set(self.events.get() + 1);
        embassy_futures::yield_now().await;
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        self.open.set(self.open.get() - 1);
    }
}

impl ErrorType for Cable {
    type Error = Io;
}

impl Read for Cable {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, Io> {
        assert!(!out.is_empty(), "no room to receive");
        self.stall().await;
        poll_fn(|context| {
            let server = &mut *self.server.borrow_mut();
            server.run();
            if server.out.is_empty() && !server.has_ended {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            let len = out.len().min(server.out.len()).min(self.step);
            out[..len].copy_from_slice(&server.out[..len]);
            server.out.drain(..len);
            self.events.set(self.events.get() + 1);
            Poll::Ready(Ok(len))
        })
        .await
    }
}

impl Write for Cable {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Io> {
        self.stall().await;
        poll_fn(|context| {
            let server = &mut *self.server.borrow_mut();
            if server.is_full {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            let mut bytes = &bytes[..bytes.len().min(self.step)];
            let taken = bytes.len();
            while !bytes.is_empty() {
                server.tls.read_tls(&mut bytes).map_err(|_| Io::BrokenPipe)?;
                server.run();
            }
            self.events.set(self.events.get() + 1);
            Poll::Ready(Ok(taken))
        })
        .await
    }

    async fn flush(&mut self) -> Result<(), Io> {
        self.stall().await;
        Ok(())
    }
}

/// It cannot close one side only.
impl Connection for Cable {
    async fn shutdown(&mut self) -> Result<(), Io> {
        self.flush().await
    }
}

/// Drops what is made after one poll, after two, and so on, until one comes to its end.
fn dropped_until_done<T>(mut again: impl AsyncFnMut() -> T) -> T {
    (1..10_000).find_map(|polls| polled(polls, again())).expect("it ends")
}

/// What is sent and received here.
fn sample(len: usize) -> Vec<u8> {
    (0..len).map(|number| (number % 251) as u8).collect()
}

/// The buffer in which short sessions shake hands comes back from every handshake, also from one that is given up at any
/// await; a second one waits for it. (rustls does not limit its records, so it is refused in the end.)
#[test]
fn the_buffer_for_handshakes_comes_back() {
    let (mut network, mut memory) = (Net::new(Kind::default(), 300), Box::new(SmallResources::<2, 2>::new()));
    let pool = SocketPool::new(&mut network, &mut memory);
    let tls = context();
    let refused = Err(Error::new(Phase::Handshake, ErrorKind::Tls(TlsError::NoRecordSizeLimit)));
    let connected = || {
        let mut socket = block_on(pool.socket()).unwrap();
        block_on(socket.connect("localhost", 443)).unwrap();
        socket
    };
    for polls in 1.. {
        let (mut first, mut second) = (connected(), connected());
        let mut shaking = Box::pin(tls.wrap_socket(&mut first, "localhost"));
        let shaken = polled(polls, shaking.as_mut());
        if shaken.is_none() {
            // As long as the first shakes hands, the second waits.
            second.set_timeout(Some(Duration::ZERO));
            let waiting = block_on(tls.wrap_socket(&mut second, "localhost")).unwrap_err();
            assert_eq!(waiting.kind(), ErrorKind::WouldBlock, "{polls}");
            second.set_timeout(None);
            block_on(second.connect("localhost", 443)).unwrap();
        }
        drop(shaking);
        assert_eq!(block_on(tls.wrap_socket(&mut second, "localhost")), refused, "{polls}");
        if let Some(outcome) = shaken {
            assert_eq!(outcome, refused);
            break;
        }
    }
}

/// A handshake that is given up at any await leaves nothing: no connection, no slot, no TLS session, and no plain
/// connection that could be written to. The next one succeeds.
#[test]
fn handshakes_dropped_at_every_await() {
    for step in [50, 300, 5000] {
        let (mut network, mut memory) =
            (Net::new(Kind { tickets: 1, ..Kind::default() }, step), Resources::<1, 1>::new());
        let open = network.open.clone();
        let pool = SocketPool::new(&mut network, &mut memory);
        let tls = context();
        for polls in 1.. {
            let mut socket = block_on(pool.socket()).unwrap();
            block_on(socket.connect("localhost", 443)).unwrap();
            let shaken = polled(polls, tls.wrap_socket(&mut socket, "localhost"));
            if let Some(outcome) = shaken {
                outcome.unwrap();
                assert_eq!(open.get(), 1);
                assert!(polls > 5);
                break;
            }
            assert_eq!(open.get(), 0, "it is closed at once");
            let none = Error::new(Phase::Send, ErrorKind::NotConnected);
            assert_eq!(block_on(socket.send(b"secret")), Err(none), "after {polls} polls");
            drop(socket);
            let counts = pool.counts();
            assert_eq!((counts.free, counts.free_tls_sessions, open.get()), (1, 1, 0), "after {polls} polls");
        }
    }
}

/// Every send, flush, receive, shutdown and close over TLS is dropped at every await, whatever the network takes and gives
/// at once: nothing is lost, nothing comes twice, and neither side of the session notices.
#[test]
fn sockets_dropped_at_every_await() {
    let steps = (1..40).chain([100, 600, 1_535, 1_536, 5_000]);
    for step in steps {
        let kind = Kind { tickets: 2, fragment: Some(64 + step), ..Kind::default() };
        let (mut network, mut memory) = (Net::new(kind, step), Resources::<1, 1>::new());
        let (open, servers) = (network.open.clone(), network.servers.clone());
        let pool = SocketPool::new(&mut network, &mut memory);
        let tls = context();
        let mut socket = block_on(pool.socket()).unwrap();
        block_on(socket.connect("localhost", 443)).unwrap();
        block_on(tls.wrap_socket(&mut socket, "localhost")).unwrap();
        let server = servers.last();

        // More than a record of ours.
        let sent = sample(4000);
        let mut at = 0;
        while at < sent.len() {
            at += dropped_until_done(async || socket.send(&sent[at..]).await.unwrap());
        }
        dropped_until_done(async || socket.flush().await.unwrap());
        assert_eq!(server.borrow().heard, sent, "step {step}");

        server.borrow_mut().say(&sent);
        let (mut received, mut buffer) = (Vec::<u8>::new(), [0; 100]);
        while received.len() < sent.len() {
            let len = dropped_until_done(async || socket.recv_into(&mut buffer).await.unwrap());
            received.extend(&buffer[..len]);
        }
        assert_eq!(received, sent, "step {step}");

        // What a flush left behind is sent by a receive.
        assert_eq!(block_on(socket.send(b"question")), Ok(8));
        assert!(polled(1, socket.flush()).is_none());
        assert!(polled(3 * 64 + 9, socket.recv_into(&mut buffer)).is_none());
        assert!(server.borrow().heard.ends_with(b"question"), "step {step}");

        // A `write_all` that was dropped has taken some of its bytes, from the first on; the stream is as good as before.
        let before = server.borrow().heard.len();
        let _ = polled(3, socket.write_all(&sent));
        block_on(async { socket.write_all(b"end").await.and(socket.flush().await) }).unwrap();
        let heard = server.borrow().heard[before..].to_vec();
        let taken = heard.len() - 3;
        assert_eq!((&heard[..taken], &heard[taken..]), (&sent[..taken], &b"end"[..]), "step {step}");

        // Our end, then the peer's.
        dropped_until_done(async || socket.shutdown(Shutdown::Write).await.unwrap());
        assert!(server.borrow().client_closed);
        server.borrow_mut().say(b"goodbye");
        server.borrow_mut().close();
        received.clear();
        loop {
            match dropped_until_done(async || socket.recv_into(&mut buffer).await.unwrap()) {
                0 => break,
                len => received.extend(&buffer[..len]),
            }
        }
        assert_eq!(received, b"goodbye", "step {step}");
        drop(socket);
        assert_eq!((pool.counts().free, pool.counts().free_tls_sessions, open.get()), (1, 1, 0));
        assert_eq!(server.borrow().error, None, "step {step}");
    }
}

const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

/// A request over TLS that is given up at any await, its handshake among them, leaves the pool as good as before: the next
/// one is served.
#[test]
fn requests_dropped_at_every_await() {
    for step in [90, 5_000] {
        let kind = Kind { tickets: 1, ..Kind::default() };
        let (mut network, mut memory) = (Net::new(kind, step), Resources::<1, 1>::new());
        network.response = RESPONSE;
        let (open, servers) = (network.open.clone(), network.servers.clone());
        let pool = SocketPool::new(&mut network, &mut memory);
        let (tls, mut buffer) = (context(), [0; 16]);
        let http = Session::new(&pool, &tls);
        let fetch = async |buffer: &mut [u8]| {
            let mut response = http.get("https://localhost/").timeout(None).send().await?;
            response.content(buffer).await.map(|body| body.to_vec())
        };
        let whole = Ok(b"hello".to_vec());
        // On a connection of its own, and on a kept one.
        for kept in [false, true] {
            for polls in 1.. {
                if !kept {
                    block_on(pool.close_idle());
                }
                let dropped = polled(polls, fetch(&mut buffer));
                let counts = pool.counts();
                assert_eq!((counts.in_use, open.get()), (0, counts.idle), "{polls} {kept}");
                assert_eq!(counts.free_tls_sessions + counts.idle, 1, "{polls} {kept}");
                if let Some(body) = dropped {
                    assert_eq!(body, whole, "{polls} {kept}");
                    break;
                }
                assert_eq!(block_on(fetch(&mut buffer)), whole, "{polls} {kept}");
            }
        }
        servers.check();
    }
}

/// A test of a socket that is connected and speaks TLS, through both faces: `wait!` awaits on one, and does nothing on the
/// other.
macro_rules! both_faces {
    (fn $name:ident(|$socket:ident, $server:ident| $test:block)) => {
        mod $name {
            use super::*;

            #[test]
            fn async_face() {
                use crate::support::both::awaited as wait;
                let (mut network, mut memory) = (Net::new(Kind::default(), 700), Resources::<1, 1>::new());
                let servers = network.servers.clone();
                let pool = SocketPool::new(&mut network, &mut memory);
                block_on(async {
                    let mut $socket = pool.socket().await.unwrap();
                    $socket.connect("localhost", 443).await.unwrap();
                    context().wrap_socket(&mut $socket, "localhost").await.unwrap();
                    let $server = servers.last();
                    $test
                });
                assert_eq!((pool.counts().free, pool.counts().free_tls_sessions), (1, 1));
            }

            #[test]
            fn blocking_face() {
                use crate::support::both::direct as wait;
                let (mut network, mut memory) = (Net::new(Kind::default(), 700), Resources::<1, 1>::new());
                let servers = network.servers.clone();
                let pool = blocking::SocketPool::new(&mut network, &mut memory);
                let mut $socket = pool.socket().unwrap();
                $socket.connect("localhost", 443).unwrap();
                context().wrap_socket_blocking(&mut $socket, "localhost").unwrap();
                let $server = servers.last();
                {
                    $test
                }
                drop($socket);
                assert_eq!((pool.counts().free, pool.counts().free_tls_sessions), (1, 1));
            }
        }
    };
}

const PATIENCE: Option<Duration> = Some(Duration::from_millis(100));

both_faces! {
    // Time that runs out tears nothing: what was taken before leaves later, and what was not can be sent again.
    fn a_send_goes_on_after_a_time_out(|socket, server| {
        let sent = sample(5000);
        server.borrow_mut().is_full = true;
        for (patience, kind) in [(PATIENCE, ErrorKind::Timeout), (Some(Duration::ZERO), ErrorKind::WouldBlock)] {
            socket.set_timeout(patience);
            let before = server.borrow().heard.len();
            let error = wait!(socket.send_all(&sent)).unwrap_err();
            assert_eq!(error.error, Error::new(Phase::Send, kind));
            assert!(error.sent > 0 && error.sent < sent.len());
            let nothing = wait!(socket.send(b"?")).unwrap_err();
            assert_eq!(nothing, Error::new(Phase::Send, kind));
            assert_eq!(server.borrow().heard.len(), before);
            socket.set_timeout(PATIENCE);
            server.borrow_mut().is_full = false;
            wait!(socket.send_all(&sent[error.sent..])).unwrap();
            assert_eq!(server.borrow().heard[before..], sent, "each byte once");
            server.borrow_mut().is_full = true;
        }
        assert_eq!(server.borrow().error, None);
    })
}

both_faces! {
    // RFC 8446 §6.1: our close_notify ends our direction only.
    fn our_direction_ends_first(|socket, server| {
        socket.set_timeout(PATIENCE);
        wait!(socket.send_all(b"question")).unwrap();
        assert_eq!(wait!(socket.send(b", and what was not flushed")), Ok(26));
        wait!(socket.shutdown(Shutdown::Write)).unwrap();
        assert_eq!(server.borrow().heard, b"question, and what was not flushed");
        assert!(server.borrow().client_closed);
        assert_eq!(wait!(socket.send(b"?")).unwrap_err().phase(), Phase::Send);
        wait!(socket.shutdown(Shutdown::Write)).unwrap();

        let mut buffer = [0; 64];
        for _ in 0..3 {
            server.borrow_mut().say(b"answer");
            assert_eq!(wait!(socket.recv_into(&mut buffer)), Ok(6));
        }
        server.borrow_mut().close();
        assert_eq!(wait!(socket.recv_into(&mut buffer)), Ok(0));
        assert_eq!(wait!(socket.recv_into(&mut buffer)), Ok(0));
        assert_eq!(server.borrow().error, None);
    })
}

both_faces! {
    // RFC 8446 §6.1: the peer's close_notify ends its direction only.
    fn the_peers_direction_ends_first(|socket, server| {
        socket.set_timeout(PATIENCE);
        wait!(socket.send_all(b"hello. ")).unwrap();
        server.borrow_mut().say(b"goodbye");
        server.borrow_mut().close();
        let mut buffer = [0; 64];
        assert_eq!(wait!(socket.recv_into(&mut buffer)), Ok(7));
        assert_eq!(wait!(socket.recv_into(&mut buffer)), Ok(0));
        for _ in 0..3 {
            wait!(socket.send_all(b"still here. ")).unwrap();
            assert_eq!(wait!(socket.recv_into(&mut buffer)), Ok(0));
        }
        assert_eq!(server.borrow().heard, b"hello. still here. still here. still here. ");
        assert!(!server.borrow().client_closed);
        wait!(socket.shutdown(Shutdown::Both)).unwrap();
        assert!(server.borrow().client_closed);
        assert_eq!(server.borrow().error, None);
    })
}

both_faces! {
    // An end of the connection that the peer did not announce is an error, also behind our own end.
    fn a_cut_behind_our_end_is_told(|socket, server| {
        socket.set_timeout(PATIENCE);
        wait!(socket.shutdown(Shutdown::Write)).unwrap();
        server.borrow_mut().has_ended = true;
        let cut = Error::new(Phase::Receive, ErrorKind::Truncated);
        assert_eq!(wait!(socket.recv_into(&mut [0; 9])), Err(cut));
    })
}

/// A `send_all` that is dropped does not tell how much was sent. Nothing is sent after it, and no orderly end either, which
/// would make a part look like the whole; receiving goes on.
#[test]
fn a_dropped_send_all_is_the_last() {
    let (mut network, mut memory) = (Net::new(Kind::default(), 100), Resources::<1, 1>::new());
    let servers = network.servers.clone();
    let pool = SocketPool::new(&mut network, &mut memory);
    let mut socket = block_on(pool.socket()).unwrap();
    block_on(socket.connect("localhost", 443)).unwrap();
    block_on(context().wrap_socket(&mut socket, "localhost")).unwrap();
    assert!(polled(4, socket.send_all(&sample(5000))).is_none());
    let none = |phase| Error::new(phase, ErrorKind::NotConnected);
    assert_eq!(block_on(socket.send(b"more")), Err(none(Phase::Send)));
    assert_eq!(block_on(socket.flush()), Err(none(Phase::Send)));
    assert_eq!(block_on(socket.shutdown(Shutdown::Write)), Err(none(Phase::Close)));
    let server = servers.last();
    server.borrow_mut().say(b"hello");
    assert_eq!(block_on(socket.recv_into(&mut [0; 9])), Ok(5));
    block_on(socket.close()).unwrap();
    assert!(!server.borrow().client_closed, "it is not told that this was all");
    assert_eq!(server.borrow().error, None);
}

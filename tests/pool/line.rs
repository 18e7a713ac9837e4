//! One line for all that a pool has: sockets, exchange buffers and TLS sessions are waited for together, in the order of
//! arrival, before anything is connected. Many tasks over small pools, plain and TLS, on one executor and over threads,
//! with futures that are dropped at any moment: every task is served, none much more often than another, nothing is lost
//! and no connection is made in vain. The books alone, in all orders, are tried in `src/pool/slots.rs`.
#![cfg(all(feature = "tls", feature = "requests", feature = "blocking"))]

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    io::{BufRead, BufReader, Read, Write},
    net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    pin::{Pin, pin},
    sync::{
        Arc, Barrier,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
    thread,
    time::Duration,
};

use async_io::block_on;
use embedded_nal_async::TcpConnect as _;
use socketpool::{
    Error, ErrorKind, Phase, Resource, Resources, SocketPool, blocking, host,
    pool::{Counts, WAITERS},
    requests::{MAX_PARTS, Session},
    stack::{self, Family, ResolveError},
    sync::{CriticalSectionRawMutex, NoopRawMutex, RawMutex},
    time::{BlockingTimer, Clock, Deadline, Instant, Timer},
    tls::{
        Now, Roots, TlsContext,
        roots::{TrustAnchor, trust_anchor_from_der},
    },
    traits::TlsContext as _,
};

use crate::support::{
    self,
    server::{Authority, Server, Validity},
};

type Tls<'a> = TlsContext<'a, fn(&mut [u8]), fn() -> Now>;

/// A server without TLS. `/` says "ok"; `/hop` leads to `/`; `/end` says "ok" and hangs up.
struct Plain {
    port: u16,
    connections: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
}

impl Plain {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let server = Self { port, connections: Arc::default(), requests: Arc::default() };
        let (connections, requests) = (server.connections.clone(), server.requests.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                connections.fetch_add(1, Ordering::SeqCst);
                let requests = requests.clone();
                thread::spawn(move || serve(stream, &requests));
            }
        });
        server
    }
}

fn serve(stream: TcpStream, requests: &AtomicUsize) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            (stream.read_line(&mut head).ok()? > 0).then_some(())?;
        }
        requests.fetch_add(1, Ordering::SeqCst);
        let answer: &[u8] = match head.split(' ').nth(1) {
            Some("/hop") => b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n",
            Some("/end") => b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
            _ => b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        };
        stream.get_mut().write_all(answer).ok()?;
        if head.starts_with("GET /end") {
            return None;
        }
    }
}

/// What all tests talk to: a server with TLS and one without, and a context that trusts the former.
struct World {
    plain: Plain,
    tls: Server,
    root: &'static [TrustAnchor<'static>],
}

impl World {
    fn new() -> Self {
        let authority = Authority::new("Root");
        let tls = Server::start_with(
            &authority,
            "localhost",
            Validity::Now,
            Some(|_| b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_vec()),
        );
        let anchor = trust_anchor_from_der(authority.der().to_vec().leak()).expect("a root");
        Self { plain: Plain::start(), tls, root: vec![anchor].leak() }
    }

    fn context(&self) -> Tls<'static> {
        TlsContext::new(support::random as fn(&mut [u8]), support::date as fn() -> Now).roots(Roots::only(self.root))
    }

    fn http(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.plain.port)
    }

    fn https(&self) -> String {
        format!("https://localhost:{}/", self.tls.port)
    }

    fn connections(&self) -> usize {
        self.plain.connections.load(Ordering::SeqCst) + self.tls.connections()
    }

    fn requests(&self) -> usize {
        self.plain.requests.load(Ordering::SeqCst) + self.tls.requests()
    }

    /// What the task of this number asks for: every other one by TLS, if there are sessions.
    fn url(&self, number: usize, sessions: usize) -> String {
        match number % 4 {
            1 | 3 if sessions > 0 => self.https(),
            2 => self.http("/hop"),
            3 => self.http("/end"),
            _ => self.http("/"),
        }
    }
}

fn exhausted(resource: Resource) -> Error {
    Error::new(Phase::Setup, ErrorKind::Exhausted(resource))
}

fn within(milliseconds: u64) -> Option<Duration> {
    Some(Duration::from_millis(milliseconds))
}

/// Numbers drawn by chance, the same in every run.
struct Chance(Cell<u64>);

impl Chance {
    fn below(&self, limit: u64) -> u64 {
        let mut state = self.0.get();
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        self.0.set(state);
        state % limit
    }
}

/// The output of a future, or nothing if it was dropped after so many polls.
async fn polled<F: Future>(future: F, mut polls: u64) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending if polls == 0 => Poll::Ready(None),
        Poll::Pending => {
            polls -= 1;
            Poll::Pending
        }
    })
    .await
}

/// All of them, in the order in which they are woken.
async fn all<'f>(mut futures: Vec<Pin<Box<dyn Future<Output = ()> + 'f>>>) {
    poll_fn(|context| {
        futures.retain_mut(|future| future.as_mut().poll(context).is_pending());
        if futures.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// Whether everything is back.
fn all_is_free(counts: Counts, sockets: usize, sessions: usize) {
    assert_eq!((counts.in_use, counts.idle, counts.free, counts.waiting), (0, 0, sockets, 0));
    assert_eq!((counts.free_buffers, counts.free_tls_sessions), (sockets, sessions));
}

/// Every task is served, and none more than twice as often as another that asks for the same.
///
/// The ledger's unit test holds the line itself to that, step by step. Here the peers are real, and a thread of theirs that
/// the machine does not run for a moment delays the exchange of one task, not its place in line. Favour by the line is there
/// in every run; so a run that looks like it is made again, and four in a row are too many.
fn is_fair(what: &str, run: impl Fn() -> Vec<usize>) {
    let mut unfair = Vec::new();
    while unfair.len() < 4 {
        let served = run();
        let is_fair = (0..4).all(|kind| {
            let alike = || served.iter().copied().skip(kind).step_by(4);
            let (least, most) = (alike().min().unwrap_or(1), alike().max().unwrap_or(1));
            assert!(least > 0, "{what}: a task was never served: {served:?}");
            most <= 2 * least + 1
        });
        if is_fair {
            return;
        }
        unfair.push(served);
    }
    panic!("{what}: {unfair:?}");
}

/// So many tasks make requests until there were so many for each. One that is refused a place in line asks again later.
fn tasks_of_one_executor<const N: usize, const TLS: usize>(tasks: usize, each: usize, drops: bool) {
    let what = format!("{tasks} tasks, {N} sockets, {TLS} sessions");
    is_fair(&what, || run_tasks::<N, TLS>(tasks, each, drops, &what));
}

/// One run, and how often each was served.
fn run_tasks<const N: usize, const TLS: usize>(tasks: usize, each: usize, drops: bool, what: &str) -> Vec<usize> {
    let world = World::new();
    let tls = world.context();
    let (mut network, mut memory) = (host::Network::new(), Box::new(Resources::<N, TLS>::new()));
    let pool = SocketPool::new(&mut network, &mut memory);
    let http = Session::new(&pool, &tls);
    let chance = Chance(Cell::new(tasks as u64 * 31 + N as u64));
    let served: Vec<_> = (0..tasks).map(|_| Cell::new(0)).collect();
    let enough = || served.iter().map(Cell::get).sum::<usize>() >= tasks * each;
    let task = async |number: usize| {
        let url = world.url(number, TLS);
        while !enough() {
            let polls = if drops && chance.below(3) == 0 { chance.below(12) } else { u64::MAX };
            let sent =
                polled(async { http.get(&url).send().await?.text(&mut [0; 2]).await.map(str::len) }, polls).await;
            match sent {
                None => {}
                Some(Err(error)) if error == exhausted(Resource::Waiters) => {
                    async_io::Timer::after(Duration::from_micros(200)).await;
                }
                Some(outcome) => {
                    assert_eq!(outcome, Ok(2), "{url}");
                    served[number].set(served[number].get() + 1);
                    if tasks > WAITERS {
                        // Those that found no place in line look again meanwhile.
                        async_io::Timer::after(Duration::from_micros(400)).await;
                    }
                }
            }
            let counts = pool.counts();
            assert_eq!(counts.in_use + counts.idle + counts.free, N);
            assert!(counts.free_tls_sessions <= TLS && counts.free_buffers <= N);
        }
    };
    block_on(all((0..tasks).map(|number| Box::pin(task(number)) as Pin<Box<dyn Future<Output = ()>>>).collect()));
    if !drops {
        assert!(world.connections() <= world.requests(), "{what}: a connection was made in vain");
    }
    block_on(pool.close_idle());
    all_is_free(pool.counts(), N, TLS);
    served.iter().map(Cell::get).collect()
}

#[test]
fn every_task_of_one_executor_is_served() {
    tasks_of_one_executor::<1, 0>(2, 20, false);
    tasks_of_one_executor::<1, 1>(2, 10, false);
    tasks_of_one_executor::<1, 1>(3, 8, false);
    tasks_of_one_executor::<2, 0>(8, 20, false);
    tasks_of_one_executor::<2, 1>(3, 10, false);
    tasks_of_one_executor::<2, 1>(8, 6, false);
    tasks_of_one_executor::<2, 2>(8, 6, false);
    tasks_of_one_executor::<3, 1>(8, 6, false);
    tasks_of_one_executor::<3, 3>(8, 6, false);
    tasks_of_one_executor::<3, 0>(24, 20, false);
    tasks_of_one_executor::<3, 2>(24, 10, false);
}

#[test]
fn tasks_that_give_up_at_any_moment_take_nothing_with_them() {
    tasks_of_one_executor::<1, 1>(3, 8, true);
    tasks_of_one_executor::<2, 0>(8, 20, true);
    tasks_of_one_executor::<2, 1>(8, 6, true);
    tasks_of_one_executor::<3, 2>(8, 6, true);
    tasks_of_one_executor::<3, 3>(24, 10, true);
}

type Shared<const N: usize, const TLS: usize> = Resources<N, TLS, 2048, CriticalSectionRawMutex>;

/// The same over threads, each with an executor of its own.
fn threads<const N: usize, const TLS: usize>(threads: usize, each: usize) {
    let what = format!("{threads} threads, {N} sockets, {TLS} sessions");
    is_fair(&what, || run_threads::<N, TLS>(threads, each, &what));
}

/// One run, and how often each was served.
fn run_threads<const N: usize, const TLS: usize>(threads: usize, each: usize, what: &str) -> Vec<usize> {
    let world = World::new();
    let (mut network, mut memory) = (host::Network::new(), Box::new(Shared::<N, TLS>::new()));
    let pool = SocketPool::new(&mut network, &mut memory);
    let served: Vec<_> = (0..threads).map(|_| AtomicUsize::new(0)).collect();
    let enough = || served.iter().map(|times| times.load(Ordering::SeqCst)).sum::<usize>() >= threads * each;
    let start = Barrier::new(threads);
    thread::scope(|scope| {
        for number in 0..threads {
            let (world, pool, served, enough, start) = (&world, &pool, &served, &enough, &start);
            scope.spawn(move || {
                let tls = &world.context();
                start.wait();
                let (http, url) = (Session::new(pool, tls), world.url(number, TLS));
                while !enough() {
                    let sent = block_on(async { http.get(&url).send().await?.text(&mut [0; 2]).await.map(str::len) });
                    match sent {
                        Err(error) if error == exhausted(Resource::Waiters) => {
                            thread::sleep(Duration::from_micros(200));
                        }
                        outcome => {
                            assert_eq!(outcome, Ok(2), "{url}");
                            served[number].fetch_add(1, Ordering::SeqCst);
                            if threads > WAITERS {
                                // Those that found no place in line look again meanwhile.
                                thread::sleep(Duration::from_micros(400));
                            }
                        }
                    }
                }
            });
        }
    });
    assert!(world.connections() <= world.requests(), "{what}: a connection was made in vain");
    block_on(pool.close_idle());
    all_is_free(pool.counts(), N, TLS);
    served.into_iter().map(AtomicUsize::into_inner).collect()
}

#[test]
fn every_thread_is_served() {
    threads::<1, 1>(2, 8);
    threads::<2, 0>(8, 20);
    threads::<2, 1>(8, 8);
    threads::<3, 2>(8, 8);
    threads::<3, 1>(24, 6);
}

/// A host's network for blocking threads: each has a deadline of its own.
struct ThreadNetwork;

std::thread_local! {
    static DEADLINE: RefCell<Deadline> = const { RefCell::new(Deadline::NEVER) };
}

/// How long the thread may wait for its peer now.
fn patience() -> Option<Duration> {
    let instant = DEADLINE.with_borrow(|deadline| deadline.instant())?;
    let left = instant.as_millis().saturating_sub(host::Timer.now().as_millis());
    Some(Duration::from_millis(left.max(1)))
}

fn in_words(error: std::io::Error) -> embedded_io::ErrorKind {
    match error.kind() {
        std::io::ErrorKind::WouldBlock => embedded_io::ErrorKind::TimedOut,
        kind => kind.into(),
    }
}

struct ThreadConnection(TcpStream);

impl embedded_io::ErrorType for ThreadConnection {
    type Error = embedded_io::ErrorKind;
}

impl embedded_io_async::Read for ThreadConnection {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, Self::Error> {
        self.0.set_read_timeout(patience()).map_err(in_words)?;
        self.0.read(out).map_err(in_words)
    }
}

impl embedded_io_async::Write for ThreadConnection {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Self::Error> {
        self.0.write(bytes).map_err(in_words)
    }

    async fn flush(&mut self) -> Result<(), Self::Error> {
        self.0.flush().map_err(in_words)
    }
}

impl stack::Connection for ThreadConnection {
    async fn shutdown(&mut self) -> Result<(), Self::Error> {
        self.0.shutdown(Shutdown::Write).map_err(in_words)
    }
}

impl Timer for ThreadNetwork {
    async fn wait_until(&self, at: Instant) {
        poll_fn(|_| if self.now() >= at { Poll::Ready(()) } else { Poll::Pending }).await;
    }

    fn set_deadline(&self, deadline: Deadline) {
        DEADLINE.set(deadline);
    }
}

/// Waiting in line is looking once a millisecond.
impl BlockingTimer for ThreadNetwork {
    fn idle(&self) {
        thread::sleep(Duration::from_millis(1));
    }
}

impl stack::Connect for ThreadNetwork {
    type Connection<'a> = ThreadConnection;

    async fn connect(&self, remote: SocketAddr) -> Result<ThreadConnection, embedded_io::ErrorKind> {
        TcpStream::connect(remote).map(ThreadConnection).map_err(in_words)
    }
}

impl stack::Resolve for ThreadNetwork {
    async fn resolve(&self, _: &str, _: Family) -> Result<IpAddr, ResolveError> {
        Ok(Ipv4Addr::LOCALHOST.into())
    }
}

impl Clock for ThreadNetwork {
    fn now(&self) -> Instant {
        host::Timer.now()
    }
}

/// The same over threads that block.
fn blocking_threads<const N: usize, const TLS: usize>(threads: usize, each: usize) {
    let what = format!("{threads} blocking threads, {N} sockets, {TLS} sessions");
    is_fair(&what, || run_blocking_threads::<N, TLS>(threads, each, &what));
}

/// One run, and how often each was served.
fn run_blocking_threads<const N: usize, const TLS: usize>(threads: usize, each: usize, what: &str) -> Vec<usize> {
    let world = World::new();
    let (mut network, mut memory) = (ThreadNetwork, Box::new(Shared::<N, TLS>::new()));
    let pool = blocking::SocketPool::new(&mut network, &mut memory);
    let served: Vec<_> = (0..threads).map(|_| AtomicUsize::new(0)).collect();
    let enough = || served.iter().map(|times| times.load(Ordering::SeqCst)).sum::<usize>() >= threads * each;
    let start = Barrier::new(threads);
    thread::scope(|scope| {
        for number in 0..threads {
            let (world, pool, served, enough, start) = (&world, &pool, &served, &enough, &start);
            scope.spawn(move || {
                let tls = &world.context();
                start.wait();
                let (http, url) = (blocking::Session::new(pool, tls), world.url(number, TLS));
                while !enough() {
                    let sent = http.get(&url).send();
                    let sent = sent.and_then(|mut response| response.text(&mut [0; 2]).map(str::len));
                    match sent {
                        Err(error) if error == exhausted(Resource::Waiters) => {
                            thread::sleep(Duration::from_micros(200));
                        }
                        outcome => {
                            assert_eq!(outcome, Ok(2), "{url}");
                            served[number].fetch_add(1, Ordering::SeqCst);
                            if threads > WAITERS {
                                // Those that found no place in line look again meanwhile.
                                thread::sleep(Duration::from_micros(400));
                            }
                        }
                    }
                }
            });
        }
    });
    assert!(world.connections() <= world.requests(), "{what}: a connection was made in vain");
    pool.close_idle();
    all_is_free(pool.counts(), N, TLS);
    served.into_iter().map(AtomicUsize::into_inner).collect()
}

#[test]
fn every_blocking_thread_is_served() {
    blocking_threads::<1, 1>(2, 8);
    blocking_threads::<2, 0>(8, 20);
    blocking_threads::<2, 1>(8, 8);
    blocking_threads::<3, 2>(8, 8);
    blocking_threads::<3, 1>(24, 6);
}

/// A thread alone would wait for itself: it is told at once what there is none of.
#[test]
fn a_blocking_pool_of_one_thread_never_waits() {
    let world = World::new();
    let (mut network, mut memory) = (ThreadNetwork, Box::new(Resources::<2, 1>::new()));
    let pool = blocking::SocketPool::new(&mut network, &mut memory);
    let tls = world.context();
    let http = blocking::Session::new(&pool, &tls);
    let kept = http.get(&world.https()).send().expect("all is free");
    let began = std::time::Instant::now();
    assert_eq!(http.get(&world.https()).send().map(|_| ()), Err(exhausted(Resource::TlsSessions)));
    let plain = http.get(&world.http("/")).send().expect("without TLS");
    assert_eq!(http.get(&world.http("/")).send().map(|_| ()), Err(exhausted(Resource::Sockets)));
    assert_eq!(pool.socket().map(|_| ()).unwrap_err(), exhausted(Resource::Sockets));
    assert!(began.elapsed() < Duration::from_secs(5), "it waited");
    assert_eq!(world.connections(), 2);
    drop((kept, plain));
    pool.close_idle();
    all_is_free(pool.counts(), 2, 1);
}

fn pool_and<R: RawMutex, const N: usize, const TLS: usize>() -> (host::Network, Box<Resources<N, TLS, 2048, R>>) {
    (host::Network::new(), Box::new(Resources::new()))
}

/// An https request beside a connection that has the only session for good (MQTT over TLS) waits, and fails by name when
/// its time is up. It connects nothing. One that waits is served as soon as the session is back.
#[test]
fn a_long_held_tls_connection_beside_requests() {
    let world = World::new();
    let tls = world.context();
    let (mut network, mut memory) = pool_and::<NoopRawMutex, 2, 1>();
    let pool = SocketPool::new(&mut network, &mut memory);
    let http = Session::new(&pool, &tls);
    block_on(async {
        let broker = SocketAddr::from(([127, 0, 0, 1], world.tls.port));
        let mqtt = pool.connector(&tls, "localhost").connect(broker).await.expect("a session is free");
        let refused = http.get(&world.https()).timeout(within(50)).send().await;
        assert_eq!(refused.map(|_| ()).unwrap_err(), exhausted(Resource::TlsSessions));
        assert_eq!(world.tls.connections(), 1, "nothing was connected for it");
        http.get(&world.http("/")).send().await.expect("a socket is free").close().await.expect("in order");

        let url = world.https();
        let mut waiting = pin!(http.get(&url).send());
        assert!(polled(waiting.as_mut(), 0).await.is_none());
        // The line is one of arrival: who comes later does not pass, though a socket is free.
        let later = http.get(&world.http("/")).timeout(within(50)).send().await;
        assert_eq!(later.map(|_| ()).unwrap_err(), exhausted(Resource::TlsSessions));
        drop(mqtt);
        assert_eq!(waiting.await.expect("the session is back").text(&mut [0; 2]).await, Ok("ok"));

        // Also the connector waits before it connects.
        let response = http.get(&url).send().await.expect("the connection was kept");
        let connections = world.tls.connections();
        let connector = pool.connector(&tls, "localhost");
        let mut waiting = pin!(connector.connect(broker));
        assert!(polled(waiting.as_mut(), 0).await.is_none());
        assert_eq!((pool.counts().in_use, world.tls.connections()), (1, connections), "it holds nothing");
        drop(response);
        waiting.await.expect("the session is back");
    });
}

/// Two tasks that each hold a socket, connected, are given the only session in turn; and if the first does not end, the
/// second is told what there is none of, in the time that its socket has.
#[test]
fn sockets_are_wrapped_in_turn() {
    let world = World::new();
    let tls = world.context();
    let (mut network, mut memory) = pool_and::<NoopRawMutex, 3, 1>();
    let pool = SocketPool::new(&mut network, &mut memory);
    block_on(async {
        let mut sockets = Vec::new();
        for _ in 0..3 {
            let mut socket = pool.socket().await.expect("free");
            socket.connect("localhost", world.tls.port).await.expect("a server");
            sockets.push(socket);
        }
        let [first, second, third] = &mut sockets[..] else { panic!("three") };
        tls.wrap_socket(first, "localhost").await.expect("a session");
        second.set_timeout(within(50));
        let refused = tls.wrap_socket(second, "localhost").await;
        assert_eq!(refused.unwrap_err(), exhausted(Resource::TlsSessions));
        assert!(second.send_all(b"in clear text").await.is_err(), "it is closed");
        second.set_timeout(None);

        let mut waiting = Box::pin(tls.wrap_socket(third, "localhost"));
        assert!(polled(waiting.as_mut(), 0).await.is_none());
        // A socket that connects elsewhere gives its session back.
        first.connect("127.0.0.1", world.plain.port).await.expect("a server");
        waiting.await.expect("its turn");
        assert_eq!(pool.counts().free_tls_sessions, 0);

        // Connecting with TLS takes the session before it connects.
        let connections = world.tls.connections();
        second.set_timeout(within(50));
        assert_eq!(tls.connect(second, "localhost", world.tls.port).await, Err(exhausted(Resource::TlsSessions)));
        assert_eq!(world.tls.connections(), connections);
        drop(sockets);
        all_is_free(pool.counts(), 3, 1);
    });
}

/// A pool without TLS sessions says so at once, before it connects; to requests, sockets and connectors, on both faces.
#[test]
fn a_pool_without_tls_sessions_says_so() {
    let world = World::new();
    let tls = world.context();
    let none = exhausted(Resource::NoTlsSession);
    let broker = SocketAddr::from(([127, 0, 0, 1], world.tls.port));
    let (mut network, mut memory) = pool_and::<NoopRawMutex, 1, 0>();
    let pool = SocketPool::new(&mut network, &mut memory);
    block_on(async {
        let began = std::time::Instant::now();
        assert_eq!(Session::new(&pool, &tls).get(&world.https()).send().await.map(|_| ()).unwrap_err(), none);
        assert_eq!(pool.connector(&tls, "localhost").connect(broker).await.map(|_| ()).unwrap_err(), none);
        let deadline = Deadline::NEVER;
        let leased = pool.connection_manager().get_socket("localhost", broker.port(), 0, Some(&tls), deadline).await;
        assert_eq!(leased.map(|_| ()).unwrap_err(), none);
        assert_eq!(world.tls.connections(), 0);
        let mut socket = pool.socket().await.expect("free");
        socket.connect_addr(broker).await.expect("a server");
        assert_eq!(tls.wrap_socket(&mut socket, "localhost").await, Err(none));
        assert!(began.elapsed() < Duration::from_secs(5), "it waited");
    });
    let message = none.to_string();
    assert!(message.contains("second number"), "{message}");

    let (mut network, mut memory) = (ThreadNetwork, Box::new(Shared::<1, 0>::new()));
    let pool = blocking::SocketPool::new(&mut network, &mut memory);
    let http = blocking::Session::new(&pool, &tls);
    assert_eq!(http.get(&world.https()).send().map(|_| ()).unwrap_err(), none);
    assert!(world.tls.connections() <= 1, "that of the socket above");
}

/// An idle connection is closed for whoever is served, with its slot and its session.
#[test]
fn idle_connections_make_room() {
    let world = World::new();
    let (tls, other) = (world.context(), world.context());
    let (mut network, mut memory) = pool_and::<NoopRawMutex, 2, 1>();
    let pool = SocketPool::new(&mut network, &mut memory);
    let (http, stranger) = (Session::new(&pool, &tls), Session::new(&pool, &other));
    let get = async |http: &Session<'_, _, _>, url: &str| {
        http.get(url).send().await.expect("served").text(&mut [0; 2]).await.map(str::len)
    };
    block_on(async {
        for (url, idle) in [(world.https(), 1), (world.http("/"), 2), (world.https(), 2), (world.http("/"), 2)] {
            assert_eq!((get(&http, &url).await, pool.counts().idle), (Ok(2), idle), "{url}");
        }
        assert_eq!((world.connections(), pool.counts().free_tls_sessions), (2, 0), "each was used again");
        // Another context may not have the kept connection, but its session.
        assert_eq!((get(&stranger, &world.https()).await, pool.counts().idle), (Ok(2), 2));
        assert_eq!((world.tls.connections(), world.connections()), (2, 3));
        // A socket that is to be wrapped takes the session of an idle connection.
        let mut socket = pool.socket().await.expect("an idle one is closed");
        socket.connect("localhost", world.tls.port).await.expect("a server");
        tls.wrap_socket(&mut socket, "localhost").await.expect("the session of the idle one");
        drop(socket);
        // A mistake in a request costs no connection.
        assert_eq!(get(&http, &world.https()).await, Ok(2));
        assert_eq!(get(&http, &world.http("/")).await, Ok(2));
        let before = pool.counts();
        assert!(http.get("http://exa mple/").send().await.is_err());
        assert!(http.get(&world.https()).header("a", "b\n").send().await.is_err());
        assert_eq!((before.idle, pool.counts()), (2, before));
    });
}

/// A builder takes nothing: what a request needs is taken when it is sent. Its parts have an end, by name.
#[test]
fn a_request_takes_nothing_before_it_is_sent() {
    let world = World::new();
    let (mut network, mut memory) = pool_and::<NoopRawMutex, 1, 0>();
    let pool = SocketPool::new(&mut network, &mut memory);
    let http = Session::plain(&pool);
    let url = world.http("/");
    block_on(async {
        let requests: Vec<_> = (0..10).map(|_| http.get(&url).query("a", "b").header("c", "d")).collect();
        assert_eq!((pool.counts().free_buffers, pool.counts().in_use), (1, 0));
        for request in requests {
            assert_eq!(request.send().await.expect("served").text(&mut [0; 2]).await, Ok("ok"));
        }

        let full = (0..MAX_PARTS).fold(http.get(&url), |request, _| request.header("a", "b"));
        assert_eq!(full.send().await.expect("served").text(&mut [0; 2]).await, Ok("ok"));
        let overfull = (0..=MAX_PARTS).fold(http.get(&url), |request, _| request.header("a", "b"));
        let refusal = overfull.send().await.map(|_| ()).unwrap_err();
        assert_eq!(refusal, exhausted(Resource::RequestParts));
        assert!(refusal.to_string().contains("headers()"), "{refusal}");
        let many = [("a", "b"); 3 * MAX_PARTS];
        let request = http.get(&url).headers(&many).queries(&many);
        assert_eq!(request.send().await.expect("served").text(&mut [0; 2]).await, Ok("ok"));
    });
}

/// More tasks than there are places in line are refused by name; those in line are served.
#[test]
fn the_line_has_an_end() {
    let world = World::new();
    let (mut network, mut memory) = pool_and::<NoopRawMutex, 1, 0>();
    let pool = SocketPool::new(&mut network, &mut memory);
    let http = Session::plain(&pool);
    let url = world.http("/");
    block_on(async {
        let response = http.get(&url).send().await.expect("free");
        let mut waiting: Vec<_> = (0..WAITERS).map(|_| Box::pin(http.get(&url).send())).collect();
        for future in &mut waiting {
            assert!(polled(future.as_mut(), 0).await.is_none());
        }
        assert_eq!(http.get(&url).send().await.map(|_| ()).unwrap_err(), exhausted(Resource::Waiters));
        assert_eq!(pool.socket().await.map(|_| ()).unwrap_err(), exhausted(Resource::Waiters));
        drop(response);
        for future in waiting {
            assert_eq!(future.await.expect("its turn").text(&mut [0; 2]).await, Ok("ok"));
        }
    });
}

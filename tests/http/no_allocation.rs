//! A whole HTTPS exchange, and setting the clock, through both faces, without one allocation by our code.
#![cfg(all(feature = "tls", feature = "json", feature = "blocking", feature = "mock"))]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    io::{ErrorKind as StdErrorKind, Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream},
};

use embedded_io_async::ErrorKind;
use serde::{Deserialize, Serialize};
use socketpool::{
    Resources, SocketPool, blocking, host,
    mock::{Peer, Script, Step},
    requests::Session,
    stack::{Connect, Connection, Family, Resolve, ResolveError},
    time::{BlockingTimer, Clock, Instant, Timer},
    tls::{RELEASE_DATE, Roots, TlsContext, WallClock, roots::trust_anchor_from_der},
};

use crate::support::{
    self,
    server::{Authority, Server, Validity},
};

/// Counts what the thread that asks allocates; the server's threads count for themselves.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

fn allocations() -> usize {
    ALLOCATIONS.get()
}

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// The host's sockets without anything between: a stack that does not allocate either.
struct BareStack;

impl Clock for BareStack {
    fn now(&self) -> Instant {
        host::Timer.now()
    }
}

impl Timer for BareStack {
    async fn wait_until(&self, at: Instant) {
        std::future::poll_fn(|context| {
            context.waker().wake_by_ref();
            if self.now() >= at { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
    }
}

impl BlockingTimer for BareStack {
    fn idle(&self) {
        std::thread::yield_now();
    }
}

struct BareConnection(TcpStream);

impl BareConnection {
    fn open(remote: SocketAddr) -> Result<Self, ErrorKind> {
        TcpStream::connect(remote).map(Self).map_err(|_| ErrorKind::ConnectionRefused)
    }
}

impl embedded_io_async::ErrorType for BareConnection {
    type Error = ErrorKind;
}

impl embedded_io_async::Read for BareConnection {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, ErrorKind> {
        std::future::poll_fn(|context| match self.0.set_nonblocking(true).and_then(|()| self.0.read(out)) {
            Err(error) if error.kind() == StdErrorKind::WouldBlock => {
                context.waker().wake_by_ref();
                std::task::Poll::Pending
            }
            outcome => std::task::Poll::Ready(outcome.map_err(|_| ErrorKind::Other)),
        })
        .await
    }
}

impl embedded_io_async::Write for BareConnection {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        self.0.set_nonblocking(false).and_then(|()| self.0.write(bytes)).map_err(|_| ErrorKind::Other)
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

impl Connection for BareConnection {
    async fn shutdown(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

impl Connect for BareStack {
    type Connection<'a> = BareConnection;

    async fn connect(&self, remote: SocketAddr) -> Result<BareConnection, ErrorKind> {
        BareConnection::open(remote)
    }
}

impl Resolve for BareStack {
    async fn resolve(&self, _: &str, _: Family) -> Result<IpAddr, ResolveError> {
        Ok(IpAddr::V4(Ipv4Addr::LOCALHOST))
    }
}

/// Polls until it is done; the stack wakes by itself.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    loop {
        if let std::task::Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        std::thread::yield_now();
    }
}

#[derive(Serialize)]
struct Reading {
    celsius: f32,
}

#[derive(Deserialize)]
struct Answer<'b> {
    path: &'b str,
}

#[test]
fn a_whole_exchange_allocates_nothing() {
    let authority = Authority::new("Root");
    let server = Server::start(&authority, "localhost", Validity::Now);
    let url = format!("https://localhost:{}/log", server.port);
    let root = authority.der();
    let anchors = [trust_anchor_from_der(&root).expect("a root")];

    let (mut network, mut memory) = (BareStack, Resources::<1, 1>::new());
    let before = allocations();
    {
        let pool = SocketPool::new(&mut network, &mut memory);
        let tls = TlsContext::new(support::random, support::date).roots(Roots::only(&anchors));
        let http = Session::new(&pool, &tls);
        let ask = async || {
            let mut buffer = [0; 128];
            let mut response = http.post(&url).query("n", "1").json(&Reading { celsius: 21.5 }).send().await?;
            let answer: Answer<'_> = response.error_for_status()?.json(&mut buffer).await?;
            assert_eq!(answer.path, "/log?n=1");
            Ok::<(), socketpool::Error>(())
        };
        for _ in 0..2 {
            block_on(ask()).expect("an answer");
        }
    }
    assert_eq!(allocations() - before, 0, "the async face");
    assert_eq!((server.connections(), server.requests()), (1, 2));

    let (mut network, mut memory) = (BareStack, Resources::<1, 1>::new());
    let before = allocations();
    {
        let pool = blocking::SocketPool::new(&mut network, &mut memory);
        let tls = TlsContext::new(support::random, support::date).roots(Roots::only(&anchors));
        let http = blocking::Session::new(&pool, &tls);
        let mut buffer = [0; 128];
        for _ in 0..2 {
            let mut response = http.post(&url).json(&Reading { celsius: 21.5 }).send().expect("an answer");
            let answer: Answer<'_> = response.json(&mut buffer).expect("JSON");
            assert_eq!(answer.path, "/log");
        }
    }
    assert_eq!(allocations() - before, 0, "the blocking face");
    assert_eq!((server.connections(), server.requests()), (2, 4));
}

#[test]
fn setting_the_clock_allocates_nothing() {
    let mut answer = [7; 48];
    (answer[0], answer[1]) = (0x24, 2);
    answer[24..32].copy_from_slice(b"guess me");
    answer[40..44].copy_from_slice(&((RELEASE_DATE + 60 + 2_208_988_800) as u32).to_be_bytes());
    let steps = [Step::Receive(&[0x23]), Step::Send(&answer)];
    let peers = [Peer::udp("one.example", 123, &steps), Peer::udp("two.example", 123, &steps)];
    let servers = ["one.example", "two.example"];
    let clock = WallClock::new(BareStack);
    let mut known = |bytes: &mut [u8]| bytes.copy_from_slice(b"guess me");

    let before = allocations();
    let script = Script::new(&peers);
    let (mut network, mut memory) = (script.network(), Resources::<1>::new());
    let pool = SocketPool::new(&mut network, &mut memory);
    block_on(pool.sync_time(&clock, servers, &mut known)).expect("the date");
    let script = Script::new(&peers);
    let (mut network, mut memory) = (script.network(), Resources::<1>::new());
    let pool = blocking::SocketPool::new(&mut network, &mut memory);
    pool.sync_time(&clock, servers, &mut known).expect("the date");
    assert_eq!(allocations() - before, 0);
}

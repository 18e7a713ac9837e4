//! Servers that respond before a request is whole, or never finish a response, on the loopback: over TCP and over TLS,
//! through both faces, against the clock.
#![cfg(all(feature = "tls", feature = "requests", feature = "blocking"))]

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use socketpool::{
    Error, ErrorKind, Phase, Resources, SocketPool, blocking,
    pool::Counts,
    requests::Session,
    tls::{Roots, TlsContext, roots::trust_anchor_from_der},
};

use crate::support::{
    self,
    server::{Authority, Validity},
};

static AUTHORITY: LazyLock<Authority> = LazyLock::new(|| Authority::new("Root"));
static CONFIG: LazyLock<Arc<ServerConfig>> =
    LazyLock::new(|| Arc::new(AUTHORITY.server_config("localhost", Validity::Now)));

/// Large enough to fill the buffers of both kernels.
static BODY: [u8; 8 << 20] = [b'x'; 8 << 20];
const NO: &[u8] = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nno!";
const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A connection as a server sees it: what it reads and writes, and the TCP stream below.
trait Line: Read + Write {
    fn tcp(&self) -> &TcpStream;
}

impl Line for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl Line for StreamOwned<ServerConnection, TcpStream> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref()
    }
}

/// What a server does about one connection, after the head of a request; it counts what it reads after that.
type Plan = fn(&mut dyn Line, &AtomicUsize);

/// Serves each connection in turn by these plans, and counts the bytes of bodies that it read.
fn serve(over_tls: bool, plans: &'static [Plan]) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let count = Arc::<AtomicUsize>::default();
    let counted = count.clone();
    thread::spawn(move || {
        for (tcp, plan) in listener.incoming().flatten().zip(plans) {
            let counted = counted.clone();
            thread::spawn(move || {
                let mut line: Box<dyn Line> = if over_tls {
                    Box::new(StreamOwned::new(ServerConnection::new(CONFIG.clone()).expect("a session"), tcp))
                } else {
                    Box::new(tcp)
                };
                if receive_head(&mut *line) {
                    plan(&mut *line, &counted);
                }
            });
        }
    });
    (port, count)
}

fn receive_head(line: &mut dyn Line) -> bool {
    let (mut head, mut byte) = (vec![], [0]);
    while !head.ends_with(b"\r\n\r\n") {
        match line.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return false,
        }
    }
    true
}

fn send(line: &mut dyn Line, bytes: &[u8]) {
    let _ = line.write_all(bytes).and_then(|()| line.flush());
}

fn ok(line: &mut dyn Line, _: &AtomicUsize) {
    send(line, OK);
    thread::sleep(Duration::from_secs(20));
}

/// Refuses, and then neither reads nor closes.
fn refuse_and_stand_still(line: &mut dyn Line, _: &AtomicUsize) {
    send(line, NO);
    thread::sleep(Duration::from_secs(20));
}

/// Refuses, and then takes what comes, slowly.
fn refuse_and_read_on(line: &mut dyn Line, count: &AtomicUsize) {
    send(line, NO);
    let mut buffer = [0; 16_384];
    while let Ok(read @ 1..) = line.read(&mut buffer) {
        count.fetch_add(read, Ordering::SeqCst);
        thread::sleep(Duration::from_millis(8));
    }
}

/// Refuses and hangs up, so that sending fails while the refusal waits.
fn refuse_and_hang_up(line: &mut dyn Line, _: &AtomicUsize) {
    send(line, NO);
    let _ = line.tcp().shutdown(Shutdown::Write);
    thread::sleep(Duration::from_millis(500));
}

/// Takes all of the body slowly, and responds then.
fn read_slowly(line: &mut dyn Line, count: &AtomicUsize) {
    let mut buffer = vec![0; 1 << 18];
    while count.load(Ordering::SeqCst) < BODY.len() {
        match line.read(&mut buffer) {
            Ok(read @ 1..) => _ = count.fetch_add(read, Ordering::SeqCst),
            _ => return,
        }
        // Long pauses, in which the client looks around.
        if count.load(Ordering::SeqCst).is_multiple_of(3) {
            thread::sleep(Duration::from_millis(20));
        }
    }
    ok(line, count);
}

/// Leads elsewhere, with a body that drips.
fn redirect_and_drip(line: &mut dyn Line, _: &AtomicUsize) {
    send(line, b"HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 3000\r\n\r\n");
    for _ in 0..3000 {
        send(line, b"x");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Half of a body, and silence.
fn half(line: &mut dyn Line, _: &AtomicUsize) {
    send(line, b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    thread::sleep(Duration::from_secs(20));
}

/// What came of it: status and body, how long it took, the pool afterwards.
type Outcome = (Result<(u16, Vec<u8>), Error>, Duration, Counts);

/// Makes a request through either face; `closes` means that the response is closed before its body is read.
macro_rules! request {
    ($is_blocking:expr, |$http:ident| $request:expr, $closes:expr) => {{
        let root = AUTHORITY.der();
        let anchors = [trust_anchor_from_der(&root).expect("an anchor")];
        let tls = TlsContext::new(support::random, support::date).roots(Roots::only(&anchors));
        let mut memory = Box::new(Resources::<1, 1>::new());
        let start = Instant::now();
        let outcome: Outcome = if $is_blocking {
            let mut network = support::network();
            let pool = blocking::SocketPool::new(&mut network, &mut memory);
            let $http = blocking::Session::new(&pool, &tls);
            let exchange = || {
                let mut response = $request.send()?;
                let (status, mut body) = (response.status().as_u16(), [0; 100]);
                if $closes {
                    return response.close().map(|()| (status, vec![]));
                }
                Ok((status, response.content(&mut body)?.to_vec()))
            };
            (exchange(), start.elapsed(), pool.counts())
        } else {
            let mut network = support::network();
            let pool = SocketPool::new(&mut network, &mut memory);
            let $http = Session::new(&pool, &tls);
            let exchange = async || {
                let mut response = $request.send().await?;
                let (status, mut body) = (response.status().as_u16(), [0; 100]);
                if $closes {
                    return response.close().await.map(|()| (status, vec![]));
                }
                Ok((status, response.content(&mut body).await?.to_vec()))
            };
            (async_io::block_on(exchange()), start.elapsed(), pool.counts())
        };
        println!("blocking: {}, {:?} after {:?}", $is_blocking, outcome.0, outcome.1);
        assert_eq!(outcome.2.in_use, 0);
        outcome
    }};
}

fn url(over_tls: bool, port: u16) -> String {
    format!("{}://localhost:{port}/", if over_tls { "https" } else { "http" })
}

fn everywhere(mut check: impl FnMut(bool, bool)) {
    for over_tls in [false, true] {
        for is_blocking in [false, true] {
            println!("over TLS: {over_tls}");
            check(over_tls, is_blocking);
        }
    }
}

/// RFC 9112 §9.5: at once over TCP; over TLS, where a record cannot be left half-written, in the last second before the
/// deadline at the latest.
#[test]
fn a_refusal_of_a_server_that_stands_still_is_read() {
    everywhere(|over_tls, is_blocking| {
        let timeout = Duration::from_secs(4);
        for streams in [false, true] {
            let (port, _) = serve(over_tls, &[refuse_and_stand_still]);
            let url = url(over_tls, port);
            let (outcome, took, counts) = if streams {
                request!(is_blocking, |http| http.post(&url).timeout(Some(timeout)).stream(&BODY[..], None), false)
            } else {
                request!(is_blocking, |http| http.post(&url).timeout(Some(timeout)).body(&BODY), false)
            };
            assert_eq!(outcome, Ok((413, b"no!".to_vec())));
            assert_eq!((counts.idle, counts.free), (0, 1));
            assert!(took < Duration::from_secs(if over_tls { 4 } else { 2 }), "{took:?}");
        }
    });
}

/// RFC 9112 §9.5: a client that sees such a response stops sending at once, over TLS between two records.
#[test]
fn a_refusal_of_a_server_that_reads_on_ends_the_upload() {
    everywhere(|over_tls, is_blocking| {
        let (port, count) = serve(over_tls, &[refuse_and_read_on]);
        let url = url(over_tls, port);
        let (outcome, took, _) = request!(is_blocking, |http| http.post(&url).stream(&BODY[..], None), false);
        assert_eq!(outcome, Ok((413, b"no!".to_vec())));
        assert!(took < Duration::from_secs(3), "{took:?}");
        thread::sleep(Duration::from_millis(100));
        assert!(count.load(Ordering::SeqCst) < BODY.len() / 2, "{count:?}");
    });
}

#[test]
fn a_refusal_before_a_hang_up_is_read() {
    everywhere(|over_tls, is_blocking| {
        let (port, _) = serve(over_tls, &[refuse_and_hang_up]);
        let url = url(over_tls, port);
        let (outcome, took, _) = request!(is_blocking, |http| http.post(&url).body(&BODY), false);
        assert_eq!(outcome, Ok((413, b"no!".to_vec())));
        assert!(took < Duration::from_secs(3), "{took:?}");
    });
}

/// Looking around costs nothing that is sent.
#[test]
fn a_slow_server_gets_all_of_the_body() {
    everywhere(|over_tls, is_blocking| {
        let (port, count) = serve(over_tls, &[read_slowly]);
        let url = url(over_tls, port);
        let (outcome, _, counts) =
            request!(is_blocking, |http| http.post(&url).stream(&BODY[..], BODY.len() as u64), false);
        assert_eq!((outcome, counts.idle), (Ok((200, b"ok".to_vec())), 1));
        assert_eq!(count.load(Ordering::SeqCst), BODY.len());
    });
}

/// A body of no use is given a second, not the deadline.
#[test]
fn the_body_of_a_redirect_is_not_waited_for() {
    everywhere(|over_tls, is_blocking| {
        let (port, _) = serve(over_tls, &[redirect_and_drip, ok]);
        let url = url(over_tls, port);
        let (outcome, took, _) =
            request!(is_blocking, |http| http.get(&url).timeout(Some(Duration::from_secs(10))), false);
        assert_eq!(outcome, Ok((200, b"ok".to_vec())));
        assert!((900..3000).contains(&took.as_millis()), "{took:?}");
        // If the deadline comes first, it is the body's.
        let (port, _) = serve(over_tls, &[redirect_and_drip, ok]);
        let url = self::url(over_tls, port);
        let (outcome, took, _) =
            request!(is_blocking, |http| http.get(&url).timeout(Some(Duration::from_millis(700))), false);
        assert_eq!(outcome, Err(Error::new(Phase::Body, ErrorKind::Timeout)));
        assert!(took < Duration::from_millis(1500), "{took:?}");
    });
}

#[test]
fn closing_takes_a_second_whatever_the_deadline() {
    everywhere(|over_tls, is_blocking| {
        for timeout in [Some(Duration::from_secs(30)), None] {
            let (port, _) = serve(over_tls, &[half]);
            let url = url(over_tls, port);
            let (outcome, took, counts) = request!(is_blocking, |http| http.get(&url).timeout(timeout), true);
            assert_eq!((outcome, counts.free), (Ok((200, vec![])), 1));
            assert!((900..2500).contains(&took.as_millis()), "{took:?}");
        }
    });
}

//! A pool over a modem that does TCP and TLS on board: the driver of `modem/driver.rs`, over the modem of
//! `modem/simulator.rs`, which connects to real servers. On both faces; the blocking one over a line that waits inside, too.

mod at;
mod driver;
mod simulator;

use std::{
    cell::Cell,
    future::Future,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    pin::pin,
    sync::{Arc, LazyLock},
    task::{Context, Poll, Waker},
    thread,
    time::Duration,
};

use at::{FETCH, LINKS, SEND};
use driver::{Modem, PATIENCE};
use embassy_futures::join::join;
use embedded_io_async::{ErrorKind as Io, ErrorType, Read, Write};
pub use simulator::Waits;
use simulator::{Line, Simulator, start};
use socketpool::{
    Error, ErrorKind, Phase, Resource, Resources, SocketPool,
    pool::StackTls,
    requests::Session,
    stack::{Connect as _, Resolve as _},
    time::{BlockingTimer, Clock, Deadline, Instant, Timer, run},
    tls::{Roots, TlsContext, roots::trust_anchor_from_der},
    traits::Key,
};

use crate::support::{
    self, HostClock,
    server::{Authority, Server, Validity},
};

impl BlockingTimer for HostClock {
    fn idle(&self) {
        thread::sleep(Duration::from_micros(100));
    }
}

const LONG: Option<Duration> = Some(Duration::from_secs(20));

/// Who signs the certificates that the modem accepts.
static ROOT: LazyLock<Authority> = LazyLock::new(|| Authority::new("Root"));

#[derive(serde::Deserialize)]
struct Told<'a> {
    path: &'a str,
    number: u32,
}

/// A test over a modem, on a pool of so many sockets and TLS sessions.
macro_rules! on_a_modem {
    (fn $name:ident<$slots:literal, $tls:literal>(|$pool:ident, $modem:ident| $test:block)) => {
        mod $name {
            use super::*;

            #[test]
            fn async_face() {
                use crate::support::both::awaited as wait;
                let ($modem, mut network) = network(Waits::Pending);
                let mut memory = Resources::<$slots, $tls>::new();
                let $pool = SocketPool::new(&mut network, &mut memory);
                async_io::block_on(async { $test });
                assert_eq!($pool.counts().in_use, 0);
            }

            fn blocking(waits: Waits) {
                #[allow(unused_imports, reason = "each test uses a part")]
                use socketpool::blocking::{Session, SocketPool};

                use crate::support::both::direct as wait;
                let ($modem, mut network) = network(waits);
                let mut memory = Resources::<$slots, $tls>::new();
                let $pool = SocketPool::new(&mut network, &mut memory);
                $test
                assert_eq!($pool.counts().in_use, 0);
            }

            #[test]
            fn blocking_face() {
                blocking(Waits::Pending);
            }

            #[test]
            fn blocking_face_over_a_line_that_waits_inside() {
                blocking(Waits::Inside);
            }
        }
    };
}

/// A modem that knows the date, and trusts [`ROOT`] under the profiles 0 and 1.
pub fn network(waits: Waits) -> (Simulator, Modem<Line, HostClock>) {
    let (simulator, line) = start(waits);
    let modem = Modem::new(line, HostClock);
    let date = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    run(&HostClock, modem.set_clock(date)).unwrap();
    for profile in [0, 1] {
        run(&HostClock, modem.set_root(profile, &ROOT.der())).unwrap();
    }
    (simulator, modem)
}

on_a_modem! {
    fn http_and_https_and_json<2, 0>(|pool, modem| {
        let (plain, secure) = (Server::start_plain(None), Server::start(&ROOT, "localhost", Validity::Now));
        let http = Session::new(&pool, &StackTls::PROFILE_0);
        let mut memory = [0; 200];
        for (scheme, server) in [("http", &plain), ("https", &secure)] {
            let url = format!("{scheme}://localhost:{}", server.port);
            let mut response = wait!(http.get(&format!("{url}/now")).query("city", "Utrecht").send()).unwrap();
            let told: Told<'_> = wait!(response.json(&mut memory)).unwrap();
            assert_eq!((told.path, told.number), ("/now?city=Utrecht", 1));
            drop(response);
            let mut response = wait!(http.post(&format!("{url}/log")).json(&[1, 2, 3]).send()).unwrap();
            let told: Told<'_> = wait!(response.json(&mut memory)).unwrap();
            assert_eq!((told.path, told.number), ("/log", 2));
        }
        // One connection for the two requests of each kind.
        assert_eq!((plain.connections(), secure.connections()), (1, 1));
        assert_eq!((modem.commands("AT+OPEN=0,\"TCP\""), modem.commands("AT+OPEN=1,\"TLS\",\"localhost\"")), (1, 1));
        assert_eq!((pool.counts().idle, modem.open()), (2, 2));
        wait!(pool.close_idle());
        assert_eq!(pool.counts().free, 2);
    })
}

on_a_modem! {
    fn a_large_body_in_both_directions<1, 0>(|pool, modem| {
        fn echo(request: &str) -> Vec<u8> {
            let body = request.split_once("\r\n\r\n").unwrap().1;
            format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
        }
        let server = Server::start_with(&ROOT, "localhost", Validity::Now, Some(echo));
        let http = Session::new(&pool, &StackTls::PROFILE_0);
        let body: String = (0..800).map(|number| format!("{number:04} ")).collect();
        let mut memory = vec![0; body.len()];
        let url = format!("https://localhost:{}/", server.port);
        let mut response = wait!(http.post(&url).body(body.as_bytes()).send()).unwrap();
        assert_eq!(wait!(response.text(&mut memory)).unwrap(), body);
        assert!(modem.commands("AT+SEND") >= body.len() / SEND && modem.commands("AT+RECV") >= body.len() / FETCH);
    })
}

on_a_modem! {
    fn a_kept_connection_is_found_by_what_verified_it_only<4, 0>(|pool, modem| {
        let server = Server::start(&ROOT, "localhost", Validity::Now);
        let manager = pool.connection_manager();
        let (first, second) = (StackTls::PROFILE_0, StackTls::profile(1));
        // The same host and port throughout: verified under one profile, under another, and not at all.
        let deadline = Deadline::within(&HostClock, LONG);
        let connections = [(Some(&first), false), (Some(&second), false), (Some(&first), true), (Some(&second), true)];
        for (tls, reused) in connections {
            let leased = wait!(manager.get_socket("localhost", server.port, 0, tls, deadline)).unwrap();
            assert_eq!(leased.reused, reused);
            manager.free_socket(leased.socket, key(server.port, tls));
        }
        for reused in [false, true] {
            let leased = wait!(manager.get_socket("localhost", server.port, 0, None::<&StackTls>, deadline)).unwrap();
            assert_eq!(leased.reused, reused);
            manager.free_socket(leased.socket, key(server.port, None));
        }
        assert_eq!((modem.commands("AT+OPEN"), pool.counts().idle), (3, 3));
    })
}

fn key(port: u16, tls: Option<&StackTls>) -> Key<'static> {
    /// Any stack will do to name the context's sockets.
    fn id(tls: &impl socketpool::traits::TlsContext<AnySocket>) -> socketpool::traits::TlsId {
        tls.id()
    }
    type AnySocket = socketpool::Socket<'static, 'static, Modem<Line, HostClock>, 4>;
    Key { host: "localhost", port, session_id: 0, tls: tls.map(id) }
}

on_a_modem! {
    fn who_is_not_verified_gets_nothing<1, 0>(|pool, modem| {
        let stranger = Authority::new("Stranger");
        let servers = [
            Server::start(&ROOT, "other.example", Validity::Now),
            Server::start(&ROOT, "localhost", Validity::Expired),
            Server::start(&stranger, "localhost", Validity::Now),
        ];
        let no_such_profile = StackTls::profile(7);
        let server = Server::start(&ROOT, "localhost", Validity::Now);
        let cases = servers.iter().map(|server| (server, &StackTls::PROFILE_0)).chain([(&server, &no_such_profile)]);
        for (server, tls) in cases {
            let url = format!("https://localhost:{}/secret", server.port);
            let error = wait!(Session::new(&pool, tls).get(&url).send()).unwrap_err();
            assert_eq!(error, Error::new(Phase::Handshake, ErrorKind::Unverified));
            assert_eq!((server.requests(), pool.counts().free), (0, 1));
        }
        assert_eq!(modem.commands("AT+SEND"), 0);
    })
}

/// A modem that was not told the date cannot verify.
#[test]
fn without_the_date_nobody_is_verified() {
    let (_simulator, line) = start(Waits::Pending);
    let mut network = Modem::new(line, HostClock);
    run(&HostClock, network.set_root(0, &ROOT.der())).unwrap();
    let server = Server::start(&ROOT, "localhost", Validity::Now);
    let mut memory = Resources::<1>::new();
    let pool = SocketPool::new(&mut network, &mut memory);
    let url = format!("https://localhost:{}/", server.port);
    let error = async_io::block_on(Session::new(&pool, &StackTls::PROFILE_0).get(&url).send()).unwrap_err();
    assert_eq!(error, Error::new(Phase::Handshake, ErrorKind::Unverified));
}

on_a_modem! {
    fn names_ports_and_hosts_that_are_none<1, 0>(|pool, modem| {
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let http = Session::new(&pool, &StackTls::PROFILE_0);
        let unresolved = |kind| Error::new(Phase::Resolve, kind);
        let refused = Error::new(Phase::Connect, ErrorKind::Io(Io::ConnectionRefused));
        for scheme in ["http", "https"] {
            let cases = [
                ("no.such.name", unresolved(ErrorKind::NoSuchName)),
                (simulator::UNANSWERED, unresolved(ErrorKind::NoAnswer)),
                ("localhost", refused),
                ("127.0.0.1", refused),
            ];
            for (host, error) in cases {
                let sent = wait!(http.get(&format!("{scheme}://{host}:{closed}/")).send());
                assert_eq!(sent.unwrap_err(), error, "{scheme}://{host}");
            }
        }
        // A server that does not speak TLS.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || listener.accept().unwrap().0.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n"));
        let error = wait!(http.get(&format!("https://localhost:{port}/")).send()).unwrap_err();
        assert_eq!(error, Error::new(Phase::Handshake, ErrorKind::Io(Io::Other)));

        // What cannot be a host is not said to the modem, between quotes or not.
        let (before, manager) = (modem.commands("AT"), pool.connection_manager());
        let deadline = Deadline::within(&HostClock, LONG);
        for host in ["a\",443,0,\"b", "a\r\nAT+RESET", "", "a b"] {
            let leased = wait!(manager.get_socket(host, 443, 0, Some(&StackTls::PROFILE_0), deadline));
            assert_eq!(leased.unwrap_err(), unresolved(ErrorKind::HostName), "{host:?}");
        }
        assert_eq!(modem.commands("AT"), before);
    })
}

on_a_modem! {
    fn an_address_is_verified_as_an_address<1, 0>(|pool, modem| {
        let server = Server::start(&ROOT, "127.0.0.1", Validity::Now);
        let http = Session::new(&pool, &StackTls::PROFILE_0);
        wait!(http.get(&format!("https://127.0.0.1:{}/", server.port)).send()).unwrap();
        assert_eq!(modem.commands(&format!("AT+OPEN=0,\"TLS\",\"127.0.0.1\",{},0,\"127.0.0.1\"", server.port)), 1);
        let error = wait!(http.get(&format!("https://localhost:{}/", server.port)).send()).unwrap_err();
        assert_eq!(error, Error::new(Phase::Handshake, ErrorKind::Unverified));
    })
}

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\n\r\n";

/// A connector has an address of the client's and the host of its own: the modem connects to the one and verifies the other.
#[test]
fn a_connector_gives_address_and_host_async() {
    use embedded_nal_async::{AddrType, Dns as _, TcpConnect as _};
    let (simulator, mut network) = network(Waits::Pending);
    let mut memory = Resources::<1>::new();
    let pool = SocketPool::new(&mut network, &mut memory);
    let server = Server::start(&ROOT, "device.example", Validity::Now);
    async_io::block_on(async {
        let connector = pool.connector(&StackTls::PROFILE_0, "device.example");
        let address = connector.get_host_by_name("localhost", AddrType::IPv4).await.unwrap();
        let remote = SocketAddr::new(address, server.port);
        let mut socket = connector.connect(remote).await.unwrap();
        assert_eq!(socket.peer_addr(), Ok(remote));
        socket.send_all(REQUEST).await.unwrap();
        assert!(socket.recv_into(&mut [0; 15]).await.unwrap() > 0);
        drop(socket);
        let error = pool.connector(&StackTls::PROFILE_0, "other.example").connect(remote).await.unwrap_err();
        assert_eq!(error, Error::new(Phase::Handshake, ErrorKind::Unverified));
    });
    assert_eq!(simulator.commands(&format!("AT+OPEN=0,\"TLS\",\"127.0.0.1\",{},0,\"device.example\"", server.port)), 1);
}

#[test]
fn a_connector_gives_address_and_host_blocking() {
    use embedded_nal::{AddrType, Dns as _, TcpClientStack as _, nb};
    let (simulator, mut network) = network(Waits::Inside);
    let mut memory = Resources::<1>::new();
    let pool = socketpool::blocking::SocketPool::new(&mut network, &mut memory);
    let server = Server::start(&ROOT, "device.example", Validity::Now);
    let mut connector = pool.connector(&StackTls::PROFILE_0, "device.example");
    let address = connector.get_host_by_name("localhost", AddrType::IPv4).unwrap();
    let mut socket = connector.socket().unwrap();
    connector.connect(&mut socket, SocketAddr::new(address, server.port)).unwrap();
    assert_eq!(connector.send(&mut socket, REQUEST), Ok(REQUEST.len()));
    let mut received = [0; 15];
    while let Err(error) = connector.receive(&mut socket, &mut received) {
        assert_eq!(error, nb::Error::WouldBlock);
        HostClock.idle();
    }
    assert_eq!(received[0], b'H');
    assert_eq!(simulator.commands(&format!("AT+OPEN=0,\"TLS\",\"127.0.0.1\",{},0,\"device.example\"", server.port)), 1);
}

on_a_modem! {
    fn pool_and_modem_exhausted_and_free_again<5, 0>(|pool, modem| {
        let server = Server::start_plain(None);
        let remote = SocketAddr::from((Ipv4Addr::LOCALHOST, server.port));
        let mut sockets = Vec::new();
        for _ in 0..LINKS {
            let mut socket = pool.try_socket().unwrap();
            wait!(socket.connect_addr(remote)).unwrap();
            sockets.push(socket);
        }
        let mut one_more = pool.try_socket().unwrap();
        let exhausted = Error::new(Phase::Setup, ErrorKind::Exhausted(Resource::Sockets));
        assert_eq!(pool.try_socket().unwrap_err(), exhausted);
        let no_link = Error::new(Phase::Connect, ErrorKind::Io(Io::OutOfMemory));
        assert_eq!(wait!(one_more.connect_addr(remote)), Err(no_link));
        // A dropped connection is closed in the modem before its place is used again.
        drop(sockets.pop());
        wait!(one_more.connect_addr(remote)).unwrap();
        assert_eq!((modem.commands("AT+CLOSE"), modem.open()), (1, LINKS));
        drop((sockets, one_more));
        assert_eq!(pool.counts().free, 5);
        let mut socket = pool.try_socket().unwrap();
        wait!(socket.connect_addr(remote)).unwrap();
    })
}

on_a_modem! {
    fn tls_of_ours_over_its_tcp<3, 1>(|pool, modem| {
        let server = Server::start(&ROOT, "localhost", Validity::Now);
        let root = ROOT.der();
        let anchors = [trust_anchor_from_der(&root).unwrap()];
        let ours = TlsContext::new(support::random, support::date).roots(Roots::only(&anchors));
        let (http, with_its) = (Session::new(&pool, &ours), Session::new(&pool, &StackTls::PROFILE_0));
        let url = format!("https://localhost:{}/", server.port);
        let mut memory = [0; 100];
        for number in 1..=3 {
            let mut response = wait!(http.get(&url).send()).unwrap();
            let told: Told<'_> = wait!(response.json(&mut memory)).unwrap();
            assert_eq!(told.number, number);
        }
        assert_eq!((modem.commands("AT+OPEN=0,\"TCP\""), modem.commands("AT+OPEN=0,\"TLS\"")), (1, 0));
        // A connection that one TLS has verified is not the other's.
        let mut response = wait!(with_its.get(&url).send()).unwrap();
        let told: Told<'_> = wait!(response.json(&mut memory)).unwrap();
        assert_eq!(told.number, 4);
        drop(response);
        assert_eq!((modem.commands("AT+OPEN=1,\"TLS\""), server.connections(), pool.counts().idle), (1, 2, 2));
        let stranger = Server::start(&Authority::new("Stranger"), "localhost", Validity::Now);
        let error = wait!(http.get(&format!("https://localhost:{}/", stranger.port)).send()).unwrap_err();
        assert_eq!((error.phase(), stranger.requests()), (Phase::Handshake, 0));
    })
}

on_a_modem! {
    fn a_tls_stream_that_is_cut_off_is_no_end<1, 0>(|pool, modem| {
        let config = Arc::new(ROOT.server_config("localhost", Validity::Now));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
        thread::spawn(move || {
            for (tcp, in_order) in listener.incoming().flatten().zip([true, false]) {
                let connection = rustls::ServerConnection::new(config.clone()).unwrap();
                let mut stream = rustls::StreamOwned::new(connection, tcp);
                let _ = stream.read(&mut [0; 1000]);
                stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhalf").unwrap();
                if in_order {
                    stream.conn.send_close_notify();
                }
                stream.flush().unwrap();
            }
        });
        let mut memory = [0; 100];
        let http = Session::new(&pool, &StackTls::PROFILE_0);
        let mut response = wait!(http.get(&url).send()).unwrap();
        assert_eq!(wait!(response.text(&mut memory)), Ok("half"));
        drop(response);
        let mut response = wait!(http.get(&url).send()).unwrap();
        let cut_off = Error::new(Phase::Body, ErrorKind::Io(Io::ConnectionAborted));
        assert_eq!(wait!(response.text(&mut memory)), Err(cut_off));
        assert_eq!(modem.commands("AT+OPEN"), 2);
    })
}

// RFC 9112 §9.2: a response is that to the first request that has none. What a server says unasked is known to the modem,
// and fetched by nobody yet, when the connection is looked at: it is not given to the next request.
on_a_modem! {
    fn what_was_said_out_of_turn_is_not_the_next_response<1, 0>(|pool, modem| {
        fn answer(_: &str) -> Vec<u8> {
            let head = "HTTP/1.1 200 OK\r\nContent-Length: ";
            let rest = FETCH - head.len() - "200\r\n\r\n".len();
            assert!((100..1000).contains(&rest));
            let response = format!("{head}{rest}\r\n\r\n{}", "b".repeat(rest));
            assert_eq!(response.len(), FETCH);
            (response + "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad").into_bytes()
        }
        let server = Server::start_plain(Some(answer));
        let http = Session::new(&pool, &StackTls::PROFILE_0);
        let mut memory = [0; FETCH];
        for _ in 0..2 {
            let mut response = wait!(http.get(&format!("http://localhost:{}/", server.port)).send()).unwrap();
            assert!(wait!(response.text(&mut memory)).unwrap().starts_with("bb"));
        }
        assert_eq!((server.connections(), modem.commands("AT+OPEN")), (2, 2));
    })
}

/// A server that sends back what it receives.
fn echo() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for mut tcp in listener.incoming().flatten() {
            thread::spawn(move || std::io::copy(&mut tcp.try_clone().unwrap(), &mut tcp));
        }
    });
    port
}

/// Two connections at a time, each of whose operations is dropped again and again before it is done: no byte is lost, none
/// comes twice, and none to the other.
#[test]
fn operations_that_are_dropped_have_moved_nothing() {
    const LEN: usize = 6000;
    let (_simulator, mut network) = network(Waits::Pending);
    let mut memory = Resources::<2>::new();
    let pool = SocketPool::new(&mut network, &mut memory);
    let remote = SocketAddr::from((Ipv4Addr::LOCALHOST, echo()));
    let talk = async |seed: usize| {
        let mut socket = pool.socket().await.unwrap();
        socket.connect_addr(remote).await.unwrap();
        socket.set_timeout(Some(Duration::ZERO));
        let sent: Vec<u8> = (0..LEN).map(|index| ((index / 7) ^ (index * seed)) as u8).collect();
        let (mut received, mut at, mut dropped) = (Vec::<u8>::new(), 0, 0);
        while received.len() < LEN {
            match if at < LEN { socket.send(&sent[at..(at + 300).min(LEN)]).await } else { Ok(0) } {
                Ok(count) => at += count,
                Err(error) => dropped += usize::from(error.kind() == ErrorKind::WouldBlock),
            }
            let mut buffer = [0; 100];
            match socket.recv_into(&mut buffer).await {
                Ok(count) => received.extend(&buffer[..count]),
                Err(error) => dropped += usize::from(error.kind() == ErrorKind::WouldBlock),
            }
            async_io::Timer::after(Duration::from_micros(20)).await;
        }
        assert!(received == sent && dropped > 50, "{dropped}");
    };
    async_io::block_on(join(talk(3), talk(5)));
}

/// Whoever waits is woken when the one that the line would have woken is dropped.
#[test]
fn a_task_is_not_forgotten_when_another_is_dropped() {
    let (_simulator, mut network) = network(Waits::Pending);
    let mut memory = Resources::<2>::new();
    let pool = SocketPool::new(&mut network, &mut memory);
    let remote = SocketAddr::from((Ipv4Addr::LOCALHOST, echo()));
    async_io::block_on(async {
        let (mut waiting, mut leaving) = (pool.socket().await.unwrap(), pool.socket().await.unwrap());
        waiting.connect_addr(remote).await.unwrap();
        leaving.connect_addr(remote).await.unwrap();
        leaving.set_timeout(Some(Duration::from_millis(5)));
        let mut byte = [0];
        let wait = async {
            waiting.send_all(b"1").await.unwrap();
            waiting.recv_into(&mut byte).await
        };
        let leave = async {
            for _ in 0..20 {
                assert!(leaving.recv_into(&mut [0]).await.unwrap_err().is_timeout());
            }
        };
        assert_eq!(join(wait, leave).await.0, Ok(1));
    });
}

/// A connection that was dropped while it was opened is closed, and leaves its place to the next.
#[test]
fn an_attempt_that_is_dropped_is_closed() {
    const PAUSE: Duration = Duration::from_micros(50);
    let (simulator, network) = network(Waits::Pending);
    let server = Server::start_plain(None);
    let remote = SocketAddr::from((Ipv4Addr::LOCALHOST, server.port));
    for polls in 0..40 {
        let _ = poll_times(network.connect(remote), polls, PAUSE);
        let _ = poll_times(network.resolve("localhost", socketpool::stack::Family::Any), polls, PAUSE);
    }
    let connections: Vec<_> = (0..LINKS).map(|_| async_io::block_on(network.connect(remote)).unwrap()).collect();
    assert_eq!(simulator.open(), LINKS);
    drop(connections);
    let address = async_io::block_on(network.resolve("localhost", socketpool::stack::Family::Any));
    assert_eq!(address, Ok(Ipv4Addr::LOCALHOST.into()));
}

/// Polls `work` at most so many times, with a pause before each, and drops it.
fn poll_times<W: Future>(work: W, times: usize, pause: Duration) -> Option<W::Output> {
    let mut work = pin!(work);
    (0..times).find_map(|_| {
        thread::sleep(pause);
        match work.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        }
    })
}

/// What the modem cannot have said fails what is open; then it is reset, and goes on.
#[test]
fn garbage_fails_what_is_open_and_nothing_after_it() {
    let garbage: [&'static [u8]; 12] = [
        b"\xff\xfe\r\n",
        b"what?\r\n",
        b"OK\r\n",
        b"ERROR\r\n",
        b"ERROR:x\r\n",
        b"READY\r\n",
        b"+DATA:4\r\n",
        b"+DATA:99999999999999999999\r\n",
        b"+RECV:0,5,0\r\nhello",
        b"+OPEN:0\r\n",
        b"+OPEN:0,0,0\r\n",
        &[b'x'; 200],
    ];
    let (simulator, network) = network(Waits::Pending);
    let remote = SocketAddr::from((Ipv4Addr::LOCALHOST, echo()));
    for (what, resets) in garbage.into_iter().zip(2..) {
        async_io::block_on(async {
            let (mut one, mut two) = (network.connect(remote).await.unwrap(), network.connect(remote).await.unwrap());
            let mut bytes = [0; 8];
            let modem = simulator.clone();
            thread::spawn(move || modem.shout(what));
            let what = what.escape_ascii();
            assert_eq!(one.read(&mut bytes).await, Err(Io::InvalidData), "{what}");
            assert_eq!(two.write(b"x").await, Err(Io::InvalidData), "{what}");
            let mut three = network.connect(remote).await.unwrap();
            three.write_all(b"again").await.unwrap();
            three.read_exact(&mut bytes[..5]).await.unwrap();
            assert_eq!((&bytes[..5], simulator.commands("AT+RESET")), (&b"again"[..], resets), "{what}");
        });
    }
}

/// A clock that a wait moves on.
struct Skipping(Cell<u64>);

impl Clock for Skipping {
    fn now(&self) -> Instant {
        Instant::from_millis(self.0.get())
    }
}

impl Timer for Skipping {
    async fn wait_until(&self, at: Instant) {
        embassy_futures::yield_now().await;
        self.0.set(self.0.get().max(at.as_millis()));
    }
}

/// A line on which something comes whatever is said to it: pieces of what a modem says, in any order, then nothing.
struct Chatter {
    state: u64,
    left: usize,
}

impl ErrorType for Chatter {
    type Error = Io;
}

impl Read for Chatter {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, Io> {
        const PIECES: [&[u8]; 16] = [
            b"READY\r\n",
            b"OK\r\n",
            b"ERROR:",
            b"> ",
            b"+RECV:0,",
            b"+DATA:",
            b"+CLOSED:0\r\n",
            b"+LOST:1\r\n",
            b"+OPEN:0,0\r\n",
            b"+DNS:127.0.0.1\r\n",
            b"0",
            b"256",
            b",",
            b"\r\n",
            b"\xff\x80",
            b"9999999999999999999999",
        ];
        if self.left == 0 {
            std::future::pending::<()>().await;
        }
        self.left -= 1;
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let piece = PIECES[(self.state >> 60) as usize];
        out[..piece.len()].copy_from_slice(piece);
        Ok(piece.len())
    }
}

impl Write for Chatter {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Io> {
        Ok(bytes.len())
    }

    async fn flush(&mut self) -> Result<(), Io> {
        Ok(())
    }
}

/// Whatever comes over the line, every operation has an end, and none panics. An answer that does not come is waited for
/// until the driver's own patience is over.
#[test]
fn every_operation_ends_whatever_the_line_says() {
    for state in 0..3000 {
        let modem = Modem::new(Chatter { state, left: 300 }, Skipping(Cell::new(0)));
        let remote = SocketAddr::from((Ipv4Addr::LOCALHOST, 80));
        async_io::block_on(async {
            let _ = modem.resolve("localhost", socketpool::stack::Family::Any).await;
            let _ = modem.set_root(0, &[0; 600]).await;
            if let Ok(mut connection) = modem.connect(remote).await {
                let _ = connection.write_all(&[0; 600]).await;
                let _ = connection.flush().await;
                assert!(modem.now().as_millis() <= 20 * PATIENCE.as_millis() as u64);
                // What the peer sends may be waited for as long as one likes.
                let _ = poll_times(connection.read(&mut [0; 100]), 50, Duration::ZERO);
            }
        });
    }
    let silent = Modem::new(Chatter { state: 0, left: 0 }, Skipping(Cell::new(0)));
    let remote = SocketAddr::from((Ipv4Addr::LOCALHOST, 80));
    assert_eq!(async_io::block_on(silent.connect(remote)).map(|_| ()), Err(Io::TimedOut));
    assert_eq!(async_io::block_on(silent.set_clock(1)), Err(Io::TimedOut));
}

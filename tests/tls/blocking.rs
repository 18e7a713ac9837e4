//! TLS under the blocking face, against rustls on the loopback.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    thread,
    time::Duration,
};

use embedded_io::Read as _;
use socketpool::{
    Error, ErrorKind, Phase, Resource, Resources, SendAllError,
    blocking::{SocketPool, stack::Stack},
    host,
    pool::Key,
    time::Deadline,
    tls::{Random, Roots, TimeSource, TlsContext, TlsError, roots::trust_anchor_from_der},
    traits::{TlsContext as _, TlsId},
};

use crate::support::{
    self,
    server::{Authority, Server, Validity},
};

const LONG: Option<Duration> = Some(Duration::from_secs(20));
const PATIENCE: Option<Duration> = Some(Duration::from_millis(60));
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK";

/// Runs a test on a pool of two sockets and one TLS session, with a context that trusts `authority`.
macro_rules! with_pool {
    ($authority:expr, |$pool:ident, $tls:ident, $anchors:ident| $test:block) => {
        let root = $authority.der();
        let $anchors = [trust_anchor_from_der(&root).unwrap()];
        let $tls = TlsContext::new(support::random, support::date).roots(Roots::only(&$anchors));
        let (mut network, mut memory) = (support::network(), Resources::<2, 1>::new());
        let $pool = SocketPool::new(&mut network, &mut memory);
        $test
    };
}

fn exchange(socket: &mut impl embedded_io::Read<Error = Error>) {
    let mut answer = [0; ANSWER.len()];
    socket.read_exact(&mut answer).unwrap();
    assert_eq!(answer, ANSWER);
}

/// Reads until there is nothing more, without waiting for long.
fn drain<'s, S: Stack + 's, const N: usize>(
    socket: &mut socketpool::blocking::Socket<'_, 's, S, N>,
) -> Result<(), Error> {
    socket.set_timeout(PATIENCE);
    while socket.read(&mut [0; 64])? > 0 {}
    Ok(())
}

#[test]
fn verified_and_kept_and_found_again_by_its_context_only() {
    let authority = Authority::new("Root");
    let server = Server::start(&authority, "localhost", Validity::Now);
    with_pool!(authority, |pool, tls, anchors| {
        let manager = pool.connection_manager();
        let deadline = Deadline::within(&host::Timer, LONG);
        for round in 0..3 {
            let mut leased = manager.get_socket("localhost", server.port, 0, Some(&tls), deadline).unwrap();
            assert_eq!(leased.reused, round > 0);
            leased.socket.send_all(REQUEST).unwrap();
            exchange(&mut leased.socket);
            assert!(drain(&mut leased.socket).unwrap_err().is_timeout());
            let id: TlsId = id(&tls, &leased.socket);
            manager
                .free_socket(leased.socket, Key { host: "localhost", port: server.port, session_id: 0, tls: Some(id) });
        }
        assert_eq!((server.connections(), server.requests()), (1, 3));

        // The one TLS session's memory goes to whoever needs it.
        let other = TlsContext::new(support::random, support::date).roots(Roots::only(&anchors));
        let leased = manager.get_socket("localhost", server.port, 0, Some(&other), deadline).unwrap();
        assert!(!leased.reused);
        assert_eq!((pool.counts().in_use, pool.counts().idle), (1, 0));
        let error = manager.get_socket("localhost", server.port, 0, Some(&tls), deadline).unwrap_err();
        assert_eq!(error, Error::new(Phase::Setup, ErrorKind::Exhausted(Resource::TlsSessions)));
        assert_eq!(pool.counts().in_use, 1);
        manager.close_socket(leased.socket).unwrap();
        assert_eq!(pool.counts().free, 2);
    });
}

fn id<S: Stack, R: Random, C: TimeSource>(
    tls: &TlsContext<'_, R, C>,
    _: &socketpool::blocking::Socket<'_, '_, S, 2>,
) -> TlsId {
    fn of<S>(tls: &impl socketpool::traits::TlsContext<S>) -> TlsId {
        tls.id()
    }
    of::<socketpool::blocking::Socket<'_, '_, S, 2>>(tls)
}

#[test]
fn who_does_not_prove_it_gets_nothing() {
    let (authority, stranger) = (Authority::new("Root"), Authority::new("Stranger"));
    let cases = [
        (&authority, "other.example", Validity::Now, "wrong-name"),
        (&authority, "localhost", Validity::Expired, "expired"),
        (&stranger, "localhost", Validity::Now, "unknown-issuer"),
    ];
    with_pool!(authority, |pool, tls, anchors| {
        for (issuer, name, validity, what) in cases {
            let server = Server::start(issuer, name, validity);
            let mut socket = pool.socket().unwrap();
            socket.set_timeout(LONG);
            socket.connect("localhost", server.port).unwrap();
            let error = tls.wrap_socket_blocking(&mut socket, "localhost").unwrap_err();
            assert_eq!(error.phase(), Phase::Handshake);
            assert!(matches!(error.kind(), ErrorKind::Tls(TlsError::Certificate(_))), "{what}: {error}");
            let error = Error::new(Phase::Send, ErrorKind::NotConnected);
            assert_eq!(socket.send_all(REQUEST), Err(SendAllError { sent: 0, error }), "{what}");
            drop(socket);
            assert_eq!((server.requests(), pool.counts().free), (0, 2), "{what}");
        }
        let mut socket = pool.socket().unwrap();
        let not_connected = Err(Error::new(Phase::Handshake, ErrorKind::NotConnected));
        assert_eq!(tls.wrap_socket_blocking(&mut socket, "localhost"), not_connected);
    });
}

const FLOW: u8 = 0;
/// The peer's bytes stop after a few more.
const STALL: u8 = 1;
/// The connection ends after a few more.
const CUT: u8 = 2;

/// Stands between client and server, and holds back what the server sends. Returns its port.
fn relay(server: u16, mode: Arc<AtomicU8>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let server = TcpStream::connect(("127.0.0.1", server)).unwrap();
            let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || std::io::copy(&mut from, &mut to));
            let mode = mode.clone();
            thread::spawn(move || hold_back(server, client, &mode));
        }
    });
    port
}

fn hold_back(mut from: TcpStream, mut to: TcpStream, mode: &AtomicU8) {
    let mut byte = [0];
    let mut more = 9;
    while from.read(&mut byte).unwrap_or(0) == 1 {
        while mode.load(Ordering::SeqCst) == STALL && more == 0 {
            thread::sleep(Duration::from_millis(1));
        }
        if mode.load(Ordering::SeqCst) == CUT && more == 0 {
            let _ = to.shutdown(Shutdown::Both);
            return;
        }
        if mode.load(Ordering::SeqCst) != FLOW {
            more -= 1;
        }
        if to.write_all(&byte).is_err() {
            return;
        }
    }
}

#[test]
fn a_timeout_within_a_record_loses_nothing() {
    let authority = Authority::new("Root");
    let server = Server::start(&authority, "localhost", Validity::Now);
    let mode = Arc::new(AtomicU8::new(FLOW));
    let port = relay(server.port, mode.clone());
    with_pool!(authority, |pool, tls, anchors| {
        let mut socket = pool.socket().unwrap();
        socket.set_timeout(LONG);
        async_io::block_on(tls.connect(&mut socket, "localhost", port)).unwrap();
        assert!(drain(&mut socket).unwrap_err().is_timeout(), "tickets only");
        mode.store(STALL, Ordering::SeqCst);
        socket.send_all(REQUEST).unwrap();
        for _ in 0..2 {
            let timeout = Err(Error::new(Phase::Receive, ErrorKind::Timeout));
            assert_eq!(socket.recv_into(&mut [0; 64]), timeout);
        }
        mode.store(FLOW, Ordering::SeqCst);
        socket.set_timeout(LONG);
        exchange(&mut socket);
    });
}

#[test]
fn an_end_without_close_notify_is_truncation() {
    let authority = Authority::new("Root");
    let server = Server::start(&authority, "localhost", Validity::Now);
    let mode = Arc::new(AtomicU8::new(FLOW));
    let port = relay(server.port, mode.clone());
    with_pool!(authority, |pool, tls, anchors| {
        let mut socket = pool.socket().unwrap();
        socket.set_timeout(LONG);
        async_io::block_on(tls.connect(&mut socket, "localhost", port)).unwrap();
        assert!(drain(&mut socket).unwrap_err().is_timeout(), "tickets only");
        socket.set_timeout(LONG);
        mode.store(CUT, Ordering::SeqCst);
        socket.send_all(REQUEST).unwrap();
        assert_eq!(socket.recv_into(&mut [0; 64]), Err(Error::new(Phase::Receive, ErrorKind::Truncated)));
        let over = Err(Error::new(Phase::Receive, ErrorKind::NotConnected));
        assert_eq!(socket.recv_into(&mut [0; 64]), over);
    });
}

#[test]
fn a_handshake_with_a_silent_peer_ends_at_its_deadline() {
    let authority = Authority::new("Root");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    with_pool!(authority, |pool, tls, anchors| {
        let mut socket = pool.socket().unwrap();
        socket.set_timeout(PATIENCE);
        let error = async_io::block_on(tls.connect(&mut socket, "localhost", port)).unwrap_err();
        assert_eq!(error, Error::new(Phase::Handshake, ErrorKind::Timeout));
        drop(socket);
        assert_eq!(pool.counts().free, 2);
    });
}

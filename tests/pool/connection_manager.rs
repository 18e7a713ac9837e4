//! The cases of adafruit_connection_manager's own tests, made ours, through both faces. (Those of adafruit_requests:
//! `http/adafruit.rs`.)
//!
//! What deviates, on purpose:
//! - A key that is busy gets another connection; there it is an error ("An existing socket is already connected").
//! - A socket that is not managed cannot be given back, nor closed twice: it is a value that has one owner, and the compiler
//!   says so ("Socket not managed" there). Nor is there a pool that nobody knows, or one manager too many per pool: a
//!   manager is a handle, and what it keeps lies in the pool. `release_references` has nothing to release.
//! - An idle connection is closed when the pool has no slot left, and never because connecting failed: which error of a
//!   stack means "out of memory" is not for us to guess, and the next attempt may be more than the caller has time for.
//! - Whether a radio can do TLS, or is one at all, are questions for the compiler.
#![cfg(all(feature = "mock", feature = "blocking"))]

use embedded_io_async::ErrorKind::ConnectionRefused;
use socketpool::{
    Error, ErrorKind, Phase, Resource, Resources,
    mock::{MockTls, Peer, Script, Step, block_on},
    pool::Key,
    time::{Deadline, Instant},
    traits::TlsId,
};

use crate::support::both::scripted;

const HOST: &str = "wifitest.adafruit.com";
const OTHER: &str = "wifitest2.adafruit.com";
const PLAIN: Option<&MockTls> = None;
const SOON: Deadline = Deadline::at(Instant::from_millis(1_000));

const fn key(host: &str, session_id: u32) -> Key<'_> {
    Key { host, port: 80, session_id, tls: None }
}

const QUIET: Peer<'static> = Peer::new(HOST, 80, &[]);
const EXHAUSTED: Error = Error::new(Phase::Setup, ErrorKind::Exhausted(Resource::Sockets));
const REFUSED: Error = Error::new(Phase::Connect, ErrorKind::Io(ConnectionRefused));

scripted! {
    // get_socket_test: a new socket; the same again once it is free; another for another session.
    fn a_key_that_is_free_finds_its_connection<3>([QUIET, QUIET], |pool, script| {
        let manager = pool.connection_manager();
        let first = wait!(manager.get_socket(HOST, 80, 0, PLAIN, Deadline::NEVER)).unwrap();
        assert!(!first.reused);
        manager.free_socket(first.socket, key(HOST, 0));
        let again = wait!(manager.get_socket(HOST, 80, 0, PLAIN, Deadline::NEVER)).unwrap();
        assert_eq!((again.reused, script.connections()), (true, 1));
        manager.free_socket(again.socket, key(HOST, 0));
        let other = wait!(manager.get_socket(HOST, 80, 1, PLAIN, Deadline::NEVER)).unwrap();
        assert_eq!((other.reused, script.connections()), (false, 2));
    })
}

scripted! {
    // get_socket_test, a busy key: the first deviation.
    fn a_key_that_is_busy_gets_another_connection<2>([QUIET, QUIET], |pool, script| {
        let manager = pool.connection_manager();
        let first = wait!(manager.get_socket(HOST, 80, 0, PLAIN, Deadline::NEVER)).unwrap();
        let second = wait!(manager.get_socket(HOST, 80, 0, PLAIN, Deadline::NEVER)).unwrap();
        assert_eq!((first.reused, second.reused, script.connections()), (false, false, 2));
    })
}

scripted! {
    // get_socket_test: what `socket()` and `connect()` fail with is what the caller sees, and costs no slot.
    fn errors_come_through_when_nothing_is_idle<1>([QUIET, Peer::refusing(OTHER, 80)], |pool, script| {
        let manager = pool.connection_manager();
        assert_eq!(wait!(manager.get_socket(OTHER, 80, 0, PLAIN, SOON)).unwrap_err(), REFUSED);
        assert_eq!(pool.counts().free, 1);
        let unknown = wait!(manager.get_socket("nobody.example", 80, 0, PLAIN, SOON)).unwrap_err();
        assert_eq!(unknown, Error::new(Phase::Resolve, ErrorKind::NoSuchName));
        let _busy = wait!(manager.get_socket(HOST, 80, 0, PLAIN, SOON)).unwrap();
        assert_eq!(wait!(manager.get_socket(HOST, 80, 1, PLAIN, SOON)).unwrap_err(), EXHAUSTED);
        assert_eq!((script.open(), pool.counts().in_use), (1, 1));
    })
}

scripted! {
    // get_socket_test: with one idle, it is closed once, and then it works.
    fn an_idle_connection_makes_room<2>([QUIET, QUIET, Peer::new(OTHER, 80, &[])], |pool, script| {
        let manager = pool.connection_manager();
        let busy = wait!(manager.get_socket(HOST, 80, 0, PLAIN, Deadline::NEVER)).unwrap();
        let idle = wait!(manager.get_socket(HOST, 80, 1, PLAIN, Deadline::NEVER)).unwrap();
        manager.free_socket(idle.socket, key(HOST, 1));
        let other = wait!(manager.get_socket(OTHER, 80, 0, PLAIN, Deadline::NEVER)).unwrap();
        assert_eq!((other.reused, script.connections(), script.open()), (false, 3, 2));
        assert_eq!(busy.socket.peer_addr().map(|address| address.port()), Ok(80), "the busy one was left alone");
    })
}

scripted! {
    // get_socket_test: it made room, and then it still failed: that error is told, and nothing more is closed.
    fn the_second_error_is_told<2>([QUIET, QUIET, Peer::refusing(OTHER, 80)], |pool, script| {
        let manager = pool.connection_manager();
        let older = wait!(manager.get_socket(HOST, 80, 0, PLAIN, Deadline::NEVER)).unwrap();
        let newer = wait!(manager.get_socket(HOST, 80, 1, PLAIN, Deadline::NEVER)).unwrap();
        manager.free_socket(older.socket, key(HOST, 0));
        manager.free_socket(newer.socket, key(HOST, 1));
        assert_eq!(wait!(manager.get_socket(OTHER, 80, 0, PLAIN, Deadline::NEVER)).unwrap_err(), REFUSED);
        assert_eq!((pool.counts().idle, pool.counts().free, script.open()), (1, 1, 1));
        let kept = wait!(manager.get_socket(HOST, 80, 1, PLAIN, Deadline::NEVER)).unwrap();
        assert!(kept.reused, "the one that was idle for the longest time had to go");
    })
}

scripted! {
    // free_socket_test, close_socket_test: how many are managed (in use and idle) and available (idle), step by step.
    fn counts<3>([QUIET, QUIET], |pool, script| {
        let manager = pool.connection_manager();
        let managed_and_available = || (manager.counts().in_use + manager.counts().idle, manager.counts().idle);
        assert_eq!(managed_and_available(), (0, 0));
        let first = wait!(manager.get_socket(HOST, 80, 0, PLAIN, Deadline::NEVER)).unwrap();
        assert_eq!(managed_and_available(), (1, 0));
        manager.free_socket(first.socket, key(HOST, 0));
        assert_eq!(managed_and_available(), (1, 1));
        let busy = wait!(manager.get_socket(HOST, 80, 1, PLAIN, Deadline::NEVER)).unwrap();
        assert_eq!(managed_and_available(), (2, 1));
        wait!(pool.close_idle());
        assert_eq!((managed_and_available(), script.open()), ((1, 0), 1), "the idle one is closed, the busy one kept");
        wait!(manager.close_socket(busy.socket)).unwrap();
        assert_eq!((managed_and_available(), script.open()), ((0, 0), 0));
    })
}

scripted! {
    // connection_manager_close_all_test: one pool's connections are closed, another's are not; those in use stay.
    fn close_all<2>([QUIET, QUIET], |pool, script| {
        let others_peers = [QUIET];
        let others_script = Script::new(&others_peers);
        let (mut network, mut memory) = (others_script.network(), Resources::<1>::new());
        let others = socketpool::SocketPool::new(&mut network, &mut memory);
        block_on(async {
            let manager = others.connection_manager();
            let leased = manager.get_socket(HOST, 80, 0, PLAIN, Deadline::NEVER).await.unwrap();
            manager.free_socket(leased.socket, key(HOST, 0));
        });
        let manager = pool.connection_manager();
        let idle = wait!(manager.get_socket(HOST, 80, 0, PLAIN, Deadline::NEVER)).unwrap();
        let busy = wait!(manager.get_socket(HOST, 80, 1, PLAIN, Deadline::NEVER)).unwrap();
        manager.free_socket(idle.socket, key(HOST, 0));
        wait!(manager.close_all());
        assert_eq!((script.open(), pool.counts().in_use, others_script.open()), (1, 1, 1));
        drop(busy);
    })
}

scripted! {
    // get_connection_manager_test: one set of connections per pool, whoever asks.
    fn managers_of_a_pool_share_it<1>([QUIET], |pool, script| {
        let (one, another) = (pool.connection_manager(), pool.connection_manager());
        let leased = wait!(one.get_socket(HOST, 80, 0, PLAIN, Deadline::NEVER)).unwrap();
        one.free_socket(leased.socket, key(HOST, 0));
        let leased = wait!(another.get_socket(HOST, 80, 0, PLAIN, Deadline::NEVER)).unwrap();
        assert_eq!((leased.reused, script.connections()), (true, 1));
    })
}

scripted! {
    // protocol_test, ssl_context_test: with TLS by name to port 443; a plain connection is never taken for one with TLS.
    fn with_tls_and_without_are_two_keys<2>([
        Peer::new(HOST, 443, &[]), Peer::new(HOST, 443, &[]), Peer::refusing(OTHER, 443),
    ], |pool, script| {
        let manager = pool.connection_manager();
        let plain = wait!(manager.get_socket(HOST, 443, 0, PLAIN, Deadline::NEVER)).unwrap();
        manager.free_socket(plain.socket, Key { port: 443, ..key(HOST, 0) });
        let secure = wait!(manager.get_socket(HOST, 443, 0, Some(&MockTls), Deadline::NEVER)).unwrap();
        assert_eq!((secure.reused, script.connections()), (false, 2));
        manager.free_socket(secure.socket, Key { port: 443, tls: Some(TlsId([0; 16])), ..key(HOST, 0) });
        let again = wait!(manager.get_socket(HOST, 443, 0, Some(&MockTls), Deadline::NEVER)).unwrap();
        assert!(again.reused);
        drop(again);
        // get_socket_test: what the TLS context fails with comes through.
        assert_eq!(wait!(manager.get_socket(OTHER, 443, 0, Some(&MockTls), SOON)).unwrap_err(), REFUSED);
        assert_eq!(pool.counts().free, 1);
    })
}

/// requests/concurrent_test, reuse_test: a second host needs the slot of the first, whose connection is closed once.
#[cfg(feature = "requests")]
mod requests {
    use super::*;

    const STEPS: &[Step<'static>] =
        &[Step::Receive(b"\r\n\r\n"), Step::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")];

    #[test]
    fn a_second_host_needs_the_slot_of_the_first() {
        let peers = [Peer::new(HOST, 80, STEPS), Peer::new(OTHER, 80, STEPS)];
        let urls = ["http://wifitest.adafruit.com/", "http://wifitest2.adafruit.com/"];
        let script = Script::new(&peers);
        let (mut network, mut memory) = (script.network(), Resources::<1>::new());
        let pool = socketpool::SocketPool::new(&mut network, &mut memory);
        let http = socketpool::requests::Session::plain(&pool);
        for url in urls {
            let mut buffer = [0; 8];
            let text = block_on(async { http.get(url).send().await?.text(&mut buffer).await.map(str::len) });
            assert_eq!(text, Ok(2));
        }
        assert_eq!((script.connections(), script.open()), (2, 1));

        let script = Script::new(&peers);
        let (mut network, mut memory) = (script.network(), Resources::<1>::new());
        let pool = socketpool::blocking::SocketPool::new(&mut network, &mut memory);
        let http = socketpool::blocking::Session::plain(&pool);
        for url in urls {
            let mut buffer = [0; 8];
            assert_eq!(http.get(url).send().and_then(|mut response| response.text(&mut buffer).map(str::len)), Ok(2));
        }
        assert_eq!((script.connections(), script.open()), (2, 1));
    }
}

//! The blocking pool, each scenario twice: over std-embedded-nal on the loopback, with a thread that plays the peer,
//! and over the scripted network, which moves one byte at a time.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    thread,
    time::Duration,
};

use Step::{Close, Receive, Send, Stall};
use socketpool::{
    Error, ErrorKind, Phase, Resource, Resources,
    blocking::{Network, SocketPool, ZeroRead, stack::Stack},
    mock::{Peer, Script, Step, block_on},
    pool::{Key, Shutdown},
    stack::Family,
    time::{Clock, Deadline, Instant},
    traits::{Need, NoTls, Socket as _, SocketPool as _},
};

/// How long a test waits for what will not come.
const PATIENCE: Duration = Duration::from_millis(60);
/// How long it waits for what will.
const LONG: Option<Duration> = Some(Duration::from_secs(20));

struct SinceStart(std::time::Instant);

impl Clock for SinceStart {
    fn now(&self) -> Instant {
        Instant::from_millis(self.0.elapsed().as_millis() as u64)
    }
}

/// What a connection sees, step by step; one entry for each connection that is accepted.
type Connections = &'static [&'static [Step<'static>]];

/// Where the peer of a scenario listens.
#[derive(Clone, Copy)]
struct At {
    host: &'static str,
    port: u16,
    /// Nobody listens there.
    closed: u16,
}

impl At {
    fn key(&self) -> Key<'static> {
        Key { host: self.host, port: self.port, session_id: 0, tls: None }
    }
}

type Pool<'s, S> = SocketPool<'s, S, 2>;

/// Plays the peer on the loopback.
fn play(mut stream: TcpStream, steps: &[Step<'_>]) {
    for step in steps {
        match step {
            Receive(awaited) => {
                let mut seen = Vec::new();
                let mut byte = [0];
                while !seen.ends_with(awaited) {
                    if stream.read(&mut byte).unwrap_or(0) == 0 {
                        return;
                    }
                    seen.push(byte[0]);
                }
            }
            Send(bytes) => stream.write_all(bytes).unwrap(),
            Close => return,
            Stall => break,
            other => unreachable!("not played on the loopback: {other:?}"),
        }
    }
    let _ = stream.read_to_end(&mut Vec::new());
}

macro_rules! scenarios {
    ($($name:ident $connections:expr;)*) => {
        mod loopback {
            use super::*;
            $(#[test]
            fn $name() {
                const CONNECTIONS: Connections = $connections;
                let listener = TcpListener::bind("127.0.0.1:0").unwrap();
                let port = listener.local_addr().unwrap().port();
                thread::spawn(move || {
                    for steps in CONNECTIONS {
                        let (stream, _) = listener.accept().unwrap();
                        thread::spawn(move || play(stream, steps));
                    }
                });
                let clock = SinceStart(std::time::Instant::now());
                let idle = |_: &mut _| thread::sleep(Duration::from_millis(1));
                let mut network = Network::new(std_embedded_nal::Stack, clock, idle, ZeroRead::Eof);
                let mut memory = Resources::<2>::new();
                let pool = Pool::new(&mut network, &mut memory);
                super::$name(&pool, At { host: "localhost", port, closed: 1 });
            })*
        }
        mod scripted {
            use super::*;
            $(#[test]
            fn $name() {
                let at = At { host: "peer.example", port: 80, closed: 81 };
                let connections: Connections = $connections;
                let peers: Vec<_> =
                    connections.iter().map(|steps| Peer::new(at.host, at.port, steps).in_fragments_of(1)).collect();
                let script = Script::new(&peers);
                let mut network = script.network();
                let mut memory = Resources::<2>::new();
                let pool = Pool::new(&mut network, &mut memory);
                super::$name(&pool, at);
                drop(pool);
                assert_eq!(script.open(), 0, "every connection is closed with the pool");
            })*
        }
    };
}

scenarios! {
    echo &[&[Receive(b"ping"), Send(b"pong!")]];
    refusal &[];
    peer_closes &[&[Send(b"bye"), Close]];
    timeout_loses_nothing &[&[Receive(b"go"), Send(b"late")]];
    a_deadline_covers_all_operations &[&[Stall]];
    a_slot_is_always_returned &[&[Send(b"a")], &[Send(b"b")], &[Send(b"c")]];
    exhausted &[&[Stall], &[Stall], &[Stall]];
    reuse_and_eviction &[&[Receive(b"1"), Send(b"!"), Receive(b"2"), Send(b"?")], &[Stall], &[Stall]];
    a_stale_connection_is_not_reused &[&[Receive(b"1"), Send(b"!"), Close], &[Stall]];
    a_talkative_connection_is_not_reused &[&[Receive(b"1"), Send(b"!?")], &[Stall]];
    half_a_connection_is_not_kept &[&[Close]];
    close_idle &[&[Stall], &[Stall]];
}

/// Reads exactly as many bytes.
fn receive(socket: &mut impl embedded_io::Read<Error = Error>, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    socket.read_exact(&mut bytes).unwrap();
    bytes
}

/// `None` of a TLS context, whatever its type.
const PLAIN: Option<&NoTls> = None;

fn echo<'s, S: Stack + 's>(pool: &Pool<'s, S>, at: At) {
    let mut socket = pool.socket().unwrap();
    socket.set_timeout(LONG);
    socket.connect(at.host, at.port).unwrap();
    socket.send_all(b"ping").unwrap();
    assert_eq!(receive(&mut socket, 5), b"pong!");
    assert_eq!(socket.recv_into(&mut []), Ok(0));
    socket.close().unwrap();
    assert_eq!(pool.counts().free, 2);
}

fn refusal<'s, S: Stack + 's>(pool: &Pool<'s, S>, at: At) {
    let mut socket = pool.socket().unwrap();
    socket.set_timeout(LONG);
    assert_eq!(socket.recv_into(&mut [0]), Err(Error::new(Phase::Receive, ErrorKind::NotConnected)));
    assert_eq!(socket.send_all(b"x").map_err(Error::from), Err(Error::new(Phase::Send, ErrorKind::NotConnected)));
    for (literal, address) in [("127.0.0.1", "127.0.0.1:1"), ("::1", "[::1]:1"), ("[::1]", "[::1]:1")] {
        assert_eq!(pool.getaddrinfo(literal, 1, Family::Any, Deadline::NEVER).unwrap().to_string(), address);
    }
    let error = socket.connect("127.0.0.1", at.closed).unwrap_err();
    assert_eq!(error.phase(), Phase::Connect);
    assert!(matches!(error.kind(), ErrorKind::Io(_)), "{error}");
    for (host, kind) in [("", ErrorKind::HostName), ("a b", ErrorKind::HostName)] {
        assert_eq!(socket.connect(host, at.port), Err(Error::new(Phase::Resolve, kind)));
    }
    let error = socket.connect("no-such-name.invalid", at.port).unwrap_err();
    assert_eq!(error.phase(), Phase::Resolve);
    assert!(matches!(error.kind(), ErrorKind::NoSuchName | ErrorKind::NoAnswer), "{error}");
}

fn peer_closes<'s, S: Stack + 's>(pool: &Pool<'s, S>, at: At) {
    let mut socket = pool.socket().unwrap();
    socket.set_timeout(LONG);
    socket.connect(at.host, at.port).unwrap();
    assert_eq!(receive(&mut socket, 3), b"bye");
    assert_eq!(socket.recv_into(&mut [0; 8]), Ok(0));
    assert_eq!(socket.recv_into(&mut [0; 8]), Ok(0), "the end stays the end");
}

fn timeout_loses_nothing<'s, S: Stack + 's>(pool: &Pool<'s, S>, at: At) {
    let mut socket = pool.socket().unwrap();
    socket.set_timeout(LONG);
    socket.connect(at.host, at.port).unwrap();
    socket.set_timeout(Some(PATIENCE));
    let began = pool.timer().now();
    assert_eq!(socket.recv_into(&mut [0; 8]), Err(Error::new(Phase::Receive, ErrorKind::Timeout)));
    assert!(pool.timer().now() >= began.after(PATIENCE));
    socket.set_timeout(LONG);
    socket.send_all(b"go").unwrap();
    assert_eq!(receive(&mut socket, 4), b"late");
}

fn a_deadline_covers_all_operations<'s, S: Stack + 's>(pool: &Pool<'s, S>, at: At) {
    let mut socket = pool.socket().unwrap();
    socket.set_deadline(Deadline::within(pool.timer(), LONG));
    socket.connect(at.host, at.port).unwrap();
    socket.set_deadline(Deadline::within(pool.timer(), Some(PATIENCE)));
    for _ in 0..3 {
        assert_eq!(socket.recv_into(&mut [0; 8]), Err(Error::new(Phase::Receive, ErrorKind::Timeout)));
    }
    assert_eq!(
        socket.send_all(b"x").map_err(Error::from),
        Err(Error::new(Phase::Send, ErrorKind::Timeout)),
        "not begun"
    );
    assert_eq!(socket.connect(at.host, at.port), Err(Error::new(Phase::Resolve, ErrorKind::Timeout)));
    assert_eq!(socket.connect("127.0.0.1", at.port), Err(Error::new(Phase::Connect, ErrorKind::Timeout)));
}

fn a_slot_is_always_returned<'s, S: Stack + 's>(pool: &Pool<'s, S>, at: At) {
    for _ in 0..3 {
        let mut socket = pool.socket().unwrap();
        socket.set_timeout(LONG);
        socket.connect(at.host, at.port).unwrap();
        assert_eq!((pool.counts().in_use, pool.counts().free), (1, 1));
        drop(socket);
        assert_eq!((pool.counts().in_use, pool.counts().free), (0, 2));
    }
    let mut socket = pool.socket().unwrap();
    socket.set_timeout(LONG);
    assert!(socket.connect(at.host, at.closed).is_err());
    socket.keep(at.key());
    assert_eq!(pool.counts().free, 2, "what is not connected is not kept");
}

fn exhausted<'s, S: Stack + 's>(pool: &Pool<'s, S>, at: At) {
    let manager = pool.connection_manager();
    let deadline = Deadline::within(pool.timer(), LONG);
    let a = manager.get_socket(at.host, at.port, 0, PLAIN, deadline).unwrap();
    let b = manager.get_socket(at.host, at.port, 0, PLAIN, deadline).unwrap();
    let expected = Error::new(Phase::Setup, ErrorKind::Exhausted(Resource::Sockets));
    assert_eq!(pool.socket().unwrap_err(), expected);
    assert_eq!(manager.get_socket(at.host, at.port, 0, PLAIN, deadline).unwrap_err(), expected);
    manager.close_socket(a.socket).unwrap();
    let c = manager.get_socket(at.host, at.port, 0, PLAIN, deadline).unwrap();
    assert_eq!((b.reused, c.reused, pool.counts().high_water), (false, false, 2));

    drop((b, c));

    // Memory alone: what a response keeps that was read to its end.
    let buffer =
        || block_on(pool.reserve(Need { buffer: true, ..Need::default() }, deadline)).map(|(_, buffer)| buffer);
    let (first, second) = (buffer().unwrap(), buffer().unwrap());
    let expected = Error::new(Phase::Setup, ErrorKind::Exhausted(Resource::Buffers));
    assert_eq!(buffer().map(|_| ()).unwrap_err(), expected);
    drop((first, second));
    assert!(buffer().is_ok());
}

fn reuse_and_eviction<'s, S: Stack + 's>(pool: &Pool<'s, S>, at: At) {
    let manager = pool.connection_manager();
    let deadline = Deadline::within(pool.timer(), LONG);
    let mut leased = manager.get_socket(at.host, at.port, 0, PLAIN, deadline).unwrap();
    leased.socket.send_all(b"1").unwrap();
    assert_eq!(receive(&mut leased.socket, 1), b"!");
    manager.free_socket(leased.socket, at.key());
    assert_eq!(pool.counts().idle, 1);

    let mut again = manager.get_socket(at.host, at.port, 0, PLAIN, deadline).unwrap();
    assert!(again.reused);
    again.socket.send_all(b"2").unwrap();
    assert_eq!(receive(&mut again.socket, 1), b"?");
    manager.free_socket(again.socket, at.key());

    let other = manager.get_socket(at.host, at.port, 1, PLAIN, deadline).unwrap();
    assert!(!other.reused, "another session");
    assert_eq!((pool.counts().in_use, pool.counts().idle), (1, 1));
    let third = manager.get_socket(at.host, at.port, 2, PLAIN, deadline).unwrap();
    assert!(!third.reused);
    assert_eq!((pool.counts().in_use, pool.counts().idle), (2, 0), "the idle one made room");
}

fn a_stale_connection_is_not_reused<'s, S: Stack + 's>(pool: &Pool<'s, S>, at: At) {
    not_reused(pool, at);
}

fn a_talkative_connection_is_not_reused<'s, S: Stack + 's>(pool: &Pool<'s, S>, at: At) {
    not_reused(pool, at);
}

fn not_reused<'s, S: Stack + 's>(pool: &Pool<'s, S>, at: At) {
    let manager = pool.connection_manager();
    let deadline = Deadline::within(pool.timer(), LONG);
    let mut leased = manager.get_socket(at.host, at.port, 0, PLAIN, deadline).unwrap();
    leased.socket.send_all(b"1").unwrap();
    assert_eq!(receive(&mut leased.socket, 1), b"!");
    manager.free_socket(leased.socket, at.key());
    thread::sleep(PATIENCE);
    let again = manager.get_socket(at.host, at.port, 0, PLAIN, deadline).unwrap();
    assert!(!again.reused);
    assert_eq!(pool.counts().in_use + pool.counts().free, 2);
}

fn half_a_connection_is_not_kept<'s, S: Stack + 's>(pool: &Pool<'s, S>, at: At) {
    let mut socket = pool.socket().unwrap();
    socket.set_timeout(LONG);
    socket.connect(at.host, at.port).unwrap();
    socket.shutdown(Shutdown::Read).unwrap();
    assert_eq!(socket.recv_into(&mut [0; 4]), Ok(0), "we want no more");
    socket.send_all(b"x").unwrap();
    socket.keep(at.key());
    assert_eq!(pool.counts().free, 2);
}

fn close_idle<'s, S: Stack + 's>(pool: &Pool<'s, S>, at: At) {
    let manager = pool.connection_manager();
    let deadline = Deadline::within(pool.timer(), LONG);
    let a = manager.get_socket(at.host, at.port, 0, PLAIN, deadline).unwrap();
    let b = manager.get_socket(at.host, at.port, 0, PLAIN, deadline).unwrap();
    manager.free_socket(a.socket, at.key());
    manager.free_socket(b.socket, at.key());
    assert_eq!(pool.counts().idle, 2);
    pool.close_idle();
    assert_eq!(pool.counts().free, 2);
}

/// What the loopback does not do on command.
mod breaking {
    use super::*;

    #[test]
    fn a_reset_or_a_failure_after_any_number_of_bytes_is_reported_and_frees_the_slot() {
        let reset = [Receive(b"ping"), Step::Reset];
        let whole = [Receive(b"ping"), Send(b"pong!")];
        for count in 0..10 {
            for peer in [Peer::new("h", 80, &reset), Peer::new("h", 80, &whole).failing_after(count)] {
                let peers = [peer.in_fragments_of(2)];
                let script = Script::new(&peers);
                let (mut network, mut memory) = (script.network(), Resources::<1>::new());
                let pool = SocketPool::new(&mut network, &mut memory);
                let mut socket = pool.socket().unwrap();
                socket.set_timeout(LONG);
                socket.connect("h", 80).unwrap();
                let mut buffer = [0; 5];
                let outcome = socket.send_all(b"ping").map_err(Error::from).and_then(|()| {
                    let mut received = 0;
                    while received < buffer.len() {
                        received += socket.recv_into(&mut buffer[received..])?;
                    }
                    Ok(received)
                });
                if count == 9 && outcome.is_ok() {
                    assert_eq!(&buffer, b"pong!");
                } else {
                    let kind = ErrorKind::Io(embedded_io::ErrorKind::ConnectionReset);
                    assert_eq!(outcome.unwrap_err().kind(), kind, "{count}");
                }
                socket.keep(Key { host: "h", port: 80, session_id: 0, tls: None });
                let _ = pool.counts();
                drop(pool);
                assert_eq!(script.open(), 0);
            }
        }
    }

    #[test]
    #[should_panic(expected = "waits for ever")]
    fn waiting_for_ever_is_a_fault_of_the_test() {
        let peers = [Peer::new("h", 80, &[Stall])];
        let script = Script::new(&peers);
        let (mut network, mut memory) = (script.network(), Resources::<1>::new());
        let pool = SocketPool::new(&mut network, &mut memory);
        let mut socket = pool.socket().unwrap();
        socket.connect("h", 80).unwrap();
        let _ = socket.recv_into(&mut [0]);
    }
}

//! The pool for other crates, through the eyes of one: embedded-nal-async and embedded-nal.
#![cfg(all(feature = "blocking", feature = "mock", feature = "tls"))]

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
    sync::Arc,
    thread,
    time::Duration,
};

use rustls::{ServerConfig, ServerConnection, Stream};
use socketpool::{
    Error, ErrorKind, Phase, Resource, Resources,
    mock::{MockTls, Peer, Script, Step},
    time::Clock,
    tls::{Random, Roots, TimeSource, TlsContext, TlsError, roots::trust_anchor_from_der},
};

use crate::support::{
    self,
    server::{Authority, Validity},
};

const HOST: &str = "host.example";
/// Where the first peer of a script is.
const REMOTE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), 8883);
const GARBAGE: &[u8] = b"HTTP/1.1 400 Bad Request\r\n\r\n";

/// Peers that are no TLS server, how a connection to each must fail, and after how many seconds.
const NOT_TLS: [(Peer<'_>, Phase, ErrorKind, u64); 6] = [
    (Peer::refusing(HOST, 8883), Phase::Connect, io(embedded_io::ErrorKind::ConnectionRefused), 0),
    (Peer::new(HOST, 8883, &[Step::Receive(b"\x03\x03"), Step::Close]), Phase::Handshake, ErrorKind::Truncated, 0),
    (Peer::new(HOST, 8883, &[Step::Reset]), Phase::Handshake, io(embedded_io::ErrorKind::ConnectionReset), 0),
    (Peer::new(HOST, 8883, &[Step::Stall]), Phase::Handshake, ErrorKind::Timeout, 30),
    (Peer::new(HOST, 8883, &[Step::Receive(b"\x03\x03")]), Phase::Handshake, ErrorKind::Timeout, 30),
    (
        Peer::new(HOST, 8883, &[Step::Receive(b"\x03\x03"), Step::Send(GARBAGE)]),
        Phase::Handshake,
        ErrorKind::Tls(TlsError::NotTls),
        0,
    ),
];

const fn io(kind: embedded_io::ErrorKind) -> ErrorKind {
    ErrorKind::Io(kind)
}

/// Whether a client said nothing, or a ClientHello and nothing more: one record of type `handshake` (RFC 8446 §5.1).
fn is_hello_at_most(sent: &[u8]) -> bool {
    match sent {
        [] => true,
        [22, 3, 3, high, low, rest @ ..] => rest.len() <= usize::from(u16::from_be_bytes([*high, *low])),
        _ => false,
    }
}

fn no_roots() -> TlsContext<'static, impl Random, impl TimeSource> {
    TlsContext::new(support::random, support::date).roots(Roots::NONE)
}

/// Serves one TLS client for each of `ends`: reads four bytes, answers `pong`, and ends with `close_notify` or without.
fn serve(config: ServerConfig, ends: &'static [bool]) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let remote = listener.local_addr().unwrap();
    let config = Arc::new(config);
    thread::spawn(move || {
        for with_close_notify in ends {
            let (mut tcp, _) = listener.accept().unwrap();
            let mut tls = ServerConnection::new(config.clone()).unwrap();
            let mut stream = Stream::new(&mut tls, &mut tcp);
            stream.read_exact(&mut [0; 4]).unwrap();
            stream.write_all(b"pong").unwrap();
            if *with_close_notify {
                tls.send_close_notify();
                tls.write_tls(&mut tcp).unwrap();
            }
        }
    });
    remote
}

mod asynchronous {
    use core::{
        pin::pin,
        task::{Context, Poll, Waker},
    };

    use embedded_io_async::{Read as _, Write as _};
    use embedded_nal_async::{AddrType, Dns, TcpConnect};
    use socketpool::{SocketPool, mock::block_on};

    use super::*;

    #[test]
    fn without_a_proof_no_connection_and_nothing_in_the_clear() {
        for (peer, phase, kind, seconds) in NOT_TLS {
            for peer in [peer, peer.in_fragments_of(1), peer.hesitating()] {
                let peers = [peer];
                let script = Script::new(&peers);
                let (mut network, mut memory) = (script.network(), Resources::<1, 1>::new());
                let pool = SocketPool::new(&mut network, &mut memory);
                let tls = no_roots();
                let failed = block_on(pool.connector(&tls, HOST).connect(REMOTE)).err();
                assert_eq!(failed, Some(Error::new(phase, kind)), "{peer:?}");
                assert_eq!((pool.counts().free, script.open()), (1, 0), "{peer:?}");
                assert!(is_hello_at_most(&script.sent()), "{peer:?}: {:?}", script.sent());
                assert_eq!(script.network().now().as_millis(), seconds * 1000, "{peer:?}");
            }
        }
    }

    #[test]
    fn a_dropped_attempt_leaves_nothing_behind() {
        for polls in 0.. {
            let peers = [Peer::new(HOST, 8883, &[Step::Receive(b"\x03\x03"), Step::Send(GARBAGE)])];
            let peers = peers.map(|peer| peer.in_fragments_of(40).hesitating());
            let script = Script::new(&peers);
            let (mut network, mut memory) = (script.network(), Resources::<1, 1>::new());
            let pool = SocketPool::new(&mut network, &mut memory);
            let tls = no_roots();
            let connector = pool.connector(&tls, HOST);
            let ended = {
                let mut attempt = pin!(connector.connect(REMOTE));
                let mut context = Context::from_waker(Waker::noop());
                (0..polls).any(|_| matches!(attempt.as_mut().poll(&mut context), Poll::Ready(Err(_))))
            };
            assert_eq!((pool.counts().free, script.open()), (1, 0), "after {polls} polls");
            assert!(is_hello_at_most(&script.sent()), "after {polls} polls");
            if ended {
                assert!(polls > 5, "the handshake has many awaits");
                return;
            }
        }
    }

    #[test]
    fn waits_in_line_for_a_slot_and_says_when_there_is_none() {
        let peers = [Peer::new(HOST, 8883, &[])];
        let script = Script::new(&peers);
        let (mut network, mut memory) = (script.network(), Resources::<1>::new());
        let pool = SocketPool::new(&mut network, &mut memory);
        let connector = pool.connector(&MockTls, HOST);
        let taken = pool.try_socket().unwrap();
        let no_slot = Error::new(Phase::Setup, ErrorKind::Exhausted(Resource::Sockets));
        assert_eq!(block_on(connector.connect(REMOTE)).err(), Some(no_slot));
        assert_eq!(script.network().now().as_millis(), 10_000);

        let mut attempt = pin!(connector.connect(REMOTE));
        assert!(attempt.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        drop(taken);
        assert!(block_on(attempt).is_ok());
    }

    #[test]
    fn without_memory_for_tls_nothing_is_said() {
        let peers = [Peer::new(HOST, 8883, &[]); 2];
        let script = Script::new(&peers);
        let (mut network, mut memory) = (script.network(), Resources::<1, 0>::new());
        let pool = SocketPool::new(&mut network, &mut memory);
        let tls = no_roots();
        let exhausted = Error::new(Phase::Setup, ErrorKind::Exhausted(Resource::NoTlsSession));
        assert_eq!(block_on(pool.connector(&tls, HOST).connect(REMOTE)).err(), Some(exhausted));
        assert_eq!((pool.counts().free, script.open()), (1, 0));

        // Whoever wraps a socket of his own is left with none that is plain.
        block_on(async {
            let mut socket = pool.socket().await.unwrap();
            socket.connect(HOST, 8883).await.unwrap();
            assert_eq!(tls.wrap_socket(&mut socket, HOST).await, Err(exhausted));
            let closed = Error::new(Phase::Send, ErrorKind::NotConnected);
            assert_eq!(socket.send_all(b"secret").await.unwrap_err().error, closed);
        });
        assert_eq!((pool.counts().free, script.open(), &*script.sent()), (1, 0, &b""[..]));
    }

    #[test]
    fn a_connection_outlives_the_deadline_of_its_making() {
        let silent = Peer::new("silent.example", 1, &[]);
        let peers = [Peer::new(HOST, 8883, &[Step::Receive(b"ping"), Step::Send(b"pong"), Step::Close]), silent];
        let script = Script::new(&peers);
        let (mut network, mut memory) = (script.network(), Resources::<2>::new());
        let pool = SocketPool::new(&mut network, &mut memory);
        block_on(async {
            let connector = pool.plain_connector();
            let mut connection = connector.connect(REMOTE).await.unwrap();
            let mut other = pool.socket().await.unwrap();
            other.set_timeout(Some(Duration::from_secs(100)));
            other.connect("silent.example", 1).await.unwrap();
            assert!(other.recv_into(&mut [0]).await.unwrap_err().is_timeout());
            connection.write_all(b"ping").await.unwrap();
            let mut answer = [0; 4];
            connection.read_exact(&mut answer).await.unwrap();
            assert_eq!((&answer, connection.read(&mut [0; 4]).await), (b"pong", Ok(0)));
        });
        assert_eq!((pool.counts().free, script.open()), (2, 0));
    }

    #[test]
    fn addresses_of_literals_and_names() {
        let peers = [Peer::new(HOST, 8883, &[])];
        let script = Script::new(&peers);
        let (mut network, mut memory) = (script.network(), Resources::<1>::new());
        let pool = SocketPool::new(&mut network, &mut memory);
        let connector = pool.connector(&MockTls, HOST);
        let ask = |host, family| block_on(connector.get_host_by_name(host, family));
        let (loopback, loopback6) = (Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into());
        let none = Err(Error::new(Phase::Resolve, ErrorKind::NoSuchName));
        assert_eq!(ask(HOST, AddrType::Either), Ok(REMOTE.ip()));
        assert_eq!(ask("nobody.example", AddrType::Either), none);
        assert_eq!(ask("127.0.0.1", AddrType::Either), Ok(loopback));
        assert_eq!(ask("127.0.0.1", AddrType::IPv4), Ok(loopback));
        assert_eq!(ask("127.0.0.1", AddrType::IPv6), none);
        for literal in ["::1", "[::1]"] {
            assert_eq!(ask(literal, AddrType::Either), Ok(loopback6));
            assert_eq!(ask(literal, AddrType::IPv6), Ok(loopback6));
            assert_eq!(ask(literal, AddrType::IPv4), none);
        }
        let unsupported = Err(Error::new(Phase::Resolve, io(embedded_io::ErrorKind::Unsupported)));
        assert_eq!(block_on(connector.get_host_by_address(loopback, &mut [0; 64])), unsupported);
        assert!(script.sent().is_empty());
    }

    #[test]
    fn the_end_of_a_tls_stream_is_told_from_a_cut() {
        let authority = Authority::new("Root");
        let remote = serve(authority.server_config("localhost", Validity::Now), &[true, false]);
        let root = authority.der();
        let anchors = [trust_anchor_from_der(&root).unwrap()];
        let tls = TlsContext::new(support::random, support::date).roots(Roots::only(&anchors));
        let (mut network, mut memory) = (support::network(), Resources::<1, 1>::new());
        let pool = SocketPool::new(&mut network, &mut memory);
        let connector = pool.connector(&tls, "localhost");
        for end in [Ok(0), Err(Error::new(Phase::Receive, ErrorKind::Truncated))] {
            async_io::block_on(async {
                let mut connection = connector.connect(remote).await.unwrap();
                connection.write_all(b"ping").await.unwrap();
                connection.flush().await.unwrap();
                let mut answer = [0; 4];
                connection.read_exact(&mut answer).await.unwrap();
                assert_eq!((&answer, connection.read(&mut [0; 4]).await), (b"pong", end));
            });
            assert_eq!(pool.counts().free, 1);
        }
    }
}

mod blocking {
    use embedded_io_async::{Read, Write};
    use embedded_nal::{
        AddrType, Dns, TcpClientStack, TcpError, TcpErrorKind,
        nb::{self, block},
    };
    use socketpool::{
        blocking::SocketPool,
        mock::{Line, Network},
        stack::{Connect, Connection, Family, Resolve, ResolveError},
        time::{BlockingTimer, Instant, Timer},
    };

    use super::*;

    /// What `receive` or `send` says when it cannot go on.
    fn stopped(outcome: nb::Result<usize, Error>) -> Option<TcpErrorKind> {
        match outcome.expect_err("it cannot go on") {
            nb::Error::WouldBlock => None,
            nb::Error::Other(error) => Some(TcpError::kind(&error)),
        }
    }

    #[test]
    fn without_a_proof_no_connection_and_nothing_in_the_clear() {
        for (peer, phase, kind, seconds) in NOT_TLS {
            for peer in [peer, peer.in_fragments_of(1)] {
                let peers = [peer];
                let script = Script::new(&peers);
                let (mut network, mut memory) = (script.network(), Resources::<1, 1>::new());
                let pool = SocketPool::new(&mut network, &mut memory);
                let tls = no_roots();
                let mut stack = pool.connector(&tls, HOST);
                let mut socket = stack.socket().unwrap();
                assert_eq!(stopped(stack.send(&mut socket, b"secret")), Some(TcpErrorKind::PipeClosed));
                let failed = nb::Error::Other(Error::new(phase, kind));
                assert_eq!(stack.connect(&mut socket, REMOTE), Err(failed), "{peer:?}");
                assert_eq!(script.open(), 0, "{peer:?}");
                assert_eq!(stopped(stack.send(&mut socket, b"secret")), Some(TcpErrorKind::PipeClosed));
                assert_eq!(stopped(stack.receive(&mut socket, &mut [0; 4])), Some(TcpErrorKind::PipeClosed));
                stack.close(socket).unwrap();
                assert_eq!(pool.counts().free, 1, "{peer:?}");
                assert!(is_hello_at_most(&script.sent()), "{peer:?}: {:?}", script.sent());
                assert_eq!(script.network().now().as_millis(), seconds * 1000, "{peer:?}");
            }
        }
    }

    #[test]
    fn a_socket_that_failed_can_be_connected_again() {
        let peers = [Peer::refusing(HOST, 8883), Peer::new(HOST, 8883, &[Step::Send(b"pong")])];
        let script = Script::new(&peers);
        let (mut network, mut memory) = (script.network(), Resources::<1>::new());
        let pool = SocketPool::new(&mut network, &mut memory);
        let mut stack = pool.connector(&MockTls, HOST);
        let mut socket = stack.socket().unwrap();
        assert!(stack.connect(&mut socket, REMOTE).is_err());
        stack.connect(&mut socket, REMOTE).unwrap();
        assert_eq!(stack.receive(&mut socket, &mut [0; 8]), Ok(4));
        let no_slot = Error::new(Phase::Setup, ErrorKind::Exhausted(Resource::Sockets));
        assert_eq!(stack.socket().err(), Some(no_slot));
        // Dropping it does what closing does.
        drop(socket);
        assert_eq!((pool.counts().free, script.open()), (1, 0));
    }

    #[test]
    fn without_memory_for_tls_nothing_is_said() {
        let peers = [Peer::new(HOST, 8883, &[])];
        let script = Script::new(&peers);
        let (mut network, mut memory) = (script.network(), Resources::<1, 0>::new());
        let pool = SocketPool::new(&mut network, &mut memory);
        let tls = no_roots();
        let mut stack = pool.connector(&tls, HOST);
        let exhausted = Error::new(Phase::Setup, ErrorKind::Exhausted(Resource::NoTlsSession));
        assert_eq!(stack.socket().err(), Some(exhausted));
        // Nor with a socket that was made without it: nothing is connected, so nothing is left behind, plain.
        let mut socket = pool.socket().unwrap();
        assert_eq!(stack.connect(&mut socket, REMOTE), Err(nb::Error::Other(exhausted)));
        assert_eq!(stopped(stack.send(&mut socket, b"secret")), Some(TcpErrorKind::PipeClosed));
        assert_eq!(script.connections(), 0);
        drop(socket);
        assert_eq!((pool.counts().free, script.open(), &*script.sent()), (1, 0, &b""[..]));
    }

    #[test]
    fn does_not_wait_and_tells_the_end_from_a_break() {
        let steps = [Step::Receive(b"ping"), Step::Send(b"pong"), Step::Close];
        let broken = [Step::Send(b"po"), Step::Reset];
        let peers =
            [Peer::new(HOST, 8883, &steps), Peer::new(HOST, 8883, &broken), Peer::new(HOST, 8883, &[Step::Stall])];
        let script = Script::new(&peers);
        let (mut network, mut memory) = (script.network(), Resources::<1>::new());
        let pool = SocketPool::new(&mut network, &mut memory);
        let mut stack = pool.plain_connector();
        let mut buffer = [0; 8];

        let mut socket = stack.socket().unwrap();
        stack.connect(&mut socket, REMOTE).unwrap();
        assert_eq!(stopped(stack.receive(&mut socket, &mut buffer)), None);
        assert_eq!(stack.send(&mut socket, b"ping"), Ok(4));
        assert_eq!(stack.receive(&mut socket, &mut []), Ok(0));
        assert_eq!(stack.receive(&mut socket, &mut buffer), Ok(4));
        for _ in 0..2 {
            assert_eq!(stopped(stack.receive(&mut socket, &mut buffer)), Some(TcpErrorKind::PipeClosed));
        }
        stack.close(socket).unwrap();

        let mut socket = stack.socket().unwrap();
        stack.connect(&mut socket, REMOTE).unwrap();
        assert_eq!(stack.receive(&mut socket, &mut buffer), Ok(2));
        assert_eq!(stopped(stack.receive(&mut socket, &mut buffer)), Some(TcpErrorKind::Other));
        drop(socket);

        let mut socket = stack.socket().unwrap();
        stack.connect(&mut socket, REMOTE).unwrap();
        for _ in 0..2 {
            assert_eq!(stopped(stack.send(&mut socket, b"ping")), None, "it can be tried again");
        }
        drop(socket);
        assert_eq!((pool.counts().free, script.open()), (1, 0));
        assert_eq!(script.network().now().as_millis(), 0);
    }

    #[test]
    fn addresses_of_literals_and_names() {
        let peers = [Peer::new(HOST, 8883, &[])];
        let script = Script::new(&peers);
        let (mut network, mut memory) = (script.network(), Resources::<1>::new());
        let pool = SocketPool::new(&mut network, &mut memory);
        let mut stack = pool.connector(&MockTls, HOST);
        let mut ask = |host, family| stack.get_host_by_name(host, family);
        let (loopback, loopback6) = (Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into());
        let none = Err(nb::Error::Other(Error::new(Phase::Resolve, ErrorKind::NoSuchName)));
        assert_eq!(ask(HOST, AddrType::Either), Ok(REMOTE.ip()));
        assert_eq!(ask("nobody.example", AddrType::Either), none);
        assert_eq!(ask("127.0.0.1", AddrType::Either), Ok(loopback));
        assert_eq!(ask("127.0.0.1", AddrType::IPv4), Ok(loopback));
        assert_eq!(ask("127.0.0.1", AddrType::IPv6), none);
        for literal in ["::1", "[::1]"] {
            assert_eq!(ask(literal, AddrType::Either), Ok(loopback6));
            assert_eq!(ask(literal, AddrType::IPv6), Ok(loopback6));
            assert_eq!(ask(literal, AddrType::IPv4), none);
        }
        let unsupported = Error::new(Phase::Resolve, io(embedded_io::ErrorKind::Unsupported));
        assert_eq!(stack.get_host_by_address(loopback, &mut [0; 64]), Err(nb::Error::Other(unsupported)));
        assert!(script.sent().is_empty());
    }

    /// embedded-nal has no flush: what `send` took must not wait for one.
    #[test]
    fn what_is_sent_over_tls_leaves_at_once_and_the_end_is_told_from_a_cut() {
        let authority = Authority::new("Root");
        let remote = serve(authority.server_config("localhost", Validity::Now), &[true, false]);
        let root = authority.der();
        let anchors = [trust_anchor_from_der(&root).unwrap()];
        let tls = TlsContext::new(support::random, support::date).roots(Roots::only(&anchors));
        let (mut network, mut memory) = (support::network(), Resources::<1, 1>::new());
        let pool = SocketPool::new(&mut network, &mut memory);
        let mut stack = pool.connector(&tls, "localhost");
        for end in [TcpErrorKind::PipeClosed, TcpErrorKind::Other] {
            let mut socket = stack.socket().unwrap();
            stack.connect(&mut socket, remote).unwrap();
            let start = std::time::Instant::now();
            assert_eq!(stopped(stack.receive(&mut socket, &mut [0; 8])), None);
            assert_eq!(stack.send(&mut socket, b"ping"), Ok(4));
            let mut patient = || match stack.receive(&mut socket, &mut [0; 8]) {
                Err(nb::Error::WouldBlock) if start.elapsed() > Duration::from_secs(20) => panic!("it did not leave"),
                outcome => outcome,
            };
            assert_eq!(block!(patient()), Ok(4));
            assert_eq!(TcpError::kind(&block!(patient()).unwrap_err()), end);
            let _ = stack.close(socket);
            assert_eq!(pool.counts().free, 1);
        }
    }

    /// A network that takes bytes, and has not flushed them yet.
    struct Slow<'a>(Network<'a>);

    struct SlowLine<'a>(Line<'a>);

    impl Clock for Slow<'_> {
        fn now(&self) -> Instant {
            self.0.now()
        }
    }

    impl Connect for Slow<'_> {
        type Connection<'a>
            = SlowLine<'a>
        where
            Self: 'a;

        async fn connect(&self, remote: SocketAddr) -> Result<SlowLine<'_>, embedded_io::ErrorKind> {
            self.0.connect(remote).await.map(SlowLine)
        }
    }

    impl Timer for Slow<'_> {
        async fn wait_until(&self, at: Instant) {
            self.0.wait_until(at).await;
        }
    }

    impl BlockingTimer for Slow<'_> {}

    impl Resolve for Slow<'_> {
        async fn resolve(&self, host: &str, family: Family) -> Result<std::net::IpAddr, ResolveError> {
            self.0.resolve(host, family).await
        }
    }

    impl embedded_io::ErrorType for SlowLine<'_> {
        type Error = embedded_io::ErrorKind;
    }

    impl Read for SlowLine<'_> {
        async fn read(&mut self, out: &mut [u8]) -> Result<usize, embedded_io::ErrorKind> {
            self.0.read(out).await
        }
    }

    impl Write for SlowLine<'_> {
        async fn write(&mut self, bytes: &[u8]) -> Result<usize, embedded_io::ErrorKind> {
            self.0.write(bytes).await
        }

        async fn flush(&mut self) -> Result<(), embedded_io::ErrorKind> {
            Err(embedded_io::ErrorKind::TimedOut)
        }
    }

    impl Connection for SlowLine<'_> {
        async fn shutdown(&mut self) -> Result<(), embedded_io::ErrorKind> {
            Ok(())
        }
    }

    #[test]
    fn what_was_taken_is_said_to_be_sent_once() {
        let peers = [Peer::new(HOST, 8883, &[])];
        let script = Script::new(&peers);
        let (mut network, mut memory) = (Slow(script.network()), Resources::<1>::new());
        let pool = SocketPool::new(&mut network, &mut memory);
        let mut stack = pool.plain_connector();
        let mut socket = stack.socket().unwrap();
        stack.connect(&mut socket, REMOTE).unwrap();
        assert_eq!(block!(stack.send(&mut socket, b"ping")), Ok(4));
        assert_eq!(block!(stack.send(&mut socket, b"pong")), Ok(4));
        assert_eq!(&*script.sent(), b"pingpong");
    }
}

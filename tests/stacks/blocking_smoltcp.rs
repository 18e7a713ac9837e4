//! The blocking pool over smoltcp-nal, with a real TCP on both ends of a wire in memory.
#![cfg(all(feature = "blocking", feature = "requests"))]

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use embedded_io::{ErrorKind as Io, Read as _};
use socketpool::{
    Error, ErrorKind, Phase, Resources,
    blocking::{Session, Socket, SocketPool, stack::Stack as PoolStack},
    pool::Shutdown,
    stack::{Family, SocketOption},
    time::{Clock, Deadline, run},
    traits::SocketPool as _,
};

use crate::support::smoltcp_nal::*;

/// Long enough for what will come.
const LONG: Option<Duration> = Some(Duration::from_secs(20));
/// Long enough for what will not.
const PATIENCE: Duration = Duration::from_millis(200);
const DO_NOT_WAIT: Option<Duration> = Some(Duration::ZERO);

type Pool<'s, S> = SocketPool<'s, S, SOCKETS>;

/// Runs a test with a pool over our stack. In the end every slot is free, and every socket of the stack too.
macro_rules! over_smoltcp {
    (fn $name:ident(|$pool:ident, $lab:ident| $test:block)) => {
        #[test]
        fn $name() {
            let ($lab, mut network) = lab();
            let mut memory = Resources::<SOCKETS>::new();
            let $pool = Pool::new(&mut network, &mut memory);
            $test
            assert_eq!($pool.counts().in_use, 0);
            let sockets: Vec<_> = (0..SOCKETS).map(|_| connected(&$pool, ECHO_PORT)).collect();
            assert_eq!(sockets.len(), SOCKETS, "the stack has them all again");
        }
    };
}

fn connected<'p, 's, S: PoolStack + 's>(pool: &'p Pool<'s, S>, port: u16) -> Socket<'p, 's, S, SOCKETS> {
    let mut socket = pool.socket().unwrap();
    socket.set_timeout(LONG);
    socket.connect_addr(at(port)).unwrap();
    socket
}

fn at(port: u16) -> SocketAddr {
    (PEER, port).into()
}

/// Lets so much time pass, and both stacks work.
fn pass<'s, S: PoolStack + 's>(pool: &Pool<'s, S>, time: Duration) {
    run(pool.timer(), pool.timer().wait_until(pool.timer().now().after(time)));
}

const fn receive(kind: ErrorKind) -> Error {
    Error::new(Phase::Receive, kind)
}

over_smoltcp! {
    fn a_session_gets_a_page_by_name(|pool, lab| {
        let http = Session::plain(&pool);
        for _ in 0..3 {
            let mut body = [0; 32];
            let mut response = http.get("http://peer.example/page").send().unwrap();
            assert_eq!(response.error_for_status().unwrap().text(&mut body), Ok(PAGE));
        }
        assert_eq!(lab.peer.borrow().seen.connections, 1, "the connection was used again");
        assert_eq!(pool.counts().idle, 1);
        pool.close_idle();
        assert_eq!(lab.peer.borrow().seen.fins, 1);
    })
}

over_smoltcp! {
    fn an_echo_comes_back_whole_though_frames_are_lost(|pool, lab| {
        lab.lose_every(5);
        let mut socket = connected(&pool, ECHO_PORT);
        for round in 0..20 {
            let sent: Vec<u8> = (0..1500).map(|index| (index * round) as u8).collect();
            let mut received = vec![0; sent.len()];
            socket.send_all(&sent).unwrap();
            socket.read_exact(&mut received).unwrap();
            assert_eq!(received, sent, "round {round}");
        }
        assert!(lab.lost() > 10, "{} were lost", lab.lost());
    })
}

over_smoltcp! {
    fn receiving_waits_for_ever_for_a_while_or_not_at_all(|pool, _lab| {
        let mut socket = connected(&pool, LATE_PORT);
        let mut buffer = [0; 8];
        socket.send_all(b"?").unwrap();
        socket.set_timeout(DO_NOT_WAIT);
        assert_eq!(socket.recv_into(&mut buffer), Err(receive(ErrorKind::WouldBlock)));
        socket.set_timeout(Some(PATIENCE));
        let began = pool.timer().now();
        assert_eq!(socket.recv_into(&mut buffer), Err(receive(ErrorKind::Timeout)));
        let (ended, due) = (pool.timer().now(), began.after(PATIENCE));
        assert!(ended >= due && ended <= due.after(Duration::from_millis(1)), "{ended:?}, not {due:?}");
        socket.set_timeout(None);
        assert_eq!(socket.recv_into(&mut buffer), Ok(GREETING.len()), "nothing was lost");
        assert_eq!(&buffer[..GREETING.len()], GREETING);

        socket.send_all(b"?").unwrap();
        pass(&pool, Duration::from_secs(1));
        socket.set_timeout(DO_NOT_WAIT);
        assert_eq!(socket.recv_into(&mut buffer), Ok(GREETING.len()), "what is there needs no waiting");
    })
}

over_smoltcp! {
    fn sending_without_room_says_how_far_it_came(|pool, _lab| {
        for (timeout, kind) in [(DO_NOT_WAIT, ErrorKind::WouldBlock), (Some(PATIENCE), ErrorKind::Timeout)] {
            let mut socket = connected(&pool, SILENT_PORT);
            socket.set_timeout(timeout);
            let failed = socket.send_all(&[0; 64 * 1024]).unwrap_err();
            assert_eq!(failed.error, Error::new(Phase::Send, kind));
            assert!(failed.sent >= ROOM && failed.sent < 64 * 1024, "{} bytes", failed.sent);
            socket.set_timeout(Some(PATIENCE));
            let _ = socket.send_all(&[0; 64 * 1024]);
            socket.set_timeout(timeout);
            assert_eq!(socket.send(b"x"), Err(Error::new(Phase::Send, kind)));
        }
    })
}

over_smoltcp! {
    fn an_attempt_to_connect_ends_with_its_time(|pool, _lab| {
        let mut socket = pool.socket().unwrap();
        let connect = |kind| Err(Error::new(Phase::Connect, kind));
        for _ in 0..2 * SOCKETS {
            socket.set_timeout(DO_NOT_WAIT);
            assert_eq!(socket.connect_addr(at(ECHO_PORT)), connect(ErrorKind::WouldBlock));
            socket.set_timeout(Some(PATIENCE));
            assert_eq!(socket.connect_addr((NOBODY, 80).into()), connect(ErrorKind::Timeout));
        }
        socket.set_timeout(None);
        socket.connect_addr(at(ECHO_PORT)).unwrap();
    })
}

over_smoltcp! {
    fn the_end_of_the_stream_stays_the_end(|pool, _lab| {
        let mut buffer = [0; 8];
        for timeout in [LONG, None] {
            let mut socket = connected(&pool, BYE_PORT);
            socket.set_timeout(timeout);
            socket.read_exact(&mut buffer[..GREETING.len()]).unwrap();
            assert_eq!(&buffer[..GREETING.len()], GREETING);
            assert_eq!(socket.recv_into(&mut buffer), Ok(0));
            socket.set_timeout(DO_NOT_WAIT);
            assert_eq!(socket.recv_into(&mut buffer), Ok(0));
        }
    })
}

over_smoltcp! {
    fn a_reset_is_no_end(|pool, _lab| {
        let mut socket = connected(&pool, RESET_PORT);
        socket.send_all(b"x").unwrap();
        let reset = ErrorKind::Io(Io::ConnectionReset);
        assert_eq!(socket.recv_into(&mut [0; 8]), Err(receive(reset)));
        assert_eq!(socket.send(b"x"), Err(Error::new(Phase::Send, ErrorKind::NotConnected)));
    })
}

over_smoltcp! {
    fn the_peer_sees_a_fin_after_close_and_after_drop(|pool, lab| {
        for port in [ECHO_PORT, SILENT_PORT, LATE_PORT] {
            connected(&pool, port).close().unwrap();
            drop(connected(&pool, port));
        }
        pass(&pool, Duration::from_millis(10));
        assert_eq!(lab.peer.borrow().seen, Seen { connections: 6, fins: 6, resets: 0 });
    })
}

over_smoltcp! {
    fn a_thousand_connections_on_two_sockets(|pool, lab| {
        for round in 0_u32..1000 {
            let mut socket = connected(&pool, ECHO_PORT);
            let mut buffer = [0; 4];
            socket.send_all(&round.to_be_bytes()).unwrap();
            socket.read_exact(&mut buffer).unwrap();
            assert_eq!(buffer, round.to_be_bytes());
            if round % 2 == 0 { socket.close().unwrap() } else { drop(socket) }
        }
        assert_eq!(lab.peer.borrow().seen, Seen { connections: 1000, fins: 1000, resets: 0 });
    })
}

over_smoltcp! {
    fn datagrams(|pool, _lab| {
        let mut socket = pool.udp_socket().unwrap();
        let mut buffer = [0; 64];
        socket.set_timeout(LONG);
        for text in [&b"one"[..], b"", b"three"] {
            socket.send_to(text, "peer.example", ECHO_PORT).unwrap();
            assert_eq!(socket.recv_from_into(&mut buffer), Ok((text.len(), at(ECHO_PORT))));
            assert_eq!(&buffer[..text.len()], text);
        }
        assert_ne!(socket.local_addr().unwrap().port(), 0, "it was bound");
        socket.set_timeout(DO_NOT_WAIT);
        assert_eq!(socket.recv_from_into(&mut buffer), Err(receive(ErrorKind::WouldBlock)));
        socket.set_timeout(Some(PATIENCE));
        assert_eq!(socket.recv_from_into(&mut buffer), Err(receive(ErrorKind::Timeout)));
        socket.set_timeout(None);
        socket.send_to_addr(b"again", at(ECHO_PORT)).unwrap();
        assert_eq!(socket.recv_from_into(&mut buffer), Ok((5, at(ECHO_PORT))));

        let mut other = pool.udp_socket().unwrap();
        other.bind("", 1234).unwrap();
        assert_eq!(other.local_addr().unwrap().port(), 1234);
        for _ in 0..100 {
            other.bind("", 0).unwrap();
        }
    })
}

over_smoltcp! {
    fn names(|pool, lab| {
        let resolve = |name: &str, family| {
            let deadline = Deadline::within(pool.timer(), Some(PATIENCE));
            pool.getaddrinfo(name, 80, family, deadline).map_err(|error| error.kind())
        };
        for _ in 0..5 {
            assert_eq!(resolve("peer.example", Family::Any), Ok(at(80)));
            assert_eq!(resolve("no-such.example", Family::Any), Err(ErrorKind::NoAnswer));
        }
        assert_eq!(resolve("peer.example", Family::Ipv6), Err(ErrorKind::NoAnswer), "it has none");
        assert_eq!(resolve("silent.example", Family::Any), Err(ErrorKind::Timeout));
        assert!(lab.peer.borrow().questions >= 10);
    })
}

over_smoltcp! {
    fn names_that_nobody_answers_do_not_keep_others_from_being_resolved(|pool, _lab| {
        let resolve = |name: &str, seconds| {
            let deadline = Deadline::within(pool.timer(), Some(Duration::from_secs(seconds)));
            pool.getaddrinfo(name, 80, Family::Ipv4, deadline).map_err(|error| error.kind())
        };
        for name in ["a.silent.example", "b.silent.example", "c.silent.example", "d.silent.example"] {
            assert_eq!(resolve(name, 3), Err(ErrorKind::Timeout));
        }
        assert_eq!(resolve("peer.example", 20), Ok(at(80)));
        assert_eq!(resolve("a.silent.example", 20), Err(ErrorKind::NoAnswer), "the stack has given up itself");
    })
}

over_smoltcp! {
    fn what_the_stack_cannot_do_has_a_name(|pool, _lab| {
        let unsupported = ErrorKind::Io(Io::Unsupported);
        let mut socket = connected(&pool, ECHO_PORT);
        for option in [SocketOption::NoDelay(true), SocketOption::KeepAlive(LONG)] {
            assert_eq!(socket.set_option(option), Err(Error::new(Phase::Setup, unsupported)));
        }
        assert_eq!(socket.local_addr(), Err(Error::new(Phase::Setup, unsupported)));
        assert_eq!(socket.shutdown(Shutdown::Write), Err(Error::new(Phase::Close, unsupported)));
        socket.set_timeout(Some(PATIENCE));
        let connect = |kind| Err(Error::new(Phase::Connect, kind));
        assert_eq!(socket.connect("::1", ECHO_PORT), connect(unsupported));
        assert_eq!(socket.connect_addr(at(NO_PORT)), connect(ErrorKind::Timeout), "a refusal is tried again");

        let mut datagrams = pool.udp_socket().unwrap();
        let listen = Err(Error::new(Phase::Listen, unsupported));
        assert_eq!(datagrams.bind("10.0.0.1", 5), listen);
        datagrams.bind("", 5).unwrap();
        let setup = Err(Error::new(Phase::Setup, unsupported));
        assert_eq!(datagrams.join(IpAddr::from([224, 0, 0, 251])), setup);
        assert_eq!(datagrams.set_option(SocketOption::MulticastTtl(1)), setup);
        assert!(datagrams.send_to_addr(b"x", "[::1]:7".parse().unwrap()).is_err());
    })
}

#[test]
fn a_stack_with_fewer_sockets_than_the_pool_says_so() {
    let (_lab, mut network) = lab();
    let mut memory = Resources::<{ SOCKETS + 1 }>::new();
    let pool = SocketPool::new(&mut network, &mut memory);
    let open = || {
        let mut socket = pool.socket().unwrap();
        socket.set_timeout(LONG);
        socket.connect_addr(at(ECHO_PORT)).map(|()| socket)
    };
    let (one, two) = (open().unwrap(), open().unwrap());
    let full = Error::new(Phase::Connect, ErrorKind::Io(Io::OutOfMemory));
    assert_eq!(open().unwrap_err(), full);
    drop(one);
    assert!(open().is_ok());
    drop(two);
}

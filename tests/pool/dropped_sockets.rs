//! Futures of sockets that are dropped half-way, at every await there is: nothing is lost, nothing is left open, and nobody
//! stands in line for ever. (Those of requests: `http/dropped.rs`.)
#![cfg(all(feature = "mock", feature = "blocking"))]

use embedded_io_async::BufRead as _;
use socketpool::{
    ErrorKind, Resources, SocketPool,
    mock::{Peer, Script, Step, block_on},
    pool::{Key, Shutdown},
    time::Deadline,
    traits::{Need, Socket as _, SocketPool as _},
};

use crate::support::both::poll_times;

const HOST: &str = "peer.example";
const KEY: Key<'static> = Key { host: HOST, port: 80, session_id: 0, tls: None };
const HELLO: &[Step<'static>] = &[Step::Send(b"hello")];

/// A peer of whom everything has to be awaited.
const fn peer<'a>(steps: &'a [Step<'a>]) -> Peer<'a> {
    Peer::new(HOST, 80, steps).in_fragments_of(2).hesitating()
}

/// Makes futures and drops each after so many polls, until one is ready. Says how many were dropped, and what came.
fn dropped_until_ready<T>(polls: usize, mut again: impl AsyncFnMut() -> T) -> (usize, T) {
    (0..100).find_map(|drops| Some((drops, poll_times(again(), polls)?))).expect("ready some time")
}

#[test]
fn connect() {
    let peers = [Peer::silent("silent.example", 80), peer(HELLO)];
    for polls in 0.. {
        let script = Script::new(&peers);
        let (mut network, mut memory) = (script.network(), Resources::<1>::new());
        let pool = SocketPool::new(&mut network, &mut memory);
        let mut socket = block_on(pool.socket()).unwrap();
        assert_eq!(poll_times(socket.connect("silent.example", 80), polls), None);
        let outcome = poll_times(socket.connect(HOST, 80), polls);
        assert_eq!(script.open(), usize::from(outcome.is_some()), "after {polls} polls");
        if outcome.is_some() {
            assert!(polls > 1);
            return;
        }
        block_on(socket.connect(HOST, 80)).unwrap();
        assert_eq!(block_on(socket.recv_into(&mut [0; 8])), Ok(2));
    }
}

#[test]
fn receive_peek_and_fill_lose_nothing() {
    let peers = [peer(HELLO), peer(HELLO), peer(HELLO)];
    let script = Script::new(&peers);
    let (mut network, mut memory) = (script.network(), Resources::<1>::new());
    let pool = SocketPool::new(&mut network, &mut memory);
    let mut socket = block_on(pool.socket()).unwrap();
    for way in 0..3 {
        block_on(socket.connect(HOST, 80)).unwrap();
        let (mut text, mut drops) = (Vec::<u8>::new(), 0);
        while text.len() < 5 {
            let mut byte = [0];
            let (more, count) = match way {
                0 => dropped_until_ready(1, async || socket.recv_into(&mut byte).await.unwrap()),
                1 => {
                    let (drops, peeked) = dropped_until_ready(1, async || socket.peek(&mut [0; 1]).await.unwrap());
                    let (more, count) = dropped_until_ready(1, async || socket.recv_into(&mut byte).await.unwrap());
                    assert_eq!(peeked, count);
                    (drops + more, count)
                }
                _ => {
                    let (drops, first) = dropped_until_ready(1, async || socket.fill_buf().await.unwrap()[0]);
                    socket.consume(1);
                    byte = [first];
                    (drops, 1)
                }
            };
            text.extend(&byte[..count]);
            drops += more;
        }
        assert_eq!(text, b"hello");
        assert!(drops > 0, "there was something to drop");
    }
}

#[test]
fn send_sends_nothing() {
    let peers = [peer(&[])];
    let script = Script::new(&peers);
    let (mut network, mut memory) = (script.network(), Resources::<1>::new());
    let pool = SocketPool::new(&mut network, &mut memory);
    let mut socket = block_on(pool.socket()).unwrap();
    block_on(socket.connect(HOST, 80)).unwrap();
    assert_eq!(poll_times(socket.send(b"hello"), 1), None);
    assert_eq!(script.sent(), b"");
    assert_eq!(block_on(socket.send(b"hello")), Ok(2));
    socket.keep(KEY);
    assert_eq!(pool.counts().idle, 1, "and the connection is as good as before");
}

/// A direction that may have been ended is never used again.
#[test]
fn shutdown_is_not_kept() {
    let peers = [peer(HELLO), peer(HELLO)];
    for polls in 0..3 {
        let script = Script::new(&peers);
        let (mut network, mut memory) = (script.network(), Resources::<1>::new());
        let pool = SocketPool::new(&mut network, &mut memory);
        let mut socket = block_on(pool.socket()).unwrap();
        block_on(socket.connect(HOST, 80)).unwrap();
        let outcome = poll_times(socket.shutdown(Shutdown::Write), polls);
        assert_eq!(outcome.is_some(), polls == 2);
        assert_eq!(block_on(socket.recv_into(&mut [0; 8])), Ok(2), "the other direction is open");
        socket.keep(KEY);
        assert_eq!((pool.counts().idle, script.open()), (usize::from(polls == 0), usize::from(polls == 0)));
    }
}

/// Its twin cannot be dropped, but time can run out.
#[test]
fn shutdown_that_ran_out_of_time_is_not_kept() {
    use socketpool::blocking;
    let peers = [peer(HELLO)];
    let script = Script::new(&peers);
    let (mut network, mut memory) = (script.network(), Resources::<1>::new());
    let pool = blocking::SocketPool::new(&mut network, &mut memory);
    let mut socket = pool.socket().unwrap();
    socket.connect(HOST, 80).unwrap();
    socket.set_deadline(Deadline::at(socketpool::time::Instant::from_millis(0)));
    assert!(socket.shutdown(Shutdown::Write).unwrap_err().is_timeout());
    socket.keep(KEY);
    assert_eq!((pool.counts().idle, script.open()), (0, 0));
}

#[test]
fn close_frees_the_slot() {
    let peers = [peer(HELLO)];
    for polls in 0..4 {
        let script = Script::new(&peers);
        let (mut network, mut memory) = (script.network(), Resources::<1>::new());
        let pool = SocketPool::new(&mut network, &mut memory);
        let mut socket = block_on(pool.socket()).unwrap();
        block_on(socket.connect(HOST, 80)).unwrap();
        assert_eq!(poll_times(socket.close(), polls).is_some(), polls >= 2);
        assert_eq!((pool.counts().free, script.open()), (1, 0), "after {polls} polls");
    }
}

#[test]
fn listen_and_accept_lose_nobody() {
    let come = |host| Peer::client(host, 7, HELLO).in_fragments_of(2).hesitating();
    let peers = [come("one.example"), come("two.example")];
    let script = Script::new(&peers);
    let (mut network, mut memory) = (script.network(), Resources::<2>::new());
    let pool = SocketPool::new(&mut network, &mut memory);
    let bound = || {
        let mut socket = block_on(pool.socket()).unwrap();
        socket.bind("", 7).unwrap();
        socket
    };
    drop(bound().listen(1));
    assert_eq!((pool.counts().free, script.open()), (2, 0), "a future that was never polled holds nothing");

    let mut listener = block_on(bound().listen(1)).unwrap();
    let (drops, client) = dropped_until_ready(1, async || listener.accept().await.unwrap());
    assert_eq!((drops, script.open()), (1, 2), "the listener, and one client");

    // The second comes while the pool is full: it waits in the listener, and whoever waits for it in line.
    for polls in 1..6 {
        assert!(poll_times(listener.accept(), polls).is_none());
        assert_eq!((pool.counts().waiting, script.open()), (0, if polls == 1 { 2 } else { 3 }), "after {polls} polls");
    }
    drop(client);
    let (mut client, address) = block_on(listener.accept()).unwrap();
    assert_eq!(Ok(address), client.peer_addr());
    assert_eq!(block_on(client.recv_into(&mut [0; 8])), Ok(2));
    drop((client, listener));
    assert_eq!((pool.counts().free, script.open()), (2, 0));
}

#[test]
fn whoever_leaves_the_line_is_in_nobodys_way() {
    let script = Script::new(&[]);
    let (mut network, mut memory) = (script.network(), Resources::<1>::new());
    let pool = SocketPool::new(&mut network, &mut memory);
    let held = block_on(pool.socket()).unwrap();
    for polls in 0..4 {
        assert!(poll_times(pool.socket_until(Deadline::NEVER), polls).is_none());
        assert_eq!(pool.counts().waiting, 0, "after {polls} polls");
    }
    assert!(matches!(block_on(pool.socket()).unwrap_err().kind(), ErrorKind::Exhausted(_)), "after ten seconds");
    drop(held);
    assert!(poll_times(pool.socket_until(Deadline::NEVER), 1).is_some());
}

/// The idle connection that was being closed for its slot may be lost, the slot is not.
#[test]
fn a_slot_whose_idle_connection_is_being_closed() {
    let peers = [peer(HELLO), peer(HELLO), peer(HELLO), peer(HELLO)];
    let script = Script::new(&peers);
    let (mut network, mut memory) = (script.network(), Resources::<1>::new());
    let pool = SocketPool::new(&mut network, &mut memory);
    for polls in 0..4 {
        let mut socket = block_on(async {
            let (place, _) = pool.reserve(Need::default(), Deadline::NEVER).await.unwrap();
            pool.socket_in(place, Some(KEY)).await.0
        });
        block_on(socket.connect(HOST, 80)).unwrap();
        socket.keep(KEY);
        assert_eq!(poll_times(pool.socket(), polls).is_some(), polls >= 2);
        assert_eq!(pool.counts().in_use, 0);
        assert_eq!(pool.counts().idle, script.open(), "after {polls} polls");
    }
}

#[test]
fn udp_loses_nothing() {
    let steps = [Step::Receive(b"?"), Step::Send(b"!")];
    let peers = [Peer::udp("echo.example", 7, &steps).hesitating()];
    let script = Script::new(&peers);
    let (mut network, mut memory) = (script.network(), Resources::<1>::new());
    let pool = SocketPool::new(&mut network, &mut memory);
    assert!(poll_times(pool.udp_socket(), 0).is_none());
    let mut socket = block_on(pool.udp_socket()).unwrap();
    drop(socket.bind("", 9));
    assert_eq!(script.open(), 0);
    block_on(socket.bind("", 9)).unwrap();
    drop(socket.connect("echo.example", 7));
    assert_eq!(block_on(socket.send(b"?")).unwrap_err().kind(), ErrorKind::NotConnected);
    block_on(socket.connect("echo.example", 7)).unwrap();
    assert_eq!(dropped_until_ready(1, async || socket.send(b"?").await), (1, Ok(())));
    assert_eq!(dropped_until_ready(1, async || socket.recv_into(&mut [0; 8]).await), (1, Ok(1)));
    drop(socket);
    assert_eq!((pool.counts().free, script.open()), (1, 0));
}

/// The real thing: a connection that nobody answers, and a port, are given up with the future.
#[test]
fn over_the_host() {
    use rustix::net::{AddressFamily, SocketType};
    use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
    let full = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    rustix::net::bind(&full, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
    rustix::net::listen(&full, 0).unwrap();
    let full = TcpListener::from(full);
    let silent = full.local_addr().unwrap();
    let _filler = TcpStream::connect(silent).unwrap();

    let (mut network, mut memory) = (socketpool::host::Network::new(), Resources::<2>::new());
    let pool = SocketPool::new(&mut network, &mut memory);
    let mut socket = block_on(pool.socket()).unwrap();
    assert_eq!(poll_times(socket.connect_addr(silent), 3), None);
    let mut listening = block_on(pool.socket()).unwrap();
    listening.bind("127.0.0.1", 0).unwrap();
    let mut listener = async_io::block_on(listening.listen(1)).unwrap();
    let port = listener.local_addr().unwrap().port();
    assert!(poll_times(listener.accept(), 3).is_none());
    let client = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    assert!(poll_times(listener.accept(), 1).is_none(), "it has come, but there is no slot");
    drop(socket);
    let (accepted, address) = async_io::block_on(listener.accept()).unwrap();
    assert_eq!(address, client.local_addr().unwrap());
    drop((accepted, listener));
    assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err(), "nobody listens any more");
    assert_eq!(pool.counts().free, 2);
}

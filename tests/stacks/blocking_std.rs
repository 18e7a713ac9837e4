//! The blocking pool over std-embedded-nal: client and server, datagrams and names on the loopback, pool to pool.
#![cfg(feature = "blocking")]

use std::{net::SocketAddr, thread, time::Duration};

use embedded_io::{ErrorKind as Io, Read as _};
use socketpool::{
    Error, ErrorKind, Phase, Resource, Resources,
    blocking::{Listener, Network, SocketPool, ZeroRead, stack::Stack, traits::SocketPool as _},
    host,
    pool::WhenFull,
    stack::{Family, Listen, SocketOption},
    time::Deadline,
};

const LONG: Option<Duration> = Some(Duration::from_secs(20));
const PATIENCE: Option<Duration> = Some(Duration::from_millis(60));
const DO_NOT_WAIT: Option<Duration> = Some(Duration::ZERO);

/// The network of std-embedded-nal, which knows what went wrong.
fn nal() -> Network<std_embedded_nal::Stack, host::Timer, impl Fn(&mut std_embedded_nal::Stack)> {
    let idle = |_: &mut _| thread::sleep(Duration::from_micros(200));
    Network::new(std_embedded_nal::Stack, host::Timer, idle, ZeroRead::Eof).tcp_errors(|error| error.0.kind().into())
}

type Pool<'s, S, const N: usize> = SocketPool<'s, S, N>;

fn listen<'p, 's, S: Stack + Listen + 's, const N: usize>(
    pool: &'p Pool<'s, S, N>,
    port: u16,
) -> Result<Listener<'p, 's, S, N>, Error> {
    let mut socket = pool.socket()?;
    socket.set_timeout(LONG);
    socket.bind("", port)?;
    socket.listen(2)
}

fn loopback(at: SocketAddr) -> SocketAddr {
    ([127, 0, 0, 1], at.port()).into()
}

/// Sends what it hears from `clients` clients back, over a pool of its own. Returns where.
fn echo(clients: usize) -> SocketAddr {
    let (tell, told) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let (mut network, mut memory) = (nal(), Resources::<2>::new());
        let pool = Pool::<_, 2>::new(&mut network, &mut memory);
        let mut listener = listen(&pool, 0).unwrap();
        tell.send(listener.local_addr().unwrap()).unwrap();
        for _ in 0..clients {
            let (mut socket, client) = listener.accept().unwrap();
            assert!(client.is_ipv4(), "{client}");
            let mut buffer = [0; 64];
            loop {
                match socket.recv_into(&mut buffer).unwrap() {
                    0 => break,
                    received => socket.send_all(&buffer[..received]).unwrap(),
                }
            }
            socket.close().unwrap();
        }
    });
    loopback(told.recv().unwrap())
}

#[test]
fn client_and_server_speak_pool_to_pool() {
    let server = echo(3);
    let (mut network, mut memory) = (nal(), Resources::<1>::new());
    let pool = Pool::<_, 1>::new(&mut network, &mut memory);
    for text in [&b"one"[..], b"two", b"three"] {
        let mut socket = pool.socket().unwrap();
        socket.set_timeout(LONG);
        socket.connect("localhost", server.port()).unwrap();
        assert_eq!(socket.peer_addr(), Ok(server));
        socket.send_all(text).unwrap();
        let mut buffer = [0; 64];
        socket.read_exact(&mut buffer[..text.len()]).unwrap();
        assert_eq!(&buffer[..text.len()], text);
        socket.set_timeout(DO_NOT_WAIT);
        assert_eq!(socket.recv_into(&mut buffer), Err(Error::new(Phase::Receive, ErrorKind::WouldBlock)));
        socket.set_timeout(PATIENCE);
        assert_eq!(socket.recv_into(&mut buffer), Err(Error::new(Phase::Receive, ErrorKind::Timeout)));
        socket.close().unwrap();
        assert_eq!(pool.counts().free, 1);
    }
}

#[test]
fn nobody_comes_and_nobody_is_there() {
    let (mut network, mut memory) = (nal(), Resources::<2>::new());
    let pool = Pool::<_, 2>::new(&mut network, &mut memory);
    let mut listener = listen(&pool, 0).unwrap();
    for (timeout, kind) in [(DO_NOT_WAIT, ErrorKind::WouldBlock), (PATIENCE, ErrorKind::Timeout)] {
        listener.set_timeout(timeout);
        assert_eq!(listener.accept().unwrap_err(), Error::new(Phase::Listen, kind));
    }
    let here = listener.local_addr().unwrap();
    let in_use = Error::new(Phase::Listen, ErrorKind::Io(Io::AddrInUse));
    assert_eq!(listen(&pool, here.port()).unwrap_err(), in_use);
    drop(listener);
    assert_eq!(pool.counts().free, 2);

    let mut socket = pool.socket().unwrap();
    socket.set_timeout(LONG);
    let refused = Error::new(Phase::Connect, ErrorKind::Io(Io::ConnectionRefused));
    assert_eq!(socket.connect_addr(loopback(here)), Err(refused));
    assert!(listen(&pool, here.port()).is_ok(), "the port is free again");
}

#[test]
fn a_client_for_whom_there_is_no_slot_waits_or_is_refused() {
    let (mut network, mut memory) = (nal(), Resources::<2>::new());
    let pool = Pool::<_, 2>::new(&mut network, &mut memory);
    let mut listener = listen(&pool, 0).unwrap();
    let here = loopback(listener.local_addr().unwrap());
    let first = std::net::TcpStream::connect(here).unwrap();
    let second = std::net::TcpStream::connect(here).unwrap();
    let (one, _) = listener.accept().unwrap();
    let full = Error::new(Phase::Listen, ErrorKind::Exhausted(Resource::Sockets));
    assert_eq!(listener.accept().unwrap_err(), full);
    drop(one);
    let (two, client) = listener.accept().unwrap();
    assert_eq!(client, second.local_addr().unwrap(), "it waited");
    let mut third = std::net::TcpStream::connect(here).unwrap();
    listener.set_when_full(WhenFull::Refuse);
    listener.set_timeout(PATIENCE);
    assert_eq!(listener.accept().unwrap_err(), Error::new(Phase::Listen, ErrorKind::Timeout));
    assert_eq!(std::io::Read::read(&mut third, &mut [0]).unwrap(), 0, "it was refused");
    drop((two, first));
}

#[test]
fn what_embedded_nal_has_no_word_for_has_a_name() {
    let (mut network, mut memory) = (nal(), Resources::<1>::new());
    let pool = Pool::<_, 1>::new(&mut network, &mut memory);
    let unsupported = Error::new(Phase::Listen, ErrorKind::Io(Io::Unsupported));
    let mut socket = pool.socket().unwrap();
    socket.bind("127.0.0.1", 0).unwrap();
    assert_eq!(socket.listen(1).unwrap_err(), unsupported, "one of several addresses");
    let mut socket = pool.socket().unwrap();
    socket.bind("", 0).unwrap();
    socket.set_option(SocketOption::ReuseAddress(true)).unwrap();
    assert_eq!(socket.listen(1).unwrap_err(), unsupported, "a port in TIME-WAIT");
    assert_eq!(pool.counts().free, 1);
}

#[test]
fn datagrams_and_names() {
    let (mut network, mut memory) = (nal(), Resources::<2>::new());
    let pool = Pool::<_, 2>::new(&mut network, &mut memory);
    let (mut one, mut two) = (pool.udp_socket().unwrap(), pool.udp_socket().unwrap());
    for socket in [&mut one, &mut two] {
        socket.set_timeout(LONG);
        socket.bind("", 0).unwrap();
    }
    let (at_one, at_two) = (loopback(one.local_addr().unwrap()), loopback(two.local_addr().unwrap()));
    let mut buffer = [0; 16];
    one.send_to(b"there", "localhost", at_two.port()).unwrap();
    assert_eq!(two.recv_from_into(&mut buffer), Ok((5, at_one)));
    two.send_to_addr(b"back", at_one).unwrap();
    assert_eq!(one.recv_from_into(&mut buffer), Ok((4, at_two)));
    one.set_timeout(DO_NOT_WAIT);
    assert_eq!(one.recv_from_into(&mut buffer), Err(Error::new(Phase::Receive, ErrorKind::WouldBlock)));

    let deadline = Deadline::within(pool.timer(), LONG);
    assert_eq!(pool.getaddrinfo("localhost", 80, Family::Ipv4, deadline).unwrap(), ([127, 0, 0, 1], 80).into());
    let unknown = pool.getaddrinfo("no-such-name.invalid", 80, Family::Any, deadline).unwrap_err();
    assert_eq!(unknown, Error::new(Phase::Resolve, ErrorKind::NoAnswer));
}

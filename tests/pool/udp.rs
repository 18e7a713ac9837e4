//! UDP through both faces: over a scripted network, over the host's, and over a stack with every quirk there is.
#![cfg(all(feature = "mock", feature = "blocking"))]

use std::{cell::RefCell, collections::VecDeque, net::SocketAddr, rc::Rc, thread, time::Duration};

use embedded_nal::{TcpClientStack, TcpError, TcpErrorKind, UdpClientStack, UdpFullStack, nb};
use socketpool::{
    Error, ErrorKind, Phase, Resource, Resources, SocketPool,
    blocking::stack::{Network, UdpSilence, ZeroRead},
    host,
    mock::{Peer, Script, Step, block_on},
    pool::Key,
    stack::{DatagramSocket as _, Datagrams as _, Family, Local},
    time::{Deadline, Timer as _},
};

use crate::support::both::{loopback, poll_times, scripted};

const PATIENCE: Option<Duration> = Some(Duration::from_millis(60));
const LONG: Option<Duration> = Some(Duration::from_secs(20));

/// This port of every local address.
const fn any(port: u16) -> Local {
    Local { address: None, family: Family::Any, port }
}

const fn failed(phase: Phase, kind: ErrorKind) -> Error {
    Error::new(phase, kind)
}

scripted! {
    fn a_datagram_goes_and_others_come<1>([
        Peer::udp("echo.example", 7, &[Step::Receive(b"hello"), Step::Send(b"hello, world"), Step::Send(b"")]),
    ], |pool, script| {
        let mut socket = wait!(pool.udp_socket()).unwrap();
        socket.set_timeout(LONG);
        let mut buffer = [0; 5];
        let unbound = Err(failed(Phase::Receive, ErrorKind::NotConnected));
        assert_eq!(wait!(socket.recv_from_into(&mut buffer)), unbound);
        wait!(socket.send_to(b"not heard", "echo.example", 7)).unwrap();
        wait!(socket.send_to(b"nobody is there", "echo.example", 8)).unwrap();
        let silence = Err(failed(Phase::Receive, ErrorKind::Timeout));
        assert_eq!(wait!(socket.recv_from_into(&mut buffer)), silence);
        wait!(socket.send_to(b"well, hello!", "echo.example", 7)).unwrap();
        let (size, sender) = wait!(socket.recv_from_into(&mut buffer)).unwrap();
        assert_eq!((size, &buffer, sender.port()), (12, b"hello", 7), "the true size, and what fits");
        assert_eq!(wait!(socket.recv_from_into(&mut buffer)), Ok((0, sender)), "an empty datagram is one");
        wait!(socket.send_to_addr(b"bye", sender)).unwrap();
        assert!(script.sent().ends_with(b"well, hello!bye"));
        let unknown = Err(failed(Phase::Resolve, ErrorKind::NoSuchName));
        assert_eq!(wait!(socket.send_to(b"", "nobody.example", 7)), unknown);
        socket.set_deadline(Deadline::at(socketpool::time::Instant::from_millis(0)));
        let late = Err(failed(Phase::Send, ErrorKind::Timeout));
        assert_eq!(wait!(socket.send_to_addr(b"too late", sender)), late);
        drop(socket);
        assert_eq!(script.open(), 0);
    })
}

scripted! {
    fn it_takes_a_slot<1>([Peer::new("kept.example", 80, &[])], |pool, script| {
        let mut tcp = wait!(pool.socket()).unwrap();
        let exhausted = failed(Phase::Setup, ErrorKind::Exhausted(Resource::Sockets));
        assert_eq!(wait!(pool.udp_socket()).unwrap_err(), exhausted);
        wait!(tcp.connect("kept.example", 80)).unwrap();
        tcp.keep(Key { host: "kept.example", port: 80, session_id: 0, tls: None });
        assert_eq!((pool.counts().idle, script.open()), (1, 1));

        let mut udp = wait!(pool.udp_socket()).unwrap();
        assert_eq!((pool.counts().in_use, pool.counts().idle, script.open()), (1, 0, 0), "the idle one had to go");
        assert_eq!(wait!(pool.socket()).unwrap_err(), exhausted);
        wait!(udp.bind("", 9)).unwrap();
        wait!(udp.bind("", 10)).unwrap();
        assert_eq!(script.open(), 1, "what it was bound to before is closed");
        drop(udp);
        assert_eq!((pool.counts().free, script.open()), (1, 0));
    })
}

scripted! {
    fn who_is_bound_hears_from_anybody<1>([
        Peer::udp("one.example", 1, &[Step::Send(b"first"), Step::Receive(b"yes"), Step::Send(b"third")]),
        Peer::udp("two.example", 2, &[Step::Send(b"second"), Step::Stall, Step::Send(b"never")]),
    ], |pool, script| {
        let mut socket = wait!(pool.udp_socket()).unwrap();
        socket.set_timeout(LONG);
        wait!(socket.bind("", 53)).unwrap();
        let mut buffer = [0; 16];
        let (size, one) = wait!(socket.recv_from_into(&mut buffer)).unwrap();
        assert_eq!((&buffer[..size], one.port()), (&b"first"[..], 1));
        let (size, two) = wait!(socket.recv_from_into(&mut buffer)).unwrap();
        assert_eq!((&buffer[..size], two.port()), (&b"second"[..], 2));
        wait!(socket.send_to_addr(b"yes", one)).unwrap();
        assert_eq!(wait!(socket.recv_from_into(&mut buffer)), Ok((5, one)));
        assert!(wait!(socket.recv_from_into(&mut buffer)).unwrap_err().is_timeout());
        assert_eq!(script.writes(), 1);
    })
}

/// Sends every datagram back. Returns where it is.
fn echo() -> SocketAddr {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    thread::spawn(move || {
        let mut buffer = [0; 2048];
        while let Ok((size, sender)) = socket.recv_from(&mut buffer) {
            socket.send_to(&buffer[..size], sender).unwrap();
        }
    });
    address
}

loopback! {
    fn an_echo_comes_back_over_the_host<2, 0>(|pool| {
        let (one, two) = (echo(), echo());
        let mut buffer = [0; 64];
        let mut socket = wait!(pool.udp_socket()).unwrap();
        socket.set_timeout(LONG);
        for (server, text) in [(one, &b"one"[..]), (two, b"two"), (one, b"again")] {
            wait!(socket.send_to(text, "localhost", server.port())).unwrap();
            let (size, sender) = wait!(socket.recv_from_into(&mut buffer)).unwrap();
            assert_eq!((&buffer[..size], sender), (text, server));
        }
        socket.set_timeout(PATIENCE);
        assert!(wait!(socket.recv_from_into(&mut buffer)).unwrap_err().is_timeout());

        let taken = one.port();
        let mut other = wait!(pool.udp_socket()).unwrap();
        wait!(other.bind("", 0)).unwrap();
        other.set_timeout(LONG);
        wait!(other.send_to_addr(b"from a bound one", two)).unwrap();
        assert_eq!(wait!(other.recv_from_into(&mut buffer)), Ok((16, two)));
        assert_eq!(wait!(other.bind("", taken)).unwrap_err().phase(), Phase::Listen);
    })
}

#[test]
fn dropped_at_any_await_a_datagram_is_not_lost_and_the_slot_comes_back() {
    let steps = [Step::Receive(b"?"), Step::Send(b"!")];
    let peers = [Peer::udp("echo.example", 7, &steps).hesitating()];
    let script = Script::new(&peers);
    let (mut network, mut memory) = (script.network(), Resources::<1>::new());
    let pool = SocketPool::new(&mut network, &mut memory);
    let mut socket = block_on(pool.udp_socket()).unwrap();
    assert_eq!(poll_times(socket.send_to(b"?", "echo.example", 7), 1), None);
    block_on(socket.send_to(b"?", "echo.example", 7)).unwrap();
    let mut buffer = [0; 8];
    assert_eq!(poll_times(socket.recv_from_into(&mut buffer), 1), None);
    assert_eq!(block_on(socket.recv_from_into(&mut buffer)).unwrap().0, 1);
    drop(socket);
    assert_eq!((pool.counts().free, script.open()), (1, 0));
}

/// A stack with the quirks of them all: silence is an error, port 0 and half of the others are refused, and a socket that
/// is not closed is lost.
#[derive(Default)]
struct Odd {
    open: usize,
    bound: Vec<u16>,
    arrived: VecDeque<&'static [u8]>,
    polls: usize,
}

#[derive(Clone, Default)]
struct Quirks(Rc<RefCell<Odd>>);

#[derive(Debug)]
struct Failure;

impl TcpError for Failure {
    fn kind(&self) -> TcpErrorKind {
        TcpErrorKind::Other
    }
}

impl UdpClientStack for Quirks {
    type UdpSocket = ();
    type Error = Failure;

    fn socket(&mut self) -> Result<(), Failure> {
        self.0.borrow_mut().open += 1;
        Ok(())
    }

    fn connect(&mut self, (): &mut (), _: SocketAddr) -> Result<(), Failure> {
        Err(Failure)
    }

    fn send(&mut self, (): &mut (), _: &[u8]) -> nb::Result<(), Failure> {
        Err(nb::Error::Other(Failure))
    }

    fn receive(&mut self, (): &mut (), out: &mut [u8]) -> nb::Result<(usize, SocketAddr), Failure> {
        let datagram = self.0.borrow_mut().arrived.pop_front().ok_or(nb::Error::Other(Failure))?;
        out[..datagram.len()].copy_from_slice(datagram);
        Ok((datagram.len(), "[::ffff:10.0.0.1]:7".parse().unwrap()))
    }

    fn close(&mut self, (): ()) -> Result<(), Failure> {
        self.0.borrow_mut().open -= 1;
        Ok(())
    }
}

impl UdpFullStack for Quirks {
    fn bind(&mut self, (): &mut (), port: u16) -> Result<(), Failure> {
        let mut odd = self.0.borrow_mut();
        odd.bound.push(port);
        if port == 0 || odd.bound.len() % 2 == 1 { Err(Failure) } else { Ok(()) }
    }

    fn send_to(&mut self, (): &mut (), _: SocketAddr, _: &[u8]) -> nb::Result<(), Failure> {
        Ok(())
    }
}

impl TcpClientStack for Quirks {
    type TcpSocket = ();
    type Error = Failure;

    fn socket(&mut self) -> Result<(), Failure> {
        Err(Failure)
    }

    fn connect(&mut self, (): &mut (), _: SocketAddr) -> nb::Result<(), Failure> {
        Err(nb::Error::Other(Failure))
    }

    fn send(&mut self, (): &mut (), _: &[u8]) -> nb::Result<usize, Failure> {
        Err(nb::Error::Other(Failure))
    }

    fn receive(&mut self, (): &mut (), _: &mut [u8]) -> nb::Result<usize, Failure> {
        Err(nb::Error::Other(Failure))
    }

    fn close(&mut self, (): ()) -> Result<(), Failure> {
        Ok(())
    }
}

#[test]
fn the_quirks_of_embedded_nal_stacks() {
    let quirks = Quirks::default();
    let stack = quirks.0.clone();
    let idle = |stack: &mut Quirks| {
        let mut odd = stack.0.borrow_mut();
        odd.polls += 1;
        if odd.polls == 3 {
            odd.arrived.push_back(b"late");
        }
        thread::sleep(Duration::from_millis(1));
    };
    let network = Network::new(quirks, host::Timer, idle, ZeroRead::WouldBlock).udp_silence(UdpSilence::Error);
    network.set_deadline(Deadline::within(&host::Timer, PATIENCE));
    let mut socket = block_on(network.bind(any(0))).unwrap();
    {
        let odd = stack.borrow();
        assert_eq!((odd.open, odd.bound.len()), (1, 2), "the one that failed was closed");
        assert!(odd.bound[0] >= 49_152 && odd.bound[1] >= 49_152 && odd.bound[0] != odd.bound[1]);
    }
    let mut out = [0; 8];
    let sender: SocketAddr = "10.0.0.1:7".parse().unwrap();
    assert_eq!(block_on(socket.recv_from(&mut out)), Ok((4, sender)), "silence was no error, and the sender is IPv4");
    assert_eq!(block_on(socket.recv_from(&mut out)), Err(embedded_io::ErrorKind::TimedOut));
    drop(socket);
    assert!(block_on(network.bind(any(5))).is_err(), "a port of one's own is tried once");
    assert_eq!((stack.borrow().open, stack.borrow().bound[2]), (0, 5));

    let network = network.udp_silence(UdpSilence::WouldBlock);
    let mut socket = block_on(network.bind(any(5))).unwrap();
    assert_eq!(block_on(socket.recv_from(&mut out)), Err(embedded_io::ErrorKind::Other), "now an error is one");
}

// With a time-out of 0, strangers who do not stop keep nobody.
scripted! {
    fn a_flood_of_strangers_is_not_waited_out<1>([
        Peer::udp("stranger.example", 9, &[Step::Send(b"x"); 40]),
        Peer::udp("peer.example", 7, &[Step::Receive(b"?"), Step::Send(b"!")]),
    ], |pool, script| {
        let mut socket = wait!(pool.udp_socket()).unwrap();
        wait!(socket.connect("peer.example", 7)).unwrap();
        wait!(socket.bind("", 5)).unwrap();
        socket.set_timeout(Some(Duration::ZERO));
        let (mut buffer, would_block) = ([0; 4], Err(failed(Phase::Receive, ErrorKind::WouldBlock)));
        // 16, 16 and 8 datagrams of the stranger, and silence.
        assert_eq!(wait!(socket.recv_into(&mut buffer)), would_block);
        assert_eq!(wait!(socket.recv_into(&mut buffer)), would_block);
        let (_, stranger) = wait!(socket.recv_from_into(&mut buffer)).unwrap();
        assert_eq!(stranger.port(), 9, "the 33rd");
        assert_eq!(wait!(socket.recv_into(&mut buffer)), would_block);
        assert_eq!(wait!(socket.recv_from_into(&mut buffer)), would_block.map(|_: usize| (0, stranger)));
        wait!(socket.send(b"?")).unwrap();
        assert_eq!(wait!(socket.recv_into(&mut buffer)), Ok(1));
        assert_eq!((script.open(), buffer[0]), (1, b'!'));
    })
}

// With time, they are passed over as long as there is any.
scripted! {
    fn with_time_many_strangers_are_passed_over<1>([
        Peer::udp("stranger.example", 9, &[Step::Send(b"x"); 300]),
        Peer::udp("peer.example", 7, &[Step::Receive(b"?"), Step::Send(b"!")]),
    ], |pool, script| {
        let mut socket = wait!(pool.udp_socket()).unwrap();
        wait!(socket.connect("peer.example", 7)).unwrap();
        wait!(socket.bind("", 5)).unwrap();
        let (_, stranger) = wait!(socket.recv_from_into(&mut [0; 4])).unwrap();
        wait!(socket.send(b"?")).unwrap();
        assert_eq!(wait!(socket.recv_into(&mut [0; 4])), Ok(1));
        assert_eq!((script.open(), stranger.port()), (1, 9));
    })
}

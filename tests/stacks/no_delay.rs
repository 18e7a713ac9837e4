//! No delay: what a request flushes leaves at once, instead of waiting until the peer has acknowledged what came before it
//! (Nagle's algorithm, RFC 9293 §3.7.4, against a peer's delayed acknowledgement, §3.8.6.3).
#![cfg(all(feature = "embassy-net", feature = "tls", feature = "mock", feature = "blocking"))]

use core::cell::Cell;
use std::{rc::Rc, sync::Arc};

use embassy_net::tcp::TcpSocket;
use embedded_io_async::{ErrorKind, ErrorType, Read, Write};
use rustls::ServerConnection;
use socketpool::{
    Resources, SocketPool, blocking,
    mock::{self, Peer, Script, Step},
    stack::{Connect, Connection, Family, Resolve, ResolveError, SocketOption},
    time::{BlockingTimer, Clock, Instant, Timer},
    tls::{Roots, TlsContext, roots::trust_anchor_from_der},
};

use crate::support::{
    self,
    embassy::{CLIENT, Cable, SERVER, Stacks, over, stacks},
    server::{Authority, Validity},
};

const PORT: u16 = 443;
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\n\r\n";
const RESPONSE: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";

/// A TLS server that sends no tickets, so that after its handshake it is silent until it is asked.
async fn serve(mut socket: TcpSocket<'static>, mut tls: ServerConnection) {
    socket.accept(PORT).await.expect("a free port");
    let (mut buffer, mut heard) = ([0; 4096], Vec::new());
    loop {
        let mut sends = Vec::new();
        while tls.wants_write() {
            tls.write_tls(&mut sends).expect("memory");
        }
        let mut rest = &sends[..];
        while !rest.is_empty() {
            rest = &rest[socket.write(rest).await.expect("a client that listens")..];
        }
        let Ok(count @ 1..) = socket.read(&mut buffer).await else { return };
        tls.read_tls(&mut &buffer[..count]).expect("memory");
        tls.process_new_packets().expect("a client that does as it should");
        let _ = std::io::Read::read_to_end(&mut tls.reader(), &mut heard);
        if heard.ends_with(b"\r\n\r\n") {
            heard.clear();
            std::io::Write::write_all(&mut tls.writer(), RESPONSE).expect("memory");
        }
    }
}

/// The TCP segments of a cable so far: whether the client sent it, and how many bytes of data it has.
fn segments(frames: &[Vec<u8>]) -> Vec<(bool, usize)> {
    let word = |frame: &[u8], at: usize| usize::from(u16::from_be_bytes([frame[at], frame[at + 1]]));
    let of_tcp = frames.iter().filter(|frame| frame.len() > 46 && word(frame, 12) == 0x0800 && frame[23] == 6);
    of_tcp
        .map(|frame| {
            let from = &frame[26..30];
            assert!(from == CLIENT.octets() || from == SERVER.octets());
            (from == CLIENT.octets(), word(frame, 16) - 20 - usize::from(frame[46] >> 4) * 4)
        })
        .collect()
}

/// One TLS connection and one request so long after its handshake, with this option: how many segments with data the client
/// sent, and how many milliseconds the response took.
fn a_request(option: Option<SocketOption>, pause: u64) -> (usize, u64) {
    let authority = Authority::new("Root");
    let mut config = authority.server_config("localhost", Validity::Now);
    config.send_tls13_tickets = 0;
    let server_tls = ServerConnection::new(Arc::new(config)).expect("a valid configuration");
    let Stacks { client, server, mut background, wire } = stacks(Cable::GOOD);
    let socket = TcpSocket::new(server, vec![0; 4096].leak(), vec![0; 4096].leak());
    background.spawn(serve(socket, server_tls));

    let mut network = over(client);
    let mut memory = Box::new(Resources::<1, 1>::new());
    let pool = SocketPool::new(&mut network, &mut memory);
    let root = authority.der();
    let anchors = [trust_anchor_from_der(&root).expect("a root")];
    let tls = TlsContext::new(support::random, support::date).roots(Roots::only(&anchors));
    background.run(async {
        let mut socket = pool.socket().await.expect("a free slot");
        socket.connect(&SERVER.to_string(), PORT).await.expect("a server");
        if let Some(option) = option {
            socket.set_option(option).expect("an option of this stack");
        }
        tls.wrap_socket(&mut socket, "localhost").await.expect("a server that is who it says");
        embassy_time::Timer::after_millis(pause).await;
        let began = embassy_time::Instant::now();
        socket.send_all(REQUEST).await.expect("a server that listens");
        let mut response = [0; RESPONSE.len()];
        embedded_io_async::Read::read_exact(&mut socket, &mut response).await.expect("a response");
        assert_eq!(response, RESPONSE);
        let took = began.elapsed().as_millis();

        let segments = segments(&wire.frames.borrow());
        (segments.iter().filter(|(by_client, len)| *by_client && *len > 0).count(), took)
    })
}

#[test]
fn a_tls_request_does_not_wait_for_the_end_of_the_handshake_to_be_acknowledged() {
    // The ClientHello, and then the end of the handshake with the request behind it, in one segment: there is nothing that an
    // acknowledgement could be waited for. A way there and back takes two milliseconds.
    for option in [None, Some(SocketOption::NoDelay(false))] {
        for pause in [0, 2] {
            let (segments, took) = a_request(option, pause);
            assert_eq!(segments, 2, "{pause} ms later");
            assert!(took <= 3, "{took} ms");
        }
    }
}

/// Not to wait leaves no questions to the peer behind.
#[test]
fn an_idle_connection_is_silent() {
    let (segments, _) = a_request(None, 60_000);
    assert_eq!(segments, 2);
}

/// A scripted network that notes what option is set.
struct Noting<'s> {
    network: mock::Network<'s>,
    option: Rc<Cell<Option<SocketOption>>>,
}

struct Noted<'s>(mock::Line<'s>, Rc<Cell<Option<SocketOption>>>);

impl Clock for Noting<'_> {
    fn now(&self) -> Instant {
        self.network.now()
    }
}

impl Timer for Noting<'_> {
    async fn wait_until(&self, at: Instant) {
        self.network.wait_until(at).await;
    }
}

impl BlockingTimer for Noting<'_> {
    fn idle(&self) {
        self.network.idle();
    }
}

impl Resolve for Noting<'_> {
    async fn resolve(&self, host: &str, family: Family) -> Result<core::net::IpAddr, ResolveError> {
        self.network.resolve(host, family).await
    }
}

impl Connect for Noting<'_> {
    type Connection<'a>
        = Noted<'a>
    where
        Self: 'a;

    async fn connect(&self, remote: core::net::SocketAddr) -> Result<Noted<'_>, ErrorKind> {
        self.network.connect(remote).await.map(|line| Noted(line, self.option.clone()))
    }
}

impl ErrorType for Noted<'_> {
    type Error = ErrorKind;
}

impl Read for Noted<'_> {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, ErrorKind> {
        self.0.read(out).await
    }
}

impl Write for Noted<'_> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        self.0.write(bytes).await
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

impl Connection for Noted<'_> {
    async fn shutdown(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }

    fn set_option(&mut self, option: SocketOption) -> Result<(), ErrorKind> {
        self.1.set(Some(option));
        Ok(())
    }
}

#[test]
fn the_blocking_face_asks_its_stack_for_the_same() {
    let peers = [Peer::new("host.example", 7, &[Step::Stall])];
    let script = Script::new(&peers);
    let noted = Rc::new(Cell::new(None));
    let mut network = Noting { network: script.network(), option: noted.clone() };
    let mut memory = Resources::<1>::new();
    {
        let pool = blocking::SocketPool::<_, 1>::new(&mut network, &mut memory);
        pool.socket().and_then(|mut socket| socket.connect("host.example", 7)).expect("a peer");
    }
    assert_eq!(noted.get(), Some(SocketOption::NoDelay(true)));
}

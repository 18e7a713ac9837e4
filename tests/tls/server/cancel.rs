//! Nothing is lost when waiting is given up: a future dropped half-way gives back slot and memory, and a read that was
//! given up in the middle of a record goes on where it stopped.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use socketpool::{
    Error, ErrorKind, Phase, Resources, SocketPool, blocking, host,
    requests::Session,
    time::Deadline,
    tls::{Roots, TlsContext, roots::trust_anchor_from_der},
};

use super::faces::{check_report, url};
use crate::support::{
    self,
    tls_server::{
        script::{
            ANSWER, BODY, CRYPTO, HANDSHAKE, Record, Script, Step, WORLD, answering, clear, close_notify, data,
            good_flight, hello, hello_with, sealed,
        },
        server::Server,
    },
};

/// Long enough for a handshake; then the wait is given up.
const A_WHILE: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_secs(10);

/// Gives a future up after a while.
async fn given_up<W: Future>(work: W) {
    let deadline = Deadline::within(&host::Timer, Some(A_WHILE));
    assert!(deadline.limit(&host::Timer, work).await.is_none(), "it had to wait");
}

/// Stalls in a record of the answer after so many bytes.
fn stalling_in_body(at: usize) -> Script {
    let mut script = answering([data("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")]);
    script.pop();
    script.push(Step::Part(data("hello"), at));
    script
}

#[test]
fn a_dropped_future_gives_back_its_slot() {
    let anchors = [trust_anchor_from_der(WORLD.root.der()).unwrap()];
    let tls = TlsContext::new(support::random, support::date).crypto(&CRYPTO).roots(Roots::only(&anchors));
    let (mut network, mut memory) = (support::network(), Resources::<1, 1>::new());
    let pool = SocketPool::new(&mut network, &mut memory);
    let http = Session::new(&pool, &tls);
    let the_next_one_is_served = async || {
        assert_eq!((pool.counts().in_use, pool.counts().free), (0, 1));
        let server = Server::start(answering([data(ANSWER), close_notify()]));
        let mut buffer = [0; 64];
        let mut response = http.get(&url(server.port)).send().await.unwrap();
        assert_eq!(response.content(&mut buffer).await.unwrap(), BODY);
    };

    let whole = || sealed(good_flight());
    let in_the_handshake = [
        vec![],
        vec![Step::Part(clear(HANDSHAKE, hello_with(|_| ())), 3)],
        vec![Step::Part(clear(HANDSHAKE, hello_with(|_| ())), 60)],
        vec![hello()],
        vec![hello(), Step::Part(whole(), 4)],
        vec![hello(), Step::Part(whole(), 300)],
    ];
    async_io::block_on(async {
        for script in in_the_handshake {
            let server = Server::start(script);
            given_up(http.get(&url(server.port)).send()).await;
            check_report(&server.report(), false).unwrap();
            the_next_one_is_served().await;
        }
        // While the head of the answer is awaited.
        let server = Server::start(vec![hello(), Step::Send(whole())]);
        given_up(http.get(&url(server.port)).send()).await;
        check_report(&server.report(), true).unwrap();
        the_next_one_is_served().await;
        // In a record of the body.
        for at in [0, 3, 5, 20] {
            let server = Server::start(stalling_in_body(at));
            let mut response = http.get(&url(server.port)).send().await.unwrap();
            given_up(response.read(&mut [0; 64])).await;
            drop(response);
            check_report(&server.report(), true).unwrap();
            the_next_one_is_served().await;
        }
    });
}

/// Records of an answer, each of which stops after another of its bytes until the counter reaches its number.
fn in_halves(counter: &Arc<AtomicUsize>) -> (Script, Vec<u8>) {
    const CONTENT: &[u8] = b"hello";
    const RECORD: usize = 5 + CONTENT.len() + 1 + 16;
    let mut script = vec![hello(), Step::Send(sealed(good_flight())), Step::ReadFinished, Step::ReadRequest];
    let halves = |at| {
        let record: Record = data(CONTENT);
        Step::Halves(record, at, counter.clone(), at + 1)
    };
    script.extend((0..RECORD).map(halves));
    script.extend([Step::Send(close_notify()), Step::Close]);
    (script, CONTENT.repeat(RECORD))
}

const PATIENCE: Duration = Duration::from_millis(20);
const TIMEOUT: Result<usize, Error> = Err(Error::new(Phase::Receive, ErrorKind::Timeout));

#[test]
fn a_read_goes_on_where_it_stopped() {
    let anchors = [trust_anchor_from_der(WORLD.root.der()).unwrap()];
    let tls = TlsContext::new(support::random, support::date).crypto(&CRYPTO).roots(Roots::only(&anchors));
    let (mut network, mut memory) = (support::network(), Resources::<1, 1>::new());
    let pool = SocketPool::new(&mut network, &mut memory);
    let counter = Arc::new(AtomicUsize::new(0));
    let (script, expected) = in_halves(&counter);
    let server = Server::start(script);
    async_io::block_on(async {
        let mut socket = pool.socket().await.unwrap();
        socket.set_timeout(Some(LONG));
        socket.connect("localhost", server.port).await.unwrap();
        tls.wrap_socket(&mut socket, "localhost").await.unwrap();
        socket.send_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        let (mut buffer, mut received) = ([0; 64], Vec::<u8>::new());
        loop {
            socket.set_timeout(Some(PATIENCE));
            for _ in 0..2 {
                assert_eq!(socket.recv_into(&mut buffer).await, TIMEOUT, "after {} bytes", received.len());
            }
            let more = Deadline::within(&host::Timer, Some(PATIENCE));
            let dropped = more.limit(&host::Timer, socket.recv_into(&mut buffer)).await;
            assert!(matches!(dropped, None | Some(TIMEOUT)));
            counter.fetch_add(1, Ordering::SeqCst);
            socket.set_timeout(Some(LONG));
            let count = socket.recv_into(&mut buffer).await.unwrap();
            received.extend(&buffer[..count]);
            if received.len() == expected.len() {
                break;
            }
        }
        assert_eq!(received, expected);
        assert_eq!(socket.recv_into(&mut buffer).await, Ok(0), "close_notify");
        socket.close().await.unwrap();
    });
    assert!(server.report().close_notify);
}

#[test]
fn a_blocking_read_goes_on_where_it_stopped() {
    let anchors = [trust_anchor_from_der(WORLD.root.der()).unwrap()];
    let tls = TlsContext::new(support::random, support::date).crypto(&CRYPTO).roots(Roots::only(&anchors));
    let (mut network, mut memory) = (support::network(), Resources::<1, 1>::new());
    let pool = blocking::SocketPool::new(&mut network, &mut memory);
    let counter = Arc::new(AtomicUsize::new(0));
    let (script, expected) = in_halves(&counter);
    let server = Server::start(script);
    let mut socket = pool.socket().unwrap();
    socket.set_timeout(Some(LONG));
    socket.connect("localhost", server.port).unwrap();
    tls.wrap_socket_blocking(&mut socket, "localhost").unwrap();
    socket.send_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let (mut buffer, mut received) = ([0; 64], Vec::<u8>::new());
    while received.len() < expected.len() {
        socket.set_timeout(Some(PATIENCE));
        for _ in 0..2 {
            assert_eq!(socket.recv_into(&mut buffer), TIMEOUT, "after {} bytes", received.len());
        }
        counter.fetch_add(1, Ordering::SeqCst);
        socket.set_timeout(Some(LONG));
        let count = socket.recv_into(&mut buffer).unwrap();
        received.extend(&buffer[..count]);
    }
    assert_eq!(received, expected);
    assert_eq!(socket.recv_into(&mut buffer), Ok(0), "close_notify");
    socket.close().unwrap();
    assert!(server.report().close_notify);
}

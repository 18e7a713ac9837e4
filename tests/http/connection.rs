//! One exchange over a connection in memory: what is sent, what is made of the response, and what ends a connection.
#![cfg(all(feature = "mock", feature = "blocking"))]
#![allow(clippy::type_complexity, reason = "tables of cases")]

mod receiving;
mod sending;

use std::{
    cell::RefCell,
    collections::VecDeque,
    future::Future,
    pin::pin,
    rc::Rc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use embedded_io_async::{ErrorKind as IoKind, ErrorType, Read, Write};
use serde::{Deserialize, Serialize};
use socketpool::{
    Error, ErrorKind, Limit, Phase, Resources, SocketPool,
    exchange::{Clocked, CloseReason, Connection, Empty, Halves, Io, Request, Stream},
    http::{self, DecodeError, EncodeError, Method},
    mock::{Peer, Script, Step, block_on},
    requests::SourceError,
    time::{Clock, Deadline, Instant, Timer},
};

const HOST: &str = "host.example";
const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// What the server does, one after the other.
#[derive(Debug, Clone)]
enum Act {
    /// Waits until so much ends in this, since the last time.
    Await(&'static [u8]),
    Send(Vec<u8>),
    /// Accepts at most so much at a time. With 0 writes wait.
    Accept(usize),
    /// Writes fail from now on.
    Refuse,
    /// Ends the stream.
    End,
}

#[derive(Debug, Default)]
struct Server {
    acts: VecDeque<Act>,
    sent: Vec<u8>,
    seen: usize,
    writes: usize,
    flushes: usize,
    arrived: VecDeque<u8>,
    segment: usize,
    window: Option<usize>,
    refuses: bool,
    ended: bool,
    /// How many polls a read and a write wait although they could go on.
    hesitation: usize,
    hesitated: usize,
}

#[derive(Debug, Clone)]
struct Line(Rc<RefCell<Server>>);

impl Line {
    fn new(acts: &[Act]) -> Self {
        let server = Server { acts: acts.iter().cloned().collect(), segment: usize::MAX, ..Server::default() };
        Self(Rc::new(RefCell::new(server)))
    }

    fn segments(self, segment: usize) -> Self {
        self.0.borrow_mut().segment = segment;
        self
    }

    fn hesitating(self) -> Self {
        self.0.borrow_mut().hesitation = 1;
        self
    }

    fn sent(&self) -> String {
        String::from_utf8(self.0.borrow().sent.clone()).expect("text")
    }

    fn writes(&self) -> usize {
        self.0.borrow().writes
    }
}

impl Server {
    fn advance(&mut self) {
        while let Some(act) = self.acts.front() {
            match act {
                Act::Await(end) => {
                    let news = &self.sent[self.seen..];
                    let Some(at) = news.windows(end.len()).position(|window| window == *end) else { return };
                    self.seen += at + end.len();
                }
                Act::Send(bytes) => self.arrived.extend(bytes),
                Act::Accept(window) => self.window = Some(*window),
                Act::Refuse => self.refuses = true,
                Act::End => self.ended = true,
            }
            self.acts.pop_front();
        }
    }

    fn hesitates(&mut self) -> bool {
        let hesitates = self.hesitated < self.hesitation;
        self.hesitated = if hesitates { self.hesitated + 1 } else { 0 };
        hesitates
    }
}

impl ErrorType for Line {
    type Error = IoKind;
}

impl Read for Line {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, IoKind> {
        std::future::poll_fn(|_| {
            let mut server = self.0.borrow_mut();
            server.advance();
            if server.hesitates() {
                return Poll::Pending;
            }
            if server.arrived.is_empty() {
                return if server.ended { Poll::Ready(Ok(0)) } else { Poll::Pending };
            }
            let count = out.len().min(server.arrived.len()).min(server.segment);
            for (place, byte) in out.iter_mut().zip(server.arrived.drain(..count)) {
                *place = byte;
            }
            Poll::Ready(Ok(count))
        })
        .await
    }
}

impl Write for Line {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, IoKind> {
        std::future::poll_fn(|_| {
            let mut server = self.0.borrow_mut();
            server.advance();
            if server.refuses {
                return Poll::Ready(Err(IoKind::ConnectionReset));
            }
            if server.hesitates() {
                return Poll::Pending;
            }
            let count = bytes.len().min(server.window.unwrap_or(usize::MAX));
            if count == 0 {
                return Poll::Pending;
            }
            server.sent.extend(&bytes[..count]);
            server.writes += 1;
            Poll::Ready(Ok(count))
        })
        .await
    }

    async fn flush(&mut self) -> Result<(), IoKind> {
        self.0.borrow_mut().flushes += 1;
        Ok(())
    }
}

/// A clock that a wait moves on.
#[derive(Debug, Default)]
struct Time(RefCell<u64>);

impl Clock for Time {
    fn now(&self) -> Instant {
        Instant::from_millis(*self.0.borrow())
    }
}

impl Timer for Time {
    async fn wait_until(&self, at: Instant) {
        let mut now = self.0.borrow_mut();
        *now = at.as_millis().max(*now);
    }
}

/// Polls once: a stream that is ready at once is a blocking one.
fn at_once<F: Future>(work: F) -> F::Output {
    match pin!(work).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it would have to wait"),
    }
}

fn send(bytes: &[u8]) -> Act {
    Act::Send(bytes.to_vec())
}

const HEAD_END: Act = Act::Await(b"\r\n\r\n");

/// Status and body of a GET, or of another method, answered with these bytes and then the end of the stream.
fn outcome(
    method: Method<'_>,
    response: &[u8],
    segment: usize,
) -> (Result<(u16, Vec<u8>), Error>, Option<CloseReason>) {
    let line = Line::new(&[HEAD_END, send(response), Act::End]).segments(segment);
    let mut buffer = [0; 512];
    let mut connection = Connection::new(line, &mut buffer);
    let result = at_once(async {
        let mut response = connection.request(method, HOST, "/").send().await?;
        let (mut body, mut room) = (Vec::new(), [0; 7]);
        loop {
            match response.read(&mut room).await? {
                0 => return Ok((response.status().as_u16(), body)),
                count => body.extend(&room[..count]),
            }
        }
    });
    (result, connection.close_reason())
}

fn kind(error: Error) -> (Phase, ErrorKind) {
    (error.phase(), error.kind())
}

#[test]
fn a_connection_serves_one_exchange_after_the_other() {
    // RFC 9112 §9.3: the connection persists.
    let line = Line::new(&[HEAD_END, send(OK), HEAD_END, send(b"HTTP/1.1 204 No Content\r\n\r\n")]);
    let mut buffer = [0; 256];
    let mut connection = Connection::new(line.clone(), &mut buffer);
    at_once(async {
        let request = connection.request(Method::Get, HOST, "/a?b").header("Accept", "*/*");
        let mut response = request.send().await?;
        assert_eq!(response.content(&mut [0; 16]).await?, b"ok");
        assert!(response.may_reuse());
        let response = connection.request(Method::Delete, "[::1]:8080", "/c").bearer("token").send().await?;
        assert_eq!(response.status().as_u16(), 204);
        Ok::<_, Error>(())
    })
    .unwrap();
    assert!(connection.may_reuse());
    let first = "GET /a?b HTTP/1.1\r\nHost: host.example\r\nAccept: */*\r\n\r\n";
    let second = "DELETE /c HTTP/1.1\r\nHost: [::1]:8080\r\nAuthorization: Bearer token\r\n\r\n";
    assert_eq!((line.sent(), line.writes()), (format!("{first}{second}"), 2));
}

#[test]
fn nothing_that_is_passed_in_can_add_a_line_or_frame_the_message() {
    type Build = for<'c> fn(Request<'c, Stream<Line>, Empty>) -> Request<'c, Stream<Line>, Empty>;
    let cases: [(&str, &str, Build, EncodeError); 8] = [
        ("host.example\r\nX: y", "/", |request| request, EncodeError::InvalidFieldValue),
        ("host.example/", "/", |request| request, EncodeError::InvalidFieldValue),
        ("a, b", "/", |request| request, EncodeError::InvalidFieldValue),
        (HOST, "/ HTTP/1.1\r\n", |request| request, EncodeError::InvalidTarget),
        (HOST, "/", |request| request.header("X", "a\r\nY: b"), EncodeError::InvalidFieldValue),
        (HOST, "/", |request| request.header("X Y", "a"), EncodeError::InvalidFieldName),
        (HOST, "/", |request| request.header("content-length", "3"), EncodeError::FramingField),
        (HOST, "/", |request| request.header("HOST", "other.example"), EncodeError::FramingField),
    ];
    for (host, target, build, wanted) in cases {
        let line = Line::new(&[]);
        let mut buffer = [0; 256];
        let mut connection = Connection::new(line.clone(), &mut buffer);
        let error = at_once(build(connection.request(Method::Get, host, target)).send()).unwrap_err();
        assert_eq!((kind(error), line.writes()), ((Phase::Setup, ErrorKind::Encode(wanted)), 0));
    }
}

#[test]
fn a_connection_that_is_not_read_to_its_end_does_not_serve_again() {
    let long = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok";
    let line = Line::new(&[HEAD_END, send(long)]);
    let mut buffer = [0; 128];
    let mut connection = Connection::new(line.clone(), &mut buffer);
    at_once(connection.request(Method::Get, HOST, "/").send()).unwrap();
    assert_eq!(connection.close_reason(), Some(CloseReason::Unfinished));
    let error = at_once(connection.request(Method::Get, HOST, "/").send()).unwrap_err();
    assert_eq!((kind(error), line.writes()), ((Phase::Setup, ErrorKind::NotConnected), 1));
    // What had arrived need not be read; what had not can be drained.
    let line = Line::new(&[HEAD_END, send(long), HEAD_END, send(OK), HEAD_END, send(OK)]);
    let mut connection = Connection::new(line.clone(), &mut buffer);
    at_once(async {
        let mut response = connection.request(Method::Get, HOST, "/").send().await?;
        assert_eq!(response.close_reason(), Some(CloseReason::Unfinished));
        assert_eq!(response.read(&mut [0; 1]).await?, 1, "asking for the reason takes nothing away");
        line.0.borrow_mut().arrived.extend(b"9876543");
        assert!(response.drain(64).await?);
        connection.request(Method::Get, HOST, "/").send().await?;
        connection.request(Method::Get, HOST, "/").header("Connection", "x, Close").send().await?;
        Ok::<_, Error>(())
    })
    .unwrap();
    assert_eq!((connection.close_reason(), line.writes()), (Some(CloseReason::RequestClose), 3));
}

#[test]
fn a_future_dropped_at_any_await_leaves_a_connection_that_does_not_serve_again() {
    for polls in 0.. {
        let acts = [HEAD_END, send(b"HTTP/1.1 100 \r\n\r\n"), Act::Await(b"0\r\n\r\n"), send(OK)];
        let line = Line::new(&acts).segments(11).hesitating();
        let mut buffer = [0; 256];
        let mut connection = Connection::new(line, &mut buffer);
        let mut is_done = false;
        {
            let mut work = pin!(async {
                let data = [b'x'; 600];
                let request = connection.request(Method::Put, HOST, "/").stream(&data[..], None);
                request.send().await.map(|response| response.status().as_u16())
            });
            for _ in 0..polls {
                is_done = work.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
            }
        }
        if is_done {
            assert!(polls > 5);
            break;
        }
        let reason = if polls == 0 { None } else { Some(CloseReason::Unfinished) };
        assert_eq!(connection.close_reason(), reason, "{polls}");
    }
}

#[test]
fn dropping_a_read_loses_nothing() {
    let line = Line::new(&[
        HEAD_END,
        send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n2\r\nef\r\n0\r\n\r\n"),
    ]);
    let line = line.segments(3).hesitating();
    let mut buffer = [0; 128];
    let mut connection = Connection::new(line, &mut buffer);
    let mut response = block_on(connection.request(Method::Get, HOST, "/").send()).unwrap();
    let (mut body, mut room) = (Vec::new(), [0; 3]);
    for _ in 0..200 {
        // Each future is polled once and dropped.
        let outcome = pin!(response.read(&mut room)).poll(&mut Context::from_waker(Waker::noop()));
        if let Poll::Ready(count) = outcome {
            match count.unwrap() {
                0 => break,
                count => body.extend(&room[..count]),
            }
        }
    }
    assert_eq!((&body[..], response.may_reuse()), (&b"abcdef"[..], true));
}

#[test]
fn a_deadline_ends_a_wait_and_another_one_goes_on() {
    let (line, time) =
        (Line::new(&[HEAD_END, send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe")]), Time::default());
    let mut buffer = [0; 128];
    let mut connection = Connection::over(Stream::new(line.clone()).with_timer(&time), &mut buffer);
    connection.set_deadline(Deadline::within(&time, Some(Duration::from_secs(5))));
    block_on(async {
        let mut response = connection.request(Method::Get, HOST, "/").send().await?;
        let mut room = [0; 8];
        assert_eq!(response.read(&mut room).await, Ok(2));
        let error = response.read(&mut room).await.unwrap_err();
        assert_eq!((kind(error), time.now().as_millis()), ((Phase::Body, ErrorKind::Timeout), 5000));
        line.0.borrow_mut().arrived.extend(b"llo");
        response.set_deadline(Deadline::within(&time, Some(Duration::from_secs(5))));
        assert_eq!(response.read(&mut room).await, Ok(3));
        assert!(response.may_reuse());
        // A silent server.
        let error = connection.request(Method::Get, HOST, "/").send().await.map(drop).unwrap_err();
        assert_eq!(kind(error), (Phase::Head, ErrorKind::Timeout));
        Ok::<_, Error>(())
    })
    .unwrap();
    assert!(!connection.may_reuse());
}

#[test]
fn a_stream_that_lies_about_what_it_moved_is_not_believed() {
    struct Liar(usize, usize);
    impl ErrorType for Liar {
        type Error = IoKind;
    }
    impl Read for Liar {
        async fn read(&mut self, _: &mut [u8]) -> Result<usize, IoKind> {
            Ok(self.0)
        }
    }
    impl Write for Liar {
        async fn write(&mut self, bytes: &[u8]) -> Result<usize, IoKind> {
            Ok(self.1.min(bytes.len() + 1))
        }
        async fn flush(&mut self) -> Result<(), IoKind> {
            Ok(())
        }
    }
    let cases = [
        (1000, 1, Phase::Head, IoKind::InvalidData),
        (1, 1000, Phase::Send, IoKind::InvalidData),
        (1, 0, Phase::Send, IoKind::WriteZero),
    ];
    for (read, written, phase, wanted) in cases {
        let mut buffer = [0; 64];
        let mut connection = Connection::new(Liar(read, written), &mut buffer);
        let error = at_once(connection.request(Method::Get, HOST, "/").send()).map(drop).unwrap_err();
        assert_eq!(kind(error), (phase, ErrorKind::Io(wanted)));
    }
}

#[test]
fn a_socket_of_a_pool_is_a_connection_too_and_keeps_its_errors() {
    let steps = [Step::Receive(b"\r\n\r\n"), Step::Send(OK), Step::Receive(b"\r\n\r\n"), Step::Stall];
    let peers = [Peer::new(HOST, 80, &steps)];
    let script = Script::new(&peers);
    let (mut network, mut memory) = (script.network(), Resources::<1>::new());
    let clock = script.network();
    let pool = SocketPool::new(&mut network, &mut memory);
    block_on(async {
        let mut socket = pool.socket().await?;
        socket.connect(HOST, 80).await?;
        let mut buffer = [0; 256];
        let mut connection = Connection::over(Clocked::new(socket, &clock), &mut buffer);
        connection.set_deadline(Deadline::within(&clock, Some(Duration::from_secs(3))));
        let mut response = connection.request(Method::Get, HOST, "/").send().await?;
        assert_eq!(response.text(&mut [0; 8]).await?, "ok");
        let error = connection.request(Method::Get, HOST, "/").send().await.map(drop).unwrap_err();
        assert_eq!(kind(error), (Phase::Head, ErrorKind::Timeout));
        connection.into_inner().into_inner().close().await
    })
    .unwrap();
}

#[test]
fn the_halves_of_a_socket_are_a_connection_too() {
    fn is_io<I: Io>(_: &I) {}
    let line = Line::new(&[]);
    is_io(&Halves::new(line.clone(), line.clone()).with_timer(Time::default()));
    let mut buffer = [0; 16];
    let connection = Connection::from_halves(line.clone(), line, &mut buffer);
    let (_, _) = connection.into_inner().into_inner();
}

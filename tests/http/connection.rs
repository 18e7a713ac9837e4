//! One exchange over a connection in memory: what is sent, what is made of the response, and what ends a connection.
#![cfg(all(feature = "mock", feature = "blocking"))]
#![allow(clippy::type_complexity, reason = "tables of cases")]

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

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Reading<'a> {
    city: &'a str,
    celsius: i32,
}

#[test]
fn json_goes_out_in_one_write_behind_the_head_and_comes_back_as_a_value() {
    let reply = b"HTTP/1.1 200 OK\r\nContent-Length: 31\r\n\r\n{\"city\":\"Den Haag\",\"celsius\":7}";
    let line = Line::new(&[Act::Await(b"}"), send(reply)]);
    let mut buffer = [0; 256];
    let mut connection = Connection::new(line.clone(), &mut buffer);
    let sent = Reading { city: "Utrecht", celsius: 21 };
    let mut room = [0; 64];
    let received: Reading<'_> = at_once(async {
        connection.request(Method::Post, HOST, "/log").json(&sent).send().await?.json(&mut room).await
    })
    .unwrap();
    assert_eq!(received, Reading { city: "Den Haag", celsius: 7 });
    // RFC 9112 §5: blanks before a value are no part of it. The number is known after the body is written.
    let head =
        "POST /log HTTP/1.1\r\nHost: host.example\r\nContent-Type: application/json\r\nContent-Length:  31\r\n\r\n";
    let body = r#"{"city":"Utrecht","celsius":21}"#;
    assert_eq!((line.sent(), line.writes()), (format!("{head}{body}"), 1));
}

#[test]
fn a_method_that_gives_content_meaning_says_that_there_is_none() {
    // RFC 9110 §8.6
    let lengths = [(Method::Post, true), (Method::Put, true), (Method::Get, false), (Method::Delete, false)];
    for (method, says) in lengths {
        for is_form in [false, true] {
            let line = Line::new(&[HEAD_END, send(OK)]);
            let mut buffer = [0; 256];
            let mut connection = Connection::new(line.clone(), &mut buffer);
            let request = connection.request(method, HOST, "/");
            if is_form {
                at_once(request.form(&[]).expect_continue().send()).unwrap();
            } else {
                at_once(request.expect_continue().send()).unwrap();
            }
            assert_eq!(line.sent().contains("Content-Length: 0\r\n\r\n"), says, "{}", line.sent());
            // RFC 9110 §10.1.1: nothing is expected without content.
            assert!(!line.sent().contains("Expect"), "{}", line.sent());
        }
    }
}

#[test]
fn bytes_that_do_not_fit_follow_the_head_from_where_they_are() {
    let body = "x".repeat(1000);
    for (size, writes) in [(1200, 1), (128, 2)] {
        let line = Line::new(&[HEAD_END, send(OK)]);
        let mut buffer = vec![0; size];
        let mut connection = Connection::new(line.clone(), &mut buffer);
        at_once(connection.request(Method::Put, HOST, "/").body(body.as_bytes()).send()).unwrap();
        let head = "PUT / HTTP/1.1\r\nHost: host.example\r\nContent-Length: 1000\r\n\r\n";
        assert_eq!((line.sent(), line.writes()), (format!("{head}{body}"), writes));
    }
}

#[test]
fn a_stream_is_sent_piece_by_piece() {
    // RFC 9112 §7.1, §6.2
    let data: Vec<u8> = (b'a'..=b'z').cycle().take(700).collect();
    for (len, listens) in [(None, false), (None, true), (Some(700), false), (Some(700), true)] {
        let line =
            Line::new(&[HEAD_END, Act::Await(if len.is_none() { b"0\r\n\r\n" } else { b"x" }), send(OK)]).hesitating();
        let mut buffer = [0; 256];
        let result = if listens {
            let mut connection = Connection::from_halves(line.clone(), line.clone(), &mut buffer);
            block_on(connection.request(Method::Put, HOST, "/").stream(&data[..], len).send()).map(drop)
        } else {
            let mut connection = Connection::new(line.clone(), &mut buffer);
            block_on(connection.request(Method::Put, HOST, "/").stream(&data[..], len).send()).map(drop)
        };
        result.unwrap();
        let sent = line.sent();
        let (head, mut body) = sent.split_once("\r\n\r\n").unwrap();
        let mut received = String::new();
        if len.is_some() {
            assert!(head.ends_with("Content-Length: 700"));
            received.push_str(body);
        } else {
            assert!(head.ends_with("Transfer-Encoding: chunked"));
            while let Some((size, rest)) = body.split_once("\r\n") {
                let size = usize::from_str_radix(size, 16).unwrap();
                received.push_str(&rest[..size]);
                body = rest[size..].strip_prefix("\r\n").unwrap();
            }
        }
        assert_eq!(received.as_bytes(), data);
    }
}

#[test]
fn a_source_that_is_not_as_long_as_announced_ends_the_exchange() {
    for (len, wanted) in [(9, SourceError::TooLong), (11, SourceError::EndedEarly)] {
        let line = Line::new(&[]);
        let mut buffer = [0; 128];
        let mut connection = Connection::new(line, &mut buffer);
        let request = connection.request(Method::Put, HOST, "/").stream(&b"0123456789"[..], len);
        let error = at_once(request.send()).unwrap_err();
        assert_eq!(kind(error), (Phase::Send, ErrorKind::Source(wanted)));
        assert_eq!(connection.close_reason(), Some(CloseReason::Failed(error)));
    }
}

#[test]
fn a_server_that_is_asked_first_gets_the_content_or_not() {
    // RFC 9110 §10.1.1. Status, body sent, reason to close, milliseconds.
    let refusal = b"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n";
    let cases: [(&[Act], u16, bool, Option<CloseReason>, u64); 5] = [
        (&[HEAD_END, send(b"HTTP/1.1 100 Continue\r\n\r\n"), Act::Await(b"body"), send(OK)], 200, true, None, 0),
        (&[HEAD_END, send(refusal), Act::End], 417, false, Some(CloseReason::RequestCut), 0),
        // Silent for a second: the content is sent all the same.
        (&[HEAD_END, Act::Await(b"body"), send(OK)], 200, true, None, 1000),
        // Other interim responses are no answer to the question.
        (
            &[HEAD_END, send(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 100 \r\n\r\n"), Act::Await(b"body"), send(OK)],
            200,
            true,
            None,
            0,
        ),
        (&[HEAD_END, send(OK)], 200, false, Some(CloseReason::RequestCut), 0),
    ];
    for (acts, status, sent, reason, millis) in cases {
        for size in [128, 400] {
            for segment in [1, 1000] {
                let (line, time) = (Line::new(acts).segments(segment), Time::default());
                let mut buffer = vec![0; size];
                let mut connection = Connection::over(Stream::new(line.clone()).with_timer(&time), &mut buffer);
                connection.set_deadline(Deadline::at(Instant::from_millis(30_000)));
                let request = connection.request(Method::Put, HOST, "/").body(b"the body").expect_continue();
                let mut response = block_on(request.send()).unwrap();
                assert_eq!(response.status().as_u16(), status);
                block_on(response.content(&mut [0; 8])).unwrap();
                assert_eq!(line.sent().ends_with("Expect: 100-continue\r\n\r\nthe body"), sent);
                assert_eq!((connection.close_reason(), time.now().as_millis()), (reason, millis));
            }
        }
    }
}

#[test]
fn without_a_clock_a_server_is_asked_and_not_waited_for() {
    let line = Line::new(&[Act::Await(b"body"), send(OK)]);
    let mut buffer = [0; 256];
    let mut connection = Connection::new(line.clone(), &mut buffer);
    at_once(connection.request(Method::Put, HOST, "/").body(b"the body").expect_continue().send()).unwrap();
    assert!(line.sent().ends_with("Expect: 100-continue\r\n\r\nthe body"));
}

#[test]
fn a_refusal_is_heard_while_the_content_is_sent() {
    // RFC 9112 §9.5: the server stops reading, says why, and the client stops sending.
    let refusal = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nno!";
    let body = vec![b'x'; 5000];
    for is_stream in [false, true] {
        for segment in [1, 9, 1000] {
            let line =
                Line::new(&[Act::Accept(300), Act::Await(b"xxxx"), Act::Accept(0), send(refusal)]).segments(segment);
            let mut buffer = [0; 400];
            let mut connection = Connection::over(Halves::new(line.clone(), line.clone()), &mut buffer);
            let request = connection.request(Method::Put, HOST, "/");
            let (status, content) = block_on(async {
                let mut room = [0; 8];
                let mut response = match is_stream {
                    true => request.stream(&body[..], None).send().await?,
                    false => request.body(&body).send().await?,
                };
                let content = response.content(&mut room).await?.to_vec();
                Ok::<_, Error>((response.status().as_u16(), content))
            })
            .unwrap();
            assert_eq!((status, &content[..]), (413, &b"no!"[..]));
            assert_eq!(connection.close_reason(), Some(CloseReason::RequestCut));
        }
    }
}

#[test]
fn a_success_that_comes_early_does_not_cut_the_content_short() {
    let body = vec![b'x'; 5000];
    for is_stream in [false, true] {
        let line = Line::new(&[Act::Accept(300), Act::Await(b"xxxx"), send(OK)]).segments(5);
        let mut buffer = [0; 400];
        let mut connection = Connection::from_halves(line.clone(), line.clone(), &mut buffer);
        let request = connection.request(Method::Put, HOST, "/");
        let content = block_on(async {
            let mut room = [0; 8];
            let mut response = match is_stream {
                true => request.stream(&body[..], 5000).send().await?,
                false => request.body(&body).send().await?,
            };
            Ok::<_, Error>(response.content(&mut room).await?.to_vec())
        });
        assert_eq!(content.unwrap(), b"ok");
        assert_eq!(line.sent().matches('x').count(), 5000 + 1, "and the one in the name of the host");
        assert!(connection.may_reuse());
    }
}

#[test]
fn a_server_that_hung_up_on_the_content_may_have_said_why() {
    let refusal = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 3\r\n\r\nwho";
    let body = vec![b'x'; 5000];
    for is_stream in [false, true] {
        for has_reason in [true, false] {
            let reason: &[u8] = if has_reason { refusal } else { b"" };
            let line = Line::new(&[HEAD_END, send(reason), Act::Refuse, Act::End]);
            let mut buffer = [0; 128];
            let mut connection = Connection::new(line, &mut buffer);
            let request = connection.request(Method::Put, HOST, "/");
            let status = at_once(async {
                Ok::<_, Error>(match is_stream {
                    true => request.stream(&body[..], None).send().await?.status().as_u16(),
                    false => request.body(&body).send().await?.status().as_u16(),
                })
            });
            if has_reason {
                assert_eq!(status, Ok(401));
                assert_eq!(connection.close_reason(), Some(CloseReason::RequestCut));
            } else {
                let reset = (Phase::Send, ErrorKind::Io(IoKind::ConnectionReset));
                assert_eq!(status.map_err(kind), Err(reset));
                assert!(!connection.response_began());
            }
        }
    }
}

#[test]
fn interim_responses_are_passed_over_but_not_for_ever() {
    // RFC 9110 §15.2
    let interim = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n";
    for segment in [1, 1000] {
        let (result, reason) = outcome(Method::Get, &[&interim.repeat(16)[..], OK].concat(), segment);
        assert_eq!((result, reason), (Ok((200, b"ok".to_vec())), None));
        let (result, _) = outcome(Method::Get, &[&interim.repeat(17)[..], OK].concat(), segment);
        assert_eq!(result.map_err(kind), Err((Phase::Head, ErrorKind::Malformed(DecodeError::TooManyInterim))));
    }
}

#[test]
fn a_server_that_switches_protocols_unasked_is_refused() {
    // RFC 9110 §7.8, §15.2.2
    let (result, reason) = outcome(Method::Get, b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\nbinary", 1000);
    let error = result.unwrap_err();
    assert!(matches!(kind(error), (Phase::Head, ErrorKind::Status(status)) if status.as_u16() == 101));
    assert_eq!(reason, Some(CloseReason::Failed(error)));
}

#[test]
fn a_body_ends_where_the_framing_says() {
    use http::CloseReason::{AmbiguousFraming, Http10, ServerConnectionClose, UntilClose};
    let head = |reason| Some(CloseReason::Head(reason));
    // RFC 9112 §6.3, §7.1, §9.3, §9.6; RFC 9110 §15.3.6 (205), §15.4.5 (304).
    let cases: [(Method<'_>, &str, u16, &str, Option<CloseReason>); 13] = [
        (Method::Head, "200 OK\r\nContent-Length: 9\r\n\r\n", 200, "", None),
        (Method::Get, "204 \r\n\r\n", 204, "", None),
        (Method::Get, "304 \r\nContent-Length: 9\r\n\r\n", 304, "", None),
        (Method::Get, "205 \r\nContent-Length: 0\r\n\r\n", 205, "", None),
        (Method::Get, "200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", None),
        (Method::Get, "200 OK\r\nContent-Length: 5\r\n\r\nhello!", 200, "hello", Some(CloseReason::Surplus)),
        (
            Method::Get,
            "200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
            200,
            "hello",
            None,
        ),
        (Method::Get, "200 OK\r\n\r\nhello", 200, "hello", head(UntilClose)),
        (
            Method::Get,
            "200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
            200,
            "ok",
            head(ServerConnectionClose),
        ),
        (Method::Get, "204 \r\nContent-Length: 2\r\n\r\n", 204, "", head(AmbiguousFraming)),
        (
            Method::Get,
            "200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            200,
            "",
            head(AmbiguousFraming),
        ),
        (Method::Get, "404 \r\nContent-Length: 1\r\n\r\nx", 404, "x", None),
        (Method::Post, "200 OK\r\nContent-Length: 10\r\n\r\n0123456789", 200, "0123456789", None),
    ];
    for (method, text, status, body, reason) in cases {
        for segment in [1, 2, 3, 5, 8, 1000] {
            let (result, found) = outcome(method, format!("HTTP/1.1 {text}").as_bytes(), segment);
            assert_eq!(result, Ok((status, body.as_bytes().to_vec())), "{text} {segment}");
            // In small segments the surplus has not arrived.
            assert!(found == reason || (reason == Some(CloseReason::Surplus) && found.is_none()), "{text} {segment}");
        }
    }
    let (result, reason) = outcome(Method::Get, b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 1000);
    assert_eq!((result, reason), (Ok((200, b"ok".to_vec())), head(Http10)));
}

#[test]
fn a_body_that_is_cut_short_is_an_error() {
    for text in ["Content-Length: 5\r\n\r\nhell", "Transfer-Encoding: chunked\r\n\r\n5\r\nhell", "Content-Le"] {
        for segment in [1, 4, 1000] {
            let (result, reason) = outcome(Method::Get, format!("HTTP/1.1 200 OK\r\n{text}").as_bytes(), segment);
            let error = result.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Truncated);
            assert_eq!(reason, Some(CloseReason::Failed(error)));
        }
    }
    let (result, _) = outcome(Method::Get, b"", 1000);
    assert_eq!(result.map_err(kind), Err((Phase::Head, ErrorKind::Malformed(DecodeError::NoResponse))));
}

#[test]
fn good_data_is_delivered_before_the_fault_behind_it() {
    // RFC 9112 §7.1: the second chunk has no size.
    let response = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nworld";
    for segment in [1, 2, 3, 7, 1000] {
        let line = Line::new(&[HEAD_END, send(response)]).segments(segment);
        let mut buffer = [0; 256];
        let mut connection = Connection::new(line, &mut buffer);
        let error = at_once(async {
            let mut response = connection.request(Method::Get, HOST, "/").send().await?;
            let (mut body, mut room) = (Vec::<u8>::new(), [0; 64]);
            loop {
                match response.read(&mut room).await {
                    Ok(count) => body.extend(&room[..count]),
                    Err(error) => {
                        assert_eq!(body, b"hello", "{segment}");
                        assert_eq!(response.read(&mut room).await, Err(error), "the error stays");
                        return Err::<(), _>(error);
                    }
                }
            }
        })
        .unwrap_err();
        assert_eq!(kind(error), (Phase::Body, ErrorKind::Malformed(DecodeError::InvalidChunkSize)));
        assert_eq!(connection.close_reason(), Some(CloseReason::Failed(error)));
    }
}

#[test]
fn trailers_are_there_once_the_body_was_read() {
    // RFC 9112 §7.1.2, RFC 9110 §6.5.1
    let response =
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nDigest: abc\r\nHost: evil\r\n\r\n";
    for segment in [1, 3, 1000] {
        let line = Line::new(&[HEAD_END, send(response)]).segments(segment);
        let mut buffer = [0; 256];
        let mut connection = Connection::new(line, &mut buffer);
        at_once(async {
            let mut response = connection.request(Method::Get, HOST, "/").send().await?;
            assert_eq!(response.trailer("digest"), None);
            assert_eq!(response.text(&mut [0; 2]).await?, "ok");
            assert_eq!((response.trailer("digest"), response.trailer("host")), (Some("abc"), None));
            assert!(response.may_reuse());
            Ok::<_, Error>(())
        })
        .unwrap();
    }
}

#[test]
fn what_does_not_fit_is_told_with_its_size() {
    let head = "HTTP/1.1 200 OK\r\nX: 0123456789012345678901234567890123456789\r\nContent-Length: 2\r\n\r\n";
    for segment in [1, 1000] {
        for size in [64, head.len() - 1, head.len()] {
            let line = Line::new(&[HEAD_END, send(head.as_bytes()), send(b"ok")]).segments(segment);
            let mut buffer = vec![0; size];
            let mut connection = Connection::new(line, &mut buffer);
            let result = at_once(connection.request(Method::Get, HOST, "/").send()).map(|response| response.status());
            let need = ErrorKind::TooLarge { what: Limit::ResponseHead, need: Some(head.len()), have: size };
            match result {
                Ok(_) => assert_eq!(size, head.len()),
                Err(error) => assert_eq!(kind(error), (Phase::Head, need)),
            }
        }
    }
    // The request: its head, or its head with a body that has to fit.
    let head = "GET / HTTP/1.1\r\nHost: host.example\r\n\r\n";
    let line = Line::new(&[]);
    let mut buffer = [0; 16];
    let mut connection = Connection::new(line.clone(), &mut buffer);
    let error = at_once(connection.request(Method::Get, HOST, "/").send()).unwrap_err();
    let need = ErrorKind::TooLarge { what: Limit::Request, need: Some(head.len()), have: 16 };
    assert_eq!((kind(error), line.writes()), ((Phase::Setup, need), 0));
    assert!(connection.may_reuse(), "nothing was sent");
    // The response's body: the caller's buffer, and nothing is lost.
    let line = Line::new(&[HEAD_END, send(OK)]);
    let mut buffer = [0; 128];
    let mut connection = Connection::new(line, &mut buffer);
    at_once(async {
        let mut response = connection.request(Method::Get, HOST, "/").send().await?;
        let need = ErrorKind::TooLarge { what: Limit::ResponseBody, need: Some(2), have: 1 };
        assert_eq!(response.content(&mut [0; 1]).await.map_err(kind), Err((Phase::Body, need)));
        assert_eq!(response.content(&mut [0; 2]).await?, b"ok");
        Ok::<_, Error>(())
    })
    .unwrap();
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

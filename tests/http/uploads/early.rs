//! Responses that come before the request is whole (RFC 9112 §9.5).

use super::*;

#[test]
fn an_early_answer_is_delivered_and_the_connection_closed() {
    const NO: &[u8] = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nno!";
    let data = letters(20_000);
    both!(
        answering(&[Step::Receive(b"abcdefg"), Step::HangUp(NO)]),
        |http| http.post(URL).stream(&data[..], data.len() as u64),
        |outcome, traces| {
            assert_eq!(outcome, &Ok((413, b"no!".to_vec())));
            assert_eq!((traces.free, traces.connections), (1, 1));
            assert!(traces.sent.len() < 2000);
        }
    );
    // The same for a body that is in memory and does not fit into the exchange buffer.
    both!(
        answering(&[Step::Receive(b"\r\n\r\n"), Step::HangUp(NO)]),
        |http| http.post(URL).body(&data),
        |outcome, traces| {
            assert_eq!(outcome, &Ok((413, b"no!".to_vec())));
            assert_eq!(traces.free, 1);
        }
    );
    // No answer: the error is that of sending.
    both!(
        answering(&[Step::Receive(b"abcdefg"), Step::Reset]),
        |http| http.post(URL).stream(&data[..], data.len() as u64),
        |outcome, _traces| assert_eq!(outcome, &failed(Phase::Send, ErrorKind::Io(IoKind::ConnectionReset)))
    );
}

/// RFC 9112 §9.5: a client watches for a response while it sends, and stops when the server refuses.
#[test]
fn a_server_that_takes_nothing_more_is_listened_to() {
    const NO: &[u8] = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nno!";
    const HINTS_THEN_NO: &[u8] = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 413 Content Too Large\r\n\
        Content-Type: text/plain\r\nX-Much-More-Than-The-Place-Kept-For-It: 0123456789012345678901234567890123456789\r\n\
        Content-Length: 3\r\n\r\nno!";
    let data = letters(20_000);
    for no in [NO, HINTS_THEN_NO] {
        for fragment in [1, 7, 1000] {
            // In the middle of the body, before any of it, and after the request line only.
            for until in [&b"vwxyzabcdefg"[..], b"\r\n\r\n", b"HTTP/1.1\r\n"] {
                let steps = [Step::Receive(until), Step::Interrupt(no), Step::Stall];
                let peers = || [Peer::new("host.example", 80, &steps).in_fragments_of(fragment)];
                let check = |outcome: &Outcome, traces: &Traces| {
                    assert_eq!(outcome, &Ok((413, b"no!".to_vec())));
                    assert_eq!((traces.free, traces.connections, traces.idle), (1, 1, 0));
                    // A quarter of a second until it is looked, and a moment for each look.
                    assert!(traces.millis <= 260, "{} ms", traces.millis);
                };
                let timeout = Some(Duration::from_secs(30));
                both!(
                    peers(),
                    |http| http.post(URL).timeout(timeout).stream(&data[..], data.len() as u64),
                    |outcome, traces| {
                        check(outcome, &traces);
                        assert!(traces.sent.len() < 2000);
                    }
                );
                both!(
                    peers(),
                    |http| http.post(URL).timeout(timeout).stream(&data[..], None),
                    |outcome, traces| check(outcome, &traces)
                );
                both!(peers(), |http| http.post(URL).timeout(timeout).body(&data), |outcome, traces| check(
                    outcome, &traces
                ));
            }
        }
    }
}

/// What is not a refusal does not stop the request: interim responses, also long ones, and an early success.
#[test]
fn what_comes_early_and_is_no_refusal_stops_nothing() {
    const EARLY_OK: &[u8] =
        b"HTTP/1.1 200 OK\r\nX-Much-More-Than-The-Place-Kept-For-It: 012345678901234567890123456789\r\n\
        Content-Length: 2\r\n\r\nok";
    let long = format!("HTTP/1.1 103 Early Hints\r\nLink: <{}>\r\n\r\n", "x".repeat(200));
    let data = letters(20_000);
    let end = &data[data.len() - 30..];
    // `abcdefg` comes often, so that more of it is on the way when the server begins to read again.
    let begin = Step::Receive(b"abcdefg");
    let rest = Step::Receive(end);
    let hint = Step::Interrupt(b"HTTP/1.1 102 Processing\r\n\r\n");
    let cases: [&[Step<'_>]; 5] = [
        &[begin, hint, rest, Step::Send(OK)],
        &[begin, hint, begin, hint, begin, hint, rest, Step::Send(OK)],
        &[begin, Step::Interrupt(&long.as_bytes()[..60]), rest, Step::Send(&long.as_bytes()[60..]), Step::Send(OK)],
        &[begin, Step::Interrupt(&EARLY_OK[..12]), rest, Step::Send(&EARLY_OK[12..])],
        &[begin, Step::Interrupt(&EARLY_OK[..10]), rest, Step::Send(&EARLY_OK[10..])],
    ];
    for steps in cases {
        for fragment in [7, 1000] {
            let peers = || [Peer::new("host.example", 80, steps).in_fragments_of(fragment)];
            both!(peers(), |http| http.post(URL).stream(&data[..], data.len() as u64), |outcome, traces| {
                assert_eq!(outcome, &ok(), "{steps:?}");
                assert_eq!((traces.free, traces.connections, traces.idle), (0, 1, 1), "{steps:?}");
            });
            both!(peers(), |http| http.post(URL).body(&data), |outcome, _traces| assert_eq!(
                outcome,
                &ok(),
                "{steps:?}"
            ));
        }
    }
    // What arrives in place of the rest of the body is all of it.
    let steps = [begin, hint, Step::Receive(b"0\r\n\r\n"), Step::Send(OK)];
    both!(
        [Peer::new("host.example", 80, &steps)],
        |http| http.post(URL).stream(&data[..3000], None),
        |outcome, traces| {
            assert_eq!(outcome, &ok());
            let (_, body) = traces.sent.split_once("\r\n\r\n").expect("a head");
            assert_eq!(unchunked(body).0.as_bytes(), &data[..3000]);
        }
    );
}

/// Over TLS a write cannot be interrupted: there the time is kept for it before the deadline. The same where there is no
/// room for a response behind what is being sent, and where the server takes nothing and has said nothing of use.
#[test]
fn before_the_deadline_there_is_time_to_read_why() {
    const NO: &[u8] = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nno!";
    let data = letters(20_000);
    let no = [Step::Receive(b"abcdefg"), Step::Interrupt(NO), Step::Stall];
    both!(
        [Peer::new("host.example", 443, &no)],
        |http| http.post("https://host.example/").stream(&data[..], data.len() as u64),
        |outcome, traces| {
            assert_eq!(outcome, &Ok((413, b"no!".to_vec())));
            assert_eq!((traces.millis, traces.free), (29_000, 1));
        }
    );
    both!(
        [Peer::new("host.example", 80, &no)],
        session => session.buffer_limit(300),
        |http| http.post(URL).stream(&data[..], data.len() as u64),
        |outcome, traces| {
            assert_eq!(outcome, &Ok((413, b"no!".to_vec())));
            assert_eq!((traces.millis, traces.free), (29_000, 1));
        }
    );
    // An early success stands, too, if nothing more comes of it.
    let early = [Step::Receive(b"abcdefg"), Step::Interrupt(OK), Step::Stall];
    both!(
        [Peer::new("host.example", 80, &early)],
        |http| http.post(URL).stream(&data[..], data.len() as u64),
        |outcome, traces| {
            assert_eq!(outcome, &ok());
            assert_eq!((traces.millis, traces.free), (29_000, 1));
        }
    );
    // Nothing comes: the error is that of sending, at the deadline.
    for (scheme, port) in [("http", 80), ("https", 443)] {
        for (timeout, data) in [(30_000, &data[..]), (700, &data[..]), (30_000, &[])] {
            both!(
                [Peer::new("host.example", port, &[Step::Stall])],
                |http| http
                    .post(&format!("{scheme}://host.example/"))
                    .timeout(Some(Duration::from_millis(timeout)))
                    .body(data),
                |outcome, traces| {
                    assert_eq!(outcome, &failed(Phase::Send, ErrorKind::Timeout));
                    assert_eq!((traces.millis, traces.free), (timeout, 1));
                }
            );
        }
    }
    // Nothing ever will: the server has closed its side.
    both!(
        [Peer::new("host.example", 80, &[Step::Receive(b"abcdefg"), Step::Interrupt(b"HTTP/1.1 1"), Step::Close])],
        |http| http.post(URL).stream(&data[..], data.len() as u64),
        |outcome, _traces| assert_eq!(outcome, &failed(Phase::Head, ErrorKind::Truncated))
    );
}

/// A request with no body too may find the connection broken, and a response in it: of a server that was about to end.
#[test]
fn whatever_could_not_be_sent_the_response_that_waits_is_read() {
    const BUSY: &[u8] = b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy";
    let (at_once, later) = ([Step::HangUp(BUSY)], [Step::Receive(b"GET /"), Step::HangUp(BUSY)]);
    for (steps, fragment) in [(&at_once[..], 1000), (&later[..], 5)] {
        both!(
            [Peer::new("host.example", 80, steps).in_fragments_of(fragment)],
            |http| http.get(URL),
            |outcome, traces| {
                assert_eq!(outcome, &Ok((503, b"busy".to_vec())));
                assert_eq!((traces.free, traces.millis), (1, 0));
            }
        );
    }
    both!(
        [Peer::new("host.example", 80, &[Step::Receive(b"GET /"), Step::HangUp(b"not http at all")])
            .in_fragments_of(5)],
        |http| http.get(URL),
        |outcome, _traces| assert_eq!(outcome, &failed(Phase::Head, ErrorKind::Malformed(DecodeError::NotHttp)))
    );
}

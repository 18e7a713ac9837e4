//! Requests that are sent again: what failed for a while, and when a server says to come back.

use super::*;

#[test]
fn what_failed_for_a_while_is_tried_again() {
    const BUSY: &[u8] = b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy";
    const LATER: &[u8] = b"HTTP/1.1 429 Slow down\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n";
    const GATEWAY: &[u8] = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n";
    let random = || u32::MAX; // the longest waits: 1, 2, 4… seconds
    let retry = |attempts| Retry::new(attempts, &random);
    let busy = || Ok((503, b"busy".to_vec()));
    let twice = [HEAD_END, Step::Send(BUSY), HEAD_END, Step::Send(BUSY), HEAD_END, Step::Send(OK)];
    let peers = || [Peer::new("host.example", 80, &twice)];
    both!(peers(), session => session.retry(retry(3)), |http| http.get(URL), |outcome, traces| {
        assert_eq!(outcome, &ok());
        assert_eq!((traces.writes, traces.connections, traces.millis), (3, 1, 3000));
    });
    both!(peers(), session => session.retry(retry(2)), |http| http.get(URL), |outcome, traces| {
        assert_eq!((outcome, traces.writes), (&busy(), 2));
    });
    both!(peers(), session => session.retry(retry(3)), |http| http.get(URL).retry(None), |outcome, traces| {
        assert_eq!((outcome, traces.writes), (&busy(), 1));
    });
    // A wait that would pass the deadline is not begun.
    both!(peers(), session => session.retry(retry(3)), |http| http.get(URL).timeout(Some(Duration::from_secs(3))), |outcome, traces| {
        assert_eq!((outcome, traces.writes, traces.millis), (&busy(), 2, 1000));
    });
    // A POST only if it is said to be harmless.
    both!(peers(), session => session.retry(retry(3)), |http| http.post(URL), |outcome, traces| {
        assert_eq!((outcome, traces.writes), (&busy(), 1));
    });
    both!(peers(), session => session.retry(retry(3)), |http| http.post(URL).repeatable(), |outcome, traces| {
        assert_eq!((outcome, traces.writes), (&ok(), 3));
    });
    // The server says how long.
    let later = [HEAD_END, Step::Send(LATER), HEAD_END, Step::Send(OK)];
    both!([Peer::new("host.example", 80, &later)], session => session.retry(retry(3)), |http| http.get(URL), |outcome, traces| {
        assert_eq!((outcome, traces.millis), (&ok(), 8000));
    });
    let gateway = [HEAD_END, Step::Send(GATEWAY), HEAD_END, Step::Send(OK)];
    both!([Peer::new("host.example", 80, &gateway)], session => session.retry(retry(3)), |http| http.get(URL), |outcome, _traces| {
        assert_eq!(outcome, &Ok((502, Vec::new())));
    });
    both!([Peer::new("host.example", 80, &gateway)], session => session.retry(retry(3).on_gateway_errors()), |http| http.get(URL), |outcome, _traces| {
        assert_eq!(outcome, &ok());
    });
    // A stream that cannot go back: the answer stands.
    let body = [Step::Receive(b"data"), Step::Send(BUSY)];
    both!([Peer::new("host.example", 80, &body)], session => session.retry(retry(3)), |http| http.put(URL).stream(&b"data"[..], 4), |outcome, _traces| {
        assert_eq!(outcome, &busy());
    });
}

#[test]
fn a_connection_that_could_not_be_made_is_tried_again() {
    let calls = Cell::new(0);
    let random = || {
        calls.set(calls.get() + 1);
        0
    };
    let steps = [Step::Receive(b"data"), Step::Send(OK)];
    let refusing = Peer::refusing("host.example", 80);
    let peers = || [refusing, refusing, Peer::new("host.example", 80, &steps)];
    // Nothing was sent: also a POST, also a stream.
    both!(peers(), session => session.retry(Retry::new(5, &random)), |http| http.post(URL).stream(&b"data"[..], 4), |outcome, traces| {
        assert_eq!(outcome, &ok());
        assert_eq!((traces.connections, traces.millis), (1, 0));
    });
    assert_eq!(calls.get(), 4);
    both!(peers(), |http| http.get(URL), |outcome, _traces| {
        assert_eq!(outcome, &failed(Phase::Connect, ErrorKind::Io(IoKind::ConnectionRefused)));
    });
    // The connection breaks: a POST may have been done.
    let broken = [HEAD_END, Step::Reset];
    let peers = || [Peer::new("host.example", 80, &broken), Peer::new("host.example", 80, &[HEAD_END, Step::Send(OK)])];
    both!(peers(), session => session.retry(Retry::new(5, &random)), |http| http.get(URL), |outcome, traces| {
        assert_eq!((outcome, traces.connections), (&ok(), 2));
    });
    both!(peers(), session => session.retry(Retry::new(5, &random)), |http| http.post(URL), |outcome, traces| {
        assert_eq!((outcome.is_err(), traces.connections), (true, 1));
    });
    // A name that does not exist does not come to exist.
    both!([], session => session.retry(Retry::new(5, &random)), |http| http.get(URL), |outcome, _traces| {
        assert_eq!(outcome, &failed(Phase::Resolve, ErrorKind::NoSuchName));
    });
}

/// A kept connection that the server closes just as the next request is on its way.
#[test]
fn a_stream_that_is_needed_again_for_a_closed_connection_must_go_back() {
    let steps = [HEAD_END, Step::Send(OK), Step::Receive(b"data"), Step::Close];
    let again = [Step::Receive(b"data"), Step::Send(OK)];
    let peers = [Peer::new("host.example", 80, &steps), Peer::new("host.example", 80, &again)];
    let not_replayable = Error::new(Phase::Send, ErrorKind::Policy(Policy::BodyNotReplayable));
    for can_go_back in [true, false] {
        let check = |second: Result<u16, Error>, script: &Script<'_>| {
            assert_eq!(second, if can_go_back { Ok(200) } else { Err(not_replayable) });
            assert_eq!(script.connections(), if can_go_back { 2 } else { 1 });
        };
        let reader = || Reader::new(b"data", 9);

        let script = Script::new(&peers);
        let (mut network, mut memory) = (script.network(), Resources::<1>::new());
        let pool = SocketPool::new(&mut network, &mut memory);
        let http = Session::plain(&pool);
        let second = block_on(async {
            http.get(URL).send().await.expect("an answer");
            let request = http.put(URL);
            let response = match can_go_back {
                true => request.stream(Rewindable::new(reader()), 4).send().await?,
                false => request.stream(reader(), 4).send().await?,
            };
            Ok(response.status().as_u16())
        });
        check(second, &script);

        let script = Script::new(&peers);
        let (mut network, mut memory) = (script.network(), Resources::<1>::new());
        let pool = blocking::SocketPool::new(&mut network, &mut memory);
        let http = blocking::Session::plain(&pool);
        http.get(URL).send().expect("an answer");
        let request = http.put(URL);
        let response = match can_go_back {
            true => request.stream(Rewindable::new(reader()), 4).send(),
            false => request.stream(reader(), 4).send(),
        };
        check(response.map(|response| response.status().as_u16()), &script);
    }
}

/// RFC 9110 §10.2.3 and §5.6.7: seconds, or a date in three forms beside the response's own; a wait past `cap` or the deadline
/// is not begun, and the response stands.
#[test]
fn a_server_says_when_to_try_again() {
    let random = || 0; // no wait of our own
    let cases = [
        ("7", Some(7_000)),
        ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10_000)),
        ("Sunday, 06-Nov-94 08:49:47 GMT", Some(10_000)),
        ("Sun Nov  6 08:49:47 1994", Some(10_000)),
        ("Sun, 06 Nov 1994 08:40:00 GMT", Some(0)),
        ("20", Some(20_000)),
        ("21", None),
        ("Sunday, 06-Nov-94 08:49:58 GMT", None),
        ("100000000000000000000000", None),
        ("Fri, 31 Dec 9999 23:59:59 GMT", None),
        ("in a while", Some(0)),
    ];
    for (value, millis) in cases {
        let busy = format!(
            "HTTP/1.1 503 Busy\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: {value}\r\nContent-Length: 4\r\n\r\nbusy"
        );
        let steps = [HEAD_END, Step::Send(busy.as_bytes()), HEAD_END, Step::Send(OK)];
        let peers = || [Peer::new("host.example", 80, &steps)];
        for timeout in [None, Some(Duration::from_secs(30))] {
            both!(
                peers(),
                session => session.retry(Retry::new(2, &random).cap(Duration::from_secs(20))).timeout(timeout),
                |http| http.get(URL),
                |outcome, traces| match millis {
                    Some(millis) => assert_eq!((outcome, traces.millis, traces.writes), (&ok(), millis, 2), "{value}"),
                    None => assert_eq!((outcome, traces.millis), (&Ok((503, b"busy".to_vec())), 0), "{value}"),
                }
            );
        }
        // The deadline bounds it as well.
        both!(
            peers(),
            session => session.retry(Retry::new(2, &random).cap(Duration::MAX)).timeout(Some(Duration::from_secs(5))),
            |http| http.get(URL),
            |outcome, traces| match millis {
                Some(0) => assert_eq!((outcome, traces.millis), (&ok(), 0), "{value}"),
                _ => assert_eq!((outcome, traces.millis), (&Ok((503, b"busy".to_vec())), 0), "{value}"),
            }
        );
    }
}

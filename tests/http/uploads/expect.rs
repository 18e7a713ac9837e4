//! A server that is asked before the body is sent: Expect: 100-continue (RFC 9110 §10.1.1).

use super::*;

#[test]
fn a_server_that_is_asked_first_says_what_it_wants() {
    const GO_ON: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
    const HINTS: &[u8] = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n";
    const FORBIDDEN: &[u8] = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno";
    const LATE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let cases: [(&[Step<'_>], Outcome, &str, u64); 6] = [
        (&[HEAD_END, Step::Send(GO_ON), Step::Receive(b"data"), Step::Send(OK)], ok(), "data", 0),
        (&[HEAD_END, Step::Send(HINTS), Step::Receive(b"data"), Step::Send(OK)], ok(), "data", 0),
        // It says nothing: sent after a second.
        (&[HEAD_END, Step::Receive(b"data"), Step::Send(OK)], ok(), "data", 1000),
        // And it says so afterwards.
        (&[HEAD_END, Step::Receive(b"data"), Step::Send(LATE)], ok(), "data", 1000),
        (&[HEAD_END, Step::Send(FORBIDDEN)], Ok((403, b"no".to_vec())), "", 0),
        (&[HEAD_END, Step::Close], failed(Phase::Head, ErrorKind::Malformed(DecodeError::NoResponse)), "", 0),
    ];
    for (steps, wanted, body, millis) in cases {
        for fragment in [5, 1000] {
            let peers = || [Peer::new("host.example", 80, steps).in_fragments_of(fragment)];
            let check = |outcome: &Outcome, traces: &Traces| {
                assert_eq!(outcome, &wanted);
                let (head, sent) = traces.sent.split_once("\r\n\r\n").expect("a head");
                assert!(head.contains("\r\nExpect: 100-continue"));
                assert_eq!((sent, traces.millis), (body, millis));
                assert_eq!(traces.idle, usize::from(!body.is_empty()));
            };
            both!(peers(), |http| http.post(URL).expect_continue().body(b"data"), |outcome, traces| check(
                outcome, &traces
            ));
            both!(peers(), |http| http.post(URL).expect_continue().stream(&b"data"[..], 4), |outcome, traces| check(
                outcome, &traces
            ));
            // A form is written into the exchange buffer, where the answer must not overwrite it.
            both!(
                [Peer::new("host.example", 80, steps).in_fragments_of(fragment)],
                |http| http.post(URL).expect_continue().form(&[("data", "")]),
                |outcome, traces| check(outcome, &Traces { sent: traces.sent.replace("data=", "data"), ..traces })
            );
        }
    }
    // Nothing to ask for.
    both!(answering(&[HEAD_END, Step::Send(OK)]), |http| http.get(URL).expect_continue(), |outcome, traces| {
        assert_eq!((outcome, traces.sent.contains("Expect")), (&ok(), false));
    });
    // Silence to the end is a time-out of the whole.
    both!(
        answering(&[HEAD_END, Step::Stall]),
        |http| http.post(URL).timeout(Some(Duration::from_millis(700))).expect_continue().body(b"data"),
        |outcome, traces| {
            assert_eq!(outcome, &failed(Phase::Head, ErrorKind::Timeout));
            assert_eq!(traces.millis, 700);
        }
    );
}

/// RFC 9110 §10.1.1: a client that gets a 417 for its expectation repeats the request without it.
#[test]
fn a_server_that_does_not_want_to_be_asked_is_not_asked_again() {
    const NO: &[u8] = b"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 2\r\n\r\nno";
    let host = |steps| Peer::new("host.example", 80, steps);
    let (first, second) = ([HEAD_END, Step::Send(NO)], [Step::Receive(b"data"), Step::Send(OK)]);
    let check = |outcome: &Outcome, traces: &Traces, body: &str| {
        assert_eq!(outcome, &ok());
        // The server might still wait for the body that was announced, so the connection is another one.
        assert_eq!((traces.connections, traces.millis, traces.idle), (2, 0, 1));
        let heads: Vec<_> = traces.sent.split("POST ").skip(1).collect();
        assert_eq!(heads.iter().map(|head| head.contains("\r\nExpect:")).collect::<Vec<_>>(), [true, false]);
        assert!(heads[0].ends_with("\r\n\r\n") && heads[1].ends_with(&format!("\r\n\r\n{body}")));
    };
    both!([host(&first), host(&second)], |http| http.post(URL).expect_continue().body(b"data"), |outcome, traces| {
        check(outcome, &traces, "data");
    });
    // It was not read, so one that can be read only once is enough.
    both!(
        [host(&first), host(&second)],
        |http| http.post(URL).expect_continue().stream(&b"data"[..], 4),
        |outcome, traces| check(outcome, &traces, "data")
    );
    // It comes when the body was sent already: again if that can be, on the same connection.
    let late = [Step::Receive(b"data"), Step::Send(NO), Step::Receive(b"data"), Step::Send(OK)];
    both!([host(&late)], |http| http.post(URL).expect_continue().body(b"data"), |outcome, traces| {
        assert_eq!((outcome, traces.connections), (&ok(), 1));
        assert_eq!((traces.sent.matches("data").count(), traces.sent.matches("Expect:").count()), (2, 1));
    });
    both!([host(&late)], |http| http.post(URL).expect_continue().stream(&b"data"[..], 4), |outcome, traces| {
        assert_eq!((outcome, traces.connections), (&Ok((417, b"no".to_vec())), 1));
    });
    // Once: what is answered 417 without an expectation is answered 417.
    let again = [Step::Receive(b"data"), Step::Send(NO)];
    both!([host(&first), host(&again)], |http| http.post(URL).expect_continue().body(b"data"), |outcome, traces| {
        assert_eq!((outcome, traces.connections), (&Ok((417, b"no".to_vec())), 2));
    });
    both!([host(&again)], |http| http.post(URL).body(b"data"), |outcome, traces| {
        assert_eq!((outcome, traces.connections), (&Ok((417, b"no".to_vec())), 1));
    });
    both!([host(&again)], |http| http.post(URL).header("Expect", "data").body(b"data"), |outcome, traces| {
        assert_eq!((outcome, traces.connections), (&Ok((417, b"no".to_vec())), 1));
    });
}

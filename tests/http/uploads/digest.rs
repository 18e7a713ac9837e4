//! Challenges of a server, and the credentials sent in response to them (RFC 7616).

use super::*;

const CHALLENGE: &[u8] =
    b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"http-auth@example.org\", qop=\"auth\", \
    algorithm=SHA-256, nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", \
    opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"\r\nContent-Length: 2\r\n\r\nno";
const STALE: &[u8] = b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"r\", qop=\"auth\", \
    algorithm=SHA-256, nonce=\"n2\", stale=true\r\nContent-Length: 0\r\n\r\n";
const CNONCE: &str = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";

#[test]
fn a_challenge_is_answered_once() {
    let url = "http://host.example/dir/index.html";
    both!(
        answering(&[HEAD_END, Step::Send(CHALLENGE), HEAD_END, Step::Send(OK)]),
        session => session,
        |http| http.get(url).digest_auth("Mufasa", "Circle of Life", CNONCE),
        |outcome, traces| {
            assert_eq!(outcome, &ok());
            let (first, second) = traces.sent.split_once("\r\n\r\n").expect("two requests");
            assert!(!first.contains("Authorization"));
            assert!(second.contains("response=\"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1\""), "{second}");
            assert_eq!((traces.connections, traces.writes), (1, 2));
        }
    );
    // A wrong password is an answer, not a loop.
    both!(
        answering(&[HEAD_END, Step::Send(CHALLENGE), HEAD_END, Step::Send(CHALLENGE)]),
        session => session,
        |http| http.get(url).digest_auth("Mufasa", "?", CNONCE),
        |outcome, traces| {
            assert_eq!(outcome, &Ok((401, b"no".to_vec())));
            assert_eq!(traces.writes, 2);
        }
    );
    // A nonce that is too old is replaced, once.
    both!(
        answering(&[HEAD_END, Step::Send(CHALLENGE), HEAD_END, Step::Send(STALE), HEAD_END, Step::Send(OK)]),
        session => session,
        |http| http.get(url).digest_auth("Mufasa", "Circle of Life", CNONCE),
        |outcome, traces| {
            assert_eq!(outcome, &ok());
            assert_eq!((traces.sent.matches("Authorization").count(), traces.sent.matches("nonce=\"n2\"").count()), (2, 1));
        }
    );
    both!(
        answering(&[HEAD_END, Step::Send(STALE), HEAD_END, Step::Send(STALE), HEAD_END, Step::Send(STALE)]),
        session => session,
        |http| http.get(url).digest_auth("Mufasa", "Circle of Life", CNONCE),
        |outcome, traces| {
            assert_eq!(outcome, &Ok((401, Vec::new())));
            assert_eq!(traces.writes, 3);
        }
    );
    // Nobody asked for it, or for something else.
    both!(answering(&[HEAD_END, Step::Send(OK)]), session => session, |http| http.get(url).digest_auth("u", "p", "c"), |outcome, traces| {
        assert_eq!((outcome, traces.writes), (&ok(), 1));
    });
    const BASIC: &[u8] = b"HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n";
    both!(answering(&[HEAD_END, Step::Send(BASIC)]), session => session, |http| http.get(url).digest_auth("u", "p", "c"), |outcome, traces| {
        assert_eq!((outcome, traces.writes), (&Ok((401, Vec::new())), 1));
    });
}

#[test]
fn a_challenge_after_a_redirect_is_answered_at_home_only() {
    const HERE: &[u8] = b"HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n";
    both!(
        [Peer::new("host.example", 80, &[HEAD_END, Step::Send(CHALLENGE), HEAD_END, Step::Send(HERE), HEAD_END, Step::Send(CHALLENGE), HEAD_END, Step::Send(OK)])],
        session => session,
        |http| http.get(URL).digest_auth("u", "p", "c"),
        |outcome, traces| {
            assert_eq!(outcome, &ok());
            assert_eq!(traces.sent.matches("uri=\"/\"").count(), 1);
            assert_eq!(traces.sent.matches("uri=\"/b\"").count(), 1);
        }
    );
    const THERE: &[u8] = b"HTTP/1.1 302 Found\r\nLocation: http://other.example/\r\nContent-Length: 0\r\n\r\n";
    both!(
        [Peer::new("host.example", 80, &[HEAD_END, Step::Send(THERE)]), Peer::new("other.example", 80, &[HEAD_END, Step::Send(CHALLENGE)])],
        session => session,
        |http| http.get(URL).digest_auth("u", "p", "c"),
        |outcome, traces| {
            assert_eq!(outcome, &Ok((401, b"no".to_vec())));
            assert!(!traces.sent.contains("Digest"));
        }
    );
}

#[test]
fn a_challenge_needs_the_body_again() {
    let steps = [Step::Receive(b"data"), Step::Send(CHALLENGE), Step::Receive(b"data"), Step::Send(OK)];
    let peers = || [Peer::new("host.example", 80, &steps)];
    both!(peers(), session => session, |http| http.post(URL).body(b"data").digest_auth("u", "p", "c"), |outcome, _traces| assert_eq!(outcome, &ok()));
    both!(
        peers(),
        session => session,
        |http| http.post(URL).digest_auth("u", "p", "c").stream(Rewindable::new(Reader::new(b"data", 9)), None),
        |outcome, traces| {
            // The script waits for less than the whole body: what is left of it comes with the next request.
            assert_eq!((outcome, traces.sent.matches("data").count()), (&ok(), 2));
        }
    );
    both!(peers(), session => session, |http| http.post(URL).digest_auth("u", "p", "c").stream(&b"data"[..], 4), |outcome, _traces| {
        assert_eq!(outcome, &failed(Phase::Head, ErrorKind::Policy(Policy::BodyNotReplayable)));
    });
    // Asked first, the source is read once only.
    const GO_ON: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
    both!(
        [
            Peer::new("host.example", 80, &[HEAD_END, Step::Send(CHALLENGE)]),
            Peer::new("host.example", 80, &[HEAD_END, Step::Send(GO_ON), Step::Receive(b"data"), Step::Send(OK)]),
        ],
        session => session,
        |http| http.post(URL).digest_auth("u", "p", "c").expect_continue().stream(&b"data"[..], 4),
        |outcome, traces| {
            assert_eq!(outcome, &ok());
            assert_eq!((traces.sent.matches("data").count(), traces.connections), (1, 2));
        }
    );
}

/// The first figure is enough to answer a challenge too, once its head fits.
#[test]
fn one_figure_is_enough_to_answer_a_challenge() {
    let opaque = "o".repeat(150);
    let challenge = format!(
        "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\", algorithm=SHA-256, \
         opaque=\"{opaque}\"\r\nContent-Length: 0\r\n\r\n"
    );
    let steps = [HEAD_END, Step::Send(challenge.as_bytes()), HEAD_END, Step::Send(OK)];
    let figures = Cell::new(0);
    for limit in (challenge.len() + 21..1000).step_by(7) {
        let need = Cell::new(None);
        both!(
            [Peer::new("host.example", 80, &steps)],
            session => session.buffer_limit(limit),
            |http| http.get(URL).digest_auth("u", "p", "c"),
            |outcome, _traces| match outcome.as_ref().map_err(Error::kind) {
                Err(ErrorKind::TooLarge { need: Some(more), have, .. }) => {
                    assert!(have == limit && more > have);
                    need.set(Some(more));
                }
                outcome => assert!(outcome.is_ok(), "{limit}: {outcome:?}"),
            }
        );
        let Some(need) = need.get() else { continue };
        figures.set(figures.get() + 1);
        both!(
            [Peer::new("host.example", 80, &steps)],
            session => session.buffer_limit(need),
            |http| http.get(URL).digest_auth("u", "p", "c"),
            |outcome, _traces| assert_eq!(outcome, &ok(), "{limit}, then {need}")
        );
    }
    assert!(figures.get() > 10, "{figures:?}");
}

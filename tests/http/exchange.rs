//! Whole exchanges through both faces, over a scripted network: what a server may send, and what a client must do.
#![cfg(all(feature = "requests", feature = "mock", feature = "blocking"))]

use std::time::Duration;

use socketpool::{
    Error, ErrorKind, Limit, Phase, Policy,
    http::{DecodeError, EncodeError, UrlError},
    mock::{Peer, Script, Step},
};

use crate::support::{
    codec::vectors::{Vector, Wanted, vectors},
    faces::{Answer, Call, FACES, Outcome, run},
};

const HEAD_END: Step<'static> = Step::Receive(b"\r\n\r\n");
const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const URL: &str = "http://host.example/";

fn answer(status: u16, url: &str, redirects: u8, body: &[u8]) -> Result<Answer, Error> {
    Ok(Answer { status, url: url.into(), redirects, body: body.into() })
}

fn failed(phase: Phase, kind: ErrorKind) -> Result<Answer, Error> {
    Err(Error::new(phase, kind))
}

/// Runs the calls through both faces, each with a script of its own, and shows both outcomes to `check`.
fn both<const N: usize>(peers: &[Peer<'_>], calls: &[Call<'_>], check: impl Fn(&Outcome, &Script<'_>)) {
    for face in FACES {
        let script = Script::new(peers);
        let outcome = run::<N>(face, &script, calls);
        println!("{face:?}: {outcome:?}");
        check(&outcome, &script);
        assert_eq!(outcome.counts.in_use, 0);
    }
}

fn sent(script: &Script<'_>) -> String {
    String::from_utf8_lossy(&script.sent()).into_owned()
}

/// The vectors of the codec, whole and in fragments, through everything that stands above it.
#[test]
fn every_answer_comes_to_what_is_wanted() {
    for Vector { name, method, answer: bytes, wanted } in vectors() {
        let steps = [HEAD_END, Step::Send(&bytes), Step::Close];
        for fragment in [usize::MAX, 7, 1] {
            let peers = [Peer::new("host.example", 80, &steps).in_fragments_of(fragment)];
            let call = Call { method, redirects: None, ..Call::get(URL) };
            both::<1>(&peers, &[call], |outcome, _| {
                let is_kept = outcome.counts.idle == 1;
                match (&outcome.answers[0], &wanted) {
                    // What the codec reports, the request refuses (RFC 9110 §15.2.2): it asked for no upgrade.
                    (got, Wanted::Answer(101, ..)) => {
                        let refused = failed(Phase::Head, ErrorKind::Malformed(DecodeError::UnaskedUpgrade));
                        assert_eq!((got, is_kept), (&refused, false), "{name}");
                    }
                    (Ok(got), Wanted::Answer(status, body, close, left)) => {
                        assert_eq!((got.status, &got.body), (*status, body), "{name}");
                        // A surplus that has not arrived yet is found when the connection is to be used again.
                        assert!(!is_kept || (close.is_none() && (*left == 0 || fragment < 8)), "{name}");
                        assert!(is_kept || close.is_some() || *left > 0, "{name}");
                    }
                    (Err(error), Wanted::Error(wanted)) => {
                        let as_wanted = match error.kind() {
                            ErrorKind::Malformed(got) => got == *wanted,
                            ErrorKind::Truncated => *wanted == DecodeError::Truncated,
                            ErrorKind::TooLarge { what: Limit::ResponseHead, .. } => {
                                *wanted == DecodeError::HeadTooLarge
                            }
                            _ => false,
                        };
                        assert!(as_wanted && !is_kept, "{name}: {error:?}");
                    }
                    (got, _) => panic!("{name}: {got:?}"),
                }
            });
        }
    }
}

#[test]
fn a_request_is_one_write_with_what_was_asked_for() {
    let steps = [Step::Receive(b"{}"), Step::Send(OK)];
    let call = Call {
        query: &[("city", "Den Haag"), ("a&b", "ü")],
        headers: &[("Content-Type", "application/json"), ("X-One", "1"), ("user-agent", "mine/1")],
        ..Call::post("HTTP://Host.Example:8080/log?x=1#top", b"{}")
    };
    both::<1>(&[Peer::new("host.example", 8080, &steps)], &[call], |outcome, script| {
        let url = "http://host.example:8080/log?x=1&city=Den%20Haag&a%26b=%C3%BC";
        assert_eq!(outcome.answers, [answer(200, url, 0, b"ok")]);
        assert_eq!(script.writes(), 1);
        assert_eq!(
            sent(script),
            "POST /log?x=1&city=Den%20Haag&a%26b=%C3%BC HTTP/1.1\r\nHost: host.example:8080\r\nAccept: */*\r\n\
             Accept-Encoding: identity\r\nContent-Type: application/json\r\nX-One: 1\r\nuser-agent: mine/1\r\n\
             Content-Length: 2\r\n\r\n{}"
        );
    });
}

#[test]
fn a_connection_serves_again_when_its_body_was_read() {
    let steps = [HEAD_END, Step::Send(OK), HEAD_END, Step::Send(OK), HEAD_END, Step::Send(OK)];
    let calls = [Call::get(URL), Call { read: false, ..Call::get(URL) }, Call::get(URL)];
    both::<2>(&[Peer::new("host.example", 80, &steps)], &calls, |outcome, script| {
        assert!(outcome.answers.iter().all(Result::is_ok));
        // The body of the second had arrived with its head, so leaving it costs nothing.
        assert_eq!((script.connections(), script.writes(), outcome.counts.idle), (1, 3, 1));
    });
}

#[test]
fn a_connection_with_an_unread_body_is_closed() {
    let long = [&b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"[..], &[b'H'; 100_000]].concat();
    let (first, second) = ([HEAD_END, Step::Send(&long)], [HEAD_END, Step::Send(OK)]);
    let peers = [Peer::new("host.example", 80, &first), Peer::new("host.example", 80, &second)];
    let calls = [Call { read: false, ..Call::get(URL) }, Call::get(URL)];
    both::<1>(&peers, &calls, |outcome, script| {
        assert_eq!(outcome.answers[1], answer(200, URL, 0, b"ok"));
        assert_eq!(script.connections(), 2);
    });
}

#[test]
fn a_closed_idle_connection_costs_a_new_one_and_nothing_else() {
    // Closed in order, closed without our seeing it before we write, broken.
    for end in [Step::Close, Step::Receive(b"GET"), Step::Reset] {
        let (first, second) = ([HEAD_END, Step::Send(OK), end, Step::Close], [HEAD_END, Step::Send(OK)]);
        let peers = [Peer::new("host.example", 80, &first), Peer::new("host.example", 80, &second)];
        both::<1>(&peers, &[Call::get(URL), Call::get(URL)], |outcome, script| {
            assert_eq!(outcome.answers[1], answer(200, URL, 0, b"ok"), "{end:?}");
            assert_eq!(script.connections(), 2);
        });
    }
}

#[test]
fn a_post_is_never_sent_twice() {
    let first = [Step::Receive(b"one"), Step::Send(OK), Step::Receive(b"two"), Step::Close];
    let peers = [Peer::new("host.example", 80, &first), Peer::new("host.example", 80, &[])];
    let calls = [Call::post(URL, b"one"), Call::post(URL, b"two")];
    both::<1>(&peers, &calls, |outcome, script| {
        assert_eq!(outcome.answers[1], failed(Phase::Head, ErrorKind::Malformed(DecodeError::NoResponse)));
        assert_eq!(script.connections(), 1);
    });
}

#[test]
fn redirects_lead_where_they_should() {
    fn moved(status: u16, to: &str) -> String {
        format!("HTTP/1.1 {status} Moved\r\nLocation: {to}\r\nContent-Length: 5\r\n\r\nmoved")
    }
    let cases = [
        (301, "d", "http://host.example/a/d", "POST", "GET"),
        (302, "../x?q#f", "http://host.example/x?q", "POST", "GET"),
        (303, "?q=1", "http://host.example/a/b?q=1", "POST", "GET"),
        (307, "/y", "http://host.example/y", "POST", "POST"),
        (308, "http://host.example/z", "http://host.example/z", "POST", "POST"),
        (307, "//host.example/w", "http://host.example/w", "GET", "GET"),
    ];
    for (status, to, target, method, then) in cases {
        let moved = moved(status, to);
        let body: &[u8] = if method == "POST" { b"body" } else { b"" };
        let awaited: &[u8] = if method == "POST" { b"body" } else { b"\r\n\r\n" };
        let again: &[u8] = if then == "POST" { b"body" } else { b"\r\n\r\n" };
        let steps = [Step::Receive(awaited), Step::Send(moved.as_bytes()), Step::Receive(again), Step::Send(OK)];
        let start = "http://host.example/a/b";
        let call = if method == "POST" { Call::post(start, body) } else { Call::get(start) };
        let call = Call { headers: &[("Authorization", "secret"), ("Content-Language", "nl")], ..call };
        both::<1>(&[Peer::new("host.example", 80, &steps)], &[call], |outcome, script| {
            assert_eq!(outcome.answers, [answer(200, target, 1, b"ok")]);
            assert_eq!(script.connections(), 1, "same origin, same connection");
            let sent = sent(script);
            let second = &sent[1..][sent[1..].find(&format!("{then} /")).expect("a second request")..];
            assert!(second.contains("Authorization: secret\r\n"));
            assert_eq!(second.contains("Content-Language"), then == method, "{second}");
            assert_eq!(second.ends_with("Content-Length: 4\r\n\r\nbody"), then == "POST", "{second}");
        });
    }
}

#[test]
fn credentials_do_not_follow_to_another_origin() {
    let to_other = b"HTTP/1.1 302 Found\r\nLocation: http://other.example/\r\nContent-Length: 0\r\n\r\n";
    let (first, second) = ([HEAD_END, Step::Send(to_other)], [HEAD_END, Step::Send(OK)]);
    let peers = [Peer::new("host.example", 80, &first), Peer::new("other.example", 80, &second)];
    let headers =
        &[("Authorization", "secret"), ("X-Other", "1"), ("Cookie", "secret"), ("Proxy-Authorization", "secret")];
    both::<1>(&peers, &[Call { headers, ..Call::get(URL) }], |outcome, script| {
        assert_eq!(outcome.answers, [answer(200, "http://other.example/", 1, b"ok")]);
        let sent = sent(script);
        let second = &sent[1..][sent[1..].find("GET /").expect("a second request")..];
        assert!(second.contains("Host: other.example\r\n") && second.contains("X-Other: 1\r\n"), "{second}");
        assert!(!second.contains("secret"), "{second}");
    });
}

#[test]
fn redirects_have_an_end_and_do_not_lose_tls() {
    let around = b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n";
    let steps = [HEAD_END, Step::Send(around)].repeat(4);
    both::<1>(
        &[Peer::new("host.example", 80, &steps)],
        &[Call { redirects: Some(3), ..Call::get(URL) }],
        |outcome, _| {
            assert_eq!(outcome.answers, [failed(Phase::Head, ErrorKind::TooManyRedirects)]);
        },
    );
    let down =
        [HEAD_END, Step::Send(b"HTTP/1.1 302 Found\r\nLocation: http://host.example/\r\nContent-Length: 0\r\n\r\n")];
    both::<1>(&[Peer::new("host.example", 443, &down)], &[Call::get("https://host.example/")], |outcome, script| {
        assert_eq!(outcome.answers, [failed(Phase::Head, ErrorKind::Policy(Policy::Downgrade))]);
        assert_eq!(script.connections(), 1);
    });
}

#[test]
fn nothing_is_sent_that_could_not_be_meant() {
    use ErrorKind::{Encode, Url};
    let cases = [
        (Call::get("example.com/"), Url(UrlError::MissingScheme)),
        (Call::get("ftp://host.example/"), Url(UrlError::UnsupportedScheme)),
        (Call::get("http://host.example/\r\nX: 1"), Url(UrlError::ControlCharacter)),
        (Call::get("http://ho\0st/"), Url(UrlError::ControlCharacter)),
        (Call { headers: &[("X\r\nY", "1")], ..Call::get(URL) }, Encode(EncodeError::InvalidFieldName)),
        (Call { headers: &[("X", "1\r\nY: 2")], ..Call::get(URL) }, Encode(EncodeError::InvalidFieldValue)),
        (Call { headers: &[("X", "1\n")], ..Call::get(URL) }, Encode(EncodeError::InvalidFieldValue)),
        (Call { headers: &[("content-length", "3")], ..Call::get(URL) }, Encode(EncodeError::FramingField)),
    ];
    for (call, kind) in cases {
        both::<1>(&[Peer::new("host.example", 80, &[])], &[call], |outcome, script| {
            assert_eq!(outcome.answers, [failed(Phase::Setup, kind)]);
            assert_eq!(script.connections(), 0);
        });
    }
}

#[test]
fn the_network_fails_at_its_phase_and_no_slot_is_lost() {
    let stall = |steps| Peer::new("host.example", 80, steps);
    const CUT: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf";
    let cases: [(&[Peer<'_>], Phase, ErrorKind); 7] = [
        (&[], Phase::Resolve, ErrorKind::NoSuchName),
        (
            &[Peer::refusing("host.example", 80)],
            Phase::Connect,
            ErrorKind::Io(embedded_io_async::ErrorKind::ConnectionRefused),
        ),
        (&[stall(&[Step::Stall])], Phase::Send, ErrorKind::Timeout),
        (&[stall(&[HEAD_END, Step::Stall])], Phase::Head, ErrorKind::Timeout),
        (&[stall(&[HEAD_END, Step::Send(CUT), Step::Stall])], Phase::Body, ErrorKind::Timeout),
        (&[stall(&[HEAD_END, Step::Send(CUT), Step::Close])], Phase::Body, ErrorKind::Truncated),
        (&[stall(&[HEAD_END, Step::Close])], Phase::Head, ErrorKind::Malformed(DecodeError::NoResponse)),
    ];
    for (peers, phase, kind) in cases {
        let call = Call { timeout: Duration::from_secs(3), ..Call::get(URL) };
        both::<1>(peers, &[call], |outcome, script| {
            assert_eq!(outcome.answers, [failed(phase, kind)]);
            assert_eq!((outcome.counts.free, script.open()), (1, 0));
        });
    }
}

/// Breaks the connection after every possible number of bytes: always an error with a phase, never a wrong answer, and
/// the slot comes back.
#[test]
fn a_connection_may_break_anywhere() {
    let steps = [HEAD_END, Step::Send(OK)];
    let mut whole = 0;
    both::<1>(&[Peer::new("host.example", 80, &steps)], &[Call::get(URL)], |_, script| {
        assert!(script.sent().len() > 20);
    });
    for after in 0.. {
        let peers = [Peer::new("host.example", 80, &steps).in_fragments_of(3).failing_after(after)];
        let mut is_done = true;
        for face in FACES {
            let outcome = run::<1>(face, &Script::new(&peers), &[Call::get(URL)]);
            match &outcome.answers[0] {
                Ok(got) => assert_eq!(got.body, b"ok"),
                Err(error) => {
                    is_done = false;
                    assert!(matches!(error.phase(), Phase::Send | Phase::Head | Phase::Body), "{error}");
                    assert_eq!(outcome.counts.free, 1);
                }
            }
        }
        if is_done {
            whole = after;
            break;
        }
    }
    assert!(whole > OK.len() + 20, "every byte of the exchange was tried");
}

#[test]
fn too_little_memory_says_how_much_it_takes() {
    let long = format!("HTTP/1.1 200 OK\r\nX-Long: {}\r\nContent-Length: 2\r\n\r\nok", "x".repeat(500));
    let steps = [HEAD_END, Step::Send(long.as_bytes())];
    let call = |buffer_limit| Call { buffer_limit, ..Call::get(URL) };
    let need_of = |outcome: &Outcome| match outcome.answers[0].as_ref().expect_err("too small").kind() {
        ErrorKind::TooLarge { what, need: Some(need), .. } => (what, need),
        kind => panic!("{kind:?}"),
    };
    for fragment in [1, 1000] {
        let peers = [Peer::new("host.example", 80, &steps).in_fragments_of(fragment)];
        both::<1>(&peers, &[call(200)], |outcome, _| {
            let (what, need) = need_of(outcome);
            assert_eq!(what, Limit::ResponseHead);
            both::<1>(&peers, &[call(need)], |outcome, _| {
                assert_eq!(outcome.answers, [answer(200, URL, 0, b"ok")]);
            });
            both::<1>(&peers, &[call(need - 1)], |outcome, _| assert_eq!(need_of(outcome).1, need));
        });
    }
    // And the request's own size, at every limit below it.
    for limit in 0..100 {
        let peers = [Peer::new("host.example", 80, &steps)];
        both::<1>(&peers, &[call(limit)], |outcome, script| {
            if let Err(error) = &outcome.answers[0]
                && let ErrorKind::TooLarge { what: Limit::Request, need: Some(need), have } = error.kind()
            {
                assert!(need > have && have == limit);
                assert_eq!((error.phase(), script.connections()), (Phase::Setup, 0));
            }
        });
    }
}

/// RFC 9110 §15.2.2: what the request asked for is the caller's, and what it did not ask for is refused.
#[test]
fn another_protocol_is_only_switched_to_when_asked_for() {
    const SWITCH: &[u8] =
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x81\x02hi";
    let steps = [HEAD_END, Step::Send(SWITCH)];
    let peers = [Peer::new("host.example", 80, &steps)];
    both::<1>(&peers, &[Call::get(URL)], |outcome, script| {
        assert_eq!(outcome.answers, [failed(Phase::Head, ErrorKind::Malformed(DecodeError::UnaskedUpgrade))]);
        assert_eq!((outcome.counts.free, script.open()), (1, 0));
    });
    let headers = &[("Connection", "Upgrade"), ("Upgrade", "websocket")];
    both::<1>(&peers, &[Call { headers, ..Call::get(URL) }], |outcome, _| {
        assert_eq!(outcome.answers, [answer(101, URL, 0, b"")]);
        assert_eq!((outcome.counts.free, outcome.counts.idle), (1, 0), "what follows is not HTTP");
    });
}

/// RFC 3986 §2.1: what is not ASCII is percent-encoded, byte by byte, whatever its charset was; a host cannot be.
#[test]
fn a_location_need_not_be_utf8() {
    let cases: [(&[u8], Result<&str, UrlError>); 7] = [
        (b"/caf\xE9", Ok("http://host.example/caf%E9")),
        (b"/caf\xC3\xA9?q=\xFF\x80#\xFE", Ok("http://host.example/caf%C3%A9?q=%FF%80")),
        (b"\xE9", Ok("http://host.example/a/%E9")),
        (b"//host.example/\xF0\x9F", Ok("http://host.example/%F0%9F")),
        (b"http://us\xE9r@host.example/\xE9", Ok("http://us%E9r@host.example/%E9")),
        (b"http://h\xE9.example/", Err(UrlError::NonAsciiHost)),
        (b"http://host.example:8\xE9/", Err(UrlError::InvalidPort)),
    ];
    for (location, wanted) in cases {
        let moved = [b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: ", location, b"\r\n\r\n"].concat();
        let steps = [HEAD_END, Step::Send(&moved), HEAD_END, Step::Send(OK)];
        let peers = [Peer::new("host.example", 80, &steps)];
        both::<1>(&peers, &[Call::get("http://host.example/a/b")], |outcome, script| match wanted {
            Ok(url) => {
                assert_eq!(outcome.answers, [answer(200, url, 1, b"ok")]);
                let sent = sent(script);
                let line = sent.split("GET ").nth(2).and_then(|head| head.lines().next()).expect("a second request");
                assert!(line.is_ascii() && url.ends_with(line.trim_end_matches(" HTTP/1.1")), "{line}");
            }
            Err(error) => assert_eq!(outcome.answers, [failed(Phase::Head, ErrorKind::Url(error))]),
        });
    }
}

/// The first figure is enough: for the head, for the URL behind it, and for the request that goes there.
#[test]
fn one_figure_is_enough_to_follow_a_redirect() {
    let long = "l".repeat(300);
    let locations =
        ["/", "next?a=b", "http://host.example/other", &format!("/{long}"), &format!("/{}", "\u{e9} ".repeat(60))];
    let starts =
        ["http://host.example/", "http://host.example/a/much/longer/path/than/the/one/that/it/leads/to/?query"];
    let mut figures = 0;
    for location in locations {
        for (before, after) in [("", ""), ("X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n", ""), ("", long.as_str())]
        {
            let after = if after.is_empty() { String::new() } else { format!("X-After: {after}\r\n") };
            let moved =
                format!("HTTP/1.1 307 Moved\r\n{before}Location: {location}\r\n{after}Content-Length: 0\r\n\r\n");
            let steps = [HEAD_END, Step::Send(moved.as_bytes()), HEAD_END, Step::Send(OK)];
            let own = [("X-Own", &*long)];
            let calls = [(starts[0], &[][..]), (starts[0], &own[..]), (starts[1], &[][..]), (starts[1], &own[..])];
            for (start, headers) in calls {
                for fragment in [7, 1000] {
                    let peer = Peer::new("host.example", 80, &steps).in_fragments_of(fragment);
                    for limit in (150..1500).step_by(13) {
                        let call = |buffer_limit| Call { buffer_limit, headers, ..Call::get(start) };
                        let peers = [peer];
                        let script = Script::new(&peers);
                        let first = run::<1>(FACES[limit % 2], &script, &[call(limit)]);
                        let Err(error) = first.answers[0].as_ref() else { continue };
                        if script.writes() == 0 {
                            continue; // not even the first request fits
                        }
                        let ErrorKind::TooLarge { need: Some(need), have, .. } = error.kind() else {
                            panic!("{error:?}")
                        };
                        assert!(need > have && have == limit && need < 3000, "{error:?}");
                        let second = run::<1>(FACES[limit % 2], &Script::new(&peers), &[call(need)]);
                        assert!(second.answers[0].is_ok(), "{limit}, then {need}: {:?}", second.answers[0]);
                        figures += 1;
                    }
                }
            }
        }
    }
    assert!(figures > 1000, "{figures}");
}

/// Nobody waits long for a body that is of no use: a second at most, and its time-out is its own.
#[test]
fn a_silent_body_of_no_use_takes_a_second() {
    use socketpool::time::Clock as _;
    let moved: &[u8] = b"HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 3000\r\n\r\nsome";
    let (first, second) = ([HEAD_END, Step::Send(moved), Step::Stall], [HEAD_END, Step::Send(OK)]);
    let peers = [Peer::new("host.example", 80, &first), Peer::new("host.example", 80, &second)];
    both::<1>(&peers, &[Call::get(URL)], |outcome, script| {
        assert_eq!(outcome.answers, [answer(200, "http://host.example/there", 1, b"ok")]);
        assert_eq!((script.connections(), script.network().now().as_millis()), (2, 1000));
    });
    let call = Call { timeout: Duration::from_millis(600), ..Call::get(URL) };
    both::<1>(&peers, &[call], |outcome, script| {
        assert_eq!(outcome.answers, [failed(Phase::Body, ErrorKind::Timeout)]);
        assert_eq!((script.connections(), script.network().now().as_millis()), (1, 600));
    });
}

//! What a request can carry and how it is sent, through both faces over a scripted network: streams, forms with files,
//! fields of the session, answers to challenges, asking first, trying again.
#![cfg(all(feature = "digest", feature = "mock", feature = "blocking"))]

use core::{cell::Cell, time::Duration};

use embedded_io_async::ErrorKind as IoKind;
use socketpool::{
    Error, ErrorKind, Limit, Phase, Policy, Resources, SocketPool, blocking,
    http::{DecodeError, EncodeError},
    mock::{MockTls, Peer, Script, Step, block_on},
    requests::{Multipart, Part, Retry, Rewindable, Session, SourceError},
};

const HEAD_END: Step<'static> = Step::Receive(b"\r\n\r\n");
const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const URL: &str = "http://host.example/";

/// What came of one exchange: status and body.
type Outcome = Result<(u16, Vec<u8>), Error>;

/// What is left to see afterwards.
#[derive(Debug)]
struct Traces {
    sent: String,
    writes: usize,
    connections: usize,
    idle: usize,
    free: usize,
    millis: u64,
}

/// Makes a request through both faces, each over a script of its own, and shows what came of it to the check.
macro_rules! both {
    ($peers:expr, |$http:ident| $request:expr, |$outcome:pat_param, $traces:ident| $check:expr) => {
        both!($peers, $http => $http.buffer_limit(600), |$http| $request, |$outcome, $traces| $check)
    };
    ($peers:expr, $made:ident => $session:expr, |$http:ident| $request:expr, |$outcome:pat_param, $traces:ident| $check:expr) => {{
        use socketpool::time::Clock as _;
        let peers = $peers;
        for is_blocking in [false, true] {
            let script = Script::new(&peers);
            let (mut network, mut memory) = (script.network(), Resources::<1, 0, 1200>::new());
            let clock = script.network();
            let (outcome, counts): (Outcome, _) = if is_blocking {
                let pool = blocking::SocketPool::new(&mut network, &mut memory);
                let $made = blocking::Session::new(&pool, &MockTls);
                let $http = $session;
                let exchange = || {
                    let mut response = $request.send()?;
                    let mut body = [0; 500];
                    let body = response.content(&mut body)?.to_vec();
                    Ok((response.status().as_u16(), body))
                };
                (exchange(), pool.counts())
            } else {
                let pool = SocketPool::new(&mut network, &mut memory);
                let $made = Session::new(&pool, &MockTls);
                let $http = $session;
                let exchange = async || {
                    let mut response = $request.send().await?;
                    let mut body = [0; 500];
                    let body = response.content(&mut body).await?.to_vec();
                    Ok((response.status().as_u16(), body))
                };
                (block_on(exchange()), pool.counts())
            };
            let $traces = Traces {
                sent: String::from_utf8_lossy(&script.sent()).into_owned(),
                writes: script.writes(),
                connections: script.connections(),
                idle: counts.idle,
                free: counts.free,
                millis: clock.now().as_millis(),
            };
            println!("blocking: {is_blocking}: {outcome:?} {:?}", $traces);
            assert_eq!(counts.in_use, 0);
            let $outcome = &outcome;
            $check
        }
    }};
}

fn ok() -> Outcome {
    Ok((200, b"ok".to_vec()))
}

fn failed(phase: Phase, kind: ErrorKind) -> Outcome {
    Err(Error::new(phase, kind))
}

fn at_fault(error: SourceError) -> Outcome {
    failed(Phase::Send, ErrorKind::Source(error))
}

fn answering(steps: &'static [Step<'static>]) -> [Peer<'static>; 1] {
    [Peer::new("host.example", 80, steps)]
}

/// Reads a little at a time, and can go back.
#[derive(Debug, Clone)]
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    most: usize,
    fails_at: usize,
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8], most: usize) -> Self {
        Self { bytes, at: 0, most, fails_at: usize::MAX }
    }
}

impl embedded_io_async::ErrorType for Reader<'_> {
    type Error = IoKind;
}

impl embedded_io::Read for Reader<'_> {
    fn read(&mut self, out: &mut [u8]) -> Result<usize, IoKind> {
        assert!(!out.is_empty());
        if self.at >= self.fails_at {
            return Err(IoKind::PermissionDenied);
        }
        let rest = &self.bytes[self.at..];
        let count = rest.len().min(out.len()).min(self.most);
        out[..count].copy_from_slice(&rest[..count]);
        self.at += count;
        Ok(count)
    }
}

impl embedded_io::Seek for Reader<'_> {
    fn seek(&mut self, to: embedded_io::SeekFrom) -> Result<u64, IoKind> {
        match to {
            embedded_io::SeekFrom::Start(at) => self.at = at as usize,
            embedded_io::SeekFrom::Current(0) => {}
            _ => panic!("nobody asks for {to:?}"),
        }
        Ok(self.at as u64)
    }
}

impl embedded_io_async::Read for Reader<'_> {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, IoKind> {
        embedded_io::Read::read(self, out)
    }
}

impl embedded_io_async::Seek for Reader<'_> {
    async fn seek(&mut self, to: embedded_io_async::SeekFrom) -> Result<u64, IoKind> {
        embedded_io::Seek::seek(self, to)
    }
}

fn letters(count: usize) -> Vec<u8> {
    (b'a'..=b'z').cycle().take(count).collect()
}

/// The data of a chunked body; panics if it is not one.
fn unchunked(mut body: &str) -> (String, usize) {
    let (mut data, mut chunks) = (String::new(), 0);
    loop {
        let (size, rest) = body.split_once("\r\n").expect("a size");
        let size = usize::from_str_radix(size, 16).expect("hexadecimal");
        data.push_str(&rest[..size]);
        assert_eq!(&rest[size..size + 2], "\r\n");
        body = &rest[size + 2..];
        if size == 0 {
            assert_eq!(body, "");
            return (data, chunks);
        }
        chunks += 1;
    }
}

#[test]
fn a_stream_of_known_length_arrives_as_it_is() {
    for len in [0, 1, 2, 300, 400, 480, 500, 600, 601, 5000] {
        for most in [1, 7, usize::MAX] {
            let data = letters(len);
            let awaited: &[u8] = if len == 0 { b"\r\n\r\n" } else { &data };
            let steps = [Step::Receive(awaited), Step::Send(OK)];
            let peers = [Peer::new("host.example", 80, &steps)];
            both!(peers, |http| http.put(URL).stream(Reader::new(&data, most), len as u64), |outcome, traces| {
                assert_eq!(outcome, &ok());
                let (head, body) = traces.sent.split_once("\r\n\r\n").expect("a head");
                assert_eq!(body.as_bytes(), data);
                assert!(head.contains(&format!("\r\nContent-Length: {len}")) && !head.contains("Transfer-Encoding"));
                assert_eq!(traces.idle, 1);
                if most == usize::MAX {
                    assert!(traces.writes <= 1 + len / 300, "{} writes for {len}", traces.writes);
                }
            });
        }
    }
}

#[test]
fn a_stream_of_unknown_length_is_chunked_one_write_each() {
    for len in [0, 1, 15, 16, 300, 600, 1200] {
        for most in [1, 16, usize::MAX] {
            let data = letters(len);
            both!(
                answering(&[Step::Receive(b"0\r\n\r\n"), Step::Send(OK)]),
                |http| http.post(URL).stream(Reader::new(&data, most), None),
                |outcome, traces| {
                    assert_eq!(outcome, &ok());
                    let (head, body) = traces.sent.split_once("\r\n\r\n").expect("a head");
                    assert!(head.ends_with("Transfer-Encoding: chunked") && !head.contains("Content-Length"), "{head}");
                    let (arrived, chunks) = unchunked(body);
                    assert_eq!(arrived.as_bytes(), data);
                    // The first together with the head, and the last chunk.
                    assert_eq!(traces.writes, chunks + 1, "{chunks} chunks");
                    assert_eq!(traces.idle, 1);
                }
            );
        }
    }
}

#[test]
fn a_closure_is_a_stream() {
    both!(
        answering(&[Step::Receive(b"0\r\n\r\n"), Step::Send(OK)]),
        |http| {
            let mut lines = 0..3u8;
            http.post(URL).header("Content-Type", "text/plain").produce(
                move |room: &mut [u8]| {
                    Ok(lines.next().map_or(0, |line| {
                        room[..2].copy_from_slice(&[b'0' + line, b'\n']);
                        2
                    }))
                },
                None,
            )
        },
        |outcome, traces| {
            assert_eq!(outcome, &ok());
            assert!(traces.sent.ends_with("\r\n\r\n2\r\n0\n\r\n2\r\n1\n\r\n2\r\n2\n\r\n0\r\n\r\n"), "{}", traces.sent);
            assert_eq!(traces.sent.matches("Content-Type").count(), 1);
        }
    );
}

#[test]
fn a_source_that_is_not_as_announced_ends_the_connection() {
    let data = letters(1000);
    let failing = Reader { fails_at: 900, ..Reader::new(&data, 300) };
    let cases: [(Reader<'_>, Option<u64>, SourceError); 9] = [
        (Reader::new(&data[..99], 1000), Some(100), SourceError::EndedEarly),
        (Reader::new(&data[..0], 1000), Some(1), SourceError::EndedEarly),
        (Reader::new(&data[..999], 1), Some(1000), SourceError::EndedEarly),
        (Reader::new(&data[..101], 1000), Some(100), SourceError::TooLong),
        (Reader::new(&data, 1000), Some(999), SourceError::TooLong),
        (Reader::new(&data, 1000), Some(1), SourceError::TooLong),
        (failing.clone(), Some(1000), SourceError::Failed(IoKind::PermissionDenied)),
        (failing, None, SourceError::Failed(IoKind::PermissionDenied)),
        (Reader { fails_at: 0, ..Reader::new(&data, 1) }, None, SourceError::Failed(IoKind::PermissionDenied)),
    ];
    for (reader, len, error) in cases {
        both!(
            answering(&[Step::Receive(b"never")]),
            |http| http.put(URL).stream(reader.clone(), len),
            |outcome, traces| {
                assert_eq!(outcome, &at_fault(error));
                assert_eq!((traces.free, traces.idle, traces.connections), (1, 0, 1));
                let body = traces.sent.split_once("\r\n\r\n").map_or("", |(_, body)| body);
                // The server can see that it does not have all of it.
                assert!(len.is_none_or(|len| (body.len() as u64) < len) && !body.ends_with("0\r\n\r\n"), "{body}");
            }
        );
    }
    // One that lies about how much it read.
    both!(
        answering(&[]),
        |http| http.put(URL).produce(|room: &mut [u8]| Ok(room.len() + 1), None),
        |outcome, _traces| assert_eq!(outcome, &at_fault(SourceError::Failed(IoKind::InvalidData)))
    );
}

#[test]
fn a_stream_needs_some_room_behind_the_head() {
    for filler in 0..460 {
        let filler = "x".repeat(filler);
        both!(
            answering(&[Step::Receive(b"0\r\n\r\n"), Step::Send(OK)]),
            |http| http.put(URL).header("X", &filler).stream(&b"data"[..], None),
            |outcome, traces| match outcome {
                Err(error) => {
                    assert_eq!(error.phase(), Phase::Setup);
                    assert!(
                        matches!(error.kind(), ErrorKind::TooLarge { what: Limit::Request, need: Some(601..), .. }),
                        "{error}"
                    );
                    assert_eq!((traces.writes, traces.free), (0, 1));
                }
                outcome => {
                    assert_eq!(outcome, &ok());
                    assert!(traces.sent.ends_with("0\r\n\r\n"));
                }
            }
        );
    }
}

#[test]
fn a_stream_is_sent_again_only_if_it_can_go_back() {
    const MOVED: &[u8] = b"HTTP/1.1 307 Moved\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n";
    let peers = || {
        [Peer::new(
            "host.example",
            80,
            &[Step::Receive(b"data"), Step::Send(MOVED), Step::Receive(b"data"), Step::Send(OK)],
        )]
    };
    let reader = || Reader { at: 4, ..Reader::new(b"not data", 3) };
    both!(peers(), |http| http.put(URL).stream(Rewindable::new(reader()), 4), |outcome, traces| {
        assert_eq!(outcome, &ok());
        assert_eq!((traces.sent.matches("\r\n\r\ndata").count(), traces.connections), (2, 1));
    });
    both!(peers(), |http| http.put(URL).stream(reader(), 4), |outcome, traces| {
        assert_eq!(outcome, &failed(Phase::Head, ErrorKind::Policy(Policy::BodyNotReplayable)));
        assert_eq!(traces.sent.matches("PUT").count(), 1);
    });
    // After 303 it is not needed any more.
    const SEE_OTHER: &[u8] = b"HTTP/1.1 303 See Other\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n";
    both!(
        [Peer::new("host.example", 80, &[Step::Receive(b"data"), Step::Send(SEE_OTHER), HEAD_END, Step::Send(OK)])],
        |http| http.post(URL).stream(reader(), 4),
        |outcome, traces| {
            assert_eq!(outcome, &ok());
            let (_, second) = traces.sent.split_once("GET /there").expect("a second request");
            assert!(!second.contains("Content-") && !second.contains("data"), "{second}");
        }
    );
}

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

#[test]
fn the_form_of_the_upstream_test_comes_out_byte_for_byte() {
    let png = b"\x89PNG";
    let body =
        b"--BOUND\r\nContent-Disposition: form-data; name=\"f1\"; filename=\"n.png\"\r\nContent-Type: image/png\r\n\
        K1: V1\r\n\r\n\x89PNG\r\n--BOUND\r\nContent-Disposition: form-data; name=\"k\"\r\n\r\nValue 5\r\n--BOUND--\r\n";
    assert_eq!(body.len(), 184);
    let steps = [Step::Receive(body), Step::Send(OK)];
    let parts = [
        Part::file("f1", "n.png", png).content_type("image/png").headers(&[("K1", "V1")]),
        Part::field("k", "Value 5"),
    ];
    for fragment in [1, 1000] {
        both!(
            [Peer::new("host.example", 80, &steps).in_fragments_of(fragment)],
            |http| http.post(URL).with_body(Multipart::new(&parts[..]).boundary("BOUND")),
            |outcome, traces| {
                assert_eq!(outcome, &ok());
                assert!(
                    traces.sent.contains(
                        "\r\nContent-Type: multipart/form-data; boundary=BOUND\r\nContent-Length: 184\r\n\r\n"
                    )
                );
                assert!(fragment == 1 || traces.writes == 1);
            }
        );
    }
    // The same, read while it is sent.
    for most in [1, 3, 9] {
        both!(
            [Peer::new("host.example", 80, &steps)],
            |http| http.post(URL).with_body(
                Multipart::new(
                    &mut [
                        Part::streamed("f1", "n.png", Reader::new(png, most), 4)
                            .content_type("image/png")
                            .headers(&[("K1", "V1")]),
                        Part::field("k", "Value 5"),
                    ][..]
                )
                .boundary("BOUND")
            ),
            |outcome, _traces| assert_eq!(outcome, &ok())
        );
    }
}

#[test]
fn names_in_a_form_are_quoted_and_nothing_can_be_smuggled_in() {
    let quoted = [Part::file("a\"b\r\nc", "ü\\\".png", b"")];
    both!(
        answering(&[Step::Receive(b"--\r\n"), Step::Send(OK)]),
        |http| http.post(URL).multipart(&quoted),
        |outcome, traces| {
            assert_eq!(outcome, &ok());
            assert!(
                traces.sent.contains("; name=\"a%22b%0D%0Ac\"; filename=\"ü\\%22.png\"\r\n\r\n"),
                "{}",
                traces.sent
            );
        }
    );
    both!(
        answering(&[Step::Receive(b"--\r\n"), Step::Send(OK)]),
        |http| http.post(URL).multipart(&[]),
        |outcome, traces| {
            assert_eq!(outcome, &ok());
            assert!(traces.sent.contains("Content-Length: 35\r\n\r\n--socketpool-"), "{}", traces.sent);
        }
    );
    let injected = "x\r\n--B\r\nContent-Disposition: form-data; name=\"admin\"\r\n\r\n1";
    let cases = [
        (Part::field("k", injected), "B", EncodeError::BoundaryInPart),
        (Part::field("k", "--B"), "B", EncodeError::BoundaryInPart),
        (Part::file("k", "f", b"").content_type("a\r\nb"), "B", EncodeError::InvalidFieldValue),
        (Part::file("k", "f", b"").headers(&[("A", "1\n")]), "B", EncodeError::InvalidFieldValue),
        (Part::file("k", "f", b"").headers(&[("A:", "1")]), "B", EncodeError::InvalidFieldName),
        (Part::field("k", "v"), "", EncodeError::InvalidBoundary),
        (Part::field("k", "v"), "a b", EncodeError::InvalidBoundary),
        (Part::field("k", "v"), "a\r\n", EncodeError::InvalidBoundary),
    ];
    for (part, boundary, error) in cases {
        both!(
            answering(&[]),
            |http| http.post(URL).with_body(Multipart::new(core::slice::from_ref(&part)).boundary(boundary)),
            |outcome, traces| {
                assert_eq!(outcome, &failed(Phase::Setup, ErrorKind::Encode(error)));
                assert_eq!(traces.connections, 0);
            }
        );
    }
    // In a stream it is found when it comes, wherever it is cut.
    for most in [1, 2, 5, 1000] {
        both!(
            answering(&[Step::Receive(b"never")]),
            |http| http.post(URL).with_body(
                Multipart::new(
                    &mut [Part::streamed("k", "f", Reader::new(injected.as_bytes(), most), injected.len() as u64)][..]
                )
                .boundary("B")
            ),
            |outcome, traces| {
                assert_eq!(outcome, &at_fault(SourceError::HoldsBoundary));
                assert!(!traces.sent.contains("admin"));
            }
        );
    }
    for (len, error) in [(2, SourceError::TooLong), (4, SourceError::EndedEarly)] {
        both!(
            answering(&[Step::Receive(b"never")]),
            |http| http.post(URL).with_body(Multipart::new(&mut [Part::streamed("k", "f", &b"abc"[..], len)][..])),
            |outcome, _traces| assert_eq!(outcome, &at_fault(error))
        );
    }
}

#[test]
fn a_session_has_fields_of_its_own() {
    let fields = [("User-Agent", "mine/1"), ("X-Key", "secret"), ("Authorization", "Bearer t"), ("Accept", "text/*")];
    both!(
        answering(&[HEAD_END, Step::Send(OK)]),
        session => session.headers(&fields),
        |http| http.get("http://u:p@host.example/").header("x-key", "other"),
        |outcome, traces| {
            assert_eq!(outcome, &ok());
            assert_eq!(
                traces.sent,
                "GET / HTTP/1.1\r\nHost: host.example\r\nAccept-Encoding: identity\r\nUser-Agent: mine/1\r\n\
                 Authorization: Bearer t\r\nAccept: text/*\r\nx-key: other\r\n\r\n"
            );
        }
    );
    // What is meant for one origin stays there.
    const MOVED: &[u8] = b"HTTP/1.1 302 Found\r\nLocation: http://other.example/\r\nContent-Length: 0\r\n\r\n";
    both!(
        [Peer::new("host.example", 80, &[HEAD_END, Step::Send(MOVED)]), Peer::new("other.example", 80, &[HEAD_END, Step::Send(OK)])],
        session => session.headers(&fields),
        |http| http.get(URL),
        |outcome, traces| {
            assert_eq!(outcome, &ok());
            assert_eq!(traces.sent.matches("Bearer t").count(), 1);
            assert_eq!(traces.sent.matches("X-Key: secret").count(), 2);
        }
    );
    both!(answering(&[HEAD_END, Step::Send(OK)]), session => session.headers(&[("Connection", "close")]), |http| http.get(URL), |outcome, traces| {
        assert_eq!(outcome, &ok());
        assert_eq!((traces.idle, traces.free), (0, 1));
    });
    for (field, error) in [
        (("X", "a\r\nb"), EncodeError::InvalidFieldValue),
        (("X Y", ""), EncodeError::InvalidFieldName),
        (("Content-Length", "1"), EncodeError::FramingField),
    ] {
        both!(answering(&[]), session => session.headers(core::slice::from_ref(&field)), |http| http.get(URL), |outcome, traces| {
            assert_eq!(outcome, &failed(Phase::Setup, ErrorKind::Encode(error)));
            assert_eq!(traces.connections, 0);
        });
    }
}

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

#[test]
fn a_range_is_asked_for() {
    const PART: &[u8] = b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 2-3/9\r\nContent-Length: 2\r\n\r\n23";
    for (last, wanted) in [(Some(3), "Range: bytes=2-3\r\n"), (None, "Range: bytes=2-\r\n")] {
        both!(answering(&[HEAD_END, Step::Send(PART)]), |http| http.get(URL).range(2, last), |outcome, traces| {
            assert_eq!(outcome, &Ok((206, b"23".to_vec())));
            assert!(traces.sent.contains(wanted));
        });
    }
    both!(
        answering(&[HEAD_END, Step::Send(PART)]),
        |http| http.get(URL).range(u64::MAX, Some(u64::MAX)),
        |_outcome, traces| {
            assert!(traces.sent.contains("Range: bytes=18446744073709551615-18446744073709551615\r\n"));
        }
    );
}

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

/// A body that is written into the exchange buffer says at once what it needs together with the head.
#[test]
fn one_figure_is_enough_for_a_form() {
    let value = "v".repeat(100);
    for limit in 0..400 {
        let need = Cell::new(None);
        let peers = || [Peer::new("host.example", 80, &[Step::Receive(b"v"), Step::Send(OK)])];
        let pairs = [("name", &*value)];
        both!(
            peers(),
            session => session.buffer_limit(limit),
            |http| http.post(URL).form(&pairs),
            |outcome, traces| match outcome.as_ref().map_err(Error::kind) {
                Err(ErrorKind::TooLarge { need: Some(more), .. }) => {
                    assert!(more > limit && traces.writes == 0);
                    need.set(Some(more));
                }
                outcome => assert!(outcome.is_ok(), "{limit}: {outcome:?}"),
            }
        );
        // A URL that does not fit is found before there is a body.
        if let Some(need) = need.get().filter(|_| limit >= URL.len()) {
            let check = |outcome: &Outcome| assert_eq!(outcome, &ok(), "{limit}, then {need}");
            both!(peers(), session => session.buffer_limit(need), |http| http.post(URL).form(&pairs), |outcome, _traces| check(outcome));
        }
    }
}

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

mod digest;
mod early;
mod expect;
mod forms;
mod retries;
mod streams;

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

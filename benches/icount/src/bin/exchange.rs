//! What one exchange over a connection costs a microcontroller, with ours and with two peers that work on the same storey:
//! one line `WORK|INSTRUCTIONS|BYTES OF STACK` for each. The server is the same for all of them, in memory.
#![no_std]
#![no_main]

use core::{
    cell::Cell,
    future::{Future, poll_fn},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

use embedded_io_async::{ErrorKind, ErrorType, Read, Write};
use embedded_nal_async::{AddrType, Dns, TcpConnect};
use qemu_board::{entry, instructions, paint_stack, stack_used};
use serde::{Deserialize, Serialize};

const HOST: &str = "api.example.com";
const BASE: &str = "http://api.example.com";
const URL: &str = "http://api.example.com/v1/now?city=Utrecht";
const TARGET: &str = "/v1/now?city=Utrecht";
const FIELDS: [(&str, &str); 3] = [("User-Agent", "socketpool/0.1.0"), ("Accept", "*/*"), ("Accept-Encoding", "identity")];

macro_rules! head {
    ($framing:literal) => {
        concat!(
            "HTTP/1.1 200 OK\r\nDate: Tue, 09 Nov 2010 14:49:00 GMT\r\nServer: example/1.0\r\n",
            "Content-Type: application/json\r\nCache-Control: no-store\r\n",
            "X-Request-Id: 0123456789abcdef0123456789abcd\r\nConnection: keep-alive\r\n",
            $framing,
            "\r\nVary: Accept\r\n\r\n"
        )
    };
}

const RECEIPT: &str = r#"{"accepted":true,"id":4711}"#;
const SMALL_HEAD: &str = head!("Content-Length: 200");
const LARGE_HEAD: &str = head!("Content-Length: 65536");
const CHUNKED_HEAD: &str = head!("Transfer-Encoding: chunked");
const POSTED_HEAD: &str = head!("Content-Length: 27");
const CHUNKS_LEN: usize = 128 * (5 + 512 + 2) + 5;

static SMALL: Aligned<[u8; SMALL_HEAD.len() + 200]> = Aligned(response(SMALL_HEAD, ""));
static LARGE: Aligned<[u8; LARGE_HEAD.len() + 65_536]> = Aligned(response(LARGE_HEAD, ""));
static POSTED: Aligned<[u8; POSTED_HEAD.len() + RECEIPT.len()]> = Aligned(response(POSTED_HEAD, RECEIPT));
/// 128 chunks of 512 bytes.
static CHUNKED: Aligned<[u8; CHUNKED_HEAD.len() + CHUNKS_LEN]> = Aligned({
    let mut out = response(CHUNKED_HEAD, "");
    let mut at = CHUNKED_HEAD.len();
    while at < out.len() - 5 {
        put(&mut out, at, b"200\r\n");
        put(&mut out, at + 5 + 512, b"\r\n");
        at += 5 + 512 + 2;
    }
    put(&mut out, at, b"0\r\n\r\n");
    out
});

/// Memory that copies of whole words can go from and to, so that no client is lucky.
#[repr(C, align(4))]
struct Aligned<T>(T);

/// Head and body; the rest of it is filled.
const fn response<const N: usize>(head: &str, body: &str) -> [u8; N] {
    let mut out = [b'x'; N];
    put(&mut out, 0, head.as_bytes());
    put(&mut out, head.len(), body.as_bytes());
    out
}

const fn put(out: &mut [u8], at: usize, bytes: &[u8]) {
    let mut index = 0;
    while index < bytes.len() {
        out[at + index] = bytes[index];
        index += 1;
    }
}

/// A network with one server, which gives its response after each request, in segments of 1,460 bytes.
struct Wire {
    response: &'static [u8],
}

struct Line {
    response: &'static [u8],
    /// How much of the response was read, and has arrived.
    read: Cell<usize>,
    arrived: Cell<usize>,
    taken: Cell<usize>,
    sent: [u8; 1024],
}

impl Wire {
    fn line(&self) -> Line {
        let all = self.response.len();
        let (read, arrived) = (Cell::new(all), Cell::new(all));
        Line { response: self.response, read, arrived, taken: Cell::new(0), sent: [0; 1024] }
    }
}

impl Line {
    #[inline(never)]
    fn receive(&self, out: &mut [u8]) -> Option<usize> {
        let read = self.read.get();
        let rest = &self.response[read..];
        if rest.is_empty() {
            return None;
        }
        if read == self.arrived.get() {
            self.arrived.set(read + rest.len().min(1460));
        }
        let count = (self.arrived.get() - read).min(out.len());
        out[..count].copy_from_slice(&rest[..count]);
        self.read.set(read + count);
        Some(count)
    }

    #[inline(never)]
    fn send(&mut self, bytes: &[u8]) -> usize {
        if self.read.get() == self.response.len() {
            self.read.set(0);
            self.arrived.set(0);
            self.taken.set(0);
        }
        let taken = self.taken.get();
        let room = &mut self.sent[taken..];
        let count = bytes.len().min(room.len());
        assert!(count > 0 || bytes.is_empty());
        room[..count].copy_from_slice(&bytes[..count]);
        self.taken.set(taken + count);
        count
    }
}

impl ErrorType for Line {
    type Error = ErrorKind;
}

impl Read for Line {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, ErrorKind> {
        if out.is_empty() {
            return Ok(0);
        }
        poll_fn(|_| self.receive(out).map_or(Poll::Pending, |count| Poll::Ready(Ok(count)))).await
    }
}

impl Write for Line {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        Ok(self.send(bytes))
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

impl TcpConnect for Wire {
    type Error = ErrorKind;
    type Connection<'a> = Line;

    async fn connect<'a>(&'a self, _: SocketAddr) -> Result<Line, ErrorKind> {
        Ok(self.line())
    }
}

impl Dns for Wire {
    type Error = ErrorKind;

    async fn get_host_by_name(&self, _: &str, _: AddrType) -> Result<IpAddr, ErrorKind> {
        Ok(IpAddr::V4(Ipv4Addr::LOCALHOST))
    }

    async fn get_host_by_address(&self, _: IpAddr, _: &mut [u8]) -> Result<usize, ErrorKind> {
        Err(ErrorKind::Unsupported)
    }
}

#[derive(Serialize)]
struct Reading {
    sensor: &'static str,
    celsius: i32,
    humidity: u8,
}

const READING: Reading = Reading { sensor: "greenhouse-7", celsius: 21, humidity: 61 };

#[derive(Deserialize)]
struct Receipt {
    accepted: bool,
    id: u32,
}

impl Receipt {
    fn check(&self) {
        assert!(self.accepted && self.id == 4711);
    }
}

/// The work lies in a frame of its own, so that the floor of the stack is taken without it.
#[inline(never)]
fn outlined<T>(work: impl FnOnce() -> T) -> T {
    work()
}

/// Says what some work cost.
#[inline(never)]
fn measure<T>(who: &str, what: &str, work: impl FnOnce() -> T) -> T {
    let floor = paint_stack();
    let before = instructions();
    let output = outlined(work);
    let spent = instructions() - before;
    log::info!("{who}: {what}|{spent}|{}", stack_used() - floor);
    output
}

/// Polls once: there is nothing to wait for.
///
/// # Panics
/// If there is.
fn now<F: Future>(work: Pin<&mut F>) -> F::Output {
    let Poll::Ready(output) = work.poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("the response is over")
    };
    output
}

/// The responses to a GET that are measured on a connection that is warm.
static WARM: [(&str, &[u8], usize); 3] = [
    ("warm GET of 200 B", &SMALL.0, 200),
    ("GET of 64 KiB by length, 512 B at a time", &LARGE.0, 65_536),
    ("GET of 64 KiB in chunks, 512 B at a time", &CHUNKED.0, 65_536),
];
const COLD: &str = "cold GET of 200 B";
const POST: &str = "warm POST of JSON";

#[entry]
fn main() -> ! {
    qemu_board::init();
    ours::run();
    peer_reqwless::run();
    peer_edge_http::run();
    codec::run();
    qemu_board::exit(0)
}

mod ours {
    use socketpool::{
        exchange::{Connection, Stream},
        http::Method,
    };

    use super::*;

    const WHO: &str = "socketpool";

    async fn get(connection: &mut Connection<'_, Stream<Line>>) -> usize {
        let request = connection.request(Method::Get, HOST, TARGET).headers(&FIELDS);
        let mut response = request.send().await.expect("a response");
        let (mut room, mut len) = (Aligned([0; 512]), 0);
        loop {
            match response.read(&mut room.0).await.expect("a body") {
                0 => return len,
                count => len += count,
            }
        }
    }

    async fn post(connection: &mut Connection<'_, Stream<Line>>) {
        let request = connection.request(Method::Post, HOST, TARGET).headers(&FIELDS).json(&READING);
        let mut response = request.send().await.expect("a response");
        let mut room = [0; 512];
        response.json::<Receipt>(&mut room).await.expect("a receipt").check();
    }

    pub fn run() {
        let wire = Wire { response: &SMALL.0 };
        let len = measure(WHO, COLD, || {
            let mut memory = [0; 2048];
            let mut connection = Connection::new(wire.line(), &mut memory);
            now(pin!(get(&mut connection)))
        });
        assert_eq!(len, 200);
        for (what, response, len) in WARM {
            let mut memory = [0; 2048];
            let mut connection = Connection::new(Wire { response }.line(), &mut memory);
            now(pin!(get(&mut connection)));
            assert_eq!(measure(WHO, what, || now(pin!(get(&mut connection)))), len);
        }
        let mut memory = [0; 2048];
        let mut connection = Connection::new(Wire { response: &POSTED.0 }.line(), &mut memory);
        now(pin!(post(&mut connection)));
        measure(WHO, POST, || now(pin!(post(&mut connection))));
    }
}

mod peer_reqwless {
    use reqwless::{
        client::{HttpClient, HttpResource},
        headers::ContentType,
        request::{Method, RequestBuilder as _},
        response::Response,
    };

    use super::*;

    const WHO: &str = "reqwless";

    async fn body_len<C: Read>(response: Response<'_, '_, C>) -> usize {
        let mut reader = response.body().reader();
        let (mut room, mut len) = (Aligned([0; 512]), 0);
        loop {
            match reader.read(&mut room.0).await.expect("a body") {
                0 => return len,
                count => len += count,
            }
        }
    }

    async fn get(resource: &mut HttpResource<'_, Line>) -> usize {
        let mut head = [0; 2048];
        let request = resource.get(TARGET).headers(&FIELDS);
        body_len(request.send(&mut head).await.expect("a response")).await
    }

    async fn post(resource: &mut HttpResource<'_, Line>) {
        let (mut json, mut head) = ([0; 512], [0; 2048]);
        let len = serde_json_core::to_slice(&READING, &mut json).expect("room");
        let request = resource.post(TARGET).headers(&FIELDS).content_type(ContentType::ApplicationJson);
        let response = request.body(&json[..len]).send(&mut head).await.expect("a response");
        let body = response.body().read_to_end().await.expect("a body");
        serde_json_core::from_slice::<Receipt>(body).expect("a receipt").0.check();
    }

    pub fn run() {
        let wire = Wire { response: &SMALL.0 };
        let cold = async || {
            let mut client = HttpClient::new(&wire, &wire);
            let mut head = [0; 2048];
            let mut request = client.request(Method::GET, URL).await.expect("a connection").headers(&FIELDS);
            body_len(request.send(&mut head).await.expect("a response")).await
        };
        assert_eq!(measure(WHO, COLD, || now(pin!(cold()))), 200);
        for (what, response, len) in WARM {
            let wire = Wire { response };
            let mut client = HttpClient::new(&wire, &wire);
            let mut resource = now(pin!(client.resource(BASE))).expect("a connection");
            now(pin!(get(&mut resource)));
            assert_eq!(measure(WHO, what, || now(pin!(get(&mut resource)))), len);
        }
        let wire = Wire { response: &POSTED.0 };
        let mut client = HttpClient::new(&wire, &wire);
        let mut resource = now(pin!(client.resource(BASE))).expect("a connection");
        now(pin!(post(&mut resource)));
        measure(WHO, POST, || now(pin!(post(&mut resource))));
    }
}

mod peer_edge_http {
    use edge_http::{Method, io::client::Connection};
    use edge_nal::{Close, Readable, TcpShutdown, TcpSplit};

    use super::*;

    const WHO: &str = "edge-http";

    impl edge_nal::TcpConnect for Wire {
        type Error = ErrorKind;
        type Socket<'a> = Line;

        async fn connect(&self, _: SocketAddr) -> Result<Line, ErrorKind> {
            Ok(self.line())
        }
    }

    impl Readable for Line {
        async fn readable(&mut self) -> Result<(), ErrorKind> {
            Ok(())
        }
    }

    impl TcpShutdown for Line {
        async fn close(&mut self, _: Close) -> Result<(), ErrorKind> {
            Ok(())
        }

        async fn abort(&mut self) -> Result<(), ErrorKind> {
            Ok(())
        }
    }

    /// A direction of a line, which nothing here asks for.
    pub struct Half;

    impl ErrorType for Half {
        type Error = ErrorKind;
    }

    impl Read for Half {
        async fn read(&mut self, _: &mut [u8]) -> Result<usize, ErrorKind> {
            Err(ErrorKind::Unsupported)
        }
    }

    impl Write for Half {
        async fn write(&mut self, _: &[u8]) -> Result<usize, ErrorKind> {
            Err(ErrorKind::Unsupported)
        }

        async fn flush(&mut self) -> Result<(), ErrorKind> {
            Ok(())
        }
    }

    impl Readable for Half {
        async fn readable(&mut self) -> Result<(), ErrorKind> {
            Ok(())
        }
    }

    impl TcpSplit for Line {
        type Read<'a> = Half;
        type Write<'a> = Half;

        fn split(&mut self) -> (Half, Half) {
            (Half, Half)
        }
    }

    const ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 80);

    async fn get(connection: &mut Connection<'_, Wire, 64>) -> usize {
        let [agent, accept, encoding] = FIELDS;
        let fields = [("Host", HOST), agent, accept, encoding, ("Content-Length", "0")];
        connection.initiate_request(true, Method::Get, TARGET, &fields).await.expect("sent");
        connection.initiate_response().await.expect("a response");
        let (mut room, mut len) = (Aligned([0; 512]), 0);
        loop {
            match connection.read(&mut room.0).await.expect("a body") {
                0 => break,
                count => len += count,
            }
        }
        connection.complete().await.expect("the end");
        len
    }

    async fn post(connection: &mut Connection<'_, Wire, 64>) {
        let [agent, accept, encoding] = FIELDS;
        let (mut json, mut room, mut len) = ([0; 512], [0; 512], 0);
        let json_len = serde_json_core::to_slice(&READING, &mut json).expect("room");
        let mut digits = [0; 8];
        let digits_len = serde_json_core::to_slice(&json_len, &mut digits).expect("room");
        let length = core::str::from_utf8(&digits[..digits_len]).expect("digits");
        let kind = ("Content-Type", "application/json");
        let fields = [("Host", HOST), agent, accept, encoding, kind, ("Content-Length", length)];
        connection.initiate_request(true, Method::Post, TARGET, &fields).await.expect("sent");
        connection.write_all(&json[..json_len]).await.expect("sent");
        connection.initiate_response().await.expect("a response");
        loop {
            match connection.read(&mut room[len..]).await.expect("a body") {
                0 => break,
                count => len += count,
            }
        }
        connection.complete().await.expect("the end");
        serde_json_core::from_slice::<Receipt>(&room[..len]).expect("a receipt").0.check();
    }

    pub fn run() {
        let wire = Wire { response: &SMALL.0 };
        let cold = async || {
            let mut memory = [0; 2048];
            get(&mut Connection::new(&mut memory, &wire, ADDRESS)).await
        };
        assert_eq!(measure(WHO, COLD, || now(pin!(cold()))), 200);
        for (what, response, len) in WARM {
            let wire = Wire { response };
            let mut memory = [0; 2048];
            let mut connection = Connection::new(&mut memory, &wire, ADDRESS);
            now(pin!(get(&mut connection)));
            assert_eq!(measure(WHO, what, || now(pin!(get(&mut connection)))), len);
        }
        let wire = Wire { response: &POSTED.0 };
        let mut memory = [0; 2048];
        let mut connection = Connection::new(&mut memory, &wire, ADDRESS);
        now(pin!(post(&mut connection)));
        measure(WHO, POST, || now(pin!(post(&mut connection))));
    }
}

/// The pieces of the codec, beside httparse.
mod codec {
    use core::hint::black_box;

    use socketpool::http::{HeadDecoder, HeadStep, HeadWriter, Method, Url};

    use super::*;

    pub fn run() {
        let mut text = [0; 256];
        let url = measure("codec", "Url::parse, 42 B", || Url::parse(black_box(URL), black_box(&mut text)));
        let url = url.expect("a URL");
        let mut request = [0; 512];
        let len = measure("codec", "request head of four fields", || {
            let target = black_box(url.target(&text));
            let mut head = HeadWriter::new(black_box(&mut request), Method::Get, target);
            head.field("Host", black_box(url.authority(&text).as_bytes()));
            for (name, value) in black_box(&FIELDS) {
                head.field(name, value.as_bytes());
            }
            head.finish()
        });
        assert!(len.is_ok());
        let mut head = [0; 256];
        let len = SMALL_HEAD.len();
        head[..len].copy_from_slice(SMALL_HEAD.as_bytes());
        let step = measure("codec", "response head of 239 B", || {
            HeadDecoder::new(Method::Get).advance(black_box(&mut head[..len]))
        });
        let Ok(HeadStep::Complete(response)) = step else { panic!("a head") };
        let length = measure("codec", "one field looked up", || {
            response.fields(black_box(&head)).get("content-length").map(<[u8]>::len)
        });
        assert_eq!(length, Some(3));
        let parsed = measure("httparse", "response head of 239 B", || {
            let mut fields = [httparse::EMPTY_HEADER; 16];
            let mut response = httparse::Response::new(&mut fields);
            let status = response.parse(black_box(&head[..len]));
            black_box(response.code);
            status.map(|status| status.is_complete())
        });
        assert_eq!(parsed, Ok(true));
    }
}

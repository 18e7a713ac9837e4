//! What one exchange over a connection costs a microcontroller, with ours and with two peers that work on the same storey:
//! one line `WORK|INSTRUCTIONS|BYTES OF STACK` for each. The server is the same for all of them, in memory.
#![no_std]

mod edge;

use core::{
    cell::Cell,
    future::{Future, poll_fn},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    pin::Pin,
    task::{Context, Poll, Waker},
};

use embedded_io_async::{ErrorKind, ErrorType, Read, Write};
use embedded_nal_async::{AddrType, Dns, TcpConnect};
use qemu_board::{instructions, paint_stack, stack_used};
use serde::{Deserialize, Serialize};

pub const HOST: &str = "api.example.com";
pub const BASE: &str = "http://api.example.com";
pub const URL: &str = "http://api.example.com/v1/now?city=Utrecht";
pub const TARGET: &str = "/v1/now?city=Utrecht";
pub const FIELDS: [(&str, &str); 3] =
    [("User-Agent", "socketpool/0.1.0"), ("Accept", "*/*"), ("Accept-Encoding", "identity")];

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
pub const SMALL_HEAD: &str = head!("Content-Length: 200");
const LARGE_HEAD: &str = head!("Content-Length: 65536");
const CHUNKED_HEAD: &str = head!("Transfer-Encoding: chunked");
const POSTED_HEAD: &str = head!("Content-Length: 27");
const CHUNKS_LEN: usize = 128 * (5 + 512 + 2) + 5;

pub static SMALL: Aligned<[u8; SMALL_HEAD.len() + 200]> = Aligned(response(SMALL_HEAD, ""));
pub static LARGE: Aligned<[u8; LARGE_HEAD.len() + 65_536]> = Aligned(response(LARGE_HEAD, ""));
pub static POSTED: Aligned<[u8; POSTED_HEAD.len() + RECEIPT.len()]> = Aligned(response(POSTED_HEAD, RECEIPT));
/// 128 chunks of 512 bytes.
pub static CHUNKED: Aligned<[u8; CHUNKED_HEAD.len() + CHUNKS_LEN]> = Aligned({
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
pub struct Aligned<T>(pub T);

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
pub struct Wire {
    pub response: &'static [u8],
}

pub struct Line {
    response: &'static [u8],
    /// How much of the response was read, and has arrived.
    read: Cell<usize>,
    arrived: Cell<usize>,
    taken: Cell<usize>,
    sent: [u8; 1024],
}

impl Wire {
    pub fn line(&self) -> Line {
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
pub struct Reading {
    sensor: &'static str,
    celsius: i32,
    humidity: u8,
}

pub const READING: Reading = Reading { sensor: "greenhouse-7", celsius: 21, humidity: 61 };

#[derive(Deserialize)]
pub struct Receipt {
    accepted: bool,
    id: u32,
}

impl Receipt {
    pub fn check(&self) {
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
pub fn measure<T>(who: &str, what: &str, work: impl FnOnce() -> T) -> T {
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
pub fn now<F: Future>(work: Pin<&mut F>) -> F::Output {
    let Poll::Ready(output) = work.poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("the response is over")
    };
    output
}

/// The responses to a GET that are measured on a connection that is warm.
pub static WARM: [(&str, &[u8], usize); 3] = [
    ("warm GET of 200 B", &SMALL.0, 200),
    ("GET of 64 KiB by length, 512 B at a time", &LARGE.0, 65_536),
    ("GET of 64 KiB in chunks, 512 B at a time", &CHUNKED.0, 65_536),
];
pub const COLD: &str = "cold GET of 200 B";
pub const POST: &str = "warm POST of JSON";

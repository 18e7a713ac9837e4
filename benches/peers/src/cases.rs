//! What is asked and what is answered: the same bytes for everybody.

use serde::{Deserialize, Serialize};

/// The payload of a TCP segment on Ethernet.
pub const SEGMENT: usize = 1460;

/// The room that everybody reads a body into, again and again.
pub const ROOM: usize = 512;

/// The other end of the memory.
pub const URL: &str = "http://api.example.com/v1/now?city=Utrecht";
pub const BASE: &str = "http://api.example.com";
pub const HOST: &str = "api.example.com";
pub const TARGET: &str = "/v1/now?city=Utrecht";

/// What socketpool sends of itself, so that everybody sends as much.
pub const USER_AGENT: &str = "socketpool/0.1.0";

/// What is posted.
#[derive(Serialize)]
pub struct Reading {
    pub sensor: &'static str,
    pub celsius: f32,
    pub humidity: u8,
}

pub const READING: Reading = Reading { sensor: "greenhouse-7", celsius: 21.5, humidity: 61 };

/// What is answered to that.
#[derive(Deserialize)]
pub struct Receipt {
    pub accepted: bool,
    pub id: u32,
}

const RECEIPT: &str = r#"{"accepted":true,"id":4711}"#;

/// Whether something is fetched or posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    Get,
    PostJson,
}

/// One exchange.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    pub name: &'static str,
    pub work: Work,
    /// All that the server sends.
    pub answer: &'static [u8],
    /// Bytes that arrive at a time.
    pub segment: usize,
    pub body_len: usize,
}

impl Case {
    fn new(name: &'static str, head: &str, body: &str, body_len: usize) -> Self {
        let answer = format!("HTTP/1.1 200 OK\r\n{head}\r\n{body}").into_bytes().leak();
        Self { name, work: Work::Get, answer, segment: SEGMENT, body_len }
    }

    /// What a server sends to a GET of `len` bytes by length.
    pub fn by_length(name: &'static str, len: usize) -> Self {
        Self::new(name, &usual_head(&format!("Content-Length: {len}")), &"x".repeat(len), len)
    }
}

/// With the status line 250 bytes, if the framing is `Content-Length: 200`.
fn usual_head(framing: &str) -> String {
    format!(
        "Date: Tue, 09 Nov 2010 14:49:00 GMT\r\nServer: example/1.0\r\nContent-Type: application/json\r\n\
         Cache-Control: no-store\r\nX-Request-Id: 0123456789abcdef0123456789abcd\r\nConnection: keep-alive\r\n\
         {framing}\r\nVary: Accept\r\n"
    )
}

/// Everything that goes through the memory.
pub fn in_memory() -> Vec<Case> {
    let small = Case::by_length("small-get", 200);
    let many: String = (0..38).map(|number| format!("X-Field-{number}: value number {number}\r\n")).collect();
    let chunks = format!("{:x}\r\n{}\r\n", 512, "x".repeat(512)).repeat(128) + "0\r\n\r\n";
    let posted = Case::new("post-json", &usual_head(&format!("Content-Length: {}", RECEIPT.len())), RECEIPT, 0);
    vec![
        small,
        Case::by_length("64k-by-length", 65536),
        Case::new("64k-chunked", &usual_head("Transfer-Encoding: chunked"), &chunks, 65536),
        Case { name: "byte-by-byte", segment: 1, ..small },
        Case::new(
            "40-fields",
            &format!("{many}Content-Type: text/plain\r\nContent-Length: 200\r\n"),
            &"x".repeat(200),
            200,
        ),
        Case { work: Work::PostJson, ..posted },
    ]
}

//! What a server may send, and what comes of it. The codec's tests and those of both faces share them.

use socketpool::http::CloseReason::{
    self, AmbiguousFraming, Http10, ServerConnectionClose, SwitchingProtocols, UntilClose,
};
use socketpool::http::{DecodeError, MAX_HEAD, Method};

pub struct Vector {
    pub name: &'static str,
    pub method: Method<'static>,
    pub answer: Vec<u8>,
    pub wanted: Wanted,
}

pub enum Wanted {
    /// Status, body, reason to close, and bytes left behind the answer.
    Answer(u16, Vec<u8>, Option<CloseReason>, usize),
    Error(DecodeError),
}

fn ok(name: &'static str, answer: impl AsRef<[u8]>, status: u16, body: impl AsRef<[u8]>) -> Vector {
    let wanted = Wanted::Answer(status, body.as_ref().to_vec(), None, 0);
    Vector { name, method: Method::Get, answer: answer.as_ref().to_vec(), wanted }
}

fn refused(name: &'static str, answer: impl AsRef<[u8]>, error: DecodeError) -> Vector {
    Vector { name, method: Method::Get, answer: answer.as_ref().to_vec(), wanted: Wanted::Error(error) }
}

impl Vector {
    fn closes(mut self, why: CloseReason) -> Self {
        if let Wanted::Answer(_, _, close, _) = &mut self.wanted {
            *close = Some(why);
        }
        self
    }

    fn leaves(mut self, bytes: usize) -> Self {
        if let Wanted::Answer(_, _, _, left) = &mut self.wanted {
            *left = bytes;
        }
        self
    }

    fn to(mut self, method: Method<'static>) -> Self {
        self.method = method;
        self
    }
}

/// An answer with chunked framing whose body is `rest`.
fn chunked(rest: impl AsRef<[u8]>) -> Vec<u8> {
    [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", rest.as_ref()].concat()
}

/// An answer with these field lines and body.
pub fn with(fields: &str, body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\n{fields}\r\n{body}")
}

pub fn vectors() -> Vec<Vector> {
    use DecodeError::*;
    let mut all = framing();
    all.extend([
        // Status lines, RFC 9112 §4.
        ok("empty reason with its space", "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", 200, ""),
        ok("empty reason without its space", "HTTP/1.1 301\r\nContent-Length: 0\r\n\r\n", 301, ""),
        ok("reason in Latin-1", b"HTTP/1.1 404 \xE9t\xE9\r\nContent-Length: 0\r\n\r\n", 404, ""),
        ok("later minor version", "HTTP/1.7 200 OK\r\nContent-Length: 0\r\n\r\n", 200, ""),
        ok("status beyond the classes", "HTTP/1.1 799 Odd\r\nContent-Length: 0\r\n\r\n", 799, ""),
        ok("empty lines before the status line", "\r\n\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, ""),
        refused("too many empty lines", "\r\n\r\n\r\n\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", TooManyEmptyLines),
        refused("another protocol", "SSH-2.0-OpenSSH_9.2\r\n", NotHttp),
        refused("a TLS alert", b"\x15\x03\x03\x00\x02\x02\x28", NotHttp),
        refused("no status line", "<html></html>\n", NotHttp),
        refused("lower-case name", "http/1.1 200 OK\r\n\r\n", NotHttp),
        refused("HTTP/0.9", "HTTP/0.9 200 OK\r\n\r\n", UnsupportedVersion),
        refused("HTTP/2", "HTTP/2 200\r\n\r\n", UnsupportedVersion),
        refused("HTTP/01.1", "HTTP/01.1 200 OK\r\n\r\n", UnsupportedVersion),
        refused("HTTP/1.10", "HTTP/1.10 200 OK\r\n\r\n", InvalidStatusLine),
        refused("HTTP/1.x", "HTTP/1.x 200 OK\r\n\r\n", InvalidStatusLine),
        refused("version alone", "HTTP/1.1\r\n\r\n", InvalidStatusLine),
        refused("tab after the version", "HTTP/1.1\t200 OK\r\n\r\n", InvalidStatusLine),
        refused("two spaces before the status", "HTTP/1.1  200 OK\r\n\r\n", InvalidStatusCode),
        refused("status of two digits", "HTTP/1.1 20 OK\r\n\r\n", InvalidStatusCode),
        refused("status of four digits", "HTTP/1.1 2000 OK\r\n\r\n", InvalidStatusCode),
        refused("status below 100", "HTTP/1.1 099 OK\r\n\r\n", InvalidStatusCode),
        refused("status with a sign", "HTTP/1.1 -12 OK\r\n\r\n", InvalidStatusCode),
        refused("status with a point", "HTTP/1.1 400.1 OK\r\n\r\n", InvalidStatusCode),
        refused("NUL in the reason", "HTTP/1.1 200 O\0K\r\n\r\n", ControlCharacter),
        refused("CR in the reason", "HTTP/1.1 200 OK\rX: 1\r\n\r\n", BareCr),
        // Field lines, RFC 9112 §5.
        ok("bare LF line ends", "HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", 200, "hello"),
        ok("70 fields", with(&"X-N: 1\r\n".repeat(70), ""), 200, "").closes(UntilClose),
        ok("Latin-1 value", b"HTTP/1.1 200 OK\r\nX: \xE9\r\nContent-Length: 0\r\n\r\n", 200, ""),
        ok("folded Content-Length", with("Content-Length:\r\n  5\r\n", "hello"), 200, "hello"),
        ok("fold of blanks only", with("X: 1\r\n \t\r\nContent-Length: 5\r\n", "hello"), 200, "hello"),
        ok("field in any case", with("cOnTeNt-lEnGtH: 5\r\n", "hello"), 200, "hello"),
        ok("empty value", with("X:\r\nContent-Length: 0\r\n", ""), 200, ""),
        refused("blank before the colon", with("Content-Length : 5\r\n", "hello"), InvalidFieldName),
        refused("blank in a name", with("en-US Content-Type: text/xml\r\n", ""), InvalidFieldName),
        refused("empty name", with(": 5\r\n", ""), InvalidFieldName),
        refused("non-ASCII name", with("Größe: 5\r\n", ""), InvalidFieldName),
        refused("line without a colon", with("Content-Length 5\r\n", "hello"), MissingColon),
        refused("fold without a field", with(" Content-Length: 5\r\n", "hello"), UnexpectedFold),
        refused("CR in a value", with("X: 1\rContent-Length: 5\r\n", "hello"), BareCr),
        refused("two CRs", with("X: 1\r\r\n", ""), BareCr),
        refused("NUL in a value", with("X: \0\r\n", ""), ControlCharacter),
        refused("NUL in a fold", with("X: 1\r\n \0\r\n", ""), ControlCharacter),
        refused("head too large", with(&format!("X: {}\r\n", "a".repeat(MAX_HEAD)), ""), HeadTooLarge),
        // Interim answers, RFC 9110 §15.2.
        ok(
            "100 and 200 in one piece",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            200,
            "ok",
        ),
        ok("103 with fields", "HTTP/1.1 103 Early Hints\r\nContent-Length: 9\r\n\r\nHTTP/1.1 204 No\r\n\r\n", 204, ""),
        ok("16 interim answers", interim(16), 200, ""),
        refused("17 interim answers", interim(17), TooManyInterim),
        ok("switching protocols", "HTTP/1.1 101 Sw\r\nUpgrade: x\r\n\r\nabc", 101, "")
            .closes(SwitchingProtocols)
            .leaves(3),
        refused("100 and no more", "HTTP/1.1 100 Continue\r\n\r\n", Truncated),
        refused("nothing", "", NoResponse),
    ]);
    all.extend(chunks());
    all
}

fn interim(count: usize) -> String {
    format!("{}HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 102 Processing\r\nX: y\r\n\r\n".repeat(count))
}

/// RFC 9112 §6.3 and §9.
fn framing() -> Vec<Vector> {
    use DecodeError::*;
    vec![
        ok("Content-Length exact", with("Content-Length: 5\r\n", "hello"), 200, "hello"),
        ok("Content-Length 0", with("Content-Length: 0\r\n", ""), 200, ""),
        ok("Content-Length in tabs", with("Content-Length:\t5\t\r\n", "hello"), 200, "hello"),
        ok("Content-Length 5, 5", with("Content-Length: 5, 5\r\n", "hello"), 200, "hello"),
        ok("Content-Length twice", with("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"), 200, "hello"),
        ok("surplus bytes", with("Content-Length: 5\r\n", "hello, world"), 200, "hello").leaves(7),
        ok("204", "HTTP/1.1 204 No Content\r\n\r\n", 204, ""),
        ok("204 that announces a body", "HTTP/1.1 204 No\r\nContent-Length: 3\r\n\r\nabc", 204, "")
            .closes(AmbiguousFraming)
            .leaves(3),
        ok("204 that says empty", "HTTP/1.1 204 No\r\nContent-Length: 0\r\n\r\n", 204, ""),
        ok("304 with Content-Length", "HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n", 304, ""),
        ok("304 with chunked", "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n", 304, ""),
        ok("HEAD with Content-Length", with("Content-Length: 14432\r\n", ""), 200, "").to(Method::Head),
        ok("HEAD with chunked", with("Transfer-Encoding: chunked\r\n", ""), 200, "").to(Method::Head),
        ok("HEAD with neither", with("", ""), 200, "").to(Method::Head),
        ok("until close", with("", "all of it"), 200, "all of it").closes(UntilClose),
        ok("until close, empty", with("", ""), 200, "").closes(UntilClose),
        ok("HTTP/1.0 until close", "HTTP/1.0 200 OK\r\n\r\nall", 200, "all").closes(UntilClose),
        ok("HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, "ok").closes(Http10),
        ok("HTTP/1.0 kept", "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nok", 200, "ok"),
        ok("HTTP/1.0 chunked", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 200, "ok")
            .closes(AmbiguousFraming),
        ok("Connection: close", with("Connection: cLoSe\r\nContent-Length: 2\r\n", "ok"), 200, "ok")
            .closes(ServerConnectionClose),
        ok("close in a list", with("Connection: a, , close,b\r\nContent-Length: 0\r\n", ""), 200, "")
            .closes(ServerConnectionClose),
        ok(
            "close beats keep-alive",
            with("Connection: keep-alive\r\nConnection: close\r\nContent-Length: 0\r\n", ""),
            200,
            "",
        )
        .closes(ServerConnectionClose),
        ok("closed is not close", with("Connection: closed\r\nContent-Length: 0\r\n", ""), 200, ""),
        ok(
            "Content-Length and chunked",
            with("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"),
            200,
            "hello",
        )
        .closes(AmbiguousFraming),
        ok("Chunked in any case", with("Transfer-Encoding: , Chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"), 200, "hello"),
        refused("gzip, chunked", with("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), UnsupportedTransferCoding),
        refused("gzip", with("Transfer-Encoding: gzip\r\nContent-Length: 1\r\n", "x"), UnsupportedTransferCoding),
        // RFC 2616 §3.6 had a coding `identity`, and RFC 9112 §7 has it no more: in one field and alone it is none.
        ok("identity", with("Transfer-Encoding: identity\r\n", "all of it"), 200, "all of it").closes(UntilClose),
        ok(
            "identity and Content-Length",
            with("Transfer-Encoding: Identity \r\nContent-Length: 2\r\n", "ok"),
            200,
            "ok",
        )
        .closes(AmbiguousFraming),
        ok(
            "Content-Length and identity",
            with("Content-Length: 2\r\nTransfer-Encoding: identity\r\n", "okay"),
            200,
            "ok",
        )
        .closes(AmbiguousFraming)
        .leaves(2),
        ok("204 with identity", "HTTP/1.1 204 No\r\nTransfer-Encoding: identity\r\n\r\n", 204, ""),
        refused(
            "identity and two Content-Lengths",
            with("Transfer-Encoding: identity\r\nContent-Length: 2\r\nContent-Length: 3\r\n", "okk"),
            ConflictingContentLength,
        ),
        refused(
            "identity twice",
            with("Transfer-Encoding: identity\r\nTransfer-Encoding: identity\r\nContent-Length: 2\r\n", "ok"),
            UnsupportedTransferCoding,
        ),
        refused(
            "identity, then nothing",
            with("Transfer-Encoding: identity\r\nTransfer-Encoding:\r\nContent-Length: 2\r\n", "ok"),
            UnsupportedTransferCoding,
        ),
        refused("identity, chunked", with("Transfer-Encoding: identity, chunked\r\n", ""), UnsupportedTransferCoding),
        refused("chunked, identity", with("Transfer-Encoding: chunked, identity\r\n", ""), ChunkedNotLast),
        refused(
            "identity, then chunked in a second field",
            with("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
            UnsupportedTransferCoding,
        ),
        refused(
            "chunked, then identity in a second field",
            with("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "0\r\n\r\n"),
            ChunkedNotLast,
        ),
        refused("identity in a list", with("Transfer-Encoding: identity,\r\n", "x"), UnsupportedTransferCoding),
        refused(
            "identity with a parameter",
            with("Transfer-Encoding: identity;q=1\r\n", "x"),
            UnsupportedTransferCoding,
        ),
        refused(
            "not identity",
            with("Transfer-Encoding: identity\x0b\r\nContent-Length: 1\r\n", "x"),
            UnsupportedTransferCoding,
        ),
        // RFC 9112 §6.3 does not except 205: its framing counts, though RFC 9110 §15.3.6 wants no content.
        ok("205 that says empty", "HTTP/1.1 205 Reset\r\nContent-Length: 0\r\n\r\n", 205, ""),
        ok("205 with content", "HTTP/1.1 205 Reset\r\nContent-Length: 2\r\n\r\nok", 205, "ok"),
        ok("205 with neither", "HTTP/1.1 205 Reset\r\n\r\nok", 205, "ok").closes(UntilClose),
        ok("204 with chunked", "HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 204, "")
            .closes(AmbiguousFraming)
            .leaves(12),
        ok("304 with content after all", "HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\nok", 304, "").leaves(2),
        ok("HEAD with content after all", with("Content-Length: 2\r\n", "ok"), 200, "").to(Method::Head).leaves(2),
        ok(
            "103 before 404",
            "HTTP/1.1 103 Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n",
            404,
            "",
        ),
        ok("199 before 200", "HTTP/1.1 199 What\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, "ok"),
        refused("no coding", with("Transfer-Encoding: \r\n", "x"), UnsupportedTransferCoding),
        refused("chunkedchunked", with("Transfer-Encoding: chunkedchunked\r\n", ""), UnsupportedTransferCoding),
        refused("chunked with a parameter", with("Transfer-Encoding: chunked;q=1\r\n", ""), UnsupportedTransferCoding),
        refused("chunked folded", with("Transfer-Encoding: chunked\r\n abc\r\n", ""), UnsupportedTransferCoding),
        refused("chunked twice", with("Transfer-Encoding: chunked, chunked\r\n", ""), ChunkedNotLast),
        refused(
            "chunked, then gzip in a second field",
            with("Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n", ""),
            ChunkedNotLast,
        ),
        refused("Content-Length +5", with("Content-Length: +5\r\n", "hello"), InvalidContentLength),
        refused("Content-Length -5", with("Content-Length: -5\r\n", "hello"), InvalidContentLength),
        refused("Content-Length empty", with("Content-Length: \r\n", "hello"), InvalidContentLength),
        refused("Content-Length 5 5", with("Content-Length: 5 5\r\n", "hello"), InvalidContentLength),
        refused("Content-Length 5,", with("Content-Length: 5,\r\n", "hello"), InvalidContentLength),
        refused("Content-Length 0x5", with("Content-Length: 0x5\r\n", "hello"), InvalidContentLength),
        refused("Content-Length 2^64", with("Content-Length: 18446744073709551616\r\n", ""), InvalidContentLength),
        refused(
            "Content-Length 5 and 6",
            with("Content-Length: 5\r\nContent-Length: 6\r\n", ""),
            ConflictingContentLength,
        ),
        refused("Content-Length 5, 6", with("Content-Length: 5, 6\r\n", "hello"), ConflictingContentLength),
        refused("end inside Content-Length", with("Content-Length: 6\r\n", "hello"), Truncated),
        refused("end at the largest length", with("Content-Length: 18446744073709551615\r\n", "hello"), Truncated),
        refused("end inside the head", "HTTP/1.1 200 OK\r\nContent-Le", Truncated),
    ]
}

/// RFC 9112 §7.1.
fn chunks() -> Vec<Vector> {
    use DecodeError::*;
    let spare = |chunks| format!("{}0\r\n\r\n", format!("1;{}\r\nx\r\n", "e".repeat(1000)).repeat(chunks));
    vec![
        ok("chunks", chunked("5\r\nhello\r\n7\r\n, world\r\n0\r\n\r\n"), 200, "hello, world"),
        ok("no chunk", chunked("0\r\n\r\n"), 200, ""),
        ok(
            "size in hexadecimal",
            chunked("00A\r\n0123456789\r\nb\r\n0123456789a\r\n0\r\n\r\n"),
            200,
            "01234567890123456789a",
        ),
        ok("size with leading zeros", chunked("000000000005\r\nhello\r\n0000000000000000000\r\n\r\n"), 200, "hello"),
        ok("size padded with blanks", chunked("5  \r\nhello\r\n0 \t\r\n\r\n"), 200, "hello"),
        ok("extension", chunked("5;a=b\r\nhello\r\n0;c\r\n\r\n"), 200, "hello"),
        ok("extension in quotes", chunked("5 ; a=\"b;c\\\"\\\r\nhello\r\n0\r\n\r\n"), 200, "hello"),
        ok("trailers", chunked("5\r\nhello\r\n0\r\nX-Sum: 1\r\nY:\r\n\r\n"), 200, "hello"),
        ok("bytes after the last chunk", chunked("5\r\nhello\r\n0\r\n\r\nHTTP"), 200, "hello").leaves(4),
        ok("line ends as data", chunked("4\r\n\r\n\r\n\r\n2\r\n0\r\r\n0\r\n\r\n"), 200, "\r\n\r\n0\r"),
        ok("extensions within the allowance", chunked(spare(16)), 200, "x".repeat(16)),
        refused("extensions beyond the allowance", chunked(spare(17)), ChunkLineTooLarge),
        refused("extension too long", chunked(format!("5;{}\r\nhello\r\n", "e".repeat(5000))), ChunkLineTooLarge),
        refused("endless leading zeros", chunked("0".repeat(70_000)), ChunkLineTooLarge),
        refused("endless blanks", chunked(format!("5{}", " ".repeat(5000))), ChunkLineTooLarge),
        refused("empty size line", chunked("\r\nhello\r\n0\r\n\r\n"), InvalidChunkSize),
        refused("empty size with extension", chunked(";a\r\nhello\r\n0\r\n\r\n"), InvalidChunkSize),
        refused("size with a sign", chunked("+5\r\nhello\r\n0\r\n\r\n"), InvalidChunkSize),
        refused("size with 0x", chunked("0x5\r\nhello\r\n0\r\n\r\n"), InvalidChunkSize),
        refused("size beyond 64 bits", chunked("10000000000000000\r\nhello"), InvalidChunkSize),
        refused("size and a word", chunked("5 hello\r\nhello\r\n0\r\n\r\n"), InvalidChunkSize),
        refused("size ended by LF", chunked("5\nhello\r\n0\r\n\r\n"), MissingChunkEnd),
        refused("extension ended by LF", chunked("5;a\nhello\r\n0\r\n\r\n"), MissingChunkEnd),
        refused("size ended by CR", chunked("5\rhello\r\n0\r\n\r\n"), MissingChunkEnd),
        refused("data ended by LF", chunked("5\r\nhello\n0\r\n\r\n"), MissingChunkEnd),
        refused("data longer than its size", chunked("5\r\nhello!\r\n0\r\n\r\n"), MissingChunkEnd),
        refused("body ended by LF", chunked("5\r\nhello\r\n0\r\n\n"), MissingChunkEnd),
        refused("NUL in an extension", chunked("5;\0\r\nhello\r\n0\r\n\r\n"), InvalidChunkExtension),
        refused("trailer without a colon", chunked("0\r\nX-Sum\r\n\r\n"), MissingColon),
        refused("trailer without a name", chunked("0\r\n: 1\r\n\r\n"), InvalidFieldName),
        refused("trailer name with a blank", chunked("0\r\nX-Sum : 1\r\n\r\n"), InvalidFieldName),
        refused("trailer with NUL", chunked("0\r\nX: \0\r\n\r\n"), ControlCharacter),
        refused("trailer ended by LF", chunked("0\r\nX: 1\n\r\n"), MissingChunkEnd),
        refused("endless trailers", chunked(format!("0\r\n{}", "X: 1\r\n".repeat(4000))), TrailersTooLarge),
        refused("end inside a chunk", chunked("5\r\nhel"), Truncated),
        refused("end at the end of a chunk", chunked("5\r\nhello"), Truncated),
        refused("end before the last chunk", chunked("5\r\nhello\r\n"), Truncated),
        refused("end before the last line", chunked("5\r\nhello\r\n0\r\n"), Truncated),
        refused("end in the largest chunk", chunked("fffffffffffffffe\r\nhello"), Truncated),
    ]
}

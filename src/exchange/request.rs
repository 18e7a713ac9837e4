//! A request in the making: its head is written into the buffer as it is built.

use core::future::Future;

use embedded_io_async::ErrorKind as IoKind;

#[cfg(feature = "json")]
use super::json::Json;
use super::{
    close::CloseReason,
    content::{Bytes, Content, Empty, Expecting, Form, Multipart, Outline, Part, Plan, Produce, Source, Streamed},
    io::Io,
    link::Staged,
    response::Response,
    send::send,
    state::State,
};
use crate::{
    error::{Error, ErrorKind, Limit, Phase, Result},
    http::{EncodeError, HeadWriter, Method, StatusCode},
    time::Deadline,
};

/// A request in the making. Made by [`Connection::request`](super::Connection::request).
///
/// Its head is written into the connection's buffer as it is built; the first part of it that
/// cannot be sent is reported by [`send`](Self::send), and nothing is sent then.
#[must_use = "a request does nothing until it is sent"]
#[derive(Debug)]
pub struct Request<'c, I, C = Empty> {
    io: &'c mut I,
    state: &'c mut State,
    deadline: Deadline,
    draft: Draft<'c>,
    content: C,
}

/// What does not depend on the connection and the content.
#[derive(Debug)]
struct Draft<'c> {
    head: HeadWriter<'c>,
    method: Method<'c>,
    says_close: bool,
    has_media_type: bool,
}

impl<'c, I: Io> Request<'c, I> {
    pub(super) fn new(
        (io, memory, state): (&'c mut I, &'c mut [u8], &'c mut State),
        deadline: Deadline,
        method: Method<'c>,
        host: &str,
        target: &str,
    ) -> Self {
        Self { io, state, deadline, draft: Draft::new(memory, method, host, target), content: Empty }
    }

    /// Sends these bytes. Say with [`header`](Self::header) what `Content-Type` they are.
    ///
    /// They go out in one write with the head if the buffer has room for both.
    pub fn body(self, bytes: &'c [u8]) -> Request<'c, I, Bytes<'c>> {
        self.content(Bytes(bytes))
    }

    /// Sends these pairs as an HTML form does, percent-encoded into the buffer.
    pub fn form(self, pairs: &'c [(&'c str, &'c str)]) -> Request<'c, I, Form<'c>> {
        self.content(Form(pairs))
    }

    /// Sends this value as JSON, which is written into the buffer behind the head.
    #[cfg(feature = "json")]
    pub fn json<V: serde::Serialize + ?Sized>(self, value: &'c V) -> Request<'c, I, Json<'c, V>> {
        self.content(Json(value))
    }

    /// Sends what `source` reads, while it reads: `len` bytes, or as many as there are, in chunks,
    /// if that is `None`.
    pub fn stream<S: Source>(self, source: S, len: impl Into<Option<u64>>) -> Request<'c, I, Streamed<S>> {
        self.content(Streamed::new(source, len.into()))
    }

    /// Sends what this closure puts at the start of the buffer it is given, time after time until
    /// it puts 0 bytes there.
    pub fn produce<F>(self, fill: F, len: impl Into<Option<u64>>) -> Request<'c, I, Streamed<Produce<F>>>
    where
        F: FnMut(&mut [u8]) -> Result<usize, IoKind>,
    {
        self.stream(Produce(fill), len)
    }

    /// Sends a form with files, as `multipart/form-data`.
    pub fn multipart(self, parts: &'c [Part<'c>]) -> Request<'c, I, Multipart<'c, &'c [Part<'c>]>> {
        self.content(Multipart::new(parts))
    }

    /// Sends content of any kind: a [`Multipart`] form with a boundary of your own or with sources, for example.
    pub fn content<C: Content>(self, content: C) -> Request<'c, I, C> {
        let Self { io, state, deadline, draft, .. } = self;
        Request { io, state, deadline, draft, content }
    }
}

impl<'c, I: Io, C: Content> Request<'c, I, C> {
    /// Adds a header field.
    ///
    /// `Host`, `Content-Length` and `Transfer-Encoding` follow from the request and are refused.
    /// `Connection: close` is kept to: the connection does not serve again.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.draft.field(name, &[value.as_bytes()]);
        self
    }

    /// Adds these header fields.
    pub fn headers(mut self, fields: &[(&str, &str)]) -> Self {
        for (name, value) in fields {
            self.draft.field(name, &[value.as_bytes()]);
        }
        self
    }

    /// Authenticates with user name and password (Basic, RFC 7617): over TLS only, if they are to
    /// stay secret.
    pub fn basic_auth(mut self, user: &str, password: &str) -> Self {
        self.draft.head.basic_auth(user.as_bytes(), password.as_bytes());
        self
    }

    /// Authenticates with a token (Bearer, RFC 6750).
    pub fn bearer(mut self, token: &str) -> Self {
        self.draft.field("Authorization", &[b"Bearer ", token.as_bytes()]);
        self
    }

    /// Asks the server before content is sent (`Expect: 100-continue`, RFC 9110 §10.1.1), and waits
    /// a second for its word.
    ///
    /// A server that refuses gives its response, status 417 for example, and
    /// [closes](super::CloseReason::RequestCut) the connection; nothing of the content was sent or
    /// taken from its source, and it can be sent again without the question on another connection.
    /// A connection without a clock does not wait, which is allowed.
    pub fn expect_continue(self) -> Request<'c, I, Expecting<C>> {
        let Self { io, state, deadline, draft, content } = self;
        Request { io, state, deadline, draft, content: Expecting(content) }
    }

    /// Sends the request and receives the head of the response.
    ///
    /// Interim responses are passed over, at most 16 of them. A response that arrives while the
    /// content is still being sent is received if the connection [listens](super::Halves), or when
    /// the server has hung up.
    ///
    /// # Errors
    /// With phase `Setup`, and nothing sent: what cannot be sent, does not fit into the buffer
    /// ([`ErrorKind::TooLarge`]), or a connection that cannot serve again
    /// ([`ErrorKind::NotConnected`]). With phase `Send` or `Head`: the exchange has failed, and the
    /// connection with it. [`ErrorKind::Status`] with 101: the server switched to another protocol,
    /// which the request did not ask for.
    ///
    /// # Cancel safety
    /// Dropping the future ends the exchange: the server may have got the request or a part of it,
    /// and the connection cannot serve again
    /// ([`CloseReason::Unfinished`](super::CloseReason::Unfinished)).
    pub fn send(self) -> impl Future<Output = Result<Response<'c, I>>> {
        let Self { io, state, deadline, draft, mut content } = self;
        async move {
            let request = (draft.method, draft.says_close);
            state.begin()?;
            let (memory, staged) = draft.stage(&content, C::ASKS)?;
            send(io, memory, state, request, staged, &mut content, deadline).await?;
            if state.head.status == StatusCode::SWITCHING_PROTOCOLS {
                let error = Error::new(Phase::Head, ErrorKind::Status(state.head.status));
                state.close = Some(CloseReason::Failed(error));
                return Err(error);
            }
            Ok(Response::new(io, memory, state))
        }
    }
}

/// The fields that follow from the request. Two opinions about them are how requests are smuggled.
const OURS: [&str; 3] = ["host", "content-length", "transfer-encoding"];

impl<'c> Draft<'c> {
    fn new(memory: &'c mut [u8], method: Method<'c>, host: &str, target: &str) -> Self {
        let mut head = HeadWriter::new(memory, method, target);
        if !host
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'/' | b'?' | b'#' | b'@' | b'\\' | b','))
        {
            head.fail(EncodeError::InvalidFieldValue);
        }
        head.field("Host", host.as_bytes());
        Self { head, method, says_close: false, has_media_type: false }
    }

    #[inline(never)]
    fn field(&mut self, name: &str, value: &[&[u8]]) {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        if OURS.into_iter().any(is) {
            self.head.fail(EncodeError::FramingField);
        }
        self.has_media_type |= is("content-type");
        self.says_close |= is("connection") && value.iter().any(|value| says_close(value));
        self.head.field_parts(name, value);
    }

    /// Ends the head, and writes the content behind it as far as it fits or has to be written.
    #[inline(never)]
    fn stage(mut self, content: &dyn Outline, asks: bool) -> Result<(&'c mut [u8], Staged)> {
        let setup = |kind| Error::new(Phase::Setup, kind);
        let plan = content.plan().map_err(setup)?;
        if let Some([first, second]) = content.media_type().filter(|_| !self.has_media_type) {
            self.head.field_parts("Content-Type", &[first.as_bytes(), second.as_bytes()]);
        }
        let fields_end = self.head.len();
        let len = match plan {
            Plan::Bytes(bytes) => Some(bytes.len() as u64),
            Plan::Streamed(upload) => upload.len(),
            Plan::Written => Some(u64::MAX),
        };
        let mut asks = asks && len != Some(0);
        let number_end = match plan {
            Plan::Written => self.head.blank_number("Content-Length"),
            _ => {
                self.framing(len);
                0
            }
        };
        if asks {
            self.head.field("Expect", b"100-continue");
        }
        let sends_empty_length = self.method.sends_empty_length();
        let (memory, head) = self.head.close();
        let have = memory.len();
        let mut head = head.map_err(|error| encode_error(error, have))?;
        let mut end = head;
        match plan {
            Plan::Written => {
                let room = memory.get_mut(head..).unwrap_or_default();
                let written = content.write(room).map_err(|kind| setup(behind(kind, head, have)))?;
                end += written;
                if written > 0 {
                    number(memory, number_end, written);
                } else {
                    // There is no content after all.
                    let last: &[u8] = if sends_empty_length { b"Content-Length: 0\r\n\r\n" } else { b"\r\n" };
                    head = fields_end + last.len();
                    (end, asks) = (head, false);
                    memory.get_mut(fields_end..head).unwrap_or_default().copy_from_slice(last);
                }
            }
            Plan::Bytes(bytes) if !asks => {
                if let Some(room) = memory.get_mut(head..head + bytes.len()) {
                    room.copy_from_slice(bytes);
                    end += bytes.len();
                }
            }
            _ => {}
        }
        Ok((memory, Staged { start: 0, head, end, asks, has_content: true }))
    }

    /// Writes how the content is framed, where its length is known or known not to be.
    fn framing(&mut self, len: Option<u64>) {
        match len {
            None => _ = self.head.field("Transfer-Encoding", b"chunked"),
            Some(0) if !self.method.sends_empty_length() => {}
            Some(len) => _ = self.head.field_number("Content-Length", len),
        }
    }
}

fn says_close(value: &[u8]) -> bool {
    value.split(|byte| *byte == b',').any(|option| option.trim_ascii().eq_ignore_ascii_case(b"close"))
}

/// Writes `number` in decimal, right before `end`.
fn number(memory: &mut [u8], end: usize, number: usize) {
    let (mut at, mut rest) = (end, number);
    while rest > 0 && at > 0 {
        at -= 1;
        if let Some(place) = memory.get_mut(at) {
            *place = b'0' + (rest % 10) as u8;
        }
        rest /= 10;
    }
}

fn encode_error(error: EncodeError, have: usize) -> Error {
    let kind = match error {
        EncodeError::BufferTooSmall { need } => too_large(need, have),
        error => ErrorKind::Encode(error),
    };
    Error::new(Phase::Setup, kind)
}

const fn too_large(need: usize, have: usize) -> ErrorKind {
    ErrorKind::TooLarge { what: Limit::Request, need: Some(need), have }
}

/// What is needed behind a head is needed together with it.
fn behind(kind: ErrorKind, head: usize, have: usize) -> ErrorKind {
    match kind {
        ErrorKind::TooLarge { what, need, .. } => {
            ErrorKind::TooLarge { what, need: need.map(|need| head + need), have }
        }
        kind => kind,
    }
}

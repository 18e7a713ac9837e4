//! A request in the making, and the memory it is made in. Knows no I/O, so both faces use it.
//!
//! ```text
//!   ┌─────┬─────────────────┬───────────────────────────────────────────────┐
//!   │ URL │ caller's fields │ work: the request as sent, then what is received │
//!   └─────┴─────────────────┴───────────────────────────────────────────────┘
//! ```
//!
//! URL and fields stay while the request is under way, so that a redirect or a stale connection can make it anew.

use core::ops::{Deref, DerefMut, Range};

use super::body::Body;
use crate::{
    error::{Error, ErrorKind, Limit, Phase, Policy, Result},
    http::{EncodeError, Fields, HeadWriter, Method, ResponseHead, Scheme, Url, UrlError},
};

/// What `User-Agent` says unless the caller says otherwise; some servers refuse requests without one.
const USER_AGENT: &str = concat!("socketpool/", env!("CARGO_PKG_VERSION"));

/// The first so many bytes of an exchange buffer.
#[derive(Debug)]
pub(crate) struct Memory<B> {
    buffer: B,
    len: usize,
}

impl<B: DerefMut<Target = [u8]>> Memory<B> {
    pub(crate) fn new(buffer: B, limit: usize) -> Self {
        let len = buffer.len().min(limit);
        Self { buffer, len }
    }
}

impl<B: Deref<Target = [u8]>> Deref for Memory<B> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.buffer.get(..self.len).unwrap_or_default()
    }
}

impl<B: DerefMut<Target = [u8]>> DerefMut for Memory<B> {
    fn deref_mut(&mut self) -> &mut [u8] {
        self.buffer.get_mut(..self.len).unwrap_or_default()
    }
}

/// A request in the making.
#[derive(Debug)]
pub(crate) struct Draft<'r, B> {
    memory: Memory<B>,
    method: Method<'r>,
    url: Url,
    fields_len: usize,
    /// Whether a redirect has taken the body away (303).
    without_body: bool,
}

/// A request, staged to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Staged {
    /// The head, and the body behind it as far as it fits.
    pub(crate) bytes: Range<usize>,
    /// Whether the body's own bytes have to follow in a write of their own.
    pub(crate) body_follows: bool,
}

impl<'r, B: DerefMut<Target = [u8]>> Draft<'r, B> {
    pub(crate) fn new(mut memory: Memory<B>, method: Method<'r>, url: &str) -> Result<Self> {
        let url = Url::parse(url, &mut memory).map_err(|error| too_small(error, memory.len()))?;
        Ok(Self { memory, method, url, fields_len: 0, without_body: false })
    }

    pub(crate) fn method(&self) -> Method<'r> {
        self.method
    }

    pub(crate) fn url(&self) -> Url {
        self.url
    }

    pub(crate) fn is_https(&self) -> bool {
        self.url.scheme() == Scheme::Https
    }

    pub(crate) fn host(&self) -> &str {
        self.url.host(&self.memory)
    }

    pub(crate) fn memory(&mut self) -> &mut [u8] {
        &mut self.memory
    }

    pub(crate) fn into_memory(self) -> Memory<B> {
        self.memory
    }

    /// Where the work begins.
    pub(crate) fn work(&self) -> usize {
        self.url.len() + self.fields_len
    }

    pub(crate) fn push_query(&mut self, name: &str, value: &str) -> Result<()> {
        let (old, have) = (self.url.len(), self.memory.len());
        // The fields step aside, to the very end.
        let aside = have - self.fields_len;
        self.memory.copy_within(old..old + self.fields_len, aside);
        let room = self.memory.get_mut(..aside).unwrap_or_default();
        let pushed = self.url.push_query(room, name, value);
        self.url = pushed.map_err(|error| too_small(error, aside))?;
        self.memory.copy_within(aside..have, self.url.len());
        Ok(())
    }

    pub(crate) fn push_field(&mut self, name: &str, parts: &[&[u8]]) -> Result<()> {
        if ["content-length", "transfer-encoding"].iter().any(|framing| name.eq_ignore_ascii_case(framing)) {
            return Err(Error::new(Phase::Setup, ErrorKind::Encode(EncodeError::FramingField)));
        }
        self.push_fields(|writer| _ = writer.field_parts(name, parts))
    }

    pub(crate) fn push_basic_auth(&mut self, user: &str, password: &str) -> Result<()> {
        self.push_fields(|writer| _ = writer.basic_auth(user.as_bytes(), password.as_bytes()))
    }

    fn push_fields(&mut self, write: impl FnOnce(&mut HeadWriter<'_>)) -> Result<()> {
        let (end, have) = (self.work(), self.memory.len());
        let mut writer = HeadWriter::after(&mut self.memory, end);
        write(&mut writer);
        let end = writer.end().map_err(|error| encode_error(error, 0, have))?;
        self.fields_len = end - self.url.len();
        Ok(())
    }

    fn fields(&self) -> Fields<'_> {
        Fields::new(self.memory.get(self.url.len()..self.work()).unwrap_or_default())
    }

    /// Stages the whole request in the work area: head, and body if it fits, in one piece.
    pub(crate) fn stage(&mut self, body: &impl Body) -> Result<Staged> {
        let (start, have) = (self.work(), self.memory.len());
        let has = |name| self.fields().get(name).is_some();
        let (no_agent, no_accept, no_coding) = (!has("user-agent"), !has("accept"), !has("accept-encoding"));
        let (no_host, no_type, no_auth) = (!has("host"), !has("content-type"), !has("authorization"));

        let (front, work) = self.memory.split_at_mut_checked(start).unwrap_or_default();
        let bytes = if self.without_body { Some(&[][..]) } else { body.as_bytes() };
        // A body that has to be written is written first: its length belongs into the head.
        let written = match bytes {
            Some(_) => 0,
            None => body.write(work).map_err(|kind| Error::new(Phase::Setup, from_start(kind, start, have)))?,
        };
        let body_len = bytes.map_or(written, <[u8]>::len);

        let mut head =
            HeadWriter::new(work.get_mut(written..).unwrap_or_default(), self.method, self.url.target(front));
        if no_host {
            head.field("Host", self.url.authority(front).as_bytes());
        }
        if no_agent {
            head.field("User-Agent", USER_AGENT.as_bytes());
        }
        if no_accept {
            head.field("Accept", b"*/*");
        }
        if no_coding {
            head.field("Accept-Encoding", b"identity");
        }
        if let Some(userinfo) = self.url.userinfo(front).filter(|_| no_auth) {
            head.basic_auth_userinfo(userinfo);
        }
        head.lines(front.get(self.url.len()..).unwrap_or_default());
        if let Some(media_type) = body.content_type().filter(|_| no_type && !self.without_body) {
            head.field("Content-Type", media_type.as_bytes());
        }
        if body_len > 0 || self.method.sends_empty_length() {
            head.field_number("Content-Length", body_len as u64);
        }
        let head_len = head.finish().map_err(|error| encode_error(error, start + written, have))?;
        work.get_mut(..written + head_len).unwrap_or_default().rotate_left(written);

        let mut len = head_len + written;
        let bytes = bytes.unwrap_or_default();
        let room = work.get_mut(len..len + bytes.len());
        let body_follows = room.is_none();
        if let Some(room) = room {
            room.copy_from_slice(bytes);
            len += bytes.len();
        }
        Ok(Staged { bytes: start..start + len, body_follows })
    }

    /// Whether the response with this head, which lies at the start of the work area, leads elsewhere (RFC 9110 §15.4).
    pub(crate) fn is_redirected_by(&self, head: &ResponseHead) -> bool {
        let received = self.memory.get(self.work()..).unwrap_or_default();
        matches!(head.status.as_u16(), 301 | 302 | 303 | 307 | 308) && head.fields(received).get("location").is_some()
    }

    /// Goes where this head leads.
    pub(crate) fn redirect(&mut self, head: &ResponseHead) -> Result<()> {
        let error = |kind| Error::new(Phase::Head, kind);
        let (start, have) = (self.work(), self.memory.len());
        let (front, work) = self.memory.split_at_mut_checked(start).unwrap_or_default();
        let (received, room) = work.split_at_mut_checked(head.len).unwrap_or_default();
        let location = head.fields(received).get("location").unwrap_or_default();
        let location = core::str::from_utf8(location).map_err(|_| error(ErrorKind::Url(UrlError::NonAsciiHost)))?;
        let next = self.url.resolve(front, location, room).map_err(|failure| {
            let kind = too_small(failure, room.len()).kind();
            error(from_start(kind, start + head.len, have))
        })?;

        if self.url.scheme() == Scheme::Https && next.scheme() == Scheme::Http {
            return Err(error(ErrorKind::Policy(Policy::Downgrade)));
        }
        let stays = self.url.is_same_origin(front, &next, room);
        let status = head.status.as_u16();
        let becomes_get = match status {
            303 => self.method != Method::Head,
            301 | 302 => self.method == Method::Post,
            _ => false,
        };
        self.move_to(next, start + head.len)?;
        if becomes_get {
            self.method = Method::Get;
            self.without_body = true;
            self.drop_fields(|name| name.len() > 8 && name[..8].eq_ignore_ascii_case("content-"));
        }
        if !stays {
            // RFC 9110 §15.4: what was meant for one origin is not for another.
            let private = ["authorization", "cookie", "proxy-authorization", "host"];
            self.drop_fields(|name| private.iter().any(|private| name.eq_ignore_ascii_case(private)));
        }
        Ok(())
    }

    /// Puts the URL that was written at `from` in place of the one at the front, and the fields behind it.
    fn move_to(&mut self, next: Url, from: usize) -> Result<()> {
        let (len, have, fields) = (next.len(), self.memory.len(), self.url.len()..self.work());
        let aside = have - len;
        let need = len + self.fields_len + len;
        if need > have {
            return Err(Error::new(Phase::Head, ErrorKind::TooLarge { what: Limit::Request, need: Some(need), have }));
        }
        self.memory.copy_within(from..from + len, aside);
        self.memory.copy_within(fields, len);
        self.memory.copy_within(aside.., 0);
        self.url = next;
        Ok(())
    }

    /// Removes the field lines whose name `unwanted` accepts.
    fn drop_fields(&mut self, unwanted: impl Fn(&str) -> bool) {
        let (mut read, mut write, end) = (self.url.len(), self.url.len(), self.work());
        while let Some(line) = self.memory.get(read..end).filter(|rest| !rest.is_empty()) {
            let len = line.iter().position(|byte| *byte == b'\n').map_or(line.len(), |position| position + 1);
            let name = line.split(|byte| *byte == b':').next().and_then(|name| core::str::from_utf8(name).ok());
            if !name.is_some_and(&unwanted) {
                self.memory.copy_within(read..read + len, write);
                write += len;
            }
            read += len;
        }
        self.fields_len = write - self.url.len();
    }

    /// Whether the caller asked for the connection to end after this request.
    pub(crate) fn says_close(&self) -> bool {
        let says_close = |value: &[u8]| {
            value.split(|byte| *byte == b',').any(|option| option.trim_ascii().eq_ignore_ascii_case(b"close"))
        };
        self.fields().get_all("connection").any(says_close)
    }
}

fn too_small(error: UrlError, have: usize) -> Error {
    let kind = match error {
        UrlError::BufferTooSmall { need } => ErrorKind::TooLarge { what: Limit::Request, need: Some(need), have },
        error => ErrorKind::Url(error),
    };
    Error::new(Phase::Setup, kind)
}

fn encode_error(error: EncodeError, start: usize, have: usize) -> Error {
    let kind = match error {
        EncodeError::BufferTooSmall { need } => {
            ErrorKind::TooLarge { what: Limit::Request, need: Some(start + need), have }
        }
        error => ErrorKind::Encode(error),
    };
    Error::new(Phase::Setup, kind)
}

/// A size counted from `start`, counted from the beginning of the memory.
fn from_start(kind: ErrorKind, start: usize, have: usize) -> ErrorKind {
    match kind {
        ErrorKind::TooLarge { what, need, .. } => {
            ErrorKind::TooLarge { what, need: need.map(|need| start + need), have }
        }
        kind => kind,
    }
}

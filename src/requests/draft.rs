//! A request in the making, and the memory it is made in. Knows no I/O, so both faces use it.
//!
//! ```text
//!   ┌─────┬─────────────────┬───────────────────────────────────────────────┐
//!   │ URL │ caller's fields │ work: the request as sent, then what is received │
//!   └─────┴─────────────────┴───────────────────────────────────────────────┘
//! ```
//!
//! URL and fields stay while the request is under way, so that a redirect or a stale connection can make it anew.

use core::ops::{Deref, DerefMut};

use super::{options::Options, range::range_value};
use crate::{
    error::{Error, ErrorKind, Limit, Phase, Policy, Resource, Result},
    exchange::{LEAST, Outline, Plan, Staged},
    http::{EncodeError, Fields, HeadWriter, Method, ResponseHead, Scheme, Url, UrlError, bytes::shift},
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
    /// The session's fields, for those the request does not have.
    defaults: &'r [(&'r str, &'r str)],
    /// Whether a redirect has taken the body away (303).
    without_body: bool,
    /// Whether a redirect has led to another origin.
    is_elsewhere: bool,
    /// Whether the server is to be asked before the body is sent.
    expects: bool,
    /// Whether Authorization answers a challenge, and so belongs to this URL only.
    #[cfg(feature = "digest")]
    is_answer: bool,
}

/// What the session and the caller mean for one origin only (RFC 9110 §15.4).
const PRIVATE: [&str; 4] = ["authorization", "cookie", "proxy-authorization", "host"];
/// What says where a body ends follows from the body.
const FRAMING: [&str; 2] = ["content-length", "transfer-encoding"];

fn is_one_of(name: &str, names: &[&str]) -> bool {
    names.iter().any(|one| name.eq_ignore_ascii_case(one))
}

/// What a request starts with: what the caller said, as it was said.
#[derive(Debug)]
pub(crate) struct Outset<'r> {
    pub(crate) method: Method<'r>,
    pub(crate) url: &'r str,
    pub(crate) parts: heapless::Vec<Part<'r>, MAX_PARTS>,
    /// Which of them belong to the URL, and are written before all fields: a bit for each.
    pub(crate) queries: u8,
    /// Whether there were more.
    pub(crate) is_overfull: bool,
    pub(crate) range: Option<Range>,
}

/// How many parts a request can have.
pub const MAX_PARTS: usize = 8;

/// One thing that the caller said of a request, and how it is written: so that a program has the code for what it says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part<'r> {
    pub(crate) pairs: Pairs<'r>,
    pub(crate) write: fn(&mut Front<'_>, &str, &str) -> Result<()>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Pairs<'r> {
    One((&'r str, &'r str)),
    Many(&'r [(&'r str, &'r str)]),
}

/// The URL and the fields behind it, while they are written.
pub(crate) struct Front<'m> {
    memory: &'m mut [u8],
    url: Url,
    fields_len: usize,
}

/// Which part of the content is asked for, and how that is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Range {
    pub(crate) first: u64,
    pub(crate) last: Option<u64>,
    pub(crate) write: fn(&mut Front<'_>, u64, Option<u64>) -> Result<()>,
}

impl Outset<'_> {
    /// Whether the URL is one of `https`, as far as can be seen before it is read.
    pub(crate) fn is_https(&self) -> bool {
        let scheme = self.url.as_bytes().get(..6);
        scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"https:"))
    }
}

impl Front<'_> {
    /// Writes the URL with its query, then the fields, and says how long they are.
    #[inline(never)]
    fn of(memory: &mut [u8], outset: &Outset<'_>) -> Result<(Url, usize)> {
        if outset.is_overfull {
            return Err(Error::new(Phase::Setup, ErrorKind::Exhausted(Resource::RequestParts)));
        }
        let have = memory.len();
        let url = Url::parse(outset.url, memory).map_err(|error| too_small(error, have))?;
        let mut front = Front { memory, url, fields_len: 0 };
        for is_query in [true, false] {
            let is_wanted = |index: usize| (outset.queries >> index & 1 == 1) == is_query;
            for (_, part) in outset.parts.iter().enumerate().filter(|(index, _)| is_wanted(*index)) {
                for (name, value) in part.pairs.as_slice() {
                    (part.write)(&mut front, name, value)?;
                }
            }
        }
        if let Some(Range { first, last, write }) = outset.range {
            write(&mut front, first, last)?;
        }
        Ok((front.url, front.fields_len))
    }

    pub(crate) fn query(&mut self, name: &str, value: &str) -> Result<()> {
        let have = self.memory.len();
        self.url = self.url.push_query(self.memory, name, value).map_err(|error| too_small(error, have))?;
        Ok(())
    }

    pub(crate) fn field(&mut self, name: &str, value: &str) -> Result<()> {
        self.field_parts(name, &[value.as_bytes()])
    }

    pub(crate) fn basic_auth(&mut self, user: &str, password: &str) -> Result<()> {
        self.write(|writer| _ = writer.basic_auth(user.as_bytes(), password.as_bytes()))
    }

    pub(crate) fn bearer(&mut self, token: &str) -> Result<()> {
        self.field_parts("Authorization", &[b"Bearer ", token.as_bytes()])
    }

    pub(crate) fn range(&mut self, first: u64, last: Option<u64>) -> Result<()> {
        self.field_parts("Range", &[range_value(first, last, &mut [0; 48])])
    }

    fn field_parts(&mut self, name: &str, value: &[&[u8]]) -> Result<()> {
        if is_one_of(name, &FRAMING) {
            return Err(Error::new(Phase::Setup, ErrorKind::Encode(EncodeError::FramingField)));
        }
        self.write(|writer| _ = writer.field_parts(name, value))
    }

    fn write(&mut self, write: impl FnOnce(&mut HeadWriter<'_>)) -> Result<()> {
        let (start, have) = (self.url.len() + self.fields_len, self.memory.len());
        let mut writer = HeadWriter::after(self.memory, start);
        write(&mut writer);
        let end = writer.end().map_err(|error| encode_error(error, 0, have))?;
        self.fields_len = end - self.url.len();
        Ok(())
    }
}

impl Pairs<'_> {
    fn as_slice(&self) -> &[(&str, &str)] {
        match self {
            Self::One(pair) => core::slice::from_ref(pair),
            Self::Many(pairs) => pairs,
        }
    }
}

impl<'r, B: DerefMut<Target = [u8]>> Draft<'r, B> {
    /// Writes what the builder has: the URL with its query, then the fields, each once and in its place; takes over what of
    /// the options concerns the head.
    #[inline(always)]
    pub(crate) fn new(mut memory: Memory<B>, outset: &Outset<'r>, options: &Options<'r>) -> Result<Self> {
        let (url, fields_len) = Front::of(&mut memory, outset)?;
        Ok(Self {
            memory,
            method: outset.method,
            url,
            fields_len,
            defaults: options.headers,
            without_body: false,
            is_elsewhere: false,
            expects: options.expects,
            #[cfg(feature = "digest")]
            is_answer: false,
        })
    }

    pub(crate) fn method(&self) -> Method<'r> {
        self.method
    }

    /// What an exchange has to know of the request.
    pub(crate) fn request(&self) -> (Method<'r>, bool) {
        (self.method, self.says_close())
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

    /// The work area.
    pub(crate) fn memory(&mut self) -> &mut [u8] {
        let start = self.work();
        self.memory.get_mut(start..).unwrap_or_default()
    }

    pub(crate) fn into_memory(self) -> Memory<B> {
        self.memory
    }

    /// Where the work begins.
    pub(crate) fn work(&self) -> usize {
        self.url.len() + self.fields_len
    }

    fn fields(&self) -> Fields<'_> {
        Fields::new(self.memory.get(self.url.len()..self.work()).unwrap_or_default())
    }

    /// The session's fields that are to be sent here: not what the request says itself, nor what is meant for the
    /// origin that a redirect has left.
    fn defaults(&self) -> impl Iterator<Item = (&'r str, &'r str)> {
        let stays = move |name: &str| !(self.is_elsewhere && is_one_of(name, &PRIVATE));
        self.defaults.iter().copied().filter(move |(name, _)| stays(name) && self.fields().get(name).is_none())
    }

    /// Stages the whole request in the work area: head, and body if it fits, in one piece. The second value is how much of
    /// the work area it takes at least.
    #[inline(never)]
    pub(crate) fn stage(&mut self, body: &dyn Outline) -> Result<(Staged, usize)> {
        let setup = |kind| Error::new(Phase::Setup, kind);
        let (start, have) = (self.work(), self.memory.len());
        let plan = if self.without_body { Plan::Bytes(&[]) } else { body.plan().map_err(setup)? };
        let (front, work) = self.memory.split_at_mut_checked(start).unwrap_or_default();
        let fields = Fields::new(front.get(self.url.len()..).unwrap_or_default());
        // A body that has to be written is written first: its length belongs into the head.
        let written = match plan {
            Plan::Written => match body.write(work) {
                Ok(written) => written,
                // Then the head does not fit either, and says what both of them need.
                Err(ErrorKind::TooLarge { need: Some(need), .. }) => need.max(work.len()),
                Err(kind) => return Err(setup(from_start(kind, start, have))),
            },
            _ => 0,
        };
        let aside = work.len().saturating_sub(written);
        shift(work, 0..written.min(work.len()), aside);
        let (bytes, len) = match plan {
            Plan::Bytes(bytes) => (bytes, Some(bytes.len() as u64)),
            Plan::Written => (&[][..], Some(written as u64)),
            Plan::Streamed(upload) => (&[][..], upload.len()),
        };
        let expects = self.expects && len != Some(0);

        let stays = |name: &str| !(self.is_elsewhere && is_one_of(name, &PRIVATE));
        let has = |name: &str| {
            fields.get(name).is_some()
                || self.defaults.iter().any(|(other, _)| is_one_of(name, &[other]) && stays(name))
        };
        let target = self.url.target(front);
        let mut head = HeadWriter::new(work.get_mut(..aside).unwrap_or_default(), self.method, target);
        let ours = [
            ("Host", self.url.authority(front)),
            ("User-Agent", USER_AGENT),
            ("Accept", "*/*"),
            ("Accept-Encoding", "identity"),
        ];
        for (name, value) in ours.into_iter().filter(|(name, _)| !has(name)) {
            head.field(name, value.as_bytes());
        }
        for (name, value) in self.defaults {
            if is_one_of(name, &FRAMING) {
                return Err(setup(ErrorKind::Encode(EncodeError::FramingField)));
            }
            if stays(name) && fields.get(name).is_none() {
                head.field(name, value.as_bytes());
            }
        }
        if let Some(userinfo) = self.url.userinfo(front).filter(|_| !has("authorization")) {
            head.basic_auth_userinfo(userinfo);
        }
        head.lines(fields.as_bytes());
        if let Some([first, second]) = body.media_type().filter(|_| !self.without_body && !has("content-type")) {
            head.field_parts("Content-Type", &[first.as_bytes(), second.as_bytes()]);
        }
        match len {
            None => _ = head.field("Transfer-Encoding", b"chunked"),
            Some(0) if !self.method.sends_empty_length() => {}
            Some(len) => _ = head.field_number("Content-Length", len),
        }
        if expects {
            head.field("Expect", b"100-continue");
        }
        let head_len = head.finish().map_err(|error| encode_error(error, start.saturating_add(written), have))?;
        shift(work, aside..aside + written, head_len);

        let mut end = head_len + written;
        if let Some(room) = work.get_mut(end..end + bytes.len()).filter(|_| !expects) {
            room.copy_from_slice(bytes);
            end += bytes.len();
        }
        let least = if matches!(plan, Plan::Streamed(_)) { end + LEAST } else { end };
        Ok((Staged { start: 0, head: head_len, end, asks: expects, has_content: !self.without_body }, least))
    }

    /// The server does not want to be asked before the body is sent.
    pub(crate) fn expect_no_more(&mut self) {
        self.expects = false;
    }

    /// Whether the request asks for another protocol on this connection (RFC 9110 §7.8).
    pub(crate) fn asks_for_upgrade(&self) -> bool {
        self.fields().get("upgrade").is_some() || self.defaults().any(|(name, _)| is_one_of(name, &["upgrade"]))
    }

    /// How much memory is enough to send this request, of which `staged` bytes were staged, to a URL of `url` bytes.
    pub(crate) fn need_at(&self, url: usize, staged: usize) -> usize {
        let old = self.url.target(&self.memory).len() + self.url.authority(&self.memory).len();
        // In front, and once more as target and Host.
        2 * url + self.fields_len + staged.saturating_sub(old)
    }

    /// Whether a body is still to be sent.
    pub(crate) fn has_body(&self) -> bool {
        !self.without_body
    }

    /// Whether the response with this head, which lies at the start of the work area, leads elsewhere (RFC 9110 §15.4).
    pub(crate) fn is_redirected_by(&self, head: &ResponseHead) -> bool {
        let received = self.memory.get(self.work()..).unwrap_or_default();
        matches!(head.status.as_u16(), 301 | 302 | 303 | 307 | 308) && head.fields(received).get("location").is_some()
    }

    /// The fields of the response with this head, which lies at the start of the work area.
    pub(crate) fn received(&self, head: &ResponseHead) -> Fields<'_> {
        head.fields(self.memory.get(self.work()..).unwrap_or_default())
    }

    /// What this head wants to have answered, if it can be.
    #[cfg(feature = "digest")]
    pub(crate) fn challenge(&self, head: &ResponseHead) -> Option<super::digest::Challenge<'_>> {
        super::digest::Challenge::find(self.received(head))
    }

    /// Answers what this head wants to have answered: the field takes the place of any other of its name. An error for want
    /// of memory says how much is enough for the request that follows too, of which `staged` bytes were staged.
    #[cfg(feature = "digest")]
    pub(crate) fn answer(
        &mut self,
        head: &ResponseHead,
        credentials: Option<&super::digest::Credentials<'_>>,
        staged: usize,
    ) -> Result<()> {
        let Some(credentials) = credentials else { return Ok(()) };
        let (start, have) = (self.work(), self.memory.len());
        let (front, work) = self.memory.split_at_mut_checked(start).unwrap_or_default();
        let (received, room) = work.split_at_mut_checked(head.len).unwrap_or_default();
        let Some(challenge) = super::digest::Challenge::find(head.fields(received)) else { return Ok(()) };
        let (method, target) = (self.method.as_str(), self.url.target(front));
        let mut writer = HeadWriter::after(room, 0);
        let written =
            challenge.answer(credentials, method, target, |parts| _ = writer.field_parts("Authorization", parts));
        let failed = |error| {
            // Behind the head; then in front of what is staged, and in it.
            let rest = match error {
                EncodeError::BufferTooSmall { need } => head.len.max(need.saturating_add(staged)),
                _ => head.len,
            };
            encode_error(error, start.saturating_add(rest), have).in_phase(Phase::Head)
        };
        let len = written.and_then(|()| writer.end()).map_err(failed)?;
        self.drop_fields(&|name| is_one_of(name, &["authorization"]));
        let end = self.work();
        shift(&mut self.memory, start + head.len..start + head.len + len, end);
        self.fields_len += len;
        self.is_answer = true;
        Ok(())
    }

    /// Whether a redirect has led to another origin.
    #[cfg(feature = "digest")]
    pub(crate) fn is_elsewhere(&self) -> bool {
        self.is_elsewhere
    }

    /// Goes where this head leads, with a request of which `staged` bytes were staged. An error for want of memory says how
    /// much is enough for that request too.
    pub(crate) fn redirect(&mut self, head: &ResponseHead, staged: usize) -> Result<()> {
        let error = |kind| Error::new(Phase::Head, kind);
        let (start, have, after) = (self.work(), self.memory.len(), self.need_at(0, staged));
        let (front, work) = self.memory.split_at_mut_checked(start).unwrap_or_default();
        let (received, room) = work.split_at_mut_checked(head.len).unwrap_or_default();
        let location = head.fields(received).get("location").unwrap_or_default();
        let next = self.url.resolve_bytes(front, location, room);
        let next = next.map_err(|failure| match failure {
            UrlError::BufferTooSmall { need: len } => {
                let need = Some((start + head.len + len).max(after + 2 * len));
                error(ErrorKind::TooLarge { what: Limit::Request, need, have })
            }
            failure => error(ErrorKind::Url(failure)),
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
        self.move_to(next, start + head.len, staged)?;
        #[cfg(feature = "digest")]
        if core::mem::take(&mut self.is_answer) {
            self.drop_fields(&|name| is_one_of(name, &["authorization"]));
        }
        if becomes_get {
            self.method = Method::Get;
            self.without_body = true;
            self.drop_fields(&|name| {
                name.len() > 8 && name.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("content-"))
            });
        }
        if !stays {
            // RFC 9110 §15.4: what was meant for one origin is not for another.
            self.drop_fields(&|name| is_one_of(name, &PRIVATE));
            self.is_elsewhere = true;
        }
        Ok(())
    }

    /// Puts the URL that was written at `from` in place of the one at the front, and the fields behind it.
    fn move_to(&mut self, next: Url, from: usize, staged: usize) -> Result<()> {
        let (len, have, fields) = (next.len(), self.memory.len(), self.url.len()..self.work());
        let aside = have - len;
        if len + self.fields_len + len > have {
            let need = Some(self.need_at(len, staged));
            return Err(Error::new(Phase::Head, ErrorKind::TooLarge { what: Limit::Request, need, have }));
        }
        shift(&mut self.memory, from..from + len, aside);
        shift(&mut self.memory, fields, len);
        shift(&mut self.memory, aside..have, 0);
        self.url = next;
        Ok(())
    }

    /// Removes the field lines whose name `unwanted` accepts.
    fn drop_fields(&mut self, unwanted: &dyn Fn(&str) -> bool) {
        let (mut read, mut write, end) = (self.url.len(), self.url.len(), self.work());
        while let Some(line) = self.memory.get(read..end).filter(|rest| !rest.is_empty()) {
            let len = line.iter().position(|byte| *byte == b'\n').map_or(line.len(), |position| position + 1);
            let name = line.split(|byte| *byte == b':').next().and_then(|name| core::str::from_utf8(name).ok());
            if !name.is_some_and(unwanted) {
                shift(&mut self.memory, read..read + len, write);
                write += len;
            }
            read += len;
        }
        self.fields_len = write - self.url.len();
    }

    /// Whether the caller asked for the connection to end after this request.
    fn says_close(&self) -> bool {
        let says_close = |value: &[u8]| {
            value.split(|byte| *byte == b',').any(|option| option.trim_ascii().eq_ignore_ascii_case(b"close"))
        };
        let default = self.defaults().filter(|(name, _)| is_one_of(name, &["connection"]));
        self.fields().get_all("connection").chain(default.map(|(_, value)| value.as_bytes())).any(says_close)
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
            ErrorKind::TooLarge { what: Limit::Request, need: Some(start.saturating_add(need)), have }
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

//! Server-sent events: the event stream of the WHATWG's HTML standard, §9.2.

use core::{ops::Range, time::Duration};

use embedded_io_async::Read;

use super::{
    Pieces, Step,
    buffered::{Buffered, Quota},
    next,
};
use crate::error::{Error, ErrorKind, Limit, Phase, Result};

/// An event that a server sent. It lies in the buffer that was given to `events`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event<'b> {
    /// What kind of event it is; `message` unless the server says otherwise.
    pub event: &'b str,
    /// Its data; the lines of it have a line feed between them.
    pub data: &'b str,
    /// The last id that the server gave, to this event or to one before; empty if it gave none. After a break, send it
    /// as `Last-Event-ID` to go on from there.
    pub id: &'b str,
    /// How long to wait after a break before asking again, if the server has said so.
    pub retry: Option<Duration>,
}

/// Reads server-sent events (`text/event-stream`). Made by [`Response::events`](crate::requests::Response::events).
///
/// Comments, which servers send to keep a connection alive, are passed over. After a break, asking again is up to you:
/// with the last [id](Event::id), after the time of [`retry`](Event::retry).
#[derive(Debug)]
#[doc(alias = "EventSource")]
pub struct Events<'r, R> {
    source: &'r mut R,
    core: EventCore<'r>,
}

impl<'r, R: Read<Error = Error>> Events<'r, R> {
    /// The events of what `source` has to read. The buffer bounds the size of an event: its data, kind and id, and the
    /// line being received.
    pub fn new(source: &'r mut R, buffer: &'r mut [u8]) -> Self {
        Self { source, core: EventCore::new(buffer) }
    }

    /// Receives at most so many bytes of the body, in all; unlimited unless the caller says so. What lies within the limit
    /// is given first; then, if there is more, each call fails with [`ErrorKind::TooLarge`].
    #[must_use]
    pub fn limit(mut self, bytes: usize) -> Self {
        self.core.quota().set(bytes);
        self
    }

    /// Waits for the next event; `None` when the stream has ended. An event that was not finished then is none.
    ///
    /// # Errors
    /// [`ErrorKind::TooLarge`] if an event does not fit into the buffer, [`ErrorKind::NotUtf8`] if it is not text: it is
    /// passed over, go on with the next. Otherwise as for [`read`](crate::requests::Response::read).
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn next_event(&mut self) -> Result<Option<Event<'_>>> {
        match next(self.source, &mut self.core).await? {
            Some(()) => self.core.event().map(Some),
            None => Ok(None),
        }
    }
}

/// What the lines of an event stream mean. The buffer holds, in this order:
///
/// ```text
///   ┌──────┬──────┬──────────┬──────┬───────────┬───────────┐
///   │ data │ free │ received │ free │ kind / id │ id / kind │
///   └──────┴──────┴──────────┴──────┴───────────┴───────────┘
/// ```
///
/// Of kind and id, the one that was given last is the inner one. So a new value moves the other one at most once, and no
/// data: all the work is linear in what is received.
#[derive(Debug)]
pub(crate) struct EventCore<'b> {
    buffered: Buffered<'b>,
    data: usize,
    inner: usize,
    outer: usize,
    /// Whether the inner one is the id.
    id_is_inner: bool,
    retry: Option<Duration>,
    /// How much of what was received holds no line end.
    scanned: usize,
    begun: bool,
    /// The line before ended in CR: an LF now belongs to it.
    after_cr: bool,
    /// The event was given to the caller and can go.
    given: bool,
    /// The event does not fit: what there is of it until the next empty line is passed over.
    skips_event: bool,
    /// And of the line under way as well.
    skips_line: bool,
}

impl<'b> EventCore<'b> {
    pub(crate) fn new(buffer: &'b mut [u8]) -> Self {
        Self {
            buffered: Buffered::new(buffer),
            data: 0,
            inner: 0,
            outer: 0,
            id_is_inner: false,
            retry: None,
            scanned: 0,
            begun: false,
            after_cr: false,
            given: false,
            skips_event: false,
            skips_line: false,
        }
    }

    /// The event that is there.
    pub(crate) fn event(&self) -> Result<Event<'_>> {
        let inner = self.tail()..self.tail() + self.inner;
        let outer = inner.end..inner.end + self.outer;
        let (id, kind) = if self.id_is_inner { (inner, outer) } else { (outer, inner) };
        let text = |range: Range<usize>| {
            core::str::from_utf8(self.buffered.get(range)).map_err(|_| Error::new(Phase::Body, ErrorKind::NotUtf8))
        };
        let event = if kind.is_empty() { "message" } else { text(kind)? };
        Ok(Event { event, data: text(0..self.data.saturating_sub(1))?, id: text(id)?, retry: self.retry })
    }

    /// How much is kept.
    fn kept(&self) -> usize {
        self.data + self.inner + self.outer
    }

    /// Where kind and id begin.
    fn tail(&self) -> usize {
        self.buffered.bytes.len().saturating_sub(self.inner + self.outer)
    }

    fn forget_event(&mut self) {
        self.data = 0;
        self.forget(false);
    }

    /// Forgets kind or id: then it is the inner one, and empty.
    fn forget(&mut self, is_id: bool) {
        if is_id != self.id_is_inner {
            let (tail, end) = (self.tail(), self.buffered.bytes.len());
            self.buffered.bytes.copy_within(tail..tail + self.inner, end.saturating_sub(self.inner));
            self.outer = self.inner;
            self.id_is_inner = is_id;
        }
        self.inner = 0;
    }

    /// Keeps what lies at `value`, in front of what was received, as kind or id.
    fn keep(&mut self, is_id: bool, value: Range<usize>) {
        self.forget(is_id);
        let Some(place) = self.tail().checked_sub(value.len()) else { return };
        let Buffered { bytes, start, end, .. } = &mut self.buffered;
        let mut from = value.start;
        if *end > place {
            // What was received makes room. It was received in at most half of what was free, so this is once per read.
            if let Some(both) = bytes.get_mut(from..*end) {
                both.rotate_left(*start - from);
            }
            (*start, *end) = (from, from + (*end - *start));
            from = *end;
        }
        bytes.copy_within(from..from + value.len(), place);
        self.inner = value.len();
    }

    /// Takes in the line at `line`, which is not empty.
    fn field(&mut self, line: Range<usize>) {
        let text = self.buffered.get(line.clone());
        let colon = text.iter().position(|byte| *byte == b':');
        let name = text.get(..colon.unwrap_or(text.len())).unwrap_or_default();
        let mut value = line.start + colon.map_or(text.len(), |colon| colon + 1)..line.end;
        if self.buffered.get(value.clone()).first() == Some(&b' ') {
            value.start += 1;
        }
        match name {
            b"data" => {
                let end = self.data + value.len();
                self.buffered.bytes.copy_within(value, self.data);
                if let Some(place) = self.buffered.bytes.get_mut(end) {
                    *place = b'\n';
                }
                self.data = end + 1;
            }
            b"event" => self.keep(false, value),
            b"id" if !self.buffered.get(value.clone()).contains(&0) => self.keep(true, value),
            b"retry" => {
                let digits = self.buffered.get(value);
                let millis = core::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
                if let Some(millis) = millis.filter(|_| digits.iter().all(u8::is_ascii_digit)) {
                    self.retry = Some(Duration::from_millis(millis));
                }
            }
            _ => {}
        }
    }

    /// Passes over a byte order mark at the very beginning; false if that cannot be known yet.
    fn begin(&mut self) -> bool {
        const MARK: &[u8] = b"\xEF\xBB\xBF";
        let unread = self.buffered.unread();
        if unread.starts_with(MARK) {
            self.buffered.consume(MARK.len());
        } else if MARK.starts_with(unread) && !self.buffered.ended && unread.len() < self.buffered.bytes.len() {
            return false;
        }
        self.begun = true;
        true
    }
}

impl Pieces for EventCore<'_> {
    type Piece = ();

    fn step(&mut self) -> Result<Step<()>> {
        if core::mem::take(&mut self.given) {
            self.forget_event();
        }
        if !self.begun && !self.begin() {
            return Ok(Step::More);
        }
        loop {
            if self.after_cr
                && let Some(first) = self.buffered.unread().first()
            {
                self.after_cr = false;
                if *first == b'\n' {
                    self.buffered.consume(1);
                }
            }
            let unread = self.buffered.unread();
            let unseen = unread.get(self.scanned..).unwrap_or_default();
            let Some(found) = unseen.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
                self.scanned = unread.len();
                let (len, have) = (unread.len(), self.buffered.bytes.len());
                if self.buffered.ended {
                    return Ok(Step::End);
                }
                if self.skips_line {
                    self.buffered.consume(len);
                    self.scanned = 0;
                } else if self.kept() + len >= have {
                    (self.skips_line, self.skips_event) = (len > 0, true);
                    self.buffered.consume(len);
                    self.scanned = 0;
                    self.forget_event();
                    if self.kept() >= have {
                        self.forget(true); // nothing would ever fit beside it
                    }
                    let kind = ErrorKind::TooLarge { what: Limit::Event, need: None, have };
                    return Err(Error::new(Phase::Body, kind));
                }
                return Ok(Step::More);
            };
            let (start, len) = (self.buffered.start, self.scanned + found);
            self.after_cr = unread.get(len) == Some(&b'\r');
            self.buffered.consume(len + 1);
            self.scanned = 0;
            if core::mem::take(&mut self.skips_line) {
                continue;
            }
            if len > 0 {
                if !self.skips_event {
                    self.field(start..start + len);
                }
            } else if !core::mem::take(&mut self.skips_event) && self.data > 0 {
                self.given = true;
                return Ok(Step::Piece(()));
            } else {
                self.forget_event();
            }
        }
    }

    fn room(&mut self) -> &mut [u8] {
        self.buffered.move_to(self.data);
        let free = self.tail().saturating_sub(self.buffered.end);
        self.buffered.free(self.buffered.end + free.div_ceil(2))
    }

    fn received(&mut self, count: usize) {
        self.buffered.received(count);
    }

    fn quota(&mut self) -> &mut Quota {
        &mut self.buffered.quota
    }
}

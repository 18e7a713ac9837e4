//! The connection while a request is sent over it: staged bytes, content, an early response, the head.

use core::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
    time::Duration,
};

use super::{
    content::outline::{Fill, Plan},
    head::{Glance, IncomingHead},
    io::{Io, Moved, Op, checked},
    state::State,
};
use crate::{
    error::{Error, ErrorKind, Phase, Result, source::SourceError},
    http::{DecodeError, ResponseHead, bytes::shift},
    time::{Deadline, Instant},
};

/// How long a server may take to say whether it wants content, or to explain why it hung up on it.
pub(crate) const GRACE: Duration = Duration::from_secs(1);
/// The least room behind a head for which the first piece of a stream is sent together with it.
const WORTHWHILE: usize = 64;
/// The room there must be behind what is staged, so that a part of it is kept for a response that comes early.
const ROOM_TO_LISTEN: usize = 256;
/// How much of it: a status line, or a short interim response.
const EARLY_HEAD: usize = 64;

/// A request as it is staged in the buffer.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Staged {
    /// Where what is to be sent begins.
    pub(crate) start: usize,
    /// Where the head ends.
    pub(crate) head: usize,
    /// Where the content ends that is staged behind it.
    pub(crate) end: usize,
    /// Whether the head asks the server whether it wants the content.
    pub(crate) asks: bool,
    /// Whether there is content, some of which may not be staged.
    pub(crate) has_content: bool,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// All of it was sent.
    Whole,
    /// A response is arriving that says that the server does not want the rest.
    Cut,
    /// It could not be sent; the server may have said why.
    Failed,
}

/// The connection while a request is sent over it, and the response that may arrive meanwhile.
#[derive(Debug)]
pub struct Link<'l, I> {
    pub(super) io: &'l mut I,
    memory: &'l mut [u8],
    pub(super) state: &'l mut State,
    /// What is left to be sent of what is staged.
    staged: Staged,
    pub(super) incoming: IncomingHead,
    pub(super) deadline: Deadline,
    /// Where the part of the memory begins that is kept for a response, while the request is sent.
    cut: usize,
    /// Whether to listen while sending.
    listens: bool,
    /// Whether the request says that it is the last on this connection.
    pub(super) says_close: bool,
    /// When to stop sending, so that there is time to read why the server takes no more of it.
    send_by: Deadline,
}

impl<'l, I: Io> Link<'l, I> {
    pub(super) fn new(
        io: &'l mut I,
        memory: &'l mut [u8],
        state: &'l mut State,
        (incoming, says_close): (IncomingHead, bool),
        staged: Staged,
        deadline: Deadline,
    ) -> Self {
        let cut = memory.len();
        let mut send_by = deadline;
        if let (Some(now), Some(at)) = (io.now(), deadline.instant()) {
            let left = at.as_millis().saturating_sub(now.as_millis());
            let grace = (left / 4).min(GRACE.as_millis() as u64);
            send_by = Deadline::at(Instant::from_millis(at.as_millis().saturating_sub(grace)));
        }
        io.set_deadline(send_by);
        Self { io, memory, state, staged, incoming, deadline, cut, listens: false, says_close, send_by }
    }

    /// Begins to send what is staged, and to listen, if the connection can and there is room.
    fn begin(&mut self) {
        let len = self.memory.len();
        self.listens = I::LISTENS && self.staged.end + ROOM_TO_LISTEN <= len;
        self.cut = if self.listens { len - EARLY_HEAD } else { len };
        self.until_send_by();
    }

    /// What follows must be done shortly before the deadline; or until the deadline, if it is later than that.
    fn until_send_by(&mut self) {
        let is_over = self.send_by != self.deadline
            && self.io.now().is_some_and(|now| self.send_by.instant().is_some_and(|at| at <= now));
        self.io.set_deadline(if is_over { self.deadline } else { self.send_by });
    }

    /// Sends what is staged, and then these bytes.
    pub(super) fn send(&mut self, bytes: &[u8]) -> impl Future<Output = Result<Sent>> {
        self.begin();
        let Staged { head, end, has_content, .. } = self.staged;
        self.deliver(end, if head == end && has_content { bytes } else { &[] })
    }

    /// Sends what is staged, with the first piece of a stream behind it, and then the other pieces.
    pub(super) fn stream<F, C: Fill<F>>(&mut self, content: &mut C) -> impl Future<Output = Result<Sent>> {
        self.begin();
        async move {
            let Ok(Plan::Streamed(mut upload)) = content.plan() else { return Ok(Sent::Whole) };
            loop {
                let Staged { start, end, has_content, .. } = self.staged;
                let pieces = self.memory.get_mut(..self.cut).unwrap_or_default();
                if !upload.is_done() && has_content && (start == end || pieces.len().saturating_sub(end) >= WORTHWHILE)
                {
                    self.io.set_deadline(self.deadline);
                    let count = filled(self.io, content.fill(upload.room(pieces, end)?)).await?;
                    let pieces = self.memory.get_mut(..self.cut).unwrap_or_default();
                    self.staged.end = upload.filled(pieces, self.staged.end, count)?;
                    self.until_send_by();
                }
                let sent = self.deliver(self.staged.end, &[]).await?;
                if sent != Sent::Whole || upload.is_done() || !self.staged.has_content {
                    return Ok(sent);
                }
                (self.staged.start, self.staged.end) = (0, 0);
            }
        }
    }

    /// Sends the head, and waits for a moment until the server says whether it wants the content (RFC 9110 §10.1.1): what
    /// became of the request, if a final response was the end of it; none if what is left is to be sent. A connection
    /// without a clock does not wait: no client has to.
    pub(super) fn ask(&mut self) -> impl Future<Output = Result<Option<Sent>>> {
        async move {
            if !self.staged.asks {
                return Ok(None);
            }
            let sent = self.deliver(self.staged.head, &[]).await?;
            if sent != Sent::Whole {
                return Ok(Some(sent));
            }
            let Some(now) = self.io.now() else { return Ok(None) };
            let soon = self.deadline.or_at(now.after(GRACE));
            // The head was sent; content that is staged behind it is still needed.
            self.cut = if self.staged.head == self.staged.end { 0 } else { self.staged.end };
            loop {
                let region = self.memory.get_mut(self.cut..).unwrap_or_default();
                if region.is_empty() {
                    return Ok(None);
                }
                let is_silent = self.incoming.is_empty();
                self.io.set_deadline(if is_silent { soon } else { self.deadline });
                let room = self.incoming.room(region)?;
                let outcome = self.io.perform(Op::Read(room)).await.map_err(|error| self.io.explain(error));
                if is_silent && soon != self.deadline && outcome.is_err_and(|error| error.is_timeout()) {
                    return Ok(None);
                }
                let region = self.memory.get_mut(self.cut..).unwrap_or_default();
                let glance = self.incoming.take(region, outcome).and_then(|()| self.incoming.glance(region));
                match glance.map_err(|error| behind(error, self.cut, region.len()))? {
                    Glance::Nothing if self.incoming.continued && self.incoming.is_empty() => return Ok(None),
                    Glance::Nothing => {}
                    Glance::Refusal | Glance::Response => return Ok(Some(Sent::Cut)),
                }
            }
        }
    }

    /// Sends what is staged, up to `end`, and then what follows, and flushes it. Listens meanwhile, if the connection can:
    /// a response that is no success ends it (RFC 9112 §9.5).
    fn deliver(&mut self, end: usize, mut follows: &[u8]) -> impl Future<Output = Result<Sent>> {
        async move {
            loop {
                let (front, early) = self.memory.split_at_mut_checked(self.cut).unwrap_or_default();
                let staged = front.get(self.staged.start..end).unwrap_or_default();
                let rest = if staged.is_empty() { follows } else { staged };
                let (most, is_staged) = (rest.len(), !staged.is_empty());
                let room = if self.listens { early.get_mut(self.incoming.end..).unwrap_or_default() } else { &mut [] };
                match self.io.write_or_read(rest, room).await {
                    Moved::Written(Ok(_)) if most == 0 => return Ok(Sent::Whole),
                    Moved::Written(Ok(count)) => {
                        let count = checked(count, most, true).map_err(|error| error.in_phase(Phase::Send))?;
                        if is_staged {
                            self.staged.start += count;
                        } else {
                            follows = follows.get(count..).unwrap_or_default();
                        }
                    }
                    Moved::Written(Err(error)) => {
                        let failure = self.io.explain(error).in_phase(Phase::Send);
                        self.state.cut(Some(failure));
                        return Ok(Sent::Failed);
                    }
                    Moved::Read(outcome) => {
                        let outcome = outcome.map_err(|error| self.io.explain(error));
                        let early = self.memory.get_mut(self.cut..).unwrap_or_default();
                        self.incoming.take(early, outcome)?;
                        match self.incoming.glance(early)? {
                            Glance::Nothing => self.listens = self.incoming.end < early.len(),
                            Glance::Response => self.listens = false,
                            Glance::Refusal => return Ok(Sent::Cut),
                        }
                    }
                }
            }
        }
    }

    /// Receives the head of the response. What arrived of it while the request was sent goes to the front of the memory. If
    /// sending failed, the server may have said why.
    pub(super) fn conclude(&mut self, sent: Sent) -> impl Future<Output = Result<ResponseHead>> {
        async move {
            shift(self.memory, self.cut..(self.cut + self.incoming.end).min(self.memory.len()), 0);
            if sent == Sent::Cut {
                self.state.cut(None);
            }
            let failure = self.state.failure();
            if let Some(error) = failure
                && !was_closed(error)
                && !error.is_timeout()
            {
                return Err(error);
            }
            let now = self.io.now();
            self.io.set_deadline(match now {
                Some(now) if failure.is_some() => self.deadline.or_at(now.after(GRACE)),
                _ => self.deadline,
            });
            // Without a clock only what is there already is received.
            let gives_up = failure.filter(|_| now.is_none());
            let mut receive = pin!(self.incoming.receive(self.io, self.memory));
            let head = poll_fn(|context| match (receive.as_mut().poll(context), gives_up) {
                (Poll::Pending, Some(error)) => Poll::Ready(Err(error)),
                (outcome, _) => outcome,
            });
            match (head.await, self.state.failure()) {
                (Err(error), Some(failure)) if was_closed(error) || error.is_timeout() => Err(failure),
                (head, _) => head,
            }
        }
    }
}

/// How many bytes a source gave, within the deadline.
async fn filled(io: &mut impl Io, fill: impl Future<Output = Result<usize, SourceError>>) -> Result<usize> {
    let (mut fill, mut end) = (pin!(fill), pin!(io.expire()));
    let outcome = poll_fn(|context| match fill.as_mut().poll(context) {
        Poll::Ready(filled) => Poll::Ready(filled.map_err(ErrorKind::Source)),
        Poll::Pending => end.as_mut().poll(context).map(|()| Err(ErrorKind::Timeout)),
    });
    outcome.await.map_err(|kind| Error::new(Phase::Send, kind))
}

/// Whether this is what a connection looks like that the peer has closed.
pub(crate) fn was_closed(error: Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Io(_)
            | ErrorKind::Truncated
            | ErrorKind::NotConnected
            | ErrorKind::Malformed(DecodeError::NoResponse)
    )
}

/// What is received behind `front` bytes needs those too, of all of which there are `have` less.
pub(crate) fn behind(error: Error, front: usize, region: usize) -> Error {
    match error.kind() {
        ErrorKind::TooLarge { what, need, have } if have == region => {
            let kind = ErrorKind::TooLarge { what, need: need.map(|need| front + need), have: front + have };
            Error::new(error.phase(), kind)
        }
        _ => error,
    }
}

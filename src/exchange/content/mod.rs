//! What a request can carry, and how each kind of it is sent.

use core::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
    time::Duration,
};

mod body;
mod multipart;
mod payload;
mod upload;

pub(crate) use self::upload::LEAST;
pub use self::{
    body::{Body, Bytes, Empty, Form},
    multipart::{Multipart, Part, Parts},
    payload::{NoSource, Outline, Payload, Plan, Produce, Rewindable, Source, SourceError, Streamed},
    upload::Upload,
};
#[cfg(feature = "blocking")]
pub(crate) use self::{multipart::Want, payload::checked as checked_source};
use super::{
    head::IncomingHead,
    io::{Io, Moved, Op, checked},
};
use crate::{
    error::{Error, ErrorKind, Phase, Result},
    http::{ResponseHead, bytes::shift},
    time::Deadline,
};

/// How long a server may take to say whether it wants a body, or to explain why it hung up on one.
const GRACE: Duration = Duration::from_secs(1);
/// The least room behind a head for which the first piece of a stream is sent together with it.
const WORTHWHILE: usize = 64;

/// What a request can carry: nothing, every [`Body`] that fits into the buffer, a [`Large`] one
/// that need not, a [`Streaming`] payload, and each of them behind a question ([`Expecting`]).
/// There is nothing to implement here: write a [`Body`] or a [`Source`](crate::requests::Source).
pub trait Content: Outline + Transmit {}

impl<C: Outline + Transmit> Content for C {}

/// No content.
#[derive(Debug, Clone, Copy)]
pub struct NoContent;

/// Bytes that the caller has, which may be more than the buffer holds.
#[derive(Debug)]
pub struct Large<B>(pub B);

/// Content that is produced while it is sent.
#[derive(Debug)]
pub struct Streaming<P>(pub(super) P);

/// Content that is only sent once the server has said that it wants it.
#[derive(Debug)]
pub struct Expecting<C>(pub(super) C);

/// A request as it is staged in the buffer.
#[derive(Debug, Clone, Copy)]
pub struct Staged {
    /// Where what is to be sent begins.
    pub(super) start: usize,
    /// Where the head ends.
    pub(super) head: usize,
    /// Where the content ends that is staged behind it.
    pub(super) end: usize,
    /// Whether the head asks the server whether it wants the content.
    pub(super) asks: bool,
}

/// What became of a request.
#[derive(Debug)]
pub enum Sent {
    /// All of it was sent. The response may be there already.
    Whole(Option<ResponseHead>),
    /// The response arrived, and the rest of the request was not sent.
    Cut(ResponseHead),
}

/// The connection while a request is sent over it, and the response that may arrive meanwhile.
#[derive(Debug)]
pub struct Link<'l, I> {
    pub(super) io: &'l mut I,
    pub(super) memory: &'l mut [u8],
    pub(super) incoming: IncomingHead,
    pub(super) deadline: Deadline,
}

/// Sends a request with content of some kind. The way is straight, and different for each kind, so
/// that a program links only what it uses.
pub trait Transmit {
    /// Whether the server is asked first.
    const ASKS: bool = false;
    /// Whether bytes may follow that do not fit into the buffer.
    const FOLLOWS: bool = false;

    /// Sends what is staged, and what of the content is not.
    fn transmit<I: Io>(&mut self, link: &mut Link<'_, I>, staged: Staged) -> impl Future<Output = Result<Sent>>;
}

impl Outline for NoContent {
    fn media_type(&self) -> Option<[&str; 2]> {
        None
    }

    fn plan(&self) -> Result<Plan<'_>, ErrorKind> {
        Ok(Plan::Bytes(&[]))
    }
}

impl Transmit for NoContent {
    fn transmit<I: Io>(&mut self, link: &mut Link<'_, I>, staged: Staged) -> impl Future<Output = Result<Sent>> {
        link.send(staged)
    }
}

impl<B: Body> Transmit for B {
    fn transmit<I: Io>(&mut self, link: &mut Link<'_, I>, staged: Staged) -> impl Future<Output = Result<Sent>> {
        link.send(staged)
    }
}

impl<B: Body> Outline for Large<B> {
    fn media_type(&self) -> Option<[&str; 2]> {
        self.0.media_type()
    }

    fn plan(&self) -> Result<Plan<'_>, ErrorKind> {
        self.0.plan()
    }

    fn write(&self, room: &mut [u8]) -> Result<usize, ErrorKind> {
        Outline::write(&self.0, room)
    }
}

impl<B: Body> Transmit for Large<B> {
    const FOLLOWS: bool = true;

    async fn transmit<I: Io>(&mut self, link: &mut Link<'_, I>, staged: Staged) -> Result<Sent> {
        let sent = link.send(staged).await?;
        match self.0.as_bytes() {
            Some(bytes) if staged.head == staged.end && !bytes.is_empty() => {
                let Link { io, memory, incoming, .. } = &mut *link;
                let mut early = None;
                let outcome = deliver(*io, bytes, incoming, memory, &mut early).await;
                link.concluded(outcome, early, 0).await
            }
            _ => Ok(sent),
        }
    }
}

impl<P: Outline> Outline for Streaming<P> {
    fn media_type(&self) -> Option<[&str; 2]> {
        self.0.media_type()
    }

    fn plan(&self) -> Result<Plan<'_>, ErrorKind> {
        self.0.plan()
    }

    fn write(&self, room: &mut [u8]) -> Result<usize, ErrorKind> {
        self.0.write(room)
    }
}

impl<P: Payload> Transmit for Streaming<P> {
    async fn transmit<I: Io>(&mut self, link: &mut Link<'_, I>, staged: Staged) -> Result<Sent> {
        let Ok(Plan::Streamed(mut upload)) = self.0.plan() else { return link.send(staged).await };
        // A response that arrives meanwhile has a quarter of the buffer, behind the pieces.
        let cut = if I::LISTENS { link.memory.len() / 4 * 3 } else { link.memory.len() };
        let (mut start, mut end, mut early) = (staged.start, staged.end, None);
        let outcome = loop {
            let Link { io, memory, incoming, .. } = &mut *link;
            let (pieces, early_room) = memory.split_at_mut_checked(cut).unwrap_or_default();
            if !upload.is_done() && (start == end || cut.saturating_sub(end) >= WORTHWHILE) {
                (start, end) = if start == end { (0, 0) } else { (start, end) };
                let filled = self.0.fill(upload.room(pieces, end)?).await;
                let count = filled.map_err(|error| Error::new(Phase::Send, ErrorKind::Source(error)))?;
                end = upload.filled(pieces, end, count)?;
            }
            let piece = pieces.get(start..end).unwrap_or_default();
            let outcome = deliver(*io, piece, incoming, early_room, &mut early).await;
            if !matches!(outcome, Ok(None)) || upload.is_done() {
                break outcome;
            }
            (start, end) = (0, 0);
        };
        link.concluded(outcome, early, cut).await
    }
}

impl<C: Outline> Outline for Expecting<C> {
    fn media_type(&self) -> Option<[&str; 2]> {
        self.0.media_type()
    }

    fn plan(&self) -> Result<Plan<'_>, ErrorKind> {
        self.0.plan()
    }

    fn write(&self, room: &mut [u8]) -> Result<usize, ErrorKind> {
        self.0.write(room)
    }
}

impl<C: Transmit> Transmit for Expecting<C> {
    const ASKS: bool = true;
    const FOLLOWS: bool = C::FOLLOWS;

    async fn transmit<I: Io>(&mut self, link: &mut Link<'_, I>, staged: Staged) -> Result<Sent> {
        if !staged.asks {
            return self.0.transmit(link, staged).await;
        }
        if let Some(head) = link.ask(staged).await? {
            return Ok(Sent::Cut(head));
        }
        self.0.transmit(link, Staged { start: staged.head, ..staged }).await
    }
}

impl<I: Io> Link<'_, I> {
    /// Sends what is staged, in one write if the connection takes it.
    async fn send(&mut self, staged: Staged) -> Result<Sent> {
        let mut start = staged.start;
        loop {
            let rest = self.memory.get(start..staged.end).unwrap_or_default();
            let (len, is_write) = (rest.len(), !rest.is_empty());
            let outcome = self.io.perform(if is_write { Op::Write(rest) } else { Op::Flush }).await;
            start += sent(outcome.map_err(|error| self.io.explain(error)), len)?;
            if !is_write {
                return Ok(Sent::Whole(None));
            }
        }
    }

    /// Sends the head, and waits for a moment until the server says whether it wants the content
    /// (RFC 9110 §10.1.1). A final response is the end. A connection without a clock does not wait:
    /// no client has to.
    async fn ask(&mut self, staged: Staged) -> Result<Option<ResponseHead>> {
        self.send(Staged { end: staged.head, ..staged }).await?;
        let Some(now) = self.io.now() else { return Ok(None) };
        let soon = self.deadline.or_at(now.after(GRACE));
        // The head was sent; content that is staged behind it is still needed.
        let front = if staged.head == staged.end { 0 } else { staged.end };
        let head = loop {
            let region = self.memory.get_mut(front..).unwrap_or_default();
            if region.is_empty() {
                break None;
            }
            let is_silent = self.incoming.is_empty();
            self.io.set_deadline(if is_silent { soon } else { self.deadline });
            let room = self.incoming.room(region)?;
            let outcome = self.io.perform(Op::Read(room)).await.map_err(|error| self.io.explain(error));
            if is_silent && soon != self.deadline && outcome.is_err_and(|error| error.is_timeout()) {
                break None;
            }
            match self.incoming.received(region, outcome).map_err(|error| behind(error, front))? {
                None if self.incoming.continued && self.incoming.is_empty() => break None,
                None => {}
                head => break head,
            }
        };
        self.io.set_deadline(self.deadline);
        if head.is_some() {
            shift(self.memory, front..front + self.incoming.end, 0);
        }
        Ok(head)
    }

    /// After the content was sent, or not all of it: what arrived meanwhile, at `from`, goes to the
    /// front of the buffer. If the peer hung up, it may have said why.
    async fn concluded(
        &mut self,
        outcome: Result<Option<ResponseHead>>,
        early: Option<ResponseHead>,
        from: usize,
    ) -> Result<Sent> {
        if from > 0 {
            shift(self.memory, from..from + self.incoming.end, 0);
        }
        let error = match (outcome, early) {
            (Ok(Some(head)), _) => return Ok(Sent::Cut(head)),
            (Ok(None), early) => return Ok(Sent::Whole(early)),
            (Err(_), Some(head)) => return Ok(Sent::Cut(head)),
            (Err(error), None) => error,
        };
        if error.phase() != Phase::Send || !was_closed(error) {
            return Err(error);
        }
        let now = self.io.now();
        if let Some(now) = now {
            self.io.set_deadline(self.deadline.or_at(now.after(GRACE)));
        }
        let mut receive = pin!(self.incoming.receive(self.io, self.memory));
        // Without a clock only what is there already is received.
        let head = poll_fn(|context| match receive.as_mut().poll(context) {
            Poll::Pending if now.is_none() => Poll::Ready(Err(error)),
            outcome => outcome,
        });
        head.await.map(Sent::Cut).map_err(|_| error)
    }
}

/// Sends all of `bytes`, and listens meanwhile, if the connection can: a response that is no
/// success ends it (RFC 9112 §9.5). A successful one is put into `early`: the server may read on.
async fn deliver<I: Io>(
    io: &mut I,
    bytes: &[u8],
    incoming: &mut IncomingHead,
    early_room: &mut [u8],
    early: &mut Option<ResponseHead>,
) -> Result<Option<ResponseHead>> {
    let mut start = 0;
    loop {
        let rest = bytes.get(start..).unwrap_or_default();
        let len = rest.len();
        let room = early_room.get_mut(incoming.end..).unwrap_or_default();
        if I::LISTENS && !rest.is_empty() && !room.is_empty() && early.is_none() {
            match io.write_or_read(rest, room).await {
                Ok(Moved::Read(count)) => {
                    let head = incoming.received(early_room, Ok(count))?;
                    if head.is_some_and(|head| head.status.as_u16() >= 300) {
                        return Ok(head);
                    }
                    *early = head;
                }
                Ok(Moved::Written(count)) => start += sent(Ok(count), len)?,
                Err(error) => return Err(io.explain(error).in_phase(Phase::Send)),
            }
            continue;
        }
        let is_write = !rest.is_empty();
        let outcome = io.perform(if is_write { Op::Write(rest) } else { Op::Flush }).await;
        start += sent(outcome.map_err(|error| io.explain(error)), len)?;
        if !is_write {
            return Ok(None);
        }
    }
}

/// The outcome of a write of at most `len` bytes, or of a flush if that is 0.
fn sent(outcome: Result<usize>, len: usize) -> Result<usize> {
    let count = outcome.and_then(|count| if len == 0 { Ok(0) } else { checked(count, len, true) });
    count.map_err(|error| error.in_phase(Phase::Send))
}

/// Whether this is what a connection looks like that the peer has closed.
fn was_closed(error: Error) -> bool {
    matches!(error.kind(), ErrorKind::Io(_) | ErrorKind::Truncated | ErrorKind::NotConnected)
}

/// A head that was received behind `front` bytes needs those too.
fn behind(error: Error, front: usize) -> Error {
    match error.kind() {
        ErrorKind::TooLarge { what, need: Some(need), have } => {
            let kind = ErrorKind::TooLarge { what, need: Some(front + need), have: front + have };
            Error::new(error.phase(), kind)
        }
        _ => error,
    }
}

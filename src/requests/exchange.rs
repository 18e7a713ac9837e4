//! A request from the look-up of its host to the head of its answer, redirects and retries included. Knows no I/O, so both
//! faces use it: they do what it wants next, and tell it how that went.
//!
//! ```text
//!                 ┌── Fill ◄──┐   ┌─► Ask ─► what is left
//!                 ▼           │   │
//!            Connect ─► Write ─► Flush ─► Head ─► Deliver
//!    ▲                                     │ redirect, challenge, retry
//!    └──── Rewind, Wait ◄──── Leave ◄──── Drain
//! ```
//!
//! When sending fails because the peer hung up, `Explain` reads whether it said why. When a connection that was kept turns
//! out to have been closed, `Leave` and `Rewind` lead to a new one.

use core::{
    ops::{DerefMut, Range},
    time::Duration,
};

use super::{
    builder::Options,
    course::{Course, NOT_REPLAYABLE, Turn, in_sending, was_closed, within_grace},
    draft::{Draft, Follows, Memory, Outset, Staged},
    incoming::{IncomingBody, IncomingHead},
    payload::{Outline, Plan},
    response::{LeaseTerms, MAX_DRAIN, ResponseInfo},
};
use crate::{
    error::{Error, ErrorKind, Phase, Resource, Result},
    http::ResponseHead,
    pool::Key,
    time::{Deadline, Instant},
    traits::{Need, TlsId},
};

/// What has to happen for the exchange to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Want {
    /// Get a connection: one that was kept under [`Exchange::key`] if [`Exchange::may_reuse`] says so, and the count is 1
    /// then; or else a new one, with TLS if the key says so.
    Connect,
    /// Write some of [`Exchange::unsent`].
    Write,
    /// Flush what was written.
    Flush,
    /// Fill some of [`Exchange::room`] from the source of the body.
    Fill,
    /// Receive into [`Exchange::room`].
    Read,
    /// Put the source of the body back to its beginning; the count is 1 if that could be done.
    Rewind,
    /// Give the connection back if [`Exchange::may_keep`] says so, close it if not.
    Leave,
    /// Wait until then.
    Wait(Instant),
    /// Nothing: the answer is there.
    Deliver,
}

/// What is being done.
#[derive(Debug, Clone, Copy)]
enum Step {
    Begin,
    Connect,
    Fill,
    Write,
    WriteBody,
    Flush,
    /// Waits so long for the server to say whether it wants the body.
    Ask {
        soon: Deadline,
    },
    Head,
    Explain,
    Drain {
        left: usize,
    },
    Leave,
    Rewind,
    Wait,
}

/// A request under way.
#[derive(Debug)]
pub(crate) struct Exchange<'r, M> {
    draft: Draft<'r, M>,
    course: Course<'r>,
    tls: TlsId,
    step: Step,
    by: Deadline,
    staged: Staged,
    /// What is to be written next: of the memory, or of the body's own bytes.
    unsent: Range<usize>,
    /// Whether the server is to be asked before any of the body is sent.
    asks: bool,
    is_reused: bool,
    incoming: IncomingHead,
    answer: Option<Answer>,
    /// Where it goes from here.
    turn: Turn,
    /// How it ends if it cannot go on; the answer is the end if there is nothing here.
    failure: Option<Error>,
}

/// A request before and after it has what it needs of the pool. One lies where the other lay.
#[expect(clippy::large_enum_variant, reason = "so that the larger is not there beside the smaller")]
pub(crate) enum Stage<'r, M> {
    Before(Outset<'r>, Options<'r>),
    UnderWay(Exchange<'r, M>),
}

impl<'r, M: DerefMut<Target = [u8]>> Stage<'r, M> {
    /// What the request needs of the pool, where a connection with TLS takes a session or not; and how long it may take.
    pub(crate) fn need(&self, takes_session: bool) -> (Need, Option<Duration>) {
        let (is_https, timeout) = match self {
            Self::Before(outset, options) => (outset.is_https(), options.timeout),
            Self::UnderWay(_) => (false, None),
        };
        (Need { tls_session: takes_session && is_https, buffer: true, has_buffer: false }, timeout)
    }

    /// Stages the request in the memory that it was given, with all to be done until `deadline`.
    #[inline(never)]
    pub(crate) fn begin(&mut self, memory: Option<M>, tls: TlsId, deadline: Deadline) -> Result<&mut Exchange<'r, M>> {
        if let Self::Before(outset, options) = self {
            let memory = memory.ok_or(Error::new(Phase::Setup, ErrorKind::Exhausted(Resource::Buffers)))?;
            let draft = Draft::new(Memory::new(memory, options.buffer_limit), outset, options)?;
            *self = Self::UnderWay(Exchange::new(draft, *options, tls, deadline));
        }
        match self {
            Self::UnderWay(exchange) => Ok(exchange),
            Self::Before(..) => Err(NOT_BEGUN),
        }
    }

    /// The answer.
    pub(crate) fn into_info(self) -> Result<ResponseInfo<M>> {
        match self {
            Self::UnderWay(exchange) => exchange.into_info(),
            Self::Before(..) => Err(NOT_BEGUN),
        }
    }
}

/// What cannot be, because a request begins before it goes on.
const NOT_BEGUN: Error = Error::new(Phase::Setup, ErrorKind::NotConnected);

/// The head of an answer is there.
#[derive(Debug)]
struct Answer {
    head: ResponseHead,
    body: IncomingBody,
    lease: LeaseTerms,
}

impl<'r, M: DerefMut<Target = [u8]>> Exchange<'r, M> {
    fn new(draft: Draft<'r, M>, options: Options<'r>, tls: TlsId, deadline: Deadline) -> Self {
        let incoming = IncomingHead::new(&draft);
        Self {
            draft,
            course: Course::new(options, deadline),
            tls,
            step: Step::Begin,
            by: Deadline::NEVER,
            staged: Staged::NOTHING,
            unsent: 0..0,
            asks: false,
            is_reused: false,
            incoming,
            answer: None,
            turn: Turn::Deliver,
            failure: None,
        }
    }

    /// What is wanted next, after what was wanted ended like this.
    #[inline(never)]
    pub(crate) fn next(&mut self, outcome: Result<usize>, body: &dyn Outline, now: Instant) -> Result<Want> {
        match self.step {
            Step::Begin | Step::Wait => self.begin(body),
            Step::Connect => match outcome {
                Ok(reused) => Ok(self.connected(reused > 0, body)),
                Err(error) => self.failed(error, now),
            },
            Step::Fill => match outcome.and_then(|count| self.filled(count)) {
                Ok(()) => Ok(self.go(Step::Write)),
                Err(error) => self.failed(error, now),
            },
            Step::Write | Step::WriteBody | Step::Flush => match outcome {
                Ok(_) if matches!(self.step, Step::Flush) => Ok(self.flushed(now)),
                Ok(count) => {
                    self.unsent.start += count;
                    Ok(self.write(body))
                }
                Err(error) => self.failed_to_send(in_sending(error), now),
            },
            Step::Ask { soon } => self.asked(outcome, soon, body, now),
            Step::Head | Step::Explain => match self.receive(outcome) {
                Ok(None) => Ok(Want::Read),
                Ok(Some(head)) => self.answered(head, matches!(self.step, Step::Head), now),
                Err(error) => {
                    let error = self.failure.take().unwrap_or(error);
                    self.failed_in_line(error, now)
                }
            },
            Step::Drain { left } => Ok(self.drained(outcome, left)),
            Step::Leave => self.left(body),
            Step::Rewind => self.rewound(outcome? > 0, body),
        }
    }

    /// Where to connect to, and under what a connection is kept.
    pub(crate) fn key(&self) -> Key<'_> {
        Key {
            host: self.draft.host(),
            port: self.draft.url().port(),
            session_id: self.course.options.session_id,
            tls: self.draft.is_https().then_some(self.tls),
        }
    }

    /// Whether the connection may be one that was used before.
    pub(crate) fn may_reuse(&self) -> bool {
        !matches!(self.turn, Turn::Anew)
    }

    /// By when what is wanted must be done.
    pub(crate) fn deadline(&self) -> Deadline {
        self.by
    }

    /// What is to be written. Not empty, but for a body that has changed its mind.
    pub(crate) fn unsent<'m>(&'m self, body: &'m dyn Outline) -> &'m [u8] {
        let bytes = match self.step {
            Step::WriteBody => own_bytes(body),
            _ => self.draft.as_bytes(),
        };
        bytes.get(self.unsent.clone()).unwrap_or_default()
    }

    /// Where to put what is read or filled; never empty.
    pub(crate) fn room(&mut self) -> Result<&mut [u8]> {
        let memory = self.draft.memory();
        match (self.step, &self.staged.follows, &mut self.answer) {
            (Step::Fill, Follows::Stream(upload), _) => upload.room(memory, self.unsent.end),
            (Step::Drain { left }, _, Some(answer)) => {
                let room = answer.body.room(memory);
                let len = room.len().min(left);
                Ok(&mut room[..len])
            }
            _ => self.incoming.room(memory),
        }
    }

    /// Whether the connection can be used again.
    pub(crate) fn may_keep(&self) -> bool {
        self.answer.as_ref().is_some_and(|answer| answer.lease.may_keep && answer.body.is_cleanly_done())
    }

    /// The answer.
    fn into_info(self) -> Result<ResponseInfo<M>> {
        let Answer { head, body, lease } = self.answer.ok_or(Error::new(Phase::Head, ErrorKind::NotConnected))?;
        Ok(ResponseInfo::new(self.draft, head, body, lease, self.course.redirects))
    }

    fn go(&mut self, step: Step) -> Want {
        self.step = step;
        match step {
            Step::Write | Step::WriteBody => Want::Write,
            Step::Flush => Want::Flush,
            Step::Fill => Want::Fill,
            Step::Leave => Want::Leave,
            Step::Ask { .. } | Step::Head | Step::Explain | Step::Drain { .. } => Want::Read,
            Step::Rewind => Want::Rewind,
            Step::Begin | Step::Connect | Step::Wait => Want::Connect,
        }
    }

    /// From the beginning, or as far as that after a redirect or a failure.
    fn begin(&mut self, body: &dyn Outline) -> Result<Want> {
        self.staged = self.draft.stage(body)?;
        self.by = self.course.deadline;
        self.failure = None;
        Ok(self.go(Step::Connect))
    }

    fn connected(&mut self, is_reused: bool, body: &dyn Outline) -> Want {
        self.is_reused = is_reused;
        self.incoming = IncomingHead::new(&self.draft);
        self.asks = self.staged.expects;
        self.unsent = self.staged.bytes.clone();
        if self.asks {
            self.unsent.end = self.staged.head_end;
        }
        self.send(body)
    }

    /// Sends what is staged, with the first piece of a stream behind it.
    fn send(&mut self, body: &dyn Outline) -> Want {
        if self.streams() && !self.asks {
            return self.go(Step::Fill);
        }
        self.step = Step::Write;
        self.write(body)
    }

    /// Whether a stream goes on.
    fn streams(&self) -> bool {
        matches!(&self.staged.follows, Follows::Stream(upload) if !upload.is_done())
    }

    /// Takes in so much of a stream.
    fn filled(&mut self, count: usize) -> Result<()> {
        if let Follows::Stream(upload) = &mut self.staged.follows {
            self.unsent.end = upload.filled(self.draft.memory(), self.unsent.end, count)?;
        }
        Ok(())
    }

    /// Writes what is left to be written, and flushes it.
    fn write(&mut self, body: &dyn Outline) -> Want {
        if self.unsent.is_empty() && matches!(self.step, Step::Write) && !self.asks {
            let start = self.draft.work();
            self.unsent = start..start;
            if matches!(self.staged.follows, Follows::Bytes) {
                self.step = Step::WriteBody;
                self.unsent = 0..own_bytes(body).len();
            }
        }
        if self.unsent.is_empty() { self.go(Step::Flush) } else { Want::Write }
    }

    /// All that was written is on its way.
    fn flushed(&mut self, now: Instant) -> Want {
        if self.asks {
            self.incoming = IncomingHead::new(&self.draft).at(self.staged.bytes.end);
            self.by = within_grace(now, self.course.deadline);
            return self.go(Step::Ask { soon: self.by });
        }
        self.go(if self.streams() { Step::Fill } else { Step::Head })
    }

    /// The server was asked whether it wants the body, and has said something, or nothing for a moment.
    fn asked(&mut self, outcome: Result<usize>, soon: Deadline, body: &dyn Outline, now: Instant) -> Result<Want> {
        let may_be_silent = self.incoming.is_empty() && soon != self.course.deadline;
        let head = match outcome {
            Err(error) if error.is_timeout() && may_be_silent => None,
            outcome => match self.receive(outcome) {
                Ok(None) if !(self.incoming.continued && self.incoming.is_empty()) => {
                    self.by = if self.incoming.is_empty() { soon } else { self.course.deadline };
                    return Ok(Want::Read);
                }
                Ok(head) => head,
                Err(error) => return self.failed_in_line(error, now),
            },
        };
        self.by = self.course.deadline;
        if let Some(head) = head {
            let start = self.draft.work();
            self.incoming.move_to(self.draft.memory(), start);
            return self.answered(head, false, now);
        }
        self.asks = false;
        let began = self.incoming.began;
        self.incoming = IncomingHead::new(&self.draft);
        self.incoming.began = began;
        self.unsent = self.staged.head_end..self.staged.bytes.end;
        Ok(self.send(body))
    }

    /// Takes in what was received of the head of an answer.
    fn receive(&mut self, outcome: Result<usize>) -> Result<Option<ResponseHead>> {
        let count = outcome.map_err(|error| error.in_phase(Phase::Head))?;
        self.incoming.received(self.draft.memory(), count)
    }

    fn answered(&mut self, head: ResponseHead, is_whole: bool, now: Instant) -> Result<Want> {
        self.by = self.course.deadline;
        let key = self.key();
        let mut lease = LeaseTerms::new(&self.draft, &head, key.tls, key.session_id);
        lease.may_keep &= is_whole;
        let body = IncomingBody::new(&head, &self.incoming);
        self.answer = Some(Answer { head, body, lease });
        self.turn = self.course.after(&self.draft, &head, now)?;
        Ok(match self.turn {
            Turn::Deliver => Want::Deliver,
            Turn::Repeat(_) if self.draft.has_body() => self.go(Step::Rewind),
            _ => self.drain(MAX_DRAIN),
        })
    }

    /// Leaves a response whose body nobody wants: receives a short rest, so that the connection can be kept.
    fn drain(&mut self, left: usize) -> Want {
        let goes_on = self.answer.as_mut().is_some_and(|Answer { body, lease, .. }| {
            lease.may_keep && left > 0 && body.discard(self.draft.memory()).is_ok() && !body.is_done()
        });
        self.go(if goes_on { Step::Drain { left } } else { Step::Leave })
    }

    fn drained(&mut self, outcome: Result<usize>, left: usize) -> Want {
        let Some(Answer { body, lease, .. }) = &mut self.answer else { return self.go(Step::Leave) };
        match outcome.and_then(|count| body.received_staged(count).map(|()| count)) {
            Ok(count) => self.drain(left.saturating_sub(count)),
            Err(_) => {
                lease.may_keep = false;
                self.go(Step::Leave)
            }
        }
    }

    /// The server may have said why it hung up on a body.
    fn failed_to_send(&mut self, error: Error, now: Instant) -> Result<Want> {
        let has_more = !matches!(self.staged.follows, Follows::Nothing) || self.staged.expects;
        if self.asks || !has_more || !was_closed(error) {
            return self.failed_in_line(error, now);
        }
        self.failure = Some(error);
        self.by = within_grace(now, self.course.deadline);
        Ok(self.go(Step::Explain))
    }

    /// The exchange failed on a connection that there was.
    fn failed_in_line(&mut self, error: Error, now: Instant) -> Result<Want> {
        if self.is_reused && self.course.may_send_anew(error, self.draft.method(), &self.incoming) {
            debug!("requests: a kept connection had been closed, connecting anew");
            self.turn = Turn::Anew;
            self.failure = Some(Error::new(Phase::Send, NOT_REPLAYABLE));
            return Ok(self.go(Step::Leave));
        }
        self.failed(error, now)
    }

    fn failed(&mut self, error: Error, now: Instant) -> Result<Want> {
        let at = self.course.after_error(self.draft.method(), error, now).ok_or(error)?;
        self.turn = Turn::Repeat(at);
        self.failure = Some(error);
        Ok(self.go(Step::Leave))
    }

    /// The connection is in other hands.
    fn left(&mut self, body: &dyn Outline) -> Result<Want> {
        if let Some(Answer { head, .. }) = self.answer.take() {
            match self.turn {
                Turn::Redirect => {
                    self.draft.redirect(&head)?;
                    self.course.redirected(self.draft.is_elsewhere());
                }
                #[cfg(feature = "digest")]
                Turn::Authenticate => self.draft.answer(&head, self.course.options.digest.as_ref())?,
                Turn::Repeat(at) => return Ok(self.wait(at)),
                Turn::Anew | Turn::Deliver => {}
            }
            self.failure = Some(Error::new(Phase::Head, NOT_REPLAYABLE));
        }
        if self.draft.has_body() { Ok(self.go(Step::Rewind)) } else { self.rewound(true, body) }
    }

    /// Whether the body can be sent again is known.
    fn rewound(&mut self, can_be_sent: bool, body: &dyn Outline) -> Result<Want> {
        match (self.failure, self.turn) {
            (None, _) if !can_be_sent => Ok(Want::Deliver),
            (Some(error), _) if !can_be_sent => Err(error),
            (None, _) => Ok(self.drain(MAX_DRAIN)),
            (Some(_), Turn::Repeat(at)) => Ok(self.wait(at)),
            (Some(_), _) => self.begin(body),
        }
    }

    fn wait(&mut self, at: Instant) -> Want {
        self.step = Step::Wait;
        Want::Wait(at)
    }
}

/// The bytes of a body that has them.
fn own_bytes(body: &dyn Outline) -> &[u8] {
    match body.plan() {
        Ok(Plan::Bytes(bytes)) => bytes,
        _ => &[],
    }
}

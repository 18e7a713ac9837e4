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
//! While it writes, it looks now and then whether the server has sent a response already (RFC 9112 §9.5). When sending
//! fails, or comes to nothing until shortly before the deadline, `Explain` reads whether the peer said why. When a
//! connection that was kept turns out to have been closed, `Leave` and `Rewind` lead to a new one.

use core::{
    ops::{DerefMut, Range},
    time::Duration,
};

use super::{
    builder::Options,
    course::{Course, GLANCE, NOT_REPLAYABLE, Turn, WATCH, grace_of_sending, in_sending, was_closed, within_grace},
    draft::{Draft, Follows, Memory, Outset, Staged},
    incoming::{Glance, IncomingBody, IncomingHead},
    response::{LeaseTerms, MAX_DRAIN, ResponseInfo},
};
use crate::{
    error::{Error, ErrorKind, Phase, Resource, Result},
    exchange::{Outline, Plan, content::LEAST},
    http::{DecodeError, ResponseHead, StatusCode},
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
    /// So many milliseconds before the deadline sending ends.
    grace: u16,
    /// While sending: when to look whether a response has come; never if there is no room for one.
    look_at: Deadline,
    /// Whether that is being done.
    looks: bool,
    answer: Option<Answer>,
    /// Where it goes from here.
    turn: Turn,
    /// How it ends if it cannot go on; the answer is the end if there is nothing here.
    failure: Option<Error>,
}

/// A request before and after it has what it needs of the pool. One lies where the other lay.
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
            grace: 0,
            look_at: Deadline::NEVER,
            looks: false,
            answer: None,
            turn: Turn::Deliver,
            failure: None,
        }
    }

    /// What is wanted next, after what was wanted ended like this.
    #[inline(never)]
    pub(crate) fn next(&mut self, outcome: Result<usize>, body: &dyn Outline, now: Instant) -> Result<Want> {
        let want = self.step(outcome, body, now)?;
        Ok(if matches!(want, Want::Write | Want::Flush) { self.watch(want, now) } else { want })
    }

    fn step(&mut self, outcome: Result<usize>, body: &dyn Outline, now: Instant) -> Result<Want> {
        match self.step {
            Step::Begin | Step::Wait => self.begin(body),
            Step::Connect => match outcome {
                Ok(reused) => Ok(self.connected(reused > 0, body, now)),
                Err(error) => self.failed(error, now),
            },
            Step::Fill => match outcome.and_then(|count| self.filled(count)) {
                Ok(()) => Ok(self.go(Step::Write)),
                Err(error) => self.failed(error, now),
            },
            Step::Write | Step::WriteBody | Step::Flush if self.looks => self.looked(outcome, now),
            Step::Write | Step::WriteBody | Step::Flush => match outcome {
                Ok(_) if matches!(self.step, Step::Flush) => self.flushed(now),
                Ok(count) => {
                    self.unsent.start += count;
                    Ok(self.write(body))
                }
                Err(error) if error.is_timeout() && self.is_time_to_look(now) => Ok(self.go(self.step)),
                Err(error) => self.failed_to_send(in_sending(error), now),
            },
            Step::Ask { soon } => self.asked(outcome, soon, body, now),
            Step::Head | Step::Explain => match self.receive(outcome) {
                Ok(None) => Ok(Want::Read),
                Ok(Some(head)) => self.answered(head, matches!(self.step, Step::Head), now),
                Err(error) => {
                    // What the peer said, if it is something: a TLS alert, for example. But what could not be sent on a kept
                    // connection is sent on a new one.
                    let says_nothing = was_closed(error) || error.is_timeout();
                    let failure = self.failure.take().filter(|failure| says_nothing || self.may_send_anew(*failure));
                    self.failed_in_line(failure.unwrap_or(error), now)
                }
            },
            Step::Drain { left } => self.drained(outcome, left, now),
            Step::Leave => self.left(body, now),
            Step::Rewind => self.rewound(outcome? > 0, body, now),
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
        let stage_end = self.stage_end();
        let memory = self.draft.memory();
        match (self.step, &self.staged.follows, &mut self.answer) {
            (Step::Fill, Follows::Stream(upload), _) => {
                upload.room(memory.get_mut(..stage_end).unwrap_or_default(), self.unsent.end)
            }
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

    fn connected(&mut self, is_reused: bool, body: &dyn Outline, now: Instant) -> Want {
        self.is_reused = is_reused;
        self.grace = grace_of_sending(now, self.course.deadline);
        self.asks = self.staged.expects;
        self.listen(now);
        self.unsent = self.staged.bytes.clone();
        if self.asks {
            self.unsent.end = self.staged.head_end;
        }
        self.send(body)
    }

    /// From now on a response may come: its beginning has its place behind what is staged while that is being sent, if there
    /// is room enough. (Not while the server is asked: then its response is awaited anyway.)
    fn listen(&mut self, now: Instant) {
        self.incoming = IncomingHead::new(&self.draft);
        self.looks = false;
        let len = self.draft.as_bytes().len();
        let has_room = self.staged.bytes.end + ROOM_TO_WATCH <= len;
        self.look_at = Deadline::NEVER;
        if has_room && !self.asks {
            self.look_at = Deadline::at(now.after(WATCH));
            self.incoming = IncomingHead::new(&self.draft).at(len - EARLY_HEAD);
        }
    }

    /// How far the memory may be used for what is to be sent: up to where a response has its place.
    fn stage_end(&self) -> usize {
        let start = self.incoming.start();
        if start > self.draft.work() { start } else { self.draft.as_bytes().len() }
    }

    fn is_time_to_look(&self, now: Instant) -> bool {
        is_over(self.look_at, now) && !is_over(self.send_by(), now)
    }

    fn send_by(&self) -> Deadline {
        let before = |at: Instant| Deadline::at(Instant::from_millis(at.as_millis().saturating_sub(self.grace.into())));
        self.course.deadline.instant().map_or(Deadline::NEVER, before)
    }

    /// Sends, and looks now and then whether a response has come: at once if the server takes nothing more. Over TLS a write
    /// cannot be interrupted without losing the connection, so that there a server that takes nothing more is listened to
    /// between two writes, and shortly before the deadline.
    fn watch(&mut self, want: Want, now: Instant) -> Want {
        let send_by = self.send_by();
        self.by = if is_over(send_by, now) { self.course.deadline } else { send_by };
        if !self.incoming.has_room(self.draft.as_bytes()) {
            self.look_at = Deadline::NEVER;
        }
        match self.look_at.instant() {
            Some(at) if at <= now => {
                self.looks = true;
                self.by = self.by.or_at(now.after(GLANCE));
                Want::Read
            }
            Some(at) if !self.draft.is_https() => {
                self.by = self.by.or_at(at);
                want
            }
            _ => want,
        }
    }

    /// Something may have come while the request is being sent.
    fn looked(&mut self, outcome: Result<usize>, now: Instant) -> Result<Want> {
        self.looks = false;
        // What has begun goes on at once.
        self.look_at = Deadline::at(if outcome.is_ok() { now } else { now.after(WATCH) });
        let glance = match outcome {
            Err(error) if error.is_timeout() => Ok(Glance::Nothing),
            Err(error) => Err(error.in_phase(Phase::Head)),
            Ok(0) => {
                let memory = self.draft.memory();
                self.incoming.decode(memory).and_then(|_| self.incoming.received(memory, 0)).map(|_| Glance::Nothing)
            }
            Ok(count) => self.incoming.glance(self.draft.memory(), count),
        };
        match glance {
            Ok(Glance::Nothing) => {}
            Ok(Glance::Refusal) => {
                debug!("requests: the server does not want the rest of the request");
                self.by = self.course.deadline;
                return self.explained(now);
            }
            Ok(Glance::Response) => self.look_at = Deadline::NEVER,
            Err(error) => return self.failed_in_line(error, now),
        }
        Ok(self.go(self.step))
    }

    /// Nothing more is sent: what there is of a response is read to its end.
    fn explained(&mut self, now: Instant) -> Result<Want> {
        let want = self.go(Step::Explain);
        Ok(self.begun(now)?.unwrap_or(want))
    }

    /// A response that began to come while the request was being sent takes its place.
    fn begun(&mut self, now: Instant) -> Result<Option<Want>> {
        (self.looks, self.look_at) = (false, Deadline::NEVER);
        let start = self.draft.work();
        self.incoming.move_to(self.draft.memory(), start);
        if self.incoming.is_empty() {
            return Ok(None);
        }
        match self.incoming.decode(self.draft.memory()) {
            Ok(None) => Ok(None),
            Ok(Some(head)) => self.answered(head, matches!(self.step, Step::Head), now).map(Some),
            Err(error) => self.failed_in_line(error, now).map(Some),
        }
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
        let stage_end = self.stage_end();
        if let Follows::Stream(upload) = &mut self.staged.follows {
            let memory = self.draft.memory().get_mut(..stage_end).unwrap_or_default();
            self.unsent.end = upload.filled(memory, self.unsent.end, count)?;
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
    fn flushed(&mut self, now: Instant) -> Result<Want> {
        self.by = self.course.deadline;
        if self.asks {
            self.incoming = IncomingHead::new(&self.draft).at(self.staged.bytes.end);
            self.by = within_grace(now, self.course.deadline);
            return Ok(self.go(Step::Ask { soon: self.by }));
        }
        if self.streams() {
            return Ok(self.go(Step::Fill));
        }
        let want = self.go(Step::Head);
        Ok(self.begun(now)?.unwrap_or(want))
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
        self.listen(now);
        self.incoming.began = began;
        self.unsent = self.staged.head_end..self.staged.bytes.end;
        Ok(self.send(body))
    }

    /// Takes in what was received of the head of an answer.
    fn receive(&mut self, outcome: Result<usize>) -> Result<Option<ResponseHead>> {
        let count = outcome.map_err(|error| error.in_phase(Phase::Head))?;
        self.incoming.received(self.draft.memory(), count).map_err(|error| {
            let follows = self.course.options.redirects.is_some();
            match (error.kind(), self.incoming.redirect_len(self.draft.url().len())) {
                (ErrorKind::TooLarge { what, need: Some(need), have }, Some(url)) if follows => {
                    let need = Some((need + url).max(self.draft.need_at(url, self.staged_len())));
                    Error::new(Phase::Head, ErrorKind::TooLarge { what, need, have })
                }
                _ => error,
            }
        })
    }

    /// How much was staged, with the least that a stream takes behind it.
    fn staged_len(&self) -> usize {
        let stream = if matches!(self.staged.follows, Follows::Stream(_)) { LEAST } else { 0 };
        self.staged.bytes.len() + stream
    }

    fn answered(&mut self, head: ResponseHead, is_whole: bool, now: Instant) -> Result<Want> {
        self.by = self.course.deadline;
        let key = self.key();
        let mut lease = LeaseTerms::new(&self.draft, &head, key.tls, key.session_id);
        lease.may_keep &= is_whole;
        let body = IncomingBody::new(&head, &self.incoming);
        self.answer = Some(Answer { head, body, lease });
        if head.status == StatusCode::SWITCHING_PROTOCOLS && !self.draft.asks_for_upgrade() {
            return Err(Error::new(Phase::Head, ErrorKind::Malformed(DecodeError::UnaskedUpgrade)));
        }
        self.turn = if head.status.as_u16() == 417 && self.staged.expects {
            // RFC 9110 §10.1.1: once more, without asking.
            self.draft.expect_no_more();
            Turn::Repeat(now)
        } else {
            self.course.after(&self.draft, &head, now)?
        };
        Ok(match self.turn {
            Turn::Deliver => Want::Deliver,
            Turn::Repeat(_) if self.draft.has_body() => self.go(Step::Rewind),
            _ => self.leave(now),
        })
    }

    /// Leaves a response whose body is of no use: for a moment a short rest of it is received, so that the connection can be
    /// kept.
    fn leave(&mut self, now: Instant) -> Want {
        self.by = within_grace(now, self.course.deadline);
        self.drain(MAX_DRAIN)
    }

    fn drain(&mut self, left: usize) -> Want {
        let goes_on = self.answer.as_mut().is_some_and(|Answer { body, lease, .. }| {
            lease.may_keep && left > 0 && body.discard(self.draft.memory()).is_ok() && !body.is_done()
        });
        self.go(if goes_on { Step::Drain { left } } else { Step::Leave })
    }

    fn drained(&mut self, outcome: Result<usize>, left: usize, now: Instant) -> Result<Want> {
        let Some(Answer { body, lease, .. }) = &mut self.answer else { return Ok(self.go(Step::Leave)) };
        match outcome.and_then(|count| body.received_staged(count).map(|()| count)) {
            Ok(count) => Ok(self.drain(left.saturating_sub(count))),
            Err(error) if error.is_timeout() && is_over(self.course.deadline, now) => Err(error.in_phase(Phase::Body)),
            Err(_) => {
                lease.may_keep = false;
                Ok(self.go(Step::Leave))
            }
        }
    }

    /// The server may have said why it hung up, or why it takes nothing more.
    fn failed_to_send(&mut self, error: Error, now: Instant) -> Result<Want> {
        if !was_closed(error) && !error.is_timeout() {
            return self.failed_in_line(error, now);
        }
        self.failure = Some(error);
        self.by = within_grace(now, self.course.deadline);
        self.explained(now)
    }

    /// The exchange failed on a connection that there was.
    fn failed_in_line(&mut self, error: Error, now: Instant) -> Result<Want> {
        if self.may_send_anew(error) {
            debug!("requests: a kept connection had been closed, connecting anew");
            self.turn = Turn::Anew;
            self.failure = Some(Error::new(Phase::Send, NOT_REPLAYABLE));
            return Ok(self.go(Step::Leave));
        }
        self.failed(error, now)
    }

    fn may_send_anew(&self, error: Error) -> bool {
        self.is_reused && self.course.may_send_anew(error, self.draft.method(), &self.incoming)
    }

    fn failed(&mut self, error: Error, now: Instant) -> Result<Want> {
        let at = self.course.after_error(self.draft.method(), error, now).ok_or(error)?;
        self.turn = Turn::Repeat(at);
        self.failure = Some(error);
        Ok(self.go(Step::Leave))
    }

    /// The connection is in other hands.
    fn left(&mut self, body: &dyn Outline, now: Instant) -> Result<Want> {
        if let Some(Answer { head, .. }) = self.answer.take() {
            match self.turn {
                Turn::Redirect => {
                    self.draft.redirect(&head, self.staged_len())?;
                    self.course.redirected(self.draft.is_elsewhere());
                }
                #[cfg(feature = "digest")]
                Turn::Authenticate => {
                    self.draft.answer(&head, self.course.options.digest.as_ref(), self.staged_len())?;
                }
                Turn::Repeat(at) => return Ok(self.wait(at)),
                Turn::Anew | Turn::Deliver => {}
            }
            self.failure = Some(Error::new(Phase::Head, NOT_REPLAYABLE));
        }
        if self.draft.has_body() { Ok(self.go(Step::Rewind)) } else { self.rewound(true, body, now) }
    }

    /// Whether the body can be sent again is known.
    fn rewound(&mut self, can_be_sent: bool, body: &dyn Outline, now: Instant) -> Result<Want> {
        match (self.failure, self.turn) {
            (None, _) if !can_be_sent => Ok(Want::Deliver),
            (Some(error), _) if !can_be_sent => Err(error),
            (None, _) => Ok(self.leave(now)),
            (Some(_), Turn::Repeat(at)) => Ok(self.wait(at)),
            (Some(_), _) => self.begin(body),
        }
    }

    fn wait(&mut self, at: Instant) -> Want {
        self.step = Step::Wait;
        Want::Wait(at)
    }
}

/// The room there must be behind what is staged, so that a part of it is kept for a response that comes early.
const ROOM_TO_WATCH: usize = 256;
/// How much of it: a status line, or a short interim response.
const EARLY_HEAD: usize = 64;

/// Whether this deadline has passed.
fn is_over(deadline: Deadline, now: Instant) -> bool {
    deadline.instant().is_some_and(|at| at <= now)
}

/// The bytes of a body that has them.
fn own_bytes(body: &dyn Outline) -> &[u8] {
    match body.plan() {
        Ok(Plan::Bytes(bytes)) => bytes,
        _ => &[],
    }
}

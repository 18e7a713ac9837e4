//! The course of a request: what a response or an error leads to. Knows no I/O.

use core::{ops::DerefMut, time::Duration};

use super::{
    draft::{Draft, Memory, Outset},
    options::Options,
    response::ResponseInfo,
    retry::Retry,
};
use crate::{
    error::{Error, ErrorKind, Phase, Policy, Resource, Result},
    exchange::{
        Outline, Staged, State,
        link::{behind, was_closed},
    },
    http::{DecodeError, Fields, StatusCode},
    pool::Key,
    time::{Deadline, Instant},
    traits::{Need, TlsId},
};

/// What is needed again and cannot be had.
pub(crate) const NOT_REPLAYABLE: ErrorKind = ErrorKind::Policy(Policy::BodyNotReplayable);

/// A request before and after it has what it needs of the pool. One lies where the other lay.
pub(crate) enum Stage<'r, M> {
    Before(Outset<'r>, Options<'r>),
    UnderWay(Course<'r, M>),
}

/// A request under way.
#[derive(Debug)]
pub(crate) struct Course<'r, M> {
    pub(crate) draft: Draft<'r, M>,
    pub(crate) state: State,
    options: Options<'r>,
    pub(crate) deadline: Deadline,
    /// What was staged last.
    pub(crate) staged: Staged,
    /// How much of the work area it takes at least.
    least: usize,
    /// What the last exchange leads to.
    pub(crate) turn: Turn,
    /// When to send the request again.
    pub(crate) at: Instant,
    /// Whether the last exchange came to a response.
    pub(crate) sent: Result<()>,
    /// What to report if the content cannot be sent again.
    pub(crate) failure: Error,
    /// Whether its connection was used before.
    pub(crate) is_reused: bool,
    /// Whether the server was asked whether it wants the content.
    pub(crate) asked: bool,
    /// Whether the next connection must be a new one.
    pub(crate) anew: bool,
    redirects: u8,
    attempts: u8,
    /// How often a challenge was answered at this URL.
    #[cfg(feature = "digest")]
    answers: u8,
}

/// What a response, or its absence, leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    Deliver,
    Redirect,
    #[cfg(feature = "digest")]
    Authenticate,
    /// The same again.
    Repeat,
}

/// What cannot be, because a request begins before it goes on.
const NOT_BEGUN: Error = Error::new(Phase::Setup, ErrorKind::NotConnected);

impl<'r, M: DerefMut<Target = [u8]>> Stage<'r, M> {
    /// What the request needs of the pool, where a connection with TLS takes a session or not; and how long it may take.
    pub(crate) fn need(&self, takes_session: bool) -> (Need, Option<Duration>) {
        let (is_https, timeout) = match self {
            Self::Before(outset, options) => (outset.is_https(), options.timeout),
            Self::UnderWay(_) => (false, None),
        };
        (Need { tls_session: takes_session && is_https, buffer: true, has_buffer: false }, timeout)
    }

    /// Writes the request into the memory that it was given, with all to be done until `deadline`.
    #[inline(never)]
    pub(crate) fn begin(&mut self, memory: Option<M>, deadline: Deadline) -> Result<&mut Course<'r, M>> {
        if let Self::Before(outset, options) = self {
            let memory = memory.ok_or(Error::new(Phase::Setup, ErrorKind::Exhausted(Resource::Buffers)))?;
            let options = *options;
            let draft = Draft::new(Memory::new(memory, options.buffer_limit), outset, &options)?;
            *self = Self::UnderWay(Course::new(draft, options, deadline));
        }
        match self {
            Self::UnderWay(course) => Ok(course),
            Self::Before(..) => Err(NOT_BEGUN),
        }
    }

    /// The response.
    pub(crate) fn into_info(self, tls: TlsId) -> Result<ResponseInfo<M>> {
        match self {
            Self::UnderWay(course) => {
                let Course { draft, state, options, redirects, .. } = course;
                Ok(ResponseInfo::new(draft, state, tls, options.session_id, redirects))
            }
            Self::Before(..) => Err(NOT_BEGUN),
        }
    }
}

impl<'r, M: DerefMut<Target = [u8]>> Course<'r, M> {
    #[inline(always)]
    fn new(draft: Draft<'r, M>, options: Options<'r>, deadline: Deadline) -> Self {
        Self {
            draft,
            state: State::new(),
            options,
            deadline,
            staged: Staged::default(),
            least: 0,
            turn: Turn::Deliver,
            at: Instant::from_millis(0),
            sent: Ok(()),
            failure: NOT_BEGUN,
            is_reused: false,
            asked: false,
            anew: false,
            redirects: 0,
            attempts: 1,
            #[cfg(feature = "digest")]
            answers: 0,
        }
    }

    /// Where to connect to, and under what a connection is kept.
    pub(crate) fn key(&self, tls: TlsId) -> Key<'_> {
        Key {
            host: self.draft.host(),
            port: self.draft.url().port(),
            session_id: self.options.session_id,
            tls: self.draft.is_https().then_some(tls),
        }
    }

    /// Stages the request for another attempt.
    pub(crate) fn stage(&mut self, body: &dyn Outline) -> Result<()> {
        (self.staged, self.least) = self.draft.stage(body)?;
        (self.asked, self.is_reused) = (self.staged.asks, false);
        self.state = State::new();
        Ok(())
    }

    /// Notes what the last exchange leads to.
    ///
    /// # Errors
    /// The error, if it is the end.
    #[inline(never)]
    pub(crate) fn note(&mut self, now: Instant) -> Result<()> {
        self.at = now;
        (self.turn, self.failure) = match self.sent {
            Ok(()) => (self.after(now)?, Error::new(Phase::Head, NOT_REPLAYABLE)),
            Err(error) => (Turn::Repeat, self.after_error(error, now)?),
        };
        Ok(())
    }

    /// What the response leads to that is there.
    fn after(&mut self, now: Instant) -> Result<Turn> {
        let status = self.state.head.status;
        if status == StatusCode::SWITCHING_PROTOCOLS && !self.draft.asks_for_upgrade() {
            return Err(Error::new(Phase::Head, ErrorKind::Malformed(DecodeError::UnaskedUpgrade)));
        }
        self.anew = false;
        if status.as_u16() == 417 && self.asked {
            // RFC 9110 §10.1.1: once more, without asking.
            self.draft.expect_no_more();
            return Ok(Turn::Repeat);
        }
        if let Some(most) = self.options.redirects.filter(|_| self.draft.is_redirected_by(&self.state.head)) {
            if self.redirects == most {
                return Err(Error::new(Phase::Head, ErrorKind::TooManyRedirects));
            }
            self.redirects += 1;
            return Ok(Turn::Redirect);
        }
        #[cfg(feature = "digest")]
        if status.as_u16() == 401
            && self.options.digest.is_some()
            && let Some(challenge) = self.draft.challenge(&self.state.head)
            && (self.answers == 0 || (self.answers == 1 && challenge.stale))
        {
            self.answers += 1;
            return Ok(Turn::Authenticate);
        }
        let is_passing = |retry: &Retry<'_>| retry.is_for_status(status.as_u16());
        let Some(retry) = self.options.retry.filter(is_passing).filter(|_| self.may_repeat()) else {
            return Ok(Turn::Deliver);
        };
        let wait = retry.wait_after(self.attempts, self.draft.received(&self.state.head));
        Ok(if self.next_attempt(retry, wait, now).is_some() { Turn::Repeat } else { Turn::Deliver })
    }

    /// That it is sent again after this error, on a new connection; and what to report if its content cannot be.
    fn after_error(&mut self, error: Error, now: Instant) -> Result<Error> {
        let error = self.located(error);
        let failure = self.state.failure().unwrap_or(error);
        if self.is_reused && was_closed(failure) && self.may_repeat() && !self.state.began {
            // RFC 9110 §9.2.2, RFC 9112 §9.3.1: it had been closed before anything of a response came.
            debug!("requests: a kept connection had been closed, connecting anew");
            self.anew = true;
            return Ok(Error::new(Phase::Send, NOT_REPLAYABLE));
        }
        let is_network =
            matches!(error.kind(), ErrorKind::Io(_) | ErrorKind::NoAnswer | ErrorKind::Truncated | NO_RESPONSE);
        let may = match error.phase() {
            // Nothing of the request was sent.
            Phase::Resolve | Phase::Connect | Phase::Handshake => true,
            Phase::Send | Phase::Head => self.may_repeat(),
            _ => false,
        };
        let retry = self.options.retry.filter(|_| is_network && may).ok_or(error)?;
        let wait = retry.wait_after(self.attempts, Fields::default());
        self.next_attempt(retry, wait, now).ok_or(error)?;
        Ok(error)
    }

    /// Takes the turn, unless it is the end.
    #[inline(never)]
    pub(crate) fn take_turn(&mut self) -> Result<()> {
        match self.turn {
            Turn::Repeat | Turn::Deliver => Ok(()),
            Turn::Redirect => self.redirect(),
            #[cfg(feature = "digest")]
            Turn::Authenticate => self.draft.answer(&self.state.head, self.options.digest.as_ref(), self.least),
        }
    }

    fn redirect(&mut self) -> Result<()> {
        self.draft.redirect(&self.state.head, self.least)?;
        #[cfg(feature = "digest")]
        {
            self.answers = 0;
            if self.draft.is_elsewhere() {
                self.options.digest = None;
            }
        }
        Ok(())
    }

    /// The sizes that an exchange reports are those of the work area. If the head of a redirect did not fit, what is enough
    /// for it is enough for the request that it leads to as well.
    fn located(&mut self, error: Error) -> Error {
        let region = self.draft.memory().len();
        let error = behind(error, self.draft.work(), region);
        let follows = self.options.redirects.is_some() && self.state.location_len > 0;
        match error.kind() {
            ErrorKind::TooLarge { what, need: Some(need), have } if follows => {
                let url = self.draft.url().len() + self.state.location_len;
                let need = Some((need + url).max(self.draft.need_at(url, self.least)));
                Error::new(Phase::Head, ErrorKind::TooLarge { what, need, have })
            }
            _ => error,
        }
    }

    fn may_repeat(&self) -> bool {
        self.draft.method().is_idempotent() || self.options.repeatable
    }

    /// Counts another attempt, if there may be one and there is time for it.
    fn next_attempt(&mut self, retry: Retry<'_>, wait: Option<Duration>, now: Instant) -> Option<()> {
        let at = now.after(wait.filter(|_| self.attempts < retry.attempts)?);
        if self.deadline.or_at(at) == self.deadline {
            return None;
        }
        (self.at, self.attempts) = (at, self.attempts + 1);
        Some(())
    }
}

const NO_RESPONSE: ErrorKind = ErrorKind::Malformed(DecodeError::NoResponse);

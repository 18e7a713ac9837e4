//! The course of a request: what an answer or an error leads to. Knows no I/O, so both faces use it.

use core::{ops::DerefMut, time::Duration};

use super::{builder::Options, draft::Draft, incoming::IncomingHead, retry::Retry};
use crate::{
    error::{Error, ErrorKind, Phase, Policy, Result},
    exchange::SourceError,
    http::{DecodeError, Fields, Method, ResponseHead},
    time::{Deadline, Instant},
};

/// How long a server may take to say whether it wants a body, or to explain why it hung up on one; and how long a body may
/// take that is of no use.
pub(crate) const GRACE: Duration = Duration::from_secs(1);
/// How often to look whether a response has come, while a request is being sent.
pub(crate) const WATCH: Duration = Duration::from_millis(250);
/// How long to look.
pub(crate) const GLANCE: Duration = Duration::from_millis(2);

/// What is needed again and cannot be had.
pub(crate) const NOT_REPLAYABLE: ErrorKind = ErrorKind::Policy(Policy::BodyNotReplayable);

/// How far a request has come.
#[derive(Debug)]
pub(crate) struct Course<'r> {
    pub(crate) options: Options<'r>,
    pub(crate) deadline: Deadline,
    pub(crate) redirects: u8,
    attempts: u8,
    /// How often a challenge was answered at this URL.
    #[cfg(feature = "digest")]
    answers: u8,
}

/// What an answer, or its absence, leads to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Turn {
    Deliver,
    /// The same again at once, on a new connection.
    Anew,
    Redirect,
    #[cfg(feature = "digest")]
    Authenticate,
    /// The same again, but not before then.
    Repeat(Instant),
}

impl<'r> Course<'r> {
    pub(crate) fn new(options: Options<'r>, deadline: Deadline) -> Self {
        Self {
            options,
            deadline,
            redirects: 0,
            attempts: 1,
            #[cfg(feature = "digest")]
            answers: 0,
        }
    }

    /// What the response with this head leads to, which lies at the start of the work area.
    pub(crate) fn after<M: DerefMut<Target = [u8]>>(
        &mut self,
        draft: &Draft<'r, M>,
        head: &ResponseHead,
        now: Instant,
    ) -> Result<Turn> {
        if let Some(most) = self.options.redirects.filter(|_| draft.is_redirected_by(head)) {
            if self.redirects == most {
                return Err(Error::new(Phase::Head, ErrorKind::TooManyRedirects));
            }
            self.redirects += 1;
            return Ok(Turn::Redirect);
        }
        #[cfg(feature = "digest")]
        if head.status.as_u16() == 401
            && self.options.digest.is_some()
            && let Some(challenge) = draft.challenge(head)
            && (self.answers == 0 || (self.answers == 1 && challenge.stale))
        {
            self.answers += 1;
            return Ok(Turn::Authenticate);
        }
        let is_passing = |retry: Retry<'_>| retry.is_for_status(head.status.as_u16());
        if !(self.options.retry.is_some_and(is_passing) && self.may_repeat(draft.method())) {
            return Ok(Turn::Deliver);
        }
        Ok(self.next_attempt(now, draft.received(head)).map_or(Turn::Deliver, Turn::Repeat))
    }

    /// When to try again after this error, if at all.
    pub(crate) fn after_error(&mut self, method: Method<'_>, error: Error, now: Instant) -> Option<Instant> {
        let is_network =
            matches!(error.kind(), ErrorKind::Io(_) | ErrorKind::NoAnswer | ErrorKind::Truncated | NO_RESPONSE);
        let may = match error.phase() {
            // Nothing of the request was sent.
            Phase::Resolve | Phase::Connect | Phase::Handshake => true,
            Phase::Send | Phase::Head => self.may_repeat(method),
            _ => false,
        };
        if is_network && may { self.next_attempt(now, Fields::default()) } else { None }
    }

    /// Whether a request that failed on a kept connection may be sent again on a new one (RFC 9110 §9.2.2, RFC 9112
    /// §9.3.1): the connection was closed before anything of an answer came, and doing it twice is as good as once.
    pub(crate) fn may_send_anew(&self, error: Error, method: Method<'_>, incoming: &IncomingHead) -> bool {
        was_closed(error) && self.may_repeat(method) && !incoming.began
    }

    /// Takes in that the request goes elsewhere.
    pub(crate) fn redirected(&mut self, is_elsewhere: bool) {
        #[cfg(feature = "digest")]
        {
            self.answers = 0;
            if is_elsewhere {
                self.options.digest = None;
            }
        }
        let _ = is_elsewhere;
    }

    fn may_repeat(&self, method: Method<'_>) -> bool {
        method.is_idempotent() || self.options.repeatable
    }

    fn next_attempt(&mut self, now: Instant, answer: Fields<'_>) -> Option<Instant> {
        let retry = self.options.retry.filter(|retry| self.attempts < retry.attempts)?;
        let at = now.after(retry.wait_after(self.attempts, answer)?);
        if self.deadline.or_at(at) == self.deadline {
            return None;
        }
        self.attempts += 1;
        Some(at)
    }
}

const NO_RESPONSE: ErrorKind = ErrorKind::Malformed(DecodeError::NoResponse);

/// What happened while the request was sent.
pub(crate) fn in_sending(error: Error) -> Error {
    error.in_phase(Phase::Send)
}

/// What is wrong with the source of a body.
pub(crate) fn at_fault(error: SourceError) -> Error {
    Error::new(Phase::Send, ErrorKind::Source(error))
}

/// Whether this is what a connection looks like that the peer has closed.
pub(crate) fn was_closed(error: Error) -> bool {
    matches!(error.kind(), ErrorKind::Io(_) | ErrorKind::Truncated | ErrorKind::NotConnected | NO_RESPONSE)
}

/// How many milliseconds before the deadline a request that begins to be sent `now` is not sent any more, so that there is
/// time to read why the server takes no more of it.
pub(crate) fn grace_of_sending(now: Instant, deadline: Deadline) -> u16 {
    let left = deadline.instant().map_or(0, |at| at.as_millis().saturating_sub(now.as_millis()));
    (left / 4).min(GRACE.as_millis() as u64) as u16
}

/// A second from now, or the deadline if that is earlier.
pub(crate) fn within_grace(now: Instant, deadline: Deadline) -> Deadline {
    deadline.or_at(now.after(GRACE))
}

//! What a time-out means: wait for ever, for a while, or not at all.

use core::{future::Future, time::Duration};

use crate::{
    error::ErrorKind,
    time::{Clock, Deadline, Timer},
};

/// How long operations may take.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Timeout {
    /// Each operation this long, or for ever. With no time at all an operation does what it can without waiting.
    Each(Option<Duration>),
    /// All of them until then.
    Until(Deadline),
}

/// How long one operation may take, from when it began.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Patience {
    /// Do what can be done without waiting.
    Nothing,
    /// Wait until then.
    Until(Deadline),
}

impl Timeout {
    /// For an operation that begins now.
    pub(crate) fn begin(self, clock: &impl Clock) -> Patience {
        match self {
            Self::Each(Some(Duration::ZERO)) => Patience::Nothing,
            Self::Each(timeout) => Patience::Until(Deadline::within(clock, timeout)),
            Self::Until(deadline) => Patience::Until(deadline),
        }
    }
}

impl Patience {
    /// The work's output, or what to report when there is none in time. Large work is passed pinned.
    pub(crate) async fn limit<W: Future>(self, timer: &impl Timer, work: W) -> Result<W::Output, ErrorKind> {
        let (deadline, may_wait) = match self {
            Self::Nothing => (Deadline::NEVER, false),
            Self::Until(deadline) => (deadline, true),
        };
        let ran_out = if may_wait { ErrorKind::Timeout } else { ErrorKind::WouldBlock };
        deadline.race(timer, may_wait, work).await.ok_or(ran_out)
    }
}

//! What a time-out means: wait for ever, for a while, or not at all.

use core::{future::Future, time::Duration};

use crate::{
    error::ErrorKind,
    time::{Clock, Deadline, Timer, poll_once},
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
        match self {
            Self::Nothing => poll_once(work).ok_or(ErrorKind::WouldBlock),
            Self::Until(deadline) => deadline.limit(timer, work).await.ok_or(ErrorKind::Timeout),
        }
    }
}

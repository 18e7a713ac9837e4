//! What a time-out means: wait for ever, for a while, or not at all.

use core::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::Poll,
    time::Duration,
};

use crate::{
    error::ErrorKind,
    time::{Clock, Deadline, Instant, Timer},
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

/// How long one address of several is tried, at most, in milliseconds: a SYN that was lost is sent again after 1, 3 and 7 seconds (RFC 6298 §2).
const ATTEMPT: u32 = 10_000;

impl Patience {
    /// What of it the next of so many attempts may use: a fair share, and not more than [ten seconds](ATTEMPT), so that one
    /// address that does not respond leaves time for the others (RFC 8305 §5). The last may use it up.
    pub(crate) fn share(self, clock: &impl Clock, attempts: usize) -> Self {
        match self {
            Self::Until(deadline) if attempts > 1 => {
                let now = clock.now();
                let rest = deadline.instant().map_or(u64::MAX, |at| at.as_millis().saturating_sub(now.as_millis()));
                // Small enough to be divided in 32 bits.
                let share = rest.min(1 << 30) as u32 / attempts as u32;
                Self::Until(Deadline::at(Instant::from_millis(
                    now.as_millis().saturating_add(share.min(ATTEMPT).into()),
                )))
            }
            patience => patience,
        }
    }

    /// What comes of the work, or what to report when there is nothing in time. Large work is passed pinned.
    ///
    /// There is one place where the work is polled: it is compiled into this, and is large.
    pub(crate) fn limit<T, E>(
        self,
        timer: &impl Timer,
        mut work: impl Future<Output = Result<T, E>> + Unpin,
    ) -> impl Future<Output = Result<T, ErrorKind>>
    where
        ErrorKind: From<E>,
    {
        async move {
            let deadline = match self {
                Self::Nothing => Deadline::PASSED,
                Self::Until(deadline) if deadline.has_passed(timer) => return Err(ErrorKind::Timeout),
                Self::Until(deadline) => deadline,
            };
            timer.set_deadline(deadline);
            let mut end = pin!(deadline.end(timer));
            let outcome = poll_fn(|context| match Pin::new(&mut work).poll(context) {
                Poll::Ready(outcome) => Poll::Ready(outcome.map_err(ErrorKind::from)),
                Poll::Pending => end.as_mut().poll(context).map(|()| Err(ErrorKind::Timeout)),
            });
            outcome.await.map_err(|kind| self.explain(kind))
        }
    }

    /// A stack that waits inside knows one word for the end of its time.
    const fn explain(self, kind: ErrorKind) -> ErrorKind {
        match (kind, self) {
            (ErrorKind::Timeout, Self::Nothing) => ErrorKind::WouldBlock,
            (kind, _) => kind,
        }
    }

    /// Whether a failure is this patience's end, and not the stack's own.
    pub(crate) fn ran_out(self, clock: &impl Clock, failure: ErrorKind) -> bool {
        match self {
            Self::Nothing => matches!(failure, ErrorKind::WouldBlock),
            Self::Until(deadline) => matches!(failure, ErrorKind::Timeout) && deadline.has_passed(clock),
        }
    }
}

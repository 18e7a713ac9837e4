//! Deadlines: a monotonic clock, a timer that waits for it, and the point in time by which work must be done.
//!
//! A [`Clock`] tells monotonic milliseconds; a [`Timer`] can also be awaited. Both are small enough to be written for
//! any platform in a few lines. (The *date* that certificates are checked against is another matter, and another
//! trait: `tls::TimeSource`.)

use core::{future::Future, pin::pin, task::Poll, time::Duration};

/// A point in time: milliseconds since an arbitrary start that stays the same while the program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Instant(u64);

impl Instant {
    /// The instant this many milliseconds after the clock's start.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the clock's start.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// This instant and so much longer; at the end of time it stays there. Rounded up to a millisecond.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        let millis = duration.as_nanos().div_ceil(1_000_000);
        Self(self.0.saturating_add(u64::try_from(millis).unwrap_or(u64::MAX)))
    }
}

/// A monotonic clock.
pub trait Clock {
    /// Now. Never earlier than an answer it gave before.
    fn now(&self) -> Instant;
}

impl<C: Clock + ?Sized> Clock for &C {
    fn now(&self) -> Instant {
        (**self).now()
    }
}

/// A clock that can be awaited.
pub trait Timer: Clock {
    /// Waits until `at`; at once if it has passed.
    ///
    /// # Cancel safety
    /// Dropping the future stops the wait.
    async fn wait_until(&self, at: Instant);
}

impl<T: Timer + ?Sized> Timer for &T {
    async fn wait_until(&self, at: Instant) {
        (**self).wait_until(at).await;
    }
}

/// The instant by which work must be done, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Deadline(Option<Instant>);

impl Deadline {
    /// No deadline: wait for ever.
    pub const NEVER: Self = Self(None);

    /// A deadline at this instant.
    #[must_use]
    pub const fn at(instant: Instant) -> Self {
        Self(Some(instant))
    }

    /// A deadline this long from now; none for `None`.
    #[must_use]
    pub fn within(clock: &impl Clock, timeout: Option<Duration>) -> Self {
        Self(timeout.map(|timeout| clock.now().after(timeout)))
    }

    /// The instant, if there is one.
    #[must_use]
    pub const fn instant(self) -> Option<Instant> {
        self.0
    }

    /// This deadline, or one so long from now if that is sooner.
    #[cfg(feature = "tls")]
    pub(crate) fn or_within(self, clock: &impl Clock, timeout: Duration) -> Self {
        let sooner = clock.now().after(timeout);
        Self::at(self.0.map_or(sooner, |at| at.min(sooner)))
    }

    /// Whether it has passed.
    #[must_use]
    pub fn has_passed(self, clock: &impl Clock) -> bool {
        self.0.is_some_and(|at| clock.now() >= at)
    }

    /// The work's output, or `None` when the deadline comes first.
    ///
    /// Work that is not begun in time is not begun; work that is ready at the same moment as the deadline counts as
    /// done, so nothing it received is lost.
    ///
    /// Pass large work pinned, `pin!(work)`: a future that is moved into another is there twice.
    pub async fn limit<W: Future>(self, timer: &impl Timer, work: W) -> Option<W::Output> {
        self.race(timer, true, work).await
    }

    /// The same; and `None` as soon as the work has to wait, unless it may. There is one place where the work is polled:
    /// it is compiled into this, and is large.
    pub(crate) async fn race<W: Future>(self, timer: &impl Timer, may_wait: bool, work: W) -> Option<W::Output> {
        if self.has_passed(timer) {
            return None;
        }
        let mut work = pin!(work);
        let mut alarm = pin!(self.0.map(|at| timer.wait_until(at)));
        core::future::poll_fn(|context| match work.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if !may_wait => Poll::Ready(None),
            Poll::Pending => match alarm.as_mut().as_pin_mut() {
                Some(alarm) => alarm.poll(context).map(|()| None),
                None => Poll::Pending,
            },
        })
        .await
    }
}

/// Polls once; `None` if the work would have to wait.
pub(crate) fn poll_once<W: Future>(work: W) -> Option<W::Output> {
    let mut context = core::task::Context::from_waker(core::task::Waker::noop());
    match pin!(work).poll(&mut context) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

//! Deadlines: a monotonic clock, a timer that waits for it, and the point in time by which work must be done.
//!
//! A [`Clock`] tells monotonic milliseconds; a [`Timer`] can also be awaited. Both are small enough to be written for
//! any platform in a few lines. (The *date* that certificates are checked against is another matter, and another
//! trait: `tls::TimeSource`.)

#[cfg(feature = "embedded-hal-async")]
mod delay;
#[cfg(feature = "embassy-time")]
mod embassy;

use core::{future::Future, pin::pin, task::Poll, time::Duration};

#[cfg(feature = "embedded-hal-async")]
pub use self::delay::DelayTimer;
#[cfg(feature = "embassy-time")]
pub use self::embassy::EmbassyTimer;

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
        let below_a_second = u64::from(duration.subsec_nanos().div_ceil(1_000_000));
        Self(self.0.saturating_add(duration.as_secs().saturating_mul(1000)).saturating_add(below_a_second))
    }
}

/// A monotonic clock.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a monotonic clock",
    label = "not a `socketpool::time::Clock`",
    note = "`socketpool::time::EmbassyTimer` is one (feature `embassy-time`), `DelayTimer` makes one (feature \
            `embedded-hal-async`), `socketpool::host::Timer` is the host's (feature `std`); else implement `now`, \
            in milliseconds"
)]
pub trait Clock {
    /// Now. Never earlier than what it told before.
    fn now(&self) -> Instant;
}

impl<C: Clock + ?Sized> Clock for &C {
    fn now(&self) -> Instant {
        (**self).now()
    }
}

/// A clock that can be awaited.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot wait for a moment",
    label = "not a `socketpool::time::Timer`",
    note = "`socketpool::time::EmbassyTimer` can (feature `embassy-time`), `DelayTimer` can (feature \
            `embedded-hal-async`), `socketpool::host::Timer` can (feature `std`); else implement `wait_until`"
)]
pub trait Timer: Clock {
    /// Waits until `at`; at once if it has passed.
    ///
    /// # Cancel safety
    /// Dropping the future stops the wait.
    async fn wait_until(&self, at: Instant);

    /// By when the operation that is begun next must be over. A stack whose operations wait inside
    /// ([`BlockingTimer`]) ends them then; others have no use for it, because the future is dropped.
    fn set_deadline(&self, deadline: Deadline) {
        let _ = deadline;
    }
}

impl<T: Timer + ?Sized> Timer for &T {
    async fn wait_until(&self, at: Instant) {
        (**self).wait_until(at).await;
    }

    fn set_deadline(&self, deadline: Deadline) {
        (**self).set_deadline(deadline);
    }
}

/// The timer of a blocking stack: one whose operations wait inside, until the
/// [deadline](Timer::set_deadline) at the latest, so that their futures are ready when they are
/// polled for the first time.
///
/// Its own [`wait_until`](Timer::wait_until) does not wait inside: it is pending until then. A future
/// that is pending nevertheless is polled again after [`idle`](Self::idle), until its deadline.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a network for a blocking pool: its operations are awaited",
    label = "not a `socketpool::time::BlockingTimer`",
    note = "a stack of embedded-nal is made one by `socketpool::blocking::stack::Network::new(stack, clock, idle, \
            zero_read)`; a host's is `socketpool::host::Network` (feature `std`)"
)]
pub trait BlockingTimer: Timer {
    /// Lets some time pass: sleeps a little, or moves the stack's packets.
    fn idle(&self) {
        core::hint::spin_loop();
    }
}

impl<T: BlockingTimer + ?Sized> BlockingTimer for &T {
    fn idle(&self) {
        (**self).idle();
    }
}

/// Runs `work` to its end, over a stack whose operations wait inside: how code that is generic over the
/// [traits](crate::traits) is called by a program with no executor.
///
/// Work that is pending is polled again after [`idle`](BlockingTimer::idle), for as long as it is pending: give it a
/// deadline.
#[cfg(feature = "blocking")]
pub fn run<W: Future>(timer: &impl BlockingTimer, work: W) -> W::Output {
    let mut context = core::task::Context::from_waker(core::task::Waker::noop());
    let mut work = pin!(work);
    loop {
        match work.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => timer.idle(),
        }
    }
}

/// The instant by which work must be done, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Deadline(Instant);

impl Deadline {
    /// No deadline: wait for ever. It is the end of time, where no clock comes.
    pub const NEVER: Self = Self(Instant(u64::MAX));

    /// A deadline that has always passed: what can be done without waiting is done.
    pub(crate) const PASSED: Self = Self(Instant(0));

    /// A deadline at this instant.
    #[must_use]
    pub const fn at(instant: Instant) -> Self {
        Self(instant)
    }

    /// A deadline this long from now; none for `None`.
    #[must_use]
    pub fn within(clock: &impl Clock, timeout: Option<Duration>) -> Self {
        timeout.map_or(Self::NEVER, |timeout| Self::at(clock.now().after(timeout)))
    }

    /// The instant, if there is one.
    #[must_use]
    pub const fn instant(self) -> Option<Instant> {
        if self.0.0 == Self::NEVER.0.0 { None } else { Some(self.0) }
    }

    /// This deadline, or that instant if it is sooner.
    #[cfg_attr(not(all(feature = "requests", feature = "tls")), allow(dead_code, reason = "each uses a part"))]
    pub(crate) fn or_at(self, instant: Instant) -> Self {
        Self(self.0.min(instant))
    }

    /// This deadline, or one so long from now if that is sooner.
    #[cfg(feature = "tls")]
    pub(crate) fn or_within(self, clock: &impl Clock, timeout: Duration) -> Self {
        self.or_at(clock.now().after(timeout))
    }

    /// Whether it has passed.
    #[must_use]
    pub fn has_passed(self, clock: &impl Clock) -> bool {
        self.instant().is_some_and(|at| clock.now() >= at)
    }

    /// The work's output, or `None` when the deadline comes first.
    ///
    /// Work that is not begun in time is not begun; work that is ready at the same moment as the deadline counts as
    /// done, so nothing it received is lost.
    ///
    /// Pass large work pinned, `pin!(work)`: a future that is moved into another is there twice.
    pub async fn limit<W: Future>(self, timer: &impl Timer, work: W) -> Option<W::Output> {
        if self.has_passed(timer) {
            return None;
        }
        timer.set_deadline(self);
        let mut work = pin!(work);
        let mut end = pin!(self.end(timer));
        core::future::poll_fn(|context| match work.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => end.as_mut().poll(context).map(|()| None),
        })
        .await
    }

    /// Waits for this deadline, for ever if there is none. Apart from the work, so that all work shares its code.
    pub(crate) fn end(self, timer: &impl Timer) -> impl Future<Output = ()> {
        async move {
            match self.instant() {
                Some(at) => timer.wait_until(at).await,
                None => core::future::pending().await,
            }
        }
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

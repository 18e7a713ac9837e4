//! Work that is done again and again, whatever happens.

use core::{fmt::Display, time::Duration};

use socketpool::{
    Error,
    requests::{Retry, Session},
    time::Timer,
    traits::{SocketPool, TlsContext},
};

/// When an app works: again and again, so long after the last round; after a failure sooner, at random times that get
/// longer from failure to failure, up to a minute.
#[derive(Debug, Clone, Copy)]
pub struct Schedule<'r> {
    every: Duration,
    timeout: Duration,
    rounds: Option<u32>,
    retry: Retry<'r>,
}

/// How many rounds went well, and how many did not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Rounds that went well.
    pub done: u32,
    /// Rounds that failed.
    pub failed: u32,
}

impl<'r> Schedule<'r> {
    /// For ever, this long apart. `random` gives random numbers, so that devices that failed together do not come back
    /// together.
    #[must_use]
    pub const fn every(every: Duration, random: &'r dyn Fn() -> u32) -> Self {
        Self { every, timeout: Duration::from_secs(30), rounds: None, retry: Retry::new(3, random) }
    }

    /// So many rounds, and no more.
    #[must_use]
    pub const fn rounds(mut self, rounds: u32) -> Self {
        self.rounds = Some(rounds);
        self
    }

    /// How long a request may take, from the name look-up to the last byte of the body: 30 seconds unless you say otherwise.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How a request is tried again within a round, and how long to wait after one that failed.
    #[must_use]
    pub const fn retry(mut self, retry: Retry<'r>) -> Self {
        self.retry = retry;
        self
    }

    /// A session with this timeout.
    pub(crate) fn session<'p, P, T>(&self, pool: &'p P, tls: &'p T) -> Session<'p, P, T>
    where
        P: SocketPool,
        T: TlsContext<P::Socket<'p>>,
    {
        Session::new(pool, tls).timeout(Some(self.timeout))
    }

    /// How long a request may take.
    pub(crate) const fn patience(&self) -> Duration {
        self.timeout
    }

    /// How long to wait after a round that went well.
    pub(crate) const fn pause(&self) -> Duration {
        self.every
    }

    pub(crate) const fn retries(&self) -> Retry<'r> {
        self.retry
    }

    /// Does `work`, round after round.
    pub(crate) async fn run<E: Failure>(
        &self,
        app: &str,
        timer: &impl Timer,
        mut work: impl AsyncFnMut() -> Result<(), E>,
    ) -> Tally {
        let mut course = Course::new(self, app);
        loop {
            let Some(pause) = course.after(work().await) else { return course.tally };
            timer.wait_until(timer.now().after(pause)).await;
        }
    }

    /// The same with the blocking face.
    #[cfg(feature = "blocking")]
    pub(crate) fn run_blocking(
        &self,
        app: &str,
        pool: &impl SocketPool<Timer: socketpool::time::BlockingTimer>,
        mut work: impl FnMut() -> Result<(), Error>,
    ) -> Tally {
        use socketpool::time::{Clock as _, Timer as _, run};
        let mut course = Course::new(self, app);
        loop {
            let Some(pause) = course.after(work()) else { return course.tally };
            let timer = pool.timer();
            run(timer, timer.wait_until(timer.now().after(pause)));
        }
    }
}

/// What may go wrong in a round.
pub(crate) trait Failure: Line {
    /// Whether it may be better soon. If not, the next try is at the next regular time.
    fn is_worth_another_try(&self) -> bool {
        true
    }
}

impl Failure for Error {}

/// What the log takes.
#[cfg(feature = "defmt")]
pub(crate) trait Line: Display + defmt::Format {}
#[cfg(feature = "defmt")]
impl<T: Display + defmt::Format> Line for T {}
#[cfg(not(feature = "defmt"))]
pub(crate) trait Line: Display {}
#[cfg(not(feature = "defmt"))]
impl<T: Display> Line for T {}

/// How an app has fared so far.
pub(crate) struct Course<'c> {
    schedule: &'c Schedule<'c>,
    app: &'c str,
    tally: Tally,
    failed_in_a_row: u8,
}

impl<'c> Course<'c> {
    pub(crate) fn new(schedule: &'c Schedule<'c>, app: &'c str) -> Self {
        Self { schedule, app, tally: Tally::default(), failed_in_a_row: 0 }
    }

    #[cfg(feature = "mqtt")]
    pub(crate) const fn tally(&self) -> Tally {
        self.tally
    }

    /// How long to wait after this round; nothing after the last. A failure is one line: which app, how far it had come, why,
    /// and when it goes on.
    pub(crate) fn after(&mut self, outcome: Result<(), impl Failure>) -> Option<Duration> {
        let pause = match outcome {
            Ok(()) => {
                (self.tally.done, self.failed_in_a_row) = (self.tally.done.wrapping_add(1), 0);
                self.schedule.every
            }
            Err(error) => {
                self.tally.failed = self.tally.failed.wrapping_add(1);
                self.failed_in_a_row = self.failed_in_a_row.saturating_add(1);
                let pause = if error.is_worth_another_try() {
                    self.schedule.retry.delay(self.failed_in_a_row)
                } else {
                    self.schedule.every
                };
                warning!("{} failed: {}; again in {} ms", self.app, error, pause.as_millis() as u64);
                pause
            }
        };
        let rounds = self.tally.done.wrapping_add(self.tally.failed);
        self.schedule.rounds.is_none_or(|wanted| rounds < wanted).then_some(pause)
    }
}

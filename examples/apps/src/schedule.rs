//! Work that is done again and again, whatever happens.

use core::time::Duration;

use socketpool::{
    Result,
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

    pub(crate) const fn retries(&self) -> Retry<'r> {
        self.retry
    }

    /// Does `work`, round after round. A failure is one line: which app, how far it had come, why, and when it goes on.
    pub async fn run(&self, app: &str, timer: &impl Timer, mut work: impl AsyncFnMut() -> Result<()>) -> Tally {
        let (mut tally, mut in_a_row) = (Tally::default(), 0_u8);
        loop {
            let pause = match work().await {
                Ok(()) => {
                    (tally.done, in_a_row) = (tally.done.wrapping_add(1), 0);
                    self.every
                }
                Err(error) => {
                    (tally.failed, in_a_row) = (tally.failed.wrapping_add(1), in_a_row.saturating_add(1));
                    let pause = self.retry.delay(in_a_row);
                    warning!("{} failed: {}; again in {} ms", app, error, pause.as_millis() as u64);
                    pause
                }
            };
            if self.rounds.is_some_and(|rounds| tally.done + tally.failed >= rounds) {
                return tally;
            }
            timer.wait_until(timer.now().after(pause)).await;
        }
    }
}

//! embassy-time: its clock and its timers.

use core::future::pending;

use super::{Clock, Instant, Timer};

/// The clock and the timers of embassy-time, whatever drives them on this chip.
///
/// # Examples
///
/// ```
/// use socketpool::time::{Clock, Deadline, EmbassyTimer};
///
/// # #[allow(dead_code)]
/// async fn at_most_a_second(work: impl Future) -> bool {
///     let deadline = Deadline::at(EmbassyTimer.now().after(core::time::Duration::from_secs(1)));
///     deadline.limit(&EmbassyTimer, work).await.is_some()
/// }
/// ```
#[derive(Debug, Clone, Copy, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct EmbassyTimer;

impl Clock for EmbassyTimer {
    fn now(&self) -> Instant {
        Instant::from_millis(embassy_time::Instant::now().as_millis())
    }
}

impl Timer for EmbassyTimer {
    async fn wait_until(&self, at: Instant) {
        // Rounded up to a tick, so that the clock never says afterwards that it is too early.
        match at.as_millis().checked_mul(embassy_time::TICK_HZ) {
            Some(ticks) => embassy_time::Timer::at(embassy_time::Instant::from_ticks(ticks.div_ceil(1000))).await,
            None => pending().await,
        }
    }
}

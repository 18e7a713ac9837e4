//! embedded-hal-async: a clock and a delay make a timer.

use embedded_hal_async::delay::DelayNs;

use super::{Clock, Instant, Timer};

/// A timer made of a [`Clock`] and any embedded-hal-async delay.
///
/// The delay is cloned for each wait, because several waits run at a time. A delay that is too short is repeated: the
/// clock decides.
///
/// # Examples
///
/// ```
/// use socketpool::time::{Clock, DelayTimer, Timer};
/// # use embedded_hal_async::delay::DelayNs;
///
/// fn timer(clock: impl Clock, delay: impl DelayNs + Clone) -> impl Timer {
///     DelayTimer::new(clock, delay)
/// }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct DelayTimer<C, D> {
    clock: C,
    delay: D,
}

impl<C: Clock, D: DelayNs + Clone> DelayTimer<C, D> {
    /// Puts the parts together.
    pub const fn new(clock: C, delay: D) -> Self {
        Self { clock, delay }
    }
}

impl<C: Clock, D> Clock for DelayTimer<C, D> {
    fn now(&self) -> Instant {
        self.clock.now()
    }
}

impl<C: Clock, D: DelayNs + Clone> Timer for DelayTimer<C, D> {
    async fn wait_until(&self, at: Instant) {
        loop {
            let rest = at.as_millis().saturating_sub(self.clock.now().as_millis());
            if rest == 0 {
                return;
            }
            self.delay.clone().delay_ms(u32::try_from(rest).unwrap_or(u32::MAX)).await;
        }
    }
}

//! Trying again what failed for a while, in a way that does not add to the failure.

use core::{fmt, time::Duration};

use super::range::number;
use crate::http::Fields;

/// When to try again, and how long to wait before.
///
/// Without one, a request is sent once (and once more if a kept connection turns out to have been closed). With one, it
/// is sent again
///
/// - when no connection could be made: nothing was sent then;
/// - when the connection broke before any of an answer arrived, or the answer is 429 or 503 (with
///   [`on_gateway_errors`](Self::on_gateway_errors) also 502 or 504), if the method is idempotent (RFC 9110 §9.2.2) or
///   the request is marked [`repeatable`](super::RequestBuilder::repeatable);
///
/// and, in any case, only if the body can be sent again. When the attempts are used up, the last answer or error is what
/// `send` gives. All attempts and the waits between them lie within the one deadline of the request: a wait that would
/// pass it is not begun.
///
/// Before attempt `n` + 1 the wait is a random time between nothing and `base` · 2ⁿ⁻¹, at most `cap` ("full jitter"): after
/// an outage, devices that lost their connection together come back spread out. If the server says how long to wait
/// (`Retry-After`, in seconds, or as a date next to the `Date` of the answer), that is waited first.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use socketpool::requests::Retry;
/// # fn random_u32() -> u32 { 4 }
///
/// let retry = Retry::new(5, &random_u32).base(Duration::from_millis(500)).cap(Duration::from_secs(20));
/// # let _ = retry;
/// ```
///
/// `examples/retry_storm.rs` shows what a hundred thousand devices do to a server with this and without.
#[derive(Clone, Copy)]
pub struct Retry<'r> {
    pub(crate) attempts: u8,
    random: &'r dyn Fn() -> u32,
    backoff: Backoff,
    gateway_errors: bool,
    /// [`Backoff::wait`], through a pointer: a program that makes no `Retry` links none of it.
    wait: fn(Backoff, u8, u32, Fields<'_>) -> Duration,
}

/// How long to wait.
#[derive(Debug, Clone, Copy)]
struct Backoff {
    base: Duration,
    cap: Duration,
}

impl<'r> Retry<'r> {
    /// At most so many attempts, the first one included. `random` gives random numbers; where devices start alike,
    /// their numbers must differ all the same.
    ///
    /// `base` is one second and `cap` a minute unless you say otherwise.
    #[must_use]
    pub const fn new(attempts: u8, random: &'r dyn Fn() -> u32) -> Self {
        let backoff = Backoff { base: Duration::from_secs(1), cap: Duration::from_secs(60) };
        Self { attempts, random, backoff, gateway_errors: false, wait: Backoff::wait }
    }

    /// The longest wait before the second attempt; it doubles with each one after.
    #[must_use]
    pub const fn base(mut self, base: Duration) -> Self {
        self.backoff.base = base;
        self
    }

    /// The longest wait of all, but for what the server asks for.
    #[must_use]
    pub const fn cap(mut self, cap: Duration) -> Self {
        self.backoff.cap = cap;
        self
    }

    /// Tries again also when a gateway answers that the server behind it does not (502, 504).
    #[must_use]
    pub const fn on_gateway_errors(mut self) -> Self {
        self.gateway_errors = true;
        self
    }

    /// How long to wait after so many attempts.
    ///
    /// # Examples
    ///
    /// ```
    /// use core::time::Duration;
    /// use socketpool::requests::Retry;
    ///
    /// let retry = Retry::new(9, &|| u32::MAX); // the longest there can be
    /// assert_eq!(retry.delay(1), Duration::from_secs(1));
    /// assert_eq!(retry.delay(4), Duration::from_secs(8));
    /// assert_eq!(retry.delay(200), Duration::from_secs(60));
    /// ```
    #[must_use]
    pub fn delay(&self, attempts: u8) -> Duration {
        self.backoff.delay(attempts, (self.random)())
    }

    /// How long to wait after so many attempts, the last of which was answered with these fields.
    pub(crate) fn wait_after(&self, attempts: u8, answer: Fields<'_>) -> Duration {
        (self.wait)(self.backoff, attempts, (self.random)(), answer)
    }

    pub(crate) fn is_for_status(&self, status: u16) -> bool {
        matches!(status, 429 | 503) || (self.gateway_errors && matches!(status, 502 | 504))
    }
}

impl Backoff {
    fn wait(self, attempts: u8, random: u32, answer: Fields<'_>) -> Duration {
        asked_for(answer).saturating_add(self.delay(attempts, random))
    }

    fn delay(self, attempts: u8, random: u32) -> Duration {
        let doublings = u32::from(attempts.saturating_sub(1)).min(31);
        let longest = self.base.saturating_mul(1 << doublings).min(self.cap);
        let longest = u64::try_from(longest.as_millis()).unwrap_or(u64::MAX).min(u64::from(u32::MAX));
        // 0 to `longest`, both possible.
        Duration::from_millis(((longest + 1) * u64::from(random)) >> 32)
    }
}

impl fmt::Debug for Retry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { attempts, backoff: Backoff { base, cap }, .. } = self;
        f.debug_struct("Retry")
            .field("attempts", attempts)
            .field("base", base)
            .field("cap", cap)
            .finish_non_exhaustive()
    }
}

/// How long the server asks to wait (RFC 9110 §10.2.3). A date is measured from the answer's own `Date`, so that no clock
/// of ours is needed.
fn asked_for(fields: Fields<'_>) -> Duration {
    let seconds = |text: &str| {
        let until = date(text)?;
        until.checked_sub(date(fields.get_str("date")?)?)
    };
    let asked = fields.get_str("retry-after").and_then(|text| number(text).or_else(|| seconds(text)));
    Duration::from_secs(asked.unwrap_or(0))
}

/// An HTTP date in its one form that is not obsolete, `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7), in seconds since
/// the year 0. What day of the week it was is not checked.
fn date(text: &str) -> Option<u64> {
    // From March on, so that a leap day is the last of its year.
    const MONTHS: [&str; 12] = ["Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "Jan", "Feb"];
    let [day, month, year, time, "GMT"] = words(text.get(5..)?)? else { return None };
    let [hour, minute, second] = words_by(time, ':')?;
    let two = |text: &str| number(text).filter(|_| text.len() == 2);
    let month = MONTHS.iter().position(|name| *name == month)? as u64;
    let year = number(year).filter(|_| year.len() == 4)?.checked_sub(u64::from(month > 9))?;
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + two(day)?;
    Some(days * 86_400 + two(hour)? * 3600 + two(minute)? * 60 + two(second)?)
}

/// The words of a text, if there are exactly so many.
fn words<const N: usize>(text: &str) -> Option<[&str; N]> {
    words_by(text, ' ')
}

fn words_by<const N: usize>(text: &str, separator: char) -> Option<[&str; N]> {
    let mut words = text.split(separator);
    let mut found = [""; N];
    for place in &mut found {
        *place = words.next()?;
    }
    words.next().is_none().then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;

    #[test]
    fn a_server_may_ask_for_seconds_or_until_a_date() {
        let asked = |fields: &str| asked_for(Fields::new(fields.as_bytes())).as_secs();
        let date = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
        for (fields, seconds) in [
            ("Retry-After: 120\r\n", 120),
            ("", 0),
            ("Retry-After: -1\r\n", 0),
            ("Retry-After: soon\r\n", 0),
            ("Retry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n", 0),
        ] {
            assert_eq!(asked(fields), seconds, "{fields}");
        }
        for (until, seconds) in [
            ("Sun, 06 Nov 1994 08:50:07 GMT", 30),
            ("Mon, 07 Nov 1994 08:49:37 GMT", 86_400),
            ("Wed, 01 Mar 1995 08:49:37 GMT", 115 * 86_400),
            ("Fri, 01 Mar 1996 08:49:37 GMT", 481 * 86_400),
            ("Sun, 06 Nov 1994 08:49:36 GMT", 0),
            ("Sunday, 06-Nov-94 08:50:07 GMT", 0),
            ("Sun, 06 Nov 1994 08:50:07 CET", 0),
            ("Sun, 06 Foo 1994 08:50:07 GMT", 0),
            ("Sun, 06 Nov 1994 08:50 GMT", 0),
        ] {
            assert_eq!(asked(&format!("{date}Retry-After: {until}\r\n")), seconds, "{until}");
        }
    }
}

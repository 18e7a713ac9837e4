//! Trying again what failed for a while, in a way that does not add to the failure.

use core::{fmt, time::Duration};

use crate::{date::days, http::Fields};

/// When to try again, and how long to wait before.
///
/// Without one, a request is sent once (and once more if a kept connection turns out to have been closed). With one, it
/// is sent again
///
/// - when no connection could be made: nothing was sent then;
/// - when the connection broke before any of a response arrived, or the response is 429 or 503 (with
///   [`on_gateway_errors`](Self::on_gateway_errors) also 502 or 504), if the method is idempotent (RFC 9110 §9.2.2) or
///   the request is marked [`repeatable`](super::RequestBuilder::repeatable);
///
/// and, in any case, only if the body can be sent again. When the attempts are used up, the last response or error is what
/// `send` gives. All attempts and the waits between them lie within the one deadline of the request: a wait that would
/// pass it is not begun, and the response or error there is stands.
///
/// Before attempt `n` + 1 the wait is a random time between nothing and `base` · 2ⁿ⁻¹, at most `cap` ("full jitter"): after
/// an outage, devices that lost their connection together come back spread out. If the server says how long to wait
/// (`Retry-After`, RFC 9110 §10.2.3, in seconds, or as a date next to the `Date` of the response), that is waited first. If
/// it asks for more than `cap`, it is not asked again: the response is what `send` gives, and its `Retry-After` says when.
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
    wait: fn(Backoff, u8, u32, Fields<'_>) -> Option<Duration>,
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

    /// The longest wait, of those that double and of those that the server asks for: if it asks for more, its response
    /// is final.
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

    /// How long to wait after so many attempts, the last of which got a response with these fields; `None` if that is too
    /// long.
    pub(crate) fn wait_after(&self, attempts: u8, answer: Fields<'_>) -> Option<Duration> {
        (self.wait)(self.backoff, attempts, (self.random)(), answer)
    }

    pub(crate) fn is_for_status(&self, status: u16) -> bool {
        matches!(status, 429 | 503) || (self.gateway_errors && matches!(status, 502 | 504))
    }
}

impl Backoff {
    fn wait(self, attempts: u8, random: u32, answer: Fields<'_>) -> Option<Duration> {
        let asked = asked_for(answer);
        (asked <= self.cap).then(|| asked.saturating_add(self.delay(attempts, random)))
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

/// How long the server asks to wait (RFC 9110 §10.2.3): the longest there is if it is too long to count, nothing if it does
/// not ask. A date is measured from the response's own `Date`, so that no clock of ours is needed.
fn asked_for(fields: Fields<'_>) -> Duration {
    let seconds = |text: &[u8]| {
        let now = date(fields.get("date")?, None)?;
        date(text, Some(now.year)).map(|until| until.seconds.saturating_sub(now.seconds))
    };
    let asked = fields.get("retry-after").and_then(|text| delay_seconds(text).or_else(|| seconds(text)));
    Duration::from_secs(asked.unwrap_or(0))
}

/// `delay-seconds` of RFC 9110 §10.2.3: digits, as large as they like.
fn delay_seconds(text: &[u8]) -> Option<u64> {
    let is_number = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    is_number
        .then(|| text.iter().fold(0, |sum: u64, digit| sum.saturating_mul(10).saturating_add((digit - b'0').into())))
}

/// A moment, in seconds since some day long ago, and the year it lies in.
struct Date {
    seconds: u64,
    year: u32,
}

/// The year that two digits of a `Date` field are read beside, for want of a clock.
const ABOUT_NOW: u32 = 2026;

/// An HTTP date in one of its three forms (RFC 9110 §5.6.7):
///
/// ```text
/// Sun, 06 Nov 1994 08:49:37 GMT      IMF-fixdate
/// Sunday, 06-Nov-94 08:49:37 GMT     RFC 850
/// Sun Nov  6 08:49:37 1994           asctime
/// ```
///
/// Two digits of a year are those of the last year that ends in them and is not more than 50 years after `near`. What day
/// of the week it was is not checked.
fn date(text: &[u8], near: Option<u32>) -> Option<Date> {
    const MONTHS: &[u8; 36] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
    let mut words = text.split(|byte| matches!(byte, b' ' | b',' | b'-' | b':')).filter(|word| !word.is_empty());
    let words: [&[u8]; 8] = core::array::from_fn(|_| words.next().unwrap_or_default());
    let is_asctime = !text.contains(&b',');
    let ([_, day, month, year, hour, minute, second, zone], [_, b, a, h, m, s, y, nothing]) = (words, words);
    let (day, month, year, hour, minute, second, zone) =
        if is_asctime { (a, b, y, h, m, s, nothing) } else { (day, month, year, hour, minute, second, zone) };
    let number = |text: &[u8], digits: usize| delay_seconds(text).filter(|_| text.len() == digits)?.try_into().ok();
    let day = number(day, 2).or_else(|| number(day, 1).filter(|_| is_asctime))?;
    let month = MONTHS.chunks(3).zip(1..).find(|(name, _)| *name == month)?.1;
    let year = match number(year, 4) {
        Some(year) => year,
        None => {
            let latest: u32 = near.unwrap_or(ABOUT_NOW) + 50;
            latest - (latest + 100 - number(year, 2).filter(|_| !is_asctime)?) % 100
        }
    };
    let (hour, minute, second) = (number(hour, 2)?, number(minute, 2)?, number(second, 2)?);
    let is_valid = hour < 24 && minute < 60 && second <= 60 && zone == if is_asctime { &b""[..] } else { b"GMT" };
    let days = days(year, month, day).filter(|_| is_valid)?;
    Some(Date { seconds: u64::from(days) * 86_400 + u64::from(hour * 3600 + minute * 60 + second), year })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;

    fn asked(fields: &str) -> u64 {
        asked_for(Fields::new(fields.as_bytes())).as_secs()
    }

    /// RFC 9110 §10.2.3.
    #[test]
    fn a_server_may_ask_for_seconds() {
        for (value, seconds) in [
            ("120", 120),
            ("0", 0),
            ("00007", 7),
            ("18446744073709551615", u64::MAX),
            ("18446744073709551616", u64::MAX),
            ("100000000000000000000000", u64::MAX),
            ("-1", 0),
            ("+1", 0),
            ("1.5", 0),
            ("soon", 0),
            ("", 0),
            // Without a Date beside it, a date says nothing.
            ("Sun, 06 Nov 1994 08:49:37 GMT", 0),
        ] {
            assert_eq!(asked(&format!("Retry-After: {value}\r\n")), seconds, "{value}");
        }
        assert_eq!(asked(""), 0);
    }

    /// RFC 9110 §5.6.7: all three forms, in either field.
    #[test]
    fn a_server_may_ask_to_wait_until_a_date_in_three_forms() {
        let nows = ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"];
        for now in nows {
            for (until, seconds) in [
                ("Sun, 06 Nov 1994 08:50:07 GMT", 30),
                ("Sunday, 06-Nov-94 08:50:07 GMT", 30),
                ("Sun Nov  6 08:50:07 1994", 30),
                ("Sun Nov 06 08:50:07 1994", 30),
                ("Mon, 07 Nov 1994 08:49:37 GMT", 86_400),
                ("Monday, 07-Nov-94 08:49:37 GMT", 86_400),
                ("Wed, 16 Nov 1994 08:49:37 GMT", 10 * 86_400),
                ("Wed Nov 16 08:49:37 1994", 10 * 86_400),
                ("Wed, 01 Mar 1995 08:49:37 GMT", 115 * 86_400),
                ("Fri, 01 Mar 1996 08:49:37 GMT", 481 * 86_400),
                // A leap second, and the past.
                ("Sun, 06 Nov 1994 08:49:60 GMT", 23),
                ("Sun, 06 Nov 1994 08:49:36 GMT", 0),
                // Two digits: not more than 50 years ahead, or else the past.
                ("Tuesday, 01-Nov-44 08:49:37 GMT", (50 * 365 + 13) * 86_400 - 5 * 86_400),
                ("Tuesday, 01-Nov-45 08:49:37 GMT", 0),
                ("Friday, 01-Jan-99 00:00:00 GMT", 1516 * 86_400 + 54_623),
                ("Saturday, 01-Jan-00 00:00:00 GMT", 1881 * 86_400 + 54_623),
                // None of the three.
                ("Sun, 06 Nov 1994 08:50:07 CET", 0),
                ("Sun, 06 Nov 1994 08:50:07", 0),
                ("Sun Nov  6 08:50:07 1994 GMT", 0),
                ("Sun Nov  6 08:50:07 94", 0),
                ("Sun, 6 Nov 1994 08:50:07 GMT", 0),
                ("Sun, 06 Foo 1994 08:50:07 GMT", 0),
                ("Sun, 06 nov 1994 08:50:07 GMT", 0),
                ("Sun, 06 Nov 1994 08:50 GMT", 0),
                ("Sun, 06 Nov 1994 24:00:00 GMT", 0),
                ("Sun, 06 Nov 1994 08:60:07 GMT", 0),
                ("Sun, 31 Nov 1994 08:50:07 GMT", 0),
                ("Sun, 00 Nov 1994 08:50:07 GMT", 0),
                ("Sun, 06 Nov 99999 08:50:07 GMT", 0),
                ("Sun, 06 Nov 99999999999999999999 08:50:07 GMT", 0),
                (",,,,,,,,,,", 0),
            ] {
                assert_eq!(asked(&format!("Date: {now}\r\nRetry-After: {until}\r\n")), seconds, "{now}: {until}");
            }
        }
    }

    #[test]
    fn two_digits_of_a_year_are_read_beside_another() {
        let year = |digits: &str, near| date(format!("Sunday, 06-Nov-{digits} 08:49:37 GMT").as_bytes(), near);
        for (digits, near, wanted) in [
            ("94", None, 1994),
            ("26", None, 2026),
            ("76", None, 2076),
            ("77", None, 1977),
            ("00", Some(1999), 2000),
            ("50", Some(2000), 2050),
            ("51", Some(2000), 1951),
            ("00", Some(2050), 2100),
        ] {
            assert_eq!(year(digits, near).expect("a date").year, wanted, "{digits} near {near:?}");
        }
    }

    #[test]
    fn no_wait_is_longer_than_the_cap_and_the_jitter() {
        let wait = |seconds: &str, cap| {
            let fields = format!("Retry-After: {seconds}\r\n");
            let retry = Retry::new(9, &|| 0).cap(Duration::from_secs(cap));
            retry.wait_after(1, Fields::new(fields.as_bytes())).map(|wait| wait.as_secs())
        };
        assert_eq!(wait("60", 60), Some(60));
        assert_eq!(wait("61", 60), None);
        assert_eq!(wait("100000000000000000000000", u64::MAX), Some(u64::MAX));
        assert_eq!(wait("100000000000000000000000", 60), None);
    }
}

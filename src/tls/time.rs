//! The date that certificates are checked against, and what to do on a device that does not know it.
//!
//! A certificate is valid from one date to another, so a device that does not know the date can tell an expired certificate,
//! whose key may have been stolen since, from a valid one no more. A microcontroller starts without knowing the date.
//! The rule here: no date, no handshake, and [`TlsError::TimeUnknown`](super::TlsError::TimeUnknown) says what to do
//! about it. There are four ways, the best first:
//!
//! 1. **A clock with a battery** (RTC), set in the factory or by hand: [`Now::Trusted`]. So is GNSS, if nothing can be
//!    expected to forge it, and whatever your own server signed. A clock whose battery died says 1970 or 2000; any date
//!    before the *floor* is taken as not known.
//! 2. **Two time servers**: `pool.sync_time(&clock, ["…", "…"], &mut random)` sets a [`WallClock`] to [`Now::AtLeast`].
//! 3. **The floor alone**, with [`TimePolicy::FloorOnly`], for a device that can do neither and whose owner accepts
//!    what that means.
//! 4. **Pins instead of the chain**, for a server of your own: the dates of its certificate count here too, so it needs
//!    one of the other ways as well.
//!
//! The floor is the date of this crate's release, [`RELEASE_DATE`], or the later date that you give
//! [`TlsContext::floor`](super::TlsContext::floor): no clock that is right says a date before it.
//!
//! # What is checked
//!
//! | the clock says | [`TimePolicy::Strict`] (default) | [`TimePolicy::FloorOnly`] |
//! |---|---|---|
//! | `Trusted(t)` | both dates against `t` | both dates against `t` |
//! | `AtLeast(t)` | both dates against `t` | only the end, against `t` |
//! | `Unknown`, or any date before the floor | refused | only the end, against the floor |
//!
//! Under the strict policy a date that is only a lower bound is checked like the truth, at both ends. For the end that
//! is all one can do. For the start it is more than one must: a certificate that starts after `t` may well be valid by
//! now. But a clock that was set back, to revive an old certificate, refuses every newer one this way, which does
//! not go unnoticed; and a clock that is merely late is mended by asking again.
//!
//! # What time servers are worth
//! SNTP is not authenticated. An attacker between the device and *both* servers (its access point, its provider) can set
//! the clock to any date between the floor and ten years after it. With that they can
//! - make certificates look expired: connections are refused, as they could have been anyway;
//! - revive certificates that expired after the floor, if they have the key of one.
//!
//! They can not get a certificate accepted that no authority issued, for another name, from another authority, or that
//! expired before the floor. That is why the floor is worth keeping up to date, and why the reply is called
//! [`Now::AtLeast`]. An attacker who cannot read the requests can do nothing at all: a reply has to bring back 64 random
//! bits. One server that is wrong is found out: two have to agree within five seconds.
//!
//! The date only ever goes forward by [`raise`](WallClock::raise), and never replaces a trusted one. A date that was
//! forged too late therefore stays until the clock is [set](WallClock::set) or the device restarts.
//!
//! # Examples
//!
//! From power-up to the first verified request. The blocking face is the same without `.await`.
//!
//! ```
//! use socketpool::{Resources, SocketPool, tls::{Now, TlsContext, TimeSource, WallClock}};
//! # use socketpool::{mock::{Peer, Script, Step, block_on}, tls::RELEASE_DATE, time::{Clock, Instant}};
//! # let mut answer = [0; 48]; // version 4, from a server; stratum 2; our random bits; a time
//! # (answer[0], answer[1]) = (0x24, 2);
//! # answer[24..32].copy_from_slice(b"8 random");
//! # answer[40..44].copy_from_slice(&(((RELEASE_DATE + 1000 + 2_208_988_800) & 0xffff_ffff) as u32).to_be_bytes());
//! # let steps = [Step::Receive(&[0x23]), Step::Send(&answer)];
//! # let peers = [Peer::udp("time.one.example", 123, &steps), Peer::udp("time.two.example", 123, &steps)];
//! # let script = Script::new(&peers);
//! # let (mut network, mut memory) = (script.network(), Resources::<1, 1>::new());
//! # struct Ticks;
//! # impl Clock for Ticks { fn now(&self) -> Instant { Instant::from_millis(5) } }
//! # let monotonic = Ticks;
//! # let mut rng = |bytes: &mut [u8]| bytes.copy_from_slice(b"8 random");
//!
//! let clock = WallClock::new(monotonic); // counts on from what it was set to
//! assert_eq!(clock.now(), Now::Unknown);
//! let pool = SocketPool::new(&mut network, &mut memory);
//! # block_on(async {
//! pool.sync_time(&clock, ["time.one.example", "time.two.example"], &mut rng).await?;
//! # Ok::<_, socketpool::Error>(())
//! # }).unwrap();
//! assert!(matches!(clock.now(), Now::AtLeast(_)));
//! let tls = TlsContext::new(rng, &clock); // from now on, certificates can be checked
//! ```
//!
//! A clock with a battery needs no `WallClock`: `TlsContext::new(rng, || Now::Trusted(rtc.read()))`.
//!
//! # Not supported
//! Remembering over a restart the latest date that was seen (keep it yourself and [`raise`](WallClock::raise) the clock
//! with it), authenticated time (NTS, Roughtime), leap seconds (one is a second's error).

use core::{cell::Cell, fmt, time::Duration};

use rustls_pki_types::UnixTime;

use super::verify::TimePolicy;
use crate::time::{Clock, Instant};

/// The date of this crate's release, in seconds since 1970-01-01 UTC: 1 November 2026. No date before it is believed.
///
/// To be moved with every release, to a day that is past; a test fails when it is a year old.
pub const RELEASE_DATE: u64 = 1_793_491_200;

/// What a [`TimeSource`] knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Now {
    /// This is the date, from a source you trust.
    Trusted(UnixTime),
    /// This is the date or it is later, as far as one can know: time servers said so, or it was the date once. The
    /// [module page](self) tells what is checked then.
    AtLeast(UnixTime),
    /// The date is not known. Every handshake is refused then, with [`TlsError::TimeUnknown`](super::TlsError), unless
    /// the policy is [`TimePolicy::FloorOnly`].
    Unknown,
}

impl Now {
    /// This, or [`Unknown`](Self::Unknown) if it is before the floor.
    fn from(self, floor: UnixTime) -> Self {
        match self {
            Self::Trusted(date) | Self::AtLeast(date) if date < floor => Self::Unknown,
            now => now,
        }
    }

    /// The date to check certificates against, and how; `None` if they cannot be checked.
    pub(crate) fn judged(self, policy: TimePolicy, floor: UnixTime) -> Option<(UnixTime, TimePolicy)> {
        match (self.from(floor), policy) {
            (Self::Trusted(date), _) | (Self::AtLeast(date), TimePolicy::Strict) => Some((date, TimePolicy::Strict)),
            (Self::AtLeast(date), TimePolicy::FloorOnly) => Some((date, policy)),
            (Self::Unknown, TimePolicy::FloorOnly) => Some((floor, policy)),
            (Self::Unknown, TimePolicy::Strict) => None,
        }
    }
}

/// Tells the date. A closure will do, `|| Now::Trusted(…)`, and a [`WallClock`] by reference.
///
/// A microcontroller starts without knowing the date. Until it does (from a battery-backed clock, or time servers) the
/// answer is [`Now::Unknown`], and no certificate is accepted: an expired one could not be told from a valid one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not tell the date",
    label = "not a `socketpool::tls::TimeSource`",
    note = "a closure will do: `|| Now::Trusted(…)`; so does a `&WallClock`, which `sync_time` sets"
)]
pub trait TimeSource {
    /// The date now.
    fn now(&self) -> Now;
}

impl<F: Fn() -> Now> TimeSource for F {
    fn now(&self) -> Now {
        self()
    }
}

/// A clock for the wall made of a monotonic one: it is set once in a while, and counts on from there.
///
/// It is set through a shared reference, so that a `TlsContext` can have it meanwhile. It counts only what the monotonic
/// clock counts: if that stops while the device sleeps, set it again after waking up, or it is late.
pub struct WallClock<C> {
    monotonic: C,
    /// What it was set to, and when.
    set: Cell<(Now, Instant)>,
}

impl<C: Clock> WallClock<C> {
    /// A clock that does not know the date yet.
    #[must_use]
    pub const fn new(monotonic: C) -> Self {
        Self { monotonic, set: Cell::new((Now::Unknown, Instant::from_millis(0))) }
    }

    /// Sets it, whatever it was set to before: [`Now::Trusted`] from a source you trust, [`Now::Unknown`] to start anew.
    pub fn set(&self, now: Now) {
        self.set.set((now, self.monotonic.now()));
    }

    /// Sets it to at least this date, from a source that you do not trust to be right. Never sets it back, and leaves a
    /// trusted date as it is (but not one before [`RELEASE_DATE`], which is not believed).
    pub fn raise(&self, at_least: UnixTime) {
        let floor = UnixTime::since_unix_epoch(Duration::from_secs(RELEASE_DATE));
        match self.now().from(floor) {
            Now::Trusted(_) => debug!("clock: the date is known already"),
            Now::AtLeast(date) if date >= at_least => debug!("clock: never set back"),
            _ => self.set(Now::AtLeast(at_least)),
        }
    }
}

impl<C: Clock> TimeSource for WallClock<C> {
    fn now(&self) -> Now {
        let (set, at) = self.set.get();
        let passed = Duration::from_millis(self.monotonic.now().as_millis().saturating_sub(at.as_millis()));
        let later = |date: UnixTime| {
            UnixTime::since_unix_epoch(Duration::from_secs(date.as_secs().saturating_add(passed.as_secs())))
        };
        match set {
            Now::Trusted(date) => Now::Trusted(later(date)),
            Now::AtLeast(date) => Now::AtLeast(later(date)),
            Now::Unknown => Now::Unknown,
        }
    }
}

impl<C: Clock> TimeSource for &WallClock<C> {
    fn now(&self) -> Now {
        (**self).now()
    }
}

impl<C> fmt::Debug for WallClock<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WallClock").field("set", &self.set.get()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn the_release_date_is_past_and_not_older_than_a_year() {
        let today = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_secs();
        assert!(RELEASE_DATE <= today, "the release date is in the future");
        assert!(today - RELEASE_DATE < 366 * 24 * 60 * 60, "move tls::RELEASE_DATE to this release");
    }

    const fn at(seconds: u64) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(seconds))
    }

    #[test]
    fn the_table_of_the_module_page() {
        use Now::{AtLeast, Trusted, Unknown};
        use TimePolicy::{FloorOnly, Strict};
        let (early, floor, late) = (at(946_684_800), at(RELEASE_DATE), at(RELEASE_DATE + 9));
        for (now, policy, wanted) in [
            (Trusted(late), Strict, Some((late, Strict))),
            (Trusted(floor), Strict, Some((floor, Strict))),
            (AtLeast(late), Strict, Some((late, Strict))),
            (Trusted(early), Strict, None),
            (AtLeast(early), Strict, None),
            (Unknown, Strict, None),
            (Trusted(late), FloorOnly, Some((late, Strict))),
            (AtLeast(late), FloorOnly, Some((late, FloorOnly))),
            (Trusted(early), FloorOnly, Some((floor, FloorOnly))),
            (AtLeast(early), FloorOnly, Some((floor, FloorOnly))),
            (Unknown, FloorOnly, Some((floor, FloorOnly))),
        ] {
            assert_eq!(now.judged(policy, floor), wanted, "{now:?} under {policy:?}");
        }
    }

    #[test]
    fn a_wall_clock_counts_on_and_is_never_set_back() {
        struct Ticks(Cell<u64>);
        impl Clock for Ticks {
            fn now(&self) -> Instant {
                Instant::from_millis(self.0.get())
            }
        }
        let ticks = Ticks(Cell::new(40));
        let clock = WallClock::new(&ticks);
        let day = RELEASE_DATE + 86_400;
        assert_eq!(clock.now(), Now::Unknown);
        clock.raise(at(day));
        ticks.0.set(10_039);
        assert_eq!(clock.now(), Now::AtLeast(at(day + 9)));
        clock.raise(at(day + 8));
        assert_eq!(clock.now(), Now::AtLeast(at(day + 9)));
        clock.set(Now::Trusted(at(day)));
        clock.raise(at(day + 100));
        assert_eq!(clock.now(), Now::Trusted(at(day)));
        clock.set(Now::Trusted(at(946_684_800)));
        clock.raise(at(day));
        assert_eq!(clock.now(), Now::AtLeast(at(day)), "a dead battery is no trusted source");
        ticks.0.set(u64::MAX);
        assert!(matches!(clock.now(), Now::AtLeast(_)));
        clock.set(Now::Unknown);
        assert_eq!(clock.now(), Now::Unknown);
    }
}

//! The date that certificates are checked against.

use rustls_pki_types::UnixTime;

/// What a [`TimeSource`] knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Now {
    /// This is the date, from a source you trust.
    Trusted(UnixTime),
    /// The date is not known. Every handshake is refused then, with [`TlsError::TimeUnknown`](super::TlsError).
    Unknown,
}

/// Tells the date. A closure will do: `|| Now::Trusted(…)`.
///
/// A microcontroller starts without knowing the date. Until it does (from a battery-backed clock, or a time server)
/// the answer is [`Now::Unknown`], and no certificate is accepted: an expired one could not be told from a valid one.
pub trait TimeSource {
    /// The date now.
    fn now(&self) -> Now;
}

impl<F: Fn() -> Now> TimeSource for F {
    fn now(&self) -> Now {
        self()
    }
}

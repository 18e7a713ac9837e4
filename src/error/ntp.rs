//! Why a reply of a time server cannot be used.

use core::fmt;

use super::Blame;

/// Why a reply of a time server, or two of them together, cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SntpError {
    /// Shorter than [`PACKET_LEN`](crate::ntp::PACKET_LEN).
    Short,
    /// It does not bring our random bits back: not the reply to this request, and perhaps forged.
    Origin,
    /// Not from a server (mode 4).
    Mode,
    /// Not of version 4.
    Version,
    /// A "kiss of death" with this code (RFC 5905 §7.4): the server does not want to be asked. `RATE`: less often;
    /// `DENY` and `RSTR`: not at all.
    KissOfDeath([u8; 4]),
    /// The server says that it does not know the time.
    Unsynchronized,
    /// The server gave no time.
    NoTime,
    /// The time lies before the floor or too far behind it: the server is wrong, or lies, or this firmware is older than
    /// [`WINDOW`](crate::ntp::WINDOW).
    OutOfRange,
    /// The two servers are further apart than [`AGREEMENT`](crate::ntp::AGREEMENT): at least one is wrong or lies.
    Disagreement {
        /// How many seconds apart.
        seconds: u32,
    },
    /// Both names lead to one server: name another.
    SameServer,
}

impl SntpError {
    /// Whose move it is.
    #[must_use]
    pub const fn blame(&self) -> Blame {
        match self {
            Self::SameServer => Blame::Caller,
            _ => Blame::Peer,
        }
    }
}

impl fmt::Display for SntpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Short => "the time server's answer is too short",
            Self::Origin => "not the answer to the request that the time server was sent",
            Self::Mode => "the answer is not that of a time server",
            Self::Version => "the time server's answer is not of version 4",
            Self::KissOfDeath(code) => {
                f.write_str("the time server does not want to be asked: ")?;
                return code.escape_ascii().fmt(f);
            }
            Self::Unsynchronized => "the time server does not know the time",
            Self::NoTime => "the time server gave no time",
            Self::OutOfRange => "the time server's time is before this crate's release, or ten years after it",
            Self::Disagreement { seconds } => return write!(f, "the time servers are {seconds} seconds apart"),
            Self::SameServer => "both names lead to one time server: name another",
        })
    }
}

impl core::error::Error for SntpError {}

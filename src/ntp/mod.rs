//! SNTP, the simple way to ask a time server for the date (RFC 5905 §14, RFC 4330): the packets, with no I/O.
//!
//! One datagram of 48 bytes goes out, one comes back. [`Request`] makes the first and judges the second. With the
//! feature `tls`, `SocketPool::sync_time` does all of it in one call, with two servers; the page of `tls::time` has the
//! whole story.
//!
//! # What an answer is worth
//! SNTP is not authenticated: an attacker who can read the request can reply to it with any time. The request carries 64 random
//! bits that the reply has to bring back, so an attacker who can *not* read it has to guess them. A reply is only taken
//! within [`WINDOW`] after a date that is known to be past, the *floor*.
//!
//! # Examples
//!
//! ```
//! use socketpool::ntp::{PACKET_LEN, Request, SntpError};
//!
//! let request = Request::new(0x0123_4567_89ab_cdef); // random, each time anew
//! assert_eq!(request.packet()[0], 0x23); // version 4, from a client
//!
//! // What a server sends back: itself, stratum 2, the random bits, and its time.
//! let mut answer = [0; PACKET_LEN];
//! answer[0] = 0x24;
//! answer[1] = 2;
//! answer[24..32].copy_from_slice(&request.packet()[40..48]);
//! answer[40..44].copy_from_slice(&4_010_342_400_u32.to_be_bytes());
//!
//! let floor = 1_793_491_200; // 1 November 2026
//! assert_eq!(request.read(&answer, floor).unwrap().time.as_secs(), 1_801_353_600); // 31 January 2027
//! assert_eq!(Request::new(7).read(&answer, floor), Err(SntpError::Origin));
//! ```
//!
//! # Not supported
//! Measuring how long the packets took (the time is late by the way of the reply: fractions of a second),
//! authentication (NTS, RFC 8915), being a server.

#[cfg(feature = "tls")]
mod client;

use core::{fmt, time::Duration};

pub use crate::error::ntp::SntpError;

/// The UDP port of time servers.
pub const PORT: u16 = 123;

/// Bytes of a request, and of a reply without extensions.
pub const PACKET_LEN: usize = 48;

/// How long after the floor a time may lie: ten years.
pub const WINDOW: Duration = Duration::from_secs(3653 * 24 * 60 * 60);

/// How far apart two servers may be and still agree: five seconds.
pub const AGREEMENT: Duration = Duration::from_secs(5);

/// Seconds from the start of NTP's first era, 1900, to 1970.
const ERA_TO_UNIX: u64 = 2_208_988_800;

/// One request to one server. A request that is sent again is a new one.
#[derive(Clone, Copy)]
pub struct Request {
    nonce: u64,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").finish_non_exhaustive()
    }
}

/// What a server replied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Reply {
    /// The time when the reply left, since 1970-01-01 UTC.
    pub time: Duration,
    /// How far the server is from a clock of reference: 1 has one itself. At most 15.
    pub stratum: u8,
}

impl Request {
    /// A request with these 64 random bits, which no other party must be able to guess.
    #[must_use]
    pub const fn new(nonce: u64) -> Self {
        Self { nonce }
    }

    /// The datagram to send. It says nothing about the client but the version: where its own time would stand, there are
    /// the random bits.
    #[must_use]
    pub fn packet(&self) -> [u8; PACKET_LEN] {
        let mut packet = [0; PACKET_LEN];
        packet[0] = 0b00_100_011; // no leap second, version 4, client
        packet[40..48].copy_from_slice(&self.nonce.to_be_bytes());
        packet
    }

    /// Judges what came back. `floor`, in seconds since 1970-01-01 UTC, is a date that is past: NTP's seconds start
    /// again every 136 years, the next time in 2036, and it tells which of them are meant.
    ///
    /// # Errors
    /// After [`SntpError::Short`] and [`SntpError::Origin`], wait for the real reply: any host can have sent this one. All
    /// others are the word of the server, or of an attacker who can read what it is sent.
    pub fn read(&self, datagram: &[u8], floor: u64) -> Result<Reply, SntpError> {
        let packet: &[u8; PACKET_LEN] = datagram.first_chunk().ok_or(SntpError::Short)?;
        let word = |at: usize| u32::from_be_bytes([packet[at], packet[at + 1], packet[at + 2], packet[at + 3]]);
        let (first, stratum) = (packet[0], packet[1]);
        if (u64::from(word(24)) << 32 | u64::from(word(28))) != self.nonce {
            return Err(SntpError::Origin);
        }
        if first & 0b111 != 4 {
            return Err(SntpError::Mode);
        }
        if (first >> 3) & 0b111 != 4 {
            return Err(SntpError::Version);
        }
        if stratum == 0 {
            return Err(SntpError::KissOfDeath(word(12).to_be_bytes()));
        }
        if first >> 6 == 3 || stratum > 15 {
            return Err(SntpError::Unsynchronized);
        }
        let (seconds, fraction) = (word(40), word(44));
        if (seconds, fraction) == (0, 0) {
            return Err(SntpError::NoTime);
        }
        // The first such second at or after the floor.
        let floor_in_era = (floor.wrapping_add(ERA_TO_UNIX) & u64::from(u32::MAX)) as u32;
        let since_floor = u64::from(seconds.wrapping_sub(floor_in_era));
        if since_floor >= WINDOW.as_secs() {
            return Err(SntpError::OutOfRange);
        }
        let nanos = (u64::from(fraction) * 1_000_000_000) >> 32;
        Ok(Reply { time: Duration::new(floor.saturating_add(since_floor), nanos as u32), stratum })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    const FLOOR: u64 = 1_793_491_200;
    const NONCE: u64 = 0x0123_4567_89ab_cdef;

    fn answer(seconds: u32) -> [u8; PACKET_LEN] {
        let mut packet = [0; PACKET_LEN];
        packet[..4].copy_from_slice(&[0x24, 2, 6, 0xec]);
        packet[24..32].copy_from_slice(&NONCE.to_be_bytes());
        packet[40..44].copy_from_slice(&seconds.to_be_bytes());
        packet[44] = 0x80;
        packet
    }

    fn ntp(unix: u64) -> u32 {
        (unix + ERA_TO_UNIX) as u32
    }

    fn read(packet: &[u8]) -> Result<Reply, SntpError> {
        Request::new(NONCE).read(packet, FLOOR)
    }

    #[test]
    fn the_request_says_nothing_but_the_random_bits() {
        let packet = Request::new(NONCE).packet();
        assert_eq!(packet[0], 0x23);
        assert_eq!(packet[1..40], [0; 39]);
        assert_eq!(packet[40..], NONCE.to_be_bytes());
    }

    #[test]
    fn an_answer_is_read_with_or_without_what_follows() {
        let packet = answer(ntp(FLOOR + 100));
        let time = Duration::from_millis((FLOOR + 100) * 1000 + 500);
        assert_eq!(read(&packet), Ok(Reply { time, stratum: 2 }));
        let mut longer = packet.to_vec();
        longer.extend([0xff; 20]);
        assert_eq!(read(&longer).map(|reply| reply.time), Ok(time));
    }

    #[test]
    fn every_prefix_is_short() {
        let packet = answer(ntp(FLOOR));
        for len in 0..PACKET_LEN {
            assert_eq!(read(&packet[..len]), Err(SntpError::Short));
        }
    }

    #[test]
    fn hostile_answers_are_named() {
        let good = answer(ntp(FLOOR + 1));
        let with = |changes: &[(usize, u8)]| {
            let mut packet = good;
            for (at, byte) in changes {
                packet[*at] = *byte;
            }
            read(&packet)
        };
        assert!(with(&[]).is_ok());
        for (at, byte) in good.iter().enumerate().skip(24).take(8) {
            assert_eq!(with(&[(at, byte ^ 1)]), Err(SntpError::Origin), "byte {at}");
        }
        for mode in (0..8).filter(|mode| *mode != 4) {
            assert_eq!(with(&[(0, 0x20 | mode)]), Err(SntpError::Mode));
        }
        for version in (0..8).filter(|version| *version != 4) {
            assert_eq!(with(&[(0, version << 3 | 4)]), Err(SntpError::Version));
        }
        assert_eq!(with(&[(0, 0xe4)]), Err(SntpError::Unsynchronized));
        for stratum in 16..=255 {
            assert_eq!(with(&[(1, stratum)]), Err(SntpError::Unsynchronized));
        }
        let kiss = with(&[(0, 0xe4), (1, 0), (12, b'R'), (13, b'A'), (14, b'T'), (15, b'E')]);
        assert_eq!(kiss, Err(SntpError::KissOfDeath(*b"RATE")));
        assert!(kiss.unwrap_err().to_string().ends_with(": RATE"));
        let kiss = with(&[(1, 0), (12, 0x1b)]).unwrap_err();
        assert_eq!(kiss.to_string(), r"the time server does not want to be asked: \x1b\x00\x00\x00");
        let mut packet = good;
        packet[40..].fill(0);
        assert_eq!(read(&packet), Err(SntpError::NoTime));
        // Our own request, sent back.
        assert_eq!(read(&Request::new(NONCE).packet()), Err(SntpError::Origin));
    }

    #[test]
    fn only_times_within_the_window_are_taken() {
        let last = FLOOR + WINDOW.as_secs() - 1;
        for (unix, wanted) in [
            (FLOOR, Ok(FLOOR)),
            (last, Ok(last)),
            (last + 1, Err(SntpError::OutOfRange)),
            (FLOOR - 1, Err(SntpError::OutOfRange)),
            (0, Err(SntpError::OutOfRange)),
            (FLOOR + (1 << 31), Err(SntpError::OutOfRange)),
        ] {
            assert_eq!(read(&answer(ntp(unix))).map(|reply| reply.time.as_secs()), wanted, "{unix}");
        }
    }

    #[test]
    fn seconds_go_on_after_2036() {
        let second_era = (1 << 32) - ERA_TO_UNIX; // 2036-02-07 06:28:16 UTC
        assert_eq!(second_era, 2_085_978_496);
        for unix in [second_era - 1, second_era, second_era + 1] {
            assert_eq!(read(&answer(ntp(unix))).map(|reply| reply.time.as_secs()), Ok(unix));
            let later = Request::new(NONCE).read(&answer(ntp(unix + 5)), unix);
            assert_eq!(later.map(|reply| reply.time.as_secs()), Ok(unix + 5), "with a floor at {unix}");
        }
    }
}

//! Which protocols we offer to speak inside TLS.

use core::fmt;

/// The protocols a client offers, the preferred one first (ALPN, RFC 7301), for
/// [`TlsContext::alpn`](super::TlsContext::alpn).
///
/// Some servers speak several protocols on one port and choose by it; [`TlsInfo::alpn`](super::TlsInfo::alpn) tells which
/// one it was. A server that speaks none of them refuses with the
/// alert `no_application_protocol`, or goes on as if nothing had been offered. One that chooses what was not offered is
/// refused ([`TlsError::IllegalParameter`](super::TlsError::IllegalParameter)).
///
/// # Examples
/// ```
/// use socketpool::tls::{Alpn, Now, TlsContext};
///
/// # let (rng, clock) = (|bytes: &mut [u8]| bytes.fill(4), || Now::Unknown);
/// let tls = TlsContext::new(rng, clock).alpn(Alpn::new(&[b"x-amzn-mqtt-ca"])?);
/// # Ok::<(), socketpool::tls::AlpnError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alpn<'a>(pub(crate) &'a [&'a [u8]]);

impl Alpn<'static> {
    /// HTTP/1.1, what this crate speaks.
    pub const HTTP_1_1: Self = Self(&[b"http/1.1"]);
}

impl<'a> Alpn<'a> {
    /// The longest list, in bytes: its names and one more for each.
    pub const MAX_LEN: usize = 512;
    /// The most names in a list.
    pub const MAX_COUNT: usize = 4;

    /// Offers these protocols, by the names that IANA registers.
    ///
    /// # Errors
    /// [`AlpnError`] if there is none, if a name is empty or longer than 255 bytes, if there are too many, or all of
    /// them are too long.
    pub const fn new(protocols: &'a [&'a [u8]]) -> Result<Self, AlpnError> {
        if protocols.len() > Self::MAX_COUNT {
            return Err(AlpnError::TooMany { count: protocols.len() });
        }
        let (mut total, mut i) = (0, 0);
        while i < protocols.len() {
            let len = protocols[i].len();
            if len == 0 || len > 255 {
                return Err(AlpnError::NameLength { len });
            }
            total += 1 + len;
            i += 1;
        }
        match total {
            0 => Err(AlpnError::Empty),
            1..=Self::MAX_LEN => Ok(Self(protocols)),
            len => Err(AlpnError::TooLong { len }),
        }
    }
}

/// Why protocols cannot be offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum AlpnError {
    /// There are no protocols.
    Empty,
    /// A name is empty or longer than 255 bytes.
    NameLength {
        /// Its length in bytes.
        len: usize,
    },
    /// There are more than [`Alpn::MAX_COUNT`].
    TooMany {
        /// How many there are.
        count: usize,
    },
    /// The list is longer than [`Alpn::MAX_LEN`].
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
}

impl fmt::Display for AlpnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("no protocol to offer"),
            Self::NameLength { len } => write!(f, "protocol name has {len} bytes, it can have 1 to 255"),
            Self::TooMany { count } => write!(f, "{count} protocols, there can be {}", Alpn::MAX_COUNT),
            Self::TooLong { len } => write!(f, "protocol names take {len} bytes, they can take {}", Alpn::MAX_LEN),
        }
    }
}

impl core::error::Error for AlpnError {}

//! Where a body ends, and whether the connection may be used again after it.

use super::error::DecodeError;
use super::field::list;
use super::status::StatusCode;

/// How the end of a body is marked (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Framing {
    /// No body, whatever the fields say: the response to HEAD, and 1xx, 204, 304.
    Empty,
    /// This many bytes.
    Length(u64),
    /// In chunks, the last of which is empty.
    Chunked,
    /// Everything until the server closes the connection.
    UntilClose,
}

/// Why the connection must be closed after this response. When several apply, the first of this list is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum CloseReason {
    /// Status 101: what follows on this connection is not HTTP/1.1 (RFC 9110 §15.2.2). This client never asks for that,
    /// so treat the response as a refusal.
    SwitchingProtocols,
    /// The fields contradict each other: Transfer-Encoding (be it `identity`) next to Content-Length, Transfer-Encoding in
    /// HTTP/1.0, or a 204 that announces a body (RFC 9112 §6.1, §6.3). The body is right, but what follows it cannot be
    /// trusted.
    AmbiguousFraming,
    /// The end of the connection is the end of the body.
    UntilClose,
    /// The server said `Connection: close` (RFC 9112 §9.6).
    ServerConnectionClose,
    /// HTTP/1.0, and the server did not say `Connection: keep-alive` (RFC 9112 §9.3).
    Http10,
}

impl core::fmt::Display for CloseReason {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::SwitchingProtocols => "the server switched protocols",
            Self::AmbiguousFraming => "the framing is ambiguous",
            Self::UntilClose => "the body ends with the connection",
            Self::ServerConnectionClose => "the server asked to close",
            Self::Http10 => "HTTP/1.0 without keep-alive",
        })
    }
}

/// Applies RFC 9112 §6.3 (length) and §9.3 (persistence) to a complete head.
pub(super) fn decide(
    status: StatusCode,
    answers_head: bool,
    is_http10: bool,
    facts: &Facts,
) -> Result<(Framing, Option<CloseReason>), DecodeError> {
    let (framing, is_ambiguous) = if answers_head || status.forbids_body() {
        (Framing::Empty, status == StatusCode::NO_CONTENT && facts.announces_body())
    } else {
        match facts.coding {
            Coding::None => (facts.length.framing()?, false),
            // The length counts, and nothing that follows is trusted: a proxy may have read the field otherwise.
            Coding::Identity => (facts.length.framing()?, facts.length != Length::None),
            Coding::Chunked => (Framing::Chunked, is_http10 || facts.length != Length::None),
            Coding::ChunkedNotLast => return Err(DecodeError::ChunkedNotLast),
            Coding::Unsupported => return Err(DecodeError::UnsupportedTransferCoding),
        }
    };
    let close = if status == StatusCode::SWITCHING_PROTOCOLS {
        Some(CloseReason::SwitchingProtocols)
    } else if is_ambiguous {
        Some(CloseReason::AmbiguousFraming)
    } else if framing == Framing::UntilClose {
        Some(CloseReason::UntilClose)
    } else if facts.says_close {
        Some(CloseReason::ServerConnectionClose)
    } else if is_http10 && !facts.says_keep_alive {
        Some(CloseReason::Http10)
    } else {
        None
    };
    Ok((framing, close))
}

/// What the fields say about framing and persistence, gathered field by field and judged at the end: a contradiction about a
/// body that cannot be there does not matter.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    length: Length,
    coding: Coding,
    says_close: bool,
    says_keep_alive: bool,
}

impl Facts {
    /// Takes in one field.
    pub(super) fn note(&mut self, name: &[u8], value: &[u8]) {
        let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
        match name.len() {
            14 if is(b"content-length") => list(value).for_each(|member| self.length.add(member)),
            17 if is(b"transfer-encoding") => {
                list(value).filter(|member| !member.is_empty()).for_each(|member| self.coding.add(member));
                self.coding.seen(value.trim_ascii());
            }
            10 if is(b"connection") => {
                for option in list(value) {
                    self.says_close |= option.eq_ignore_ascii_case(b"close");
                    self.says_keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
                }
            }
            _ => {}
        }
    }

    fn announces_body(&self) -> bool {
        !matches!(self.coding, Coding::None | Coding::Identity)
            || !matches!(self.length, Length::None | Length::Valid(0))
    }
}

/// All the Content-Length values taken together (RFC 9110 §8.6): repeating one is forgiven, anything else is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
enum Length {
    #[default]
    None,
    Valid(u64),
    Invalid,
    Conflicting,
}

impl Length {
    fn add(&mut self, member: &[u8]) {
        *self = match (*self, decimal(member)) {
            (Self::Invalid, _) | (_, None) => Self::Invalid,
            (Self::None, Some(length)) => Self::Valid(length),
            (Self::Valid(before), Some(length)) if before == length => Self::Valid(length),
            (Self::Valid(_) | Self::Conflicting, Some(_)) => Self::Conflicting,
        }
    }

    fn framing(self) -> Result<Framing, DecodeError> {
        match self {
            Self::None => Ok(Framing::UntilClose),
            Self::Valid(length) => Ok(Framing::Length(length)),
            Self::Invalid => Err(DecodeError::InvalidContentLength),
            Self::Conflicting => Err(DecodeError::ConflictingContentLength),
        }
    }
}

/// One or more digits and nothing else, as long as they fit.
fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    if digits.len() < 10 {
        // It fits into 32 bits, which are what small processors multiply.
        let number = digits
            .iter()
            .try_fold(0u32, |number, digit| digit.is_ascii_digit().then(|| number * 10 + u32::from(digit - b'0')));
        return number.map(u64::from);
    }
    digits.iter().try_fold(0u64, |number, digit| {
        digit.is_ascii_digit().then_some(())?;
        number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
    })
}

/// All the Transfer-Encoding values taken together (RFC 9112 §6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
enum Coding {
    #[default]
    None,
    /// The field is there once and says `identity`, which RFC 2616 §3.6 allowed and old servers send: no coding. Beside
    /// anything else it is refused.
    Identity,
    Chunked,
    ChunkedNotLast,
    Unsupported,
}

impl Coding {
    fn add(&mut self, member: &[u8]) {
        *self = match self {
            Self::None if member.eq_ignore_ascii_case(b"chunked") => Self::Chunked,
            Self::None if member.eq_ignore_ascii_case(b"identity") => Self::Identity,
            Self::None | Self::Identity | Self::Unsupported => Self::Unsupported,
            Self::Chunked | Self::ChunkedNotLast => Self::ChunkedNotLast,
        }
    }

    /// A Transfer-Encoding that names no coding is no coding we know.
    fn seen(&mut self, field: &[u8]) {
        if *self == Self::None || (*self == Self::Identity && !field.eq_ignore_ascii_case(b"identity")) {
            *self = Self::Unsupported;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::decimal;

    #[test]
    fn content_length_is_digits_only() {
        assert_eq!(decimal(b"0"), Some(0));
        assert_eq!(decimal(b"000000000000000000000000000005"), Some(5));
        assert_eq!(decimal(b"18446744073709551615"), Some(u64::MAX));
        for bad in [&b""[..], b"18446744073709551616", b"+5", b"-5", b"5 5", b"0x5", b"5.0", b"1e3", b"\xB2", b"5\0"] {
            assert_eq!(decimal(bad), None, "{bad:?}");
        }
    }
}

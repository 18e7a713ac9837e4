//! Why bytes are not HTTP, and a text is not a URL.

/// Why bytes from the server are not a response. The connection is of no further use after any of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum DecodeError {
    /// The connection ended before the first byte of a response. On a reused connection: the server had already closed it,
    /// and an idempotent request may be sent again on a fresh one.
    NoResponse,
    /// The connection ended inside the head or the body.
    Truncated,
    /// What arrives does not start like HTTP: another protocol, another port, or TLS where none is expected.
    NotHttp,
    /// HTTP, but not version 1.x.
    UnsupportedVersion,
    /// The status line is not `HTTP/1.x NNN reason` (RFC 9112 §4).
    InvalidStatusLine,
    /// The status code is not three digits from 100 up.
    InvalidStatusCode,
    /// A field line without a colon (RFC 9112 §5).
    MissingColon,
    /// A field name that is empty, contains what no name may, or is followed by a blank before its colon (RFC 9112 §5.1).
    InvalidFieldName,
    /// The first field line begins with a blank: it continues nothing (RFC 9112 §2.2).
    UnexpectedFold,
    /// A CR that does not end a line (RFC 9112 §2.2).
    BareCr,
    /// A NUL in the head or a trailer, or another control character in a trailer (RFC 9110 §5.5).
    ControlCharacter,
    /// The head is longer than [`MAX_HEAD`](super::MAX_HEAD), or than the buffer the driver has for it.
    HeadTooLarge,
    /// More than [`MAX_EMPTY_LINES`](super::MAX_EMPTY_LINES) before the status line.
    TooManyEmptyLines,
    /// More than [`MAX_INTERIM`](super::MAX_INTERIM) interim responses.
    TooManyInterim,
    /// Content-Length is not a number, or is over 2⁶⁴ − 1.
    InvalidContentLength,
    /// Content-Length is given twice, with different numbers.
    ConflictingContentLength,
    /// Transfer-Encoding names a coding other than `chunked` (or `identity`, in one field and alone), or none.
    UnsupportedTransferCoding,
    /// Transfer-Encoding names something after `chunked`, or `chunked` twice.
    ChunkedNotLast,
    /// A chunk size is not hexadecimal digits, is over 2⁶⁴ − 1, or is missing (RFC 9112 §7.1).
    InvalidChunkSize,
    /// A chunk extension with control characters in it (RFC 9112 §7.1.1).
    InvalidChunkExtension,
    /// A chunk's data, its size line or a trailer line is not ended by CRLF.
    MissingChunkEnd,
    /// A chunk size line over [`MAX_CHUNK_LINE`](super::MAX_CHUNK_LINE), or more of them than the data justifies
    /// ([`MAX_SPARE_FRAMING`](super::MAX_SPARE_FRAMING)).
    ChunkLineTooLarge,
    /// Trailers over [`MAX_TRAILERS`](super::MAX_TRAILERS).
    TrailersTooLarge,
    /// The server switched to another protocol (101), and the request had no `Upgrade` field: nothing on this connection can
    /// be understood (RFC 9110 §15.2.2). Reported by the requests; the codec reports it as
    /// [`CloseReason::SwitchingProtocols`](super::CloseReason::SwitchingProtocols).
    UnaskedUpgrade,
}

impl core::fmt::Display for DecodeError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::NoResponse => "connection closed before any answer",
            Self::Truncated => "connection closed in the middle of the answer",
            Self::NotHttp => "the answer is not http",
            Self::UnsupportedVersion => "the answer is not http/1.x",
            Self::InvalidStatusLine => "invalid status line",
            Self::InvalidStatusCode => "invalid status code",
            Self::MissingColon => "field line without a colon",
            Self::InvalidFieldName => "invalid field name",
            Self::UnexpectedFold => "first field line starts with a blank",
            Self::BareCr => "carriage return inside a line",
            Self::ControlCharacter => "control character in the head or a trailer",
            Self::HeadTooLarge => "head too large",
            Self::TooManyEmptyLines => "too many empty lines before the status line",
            Self::TooManyInterim => "too many interim answers",
            Self::InvalidContentLength => "invalid content-length",
            Self::ConflictingContentLength => "conflicting content-length",
            Self::UnsupportedTransferCoding => "unsupported transfer coding",
            Self::ChunkedNotLast => "chunked is not the last transfer coding",
            Self::InvalidChunkSize => "invalid chunk size",
            Self::InvalidChunkExtension => "invalid chunk extension",
            Self::MissingChunkEnd => "chunk line or data not ended by crlf",
            Self::ChunkLineTooLarge => "chunk framing too large",
            Self::TrailersTooLarge => "trailers too large",
            Self::UnaskedUpgrade => "the server switched protocols, which the request did not ask for",
        })
    }
}

impl core::error::Error for DecodeError {}

/// Why a text is not a URL this client can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum UrlError {
    /// No scheme: `example.com/path` instead of `http://example.com/path`.
    MissingScheme,
    /// A scheme other than `http` and `https`.
    UnsupportedScheme,
    /// No host: `http://`, `http://user@/`.
    EmptyHost,
    /// A character no host may contain, such as a space or `|`.
    InvalidHost,
    /// A host that is not ASCII. Give its `xn--` form.
    NonAsciiHost,
    /// A percent escape in the host.
    PercentInHost,
    /// A label that begins with `xn--` but does not decode (RFC 3492).
    InvalidPunycode,
    /// A host that ends in a number but is not an IPv4 address of four decimal numbers.
    InvalidIpv4,
    /// Brackets without an IPv6 address in them; zones are not supported.
    InvalidIpv6,
    /// A port that is not a number up to 65535.
    InvalidPort,
    /// A backslash before the query. Browsers read it as `/`, others do not, and an attacker may rely on either.
    Backslash,
    /// A control character (below U+0020), such as a line break, anywhere.
    ControlCharacter,
    /// More than 65,535 bytes in normal form.
    TooLong,
    /// The buffer is too small for the normal form.
    BufferTooSmall {
        /// Bytes the whole URL takes.
        need: usize,
    },
}

impl core::fmt::Display for UrlError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::MissingScheme => "url without a scheme",
            Self::UnsupportedScheme => "url scheme is neither http nor https",
            Self::EmptyHost => "url without a host",
            Self::InvalidHost => "invalid character in the host",
            Self::NonAsciiHost => "host is not ascii",
            Self::PercentInHost => "percent escape in the host",
            Self::InvalidPunycode => "invalid xn-- label in the host",
            Self::InvalidIpv4 => "invalid ipv4 address",
            Self::InvalidIpv6 => "invalid ipv6 address",
            Self::InvalidPort => "invalid port",
            Self::Backslash => "backslash in the url",
            Self::ControlCharacter => "control character in the url",
            Self::TooLong => "url over 65535 bytes",
            Self::BufferTooSmall { need } => return write!(f, "buffer too small for the url: {need} bytes needed"),
        })
    }
}

impl core::error::Error for UrlError {}

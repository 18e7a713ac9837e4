//! The one error of the sockets, the pool and the requests: *when* it happened and *what* was wrong.
//!
//! [`Error`] is small and `Copy`. [`Error::phase`] tells how far the work had come, [`Error::kind`] the cause, and
//! [`Error::blame`] whose it is: the caller's, ours (a capacity), the peer's, the network's, or time's. Lower layers
//! (URL, HTTP, certificates) have small enums of their own, which travel inside [`ErrorKind`].

#[cfg(feature = "tls")]
pub(crate) mod certificate;
#[cfg(feature = "json")]
pub(crate) mod json;
pub(crate) mod ntp;
#[cfg(feature = "requests")]
pub(crate) mod source;
#[cfg(feature = "tls")]
pub(crate) mod tls;

use core::fmt;

/// What went wrong, and in which phase of the work. `{:?}` prints the same sentence as `{}`, so that `unwrap` and a `main`
/// that returns it can be read; the variants are those of [`kind`](Self::kind).
#[derive(Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Error {
    phase: Phase,
    kind: ErrorKind,
}

/// What stopped `send_all`, and how far it had come.
#[derive(Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SendAllError {
    /// So many of the bytes were handed to the network before.
    pub sent: usize,
    /// What happened then.
    pub error: Error,
}

/// A result of this crate.
pub type Result<T, E = Error> = core::result::Result<T, E>;

/// How far the work had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Phase {
    /// Before anything was sent: URL, header fields, options, a slot of the pool.
    Setup,
    /// Turning a host name into an address.
    Resolve,
    /// The TCP connection.
    Connect,
    /// The TLS handshake, with verification of the server.
    Handshake,
    /// Sending, or sending the request.
    Send,
    /// Receiving on a plain socket.
    Receive,
    /// Listening for clients, and accepting them.
    Listen,
    /// Waiting for the head of the response, and reading it.
    Head,
    /// Reading the body of the response.
    Body,
    /// Closing.
    Close,
}

/// Whose move it is to mend an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Blame {
    /// The caller asked for something that cannot be.
    Caller,
    /// A capacity of ours, chosen at compile time, is used up or too small.
    Capacity,
    /// The peer responded, and wrongly.
    Peer,
    /// The network between.
    Network,
    /// The deadline passed.
    Time,
}

/// The cause of an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ErrorKind {
    /// The URL is not one we can fetch: correct it.
    #[cfg(feature = "requests")]
    Url(crate::http::UrlError),
    /// A method, field name or field value that may not be sent: correct it.
    #[cfg(feature = "requests")]
    Encode(crate::http::EncodeError),
    /// Refused by a rule that protects you; the variant names the rule.
    Policy(Policy),
    /// The socket is not in a state for this call, for example read before connect or bind.
    NotConnected,
    /// Every slot is in use: close or drop something, or give `Resources` more.
    Exhausted(Resource),
    /// Something does not fit in memory of a fixed size: give more, or ask for less.
    TooLarge {
        /// What does not fit.
        what: Limit,
        /// The bytes it needs, where that can be known before it is there.
        need: Option<usize>,
        /// The bytes there are.
        have: usize,
    },
    /// Not a host name: empty, or with characters no name has.
    HostName,
    /// The name server says there is no such name.
    NoSuchName,
    /// The name server gave no answer, or one that the stack could not use. Trying again may help.
    NoAnswer,
    /// The network stack reported this.
    Io(embedded_io_async::ErrorKind),
    /// The TLS that the network stack does itself (`stack::ConnectTls`) did not verify the server.
    Unverified,
    /// TLS failed, or the server did not prove who it is.
    #[cfg(feature = "tls")]
    Tls(tls::TlsError),
    /// The body of the request streams from a source, and the source is at fault.
    #[cfg(feature = "requests")]
    Source(source::SourceError),
    /// The response is not HTTP, or ambiguous.
    #[cfg(feature = "requests")]
    Malformed(crate::http::DecodeError),
    /// The connection ended before the message did.
    Truncated,
    /// The deadline passed.
    Timeout,
    /// It would have to be waited for, and the time-out is 0. CircuitPython's `EAGAIN`.
    WouldBlock,
    /// A time server's answer that cannot be used; the variant says why.
    Sntp(ntp::SntpError),
    /// More redirects than allowed.
    TooManyRedirects,
    /// The server responded with this status, and [`error_for_status`](crate::requests::Response::error_for_status) was asked for.
    #[cfg(feature = "requests")]
    Status(crate::http::StatusCode),
    /// The body is not UTF-8 text.
    #[cfg(feature = "requests")]
    NotUtf8,
    /// The body was read before, and it is not kept: read it once, into memory of yours.
    #[cfg(feature = "requests")]
    AlreadyRead,
    /// The compressed body cannot be decompressed.
    #[cfg(feature = "gzip")]
    Inflate(crate::http::InflateError),
    /// The body is not the JSON that was expected.
    #[cfg(feature = "json")]
    Json(json::JsonError),
}

/// A rule that refused a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Policy {
    /// An `https` URL, and no `TlsContext` to verify the server with.
    NoTlsContext,
    /// An `https` page that redirects to `http`.
    Downgrade,
    /// The body is needed again (a redirect, an authentication, a kept connection that was closed) and streams from a
    /// source that cannot go back: give one that can (`requests::Rewindable`), or ask first with
    /// `expect_continue`.
    BodyNotReplayable,
}

/// What can be used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Resource {
    /// Sockets: the first number of `Resources`.
    Sockets,
    /// TLS sessions: the second number of `Resources`.
    TlsSessions,
    /// There is no TLS session at all: the second number of `Resources`, which is 0 unless you say otherwise.
    NoTlsSession,
    /// Exchange buffers, one per socket: too many requests under way or responses not dropped.
    Buffers,
    /// Places in the line of the pool: [`WAITERS`](crate::pool::WAITERS) tasks stand in it.
    Waiters,
    /// Parts of one request, of which a [`RequestBuilder`](crate::requests::RequestBuilder) holds
    /// [`MAX_PARTS`](crate::requests::MAX_PARTS): give its fields together, with
    /// [`headers`](crate::requests::RequestBuilder::headers), and its query with
    /// [`queries`](crate::requests::RequestBuilder::queries).
    #[cfg(feature = "requests")]
    RequestParts,
}

/// What can be too large.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Limit {
    /// The request's URL, head and staged body: the third number of `Resources`.
    Request,
    /// The response's head: the third number of `Resources`, or `max_head`.
    ResponseHead,
    /// The response's body: the caller's buffer, or the `limit` the caller set on a stream.
    ResponseBody,
    /// A host name: 253 bytes (RFC 1035 §2.3.4).
    HostName,
    /// The trailers of the response: what the exchange buffer has left behind the head.
    Trailers,
    /// A line of the response's body: the caller's buffer.
    Line,
    /// A server-sent event: the caller's buffer.
    Event,
    /// An element of a JSON array: the caller's buffer.
    JsonElement,
    /// How far back compressed data refers: the window of `Inflate`.
    Window,
    /// Reading ahead, for `peek` and `BufRead`: the third number of `Resources`.
    ReadAhead,
}

impl Error {
    /// Makes an error. For those who fill the [traits](crate::traits) themselves.
    #[must_use]
    pub const fn new(phase: Phase, kind: ErrorKind) -> Self {
        Self { phase, kind }
    }

    /// How far the work had come.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// The cause.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The same cause, in another phase: a socket knows that it was receiving, its user that it was a head.
    #[must_use]
    pub const fn in_phase(self, phase: Phase) -> Self {
        Self { phase, ..self }
    }

    /// Whether the deadline passed.
    #[must_use]
    pub const fn is_timeout(&self) -> bool {
        matches!(self.kind, ErrorKind::Timeout)
    }

    /// Whose move it is.
    #[must_use]
    pub const fn blame(&self) -> Blame {
        match self.kind {
            #[cfg(feature = "requests")]
            ErrorKind::Url(_) | ErrorKind::Encode(_) | ErrorKind::Source(_) | ErrorKind::AlreadyRead => Blame::Caller,
            ErrorKind::Policy(_) | ErrorKind::NotConnected | ErrorKind::HostName => Blame::Caller,
            ErrorKind::Exhausted(_) | ErrorKind::TooLarge { .. } => Blame::Capacity,
            ErrorKind::NoSuchName | ErrorKind::NoAnswer | ErrorKind::Io(_) => Blame::Network,
            #[cfg(feature = "tls")]
            ErrorKind::Tls(error) => error.blame(),
            #[cfg(feature = "requests")]
            ErrorKind::Malformed(_) | ErrorKind::Status(_) | ErrorKind::NotUtf8 => Blame::Peer,
            #[cfg(feature = "gzip")]
            ErrorKind::Inflate(_) => Blame::Peer,
            #[cfg(feature = "json")]
            ErrorKind::Json(error) if error.kind().is_outgoing() => Blame::Caller,
            #[cfg(feature = "json")]
            ErrorKind::Json(_) => Blame::Peer,
            ErrorKind::Sntp(error) => error.blame(),
            ErrorKind::Truncated | ErrorKind::TooManyRedirects | ErrorKind::Unverified => Blame::Peer,
            ErrorKind::Timeout | ErrorKind::WouldBlock => Blame::Time,
        }
    }
}

impl Phase {
    /// The phase as one lower-case word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Setup => "setup",
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::Handshake => "handshake",
            Self::Send => "send",
            Self::Receive => "receive",
            Self::Listen => "listen",
            Self::Head => "head",
            Self::Body => "body",
            Self::Close => "close",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.phase, self.kind)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            #[cfg(feature = "requests")]
            Self::Url(error) => error.fmt(f),
            #[cfg(feature = "requests")]
            Self::Encode(error) => error.fmt(f),
            Self::Policy(rule) => rule.fmt(f),
            Self::NotConnected => f.write_str("the socket is not connected"),
            Self::Exhausted(resource) => resource.fmt(f),
            Self::TooLarge { what, need, have } => match need {
                Some(need) => write!(f, "{what} needs {need} bytes, there are {have}"),
                None => write!(f, "{what} needs more than the {have} bytes there are"),
            },
            Self::HostName => f.write_str("not a host name"),
            Self::NoSuchName => f.write_str("no such name"),
            Self::NoAnswer => f.write_str("no answer from the name server"),
            Self::Io(kind) => f.write_str(io_text(*kind)),
            Self::Unverified => {
                f.write_str("the modem did not verify the server: give it the server's root and the date")
            }
            #[cfg(feature = "tls")]
            Self::Tls(error) => error.fmt(f),
            #[cfg(feature = "requests")]
            Self::Source(error) => error.fmt(f),
            #[cfg(feature = "requests")]
            Self::Malformed(error) => error.fmt(f),
            Self::Truncated => f.write_str("the connection ended before the message did"),
            Self::Timeout => f.write_str("the deadline passed"),
            Self::WouldBlock => f.write_str("not ready, and not to be waited for"),
            Self::Sntp(error) => error.fmt(f),
            Self::TooManyRedirects => f.write_str("too many redirects"),
            #[cfg(feature = "requests")]
            Self::Status(status) => write!(f, "the server answered {status}"),
            #[cfg(feature = "requests")]
            Self::NotUtf8 => f.write_str("the body is not UTF-8 text"),
            #[cfg(feature = "requests")]
            Self::AlreadyRead => f.write_str("the body was read before: it can be read once"),
            #[cfg(feature = "gzip")]
            Self::Inflate(error) => error.fmt(f),
            #[cfg(feature = "json")]
            Self::Json(error) => error.fmt(f),
        }
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoTlsContext => "an https URL needs a TlsContext: give one to Session::new",
            Self::Downgrade => "a redirect from https to http is refused",
            Self::BodyNotReplayable => "the body is needed again, and its source cannot be read twice",
        })
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sockets => "every socket of the pool is in use (first number of Resources)",
            Self::TlsSessions => "every TLS session of the pool is in use (second number of Resources)",
            Self::NoTlsSession => "the pool has no TLS session (second number of Resources: give it 1 at least)",
            Self::Waiters => "too many tasks wait for the pool",
            #[cfg(feature = "requests")]
            Self::RequestParts => "a request of too many parts: give them together, with headers() and queries()",
            Self::Buffers => "every exchange buffer is in use: a response was not dropped (first number of Resources)",
        })
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Request => "the request",
            Self::ResponseHead => "the head of the response",
            Self::ResponseBody => "the body of the response",
            Self::HostName => "the host name",
            Self::Trailers => "the trailers of the response",
            Self::Line => "a line of the response",
            Self::Event => "a server-sent event",
            Self::JsonElement => "an element of the JSON array",
            Self::ReadAhead => "reading ahead",
            Self::Window => "the window of the compressed body",
        })
    }
}

/// A stack that gives up waiting reports the same thing as a deadline of ours.
impl From<embedded_io_async::ErrorKind> for ErrorKind {
    fn from(kind: embedded_io_async::ErrorKind) -> Self {
        match kind {
            embedded_io_async::ErrorKind::TimedOut => Self::Timeout,
            kind => Self::Io(kind),
        }
    }
}

const fn io_text(kind: embedded_io_async::ErrorKind) -> &'static str {
    use embedded_io_async::ErrorKind;
    match kind {
        ErrorKind::NotFound => "not found",
        ErrorKind::PermissionDenied => "permission denied",
        ErrorKind::ConnectionRefused => "connection refused",
        ErrorKind::ConnectionReset => "connection reset",
        ErrorKind::ConnectionAborted => "connection aborted",
        ErrorKind::NotConnected => "not connected",
        ErrorKind::AddrInUse => "address in use",
        ErrorKind::AddrNotAvailable => "address not available",
        ErrorKind::BrokenPipe => "broken pipe",
        ErrorKind::InvalidInput => "invalid input",
        ErrorKind::InvalidData => "invalid data",
        ErrorKind::TimedOut => "timed out in the network stack",
        ErrorKind::Interrupted => "interrupted",
        ErrorKind::Unsupported => "not supported by the network stack",
        ErrorKind::OutOfMemory => "the network stack is out of memory",
        ErrorKind::WriteZero => "the network stack took no bytes",
        _ => "the network stack reported a failure",
    }
}

impl core::error::Error for Error {}

impl From<SendAllError> for Error {
    fn from(stopped: SendAllError) -> Self {
        stopped.error
    }
}

impl fmt::Display for SendAllError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} after {} bytes", self.error, self.sent)
    }
}

impl fmt::Debug for SendAllError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl core::error::Error for SendAllError {}

impl embedded_io_async::Error for Error {
    fn kind(&self) -> embedded_io_async::ErrorKind {
        use embedded_io_async::ErrorKind as Io;
        match self.kind {
            ErrorKind::Io(kind) => kind,
            ErrorKind::Timeout | ErrorKind::WouldBlock => Io::TimedOut,
            ErrorKind::NotConnected => Io::NotConnected,
            ErrorKind::Truncated => Io::ConnectionAborted,
            ErrorKind::Exhausted(_) | ErrorKind::TooLarge { .. } => Io::OutOfMemory,
            _ => Io::Other,
        }
    }
}

/// What a `write` says it took of `bytes`, if it can be true. Zero would be asked for again and again, or panic in
/// embedded-io's `write_all`.
pub(crate) fn took(bytes: &[u8], count: usize) -> Result<usize, embedded_io_async::ErrorKind> {
    match count {
        0 if !bytes.is_empty() => Err(embedded_io_async::ErrorKind::WriteZero),
        count if count > bytes.len() => Err(embedded_io_async::ErrorKind::InvalidData),
        count => Ok(count),
    }
}

//! What can go wrong, and the exit status that tells a script about it.

use std::{fmt, io};

use socketpool::{Error, ErrorKind, Phase, http::UrlError};

/// Why the command failed.
#[derive(Debug)]
pub enum Failure {
    /// The command line, or a file it names.
    Usage(String),
    /// The exchange.
    Exchange(Error),
    /// Writing the answer out.
    Output(io::Error),
}

impl Failure {
    /// Exit statuses 1 to 22; `--help` lists them.
    pub fn exit_status(&self) -> u8 {
        match self {
            Self::Output(_) => 1,
            Self::Usage(_) => 2,
            Self::Exchange(error) => of_error(*error),
        }
    }
}

/// By the cause where it says enough, else by the phase.
fn of_error(error: Error) -> u8 {
    match (error.kind(), error.phase()) {
        (ErrorKind::Timeout, _) => 6,
        (ErrorKind::Tls(_), _) => 5,
        (ErrorKind::TooLarge { .. }, _) => 9,
        (ErrorKind::TooManyRedirects, _) => 10,
        (ErrorKind::Exhausted(_), _) => 11,
        (ErrorKind::Policy(_), _) => 12,
        // A redirect to something that is not HTTP, which we never follow.
        (ErrorKind::Url(UrlError::UnsupportedScheme), Phase::Head) => 12,
        (ErrorKind::Status(_), _) => 22,
        // The file, not the server.
        (ErrorKind::Source(_), _) => 2,
        (_, Phase::Setup) => 2,
        (_, Phase::Resolve) => 3,
        (_, Phase::Connect) => 4,
        (_, Phase::Handshake) => 5,
        (ErrorKind::Malformed(_) | ErrorKind::Inflate(_) | ErrorKind::NotUtf8, Phase::Body) => 7,
        (_, Phase::Body) => 8,
        // No response, or one that breaks off in its head. Whether a server that hangs up is noticed while sending or
        // while waiting for the head is chance.
        (_, _) => 7,
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        // The network cannot tell which names `--resolve` leaves to the resolver before it connects.
        match (error.phase(), error.kind()) {
            (Phase::Connect, ErrorKind::Io(embedded_io_async::ErrorKind::NotFound)) => {
                Self::Exchange(Error::new(Phase::Resolve, ErrorKind::NoAnswer))
            }
            _ => Self::Exchange(error),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// `PHASE: REASON`.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(reason) => write!(f, "usage: {reason}"),
            Self::Exchange(error) => error.fmt(f),
            Self::Output(error) => write!(f, "output: {error}"),
        }
    }
}

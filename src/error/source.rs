//! What is wrong with the source of a streamed body.

use core::fmt;

use embedded_io_async::ErrorKind as IoKind;

/// What is wrong with the source of a streamed body. The server never got the whole body, and the connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SourceError {
    /// It ended before the length that was announced.
    EndedEarly,
    /// It goes on past the length that was announced.
    TooLong,
    /// It failed.
    Failed(IoKind),
    /// It holds the boundary of the form it is part of: choose another one.
    HoldsBoundary,
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EndedEarly => "the source of the body ended before the length that was announced",
            Self::TooLong => "the source of the body goes on past the length that was announced",
            Self::Failed(_) => "the source of the body failed",
            Self::HoldsBoundary => "the boundary occurs in a part of the form",
        })
    }
}

impl core::error::Error for SourceError {}

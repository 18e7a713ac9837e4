//! Why a connection cannot serve another exchange.

use core::fmt;

use crate::{error::Error, http};

/// Why a connection cannot serve another exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum CloseReason {
    /// The head of the response says so, or leaves no other way.
    Head(http::CloseReason),
    /// The request said `Connection: close`.
    RequestClose,
    /// The final response arrived before the whole request was sent, and the rest was not sent: the
    /// server may still wait for it (RFC 9112 §9.5, RFC 9110 §10.1.1).
    RequestCut,
    /// The exchange is not over: its future was dropped, or the body of the response was not read
    /// to its end.
    Unfinished,
    /// The server sent more than the response.
    Surplus,
    /// The exchange failed.
    Failed(Error),
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head(reason) => reason.fmt(f),
            Self::RequestClose => f.write_str("the request asked to close"),
            Self::RequestCut => f.write_str("the response came before the whole request was sent"),
            Self::Unfinished => f.write_str("the body of the response was not read to its end"),
            Self::Surplus => f.write_str("the server sent more than the response"),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

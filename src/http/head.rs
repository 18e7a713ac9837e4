//! The head of a response, as ranges of the bytes it was decoded from.

use super::field::Fields;
use super::framing::{CloseReason, Framing};
use super::status::StatusCode;

/// A range of a buffer of at most 65,535 bytes. Small, Copy, and empty where the buffer does not reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(super) struct Span {
    pub(super) start: u16,
    pub(super) end: u16,
}

impl Span {
    /// The range from `start` to `end`, `None` past 65,535.
    pub(super) fn new(start: usize, end: usize) -> Option<Self> {
        Some(Self { start: u16::try_from(start).ok()?, end: u16::try_from(end).ok()? })
    }

    pub(super) fn of(self, bytes: &[u8]) -> &[u8] {
        bytes.get(usize::from(self.start)..usize::from(self.end)).unwrap_or_default()
    }

    pub(super) fn of_str(self, bytes: &[u8]) -> &str {
        core::str::from_utf8(self.of(bytes)).unwrap_or_default()
    }
}

/// The head of a final response: status line and fields, and what they mean for the body and the connection.
///
/// It borrows nothing. [`reason`](Self::reason) and [`fields`](Self::fields) take the buffer the head was decoded from; its
/// first [`len`](Self::len) bytes must still be there, or what they return is empty or nonsense (never a panic).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct ResponseHead {
    /// The status code.
    pub status: StatusCode,
    /// The minor version the server speaks: 0 for HTTP/1.0, 1 for HTTP/1.1 and every later 1.x (RFC 9110 §2.5).
    pub minor_version: u8,
    /// Bytes the head takes at the start of the buffer, its empty line included. The body begins after them.
    pub len: usize,
    /// How to find the end of the body.
    pub framing: Framing,
    /// Why the connection cannot be used again after this response; `None` if it can.
    pub close: Option<CloseReason>,
    pub(super) reason: Span,
    pub(super) fields: Span,
}

impl ResponseHead {
    /// Before there is one.
    pub(crate) const NONE: Self = Self {
        status: StatusCode::NONE,
        minor_version: 1,
        len: 0,
        framing: Framing::Empty,
        close: None,
        reason: Span { start: 0, end: 0 },
        fields: Span { start: 0, end: 0 },
    };

    /// The reason phrase, often empty, and of no meaning to a program (RFC 9112 §4). Not always UTF-8.
    #[must_use]
    pub fn reason<'h>(&self, head: &'h [u8]) -> &'h [u8] {
        self.reason.of(head)
    }

    /// The fields.
    #[must_use]
    pub fn fields<'h>(&self, head: &'h [u8]) -> Fields<'h> {
        Fields::new(self.fields.of(head))
    }
}

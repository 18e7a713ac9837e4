//! JSON out, with serde-json-core, and in, with a strict reader of our own: one pass over the bytes, where they lie.
//!
//! What is accepted is RFC 8259, all of it checked, also the parts that were not asked for; a byte order mark before it is
//! passed over (§8.1). Strings are unescaped in place and can be borrowed from the buffer. Floats are rounded exactly.
//! Nothing is converted: `7.0` is no integer, `"7"` no number, an object no array.

mod deserialize;
#[cfg(test)]
mod differential;
mod finite;
mod number;
mod reader;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use serde_json_core::ser;

pub use self::reader::MAX_DEPTH;
use super::content::Body;
pub use crate::error::json::{JsonError, JsonErrorKind, JsonPath, JsonType};
use crate::error::{ErrorKind, Limit};

/// A value, sent as JSON.
#[derive(Debug)]
pub struct Json<'r, V: ?Sized>(pub(crate) &'r V);

impl<V: Serialize + ?Sized> Body for Json<'_, V> {
    fn content_type(&self) -> Option<&'static str> {
        Some("application/json")
    }

    fn write(&self, room: &mut [u8]) -> Result<usize, ErrorKind> {
        let have = room.len();
        let not = |kind| ErrorKind::Json(JsonError::at(kind, 0));
        self.0.serialize(finite::Finite).map_err(|_| not(JsonErrorKind::NotFinite))?;
        ser::to_slice(&self.0, room).map_err(|error| match error {
            ser::Error::BufferFull => ErrorKind::TooLarge { what: Limit::Request, need: None, have },
            _ => not(JsonErrorKind::Unserializable),
        })
    }
}

/// What a text in UTF-8 may begin with, to be passed over (RFC 8259 §8.1).
pub(crate) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads a value from the first `len` bytes of `buffer`, which it may borrow and which are no longer the text then.
pub(crate) fn parse<'b, V: Deserialize<'b>>(buffer: &'b mut [u8], len: usize) -> Result<V, ErrorKind> {
    let text = buffer.get_mut(..len).unwrap_or_default();
    let not_json = looks_like(text);
    let start = if text.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
    parse_from(text, start, not_json)
}

/// Reads a value from `text`, all of it from the byte `start` on. `not_json` says better what it is if it is not JSON.
pub(crate) fn parse_from<'b, V: Deserialize<'b>>(
    text: &'b mut [u8],
    start: usize,
    not_json: JsonErrorKind,
) -> Result<V, ErrorKind> {
    let mut reader = reader::Reader::new(text, start);
    let outcome = V::deserialize(&mut reader).map_err(|fault| fault.kind);
    let outcome = outcome.and_then(|value| reader.end().map(|()| value));
    outcome.map_err(|kind| ErrorKind::Json(reader.explain(kind, not_json)))
}

/// What a text is that is not JSON: often something else that servers send.
pub(crate) fn looks_like(text: &[u8]) -> JsonErrorKind {
    match *text {
        [b'<', ..] => JsonErrorKind::Markup,
        [0x1f, 0x8b, ..] => JsonErrorKind::Gzip,
        [0xfe, 0xff, ..] | [0xff, 0xfe, ..] | [0, ..] | [_, 0, ..] => JsonErrorKind::Utf16,
        _ => JsonErrorKind::Syntax,
    }
}

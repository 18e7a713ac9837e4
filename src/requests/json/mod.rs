//! JSON out and in, with serde-json-core; what comes in is checked as a whole first.

mod check;
mod unescape;

use core::fmt;

use serde::{Deserialize, Serialize};
use serde_json_core::{de, ser};

pub use self::check::MAX_DEPTH;
use super::body::Body;
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
        ser::to_slice(&self.0, room).map_err(|error| match error {
            ser::Error::BufferFull => ErrorKind::TooLarge { what: Limit::Request, need: None, have },
            _ => ErrorKind::Json(JsonError::Unserializable),
        })
    }
}

/// Why a body is not the JSON that was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum JsonError {
    /// The text ends in the middle of a value, or is empty.
    UnexpectedEnd,
    /// The text is not JSON.
    Syntax,
    /// A number that is none, or that does not fit its type.
    Number,
    /// A string whose bytes or escapes are not Unicode.
    Unicode,
    /// JSON, but not of the shape of the type it was to become: a field is missing, or of another type.
    Mismatch,
    /// Arrays and objects inside of each other, more than [`JSON_MAX_DEPTH`](super::JSON_MAX_DEPTH) deep.
    TooDeep,
    /// Something follows after the value.
    TrailingCharacters,
    /// The type needs to be told what it is (`deserialize_any`), or wants bytes: serde-json-core cannot do that.
    UnsupportedType,
    /// The value to be sent cannot be written as JSON.
    Unserializable,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnexpectedEnd => "the json ends too early",
            Self::Syntax => "the body is not json",
            Self::Number => "a number in the json does not fit",
            Self::Unicode => "a string in the json is not unicode",
            Self::Mismatch => "the json has another shape than expected",
            Self::TooDeep => "the json is nested too deep",
            Self::TrailingCharacters => "something follows the json",
            Self::UnsupportedType => "the type cannot be read from json",
            Self::Unserializable => "the value cannot be written as json",
        })
    }
}

impl core::error::Error for JsonError {}

/// Reads a value from the first `len` bytes of `buffer`; strings with escapes are unescaped into the rest of it.
pub(crate) fn parse<'b, V: Deserialize<'b>>(buffer: &'b mut [u8], len: usize) -> Result<V, ErrorKind> {
    let text = buffer.get_mut(..len).unwrap_or_default();
    check::check(text).map_err(ErrorKind::Json)?;
    let mut len = unescape::code_points(text);
    // A number or word that is skipped ends at what follows; that nothing else follows has been checked.
    if let Some(after) = buffer.get_mut(len) {
        *after = b',';
        len += 1;
    }
    let (text, room) = buffer.split_at_mut_checked(len).unwrap_or_default();
    let have = room.len();
    V::deserialize(&mut de::Deserializer::new(text, Some(room))).map_err(|error| match error {
        de::Error::EscapedStringIsTooLong => ErrorKind::TooLarge { what: Limit::JsonEscapes, need: None, have },
        error => ErrorKind::Json(explain(error)),
    })
}

fn explain(error: de::Error) -> JsonError {
    use de::Error;
    match error {
        Error::EofWhileParsingList
        | Error::EofWhileParsingObject
        | Error::EofWhileParsingString
        | Error::EofWhileParsingNumber
        | Error::EofWhileParsingValue => JsonError::UnexpectedEnd,
        Error::InvalidNumber => JsonError::Number,
        Error::InvalidUnicodeCodePoint | Error::InvalidEscapeSequence => JsonError::Unicode,
        Error::InvalidType | Error::CustomError => JsonError::Mismatch,
        Error::TrailingCharacters => JsonError::TrailingCharacters,
        Error::AnyIsUnsupported | Error::BytesIsUnsupported => JsonError::UnsupportedType,
        _ => JsonError::Syntax,
    }
}

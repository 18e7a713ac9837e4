//! Why a body is not the JSON that was expected.

use core::fmt;

/// Why a body is not the JSON that was expected, and where; or why a value cannot be sent as JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct JsonError {
    kind: JsonErrorKind,
    offset: u16,
    path: JsonPath,
}

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum JsonErrorKind {
    /// Not JSON: the text ends in the middle of a value, or is empty.
    UnexpectedEnd,
    /// Not JSON: at [`JsonError::offset`] stands what RFC 8259 does not allow there.
    Syntax,
    /// Not JSON: the body begins with `<`, as HTML and XML do. Often it is the page of a proxy or a Wi-Fi portal: look
    /// at status and Content-Type.
    Markup,
    /// Not JSON: the body is compressed with gzip, though perhaps it was not asked for. Read it through
    /// `Response::decoded` (feature `gzip`).
    Gzip,
    /// Not JSON: the body is UTF-16 or UTF-32. JSON between systems is UTF-8 (RFC 8259 §8.1).
    Utf16,
    /// A string whose bytes are not UTF-8 (perhaps they are Latin-1: see the charset), or that was asked for and has
    /// half a surrogate pair.
    Unicode,
    /// Something follows after the value.
    TrailingCharacters,
    /// Arrays and objects inside of each other, more than [`JSON_MAX_DEPTH`](crate::requests::JSON_MAX_DEPTH) deep.
    TooDeep,
    /// A value of another type: text where a number is expected, `null` where a number is.
    WrongType {
        /// What the type of the caller takes.
        expected: JsonType,
        /// What stands in the text.
        found: JsonType,
    },
    /// A number with a fraction or an exponent (`7.5`, but `1.0` and `1e3` as well), where an integer is expected.
    NotInteger,
    /// A number that is too large or too small for its type: `300` for a `u8`, `1e400` for an `f64`.
    OutOfRange,
    /// An array with more elements than its type has, or a string longer than its type can hold.
    TooLong,
    /// An array with fewer elements than its type has.
    TooShort,
    /// A field that the type needs is not there. The [path](JsonError::path) ends in its name.
    MissingField,
    /// A field that is there twice. The [path](JsonError::path) ends in its name.
    DuplicateField,
    /// A field that the type does not have and does not permit.
    UnknownField,
    /// A name that is none of the enum's.
    UnknownVariant,
    /// The type refused the value for a reason of its own.
    Refused,
    /// To be sent: NaN or an infinity, for which JSON has no number (RFC 8259 §6).
    NotFinite,
    /// To be sent: a value that cannot be written as JSON.
    Unserializable,
}

/// The types that JSON has (RFC 8259 §1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[expect(missing_docs, reason = "named as in RFC 8259")]
pub enum JsonType {
    Null,
    Boolean,
    Number,
    String,
    Array,
    Object,
}

/// The names of the innermost two structs' fields around a fault, as far as they are known: `main.temp`. Elements of
/// arrays and keys of maps have no name.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct JsonPath {
    // References to names, not names: half the size, and every `Error` carries them.
    inner: Option<&'static &'static str>,
    outer: Option<&'static &'static str>,
}

impl JsonError {
    pub(crate) fn new(kind: JsonErrorKind, offset: usize, path: JsonPath) -> Self {
        Self { kind, offset: u16::try_from(offset).unwrap_or(u16::MAX), path }
    }

    /// An error in no field.
    pub(crate) fn at(kind: JsonErrorKind, offset: usize) -> Self {
        Self::new(kind, offset, JsonPath::default())
    }

    /// What is wrong.
    #[must_use]
    pub const fn kind(&self) -> JsonErrorKind {
        self.kind
    }

    /// How many bytes of the text (of an element, for [`JsonElements`](crate::requests::JsonElements)) were read when it
    /// was noticed; 65,535 if that many or more.
    #[must_use]
    pub const fn offset(&self) -> u16 {
        self.offset
    }

    /// In which field.
    #[must_use]
    pub const fn path(&self) -> JsonPath {
        self.path
    }
}

impl JsonErrorKind {
    /// Whether what was read is JSON, and only of another shape than the type: the server changed its mind, or the type
    /// is to be corrected.
    #[must_use]
    pub const fn is_mismatch(&self) -> bool {
        use JsonErrorKind as Kind;
        matches!(
            self,
            Kind::WrongType { .. }
                | Kind::NotInteger
                | Kind::OutOfRange
                | Kind::TooLong
                | Kind::TooShort
                | Kind::MissingField
                | Kind::DuplicateField
                | Kind::UnknownField
                | Kind::UnknownVariant
                | Kind::Refused
        )
    }

    /// Whether a value of the caller's is at fault, and not what a peer sent.
    pub(crate) const fn is_outgoing(&self) -> bool {
        matches!(self, Self::NotFinite | Self::Unserializable)
    }
}

impl JsonPath {
    /// The names, the outer one first.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        self.outer.into_iter().chain(self.inner).copied()
    }

    /// Puts a name in front, while there is room for it.
    pub(crate) fn enter(&mut self, name: &'static &'static str) {
        match self {
            Self { inner: None, .. } => self.inner = Some(name),
            Self { outer: None, .. } => self.outer = Some(name),
            _ => {}
        }
    }
}

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.names().enumerate() {
            f.write_str(if index == 0 { "" } else { "." })?;
            f.write_str(name)?;
        }
        Ok(())
    }
}

impl fmt::Debug for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)?;
        match (self.kind, self.path.inner) {
            (kind, None) if !kind.is_mismatch() && !kind.is_outgoing() => write!(f, ", at byte {}", self.offset),
            (_, None) => Ok(()),
            (..) => write!(f, ", at {}", self.path),
        }
    }
}

impl fmt::Display for JsonErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnexpectedEnd => "the json ends too early",
            Self::Syntax => "the body is not json",
            Self::Markup => "the body is html or xml, not json",
            Self::Gzip => "the body is gzip, not json: read it with `decoded`",
            Self::Utf16 => "the body is utf-16, not json, which is utf-8",
            Self::Unicode => "a string in the json is not utf-8",
            Self::TrailingCharacters => "something follows the json",
            Self::TooDeep => "the json is nested too deep",
            Self::WrongType { expected, found } => {
                return write!(f, "the json has {found} where {expected} is expected");
            }
            Self::NotInteger => "a number in the json has a fraction or an exponent, and its type is an integer",
            Self::OutOfRange => "a number in the json is out of its type's range",
            Self::TooLong => "an array or a string in the json is longer than its type",
            Self::TooShort => "an array in the json is shorter than its type",
            Self::MissingField => "a field is missing in the json",
            Self::DuplicateField => "a field is twice in the json",
            Self::UnknownField => "the json has a field that the type does not",
            Self::UnknownVariant => "the json has a name that the enum does not",
            Self::Refused => "the type refused a value in the json",
            Self::NotFinite => "json has no number for NaN or an infinity",
            Self::Unserializable => "the value cannot be written as json",
        })
    }
}

impl fmt::Display for JsonType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "null",
            Self::Boolean => "a boolean",
            Self::Number => "a number",
            Self::String => "a string",
            Self::Array => "an array",
            Self::Object => "an object",
        })
    }
}

impl core::error::Error for JsonError {}

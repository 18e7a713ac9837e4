//! Fields (headers): what may be in them, and how to find one.

use core::fmt;

use super::bytes::{cut, trim};

/// Whether `name` is a field name: a token, one or more of letters, digits and ``!#$%&'*+-.^_`|~`` (RFC 9110 §5.6.2).
#[must_use]
pub fn is_field_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|byte| is_token_byte(*byte))
}

/// Whether `value` may be sent as a field value: no controls but HTAB, so no line break can hide in it. Bytes above 0x7F
/// (obs-text) may be there, and mean what both ends agreed on (RFC 9110 §5.5).
#[must_use]
pub fn is_field_value(value: &[u8]) -> bool {
    value.iter().all(|byte| is_text_byte(*byte))
}

pub(super) fn is_token_byte(byte: u8) -> bool {
    const TOKEN: u128 = set_of(b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
    const WORDS: [u32; 4] = [TOKEN as u32, (TOKEN >> 32) as u32, (TOKEN >> 64) as u32, (TOKEN >> 96) as u32];
    // Nearly all of them are letters and hyphens.
    (byte | 0x20).is_ascii_lowercase()
        || byte == b'-'
        || WORDS.get(usize::from(byte / 32)).is_some_and(|word| word >> (byte % 32) & 1 == 1)
}

/// One bit for each byte of ASCII.
pub(super) const fn set_of(bytes: &[u8]) -> u128 {
    let (mut set, mut at) = (0, 0);
    while at < bytes.len() {
        set |= 1 << bytes[at];
        at += 1;
    }
    set
}

pub(super) fn is_text_byte(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7F)
}

/// Whether a field may be in a trailer section and mean there what it means in a head (RFC 9110 §6.5.1): nothing that frames
/// or routes the message, authenticates, or says how the content is to be read.
pub(crate) fn may_be_trailer(name: &str) -> bool {
    const MUST_NOT: [&str; 28] = [
        "age",
        "authorization",
        "cache-control",
        "connection",
        "content-encoding",
        "content-length",
        "content-range",
        "content-type",
        "cookie",
        "date",
        "expires",
        "host",
        "keep-alive",
        "location",
        "max-forwards",
        "pragma",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "retry-after",
        "set-cookie",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "vary",
        "warning",
        "www-authenticate",
    ];
    !MUST_NOT.iter().any(|field| field.eq_ignore_ascii_case(name))
}

/// The members of a comma-separated list (RFC 9110 §5.6.1), trimmed; empty ones included.
pub(crate) fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(trim)
}

/// The field section of a response. Nothing is indexed: each look-up scans the bytes, so any number of fields costs no memory.
///
/// # Examples
///
/// ```
/// use socketpool::http::Fields;
///
/// let fields = Fields::new(b"Content-Type: text/plain\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\n");
/// assert_eq!(fields.get_str("content-type"), Some("text/plain"));
/// assert_eq!(fields.get_all("Set-Cookie").count(), 2);
/// assert_eq!(fields.get("ETag"), None);
/// ```
#[derive(Clone, Copy, Default)]
pub struct Fields<'h> {
    raw: &'h [u8],
}

impl<'h> Fields<'h> {
    /// Reads `raw` as field lines, each ended by CRLF or LF, up to its end or an empty line. Lines without a colon are
    /// passed over; [`HeadDecoder`](super::HeadDecoder) has refused them before.
    #[must_use]
    pub const fn new(raw: &'h [u8]) -> Self {
        Self { raw }
    }

    /// The value of the first field called `name`, in any case, without the blanks around it.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'h [u8]> {
        self.get_all(name).next()
    }

    /// Like [`get`](Self::get), if the value is UTF-8; ASCII always is.
    #[must_use]
    pub fn get_str(&self, name: &str) -> Option<&'h str> {
        core::str::from_utf8(self.get(name)?).ok()
    }

    /// The values of all fields called `name`, in any case, in order.
    pub fn get_all<'n>(&self, name: &'n str) -> impl Iterator<Item = &'h [u8]> + use<'h, 'n> {
        let (mut lines, name) = (self.raw(), name.as_bytes());
        core::iter::from_fn(move || lines.value_of(name))
    }

    /// All fields in order, names as bytes.
    pub(super) const fn raw(&self) -> RawFields<'h> {
        RawFields { rest: self.raw }
    }

    /// All fields in order: the name as it was sent, and the value without the blanks around it.
    #[must_use]
    pub const fn iter(&self) -> FieldIter<'h> {
        FieldIter { fields: self.raw() }
    }

    /// The bytes as received, folded lines joined.
    #[must_use]
    pub const fn as_bytes(&self) -> &'h [u8] {
        self.raw
    }
}

impl<'h> IntoIterator for Fields<'h> {
    type Item = (&'h str, &'h [u8]);
    type IntoIter = FieldIter<'h>;
    fn into_iter(self) -> FieldIter<'h> {
        self.iter()
    }
}

impl<'h> IntoIterator for &Fields<'h> {
    type Item = (&'h str, &'h [u8]);
    type IntoIter = FieldIter<'h>;
    fn into_iter(self) -> FieldIter<'h> {
        self.iter()
    }
}

/// Names and values as text, what is not UTF-8 in them escaped.
impl fmt::Debug for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|(name, value)| (name, Text(value)))).finish()
    }
}

struct Text<'h>(&'h [u8]);

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match core::str::from_utf8(self.0) {
            Ok(text) => text.fmt(f),
            Err(_) => write!(f, "b\"{}\"", self.0.escape_ascii()),
        }
    }
}

/// Iterator over all fields; see [`Fields::iter`]. `{:?}` prints those that are left.
#[derive(Clone)]
pub struct FieldIter<'h> {
    fields: RawFields<'h>,
}

impl fmt::Debug for FieldIter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Fields::new(self.fields.rest).fmt(f)
    }
}

impl<'h> Iterator for FieldIter<'h> {
    type Item = (&'h str, &'h [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, value) = self.fields.next()?;
        Some((core::str::from_utf8(name).unwrap_or_default(), value))
    }
}

/// Iterator over all fields, names as bytes.
#[derive(Clone)]
pub(super) struct RawFields<'h> {
    rest: &'h [u8],
}

impl<'h> RawFields<'h> {
    /// The next line, without its end; `None` after the last.
    fn line(&mut self) -> Option<&'h [u8]> {
        let end = self.rest.iter().position(|byte| *byte == b'\n').unwrap_or(self.rest.len());
        let line = self.rest.get(..end)?;
        self.rest = self.rest.get(end + 1..).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            self.rest = &[];
            return None;
        }
        Some(line)
    }

    /// The value of the next field called `name`, in any case. Of the other lines only the beginning is compared.
    fn value_of(&mut self, name: &[u8]) -> Option<&'h [u8]> {
        loop {
            match self.line()?.split_at_checked(name.len()) {
                Some((found, [b':', value @ ..])) if found.eq_ignore_ascii_case(name) => return Some(trim(value)),
                _ => {}
            }
        }
    }
}

impl<'h> Iterator for RawFields<'h> {
    type Item = (&'h [u8], &'h [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((name, value)) = cut(self.line()?, b':') {
                return Some((name, trim(value)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Fields, is_field_name, is_field_value, is_token_byte};

    #[test]
    fn token_bytes_are_those_of_the_grammar() {
        let tchar = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
        for byte in 0..=u8::MAX {
            assert_eq!(is_token_byte(byte), tchar.contains(&byte), "{byte}");
        }
        assert!(!is_field_name(b""));
    }

    #[test]
    fn values_hold_no_line_break() {
        for bad in [&b"a\r\nb"[..], b"\n", b"\r", b"\0", b"\x7F", b"\x1B[0m"] {
            assert!(!is_field_value(bad), "{bad:?}");
        }
        assert!(is_field_value(b"") && is_field_value("caf\u{e9}\t\"x\"".as_bytes()));
    }

    #[test]
    fn fields_print_as_text() {
        let fields = Fields::new(b"Content-Type: text/plain\r\nX: \xE9\"\r\n");
        assert_eq!(std::format!("{fields:?}"), r#"{"Content-Type": "text/plain", "X": b"\xe9\""}"#);
        let mut left = fields.iter();
        left.next();
        assert_eq!(std::format!("{left:?}"), r#"{"X": b"\xe9\""}"#);
    }

    #[test]
    fn look_up_ignores_case_and_blanks() {
        let fields = Fields::new(b"A:1\r\nbb: \t2 \t\nEmpty:\r\nA : odd\r\nno colon\r\nc:x:y\r\n\r\nHidden: 1\r\n");
        assert_eq!(fields.get("a"), Some(&b"1"[..]));
        assert_eq!(fields.get("BB"), Some(&b"2"[..]));
        assert_eq!(fields.get("empty"), Some(&b""[..]));
        assert_eq!(fields.get_str("C"), Some("x:y"));
        assert_eq!(fields.get("hidden"), None);
        assert_eq!(fields.iter().count(), 5);
        assert_eq!(Fields::new(b"L: \xE9").get("l"), Some(&b"\xE9"[..]));
        assert_eq!(Fields::new(b"L: \xE9").get_str("l"), None);
    }
}

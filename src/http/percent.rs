//! Percent-encoding: which bytes need it where, writing it, and reading it back.

use super::writer::ByteWriter;

/// What must be encoded somewhere; the sets of the WHATWG URL standard, each of which also takes controls and non-ASCII.
pub(super) type EncodeSet = fn(u8) -> bool;

/// In a path.
pub(super) fn path_set(byte: u8) -> bool {
    matches!(byte, b' ' | b'"' | b'#' | b'<' | b'>' | b'?' | b'^' | b'`' | b'{' | b'}') || is_control_or_not_ascii(byte)
}

/// In a query.
pub(super) fn query_set(byte: u8) -> bool {
    matches!(byte, b' ' | b'"' | b'#' | b'<' | b'>' | b'\'') || is_control_or_not_ascii(byte)
}

/// In a user name or password.
pub(super) fn userinfo_set(byte: u8) -> bool {
    path_set(byte) || matches!(byte, b'/' | b':' | b';' | b'=' | b'@' | b'['..=b']' | b'|')
}

/// In a name or value of a form or query pair.
pub(super) fn form_set(byte: u8) -> bool {
    !(byte.is_ascii_alphanumeric() || matches!(byte, b'*' | b'-' | b'.' | b'_'))
}

fn is_control_or_not_ascii(byte: u8) -> bool {
    !(byte == b' ' || byte.is_ascii_graphic())
}

/// `byte` as it is or as `%XX`.
pub(super) fn encode_byte(byte: u8, set: EncodeSet) -> ([u8; 3], usize) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    if set(byte) { ([b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]], 3) } else { ([byte, 0, 0], 1) }
}

/// Writes `text` with the bytes of `set` encoded. A `%` is left alone: it may already be an escape.
pub(super) fn encode(text: &[u8], set: EncodeSet, writer: &mut ByteWriter<'_>) {
    for byte in text {
        let (encoded, len) = encode_byte(*byte, set);
        writer.extend(encoded.get(..len).unwrap_or_default());
    }
}

/// How many bytes [`encode`] writes.
pub(super) fn encoded_len(text: &[u8], set: EncodeSet) -> usize {
    text.iter().map(|byte| if set(*byte) { 3 } else { 1 }).sum()
}

/// Writes `text` as a name or value of an `application/x-www-form-urlencoded` body: a space as `+`, everything but letters,
/// digits and `*-._` as `%XX` of its UTF-8 bytes.
///
/// # Examples
///
/// ```
/// use socketpool::http::{ByteWriter, percent_encode_form};
///
/// let mut buffer = [0; 16];
/// let mut writer = ByteWriter::new(&mut buffer);
/// percent_encode_form("a b&c=é", &mut writer);
/// let len = writer.needed();
/// assert_eq!(&buffer[..len], b"a+b%26c%3D%C3%A9");
/// ```
pub fn percent_encode_form(text: &str, writer: &mut ByteWriter<'_>) {
    for byte in text.bytes() {
        let (encoded, len) = if byte == b' ' { ([b'+', 0, 0], 1) } else { encode_byte(byte, form_set) };
        writer.extend(encoded.get(..len).unwrap_or_default());
    }
}

/// The bytes of `text` with each `%XX` read as the byte it stands for. A `%` that is no escape stands for itself.
///
/// # Examples
///
/// ```
/// use socketpool::http::percent_decode;
///
/// assert!(percent_decode("p%40ss%2").eq(*b"p@ss%2"));
/// ```
pub fn percent_decode(text: &str) -> impl Iterator<Item = u8> + Clone + '_ {
    let mut rest = text.as_bytes();
    core::iter::from_fn(move || {
        let (first, after) = rest.split_first()?;
        if let [b'%', high, low, after @ ..] = rest
            && let (Some(high), Some(low)) = (char::from(*high).to_digit(16), char::from(*low).to_digit(16))
        {
            rest = after;
            return Some((high * 16 + low) as u8);
        }
        rest = after;
        Some(*first)
    })
}

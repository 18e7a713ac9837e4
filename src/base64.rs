//! Base64 (RFC 4648 §4), four characters at a time: what is encoded or decoded may be a password or a private key, so
//! the alphabet is looked up in constant time, by the crate `base64ct`.

use base64ct::{Base64, Encoding};

/// Writes three bytes, or fewer at the end of the text, as four characters.
#[cfg(feature = "requests")]
pub(crate) fn encode<'o>(bytes: &[u8], out: &'o mut [u8; 4]) -> &'o [u8] {
    Base64::encode(bytes, out).map_or(&[], str::as_bytes)
}

/// The bytes that four characters stand for: three, or fewer before padding. `None` if they are no base64: a character that
/// is not in the alphabet, padding in the wrong place, or bits that belong to no byte.
#[cfg(feature = "tls")]
pub(crate) fn decode<'o>(characters: &[u8; 4], out: &'o mut [u8; 3]) -> Option<&'o [u8]> {
    Base64::decode(characters, out).ok()
}

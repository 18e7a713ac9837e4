//! Cutting byte slices. The codec reads text as bytes: what it looks for is ASCII, and searching `str` costs a
//! microcontroller a kilobyte and a half.

use core::ops::Range;

/// `text` before and after the first `byte`, if there is one.
pub(super) fn cut(text: &[u8], byte: u8) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|found| *found == byte)?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// `text` before and after the last `byte`, if there is one.
pub(super) fn cut_last(text: &[u8], byte: u8) -> Option<(&[u8], &[u8])> {
    let at = text.iter().rposition(|found| *found == byte)?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// `text` up to and from `place`; all of it and nothing if it does not reach so far.
pub(super) fn split_before(text: &[u8], place: Option<usize>) -> (&[u8], &[u8]) {
    place.and_then(|place| text.split_at_checked(place)).unwrap_or((text, b""))
}

/// `text` without the blanks (SP, HTAB) around it: OWS of RFC 9110 §5.6.3.
pub(super) fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

/// Moves the bytes of `range` to `to`, over what is there, as far as both lie within `bytes`. For what is short and moves
/// seldom: `copy_within` is faster, and a kilobyte and a half of code on a microcontroller.
pub(crate) fn shift(bytes: &mut [u8], range: Range<usize>, to: usize) {
    let len = range.len();
    for step in 0..len {
        let at = if to < range.start { step } else { len - 1 - step };
        if let Some(byte) = bytes.get(range.start + at).copied()
            && let Some(place) = bytes.get_mut(to + at)
        {
            *place = byte;
        }
    }
}

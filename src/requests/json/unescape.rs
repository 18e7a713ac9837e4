//! Code points that are written as escapes, back to what they stand for.

/// Replaces each `\uXXXX` in a JSON text, and each surrogate pair of two (RFC 8259 §7), by the UTF-8 of its character,
/// which is shorter, so that it can be done where the text stands; gives the new length. What has to stay escaped
/// stays: controls, quote and backslash. So does a surrogate without its other half, which is no character.
///
/// The text must be JSON; another comes out as some other text.
pub(super) fn code_points(text: &mut [u8]) -> usize {
    let (mut read, mut write) = (0, 0);
    while let Some(&byte) = text.get(read) {
        let mut utf8 = [byte, 0, 0, 0];
        let mut lens = (1, 1);
        if byte == b'\\' {
            match character(text.get(read..).unwrap_or_default()) {
                Some((character, len)) => lens = (len, character.encode_utf8(&mut utf8).len()),
                None => {
                    // The next byte belongs to this escape, whatever it is.
                    utf8[1] = text.get(read + 1).copied().unwrap_or_default();
                    lens = (2, 2);
                }
            }
        }
        let (taken, given) = lens;
        for (place, byte) in text.iter_mut().skip(write).zip(utf8.iter().take(given)) {
            *place = *byte;
        }
        (read, write) = (read + taken, write + given);
    }
    write.min(text.len())
}

/// The character that the escape at the start of `text` stands for, and the length of the escape.
fn character(text: &[u8]) -> Option<(char, usize)> {
    let first = code_unit(text)?;
    let (code_point, len) = match first {
        0xd800..0xdc00 => {
            let second = code_unit(text.get(6..)?).filter(|second| (0xdc00..0xe000).contains(second))?;
            (0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00), 12)
        }
        _ => (first, 6),
    };
    let character = char::from_u32(code_point)?;
    let stays_escaped = character < ' ' || character == '"' || character == '\\';
    (!stays_escaped).then_some((character, len))
}

/// The number in `\uXXXX`.
fn code_unit(text: &[u8]) -> Option<u32> {
    let digits = text.strip_prefix(b"\\u")?.get(..4)?;
    digits.iter().try_fold(0, |number, digit| Some(number << 4 | char::from(*digit).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use std::{string::String, vec::Vec};

    fn code_points(text: &str) -> String {
        let mut text: Vec<u8> = text.into();
        let len = super::code_points(&mut text);
        text.truncate(len);
        String::from_utf8(text).expect("UTF-8")
    }

    #[test]
    fn characters_come_back_and_the_rest_stays() {
        let cases = [
            (r#""""#, r#""""#),
            (r#""caf\u00e9 \u20AC""#, "\"café €\""),
            (r#""\ud83d\ude00!""#, "\"😀!\""),
            (r#""\u0041\\u0041\n""#, r#""A\\u0041\n""#),
            (r#""\u0022\u005c\u000a""#, r#""\u0022\u005c\u000a""#),
            (r#""\ud83d""#, r#""\ud83d""#),
            (r#""\ud83dx\ude00""#, r#""\ud83dx\ude00""#),
            (r#""\ude00\ud83d""#, r#""\ude00\ud83d""#),
        ];
        for (text, wanted) in cases {
            assert_eq!(code_points(text), wanted, "{text}");
        }
    }
}

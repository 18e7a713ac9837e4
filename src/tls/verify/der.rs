//! A reader for DER, the one encoding certificates may use (ITU-T X.690 §10).
//!
//! Every function is `const`, so that a root certificate can become a trust anchor at compile time. Nothing here
//! copies, recurses or panics: a value that is too long, not minimal or cut short is `None`.

/// `?` for `Option` inside a `const fn`.
macro_rules! some {
    ($option:expr) => {
        match $option {
            Some(value) => value,
            None => return None,
        }
    };
}
pub(crate) use some;

use crate::date::{DAYS_TO_1970, days};

/// BOOLEAN.
pub(crate) const BOOLEAN: u8 = 0x01;
/// INTEGER.
pub(crate) const INTEGER: u8 = 0x02;
/// BIT STRING.
pub(crate) const BIT_STRING: u8 = 0x03;
/// OCTET STRING.
pub(crate) const OCTET_STRING: u8 = 0x04;
/// OBJECT IDENTIFIER.
pub(crate) const OID: u8 = 0x06;
/// UTCTime, two-digit year.
pub(crate) const UTC_TIME: u8 = 0x17;
/// GeneralizedTime, four-digit year.
pub(crate) const GENERALIZED_TIME: u8 = 0x18;
/// SEQUENCE and SEQUENCE OF.
pub(crate) const SEQUENCE: u8 = 0x30;
/// SET and SET OF.
pub(crate) const SET: u8 = 0x31;

/// The tag of a constructed context-specific value `[number]`.
pub(crate) const fn context(number: u8) -> u8 {
    0xa0 | number
}

/// One tag-length-value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Value<'a> {
    /// The identifier octet.
    pub(crate) tag: u8,
    /// What is inside.
    pub(crate) contents: &'a [u8],
    /// Tag, length and contents.
    pub(crate) encoded: &'a [u8],
}

/// Reads the values that stand one after another in a slice.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads from the start of `bytes`.
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Nothing is left.
    pub(crate) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The tag of the next value, if there is one.
    pub(crate) const fn peek(&self) -> Option<u8> {
        match self.rest {
            [tag, ..] => Some(*tag),
            [] => None,
        }
    }

    /// The next value, whatever its tag.
    pub(crate) const fn read(&mut self) -> Option<Value<'a>> {
        let (tag, header, len) = match *self.rest {
            [tag, len, ..] if len < 0x80 => (tag, 2, len as usize),
            [tag, 0x81, len, ..] if len >= 0x80 => (tag, 3, len as usize),
            [tag, 0x82, high, low, ..] if high > 0 => (tag, 4, (high as usize) << 8 | low as usize),
            [tag, 0x83, high, middle, low, ..] if high > 0 => {
                (tag, 5, (high as usize) << 16 | (middle as usize) << 8 | low as usize)
            }
            _ => return None,
        };
        // Tags above 30 take more octets; no structure we read has one.
        if tag & 0x1f == 0x1f || self.rest.len() - header < len {
            return None;
        }
        let (encoded, rest) = self.rest.split_at(header + len);
        let (_, contents) = encoded.split_at(header);
        self.rest = rest;
        Some(Value { tag, contents, encoded })
    }

    /// The contents of the next value, which has to have this tag.
    pub(crate) const fn expect(&mut self, tag: u8) -> Option<&'a [u8]> {
        let value = some!(self.read());
        if value.tag == tag { Some(value.contents) } else { None }
    }

    /// The contents of the next value if it has this tag; `Some(None)` if another one, or none, follows.
    pub(crate) const fn optional(&mut self, tag: u8) -> Option<Option<&'a [u8]>> {
        match self.peek() {
            Some(next) if next == tag => Some(Some(some!(self.expect(tag)))),
            _ => Some(None),
        }
    }
}

/// The contents of the only value in `bytes`, which has to have this tag.
pub(crate) const fn only(bytes: &[u8], tag: u8) -> Option<&[u8]> {
    let mut reader = Reader::new(bytes);
    let contents = some!(reader.expect(tag));
    if reader.is_empty() { Some(contents) } else { None }
}

/// The contents of a BOOLEAN: DER knows `00` and `ff`.
pub(crate) const fn boolean(contents: &[u8]) -> Option<bool> {
    match contents {
        [0x00] => Some(false),
        [0xff] => Some(true),
        _ => None,
    }
}

/// The octets of a BIT STRING that ends on an octet border.
pub(crate) const fn octets_of_bit_string(contents: &[u8]) -> Option<&[u8]> {
    match contents {
        [0, octets @ ..] => Some(octets),
        _ => None,
    }
}

/// The magnitude of an INTEGER that is not negative and minimally encoded, without a leading zero octet.
pub(crate) const fn unsigned(contents: &[u8]) -> Option<&[u8]> {
    match contents {
        [0, rest @ ..] => match rest {
            [] => Some(contents),
            [first, ..] if *first >= 0x80 => Some(rest),
            _ => None,
        },
        [first, ..] if *first < 0x80 => Some(contents),
        _ => None,
    }
}

/// `==` for slices in a `const fn`.
pub(crate) const fn equal(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}

/// Seconds since the Unix epoch of a certificate date (RFC 5280 §4.1.2.5: `YYMMDDHHMMSSZ` until 2049,
/// `YYYYMMDDHHMMSSZ` from 2050). Dates before 1970 are 0.
pub(crate) const fn unix_seconds(value: Value<'_>) -> Option<u64> {
    let (year, rest) = match value.tag {
        UTC_TIME => {
            let (year, rest) = some!(number(value.contents, 2));
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        GENERALIZED_TIME => some!(number(value.contents, 4)),
        _ => return None,
    };
    let (month, rest) = some!(number(rest, 2));
    let (day, rest) = some!(number(rest, 2));
    let (hour, rest) = some!(number(rest, 2));
    let (minute, rest) = some!(number(rest, 2));
    let (second, rest) = some!(number(rest, 2));
    let valid = hour < 24 && minute < 60 && second < 60;
    if !matches!(rest, b"Z") || !valid {
        return None;
    }
    let days = some!(days(year, month, day)).saturating_sub(DAYS_TO_1970);
    if year < 1970 {
        return Some(0);
    }
    Some(days as u64 * 86_400 + (hour * 3600 + minute * 60 + second) as u64)
}

/// The decimal number in the first `len` octets, and what follows.
const fn number(text: &[u8], len: usize) -> Option<(u32, &[u8])> {
    let (mut digits, rest) = some!(text.split_at_checked(len));
    let mut value = 0;
    while let [digit, more @ ..] = digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value * 10 + (*digit - b'0') as u32;
        digits = more;
    }
    Some((value, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_minimal_and_inside_the_input() {
        assert_eq!(only(&[4, 1, 7], OCTET_STRING), Some(&[7][..]));
        assert_eq!(only(&[4, 0x81, 1, 7], OCTET_STRING), None);
        assert_eq!(only(&[4, 0x82, 0, 1, 7], OCTET_STRING), None);
        assert_eq!(only(&[4, 2, 7], OCTET_STRING), None);
        assert_eq!(only(&[4, 0x80, 0, 0], OCTET_STRING), None);
        assert_eq!(only(&[4, 1, 7, 0], OCTET_STRING), None);
        assert_eq!(only(&[], OCTET_STRING), None);
        assert_eq!(only(&[4], OCTET_STRING), None);
        assert_eq!(only(&[0x1f, 1, 7], 0x1f), None);
    }

    #[test]
    fn integers_are_minimal_and_not_negative() {
        assert_eq!(unsigned(&[0]), Some(&[0][..]));
        assert_eq!(unsigned(&[0, 0x80]), Some(&[0x80][..]));
        assert_eq!(unsigned(&[0, 0x7f]), None);
        assert_eq!(unsigned(&[0x80]), None);
        assert_eq!(unsigned(&[]), None);
    }

    fn seconds(tag: u8, text: &[u8]) -> Option<u64> {
        unix_seconds(Value { tag, contents: text, encoded: text })
    }

    #[test]
    fn dates() {
        assert_eq!(seconds(UTC_TIME, b"700101000000Z"), Some(0));
        assert_eq!(seconds(UTC_TIME, b"491231235959Z"), Some(2_524_607_999));
        assert_eq!(seconds(UTC_TIME, b"500101000000Z"), Some(0));
        assert_eq!(seconds(UTC_TIME, b"240229120000Z"), Some(1_709_208_000));
        assert_eq!(seconds(UTC_TIME, b"230229120000Z"), None);
        assert_eq!(seconds(UTC_TIME, b"2402291200Z"), None);
        assert_eq!(seconds(UTC_TIME, b"240229120000+0100"), None);
        assert_eq!(seconds(GENERALIZED_TIME, b"20500101000000Z"), Some(2_524_608_000));
        assert_eq!(seconds(GENERALIZED_TIME, b"99991231235959Z"), Some(253_402_300_799));
        assert_eq!(seconds(GENERALIZED_TIME, b"20501301000000Z"), None);
    }
}

//! Asking for a part of something (RFC 9110 §14), and reading which part came.

use crate::http::ByteWriter;

/// Which part of something a response holds: `Content-Range: bytes first-last/complete` (RFC 9110 §14.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ContentRange {
    /// The first byte, counted from 0.
    pub first: u64,
    /// The last byte, itself included.
    pub last: u64,
    /// How many bytes there are altogether, if the server knows.
    pub complete: Option<u64>,
}

impl ContentRange {
    /// Reads the value of a Content-Range field; `None` if it is none, or says that there is no such part (416).
    ///
    /// # Examples
    ///
    /// ```
    /// use socketpool::requests::ContentRange;
    ///
    /// let range = ContentRange::parse("bytes 42-1233/1234").unwrap();
    /// assert_eq!((range.first, range.last, range.complete), (42, 1233, Some(1234)));
    /// assert_eq!(ContentRange::parse("bytes */1234"), None);
    /// ```
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let (unit, range) = value.split_once(' ')?;
        let (range, complete) = range.split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let complete = if complete == "*" { None } else { Some(number(complete)?) };
        let range = Self { first: number(first)?, last: number(last)?, complete };
        let is_valid = range.first <= range.last && complete.is_none_or(|complete| range.last < complete);
        (unit.eq_ignore_ascii_case("bytes") && is_valid).then_some(range)
    }
}

/// Digits and nothing else.
fn number(text: &str) -> Option<u64> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The value of a Range field. `text` holds any: two numbers of 20 digits and 7 characters.
pub(crate) fn range_value(from: u64, last: Option<u64>, text: &mut [u8; 48]) -> &[u8] {
    let mut writer = ByteWriter::new(text);
    writer.extend(b"bytes=");
    writer.decimal(from);
    writer.push(b'-');
    if let Some(last) = last {
        writer.decimal(last);
    }
    let len = writer.needed();
    text.get(..len).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::ContentRange;

    #[test]
    fn only_a_content_range_is_one() {
        let range = |first, last, complete| Some(ContentRange { first, last, complete });
        assert_eq!(ContentRange::parse("Bytes 0-0/*"), range(0, 0, None));
        assert_eq!(ContentRange::parse("bytes 0-9/10"), range(0, 9, Some(10)));
        for bad in
            ["", "bytes", "bytes 0-9", "bytes 9-0/10", "bytes 0-10/10", "bytes +0-1/2", "bytes 0-1/", "lines 0-1/2"]
        {
            assert_eq!(ContentRange::parse(bad), None, "{bad:?}");
        }
        assert_eq!(ContentRange::parse("bytes 0-99999999999999999999/*"), None);
    }
}

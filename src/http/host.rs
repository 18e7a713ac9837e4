//! Reading the host of a URL: a name, an IPv4 address or an IPv6 literal.

use super::bytes::cut_last;
use super::error::UrlError;
use super::writer::ByteWriter;
use crate::addr::{parse_ipv4, parse_ipv6};

/// Writes `host` in its normal form: names in lower case, IPv6 in brackets and shortened (RFC 5952).
pub(super) fn write_host(host: &[u8], writer: &mut ByteWriter<'_>) -> Result<(), UrlError> {
    if let [b'[', literal @ ..] = host {
        let groups = literal.strip_suffix(b"]").and_then(parse_ipv6).ok_or(UrlError::InvalidIpv6)?;
        write_ipv6(groups, writer);
        return Ok(());
    }
    if host.is_empty() {
        return Err(UrlError::EmptyHost);
    }
    if !host.is_ascii() {
        return Err(UrlError::NonAsciiHost);
    }
    if host.contains(&b'%') {
        return Err(UrlError::PercentInHost);
    }
    if !host.iter().all(|byte| is_host_byte(*byte)) {
        return Err(UrlError::InvalidHost);
    }
    if !labels(host).all(is_plausible_label) {
        return Err(UrlError::InvalidPunycode);
    }
    let mut name = host;
    if ends_in_number(host) {
        name = host.strip_suffix(b".").unwrap_or(host);
        if parse_ipv4(name).is_none() {
            return Err(UrlError::InvalidIpv4);
        }
    }
    name.iter().for_each(|byte| writer.push(byte.to_ascii_lowercase()));
    Ok(())
}

fn labels(host: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    host.split(|byte| *byte == b'.')
}

/// The forbidden domain code points of the WHATWG URL standard, turned around.
fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_graphic()
        && !matches!(byte, b'#' | b'%' | b'/' | b':' | b'<' | b'>' | b'?' | b'@' | b'['..=b'^' | b'|')
}

/// Whether the host must be an IPv4 address: its last label, but for a dot at the end, is a number.
fn ends_in_number(host: &[u8]) -> bool {
    let host = host.strip_suffix(b".").unwrap_or(host);
    match labels(host).next_back() {
        Some([b'0', b'x' | b'X', digits @ ..]) => digits.iter().all(u8::is_ascii_hexdigit),
        Some(label) => !label.is_empty() && label.iter().all(u8::is_ascii_digit),
        None => false,
    }
}

/// Writes an IPv6 address in brackets, the first longest run of two or more zero groups as `::`.
fn write_ipv6(groups: [u16; 8], writer: &mut ByteWriter<'_>) {
    let (mut gap, mut gap_len) = (0, 1); // a run must be longer than one group to count
    for start in 0..groups.len() {
        let len = groups.iter().skip(start).take_while(|group| **group == 0).count();
        if len > gap_len {
            (gap, gap_len) = (start, len);
        }
    }
    let has_gap = gap_len > 1;

    writer.push(b'[');
    for (index, group) in groups.into_iter().enumerate() {
        if has_gap && (gap..gap + gap_len).contains(&index) {
            if index == gap {
                writer.extend(b"::");
            }
            continue;
        }
        if index > 0 && !(has_gap && index == gap + gap_len) {
            writer.push(b':');
        }
        let digits = (4 - group.leading_zeros() / 4).max(1);
        for position in (0..digits).rev() {
            let digit = (group >> (4 * position)) & 15;
            writer.push(b"0123456789abcdef"[usize::from(digit)]);
        }
    }
    writer.push(b']');
}

/// Whether `label`, if it claims to be an encoded international label (`xn--…`), can be decoded.
fn is_plausible_label(label: &[u8]) -> bool {
    match label {
        [b'x' | b'X', b'n' | b'N', b'-', b'-', rest @ ..] => is_punycode(rest).is_some(),
        _ => true,
    }
}

/// Decodes Punycode (RFC 3492 §6.2) without keeping the result: `Some` if there is one, and it may be in a name.
fn is_punycode(text: &[u8]) -> Option<()> {
    const BASE: u32 = 36;
    let (basic, extended) = cut_last(text, b'-').unwrap_or((b"", text));
    if extended.is_empty() {
        return None;
    }
    let (mut code_point, mut index, mut bias) = (128u32, 0u32, 72u32);
    let mut length = u32::try_from(basic.len()).ok()?;
    let mut digits = extended.iter();
    while digits.len() > 0 {
        let (before, mut weight, mut k) = (index, 1u32, BASE);
        loop {
            let digit = match digits.next()? {
                letter @ (b'a'..=b'z' | b'A'..=b'Z') => letter.to_ascii_lowercase() - b'a',
                number @ b'0'..=b'9' => number - b'0' + 26,
                _ => return None,
            };
            index = index.checked_add(u32::from(digit).checked_mul(weight)?)?;
            let threshold = k.saturating_sub(bias).clamp(1, 26);
            if u32::from(digit) < threshold {
                break;
            }
            weight = weight.checked_mul(BASE - threshold)?;
            k += BASE;
        }
        length = length.checked_add(1)?;
        bias = adapt(index - before, length, before == 0);
        code_point = code_point.checked_add(index / length)?;
        if char::from_u32(code_point).is_none() || is_never_in_a_name(code_point) {
            return None;
        }
        index = index % length + 1;
    }
    Some(())
}

/// The blocks of which internationalised names (UTS 46) leave nothing: C1 controls, enclosed and squared CJK, private use and
/// full-width forms. Not the whole table, which is larger than the rest of this crate; a label we let pass is looked up as
/// it stands, and no resolver knows it.
fn is_never_in_a_name(code_point: u32) -> bool {
    matches!(code_point, 0x80..=0x9F | 0x3250..=0x327E | 0x3280..=0x33FF | 0xE000..=0xF8FF | 0xFF00..=0xFFEF | 0xF0000..)
}

/// The bias adaptation of RFC 3492 §6.1.
fn adapt(delta: u32, length: u32, is_first: bool) -> u32 {
    let mut delta = if is_first { delta / 700 } else { delta / 2 };
    delta += delta / length;
    let mut k = 0;
    while delta > 35 * 26 / 2 {
        delta /= 35;
        k += 36;
    }
    k + 36 * delta / (delta + 38)
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::string::String;

    use super::{ByteWriter, UrlError, write_host};

    fn normal(host: &str) -> Result<String, UrlError> {
        let mut buffer = [0; 64];
        let mut writer = ByteWriter::new(&mut buffer);
        write_host(host.as_bytes(), &mut writer)?;
        let len = writer.needed();
        Ok(String::from_utf8(buffer[..len].to_vec()).unwrap())
    }

    #[test]
    fn ipv6_is_shortened_as_rfc_5952_says() {
        for (given, wanted) in [
            ("[::]", "[::]"),
            ("[::1]", "[::1]"),
            ("[1::]", "[1::]"),
            ("[2001:DB8:0:0:1:0:0:1]", "[2001:db8::1:0:0:1]"),
            ("[2001:db8:0:1:1:1:1:1]", "[2001:db8:0:1:1:1:1:1]"),
            ("[1:0:0:4:0:0:0:8]", "[1:0:0:4::8]"),
            ("[::ffff:192.0.2.1]", "[::ffff:c000:201]"),
            ("[0001:0020:0300:4000:5:6:7:8]", "[1:20:300:4000:5:6:7:8]"),
        ] {
            assert_eq!(normal(given).unwrap(), wanted);
        }
        for bad in ["[", "[]", "[::1", "[::1%25eth0]", "[1:2:3]", "[::1]]", "[g::]"] {
            assert_eq!(normal(bad), Err(UrlError::InvalidIpv6), "{bad}");
        }
    }

    #[test]
    fn punycode_labels_must_decode() {
        for good in ["xn--bcher-kva.example", "XN--N3H", "xn--mgbh0fb.xn--kgbechtv", "xn--e1afmkfd.xn--80akhbyknj4f"] {
            assert_eq!(normal(good).unwrap(), good.to_ascii_lowercase());
        }
        for bad in ["xn--", "xn--a-", "xn--pokxncvks", "a.xn--99999999", "xn--a.b"] {
            assert_eq!(normal(bad), Err(UrlError::InvalidPunycode), "{bad}");
        }
    }

    #[test]
    fn numbers_must_be_plain_ipv4() {
        assert_eq!(normal("127.0.0.1.").unwrap(), "127.0.0.1");
        assert_eq!(normal("1.2.3.4.example").unwrap(), "1.2.3.4.example");
        for bad in ["127.1", "0x7f.0.0.1", "2130706433", "1.2.3.256", "1.2.3.04", "a.1", "0x", "1.2.3.4.5"] {
            assert_eq!(normal(bad), Err(UrlError::InvalidIpv4), "{bad}");
        }
    }

    #[test]
    fn each_refusal_has_its_name() {
        assert_eq!(normal(""), Err(UrlError::EmptyHost));
        assert_eq!(normal("b\u{fc}cher.example"), Err(UrlError::NonAsciiHost));
        assert_eq!(normal("b%C3%BCcher.example"), Err(UrlError::PercentInHost));
        assert_eq!(normal("a b"), Err(UrlError::InvalidHost));
    }
}

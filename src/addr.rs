//! Address literals. Read here, strictly and in little code, instead of with the parser of the core library.

use core::net::IpAddr;

/// The address, if `host` is one: IPv4, or IPv6 with or without brackets.
pub(crate) fn ip_literal(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    match bare {
        Some(bare) => parse_ipv6(bare.as_bytes()).map(|groups| IpAddr::V6(groups.into())),
        None if host.bytes().any(|byte| byte == b':') => {
            parse_ipv6(host.as_bytes()).map(|groups| IpAddr::V6(groups.into()))
        }
        None => parse_ipv4(host.as_bytes()).map(|octets| IpAddr::V4(octets.into())),
    }
}

/// Four decimal numbers up to 255. The octal, hexadecimal and shortened spellings browsers take are refused: they mostly
/// serve to hide an address.
pub(crate) fn parse_ipv4(text: &[u8]) -> Option<[u8; 4]> {
    let mut octets = [0u8; 4];
    let mut places = octets.iter_mut();
    for label in text.split(|byte| *byte == b'.') {
        if label.len() > 3 || matches!(label, [] | [b'0', _, ..]) {
            return None;
        }
        *places.next()? = label.iter().try_fold(0u8, |octet, digit| {
            digit.is_ascii_digit().then_some(())?;
            octet.checked_mul(10)?.checked_add(digit - b'0')
        })?;
    }
    places.next().is_none().then_some(octets)
}

/// Eight groups, a run of zeros among them as `::`, the last two possibly as an IPv4 address (RFC 4291 §2.2). No zone.
pub(crate) fn parse_ipv6(text: &[u8]) -> Option<[u16; 8]> {
    let mut groups = [0; 8];
    match text.windows(2).position(|pair| pair == b"::") {
        None => (read_groups(text, &mut groups)? == 8).then_some(groups),
        Some(gap) => {
            let (before, after) = (text.get(..gap)?, text.get(gap + 2..)?);
            let used = read_groups(before, &mut groups)?;
            let mut tail = [0; 8];
            let tail_len = read_groups(after, &mut tail)?;
            let is_possible = used + tail_len < 8 && !before.contains(&b'.');
            groups.iter_mut().rev().zip(tail.iter().take(tail_len).rev()).for_each(|(group, last)| *group = *last);
            is_possible.then_some(groups)
        }
    }
}

/// Reads groups from the front, and says how many there are.
fn read_groups(text: &[u8], groups: &mut [u16; 8]) -> Option<usize> {
    let mut places = groups.iter_mut();
    let mut fields = text.split(|byte| *byte == b':');
    while !text.is_empty()
        && let Some(field) = fields.next()
    {
        if field.contains(&b'.') {
            let [a, b, c, d] = parse_ipv4(field)?;
            *places.next()? = u16::from_be_bytes([a, b]);
            *places.next()? = u16::from_be_bytes([c, d]);
            if fields.next().is_some() {
                return None; // it was not the last
            }
        } else {
            if field.is_empty() || field.len() > 4 {
                return None;
            }
            *places.next()? = field
                .iter()
                .try_fold(0, |group, digit| Some(group << 4 | u16::try_from(char::from(*digit).to_digit(16)?).ok()?))?;
        }
    }
    Some(8 - places.len())
}

#[cfg(test)]
mod tests {
    use super::ip_literal;
    use std::format;

    #[test]
    fn literals_read_as_the_core_library_reads_them() {
        let texts = [
            "10.0.0.1",
            "255.255.255.255",
            "256.0.0.1",
            "1.2.3",
            "1.2.3.4.5",
            "01.2.3.4",
            "1.2.3.4 ",
            "",
            ".",
            "a",
            "host.example",
            "::",
            "::1",
            "1::",
            "1:2:3:4:5:6:7:8",
            "1:2:3:4:5:6:7",
            "1:2:3:4:5:6:7:8:9",
            "2001:DB8::fF",
            "::ffff:1.2.3.4",
            "1.2.3.4::",
            "1::2::3",
            ":::",
            "12345::",
            "::g",
            "fe80::1%1",
            "1:2:3:4:5:6:7::",
            "::2:3:4:5:6:7:8",
            "1:",
        ];
        for text in texts {
            assert_eq!(ip_literal(text), text.parse().ok(), "{text}");
            if text.contains(':') {
                assert_eq!(ip_literal(&format!("[{text}]")), text.parse().ok(), "[{text}]");
            }
        }
        assert_eq!(ip_literal("[1.2.3.4]"), None);
    }
}

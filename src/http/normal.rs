//! Recognising a URL that is in normal form already, in one pass. Most URLs in a program are.

use core::ops::Range;

use super::field::set_of;
use super::scheme::Scheme;

/// Where the parts are of a URL in normal form.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) scheme: Scheme,
    pub(super) host: Range<usize>,
    /// Where the query begins, with its `?`; the end if there is none.
    pub(super) query: usize,
}

/// The parts of `input`, if it can be seen at a glance that its normal form is `input` itself: a
/// lower-case scheme and host name, no user, no port, a path without dot segments and escapes, a
/// query. Whatever is doubtful is `None`.
pub(super) fn parts(input: &[u8]) -> Option<Parts> {
    let (scheme, start) = match input {
        [b'h', b't', b't', b'p', b':', b'/', b'/', ..] => (Scheme::Http, 7),
        [b'h', b't', b't', b'p', b's', b':', b'/', b'/', ..] => (Scheme::Https, 8),
        _ => return None,
    };
    let path = start + host_len(input.get(start..)?)?;
    let (mut query, mut before) = (input.len(), 0);
    for (at, byte) in input.iter().enumerate().skip(path) {
        let in_path = query == input.len();
        match byte {
            b'.' if in_path && before == b'/' => return None,
            b'%' if in_path => return None,
            b'?' if in_path => query = at,
            byte if !is_plain(*byte) => return None,
            _ => {}
        }
        before = *byte;
    }
    Some(Parts { scheme, host: start..path, query })
}

/// How long the host name is that `rest` begins with, up to the slash behind it. Its last label
/// begins with a letter, so that it is no number, and no label can be Punycode, which has two
/// hyphens in a row.
fn host_len(rest: &[u8]) -> Option<usize> {
    let (mut before, mut starts_with_letter) = (b'.', false);
    for (at, byte) in rest.iter().enumerate() {
        let is_letter = byte.is_ascii_lowercase();
        match byte {
            b'/' => return (starts_with_letter && before != b'.').then_some(at),
            b'-' if before == b'-' => return None,
            b'.' | b'-' | b'0'..=b'9' => {}
            _ if is_letter => {}
            _ => return None,
        }
        if before == b'.' {
            starts_with_letter = is_letter;
        }
        before = *byte;
    }
    None
}

/// Whether neither a path nor a query encodes this byte or reads anything into it; `%` is for the
/// caller to judge.
fn is_plain(byte: u8) -> bool {
    const PLAIN: u128 = set_of(b"!$%&()*+,-./0123456789:;=?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]_abcdefghijklmnopqrstuvwxyz|~");
    const WORDS: [u32; 4] = [PLAIN as u32, (PLAIN >> 32) as u32, (PLAIN >> 64) as u32, (PLAIN >> 96) as u32];
    byte.is_ascii_lowercase() || WORDS.get(usize::from(byte / 32)).is_some_and(|word| word >> (byte % 32) & 1 == 1)
}

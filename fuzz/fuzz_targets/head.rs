//! The head of a response: the same at any split, and beside httparse.
#![cfg_attr(feature = "libfuzzer", no_main)]

use socketpool::http::{CloseReason, DecodeError, Framing, HeadDecoder, HeadStep, Method};
use socketpool_fuzz::{Split, take, target};

#[derive(Debug, PartialEq)]
struct Head {
    status: u16,
    minor_version: u8,
    reason: Vec<u8>,
    fields: Vec<(String, Vec<u8>)>,
    framing: Framing,
    close: Option<CloseReason>,
    /// Bytes of interim responses before it, and of itself.
    len: (usize, usize),
}

fn decode(mut rest: &[u8], method: Method<'_>, mut split: Split) -> Result<Head, DecodeError> {
    let (mut decoder, mut received, mut interim) = (HeadDecoder::new(method), vec![], 0);
    loop {
        match decoder.advance(&mut received)? {
            HeadStep::NeedMore if rest.is_empty() => return Err(decoder.end_of_stream()),
            HeadStep::NeedMore => {
                let (piece, after) = rest.split_at(split.piece().min(rest.len()));
                received.extend(piece);
                rest = after;
            }
            HeadStep::Interim { len, status } => {
                assert!(status.as_u16() < 200 && len > 0);
                received.drain(..len);
                interim += len;
            }
            HeadStep::Complete(head) => {
                let fields = head.fields(&received);
                let list: Vec<_> = fields.iter().map(|(name, value)| (name.to_string(), value.to_vec())).collect();
                for (name, _) in &list {
                    assert!(socketpool::http::is_field_name(name.as_bytes()), "{name:?}");
                    assert!(fields.get(name).is_some());
                }
                return Ok(Head {
                    status: head.status.as_u16(),
                    minor_version: head.minor_version,
                    reason: head.reason(&received).to_vec(),
                    fields: list,
                    framing: head.framing,
                    close: head.close,
                    len: (interim, head.len),
                });
            }
        }
    }
}

/// What httparse makes of the same bytes. It joins no folded lines: those are compared without blanks.
fn other(input: &[u8]) -> Option<(u16, u8, Vec<(String, Vec<u8>)>, usize)> {
    let mut fields = [httparse::EMPTY_HEADER; 512];
    let mut response = httparse::Response::new(&mut fields);
    let mut config = httparse::ParserConfig::default();
    config.allow_obsolete_multiline_headers_in_responses(true);
    let httparse::Status::Complete(len) = config.parse_response(&mut response, input).ok()? else { return None };
    let fields = response.headers.iter().map(|field| (field.name.to_string(), dense(field.value))).collect();
    Some((response.code?, response.version?, fields, len))
}

fn dense(value: &[u8]) -> Vec<u8> {
    value.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect()
}

target!(|input| {
    let mut rest = input;
    let [method, split] = take(&mut rest);
    let method = if method & 1 == 0 { Method::Get } else { Method::Head };
    let ours = decode(rest, method, Split::WHOLE);
    assert_eq!(ours, decode(rest, method, Split::new(split)), "at any split");

    let Ok(head) = ours else { return };
    let (interim, len) = head.len;
    match other(&rest[interim..]) {
        Some((status, minor_version, fields, other_len)) => {
            let ours: Vec<_> = head.fields.iter().map(|(name, value)| (name.clone(), dense(value))).collect();
            assert_eq!((head.status, head.minor_version.min(1), ours, len), (status, minor_version, fields, other_len));
        }
        // Ours takes more: every version 1.x, control characters in a reason and a value, which are text to be shown.
        None => {
            let text = &rest[interim..interim + len];
            let version = text.windows(7).find(|window| window.starts_with(b"HTTP/1.")).map(|version| version.len());
            let odd = text.iter().any(|byte| matches!(byte, 1..=8 | 11..=12 | 14..=31 | 127..));
            assert!(odd || version.is_some(), "{:?}", text.escape_ascii().to_string());
        }
    }
});

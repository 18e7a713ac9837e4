//! A body in each framing, at any split and with any room, beside a decoder of twenty lines that sees it whole.
#![cfg_attr(feature = "libfuzzer", no_main)]

use socketpool::http::{BodyDecoder, Framing};
use socketpool_fuzz::{Split, take, target};

/// How a body ends.
#[derive(Debug, PartialEq)]
enum End {
    /// Behind so many bytes.
    At(usize),
    Malformed,
    Truncated,
}

/// RFC 9112 §7.1, strictly; the bounds on lines are left out: they are longer than an input.
fn chunked(input: &[u8], data: &mut Vec<u8>) -> End {
    let mut at = 0;
    let mut chunks = true;
    loop {
        let Some(end) = input[at..].iter().position(|byte| *byte == b'\n') else {
            return rest_of_line(&input[at..], chunks);
        };
        let line = &input[at..at + end];
        at += end + 1;
        if rest_of_line(line, chunks) == End::Malformed || line.last() != Some(&b'\r') {
            return End::Malformed;
        }
        let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        match chunks {
            false if line.len() == 1 => return End::At(at),
            false if !line.contains(&b':') => return End::Malformed,
            false => continue,
            true if digits == 0 => return End::Malformed,
            true => {}
        }
        let Ok(len) = u64::from_str_radix(std::str::from_utf8(&line[..digits]).unwrap(), 16) else {
            return End::Malformed;
        };
        chunks = len > 0;
        if chunks {
            let there = usize::try_from(len).unwrap_or(usize::MAX).min(input.len() - at);
            data.extend(&input[at..at + there]);
            at += there;
            match &input[at..] {
                [] | [b'\r'] => return End::Truncated,
                [b'\r', b'\n', ..] => at += 2,
                _ => return End::Malformed,
            }
        }
    }
}

/// Whether a line, whole or not, can be one.
fn rest_of_line(line: &[u8], is_size: bool) -> End {
    let (text, ended) = line.strip_suffix(b"\r").map_or((line, false), |text| (text, true));
    let is_text = |byte: &u8| *byte == b'\t' || *byte >= b' ' && *byte != 127;
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let colon = text.iter().position(|byte| *byte == b':');
    let good = if is_size {
        let digits = text.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let significant = text[..digits].iter().skip_while(|byte| **byte == b'0').count();
        let blanks = text[digits..].iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let starts = digits > 0 || text.is_empty() && !ended;
        let extension = text.get(digits + blanks).is_none_or(|byte| *byte == b';');
        starts && significant <= 16 && extension && text[digits + blanks..].iter().all(is_text)
    } else {
        let name = &text[..colon.unwrap_or(text.len())];
        let named = !name.is_empty() || text.is_empty();
        named
            && name.iter().all(is_token)
            && text[name.len()..].iter().all(is_text)
            && !(ended && colon.is_none() && !text.is_empty())
    };
    if good { End::Truncated } else { End::Malformed }
}

fn reference(framing: Framing, input: &[u8], data: &mut Vec<u8>) -> End {
    match framing {
        Framing::Empty => End::At(0),
        Framing::Chunked => chunked(input, data),
        Framing::Length(len) if len > input.len() as u64 => {
            data.extend(input);
            End::Truncated
        }
        Framing::Length(len) => {
            data.extend(&input[..len as usize]);
            End::At(len as usize)
        }
        Framing::UntilClose => {
            data.extend(input);
            End::At(input.len())
        }
    }
}

/// The other way: with rooms of any size, and data straight from the socket now and then.
fn ours(framing: Framing, input: &[u8], split: u8, room: u8, data: &mut Vec<u8>) -> End {
    let (mut body, mut at, mut arrived, mut split) = (BodyDecoder::new(framing), 0, 0, Split::new(split));
    let mut out = vec![0; usize::from(room)];
    loop {
        if body.is_done() {
            return End::At(at);
        }
        let direct = body.direct_len();
        if room & 1 == 1 && at == arrived && direct > 0 && arrived < input.len() {
            let count = direct.min(input.len() - at).min(split.piece());
            data.extend(&input[at..at + count]);
            body.advance(count);
            at += count;
            arrived = at;
            continue;
        }
        let Ok(progress) = body.decode(&input[at..arrived], &mut out) else {
            assert!(body.decode(&input[at..arrived], &mut out).is_err(), "every error is final");
            assert!(body.end_of_stream().is_err() && !body.is_done());
            return End::Malformed;
        };
        at += progress.consumed;
        data.extend(&out[..progress.produced]);
        if progress.consumed > 0 || body.is_done() {
            continue;
        }
        if at < arrived && out.is_empty() {
            out = vec![0; 1]; // data follows
        } else if arrived < input.len() {
            arrived += split.piece().min(input.len() - arrived);
        } else {
            return if body.end_of_stream().is_ok() { End::At(at) } else { End::Truncated };
        }
    }
}

target!(|input| {
    let mut rest = input;
    let [kind, len, split, room] = take(&mut rest);
    let framing = match kind % 8 {
        0 => Framing::Empty,
        1 => Framing::Length(u64::from(len)),
        2 => Framing::UntilClose,
        3 => Framing::Length(u64::MAX - u64::from(len)),
        _ => Framing::Chunked,
    };
    let rest = &rest[..rest.len().min(4000)];
    let (mut wanted, mut found) = (vec![], vec![]);
    let (end, other) = (reference(framing, rest, &mut wanted), ours(framing, rest, split, room, &mut found));
    assert_eq!((other, found), (end, wanted));
});

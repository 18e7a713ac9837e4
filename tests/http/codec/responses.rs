//! What a server may send, and what comes of it: every answer whole, at every split, byte by byte, and cut short.
#![cfg(feature = "requests")]

use socketpool::http::CloseReason::UntilClose;
use socketpool::http::{BodyDecoder, DecodeError, Framing, HeadDecoder, HeadStep, MAX_HEAD, Method, Progress};

use crate::support::codec::{
    Answer, Manner, Outcome, Xorshift, mutate, run,
    vectors::{Vector, Wanted, vectors, with},
};

/// Long answers are cut at these places only; short ones everywhere.
fn places(len: usize) -> Vec<usize> {
    if len < 400 {
        (0..=len).collect()
    } else {
        (0..200).chain((200..len).step_by(1 + len / 50)).chain(len - 60..=len).collect()
    }
}

#[test]
fn every_answer_comes_to_what_is_wanted() {
    for Vector { name, method, answer, wanted } in vectors() {
        let (outcome, left) = run(method, &[&answer], Manner::default());
        match (outcome, wanted) {
            (Outcome::Answer(got), Wanted::Answer(status, body, close, wanted_left)) => {
                assert_eq!((got.status, got.close), (status, close), "{name}");
                assert_eq!(String::from_utf8_lossy(&got.body), String::from_utf8_lossy(&body), "{name}");
                assert_eq!(left, wanted_left, "{name}");
            }
            (Outcome::Error(got), Wanted::Error(wanted)) => assert_eq!(got, wanted, "{name}"),
            (outcome, _) => panic!("{name}: {outcome:?}"),
        }
    }
}

#[test]
fn how_bytes_arrive_makes_no_difference() {
    for Vector { name, method, answer, .. } in vectors() {
        let whole = run(method, &[&answer], Manner::default()).0;
        let check = |pieces: &[&[u8]], manner: Manner| {
            assert_eq!(run(method, pieces, manner).0, whole, "{name}, {} pieces, {manner:?}", pieces.len());
        };
        for (output, direct) in [(1, false), (1, true), (7, false), (7, true), (4096, false), (4096, true)] {
            let manner = Manner { output, direct, ..Manner::default() };
            check(&[&answer], manner);
            check(&answer.chunks(1).collect::<Vec<_>>(), manner);
            check(&answer.chunks(3).collect::<Vec<_>>(), manner);
            if output == 7 {
                for place in places(answer.len()) {
                    let (before, after) = answer.split_at(place);
                    check(&[before, after], manner);
                }
            }
        }
    }
}

#[test]
fn an_answer_cut_short_is_never_a_success() {
    for Vector { name, method, answer, .. } in vectors() {
        let (whole, left) = run(method, &[&answer], Manner::default());
        let complete = if matches!(whole, Outcome::Answer(_)) { answer.len() - left } else { usize::MAX };
        for place in places(answer.len()).into_iter().filter(|place| *place < answer.len()) {
            match run(method, &[&answer[..place]], Manner::default()).0 {
                Outcome::Error(_) => {}
                Outcome::Answer(got) if got.close == Some(UntilClose) || place >= complete => {}
                outcome => panic!("{name}, first {place} bytes: {outcome:?}"),
            }
        }
    }
}

#[test]
fn an_open_connection_is_not_waited_on_once_the_answer_is_there() {
    for Vector { name, method, answer, wanted } in vectors() {
        let Wanted::Answer(_, _, close, _) = wanted else { continue };
        let outcome = run(method, &[&answer], Manner { eof: false, ..Manner::default() }).0;
        assert_eq!(outcome == Outcome::Waits, close == Some(UntilClose), "{name}");
    }
}

#[test]
fn another_protocol_is_refused_before_its_line_ends() {
    for (bytes, error) in [(&b"S"[..], DecodeError::NotHttp), (b"HTTP/2", DecodeError::UnsupportedVersion)] {
        let mut decoder = HeadDecoder::new(Method::Get);
        let mut bytes = bytes.to_vec();
        assert_eq!(decoder.advance(&mut bytes), Err(error));
        assert_eq!(decoder.advance(&mut bytes), Err(error), "errors are final");
        assert_eq!(decoder.end_of_stream(), error);
    }
}

#[test]
fn folded_lines_are_joined() {
    let mut bytes = *b"HTTP/1.1 200  All  Well \r\nA: one\r\n\ttwo\n  three\r\nB: 2\r\n\r\n";
    let mut decoder = HeadDecoder::new(Method::Get);
    let Ok(HeadStep::Complete(head)) = decoder.advance(&mut bytes) else { panic!() };
    let fields = head.fields(&bytes);
    let words: Vec<_> = fields.get_str("a").unwrap().split_whitespace().collect();
    assert_eq!(words, ["one", "two", "three"]);
    assert_eq!(fields.get_str("b"), Some("2"));
    assert_eq!(fields.iter().count(), 2);
    assert_eq!(head.reason(&bytes), b"All  Well");
}

#[test]
fn a_head_of_exactly_the_limit_is_taken() {
    let room = MAX_HEAD - with("X: \r\nContent-Length: 0\r\n", "").len();
    for (extra, fits) in [(0, true), (1, false)] {
        let answer = with(&format!("X: {}\r\nContent-Length: 0\r\n", "a".repeat(room + extra)), "");
        for pieces in [vec![answer.as_bytes()], answer.as_bytes().chunks(700).collect()] {
            let outcome = run(Method::Get, &pieces, Manner { head: 100_000, ..Manner::default() }).0;
            assert_eq!(matches!(outcome, Outcome::Answer(Answer { status: 200, .. })), fits, "{extra}");
        }
    }
}

#[test]
fn the_end_of_a_body_needs_no_output() {
    let mut body = BodyDecoder::new(Framing::Chunked);
    let mut output = [0; 5];
    assert_eq!(body.decode(b"5\r\nhello", &mut output), Ok(Progress { consumed: 8, produced: 5 }));
    assert!(!body.is_done());
    assert_eq!(body.decode(b"\r\n0\r\nX: 1\r\n\r\nHTTP", &mut []), Ok(Progress { consumed: 13, produced: 0 }));
    assert!(body.is_done());
    assert_eq!(body.end_of_stream(), Ok(()));

    let mut body = BodyDecoder::new(Framing::Chunked);
    assert_eq!(body.decode(b"5\r\nhello", &mut []), Ok(Progress { consumed: 3, produced: 0 }));
    assert_eq!(body.direct_len(), 5);
}

#[test]
fn errors_of_a_body_are_final() {
    let mut body = BodyDecoder::new(Framing::Chunked);
    assert_eq!(body.decode(b"x", &mut [0]), Err(DecodeError::InvalidChunkSize));
    assert_eq!(body.decode(b"0\r\n\r\n", &mut [0]), Err(DecodeError::InvalidChunkSize));
    assert_eq!((body.is_done(), body.direct_len()), (false, 0));
    assert_eq!(body.end_of_stream(), Err(DecodeError::InvalidChunkSize));

    let mut body = BodyDecoder::new(Framing::Length(2));
    assert_eq!(body.end_of_stream(), Err(DecodeError::Truncated));
    assert_eq!(body.decode(b"ok", &mut [0; 2]), Err(DecodeError::Truncated));
    assert!(!body.is_done());
}

/// Whatever arrives, it ends, and how it arrives makes no difference.
#[test]
fn mutated_answers_never_confuse_the_decoder() {
    let mut random = Xorshift(0x5EED_0001);
    let vectors: Vec<_> = vectors().into_iter().filter(|vector| vector.answer.len() < 2000).collect();
    for _ in 0..40_000 {
        let vector = &vectors[random.below(vectors.len())];
        let mut answer = vector.answer.clone();
        mutate(&mut answer, &mut random);
        let whole = run(vector.method, &[&answer], Manner::default()).0;
        let (first, second) = (random.below(answer.len() + 1), random.below(answer.len() + 1));
        let (a, b) = (first.min(second), first.max(second));
        let pieces = [&answer[..a], &answer[a..b], &answer[b..]];
        let manner = Manner { output: 1 + random.below(9), direct: random.below(2) == 0, ..Manner::default() };
        assert_eq!(
            run(vector.method, &pieces, manner).0,
            whole,
            "{:?} at {a} and {b}",
            String::from_utf8_lossy(&answer)
        );
    }
}

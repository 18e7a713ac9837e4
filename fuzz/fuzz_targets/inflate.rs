//! Deflate in each wrapping, at any split, with any room and window, beside miniz_oxide.
#![cfg_attr(feature = "libfuzzer", no_main)]

use miniz_oxide::inflate::{TINFLStatus, decompress_to_vec_with_limit, decompress_to_vec_zlib_with_limit};
use socketpool::http::{Format, Inflate, InflateError};
use socketpool_fuzz::{Split, take, target};

/// More than that is not asked for.
const LIMIT: usize = 1 << 16;

fn ours<const WINDOW: usize>(format: Format, input: &[u8], split: u8, room: u8) -> (Vec<u8>, Result<(), InflateError>) {
    let mut memory = Box::new(Inflate::<WINDOW>::new());
    let (mut inflater, mut split) = (memory.begin(format), Split::new(split));
    let (mut at, mut arrived, mut data, mut out) = (0, 0, vec![], vec![0; 1 + usize::from(room)]);
    loop {
        let progress = match inflater.decode(&input[at..arrived], &mut out) {
            Ok(progress) => progress,
            Err(error) => {
                assert_eq!(inflater.decode(&input[at..], &mut out), Err(error), "every error is final");
                return (data, Err(error));
            }
        };
        at += progress.consumed;
        data.extend(&out[..progress.produced]);
        if data.len() > LIMIT {
            return (data, Ok(()));
        }
        // What is left comes again: behind the good data lies what is wrong.
        if progress.produced == out.len() || at < arrived {
            assert!(progress.produced + progress.consumed > 0, "it goes on");
            continue;
        }
        if arrived == input.len() {
            return (data, inflater.end_of_stream());
        }
        arrived += split.piece().min(input.len() - arrived);
    }
}

fn crc32(data: &[u8]) -> u32 {
    !data.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 })
    })
}

/// RFC 1950 §8.2.
fn adler32(data: &[u8]) -> u32 {
    let (low, high) = data.iter().fold((1, 0), |(low, high), byte| {
        let low = (low + u32::from(*byte)) % 65_521;
        (low, (high + low) % 65_521)
    });
    high << 16 | low
}

target!(|input| {
    let mut rest = input;
    let [kind, split, room] = take(&mut rest);
    let gzip;
    // Their verdict, where they have one; a truncated stream is no error of theirs but of ours.
    let (format, input, theirs) = match kind % 4 {
        0 => {
            let theirs = decompress_to_vec_with_limit(rest, LIMIT);
            let data = theirs.as_deref().unwrap_or_default();
            let end = [crc32(data).to_le_bytes(), (data.len() as u32).to_le_bytes()].concat();
            gzip = [&[0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255], rest, &end].concat();
            (Format::Gzip, &gzip[..], Some(theirs))
        }
        1 => (Format::Gzip, rest, None),
        2 if rest.first().is_some_and(|byte| byte & 15 == 8)
            && rest.len() > 1
            && u16::from_be_bytes([rest[0], rest[1]]) % 31 == 0 =>
        {
            (Format::Deflate, rest, Some(decompress_to_vec_zlib_with_limit(rest, LIMIT)))
        }
        _ => (Format::Deflate, rest, None),
    };
    let whole = ours::<32_768>(format, input, 0, 255);
    let pieces = ours::<32_768>(format, input, split, room);
    // What is beyond the limit was cut somewhere.
    if whole.0.len() <= LIMIT && pieces.0.len() <= LIMIT {
        assert_eq!(whole, pieces, "at any split");
    }
    let small = ours::<256>(format, input, split, room);
    assert!(whole.0.len() > LIMIT || whole.0.starts_with(&small.0), "a small window gives a part of it");
    match theirs {
        Some(Ok(data)) => match whole.1 {
            Ok(()) => assert_eq!(whole.0, data),
            // They stop at the end of the stream, and look no further; under `cfg(fuzzing)` they check no checksum.
            Err(error) => assert!(
                error == InflateError::TrailingData && whole.0 == data
                    || error == InflateError::Checksum
                        && (kind % 4 == 0 || !rest.ends_with(&adler32(&data).to_be_bytes())),
                "{error:?}"
            ),
        },
        Some(Err(error)) if error.status != TINFLStatus::HasMoreOutput => {
            assert!(whole.1.is_err() || input.is_empty(), "they say {error:?}");
        }
        _ => {}
    }
});

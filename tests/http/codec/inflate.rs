//! Decompression: what a server may send, whole and in pieces, damaged in every place, with a window too small.
#![cfg(feature = "gzip")]

use miniz_oxide::{deflate::compress_to_vec, deflate::compress_to_vec_zlib, inflate};
use socketpool::http::{Format, Inflate, InflateError};

/// Decompresses `input` as it arrives in pieces of `piece` bytes, into buffers of `room` bytes.
fn decode<const W: usize>(format: Format, input: &[u8], piece: usize, room: usize) -> Result<Vec<u8>, InflateError> {
    let mut memory = Box::new(Inflate::<W>::new());
    let mut inflater = memory.begin(format);
    let (mut data, mut out) = (Vec::new(), vec![0; room]);
    for mut piece in input.chunks(piece) {
        loop {
            let progress = inflater.decode(piece, &mut out)?;
            data.extend(&out[..progress.produced]);
            piece = &piece[progress.consumed..];
            // What is wrong is said when all before it was delivered.
            assert!(progress.produced > 0 || piece.is_empty());
            if progress.produced < room && piece.is_empty() {
                break;
            }
        }
    }
    inflater.end_of_stream()?;
    Ok(data)
}

fn gzip(data: &[u8], level: u8) -> Vec<u8> {
    let mut out = vec![0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 0xFF];
    out.extend(compress_to_vec(data, level));
    out.extend(crc32(data).to_le_bytes());
    out.extend((data.len() as u32).to_le_bytes());
    out
}

fn crc32(data: &[u8]) -> u32 {
    let crc = data.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { 0xEDB8_8320 ^ crc >> 1 } else { crc >> 1 })
    });
    !crc
}

/// Numbers that look random and are the same each time.
fn noise(seed: u32) -> impl FnMut() -> u32 {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state
    }
}

/// Data of many kinds: empty, repeating, random, text-like, with far references.
fn samples() -> Vec<Vec<u8>> {
    let mut random = noise(1);
    let mut samples = vec![Vec::new(), b"a".to_vec(), b"hello hello hello".to_vec(), vec![b'x'; 100_000]];
    samples.push((0..70_000).map(|_| random() as u8).collect());
    samples.push((0..90_000).map(|_| b"etaoin shrdlu\n"[random() as usize % 14]).collect());
    let block: Vec<u8> = (0..32_768).map(|_| random() as u8).collect();
    samples.push([&block[..], &block, &block[..100]].concat());
    samples.push((0..=u8::MAX).collect());
    samples
}

#[test]
fn every_sample_at_every_level_comes_back() {
    for data in samples() {
        for level in [0, 1, 6, 9] {
            let forms = [
                (Format::Gzip, gzip(&data, level)),
                (Format::Deflate, compress_to_vec_zlib(&data, level)),
                (Format::Deflate, compress_to_vec(&data, level)),
            ];
            for (format, compressed) in forms {
                for (piece, room) in [(usize::MAX, 1 << 20), (1, 1 << 10), (700, 1), (3, 7)] {
                    let got = decode::<32_768>(format, &compressed, piece, room);
                    assert!(got.as_ref() == Ok(&data), "{format:?} level {level}: {} bytes", data.len());
                }
            }
        }
    }
}

#[test]
fn every_cut_is_truncated_and_nothing_else() {
    let data = b"hello hello hello, and something else hello";
    for (format, compressed) in [(Format::Gzip, gzip(data, 6)), (Format::Deflate, compress_to_vec_zlib(data, 6))] {
        for len in 1..compressed.len() {
            assert_eq!(decode::<512>(format, &compressed[..len], 5, 64), Err(InflateError::Truncated), "{len}");
        }
        assert_eq!(decode::<512>(format, &[], 5, 64), Ok(Vec::new()), "no content at all is what servers send");
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    let data: Vec<u8> = (0..3000u32).map(|number| b"etaoin shrdlu\n"[(number * number / 7) as usize % 14]).collect();
    let gzipped = gzip(&data, 6);
    for at in 0..gzipped.len() * 8 {
        let mut damaged = gzipped.clone();
        damaged[at / 8] ^= 1 << (at % 8);
        // MTIME, XFL and OS mean nothing, and the flag for text neither. A reference may lead to the same elsewhere.
        let is_harmless = (4..10).contains(&(at / 8)) || at == 24;
        match decode::<32_768>(Format::Gzip, &damaged, usize::MAX, 4096) {
            Ok(got) => assert!(got == data, "bit {at}"),
            Err(_) => assert!(!is_harmless, "bit {at}"),
        }
    }
}

/// On damaged and invented data: no panic, an end, and whatever is accepted is what another implementation makes of it.
#[test]
fn nothing_is_accepted_that_another_implementation_refuses() {
    let mut random = noise(7);
    let mut both = 0;
    for sample in samples() {
        let sample = &sample[..sample.len().min(600)];
        for level in [1, 6, 9] {
            let compressed = compress_to_vec(sample, level);
            for round in 0..1500 {
                let mut damaged = compressed.clone();
                for _ in 0..=round % 3 {
                    let at = random() as usize % damaged.len();
                    damaged[at] = if round % 2 == 0 { damaged[at] ^ 1 << (random() % 8) } else { random() as u8 };
                }
                if damaged[0] & 0x8F == 8 {
                    continue; // looks like zlib
                }
                let ours = decode::<32_768>(Format::Deflate, &damaged, 64, 256);
                // They pass over what follows the end.
                let theirs = inflate::decompress_to_vec(&damaged);
                match (ours, theirs) {
                    (Ok(ours), theirs) => {
                        both += 1;
                        assert_eq!(Ok(ours), theirs.map_err(|error| error.status));
                    }
                    (Err(InflateError::TrailingData), Ok(_)) | (Err(_), Err(_)) => {}
                    (Err(error), Ok(_)) => {
                        // An incomplete code, or none: zlib refuses these too.
                        assert_eq!(error, InflateError::Corrupt, "{damaged:x?}");
                    }
                }
            }
        }
    }
    assert!(both > 100, "{both} were accepted by both");
    for seed in 1..3000 {
        let mut random = noise(seed);
        let invented: Vec<u8> = (0..200).map(|_| random() as u8).collect();
        let _ = decode::<256>(Format::Deflate, &invented, 64, 256);
        let _ = decode::<256>(Format::Gzip, &[&[0x1F, 0x8B, 8, seed as u8 & 31][..], &invented].concat(), 7, 256);
    }
}

#[test]
fn a_window_too_small_says_what_it_takes() {
    // No three bytes come twice before the end.
    let block: Vec<u8> = (0..2500u16).flat_map(|number| [(number / 50) as u8, 100 + (number % 50) as u8]).collect();
    let data = [&block[..], &block[..600]].concat();
    let compressed = compress_to_vec_zlib(&data, 9);
    let need = 5000;
    assert_eq!(decode::<1024>(Format::Deflate, &compressed, 100, 100), Err(InflateError::WindowTooSmall { need }));
    assert_eq!(decode::<4999>(Format::Deflate, &compressed, 100, 100), Err(InflateError::WindowTooSmall { need }));
    assert_eq!(decode::<5000>(Format::Deflate, &compressed, 100, 100), Ok(data));
    // What never refers back needs none.
    assert_eq!(decode::<0>(Format::Gzip, &gzip(b"abc", 0), 100, 100), Ok(b"abc".to_vec()));
    assert!(size_of::<Inflate<0>>() <= 1750, "{} bytes", size_of::<Inflate<0>>());
}

/// Zeros (tapes are padded with them) and garbage alike: what was verified comes first, however it arrives (RFC 1952 §2.2
/// allows another member and nothing else).
#[test]
fn what_was_verified_comes_before_what_follows_it() {
    let data = samples().swap_remove(5);
    for (format, compressed) in [
        (Format::Gzip, gzip(&data, 6)),
        (Format::Deflate, compress_to_vec_zlib(&data, 6)),
        (Format::Deflate, compress_to_vec(&data, 6)),
    ] {
        for surplus in [&b"\0"[..], &[0; 600], b"garbage", b"\x1e\x8b"] {
            let input = [&compressed[..], surplus].concat();
            for (piece, room) in [(usize::MAX, 1 << 20), (usize::MAX, 1 << 10), (1, 64), (700, 7)] {
                let mut memory = Box::new(Inflate::<32_768>::new());
                let mut inflater = memory.begin(format);
                let (mut got, mut out) = (Vec::<u8>::new(), vec![0; room]);
                let mut pieces = input.chunks(piece);
                let error = 'all: loop {
                    let Some(mut piece) = pieces.next() else { break inflater.end_of_stream().expect_err("a surplus") };
                    while !piece.is_empty() {
                        match inflater.decode(piece, &mut out) {
                            Ok(progress) => {
                                got.extend(&out[..progress.produced]);
                                piece = &piece[progress.consumed..];
                            }
                            Err(error) => break 'all error,
                        }
                    }
                };
                assert_eq!(error, InflateError::TrailingData, "{format:?} {piece} {room}");
                assert!(got == data, "{format:?} {piece} {room}: {} of {} bytes", got.len(), data.len());
                assert_eq!(inflater.decode(b"", &mut out), Err(error));
                assert_eq!(inflater.end_of_stream(), Err(error));
            }
        }
    }
}

#[test]
fn heads_and_tails_of_gzip() {
    let data = b"some data";
    let plain = gzip(data, 6);
    let (head, rest) = plain.split_at(10);
    let with = |flags: u8, fields: &[u8]| [&head[..3], &[flags], &head[4..], fields, rest].concat();
    let named = with(8 | 16 | 4, b"\x03\0abcname\0comment\0");
    assert_eq!(decode::<512>(Format::Gzip, &named, 1, 4), Ok(data.to_vec()));
    let mut checked = [&head[..3], &[2], &head[4..]].concat();
    let crc = crc32(&checked) as u16;
    for (crc, wanted) in [(crc, Ok(data.to_vec())), (crc ^ 1, Err(InflateError::Checksum))] {
        checked.truncate(10);
        checked.extend(crc.to_le_bytes());
        assert_eq!(decode::<512>(Format::Gzip, &[&checked[..], rest].concat(), 1, 4), wanted);
    }
    for flags in [0x20, 0x40, 0x80] {
        assert_eq!(decode::<512>(Format::Gzip, &with(flags, b""), 1, 4), Err(InflateError::Corrupt));
    }
    // Several members are one body; anything else after the end is too much.
    assert_eq!(decode::<512>(Format::Gzip, &plain.repeat(3), 3, 4), Ok(data.repeat(3)));
    for surplus in [&b"\0"[..], b"x", b"\x1f\x8c"] {
        let wrong = decode::<512>(Format::Gzip, &[&plain[..], surplus].concat(), 3, 4);
        assert!(matches!(wrong, Err(InflateError::TrailingData | InflateError::Corrupt)), "{wrong:?}");
    }
    for compressed in [compress_to_vec_zlib(data, 6), compress_to_vec(data, 6)] {
        let wrong = decode::<512>(Format::Deflate, &[&compressed[..], b"\0"].concat(), 3, 4);
        assert_eq!(wrong, Err(InflateError::TrailingData));
    }
    assert_eq!(decode::<512>(Format::Gzip, b"<html>", 3, 4), Err(InflateError::Corrupt));
}

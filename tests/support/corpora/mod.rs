//! Public test suites. They are read from the directory in `SOCKETPOOL_CORPORA` and are no part of this repository; without
//! it the tests that score them say so and pass.

pub mod http;

use serde_json::Value;

/// One suite, or nothing if there are none here.
pub fn corpus(file: &str) -> Option<Value> {
    let Some(directory) = std::env::var_os("SOCKETPOOL_CORPORA") else {
        println!("SOCKETPOOL_CORPORA is not set: {file} is not scored");
        return None;
    };
    let path = std::path::Path::new(&directory).join(file);
    let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Some(serde_json::from_slice(&text).unwrap())
}

/// Decodes base64 without looking at what is not of its alphabet.
pub fn base64(text: &str) -> Vec<u8> {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = Vec::new();
    let (mut group, mut bits) = (0u32, 0);
    for sextet in text.bytes().filter_map(|byte| alphabet.iter().position(|letter| *letter == byte)) {
        group = group << 6 | sextet as u32;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((group >> bits) as u8);
        }
    }
    bytes
}

//! Our reader beside serde_json, on a few hundred thousand texts that are JSON or nearly: what one takes the other takes,
//! and makes the same of it. Each way in which they may differ is a line here.

use std::{collections::BTreeMap, format, string::String, vec::Vec};

use serde::{Deserialize, de::DeserializeOwned, de::IgnoredAny};
use serde_json::Value;

use super::{BYTE_ORDER_MARK, JsonErrorKind, parse, tests::Random};
use crate::error::ErrorKind;

/// A random text: values in values, blanks between them, escapes and numbers of every form.
fn value(random: &mut Random, depth: u32, text: &mut Vec<u8>) {
    const WORDS: [&str; 24] = [
        "null",
        "true",
        "false",
        "0",
        "-0",
        "7",
        "255",
        "256",
        "-128",
        "4294967296",
        "18446744073709551615",
        "18446744073709551616",
        "-9223372036854775808",
        "-9223372036854775809",
        "1.0",
        "0.5e-3",
        "-2.5E+10",
        "1e400",
        "\"\"",
        "\"North\"",
        "\"caf\\u00e9\\n\"",
        "\"\\ud83d\\ude00\"",
        "\"\\ud83d\"",
        "\"é\\\\\\\"\"",
    ];
    const KEYS: [&str; 7] = ["a", "list", "text", "kind", "\\u0061", "other", "pair"];
    let blank = |random: &mut Random, text: &mut Vec<u8>| {
        if random.below(6) == 0 {
            text.push(b" \t\n\r"[random.below(4) as usize]);
        }
    };
    blank(random, text);
    let is_object = match random.below(if depth == 0 { 1 } else { 4 }) {
        0 => {
            text.extend(WORDS[random.below(24) as usize].bytes());
            return blank(random, text);
        }
        1 => false,
        _ => true,
    };
    text.push(if is_object { b'{' } else { b'[' });
    for index in 0..random.below(5) {
        if index > 0 {
            text.push(b',');
        }
        if is_object {
            blank(random, text);
            text.extend(format!("\"{}\"", KEYS[random.below(7) as usize]).bytes());
            blank(random, text);
            text.push(b':');
        }
        value(random, depth - 1, text);
    }
    text.push(if is_object { b'}' } else { b']' });
    blank(random, text);
}

/// A few bytes changed, left out or put in.
fn damage(random: &mut Random, text: &mut Vec<u8>) {
    const BYTES: &[u8] = b"{}[],:\"\\ 0123456789.eE+-untrlsf/\t\x01\xe9";
    for _ in 0..random.below(3) {
        let at = random.below(text.len() as u64 + 1) as usize;
        let byte = match random.below(4) {
            0 => random.next() as u8,
            _ => BYTES[random.below(BYTES.len() as u64) as usize],
        };
        match random.below(3) {
            0 => text.insert(at, byte),
            1 if at < text.len() => text[at] = byte,
            _ if at < text.len() => _ = text.remove(at),
            _ => text.truncate(at / 2),
        }
    }
}

#[derive(Debug, PartialEq, Deserialize)]
struct Shape {
    a: i16,
    #[serde(default)]
    list: Vec<u8>,
    text: Option<String>,
    #[serde(default)]
    kind: Option<Kind>,
    #[serde(default)]
    pair: Option<(f64, bool)>,
}

#[derive(Debug, PartialEq, Deserialize)]
enum Kind {
    North,
    #[serde(rename = "a")]
    One(u64),
    #[serde(rename = "pair")]
    Two(u8, u8),
    #[serde(rename = "other")]
    Named {
        a: bool,
    },
}

/// Their verdicts on a text, and whether they agree.
fn compare<V: DeserializeOwned + PartialEq + core::fmt::Debug>(text: &[u8], same: fn(&V, &V) -> bool) -> bool {
    let theirs = serde_json::from_slice::<V>(text);
    let mut copy = text.to_vec();
    let ours = parse::<V>(&mut copy, text.len());
    let shown = String::from_utf8_lossy(text);
    match (&ours, &theirs) {
        (Ok(ours), Ok(theirs)) => assert!(same(ours, theirs), "{shown}: {ours:?}, not {theirs:?}"),
        (Err(_), Err(_)) => {}
        // RFC 8259 §8.1 permits both.
        (Ok(_), Err(_)) if text.starts_with(BYTE_ORDER_MARK) => {}
        // Zero, whatever its sign.
        (Ok(_), Err(_)) if shown.contains("-0") => {}
        // It takes the elements of an array for the fields of a struct.
        (Err(ErrorKind::Json(error)), Ok(_)) if is_array_for_object(error.kind()) => {}
        // It does not look at bytes that it passes over.
        (Err(_), Ok(_)) if core::str::from_utf8(text).is_err() => {}
        _ => panic!("{shown}: {ours:?}, not {theirs:?}"),
    }
    ours.is_ok()
}

fn is_array_for_object(kind: JsonErrorKind) -> bool {
    use super::JsonType::{Array, Object};
    kind == JsonErrorKind::WrongType { expected: Object, found: Array }
}

/// Equal, but for the last bit of a float (theirs are not rounded exactly unless asked to) and the sign of zero.
fn about(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Number(ours), Value::Number(theirs)) => {
            let (Some(x), Some(y)) = (ours.as_f64(), theirs.as_f64()) else { return false };
            ours == theirs || (x - y).abs() <= x.abs() * 4e-16
        }
        (Value::Array(ours), Value::Array(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(x, y)| about(x, y))
        }
        (Value::Object(ours), Value::Object(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|((k, x), (l, y))| k == l && about(x, y))
        }
        _ => ours == theirs,
    }
}

#[test]
fn as_serde_json() {
    let mut random = Random(0xd1ff);
    let mut taken = BTreeMap::new();
    for _ in 0..if cfg!(miri) { 50 } else { 20_000 } {
        let mut text = Vec::new();
        value(&mut random, 4, &mut text);
        damage(&mut random, &mut text);
        let mut count = |what, is_taken| *taken.entry(what).or_insert(0) += u32::from(is_taken);
        count("anything", compare::<Value>(&text, about));
        count("nothing", compare::<IgnoredAny>(&text, |_, _| true));
        count("shape", compare::<Shape>(&text, |x, y| x == y));
        let mut shape = b"{\"a\":1".to_vec();
        for key in ["list", "text", "kind", "pair", "other"].iter().skip(random.below(6) as usize) {
            shape.extend(format!(",\"{key}\":").bytes());
            value(&mut random, 1, &mut shape);
        }
        shape.push(b'}');
        count("shape", compare::<Shape>(&shape, |x, y| x == y));
        count("map", compare::<BTreeMap<String, Option<Shape>>>(&text, |x, y| x == y));
        // Each value by itself, so that more of them are of some use.
        for part in text.split(|byte| matches!(byte, b',' | b':')) {
            count("integer", compare::<u8>(part, |x, y| x == y));
            count("wide", compare::<i64>(part, |x, y| x == y));
            count("kind", compare::<Kind>(part, |x, y| x == y));
            count("text", compare::<String>(part, |x, y| x == y));
            count("float", compare::<f64>(part, |x, y| (x - y).abs() <= x.abs() * 4e-16));
        }
    }
    // That all of it was tried.
    assert!(cfg!(miri) || taken.values().all(|count| *count > 500), "{taken:?}");
}

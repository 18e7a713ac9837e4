//! The JSON reader beside serde_json: what one takes the other takes, and makes the same of it, but for a short list.
#![cfg_attr(feature = "libfuzzer", no_main)]

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use socketpool::{Error, ErrorKind, requests::JsonErrorKind};
use socketpool_fuzz::{Split, take, target, with_response};

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

/// Ours, in a buffer with room for what escapes become.
fn ours<V: DeserializeOwned>(text: &[u8], split: Split, spare: usize) -> Result<V, Error> {
    let mut buffer = vec![0; text.len() + spare];
    with_response(text, split, async |response| response.json::<V>(&mut buffer).await)
}

fn compare<V: DeserializeOwned + PartialEq + std::fmt::Debug>(text: &[u8], same: impl Fn(&V, &V) -> bool) {
    let theirs = serde_json::from_slice::<V>(text);
    let shown = || text.escape_ascii().to_string();
    match (ours::<V>(text, Split::WHOLE, text.len() + 1), theirs) {
        (Ok(ours), Ok(theirs)) => assert!(same(&ours, &theirs), "{}: {ours:?} and {theirs:?}", shown()),
        (Err(_), Err(_)) => {}
        // Theirs takes `-0` for a fraction; for ours it is the integer 0 too.
        (Ok(_), Err(error)) if error.to_string().contains("floating point `-0.0`") => {}
        (Ok(ours), Err(error)) => {
            // A byte order mark is passed over.
            let bare = text.strip_prefix(b"\xEF\xBB\xBF").map(serde_json::from_slice::<V>);
            assert!(bare.is_some_and(|bare| bare.is_ok_and(|bare| same(&ours, &bare))), "{}: {error}", shown());
        }
        (Err(error), Ok(theirs)) => {
            let ErrorKind::Json(kind) = error.kind() else { panic!("{}: {error:?} for {theirs:?}", shown()) };
            // What nobody asked for, they pass over without reading it as text.
            if kind.kind() == JsonErrorKind::Unicode {
                let has_surrogates = text.windows(3).any(|window| window.eq_ignore_ascii_case(b"\\ud"));
                return assert!(has_surrogates || std::str::from_utf8(text).is_err(), "{}", shown());
            }
            // Values in values end at 32; theirs at 128.
            assert_eq!(kind.kind(), JsonErrorKind::TooDeep, "{}: {theirs:?}", shown());
        }
    }
}

/// The same, as far as numbers of 17 digits can be.
fn alike(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Number(a), Value::Number(b)) => a == b || close(a.as_f64(), b.as_f64()),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| alike(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|((k, a), (l, b))| k == l && alike(a, b))
        }
        (a, b) => a == b,
    }
}

fn close(a: Option<f64>, b: Option<f64>) -> bool {
    matches!((a, b), (Some(a), Some(b)) if a == b || ((a - b) / b).abs() < 1e-15)
}

target!(|input| {
    let mut text = input;
    let [split] = take(&mut text);
    compare::<Value>(text, alike);
    compare::<Shape>(text, |a, b| {
        let pairs = a.pair.zip(b.pair).is_none_or(|(a, b)| close(Some(a.0), Some(b.0)) && a.1 == b.1);
        pairs && (a.a, &a.list, &a.text, &a.kind) == (b.a, &b.list, &b.text, &b.kind)
    });
    // A buffer without room to spare, and bytes that come one by one: no panic, and never another value.
    let tight = ours::<Value>(text, Split::new(split), 0);
    if let (Ok(tight), Ok(roomy)) = (tight, ours::<Value>(text, Split::WHOLE, text.len() + 1)) {
        assert_eq!(tight, roomy);
    }
});

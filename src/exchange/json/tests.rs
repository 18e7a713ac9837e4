//! What is read, what is refused, and as what.

use std::{format, string::String, vec::Vec};

use serde::{
    Deserialize, Serialize,
    de::{DeserializeOwned, IgnoredAny},
};

use super::{Json, JsonError, JsonErrorKind, JsonErrorKind as Kind, JsonType, number, parse};
use crate::{error::ErrorKind, exchange::Body};

fn read<V: DeserializeOwned>(text: &str) -> Result<V, JsonErrorKind> {
    bytes(text.as_bytes()).map_err(|error| error.kind())
}

fn bytes<V: DeserializeOwned>(text: &[u8]) -> Result<V, JsonError> {
    let mut text = text.to_vec();
    let len = text.len();
    parse(&mut text, len).map_err(|kind| match kind {
        ErrorKind::Json(error) => error,
        other => panic!("{other}"),
    })
}

fn wrong(expected: JsonType, found: JsonType) -> JsonErrorKind {
    Kind::WrongType { expected, found }
}

#[test]
fn what_is_json() {
    let nested = "[".repeat(32) + &"]".repeat(32);
    let values = [
        "null",
        " true ",
        "false",
        "0",
        "-0",
        "-1.5e+10",
        "1E9",
        "\"\"",
        "\"a\\\"\\u00e9\\n/\"",
        "[]",
        "[ ]",
        "{}",
        "[1,[2,{}],3]",
        "{\"a\":{\"b\":[]},\"c\":1}",
        "\t[\r\n1 , 2 ]",
        "{ \"a\" : 1 , \"b\" : 2 }",
        "\"\\ud83d\"",
        &nested,
    ];
    for text in values {
        assert!(read::<IgnoredAny>(text).is_ok(), "{text}");
        // RFC 8259 §8.1: a parser may ignore a byte order mark.
        assert!(read::<IgnoredAny>(&format!("\u{feff}{text}")).is_ok(), "{text}");
    }
}

#[test]
fn what_is_not() {
    use Kind::{Gzip, Markup, Syntax, TooDeep, TrailingCharacters, UnexpectedEnd, Unicode, Utf16};
    let deep = "[".repeat(100_000);
    let wrong: &[(&str, JsonErrorKind, u16)] = &[
        ("", UnexpectedEnd, 0),
        ("  ", UnexpectedEnd, 2),
        ("[", UnexpectedEnd, 1),
        ("{\"a\"", UnexpectedEnd, 4),
        ("\"a", UnexpectedEnd, 2),
        ("\"a\\", UnexpectedEnd, 3),
        ("\"\\u00", UnexpectedEnd, 5),
        ("tru", UnexpectedEnd, 3),
        ("-", UnexpectedEnd, 1),
        ("[1", UnexpectedEnd, 2),
        ("1.", UnexpectedEnd, 2),
        ("1e+", UnexpectedEnd, 3),
        ("True", Syntax, 0),
        ("not found", Syntax, 1),
        ("[1,]", Syntax, 3),
        ("[,1]", Syntax, 1),
        ("{,}", Syntax, 1),
        ("{\"a\":1,}", Syntax, 7),
        ("{a:1}", Syntax, 1),
        ("{\"a\" 1}", Syntax, 5),
        ("[1 2]", Syntax, 3),
        ("[1}", Syntax, 2),
        ("{\"a\":1]", Syntax, 6),
        ("]", Syntax, 0),
        ("'a'", Syntax, 0),
        ("\"\t\"", Syntax, 1),
        ("NaN", Syntax, 0),
        ("[1:2]", Syntax, 2),
        ("+1", Syntax, 0),
        (".5", Syntax, 0),
        ("\u{a0}1", Syntax, 0),
        ("\u{feff}\u{feff}1", Syntax, 3),
        ("1\u{feff}", TrailingCharacters, 1),
        ("01", Syntax, 1),
        ("-01", Syntax, 2),
        ("[1.e5]", Syntax, 3),
        ("[1e]", Syntax, 3),
        ("-a", Syntax, 1),
        ("\"\\x\"", Syntax, 3),
        ("\"\\u12g4\"", Syntax, 5),
        ("1 2", TrailingCharacters, 2),
        ("{}}", TrailingCharacters, 2),
        ("1a", TrailingCharacters, 1),
        ("0x1", TrailingCharacters, 1),
        (&deep, TooDeep, 32),
        ("<!doctype html>", Markup, 0),
        ("{\0\"\0", Utf16, 1),
        ("\0{\0\"", Utf16, 0),
    ];
    for (text, kind, offset) in wrong {
        let error = bytes::<IgnoredAny>(text.as_bytes()).expect_err(text);
        assert_eq!((error.kind(), error.offset()), (*kind, *offset), "{text}");
        assert!(!error.kind().is_mismatch());
        // Nor is it another kind of fault if something else was expected.
        let error = bytes::<[u8; 1]>(text.as_bytes()).expect_err(text);
        assert!(!error.kind().is_mismatch() || kind == &TrailingCharacters, "{text}: {error}");
    }
    let kind = |text: &[u8]| bytes::<IgnoredAny>(text).expect_err("not JSON").kind();
    assert_eq!(kind(b"\"\xff\""), Unicode);
    assert_eq!(kind(b"\"caf\xe9\""), Unicode); // Latin-1
    assert_eq!(kind(b"\xff"), Syntax);
    assert_eq!(kind(b"\x1f\x8b\x08\0\0"), Gzip);
    assert_eq!(kind(b"\xff\xfe{\0}\0"), Utf16);
    assert_eq!(kind(b"\xfe\xff\0{\0}"), Utf16);
    assert_eq!(kind(b"\xef\xbb"), Syntax);
}

#[derive(Debug, PartialEq, Deserialize)]
struct Place {
    main: Main,
    #[serde(default)]
    tags: Vec<u8>,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Main {
    temp: f32,
    #[serde(rename = "h")]
    humidity: u8,
    wind: Option<Wind>,
}

#[derive(Debug, PartialEq, Deserialize)]
enum Wind {
    North,
    Gusts(u8),
    Between { low: u8, high: u8 },
    From(u16, u16),
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Strict {
    a: u8,
}

#[test]
fn each_mismatch_has_its_name_and_its_place() {
    use JsonType::{Array, Boolean, Null, Number, Object, String as Text};
    let cases = [
        (r#"{"main":{"temp":null,"h":1}}"#, wrong(Number, Null), "main.temp"),
        (r#"{"main":{"temp":"7","h":1}}"#, wrong(Number, Text), "main.temp"),
        (r#"{"main":{"temp":1e39,"h":1}}"#, Kind::OutOfRange, "main.temp"),
        (r#"{"main":{"temp":1,"h":300}}"#, Kind::OutOfRange, "main.h"),
        (r#"{"main":{"temp":1,"h":-1}}"#, Kind::OutOfRange, "main.h"),
        (r#"{"main":{"temp":1,"h":7.5}}"#, Kind::NotInteger, "main.h"),
        (r#"{"main":{"temp":1,"h":1.0}}"#, Kind::NotInteger, "main.h"),
        (r#"{"main":{"temp":1,"h":1e1}}"#, Kind::NotInteger, "main.h"),
        (r#"{"main":{"temp":1,"h":true}}"#, wrong(Number, Boolean), "main.h"),
        (r#"{"main":{"temp":1}}"#, Kind::MissingField, "main.h"),
        (r#"{"main":{"temp":1,"temp":1,"h":1}}"#, Kind::DuplicateField, "main.temp"),
        (r#"{"main":[1,2]}"#, wrong(Object, Array), "main"),
        (r"{}", Kind::MissingField, "main"),
        (r"7", wrong(Object, Number), ""),
        (r#"{"main":{"temp":1,"h":1,"wind":3}}"#, wrong(Text, Number), "main.wind"),
        (r#"{"main":{"temp":1,"h":1,"wind":"South"}}"#, Kind::UnknownVariant, "main.wind"),
        (r#"{"main":{"temp":1,"h":1,"wind":{}}}"#, Kind::UnknownVariant, "main.wind"),
        (r#"{"main":{"temp":1,"h":1,"wind":{"North":null,"Gusts":1}}}"#, Kind::TooLong, "main.wind"),
        (r#"{"main":{"temp":1,"h":1,"wind":{"From":[1]}}}"#, Kind::TooShort, "main.wind"),
        (r#"{"main":{"temp":1,"h":1,"wind":{"From":[1,2,3]}}}"#, Kind::TooLong, "main.wind"),
        // The innermost two.
        (r#"{"main":{"temp":1,"h":1,"wind":{"Between":{"low":1}}}}"#, Kind::MissingField, "wind.high"),
        (r#"{"main":{"temp":1,"h":1,"wind":{"Between":{"low":1,"high":256}}}}"#, Kind::OutOfRange, "wind.high"),
        (r#"{"main":{"temp":1,"h":1},"tags":[1,2,256]}"#, Kind::OutOfRange, "tags"),
    ];
    for (text, kind, path) in cases {
        let error = bytes::<Place>(text.as_bytes()).expect_err(text);
        assert_eq!((error.kind(), &*format!("{}", error.path())), (kind, path), "{text}");
        assert!(kind.is_mismatch());
    }
    let error = bytes::<Place>(cases[0].0.as_bytes()).expect_err("null");
    assert_eq!(format!("{error}"), "the json has null where a number is expected, at main.temp");

    let text = r#"{"x":[{}],"main":{"temp":1,"h":7,"wind":{"From":[1,2]}},"tags":[]}"#;
    let main = Main { temp: 1.0, humidity: 7, wind: Some(Wind::From(1, 2)) };
    assert_eq!(read::<Place>(text), Ok(Place { main, tags: Vec::new() }));
    assert_eq!(read("\"North\""), Ok(Wind::North));
    assert_eq!(read("{\"North\":null}"), Ok(Wind::North));
    assert_eq!(read("{\"Gusts\" : 3 }"), Ok(Wind::Gusts(3)));
    assert_eq!(read("{\"Between\":{\"high\":2,\"low\":1}}"), Ok(Wind::Between { low: 1, high: 2 }));
    assert_eq!(read::<Strict>("{\"a\":1,\"b\":2}"), Err(Kind::UnknownField));
}

#[test]
fn sizes_of_arrays_and_strings() {
    assert_eq!(read("[1,2]"), Ok([1u8, 2]));
    assert_eq!(read::<[u8; 2]>("[1,2,3]"), Err(Kind::TooLong));
    assert_eq!(read::<[u8; 2]>("[1]"), Err(Kind::TooShort));
    assert_eq!(read::<[u8; 0]>("[1]"), Err(Kind::TooLong));
    assert_eq!(read::<[u8; 0]>("[]"), Ok([]));
    assert_eq!(read::<(u8, bool)>("[1,true,2]"), Err(Kind::TooLong));
    assert_eq!(read::<[[u8; 2]; 2]>("[[1,2],[1]]"), Err(Kind::TooShort));
    assert_eq!(read::<[[u8; 2]; 2]>("[[1,2],[1,2,3]]"), Err(Kind::TooLong));
    assert_eq!(read::<heapless::Vec<u8, 2>>("[1,2]").as_deref(), Ok(&[1, 2][..]));
    assert_eq!(read::<heapless::Vec<u8, 2>>("[1,2,3]"), Err(Kind::TooLong));
    assert_eq!(read::<heapless::String<2>>("\"ab\"").as_deref(), Ok("ab"));
    assert_eq!(read::<heapless::String<2>>("\"abc\""), Err(Kind::TooLong));
    assert_eq!(read::<[heapless::String<2>; 1]>("[\"abc\"]"), Err(Kind::TooLong));
    let pairs = read::<heapless::LinearMap<u8, bool, 2>>("{\"7\":true,\"8\":false}").expect("two");
    assert_eq!((pairs.len(), pairs.get(&7)), (2, Some(&true)));
    assert_eq!(read::<std::collections::BTreeMap<u8, ()>>("{\"x\":null}"), Err(Kind::NotInteger));
}

#[test]
fn strings_with_escapes_lie_where_they_were_read() {
    let mut text = br#"{"a":"caf\u00e9 \ud83d\ude00\n","\u0062":["plain","\"\\\/\b\f\n\r\t"],"c":"\u0000"}"#.to_vec();
    let len = text.len();
    #[derive(Deserialize)]
    struct Texts<'b> {
        a: &'b str,
        #[serde(borrow)]
        b: [&'b str; 2],
        c: &'b str,
    }
    let texts: Texts<'_> = parse(&mut text, len).expect("JSON");
    assert_eq!(texts.a, "café 😀\n");
    assert_eq!((texts.b, texts.c), (["plain", "\"\\/\x08\x0c\n\r\t"], "\0"));
    for half in [r#""\ud83d""#, r#""\ud83dx\ude00""#, r#""\ude00\ud83d""#, r#""\ud83d\u0041""#] {
        assert_eq!(read::<String>(half), Err(Kind::Unicode), "{half}");
        assert!(read::<IgnoredAny>(half).is_ok(), "not asked for: {half}");
    }
}

/// A server that adds a field does not break a device that was deployed before.
#[test]
fn what_nobody_asked_for_costs_no_memory() {
    let long = "\\u00e9\\n\\ud83d".repeat(10_000);
    let deep = "[".repeat(30) + &"]".repeat(30);
    let text = format!("{{\"new\\n\":\"{long}\",\"deep\":{deep},\"a\":1,\"n\":1e999}}");
    #[derive(Debug, Deserialize, PartialEq)]
    struct Known {
        a: u8,
    }
    assert_eq!(read(&text), Ok(Known { a: 1 }));
}

#[test]
fn integers_to_their_last() {
    assert_eq!(read("18446744073709551615"), Ok(u64::MAX));
    assert_eq!(read("-9223372036854775808"), Ok(i64::MIN));
    assert_eq!(read("9223372036854775807"), Ok(i64::MAX));
    assert_eq!((read("-128"), read("127"), read("-0")), (Ok(i8::MIN), Ok(i8::MAX), Ok(0u8)));
    for text in ["18446744073709551616", "18446744073709551620", "99999999999999999999999999999999", "-1"] {
        assert_eq!(read::<u64>(text), Err(Kind::OutOfRange), "{text}");
    }
    for text in ["-9223372036854775809", "9223372036854775808", "-18446744073709551616"] {
        assert_eq!(read::<i64>(text), Err(Kind::OutOfRange), "{text}");
    }
    assert_eq!((read::<i8>("128"), read::<i8>("-129")), (Err(Kind::OutOfRange), Err(Kind::OutOfRange)));
    assert_eq!(read::<core::num::NonZeroU8>("0"), Err(Kind::OutOfRange));
}

/// Every value that is not a float itself, of whichever kind.
#[test]
fn nothing_infinite_goes_out() {
    #[derive(Serialize)]
    struct Reading {
        name: &'static str,
        values: [Option<f32>; 2],
        kind: Of,
    }
    #[derive(Serialize)]
    enum Of {
        Nothing,
        One(f64),
        Two(u8, f64),
        Named { value: f64 },
    }
    let write = |value: f32, kind: Of| {
        let reading = Reading { name: "x", values: [None, Some(value)], kind };
        let mut room = [0; 200];
        Json(&reading).write(&mut room).map(|len| String::from_utf8_lossy(&room[..len]).into_owned())
    };
    let kind = ErrorKind::Json(JsonError::at(Kind::NotFinite, 0));
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        assert_eq!(write(value, Of::Nothing), Err(kind));
        let value = value.into();
        for of in [Of::One(value), Of::Two(1, value), Of::Named { value }] {
            assert_eq!(write(1.0, of), Err(kind));
        }
    }
    let written = r#"{"name":"x","values":[null,1.5],"kind":{"Named":{"value":2.0}}}"#;
    assert_eq!(write(1.5, Of::Named { value: 2.0 }).as_deref(), Ok(written));
    assert_eq!(crate::Error::new(crate::Phase::Setup, kind).blame(), crate::Blame::Caller);
}

/// The same bits as core, or out of range where core makes an infinity.
fn assert_as_core(text: &str) {
    let bits = |format| number::float(text.as_bytes(), format);
    let single: f32 = text.parse().expect("a number");
    let double: f64 = text.parse().expect("a number");
    assert_eq!(bits(&number::BINARY32), single.is_finite().then(|| single.to_bits().into()), "{text} as f32");
    assert_eq!(bits(&number::BINARY64), double.is_finite().then(|| double.to_bits()), "{text} as f64");
}

/// xorshift64*, so that each run tries the same.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn digits(&mut self, count: u64) -> String {
        (0..count).map(|_| char::from(b'0' + self.below(10) as u8)).collect()
    }
}

#[test]
fn floats_are_those_of_core() {
    let mut random = Random(0x5eed);
    for _ in 0..if cfg!(miri) { 20 } else { 20_000 } {
        // Bit patterns of either format, and decimals of every length and exponent.
        let double = f64::from_bits(random.next()).abs();
        if double.is_finite() {
            assert_as_core(&format!("{double:e}"));
        }
        let single = f32::from_bits(random.next() as u32).abs();
        if single.is_finite() {
            assert_as_core(&format!("{single:e}"));
            assert_as_core(&format!("{single}"));
        }
        let (whole, fraction) = (random.below(20), random.below(25) + 1);
        let text = format!("{}.{}", random.digits(whole).trim_start_matches('0'), random.digits(fraction));
        let text = if text.starts_with('.') { format!("0{text}") } else { text };
        assert_as_core(&text);
        let exponent = random.below(700) as i64 - 350;
        assert_as_core(&format!("{text}e{exponent}"));
    }
}

#[test]
fn floats_halfway_and_at_the_ends() {
    let fixed = [
        "0",
        "0.0",
        "0e9",
        "0.000e-99999999999",
        "1",
        "0.1",
        "0.3",
        "123456789",
        "1e0",
        "1E+2",
        "1e-2",
        "100e-2",
        // The largest, and from where on nothing is as large (binary64, binary32).
        "1.7976931348623157e308",
        "1.7976931348623158e308",
        "1.7976931348623159e308",
        "1e308",
        "1e309",
        "1e310",
        "1e311",
        "1e400",
        "1e99999999999",
        "3.4028235e38",
        "3.4028235677973366e38",
        "3.4028235677973365e38",
        "1e39",
        // The smallest, half of it, and just above and below.
        "5e-324",
        "4.9406564584124654e-324",
        "2.4703282292062327e-324",
        "2.4703282292062328e-324",
        "2.4703282292062327208e-324",
        "1e-323",
        "1e-324",
        "1e-330",
        "1e-331",
        "1e-332",
        "1e-400",
        "1e-99999999999",
        "1.401298464324817e-45",
        "7.006492321624085e-46",
        "7.006492321624086e-46",
        "7e-46",
        "1e-46",
        // Around the smallest normal numbers.
        "2.2250738585072014e-308",
        "2.2250738585072011e-308",
        "2.2250738585072012e-308",
        "1.1754943508222875e-38",
        "1.1754942106924411e-38",
        "1.1754943e-38",
        // Halfway between integers, with nothing and with something behind.
        "9007199254740992",
        "9007199254740993",
        "9007199254740993.0",
        "9007199254740993.00000000000000000001",
        "9007199254740992.99999999999999999999",
        "9007199254740995",
        "16777217",
        "16777217.0000001",
        "16777219",
        "0.000000000000000000000000000000000000000000000000000000000000000000000000000000000001",
    ];
    fixed.iter().for_each(|text| assert_as_core(text));

    let mut random = Random(0xfeed);
    for _ in 0..if cfg!(miri) { 2 } else { 1_000 } {
        // A number, and the point halfway to the next, written out; below it, above it, and far behind the point.
        let bits = random.next() >> 1 & !(0x7ff << 52) | (random.below(0x7fe)) << 52;
        let exact = halfway(bits);
        let (all, [.., last]) = (&*exact, exact.as_bytes()) else { panic!("empty") };
        assert_as_core(all);
        assert_as_core(&format!("{all}{}1", if all.contains('.') { "0".repeat(1100) } else { ".".into() }));
        assert!(!all.contains('.') || *last != b'0');
        let below = &all[..all.len() - 1];
        if below.contains('.') && !below.ends_with('.') {
            assert_as_core(below);
            assert_as_core(&format!("{below}{}{}", char::from(last - 1), "9".repeat(1000)));
        }
        let count = 700 + random.below(400);
        assert_as_core(&format!("0.{}", random.digits(count)));
        let leading = random.below(330) as usize;
        assert_as_core(&format!("0.{}{}", "0".repeat(leading), random.digits(count)));
        assert_as_core(&format!("1{}e-{}", random.digits(count), random.below(1400)));
    }
}

/// The number halfway between the one with these bits and the next, all of its digits.
fn halfway(bits: u64) -> String {
    let (fraction, exponent) = (bits & ((1 << 52) - 1), bits >> 52);
    let (significand, power) =
        if exponent == 0 { (fraction, -1074) } else { (fraction | 1 << 52, exponent as i32 - 1075) };
    // Decimal digits, least significant first, of (2 × significand + 1) × 2^(power - 1); with a negative power, as five
    // to it, and the point in front of as many digits.
    let (mut digits, power) = (Vec::new(), power - 1);
    let mut left = 2 * significand + 1;
    while left > 0 {
        digits.push((left % 10) as u8);
        left /= 10;
    }
    for _ in 0..power.unsigned_abs() {
        let mut carry = 0;
        for digit in &mut digits {
            let product = *digit * if power < 0 { 5 } else { 2 } + carry;
            (*digit, carry) = (product % 10, product / 10);
        }
        if carry > 0 {
            digits.push(carry);
        }
    }
    let places = if power < 0 { power.unsigned_abs() as usize } else { 0 };
    while digits.len() <= places {
        digits.push(0);
    }
    let text = |digits: &[u8]| digits.iter().rev().map(|digit| char::from(b'0' + digit)).collect::<String>();
    let (fraction, whole) = digits.split_at(places);
    if places == 0 { text(whole) } else { format!("{}.{}", text(whole), text(fraction)) }
}

#[test]
fn numbers_of_every_form() {
    assert_eq!((read("-0.0"), read("-0")), (Ok(-0.0f32), Ok(-0.0f64)));
    assert!(read::<f32>("-0.0").is_ok_and(f32::is_sign_negative));
    assert_eq!(read("-2.5e3"), Ok(-2500.0f64));
    assert_eq!((read::<f64>("1e400"), read::<f32>("-1e39")), (Err(Kind::OutOfRange), Err(Kind::OutOfRange)));
    assert_eq!(read::<f64>("null"), Err(wrong(JsonType::Number, JsonType::Null)));
    assert_eq!(read::<f64>("\"1\""), Err(wrong(JsonType::Number, JsonType::String)));
}

// Included twice: `wait!` awaits in one face and does nothing in the other.

use std::time::Duration;

use socketpool::{
    Error, ErrorKind, Limit,
    http::InflateError,
    requests::{Inflate, JsonErrorKind, JsonType},
    time::Deadline,
};

#[test]
fn charsets_and_latin1() {
    let field = "Content-Type: text/plain; Charset=\"ISO-8859-1\"";
    exchange!(super::framed(field, b"caf\xE9 \xFF\x80!"), response => {
        assert_eq!(response.charset(), Some("ISO-8859-1"));
        let mut buffer = [0; 11];
        assert_eq!(wait!(response.text_latin1(&mut buffer)), Ok("caf\u{e9} \u{ff}\u{80}!"));
    });
    exchange!(super::framed(field, b"caf\xE9 \xFF\x80!"), response => {
        let mut buffer = [0; 10];
        let error = wait!(response.text_latin1(&mut buffer)).expect_err("too small");
        let kind = ErrorKind::TooLarge { what: Limit::ResponseBody, need: Some(11), have: 10 };
        assert_eq!((error.kind(), &buffer[..8]), (kind, &b"caf\xE9 \xFF\x80!"[..]));
    });
    exchange!([super::whole("Content-Type: text/plain", b"")], response => {
        assert_eq!(response.charset(), None);
        assert_eq!(wait!(response.text_latin1(&mut [])), Ok(""));
    });
}

#[test]
fn lines() {
    exchange!(super::framed("X: y", b"one\r\n\ntwo \r three\n\xFF\nno end"), response => {
        let mut buffer = [0; 16];
        let mut lines = response.lines(&mut buffer);
        assert_eq!(wait!(lines.read_line()), Ok(Some("one")));
        assert_eq!(wait!(lines.read_line()), Ok(Some("")));
        assert_eq!(wait!(lines.read_line_bytes()), Ok(Some(&b"two \r three"[..])));
        assert_eq!(wait!(lines.read_line()).expect_err("no text").kind(), ErrorKind::NotUtf8);
        assert_eq!(wait!(lines.read_line()), Ok(Some("no end")));
        assert_eq!(wait!(lines.read_line()), Ok(None));
        assert_eq!(wait!(lines.read_line()), Ok(None));
    });
}

#[test]
fn a_line_too_long_loses_nothing() {
    exchange!(super::framed("X: y", b"1\n123456789abc\n12345678\n2\n"), response => {
        let mut buffer = [0; 8];
        let mut lines = response.lines(&mut buffer);
        let kind = ErrorKind::TooLarge { what: Limit::Line, need: None, have: 8 };
        assert_eq!(wait!(lines.read_line()), Ok(Some("1")));
        for _ in 0..2 {
            assert_eq!(wait!(lines.read_line()).expect_err("too long").kind(), kind);
        }
        assert_eq!(lines.take_partial(), b"12345678");
        assert_eq!(wait!(lines.read_line()), Ok(Some("9abc")));
        assert_eq!(wait!(lines.read_line()).expect_err("too long with its end").kind(), kind);
        assert_eq!(lines.take_partial(), b"12345678");
        assert_eq!(wait!(lines.read_line()), Ok(Some("")));
        assert_eq!(wait!(lines.read_line()), Ok(Some("2")));
        assert_eq!(wait!(lines.read_line()), Ok(None));
    });
    exchange!([super::whole("X: y", b"a\n")], response => {
        let error = wait!(response.lines(&mut []).read_line()).expect_err("no room at all");
        assert_eq!(error.kind(), ErrorKind::TooLarge { what: Limit::Line, need: None, have: 0 });
    });
}

/// The examples of the WHATWG's HTML standard, §9.2.6, and what else its §9.2.5 says.
#[test]
fn events() {
    type Expected<'e> = &'e [(&'e str, &'e str, &'e str)];
    let cases: &[(&str, Expected<'_>)] = &[
        ("data: YHOO\ndata: +2\ndata: 10\n\n", &[("message", "YHOO\n+2\n10", "")]),
        (
            ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
            &[("message", "first event", "1"), ("message", "second event", ""), ("message", " third event", "")],
        ),
        ("data\n\ndata\ndata\n\ndata:", &[("message", "", ""), ("message", "\n", "")]),
        ("data:test\n\ndata: test\n\n", &[("message", "test", ""), ("message", "test", "")]),
        ("\u{feff}data: a\r\rdata: b\r\n\r\ndata: c\n\r\n", &[("message", "a", ""), ("message", "b", ""), ("message", "c", "")]),
        ("event: add\ndata: 73\ndata: 74\nevent: put\n\ndata: 1\n\n", &[("put", "73\n74", ""), ("message", "1", "")]),
        ("event: nothing\n\nid: 7\n\ndata: x\n\n", &[("message", "x", "7")]),
        ("id: 7\ndata: x\nid: 8\0\n\nid: 99\ndata: y\n\ndata: z\n\n", &[("message", "x", "7"), ("message", "y", "99"), ("message", "z", "99")]),
        ("DATA: no\nunknown: x\ndata:a:b: c\n\n", &[("message", "a:b: c", "")]),
        ("data: \u{fc}\u{20ac}\n\ndata: not finished\n", &[("message", "\u{fc}\u{20ac}", "")]),
        ("", &[]),
        ("\u{feff}", &[]),
        ("\n\n\r\r\n:\n\n", &[]),
    ];
    for (stream, expected) in cases {
        exchange!(super::framed("Content-Type: text/event-stream", stream.as_bytes()), response => {
            let mut buffer = [0; 48];
            let mut events = response.events(&mut buffer);
            for (kind, data, id) in *expected {
                let event = wait!(events.next_event()).expect("no error").expect("an event");
                assert_eq!((event.event, event.data, event.id), (*kind, *data, *id), "{stream:?}");
            }
            assert_eq!(wait!(events.next_event()), Ok(None), "{stream:?}");
            assert_eq!(wait!(events.next_event()), Ok(None), "{stream:?}");
        });
    }
}

#[test]
fn an_event_too_large_or_no_text_is_passed_over() {
    let stream = b"retry: 1500\ndata: a\n\ndata: b\ndata: 0123456789012345678901234567890\ndata: more\nid: 1\n\n\
        : a comment that is much longer than the buffer, and nobody minds\ndata: \xFF\n\nretry: x\nretry: +1\ndata: c\n\n";
    exchange!(super::framed("X: y", stream), response => {
        let mut buffer = [0; 32];
        let mut events = response.events(&mut buffer);
        let event = wait!(events.next_event()).expect("no error").expect("an event");
        assert_eq!((event.data, event.retry), ("a", Some(Duration::from_millis(1500))));
        let kind = ErrorKind::TooLarge { what: Limit::Event, need: None, have: 32 };
        assert_eq!(wait!(events.next_event()).expect_err("too large").kind(), kind);
        assert_eq!(wait!(events.next_event()).expect_err("the comment").kind(), kind);
        let event = wait!(events.next_event()).expect("no error").expect("an event");
        assert_eq!((event.data, event.retry, event.id), ("c", Some(Duration::from_millis(1500)), ""));
        assert_eq!(wait!(events.next_event()), Ok(None));
    });
    exchange!([super::whole("X: y", b"data: \xFF\n\ndata: c\n\n")], response => {
        let mut buffer = [0; 32];
        let mut events = response.events(&mut buffer);
        assert_eq!(wait!(events.next_event()).expect_err("no text").kind(), ErrorKind::NotUtf8);
        assert_eq!(wait!(events.next_event()).expect("no error").expect("an event").data, "c");
    });
}

#[test]
fn a_stream_that_breaks_is_an_error() {
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\ndata: a\n\ndata: b\n\nda".to_vec();
    exchange!([&answer], response => {
        let mut buffer = [0; 32];
        let mut events = response.events(&mut buffer);
        assert_eq!(wait!(events.next_event()).expect("no error").expect("an event").data, "a");
        assert_eq!(wait!(events.next_event()).expect("no error").expect("an event").data, "b");
        assert_eq!(wait!(events.next_event()).expect_err("cut").kind(), ErrorKind::Truncated);
    });
}

#[test]
fn a_body_is_read_once_and_says_so() {
    for kind in ["Content-Length: 3\r\n\r\n\"a\"", "Transfer-Encoding: chunked\r\n\r\n3\r\n\"a\"\r\n0\r\n\r\n"] {
        exchange!([format!("HTTP/1.1 200 OK\r\n{kind}").as_bytes()], response => {
            let mut buffer = [0; 8];
            assert_eq!(wait!(response.json::<String>(&mut buffer)).as_deref(), Ok("a"));
            for _ in 0..2 {
                let error = wait!(response.json::<String>(&mut buffer)).expect_err("read before");
                assert_eq!(error.kind(), ErrorKind::AlreadyRead);
                let error = wait!(response.text(&mut buffer)).expect_err("read before");
                assert_eq!(format!("{error:?}"), "body: the body was read before: it can be read once");
            }
            assert_eq!(wait!(response.read(&mut buffer)), Ok(0), "the end stays the end");
            let mut memory = Inflate::<32_768>::new();
            assert_eq!(response.decoded(&mut memory).map(|_| ()).expect_err("as well").kind(), ErrorKind::AlreadyRead);
        });
        // Part of it, and the rest; with exactly as much room as there is.
        exchange!([format!("HTTP/1.1 200 OK\r\n{kind}").as_bytes()], response => {
            let mut buffer = [0; 3];
            assert_eq!(wait!(response.read(&mut buffer[..1])), Ok(1));
            assert_eq!(wait!(response.text(&mut buffer)), Ok("a\""));
            assert_eq!(wait!(response.content(&mut buffer)).expect_err("read").kind(), ErrorKind::AlreadyRead);
        });
        exchange!([format!("HTTP/1.1 200 OK\r\n{kind}").as_bytes()], response => {
            assert_eq!(wait!(response.drain(99)), Ok(true));
            assert_eq!(wait!(response.text(&mut [])).expect_err("drained").kind(), ErrorKind::AlreadyRead);
        });
        exchange!([format!("HTTP/1.1 200 OK\r\n{kind}").as_bytes()], response => {
            let (mut memory, mut buffer) = (Inflate::<32_768>::new(), [0; 8]);
            let mut decoded = response.decoded(&mut memory).expect("no coding");
            assert_eq!(wait!(decoded.text(&mut buffer)), Ok("\"a\""));
            assert_eq!(wait!(decoded.text(&mut buffer)).expect_err("read").kind(), ErrorKind::AlreadyRead);
        });
    }
    // Nothing is nothing, however often.
    exchange!([super::whole("X: y", b"")], response => {
        assert_eq!((wait!(response.text(&mut [])), wait!(response.text(&mut []))), (Ok(""), Ok("")));
    });
}

#[test]
fn a_byte_order_mark_is_no_text() {
    exchange!([super::whole("X: y", b"\xEF\xBB\xBF{}")], response => {
        assert_eq!(wait!(response.text(&mut [0; 8])), Ok("{}"));
    });
    exchange!([super::whole("X: y", b"\xEF\xBB\xBF7")], response => {
        assert_eq!(wait!(response.json::<u8>(&mut [0; 4])), Ok(7));
    });
    exchange!([super::whole("X: y", b"\xEF\xBB\xBF7")], response => {
        assert_eq!(wait!(response.content(&mut [0; 4])).expect("bytes").len(), 4);
    });
}

#[test]
fn a_response_prints_what_it_says() {
    exchange!([super::whole("X: y", b"")], response => {
        assert_eq!(format!("{:?}", response.headers()), r#"{"X": "y", "Content-Length": "0"}"#);
        response.error_for_status().expect("200");
        assert!(format!("{response:?}").contains(r#"headers: {"X": "y""#), "{response:?}");
    });
}

fn json(error: Error) -> JsonErrorKind {
    match error.kind() {
        ErrorKind::Json(error) => error.kind(),
        other => panic!("{other}"),
    }
}

#[derive(serde::Deserialize, Debug, PartialEq)]
struct Reading<'b> {
    name: &'b str,
    celsius: f32,
}

#[test]
fn elements_of_an_array_larger_than_the_memory() {
    let readings: Vec<_> = (0..500).map(|n| format!(" {{\"name\" : \"n,]}}{n}\", \"celsius\":{n}.5}}\t")).collect();
    let document = format!(" \n[{}] \r\n", readings.join(","));
    exchange!(super::framed("X: y", document.as_bytes()), response => {
        let mut buffer = [0; 100];
        let mut elements = response.json_elements(&mut buffer);
        for n in 0..500u16 {
            let reading = wait!(elements.next_element::<Reading<'_>>()).expect("no error").expect("an element");
            assert_eq!((reading.name, reading.celsius), (&*format!("n,]}}{n}"), f32::from(n) + 0.5));
        }
        assert_eq!(wait!(elements.next_element::<Reading<'_>>()), Ok(None));
        assert_eq!(wait!(elements.next_element::<Reading<'_>>()), Ok(None));
    });
}

#[test]
fn elements_of_every_kind() {
    let document = r#"[1,-2.5e3,"\"],[\\","\u00e9\n",[[],{"a":[1]}],true,null,"x"]"#;
    exchange!(super::framed("X: y", document.as_bytes()), response => {
        let mut buffer = [0; 40];
        let mut elements = response.json_elements(&mut buffer);
        assert_eq!(wait!(elements.next_element::<u8>()), Ok(Some(1)));
        assert_eq!(wait!(elements.next_element::<f32>()), Ok(Some(-2500.0)));
        assert_eq!(wait!(elements.next_element::<String>()).unwrap().unwrap(), "\"],[\\");
        assert_eq!(wait!(elements.next_element::<String>()).unwrap().unwrap(), "\u{e9}\n");
        // Of another shape than expected: the next can still be had.
        let error = wait!(elements.next_element::<bool>()).expect_err("an array");
        assert_eq!(json(error), JsonErrorKind::WrongType { expected: JsonType::Boolean, found: JsonType::Array });
        assert_eq!(wait!(elements.next_element::<bool>()), Ok(Some(true)));
        assert_eq!(wait!(elements.next_element::<Option<u8>>()), Ok(Some(None)));
        assert_eq!(wait!(elements.next_element::<&str>()), Ok(Some("x")));
        assert_eq!(wait!(elements.next_element::<u8>()), Ok(None));
    });
    for document in ["[]", " [ \n] "] {
        exchange!(super::framed("X: y", document.as_bytes()), response => {
            assert_eq!(wait!(response.json_elements(&mut [0; 4]).next_element::<u8>()), Ok(None));
        });
    }
}

#[test]
fn what_is_no_array_is_refused() {
    use JsonErrorKind::{Markup, Syntax, TooDeep, TrailingCharacters, UnexpectedEnd, Utf16};
    let wrong = |found| JsonErrorKind::WrongType { expected: JsonType::Array, found };
    let deep = "[".repeat(100);
    let cases = [
        ("", UnexpectedEnd),
        (" ", UnexpectedEnd),
        ("[", UnexpectedEnd),
        ("[1", UnexpectedEnd),
        ("[1,", UnexpectedEnd),
        ("[\"a", UnexpectedEnd),
        ("{}", wrong(JsonType::Object)),
        ("7", wrong(JsonType::Number)),
        ("null", wrong(JsonType::Null)),
        ("x", Syntax),
        ("<html>", Markup),
        ("\0[\0]", Utf16),
        ("\u{feff}\u{feff}[]", Syntax),
        ("[\u{feff}1]", Syntax),
        ("\u{fec0}[]", Syntax),
        ("[,]", Syntax),
        ("[1,]", Syntax),
        ("[1,,2]", Syntax),
        ("[1 2]", TrailingCharacters),
        ("[1}", Syntax),
        ("[{]}]", Syntax),
        ("[01]", Syntax),
        ("[\"\\x\"]", Syntax),
        ("[1] 2", TrailingCharacters),
        ("[1]]", TrailingCharacters),
        (&deep, TooDeep),
    ];
    for (document, wanted) in cases {
        exchange!(super::framed("X: y", document.as_bytes()), response => {
            let mut buffer = [0; 256];
            let mut elements = response.json_elements(&mut buffer);
            let error = loop {
                match wait!(elements.next_element::<serde::de::IgnoredAny>()) {
                    Ok(Some(_)) => {}
                    Ok(None) => panic!("accepted: {document}"),
                    Err(error) => break error,
                }
            };
            assert_eq!(json(error), wanted, "{document}");
            // And that is final.
            let again = wait!(elements.next_element::<serde::de::IgnoredAny>()).expect_err("final");
            assert_eq!(again, error, "{document}");
        });
    }
}

#[test]
fn an_element_too_large_is_an_error_and_one_that_just_fits_is_not() {
    exchange!(super::framed("X: y", b"[1, 1234567, \"\\n23\\n\" , 12345678]"), response => {
        let mut buffer = [0; 8];
        let mut elements = response.json_elements(&mut buffer);
        assert_eq!(wait!(elements.next_element::<u32>()), Ok(Some(1)));
        assert_eq!(wait!(elements.next_element::<u32>()), Ok(Some(1_234_567)));
        let kind = ErrorKind::TooLarge { what: Limit::JsonElement, need: None, have: 8 };
        assert_eq!(wait!(elements.next_element::<String>()).expect_err("8 and its comma").kind(), kind);
    });
    // Escapes need no room beside: the string becomes shorter where it lies, and can be borrowed.
    exchange!(super::framed("X: y", b"\xef\xbb\xbf[\"\\n23\\n\" , \"\\u00e9\"]"), response => {
        let mut buffer = [0; 10];
        let mut elements = response.json_elements(&mut buffer);
        assert_eq!(wait!(elements.next_element::<&str>()), Ok(Some("\n23\n")));
        assert_eq!(wait!(elements.next_element::<&str>()), Ok(Some("\u{e9}")));
        assert_eq!(wait!(elements.next_element::<u32>()), Ok(None));
    });
}

#[test]
fn trailers() {
    let answer = |trailers: &str| {
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n{trailers}\r\n").into_bytes()
    };
    let many = "Digest: x\r\nContent-Length: 9\r\nServer-Timing: a\r\nSERVER-TIMING:  b \r\nSet-Cookie: no\r\n";
    exchange!([answer(many)], response, pool => {
        assert_eq!(response.trailer("digest"), None, "not before the end");
        let mut buffer = [0; 3];
        wait!(response.content(&mut buffer)).expect("a body");
        assert_eq!((response.trailer("digest"), response.trailer("server-timing")), (Some("x"), Some("a")));
        assert_eq!((response.trailer("content-length"), response.trailer("set-cookie")), (None, None));
        assert_eq!(response.trailers().expect("room").count(), 3);
        assert_eq!(response.trailers().expect("room").last(), Some(("SERVER-TIMING", &b"b"[..])));
        drop(response);
        assert_eq!(pool.counts().idle, 1);
    });
    exchange!([answer("")], response => {
        assert_eq!(wait!(response.drain(99)), Ok(true));
        assert_eq!(response.trailers().expect("none").count(), 0);
    });
    // More than there is room for: the body is whole all the same, and who asks is told.
    let long = format!("A: {}\r\nB: 1\r\n", "x".repeat(300));
    exchange!(256, [answer(&long)], response, pool => {
        let mut buffer = [0; 8];
        assert_eq!(wait!(response.content(&mut buffer)).expect("a body"), b"abc");
        match response.trailers() {
            Ok(mut trailers) => assert_eq!(trailers.nth(1), Some(("B", &b"1"[..])), "it fitted"),
            Err(error) => assert!(matches!(error.kind(), ErrorKind::TooLarge { what: Limit::Trailers, .. })),
        }
        assert_eq!(response.trailer("A"), None, "it cannot fit");
        drop(response);
        assert_eq!(pool.counts().idle, 1);
    });
}

#[test]
fn drain_is_bounded() {
    let body = [b'x'; 5000];
    exchange!([super::whole("X: y", &body), super::chunked("X: y", &body)], response, pool => {
        assert_eq!(wait!(response.drain(500)), Ok(false), "not at the end");
        assert_eq!(wait!(response.drain(100_000)), Ok(true));
        assert_eq!(wait!(response.drain(0)), Ok(true));
        drop(response);
        assert_eq!(pool.counts().idle, 1);
    });
    exchange!([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc".to_vec()], response => {
        assert_eq!(wait!(response.drain(100)).expect_err("cut").kind(), ErrorKind::Truncated);
    });
}

#[test]
fn compressed_bodies_are_decoded_and_others_are_not() {
    let text = "hello hello hello ".repeat(300);
    let data = text.as_bytes();
    let bodies = [
        ("X: none", data.to_vec()),
        ("Content-Encoding: identity", data.to_vec()),
        ("Content-Encoding: gzip", super::gzip(data)),
        ("Content-Encoding: X-GZIP", super::gzip(data)),
        ("Content-Encoding: , GZip ,identity", super::gzip(data)),
        ("Content-Encoding: deflate", miniz_oxide::deflate::compress_to_vec_zlib(data, 6)),
        ("Content-Encoding: deflate", miniz_oxide::deflate::compress_to_vec(data, 6)),
    ];
    let mut memory = Inflate::<512>::new();
    for (field, body) in &bodies {
        exchange!(super::framed(field, body), response => {
            let mut buffer = [0; 5400];
            let mut decoded = response.decoded(&mut memory).expect("a known coding");
            assert_eq!(wait!(decoded.text(&mut buffer)), Ok(&*text), "{field}");
            assert_eq!(wait!(decoded.read(&mut buffer)), Ok(0));
        });
        exchange!([super::whole(field, body)], response, pool => {
            let mut decoded = response.decoded(&mut memory).expect("a known coding");
            let (mut got, mut few) = (Vec::<u8>::new(), [0; 7]);
            loop {
                match wait!(decoded.read(&mut few)).expect("no error") {
                    0 => break,
                    count => got.extend(&few[..count]),
                }
            }
            assert!(got == data);
            drop(response);
            assert_eq!(pool.counts().idle, 1, "read to its end");
        });
        exchange!([super::whole(field, body)], response => {
            let mut decoded = response.decoded(&mut memory).expect("a known coding");
            let error = wait!(decoded.content(&mut [0; 5399])).expect_err("too small");
            assert_eq!(error.kind(), ErrorKind::TooLarge { what: Limit::ResponseBody, need: None, have: 5399 });
        });
    }
    let stream = super::gzip(b"data: one\n\ndata: two\n\n");
    exchange!(super::framed("Content-Encoding: gzip", &stream), response => {
        let mut decoded = response.decoded(&mut memory).expect("a known coding");
        let mut buffer = [0; 32];
        let mut events = decoded.events(&mut buffer);
        assert_eq!(wait!(events.next_event()).expect("no error").expect("an event").data, "one");
        assert_eq!(wait!(events.next_event()).expect("no error").expect("an event").data, "two");
        assert_eq!(wait!(events.next_event()), Ok(None));
    });
    exchange!(super::framed("Content-Encoding: gzip", &super::gzip(b"[1, 2]\n")), response => {
        let mut decoded = response.decoded(&mut memory).expect("a known coding");
        let mut buffer = [0; 32];
        let mut elements = decoded.json_elements(&mut buffer);
        assert_eq!(wait!(elements.next_element::<u8>()), Ok(Some(1)));
        assert_eq!(wait!(elements.next_element::<u8>()), Ok(Some(2)));
        assert_eq!(wait!(elements.next_element::<u8>()), Ok(None));
    });
    exchange!([super::whole("Content-Encoding: gzip", b"")], response => {
        let mut decoded = response.decoded(&mut memory).expect("a known coding");
        assert_eq!(wait!(decoded.text(&mut [0; 8])), Ok(""), "no content at all");
    });
}

#[test]
fn compressed_bodies_that_are_wrong() {
    let data: Vec<u8> = (0..2500u16).flat_map(|number| [(number / 50) as u8, 100 + (number % 50) as u8]).collect();
    let good = super::gzip(&[&data[..], &data[..600]].concat());
    let mut damaged = good.clone();
    let crc = damaged.len() - 5;
    damaged[crc] ^= 1;
    let surplus = [&good[..], b"more"].concat();
    let cases = [
        (&good[..], ErrorKind::TooLarge { what: Limit::Window, need: Some(5000), have: 4096 }),
        (&good[..good.len() - 1], ErrorKind::Truncated),
        (&damaged, ErrorKind::Inflate(InflateError::Checksum)),
        (&surplus, ErrorKind::Inflate(InflateError::TrailingData)),
        (b"not compressed at all", ErrorKind::Inflate(InflateError::Corrupt)),
    ];
    let (mut small, mut large) = (Inflate::<4096>::new(), Box::new(Inflate::<32_768>::new()));
    for (body, wanted) in cases {
        exchange!(super::framed("Content-Encoding: gzip", body), response => {
            let mut buffer = [0; 8000];
            let error = if matches!(wanted, ErrorKind::TooLarge { .. }) {
                wait!(response.decoded(&mut small).unwrap().content(&mut buffer)).expect_err("wrong")
            } else {
                wait!(response.decoded(&mut large).unwrap().content(&mut buffer)).expect_err("wrong")
            };
            assert_eq!(error.kind(), wanted);
        });
    }
    for coding in ["br", "zstd", "gzip, gzip", "deflate, gzip"] {
        exchange!([super::whole(&format!("Content-Encoding: {coding}"), b"x")], response => {
            let error = response.decoded(&mut small).expect_err("unknown");
            assert_eq!(error.kind(), ErrorKind::Inflate(InflateError::UnsupportedCoding));
            let mut buffer = [0; 8];
            assert_eq!(wait!(response.content(&mut buffer)).expect("as it came"), b"x");
        });
    }
}

/// A bomb: 10 MB of nothing in 10 KB. It costs the buffer it is read into.
#[test]
fn a_bomb_explodes_only_as_fast_as_it_is_read() {
    let bomb = super::gzip(&vec![0; 10_000_000]);
    assert!(bomb.len() < 20_000);
    let mut memory = Box::new(Inflate::<32_768>::new());
    exchange!([super::whole("Content-Encoding: gzip", &bomb)], response => {
        let mut buffer = [1; 1000];
        let mut decoded = response.decoded(&mut memory).expect("a known coding");
        let error = wait!(decoded.content(&mut buffer)).expect_err("too large");
        assert_eq!(error.kind(), ErrorKind::TooLarge { what: Limit::ResponseBody, need: None, have: 1000 });
    });
}

#[test]
fn a_deadline_of_its_own() {
    exchange!([super::whole("X: y", b"in time")], response => {
        response.set_deadline(Deadline::NEVER);
        let mut buffer = [0; 16];
        assert_eq!(wait!(response.text(&mut buffer)), Ok("in time"));
    });
}

/// RFC 9112 §7.1: a chunk size is hexadecimal. What came whole before it was sent in good faith, and is given first, however
/// it arrives.
#[test]
fn data_before_broken_framing_comes_first() {
    let answer =
        |end: &str| format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\none\ntwo\nth\r\n{end}").into_bytes();
    let broken = [answer("x\r\nree\n\r\n0\r\n\r\n"), answer("3\nree\n"), answer("0\r\n X: y\r\n\r\n"), answer("0\r\nbad\r\n\r\n")];
    exchange!(&broken, response => {
        let (mut data, mut buffer) = (Vec::<u8>::new(), [0; 64]);
        let error = loop {
            match wait!(response.read(&mut buffer)) {
                Ok(count) => {
                    assert!(count > 0, "this body has no end");
                    data.extend(&buffer[..count]);
                }
                Err(error) => break error,
            }
        };
        assert_eq!(data, b"one\ntwo\nth");
        assert!(matches!(error.kind(), ErrorKind::Malformed(_)), "{error:?}");
        assert_eq!(wait!(response.read(&mut buffer)), Err(error));
    });
    exchange!(&broken, response => {
        let mut buffer = [0; 64];
        let mut lines = response.lines(&mut buffer);
        assert_eq!(wait!(lines.read_line()), Ok(Some("one")));
        assert_eq!(wait!(lines.read_line()), Ok(Some("two")));
        let error = wait!(lines.read_line()).expect_err("broken");
        assert!(matches!(error.kind(), ErrorKind::Malformed(_)), "{error:?}");
        assert_eq!(wait!(lines.read_line()), Err(error));
    });
    exchange!(&broken, response => {
        let error = wait!(response.content(&mut [0; 64])).expect_err("broken");
        assert!(matches!(error.kind(), ErrorKind::Malformed(_)), "{error:?}");
    });
}

/// RFC 1952 §2.2: another member may follow, and nothing else. What was verified is given first.
#[test]
fn verified_data_before_surplus_comes_first() {
    let text = "hello, hello, hello!\n".repeat(40);
    for surplus in [&b"\0"[..], &[0; 600], b"garbage", b"\x1f\x8c"] {
        let body = [&super::gzip(text.as_bytes())[..], surplus].concat();
        exchange!(super::framed("Content-Encoding: gzip", &body), response => {
            let mut inflate = Box::new(Inflate::<1024>::new());
            let mut decoded = response.decoded(&mut inflate).expect("gzip");
            let (mut data, mut buffer) = (Vec::<u8>::new(), [0; 64]);
            let error = loop {
                match wait!(decoded.read(&mut buffer)) {
                    Ok(count) => {
                        assert!(count > 0, "this body has no end");
                        data.extend(&buffer[..count]);
                    }
                    Err(error) => break error,
                }
            };
            assert!(data == text.as_bytes(), "{} of {} bytes", data.len(), text.len());
            let is_named = matches!(error.kind(), ErrorKind::Inflate(InflateError::TrailingData | InflateError::Corrupt));
            assert!(is_named, "{error:?}");
            assert_eq!(wait!(decoded.read(&mut buffer)), Err(error));
        });
    }
    // Members one after the other are one body.
    let body = [super::gzip(text.as_bytes()), super::gzip(b"and "), super::gzip(b"more")].concat();
    exchange!(super::framed("Content-Encoding: gzip", &body), response => {
        let (mut inflate, mut buffer) = (Box::new(Inflate::<1024>::new()), [0; 1000]);
        let got = wait!(response.decoded(&mut inflate).expect("gzip").text(&mut buffer)).map(str::to_owned);
        assert_eq!(got, Ok(format!("{text}and more")));
    });
}

#[test]
fn streams_take_a_limit() {
    let over = |have| socketpool::Error::new(socketpool::Phase::Body, ErrorKind::TooLarge { what: Limit::ResponseBody, need: None, have });
    for (limit, fits) in [(16, true), (15, false), (11, false)] {
        exchange!(super::framed("X: y", b"data: a\n\ndata: b"), response => {
            let mut buffer = [0; 32];
            let mut events = response.events(&mut buffer).limit(limit);
            assert_eq!(wait!(events.next_event()).expect("no error").expect("an event").data, "a");
            for _ in 0..2 {
                assert_eq!(wait!(events.next_event()), if fits { Ok(None) } else { Err(over(limit)) });
            }
        });
        exchange!(super::framed("X: y", b"one\ntwo\nthree\nf\n"), response => {
            let mut buffer = [0; 32];
            let mut lines = response.lines(&mut buffer).limit(limit);
            let mut got = vec![];
            let end = loop {
                match wait!(lines.read_line()) {
                    Ok(Some(line)) => got.push(line.to_owned()),
                    end => break end.map(|_| ()),
                }
            };
            assert_eq!(end, if fits { Ok(()) } else { Err(over(limit)) });
            let lines = ["one", "two", "three", "f"];
            assert_eq!(got, lines[..if fits { 4 } else if limit == 15 { 3 } else { 2 }]);
        });
        exchange!(super::framed("X: y", b"[1, 22, 333, 44]"), response => {
            let mut buffer = [0; 32];
            let mut elements = response.json_elements(&mut buffer).limit(limit);
            assert_eq!(wait!(elements.next_element::<u16>()), Ok(Some(1)));
            assert_eq!(wait!(elements.next_element::<u16>()), Ok(Some(22)));
            if limit > 11 {
                assert_eq!(wait!(elements.next_element::<u16>()), Ok(Some(333)));
            }
            if fits {
                assert_eq!(wait!(elements.next_element::<u16>()), Ok(Some(44)));
            }
            for _ in 0..2 {
                let end = wait!(elements.next_element::<u16>());
                assert_eq!(end, if fits { Ok(None) } else { Err(over(limit)) });
            }
        });
    }
    // A kilobyte that stands for a megabyte, and what is not compressed.
    let bomb = super::gzip(&vec![b'\n'; 1 << 20]);
    assert!(bomb.len() < 1100);
    for (field, body, len) in [("Content-Encoding: gzip", &bomb[..], 1 << 20), ("X: y", b"0123456789", 10)] {
        for limit in [0, 1, 9, 10, 11, 1000, (1 << 20) - 1, 1 << 20] {
            for answer in [super::whole(field, body), super::chunked(field, body)] {
                exchange!([&answer], response => {
                    let mut inflate = Box::new(Inflate::<32_768>::new());
                    let mut decoded = response.decoded(&mut inflate).expect("gzip").limit(limit);
                    let (mut given, mut buffer) = (0, vec![0; 300_000]);
                    let end = loop {
                        match wait!(decoded.read(&mut buffer)) {
                            Ok(0) => break Ok(0),
                            Ok(count) => given += count,
                            end => break end,
                        }
                    };
                    assert_eq!((given, end), if len <= limit { (len, Ok(0)) } else { (limit, Err(over(limit))) });
                    assert_eq!(wait!(decoded.read(&mut buffer)), end);
                    assert_eq!(wait!(decoded.read(&mut [])), end);
                });
            }
        }
    }
    exchange!([super::whole("Content-Encoding: gzip", &bomb)], response => {
        let (mut inflate, mut buffer) = (Box::new(Inflate::<32_768>::new()), [0; 100]);
        let mut decoded = response.decoded(&mut inflate).expect("gzip").limit(1000);
        let mut lines = decoded.lines(&mut buffer);
        for _ in 0..1000 {
            assert_eq!(wait!(lines.read_line()), Ok(Some("")));
        }
        assert_eq!(wait!(lines.read_line()), Err(over(1000)));
    });
}

/// Events made at random, against the rules of the WHATWG's HTML standard, §9.2.6, done in the simplest way; in a buffer that
/// holds the largest moment of the stream, and not a byte more.
#[test]
fn events_at_random() {
    let mut state = 0x2545_F491u32;
    let mut random = |below: u32| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state % below
    };
    for _ in 0..60 {
        let (mut stream, mut expected) = (String::new(), vec![]);
        let (mut data, mut kind, mut id, mut need) = (String::new(), String::new(), String::new(), 0);
        let sizes = [1, 4, 60][random(3) as usize];
        for _ in 0..random(60) {
            let value: String = (0..random(sizes)).map(|_| char::from(b'a' + random(26) as u8)).collect();
            let line = match random(8) {
                0 | 1 => String::new(),
                2 | 3 => format!("data: {value}"),
                4 => format!("event: {value}"),
                5 => format!("id: {value}"),
                6 => format!("event:{value}"),
                _ => format!(":{value}"),
            };
            need = need.max(data.len() + kind.len() + id.len() + line.len() + 1);
            stream += &line;
            stream += "\n";
            match line.split_once(':') {
                None if data.is_empty() => kind.clear(),
                None => {
                    let name = if kind.is_empty() { "message".to_owned() } else { core::mem::take(&mut kind) };
                    data.pop();
                    expected.push((name, core::mem::take(&mut data), id.clone()));
                }
                Some(("data", _)) => data += &format!("{value}\n"),
                Some(("event", _)) => kind = value,
                Some(("id", _)) => id = value,
                Some(_) => {}
            }
        }
        for extra in [0, 1, 30] {
            exchange!([super::whole("X: y", stream.as_bytes())], response => {
                let mut buffer = vec![0; need.max(4) + extra];
                let mut events = response.events(&mut buffer);
                for (kind, data, id) in &expected {
                    let event = wait!(events.next_event()).expect("no error").expect("an event");
                    assert_eq!((event.event, event.data, event.id), (&**kind, &**data, &**id), "{stream:?}");
                }
                assert_eq!(wait!(events.next_event()), Ok(None), "{stream:?}");
            });
        }
    }
}

/// An `id:` or `event:` line moves none of the data that is kept: half a megabyte of it, 100,000 times, would take minutes.
#[test]
fn the_work_on_events_is_linear() {
    let mut stream = format!("data: {}\n", "x".repeat(500_000));
    for line in 0..100_000 {
        stream += ["id: 1\n", "event: a\n", "id\n", "id: 1234567\n", "event: abcdefg\n", "event\n"][line % 6];
    }
    stream += "data: y\nid: 7\n\n";
    let answer = super::whole("X: y", stream.as_bytes());
    let steps = [super::Step::Receive(b"\r\n\r\n"), super::Step::Send(&answer), super::Step::Close];
    let peers = [super::Peer::new("host.example", 80, &steps)];
    let script = super::Script::new(&peers);
    let (mut network, mut memory) = (script.network(), socketpool::Resources::<1>::new());
    let pool = SocketPool::new(&mut network, &mut memory);
    let http = Session::plain(&pool);
    let start = std::time::Instant::now();
    run!({
        let mut response = wait!(http.get("http://host.example/").send()).expect("a response");
        let mut buffer = vec![0; 1_000_000];
        let mut events = response.events(&mut buffer);
        let event = wait!(events.next_event()).expect("no error").expect("an event");
        assert_eq!((event.event, event.data.len(), event.id), ("a", 500_002, "7"));
        assert_eq!(wait!(events.next_event()), Ok(None));
    });
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

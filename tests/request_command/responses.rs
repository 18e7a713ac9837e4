//! What is written of a response: bodies, ranges, events, and what of them does not fit.

use super::*;

/// Compressed words, in good order and not.
pub fn compressed(path: &str) -> Reply {
    let mut body = miniz_oxide::deflate::compress_to_vec_zlib("compressed words ".repeat(2000).as_bytes(), 6);
    let mut coding = "deflate";
    match path {
        "/damaged" => *body.last_mut().expect("a checksum") ^= 1,
        "/cut" => body.truncate(body.len() - 1),
        "/gzip" => {
            // Nothing but a stored block with `gzipped`.
            body = b"\x1f\x8b\x08\0\0\0\0\0\0\xff\x01\x07\0\xf8\xffgzipped\xe1\x64\x7d\x80\x07\0\0\0".to_vec();
            coding = "gzip";
        }
        _ => {}
    }
    let length = body.len();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {length}\r\n\r\n");
    Reply::Bytes([head.as_bytes(), &body].concat())
}

pub fn answers_are_written_out(face: &str) {
    let server = Scripted::plain(answer);
    let url = |path: &str| format!("http://127.0.0.1:{}{path}", server.port);

    let bodies = [
        ("/", "hello\n"),
        ("/204", ""),
        ("/chunked", "abcdefg"),
        ("/until-close", "to the end"),
        ("/404", "lost\n"),
        ("/302?/", "hello\n"),
    ];
    for (path, body) in bodies {
        assert_eq!(expect(face, 0, &[&url(path)]).0, body, "{path}");
    }
    assert_eq!(expect(face, 0, &[&url("/large")]).0.len(), 1_100_000);

    let (out, _) = expect(face, 0, &["-i", &url("/fields")]);
    assert_eq!(out, "HTTP/1.1 201 Made Up\r\nX-One: 1\r\nX-Two: 2\r\nContent-Length: 4\r\n\r\nbody");
    let (out, _) = expect(face, 0, &["-i", "-X", "HEAD", &url("/fields")]);
    assert!(out.ends_with("Content-Length: 4\r\n\r\n"), "{out}");
    let (out, _) = expect(face, 0, &["-i", "--repeat", "3", &url("/204")]);
    assert_eq!(out, "HTTP/1.1 204 No Content\r\n\r\n".repeat(3));
    let (out, _) = expect(face, 0, &["-i", "--no-redirect", &url("/302?/")]);
    assert!(out.starts_with("HTTP/1.1 302 Elsewhere\r\nLocation: /\r\n") && out.ends_with("\r\n\r\nno"), "{out}");

    let file = scratch(face, "out");
    let path = file.to_str().expect("UTF-8");
    assert_eq!(expect(face, 0, &["-o", path, &url("/chunked")]).0, "");
    assert_eq!(fs::read_to_string(&file).expect("written"), "abcdefg");
    expect(face, 1, &["-o", "/no/such/directory/out", &url("/")]);

    // With --fail the body is written out all the same.
    let (out, err) = expect(face, 22, &["--fail", &url("/404")]);
    assert_eq!((&*out, &*err), ("lost\n", "error: head: the server answered 404\n"));
    expect(face, 0, &["--fail", &url("/")]);
}

pub fn limits_say_what_is_needed(face: &str) {
    let server = Scripted::plain(answer);
    let long_field = format!("X: {}", "y".repeat(600));
    let form = format!("a={}", "z".repeat(600));
    let cases: &[(&str, &[&str])] =
        &[("/large-head", &[]), ("/", &["-H", &long_field]), ("/", &["--form", &form]), ("/?some=query", &[])];
    for (path, args) in cases {
        let url = format!("http://127.0.0.1:{}{path}", server.port);
        let with_rx = |exit, rx: usize| {
            let rx = rx.to_string();
            expect(face, exit, &[args, &["--rx", &rx, &*url][..]].concat())
        };
        // Asked for the URL's size first, then for more and more: each need is enough to come further.
        let mut rx = 0;
        loop {
            let rx_text = rx.to_string();
            let output = request(face, &[args, &["--rx", &rx_text, &*url][..]].concat());
            if output.status.success() {
                break;
            }
            let err = text(&output.stderr);
            assert_eq!(output.status.code(), Some(9), "{err}");
            let needed = err.split(" needs ").nth(1).and_then(|rest| rest.split(' ').next());
            let needed = needed.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{err}"));
            assert!(needed > rx, "{rx} is too little: {err}");
            rx = needed;
        }
        with_rx(9, rx - 1);
    }
    // What a device has is what there is unless told otherwise; and the message says what a device would need.
    let url = format!("http://127.0.0.1:{}/large-head", server.port);
    let (_, err) = expect(face, 9, &[&url]);
    let need = err.split(" needs ").nth(1).and_then(|rest| rest.split(' ').next()).expect("a number");
    let advice =
        format!("there are 2048; a device would need Resources<SOCKETS, TLS, {need}>, this command --rx {need}\n");
    assert!(err.ends_with(&advice), "{err}");
    expect(face, 0, &["--rx", need, &url]);
}

/// RFC 9110 §14.2: a server may ignore Range, and §15.3.7 has the client look which part came.
pub fn another_range_than_asked_for_is_said(face: &str) {
    let server = Scripted::plain(answer);
    let note = |range, query: &str| {
        let url = format!("http://127.0.0.1:{}/part{query}", server.port);
        expect(face, 0, &["--range", range, &url]).1
    };
    assert_eq!(note("5-9", "?5-9/26"), "");
    assert_eq!(note("5-", "?5-25/26"), "");
    assert_eq!(note("5-99", "?5-25/26"), "");
    assert_eq!(note("5-", "?5-25/*"), "");
    assert_eq!(note("5-9", "?0-9/26"), "note: the server sent bytes 0-9 instead of 5-9\n");
    assert_eq!(note("5-9", "?5-7/26"), "note: the server sent bytes 5-7 instead of 5-9\n");
    assert_eq!(note("5-", "?5-9/26"), "note: the server sent bytes 5-9 instead of 5-\n");
    assert_eq!(note("5-", ""), "note: the server sent a part (206) and does not say which, instead of bytes 5-\n");
    let (_, err) = expect(face, 0, &["--range", "5-9", &format!("http://127.0.0.1:{}/", server.port)]);
    assert_eq!(err, "note: the server sent all of it (200) instead of bytes 5-9\n");
    expect(face, 0, &["--range", "5-9", &format!("http://127.0.0.1:{}/404", server.port)]);
}

pub fn compressed_bodies_are_decompressed_on_request(face: &str) {
    let server = Scripted::plain(answer);
    let url = |path: &str| format!("http://127.0.0.1:{}{path}", server.port);
    let words = "compressed words ".repeat(2000);
    assert_eq!(expect(face, 0, &["--compressed", &url("/deflate")]).0, words);
    assert_eq!(expect(face, 0, &["--compressed", &url("/gzip")]).0, "gzipped");
    assert_eq!(expect(face, 0, &["--compressed", &url("/chunked")]).0, "abcdefg");
    let (echo, _) = expect(face, 0, &["--compressed", &url("/echo")]);
    assert!(echo.contains("\r\nAccept-Encoding: gzip, deflate\r\n") && !echo.contains("identity"), "{echo}");
    expect(face, 7, &["--compressed", &url("/damaged")]);
    expect(face, 7, &["--compressed", &url("/br")]);
    assert_eq!(expect(face, 8, &["--compressed", &url("/cut")]).0, words);
    // Unless asked for, the body is written as it came.
    let raw = request(face, &[&url("/deflate")]).stdout;
    assert!(raw.len() < 1000 && raw.starts_with(b"\x78"), "{raw:?}");
    let counts = stats(face, &["--compressed", "--repeat", "3", &url("/deflate")]);
    assert_eq!(counts, "connections=1 requests=3 reused=2 writes=3\n");
}

pub fn events_are_written_as_they_come(face: &str) {
    let server = Scripted::plain(answer);
    let url = |path: &str| format!("http://127.0.0.1:{}{path}", server.port);
    assert_eq!(expect(face, 0, &["--sse", &url("/events")]).0, "one\ntwo\nlines\n");
    assert_eq!(expect(face, 8, &["--sse", &url("/events-cut")]).0, "one\n");
    server.take_requests();
    expect(face, 0, &["--sse", &url("/")]);
    assert!(server.take_requests()[0].contains("\r\nAccept: text/event-stream\r\n"));
}

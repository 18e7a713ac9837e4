//! How fast the codec is. Numbers, not verdicts; run with
//! `cargo bench --bench codec`.

use std::hint::black_box;
use std::time::Instant;

use socketpool::http::{BodyDecoder, Framing, HeadDecoder, HeadStep, HeadWriter, Method, Url};

/// The best of many runs, in microseconds.
fn best(what: &str, mut run: impl FnMut()) {
    let micros = (0..2000).map(|_| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64() * 1e6
    });
    println!("{what}: {:.2} µs", micros.fold(f64::MAX, f64::min));
}

/// Decodes `answer` in segments of 1460 bytes and reads of 512.
fn body(framing: Framing, answer: &[u8]) -> usize {
    let mut decoder = BodyDecoder::new(framing);
    let (mut output, mut total) = ([0; 512], 0);
    for segment in answer.chunks(1460) {
        let mut rest = segment;
        while !rest.is_empty() && !decoder.is_done() {
            let progress = decoder.decode(rest, &mut output).unwrap();
            black_box(&output);
            rest = &rest[progress.consumed..];
            total += progress.produced;
        }
    }
    assert!(decoder.is_done());
    total
}

fn main() {
    let head = format!(
        "HTTP/1.1 200 OK\r\nDate: Tue, 09 Nov 2010 14:49:00 GMT\r\nServer: example/1.0\r\nContent-Type: application/json\r\n\
         Cache-Control: no-store\r\nX-Request-Id: 0123456789abcdef0123456789abcdef\r\nConnection: keep-alive\r\n\
         Content-Length: 200\r\nVary: Accept\r\n\r\n{}",
        "x".repeat(200)
    );
    let (mut rx, mut tx, mut text) = ([0; 1024], [0; 512], [0; 128]);
    best("URL and request head", || {
        let url = Url::parse(black_box("http://api.example.com/v1/now?city=Utrecht"), &mut text).unwrap();
        let mut request = HeadWriter::new(&mut tx, Method::Get, url.target(&text));
        request.field("Host", url.authority(&text).as_bytes()).field("User-Agent", b"socketpool");
        black_box(request.finish().unwrap());
    });
    best("answer with a 250 B head and a 200 B body", || {
        rx[..head.len()].copy_from_slice(head.as_bytes());
        let mut decoder = HeadDecoder::new(Method::Get);
        let Ok(HeadStep::Complete(response)) = decoder.advance(&mut rx[..head.len()]) else { panic!() };
        assert_eq!(body(response.framing, &rx[response.len..head.len()]), 200);
    });

    let chunk = format!("200\r\n{}\r\n", "x".repeat(512));
    let chunked = format!("{}0\r\n\r\n", chunk.repeat(128));
    best("64 KiB in 512 B chunks", || assert_eq!(body(Framing::Chunked, black_box(chunked.as_bytes())), 65536));
    let plain = "x".repeat(65536);
    best("64 KiB by length", || assert_eq!(body(Framing::Length(65536), black_box(plain.as_bytes())), 65536));
}

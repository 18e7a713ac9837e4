//! How fast the codec is: `cargo bench --bench codec`.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use socketpool::http::{BodyDecoder, Framing, HeadDecoder, HeadStep, HeadWriter, Method, Url};

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

fn heads(criterion: &mut Criterion) {
    let (mut rx, mut tx, mut text) = ([0; 4096], [0; 512], [0; 128]);
    criterion.bench_function("URL and request head", |bencher| {
        bencher.iter(|| {
            let url = Url::parse(black_box("http://api.example.com/v1/now?city=Utrecht"), &mut text).unwrap();
            let mut request = HeadWriter::new(&mut tx, Method::Get, url.target(&text));
            request.field("Host", url.authority(&text).as_bytes()).field("User-Agent", b"socketpool");
            black_box(request.finish().unwrap())
        });
    });

    let few = "Date: Tue, 09 Nov 2010 14:49:00 GMT\r\nServer: example/1.0\r\nContent-Type: application/json\r\n\
               Cache-Control: no-store\r\nX-Request-Id: 0123456789abcdef0123456789abcdef\r\nConnection: keep-alive\r\n\
               Content-Length: 200\r\nVary: Accept\r\n";
    let many: String = (0..39).map(|number| format!("X-Field-{number}: value number {number}\r\n")).collect();
    for (name, fields) in [("response head of 250 B", few), ("response head of 40 fields", &many)] {
        let head = format!("HTTP/1.1 200 OK\r\n{fields}\r\n");
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| {
                rx[..head.len()].copy_from_slice(head.as_bytes());
                let mut decoder = HeadDecoder::new(Method::Get);
                let Ok(HeadStep::Complete(response)) = decoder.advance(&mut rx[..head.len()]) else { panic!() };
                black_box(response.framing)
            });
        });
    }
}

fn bodies(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("body of 64 KiB");
    group.throughput(Throughput::Bytes(65536));
    let chunked = format!("{}0\r\n\r\n", format!("200\r\n{}\r\n", "x".repeat(512)).repeat(128));
    let plain = "x".repeat(65536);
    for (name, framing, bytes) in
        [("in 512 B chunks", Framing::Chunked, chunked), ("by length", Framing::Length(65536), plain)]
    {
        group.bench_function(name, |bencher| {
            bencher.iter(|| assert_eq!(body(framing, black_box(bytes.as_bytes())), 65536));
        });
    }
}

criterion_group!(codec, heads, bodies);
criterion_main!(codec);

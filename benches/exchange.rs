//! How fast whole exchanges are on the scripted network, which takes a part of the time: `cargo bench --bench exchange`.
//! Each is on a connection of its own.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use serde::{Deserialize, Serialize};
use socketpool::{
    Resources, SocketPool, blocking,
    mock::{Peer, Script, Step, block_on},
    requests::Session,
};

const URL: &str = "http://api.example.com/v1/now?city=Utrecht";

#[derive(Serialize)]
struct Reading {
    celsius: f32,
}

#[derive(Deserialize)]
struct Receipt {
    id: u32,
}

/// Reads an answer of 64 KiB at most in pieces of 512 bytes, through either face.
fn fetch(criterion: &mut Criterion, name: &str, answer: &str) {
    let steps = [Step::Send(answer.as_bytes())];
    let peers = [Peer::new("api.example.com", 80, &steps)];
    let mut group = criterion.benchmark_group(name);
    group.bench_function("async", |bencher| {
        bencher.iter(|| {
            let script = Script::new(&peers);
            let (mut network, mut memory) = (script.network(), Resources::<1>::new());
            let pool = SocketPool::new(&mut network, &mut memory);
            let http = Session::plain(&pool);
            block_on(async {
                let mut response = http.get(URL).send().await.unwrap();
                let mut buffer = [0; 512];
                while response.read(&mut buffer).await.unwrap() > 0 {
                    black_box(&buffer);
                }
            });
        });
    });
    group.bench_function("blocking", |bencher| {
        bencher.iter(|| {
            let script = Script::new(&peers);
            let (mut network, mut memory) = (script.network(), Resources::<1>::new());
            let pool = blocking::SocketPool::new(&mut network, &mut memory);
            let http = blocking::Session::plain(&pool);
            let mut response = http.get(URL).send().unwrap();
            let mut buffer = [0; 512];
            while response.read(&mut buffer).unwrap() > 0 {
                black_box(&buffer);
            }
        });
    });
}

fn gets(criterion: &mut Criterion) {
    let by_length = |len| format!("HTTP/1.1 200 OK\r\nContent-Length: {len}\r\n\r\n{}", "x".repeat(len));
    let chunks = format!("200\r\n{}\r\n", "x".repeat(512)).repeat(128);
    let chunked = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n");
    fetch(criterion, "GET 200 B", &by_length(200));
    fetch(criterion, "GET 64 KiB by length", &by_length(65536));
    fetch(criterion, "GET 64 KiB in 512 B chunks", &chunked);
}

fn post(criterion: &mut Criterion) {
    let steps = [Step::Send(b"HTTP/1.1 201 Created\r\nContent-Length: 11\r\n\r\n{\"id\":4711}")];
    let peers = [Peer::new("api.example.com", 80, &steps)];
    criterion.bench_function("POST JSON/async", |bencher| {
        bencher.iter(|| {
            let script = Script::new(&peers);
            let (mut network, mut memory) = (script.network(), Resources::<1>::new());
            let pool = SocketPool::new(&mut network, &mut memory);
            let http = Session::plain(&pool);
            block_on(async {
                let mut buffer = [0; 64];
                let mut response = http.post(URL).json(&Reading { celsius: 21.5 }).send().await.unwrap();
                let receipt: Receipt = response.json(&mut buffer).await.unwrap();
                assert_eq!(receipt.id, 4711);
            });
        });
    });
}

criterion_group!(exchange, gets, post);
criterion_main!(exchange);

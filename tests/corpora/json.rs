//! `Response::json` on JSONTestSuite (MIT, Nicolas Seriot): what is JSON is accepted, what is not is refused, also where
//! nobody asked for it. Where it comes from: `support/corpora/mod.rs`.
#![cfg(all(feature = "json", feature = "mock"))]

use serde::de::IgnoredAny;
use socketpool::{
    ErrorKind, Resources, SocketPool,
    mock::{Peer, Script, Step, block_on},
    requests::Session,
};

use crate::support::corpora;

#[test]
fn what_is_json_is_accepted_and_what_is_not_is_refused() {
    let Some(suite) = corpora::corpus("jsontestsuite.json") else { return };
    let (mut right, mut either, mut wrong) = (0, 0, Vec::new());
    for case in suite.as_array().expect("cases") {
        let text = corpora::base64(case["zlib_base64"].as_str().expect("a text"));
        let text = miniz_oxide::inflate::decompress_to_vec_zlib(&text).expect("zlib");
        let is_json = match respond_with(&text) {
            Ok(()) => true,
            Err(ErrorKind::Json(_)) => false,
            Err(other) => panic!("{}: {other}", case["name"]),
        };
        match case["expect"].as_str().expect("a verdict") {
            "either" => either += 1,
            verdict if (verdict == "accept") == is_json => right += 1,
            verdict => wrong.push(format!("{}: {verdict}", case["name"])),
        }
    }
    println!("jsontestsuite.json: {right} right, {} wrong, {either} may be either", wrong.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn respond_with(text: &[u8]) -> Result<(), ErrorKind> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", text.len());
    let steps = [Step::Receive(b"\r\n\r\n"), Step::Send(head.as_bytes()), Step::Send(text)];
    let peers = [Peer::new("host.example", 80, &steps)];
    let script = Script::new(&peers);
    let (mut network, mut memory) = (script.network(), Resources::<1>::new());
    let pool = SocketPool::new(&mut network, &mut memory);
    let http = Session::plain(&pool);
    let mut buffer = vec![0; 2 * text.len() + 16];
    let value =
        block_on(async { http.get("http://host.example/").send().await?.json::<IgnoredAny>(&mut buffer).await });
    value.map(|_| ()).map_err(|error| error.kind())
}

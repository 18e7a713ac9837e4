//! The same calls as a suite recorded with adafruit_requests: what differs on the wire and in the answers is listed with
//! a reason, in `corpora/adafruit_differences.txt`.
//!
//! Where it comes from: `support/corpora/mod.rs`.
#![cfg(all(feature = "json", feature = "mock", feature = "blocking"))]

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use socketpool::{
    Error, Resources, SocketPool, blocking,
    http::Method,
    mock::{Peer, Script, Step, block_on},
    requests::Session,
};

use crate::support::corpora::{base64, corpus, http::deviations};

/// What the server of the suite answers, and where that leads.
fn answer(path: &str) -> (&'static [u8], Option<&'static str>) {
    const HELLO: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello";
    let path = path.split(['?', '#']).next().unwrap();
    match path {
        "/get" => (HELLO, None),
        "/post" => (b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok", None),
        "/json" => (
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 18\r\n\r\n{\"a\":[1,\"\\u00e9\"]}",
            None,
        ),
        "/redirect" => (b"HTTP/1.1 302 Found\r\nLocation: /get\r\nContent-Length: 0\r\n\r\n", Some("/get")),
        "/dir/redirect-rel" => (b"HTTP/1.1 302 Found\r\nLocation: ../get\r\nContent-Length: 0\r\n\r\n", Some("/get")),
        "/redirect-post" => (b"HTTP/1.1 303 See Other\r\nLocation: /get\r\nContent-Length: 0\r\n\r\n", Some("/get")),
        "/redirect-307" => (b"HTTP/1.1 307 Temporary\r\nLocation: /post\r\nContent-Length: 0\r\n\r\n", Some("/post")),
        "/204" => (b"HTTP/1.1 204 No Content\r\n\r\n", None),
        "/close" => (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil end", None),
        "/cookie" => (
            b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-Mixed-Case: v\r\nContent-Length: 0\r\n\r\n",
            None,
        ),
        "/chunked" => {
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", None)
        }
        _ => (b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnope", None),
    }
}

#[derive(Debug, Clone, PartialEq)]
struct Got {
    status: u16,
    reason: String,
    fields: BTreeMap<String, String>,
    body: Option<String>,
    chunks: Vec<String>,
}

macro_rules! face {
    ($name:ident, $Pool:path, $Session:path, $wait:ident, ($($asynchronous:tt)*)) => {
        $($asynchronous)* fn $name(script: &Script<'_>, calls: &[Value]) -> Vec<Result<Got, Error>> {
            use {$Pool as Pool, $Session as Session};
            let (mut network, mut memory) = (script.network(), Resources::<2>::new());
            let pool = Pool::new(&mut network, &mut memory);
            let http = Session::plain(&pool);
            let mut all = Vec::new();
            for call in calls {
                let kwargs = &call["kwargs"];
                let url = format!("http://127.0.0.1:8080{}", call["path"].as_str().unwrap());
                let method = call["method"].as_str().unwrap().to_uppercase();
                let mut request = http.request(Method::custom(&method).unwrap(), &url);
                for (name, value) in kwargs["headers"].as_object().into_iter().flatten() {
                    request = request.header(name, value.as_str().unwrap());
                }
                if kwargs["allow_redirects"] == false {
                    request = request.max_redirects(None);
                }
                let data = &kwargs["data"];
                let pairs: Vec<_> = data.as_object().into_iter().flatten().collect();
                let pairs: Vec<_> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap())).collect();
                let bytes = match data["base64"].as_str() {
                    Some(text) => base64(text),
                    None => data.as_str().unwrap_or_default().into(),
                };
                let sent = if !kwargs["json"].is_null() {
                    $wait!(request.json(&kwargs["json"]).send())
                } else if data.is_null() {
                    $wait!(request.send())
                } else if data.is_object() && data["base64"].is_null() {
                    $wait!(request.form(&pairs).send())
                } else {
                    $wait!(request.body(&bytes).send())
                };
                let mut response = match sent {
                    Ok(response) => response,
                    Err(error) => {
                        all.push(Err(error));
                        continue;
                    }
                };
                let mut got = Got {
                    status: response.status().as_u16(),
                    reason: response.reason().into(),
                    fields: BTreeMap::new(),
                    body: None,
                    chunks: Vec::new(),
                };
                for (name, value) in response.headers() {
                    let value = String::from_utf8_lossy(value);
                    let joined = got.fields.entry(name.to_ascii_lowercase());
                    joined.and_modify(|all| *all += &format!(", {value}")).or_insert(value.into());
                }
                let mut buffer = [0; 64];
                if let Some(size) = kwargs["_iter"].as_u64() {
                    loop {
                        match $wait!(response.read(&mut buffer[..size as usize])).unwrap() {
                            0 => break,
                            count => got.chunks.push(String::from_utf8_lossy(&buffer[..count]).into()),
                        }
                    }
                } else if kwargs["_unread"] != true {
                    got.body = Some($wait!(response.text(&mut buffer)).unwrap().into());
                }
                all.push(Ok(got));
            }
            all
        }
    };
}
macro_rules! awaited {
    ($work:expr) => {
        $work.await
    };
}
macro_rules! at_once {
    ($work:expr) => {
        $work
    };
}
face!(play_async, SocketPool, Session, awaited, (async));
face!(play_blocking, blocking::SocketPool, blocking::Session, at_once, ());

/// Method, target, fields and body of each request.
type Request = (String, String, BTreeMap<String, String>, String);

fn parse(raw: &str) -> Request {
    let (head, body) = raw.split_once("\r\n\r\n").unwrap();
    let mut lines = head.split("\r\n");
    let mut words = lines.next().unwrap().split(' ');
    let (method, target) = (words.next().unwrap().into(), words.next().unwrap().into());
    let fields = lines.map(|line| line.split_once(": ").unwrap());
    (method, target, fields.map(|(name, value)| (name.to_ascii_lowercase(), value.into())).collect(), body.into())
}

/// What was sent, cut into requests: by the length that each gives.
fn cut(sent: &str) -> Vec<Request> {
    let (mut rest, mut requests) = (sent, Vec::new());
    while let Some(head) = rest.find("\r\n\r\n") {
        let length = rest[..head].split("\r\n").find_map(|line| line.strip_prefix("Content-Length: "));
        let (request, next) = rest.split_at(head + 4 + length.map_or(0, |length| length.parse::<usize>().unwrap()));
        requests.push(parse(request));
        rest = next;
    }
    requests
}

#[test]
fn the_same_calls() {
    let Some(suite) = corpus("adafruit-wire.json") else { return };
    let known = deviations(include_str!("adafruit_differences.txt"));
    let (mut same, mut used, mut unknown) = (0, BTreeSet::new(), Vec::new());
    let sequences = suite.as_array().unwrap();
    for sequence in sequences {
        let name = sequence["name"].as_str().unwrap();
        let calls = sequence["calls"].as_array().unwrap();
        let mut connections = vec![Vec::new()];
        for call in calls {
            let mut path = Some(call["path"].as_str().unwrap());
            while let Some(at) = path {
                let (raw, next) = answer(at);
                let steps: &mut Vec<Step<'_>> = connections.last_mut().unwrap();
                steps.extend([Step::Receive(b"\r\n\r\n"), Step::Send(raw)]);
                if at == "/close" {
                    steps.push(Step::Close);
                    connections.push(Vec::new());
                }
                path = next.filter(|_| call["kwargs"]["allow_redirects"] != false);
            }
        }
        let peers: Vec<_> = connections.iter().map(|steps| Peer::new("127.0.0.1", 8080, steps)).collect();
        let (first, second) = (Script::new(&peers), Script::new(&peers));
        let answers = block_on(play_async(&first, calls));
        assert_eq!(answers, play_blocking(&second, calls), "{name}: the faces differ");
        assert_eq!(first.sent(), second.sent(), "{name}: the faces send different things");

        let mut differences = BTreeSet::new();
        let mut differ = |what: &str, ours: &str, theirs: &str| {
            if ours != theirs {
                let (here, everywhere) = (format!("{name}/{what}"), format!("*/{what}"));
                match [here, everywhere].into_iter().find(|key| known.contains_key(key.as_str())) {
                    Some(key) => _ = used.insert(key),
                    None => unknown.push(format!("{name}/{what}: {ours:?}, adafruit_requests {theirs:?}")),
                }
                differences.insert(what.to_owned());
            }
        };
        let sent = first.sent();
        let ours = cut(std::str::from_utf8(&sent).unwrap());
        let theirs = sequence["requests"].as_array().unwrap().iter();
        let theirs: Vec<_> = theirs
            .map(|request| parse(&String::from_utf8(base64(request["raw_base64"].as_str().unwrap())).unwrap()))
            .collect();
        differ("requests", &ours.len().to_string(), &theirs.len().to_string());
        differ("connections", &first.connections().to_string(), &sequence["connections"].to_string());
        for ((method, target, fields, body), (their_method, their_target, their_fields, their_body)) in
            ours.iter().zip(&theirs)
        {
            differ("method", method, their_method);
            differ("target", target, their_target);
            differ("body", body, their_body);
            for field in fields.keys().chain(their_fields.keys()) {
                let value = |fields: &BTreeMap<String, String>| fields.get(field).cloned().unwrap_or("none".into());
                differ(field, &value(fields), &value(their_fields));
            }
        }
        for (ours, theirs) in answers.iter().zip(sequence["responses"].as_array().unwrap()) {
            let Ok(ours) = ours else { panic!("{name}: {ours:?}") };
            if let Some(exception) = theirs["exception"].as_str() {
                differ("outcome", &ours.status.to_string(), exception);
                continue;
            }
            differ("status", &ours.status.to_string(), &theirs["status"].to_string());
            differ("reason", &ours.reason, theirs["reason"].as_str().unwrap());
            if let Some(text) = theirs["text"].as_str() {
                differ("text", ours.body.as_deref().unwrap_or("none"), text);
            }
            if !theirs["json"].is_null() {
                let json: Value = serde_json::from_str(ours.body.as_deref().unwrap()).unwrap();
                differ("json", &json.to_string(), &theirs["json"].to_string());
            }
            if let Some(chunks) = theirs["chunks"].as_array() {
                let chunks: Vec<_> = chunks.iter().map(|chunk| chunk.as_str().unwrap()).collect();
                differ("chunks", &ours.chunks.join("|"), &chunks.join("|"));
            }
            for (field, value) in theirs["headers"].as_object().unwrap() {
                differ(
                    &format!("got {field}"),
                    ours.fields.get(field).map_or("none", |all| all),
                    value.as_str().unwrap(),
                );
            }
        }
        same += usize::from(differences.is_empty());
        println!("{name}: {differences:?}");
    }
    println!("{} sequences, {same} the same in every byte; {} kinds of difference", sequences.len(), used.len());
    assert!(unknown.is_empty(), "differences without a reason: {unknown:#?}");
    for key in known.keys() {
        assert!(used.contains(*key), "{key} is no difference any more");
    }
}

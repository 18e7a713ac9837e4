//! A server's challenge, and the answer to it: computed once more from its own parameters, it is right, and nothing that
//! the server said adds a line.
#![cfg_attr(feature = "libfuzzer", no_main)]

use md5::Md5;
use sha2::{Digest, Sha256};
use socketpool::{
    Resources, SocketPool,
    mock::{Peer, Script, Step, block_on},
    requests::Session,
};
use socketpool_fuzz::{take, target};

const USER: &str = "Mufasa";
const PASSWORD: &str = "Circle of Life";
const CNONCE: &str = "0123456789abcdef";
const TARGET: &str = "/dir/index.html";

/// The value of a parameter of our own Authorization field, without its quotes.
fn parameter<'a>(field: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = field.strip_prefix("Digest ").expect("the scheme");
    loop {
        let (key, value) = rest.split_once('=')?;
        let (value, behind) = match value.strip_prefix('"') {
            None => value.split_once(", ").unwrap_or((value, "")),
            Some(quoted) => {
                let mut is_escaped = false;
                let end = quoted.bytes().position(|byte| {
                    let ends = byte == b'"' && !is_escaped;
                    is_escaped = byte == b'\\' && !is_escaped;
                    ends
                });
                let (value, behind) = quoted.split_at(end.expect("a closing quote"));
                let behind = &behind[1..];
                assert!(behind.is_empty() || behind.starts_with(", "), "{field}");
                (value, behind.get(2..).unwrap_or_default())
            }
        };
        if key == name {
            return Some(value);
        }
        rest = behind;
    }
}

/// RFC 7616 §3.4.1.
fn response(field: &str) -> String {
    let get = |name| parameter(field, name).unwrap_or_default();
    let algorithm = get("algorithm");
    let hash = |text: String| match algorithm.starts_with("MD5") {
        true => Md5::digest(text).iter().map(|byte| format!("{byte:02x}")).collect::<String>(),
        false => Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect(),
    };
    let mut key = hash(format!("{USER}:{}:{PASSWORD}", get("realm")));
    if algorithm.ends_with("-sess") {
        key = hash(format!("{key}:{}:{CNONCE}", get("nonce")));
    }
    let request = hash(format!("GET:{TARGET}"));
    match parameter(field, "qop") {
        None => hash(format!("{key}:{}:{request}", get("nonce"))),
        Some(qop) => hash(format!("{key}:{}:{}:{CNONCE}:{qop}:{request}", get("nonce"), get("nc"))),
    }
}

target!(|input| {
    let mut rest = input;
    let [lines] = take(&mut rest);
    // Lines are the head's business: here each is a field.
    let text = String::from_utf8_lossy(rest).replace(['\r', '\0'], " ");
    let values = text.splitn(1 + usize::from(lines % 3), '\n').map(|value| value.replace('\n', " "));
    let values: Vec<_> = values.collect();
    let mut head = String::from("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n");
    for value in &values {
        head += &format!("WWW-Authenticate: {value}\r\n");
    }
    head += "\r\n";
    let (request, done) = (Step::Receive(b"\r\n\r\n"), Step::Send(b"HTTP/1.1 204 No Content\r\n\r\n"));
    let steps = [request, Step::Send(head.as_bytes()), request, done];
    let peers = [Peer::new("host", 80, &steps)];
    let script = Script::new(&peers);
    let status = {
        let (mut network, mut memory) = (script.network(), Resources::<1>::new());
        let pool = SocketPool::new(&mut network, &mut memory);
        let http = Session::plain(&pool);
        let url = format!("http://host{TARGET}");
        let sent = block_on(http.get(&url).digest_auth(USER, PASSWORD, CNONCE).send());
        let status = sent.as_ref().map(|response| response.status().as_u16()).ok();
        drop(sent);
        assert_eq!(pool.counts().in_use, 0, "no slot is lost");
        status
    };
    let sent = String::from_utf8(script.sent().to_vec()).expect("text");
    let heads: Vec<_> = sent.split_terminator("\r\n\r\n").collect();
    let [first, answers @ ..] = &heads[..] else { panic!("a request") };
    let Some(second) = answers.first() else { return assert_ne!(status, Some(204), "the 401, or an error") };
    assert_eq!((status, answers.len()), (Some(204), 1));
    let fields = |head: &str| head.split("\r\n").filter(|line| !line.starts_with("Authorization: ")).count();
    assert_eq!(fields(first), fields(second), "nothing but the answer is new");
    let mut fields = second.split("\r\n").filter_map(|line| line.strip_prefix("Authorization: "));
    let field = fields.next().expect("an answer");
    assert_eq!(fields.next(), None);
    for (name, value) in [("username", USER), ("uri", TARGET), ("response", &response(field))] {
        assert_eq!(parameter(field, name), Some(value), "{field}");
    }
    for name in ["realm", "nonce", "opaque"] {
        let is_said = |said: &str| values.iter().any(|value| value.contains(said));
        assert!(parameter(field, name).is_none_or(is_said), "as the server said it: {field}");
    }
});

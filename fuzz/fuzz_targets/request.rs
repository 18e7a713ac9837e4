//! A request of any parts, read back by httparse and by a short reference: what a caller passes in adds no line, and
//! arrives as it was.
#![cfg_attr(feature = "libfuzzer", no_main)]

use socketpool::{exchange::Connection, http::Method, requests::Part};
use socketpool_fuzz::{Split, Wire, block_on, take, take_long, take_short, target};

fn text<'i>(bytes: &'i [u8]) -> &'i str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

/// What was sent: method, target, fields and body; nothing, if nothing was.
fn read_back(sent: &[u8]) -> (String, String, Vec<(String, Vec<u8>)>, Vec<u8>) {
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut fields);
    let httparse::Status::Complete(len) = request.parse(sent).expect("a request") else { panic!("a whole head") };
    let fields: Vec<_> = request.headers.iter().map(|field| (field.name.to_string(), field.value.to_vec())).collect();
    let of =
        |name: &str| fields.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| text(value));
    let mut rest = &sent[len..];
    let mut body = vec![];
    if of("transfer-encoding").is_some() {
        loop {
            let end = rest.windows(2).position(|window| window == b"\r\n").expect("a size line");
            let size = usize::from_str_radix(text(&rest[..end]), 16).expect("a size");
            body.extend(&rest[end + 2..end + 2 + size]);
            assert_eq!(&rest[end + 2 + size..][..2], b"\r\n");
            rest = &rest[end + size + 4..];
            if size == 0 {
                break;
            }
        }
        assert!(rest.is_empty(), "one request and nothing else");
    } else {
        assert_eq!(of("content-length").map_or(0, |len| len.parse().expect("a number")), rest.len());
        body = rest.to_vec();
    }
    (request.method.unwrap().into(), request.path.unwrap().into(), fields, body)
}

/// The parts of a multipart body: name and content of each.
fn parts(body: &[u8], boundary: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
    let find = |bytes: &[u8], pattern: &[u8]| bytes.windows(pattern.len()).position(|window| window == pattern);
    let (first, between) = (format!("--{boundary}\r\n"), format!("\r\n--{boundary}"));
    let (mut rest, mut parts) = (body.strip_prefix(first.as_bytes()).expect("a boundary"), vec![]);
    loop {
        let head = find(rest, b"\r\n\r\n").expect("a head");
        let end = head + 4 + find(&rest[head + 4..], between.as_bytes()).expect("an end");
        let name = find(&rest[..head], b"; name=\"").expect("a name") + 8;
        let name_len = rest[name..head].iter().position(|byte| *byte == b'"').expect("its end");
        parts.push((rest[name..name + name_len].to_vec(), rest[head + 4..end].to_vec()));
        rest = &rest[end + between.len()..];
        match rest.strip_prefix(b"\r\n") {
            Some(next) if next != b"" => rest = next,
            _ => break,
        }
    }
    assert!(rest.starts_with(b"--"), "the last boundary");
    parts
}

target!(|input| {
    let mut rest = input;
    let [kind, split, room] = take(&mut rest);
    let (method, host, target) = (take_short(&mut rest), take_short(&mut rest), take_short(&mut rest));
    let (name, value, body) = (text(take_short(&mut rest)), text(take_short(&mut rest)), take_long(&mut rest));
    let (method, host, target) = (Method::custom(text(method)).unwrap_or(Method::Post), text(host), text(target));
    let mut buffer = vec![0; if room == 0 { 4096 } else { usize::from(room) * 4 }];
    let answer = b"HTTP/1.1 204 No Content\r\n\r\n";
    let mut connection = Connection::new(Wire::new(answer, Split::new(split)), &mut buffer);
    let part = [Part::field(name, value), Part::file("file", value, body)];
    let pairs = [(name, value), (value, name)];
    let request = connection.request(method, host, target).header(name, value);
    let outcome = block_on(async {
        match kind % 6 {
            0 => request.send().await.map(drop),
            1 => request.body(body).send().await.map(drop),
            2 => request.form(&pairs).send().await.map(drop),
            3 => request.json(&(name, value, text(body))).send().await.map(drop),
            4 => request.multipart(&part).send().await.map(drop),
            _ => {
                let mut left = body;
                let fill = |room: &mut [u8]| {
                    let count = room.len().min(left.len());
                    room[..count].copy_from_slice(&left[..count]);
                    left = &left[count..];
                    Ok(count)
                };
                request.produce(fill, None).send().await.map(drop)
            }
        }
    });
    let sent = connection.into_inner().into_inner().sent;
    if outcome.is_err() && sent.is_empty() {
        return;
    }
    assert!(outcome.is_ok(), "what cannot be sent is refused before the first byte: {outcome:?}");
    let (sent_method, sent_target, fields, sent_body) = read_back(&sent);
    assert_eq!((&sent_method[..], &sent_target[..]), (method.as_str(), target));
    assert!(
        fields.iter().any(|(n, v)| n == name && v == value.trim_matches([' ', '\t']).as_bytes()),
        "{name:?}: {value:?}"
    );
    let framing = ["host", "content-length", "content-type", "transfer-encoding", "connection", "expect"];
    let others = fields.iter().filter(|(n, _)| n != name && !framing.contains(&&n.to_ascii_lowercase()[..])).count();
    assert_eq!(others, 0, "nothing that was not asked for: {fields:?}");
    match kind % 6 {
        0 => assert!(sent_body.is_empty()),
        1 | 5 => assert_eq!(sent_body, body),
        2 => {
            let read: Vec<_> = url::form_urlencoded::parse(&sent_body).into_owned().collect();
            assert_eq!(read, pairs.map(|(a, b)| (a.to_string(), b.to_string())));
        }
        3 => {
            let read: (String, String, String) = serde_json::from_slice(&sent_body).expect("JSON");
            assert_eq!(read, (name.to_string(), value.to_string(), text(body).to_string()));
        }
        _ => {
            let kind =
                fields.iter().find(|(n, v)| n.eq_ignore_ascii_case("content-type") && v.starts_with(b"multipart/"));
            let Some(boundary) = kind.and_then(|(_, value)| text(value).split_once("boundary=")) else { return };
            let read = parts(&sent_body, boundary.1.trim_matches('"'));
            assert_eq!((read.len(), &read[0].1[..], &read[1].1[..]), (2, value.as_bytes(), body));
        }
    }
});

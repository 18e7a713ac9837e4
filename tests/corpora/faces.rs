//! Public suites of answers and conversations through both faces, over a scripted network.
//!
//! Where they come from: `support/corpora/mod.rs`.
#![cfg(all(feature = "gzip", feature = "digest", feature = "mock", feature = "blocking"))]

use std::collections::BTreeMap;

use serde_json::Value;
use socketpool::{
    Error, Resources, SocketPool, blocking,
    http::Method,
    mock::{MockTls, Peer, Script, Step, block_on},
    requests::{Inflate, Session},
};

use crate::support::corpora::{
    base64, corpus,
    http::{Judged, deviations, judge},
};

/// A request, and whether its body is to be decompressed.
#[derive(Clone, Copy)]
struct Call<'a> {
    method: Method<'a>,
    url: &'a str,
    user: Option<(&'a str, &'a str)>,
    digest: bool,
    body: Option<&'a [u8]>,
    redirects: Option<u8>,
    decoded: bool,
}

impl<'a> Call<'a> {
    fn new(method: Method<'a>, url: &'a str) -> Self {
        Self { method, url, user: None, digest: false, body: None, redirects: None, decoded: false }
    }
}

/// Large enough for every head and body of the suites.
const HEAD: usize = 70_000;
const BODY: usize = 1 << 18;

/// One exchange with the async face.
async fn run_async(script: &Script<'_>, call: Call<'_>) -> Result<Judged, Error> {
    let (mut network, mut memory) = (script.network(), Box::new(Resources::<1, 0, HEAD>::new()));
    let pool = SocketPool::new(&mut network, &mut memory);
    let http = Session::new(&pool, &MockTls);
    let mut request = http.request(call.method, call.url).max_redirects(call.redirects);
    if let Some((user, password)) = call.user {
        request = match call.digest {
            true => request.digest_auth(user, password, "0123456789abcdef"),
            false => request.basic_auth(user, password),
        };
    }
    let mut response = match call.body {
        Some(body) => request.header("Content-Type", "application/x-www-form-urlencoded").body(body).send().await?,
        None => request.send().await?,
    };
    let fields = response.headers().iter().map(|(name, value)| (name.to_owned(), value.to_vec())).collect();
    let (mut buffer, mut memory) = (vec![0; BODY], Box::new(Inflate::<32_768>::new()));
    let body = match call.decoded {
        true => response.decoded(&mut memory)?.content(&mut buffer).await?,
        false => response.content(&mut buffer).await?,
    };
    Ok(Judged { status: response.status().as_u16(), fields, body: body.to_vec() })
}

/// The same with the blocking face.
fn run_blocking(script: &Script<'_>, call: Call<'_>) -> Result<Judged, Error> {
    let (mut network, mut memory) = (script.network(), Box::new(Resources::<1, 0, HEAD>::new()));
    let pool = blocking::SocketPool::new(&mut network, &mut memory);
    let http = blocking::Session::new(&pool, &MockTls);
    let mut request = http.request(call.method, call.url).max_redirects(call.redirects);
    if let Some((user, password)) = call.user {
        request = match call.digest {
            true => request.digest_auth(user, password, "0123456789abcdef"),
            false => request.basic_auth(user, password),
        };
    }
    let mut response = match call.body {
        Some(body) => request.header("Content-Type", "application/x-www-form-urlencoded").body(body).send()?,
        None => request.send()?,
    };
    let fields = response.headers().iter().map(|(name, value)| (name.to_owned(), value.to_vec())).collect();
    let (mut buffer, mut memory) = (vec![0; BODY], Box::new(Inflate::<32_768>::new()));
    let body = match call.decoded {
        true => response.decoded(&mut memory)?.content(&mut buffer)?,
        false => response.content(&mut buffer)?,
    };
    Ok(Judged { status: response.status().as_u16(), fields, body: body.to_vec() })
}

/// Through both faces, each with a script of its own; they must agree, also in what they send.
fn run(peers: &[Peer<'_>], call: Call<'_>) -> (Result<Judged, Error>, Vec<u8>) {
    let (first, second) = (Script::new(peers), Script::new(peers));
    let outcome = block_on(run_async(&first, call));
    assert_eq!(outcome, run_blocking(&second, call), "the faces differ");
    assert_eq!(first.sent(), second.sent(), "the faces send different things");
    (outcome, first.sent().to_vec())
}

const URL: &str = "http://host.example/";

#[test]
fn http_cases() {
    let Some(cases) = corpus("http-cases.json") else { return };
    let known = deviations(include_str!("http_deviations.txt"));
    let mut score: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
    let (mut wrong, mut decoded, mut upgrades) = (Vec::new(), Vec::new(), Vec::new());
    for case in cases.as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let tier = case["tier"].as_str().unwrap();
        let method = case["request_method"].as_str().unwrap();
        let raw = base64(case["raw_response_base64"].as_str().unwrap());
        let closes = case["close_after"].as_bool().unwrap_or(true);
        let end = if closes { Step::Close } else { Step::Stall };
        let receive = Step::Receive(b"\r\n\r\n");

        let whole = vec![receive, Step::Send(&raw), end];
        let lines = raw.split_inclusive(|byte| *byte == b'\n').map(Step::Send);
        let lines = [receive].into_iter().chain(lines).chain([end]).collect::<Vec<_>>();
        let call = Call::new(Method::custom(method).unwrap(), URL);
        let arrivals = [(&whole, usize::MAX), (&lines, usize::MAX), (&whole, 1)];
        let outcomes = arrivals
            .map(|(steps, fragment)| run(&[Peer::new("host.example", 80, steps).in_fragments_of(fragment)], call).0);
        assert!(
            outcomes.iter().all(|outcome| *outcome == outcomes[0]),
            "{name}: arrival makes a difference: {outcomes:?}"
        );

        let (right, of) = score.entry(tier).or_default();
        *of += 1;
        let judged = match &outcomes[0] {
            // The cases are about parsing. These requests ask for no upgrade (RFC 9110 §7.8), so their 101 is refused.
            Err(error) if raw.starts_with(b"HTTP/1.1 101 ") => {
                upgrades.push(name);
                (!format!("{error:?}").contains("switched protocols")).then(|| format!("{error:?}"))
            }
            outcome => judge(&case["expected"], outcome.as_ref().map_err(|error| format!("{error:?}"))),
        };
        match judged {
            None => *right += 1,
            Some(what) => {
                let peers = [Peer::new("host.example", 80, &whole)];
                let (again, _) = run(&peers, Call { decoded: true, ..call });
                let again = again.as_ref().map_err(|error| format!("{error:?}"));
                match judge(&case["expected"], again) {
                    None => decoded.push(name),
                    Some(_) => wrong.push((name, tier, what)),
                }
            }
        }
    }
    for (tier, (right, of)) in &score {
        println!("tier {tier}, both faces, whole, by lines and byte by byte: {right}/{of}");
    }
    println!("right once decoded: {decoded:?}");
    for (name, tier, what) in &wrong {
        println!("tier {tier} {name}: {what:.160} ({})", known.get(name).unwrap_or(&"NO REASON GIVEN"));
    }
    assert!(
        wrong.iter().all(|(name, tier, _)| *tier != "A" && known.contains_key(name)),
        "a difference without a reason"
    );
    assert_eq!(score.get("A"), Some(&(166, 166)));
    for name in known.keys() {
        assert!(
            wrong.iter().any(|(other, ..)| other == name) || decoded.contains(name) || upgrades.contains(name),
            "{name} is no deviation any more"
        );
    }
}

/// Whether the server ends the connection after this answer, as far as it says.
fn ends(exchange: &Value, raw: &[u8]) -> bool {
    let raw = String::from_utf8_lossy(raw).to_ascii_lowercase();
    exchange["close_after"].as_bool().unwrap_or(false) || raw.contains("\r\nconnection: close\r\n")
}

/// The request lines in what was sent, with percent-encoding in one case.
fn request_lines(sent: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(sent).into_owned();
    let lines = text.split("\r\n").filter_map(|line| line.strip_suffix(" HTTP/1.1"));
    // A request line may stand right behind a body.
    lines.map(|line| line[line.rfind("GET ").or(line.rfind("POST ")).unwrap_or(0)..].to_ascii_lowercase()).collect()
}

#[test]
fn http_conversations() {
    let Some(conversations) = corpus("http-conversations.json") else { return };
    let known = deviations(include_str!("conversation_deviations.txt"));
    let (mut right, mut wrong) = (0, Vec::new());
    let conversations = conversations.as_array().unwrap();
    for case in conversations {
        let name = case["name"].as_str().unwrap();
        let flags = &case["request"]["flags"];
        let userinfo = flags["url_userinfo"].as_str().map(|userinfo| format!("{userinfo}@")).unwrap_or_default();
        let url = format!("http://{userinfo}127.0.0.1{}", case["request"]["path"].as_str().unwrap());
        let body = flags["data"].as_str();
        let exchanges = case["exchanges"].as_array().unwrap();
        let raws: Vec<Vec<u8>> = exchanges
            .iter()
            .map(|exchange| {
                let raw = base64(exchange["raw_response_base64"].as_str().unwrap());
                match raw.windows(6).position(|window| window == b"{PORT}") {
                    Some(at) => [&raw[..at], b"80", &raw[at + 6..]].concat(),
                    None => raw,
                }
            })
            .collect();

        let with_body = format!("\r\n\r\n{}", body.unwrap_or_default());
        let mut connections: Vec<Vec<Step<'_>>> = vec![Vec::new()];
        for (exchange, raw) in exchanges.iter().zip(&raws) {
            let steps = connections.last_mut().unwrap();
            let has_body = exchange["request"]["method"] == "POST";
            steps.push(Step::Receive(if has_body { with_body.as_bytes() } else { b"\r\n\r\n" }));
            steps.push(Step::Send(raw));
            if ends(exchange, raw) {
                steps.push(Step::Close);
                connections.push(Vec::new());
            }
        }
        let peers: Vec<_> = connections.iter().map(|steps| Peer::new("127.0.0.1", 80, steps)).collect();
        let most = flags["max_redirs"].as_str().map_or(10, |most| most.parse().unwrap());
        let call = Call {
            user: flags["user"].as_str().and_then(|user| user.split_once(':')),
            digest: flags["auth"] == "digest",
            body: body.map(str::as_bytes),
            redirects: flags["follow"].as_bool().unwrap_or(false).then_some(most),
            ..Call::new(Method::custom(case["request_method"].as_str().unwrap()).unwrap(), &url)
        };
        let (outcome, sent) = run(&peers, call);
        let wanted: Vec<_> = exchanges
            .iter()
            .map(|exchange| {
                let part = |part: &str| exchange["request"][part].as_str().unwrap().to_ascii_lowercase();
                format!("{} {}", part("method"), part("target"))
            })
            .collect();
        let got = request_lines(&sent);
        let what = if got == wanted {
            judge(&case["expected"], outcome.as_ref().map_err(|error| format!("{error:?}")))
        } else {
            Some(format!("requests {got:?}, not {wanted:?}"))
        };
        match what {
            None => right += 1,
            Some(what) => wrong.push((name, what)),
        }
    }
    println!("conversations, both faces: {right}/{}", conversations.len());
    for (name, what) in &wrong {
        println!("{name}: {what:.200} ({})", known.get(name).unwrap_or(&"NO REASON GIVEN"));
    }
    assert!(wrong.iter().all(|(name, _)| known.contains_key(name)), "a difference without a reason");
    for name in known.keys() {
        assert!(wrong.iter().any(|(other, _)| other == name), "{name} is no deviation any more");
    }
}

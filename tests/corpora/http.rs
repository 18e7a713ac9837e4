//! Scores the HTTP codec on public test suites.
//!
//! Where they come from: `support/corpora/mod.rs`.
#![cfg(feature = "requests")]

use std::collections::BTreeMap;

use serde_json::Value;
use socketpool::http::{Method, Url, UrlError};

use crate::support::{
    codec::{Answer, Manner, Outcome, run},
    corpora::{
        self,
        {
            base64, corpus,
            http::{Judged, deviations},
        },
    },
};

/// What is wrong with `outcome`, if anything.
fn judge(expected: &Value, outcome: &Outcome) -> Option<String> {
    let judged = match outcome {
        Outcome::Answer(Answer { status, fields, body, .. }) => {
            Ok(Judged { status: *status, fields: fields.clone(), body: body.clone() })
        }
        other => Err(format!("{other:?}")),
    };
    corpora::http::judge(expected, judged.as_ref().map_err(Clone::clone))
}

#[test]
fn http_cases() {
    let Some(cases) = corpus("http-cases.json") else { return };
    let known = deviations(include_str!("http_deviations.txt"));
    let mut score: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
    let mut wrong = Vec::new();
    for case in cases.as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let tier = case["tier"].as_str().unwrap();
        let expected = &case["expected"];
        let method = Method::custom(case["request_method"].as_str().unwrap()).unwrap();
        let raw = base64(case["raw_response_base64"].as_str().unwrap());
        let closes = case["close_after"].as_bool().unwrap_or(true);

        let by_lines: Vec<&[u8]> = raw.split_inclusive(|byte| *byte == b'\n').collect();
        let by_bytes: Vec<&[u8]> = raw.chunks(1).collect();
        let whole = [&raw[..]];
        let manners = [(false, 4096), (true, 7)];
        let outcomes = [&whole[..], &by_lines, &by_bytes].into_iter().flat_map(|pieces| {
            manners.map(|(direct, output)| {
                run(method, pieces, Manner { direct, output, eof: true, ..Manner::default() }).0
            })
        });
        let outcomes: Vec<_> = outcomes.collect();
        assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0]), "{name}: arrival makes a difference");
        if !closes && matches!(outcomes[0], Outcome::Answer(_)) {
            let manner = Manner { eof: false, ..Manner::default() };
            assert_eq!(run(method, &whole, manner).0, outcomes[0], "{name}: needs the close");
        }

        let (right, of) = score.entry(tier).or_default();
        *of += 1;
        match judge(expected, &outcomes[0]) {
            None => *right += 1,
            Some(what) => wrong.push((name, tier, what)),
        }
    }
    for (tier, (right, of)) in &score {
        println!("tier {tier}: {right}/{of}");
    }
    for (name, tier, what) in &wrong {
        println!("tier {tier} {name}: {what:.160} ({})", known.get(name).unwrap_or(&"NO REASON GIVEN"));
    }
    assert!(
        wrong.iter().all(|(name, tier, _)| *tier != "A" && known.contains_key(name)),
        "a difference without a reason"
    );
    for name in known.keys() {
        assert!(wrong.iter().any(|(other, ..)| other == name), "{name} is no deviation any more");
    }
}

/// The normal form of `href` as we keep it: without its fragment.
fn without_fragment(href: &str) -> &str {
    href.split('#').next().unwrap()
}

fn resolve(base: &str, input: &str) -> Result<String, UrlError> {
    let (mut text, mut out) = ([0; 1024], [0; 1024]);
    let base = Url::parse(base, &mut text)?;
    base.resolve(&text, input, &mut out).map(|url| url.text(&out).to_owned())
}

#[test]
fn urls() {
    let Some(urls) = corpus("urls.json") else { return };
    let mut score: BTreeMap<(&str, &str), [u32; 3]> = BTreeMap::new();
    let mut wrong = Vec::new();
    for group in ["absolute", "resolve", "rfc3986"] {
        for case in urls[group].as_array().unwrap() {
            let input = case["input"].as_str().unwrap();
            let tier = case["tier"].as_str().unwrap_or("core");
            let mut out = [0; 1024];
            let parsed = Url::parse(input, &mut out);
            let (got, expected) = match case["base"].as_str() {
                Some(base) => (resolve(base, input), case),
                None => (parsed.map(|url| url.text(&out).to_owned()), &case["expected"]),
            };
            let fails = expected["failure"].as_bool().unwrap_or(false);
            let is_right = match (&got, fails) {
                (Err(_), fails) => fails,
                (Ok(_), true) => false,
                // RFC 3986 §5.4.2 allows both readings of this one.
                (Ok(text), false) if input == "http:g" => text == "http://a/b/c/g",
                // An empty path is `/` in normal form (RFC 3986 §6.2.3).
                (Ok(text), false) if group == "rfc3986" && input == "//g" => text == "http://g/",
                (Ok(text), false) => text == without_fragment(expected["href"].as_str().unwrap()),
            };
            if let (Ok(url), Some(host)) = (parsed, expected["host"].as_str()) {
                assert_eq!(url.host(&out), host.trim_matches(['[', ']']), "{input}");
                assert_eq!(u64::from(url.port()), expected["port"].as_u64().unwrap(), "{input}");
                assert_eq!(url.scheme().as_str(), expected["scheme"].as_str().unwrap(), "{input}");
                assert_eq!(url.path(&out), expected["path"].as_str().unwrap(), "{input}");
                assert_eq!(url.userinfo(&out), expected["userinfo"].as_str(), "{input}");
                // An empty query is kept; the suite does not tell it from none.
                assert_eq!(url.query(&out).filter(|query| !query.is_empty()), expected["query"].as_str(), "{input}");
            }
            let [right, refused, of] = score.entry((group, tier)).or_default();
            *of += 1;
            match got {
                _ if is_right => *right += 1,
                Err(error) if tier == "browser" => {
                    *refused += 1;
                    println!("{group} {input:?} is refused: {error}");
                }
                got => wrong.push(format!("{group} {tier} {input:?}: {got:?}, expected {expected}")),
            }
        }
    }
    for ((group, tier), [right, refused, of]) in &score {
        println!("{group} {tier}: {right} right and {refused} refused by name, of {of}");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

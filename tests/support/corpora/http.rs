//! Judging an answer by what a suite of answers expects.

use std::collections::BTreeMap;

use serde_json::Value;

use super::base64;

/// A list of known deviations, checked both ways: `name: reason` per line.
pub fn deviations(list: &'static str) -> BTreeMap<&'static str, &'static str> {
    let lines = list.lines().filter(|line| !line.is_empty() && !line.starts_with("//"));
    lines.map(|line| line.split_once(": ").unwrap()).collect()
}

/// What an answer came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    pub status: u16,
    pub fields: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
}

fn words(value: &[u8]) -> Vec<&[u8]> {
    value.split(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).filter(|word| !word.is_empty()).collect()
}

/// What is wrong with `outcome`, if anything.
pub fn judge(expected: &Value, outcome: Result<&Judged, String>) -> Option<String> {
    let answer = match outcome {
        Ok(answer) => answer,
        Err(_) if expected["error"].is_string() => return None,
        Err(error) => return Some(error),
    };
    let Judged { status, fields, body } = answer;
    let Some(wanted_status) = expected["status"].as_u64().filter(|_| !expected["error"].is_string()) else {
        return Some(format!("accepted, {status} with {} bytes", body.len()));
    };
    let wanted_body = base64(expected["body_base64"].as_str().unwrap());
    if wanted_status != u64::from(*status) || wanted_body != *body {
        return Some(format!("{status} with {:?}", String::from_utf8_lossy(body)));
    }
    expected["headers"].as_array().into_iter().flatten().find_map(|pair| {
        let (name, value) = (pair[0].as_str().unwrap(), pair[1].as_str().unwrap());
        // Values are given as Latin-1 or UTF-8 text; both readings are tried.
        let latin1: Vec<u8> = value.chars().map(|char| u8::try_from(char).unwrap_or(b'?')).collect();
        let found = fields.iter().any(|(found, got)| {
            found.eq_ignore_ascii_case(name) && (words(got) == words(value.as_bytes()) || words(got) == words(&latin1))
        });
        (!found).then(|| format!("field {name}: {value:?} is missing"))
    })
}

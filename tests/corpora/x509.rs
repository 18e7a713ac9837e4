//! Our verdicts on the certificate chains of x509-limbo (Apache-2.0, C2SP), beside OpenSSL's with `-x509_strict`.
//!
//! Where they come from: `support/corpora/mod.rs`. Every deviation from the expected verdict is listed, with the reason for it, in
//! `tests/corpora/x509_deviations.txt`; the test fails if that list is not exactly right. OpenSSL's column is printed if
//! there is a program `openssl`; it decides nothing.
#![cfg(feature = "tls")]

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use serde_json::Value;
use socketpool::tls::pem;
use socketpool::tls::roots::{Roots, TrustAnchor, trust_anchor_from_der};
use socketpool::tls::verify::{CertificateError, Crl, VerifyPolicy, verify_server_chain};

use crate::support::{self, corpora};

/// For cases that do not name a time: 2026-06-01.
const NOW: u64 = 1_780_272_000;
/// No case may take longer.
const TIME_LIMIT: Duration = Duration::from_secs(10);
const DEVIATIONS: &str = include_str!("x509_deviations.txt");

#[test]
fn x509_limbo() {
    let Some(limbo) = corpora::corpus("x509-limbo.json") else { return };
    let cases = limbo["testcases"].as_array().expect("testcases");

    let listed: BTreeMap<&str, &str> = DEVIATIONS
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| line.split_once(": ").unwrap_or_else(|| panic!("no reason in {line:?}")))
        .collect();
    let has_openssl = Command::new("openssl").arg("version").stdout(Stdio::null()).status().is_ok();

    let (mut ours, mut theirs, mut slowest) = (0, 0, Duration::ZERO);
    let mut problems = Vec::new();
    for case in cases {
        let id = case["id"].as_str().expect("id");
        let expected = case["expected_result"] == "SUCCESS";
        let (verdict, took) = verdict_in_time(case);
        slowest = slowest.max(took);
        let right = verdict.is_ok() == expected;
        ours += usize::from(right);
        let openssl = if has_openssl { Some(openssl_accepts(case) == expected) } else { None };
        theirs += usize::from(openssl == Some(true));
        let word = match &verdict {
            Ok(()) => "accepted",
            Err(reason) => reason,
        };
        if !right || openssl == Some(false) {
            let mark = |right| if right { "right" } else { "WRONG" };
            println!("{:5} openssl {:5} {id}: {word}", mark(right), openssl.map_or("?", mark));
        }
        match (right, listed.contains_key(id)) {
            (false, false) => problems.push(format!("{id}: {word}, not listed")),
            (true, true) => problems.push(format!("{id}: right, but listed")),
            _ => {}
        }
    }
    for id in listed.keys() {
        if !cases.iter().any(|case| case["id"] == *id) {
            println!("listed, but not in this file: {id}");
        }
    }
    println!("socketpool: {ours} of {} right, slowest {slowest:?}", cases.len());
    if has_openssl {
        println!("openssl verify -x509_strict: {theirs} of {} right", cases.len());
        assert!(ours > theirs, "fewer right verdicts than OpenSSL");
    }
    assert!(problems.is_empty(), "{problems:#?}");
}

/// The verdict, and how long it took, from a thread that is given up after the time limit.
fn verdict_in_time(case: &Value) -> (Result<(), String>, Duration) {
    let (sender, receiver) = mpsc::channel();
    let case = case.clone();
    let id = case["id"].to_string();
    std::thread::spawn(move || {
        let started = Instant::now();
        let verdict = verdict(&case);
        let _ = sender.send((verdict, started.elapsed()));
    });
    receiver.recv_timeout(TIME_LIMIT).unwrap_or_else(|error| panic!("{id}: {error}"))
}

/// What a program would configure for this case, and whom it would connect to.
fn with_policy<T>(
    case: &Value,
    check: impl FnOnce(&[CertificateDer<'_>], &str, UnixTime, VerifyPolicy<'_>) -> Result<T, String>,
) -> Result<T, String> {
    let roots: Vec<Vec<u8>> = certificates(&case["trusted_certs"]);
    // A root that is none is left out, as a program would notice when it loads it.
    let anchors: Vec<TrustAnchor<'_>> = roots.iter().filter_map(|root| trust_anchor_from_der(root).ok()).collect();
    let mut chain = vec![CertificateDer::from(decode(case["peer_certificate"].as_str().unwrap()))];
    chain.extend(certificates(&case["untrusted_intermediates"]).into_iter().map(CertificateDer::from));
    let lists: Vec<Vec<u8>> = certificates(&case["crls"]);
    let lists: Vec<Crl<'_>> = lists.iter().filter_map(|list| Crl::from_der(list).ok()).collect();

    let name = case["expected_peer_name"]["value"].as_str().ok_or("no name")?;
    let now = UnixTime::since_unix_epoch(Duration::from_secs(time(case)));
    // The suite has cases for RFC 5280 and cases for the Web PKI, which asks for more. So have our roots.
    let id = case["id"].as_str().expect("id");
    let is_public = id.starts_with("webpki::") || id.starts_with("online::");
    let roots = if is_public { Roots::public(&anchors) } else { Roots::only(&anchors) };
    let mut policy = VerifyPolicy::new(roots).crls(&lists);
    if let Some(depth) = case["max_chain_depth"].as_u64() {
        policy = policy.max_intermediates(u8::try_from(depth).expect("depth"));
    }
    check(&chain, name, now, policy)
}

/// The verdict on the certificates alone.
fn verdict(case: &Value) -> Result<(), String> {
    with_policy(case, |chain, name, now, policy| {
        let name = ServerName::try_from(name).map_err(|_| "invalid-name")?;
        let verdict = verify_server_chain(chain, &name, now, &policy);
        verdict.map(|_| ()).map_err(|error: CertificateError| error.reason().to_owned())
    })
}

/// The verdict of a whole handshake with a server that shows the certificates; nothing if none can be started that does.
#[cfg(feature = "blocking")]
fn verdict_of_handshake(case: &Value) -> Option<Result<(), String>> {
    use rustls::{ServerConfig, ServerConnection, crypto::ring, server::ResolvesServerCert, sign::CertifiedKey};
    use socketpool::{ErrorKind, Resources, blocking::SocketPool, tls::Now, tls::TlsContext};
    use std::sync::Arc;

    #[derive(Debug)]
    struct Always(Arc<CertifiedKey>);
    impl ResolvesServerCert for Always {
        fn resolve(&self, _: rustls::server::ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
            Some(self.0.clone())
        }
    }

    let key = decode(case["peer_certificate_key"].as_str()?);
    let key = ring::sign::any_supported_type(&key.try_into().ok()?).ok()?;
    let mut chain = vec![CertificateDer::from(decode(case["peer_certificate"].as_str()?))];
    chain.extend(certificates(&case["untrusted_intermediates"]).into_iter().map(CertificateDer::from));
    let resolver = Always(Arc::new(CertifiedKey::new(chain, key)));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(resolver));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    std::thread::spawn(move || {
        let (mut tcp, _) = listener.accept().expect("a client");
        let mut server = ServerConnection::new(Arc::new(config)).expect("a configuration");
        let _ = server.complete_io(&mut tcp);
    });

    Some(with_policy(case, |_, name, now, policy| {
        let (mut network, mut memory) = (support::network(), Box::new(Resources::<1, 1>::new()));
        let pool = SocketPool::new(&mut network, &mut memory);
        let floor = UnixTime::since_unix_epoch(Duration::ZERO);
        let tls = TlsContext::new(support::random, || Now::Trusted(now)).policy(policy).floor(floor);
        let mut socket = pool.socket().expect("free");
        socket.set_timeout(Some(TIME_LIMIT));
        socket.connect("127.0.0.1", port).expect("listening");
        tls.wrap_socket_blocking(&mut socket, name).map_err(|error| match error.kind() {
            ErrorKind::Tls(error) => error.reason().to_owned(),
            kind => kind.to_string(),
        })
    }))
}

/// The same cases as real handshakes, as far as their keys are there: the same verdicts.
#[cfg(feature = "blocking")]
#[test]
fn x509_limbo_over_handshakes() {
    let Some(limbo) = corpora::corpus("x509-limbo.json") else { return };
    let has_openssl = Command::new("openssl").arg("version").stdout(Stdio::null()).status().is_ok();
    let (mut served, mut ours, mut theirs) = (0, 0, 0);
    let mut different = Vec::new();
    for case in limbo["testcases"].as_array().expect("testcases") {
        let Some(handshake) = verdict_of_handshake(case) else { continue };
        let expected = case["expected_result"] == "SUCCESS";
        served += 1;
        ours += usize::from(handshake.is_ok() == expected);
        theirs += usize::from(has_openssl && openssl_accepts(case) == expected);
        let alone = verdict(case);
        if handshake.is_ok() != alone.is_ok() {
            different.push(format!("{}: {alone:?}, over a handshake {handshake:?}", case["id"]));
        }
    }
    println!("over handshakes: {ours} of {served} right");
    if has_openssl {
        println!("openssl verify -x509_strict on the same: {theirs} of {served} right");
        assert!(ours > theirs, "fewer right verdicts than OpenSSL");
    }
    assert!(different.is_empty(), "{different:#?}");
}

fn time(case: &Value) -> u64 {
    let Some(text) = case["validation_time"].as_str() else { return NOW };
    // 2024-01-01T00:00:00+00:00, sometimes with a fraction.
    let number = |range: core::ops::Range<usize>| text[range].parse::<u64>().expect("date");
    let (year, month, day) = (number(0..4), number(5..7), number(8..10));
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468;
    days * 86_400 + number(11..13) * 3600 + number(14..16) * 60 + number(17..19)
}

fn certificates(list: &Value) -> Vec<Vec<u8>> {
    list.as_array().expect("list").iter().map(|text| decode(text.as_str().expect("PEM"))).collect()
}

fn decode(text: &str) -> Vec<u8> {
    let mut buffer = vec![0; text.len()];
    let block = pem::blocks(text.as_bytes()).next().expect("a block").expect("PEM");
    block.decode(&mut buffer).expect("base64").to_vec()
}

fn openssl_accepts(case: &Value) -> bool {
    let folder =
        std::env::temp_dir().join(format!("socketpool-x509-{}-{:?}", std::process::id(), std::thread::current().id()));
    std::fs::create_dir_all(&folder).unwrap();
    let write = |name: &str, list: &Value| {
        let text: String = match list {
            Value::Array(list) => list.iter().map(|text| text.as_str().unwrap().to_owned() + "\n").collect(),
            one => one.as_str().unwrap().to_owned(),
        };
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let mut command = Command::new("openssl");
    command.args(["verify", "-x509_strict", "-purpose", "sslserver", "-no-CApath", "-no-CAstore"]);
    command.arg("-attime").arg(time(case).to_string());
    command.arg("-CAfile").arg(write("roots.pem", &case["trusted_certs"]));
    // OpenSSL takes no file without a certificate.
    if case["untrusted_intermediates"].as_array().is_some_and(|list| !list.is_empty()) {
        command.arg("-untrusted").arg(write("chain.pem", &case["untrusted_intermediates"]));
    }
    if let Some(depth) = case["max_chain_depth"].as_u64() {
        command.arg("-verify_depth").arg(depth.to_string());
    }
    if case["crls"].as_array().is_some_and(|list| !list.is_empty()) {
        command.arg("-crl_check").arg("-CRLfile").arg(write("lists.pem", &case["crls"]));
    }
    if let Some(name) = case["expected_peer_name"]["value"].as_str() {
        let option = if case["expected_peer_name"]["kind"] == "IP" { "-verify_ip" } else { "-verify_hostname" };
        command.arg(option).arg(name);
    }
    command.arg(write("leaf.pem", &case["peer_certificate"]));
    let accepted = command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success());
    let _ = std::fs::remove_dir_all(folder);
    accepted
}

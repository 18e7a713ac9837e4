//! The TLS context before any server has answered: what it offers, and what it refuses to begin.
#![cfg(all(feature = "tls", feature = "requests", feature = "mock"))]

use core::time::Duration;
use std::cell::Cell;

use rustls_pki_types::UnixTime;
use socketpool::{
    ErrorKind, Phase, Resources, SocketPool,
    mock::{Peer, Script, Step, block_on},
    requests::Session,
    tls::{Now, TlsContext, TlsError},
};

const TODAY: Now = Now::Trusted(UnixTime::since_unix_epoch(Duration::from_secs(1_795_000_000)));

/// Bytes that look random and never repeat.
fn counter() -> impl FnMut(&mut [u8]) {
    let state = Cell::new(0x9e37_79b9_7f4a_7c15_u64);
    move |bytes: &mut [u8]| {
        for byte in bytes {
            let next = state.get().wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state.set(next);
            *byte = (next >> 33) as u8;
        }
    }
}

/// The ClientHellos that `connections` connections with one context send; nobody answers.
fn hellos(host: &str, connections: usize) -> Vec<Vec<u8>> {
    let url = format!("https://{host}/");
    let silent = [Step::Receive(&[22, 3]), Step::Stall];
    let peers = vec![Peer::new(host.trim_matches(['[', ']']), 443, &silent); connections];
    let script = Script::new(&peers);
    let (mut network, mut memory) = (script.network(), Resources::<1, 1>::new());
    let pool = SocketPool::new(&mut network, &mut memory);
    let tls = TlsContext::new(counter(), || TODAY);
    let http = Session::new(&pool, &tls);
    let mut before = 0;
    (0..connections)
        .map(|_| {
            let error = block_on(http.get(&url).send()).expect_err("nobody answers");
            assert_eq!((error.phase(), error.kind()), (Phase::Handshake, ErrorKind::Timeout));
            assert_eq!(pool.counts().in_use, 0);
            let sent = script.sent()[before..].to_vec();
            before += sent.len();
            sent
        })
        .collect()
}

#[test]
fn every_connection_has_randomness_of_its_own() {
    let hellos = hellos("host.example", 3);
    // Record header 5, message header 4, version 2, then the random (RFC 8446 §4.1.2).
    let randoms: Vec<_> = hellos.iter().map(|hello| &hello[11..43]).collect();
    // The key share is what ends in a point of P-256: group 23, 65 bytes, uncompressed.
    let shares: Vec<_> = hellos
        .iter()
        .map(|hello| {
            let at = hello.windows(5).position(|window| window == [0, 23, 0, 65, 4]).expect("a key share");
            &hello[at + 5..at + 69]
        })
        .collect();
    for (a, b) in [(0, 1), (0, 2), (1, 2)] {
        assert_ne!(randoms[a], randoms[b]);
        assert_ne!(shares[a], shares[b]);
    }
}

#[test]
fn a_name_is_offered_and_an_address_is_not() {
    let contains = |hello: &[u8], text: &[u8]| hello.windows(text.len()).any(|window| window == text);
    assert!(contains(&hellos("host.example", 1)[0], b"host.example"));
    assert!(!contains(&hellos("10.0.0.1", 1)[0], b"10.0.0.1"), "RFC 6066 §3");
}

#[test]
fn without_a_date_nothing_is_said() {
    let peers = [Peer::new("host.example", 443, &[Step::Stall])];
    let script = Script::new(&peers);
    let (mut network, mut memory) = (script.network(), Resources::<1, 1>::new());
    let pool = SocketPool::new(&mut network, &mut memory);
    let tls = TlsContext::new(counter(), || Now::Unknown);
    let error = block_on(Session::new(&pool, &tls).get("https://host.example/").send()).expect_err("refused");
    assert_eq!((error.phase(), error.kind()), (Phase::Handshake, ErrorKind::Tls(TlsError::TimeUnknown)));
    assert!(error.to_string().contains("set the clock"), "{error}");
    assert!(script.sent().is_empty());
    assert_eq!(pool.counts().free, 1);
}

#[test]
fn without_memory_for_tls_the_error_says_which_number_to_raise() {
    let peers = [Peer::new("host.example", 443, &[])];
    let script = Script::new(&peers);
    let (mut network, mut memory) = (script.network(), Resources::<1>::new());
    let pool = SocketPool::new(&mut network, &mut memory);
    let tls = TlsContext::new(counter(), || TODAY);
    let error = block_on(Session::new(&pool, &tls).get("https://host.example/").send()).expect_err("refused");
    assert!(error.to_string().contains("second number of Resources"), "{error}");
    assert_eq!(pool.counts().free, 1);
}

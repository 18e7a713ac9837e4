//! The TLS context before any server has answered: what it offers, and what it refuses to begin.
#![cfg(all(feature = "tls", feature = "requests", feature = "mock"))]

use core::time::Duration;
use std::cell::Cell;

use rustls_pki_types::UnixTime;
use socketpool::{
    ErrorKind, Phase, Resources, SocketPool,
    mock::{Peer, Script, Step, block_on},
    requests::Session,
    tls::{
        Now, RandCore, TlsContext, TlsError, TryFill,
        engine::{Crypto, SECP256R1},
    },
};

use crate::support::both::scripted;

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
    // The key share is one of X25519: group 29, 32 bytes.
    let shares: Vec<_> = hellos
        .iter()
        .map(|hello| {
            let at = hello.windows(4).position(|window| window == [0, 29, 0, 32]).expect("a key share");
            &hello[at + 4..at + 36]
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

/// A generator of `rand_core` that fails, or gives the same byte for ever.
struct Dead(Option<u8>);

impl rand_core::RngCore for Dead {
    fn next_u32(&mut self) -> u32 {
        rand_core::impls::next_u32_via_fill(self)
    }

    fn next_u64(&mut self) -> u64 {
        rand_core::impls::next_u64_via_fill(self)
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.try_fill_bytes(bytes).expect("what would panic is not called");
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand_core::Error> {
        let code = core::num::NonZeroU32::new(rand_core::Error::CUSTOM_START).expect("not zero");
        self.0.map(|byte| bytes.fill(byte)).ok_or(code.into())
    }
}

impl rand_core::CryptoRng for Dead {}

/// Ones where a scalar of P-256 is above the order of the group (it begins with 32 of them), and something else after that.
fn above_the_order() -> impl FnMut(&mut [u8]) {
    let mut other = counter();
    move |bytes: &mut [u8]| {
        other(bytes);
        let len = bytes.len().min(6);
        bytes[..len].fill(0xff);
        other(&mut bytes[len..]);
    }
}

/// The same, but no block begins as the one before it did.
fn above_the_order_in_turns() -> impl FnMut(&mut [u8]) {
    let (mut other, mut turn) = (above_the_order(), 0u8);
    move |bytes: &mut [u8]| {
        other(bytes);
        turn += 1;
        if let Some(byte) = bytes.get_mut(7) {
            *byte = turn;
        }
    }
}

/// A word that comes again and again.
fn stuck(bytes: &mut [u8]) {
    bytes.iter_mut().zip(b"word".iter().cycle()).for_each(|(byte, of_word)| *byte = *of_word);
}

/// With a group whose private keys are not all numbers.
static P256: Crypto = Crypto { groups: &[SECP256R1], ..Crypto::DEFAULT };

/// RFC 8446 appendix C.1: without a good generator there is no connection. It ends by name, with nothing sent and no time passed,
/// whatever kind of dead it is.
macro_rules! ends_by_name {
    ($wait:ident, $pool:ident, $script:ident, $($random:expr),+ $(,)?) => {$(
        let tls = TlsContext::new($random, || TODAY).crypto(&P256);
        let mut socket = $wait!($pool.socket()).expect("a free slot");
        let error = block_on(tls.connect(&mut socket, "host.example", 443)).expect_err(stringify!($random));
        let wanted = (Phase::Handshake, ErrorKind::Tls(TlsError::Random));
        assert_eq!((error.phase(), error.kind()), wanted, stringify!($random));
        assert!(error.to_string().ends_with("see that it is clocked and seeded"), "{error}");
        drop(socket);
        assert_eq!(($script.writes(), $pool.counts().free), (0, 1), stringify!($random));
    )+};
}

scripted! {
    fn a_dead_generator_ends_the_handshake_before_it_begins<1, 1>(
        [Peer::new("host.example", 443, &[Step::Receive(b"nothing")]); 11],
        |pool, script| {
            ends_by_name!(
                wait, pool, script,
                |bytes: &mut [u8]| bytes.fill(0),
                |bytes: &mut [u8]| bytes.fill(1),
                |bytes: &mut [u8]| bytes.fill(0xff),
                |_: &mut [u8]| (),
                stuck,
                above_the_order(),
                above_the_order_in_turns(),
                TryFill(|_: &mut [u8]| Err("no clock")),
                RandCore(Dead(None)),
                RandCore(Dead(Some(0x55))),
            );
            assert_eq!(script.connections(), 10);
            let psk = socketpool::tls::Psk::new(b"device", &[7; 16]).expect("a key");
            let tls = TlsContext::new(stuck, || TODAY).psk(psk);
            let mut socket = wait!(pool.socket()).expect("a free slot");
            let error = block_on(tls.connect(&mut socket, "host.example", 443)).expect_err("refused");
            assert_eq!((error.kind(), script.writes()), (ErrorKind::Tls(TlsError::Random), 0));
        }
    )
}

/// The context that verifies nothing is in line for a TLS session like any other: it is missed before anything is connected.
#[cfg(feature = "dangerous-unverified-tls")]
#[test]
fn an_unverified_context_reserves_its_session_too() {
    let peers = [Peer::new("host.example", 443, &[])];
    let script = Script::new(&peers);
    let (mut network, mut memory) = (script.network(), Resources::<1>::new());
    let pool = SocketPool::new(&mut network, &mut memory);
    let tls = socketpool::tls::dangerous::UnverifiedTlsContext::new(counter());
    let error = block_on(Session::new(&pool, &tls).get("https://host.example/").send()).expect_err("refused");
    assert_eq!((error.phase(), error.kind()), (Phase::Setup, ErrorKind::Exhausted(socketpool::Resource::NoTlsSession)));
    assert_eq!(script.connections(), 0);
}

//! A whole TLS client of our engine, and a server with the keys that says what it likes: no server is believed that has not
//! proven itself, and until then nothing but alerts leaves.
#![cfg_attr(feature = "libfuzzer", no_main)]

use std::sync::{LazyLock, Mutex};

use embedded_io_async::{Read, Write};
use rustls_pki_types::UnixTime;
use socketpool::tls::{
    Alpn, Identity, Now, Psk, Roots, SavedSession, SessionKey, SessionStore, TlsContext, TlsStream, VerifyPolicy,
    engine::{CHACHA20_POLY1305_SHA256, Crypto, X25519},
    identity::P256Key,
    roots::{TrustAnchor, trust_anchor_from_der},
};
use socketpool_fuzz::{
    Split, block_on, take, take_long, target,
    tls::{Bare, NAME, ROOT, Server, Signature},
};

static ANCHORS: LazyLock<[TrustAnchor<'static>; 1]> = LazyLock::new(|| [trust_anchor_from_der(ROOT).unwrap()]);
static REAL: Crypto = Crypto { suites: &[CHACHA20_POLY1305_SHA256], groups: &[X25519], signatures: &[&Signature] };
static BARE: Crypto = Crypto { suites: &[&Bare], groups: &[&Bare], signatures: &[&Signature] };
const KEY: &[u8; 32] = b"a key that both of them have had";
const CLIENT: &[u8] = include_bytes!("../../tests/pki/identity/p256.der");
const CLIENT_KEY: &[u8] = include_bytes!("../../tests/pki/identity/p256.key.pem");
const DATE: u32 = 1_800_000_000;

/// Bits of the first byte.
const IS_REAL: u8 = 1;
const HAS_PSK: u8 = 2;
const HAS_TICKET: u8 = 4;
/// What the store has is no ticket, but the input's bytes.
const IS_WILD: u8 = 8;
/// The server does not take the ticket.
const IS_FULL: u8 = 16;
const HAS_IDENTITY: u8 = 32;
const HAS_ALPN: u8 = 64;

/// A store that has these bytes, whatever it is asked for, and counts what it is given.
struct Store(Mutex<(Vec<u8>, usize)>);

static STORE: Store = Store(Mutex::new((vec![], 0)));

impl SessionStore for Store {
    fn put(&self, _: &SessionKey, session: SavedSession<'_>) {
        let mut bytes = [0; SavedSession::MAX_LEN];
        assert_eq!(session.write_to(&mut bytes), Some(session.len()));
        self.0.lock().unwrap().1 += 1;
    }

    fn take(&self, _: &SessionKey, into: &mut [u8]) -> Option<usize> {
        let bytes = std::mem::take(&mut self.0.lock().unwrap().0);
        into.get_mut(..bytes.len())?.copy_from_slice(&bytes);
        Some(bytes.len())
    }
}

/// A ticket of [`KEY`], as it is saved.
fn saved(ticket: &[u8]) -> Vec<u8> {
    let dates = [DATE - 1000, DATE + 1000, DATE + 1000, 77].map(u32::to_be_bytes).concat();
    [&[1, 32][..], &dates, KEY, ticket].concat()
}

fn client(mut script: &[u8], flags: u8, split: Split, rx: usize) {
    let has = |bit| flags & bit != 0;
    let has_store = has(HAS_TICKET) && !has(HAS_PSK);
    let crypto = if has(IS_REAL) { &REAL } else { &BARE };
    let mut number = 0u8;
    let random = |bytes: &mut [u8]| {
        bytes.iter_mut().for_each(|byte| {
            number = number.wrapping_mul(73).wrapping_add(41);
            *byte = number;
        });
    };
    let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(DATE.into()));
    let policy = VerifyPolicy::new(Roots::only(&*ANCHORS)).algorithms(&[&Signature]);
    let mut context = TlsContext::new(random, || Now::Trusted(now)).policy(policy).floor(now).crypto(crypto);
    let mut psk = None;
    if has(HAS_PSK) {
        psk = Some(&KEY[..]);
        context = context.psk(Psk::new(b"device", KEY).unwrap());
    } else if has_store {
        let bytes = take_long(&mut script);
        psk = (!has(IS_FULL)).then_some(&KEY[..]);
        *STORE.0.lock().unwrap() = (if has(IS_WILD) { bytes.to_vec() } else { saved(bytes) }, 0);
        context = context.sessions(&STORE);
    }
    let key = P256Key::from_pem(CLIENT_KEY).expect("a key");
    if has(HAS_IDENTITY) {
        context = context.identity(Identity::new(CLIENT, &key).expect("a certificate"));
    }
    if has(HAS_ALPN) {
        context = context.alpn(Alpn::new(&[b"mqtt", b"http/1.1"]).expect("names"));
    }
    let (mut rx, mut tx) = (vec![0; rx], vec![0; 1024]);
    let server = Server::new(script, split, crypto.suites[0], crypto.groups[0], psk);
    let mut stream = TlsStream::new(server, &mut rx, &mut tx);
    block_on(async {
        let connected = stream.connect(&context, NAME).await;
        let info = stream.info();
        let server = stream.get_mut();
        assert!(connected.is_err() || server.is_proven(), "{:b} is no proof", server.proof);
        if connected.is_err() {
            let kept = STORE.0.lock().unwrap().1;
            assert!(!has_store || server.is_proven() || kept == 0, "a ticket after {:b}", server.proof);
            return nothing_but_alerts(&server.received, !has(IS_REAL) && !server.said_finished);
        }
        assert!(info.is_some_and(|info| info.is_resumed == (has_store && psk.is_some())));
        let mut out = [0; 100];
        let wrote = stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.is_ok() && stream.flush().await.is_ok();
        while let Ok(1..) = stream.read(&mut out).await {}
        assert!(stream.read(&mut out).await.is_ok_and(|count| count == 0) || stream.read(&mut out).await.is_err());
        _ = (wrote, stream.close().await);
    });
}

/// What a client sent that found no proof.
fn nothing_but_alerts(mut records: &[u8], is_bare: bool) {
    while let [kind, _, _, high, low, rest @ ..] = records {
        let (content, rest) = rest.split_at(usize::from(u16::from_be_bytes([*high, *low])).min(rest.len()));
        records = rest;
        let inner = content.len().checked_sub(17).and_then(|last| content.get(last));
        // A second ClientHello answers a HelloRetryRequest.
        assert!(matches!(kind, 20..=22) || !is_bare || inner == Some(&21), "a record of {kind}: {content:?}");
    }
}

target!(|input| {
    let mut rest = input;
    let [flags, split, rx] = take(&mut rest);
    let rx = if rx == 0 { 2048 } else { 85 + usize::from(rx) * 16 };
    client(rest, flags, Split::new(split), rx);
});

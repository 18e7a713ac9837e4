//! A whole TLS client of our engine, and a server with the keys that says what it likes: no server is believed that has not
//! proven itself, and until then nothing but alerts leaves.
#![cfg_attr(feature = "libfuzzer", no_main)]

use std::sync::LazyLock;

use embedded_io_async::{Read, Write};
use rustls_pki_types::UnixTime;
use socketpool::tls::{
    Now, Psk, Roots, TlsContext, TlsStream, VerifyPolicy,
    engine::{CHACHA20_POLY1305_SHA256, CipherSuite, Crypto, Group, X25519},
    roots::{TrustAnchor, trust_anchor_from_der},
};
use socketpool_fuzz::{
    Split, block_on, take, target,
    tls::{Bare, NAME, ROOT, Server, Signature},
};

static ANCHORS: LazyLock<[TrustAnchor<'static>; 1]> = LazyLock::new(|| [trust_anchor_from_der(ROOT).unwrap()]);
const KEY: &[u8] = b"a key that both of them have had";

fn client(script: &[u8], flags: u8, split: Split, rx: usize) {
    let (suite, group): (&'static dyn CipherSuite, &'static dyn Group) =
        if flags & 1 == 0 { (&Bare, &Bare) } else { (CHACHA20_POLY1305_SHA256, X25519) };
    let psk = (flags & 2 == 2).then_some(KEY);
    let crypto = Crypto { suites: &[suite], groups: &[group], signatures: &[&Signature] };
    let mut number = 0u8;
    let random = |bytes: &mut [u8]| {
        bytes.iter_mut().for_each(|byte| {
            number = number.wrapping_mul(73).wrapping_add(41);
            *byte = number;
        });
    };
    let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(1_800_000_000));
    let policy = VerifyPolicy::new(Roots::only(&*ANCHORS)).algorithms(&[&Signature]);
    let mut context = TlsContext::new(random, || Now::Trusted(now)).policy(policy).floor(now);
    if let Some(key) = psk {
        context = context.psk(Psk::new(b"device", key).unwrap());
    }
    let (mut rx, mut tx) = (vec![0; rx], vec![0; 1024]);
    let server = Server::new(script, split, suite, group, psk);
    let mut stream = TlsStream::new(server, &mut rx, &mut tx, &crypto);
    block_on(async {
        let connected = stream.connect(&context, NAME).await;
        let server = stream.get_mut();
        assert!(connected.is_err() || server.is_proven(), "{:b} is no proof", server.proof);
        if connected.is_err() {
            return nothing_but_alerts(&server.received, flags & 1 == 0 && !server.said_finished);
        }
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

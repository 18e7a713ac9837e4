//! One GET over TLS by our engine alone, with one certificate authority of the program's own: no pool, no HTTP client.
#![no_std]
#![no_main]

use core::hint::black_box;

use embedded_io_async::{Read, Write};
#[cfg(not(feature = "engine-small"))]
const CRYPTO: Crypto = Crypto::DEFAULT;
#[cfg(feature = "engine-small")]
const CRYPTO: Crypto = Crypto::SMALL;
use socketpool::tls::{
    Now, Roots, TlsContext, TlsStream, TlsStreamError, TrustAnchor, engine::Crypto, roots::constant_trust_anchor,
};

size::program!(get());

static OWN: [TrustAnchor<'static>; 1] = [constant_trust_anchor(include_bytes!("../../../../tests/pki/der/root.der"))];
const REQUEST: &[u8] = b"GET /now HTTP/1.1\r\nHost: api.example.com\r\nConnection: close\r\n\r\n";

async fn get() -> Result<(), TlsStreamError> {
    let (mut rx, mut tx) = ([0; 16_406], [0; 1_536]);
    let clock = || black_box(Now::Unknown); // a real one has asked a time server
    let context = TlsContext::new(size::random, clock).crypto(&CRYPTO).roots(Roots::only(&OWN));
    let mut stream = TlsStream::new(size::Line, &mut rx, &mut tx);
    stream.connect(&context, black_box("api.example.com")).await?;
    stream.write(black_box(REQUEST)).await?;
    stream.flush().await?;
    let mut buffer = [0; 256];
    black_box(stream.read(&mut buffer).await?);
    stream.close().await
}

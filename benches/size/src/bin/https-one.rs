//! GET over TLS, verified with one certificate authority of the program's own.
#![no_std]
#![no_main]

use core::hint::black_box;

use socketpool::{
    Resources, Result, SocketPool,
    requests::Session,
    tls::{
        Now, Roots, TlsContext,
        roots::{TrustAnchor, constant_trust_anchor},
    },
};

size::program!(get());

static OWN: [TrustAnchor<'static>; 1] = [constant_trust_anchor(include_bytes!("../../../../tests/pki/der/root.der"))];

async fn get() -> Result<()> {
    let (mut network, mut memory) = (size::network(), Resources::<1, 1>::new());
    let pool = SocketPool::new(&mut network, &mut memory);
    let clock = || black_box(Now::Unknown); // a real one has asked a time server
    let tls = TlsContext::new(size::random, clock).roots(Roots::only(&OWN));
    let http = Session::new(&pool, &tls);

    let mut buffer = [0; 256];
    let mut response = http.get(black_box("https://api.example.com/now")).send().await?;
    black_box(response.error_for_status()?.content(&mut buffer).await?);
    Ok(())
}

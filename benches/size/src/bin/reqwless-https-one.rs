//! GET over TLS with reqwless, verified with one certificate authority; dates are not.
#![no_std]
#![no_main]

use core::hint::black_box;

use reqwless::{
    Error,
    client::{HttpClient, TlsConfig, TlsVerify},
    request::Method,
};
use size::Wire;

size::program!(get());

static OWN: &[u8] = include_bytes!("../../../../tests/pki/der/root.der");

async fn get() -> Result<(), Error> {
    let (mut rx, mut tx) = ([0; 16640], [0; 1536]);
    let verify = TlsVerify::Certificate { ca: OWN, cert: None, key: None };
    let tls = TlsConfig::new(black_box(4), &mut rx, &mut tx, verify);
    let mut client = HttpClient::new_with_tls(&Wire, &Wire, tls);
    let mut buffer = [0; 2048];
    let mut request = client.request(Method::GET, black_box("https://api.example.com/now")).await?;
    let response = request.send(&mut buffer).await?;
    if !response.status.is_successful() {
        return Err(Error::Codec);
    }
    black_box(response.body().read_to_end().await?);
    Ok(())
}

//! What our connection accepts of a TLS 1.3 server, and what it refuses.
//!
//! The server is ours (`tls_server/`): it plays a script, and can do wrong at every step. Each case of the two tables
//! is played to both faces of the library, with a request over a pool of one socket and one TLS session.
//!
//! - **Served:** the body is right, and the request arrived whole.
//! - **Refused:** an error with the right phase and reason, within the deadline. If the handshake was refused, not one
//!   byte of the request arrived. The slot and the TLS session are free again, and serve the next request.
#![cfg(all(feature = "tls", feature = "requests"))]

#[path = "tls_server/faces.rs"]
mod faces;
#[path = "tls_server/keys.rs"]
mod keys;
#[path = "tls_server/script.rs"]
mod script;
#[path = "tls_server/server.rs"]
mod server;
#[path = "../examples/support/mod.rs"]
mod support;

use faces::Case;
use script::*;
use socketpool::tls::{TlsError as E, verify::CertificateError as C};

fn served() -> Vec<Case> {
    let [extensions, certificate, verify, finished] = good_flight();
    let _ = (&extensions, &certificate, &verify, &finished);
    vec![
        Case::served("one message per record", flight(good_flight())),
        Case::served("the whole flight in one record", records([sealed(good_flight())])),
    ]
}

fn refused() -> Vec<Case> {
    let [extensions, certificate, verify, finished] = good_flight();
    let again = |message: &Message| message.clone();
    vec![
        Case::refused("no certificate", E::NotAuthenticated, flight([again(&extensions), again(&finished)])),
        Case::refused(
            "no CertificateVerify",
            E::NotAuthenticated,
            flight([again(&extensions), again(&certificate), again(&finished)]),
        ),
        Case::refused(
            "signature by another key",
            E::Certificate(C::BadSignature),
            flight([extensions, certificate, certificate_verify(&WORLD.other), finished]),
        ),
        Case::refused("CertificateVerify alone", E::UnexpectedMessage, flight([verify])),
    ]
}

#[test]
fn served_async() {
    faces::asynchronous(|fetch, counts| faces::run(served(), fetch, counts));
}

#[test]
fn served_blocking() {
    faces::blocking(|fetch, counts| faces::run(served(), fetch, counts));
}

#[test]
fn refused_async() {
    faces::asynchronous(|fetch, counts| faces::run(refused(), fetch, counts));
}

#[test]
fn refused_blocking() {
    faces::blocking(|fetch, counts| faces::run(refused(), fetch, counts));
}

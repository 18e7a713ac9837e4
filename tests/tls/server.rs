//! What our connection accepts of a TLS 1.3 server, and what it refuses.
//!
//! The server is ours (`support/tls_server/`): it plays a script, and can do wrong at every step. Each case of the tables is
//! played to both faces of the library, with a request over a pool of one socket and one TLS session.
//!
//! - **Served** ([`served`]): the body is right, and the request arrived whole.
//! - **Refused** ([`refused_hello`], [`refused_flight`], [`refused_records`], [`cut_short`], [`cut_anywhere`]): an error
//!   with the right phase and reason, within the deadline. If the handshake was refused, not one byte of the request
//!   was written or arrived. The slot and the TLS session are free again, and serve the next request.
//! - **Given up** ([`cancel`]): dropped futures give back what they held, reads go on where they stopped.
#![cfg(all(feature = "tls", feature = "requests"))]

mod cancel;
mod faces;
mod handshakes;
mod records;
mod served;
mod tap;

use std::time::Duration;

use faces::Case;
use handshakes::{refused_flight, refused_hello};
use records::{cut_anywhere, cut_short, refused_records};
use rustls::SignatureScheme as Scheme;
use served::served;
use socketpool::{
    ErrorKind, Phase,
    http::DecodeError,
    tls::{TlsError as E, verify::CertificateError as C},
};

use crate::support::tls_server::{script::*, server::Server};

/// A flight with this ServerHello.
fn with_hello(hello: Message) -> Script {
    let mut script = flight(good_flight());
    script[0] = Step::Send(clear(HANDSHAKE, hello));
    script
}

/// A flight with these EncryptedExtensions.
fn with_extensions(list: &[Extension<'_>]) -> Script {
    let [_, certificate, verify, finished] = good_flight();
    flight([encrypted_extensions(list), certificate, verify, finished])
}

/// A flight with this Certificate.
fn with_certificate(certificate: Message) -> Script {
    let [extensions, _, verify, finished] = good_flight();
    flight([extensions, certificate, verify, finished])
}

/// A flight with this CertificateRequest, one message per record.
fn with_request(request: Message) -> Script {
    let [extensions, certificate, verify, finished] = good_flight();
    flight([extensions, request, certificate, verify, finished])
}

/// A flight with this CertificateVerify.
fn with_verify(verify: Message) -> Script {
    let [extensions, certificate, _, finished] = good_flight();
    flight([extensions, certificate, verify, finished])
}

/// A flight of a server with this identity that signs with `scheme`, and says that it is `said`.
fn signed(identity: &Identity, scheme: Scheme, said: u16) -> Script {
    let [extensions, certificate, _, finished] = flight_of(identity);
    let verify = certificate_verify_with(identity, |signing| (signing.with, signing.said) = (scheme, said));
    flight([extensions, certificate, verify, finished])
}

/// A flight with this Finished.
fn with_finished(finished: Message) -> Script {
    let [extensions, certificate, verify, _] = good_flight();
    flight([extensions, certificate, verify, finished])
}

/// A ServerHello, and then only this.
fn after_hello(step: Step) -> Script {
    vec![hello(), step]
}

/// A ServerHello, this, and a flight as it should be.
fn before_flight(step: Step) -> Script {
    let mut script = flight(good_flight());
    script.insert(1, step);
    script
}

/// The head of an answer, with these fields.
fn head(fields: &str) -> Record {
    data(format!("HTTP/1.1 200 OK\r\n{fields}\r\n"))
}

const LENGTH_5: &str = "Content-Length: 5\r\nConnection: close\r\n";
const UNTIL_CLOSE: &str = "Connection: close\r\n";
/// The most bytes of data in a record.
const LONGEST: usize = 16_384;

/// Every alert in a protected record keeps its number, in the handshake and after it (RFC 8446 §6).
fn alerts() -> Vec<Case> {
    let mut cases = vec![];
    for number in [
        1, 10, 20, 22, 40, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 70, 71, 80, 86, 109, 110, 112, 113, 115, 116, 120,
        255,
    ] {
        // The level says nothing (RFC 8446 §6).
        let alert = || inside(ALERT, [1 + number % 2, number]);
        let reason = E::PeerAlert(Some(number));
        cases.push(Case::refused("an alert in the handshake", reason, before_flight(Step::Send(alert()))));
        cases.push(Case::refused_answer("an alert for an answer", reason, answering([alert()])));
    }
    cases
}

/// One byte at the end of a message is lost, and its length says so.
fn shorter(message: &mut Vec<u8>) {
    message.pop();
    set_length(message);
}

/// One byte too many at the end of a message, and its length says so.
fn longer(message: &mut Vec<u8>) {
    message.push(0);
    set_length(message);
}

fn set_length(message: &mut [u8]) {
    let length = (message.len() as u32 - 4).to_be_bytes();
    message[1..4].copy_from_slice(&length[1..]);
}

/// Each table, through each face.
macro_rules! tables {
    ($($table:ident),+) => {
        mod by_async {
            use super::*;
            $(#[test] fn $table() { faces::asynchronous(|face| faces::run(super::$table(), face)); })+
            #[test] fn cut_anywhere() { faces::asynchronous(super::cut_anywhere); }
        }
        mod by_blocking {
            use super::*;
            $(#[test] fn $table() { faces::blocking(|face| faces::run(super::$table(), face)); })+
            #[test] fn cut_anywhere() { faces::blocking(super::cut_anywhere); }
        }
    };
}
tables!(served, refused_hello, refused_flight, refused_records, cut_short, alerts);

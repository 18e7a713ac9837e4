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
mod tap;

use std::time::Duration;

use faces::Case;
use rustls::SignatureScheme as Scheme;
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

fn served() -> Vec<Case> {
    let split_at = |at| {
        let mut script = vec![hello(), Step::Split(good_flight().into(), at)];
        script.extend(conversation([data(ANSWER), close_notify()]));
        script
    };
    let [extensions, certificate, verify, finished] = good_flight();
    vec![
        // How messages are put into records.
        Case::served("one message per record", flight(good_flight())),
        Case::served("the whole flight in one record", records([sealed(good_flight())])),
        Case::served(
            "two and two messages in a record",
            records([sealed([extensions.clone(), certificate.clone()]), sealed([verify.clone(), finished.clone()])]),
        ),
        Case::served("records with padding", records(good_flight().map(|message| sealed([message]).padded(100)))),
        Case::served(
            "records padded to the longest",
            answering([data(ANSWER).padded(LONGEST - ANSWER.len()), close_notify().padded(LONGEST - 2)]),
        ),
        Case::served("bytes one by one", [vec![Step::Dribble], flight(good_flight())].concat()),
        Case::served(
            "change_cipher_spec before the ServerHello",
            [vec![Step::Send(change_cipher_spec())], flight(good_flight())].concat(),
        ),
        Case::served("change_cipher_spec after the ServerHello", before_flight(Step::Send(change_cipher_spec()))),
        Case::served(
            "change_cipher_spec twice",
            before_flight(Step::Raw([plain(CHANGE_CIPHER_SPEC, &[1]), plain(CHANGE_CIPHER_SPEC, &[1])].concat())),
        ),
        // What the messages say.
        Case::served("a ServerHello with its extensions in another order", {
            with_hello(hello_with(|hello| hello.extensions.reverse()))
        }),
        Case::served("server_name acknowledged", with_extensions(&[(0, &[])])),
        Case::served("supported_groups told", with_extensions(&[(0, &[]), (10, &[0, 4, 0, 29, 0, 23])])),
        Case::served("a client certificate asked for, and none given", with_request(certificate_request())),
        Case::served(
            "a client certificate asked for in the same record",
            records([sealed([extensions, certificate_request(), certificate, verify, finished])]),
        ),
        Case::served(
            "a request for a client certificate with an extension we do not know",
            with_request(certificate_request_with(&[], &[(13, &[0, 2, 4, 3]), (0xfe00, &[1, 2])])),
        ),
        Case::served("a key of P-384", flight(flight_of(&WORLD.p384))),
        Case::served("a key of Ed25519", flight(flight_of(&WORLD.ed25519))),
        Case::served("RSA-PSS with SHA-256", signed(&WORLD.rsa, Scheme::RSA_PSS_SHA256, 0x0804)),
        Case::served("RSA-PSS with SHA-384", signed(&WORLD.rsa, Scheme::RSA_PSS_SHA384, 0x0805)),
        Case::served("RSA-PSS with SHA-512", signed(&WORLD.rsa, Scheme::RSA_PSS_SHA512, 0x0806)),
        // What comes after the handshake.
        Case::served("tickets before the answer", {
            answering([sealed([ticket()]), sealed([ticket(), ticket()]), data(ANSWER), close_notify()])
        }),
        Case::served("a ticket with early_data and an extension we do not know", {
            answering([sealed([ticket_with(&[(42, &[0; 4]), (0xfe00, &[])])]), data(ANSWER), close_notify()])
        }),
        Case::served("tickets before the client's Finished", {
            let answer = conversation([data(ANSWER), close_notify()]);
            [vec![hello(), Step::Send(sealed(good_flight())), Step::Send(sealed([ticket()]))], answer].concat()
        }),
        Case::served("a ticket in the middle of the answer", {
            answering([head(LENGTH_5), data("he"), sealed([ticket()]), data("llo"), close_notify()])
        }),
        Case::served("a ticket after the answer", answering([data(ANSWER), sealed([ticket()]), close_notify()])),
        Case::served("empty records of data", {
            answering([data(""), head(LENGTH_5), data("").padded(9), data("hello"), data(""), close_notify()])
        }),
        Case::served("thirty-one records without data", {
            answering((0..31).map(|_| data("")).chain([data(ANSWER), close_notify()]))
        }),
        Case::served("an answer of records of one byte", {
            answering(ANSWER.chunks(1).map(data).chain([close_notify()]))
        }),
        Case::served_body("the longest record", [b'x'; LONGEST], {
            let head = head("Content-Length: 16384\r\nConnection: close\r\n");
            answering([head, data([b'x'; LONGEST]), close_notify()])
        }),
        Case::served(
            "an answer before the client's Finished",
            vec![
                hello(),
                Step::Send(sealed(good_flight())),
                Step::Send(data(ANSWER)),
                Step::ReadFinished,
                Step::ReadRequest,
                Step::Close,
            ],
        ),
        Case::served("ninety-nine tickets before the answer", {
            answering((0..99).map(|_| sealed([ticket()])).chain([data(ANSWER), close_notify()]))
        }),
        Case::served("a ticket over two records", {
            let mut script = answering([data(ANSWER)]);
            let at = script.len() - 2;
            script.insert(at, Step::Split(vec![ticket()], 10));
            script
        }),
        Case::served("KeyUpdate before the answer and in it", {
            let mut script = answering([]);
            script.pop();
            for record in [head(LENGTH_5), data("he"), data("llo"), close_notify()] {
                script.extend([Step::KeyUpdate { asks: false }, Step::Send(record)]);
            }
            script
        }),
        Case::served("a KeyUpdate that asks for one of ours, before the request", {
            let mut script = vec![hello(), Step::Send(sealed(good_flight())), Step::ReadFinished];
            script.extend([Step::KeyUpdate { asks: true }, Step::Send(sealed([ticket()])), Step::ReadRequest]);
            script.extend([Step::Send(data(ANSWER)), Step::Close]);
            script
        }),
        // Messages over several records.
        Case::served("EncryptedExtensions over two records", split_at(2)),
        Case::served("Certificate over two records", split_at(100)),
        Case::served(
            "a ServerHello over two records",
            with_hello(hello_with(|_| ()))
                .into_iter()
                .enumerate()
                .map(|(number, step)| match step {
                    Step::Send(record) if number == 0 => Step::Send(record.changed(|bytes| {
                        let message = bytes.split_off(5);
                        *bytes = [plain(HANDSHAKE, &message[..40]), plain(HANDSHAKE, &message[40..])].concat();
                    })),
                    step => step,
                })
                .collect(),
        ),
        // Another round trip (RFC 8446 §4.1.4).
        Case::served("HelloRetryRequest for another group", {
            let mut script = with_hello(hello_with(|hello| hello.extensions[1].1 = key_share_x25519()));
            script.splice(0..0, [Step::Send(clear(HANDSHAKE, hello_retry_request(29))), Step::ReadHello]);
            script
        }),
        Case::served("HelloRetryRequest with a cookie", {
            let mut script = flight(good_flight());
            let retry = hello_retry_request_with(|hello| hello.extensions[1] = (44, vector(2, b"cookie")));
            script.splice(0..0, [Step::Send(clear(HANDSHAKE, retry)), Step::ReadHello]);
            script
        }),
        // RFC 8446 §6.1: `user_canceled` announces the closure that `close_notify` is.
        Case::served("a body until user_canceled and close_notify", {
            answering([head(UNTIL_CLOSE), data("hello"), user_canceled(), close_notify()])
        }),
        Case::served("user_canceled before the answer, in it and behind it", {
            answering([user_canceled(), head(LENGTH_5), data("he"), user_canceled(), data("llo"), user_canceled()])
        }),
        Case::served("user_canceled as a fatal alert, which the level does not make it", {
            answering([head(UNTIL_CLOSE), data("hello"), inside(ALERT, [2, 90]), close_notify()])
        }),
        Case::served("a body until close_notify", answering([head(UNTIL_CLOSE), data("hello"), close_notify()])),
        Case::served("a body of known length, and no close_notify", answering([data(ANSWER)])),
    ]
}

fn refused_hello() -> Vec<Case> {
    let illegal =
        |name, change: fn(&mut Hello)| Case::refused(name, E::IllegalParameter, with_hello(hello_with(change)));
    vec![
        // What we did not offer.
        illegal("another suite", |hello| hello.suite = 0x1302),
        illegal("a suite of TLS 1.2", |hello| hello.suite = 0xc02b),
        illegal("a session id", |hello| hello.session_id = vec![1; 32]),
        illegal("compression", |hello| hello.compression = 1),
        illegal("another group", |hello| hello.extensions[1].1 = key_share(29)),
        Case::refused("no key share", E::MissingExtension, {
            with_hello(hello_with(|hello| hello.extensions.truncate(1)))
        }),
        illegal("a key share twice", |hello| hello.extensions.push((KEY_SHARE, key_share(23)))),
        illegal("a key share that is not on the curve", |hello| hello.extensions[1].1[40] ^= 1),
        illegal("a key share that is too short", |hello| hello.extensions[1].1 = vec![0, 23, 0, 1, 0]),
        illegal("a key share of zeros", |hello| hello.extensions[1].1[4..].fill(0)),
        Case::refused("an extension we did not offer", E::UnsupportedExtension, {
            with_hello(hello_with(|hello| hello.extensions.push((41, vec![0, 0]))))
        }),
        Case::refused("an extension nobody knows", E::UnsupportedExtension, {
            with_hello(hello_with(|hello| hello.extensions.push((0xfe00, vec![]))))
        }),
        // Another version.
        Case::refused(
            "TLS 1.2",
            E::ProtocolVersion,
            with_hello(hello_with(|hello| {
                (hello.suite, hello.extensions) = (0xc02b, vec![]);
            })),
        ),
        Case::refused(
            "TLS 1.2 with extensions",
            E::ProtocolVersion,
            with_hello(hello_with(|hello| {
                (hello.suite, hello.extensions) = (0xc02b, vec![(23, vec![]), (0xff01, vec![0])]);
            })),
        ),
        Case::refused(
            "TLS 1.2 in supported_versions",
            E::IllegalParameter,
            with_hello(hello_with(|hello| {
                hello.extensions[0].1 = vec![3, 3];
            })),
        ),
        Case::refused(
            "TLS 1.4",
            E::IllegalParameter,
            with_hello(hello_with(|hello| {
                hello.extensions[0].1 = vec![3, 5];
            })),
        ),
        Case::refused(
            "TLS 1.3 as legacy_version",
            E::IllegalParameter,
            with_hello(hello_with(|hello| {
                hello.version = 0x0304;
            })),
        ),
        Case::refused(
            "TLS 1.0, in its own records",
            E::ProtocolVersion,
            vec![Step::Send(
                clear(HANDSHAKE, hello_with(|hello| (hello.version, hello.extensions) = (0x0301, vec![])))
                    .changed(|bytes| bytes[2] = 1),
            )],
        ),
        // Not what a ServerHello looks like.
        Case::refused("a ServerHello and more in its record", E::UnexpectedMessage, {
            let mut script = flight(good_flight());
            script[0] = Step::Send(clear(HANDSHAKE, hello_with(|_| ())).changed(|bytes| {
                bytes.extend([8, 0, 0, 2, 0, 0]);
                let [.., high, low] = (bytes.len() - 5).to_be_bytes();
                (bytes[3], bytes[4]) = (high, low);
            }));
            script
        }),
        Case::refused("a ServerHello with bytes behind its extensions", E::Decode, {
            with_hello(hello_with(|_| ()).changed(|bytes| {
                bytes.push(0);
                bytes[3] += 1;
            }))
        }),
        Case::refused("a ServerHello that ends in an extension", E::Decode, {
            with_hello(hello_with(|_| ()).changed(|bytes| {
                bytes.truncate(bytes.len() - 9);
                bytes[3] -= 9;
                let id_len = usize::from(bytes[38]);
                bytes[41 + id_len + 3 - 1] -= 9;
            }))
        }),
        Case::refused("another message first", E::UnexpectedMessage, {
            vec![Step::Send(clear(HANDSHAKE, encrypted_extensions(&[])))]
        }),
        Case::refused("a ClientHello back", E::UnexpectedMessage, {
            with_hello(hello_with(|_| ()).changed(|bytes| bytes[0] = 1))
        }),
        Case::refused("HelloRetryRequest for our group", E::IllegalParameter, {
            vec![Step::Send(clear(HANDSHAKE, hello_retry_request(23)))]
        }),
        Case::refused("HelloRetryRequest for a group that we did not offer", E::IllegalParameter, {
            vec![Step::Send(clear(HANDSHAKE, hello_retry_request(24)))]
        }),
        // Not a ServerHello.
        Case::refused("an alert: handshake_failure", E::PeerAlert(Some(40)), vec![Step::Raw(plain(ALERT, &[2, 40]))]),
        Case::refused("an alert: unrecognized_name", E::PeerAlert(Some(112)), vec![Step::Raw(plain(ALERT, &[1, 112]))]),
        Case::refused("an alert: user_canceled", E::PeerAlert(Some(90)), vec![Step::Raw(plain(ALERT, &[1, 90]))]),
        Case::refused("an alert: close_notify", E::PeerAlert(Some(0)), vec![Step::Raw(plain(ALERT, &[1, 0]))]),
        Case::refused(
            "an alert in a record of TLS 1.0",
            E::PeerAlert(Some(70)),
            vec![Step::Raw(vec![ALERT, 3, 1, 0, 2, 2, 70])],
        ),
        Case::refused("an alert of three bytes", E::Decode, vec![Step::Raw(plain(ALERT, &[2, 40, 0]))]),
        Case::refused("data in the clear", E::UnexpectedMessage, vec![Step::Raw(plain(DATA, ANSWER))]),
        Case::refused("heartbeat", E::UnexpectedMessage, vec![Step::Raw(plain(24, &[1, 0, 3, 1, 2, 3]))]),
        Case::refused("an empty record", E::UnexpectedMessage, vec![Step::Raw(plain(HANDSHAKE, &[]))]),
        Case::refused("a record that is too long", E::RecordOverflow, {
            vec![Step::Raw(plain(HANDSHAKE, &[2; LONGEST + 1]))]
        }),
        Case::refused("plain HTTP", E::NotTls, vec![Step::Raw(b"HTTP/1.1 400 Bad Request\r\n\r\n".into())]),
        Case::refused("SSH", E::NotTls, vec![Step::Raw(b"SSH-2.0-server\r\n".into())]),
        Case::refused("mail", E::NotTls, vec![Step::Raw(b"220 mail.example ESMTP\r\n".into())]),
        Case::refused("change_cipher_spec thirty-three times", E::UnexpectedMessage, {
            vec![Step::Raw(plain(CHANGE_CIPHER_SPEC, &[1]).repeat(33)), hello()]
        }),
        Case::refused("change_cipher_spec of another content", E::UnexpectedMessage, {
            vec![Step::Raw(plain(CHANGE_CIPHER_SPEC, &[2])), hello()]
        }),
    ]
}

fn refused_flight() -> Vec<Case> {
    let bad_signature = E::Certificate(C::BadSignature);
    let [ee, cert, verify, finished] = good_flight();
    let request = certificate_request();
    // In records of their own, and all in one.
    let apart = |name, reason, messages: &[&Message]| {
        Case::refused(name, reason, flight(messages.iter().map(|message| (*message).clone())))
    };
    let together = |name, reason, messages: &[&Message]| {
        Case::refused(name, reason, records([sealed(messages.iter().map(|message| (*message).clone()))]))
    };
    vec![
        // Something is missing.
        apart("no certificate and no signature", E::NotAuthenticated, &[&ee, &finished]),
        together("no certificate and no signature, in one record", E::NotAuthenticated, &[&ee, &finished]),
        apart("Finished alone", E::UnexpectedMessage, &[&finished]),
        apart("no EncryptedExtensions", E::UnexpectedMessage, &[&cert, &verify, &finished]),
        apart("no Certificate", E::UnexpectedMessage, &[&ee, &verify, &finished]),
        apart("no CertificateVerify", E::NotAuthenticated, &[&ee, &cert, &finished]),
        together("no CertificateVerify, in one record", E::NotAuthenticated, &[&ee, &cert, &finished]),
        Case::refused("data in place of Finished", E::UnexpectedMessage, {
            records([sealed([ee.clone(), cert.clone(), verify.clone()]), data(ANSWER)])
        }),
        Case::waits("no Finished", Phase::Handshake, flight([ee.clone(), cert.clone(), verify.clone()])),
        // Twice, or in the wrong order.
        apart("EncryptedExtensions twice", E::UnexpectedMessage, &[&ee, &ee, &cert, &verify, &finished]),
        apart("Certificate twice", E::UnexpectedMessage, &[&ee, &cert, &cert, &verify, &finished]),
        together("Certificate twice in one record", E::UnexpectedMessage, &[&ee, &cert, &cert, &verify, &finished]),
        apart("CertificateVerify twice", E::UnexpectedMessage, &[&ee, &cert, &verify, &verify, &finished]),
        together("CertificateVerify twice in one record", E::UnexpectedMessage, &[&ee, &cert, &verify, &verify]),
        apart(
            "a second Certificate after the signature",
            E::UnexpectedMessage,
            &[&ee, &cert, &verify, &cert, &finished],
        ),
        apart("CertificateVerify before Certificate", E::UnexpectedMessage, &[&ee, &verify, &cert, &finished]),
        together(
            "CertificateVerify before Certificate in one record",
            E::UnexpectedMessage,
            &[&ee, &verify, &cert, &finished],
        ),
        apart("Finished before CertificateVerify", E::NotAuthenticated, &[&ee, &cert, &finished, &verify]),
        together(
            "Finished before CertificateVerify in one record",
            E::NotAuthenticated,
            &[&ee, &cert, &finished, &verify],
        ),
        apart("EncryptedExtensions after Certificate", E::UnexpectedMessage, &[&cert, &ee, &verify, &finished]),
        together("Finished twice in one record", E::UnexpectedMessage, &[&ee, &cert, &verify, &finished, &finished]),
        together(
            "CertificateRequest after Certificate",
            E::UnexpectedMessage,
            &[&ee, &cert, &request, &verify, &finished],
        ),
        apart("CertificateRequest before Finished", E::UnexpectedMessage, &[&ee, &cert, &verify, &request, &finished]),
        together(
            "CertificateRequest twice",
            E::UnexpectedMessage,
            &[&ee, &request, &request, &cert, &verify, &finished],
        ),
        apart("a ticket in the handshake", E::UnexpectedMessage, &[&ee, &ticket(), &cert, &verify, &finished]),
        together(
            "a ticket in the record of Finished",
            E::UnexpectedMessage,
            &[&ee, &cert, &verify, &finished, &ticket()],
        ),
        apart("KeyUpdate in the handshake", E::UnexpectedMessage, &[&ee, &key_update(), &cert, &verify, &finished]),
        apart("a second ServerHello", E::UnexpectedMessage, &[&ee, &hello_with(|_| ()), &cert, &verify, &finished]),
        apart("a message nobody knows", E::UnexpectedMessage, &[&ee, &Message::new(99, b"?"), &cert, &verify]),
        // EncryptedExtensions.
        Case::refused(
            "ALPN, which we did not offer",
            E::UnsupportedExtension,
            with_extensions(&[(16, b"\0\x03\x02h2")]),
        ),
        Case::refused("max_fragment_length", E::UnsupportedExtension, with_extensions(&[(1, &[1])])),
        Case::refused("early_data", E::UnsupportedExtension, with_extensions(&[(42, &[])])),
        Case::refused("key_share in EncryptedExtensions", E::IllegalParameter, with_extensions(&[(51, &[0, 23])])),
        Case::refused("an extension nobody knows", E::UnsupportedExtension, with_extensions(&[(0xfe00, &[])])),
        Case::refused("an extension twice", E::IllegalParameter, with_extensions(&[(0, &[]), (0, &[])])),
        Case::refused("server_name with a name in it", E::Decode, with_extensions(&[(0, b"\0\x04\0\0\x01a")])),
        // Certificate.
        Case::refused("a Certificate message with none in it", E::Certificate(C::EmptyChain), {
            with_certificate(certificate_with(&[], &[]))
        }),
        Case::refused("an empty certificate", E::Decode, with_certificate(certificate_with(&[], &[(&[], &[])]))),
        Case::refused("not a certificate", E::Certificate(C::Malformed), {
            with_certificate(certificate_with(&[], &[(&[7; 300], &[])]))
        }),
        Case::refused("a context in Certificate", E::IllegalParameter, {
            with_certificate(certificate_with(&[1], &[(&WORLD.p256.certificate, &[])]))
        }),
        Case::refused("an extension of a certificate that we did not ask for", E::UnsupportedExtension, {
            with_certificate(certificate_with(&[], &[(&WORLD.p256.certificate, &[(5, &[1, 0, 0, 1, 0])])]))
        }),
        Case::refused("seventeen certificates", E::Certificate(C::TooManyCertificates { count: 17 }), {
            with_certificate(certificate_with(&[], &[(&WORLD.p256.certificate[..], &[][..]); 17]))
        }),
        // CertificateRequest.
        Case::refused("a context in CertificateRequest", E::IllegalParameter, {
            with_request(certificate_request_with(&[1], &[(13, &[0, 2, 4, 3])]))
        }),
        Case::refused("CertificateRequest without algorithms", E::MissingExtension, {
            with_request(certificate_request_with(&[], &[]))
        }),
        Case::refused("CertificateRequest with an extension of another message", E::IllegalParameter, {
            with_request(certificate_request_with(&[], &[(13, &[0, 2, 4, 3]), (51, &[])]))
        }),
        // CertificateVerify.
        Case::refused("a signature by another key", bad_signature, with_verify(certificate_verify(&WORLD.other))),
        Case::refused("a signature over another transcript", bad_signature, {
            with_verify(certificate_verify_with(&WORLD.p256, |signing| signing.transcript = |hash| hash[0] ^= 1))
        }),
        Case::refused("a signature with the client's context", bad_signature, {
            with_verify(certificate_verify_with(&WORLD.p256, |signing| {
                signing.context = "TLS 1.3, client CertificateVerify";
            }))
        }),
        Case::refused("a signature with one bit changed", bad_signature, {
            with_verify(certificate_verify(&WORLD.p256).changed(|bytes| *bytes.last_mut().unwrap() ^= 1))
        }),
        Case::refused("an empty signature", bad_signature, with_verify(Message::new(15, [4, 3, 0, 0]))),
        Case::refused("P-256 that says P-384", E::Certificate(C::SchemeMismatch { scheme: 0x0503 }), {
            signed(&WORLD.p256, Scheme::ECDSA_NISTP256_SHA256, 0x0503)
        }),
        Case::refused("P-256 that says RSA-PSS", E::Certificate(C::SchemeMismatch { scheme: 0x0804 }), {
            signed(&WORLD.p256, Scheme::ECDSA_NISTP256_SHA256, 0x0804)
        }),
        Case::refused("Ed25519 that says P-256", E::Certificate(C::SchemeMismatch { scheme: 0x0403 }), {
            signed(&WORLD.ed25519, Scheme::ED25519, 0x0403)
        }),
        Case::refused("RSA-PSS with another hash than it says", bad_signature, {
            signed(&WORLD.rsa, Scheme::RSA_PSS_SHA512, 0x0804)
        }),
        Case::refused("PKCS#1 v1.5", E::Certificate(C::ForbiddenScheme { scheme: 0x0401 }), {
            signed(&WORLD.rsa, Scheme::RSA_PKCS1_SHA256, 0x0401)
        }),
        Case::refused("PKCS#1 v1.5 with SHA-512", E::Certificate(C::ForbiddenScheme { scheme: 0x0601 }), {
            signed(&WORLD.rsa, Scheme::RSA_PKCS1_SHA512, 0x0601)
        }),
        Case::refused("PKCS#1 v1.5 that says PSS", bad_signature, signed(&WORLD.rsa, Scheme::RSA_PKCS1_SHA256, 0x0804)),
        Case::refused("PKCS#1 v1.5 with SHA-1", E::Certificate(C::ForbiddenScheme { scheme: 0x0201 }), {
            signed(&WORLD.rsa, Scheme::RSA_PKCS1_SHA256, 0x0201)
        }),
        Case::refused("ECDSA with SHA-1", E::Certificate(C::ForbiddenScheme { scheme: 0x0203 }), {
            signed(&WORLD.p256, Scheme::ECDSA_NISTP256_SHA256, 0x0203)
        }),
        Case::refused("a scheme we know nothing of", E::Certificate(C::UnsupportedAlgorithm), {
            signed(&WORLD.p256, Scheme::ECDSA_NISTP256_SHA256, 0xfe00)
        }),
        // Finished.
        Case::refused("a Finished with one bit changed", E::BadFinished, {
            with_finished(finished.clone().changed(|bytes| bytes[35] ^= 1))
        }),
        Case::refused("the client's Finished", E::BadFinished, with_finished(finished_by_client())),
        Case::refused(
            "a Finished of zeros",
            E::BadFinished,
            with_finished(finished.clone().changed(|bytes| bytes[4..].fill(0))),
        ),
        // Lengths.
        Case::refused("an empty Finished", E::Decode, with_finished(Message::new(20, []))),
        Case::refused("a Finished that is too short", E::Decode, with_finished(finished.clone().changed(shorter))),
        Case::refused("a Finished that is too long", E::Decode, with_finished(finished.clone().changed(longer))),
        Case::refused("an empty Certificate", E::Decode, with_certificate(Message::new(11, []))),
        Case::refused("a Certificate that is too short", E::Decode, with_certificate(cert.clone().changed(shorter))),
        Case::refused("a Certificate that is too long", E::Decode, with_certificate(cert.clone().changed(longer))),
        Case::refused("an empty CertificateVerify", E::Decode, with_verify(Message::new(15, []))),
        Case::refused("a CertificateVerify that is too short", E::Decode, with_verify(verify.clone().changed(shorter))),
        Case::refused("a CertificateVerify that is too long", E::Decode, with_verify(verify.clone().changed(longer))),
        apart("empty EncryptedExtensions", E::Decode, &[&Message::new(8, []), &cert, &verify, &finished]),
        apart(
            "EncryptedExtensions that are too long",
            E::Decode,
            &[&ee.clone().changed(longer), &cert, &verify, &finished],
        ),
        // Messages over several records.
        Case::refused("a certificate chain that does not fit", E::RxTooSmall { needed: 16_702 }, {
            let chain = certificate_with(&[], &[(&[0x30; 300], &[]), (&[0x30; LONGEST], &[])]);
            let mut script =
                vec![hello(), Step::Split(vec![ee.clone(), chain, verify.clone(), finished.clone()], LONGEST)];
            script.extend(conversation([data(ANSWER), close_notify()]));
            script
        }),
        Case::waits("a Finished that says it is longer", Phase::Handshake, {
            with_finished(finished.clone().changed(|bytes| bytes[3] += 1))
        }),
    ]
}

fn refused_records() -> Vec<Case> {
    let [ee, cert, verify, finished] = good_flight();
    let whole = || sealed(good_flight());
    vec![
        // Records of the flight.
        Case::refused(
            "a record with one bit changed",
            E::BadRecordMac,
            records([whole().changed(|bytes| bytes[50] ^= 1)]),
        ),
        Case::refused("a tag with one bit changed", E::BadRecordMac, {
            records([whole().changed(|bytes| *bytes.last_mut().unwrap() ^= 1)])
        }),
        Case::refused("a record of zeros", E::BadRecordMac, before_flight(Step::Raw(plain(DATA, &[0; 40])))),
        Case::refused("a record number left out", E::BadRecordMac, before_flight(Step::SkipNumbers(1))),
        Case::refused("a record twice", E::BadRecordMac, {
            records([sealed([ee.clone()]).changed(|bytes| *bytes = bytes.repeat(2)), sealed([cert.clone()])])
        }),
        Case::refused("a record without a content type", E::UnexpectedMessage, {
            before_flight(Step::Send(Record { messages: vec![], ..inside(0, []) }.padded(20)))
        }),
        Case::refused("a record of one zero", E::UnexpectedMessage, before_flight(Step::Send(inside(0, [])))),
        Case::refused(
            "a handshake record with nothing in it",
            E::UnexpectedMessage,
            before_flight(Step::Send(sealed([]))),
        ),
        Case::refused("padding and no message", E::UnexpectedMessage, before_flight(Step::Send(sealed([]).padded(50)))),
        Case::refused("data in the handshake", E::UnexpectedMessage, before_flight(Step::Send(data("?")))),
        Case::refused("empty data in the handshake", E::UnexpectedMessage, before_flight(Step::Send(data("")))),
        Case::refused("change_cipher_spec inside a record", E::UnexpectedMessage, {
            before_flight(Step::Send(inside(CHANGE_CIPHER_SPEC, [1])))
        }),
        Case::refused("heartbeat inside a record", E::UnexpectedMessage, before_flight(Step::Send(inside(24, [1])))),
        Case::refused(
            "an alert inside a record",
            E::PeerAlert(Some(40)),
            before_flight(Step::Send(inside(ALERT, [2, 40]))),
        ),
        Case::refused(
            "close_notify in the handshake",
            E::PeerAlert(Some(0)),
            before_flight(Step::Send(close_notify())),
        ),
        // RFC 8446 §6.1: "the sender is canceling the handshake".
        Case::refused("user_canceled in the handshake", E::PeerAlert(Some(90)), {
            before_flight(Step::Send(user_canceled()))
        }),
        Case::refused("half an alert", E::Decode, before_flight(Step::Send(inside(ALERT, [2])))),
        Case::refused(
            "a record shorter than its tag",
            E::BadRecordMac,
            before_flight(Step::Raw(plain(DATA, &[0; 16]))),
        ),
        Case::refused("an empty record", E::BadRecordMac, before_flight(Step::Raw(plain(DATA, &[])))),
        Case::refused("a record of 16,641 bytes", E::RecordOverflow, {
            before_flight(Step::Raw(plain(DATA, &[0; 16_641])))
        }),
        Case::refused("a record of 65,535 bytes", E::RecordOverflow, {
            before_flight(Step::Raw(plain(DATA, &[0; 65_535])))
        }),
        Case::refused("a record with more than 16,384 bytes inside", E::RecordOverflow, {
            before_flight(Step::Send(inside(HANDSHAKE, [8; LONGEST + 1])))
        }),
        Case::refused(
            "a record of an older version",
            E::BadRecordMac,
            records([whole().changed(|bytes| bytes[2] = 1)]),
        ),
        Case::refused(
            "a record of a type nobody knows",
            E::UnexpectedMessage,
            records([whole().changed(|bytes| bytes[0] = 25)]),
        ),
        // In the clear after the ServerHello.
        Case::refused("EncryptedExtensions in the clear", E::UnexpectedMessage, {
            before_flight(Step::Send(clear(HANDSHAKE, ee.clone())))
        }),
        Case::refused("the ServerHello again", E::UnexpectedMessage, before_flight(hello())),
        Case::refused("an alert in the clear", E::UnexpectedMessage, before_flight(Step::Raw(plain(ALERT, &[2, 40])))),
        Case::refused("change_cipher_spec again and again", E::UnexpectedMessage, {
            before_flight(Step::Raw(plain(CHANGE_CIPHER_SPEC, &[1]).repeat(33)))
        }),
        // Records of the answer: the request was sent.
        Case::refused_answer("an answer with one bit changed", E::BadRecordMac, {
            answering([data(ANSWER).changed(|bytes| bytes[9] ^= 1)])
        }),
        Case::refused_answer("an answer twice", E::BadRecordMac, {
            answering([data("HTTP/1.1").changed(|bytes| *bytes = bytes.repeat(2)), data(" 200 OK\r\n\r\n")])
        }),
        Case::refused_answer("an answer with the keys of the handshake", E::BadRecordMac, {
            let mut script = answering([data(ANSWER)]);
            script.insert(script.len() - 2, Step::HandshakeKeys);
            script
        }),
        Case::refused_answer("an answer in the clear", E::BadRecordMac, {
            answering([clear(DATA, Message::bytes(ANSWER))])
        }),
        Case::refused_answer(
            "an answer with nothing inside",
            E::UnexpectedMessage,
            answering([inside(0, []).padded(9)]),
        ),
        Case::refused_answer("an answer of more than 16,384 bytes", E::RecordOverflow, {
            answering([data([b'x'; LONGEST + 1])])
        }),
        Case::refused_answer("padding beyond 16,384 bytes", E::RecordOverflow, {
            answering([data(ANSWER).padded(LONGEST + 1 - ANSWER.len())])
        }),
        Case::refused_answer("an answer of 16,641 bytes", E::RecordOverflow, {
            answering([clear(DATA, Message::bytes([0; 16_641]))])
        }),
        Case::refused_answer("change_cipher_spec after the handshake", E::UnexpectedMessage, {
            answering([change_cipher_spec(), data(ANSWER)])
        }),
        Case::refused_answer("an alert in the clear after the handshake", E::UnexpectedMessage, {
            answering([clear(ALERT, Message::bytes([1, 0]))])
        }),
        Case::refused_answer("certificate_required", E::PeerAlert(Some(116)), answering([inside(ALERT, [2, 116])])),
        Case::refused_answer("an alert of three bytes", E::Decode, answering([inside(ALERT, [1, 0, 0])])),
        Case::refused_answer("a record of a type nobody knows", E::UnexpectedMessage, answering([inside(25, ANSWER)])),
        Case::refused_answer(
            "records without data for ever",
            E::UnexpectedMessage,
            answering((0..99).map(|_| data(""))),
        ),
        // Messages after the handshake.
        Case::refused_answer("a second certificate", E::UnexpectedMessage, answering([sealed([cert])])),
        Case::refused_answer("a second signature", E::UnexpectedMessage, answering([sealed([verify])])),
        Case::refused_answer("a second Finished", E::UnexpectedMessage, answering([sealed([finished])])),
        Case::refused_answer("a certificate asked for after the handshake", E::UnexpectedMessage, {
            answering([sealed([certificate_request_with(&[1], &[(13, &[0, 2, 4, 3])])])])
        }),
        Case::refused_answer("a ServerHello after the handshake", E::UnexpectedMessage, {
            answering([sealed([hello_with(|_| ())])])
        }),
        Case::refused_answer("a ClientHello after the handshake", E::UnexpectedMessage, {
            answering([sealed([Message::new(1, [0; 40])])])
        }),
        Case::refused_answer(
            "a HelloRequest of TLS 1.2",
            E::UnexpectedMessage,
            answering([sealed([Message::new(0, [])])]),
        ),
        Case::refused_answer("a ticket with another message inside its length", E::Decode, {
            answering([sealed([ticket().changed(|bytes| {
                bytes.extend([20, 0, 0, 32]);
                bytes.extend([0; 32]);
                bytes[3] += 36;
            })])])
        }),
        // RFC 8446 §4.6.1: `opaque ticket<1..2^16-1>`.
        Case::refused_answer("a ticket of no bytes", E::Decode, {
            let ticket = [&[0, 0, 0x1c, 0x20, 1, 2, 3, 4][..], &vector(1, &[0]), &vector(2, &[]), &[0, 0]].concat();
            answering([sealed([Message::new(4, ticket)]), data(ANSWER)])
        }),
        Case::refused_answer("an empty ticket message", E::Decode, answering([sealed([Message::new(4, [])])])),
        Case::refused_answer("a ticket with an extension of another message", E::IllegalParameter, {
            answering([sealed([ticket_with(&[(51, &[0, 23])])])])
        }),
        Case::refused_answer("a ticket with an extension twice", E::IllegalParameter, {
            answering([sealed([ticket_with(&[(42, &[0; 4]), (42, &[0; 4])])])])
        }),
    ]
}

/// The connection ends, or stalls.
fn cut_short() -> Vec<Case> {
    let truncated = |name, phase, script| Case::fails(name, phase, ErrorKind::Truncated, script);
    let whole = || sealed(good_flight());
    let handshake = || vec![hello(), Step::Send(whole())];
    vec![
        truncated("closed instead of a ServerHello", Phase::Handshake, vec![Step::Close]),
        truncated("closed after the ServerHello", Phase::Handshake, after_hello(Step::Close)),
        truncated("closed after Certificate", Phase::Handshake, {
            let [ee, cert, ..] = good_flight();
            vec![hello(), Step::Send(sealed([ee, cert])), Step::Close]
        }),
        truncated("closed before any answer", Phase::Head, answering([])),
        Case::fails("close_notify before any answer", Phase::Head, ErrorKind::Malformed(DecodeError::NoResponse), {
            answering([close_notify()])
        }),
        truncated("closed in the head", Phase::Head, answering([data("HTTP/1.1 200 OK\r\nContent-")])),
        truncated("close_notify in the head", Phase::Head, answering([data("HTTP/1.1 200 OK\r\n"), close_notify()])),
        truncated("closed in a body of known length", Phase::Body, answering([head(LENGTH_5), data("hell")])),
        truncated("close_notify in a body of known length", Phase::Body, {
            answering([head(LENGTH_5), data("hell"), close_notify()])
        }),
        truncated("closed in a body until close", Phase::Body, answering([head(UNTIL_CLOSE), data("hello")])),
        truncated("user_canceled alone behind a body until close", Phase::Body, {
            answering([head(UNTIL_CLOSE), data("hello"), user_canceled()])
        }),
        Case::fails("user_canceled for ever", Phase::Head, ErrorKind::Tls(E::UnexpectedMessage), {
            answering((0..99).map(|_| user_canceled()))
        }),
        truncated("closed in the close_notify", Phase::Body, {
            let mut script = answering([head(UNTIL_CLOSE), data("hello")]);
            script.insert(script.len() - 1, Step::Part(close_notify(), 23));
            script
        }),
        truncated("closed in a chunked body", Phase::Body, {
            answering([head("Transfer-Encoding: chunked\r\n"), data("5\r\nhello\r\n"), close_notify()])
        }),
        Case::waits("silence", Phase::Handshake, vec![]),
        Case::waits("silence in the ServerHello", Phase::Handshake, {
            vec![Step::Part(clear(HANDSHAKE, hello_with(|_| ())), 40)]
        }),
        Case::waits("silence after the ServerHello", Phase::Handshake, vec![hello()]),
        Case::waits("silence in the flight", Phase::Handshake, after_hello(Step::Part(whole(), 200))),
        Case::waits("silence after the handshake", Phase::Head, handshake()),
        Case::waits("silence in the answer", Phase::Head, {
            let mut script = answering([]);
            script.pop();
            script.push(Step::Part(data(ANSWER), 30));
            script
        }),
        Case::waits("silence in the body", Phase::Body, {
            let mut script = answering([head(LENGTH_5), data("hell")]);
            script.pop();
            script
        }),
    ]
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

/// A server that does nothing wrong, cut off after so many bytes: whatever they are, the error is `Truncated`, and a
/// request arrives only if the whole flight was there.
fn cut_anywhere(mut face: faces::Face<'_>) {
    let script = || answering([head(UNTIL_CLOSE), data("hello"), close_notify()]);
    for cut in (1..).step_by(17) {
        let server = Server::start_cut(script(), cut);
        face.written.borrow_mut().clear();
        let fetched = (face.fetch)(server.port, Duration::from_secs(5));
        let report = server.report();
        if report.played {
            assert_eq!(fetched.as_deref(), Ok(BODY));
            assert!(cut > 700, "the whole conversation in {cut} bytes");
            return;
        }
        let error = fetched.expect_err("cut off");
        assert_eq!(error.kind(), ErrorKind::Truncated, "cut at {cut}");
        let checked = if report.flight_sent {
            assert!(matches!(error.phase(), Phase::Head | Phase::Body), "cut at {cut}: {error}");
            faces::check_report(&report, true)
        } else {
            assert_eq!(error.phase(), Phase::Handshake, "cut at {cut}");
            faces::check_report(&report, false).and_then(|()| faces::check_written(&face.written.borrow()))
        };
        checked.and_then(|()| faces::check_free(&face)).unwrap_or_else(|what| panic!("cut at {cut}: {what}"));
    }
    faces::check_next(&mut face).unwrap();
}

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

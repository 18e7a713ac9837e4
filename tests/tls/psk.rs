//! What our connection accepts of a TLS 1.3 server with a pre-shared key, and what it refuses: through both faces, against
//! a server of ours that plays a script (`support/tls_server/`).
#![cfg(all(feature = "tls", feature = "requests", feature = "blocking"))]

use std::time::Duration;

use socketpool::{
    Error, ErrorKind, Phase, Resources, SocketPool, blocking,
    requests::Session,
    tls::{Now, Psk, TlsContext, TlsError},
};

use crate::support::{
    self,
    tls_server::{keys, script::*, server::Server},
};

const KEY: &[u8] = b"a key of thirty-two random bytes";
const OTHER: &[u8] = b"another thirty-two random bytes!";
const IDENTITY: &[u8] = b"meter-17";
const PRE_SHARED_KEY: u16 = 41;

#[derive(Debug, Clone, Copy)]
enum Face {
    Async,
    Blocking,
}

/// Fetches from a port, with the key and without a date.
fn fetch(face: Face, port: u16) -> Result<Vec<u8>, Error> {
    let tls = TlsContext::new(support::random, || Now::Unknown).crypto(&CRYPTO).psk(Psk::new(IDENTITY, KEY).unwrap());
    let timeout = Some(Duration::from_secs(5));
    let url = format!("https://localhost:{port}/");
    let (mut memory, mut buffer) = (Resources::<1, 1>::new(), [0; 64]);
    match face {
        Face::Async => async_io::block_on(async {
            let mut network = support::network();
            let pool = SocketPool::new(&mut network, &mut memory);
            let mut response = Session::new(&pool, &tls).get(&url).timeout(timeout).send().await?;
            response.content(&mut buffer).await.map(|body| body.to_vec())
        }),
        Face::Blocking => {
            let mut network = support::network();
            let pool = blocking::SocketPool::new(&mut network, &mut memory);
            let mut response = blocking::Session::new(&pool, &tls).get(&url).timeout(timeout).send()?;
            response.content(&mut buffer).map(|body| body.to_vec())
        }
    }
}

/// A ServerHello with these extensions more, and this flight.
fn psk_script(selected: &'static [&'static [u8]], flight: impl IntoIterator<Item = Message>) -> Script {
    let mut script = records(flight.into_iter().map(|message| sealed([message])));
    let more = selected.iter().map(|body| (PRE_SHARED_KEY, body.to_vec()));
    script[0] = Step::Send(clear(HANDSHAKE, hello_with(|hello| hello.extensions.extend(more))));
    script
}

const FIRST: &[&[u8]] = &[&[0, 0]];

fn no_certificates() -> [Message; 2] {
    [encrypted_extensions(&[]), finished()]
}

#[test]
fn a_server_with_our_key_is_served() {
    for face in [Face::Async, Face::Blocking] {
        for script in [
            psk_script(FIRST, no_certificates()),
            [
                vec![psk_script(FIRST, [])[0].clone(), Step::Send(sealed(no_certificates()))],
                conversation([data(ANSWER)]),
            ]
            .concat(),
        ] {
            let server = Server::start_psk(script, KEY);
            assert_eq!(fetch(face, server.port).as_deref(), Ok(BODY), "{face:?}");
            let report = server.report();
            assert!(report.finished && report.request.starts_with(b"GET / HTTP/1.1\r\n"), "{face:?}");

            // What we offered: the identity, and a binder that only the key can make.
            let length = usize::from(u16::from_be_bytes([report.wire[3], report.wire[4]]));
            let hello = &report.wire[5..5 + length];
            assert!(hello.windows(IDENTITY.len()).any(|window| window == IDENTITY));
            let (hello, binder) = hello.split_at(hello.len() - 32);
            assert_eq!(binder, keys::binder(KEY, &hello[..hello.len() - 3]), "{face:?}");
        }
    }
}

#[test]
fn whoever_has_not_or_shows_a_certificate_is_refused() {
    let [extensions, certificate, verify, finished] = good_flight();
    let with = |messages: &[&Message]| psk_script(FIRST, messages.iter().map(|message| (*message).clone()));
    let cases: Vec<(&str, &'static [u8], TlsError, Script)> = vec![
        ("another key", OTHER, TlsError::BadRecordMac, psk_script(FIRST, no_certificates())),
        ("no key", &[0; 32], TlsError::BadRecordMac, psk_script(FIRST, no_certificates())),
        ("our key, not chosen", KEY, TlsError::PskRefused, psk_script(&[], no_certificates())),
        ("certificates instead", &[0; 32], TlsError::PskRefused, psk_script(&[], good_flight())),
        ("an identity we did not offer", KEY, TlsError::IllegalParameter, psk_script(&[&[0, 1]], no_certificates())),
        ("two choices", KEY, TlsError::IllegalParameter, psk_script(&[&[0, 0], &[0, 0]], no_certificates())),
        (
            "a certificate besides",
            KEY,
            TlsError::UnexpectedMessage,
            with(&[&extensions, &certificate, &verify, &finished]),
        ),
        ("a certificate alone", KEY, TlsError::UnexpectedMessage, with(&[&extensions, &certificate, &finished])),
        ("a signature alone", KEY, TlsError::UnexpectedMessage, with(&[&extensions, &verify, &finished])),
        (
            "a certificate asked for",
            KEY,
            TlsError::UnexpectedMessage,
            with(&[&extensions, &certificate_request(), &finished]),
        ),
        ("Finished made with another secret", KEY, TlsError::BadFinished, with(&[&extensions, &finished_by_client()])),
    ];
    for face in [Face::Async, Face::Blocking] {
        for (name, key, reason, script) in cases.clone() {
            let server = Server::start_psk(script, key);
            let error = fetch(face, server.port).unwrap_err();
            assert_eq!(error, Error::new(Phase::Handshake, ErrorKind::Tls(reason)), "{face:?} {name}");
            let report = server.report();
            assert!(!report.finished && report.request.is_empty(), "{face:?} {name}");
        }
    }
}

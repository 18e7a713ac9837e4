//! How sessions end: which protocol is refused, what a closed connection leaves to be read, when a kept connection is
//! stale, and what a deadline does between flights. Through both faces, against a server of ours that plays a script
//! (`support/tls_server/`).
#![cfg(all(feature = "tls", feature = "requests", feature = "blocking"))]

mod breaking;

use std::{cell::Cell, slice, thread, time::Duration};

use breaking::Breaking;
use socketpool::{
    Error, ErrorKind, Phase, Resources, SocketPool, blocking, host,
    requests::Session,
    stack,
    tls::{
        Alpn, Identity, Now, Psk, Roots, TlsContext, TlsError,
        identity::{MAX_SIGNATURE_LEN, PrivateKey, SignFailed, SignatureScheme, Signer},
        roots::trust_anchor_from_der,
    },
};

use crate::support::{
    self,
    server::Authority,
    tls_server::{script::*, server::Server},
};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Face {
    Async,
    Blocking,
}

const FACES: [Face; 2] = [Face::Async, Face::Blocking];
const KEY: &[u8] = b"a key of thirty-two random bytes";
const PATIENCE: Duration = Duration::from_secs(5);

/// The type of the contexts here.
type Tls<'c> = TlsContext<'c, fn(&mut [u8]), fn() -> Now>;

fn context() -> Tls<'static> {
    TlsContext::new(support::random as fn(&mut [u8]), support::date as fn() -> Now).crypto(&CRYPTO)
}

/// With a context that trusts the servers' root.
fn trusting(run: impl FnOnce(&dyn Fn() -> Tls<'static>)) {
    let anchors =
        Box::leak(Box::new([trust_anchor_from_der(Box::leak(WORLD.root.der().to_vec().into_boxed_slice())).unwrap()]));
    run(&|| context().roots(Roots::only(&*anchors)));
}

/// A body, or why there is none.
type Body = Result<Vec<u8>, Error>;

/// Fetches from a port so many times, over one pool with one socket and one TLS session.
fn fetch(face: Face, tls: &Tls<'_>, port: u16, timeout: Duration, times: usize) -> Vec<Body> {
    let url = format!("https://localhost:{port}/");
    let (mut memory, mut buffer) = (Resources::<1, 1>::new(), [0; 64]);
    match face {
        Face::Async => async_io::block_on(async {
            let mut network = support::network();
            let pool = SocketPool::new(&mut network, &mut memory);
            let http = Session::new(&pool, tls);
            let mut bodies = vec![];
            for _ in 0..times {
                let once = async {
                    let mut response = http.get(&url).timeout(Some(timeout)).send().await?;
                    response.content(&mut buffer).await.map(|body| body.to_vec())
                };
                bodies.push(once.await);
            }
            bodies
        }),
        Face::Blocking => {
            let mut network = support::network();
            let pool = blocking::SocketPool::new(&mut network, &mut memory);
            let http = blocking::Session::new(&pool, tls);
            let mut once = || {
                let mut response = http.get(&url).timeout(Some(timeout)).send()?;
                response.content(&mut buffer).map(|body| body.to_vec())
            };
            (0..times).map(|_| once()).collect()
        }
    }
}

/// A server may choose a protocol that was offered, or none (RFC 7301 §3.2). By chain, and by pre-shared key.
#[test]
fn a_protocol_that_was_not_offered_is_refused() {
    let refused = |reason| Err(Error::new(Phase::Handshake, ErrorKind::Tls(reason)));
    let (illegal, decode) = (refused(TlsError::IllegalParameter), refused(TlsError::Decode));
    let choices: &[(&[u8], Body)] = &[
        (b"\0\x09\x08http/1.1", Ok(BODY.to_vec())),
        (b"\0\x0f\x0ex-amzn-mqtt-ca", Ok(BODY.to_vec())),
        (b"\0\x03\x02h2", illegal.clone()),
        (b"\0\x09\x08http/1.0", illegal.clone()),
        (b"\0\x08\x07http/1.", illegal.clone()),
        (b"\0\x0a\x09http/1.1\0", illegal.clone()),
        (b"\0\x09\x08HTTP/1.1", illegal.clone()),
        (b"\0\x02\x01\0", illegal.clone()),
        // Two, none, an empty name, and less or more than there is.
        (b"\0\x18\x08http/1.1\x0ex-amzn-mqtt-ca", decode.clone()),
        (b"\0\0", decode.clone()),
        (b"\0\x01\0", decode.clone()),
        (b"", decode.clone()),
        (b"\0\x08\x08http/1.1", decode.clone()),
        (b"\0\x09\x08http/1.1\0", decode),
    ];
    trusting(|tls| {
        let offer = Alpn::new(&[b"http/1.1", b"x-amzn-mqtt-ca"]).unwrap();
        let by_chain = tls().alpn(offer);
        let by_key = context().psk(Psk::new(b"meter", KEY).unwrap()).alpn(offer);
        for (choice, end) in choices {
            let extensions = encrypted_extensions(&[(16, choice)]);
            let [_, certificate, verify, finished] = good_flight();
            let chain_script = flight([extensions.clone(), certificate.clone(), verify.clone(), finished.clone()]);
            let in_one = records([sealed([extensions.clone(), certificate, verify, finished.clone()])]);
            let mut psk_script = flight([extensions, finished]);
            psk_script[0] = Step::Send(clear(HANDSHAKE, hello_with(|hello| hello.extensions.push((41, vec![0, 0])))));
            for face in FACES {
                for script in [&chain_script, &in_one] {
                    let server = Server::start(script.clone());
                    assert_eq!(
                        fetch(face, &by_chain, server.port, PATIENCE, 1),
                        slice::from_ref(end),
                        "{face:?} {choice:?}"
                    );
                    assert!(end.is_ok() || server.report().only_alerts(), "{face:?} {choice:?}");
                }
                let server = Server::start_psk(psk_script.clone(), KEY);
                assert_eq!(fetch(face, &by_key, server.port, PATIENCE, 1), slice::from_ref(end), "{face:?} {choice:?}");
                assert!(end.is_ok() || server.report().only_alerts(), "{face:?} {choice:?}");
            }
        }
        // Where none was offered, none may be chosen.
        let [_, certificate, verify, finished] = good_flight();
        let choosing = flight([encrypted_extensions(&[(16, b"\0\x03\x02h2")]), certificate, verify, finished]);
        for face in FACES {
            let server = Server::start(choosing.clone());
            assert_eq!(
                fetch(face, &tls(), server.port, PATIENCE, 1),
                [refused(TlsError::UnsupportedExtension)],
                "{face:?}"
            );
        }
    });
}

/// What ends a connection between two requests: the next request goes out again on a new connection (RFC 9112 §9.3.1),
/// whether the end was there before it or comes when it has arrived. `user_canceled` changes nothing (RFC 8446 §6.1).
#[test]
fn a_connection_that_was_closed_is_stale() {
    const KEPT: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    let start = || vec![hello(), Step::Send(sealed(good_flight())), Step::ReadFinished, Step::Send(sealed([ticket()]))];
    let ends: [&[Record]; 3] = [&[close_notify()], &[user_canceled(), close_notify()], &[]];
    trusting(|tls| {
        for (number, end) in ends.iter().enumerate() {
            for second_arrives in [false, true] {
                let mut first = [start(), vec![Step::ReadRequest, Step::Send(data(KEPT))]].concat();
                first.extend(second_arrives.then_some(Step::ReadRequest));
                first.extend(end.iter().cloned().map(Step::Send));
                first.push(Step::Close);
                let second = [start(), vec![Step::ReadRequest, Step::Send(data(ANSWER)), Step::Close]].concat();
                for face in FACES {
                    let server = Server::start_each(vec![first.clone(), second.clone()]);
                    let bodies = fetch(face, &tls(), server.port, PATIENCE, 2);
                    assert_eq!(bodies, [Ok(BODY.to_vec()), Ok(BODY.to_vec())], "{face:?} {number} {second_arrives}");
                }
            }
        }
    });
}

/// A signer that is slow.
struct Slow<'k>(&'k PrivateKey, Duration);

impl Signer for Slow<'_> {
    fn scheme(&self) -> SignatureScheme {
        self.0.scheme()
    }

    fn sign(&self, message: &[u8], signature: &mut [u8; MAX_SIGNATURE_LEN]) -> Result<usize, SignFailed> {
        thread::sleep(self.1);
        self.0.sign(message, signature)
    }
}

/// Whatever the moment at which the time is up, between two flights or in one, that is the error.
#[test]
fn a_deadline_that_passes_ends_in_timeout() {
    let timeout = Duration::from_millis(300);
    let [ee, certificate, verify, finished] = good_flight();
    let request = certificate_request();
    let parts = [vec![ee], vec![request], vec![certificate, verify], vec![finished]];
    let pause = |mut script: Script, at: usize| {
        script.insert(at, Step::Pause(Duration::from_millis(500)));
        script
    };
    let script = || {
        let mut script = vec![hello()];
        script.extend(parts.iter().map(|messages| Step::Send(sealed(messages.iter().cloned()))));
        script.extend(conversation([data(ANSWER)]));
        script
    };
    let key = rcgen::KeyPair::generate().unwrap();
    let device = Authority::new("Root of devices").client_certificate(&key, 0);
    let key = PrivateKey::from_der(&key.serialize_der()).unwrap();
    trusting(|tls| {
        for face in FACES {
            for at in 0..=7 {
                let server = Server::start(pause(script(), at));
                let fetched = fetch(face, &tls(), server.port, timeout, 1);
                let error = fetched[0].as_ref().unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Timeout, "{face:?} {at}: {error}");
                assert_eq!(error.phase() == Phase::Handshake, at < 5, "{face:?} {at}: {error}");
            }
            // While we work: after the server's flight and before ours.
            let slow = Slow(&key, Duration::from_millis(500));
            let tls = tls().identity(Identity::new(&device, &slow).unwrap());
            let server = Server::start(script());
            let fetched = fetch(face, &tls, server.port, timeout, 1);
            assert_eq!(fetched[0].as_ref().unwrap_err().kind(), ErrorKind::Timeout, "{face:?}");
            assert!(server.report().request.is_empty(), "{face:?}");
        }
    });
}

/// What a client that cannot send any more finds.
#[derive(Debug, PartialEq)]
struct Found {
    sending: Error,
    /// What it can still receive.
    rest: Body,
}

/// Shakes hands, sends the end of it (which else waits for the first data), waits for what the server says then, finds that the connection is broken when it sends, and reads what is
/// left.
fn send_in_vain(face: Face, tls: &Tls<'_>, port: u16) -> Found {
    const A_WHILE: Duration = Duration::from_millis(200);
    let broken = Cell::new(false);
    let (mut memory, mut buffer) = (Resources::<1, 1>::new(), [0; 64]);
    match face {
        Face::Async => async_io::block_on(async {
            let breaking = Breaking { inner: std_embedded_nal_async::Stack::default(), broken: &broken };
            let mut network = stack::Network::new(breaking, std_embedded_nal_async::Stack::default(), host::Timer);
            let pool = SocketPool::new(&mut network, &mut memory);
            let mut socket = pool.socket().await.unwrap();
            socket.set_timeout(Some(PATIENCE));
            socket.connect("localhost", port).await.unwrap();
            tls.wrap_socket(&mut socket, "localhost").await.unwrap();
            embedded_io_async::Write::flush(&mut socket).await.unwrap();
            thread::sleep(A_WHILE);
            broken.set(true);
            let sending = socket.send_all(b"?").await.unwrap_err().error;
            let rest = socket.recv_into(&mut buffer).await.map(|len| buffer[..len].to_vec());
            Found { sending, rest }
        }),
        Face::Blocking => {
            let breaking = Breaking { inner: std_embedded_nal::Stack, broken: &broken };
            let idle = |_: &mut _| thread::sleep(Duration::from_micros(200));
            let mut network =
                blocking::stack::Network::new(breaking, host::Timer, idle, blocking::stack::ZeroRead::Eof);
            let pool = blocking::SocketPool::new(&mut network, &mut memory);
            let mut socket = pool.socket().unwrap();
            socket.set_timeout(Some(PATIENCE));
            socket.connect("localhost", port).unwrap();
            tls.wrap_socket_blocking(&mut socket, "localhost").unwrap();
            embedded_io::Write::flush(&mut socket).unwrap();
            thread::sleep(A_WHILE);
            broken.set(true);
            let sending = socket.send_all(b"?").unwrap_err().error;
            let rest = socket.recv_into(&mut buffer).map(|len| buffer[..len].to_vec());
            Found { sending, rest }
        }
    }
}

/// An alert that waits says better than a broken connection why nothing can be sent; other words that wait can be read.
#[test]
fn the_last_words_of_a_server_that_is_gone_are_read() {
    let error = |phase, kind| Error::new(phase, kind);
    let alert = |number| ErrorKind::Tls(TlsError::PeerAlert(Some(number)));
    let broken = error(Phase::Send, ErrorKind::Io(embedded_io_async::ErrorKind::BrokenPipe));
    let gone = Err(error(Phase::Receive, ErrorKind::NotConnected));
    let cases: Vec<(Vec<Record>, Error, Body)> = vec![
        (vec![inside(ALERT, [2, 116])], error(Phase::Send, alert(116)), gone.clone()),
        (vec![sealed([ticket()]), data(""), inside(ALERT, [2, 48])], error(Phase::Send, alert(48)), gone),
        (vec![data("413"), inside(ALERT, [2, 80])], broken, Ok(b"413".to_vec())),
        (vec![close_notify()], broken, Ok(vec![])),
        (vec![user_canceled(), close_notify()], broken, Ok(vec![])),
        (vec![], broken, Err(error(Phase::Receive, ErrorKind::Truncated))),
    ];
    trusting(|tls| {
        for (words, sending, rest) in cases {
            for face in FACES {
                let mut script = vec![hello(), Step::Send(sealed(good_flight())), Step::ReadFinished];
                script.extend(words.iter().cloned().map(Step::Send));
                script.push(Step::Close);
                let server = Server::start(script);
                let found = send_in_vain(face, &tls(), server.port);
                let right = Found { sending, rest: rest.clone() };
                let words: Vec<_> = words.iter().map(|record| record.kind).collect();
                assert_eq!(found, right, "{face:?}: the server's last records: {words:?}");
            }
        }
    });
}

/// Each alert that a client meets has its name (RFC 8446 §6.2), and what the caller can do something about says what.
#[test]
fn alerts_say_what_to_do() {
    let says = |number| TlsError::PeerAlert(Some(number)).to_string();
    let names = [
        (0, "close_notify"),
        (10, "unexpected_message"),
        (20, "bad_record_mac"),
        (22, "record_overflow"),
        (40, "handshake_failure"),
        (42, "bad_certificate"),
        (43, "unsupported_certificate"),
        (44, "certificate_revoked"),
        (45, "certificate_expired"),
        (46, "certificate_unknown"),
        (47, "illegal_parameter"),
        (48, "unknown_ca"),
        (49, "access_denied"),
        (50, "decode_error"),
        (51, "decrypt_error"),
        (70, "protocol_version"),
        (71, "insufficient_security"),
        (80, "internal_error"),
        (86, "inappropriate_fallback"),
        (90, "user_canceled"),
        (109, "missing_extension"),
        (110, "unsupported_extension"),
        (112, "unrecognized_name"),
        (113, "bad_certificate_status_response"),
        (115, "unknown_psk_identity"),
        (116, "certificate_required"),
        (120, "no_application_protocol"),
    ];
    for (number, name) in names {
        let start = format!("peer-alert: the server sent alert {number} ({name})");
        assert!(says(number).starts_with(&start), "{}", says(number));
    }
    for (number, word) in [
        (116, "client certificate"),
        (48, "client certificate"),
        (70, "TLS 1.3"),
        (40, "P-256"),
        (40, "TLS_AES_128_GCM_SHA256"),
        (40, "ECDSA"),
        (112, "name"),
        (120, "alpn"),
    ] {
        assert!(says(number).split_once("): ").is_some_and(|(_, advice)| advice.contains(word)), "{}", says(number));
    }
    assert_eq!(says(255), "peer-alert: the server sent alert 255");
    assert!(TlsError::NotTls.to_string().contains("http"));
}

//! Handshakes that are refused: the hello, and the flight behind it.

use super::*;

pub fn refused_hello() -> Vec<Case> {
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

pub fn refused_flight() -> Vec<Case> {
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

//! TLS: what is trusted, what is shown, and what outlives the command.

use super::*;

/// With --tickets the next run resumes what the last one saved; a file that is damaged costs full handshakes.
pub fn sessions_outlive_the_command(face: &str) {
    let (authority, other) = (Authority::new("Root"), Authority::new("Other"));
    let [root, other_root, tickets] = ["of.pem", "other.pem", "tickets"].map(|name| scratch(face, name));
    fs::write(&root, authority.pem()).expect("writable");
    fs::write(&other_root, authority.pem() + &other.pem()).expect("writable");
    let _ = fs::remove_file(&tickets);
    let server = Server::start(&authority, "localhost", Validity::Now);
    let url = format!("https://localhost:{}/", server.port);
    let run = |root: &Path| {
        let (root, tickets) = (root.to_str().expect("UTF-8"), tickets.to_str().expect("UTF-8"));
        stats(face, &["--cacert", root, "--tickets", tickets, &url])
    };
    let line = |resumed| {
        format!(
            "handshakes=1 resumed={resumed} retried=0\n\
             connections=1 requests=1 reused=0 writes=1 handshakes=1 resumed={resumed}\n"
        )
    };
    for resumed in [0, 1, 1] {
        assert_eq!(run(&root), line(resumed));
    }
    // Who trusts others too has tickets of their own, in the same file.
    for resumed in [0, 1] {
        assert_eq!(run(&other_root), line(resumed));
    }
    assert_eq!(run(&root), line(1));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(&tickets).expect("there").permissions().mode() & 0o777, 0o600);
    }
    let stored = fs::read(&tickets).expect("there");
    fs::write(&tickets, &stored[..stored.len() - 1]).expect("writable");
    let told = run(&root);
    assert!(told.starts_with("warning: --tickets ") && told.ends_with(&line(0)), "{told}");
    assert_eq!(run(&root), line(1));
    let (_, failed) = expect(face, 2, &["--tickets", env!("CARGO_TARGET_TMPDIR"), &url]);
    assert!(failed.starts_with("error: "), "{failed}");
}

pub fn tls_is_verified(face: &str) {
    let (authority, other) = (Authority::new("Root"), Authority::new("Other"));
    let [root, root_der, bundle] = ["root.pem", "root.der", "bundle.pem"].map(|name| scratch(face, name));
    fs::write(&root, authority.pem()).expect("writable");
    fs::write(&root_der, authority.der()).expect("writable");
    fs::write(&bundle, format!("# two\n{}{}", other.pem(), authority.pem())).expect("writable");
    let [root, root_der, bundle] = [&root, &root_der, &bundle].map(|path| path.to_str().expect("UTF-8"));
    let stranger = scratch(face, "stranger.pem");
    fs::write(&stranger, other.pem()).expect("writable");
    let stranger = stranger.to_str().expect("UTF-8");

    let server = Scripted::tls(authority.server_config("localhost", Validity::Now), answer);
    let url = |path: &str| format!("https://localhost:{}{path}", server.port);
    let trusted: &[&[&str]] = &[
        &["--cacert", root],
        &["--cacert", root_der],
        &["--cacert", bundle],
        &["--cacert", stranger, "--cacert", root],
    ];
    for args in trusted {
        assert_eq!(expect(face, 0, &[args, &[&*url("/")][..]].concat()).0, "hello\n", "{args:?}");
    }
    assert_eq!(expect(face, 0, &["--cacert", root, &url("/large")]).0.len(), 1_100_000);
    let route = format!("localhost:443:127.0.0.1:{}", server.port);
    expect(face, 0, &["--cacert", root, "--resolve", &route, "https://localhost/"]);
    server.take_requests();

    let by_address = format!("https://127.0.0.1:{}/", server.port);
    let other_name = format!("device.test:443:127.0.0.1:{}", server.port);
    let (here, refused): (_, &[&[&str]]) = (
        &*url("/"),
        &[
            &[],
            &["--cacert", stranger],
            &["--cacert", root, &by_address],
            &["--cacert", root, "--resolve", &other_name, "https://device.test/"],
            &["--cacert", root, "--at", "1000000000"],
        ],
    );
    for args in refused {
        let here = if args.iter().any(|arg| arg.starts_with("https:")) { &[][..] } else { &[here] };
        let (_, err) = expect(face, 5, &[args, here].concat());
        assert!(err.starts_with("error: handshake: "), "{err}");
    }
    assert_eq!(server.take_requests(), [""; 0], "not a byte to a server that is not verified");

    let expired = Server::start(&authority, "localhost", Validity::Expired);
    let old_url = format!("https://localhost:{}/", expired.port);
    let (_, err) = expect(face, 5, &["--cacert", root, &old_url]);
    assert!(err.contains("expired"), "{err}");
    expect(face, 0, &["--cacert", root, "--at", "1730000000", &old_url]);

    // Over TLS as without: a body that is cut short, a redirect that leaves TLS.
    let (out, _) = expect(face, 8, &["--cacert", root, &url("/truncated")]);
    assert_eq!(out, "half");
    let plain = Scripted::plain(answer);
    let down = url(&format!("/302?http://localhost:{}/", plain.port));
    let (_, err) = expect(face, 12, &["--cacert", root, &down]);
    assert_eq!(err, "error: head: a redirect from https to http is refused\n");
    assert_eq!(plain.take_requests(), [""; 0]);
    let up = format!("http://localhost:{}/302?{}", plain.port, url("/"));
    assert_eq!(expect(face, 0, &["--cacert", root, &up]).0, "hello\n");
}

pub fn pins_are_checked_besides_the_chain(face: &str) {
    let authority = Authority::new("Root");
    let root = &*file(face, "pins-root.pem", authority.pem());
    let (config, spki) = authority.server_config_and_key("localhost");
    let pin = &Sha256::digest(spki).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let server = Server::with_config(config, None);
    let url = &*format!("https://localhost:{}/", server.port);
    for pins in [&["--pin", pin][..], &["--pin", PIN, "--pin", pin], &["--pin", &pin.to_uppercase()]] {
        expect(face, 0, &[&["--roots", root, url], pins].concat());
    }
    let (_, err) = expect(face, 5, &["--roots", root, "--pin", PIN, url]);
    assert!(err.starts_with("error: handshake: pin-mismatch: "), "{err}");
    for args in [&["--pin", pin, url][..], &["--roots", "mozilla", "--pin", pin, url]] {
        let (_, err) = expect(face, 5, args);
        assert!(err.starts_with("error: handshake: unknown-issuer: "), "{err}");
    }
    expect(face, 0, &["--roots", "mozilla", "--cacert", root, "--pin", pin, url]);
    assert_eq!(server.requests(), 4);
}

pub fn clients_show_who_they_are(face: &str) {
    let (authority, devices) = (Authority::new("Root"), Authority::new("Root of devices"));
    let root = &*file(face, "clients-root.pem", authority.pem());
    let strict = Server::with_config(authority.server_config_for("localhost", &devices, true), None);
    let lenient = Server::with_config(authority.server_config_for("localhost", &devices, false), None);
    let [url, open_url] = [&strict, &lenient].map(|server| format!("https://localhost:{}/", server.port));
    for (name, algorithm) in [("p256", &rcgen::PKCS_ECDSA_P256_SHA256), ("ed25519", &rcgen::PKCS_ED25519)] {
        let pair = KeyPair::generate_for(algorithm).expect("a key");
        let certificate = devices.client_certificate(&pair, 0);
        let cert = &*file(face, &format!("{name}-cert.der"), &certificate);
        let key = &*file(face, &format!("{name}-key.pem"), pair.serialize_pem());
        let key_der = &*file(face, &format!("{name}-key.der"), pair.serialize_der());
        for key in [key, key_der] {
            expect(face, 0, &["--roots", root, "--cert", cert, "--key", key, &url]);
        }
        expect(face, 0, &["--roots", root, "--cert", cert, "--key", key, &open_url]);
    }
    assert_eq!((strict.requests(), lenient.requests()), (4, 2));
    // The key in the certificate's file; and the certificate of an authority that the server does not know.
    let pair = KeyPair::generate().expect("a key");
    let both = |issuer: &Authority| {
        let body = base64(&issuer.client_certificate(&pair, 0));
        format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n{}", pair.serialize_pem())
    };
    let [known, unknown] = [("known", &devices), ("unknown", &authority)]
        .map(|(name, issuer)| file(face, &format!("{name}.pem"), both(issuer)));
    expect(face, 0, &["--roots", root, "--cert", &known, &url]);
    // The server says no once our handshake is over: that may be seen while sending or waiting, or as a closed
    // connection.
    for args in [&["--roots", root, "--cert", &*unknown, &*url][..], &["--roots", root, &*url]] {
        let output = request(face, args);
        assert!(matches!(output.status.code(), Some(5 | 7)), "{output:?}");
    }
    expect(face, 0, &["--roots", root, &open_url]);

    let psk = ["--psk", "a:b:00112233445566778899aabbccddeeff", &*open_url];
    let (_, err) = expect(face, 5, &psk);
    assert!(err.starts_with("error: handshake: psk-refused: "), "{err}");
    assert_eq!((strict.requests(), lenient.requests()), (5, 3));
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let encode = |chunk: &[u8]| {
        let bits = chunk.iter().fold(0, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        let digit = |at| if at <= chunk.len() { DIGITS[(bits >> (18 - 6 * at)) as usize & 63] as char } else { '=' };
        [0, 1, 2, 3].map(digit)
    };
    bytes.chunks(3).flat_map(encode).collect()
}

//! `request` as the desk's window on a device: `-v`, `--explain`, the choice of algorithms and engine, and its help.

use std::collections::BTreeSet;

use super::{Authority, Scripted, Server, Validity, answer, binary, expect, file, request, scratch, stats, text};

both_faces! {
    a_connection_is_told_of,
    algorithms_are_what_was_asked_for,
    the_second_engine_speaks_too,
    each_repeat_has_a_connection_of_its_own,
    a_server_is_explained,
    a_refusal_is_explained,
    plain_http_is_explained,
}

/// A server of an authority that an own root vouches for; its root's file.
fn chained(face: &str, name: &str) -> (Scripted, String) {
    let root = Authority::new("Garden Root");
    let between = root.intermediate("Garden Intermediate");
    let server = Scripted::tls(between.server_config_with_chain("localhost"), answer);
    (server, file(face, name, root.pem()))
}

/// What is on standard error, the milliseconds and days taken out.
fn told(face: &str, exit: i32, args: &[&str]) -> String {
    let output = request(face, args);
    assert_eq!(output.status.code(), Some(exit), "{output:?}");
    text(&output.stderr).to_owned()
}

fn a_connection_is_told_of(face: &str) {
    let (server, root) = chained(face, "verbose-root.pem");
    let url = format!("https://localhost:{}/", server.port);
    let tickets = scratch(face, "verbose-tickets");
    let _ = std::fs::remove_file(&tickets);
    let tickets = tickets.to_str().expect("UTF-8");
    let args = ["-v", "--cacert", &root, "--tickets", tickets, "--repeat", "2", &url];
    let full = told(face, 0, &args);
    let lines: Vec<_> = full.lines().collect();
    assert_eq!(lines[0], format!("* connected to 127.0.0.1:{}", server.port));
    assert!(lines[1].starts_with("* TLS 1.3, TLS_CHACHA20_POLY1305_SHA256, x25519; full handshake in "), "{full}");
    assert_eq!(lines[2], "* ALPN: not offered");
    assert!(lines[3].starts_with("* certificate 1: ") && lines[3].contains(", P-256, "), "{full}");
    assert!(lines[4].starts_with("* certificate 2: Garden Intermediate, P-256, "), "{full}");
    assert!(lines[3..5].iter().all(|line| line.contains(" days left, until ")), "{full}");
    assert_eq!(lines[5], "* root: Garden Root, P-256, not of Mozilla's list");
    assert_eq!(lines[6], "* work: 2.0 signature checks with P-256, besides the server's own signature");
    assert_eq!(lines[7..], [format!("* the connection to localhost port {} is used again", server.port)]);

    let resumed = told(face, 0, &args);
    assert!(resumed.contains("; resumed in ") && resumed.contains("* no certificates were shown\n"), "{resumed}");

    // Of a server that is refused too.
    let refused = told(face, 5, &["-v", &url]);
    assert!(refused.contains("* the handshake failed after ") && refused.contains("\n* certificate 2: "), "{refused}");
    assert!(refused.contains("\n* refused: ") && refused.contains("\nerror: handshake: unknown-issuer: "), "{refused}");

    let plain = Scripted::plain(answer);
    let line = format!("* connected to 127.0.0.1:{}\n", plain.port);
    assert_eq!(told(face, 0, &["-v", &format!("http://127.0.0.1:{}/", plain.port)]), line);
}

fn algorithms_are_what_was_asked_for(face: &str) {
    let authority = Authority::new("Root");
    let root = &*file(face, "algorithms-root.pem", authority.pem());
    let mut config = authority.server_config("localhost", Validity::Now);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let server = Server::with_config(config, None);
    let url = &*format!("https://localhost:{}/", server.port);
    for (args, agreed) in [
        (&["--suites", "aes128"][..], "TLS_AES_128_GCM_SHA256, x25519"),
        (&["--suites", "aes256", "--groups", "p256"], "TLS_AES_256_GCM_SHA384, secp256r1"),
        (&["--groups", "secp256r1,x25519", "--suites", "chacha20"], "TLS_CHACHA20_POLY1305_SHA256, secp256r1"),
    ] {
        let told = told(face, 0, &[&["-v", "--cacert", root, url], args].concat());
        assert!(told.contains(&format!("* TLS 1.3, {agreed}; full handshake in ")), "{told}");
    }
    let told = told(face, 0, &["-v", "--cacert", root, "--alpn", "h2,http/1.1", url]);
    assert!(told.contains("* ALPN: http/1.1\n"), "{told}");
    expect(face, 5, &["--cacert", root, "--alpn", "h2", url]);
}

fn the_second_engine_speaks_too(face: &str) {
    let (server, root) = chained(face, "engine-root.pem");
    let url = format!("https://localhost:{}", server.port);
    let engine = ["--engine", "embedded-tls", "--cacert", &root];
    assert_eq!(expect(face, 0, &[&engine[..], &[&url]].concat()).0, "hello\n");
    assert_eq!(expect(face, 0, &[&engine[..], &[&format!("{url}/large")]].concat()).0.len(), 1_100_000);
    // It keeps nothing, and what it says to take leave is not the requests'.
    let counts = stats(face, &[&engine[..], &["--repeat", "2", &url]].concat());
    assert_eq!(counts, "handshakes=2 resumed=0 retried=0\nconnections=2 requests=2 reused=0 writes=2\n");
    let (_, err) = expect(face, 5, &["--engine", "embedded-tls", &url]);
    assert!(err.starts_with("error: handshake: unknown-issuer: "), "{err}");
    let (_, err) = expect(face, 6, &[&engine[..], &["--timeout", "0.3", &format!("{url}/stall")]].concat());
    assert_eq!(err, "error: head: the deadline passed\n");
    let plain = Scripted::plain(answer);
    let plain_url = format!("http://127.0.0.1:{}/", plain.port);
    let line = "connections=1 requests=2 reused=1 writes=2\n";
    assert_eq!(stats(face, &[&engine[..2], &["--repeat", "2", &plain_url]].concat()), line);
}

fn each_repeat_has_a_connection_of_its_own(face: &str) {
    let (server, root) = chained(face, "keep-root.pem");
    let url = format!("https://localhost:{}/", server.port);
    let counts = stats(face, &["--no-keep-alive", "--repeat", "3", "--cacert", &root, &url]);
    assert_eq!(counts, "handshakes=3 resumed=0 retried=0\nconnections=3 requests=3 reused=0 writes=3\n");
    // The server is told nothing of it.
    assert!(server.take_requests().iter().all(|request| !request.to_ascii_lowercase().contains("connection:")));
    let plain = Scripted::plain(answer);
    let url = format!("http://127.0.0.1:{}/", plain.port);
    let counts = stats(face, &["--no-keep-alive", "--repeat", "2", &url]);
    assert_eq!(counts, "connections=2 requests=2 reused=0 writes=2\n");
}

#[track_caller]
fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
}

fn a_server_is_explained(face: &str) {
    let (server, root) = chained(face, "explain-root.pem");
    let target = format!("localhost:{}", server.port);
    let (out, err) = expect(face, 0, &["--explain", "--cacert", &root, &target]);
    assert_eq!(err, "");
    has(
        &out,
        &[
            &format!("https://{target}/ answered 200\n"),
            "\n  TLS         TLS 1.3, TLS_CHACHA20_POLY1305_SHA256, x25519\n",
            "\n  the next    resumed by a ticket, ",
            "\n  kept        yes: ",
            "\n  2           Garden Intermediate, P-256, ",
            "\n  root        Garden Root, P-256, not of Mozilla's list\n",
            " bytes for this root: Roots::only\n",
            "\n  TLS limits  the defaults suffice: 2 of 16 certificates, 1 of 6 between server and root,\n",
            ", work 20 of 120\n",
            "\n  time        Cortex-M0+ (RP2040, 125 MHz): about ",
            " RISC-V (ESP32-C3, 160 MHz): about ",
            "(estimates, ",
            "\n  clock       a date: ",
            "\n  head        38 bytes, the largest of 3 responses: Resources<SOCKETS, TLS> has 2048, and suffices\n",
            "\n  gzip        not offered for this URL\n",
        ],
    );
    let url = |path: &str| format!("https://{target}{path}");
    let (out, _) = expect(face, 0, &["--cacert", &root, &url("/large-head"), "--explain"]);
    has(&out, &["Resources<SOCKETS, TLS, 3072>\n"]);
    let (out, _) = expect(face, 0, &["--explain", "--cacert", &root, &url("/deflate")]);
    has(&out, &["\n  gzip        not offered for this URL\n  deflate     offered\n"]);
    let (out, _) = expect(face, 0, &["--explain", "--cacert", &root, &url("/302?/")]);
    has(&out, &[" answered 302\n", "\n  redirect    it points to /: "]);
}

fn a_refusal_is_explained(face: &str) {
    let (server, root) = chained(face, "refused-root.pem");
    let target = &*format!("localhost:{}", server.port);
    let explained = |args: &[&str]| {
        let (out, err) = expect(face, 5, &[&["--explain"], args].concat());
        assert!(err.starts_with("error: handshake: "), "{err}");
        has(&out, &[" gave no answer\n", "\nwhat is wrong\n"]);
        out.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let marked = "<-- this one";
    let out = explained(&[target]);
    has(&out, &["2 Garden Intermediate, P-256", marked, "Its issuer Garden Root was not sent, and is not trusted."]);
    let address = &*format!("https://127.0.0.1:{}/", server.port);
    let out = explained(&["--cacert", &root, address]);
    has(&out, &[marked, "It is for localhost, and https://127.0.0.1:", "name-mismatch"]);
    // Another authority of the same name.
    let impostor = Authority::new("Garden Root");
    let out = explained(&["--cacert", &file(face, "refused-impostor.pem", impostor.pem()), target]);
    has(
        &out,
        &["Certificate 2 (Garden Intermediate): bad-signature.", "The root Garden Root that is trusted has another"],
    );

    // A server that does not send what is between it and the root; one whose certificate has ended.
    let authority = Authority::new("Root");
    let root = &*file(face, "refused-other.pem", authority.pem());
    let between = authority.intermediate("Left Out");
    let short = Server::start(&between, "localhost", Validity::Now);
    let out = explained(&["--cacert", root, &format!("localhost:{}", short.port)]);
    has(&out, &["Its issuer Left Out was not sent", "an intermediate that the server has to send"]);
    let expired = Server::start(&authority, "localhost", Validity::Expired);
    let out = explained(&["--cacert", root, &format!("localhost:{}", expired.port)]);
    has(&out, &["days ago, on 2025-01-01 <-- this one", "expired"]);

    // And without certificates.
    let plain = Scripted::plain(answer);
    let out = explained(&[&format!("localhost:{}", plain.port)]);
    has(&out, &[" TLS the handshake failed after ", " handshake: "]);
    assert!(server.take_requests().is_empty() && short.requests() == 0 && expired.requests() == 0);
}

fn plain_http_is_explained(face: &str) {
    let server = Scripted::plain(answer);
    let (out, _) = expect(face, 0, &["--explain", &format!("http://127.0.0.1:{}/", server.port)]);
    has(&out, &["\n  TLS         none: ", "\n  clock       no date\n", "\n  head        38 bytes"]);
    let (out, err) = expect(face, 4, &["--explain", &format!("http://127.0.0.1:{}/", super::closed_port())]);
    has(&out, &[" gave no answer\n", "  connect: connection refused\n"]);
    assert_eq!(err, "error: connect: connection refused\n");
}

/// The help has every option that there is, each at the beginning of its entry, once.
#[test]
fn help_has_every_option_once() {
    let source = include_str!("../../examples/request/options.rs");
    let parser = source.split("match arg {").nth(1).and_then(|rest| rest.split("unknown option").next());
    let parsed: BTreeSet<_> = parser
        .expect("the parser")
        .lines()
        .filter_map(|line| line.trim().strip_prefix('"')?.split_once("\" =>"))
        .map(|(option, _)| option)
        .filter(|option| option.starts_with('-') && *option != "--tls12") // an error, which says that there is none
        .collect();
    assert!(parsed.len() > 40, "{parsed:?}");
    let help = std::process::Command::new(binary()).arg("--help").output().expect("the command runs").stdout;
    // An entry is what stands left of its explanation.
    let entries = text(&help).lines().filter(|line| line.starts_with("  -"));
    let entries = entries.map(|line| line.trim().split("  ").next().unwrap_or_default());
    let words: Vec<_> = entries.flat_map(|entry| entry.split([' ', ',', '['])).filter(|w| w.starts_with('-')).collect();
    let mut shown = BTreeSet::new();
    for (place, word) in words.iter().enumerate() {
        // `-d DATA, -d @FILE` is one entry.
        assert!(shown.insert(*word) || words[place - 1] == *word, "{word} is there twice");
    }
    shown.remove("--help");
    assert_eq!(shown, parsed);
}

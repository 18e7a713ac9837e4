//! The command line of `examples/request.rs`, driven from outside: other tools rely on it.
//!
//! `cargo test` builds the examples first. With `--test request_command` alone it does not: run
//! `cargo build --example request` before.

#[path = "../../examples/request/failure.rs"]
#[allow(dead_code, reason = "only the exit statuses are of interest here")]
mod failure;
mod responses;
mod secure;
#[path = "../support/mod.rs"]
#[allow(dead_code, unused_macros, unused_imports, reason = "each binary uses a part")]
mod support;
mod troubleshooting;
mod usage;

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::Mutex,
    time::{Duration, Instant},
};

use failure::Failure;
use rcgen::KeyPair;
use responses::{
    another_range_than_asked_for_is_said, answers_are_written_out, compressed,
    compressed_bodies_are_decompressed_on_request, events_are_written_as_they_come, limits_say_what_is_needed,
};
use secure::{
    clients_show_who_they_are, pins_are_checked_besides_the_chain, sessions_outlive_the_command, tls_is_verified,
};
use sha2::{Digest, Sha256};
use socketpool::{
    Error, ErrorKind, Limit, Phase, Policy, Resource,
    http::{DecodeError, InflateError, UrlError},
    tls::TlsError,
};
use support::{
    http_server::{Reply, Scripted, closed_port},
    server::{Authority, Server, Validity},
};
use usage::usage_is_checked_before_anything_is_sent;

fn binary() -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test");
    let profile = test.ancestors().nth(2).expect("target/PROFILE/deps/TEST");
    let binary = profile.join("examples").join(format!("request{}", std::env::consts::EXE_SUFFIX));
    assert!(binary.exists(), "{} is missing: run `cargo build --example request`", binary.display());
    binary
}

/// A file that only this face's run uses.
fn scratch(face: &str, name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("request-{face}-{name}"))
}

fn request(face: &str, args: &[&str]) -> Output {
    Command::new(binary()).args(["--face", face]).args(args).output().expect("the command runs")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

/// Runs the command; what it wrote to both streams.
#[track_caller]
fn expect(face: &str, exit: i32, args: &[&str]) -> (String, String) {
    let output = request(face, args);
    let (out, err) = (text(&output.stdout).to_owned(), text(&output.stderr).to_owned());
    assert_eq!(output.status.code(), Some(exit), "{face} {args:?}\nstdout: {out}\nstderr: {err}");
    if exit == 0 {
        assert!(!err.contains("error"), "{face} {args:?}: {err}");
    } else {
        let lines: Vec<_> = err.lines().collect();
        assert!(matches!(lines[..], [line] if line.starts_with("error: ")), "{face} {args:?}: {err}");
    }
    (out, err)
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// What the servers answer, by path. `/30x?URL` redirects to the URL.
fn answer(request: &str) -> Reply {
    let target = request.split(' ').nth(1).expect("a request line");
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Reply::Keep(match path {
        "/" => ok("hello\n"),
        "/echo" => ok(request),
        "/fields" => "HTTP/1.1 201 Made Up\r\nX-One: 1\r\nX-Two:  2 \r\nContent-Length: 4\r\n\r\nbody".into(),
        "/part" if query.is_empty() => "HTTP/1.1 206 Part\r\nContent-Length: 0\r\n\r\n".into(),
        "/part" => format!("HTTP/1.1 206 Part\r\nContent-Range: bytes {query}\r\nContent-Length: 0\r\n\r\n"),
        "/404" => "HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nlost\n".into(),
        "/204" => "HTTP/1.1 204 No Content\r\n\r\n".into(),
        "/chunked" => {
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4;x\r\ndefg\r\n0\r\n\r\n".into()
        }
        "/301" | "/302" | "/303" | "/307" | "/308" => {
            format!("HTTP/1.1 {} Elsewhere\r\nLocation: {query}\r\nContent-Length: 2\r\n\r\nno", &path[1..])
        }
        "/loop" => "HTTP/1.1 302 Found\r\nLocation: /loop\r\nContent-Length: 0\r\n\r\n".into(),
        "/large" => ok(&"large body\n".repeat(100_000)),
        "/large-head" => {
            let field = "x".repeat(1000);
            format!("HTTP/1.1 200 OK\r\nA: {field}\r\nB: {field}\r\nC: {field}\r\nContent-Length: 2\r\n\r\nok")
        }
        "/hang-up" => return Reply::Close(ok("bye\n")),
        "/until-close" => return Reply::Close("HTTP/1.1 200 OK\r\n\r\nto the end".into()),
        "/nothing" => return Reply::Close(String::new()),
        "/half-head" => return Reply::Close("HTTP/1.1 200 OK\r\nContent-".into()),
        "/malformed" => return Reply::Close("220 mail.example ESMTP\r\n".into()),
        "/two-lengths" => "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab".into(),
        "/bad-chunk" => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\nzz\r\n".into(),
        "/truncated" => return Reply::Close("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf".into()),
        "/truncated-chunk" => {
            return Reply::Close("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf".into());
        }
        "/digest" if request.contains("\r\nAuthorization: Digest username=\"u\", realm=\"r\", ") => ok(request),
        "/digest" => "HTTP/1.1 401 Who?\r\nWWW-Authenticate: Digest realm=r, nonce=n, qop=auth, algorithm=SHA-256\r\n\
            Content-Length: 4\r\n\r\nwho?"
            .into(),
        // Busy when asked for the first time with this query.
        "/busy" => {
            static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());
            let mut seen = SEEN.lock().expect("not poisoned");
            if seen.iter().any(|seen| seen == query) {
                ok("at last")
            } else {
                seen.push(query.to_owned());
                "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy".into()
            }
        }
        "/gzip" | "/deflate" | "/damaged" | "/cut" => return compressed(path),
        "/br" => "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 2\r\n\r\nxx".into(),
        "/events" => {
            let events = ": hello\n\ndata: one\nid: 1\n\nevent: x\ndata: two\ndata: lines\n\ndata: unfinished";
            return Reply::Close(format!("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n{events}"));
        }
        "/events-cut" => {
            return Reply::Close("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\ndata: one\n\ndata: t".into());
        }
        "/stall" => return Reply::Stall(String::new()),
        "/stall-in-body" => return Reply::Stall("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf".into()),
        _ => panic!("no such path: {path}"),
    })
}

/// A file for one run, as an argument.
fn file(face: &str, name: &str, contents: impl AsRef<[u8]>) -> String {
    let path = scratch(face, name);
    fs::write(&path, contents).expect("writable");
    path.to_str().expect("UTF-8").to_owned()
}

/// Each test through both faces.
macro_rules! both_faces {
    ($($name:ident,)*) => {
        mod asynchronous { $(#[test] fn $name() { super::$name("async"); })* }
        mod blocking { $(#[test] fn $name() { super::$name("blocking"); })* }
    };
}

mod window;

both_faces! {
    answers_are_written_out,
    requests_are_what_was_asked_for,
    files_are_sent_while_they_are_read,
    what_failed_for_a_while_is_tried_again,
    usage_is_checked_before_anything_is_sent,
    failures_have_their_exit_status,
    limits_say_what_is_needed,
    another_range_than_asked_for_is_said,
    redirects_are_followed_with_care,
    routes_lead_elsewhere,
    one_connection_serves_all,
    sessions_outlive_the_command,
    compressed_bodies_are_decompressed_on_request,
    events_are_written_as_they_come,
    tls_is_verified,
    pins_are_checked_besides_the_chain,
    clients_show_who_they_are,
    a_reader_that_leaves_is_no_panic,
}

fn requests_are_what_was_asked_for(face: &str) {
    let server = Scripted::plain(answer);
    let url = format!("http://127.0.0.1:{}/echo", server.port);
    let file = scratch(face, "data");
    fs::write(&file, "from\na file\n").expect("writable");
    let from_file = format!("@{}", file.display());

    let cases: &[(&[&str], &[&str])] = &[
        (&[], &["GET /echo HTTP/1.1\r\n", "\r\nUser-Agent: socketpool/", "\r\nAccept: */*\r\n"]),
        (&["-X", "DELETE"], &["DELETE /echo HTTP/1.1\r\n"]),
        (&["-X", "PURGE"], &["PURGE /echo HTTP/1.1\r\n"]),
        (&["-H", "X-A: 1", "-H", "X-B:2", "-H", "user-agent: mine"], &["\r\nX-A: 1\r\nX-B: 2\r\nuser-agent: mine\r\n"]),
        (&["-d", "a=b"], &["POST /echo ", "\r\nContent-Length: 3\r\n", "\r\n\r\na=b"]),
        (&["-d", ""], &["POST /echo ", "\r\nContent-Length: 0\r\n"]),
        (&["-d", "a=b", "-X", "PUT"], &["PUT /echo ", "\r\n\r\na=b"]),
        (&["-d", &from_file], &["POST /echo ", "\r\nContent-Length: 12\r\n", "\r\n\r\nfrom\na file\n"]),
        (&["--json", "{\"a\":[1]}"], &["POST ", "\r\nContent-Type: application/json\r\n", "\r\n\r\n{\"a\":[1]}"]),
        (&["--json", "1", "-H", "Content-Type: application/x"], &["\r\nContent-Type: application/x\r\n"]),
        (
            &["--form", "name=Ada L.", "--form", "sum=1+1=2"],
            &["POST ", "\r\nContent-Type: application/x-www-form-urlencoded\r\n", "\r\n\r\nname=Ada+L.&sum=1%2B1%3D2"],
        ),
        (&["--query", "q=a b", "--query", "r=&"], &["GET /echo?q=a%20b&r=%26 HTTP/1.1\r\n"]),
        (&["--user", "Aladdin:open sesame"], &["\r\nAuthorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"]),
        (&["--range", "5-9"], &["\r\nRange: bytes=5-9\r\n"]),
        (&["--range", "5-"], &["\r\nRange: bytes=5-\r\n"]),
        (&["--bearer", "t0ken"], &["\r\nAuthorization: Bearer t0ken\r\n"]),
        (&["--bearer", "t", "-H", "Authorization: x", "--user", "a:"], &["\r\nAuthorization: Basic YTo=\r\n"]),
    ];
    for (args, expected) in cases {
        let (echo, _) = expect(face, 0, &[args, &[&*url][..]].concat());
        for part in *expected {
            assert!(echo.contains(part), "{face} {args:?}: {part:?} in {echo}");
        }
        assert!(echo.matches("uthorization:").count() <= 1 && echo.matches("ontent-Type:").count() <= 1, "{echo}");
    }
}

fn files_are_sent_while_they_are_read(face: &str) {
    let server = Scripted::plain(answer);
    let url = |path: &str| format!("http://127.0.0.1:{}{path}", server.port);
    let file = scratch(face, "upload.txt");
    let lines = "a line of a file\n".repeat(2000);
    fs::write(&file, &lines).expect("writable");
    let path = file.to_str().expect("UTF-8");

    // With room for far less than the file.
    let rx = ["--rx", "2000"];
    let small = |args: &[&str]| expect(face, 0, &[&rx[..], args].concat()).0;
    let echo = small(&["--upload", path, &url("/echo")]);
    assert!(echo.starts_with("PUT /echo ") && echo.contains("\r\nContent-Length: 34000\r\n"), "{echo}");
    assert!(echo.ends_with(&format!("\r\n\r\n{lines}")));
    let echo = small(&["--upload", path, "-X", "POST", "-H", "Content-Type: text/plain", &url("/307?/echo")]);
    assert!(echo.starts_with("POST ") && echo.contains("\r\nContent-Type: text/plain\r\n") && echo.ends_with(&lines));

    let mut command = Command::new(binary());
    command.args(["--face", face, "--upload", "-", &url("/echo")]).stdin(fs::File::open(&file).expect("readable"));
    let output = command.output().expect("the command runs");
    let echo = text(&output.stdout);
    assert!(echo.contains("\r\nTransfer-Encoding: chunked\r\n") && echo.ends_with(&lines), "{echo}");
    // Standard input cannot go back.
    let mut command = Command::new(binary());
    command.args(["--face", face, "--upload", "-", &url("/307?/echo")]).stdin(fs::File::open(&file).expect("readable"));
    assert_eq!(command.output().expect("the command runs").status.code(), Some(12));

    let part = format!("log=@{path};type=text/plain");
    let echo = small(&["--multipart", "place=front \"door\"", "--multipart", &part, &url("/307?/echo")]);
    let (head, body) = echo.split_once("\r\n\r\n").expect("a head");
    let boundary = head.split_once("boundary=").and_then(|(_, rest)| rest.lines().next()).expect("a boundary");
    assert!(head.starts_with("POST ") && head.contains(&format!("\r\nContent-Length: {}", body.len())), "{head}");
    let name = file.file_name().and_then(|name| name.to_str()).expect("UTF-8");
    let wanted = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"place\"\r\n\r\nfront \"door\"\r\n\
         --{boundary}\r\nContent-Disposition: form-data; name=\"log\"; filename=\"{name}\"\r\n\
         Content-Type: text/plain\r\n\r\n{lines}\r\n--{boundary}--\r\n"
    );
    assert_eq!(body, wanted);

    let echo = small(&["--digest", "u:p", "--upload", path, &url("/digest")]);
    assert!(echo.contains(", response=\"") && echo.ends_with(&lines), "{echo}");
    assert_eq!(small(&["--digest", "other:p", &url("/digest")]), "who?");
}

fn what_failed_for_a_while_is_tried_again(face: &str) {
    let server = Scripted::plain(answer);
    let url = format!("http://127.0.0.1:{}/busy?{face}", server.port);
    assert_eq!(expect(face, 0, &[&url, "--retry", "2"]).0, "at last");
    assert_eq!(server.take_requests().len(), 2);
    let url = format!("http://127.0.0.1:{}/busy?{face}-once", server.port);
    assert_eq!(expect(face, 0, &[&url, "--retry", "1"]).0, "busy");
    expect(face, 4, &["--retry", "2", &format!("http://127.0.0.1:{}/", closed_port())]);
}

const CERT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pki/identity/p256.der");
const KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pki/identity/p256.key.pem");
const OTHER_KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pki/identity/ed25519.key.pem");
const PIN: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn failures_have_their_exit_status(face: &str) {
    let server = Scripted::plain(answer);
    let url = |path: &str| format!("http://127.0.0.1:{}{path}", server.port);

    // A label longer than the name system allows: nobody needs to be asked.
    let nowhere = format!("http://{}.invalid/", "x".repeat(64));
    let (_, err) = expect(face, 3, &[&nowhere]);
    assert!(err.starts_with("error: resolve: "), "{err}");
    let (_, err) = expect(face, 4, &[&format!("http://127.0.0.1:{}/", closed_port())]);
    assert_eq!(err, "error: connect: connection refused\n");
    let (_, err) = expect(face, 5, &[&format!("https://127.0.0.1:{}/", server.port)]);
    assert!(err.starts_with("error: handshake: "), "{err}");

    let start = Instant::now();
    for (args, phase, body) in [
        ([&*url("/stall"), "--timeout", "0.3"], "head", ""),
        ([&*url("/stall-in-body"), "--timeout", "0.3"], "body", "half"),
    ] {
        let (out, err) = expect(face, 6, &args);
        assert_eq!((&*out, err), (body, format!("error: {phase}: the deadline passed\n")));
    }
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let silent_url = format!("https://127.0.0.1:{}/", silent.local_addr().expect("bound").port());
    let (_, err) = expect(face, 6, &["--timeout", "0.3", &silent_url]);
    assert_eq!(err, "error: handshake: the deadline passed\n");
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());

    for path in ["/nothing", "/half-head", "/malformed", "/two-lengths", "/bad-chunk"] {
        expect(face, 7, &[&url(path)]);
    }
    for path in ["/truncated", "/truncated-chunk"] {
        let (out, err) = expect(face, 8, &[&url(path)]);
        assert_eq!((&*out, &*err), ("half", "error: body: the connection ended before the message did\n"));
    }
}

fn redirects_are_followed_with_care(face: &str) {
    let (here, there) = (Scripted::plain(answer), Scripted::plain(answer));
    let url = |path: &str| format!("http://127.0.0.1:{}{path}", here.port);
    let elsewhere = format!("http://localhost:{}/echo", there.port);

    let (echo, _) = expect(face, 0, &["--bearer", "secret", &url("/302?/echo?x=1")]);
    assert!(echo.starts_with("GET /echo?x=1 ") && echo.contains("\r\nAuthorization: Bearer secret\r\n"), "{echo}");
    let (echo, _) = expect(face, 0, &["--user", "u:secret", "-H", "Cookie: c", &url(&format!("/302?{elsewhere}"))]);
    let host = format!("\r\nHost: localhost:{}\r\n", there.port);
    assert!(echo.contains(&host) && !echo.contains("Authorization") && !echo.contains("Cookie"), "{echo}");

    for (status, method) in [(301, "GET"), (302, "GET"), (303, "GET"), (307, "POST"), (308, "POST")] {
        let (echo, _) = expect(face, 0, &["--json", "[7]", &url(&format!("/{status}?/echo"))]);
        assert!(echo.starts_with(&format!("{method} /echo ")), "{status}: {echo}");
        assert_eq!(echo.ends_with("\r\n\r\n[7]"), method == "POST", "{status}: {echo}");
        assert_eq!(echo.contains("Content-Type"), method == "POST", "{status}: {echo}");
    }
    let (echo, _) = expect(face, 0, &["-X", "PUT", "--form", "a=1", &url("/307?/echo")]);
    assert!(echo.starts_with("PUT ") && echo.ends_with("\r\n\r\na=1"), "{echo}");

    here.take_requests();
    expect(face, 10, &[&url("/loop")]);
    assert_eq!(here.take_requests().len(), 11, "10 are followed unless told otherwise");
    expect(face, 10, &["--max-redirects", "2", &url("/loop")]);
    assert_eq!(here.take_requests().len(), 3);
    expect(face, 10, &["--max-redirects", "0", &url("/302?/")]);
    expect(face, 0, &["--max-redirects", "1", &url("/302?/")]);
    expect(face, 12, &[&url("/302?ftp://127.0.0.1/")]);
    expect(face, 7, &[&url("/302?http://[/")]);
}

fn routes_lead_elsewhere(face: &str) {
    let server = Scripted::plain(answer);
    let port = server.port;
    let route = format!("Printer.test:80:127.0.0.1:{port}");
    let (echo, _) = expect(face, 0, &["--resolve", &route, "http://printer.test/echo"]);
    assert!(echo.contains("\r\nHost: printer.test\r\n"), "{echo}");
    let same_port = format!("printer.test:{port}:127.0.0.1");
    let other = format!("other.test:1:127.0.0.1:{}", closed_port());
    let url = format!("http://printer.test:{port}/302?http://printer.test/echo");
    expect(face, 0, &["--resolve", &other, "--resolve", &same_port, "--resolve", &route, &url]);
    expect(face, 4, &["--resolve", &other, "http://other.test:1/"]);
    // A route for one port says nothing of another.
    let nowhere = format!("{}.invalid", "x".repeat(64));
    let (_, err) = expect(face, 3, &["--resolve", &format!("{nowhere}:81:127.0.0.1"), &format!("http://{nowhere}/")]);
    assert!(err.starts_with("error: resolve: "), "{err}");

    // Where this host has IPv6.
    if let Ok(listener) = TcpListener::bind("[::1]:0") {
        let server = Scripted::start(listener, None, answer);
        let port = server.port;
        for (route, url) in [
            (format!("six.test:80:[::1]:{port}"), "http://six.test/".to_owned()),
            (format!("six.test:{port}:[::1]"), format!("http://six.test:{port}/")),
            (format!("six.test:{port}:::1"), format!("http://six.test:{port}/")),
        ] {
            assert_eq!(expect(face, 0, &["--resolve", &route, &url]).0, "hello\n");
        }
        assert_eq!(expect(face, 0, &[&format!("http://[::1]:{port}/")]).0, "hello\n");
    }
}

/// The counts of `--stats`.
fn stats(face: &str, args: &[&str]) -> String {
    let output = request(face, &[&["--stats"], args].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stderr).to_owned()
}

fn one_connection_serves_all(face: &str) {
    let plain = Scripted::plain(answer);
    let url = |path: &str| format!("http://127.0.0.1:{}{path}", plain.port);
    let line = "connections=1 requests=20 reused=19 writes=20\n";
    assert_eq!(stats(face, &["--repeat", "20", &url("/")]), line);
    assert_eq!(stats(face, &["--repeat", "20", "--json", "[1,2]", &url("/echo")]), line);
    assert_eq!(stats(face, &["--repeat", "10", &url("/302?/chunked")]), line);
    let (two, one) = ("connections=2 requests=2 reused=0 writes=2\n", "connections=1 requests=1 reused=0 writes=1\n");
    assert_eq!(stats(face, &["--repeat", "2", &url("/until-close")]), two);
    assert_eq!(stats(face, &["--repeat", "2", "-H", "Connection: close", &url("/")]), two);
    assert_eq!(stats(face, &["-d", "x", &url("/echo")]), one);

    // A server that hangs up unannounced, perhaps just as the next request is on its way.
    assert_eq!(expect(face, 0, &["--repeat", "9", &url("/hang-up")]).0, "bye\n".repeat(9));

    let authority = Authority::new("Root of all");
    let root = scratch(face, "stats.pem");
    fs::write(&root, authority.pem()).expect("writable");
    let server = Server::start(&authority, "localhost", Validity::Now);
    let url = format!("https://localhost:{}/", server.port);
    let args = ["--cacert", root.to_str().expect("UTF-8"), "--repeat", "20", "--json", "{\"n\":1}", &url];
    assert_eq!(stats(face, &args), format!("handshakes=1 resumed=0 retried=0\n{line}"));
    assert_eq!((server.connections(), server.requests()), (1, 20));

    // After a failure too, the counts come last.
    let output = request(face, &["--stats", &url]);
    let err = text(&output.stderr).lines().collect::<Vec<_>>();
    assert!(err[0].starts_with("error: handshake: ") && output.status.code() == Some(5), "{err:?}");
    assert_eq!(err[1..], ["connections=1 requests=0 reused=0 writes=0"]);
}

fn a_reader_that_leaves_is_no_panic(face: &str) {
    let server = Scripted::plain(answer);
    let url = format!("http://127.0.0.1:{}/large", server.port);
    let mut command = Command::new(binary());
    command.args(["--face", face, &url]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the command runs");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    let err = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert!(err.starts_with("error: output: ") && err.lines().count() == 1, "{err}");
}

/// Every cause has its exit status, also those that no peer can provoke in this command.
#[test]
fn exit_statuses() {
    let too_large = ErrorKind::TooLarge { what: Limit::ResponseHead, need: Some(2), have: 1 };
    let reset = ErrorKind::Io(embedded_io_async::ErrorKind::ConnectionReset);
    let cases = [
        (Phase::Setup, ErrorKind::Url(UrlError::EmptyHost), 2),
        (Phase::Setup, too_large, 9),
        (Phase::Setup, ErrorKind::Exhausted(Resource::Sockets), 11),
        (Phase::Setup, ErrorKind::Exhausted(Resource::TlsSessions), 11),
        (Phase::Setup, ErrorKind::Policy(Policy::NoTlsContext), 12),
        (Phase::Resolve, ErrorKind::NoSuchName, 3),
        (Phase::Resolve, ErrorKind::Timeout, 6),
        (Phase::Connect, reset, 4),
        (Phase::Connect, ErrorKind::Timeout, 6),
        (Phase::Handshake, reset, 5),
        (Phase::Handshake, ErrorKind::Tls(TlsError::TimeUnknown), 5),
        (Phase::Handshake, ErrorKind::Timeout, 6),
        (Phase::Send, reset, 7),
        (Phase::Head, reset, 7),
        (Phase::Head, ErrorKind::Truncated, 7),
        (Phase::Head, ErrorKind::Malformed(DecodeError::NotHttp), 7),
        (Phase::Head, ErrorKind::TooManyRedirects, 10),
        (Phase::Head, ErrorKind::Policy(Policy::Downgrade), 12),
        (Phase::Body, reset, 8),
        (Phase::Body, ErrorKind::Inflate(InflateError::Checksum), 7),
        (Phase::Body, ErrorKind::Truncated, 8),
        (Phase::Body, ErrorKind::Malformed(DecodeError::InvalidChunkSize), 7),
        (Phase::Body, ErrorKind::Tls(TlsError::BadRecordMac), 5),
    ];
    for (phase, kind, status) in cases {
        let failure = Failure::from(Error::new(phase, kind));
        assert_eq!(failure.exit_status(), status, "{failure}");
    }
    assert_eq!(Failure::Usage(String::new()).exit_status(), 2);
}

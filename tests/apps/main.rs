//! The apps of the example boards, on a desk: over the scripted network, and over loopback with a real TLS server.

#[path = "../support/mod.rs"]
#[allow(dead_code, unused_macros, unused_imports, reason = "each binary uses a part")]
mod support;

use std::{
    sync::{LazyLock, Mutex, MutexGuard},
    time::Duration,
};

use socketpool::{
    Resources, SocketPool,
    mock::{MockTls, Peer, Script, Step, block_on},
    tls::{RELEASE_DATE, Roots, TlsContext, WallClock, roots::trust_anchor_from_der},
};
use socketpool_apps::{Schedule, Tally, clock, download, telemetry, weather, web_server};
use support::server::{Authority, Server, Validity};

// --- the log ----------------------------------------------------------------------------------------------------------

/// What the apps logged, as one text; one test at a time reads it.
struct Log(Mutex<String>);

static LOG: Log = Log(Mutex::new(String::new()));

impl log::Log for Log {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.target().starts_with("socketpool_apps")
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            let mut text = self.0.lock().expect("nobody panicked");
            *text += &format!("{} {}\n", record.level(), record.args());
        }
    }

    fn flush(&self) {}
}

/// Runs an app alone, and gives what it made of its rounds and what it logged.
fn logged(app: impl FnOnce() -> Tally) -> (Tally, String) {
    static TURN: LazyLock<Mutex<()>> = LazyLock::new(|| {
        log::set_logger(&LOG).expect("the first logger");
        log::set_max_level(log::LevelFilter::Info);
        Mutex::default()
    });
    let _turn: MutexGuard<'_, ()> = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    LOG.0.lock().expect("nobody panicked").clear();
    let tally = app();
    (tally, LOG.0.lock().expect("nobody panicked").clone())
}

/// One round after the other. The random numbers are as high as can be, so waits are as long as can be.
fn rounds(rounds: u32) -> Schedule<'static> {
    Schedule::every(Duration::from_secs(60), &|| u32::MAX).rounds(rounds)
}

const fn tally(done: u32, failed: u32) -> Tally {
    Tally { done, failed }
}

/// Runs an app over a script, in a pool of two sockets, and sees to it that nothing is left in use.
macro_rules! over {
    ($script:expr, |$pool:ident| $app:expr) => {
        logged(|| {
            let (mut network, mut memory) = ($script.network(), Resources::<2>::new());
            let $pool = SocketPool::new(&mut network, &mut memory);
            let tally = block_on($app);
            assert_eq!($pool.counts().in_use, 0, "a slot leaked");
            tally
        })
    };
}

mod sensor;
mod update;

// --- weather ----------------------------------------------------------------------------------------------------------

const URL: &str = "https://api.test/json";
const WEATHER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{\"celsius\":12.5}";
const CUT: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{\"cels";
const ASKED: Step<'_> = Step::Receive(b"\r\n\r\n");

#[test]
fn weather_asks_twice_on_one_connection() {
    let steps = [ASKED, Step::Send(WEATHER), ASKED, Step::Send(WEATHER)];
    let peers = [Peer::new("api.test", 443, &steps)];
    let script = Script::new(&peers);
    let (outcome, log) = over!(script, |pool| weather::run(&pool, &MockTls, URL, rounds(1)));
    assert_eq!(outcome, tally(1, 0));
    assert_eq!(log, "INFO weather: Utrecht has 12.5 degrees\nINFO weather: Den Haag has 12.5 degrees\n");
    assert_eq!(script.connections(), 1);
}

#[test]
fn weather_says_why_it_failed_and_goes_on() {
    let well: &[Step<'_>] = &[ASKED, Step::Send(WEATHER), ASKED, Step::Send(WEATHER)];
    let cases: &[(Peer<'_>, &str)] = &[
        (Peer::refusing("api.test", 443), "connect: connection refused"),
        (Peer::new("api.test", 443, &[ASKED, Step::Stall]), "head: the deadline passed"),
        (Peer::new("api.test", 443, &[ASKED, Step::Send(CUT), Step::Stall]), "body: the deadline passed"),
        (
            Peer::new("api.test", 443, &[ASKED, Step::Send(CUT), Step::Close]),
            "body: the connection ended before the message did",
        ),
        (Peer::new("api.test", 443, &[ASKED, Step::Send(b"ICY 200\r\n\r\n")]), "head: "),
        (
            Peer::new(
                "api.test",
                443,
                &[ASKED, Step::Send(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"), Step::Close],
            ),
            "head: the server answered 404",
        ),
        (
            Peer::new(
                "api.test",
                443,
                &[ASKED, Step::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"), Step::Close],
            ),
            "body: ",
        ),
    ];
    for (peer, why) in cases {
        let peers = [*peer, *peer, Peer::new("api.test", 443, well)];
        let script = Script::new(&peers);
        let (outcome, log) = over!(script, |pool| weather::run(&pool, &MockTls, URL, rounds(3)));
        assert_eq!(outcome, tally(1, 2), "{why}: {log}");
        let failures: Vec<_> = log.lines().filter(|line| line.starts_with("WARN")).collect();
        assert_eq!(failures.len(), 2, "one line for each failure: {log}");
        assert!(failures[0].starts_with(&format!("WARN weather failed: {why}")), "{log}");
        assert!(failures[0].ends_with("; again in 1000 ms") && failures[1].ends_with("; again in 2000 ms"), "{log}");
    }
}

#[test]
fn weather_says_that_a_name_is_unknown() {
    let script = Script::new(&[]);
    let (outcome, log) = over!(script, |pool| weather::run(&pool, &MockTls, URL, rounds(2)));
    assert_eq!(outcome, tally(0, 2));
    assert!(log.starts_with("WARN weather failed: resolve: "), "{log}");
}

// --- telemetry --------------------------------------------------------------------------------------------------------

#[test]
fn telemetry_sends_the_next_time_what_it_could_not() {
    let taken = b"HTTP/1.1 204 No Content\r\n\r\n";
    let refused = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
    let steps = [ASKED, Step::Send(refused), ASKED, Step::Send(taken)];
    let peers = [Peer::new("api.test", 443, &steps)];
    let script = Script::new(&peers);
    let mut celsius = 20.0;
    let sensor = || {
        celsius += 0.5;
        celsius
    };
    let (outcome, log) = over!(script, |pool| telemetry::run(&pool, &MockTls, URL, sensor, rounds(2)));
    assert_eq!(outcome, tally(1, 1));
    assert!(log.starts_with("WARN telemetry failed: head: the server answered 400"), "{log}");
    assert!(log.ends_with("INFO telemetry: 2 readings up to number 2, status 204\n"), "{log}");
    let sent = script.sent();
    assert!(sent.ends_with(br#"[{"number":1,"celsius":20.5},{"number":2,"celsius":21.0}]"#));
}

#[test]
fn telemetry_tries_again_when_the_server_is_busy() {
    let busy = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
    let taken = b"HTTP/1.1 204 No Content\r\n\r\n";
    let steps = [ASKED, Step::Send(busy), ASKED, Step::Send(taken)];
    let peers = [Peer::new("api.test", 443, &steps)];
    let script = Script::new(&peers);
    let (outcome, log) = over!(script, |pool| telemetry::run(&pool, &MockTls, URL, || 20.0, rounds(1)));
    assert_eq!(outcome, tally(1, 0), "{log}");
}

#[test]
fn telemetry_keeps_the_latest_readings_for_as_long_as_it_takes() {
    let script = Script::new(&[]);
    let rounds = rounds(3 * telemetry::KEPT as u32);
    let (outcome, log) = over!(script, |pool| telemetry::run(&pool, &MockTls, URL, || 20.0, rounds));
    assert_eq!(outcome, tally(0, 3 * telemetry::KEPT as u32), "{log}");
}

// --- download ---------------------------------------------------------------------------------------------------------

#[test]
fn download_hashes_and_shows_how_far_it_is() {
    // SHA-256 of a million times "a" (FIPS 180-4, the third example of its companion pages).
    let mut answer = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n".to_vec();
    answer.extend_from_slice(&[b'a'; 1_000_000]);
    let steps = [ASKED, Step::Send(&answer)];
    let peers = [Peer::new("api.test", 443, &steps)];
    let script = Script::new(&peers);
    let (outcome, log) = over!(script, |pool| download::run(&pool, &MockTls, URL, rounds(1)));
    assert_eq!(outcome, tally(1, 0), "{log}");
    let hash = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";
    assert!(log.ends_with(&format!("INFO download: 1000000 bytes, SHA-256 {hash}\n")), "{log}");
    assert_eq!(log.lines().count(), 21);
    assert!(log.contains("INFO download: [##########..........] "), "{log}");
}

#[test]
fn a_download_that_is_cut_short_is_no_download() {
    let cut = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf";
    let steps = [ASKED, Step::Send(cut), Step::Close];
    let peers = [Peer::new("api.test", 443, &steps)];
    let script = Script::new(&peers);
    let (outcome, log) = over!(script, |pool| download::run(&pool, &MockTls, URL, rounds(1)));
    assert_eq!(outcome, tally(0, 1));
    assert!(log.starts_with("WARN download failed: body: the connection ended before the message did"), "{log}");
}

// --- clock ------------------------------------------------------------------------------------------------------------

/// What a time server says to a request with these random bits.
fn time_answer(seconds: u64) -> [u8; 48] {
    let mut answer = [0; 48];
    (answer[0], answer[1]) = (0x24, 2);
    answer[24..32].copy_from_slice(b"guess me");
    answer[40..44].copy_from_slice(&((seconds + 2_208_988_800) as u32).to_be_bytes());
    answer
}

#[test]
fn clock_tells_the_date_of_two_servers() {
    let answer = time_answer(RELEASE_DATE + 100 * 86_400 + 3_723);
    let steps = [Step::Receive(&[0x23]), Step::Send(&answer)];
    let nothing = b"HTTP/1.1 204 No Content\r\n\r\n";
    let web = [ASKED, Step::Send(nothing)];
    let peers =
        [Peer::udp("one.test", 123, &steps), Peer::udp("two.test", 123, &steps), Peer::new("api.test", 443, &web)];
    let script = Script::new(&peers);
    let network = script.network();
    let wall = WallClock::new(&network);
    let servers = ["one.test", "two.test"];
    let random = &mut |bytes: &mut [u8]| bytes.copy_from_slice(b"guess me");
    let (outcome, log) = over!(script, |pool| clock::run(&pool, &MockTls, &wall, servers, URL, random, rounds(1)));
    assert_eq!(outcome, tally(1, 0), "{log}");
    let status = "INFO clock: certificates can be checked; status 204 from a server that proved who it is\n";
    assert_eq!(log, format!("INFO clock: 2027-02-09 01:02:03 UTC\n{status}"));
}

#[test]
fn clock_says_which_server_is_silent_and_asks_again() {
    let peers = [Peer::udp("one.test", 123, &[Step::Stall])];
    let script = Script::new(&peers);
    let network = script.network();
    let wall = WallClock::new(&network);
    let servers = ["one.test", "two.test"];
    let random = &mut |bytes: &mut [u8]| bytes.copy_from_slice(b"guess me");
    let (outcome, log) = over!(script, |pool| clock::run(&pool, &MockTls, &wall, servers, URL, random, rounds(2)));
    assert_eq!(outcome, tally(0, 2), "{log}");
    assert!(log.starts_with("WARN clock failed: receive: the deadline passed; again in "), "{log}");
}

// --- web server -------------------------------------------------------------------------------------------------------

#[test]
fn web_server_answers_and_survives_its_clients() {
    let asks: &[Step<'_>] = &[Step::Send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"), Step::Receive(b"}"), Step::Close];
    let long = [b'x'; 2000];
    let clients: &[&[Step<'_>]] = &[
        asks,
        &[Step::Send(b"GET /nothing HTTP/1.1\r\n\r\n"), Step::Receive(b"\r\n\r\n"), Step::Close],
        &[Step::Send(b"POST / HTTP/1.1\r\n\r\n"), Step::Receive(b"\r\n\r\n"), Step::Close],
        &[Step::Send(&long), Step::Receive(b"\r\n\r\n"), Step::Close],
        &[Step::Send(b"GET / HT"), Step::Stall],
        &[Step::Send(b"GET / HT"), Step::Reset],
        &[Step::Close],
        asks,
    ];
    let peers: Vec<_> = clients.iter().map(|steps| Peer::client("client.test", 80, steps)).collect();
    let script = Script::new(&peers);
    let (outcome, log) = over!(script, |pool| web_server::run(&pool, 80, "desk", rounds(clients.len() as u32)));
    assert_eq!(outcome, tally(clients.len() as u32, 0), "{log}");
    let statuses: Vec<_> = log.lines().filter_map(|line| line.split("status ").nth(1)?.split(' ').next()).collect();
    assert_eq!(statuses.first(), Some(&"200"), "{log}");
    assert_eq!(statuses.last(), Some(&"200"), "{log}");
    assert!(statuses.contains(&"404") && statuses.contains(&"501") && statuses.contains(&"400"), "{log}");
    assert!(log.contains("WARN web_server: a client failed: receive: the deadline passed"), "{log}");
    let sent = String::from_utf8(script.sent().to_vec()).expect("text");
    assert!(sent.contains(r#"{"device":"desk","uptime_seconds":0,"answered":0}"#), "{sent}");
    assert_eq!(sent.matches("Connection: close").count(), statuses.len(), "{sent}");
}

// --- over loopback ----------------------------------------------------------------------------------------------------

/// Runs the weather over loopback; the server's own root is trusted or somebody else's.
fn real(trusted: bool, validity: Validity, host: &str) -> (Tally, String, usize, usize) {
    let authority = Authority::new("Root of the apps");
    let answer = |_: &str| WEATHER.to_vec();
    let server = Server::start_with(&authority, "localhost", validity, Some(answer));
    let der = if trusted { authority.der() } else { Authority::new("Somebody else").der() };
    let anchors = [trust_anchor_from_der(&der).expect("a root")];
    let url = format!("https://{host}:{}/json", server.port);
    let (outcome, log) = logged(|| {
        let (mut network, mut memory) = (support::network(), Resources::<1, 1>::new());
        let pool = SocketPool::new(&mut network, &mut memory);
        let tls = TlsContext::new(support::random, support::date).roots(Roots::only(&anchors));
        let schedule = Schedule::every(Duration::ZERO, &|| 0).rounds(2);
        let tally = async_io::block_on(weather::run(&pool, &tls, &url, schedule));
        assert_eq!(pool.counts().in_use, 0, "a slot leaked");
        tally
    });
    (outcome, log, server.connections(), server.requests())
}

#[test]
fn weather_over_verified_tls_takes_one_connection_for_four_requests() {
    let (outcome, log, connections, requests) = real(true, Validity::Now, "localhost");
    assert_eq!((outcome, connections, requests), (tally(2, 0), 1, 4), "{log}");
}

#[test]
fn weather_asks_nobody_who_does_not_prove_who_they_are() {
    for (trusted, validity, host) in [
        (false, Validity::Now, "localhost"),
        (true, Validity::Expired, "localhost"),
        (true, Validity::Now, "127.0.0.1"),
    ] {
        let (outcome, log, _, requests) = real(trusted, validity, host);
        assert_eq!((outcome, requests), (tally(0, 2), 0), "{log}");
        assert!(log.lines().all(|line| line.starts_with("WARN weather failed: handshake: ")), "{log}");
    }
}

#[test]
fn the_blocking_face_is_the_same() {
    let steps = [ASKED, Step::Send(WEATHER), ASKED, Step::Send(WEATHER)];
    let peers = [Peer::new("api.test", 443, &steps)];
    let peers = [Peer::refusing("api.test", 443), peers[0]];
    let script = Script::new(&peers);
    let (outcome, log) = logged(|| {
        let (mut network, mut memory) = (script.network(), Resources::<1>::new());
        let pool = socketpool::blocking::SocketPool::new(&mut network, &mut memory);
        socketpool_apps::blocking::weather(&pool, &MockTls, URL, rounds(2))
    });
    assert_eq!(outcome, tally(1, 1), "{log}");
    assert!(log.starts_with("WARN weather failed: connect: connection refused; again in 1000 ms\nINFO "), "{log}");
    assert_eq!(script.connections(), 1);
}

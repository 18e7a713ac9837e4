//! The date: asked from time servers through both faces, and what TLS makes of it.
#![cfg(all(feature = "tls", feature = "mock", feature = "blocking"))]

use std::{
    cell::Cell,
    future::Future,
    io::Read as _,
    net::TcpListener,
    pin::pin,
    task::{Context, Poll, Waker},
    thread,
    time::Duration,
};

use rustls_pki_types::UnixTime;
use socketpool::{
    Error, ErrorKind, Phase, Resource, Resources, SocketPool, host,
    mock::{Peer, Script, Step, block_on},
    ntp::{PACKET_LEN, SntpError, WINDOW},
    time::{Clock, Deadline, Instant},
    tls::{
        Now, RELEASE_DATE, Roots, TimeSource as _, TlsContext, TlsError, TryFill, VerifyPolicy, WallClock,
        roots::trust_anchor_from_der,
        verify::{CertificateError, TimePolicy},
    },
};

use crate::support::{
    self,
    both::{loopback, scripted},
    server::{Authority, Server, Validity},
};

const LONG: Option<Duration> = Some(Duration::from_secs(20));
const SERVERS: [&str; 2] = ["one.example", "two.example:1123"];
/// What the first byte of every request is.
const ASKED: Step<'static> = Step::Receive(&[0x23]);
const DAY: u64 = RELEASE_DATE + 86_400;

/// "Random" bits that a script can know.
const NONCE: [u8; 8] = *b"guess me";

fn known(bytes: &mut [u8]) {
    bytes.copy_from_slice(&NONCE);
}

struct Still;

impl Clock for Still {
    fn now(&self) -> Instant {
        Instant::from_millis(77)
    }
}

const fn date(seconds: u64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(seconds))
}

/// What a server sends at this time to whoever sent it this as transmit timestamp.
fn answer(seconds: u64, origin: [u8; 8]) -> [u8; PACKET_LEN] {
    let mut packet = [0; PACKET_LEN];
    (packet[0], packet[1]) = (0x24, 3);
    packet[24..32].copy_from_slice(&origin);
    packet[40..44].copy_from_slice(&((seconds + 2_208_988_800) as u32).to_be_bytes());
    packet
}

fn good(seconds: u64) -> [u8; PACKET_LEN] {
    answer(seconds, NONCE)
}

const fn unusable(error: SntpError) -> Error {
    Error::new(Phase::Receive, ErrorKind::Sntp(error))
}

const SILENCE: Error = Error::new(Phase::Receive, ErrorKind::Timeout);

scripted! {
    fn two_that_agree_set_the_clock<1>([
        Peer::udp("one.example", 123, &[ASKED, Step::Send(&good(DAY + 3))]),
        Peer::udp("two.example", 1123, &[ASKED, Step::Send(&good(DAY))]),
    ], |pool, script| {
        let clock = WallClock::new(Still);
        assert_eq!(wait!(pool.sync_time(&clock, SERVERS, &mut known)), Ok(date(DAY)), "the earlier one");
        assert_eq!(clock.now(), Now::AtLeast(date(DAY)));
        assert_eq!((script.open(), script.writes(), script.sent().len()), (0, 2, 2 * PACKET_LEN));
        assert_eq!((pool.counts().free, pool.counts().high_water), (1, 1));
    })
}

scripted! {
    fn who_cannot_read_the_request_can_do_nothing<1>([
        // Forged answers: with other bits, too short, from another address. The third request is answered.
        Peer::udp("one.example", 123, &[
            ASKED, Step::Send(&answer(DAY, [6; 8])), Step::Send(&good(DAY)[..47]), Step::Send(b""), Step::Send(&[0; 48]),
            ASKED, ASKED, Step::Send(&good(DAY)),
        ]),
        Peer::udp("two.example", 1123, &[ASKED, ASKED, Step::Send(&good(DAY + 6))]),
        Peer::udp("stranger.example", 123, &[Step::Send(&good(DAY + 999)), Step::Send(&good(DAY + 999))]),
    ], |pool, script| {
        let clock = WallClock::new(Still);
        // The first answers after four seconds and the second after two more, when the first would say DAY + 2.
        assert_eq!(wait!(pool.sync_time(&clock, SERVERS, &mut known)), Ok(date(DAY + 2)));
        assert_eq!((script.writes(), pool.counts().free), (5, 1));
    })
}

/// Bytes of a good answer with some of them changed.
fn changed(changes: &[(usize, u8)]) -> [u8; PACKET_LEN] {
    let mut packet = good(DAY);
    for (at, byte) in changes {
        packet[*at] = *byte;
    }
    packet
}

/// What the two servers answer, and what comes of it.
fn refusals() -> Vec<([u8; PACKET_LEN], [u8; PACKET_LEN], Error)> {
    let window = WINDOW.as_secs();
    vec![
        (good(DAY), good(DAY + 6), unusable(SntpError::Disagreement { seconds: 6 })),
        (good(DAY + 3_600), good(DAY), unusable(SntpError::Disagreement { seconds: 3_600 })),
        (good(DAY), good(RELEASE_DATE + window), unusable(SntpError::OutOfRange)),
        (good(RELEASE_DATE - 1), good(DAY), unusable(SntpError::OutOfRange)),
        (
            good(DAY),
            changed(&[(0, 0xe4), (1, 0), (12, b'D'), (13, b'E'), (14, b'N'), (15, b'Y')]),
            unusable(SntpError::KissOfDeath(*b"DENY")),
        ),
        (changed(&[(0, 0x23)]), good(DAY), unusable(SntpError::Mode)),
        (changed(&[(0, 0x1c)]), good(DAY), unusable(SntpError::Version)),
        (changed(&[(1, 16)]), good(DAY), unusable(SntpError::Unsynchronized)),
        (good(DAY), changed(&[(0, 0xe4)]), unusable(SntpError::Unsynchronized)),
        (changed(&[(40, 0), (41, 0), (42, 0), (43, 0)]), good(DAY), unusable(SntpError::NoTime)),
        (answer(DAY, [0; 8]), good(DAY), SILENCE),
        (good(DAY), answer(DAY, [8; 8]), SILENCE),
    ]
}

#[test]
fn every_refusal_leaves_the_clock_and_the_slot_as_they_were() {
    for (one, two, wanted) in refusals() {
        let steps = [one, two].map(|packet| [ASKED, Step::Send(Box::leak(Box::new(packet)))]);
        let peers = [Peer::udp("one.example", 123, &steps[0]), Peer::udp("two.example", 1123, &steps[1])];
        let clock = WallClock::new(Still);
        for face in ["async", "blocking"] {
            let script = Script::new(&peers);
            let (mut network, mut memory) = (script.network(), Resources::<1>::new());
            let (outcome, counts) = if face == "async" {
                let pool = SocketPool::new(&mut network, &mut memory);
                (block_on(pool.sync_time(&clock, SERVERS, &mut known)), pool.counts())
            } else {
                let pool = socketpool::blocking::SocketPool::new(&mut network, &mut memory);
                (pool.sync_time(&clock, SERVERS, &mut known), pool.counts())
            };
            assert_eq!(outcome, Err(wanted), "{face}");
            assert_eq!((counts.free, script.open(), clock.now()), (1, 0, Now::Unknown), "{face}");
        }
    }
}

scripted! {
    fn what_is_wrong_before_anything_is_sent<1>([Peer::udp("one.example", 123, &[ASKED, Step::Send(&good(DAY))])],
    |pool, script| {
        let clock = WallClock::new(Still);
        let ask = |error: Error| (error.phase(), error.kind());
        let named = wait!(pool.sync_time(&clock, ["one.example:no", "two.example"], &mut known)).unwrap_err();
        assert_eq!(ask(named), (Phase::Resolve, ErrorKind::HostName));
        let unknown = wait!(pool.sync_time(&clock, ["three.example", "one.example"], &mut known)).unwrap_err();
        assert_eq!(ask(unknown), (Phase::Resolve, ErrorKind::NoSuchName));
        assert_eq!(script.writes(), 0);
        let same = wait!(pool.sync_time(&clock, ["one.example", "ONE.example:123"], &mut known)).unwrap_err();
        assert_eq!(same, unusable(SntpError::SameServer));
        let slot = wait!(pool.socket()).unwrap();
        let full = wait!(pool.sync_time(&clock, SERVERS, &mut known)).unwrap_err();
        assert_eq!(ask(full), (Phase::Setup, ErrorKind::Exhausted(Resource::Sockets)));
        drop(slot);
        assert_eq!(clock.now(), Now::Unknown);
    })
}

scripted! {
    fn silence_ends_at_the_deadline<1>([Peer::udp("one.example", 123, &[]), Peer::udp("two.example", 1123, &[])],
    |pool, script| {
        use socketpool::time::Clock as _;

        let (clock, network) = (WallClock::new(Still), script.network());
        assert_eq!(wait!(pool.sync_time(&clock, SERVERS, &mut known)), Err(SILENCE));
        assert_eq!((script.writes(), network.now().as_millis()), (3, 8_000), "asked three times");
        let deadline = Deadline::within(&network, Some(Duration::from_secs(3)));
        assert_eq!(wait!(pool.sync_time_until(&clock, SERVERS, &mut known, deadline)), Err(SILENCE));
        assert_eq!((script.writes(), network.now().as_millis()), (5, 11_000));
    })
}

#[test]
fn dropped_at_any_await_it_leaves_nothing_behind() {
    let (one, two) = (good(DAY), good(DAY));
    let steps = [[ASKED, Step::Send(&one)], [ASKED, Step::Send(&two)]];
    let peers =
        [Peer::udp("one.example", 123, &steps[0]).hesitating(), Peer::udp("two.example", 1123, &steps[1]).hesitating()];
    for polls in 0.. {
        let (script, clock) = (Script::new(&peers), WallClock::new(Still));
        let (mut network, mut memory) = (script.network(), Resources::<1>::new());
        let pool = SocketPool::new(&mut network, &mut memory);
        let mut context = Context::from_waker(Waker::noop());
        let done = {
            let mut random = known;
            let mut sync = pin!(pool.sync_time(&clock, SERVERS, &mut random));
            (0..polls).find_map(|_| match sync.as_mut().poll(&mut context) {
                Poll::Ready(outcome) => Some(outcome),
                Poll::Pending => None,
            })
        };
        assert_eq!((pool.counts().free, script.open()), (1, 0), "after {polls} polls");
        if let Some(outcome) = done {
            assert_eq!(outcome, Ok(date(DAY)));
            assert!(polls > 4, "there are awaits");
            return;
        }
        assert_eq!(clock.now(), Now::Unknown);
    }
}

/// A time server on the loopback interface, so many seconds after the release. Its name and port.
fn time_server(since_release: u64) -> String {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    thread::spawn(move || {
        let mut request = [0; 128];
        while let Ok((PACKET_LEN, client)) = socket.recv_from(&mut request) {
            let origin = request[40..48].try_into().unwrap();
            let mut forged = answer(RELEASE_DATE + 1_000_000, [0; 8]);
            forged[24] = request[40].wrapping_add(1);
            socket.send_to(&forged, client).unwrap();
            socket.send_to(&answer(RELEASE_DATE + since_release, origin), client).unwrap();
        }
    });
    format!("localhost:{port}")
}

loopback! {
    fn the_date_over_the_host<1, 0>(|pool| {
        let (right, also, wrong) = (time_server(86_400), time_server(86_402), time_server(90_000));
        let clock = WallClock::new(host::Timer);
        let lie = wait!(pool.sync_time(&clock, [&right, &wrong], &mut support::random)).unwrap_err();
        assert!(matches!(lie.kind(), ErrorKind::Sntp(SntpError::Disagreement { .. })), "{lie}");
        assert_eq!(clock.now(), Now::Unknown);
        let set = wait!(pool.sync_time(&clock, [&right, &also], &mut support::random)).unwrap();
        assert!((DAY..DAY + 20).contains(&set.as_secs()));
        assert!(matches!(clock.now(), Now::AtLeast(at) if at >= set));
        assert_eq!(pool.counts().free, 1);
    })
}

/// What the clock says, by which policy, against a certificate from 2024 on, or to the end of 2024, and what comes of it.
fn handshakes() -> Vec<(Now, TimePolicy, Validity, Result<(), TlsError>)> {
    use Now::{AtLeast, Trusted, Unknown};
    use TimePolicy::{FloorOnly, Strict};
    use Validity::Expired;
    let (year_2000, day) = (date(946_684_800), date(DAY));
    let unknown = Err(TlsError::TimeUnknown);
    let over = |now| Err(TlsError::Certificate(CertificateError::Expired { not_after: 1_735_689_600, now }));
    vec![
        (Trusted(day), Strict, Validity::Now, Ok(())),
        (Trusted(day), Strict, Expired, over(DAY)),
        (AtLeast(day), Strict, Validity::Now, Ok(())),
        (AtLeast(day), Strict, Expired, over(DAY)),
        (Unknown, Strict, Validity::Now, unknown),
        (Trusted(year_2000), Strict, Validity::Now, unknown),
        (AtLeast(year_2000), Strict, Validity::Now, unknown),
        (Trusted(date(RELEASE_DATE - 1)), Strict, Validity::Now, unknown),
        (Trusted(date(RELEASE_DATE)), Strict, Validity::Now, Ok(())),
        (Unknown, FloorOnly, Validity::Now, Ok(())),
        (Unknown, FloorOnly, Expired, over(RELEASE_DATE)),
        (Trusted(year_2000), FloorOnly, Expired, over(RELEASE_DATE)),
        (AtLeast(day), FloorOnly, Validity::Now, Ok(())),
        (AtLeast(day), FloorOnly, Expired, over(DAY)),
    ]
}

loopback! {
    fn what_tls_makes_of_the_date<1, 1>(|pool| {
        let authority = Authority::new("Root");
        let root = authority.der();
        let anchors = [trust_anchor_from_der(&root).unwrap()];
        let valid = Server::start(&authority, "localhost", Validity::Now);
        let expired = Server::start(&authority, "localhost", Validity::Expired);
        for (now, time, validity, wanted) in handshakes() {
            let server = if matches!(validity, Validity::Now) { &valid } else { &expired };
            let policy = VerifyPolicy::new(Roots::only(&anchors)).time(time);
            let tls = TlsContext::new(support::random, || now).policy(policy);
            let mut socket = wait!(pool.socket()).unwrap();
            socket.set_timeout(LONG);
            let outcome = async_io::block_on(tls.connect(&mut socket, "localhost", server.port));
            let wanted = wanted.map_err(|error| Error::new(Phase::Handshake, ErrorKind::Tls(error)));
            assert_eq!(outcome, wanted, "{now:?}, {time:?}, {validity:?}");
        }

        // A certificate that is not valid yet, by a clock that is late: only the opt-in accepts it.
        let (year_2021, year_2022) = (date(1_609_459_200), date(1_640_995_200));
        for (now, time, is_refused) in [
            (Now::AtLeast(year_2022), TimePolicy::Strict, true),
            (Now::Trusted(year_2022), TimePolicy::FloorOnly, true),
            (Now::AtLeast(year_2022), TimePolicy::FloorOnly, false),
            (Now::Unknown, TimePolicy::FloorOnly, false),
        ] {
            let policy = VerifyPolicy::new(Roots::only(&anchors)).time(time);
            let tls = TlsContext::new(support::random, || now).policy(policy).floor(year_2021);
            let mut socket = wait!(pool.socket()).unwrap();
            socket.set_timeout(LONG);
            match async_io::block_on(tls.connect(&mut socket, "localhost", valid.port)).map_err(|error| error.kind()) {
                Err(ErrorKind::Tls(TlsError::Certificate(CertificateError::NotYetValid { .. }))) if is_refused => {}
                Ok(()) if !is_refused => {}
                outcome => panic!("{now:?}, {time:?}: {outcome:?}"),
            }
        }
    })
}

loopback! {
    fn without_a_date_not_a_byte_is_sent<1, 1>(|pool| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let received = thread::spawn(move || {
            let mut bytes = Vec::new();
            listener.accept().unwrap().0.read_to_end(&mut bytes).unwrap();
            bytes
        });
        let clock = WallClock::new(host::Timer);
        let tls = TlsContext::new(support::random, &clock);
        let mut socket = wait!(pool.socket()).unwrap();
        socket.set_timeout(LONG);
        let error = async_io::block_on(tls.connect(&mut socket, "localhost", port)).unwrap_err();
        assert_eq!(error, Error::new(Phase::Handshake, ErrorKind::Tls(TlsError::TimeUnknown)));
        assert!(error.to_string().contains("call sync_time, or set the clock"), "{error}");
        drop(socket);
        assert_eq!(received.join().unwrap(), b"");
    })
}

#[test]
fn a_clock_set_while_a_context_has_it_is_believed_at_once() {
    struct Ticks(Cell<u64>);
    impl Clock for Ticks {
        fn now(&self) -> Instant {
            Instant::from_millis(self.0.get())
        }
    }
    let ticks = Ticks(Cell::new(0));
    let clock = WallClock::new(&ticks);
    let _tls = TlsContext::new(support::random, &clock);
    clock.set(Now::Trusted(date(DAY)));
    ticks.0.set(60_000);
    assert_eq!(clock.now(), Now::Trusted(date(DAY + 60)));
}

scripted! {
    fn without_random_bits_nothing_is_asked<1>([Peer::udp("one.example", 123, &[])], |pool, script| {
        let clock = WallClock::new(Still);
        let no_random = Err(Error::new(Phase::Send, ErrorKind::Tls(TlsError::Random)));
        for byte in [0, 0xff] {
            let mut dead = |bytes: &mut [u8]| bytes.fill(byte);
            assert_eq!(wait!(pool.sync_time(&clock, SERVERS, &mut dead)), no_random);
        }
        let mut failing = TryFill(|_: &mut [u8]| Err(()));
        assert_eq!(wait!(pool.sync_time(&clock, SERVERS, &mut failing)), no_random);
        assert_eq!((script.writes(), pool.counts().free, clock.now()), (0, 1, Now::Unknown));
    })
}

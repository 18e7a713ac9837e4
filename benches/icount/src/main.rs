//! What socketpool costs a microcontroller, counted on the boards that QEMU emulates: one line
//! `WORK|INSTRUCTIONS|BYTES OF STACK` for each thing that it does. `./ci.sh icount` makes a table of them.
//!
//! The servers are recordings (`record/`): the client's random numbers and its date are always the same, so it says the
//! same bytes every time, and verifies what the server answered to them.
#![no_std]
#![no_main]

mod fixed;
mod network;

use core::{
    future::Future,
    mem::size_of_val,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

use network::Playback;
use qemu_board::{entry, instructions, paint_stack, stack_used};
use rustls_pki_types::{CertificateDer, ServerName};
use serde::Deserialize;
use socketpool::{
    Resources, SocketPool,
    requests::Session,
    tls::{
        Memo, Now, Roots, SavedSession, SessionKey, SessionStore, TlsContext, VerifyPolicy,
        roots::trust_anchor_from_der,
        verify::{CertificateError, MAX_CERTIFICATES, algorithms::ED25519, verify_server_chain},
    },
};
use static_cell::ConstStaticCell;

static MEMORY: ConstStaticCell<Resources<1, 1>> = ConstStaticCell::new(Resources::new());

/// A server that was recorded: what kind of keys it and its authorities have, their root, and all that it sent.
struct Recorded {
    kind: &'static str,
    root: &'static [u8],
    server: &'static [u8],
}

macro_rules! recorded {
    ($kind:literal) => {
        Recorded {
            kind: $kind,
            root: include_bytes!(concat!("../recorded/", $kind, ".root.der")),
            server: include_bytes!(concat!("../recorded/", $kind, ".server")),
        }
    };
}

static RECORDED: [Recorded; 6] = [
    recorded!("P-256"),
    recorded!("P-384"),
    recorded!("RSA-2048"),
    recorded!("RSA-4096"),
    recorded!("Y-ECDSA"),
    recorded!("Y-RSA"),
];

/// What a server said to a client that came back with a ticket, and what that client had saved.
static RESUMED: &[u8] = include_bytes!("../recorded/resumed.server");
static SESSION: &[u8] = include_bytes!("../recorded/resumed.session");

/// The root of the chains below, and chains, each certificate behind its length in two bytes: an honest one of two, and
/// two hostile ones of sixteen.
static ROOT: &[u8] = include_bytes!("../recorded/chains.root.der");
static HONEST: &[u8] = include_bytes!("../recorded/honest.chain");
static FORGED: &[u8] = include_bytes!("../recorded/forged.chain");
static MAZE: &[u8] = include_bytes!("../recorded/maze.chain");

/// An answer with a head of 250 bytes and JSON of 200.
const ANSWER: &str = concat!(
    "HTTP/1.1 200 OK\r\nDate: Tue, 09 Nov 2010 14:49:00 GMT\r\nServer: example/1.0\r\nContent-Type: application/json\r\n",
    "Cache-Control: no-store\r\nX-Request-Id: 0123456789abcdef0123456789abcd\r\nConnection: keep-alive\r\n",
    "Content-Length: 200\r\nVary: Accept\r\n\r\n",
    r#"{"city":"Utrecht","station":"De Bilt","celsius":21.5,"humidity":61,"pressure":1013.2,"wind":{"degrees":270,"#,
    r#""metres_per_second":4.1,"gusts":9.3},"forecast":[20,19,18,17,17,18,20,22],"is_raining":false}"#,
);

/// The head of an answer with 16 KiB by length.
const LARGE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 16384\r\n\r\n";
const LARGE_LEN: usize = 16384;

const URL: &str = "http://api.example.com/v1/now?city=Utrecht";

#[derive(Deserialize)]
struct Weather<'a> {
    city: &'a str,
    station: &'a str,
    celsius: f32,
    humidity: u8,
    pressure: f32,
    wind: Wind,
    forecast: [i8; 8],
    is_raining: bool,
}

#[derive(Deserialize)]
struct Wind {
    degrees: u16,
    metres_per_second: f32,
    gusts: f32,
}

/// Says what some work cost.
fn measure<T>(what: &str, detail: &str, work: impl FnOnce() -> T) -> T {
    count(what, detail, work).0
}

/// The same, and gives the instructions back. The floor is taken in this frame: the work has one of its own below it, with
/// all that it makes, its futures too, or they would be taken for what was in use before.
#[inline(never)]
fn count<T>(what: &str, detail: &str, work: impl FnOnce() -> T) -> (T, u64) {
    let floor = paint_stack();
    let before = instructions();
    let output = outlined(work);
    let spent = instructions() - before;
    log::info!("{what}{detail}|{spent}|{}", stack_used() - floor);
    (output, spent)
}

#[inline(never)]
fn outlined<T>(work: impl FnOnce() -> T) -> T {
    work()
}

/// Polls until it is done: a recording need not be waited for, and a handshake rests a few times between its costly steps.
///
/// # Panics
/// If there is nothing more to play.
fn now<F: Future>(mut work: Pin<&mut F>) -> F::Output {
    for _ in 0..64 {
        if let Poll::Ready(output) = work.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
    }
    panic!("the recording is over")
}

#[entry]
fn main() -> ! {
    qemu_board::init();
    let memory = MEMORY.take();
    for recorded in &RECORDED {
        over_tls(recorded, memory);
    }
    resumed(memory);
    remembered(memory);
    chains();
    ed25519();
    in_the_clear(memory);
    many_reads(memory);
    qemu_board::exit(0)
}

fn over_tls(recorded: &'static Recorded, memory: &mut Resources<1, 1>) {
    let root = CertificateDer::from(recorded.root);
    let anchors = [trust_anchor_from_der(&root).expect("a root")];
    let tls = TlsContext::new(fixed::random(), fixed::date).roots(Roots::only(&anchors));
    let mut network = Playback { answer: recorded.server, body: 0, again: false };
    let pool = SocketPool::new(&mut network, memory);
    let mut socket = now(pin!(pool.socket())).expect("a socket");
    now(pin!(socket.connect(fixed::HOST, 443))).expect("a connection");
    let shaken = measure("handshake ", recorded.kind, || now(pin!(tls.wrap_socket(&mut socket, fixed::HOST))));
    shaken.expect("a verified server; if not, it was recorded with other bytes of ours: see benches/README.md");
    if recorded.kind == "P-256" {
        let session = size_of::<Resources<1, 1>>() - size_of::<Resources<1, 0>>();
        log::info!("a TLS session, and a pool with the engine's state in it|{session}|{}", size_of_val(&pool));
        let mut payload = [0; fixed::PAYLOAD];
        let sent = measure("send 1 KiB under TLS", "", || now(pin!(socket.send_all(&payload))));
        sent.expect("sent");
        let received = measure("receive 1 KiB under TLS", "", || now(pin!(socket.recv_into(&mut payload))));
        assert_eq!(received, Ok(fixed::PAYLOAD));
    }
}

/// A handshake with a server that was verified before.
fn resumed(memory: &mut Resources<1, 1>) {
    struct Saved;
    impl SessionStore for Saved {
        fn put(&self, _: &SessionKey, _: SavedSession<'_>) {}

        fn take(&self, _: &SessionKey, into: &mut [u8]) -> Option<usize> {
            into.get_mut(..SESSION.len())?.copy_from_slice(SESSION);
            Some(SESSION.len())
        }
    }
    let anchors = [trust_anchor_from_der(ROOT).expect("a root")];
    let tls = TlsContext::new(fixed::random(), fixed::date).roots(Roots::only(&anchors)).sessions(&Saved);
    let mut network = Playback { answer: RESUMED, body: 0, again: false };
    let pool = SocketPool::new(&mut network, memory);
    let mut socket = now(pin!(pool.socket())).expect("a socket");
    now(pin!(socket.connect(fixed::HOST, 443))).expect("a connection");
    let shaken = measure("resumed handshake", "", || now(pin!(tls.wrap_socket(&mut socket, fixed::HOST))));
    shaken.expect("a server that took the ticket; if not, it was recorded with other bytes of ours");
    assert!(socket.tls_info().is_some_and(|info| info.is_resumed));
}

/// A second handshake with a server like Let's Encrypt's, whose four certificates have P-384 keys above P-256.
fn remembered(memory: &mut Resources<1, 1>) {
    static MEMO: Memo<8> = Memo::new();
    let recorded = RECORDED.iter().find(|recorded| recorded.kind == "Y-ECDSA").expect("recorded");
    let anchors = [trust_anchor_from_der(recorded.root).expect("a root")];
    for work in [None, Some("reconnect to Y-ECDSA with a memo")] {
        let tls = TlsContext::new(fixed::random(), fixed::date).roots(Roots::only(&anchors)).memo(&MEMO);
        let mut network = Playback { answer: recorded.server, body: 0, again: false };
        let pool = SocketPool::new(&mut network, memory);
        let mut socket = now(pin!(pool.socket())).expect("a socket");
        now(pin!(socket.connect(fixed::HOST, 443))).expect("a connection");
        let mut shake = || now(pin!(tls.wrap_socket(&mut socket, fixed::HOST)));
        let shaken = if let Some(work) = work { measure(work, "", shake) } else { shake() };
        shaken.expect("a verified server");
    }
}

/// Certificates alone: what an honest chain costs below a P-384 root, and what hostile ones can make a client do.
fn chains() {
    let anchors = [trust_anchor_from_der(ROOT).expect("a root")];
    let policy = VerifyPolicy::new(Roots::only(&anchors));
    let name = ServerName::try_from(fixed::HOST).expect("a name");
    let Now::Trusted(now) = fixed::date() else { panic!("a date") };
    let verify = |what, framed| {
        let mut certificates = [const { CertificateDer::from_slice(&[]) }; MAX_CERTIFICATES];
        let chain = unframe(framed, &mut certificates);
        let verdict = || verify_server_chain(chain, &name, now, &policy).map(|_| ());
        count("verify ", what, verdict)
    };
    let (verdict, honest) = verify("a chain below P-384", HONEST);
    assert_eq!(verdict, Ok(()));
    let (verdict, forged) = verify("15 forged intermediates below P-384", FORGED);
    assert_eq!(verdict, Err(CertificateError::TooManySignatures));
    let (verdict, maze) = verify("a maze of 15 authorities", MAZE);
    assert_eq!(verdict, Err(CertificateError::TooManyPaths));
    assert!(forged.max(maze) <= 2 * honest, "a hostile chain costs more than two honest ones");
}

/// A signature by Ed25519, which no recorded server has: RFC 8032 §7.1, test 1.
fn ed25519() {
    let key = b"\xd7\x5a\x98\x01\x82\xb1\x0a\xb7\xd5\x4b\xfe\xd3\xc9\x64\x07\x3a\x0e\xe1\x72\xf3\xda\xa6\x23\x25\
      \xaf\x02\x1a\x68\xf7\x07\x51\x1a";
    let signature = b"\xe5\x56\x43\x00\xc3\x60\xac\x72\x90\x86\xe2\xcc\x80\x6e\x82\x8a\x84\x87\x7f\x1e\xb8\xe5\xd9\x74\
      \xd8\x73\xe0\x65\x22\x49\x01\x55\x5f\xb8\x82\x15\x90\xa3\x3b\xac\xc6\x1e\x39\x70\x1c\xf9\xb4\x6b\
      \xd2\x5b\xf5\xf0\x59\x5b\xbe\x24\x65\x51\x41\x43\x8e\x7a\x10\x0b";
    let verdict = measure("check a signature by Ed25519", "", || ED25519.verify_signature(key, b"", signature));
    verdict.expect("a signature");
}

/// The certificates of a chain.
fn unframe<'a>(mut framed: &'static [u8], out: &'a mut [CertificateDer<'static>]) -> &'a [CertificateDer<'static>] {
    let mut count = 0;
    while let Some((len, rest)) = framed.split_first_chunk() {
        let (der, rest) = rest.split_at(u16::from_be_bytes(*len).into());
        out[count] = CertificateDer::from_slice(der);
        count += 1;
        framed = rest;
    }
    &out[..count]
}

fn in_the_clear(memory: &mut Resources<1, 1>) {
    let mut network = Playback { answer: ANSWER.as_bytes(), body: 0, again: true };
    let pool = SocketPool::new(&mut network, memory);
    let http = Session::plain(&pool);
    let mut buffer = [0; 256];
    let mut get = async || Ok::<_, socketpool::Error>(http.get(URL).send().await?.content(&mut buffer).await?.len());
    assert_eq!(now(pin!(get())), Ok(200)); // the connection is kept
    let len = measure("warm GET of 200 B", "", || now(pin!(get())));
    assert_eq!(len, Ok(200));
    let mut weather = async || {
        let mut response = http.get(URL).send().await?;
        Ok::<_, socketpool::Error>(response.json::<Weather<'_>>(&mut buffer).await?.is_right())
    };
    let is_right = measure("warm GET of 200 B, parsed as JSON", "", || now(pin!(weather())));
    assert_eq!(is_right, Ok(true));
}

fn many_reads(memory: &mut Resources<1, 1>) {
    let mut network = Playback { answer: LARGE, body: LARGE_LEN, again: true };
    let pool = SocketPool::new(&mut network, memory);
    let http = Session::plain(&pool);
    let mut response = now(pin!(http.get(URL).send())).expect("an answer");
    let mut buffer = [0; 512];
    let mut read = async || {
        let mut len = 0;
        while let count @ 1.. = response.read(&mut buffer).await? {
            len += count;
        }
        Ok::<_, socketpool::Error>(len)
    };
    let len = measure("read 16 KiB, 512 B at a time", "", || now(pin!(read())));
    assert_eq!(len, Ok(LARGE_LEN));
}

impl Weather<'_> {
    fn is_right(&self) -> bool {
        (self.city, self.station, self.humidity, self.is_raining) == ("Utrecht", "De Bilt", 61, false)
            && (self.celsius, self.pressure) == (21.5, 1013.2)
            && (self.wind.degrees, self.wind.metres_per_second, self.wind.gusts) == (270, 4.1, 9.3)
            && self.forecast == [20, 19, 18, 17, 17, 18, 20, 22]
    }
}

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
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

use embedded_io_async::{Read as _, Write as _};
use network::{Line, Playback};
use qemu_board::{entry, instructions, paint_stack, stack_used};
use rustls_pki_types::CertificateDer;
use serde::Deserialize;
use socketpool::{
    Resources, SocketPool,
    requests::Session,
    tls::{Roots, TlsContext, TlsStream, TlsStreamError, engine::Crypto, roots::trust_anchor_from_der},
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

static ENGINE: [Recorded; 2] = [recorded!("x25519-chacha20"), recorded!("p256-aes128")];

static RECORDED: [Recorded; 4] = [recorded!("P-256"), recorded!("P-384"), recorded!("RSA-2048"), recorded!("RSA-4096")];

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
    let floor = paint_stack();
    let before = instructions();
    let output = work();
    let spent = instructions() - before;
    log::info!("{what}{detail}|{spent}|{}", stack_used() - floor);
    output
}

/// Polls once: nobody has to wait for a recording.
///
/// # Panics
/// If there is nothing more to play.
fn now<F: Future>(work: Pin<&mut F>) -> F::Output {
    let Poll::Ready(output) = work.poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("the recording is over")
    };
    output
}

#[entry]
fn main() -> ! {
    qemu_board::init();
    let memory = MEMORY.take();
    for recorded in &RECORDED {
        over_tls(recorded, memory);
    }
    for (recorded, (_, crypto)) in ENGINE.iter().zip(fixed::engines()) {
        over_engine(recorded, &crypto);
    }
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
        let mut payload = [0; fixed::PAYLOAD];
        let sent = measure("send 1 KiB under TLS", "", || now(pin!(socket.send_all(&payload))));
        sent.expect("sent");
        let received = measure("receive 1 KiB under TLS", "", || now(pin!(socket.recv_into(&mut payload))));
        assert_eq!(received, Ok(fixed::PAYLOAD));
    }
}

/// Our engine alone, with its buffers on this frame.
fn over_engine(recorded: &'static Recorded, crypto: &Crypto<'_>) {
    let root = CertificateDer::from(recorded.root);
    let anchors = [trust_anchor_from_der(&root).expect("a root")];
    let tls = TlsContext::new(fixed::random(), fixed::date).roots(Roots::only(&anchors));
    let network = Playback { answer: recorded.server, body: 0, again: false };
    let (mut rx, mut tx) = ([0; fixed::RX], [0; fixed::TX]);
    let mut stream = TlsStream::new(Line { network: &network, played: 0 }, &mut rx, &mut tx, crypto);
    let shaken = measure("engine, handshake ", recorded.kind, || block_on(stream.connect(&tls, fixed::HOST)));
    shaken.expect("a verified server; if not, it was recorded with other bytes of ours: see benches/README.md");
    let mut payload = [0; fixed::PAYLOAD];
    let sent = measure("engine, send 1 KiB, ", recorded.kind, || {
        block_on(async {
            let taken = stream.write(&payload).await?;
            stream.flush().await?;
            Ok::<_, TlsStreamError>(taken)
        })
    });
    assert_eq!(sent, Ok(fixed::PAYLOAD));
    let received = measure("engine, receive 1 KiB, ", recorded.kind, || block_on(stream.read(&mut payload)));
    assert_eq!(received, Ok(fixed::PAYLOAD));
}

/// Polls until it is ready: what yields goes on at once.
fn block_on<F: Future>(work: F) -> F::Output {
    let mut work = pin!(work);
    loop {
        if let Poll::Ready(output) = work.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
    }
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

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

use network::Playback;
use qemu_board::{entry, instructions, paint_stack, stack_used};
use rustls_pki_types::CertificateDer;
use serde::Deserialize;
use socketpool::{
    Resources, SocketPool,
    requests::Session,
    tls::{Roots, TlsContext, roots::trust_anchor_from_der},
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

static RECORDED: [Recorded; 4] = [recorded!("P-256"), recorded!("P-384"), recorded!("RSA-2048"), recorded!("RSA-4096")];

/// An answer with a head of 250 bytes and JSON of 200.
const ANSWER: &str = concat!(
    "HTTP/1.1 200 OK\r\nDate: Tue, 09 Nov 2010 14:49:00 GMT\r\nServer: example/1.0\r\nContent-Type: application/json\r\n",
    "Cache-Control: no-store\r\nX-Request-Id: 0123456789abcdef0123456789abcd\r\nConnection: keep-alive\r\n",
    "Content-Length: 200\r\nVary: Accept\r\n\r\n",
    r#"{"city":"Utrecht","station":"De Bilt","celsius":21.5,"humidity":61,"pressure":1013.2,"wind":{"degrees":270,"#,
    r#""metres_per_second":4.1,"gusts":9.3},"forecast":[20,19,18,17,17,18,20,22],"is_raining":false}"#,
);

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
    in_the_clear(memory);
    qemu_board::exit(0)
}

fn over_tls(recorded: &'static Recorded, memory: &mut Resources<1, 1>) {
    let root = CertificateDer::from(recorded.root);
    let anchors = [trust_anchor_from_der(&root).expect("a root")];
    let tls = TlsContext::new(fixed::random(), fixed::date).roots(Roots::only(&anchors));
    let mut network = Playback { answer: recorded.server, again: false };
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

fn in_the_clear(memory: &mut Resources<1, 1>) {
    let mut network = Playback { answer: ANSWER.as_bytes(), again: true };
    let pool = SocketPool::new(&mut network, memory);
    let http = Session::plain(&pool);
    let url = "http://api.example.com/v1/now?city=Utrecht";
    let mut buffer = [0; 256];
    let mut get = async || Ok::<_, socketpool::Error>(http.get(url).send().await?.content(&mut buffer).await?.len());
    assert_eq!(now(pin!(get())), Ok(200)); // the connection is kept
    let len = measure("warm GET of 200 B", "", || now(pin!(get())));
    assert_eq!(len, Ok(200));
    let mut weather = async || {
        let mut response = http.get(url).send().await?;
        Ok::<_, socketpool::Error>(response.json::<Weather<'_>>(&mut buffer).await?.is_right())
    };
    let is_right = measure("warm GET of 200 B, parsed as JSON", "", || now(pin!(weather())));
    assert_eq!(is_right, Ok(true));
}

impl Weather<'_> {
    fn is_right(&self) -> bool {
        (self.city, self.station, self.humidity, self.is_raining) == ("Utrecht", "De Bilt", 61, false)
            && (self.celsius, self.pressure) == (21.5, 1013.2)
            && (self.wind.degrees, self.wind.metres_per_second, self.wind.gusts) == (270, 4.1, 9.3)
            && self.forecast == [20, 19, 18, 17, 17, 18, 20, 22]
    }
}

//! A verified HTTPS GET with JSON on bare metal, with nothing below it: no allocator, no runtime, no executor crate.
//!
//! It is linked, not run: the network is a stub. `./ci.sh bare` builds it and looks for an allocator in the result,
//! `./ci.sh sizes` says what it costs in flash.
#![no_std]
#![no_main]

use core::{
    future::Future,
    hint::{black_box, spin_loop},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    panic::PanicInfo,
    pin::pin,
    task::{Context, Poll, Waker},
};

use embedded_io_async::{ErrorKind, ErrorType, Read, Write};
use serde::Deserialize;
use socketpool::{
    Resources, Result, SocketPool,
    requests::Session,
    stack::{Connect, Connection, Family, Resolve, ResolveError},
    time::{Clock, Instant, Timer},
    tls::{Now, Roots, TlsContext},
};
#[cfg(feature = "own-root")]
use {rustls_pki_types::TrustAnchor, socketpool::tls::roots::constant_trust_anchor};

#[derive(Deserialize)]
struct Weather<'a> {
    city: &'a str,
    celsius: f32,
}

/// Whom this program trusts: everybody's authorities, or one that is its own.
#[cfg(not(feature = "own-root"))]
const ROOTS: Roots<'static> = Roots::MOZILLA;
#[cfg(feature = "own-root")]
const ROOTS: Roots<'static> = Roots::only(&OWN);
#[cfg(feature = "own-root")]
static OWN: [TrustAnchor<'static>; 1] = [constant_trust_anchor(include_bytes!("../../../tests/pki/der/root.der"))];

async fn weather(network: &mut Wire) -> Result<f32> {
    let mut memory = Resources::<1, 1>::new();
    let pool = SocketPool::new(network, &mut memory);
    let rng = |bytes: &mut [u8]| bytes.fill_with(|| black_box(4)); // a real one asks the chip's generator
    let clock = || black_box(Now::Unknown); // and a real one has asked a time server
    let tls = TlsContext::new(rng, clock).roots(ROOTS);
    let http = Session::new(&pool, &tls);

    let mut buffer = [0; 256];
    let mut response = http.get("https://api.example.com/now").query("city", "Utrecht").send().await?;
    let weather: Weather<'_> = response.error_for_status()?.json(&mut buffer).await?;
    black_box(weather.city);
    Ok(weather.celsius)
}

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    black_box(block_on(weather(&mut Wire)).is_ok());
    loop {
        spin_loop();
    }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {
        spin_loop();
    }
}

fn block_on<F: Future>(work: F) -> F::Output {
    let mut work = pin!(work);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = work.as_mut().poll(&mut context) {
            return output;
        }
    }
}

/// A network with nothing at its other end.
struct Wire;

impl Connect for Wire {
    type Connection<'a> = Line;

    async fn connect(&self, remote: SocketAddr) -> core::result::Result<Line, ErrorKind> {
        black_box(remote);
        Ok(Line)
    }
}

impl Resolve for Wire {
    async fn resolve(&self, host: &str, _: Family) -> core::result::Result<IpAddr, ResolveError> {
        black_box(host);
        Ok(IpAddr::V4(black_box(Ipv4Addr::LOCALHOST)))
    }
}

impl Clock for Wire {
    fn now(&self) -> Instant {
        Instant::from_millis(black_box(0))
    }
}

impl Timer for Wire {
    async fn wait_until(&self, at: Instant) {
        while self.now() < at {
            spin_loop();
        }
    }
}

struct Line;

impl ErrorType for Line {
    type Error = ErrorKind;
}

impl Read for Line {
    async fn read(&mut self, out: &mut [u8]) -> core::result::Result<usize, ErrorKind> {
        Ok(black_box(out).len())
    }
}

impl Write for Line {
    async fn write(&mut self, bytes: &[u8]) -> core::result::Result<usize, ErrorKind> {
        Ok(black_box(bytes).len())
    }

    async fn flush(&mut self) -> core::result::Result<(), ErrorKind> {
        Ok(())
    }
}

impl Connection for Line {
    async fn shutdown(&mut self) -> core::result::Result<(), ErrorKind> {
        Ok(())
    }
}

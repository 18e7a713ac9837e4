//! A host's network, clock and randomness, for examples and tests on a desk. A board has its own of each.
#![allow(dead_code, reason = "each example uses a part")]

pub mod host;
pub mod server;

use std::{
    sync::LazyLock,
    time::{Duration, Instant as StdInstant, SystemTime},
};

use embedded_io::ErrorKind;
use rustls_pki_types::UnixTime;
use socketpool::{
    blocking,
    stack::Network,
    time::{Clock, Instant, Timer},
    tls::Now,
};

/// The host's monotonic clock.
#[derive(Debug, Clone, Copy)]
pub struct HostClock;

static START: LazyLock<StdInstant> = LazyLock::new(StdInstant::now);

impl Clock for HostClock {
    fn now(&self) -> Instant {
        Instant::from_millis(START.elapsed().as_millis() as u64)
    }
}

impl Timer for HostClock {
    async fn wait_until(&self, at: Instant) {
        async_io::Timer::at(*START + Duration::from_millis(at.as_millis())).await;
    }
}

type HostStack = std_embedded_nal_async::Stack;

/// The host's network for the async face, by way of embedded-nal-async; [`host`] has all of it.
pub fn network() -> Network<HostStack, HostStack, HostClock> {
    Network::new(HostStack::default(), HostStack::default(), HostClock)
}

/// The host's network for the blocking face. Its `Ok(0)` is the end of the stream, and it knows what went wrong.
pub fn blocking_network()
-> blocking::stack::Network<std_embedded_nal::Stack, HostClock, impl Fn(&mut std_embedded_nal::Stack)> {
    use std::io::ErrorKind as Std;
    let idle = |_: &mut std_embedded_nal::Stack| std::thread::sleep(Duration::from_micros(200));
    blocking::stack::Network::new(std_embedded_nal::Stack, HostClock, idle, blocking::stack::ZeroRead::Eof).tcp_errors(
        |error| match error.0.kind() {
            Std::ConnectionRefused => ErrorKind::ConnectionRefused,
            Std::ConnectionReset => ErrorKind::ConnectionReset,
            Std::AddrInUse => ErrorKind::AddrInUse,
            Std::BrokenPipe => ErrorKind::BrokenPipe,
            _ => ErrorKind::Other,
        },
    )
}

/// The host's random numbers.
pub fn random(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the host has random numbers");
}

/// The host's date.
pub fn date() -> Now {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    Now::Trusted(UnixTime::since_unix_epoch(since_epoch))
}

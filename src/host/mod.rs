//! The network of the host, over `std`: what a program on a desk, a server or a single-board computer needs, and all of it.
//!
//! [`Network`] has TCP, servers, UDP with multicast, names and timers of the operating system, [`Random`] its random
//! numbers, and [`Date`] its date. The same network serves both faces. Feature `std`; it is for operating systems only.
//!
//! # Examples
//!
//! ```no_run
//! use socketpool::{Resources, Result, SocketPool, host, requests::Session, tls::TlsContext};
//!
//! fn main() -> Result<()> {
//!     let (mut network, mut memory) = (host::Network::new(), Resources::<2, 1>::new());
//!     let pool = SocketPool::new(&mut network, &mut memory);
//!     let tls = TlsContext::new(host::Random, host::Date); // Mozilla's roots; chain, name and dates verified
//!     let http = Session::new(&pool, &tls);
//!     let mut buffer = [0; 4096];
//!     host::block_on(async {
//!         println!("{}", http.get("https://example.com/").send().await?.text(&mut buffer).await?);
//!         Ok(())
//!     })
//! }
//! ```
//!
//! The blocking face takes the same network, and no executor:
//!
//! ```
//! use std::{io::{Read, Write}, net::TcpListener, thread, time::Duration};
//! use socketpool::{Resources, blocking::SocketPool, host};
//!
//! let echo = TcpListener::bind("127.0.0.1:0").unwrap();
//! let port = echo.local_addr().unwrap().port();
//! thread::spawn(move || {
//!     let (mut client, mut byte) = (echo.accept().unwrap().0, [0]);
//!     client.read_exact(&mut byte).and_then(|()| client.write_all(&byte)).unwrap();
//! });
//!
//! let (mut network, mut memory) = (host::Network::new(), Resources::<1>::new());
//! let pool = SocketPool::new(&mut network, &mut memory);
//! let mut socket = pool.socket()?;
//! socket.set_timeout(Some(Duration::from_secs(5)));
//! socket.connect("localhost", port)?;
//! socket.send_all(b"!")?;
//! let mut byte = [0];
//! socket.recv_into(&mut byte)?;
//! assert_eq!(&byte, b"!");
//! # Ok::<_, socketpool::Error>(())
//! ```
//!
//! # How it waits
//! Sockets are polled by async-io, which works under any executor; [`block_on`] is a small one. A name is resolved by
//! `getaddrinfo` on a thread of its own; a query that nobody waits for any more goes on there until the system gives up.
//! Under the blocking face a thread that waits sleeps until its socket is ready, and looks at its deadline once a millisecond.
//!
//! # Not supported
//! The answer of another server than the system's own resolver; sockets of other kinds than TCP and UDP; a proxy.

mod dns;
mod tcp;
mod udp;
mod wait;

use core::{net::Ipv4Addr, time::Duration};
use std::{io, sync::LazyLock, time as host};

pub use async_io::block_on;
use embedded_io_async::ErrorKind;

pub use self::{
    tcp::{NetworkConnection, NetworkListener},
    udp::NetworkDatagrams,
};
#[cfg(feature = "tls")]
use crate::tls;
use crate::{
    pool::SocketPool,
    time::{self, BlockingTimer, Clock, Instant},
};

/// A pool of `N` slots over the host's network, as the signature of a function can name it.
pub type Pool<'s, const N: usize> = SocketPool<'s, Network, N>;

/// The blocking twin of [`Pool`].
#[cfg(feature = "blocking")]
pub type BlockingPool<'s, const N: usize> = crate::blocking::SocketPool<'s, Network, N>;

/// A TLS context with the host's random numbers and date.
#[cfg(feature = "tls")]
pub type Tls<'r> = tls::TlsContext<'r, Random, Date>;

/// A session of verified requests over a [`Pool`] of `N` slots.
#[cfg(all(feature = "tls", feature = "requests"))]
pub type Http<'s, const N: usize> = crate::requests::Session<'s, Pool<'s, N>, Tls<'s>>;

/// The host's network: all of the seam, for both faces. It can be copied, and shared by threads.
#[derive(Debug, Clone, Copy)]
pub struct Network {
    multicast: Ipv4Addr,
}

impl Network {
    /// The network as the operating system has it.
    #[must_use]
    pub const fn new() -> Self {
        Self { multicast: Ipv4Addr::UNSPECIFIED }
    }

    /// The interface for IPv4 multicast, by its address. Unless you say otherwise, the system chooses.
    #[must_use]
    pub const fn multicast(mut self, interface: Ipv4Addr) -> Self {
        self.multicast = interface;
        self
    }
}

impl Default for Network {
    fn default() -> Self {
        Self::new()
    }
}

/// The host's monotonic clock, which can be awaited: for a `WallClock`, or a stack of your own.
#[derive(Debug, Clone, Copy, Default)]
pub struct Timer;

static START: LazyLock<host::Instant> = LazyLock::new(host::Instant::now);

impl Clock for Timer {
    fn now(&self) -> Instant {
        Instant::from_millis(START.elapsed().as_millis() as u64)
    }
}

impl time::Timer for Timer {
    async fn wait_until(&self, at: Instant) {
        match START.checked_add(Duration::from_millis(at.as_millis())) {
            Some(at) => drop(wait::woken(async_io::Timer::at(at)).await),
            None => core::future::pending().await,
        }
    }
}

impl BlockingTimer for Timer {
    fn idle(&self) {
        wait::idle();
    }
}

impl Clock for Network {
    fn now(&self) -> Instant {
        Timer.now()
    }
}

impl time::Timer for Network {
    async fn wait_until(&self, at: Instant) {
        Timer.wait_until(at).await;
    }
}

impl BlockingTimer for Network {
    fn idle(&self) {
        wait::idle();
    }
}

/// The host's random numbers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Random;

#[cfg(feature = "tls")]
impl tls::Random for Random {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), tls::RandomError> {
        getrandom::fill(bytes).map_err(|_| tls::RandomError)
    }
}

/// The host's date, which is trusted: the administrator of the host sets it, or NTP. One before 1970 is unknown.
#[derive(Debug, Clone, Copy, Default)]
pub struct Date;

#[cfg(feature = "tls")]
impl tls::TimeSource for Date {
    fn now(&self) -> tls::Now {
        match host::SystemTime::now().duration_since(host::UNIX_EPOCH) {
            Ok(since) => tls::Now::Trusted(tls::UnixTime::since_unix_epoch(since)),
            Err(_) => tls::Now::Unknown,
        }
    }
}

fn in_words(error: io::Error) -> ErrorKind {
    error.kind().into()
}

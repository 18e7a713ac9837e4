//! What a board with Wi-Fi needs besides its hardware: a [link] that is kept up, [random] numbers, and on top of a network
//! stack a [`Board`] for the apps.
//!
//! The crates of the boards (`rp2040-w`, `esp32`) bring the radio and the source of entropy, `socketpool-apps` what to do.
#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs, unreachable_pub, rust_2018_idioms)]
#![allow(async_fn_in_trait, reason = "embedded executors are single threaded: no future of ours claims to be Send")]

pub mod link;
mod logged;
pub mod random;

use defmt::{info, warn};
use embassy_net::Stack;
use embassy_time::Timer;
use socketpool::{
    Resources, SocketPool,
    embassy::{self, Network, NetworkResources},
    requests::Retry,
    time::EmbassyTimer,
    tls::{Roots, Sessions, TlsContext, WallClock},
};
use static_cell::{ConstStaticCell, StaticCell};

pub use self::logged::Logged;
use self::random::Generator;

/// TCP connections at a time.
pub const SOCKETS: usize = 3;

/// How many of them can speak TLS, for 18 KB of RAM each.
pub const TLS_SESSIONS: usize = 1;

/// Bytes that a connection can have received and nobody has read: how much a server sends without waiting for us.
const RX: usize = 4096;

/// Bytes that a connection can have on the way to the peer.
const TX: usize = 2048;

/// The largest datagram: what DNS and time servers send is smaller.
const DATAGRAM: usize = 512;

/// UDP sockets at a time.
const UDP: usize = 1;

/// Sockets of the stack: these, and one each for DHCP and DNS.
pub const STACK_SOCKETS: usize = SOCKETS + UDP + 2;

/// Two time servers that are run by different people. A product asks the NTP pool for a name of its own, or has its own.
pub const TIME_SERVERS: [&str; 2] = ["time.cloudflare.com", "time.google.com"];

/// Mozilla's roots; or, if the environment named a certificate when this was built (`TLS_ROOT=/path/to/root.der`), that one
/// instead.
pub const ROOTS: Roots<'static> = include!(concat!(env!("OUT_DIR"), "/roots.rs"));

/// The tickets of servers: a board that connects again to one it knows is spared the check of its certificates.
pub static SESSIONS: Sessions<1> = Sessions::new();

/// The pool of a board, as the signature of a task can name it.
pub type Pool = embassy::Pool<SOCKETS>;

/// The TLS context of a board, as the signature of a task can name it.
pub type Tls = Logged<TlsContext<'static, Generator, &'static Clock>>;

/// The clock of a board.
pub type Clock = WallClock<EmbassyTimer>;

/// A board that is on the network: what the apps work with.
#[derive(Clone, Copy)]
pub struct Board {
    /// The sockets.
    pub pool: &'static Pool,
    /// Verifies servers, with the roots of [`ROOTS`].
    pub tls: &'static Tls,
    /// The date.
    pub clock: &'static Clock,
    /// Random numbers.
    pub random: Generator,
}

impl Board {
    /// Puts pool, clock and TLS context on top of a network stack. They lie in statics.
    ///
    /// # Panics
    /// The second time.
    #[must_use]
    pub fn new(stack: Stack<'static>, random: Generator) -> Self {
        static BUFFERS: ConstStaticCell<NetworkResources<SOCKETS, UDP, RX, TX, DATAGRAM>> =
            ConstStaticCell::new(NetworkResources::new());
        static NETWORK: StaticCell<Network<'static, SOCKETS, UDP>> = StaticCell::new();
        static MEMORY: ConstStaticCell<Resources<SOCKETS, TLS_SESSIONS>> = ConstStaticCell::new(Resources::new());
        static POOL: StaticCell<Pool> = StaticCell::new();
        static CLOCK: StaticCell<Clock> = StaticCell::new();
        static TLS: StaticCell<Tls> = StaticCell::new();
        let network = NETWORK.init(Network::new(stack, BUFFERS.take()));
        let pool = POOL.init(SocketPool::new(network, MEMORY.take()));
        let clock: &Clock = CLOCK.init(WallClock::new(EmbassyTimer));
        let tls = TLS.init(Logged(TlsContext::new(random, clock).roots(ROOTS).sessions(&SESSIONS)));
        Self { pool, tls, clock, random }
    }

    /// Asks for the date, as often as it takes: without it no certificate can be checked.
    pub async fn set_clock(&self) {
        let (mut random, rolls) = (self.random, || self.random.next_u32());
        let retry = Retry::new(u8::MAX, &rolls);
        let mut failures = 0_u8;
        while let Err(error) = self.pool.sync_time(self.clock, TIME_SERVERS, &mut random).await {
            failures = failures.saturating_add(1);
            let pause = retry.delay(failures).as_millis() as u64;
            warn!("clock: {}; again in {} ms", error, pause);
            Timer::after_millis(pause).await;
        }
        info!("clock: set");
    }
}

/// What the environment said when the program was built, `option_env!("NAME")`, or else `default`.
#[must_use]
pub const fn setting(said: Option<&'static str>, default: &'static str) -> &'static str {
    match said {
        Some(value) => value,
        None => default,
    }
}

/// The same for a number.
///
/// # Panics
/// If it is none: when the program is built, in a constant.
#[must_use]
pub const fn number(said: Option<&'static str>, default: u32) -> u32 {
    let Some(text) = said else { return default };
    match u32::from_str_radix(text, 10) {
        Ok(number) => number,
        Err(_) => panic!("a number"),
    }
}

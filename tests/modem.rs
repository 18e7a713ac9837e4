//! A pool over a modem that does TCP and TLS on board: the driver of `modem/driver.rs`, over the modem of
//! `modem/simulator.rs`, which connects to real servers. On both faces; the blocking one over a line that waits inside, too.

#[path = "modem/at.rs"]
mod at;
#[path = "modem/driver.rs"]
mod driver;
#[path = "modem/simulator.rs"]
mod simulator;
#[path = "../examples/support/mod.rs"]
mod support;

use std::time::Duration;

use driver::Modem;
use simulator::{Line, Simulator, Waits, start};
use socketpool::{
    Error, ErrorKind, Phase, Resources,
    pool::StackTls,
    time::{BlockingTimer, Deadline, run},
    traits::Socket as _,
};
use support::{
    HostClock,
    server::{Authority, Server, Validity},
};

impl BlockingTimer for HostClock {
    fn idle(&self) {
        std::thread::sleep(Duration::from_micros(100));
    }
}

macro_rules! awaited {
    ($work:expr) => {
        $work.await
    };
}

macro_rules! direct {
    ($work:expr) => {
        $work
    };
}
use {awaited, direct};

/// A test over a modem that trusts `authority` under profile 0, on a pool of so many sockets and TLS sessions.
macro_rules! over_a_modem {
    (fn $name:ident<$slots:literal, $tls:literal>($authority:expr, |$pool:ident, $modem:ident| $test:block)) => {
        mod $name {
            use super::*;

            fn network(waits: Waits) -> (Simulator, Modem<Line, HostClock>) {
                super::network(waits, &$authority)
            }

            #[test]
            fn async_face() {
                #[allow(unused_imports, reason = "each test uses a part")]
                use socketpool::{SocketPool, requests::Session};

                use crate::awaited as wait;
                let ($modem, mut network) = network(Waits::Pending);
                let mut memory = Resources::<$slots, $tls>::new();
                let $pool = SocketPool::new(&mut network, &mut memory);
                async_io::block_on(async { $test });
                assert_eq!($pool.counts().in_use, 0);
            }

            fn blocking(waits: Waits) {
                #[allow(unused_imports, reason = "each test uses a part")]
                use socketpool::blocking::{Session, SocketPool};

                use crate::direct as wait;
                let ($modem, mut network) = network(waits);
                let mut memory = Resources::<$slots, $tls>::new();
                let $pool = SocketPool::new(&mut network, &mut memory);
                $test
                assert_eq!($pool.counts().in_use, 0);
            }

            #[test]
            fn blocking_face() {
                blocking(Waits::Pending);
            }

            #[test]
            fn blocking_face_over_a_line_that_waits_inside() {
                blocking(Waits::Inside);
            }
        }
    };
}

/// A modem that knows the date, and trusts `authority` under the profiles 0 and 1.
fn network(waits: Waits, authority: &Authority) -> (Simulator, Modem<Line, HostClock>) {
    let (simulator, line) = start(waits);
    let modem = Modem::new(line, HostClock);
    let date = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    run(&HostClock, modem.set_clock(date)).unwrap();
    for profile in [0, 1] {
        run(&HostClock, modem.set_root(profile, &authority.der())).unwrap();
    }
    (simulator, modem)
}

over_a_modem! {
    fn a_get<2, 0>(Authority::new("Root"), |pool, modem| {
        let server = Server::start_plain(None);
        let http = Session::new(&pool, &StackTls::PROFILE_0);
        let mut memory = [0; 200];
        let mut response = wait!(http.get(&format!("http://api.example:{}/now", server.port)).send()).unwrap();
        assert_eq!(wait!(response.text(&mut memory)), Ok("{\"path\":\"/now\",\"number\":1}"));
        assert_eq!(modem.commands("AT+OPEN"), 1);
    })
}

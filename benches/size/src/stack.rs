//! The wire as a stack for our pool.

use core::hint::{black_box, spin_loop};

use socketpool::{
    stack::Network,
    time::{Clock, Instant, Timer},
};

use super::Wire;

/// A stack for a pool.
pub const fn network() -> Network<Wire, Wire, Time> {
    Network::new(Wire, Wire, Time)
}

/// A clock that may show any time.
#[derive(Debug)]
pub struct Time;

impl Clock for Time {
    fn now(&self) -> Instant {
        Instant::from_millis(black_box(0))
    }
}

impl Timer for Time {
    async fn wait_until(&self, at: Instant) {
        while self.now() < at {
            spin_loop();
        }
    }
}

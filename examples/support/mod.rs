//! What examples and tests on a desk share: the host's network, which [`socketpool::host`] has, and a server.
#![allow(dead_code, reason = "each uses a part")]

pub mod server;

use socketpool::{
    host,
    tls::{Now, Random as _, TimeSource as _},
};

/// The host's network, for either face.
pub fn network() -> host::Network {
    host::Network::new()
}

/// The host's random numbers.
pub fn random(bytes: &mut [u8]) {
    host::Random.fill(bytes).expect("the host has random numbers");
}

/// The host's date.
pub fn date() -> Now {
    host::Date.now()
}

//! What a board with Wi-Fi needs besides its hardware: a [link](link) that is kept up, [random numbers](random), and a
//! [network](network) for the pool.
//!
//! The crates of the boards (`rp2040-w`, `esp32`) bring the radio and the source of entropy; the apps do the rest.
#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs, unreachable_pub, rust_2018_idioms)]
#![allow(async_fn_in_trait, reason = "embedded executors are single threaded: no future of ours claims to be Send")]

pub mod link;
pub mod network;
pub mod random;

/// A board that is on the network.
pub struct Board {
    /// For the pool.
    pub network: network::Network,
    /// For the TLS context, and whoever else needs random numbers.
    pub random: random::Generator,
}

//! The wiring of the emulated boards: a network card, a TCP/IP stack on it, and a pool's network over that.
//!
//! A program is one page in `src/bin`: it says what is to be done once the network is up, to [`run`] (embassy-net) or
//! [`run_blocking`] (smoltcp-nal).
#![no_std]
#![warn(missing_docs)]

mod blocking;
mod card;
mod device;
#[cfg(target_arch = "arm")]
mod lan9118;
mod measured;
mod network;
mod nic;
mod settings;
#[cfg(target_arch = "riscv32")]
mod virtio;

pub use self::{
    blocking::{BlockingWire, run_blocking},
    device::{Device, Tls},
    measured::Measured,
    network::{Wire, run},
    settings::Settings,
};

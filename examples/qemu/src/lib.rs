//! The wiring of the emulated boards: a network card, embassy-net on it, and a pool's network over that.
//!
//! A program is one page in `src/bin`: it calls [`run`] with what is to be done once the network is up.
#![no_std]
#![warn(missing_docs)]

#[cfg(target_arch = "arm")]
mod lan9118;
mod measured;
mod network;
mod nic;
mod settings;
#[cfg(target_arch = "riscv32")]
mod virtio;

pub use self::{
    measured::Measured,
    network::{Device, Time, Wire, run},
    settings::Settings,
};

//! What the example boards run: each app once, generic over the pool and TLS, with no hardware in it.
//!
//! A board brings its network, its clock, random numbers and a place for log lines, and calls one function:
//!
//! | app | does |
//! |---|---|
//! | [`weather`] | GETs JSON over verified HTTPS, twice on one connection |
//! | [`telemetry`] | POSTs readings as JSON; what could not be sent is sent the next time |
//! | [`sensor`] | wakes, POSTs what the server does not have yet, and sleeps |
//! | [`download`] | streams a body larger than memory, hashes it, and shows how far it is |
//! | [`update`] | gets signed firmware into flash, whole or not at all |
//! | `mqtt` (a feature) | publishes readings over a connection that lasts, and takes commands |
//! | `websocket` (a feature) | sends a reading over a WebSocket, and waits for the answer |
//! | [`clock`] | asks two time servers for the date, without which no certificate can be checked |
//! | [`web_server`] | answers browsers with a small JSON page |
//!
//! Each works by a [`Schedule`], for ever: a failure is one line on the log, with its cause and how far the work had come,
//! and a wait before the next try. Nothing here panics, and every socket is back in the pool after each round.
#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs, unreachable_pub, rust_2018_idioms)]
#![allow(async_fn_in_trait, reason = "embedded executors are single threaded")]

#[macro_use]
mod messages;

#[cfg(feature = "blocking")]
pub mod blocking;
pub mod clock;
pub mod download;
#[cfg(feature = "mqtt")]
pub mod mqtt;
mod schedule;
pub mod sensor;
pub mod telemetry;
pub mod update;
pub mod weather;
pub mod web_server;
#[cfg(feature = "websocket")]
pub mod websocket;

pub use self::schedule::{Schedule, Tally};

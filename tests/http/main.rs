//! HTTP: its codec, exchanges over a connection, and sessions with requests and responses, over scripted networks and the
//! loopback.

mod adafruit;
mod codec;
mod connection;
mod dropped;
mod early_responses;
mod exchange;
mod no_allocation;
mod response;
#[path = "../support/mod.rs"]
#[allow(dead_code, unused_macros, unused_imports, reason = "each binary uses a part")]
mod support;
mod uploads;

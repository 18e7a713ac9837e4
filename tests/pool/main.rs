//! Sockets, listeners, datagrams and the line for them, over scripted networks and the loopback.

mod addresses;
mod blocking_pool;
mod clinging;
mod clock;
mod connection_manager;
mod connectors;
mod dropped_sockets;
mod futures;
mod interleavings;
mod line;
mod mock;
mod no_leak;
mod split;
#[path = "../support/mod.rs"]
#[allow(dead_code, unused_macros, unused_imports, reason = "each binary uses a part")]
mod support;
mod udp;

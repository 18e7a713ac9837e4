//! TLS against rustls and against a server of ours that can do wrong at every step.

mod blocking;
mod context;
mod dangerous;
mod endings;
mod engine;
mod identity;
mod orders;
mod psk;
mod resumption;
mod server;
mod small;
#[path = "../support/mod.rs"]
#[allow(dead_code, unused_macros, unused_imports, reason = "each binary uses a part")]
mod support;
mod whose_connection;

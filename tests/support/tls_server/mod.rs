//! A TLS 1.3 server of ours that plays a script, and can do wrong at every step.

pub mod keys;
pub mod script;
pub mod server;

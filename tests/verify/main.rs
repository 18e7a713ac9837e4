//! Certificates and signatures: which are accepted, which are refused, and why.

mod chain;
mod compact;
mod handshake;
mod info;
mod profile;
mod roots;
mod rsa;
#[path = "../support/mod.rs"]
#[allow(dead_code, unused_macros, unused_imports, reason = "each binary uses a part")]
mod support;
mod work;
mod wycheproof;

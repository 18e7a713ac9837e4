//! Public test suites, scored.

mod adafruit;
mod faces;
mod http;
mod json;
#[path = "../support/mod.rs"]
#[allow(dead_code, unused_macros, unused_imports, reason = "each binary uses a part")]
mod support;
mod x509;

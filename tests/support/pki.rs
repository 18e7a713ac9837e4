//! The certificates that `make.sh` made.

use core::time::Duration;

use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use socketpool::tls::roots::{TrustAnchor, trust_anchor_from_der};

pub mod pins {
    include!("../pki/pins.rs");
}

/// The bytes of `der/NAME.EXTENSION`; `.der` if there is no extension.
macro_rules! file {
    ($name:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pki/der/", $name))
    };
}
pub(crate) use file;

/// The bytes of `der/NAME.der`.
pub fn der(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/pki/der/{name}.der", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Several certificates, the server's first.
pub fn chain(names: &[&str]) -> Vec<CertificateDer<'static>> {
    names.iter().map(|name| CertificateDer::from(der(name))).collect()
}

/// A root that lives as long as the test.
pub fn anchor(name: &str) -> TrustAnchor<'static> {
    trust_anchor_from_der(der(name).leak()).unwrap()
}

pub fn name(name: &str) -> ServerName<'static> {
    ServerName::try_from(name.to_owned()).unwrap()
}

/// 2026-06-01, the day all tests run on.
pub const NOW: u64 = 1_780_272_000;

pub fn at(seconds: u64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(seconds))
}

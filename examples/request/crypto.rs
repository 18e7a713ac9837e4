//! `--groups` and `--suites`: names for what a context can be given in a `Crypto`.

use socketpool::tls::engine::{
    self, AES_128_GCM_SHA256, AES_256_GCM_SHA384, CHACHA20_POLY1305_SHA256, Crypto, SECP256R1, X25519,
};

use crate::options::Options;

/// A group, and a suite, that can be told from another.
#[derive(Debug, Clone, Copy)]
pub struct Group(&'static dyn engine::Group);
#[derive(Debug, Clone, Copy)]
pub struct CipherSuite(&'static dyn engine::CipherSuite);

impl PartialEq for Group {
    fn eq(&self, other: &Self) -> bool {
        self.0.code() == other.0.code()
    }
}

impl PartialEq for CipherSuite {
    fn eq(&self, other: &Self) -> bool {
        self.0.code() == other.0.code()
    }
}

/// A group by its name at IANA, or by another that it has.
pub fn group(name: &str) -> Option<Group> {
    Some(Group(match &*name.to_ascii_lowercase() {
        "x25519" => X25519,
        "secp256r1" | "p-256" | "p256" | "prime256v1" => SECP256R1,
        _ => return None,
    }))
}

/// A suite by its short name, or by its name at IANA.
pub fn suite(name: &str) -> Option<CipherSuite> {
    Some(CipherSuite(match &*name.to_ascii_lowercase() {
        "chacha20" | "tls_chacha20_poly1305_sha256" => CHACHA20_POLY1305_SHA256,
        "aes128" | "tls_aes_128_gcm_sha256" => AES_128_GCM_SHA256,
        "aes256" | "tls_aes_256_gcm_sha384" => AES_256_GCM_SHA384,
        _ => return None,
    }))
}

/// What is offered. A device has it in a constant; here it comes with the command line, and lasts as long.
pub fn of(options: &Options<'_>) -> &'static Crypto {
    let Crypto { mut suites, mut groups, signatures } = Crypto::DEFAULT;
    if !options.suites.is_empty() {
        suites = options.suites.iter().map(|suite| suite.0).collect::<Vec<_>>().leak();
    }
    if !options.groups.is_empty() {
        groups = options.groups.iter().map(|group| group.0).collect::<Vec<_>>().leak();
    }
    Box::leak(Box::new(Crypto { suites, groups, signatures }))
}

//! What has to be the same when a conversation is recorded and when it is played back: with the same random numbers at
//! the same date, the client says every byte again, and what the server answered fits.

use core::time::Duration;

use rustls_pki_types::UnixTime;
use socketpool::tls::{
    Now, RELEASE_DATE, Random,
    engine::{AES_128_GCM_SHA256, CHACHA20_POLY1305_SHA256, Crypto, SECP256R1, X25519},
};

pub const HOST: &str = "api.example.com";

/// The bytes that go each way once the handshake is done, in one record.
pub const PAYLOAD: usize = 1024;

/// The same numbers every time. Nothing that may be secret is ever made of such numbers.
pub fn random() -> impl Random {
    let mut state = 4u32;
    move |bytes: &mut [u8]| {
        bytes.fill_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        });
    }
}

/// A day after the release.
pub fn date() -> Now {
    Now::Trusted(UnixTime::since_unix_epoch(Duration::from_secs(RELEASE_DATE + 86_400)))
}

/// Record buffers of our engine.
pub const RX: usize = 16_406;
pub const TX: usize = 1_536;

/// What our engine is measured with.
pub fn engines() -> [(&'static str, Crypto<'static>); 2] {
    let all = Crypto::DEFAULT;
    [
        ("x25519-chacha20", Crypto { suites: &[CHACHA20_POLY1305_SHA256], groups: &[X25519], ..all }),
        ("p256-aes128", Crypto { suites: &[AES_128_GCM_SHA256], groups: &[SECP256R1], ..all }),
    ]
}

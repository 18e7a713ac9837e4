//! A server with TLS 1.3 in this process, and what a client needs to verify it.

use std::{sync::OnceLock, time::SystemTime};

use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};
use socketpool::tls::{Now, roots::trust_anchor_from_der};

use crate::{
    cases::{Case, TARGET},
    server::{Authority, Server, Validity},
};

/// Where the server is and whom it answers how.
pub struct Target {
    pub base: String,
    pub url: String,
    pub root: CertificateDer<'static>,
    pub anchors: [TrustAnchor<'static>; 1],
    /// Whether connections are kept.
    pub keeps: bool,
    pub body_len: usize,
}

/// What the servers answer, by what they are asked: a server's answer is a plain function.
static ANSWERS: OnceLock<[Case; 2]> = OnceLock::new();

fn small(_: &str) -> Vec<u8> {
    answers()[0].answer.to_vec()
}

fn large(_: &str) -> Vec<u8> {
    answers()[1].answer.to_vec()
}

fn answers() -> &'static [Case; 2] {
    ANSWERS.get_or_init(|| [Case::by_length("small", 200), Case::by_length("large", 65536)])
}

impl Target {
    /// Starts a server whose certificate, of a P-256 key, is signed by a root with another.
    pub fn start(keeps: bool, is_large: bool) -> &'static Self {
        let authority = Authority::new("Root");
        let mut config = authority.server_config("localhost", Validity::Now);
        config.send_tls13_tickets = 0; // nobody resumes: every handshake verifies
        let answer = if is_large { large } else { small };
        let server = Server::with_config(config, Some(answer));
        let root: &'static CertificateDer<'static> = Box::leak(Box::new(authority.der()));
        let base = format!("https://localhost:{}", server.port);
        Box::leak(Box::new(Self {
            url: format!("{base}{TARGET}"),
            base,
            root: root.clone(),
            anchors: [trust_anchor_from_der(root).expect("a root")],
            keeps,
            body_len: answers()[usize::from(is_large)].body_len,
        }))
    }
}

pub fn random(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the host has random numbers");
}

pub fn date() -> Now {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    Now::Trusted(UnixTime::since_unix_epoch(since_epoch))
}

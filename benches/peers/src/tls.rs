//! A server with TLS 1.3 in this process, and what a client needs to verify it.

use std::{
    sync::{Arc, OnceLock},
    time::SystemTime,
};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, UnixTime},
};
use socketpool::tls::{
    Now,
    roots::{TrustAnchor, trust_anchor_from_der},
};

use crate::{
    cases::{Case, TARGET},
    server::Server,
};

const HOST: &str = "localhost";

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
        let (config, root) = identity();
        let answer = if is_large { large } else { small };
        let server = Server::with_config(config, Some(answer));
        let root: &'static CertificateDer<'static> = Box::leak(Box::new(root));
        let base = format!("https://{HOST}:{}", server.port);
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

/// A server whose certificate is signed by a root, and that root; both have P-256 keys. The name is also where some
/// clients look for it, in the subject.
fn identity() -> (ServerConfig, CertificateDer<'static>) {
    let mut root = CertificateParams::new([]).expect("no names");
    root.distinguished_name.push(DnType::CommonName, "Root");
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    root.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    root.not_before = date_time_ymd(2024, 1, 1);
    let root = CertifiedIssuer::self_signed(root, KeyPair::generate().expect("a key")).expect("a root");

    let mut leaf = CertificateParams::new([HOST.to_string()]).expect("a name");
    leaf.distinguished_name.push(DnType::CommonName, HOST);
    leaf.use_authority_key_identifier_extension = true;
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    leaf.not_before = date_time_ymd(2024, 1, 1);
    let key = KeyPair::generate().expect("a key");
    let leaf = leaf.signed_by(&key, &root).expect("a certificate").der().clone();

    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("PKCS#8");
    let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .with_no_client_auth()
        .with_single_cert(vec![leaf], key)
        .expect("a usable certificate");
    config.send_tls13_tickets = 0; // nobody resumes: every handshake verifies
    (config, root.der().clone())
}

pub fn random(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the host has random numbers");
}

pub fn date() -> Now {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    Now::Trusted(UnixTime::since_unix_epoch(since_epoch))
}

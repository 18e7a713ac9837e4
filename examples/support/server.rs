//! A small HTTPS server in this process: rustls, with certificates made at start.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, PublicKeyData as _, date_time_ymd,
};
use rustls::{
    ConfigBuilder, RootCertStore, ServerConfig, ServerConnection, StreamOwned, WantsVerifier,
    pki_types::{CertificateDer, PrivateKeyDer},
    server::WebPkiClientVerifier,
};

/// A certificate authority, made at start.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// How long a certificate is valid.
#[derive(Debug, Clone, Copy)]
pub enum Validity {
    Now,
    /// It ended on 1 January 2025.
    Expired,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(Self::params(name), key).expect("a root"))
    }

    /// An authority that this one vouches for.
    pub fn intermediate(&self, name: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = Self::params(name);
        params.use_authority_key_identifier_extension = true;
        Self(CertifiedIssuer::signed_by(params, key, &self.0).expect("an intermediate"))
    }

    fn params(name: &str) -> CertificateParams {
        let mut params = CertificateParams::new([]).expect("no names");
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.not_before = date_time_ymd(2024, 1, 1);
        params
    }

    pub fn der(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// What a server for `name` needs, signed by this authority.
    pub fn server_config(&self, name: &str, validity: Validity) -> ServerConfig {
        let (chain, key) = self.server_certificate(name, validity);
        builder().with_no_client_auth().with_single_cert(chain, key).expect("a usable certificate")
    }

    /// The same, for a server that sends its authority's certificate too: an intermediate's.
    pub fn server_config_with_chain(&self, name: &str) -> ServerConfig {
        let (mut chain, key) = self.server_certificate(name, Validity::Now);
        chain.push(self.der());
        builder().with_no_client_auth().with_single_cert(chain, key).expect("a usable certificate")
    }

    /// The same, and the server's public key (SubjectPublicKeyInfo).
    pub fn server_config_and_key(&self, name: &str) -> (ServerConfig, Vec<u8>) {
        let (chain, key) = self.server_certificate(name, Validity::Now);
        let spki = KeyPair::try_from(&key).expect("a key").subject_public_key_info();
        (builder().with_no_client_auth().with_single_cert(chain, key).expect("a usable certificate"), spki)
    }

    /// The same, for a server that asks its clients for a certificate of `clients`, and perhaps insists.
    pub fn server_config_for(&self, name: &str, clients: &Self, required: bool) -> ServerConfig {
        let mut roots = RootCertStore::empty();
        roots.add(clients.der()).expect("a root");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        let verifier = if required { verifier } else { verifier.allow_unauthenticated() };
        let (chain, key) = self.server_certificate(name, Validity::Now);
        let verifier = verifier.build().expect("a verifier");
        builder().with_client_cert_verifier(verifier).with_single_cert(chain, key).expect("a usable certificate")
    }

    /// A client certificate for this key, signed by this authority, with so many bytes of something in it.
    pub fn client_certificate(&self, key: &KeyPair, ballast: usize) -> CertificateDer<'static> {
        let mut params = CertificateParams::new([]).expect("no names");
        params.distinguished_name.push(DnType::CommonName, "device");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.not_before = date_time_ymd(2024, 1, 1);
        let of_ours = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 32473, 1], vec![0; ballast]);
        params.custom_extensions.push(of_ours);
        params.signed_by(key, &self.0).expect("a certificate").der().clone()
    }

    fn server_certificate(
        &self,
        name: &str,
        validity: Validity,
    ) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new([name.to_string()]).expect("a name");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        params.not_before = date_time_ymd(2024, 1, 1);
        if let Validity::Expired = validity {
            params.not_after = date_time_ymd(2025, 1, 1);
        }
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("PKCS#8");
        (vec![certificate.der().clone()], key)
    }
}

fn builder() -> ConfigBuilder<ServerConfig, WantsVerifier> {
    ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
}

/// A running server; it ends with the process.
pub struct Server {
    pub port: u16,
    connections: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
}

/// What a server answers: all of it, from the status line on, to what was asked: head and body.
pub type Answer = fn(&str) -> Vec<u8>;

impl Server {
    /// Serves HTTPS on a free port of the loopback interface, with a certificate for `name`. Every answer is JSON: the
    /// path that was asked for, and how many requests there have been.
    pub fn start(authority: &Authority, name: &str, validity: Validity) -> Self {
        Self::with_config(authority.server_config(name, validity), None)
    }

    /// The same, with answers of your own.
    pub fn start_with(authority: &Authority, name: &str, validity: Validity, answer: Option<Answer>) -> Self {
        Self::with_config(authority.server_config(name, validity), answer)
    }

    /// Serves HTTPS on a free port of the loopback interface.
    pub fn with_config(config: ServerConfig, answer: Option<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let config = Arc::new(config);
        let server = Self { port, connections: Arc::default(), requests: Arc::default() };
        let (connections, requests) = (server.connections.clone(), server.requests.clone());
        thread::spawn(move || {
            for tcp in listener.incoming().flatten() {
                connections.fetch_add(1, Ordering::SeqCst);
                let tls = ServerConnection::new(config.clone()).expect("a valid configuration");
                let requests = requests.clone();
                thread::spawn(move || serve(StreamOwned::new(tls, tcp), &requests, answer));
            }
        });
        server
    }

    /// TCP connections accepted so far.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Requests received so far.
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

/// Answers every request. Ends when the client does.
fn serve(stream: impl Read + Write, requests: &AtomicUsize, answer: Option<Answer>) {
    let mut stream = BufReader::new(stream);
    let mut serve_one = || -> std::io::Result<bool> {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Ok(false);
        }
        let path = line.split(' ').nth(1).unwrap_or("/").to_owned();
        let mut request = line.clone();
        let mut body_len = 0;
        while line.trim() != "" {
            line.clear();
            stream.read_line(&mut line)?;
            request += &line;
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                body_len = value.trim().parse().unwrap_or(0);
            }
        }
        stream.by_ref().take(body_len).read_to_string(&mut request)?;
        let number = requests.fetch_add(1, Ordering::SeqCst) + 1;
        if let Some(answer) = answer {
            stream.get_mut().write_all(&answer(&request))?;
            stream.get_mut().flush()?;
            return Ok(true);
        }
        let body = format!("{{\"path\":\"{path}\",\"number\":{number}}}");
        let length = body.len();
        write!(
            stream.get_mut(),
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )?;
        stream.get_mut().flush()?;
        Ok(true)
    };
    while let Ok(true) = serve_one() {}
}

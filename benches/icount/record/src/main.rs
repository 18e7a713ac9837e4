//! Records the servers that `benches/icount` plays back, each a server of rustls: for each kind of key one whose chain is a
//! leaf, an intermediate and a root, all with keys of that kind, and two with four certificates, shaped as Let's Encrypt
//! sends them since May 2026. RSA keys are OpenSSL's. And it makes chains that are verified without a server: an honest one,
//! and two hostile ones.
//!
//! Another server is met twice, and the second, short handshake is kept, with the session that the client had saved.
//!
//! Run it in `benches/icount/record` when a client that is played an old recording says that the server is not verified:
//! then the client's own bytes have changed. With `resumed` it records that one only.

#[path = "../../src/fixed.rs"]
mod fixed;

use std::{
    cell::RefCell,
    fs,
    io::{Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    process::Command,
    sync::{Arc, Mutex},
};

use embedded_io_async::{ErrorKind, ErrorType, Read, Write};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, date_time_ymd,
};
use rustls::{
    ServerConfig, ServerConnection,
    pki_types::{CertificateDer, PrivateKeyDer},
};
use socketpool::{
    Resources, SocketPool,
    mock::block_on,
    stack::{Connect, Connection, Family, Resolve, ResolveError},
    time::{Clock, Instant, Timer},
    tls::{Roots, SavedSession, SessionKey, SessionStore, TlsContext, roots::trust_anchor_from_der},
};

fn main() {
    resumed();
    if std::env::args().nth(1).as_deref() == Some("resumed") {
        return;
    }
    // From the root down.
    for (name, kinds) in [
        ("P-256", &["P-256"; 3][..]),
        ("P-384", &["P-384"; 3]),
        ("RSA-2048", &["RSA-2048"; 3]),
        ("RSA-4096", &["RSA-4096"; 3]),
        // ISRG Root X2, Root YE, YE1 and a server; ISRG Root X1, Root YR, YR1 and a server.
        ("Y-ECDSA", &["P-384", "P-384", "P-384", "P-256"]),
        ("Y-RSA", &["RSA-4096", "RSA-4096", "RSA-2048", "RSA-2048"]),
    ] {
        let (config, root) = identity(kinds);
        let sent = converse(config, &root);
        fs::write(format!("../recorded/{name}.root.der"), &root).expect("a file");
        fs::write(format!("../recorded/{name}.server"), &sent).expect("a file");
        println!("{name}: {} bytes", sent.len());
    }
    let root = CertifiedIssuer::self_signed(params("Root", true), key("P-384")).expect("a root");
    fs::write("../recorded/chains.root.der", root.der()).expect("a file");
    for (name, chain) in [("honest", honest(&root)), ("forged", forged()), ("maze", maze())] {
        let framed: Vec<u8> =
            chain.iter().flat_map(|der| [&(der.len() as u16).to_be_bytes(), &**der].concat()).collect();
        fs::write(format!("../recorded/{name}.chain"), framed).expect("a file");
    }
}

/// A server that gives a ticket, and what it says to a client that comes back with it.
fn resumed() {
    let (mut config, root) = identity(&["P-256"; 3]);
    config.send_tls13_tickets = 1;
    let config = Arc::new(config);
    static STORE: Store = Store(Mutex::new(Vec::new()));
    converse_with(config.clone(), &root, Some(&STORE));
    let session = STORE.0.lock().expect("sound").clone();
    let sent = converse_with(config, &root, Some(&STORE));
    fs::write("../recorded/resumed.session", &session).expect("a file");
    fs::write("../recorded/resumed.server", &sent).expect("a file");
    println!("resumed: {} bytes, a session of {}", sent.len(), session.len());
}

/// Keeps the last session, whoever it is for: the key has the version of socketpool in it, and recordings last longer.
struct Store(Mutex<Vec<u8>>);

impl SessionStore for Store {
    fn put(&self, _: &SessionKey, session: SavedSession<'_>) {
        let mut bytes = vec![0; session.len()];
        session.write_to(&mut bytes);
        *self.0.lock().expect("sound") = bytes;
    }

    fn take(&self, _: &SessionKey, into: &mut [u8]) -> Option<usize> {
        let bytes = std::mem::take(&mut *self.0.lock().expect("sound"));
        into.get_mut(..bytes.len())?.copy_from_slice(&bytes);
        Some(bytes.len()).filter(|len| *len > 0)
    }
}

/// A server and an intermediate below the root.
fn honest(root: &Authority) -> Vec<CertificateDer<'static>> {
    let intermediate =
        CertifiedIssuer::signed_by(params("Intermediate", true), key("P-384"), root).expect("an authority");
    vec![server(&intermediate).0, intermediate.der().clone()]
}

/// A server and fifteen intermediates of one name that say that the root issued them, signed by another key. Nobody's
/// secret is needed to make them.
fn forged() -> Vec<CertificateDer<'static>> {
    let root = CertifiedIssuer::self_signed(params("Root", true), key("P-384")).expect("a root");
    let one = |_| CertifiedIssuer::signed_by(params("Intermediate", true), key("P-384"), &root).expect("an authority");
    let intermediates: Vec<Authority> = (0..15).map(one).collect();
    let server = server(&intermediates[0]).0;
    [server].into_iter().chain(intermediates.iter().map(|this| this.der().clone())).collect()
}

/// A server and fifteen authorities of one name, every one of which could have issued every other, and no root.
fn maze() -> Vec<CertificateDer<'static>> {
    let one = |_| CertifiedIssuer::self_signed(params("Maze", true), key("P-256")).expect("an authority");
    let authorities: Vec<Authority> = (0..15).map(one).collect();
    let server = server(&authorities[0]).0;
    [server].into_iter().chain(authorities.iter().map(|this| this.der().clone())).collect()
}

type Authority = CertifiedIssuer<'static, KeyPair>;

/// A server's certificate for a key of P-256, and that key.
fn server(issuer: &Authority) -> (CertificateDer<'static>, KeyPair) {
    server_with(key("P-256"), issuer)
}

fn server_with(key: KeyPair, issuer: &Authority) -> (CertificateDer<'static>, KeyPair) {
    (params(fixed::HOST, false).signed_by(&key, issuer).expect("a certificate").der().clone(), key)
}

fn key(kind: &str) -> KeyPair {
    let Some(bits) = kind.strip_prefix("RSA-") else {
        let algorithm = if kind == "P-256" { &PKCS_ECDSA_P256_SHA256 } else { &PKCS_ECDSA_P384_SHA384 };
        return KeyPair::generate_for(algorithm).expect("a key");
    };
    let made = Command::new("openssl").args(["genrsa", bits]).output().expect("openssl");
    KeyPair::from_pem(&String::from_utf8(made.stdout).expect("PEM")).expect("a key")
}

fn params(name: &str, is_authority: bool) -> CertificateParams {
    let names = if is_authority { vec![] } else { vec![name.to_string()] };
    let mut params = CertificateParams::new(names).expect("a name");
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2024, 1, 1);
    params.not_after = date_time_ymd(2060, 1, 1);
    if is_authority {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    } else {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    }
    params.use_authority_key_identifier_extension = true;
    params
}

/// A server and the root that its chain leads to, with keys of these kinds from the root down.
fn identity(kinds: &[&str]) -> (ServerConfig, Vec<u8>) {
    let [root, between @ .., leaf] = kinds else { panic!("a root and a server") };
    let root = CertifiedIssuer::self_signed(params("Root", true), key(root)).expect("a root");
    let mut authorities = Vec::<Authority>::new();
    for (at, kind) in between.iter().enumerate() {
        let params = params(&format!("Intermediate {at}"), true);
        let issuer = authorities.last().unwrap_or(&root);
        authorities.push(CertifiedIssuer::signed_by(params, key(kind), issuer).expect("an authority"));
    }
    let (leaf, leaf_key) = server_with(key(leaf), authorities.last().unwrap_or(&root));
    let chain = [leaf].into_iter().chain(authorities.iter().rev().map(|this| this.der().clone())).collect();
    let leaf_key = PrivateKeyDer::try_from(leaf_key.serialize_der()).expect("PKCS#8");
    let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .with_no_client_auth()
        .with_single_cert(chain, leaf_key)
        .expect("a usable certificate");
    config.send_tls13_tickets = 0;
    (config, root.der().to_vec())
}

/// Shakes hands, sends the payload, and receives as much: all that the server sent.
fn converse(config: ServerConfig, root: &[u8]) -> Vec<u8> {
    converse_with(Arc::new(config), root, None)
}

fn converse_with(config: Arc<ServerConfig>, root: &[u8], store: Option<&'static Store>) -> Vec<u8> {
    let root = CertificateDer::from(root);
    let anchors = [trust_anchor_from_der(&root).expect("a root")];
    let mut tls = TlsContext::new(fixed::random(), fixed::date).roots(Roots::only(&anchors));
    if let Some(store) = store {
        tls = tls.sessions(store);
    }
    let connection = ServerConnection::new(config).expect("a server");
    let server = RefCell::new(Server { connection, sent: Vec::new(), received: 0 });
    let (mut network, mut memory) = (Wire { server: &server }, Resources::<1, 1>::new());
    let pool = SocketPool::new(&mut network, &mut memory);
    block_on(async {
        let mut socket = pool.socket().await?;
        socket.connect(fixed::HOST, 443).await?;
        tls.wrap_socket(&mut socket, fixed::HOST).await?;
        let mut payload = [0; fixed::PAYLOAD];
        socket.send_all(&payload).await?;
        let received = socket.recv_into(&mut payload).await?;
        assert_eq!((received, payload), (fixed::PAYLOAD, [1; fixed::PAYLOAD]));
        Ok::<(), socketpool::Error>(())
    })
    .expect("a conversation");
    drop(pool);
    server.into_inner().sent
}

/// A server in this process, and what it sent.
struct Server {
    connection: ServerConnection,
    sent: Vec<u8>,
    /// Bytes of the payload so far.
    received: usize,
}

impl Server {
    fn take(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            self.connection.read_tls(&mut bytes).expect("room");
            self.connection.process_new_packets().expect("a client that is right");
            let mut payload = [0; fixed::PAYLOAD];
            if let Ok(count) = self.connection.reader().read(&mut payload) {
                self.received += count;
                if self.received == fixed::PAYLOAD {
                    self.connection.writer().write_all(&[1; fixed::PAYLOAD]).expect("room");
                }
            }
            while self.connection.wants_write() {
                self.connection.write_tls(&mut self.sent).expect("room");
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Wire<'a> {
    server: &'a RefCell<Server>,
}

struct Line<'a> {
    wire: Wire<'a>,
    read: usize,
}

impl Connect for Wire<'_> {
    type Connection<'a>
        = Line<'a>
    where
        Self: 'a;

    async fn connect(&self, _: SocketAddr) -> Result<Line<'_>, ErrorKind> {
        Ok(Line { wire: *self, read: 0 })
    }
}

impl Resolve for Wire<'_> {
    async fn resolve(&self, _: &str, _: Family) -> Result<IpAddr, ResolveError> {
        Ok(IpAddr::V4(Ipv4Addr::LOCALHOST))
    }
}

impl Clock for Wire<'_> {
    fn now(&self) -> Instant {
        Instant::from_millis(0)
    }
}

impl Timer for Wire<'_> {
    async fn wait_until(&self, _: Instant) {
        std::future::pending().await
    }
}

impl ErrorType for Line<'_> {
    type Error = ErrorKind;
}

impl Read for Line<'_> {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, ErrorKind> {
        let server = self.wire.server.borrow();
        let rest = &server.sent[self.read..];
        let count = rest.len().min(out.len());
        out[..count].copy_from_slice(&rest[..count]);
        self.read += count;
        Ok(count)
    }
}

impl Write for Line<'_> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        self.wire.server.borrow_mut().take(bytes);
        Ok(bytes.len())
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

impl Connection for Line<'_> {
    async fn shutdown(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

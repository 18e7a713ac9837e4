//! Records the servers that `benches/icount` plays back: for each kind of key a server of rustls, whose chain is a leaf,
//! an intermediate and a root, all with keys of that kind. RSA keys are OpenSSL's.
//!
//! Run it in `benches/icount/record` when a client that is played an old recording says that the server is not verified:
//! then the client's own bytes have changed.

#[path = "../../src/fixed.rs"]
mod fixed;

use std::{
    cell::RefCell,
    fs,
    io::{Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    process::Command,
    sync::Arc,
};

use embedded_io_async::{ErrorKind, ErrorType, Read, Write};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, date_time_ymd,
};
use rustls::{
    ServerConfig, ServerConnection, SupportedCipherSuite,
    crypto::{
        CryptoProvider, SupportedKxGroup,
        ring::{cipher_suite, kx_group},
    },
    pki_types::{CertificateDer, PrivateKeyDer},
};
use socketpool::{
    Resources, SocketPool,
    mock::block_on,
    stack::{Connect, Connection, Family, Resolve, ResolveError},
    time::{Clock, Instant, Timer},
    tls::{Roots, TlsContext, TlsStream, TlsStreamError, engine::Crypto, roots::trust_anchor_from_der},
};

fn main() {
    for kind in ["P-256", "P-384", "RSA-2048", "RSA-4096"] {
        let (config, root) = identity(|| key(kind));
        let sent = converse(config, &root);
        fs::write(format!("../recorded/{kind}.root.der"), &root).expect("a file");
        fs::write(format!("../recorded/{kind}.server"), &sent).expect("a file");
        println!("{kind}: {} bytes", sent.len());
    }
    for (name, crypto, theirs) in fixed::engines().into_iter().zip(PROVIDERS).map(|((a, b), c)| (a, b, c)) {
        let provider = CryptoProvider {
            cipher_suites: vec![theirs.0],
            kx_groups: vec![theirs.1],
            ..rustls::crypto::ring::default_provider()
        };
        let (config, root) = identity_with(provider, || key("P-256"));
        let sent = converse_with_engine(config, &root, &crypto);
        fs::write(format!("../recorded/{name}.root.der"), &root).expect("a file");
        fs::write(format!("../recorded/{name}.server"), &sent).expect("a file");
        println!("{name}: {} bytes", sent.len());
    }
}

/// What the server has, for each of [`fixed::engines`].
const PROVIDERS: [(SupportedCipherSuite, &dyn SupportedKxGroup); 2] = [
    (cipher_suite::TLS13_CHACHA20_POLY1305_SHA256, kx_group::X25519),
    (cipher_suite::TLS13_AES_128_GCM_SHA256, kx_group::SECP256R1),
];

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
    params
}

/// A server and the root that its chain leads to.
fn identity(key: impl Fn() -> KeyPair) -> (ServerConfig, Vec<u8>) {
    identity_with(rustls::crypto::ring::default_provider(), key)
}

fn identity_with(provider: CryptoProvider, key: impl Fn() -> KeyPair) -> (ServerConfig, Vec<u8>) {
    let root = CertifiedIssuer::self_signed(params("Root", true), key()).expect("a root");
    let intermediate = CertifiedIssuer::signed_by(params("Intermediate", true), key(), &root).expect("an authority");
    let leaf_key = key();
    let leaf = params(fixed::HOST, false).signed_by(&leaf_key, &intermediate).expect("a certificate");
    let chain = vec![leaf.der().clone(), intermediate.der().clone()];
    let leaf_key = PrivateKeyDer::try_from(leaf_key.serialize_der()).expect("PKCS#8");
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
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
    let root = CertificateDer::from(root);
    let anchors = [trust_anchor_from_der(&root).expect("a root")];
    let tls = TlsContext::new(fixed::random(), fixed::date).roots(Roots::only(&anchors));
    let connection = ServerConnection::new(Arc::new(config)).expect("a server");
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

/// The same through the engine alone.
fn converse_with_engine(config: ServerConfig, root: &[u8], crypto: &Crypto<'_>) -> Vec<u8> {
    let root = CertificateDer::from(root);
    let anchors = [trust_anchor_from_der(&root).expect("a root")];
    let tls = TlsContext::new(fixed::random(), fixed::date).roots(Roots::only(&anchors));
    let connection = ServerConnection::new(Arc::new(config)).expect("a server");
    let server = RefCell::new(Server { connection, sent: Vec::new(), received: 0 });
    let (mut rx, mut tx) = ([0; fixed::RX], [0; fixed::TX]);
    let line = Line { wire: Wire { server: &server }, read: 0 };
    let mut stream = TlsStream::new(line, &mut rx, &mut tx, crypto);
    block_on(async {
        stream.connect(&tls, fixed::HOST).await?;
        let mut payload = [0; fixed::PAYLOAD];
        let mut rest = &payload[..];
        while !rest.is_empty() {
            let taken = stream.write(rest).await?;
            rest = &rest[taken..];
        }
        stream.flush().await?;
        let received = stream.read(&mut payload).await?;
        assert_eq!((received, payload), (fixed::PAYLOAD, [1; fixed::PAYLOAD]));
        Ok::<(), TlsStreamError>(())
    })
    .expect("a conversation");
    drop(stream);
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

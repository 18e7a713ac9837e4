//! Our TLS engine, through the public [`TlsStream`], against rustls in this process: every suite, group, kind of client,
//! list of protocols, number of tickets and size of record that both have.
#![cfg(feature = "tls")]

mod memo;
#[cfg(all(feature = "requests", feature = "blocking"))]
mod pool;

use std::{
    future::Future as _,
    io::{Read as _, Write as _},
    pin::pin,
    sync::{Arc, LazyLock},
    task::{self, Waker},
};

use embassy_futures::block_on;
use embedded_io_async::{BufRead, ErrorKind as Io, ErrorType, Read, Write};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use rustls::{
    RootCertStore, ServerConfig, ServerConnection,
    crypto::{
        CryptoProvider,
        ring::{cipher_suite, default_provider, kx_group},
    },
    pki_types::{CertificateDer, PrivateKeyDer},
    server::WebPkiClientVerifier,
};
use rustls_pki_types::UnixTime;
use socketpool::tls::{
    Alpn, CertificateInfo, Identity, Now, Roots, ShownChain, Signer, TlsContext, TlsError, TlsObserver, TlsStream,
    TlsStreamError,
    engine::{
        AES_128_GCM_SHA256, AES_256_GCM_SHA384, CHACHA20_POLY1305_SHA256, CipherSuite, Crypto, Group, SECP256R1, X25519,
    },
    identity::PrivateKey,
    roots::trust_anchor_from_der,
    verify::{CertificateError, algorithms},
};

/// A root, a server and a client of it.
struct World {
    root: CertificateDer<'static>,
    anchors: [socketpool::tls::roots::TrustAnchor<'static>; 1],
    server: (Vec<CertificateDer<'static>>, Vec<u8>),
    clients: Vec<(CertificateDer<'static>, PrivateKey)>,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.not_before = date_time_ymd(2024, 1, 1);
    let root = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();

    let leaf = |name: &str, usage, key: &KeyPair| {
        let mut params = CertificateParams::new([name.to_string()]).unwrap();
        params.extended_key_usages = vec![usage];
        params.not_before = date_time_ymd(2024, 1, 1);
        params.use_authority_key_identifier_extension = true;
        params.signed_by(key, &root).unwrap().der().clone()
    };
    let key = KeyPair::generate().unwrap();
    let server = vec![leaf("localhost", ExtendedKeyUsagePurpose::ServerAuth, &key)];
    let clients = [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ED25519].map(|algorithm| {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let certificate = leaf("device", ExtendedKeyUsagePurpose::ClientAuth, &key);
        (certificate, PrivateKey::from_der(&key.serialize_der()).unwrap())
    });
    World {
        root: root.der().clone(),
        anchors: [trust_anchor_from_der(Box::leak(root.der().to_vec().into_boxed_slice())).unwrap()],
        server: (server, key.serialize_der()),
        clients: clients.into(),
    }
});

/// How a server is.
#[derive(Clone)]
struct Kind {
    provider: CryptoProvider,
    /// Asks for a client certificate, and insists.
    asks: Option<bool>,
    alpn: Vec<Vec<u8>>,
    tickets: usize,
    fragment: Option<usize>,
    /// Its certificates and its key, if they are not the usual ones.
    server: Option<(Vec<CertificateDer<'static>>, Vec<u8>)>,
}

impl Default for Kind {
    fn default() -> Self {
        Self { provider: default_provider(), asks: None, alpn: vec![], tickets: 0, fragment: None, server: None }
    }
}

impl Kind {
    fn config(&self) -> Arc<ServerConfig> {
        let world = &*WORLD;
        let builder = ServerConfig::builder_with_provider(Arc::new(self.provider.clone()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap();
        let builder = match self.asks {
            None => builder.with_no_client_auth(),
            Some(insists) => {
                let mut roots = RootCertStore::empty();
                roots.add(world.root.clone()).unwrap();
                roots.add(include_bytes!("../pki/identity/root.der").as_slice().into()).unwrap();
                let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), default_provider().into());
                let verifier = if insists { verifier } else { verifier.allow_unauthenticated() };
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        let (chain, key) = self.server.as_ref().unwrap_or(&world.server);
        let key = PrivateKeyDer::try_from(key.clone()).unwrap();
        let mut config = builder.with_single_cert(chain.clone(), key).unwrap();
        config.alpn_protocols = self.alpn.clone();
        config.send_tls13_tickets = self.tickets;
        config.max_fragment_size = self.fragment;
        config.into()
    }
}

/// A server that echoes, as a stream of bytes: what is written is taken at once.
struct Wire {
    server: ServerConnection,
    out: Vec<u8>,
    /// The most bytes that a read gives, and a write takes.
    step: usize,
    error: Option<rustls::Error>,
    echoes: bool,
    /// Every other read and write has to be waited for.
    stalls: bool,
    writes: usize,
}

impl Wire {
    fn new(kind: &Kind) -> Self {
        let server = ServerConnection::new(kind.config()).unwrap();
        Self { server, out: vec![], step: usize::MAX, error: None, echoes: true, stalls: false, writes: 0 }
    }

    fn run(&mut self) {
        if let Err(error) = self.server.process_new_packets() {
            self.error.get_or_insert(error);
        }
        let mut data = [0; 4096];
        while self.echoes
            && let Ok(len @ 1..) = self.server.reader().read(&mut data)
        {
            self.server.writer().write_all(&data[..len]).unwrap();
        }
        while self.server.wants_write() {
            self.server.write_tls(&mut self.out).unwrap();
        }
    }

    async fn stall(&self) {
        if self.stalls {
            embassy_futures::yield_now().await;
        }
    }
}

impl ErrorType for Wire {
    type Error = Io;
}

impl Read for Wire {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, Io> {
        assert!(!out.is_empty(), "no room to receive");
        self.stall().await;
        self.run();
        let len = out.len().min(self.out.len()).min(self.step);
        out[..len].copy_from_slice(&self.out[..len]);
        self.out.drain(..len);
        Ok(len)
    }
}

impl Write for Wire {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Io> {
        self.stall().await;
        self.writes += 1;
        let mut bytes = &bytes[..bytes.len().min(self.step)];
        let taken = bytes.len();
        while !bytes.is_empty() {
            self.server.read_tls(&mut bytes).map_err(|_| Io::BrokenPipe)?;
            self.run();
        }
        Ok(taken)
    }

    async fn flush(&mut self) -> Result<(), Io> {
        Ok(())
    }
}

fn random(bytes: &mut [u8]) {
    getrandom::fill(bytes).unwrap();
}

/// 2026-06-01.
fn now() -> Now {
    Now::Trusted(UnixTime::since_unix_epoch(std::time::Duration::from_secs(1_780_272_000)))
}

type Context<'c> = TlsContext<'c, fn(&mut [u8]), fn() -> Now>;

fn context<'c>() -> Context<'c> {
    let floor = UnixTime::since_unix_epoch(std::time::Duration::ZERO);
    TlsContext::new(random as fn(&mut [u8]), now as fn() -> Now).floor(floor).roots(Roots::only(&WORLD.anchors))
}

/// Shakes hands, and echoes some data.
async fn exchange(stream: &mut TlsStream<'_, Wire>, len: usize) -> Result<(), TlsStreamError> {
    let sent: Vec<u8> = (0..len).map(|number| number as u8).collect();
    let mut received = vec![0; len];
    let mut rest = &sent[..];
    let mut at = 0;
    while at < len {
        if !rest.is_empty() {
            let taken = stream.write(rest).await?;
            rest = &rest[taken..];
            stream.flush().await?;
        }
        match stream.read(&mut received[at..]).await? {
            0 => panic!("ended"),
            len => at += len,
        }
    }
    assert_eq!(sent, received);
    Ok(())
}

const SUITES: [(&dyn CipherSuite, rustls::SupportedCipherSuite); 3] = [
    (CHACHA20_POLY1305_SHA256, cipher_suite::TLS13_CHACHA20_POLY1305_SHA256),
    (AES_128_GCM_SHA256, cipher_suite::TLS13_AES_128_GCM_SHA256),
    (AES_256_GCM_SHA384, cipher_suite::TLS13_AES_256_GCM_SHA384),
];

#[test]
fn every_combination() {
    let groups: [(&dyn Group, &'static dyn rustls::crypto::SupportedKxGroup); 2] =
        [(X25519, kx_group::X25519), (SECP256R1, kx_group::SECP256R1)];
    let mut count = 0;
    for (suite, theirs) in SUITES {
        for (first, other) in [(0, 1), (1, 0)] {
            for retried in [false, true] {
                let group = if retried { other } else { first };
                let provider = CryptoProvider {
                    cipher_suites: vec![theirs],
                    kx_groups: vec![groups[group].1],
                    ..default_provider()
                };
                let offered = [groups[first].0, groups[other].0];
                let suites = SUITES.map(|(suite, _)| suite);
                let crypto: &'static Crypto = Box::leak(Box::new(Crypto {
                    suites: Box::leak(Box::new(suites)),
                    groups: Box::leak(Box::new(offered)),
                    signatures: algorithms::ALL,
                }));
                for asks in [None, Some(false), Some(true)] {
                    for alpn in [&[][..], &[b"http/1.1".as_slice()]] {
                        for tickets in [0, 2] {
                            for fragment in [None, Some(64)] {
                                for client in 0..=WORLD.clients.len() {
                                    if asks == Some(true) && client == WORLD.clients.len() {
                                        continue;
                                    }
                                    let alpn_theirs = alpn.iter().map(|name| name.to_vec()).collect();
                                    let provider = provider.clone();
                                    let kind =
                                        Kind { provider, asks, alpn: alpn_theirs, tickets, fragment, server: None };
                                    one(&kind, crypto, client, alpn, suite.name(), groups[group].0.name());
                                    count += 1;
                                }
                            }
                        }
                    }
                }
            }
        }
    }
    println!("{count} combinations");
}

fn one(kind: &Kind, crypto: &'static Crypto, client: usize, alpn: &[&[u8]], suite: &str, group: &str) {
    let what = format!("{suite} {group} {:?} {client} {alpn:?} {} {:?}", kind.asks, kind.tickets, kind.fragment);
    let mut context = context().crypto(crypto);
    if let Some((certificate, key)) = WORLD.clients.get(client) {
        context = context.identity(Identity::new(certificate, key as &dyn Signer).unwrap());
    }
    let offered;
    if !alpn.is_empty() {
        offered = [&b"h2"[..], alpn[0]];
        context = context.alpn(Alpn::new(&offered).unwrap());
        with(kind, &context, &what, suite, group, Some(alpn[0]));
    } else {
        with(kind, &context, &what, suite, group, None);
    }
}

fn with<'m>(kind: &Kind, context: &Context<'m>, what: &str, suite: &str, group: &str, alpn: Option<&[u8]>) {
    // The buffers live shorter than the context.
    let (mut rx, mut tx) = (vec![0; 16_406], vec![0; 1_536]);
    let mut stream = TlsStream::new(Wire::new(kind), &mut rx, &mut tx);
    block_on(async {
        stream.connect(context, "localhost").await.unwrap_or_else(|error| panic!("{what}: {error}"));
        exchange(&mut stream, 3000).await.unwrap_or_else(|error| panic!("{what}: {error}"));
        stream.close().await.unwrap();
    });
    let info = stream.info().unwrap();
    assert_eq!((info.suite, info.group, info.is_resumed), (suite, group, false), "{what}");
    assert_eq!(stream.alpn(), alpn, "{what}");
    let wire = stream.into_inner();
    assert_eq!(wire.error, None, "{what}");
}

/// A client's chain of three certificates, 4,468 bytes, over records of every size.
#[test]
fn a_chain_over_records_of_every_size() {
    let key = PrivateKey::from_pem(include_bytes!("../pki/identity/p256.key.pem")).unwrap();
    let mut der = [0; 5_000];
    let identity =
        Identity::from_pem(include_bytes!("../pki/identity/p256.chain.pem"), &mut der, &key as &dyn Signer).unwrap();
    let kind = Kind { asks: Some(true), ..Kind::default() };
    for len in (512..700).step_by(3).chain([1_536, 2_300, 4_507, 4_508, 4_509, 6_000, 16_517]) {
        let (mut rx, mut tx) = (vec![0; 16_406], vec![0; len]);
        let mut stream = TlsStream::new(Wire::new(&kind), &mut rx, &mut tx);
        block_on(async {
            stream.connect(&context().identity(identity), "localhost").await.unwrap();
            exchange(&mut stream, 100).await.unwrap_or_else(|error| panic!("{len}: {error}"));
        });
        assert_eq!(stream.into_inner().error, None, "{len}");
    }
}

/// Polls so many times, then drops.
fn polled<T>(times: usize, work: impl Future<Output = T>) -> Option<T> {
    let mut work = std::pin::pin!(work);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    for _ in 0..times {
        if let std::task::Poll::Ready(output) = work.as_mut().poll(&mut context) {
            return Some(output);
        }
    }
    None
}

/// Every read, write and flush is dropped after one poll, after two, and so on, until one comes to its end: nothing is
/// lost, nothing is torn.
#[test]
fn dropped_at_every_await() {
    for step in [1, 7, 600] {
        let kind = Kind { tickets: 2, fragment: Some(200), ..Kind::default() };
        let (mut rx, mut tx) = (vec![0; 16_406], vec![0; 600]);
        let mut wire = Wire::new(&kind);
        (wire.step, wire.stalls) = (step, true);
        let mut stream = TlsStream::new(wire, &mut rx, &mut tx);
        block_on(stream.connect(&context(), "localhost")).unwrap();
        let sent: Vec<u8> = (0..3000u32).map(|number| number as u8).collect();
        let (mut at, mut received) = (0, Vec::<u8>::new());
        let mut polls = 1;
        while at < sent.len() {
            match polled(polls, stream.write(&sent[at..])) {
                Some(taken) => (at, polls) = (at + taken.unwrap(), 1),
                None => polls += 1,
            }
        }
        polls = 1;
        while polled(polls, stream.flush()).is_none() {
            polls += 1;
        }
        polls = 1;
        let mut buffer = [0; 100];
        while received.len() < sent.len() {
            match polled(polls, stream.read(&mut buffer)) {
                Some(len) => {
                    received.extend(&buffer[..len.unwrap()]);
                    polls = 1;
                }
                None => polls += 1,
            }
        }
        assert_eq!(received, sent, "step {step}");
        polls = 1;
        while polled(polls, stream.close()).is_none() {
            polls += 1;
        }
        assert_eq!(stream.into_inner().error, None);
    }
}

/// A handshake that was given up cannot be gone on with; nothing can be sent or read then.
#[test]
fn a_dropped_handshake_is_over() {
    let (mut rx, mut tx) = (vec![0; 16_406], vec![0; 600]);
    let mut wire = Wire::new(&Kind::default());
    wire.stalls = true;
    let mut stream = TlsStream::new(wire, &mut rx, &mut tx);
    let context = context();
    assert!(polled(2, stream.connect(&context, "localhost")).is_none());
    let refused = TlsStreamError::Tls(TlsError::NotAuthenticated);
    assert_eq!(block_on(stream.connect(&context, "localhost")), Err(refused));
    assert_eq!(block_on(stream.write(b"secret")), Err(refused));
    assert_eq!(block_on(stream.read(&mut [0; 9])), Err(refused));
    assert_eq!(stream.info(), None);
}

/// A server that cannot prove who it is, is told so; nothing of the application's is sent.
#[test]
fn servers_that_are_refused() {
    let floor = UnixTime::since_unix_epoch(std::time::Duration::ZERO);
    let certificate = |error| TlsError::Certificate(error);
    let public = || TlsContext::new(random as fn(&mut [u8]), now as fn() -> Now).floor(floor);
    let no_date = || TlsContext::new(random as fn(&mut [u8]), (|| Now::Unknown) as fn() -> Now).floor(floor);
    for (context, name, error, alert) in [
        (public(), "localhost", certificate(CertificateError::UnknownIssuer), "UnknownCA"),
        (context(), "example.com", certificate(CertificateError::NameMismatch), "BadCertificate"),
        (no_date().roots(Roots::only(&WORLD.anchors)), "localhost", TlsError::TimeUnknown, ""),
        (context(), "not a name", TlsError::ServerName, ""),
    ] {
        let (mut rx, mut tx) = (vec![0; 16_406], vec![0; 600]);
        let mut stream = TlsStream::new(Wire::new(&Kind::default()), &mut rx, &mut tx);
        assert_eq!(block_on(stream.connect(&context, name)), Err(TlsStreamError::Tls(error)));
        block_on(stream.write(b"secret")).unwrap_err();
        let wire = stream.into_inner();
        match alert {
            "" => assert_eq!(wire.writes, 0, "not even a ClientHello"),
            alert => assert_eq!(format!("{:?}", wire.error.unwrap()), format!("AlertReceived({alert})")),
        }
    }
}

/// Our Finished leaves with the first request, in one write.
#[test]
fn one_flight() {
    let (mut rx, mut tx) = (vec![0; 16_406], vec![0; 600]);
    let mut stream = TlsStream::new(Wire::new(&Kind::default()), &mut rx, &mut tx);
    block_on(async {
        stream.connect(&context(), "localhost").await.unwrap();
        stream.write(b"GET / ").await.unwrap();
        stream.write(b"HTTP/1.1\r\n\r\n").await.unwrap();
        stream.flush().await.unwrap();
        let mut answer = [0; 18];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"GET / HTTP/1.1\r\n\r\n");
    });
    assert_eq!(stream.into_inner().writes, 2, "a ClientHello, and all the rest");
}

/// Other tasks run between the pieces of a handshake that take long. This one never has to wait for its server, so it is
/// pending only where it lets others run: after the key pair, after the shared secret, after each signature check of the
/// chain (there is one), after the chain's verdict, and after the signature over the handshake.
#[test]
fn others_run_between_signature_checks() {
    let (mut rx, mut tx) = (vec![0; 16_406], vec![0; 600]);
    let mut stream = TlsStream::new(Wire::new(&Kind::default()), &mut rx, &mut tx);
    let (context, mut rests) = (context(), 0);
    {
        let mut handshake = pin!(stream.connect(&context, "localhost"));
        let mut task = task::Context::from_waker(Waker::noop());
        while handshake.as_mut().poll(&mut task).map(Result::unwrap).is_pending() {
            rests += 1;
        }
    }
    assert_eq!(rests, 5);
}

/// The server changes its keys, asks us to change ours, and both go on.
#[test]
fn key_updates_of_another_implementation() {
    let (mut rx, mut tx) = (vec![0; 16_406], vec![0; 600]);
    let mut wire = Wire::new(&Kind::default());
    wire.step = 100;
    let mut stream = TlsStream::new(wire, &mut rx, &mut tx);
    block_on(async {
        stream.connect(&context(), "localhost").await.unwrap();
        for _ in 0..50 {
            exchange(&mut stream, 700).await.unwrap();
            stream.get_mut().server.refresh_traffic_keys().unwrap();
        }
        exchange(&mut stream, 700).await.unwrap();
    });
    assert_eq!(stream.into_inner().error, None);
}

/// The end of a stream is an error unless the peer said so; each direction ends by itself.
#[test]
fn ends() {
    let (mut rx, mut tx) = (vec![0; 16_406], vec![0; 600]);
    let mut stream = TlsStream::new(Wire::new(&Kind::default()), &mut rx, &mut tx);
    block_on(async {
        stream.connect(&context(), "localhost").await.unwrap();
        stream.write(b"hello").await.unwrap();
        stream.close().await.unwrap();
        assert_eq!(stream.write(b"more").await, Err(TlsStreamError::Tls(TlsError::Closed)));
        assert_eq!(stream.fill_buf().await.unwrap(), b"hello");
        stream.consume(2);
        let mut rest = [0; 9];
        assert_eq!(stream.read(&mut rest).await, Ok(3));
        stream.get_mut().server.send_close_notify();
        assert_eq!(stream.read(&mut rest).await, Ok(0));
        assert_eq!(stream.read(&mut rest).await, Ok(0));
    });
    drop(stream);

    let mut stream = TlsStream::new(Wire::new(&Kind::default()), &mut rx, &mut tx);
    block_on(async {
        stream.connect(&context(), "localhost").await.unwrap();
        stream.flush().await.unwrap();
        assert_eq!(stream.read(&mut [0; 9]).await, Err(TlsStreamError::Tls(TlsError::Truncated)));
        assert_eq!(stream.write(b"more").await, Err(TlsStreamError::Tls(TlsError::Truncated)));
    });
}

/// What was received and sent does not stay in memory.
#[test]
fn buffers_are_overwritten() {
    let (mut rx, mut tx) = (vec![0; 16_406], vec![0; 600]);
    let mut stream = TlsStream::new(Wire::new(&Kind::default()), &mut rx, &mut tx);
    block_on(async {
        stream.connect(&context(), "localhost").await.unwrap();
        exchange(&mut stream, 1000).await.unwrap();
    });
    drop(stream);
    assert!(rx.iter().chain(&tx).all(|byte| *byte == 0));
}

/// How many certificates a chain had, whether it ended at the root or why it failed, and the work that took.
type Judged = (usize, Result<bool, CertificateError>, u16);

/// What an observer was told.
#[derive(Default)]
struct Witness(std::cell::RefCell<Vec<Judged>>);

impl TlsObserver for Witness {
    fn chain_judged(&self, chain: &ShownChain<'_>) {
        assert_eq!(chain.now.as_secs(), 1_780_272_000);
        let leaf = CertificateInfo::parse(&chain.certificates[0]).unwrap();
        assert_eq!(leaf.dns_names().collect::<Vec<_>>(), ["localhost"]);
        let verdict = chain.verdict.map(|verified| verified.anchor() == Some(WORLD.anchors[0]));
        self.0.borrow_mut().push((chain.certificates.len(), verdict, chain.work));
    }
}

/// An observer sees the certificates once per handshake, with the verdict on them, under either engine.
#[test]
fn an_observer_sees_what_the_server_showed() {
    let unknown = CertificateError::UnknownIssuer;
    for (name, roots, verdict, work) in [
        ("localhost", Roots::only(&WORLD.anchors), Ok(true), 10),
        ("localhost", Roots::NONE, Err(unknown), 0),
        ("other.example", Roots::only(&WORLD.anchors), Err(CertificateError::NameMismatch), 10),
    ] {
        let witness = Witness::default();
        let context = context().roots(roots).observer(&witness);
        let (mut rx, mut tx) = (vec![0; 16_406], vec![0; 1_536]);
        let outcome = block_on(TlsStream::new(Wire::new(&Kind::default()), &mut rx, &mut tx).connect(&context, name));
        let refused = verdict.map(|_| ()).map_err(|error| TlsStreamError::Tls(TlsError::Certificate(error)));
        assert_eq!(outcome, refused, "{name}");
        assert_eq!(witness.0.take(), [(1, verdict, work)], "{name}");

        #[cfg(feature = "embedded-tls")]
        {
            let provider = CryptoProvider { kx_groups: vec![kx_group::SECP256R1], ..default_provider() };
            let wire = Wire::new(&Kind { provider, ..Kind::default() });
            let mut memory = socketpool::tls::embedded_tls::Memory::new();
            let mut stream = socketpool::tls::embedded_tls::TlsStream::new(wire, &mut memory);
            assert_eq!(block_on(stream.connect(&context, name)), refused, "{name}");
            assert_eq!(witness.0.take(), [(1, verdict, work)], "{name}");
        }
    }
}

/// What was agreed on tells that the server asked for another group first (RFC 8446 §4.1.4).
#[test]
fn a_second_hello_is_told() {
    for (kx_groups, is_retried) in [(vec![kx_group::X25519], false), (vec![kx_group::SECP256R1], true)] {
        let kind = Kind { provider: CryptoProvider { kx_groups, ..default_provider() }, ..Kind::default() };
        let (mut rx, mut tx) = (vec![0; 16_406], vec![0; 1_536]);
        let context = context();
        let mut stream = TlsStream::new(Wire::new(&kind), &mut rx, &mut tx);
        block_on(stream.connect(&context, "localhost")).unwrap();
        let info = stream.info().unwrap();
        assert_eq!((info.version(), info.is_retried), ("TLS 1.3", is_retried));
    }
}

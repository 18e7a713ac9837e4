//! Session resumption: what makes the next handshake short, and what does not. Against rustls in this process and on the
//! loopback, and against a server of ours that plays a script (`support/tls_server/`), through both faces.
#![cfg(all(feature = "tls", feature = "requests", feature = "blocking"))]

use std::{
    cell::Cell,
    io::{Read as _, Write as _},
    sync::{Arc, LazyLock, Mutex},
    time::Duration,
};

use embassy_futures::block_on;
use embedded_io_async::{ErrorKind as Io, ErrorType, Read, Write};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use rustls::{
    ServerConfig, ServerConnection,
    crypto::{
        CryptoProvider,
        ring::{cipher_suite, default_provider, kx_group},
    },
    pki_types::{CertificateDer, PrivateKeyDer},
};
use rustls_pki_types::UnixTime;
use socketpool::{
    Error, ErrorKind, Phase, Resources, SocketPool, blocking,
    requests::Session,
    tls::{
        Alpn, Identity, Now, Psk, Roots, SavedSession, SessionKey, SessionStore, Sessions, SessionsError, TlsContext,
        TlsError, TlsStream, TlsStreamError, VerifyPolicy,
        engine::{AES_128_GCM_SHA256, AES_256_GCM_SHA384, CHACHA20_POLY1305_SHA256, Crypto, SECP256R1, X25519},
        identity::PrivateKey,
        pin::Pin,
        roots::{TrustAnchor, trust_anchor_from_der},
        verify::{Crl, TimePolicy, algorithms},
    },
};

use crate::support::{
    self,
    tls_server::{script::*, server::Server},
};

/// 2026-06-01.
const TODAY: u64 = 1_780_272_000;
const DAY: u64 = 86_400;
const FLOOR: u64 = TODAY - 100 * DAY;

/// Two authorities, and a server and a client of the first.
struct World {
    anchors: [TrustAnchor<'static>; 2],
    server: Vec<u8>,
    /// Ends ten days from today.
    renewed: CertificateDer<'static>,
    /// Ends two days from today.
    ending: CertificateDer<'static>,
    client: (CertificateDer<'static>, PrivateKey),
    pin: [u8; 32],
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let authority = |key: KeyPair| {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.not_before = date_time_ymd(2024, 1, 1);
        CertifiedIssuer::self_signed(params, key).unwrap()
    };
    let (root, other) = (authority(KeyPair::generate().unwrap()), authority(KeyPair::generate().unwrap()));
    let leaf = |usage, key: &KeyPair, day| {
        let mut params = CertificateParams::new(["localhost".to_string(), "other.example".to_string()]).unwrap();
        params.extended_key_usages = vec![usage];
        (params.not_before, params.not_after) = (date_time_ymd(2024, 1, 1), date_time_ymd(2026, 6, day));
        params.use_authority_key_identifier_extension = true;
        params.signed_by(key, &root).unwrap().der().clone()
    };
    let (key, client) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let anchor = |der: &CertificateDer<'_>| trust_anchor_from_der(Box::leak(der.to_vec().into_boxed_slice())).unwrap();
    World {
        anchors: [anchor(root.der()), anchor(other.der())],
        renewed: leaf(ExtendedKeyUsagePurpose::ServerAuth, &key, 11),
        ending: leaf(ExtendedKeyUsagePurpose::ServerAuth, &key, 3),
        client: (
            leaf(ExtendedKeyUsagePurpose::ClientAuth, &client, 11),
            PrivateKey::from_der(&client.serialize_der()).unwrap(),
        ),
        pin: {
            use rcgen::PublicKeyData as _;
            use sha2::Digest as _;
            sha2::Sha256::digest(key.subject_public_key_info()).into()
        },
        server: key.serialize_der(),
    }
});

/// A server with a memory of its own.
fn server_with(provider: CryptoProvider, certificate: &CertificateDer<'static>) -> Arc<ServerConfig> {
    let builder = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth();
    let key = PrivateKeyDer::try_from(WORLD.server.clone()).unwrap();
    let mut config = builder.with_single_cert(vec![certificate.clone()], key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"mqtt".to_vec()];
    config.into()
}

fn server() -> Arc<ServerConfig> {
    server_with(default_provider(), &WORLD.renewed)
}

/// A server that echoes, as a stream of bytes.
struct Wire {
    server: ServerConnection,
    out: Vec<u8>,
    hello: Vec<u8>,
    stalls: bool,
}

impl Wire {
    fn new(config: &Arc<ServerConfig>) -> Self {
        Self { server: ServerConnection::new(config.clone()).unwrap(), out: vec![], hello: vec![], stalls: false }
    }

    fn run(&mut self) {
        _ = self.server.process_new_packets();
        let mut data = [0; 4096];
        while let Ok(len @ 1..) = self.server.reader().read(&mut data) {
            self.server.writer().write_all(&data[..len]).unwrap();
        }
        while self.server.wants_write() {
            self.server.write_tls(&mut self.out).unwrap();
        }
    }
}

impl ErrorType for Wire {
    type Error = Io;
}

impl Read for Wire {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, Io> {
        assert!(!out.is_empty(), "no room to receive");
        if self.stalls {
            embassy_futures::yield_now().await;
        }
        self.run();
        let len = out.len().min(self.out.len());
        out[..len].copy_from_slice(&self.out[..len]);
        self.out.drain(..len);
        Ok(len)
    }
}

impl Write for Wire {
    async fn write(&mut self, mut bytes: &[u8]) -> Result<usize, Io> {
        if self.stalls {
            embassy_futures::yield_now().await;
        }
        if self.hello.is_empty() {
            self.hello = bytes.to_vec();
        }
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

fn at(seconds: u64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(seconds))
}

thread_local! {
    /// What the clock of this test says.
    static CLOCK: Cell<Now> = const { Cell::new(Now::Unknown) };
}

fn set(seconds: u64) {
    CLOCK.set(Now::Trusted(at(seconds)));
}

type Context<'c> = TlsContext<'c, fn(&mut [u8]), fn() -> Now>;

/// Trusts the first authority; today.
fn context<'c>() -> Context<'c> {
    set(TODAY);
    TlsContext::new(random as fn(&mut [u8]), (|| CLOCK.get()) as fn() -> Now)
        .floor(at(FLOOR))
        .roots(Roots::only(&WORLD.anchors[..1]))
}

fn sessions() -> &'static Sessions<4> {
    Box::leak(Box::new(Sessions::new()))
}

/// Connects and echoes a little, so that the tickets come. Gives whether that was short.
fn connect_to(server: &Arc<ServerConfig>, tls: &Context<'_>, name: &str, port: u16) -> Result<bool, TlsError> {
    let (mut rx, mut tx) = (vec![0; 16_406], vec![0; 1_536]);
    let mut stream = TlsStream::new(Wire::new(server), &mut rx, &mut tx);
    let outcome = block_on(async {
        stream.connect_port(tls, name, port).await?;
        stream.write(b"ping").await?;
        stream.flush().await?;
        let mut answer = [0; 4];
        stream.read(&mut answer).await?;
        assert_eq!(&answer, b"ping");
        Ok(stream.info().unwrap().is_resumed)
    });
    let theirs = stream.into_inner().server.handshake_kind();
    match outcome {
        Ok(is_resumed) => {
            assert_eq!(is_resumed, theirs == Some(rustls::HandshakeKind::Resumed), "both say the same: {theirs:?}");
            Ok(is_resumed)
        }
        Err(TlsStreamError::Tls(error)) => Err(error),
        Err(error) => panic!("{error}"),
    }
}

fn connect(server: &Arc<ServerConfig>, tls: &Context<'_>) -> Result<bool, TlsError> {
    connect_to(server, tls, "localhost", 443)
}

#[test]
fn the_next_handshakes_are_short() {
    let (server, store) = (server(), sessions());
    let tls = context().sessions(store);
    assert_eq!(connect(&server, &tls), Ok(false));
    for _ in 0..5 {
        assert_eq!(store.len(), 1);
        assert_eq!(connect(&server, &tls), Ok(true));
    }
    // The name in other letters and with its dot is the same one.
    assert_eq!(connect_to(&server, &tls, "LocalHost.", 443), Ok(true));
    // Without a store none are asked for.
    assert_eq!(connect(&server, &context()), Ok(false));
}

/// With every suite, and where the server wants another group first.
#[test]
fn suites_and_retries() {
    static CRYPTO: Crypto = Crypto {
        suites: &[AES_256_GCM_SHA384, CHACHA20_POLY1305_SHA256, AES_128_GCM_SHA256],
        groups: &[X25519, SECP256R1],
        signatures: algorithms::ALL,
    };
    let provider =
        |suite, group| CryptoProvider { cipher_suites: vec![suite], kx_groups: vec![group], ..default_provider() };
    for suite in [
        cipher_suite::TLS13_AES_256_GCM_SHA384,
        cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
        cipher_suite::TLS13_AES_128_GCM_SHA256,
    ] {
        for group in [kx_group::X25519, kx_group::SECP256R1] {
            let server = server_with(provider(suite, group), &WORLD.renewed);
            let tls = context().crypto(&CRYPTO).sessions(sessions());
            assert_eq!(connect(&server, &tls), Ok(false));
            assert_eq!(connect(&server, &tls), Ok(true), "{suite:?} {group:?}");
            assert_eq!(connect(&server, &tls), Ok(true), "{suite:?} {group:?}");
        }
    }
}

#[test]
fn a_ticket_is_used_once() {
    let (server, store) = (server(), sessions());
    let tls = context().sessions(store);
    assert_eq!(connect(&server, &tls), Ok(false));
    let (mut rx, mut tx) = (vec![0; 16_406], vec![0; 1_536]);
    // This one takes the ticket and reads none.
    let mut stream = TlsStream::new(Wire::new(&server), &mut rx, &mut tx);
    block_on(stream.connect_port(&tls, "localhost", 443)).unwrap();
    assert!(stream.info().unwrap().is_resumed);
    assert!(store.is_empty());
    drop(stream);
    assert!(rx.iter().chain(&tx).all(|byte| *byte == 0));
    assert_eq!(connect(&server, &tls), Ok(false));
}

/// A handshake that is dropped, wherever, has used up its ticket and left nothing in memory.
#[test]
fn dropped_handshakes() {
    let (server, store) = (server(), sessions());
    let tls = context().sessions(store);
    for polls in 1.. {
        connect(&server, &tls).unwrap();
        assert_eq!(store.len(), 1);
        let (mut rx, mut tx) = (vec![0; 16_406], vec![0; 1_536]);
        let mut wire = Wire::new(&server);
        wire.stalls = true;
        let mut stream = TlsStream::new(wire, &mut rx, &mut tx);
        let is_over = {
            let mut work = std::pin::pin!(stream.connect_port(&tls, "localhost", 443));
            let mut task = std::task::Context::from_waker(std::task::Waker::noop());
            (0..polls).any(|_| work.as_mut().poll(&mut task).is_ready())
        };
        assert!(store.is_empty(), "{polls}");
        drop(stream);
        assert!(rx.iter().chain(&tx).all(|byte| *byte == 0), "{polls}");
        if is_over {
            assert!(polls > 3);
            return;
        }
    }
}

/// A server that does not know its tickets any more is verified in full on the same connection.
#[test]
fn a_server_that_forgot() {
    let tls = context().sessions(sessions());
    for _ in 0..3 {
        let forgetful = server();
        assert_eq!(connect(&forgetful, &tls), Ok(false));
        assert_eq!(connect(&forgetful, &tls), Ok(true));
    }
    // And one that cannot prove who it is, is refused.
    let mut config = ServerConfig::clone(&server());
    config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    let stranger = TlsContext::new(random as fn(&mut [u8]), (|| CLOCK.get()) as fn() -> Now)
        .floor(at(FLOOR))
        .roots(Roots::only(&WORLD.anchors[1..]))
        .sessions(Box::leak(Box::new(Planted { key: &[7; 32], from: TODAY, until: TODAY + DAY })));
    assert!(matches!(connect(&config.into(), &stranger), Err(TlsError::Certificate(_))));
}

/// One store, and contexts and servers that differ in one thing: nobody uses another's ticket.
#[test]
fn only_for_the_same_server_and_the_same_trust() {
    const CRL: &[u8] = include_bytes!("../pki/der/fresh.crl");
    static OTHER: Crypto =
        Crypto { suites: &[CHACHA20_POLY1305_SHA256], groups: &[X25519], signatures: algorithms::DEFAULT };
    let world = &*WORLD;
    let (pins, crls) = ([Pin::LeafSpki(world.pin)], [Crl::from_der(CRL).unwrap()]);
    let (h2, mqtt) = ([&b"h2"[..]], [&b"mqtt"[..]]);
    let both = [&b"h2"[..], b"mqtt"];
    let policy = || VerifyPolicy::new(Roots::only(&world.anchors[..1]));
    let identity = Identity::new(&world.client.0, &world.client.1).unwrap();
    let others: Vec<(&str, Context<'_>, &str, u16)> = vec![
        ("the same", context(), "localhost", 443),
        ("another name", context(), "other.example", 443),
        ("another port", context(), "localhost", 8443),
        ("no port", context(), "localhost", 0),
        ("another root besides", context().roots(Roots::only(&world.anchors)), "localhost", 443),
        ("public roots", context().roots(Roots::public(&world.anchors[..1])), "localhost", 443),
        ("Mozilla's roots besides", context().roots(Roots::mozilla_and(&world.anchors[..1])), "localhost", 443),
        ("a pin", context().policy(policy().pins(&pins)), "localhost", 443),
        ("a revocation list", context().policy(policy().crls(&crls)), "localhost", 443),
        ("less work", context().policy(policy().max_work(100)), "localhost", 443),
        ("other algorithms", context().policy(policy().algorithms(algorithms::SMALL)), "localhost", 443),
        ("another time policy", context().policy(policy().time(TimePolicy::FloorOnly)), "localhost", 443),
        ("another floor", context().floor(at(FLOOR + 1)), "localhost", 443),
        ("other suites", context().crypto(&OTHER), "localhost", 443),
        ("an identity", context().identity(identity), "localhost", 443),
        ("a protocol", context().alpn(Alpn::new(&h2).unwrap()), "localhost", 443),
        ("another protocol", context().alpn(Alpn::new(&mqtt).unwrap()), "localhost", 443),
        ("two protocols", context().alpn(Alpn::new(&both).unwrap()), "localhost", 443),
    ];
    let server = server();
    let store: &'static Sessions<32> = Box::leak(Box::new(Sessions::new()));
    let contexts: Vec<_> =
        others.into_iter().map(|(what, tls, name, port)| (what, tls.sessions(store), name, port)).collect();
    for (what, tls, name, port) in &contexts {
        assert_eq!(connect_to(&server, tls, name, *port), Ok(false), "{what}");
    }
    assert_eq!(store.len(), contexts.len());
    for (what, tls, name, port) in &contexts {
        assert_eq!(connect_to(&server, tls, name, *port), Ok(true), "{what}");
    }
    // One that trusts another authority never gets by with a ticket.
    let strict = context().roots(Roots::only(&world.anchors[1..])).sessions(store);
    assert!(matches!(connect(&server, &strict), Err(TlsError::Certificate(_))));
    // A context of the same content is the same, and so it is after a restart.
    assert_eq!(connect(&server, &context().sessions(store)), Ok(true));
}

#[test]
fn dates() {
    let verified = |server: &Arc<ServerConfig>| {
        let tls = context().sessions(sessions());
        assert_eq!(connect(server, &tls), Ok(false));
        tls
    };
    // rustls says one day (86,400 seconds).
    for (later, is_short) in [(0, true), (DAY - 1, true), (DAY, false), (8 * DAY, false)] {
        let server = server();
        let tls = verified(&server);
        set(TODAY + later);
        assert_eq!(connect(&server, &tls), Ok(is_short), "{later}");
    }
    // The certificate is verified again after seven days, however many tickets came between.
    let server = server();
    let tls = verified(&server);
    let mut day = 0;
    while {
        day += 1;
        set(TODAY + day * (DAY - 60));
        connect(&server, &tls).unwrap()
    } {}
    assert_eq!(day, 8, "the last short one was before {:?}", TODAY + 7 * DAY);

    // The server's certificate ends before the ticket does.
    let ending = server_with(default_provider(), &WORLD.ending);
    let tls = verified(&ending);
    let end = 1_780_444_800; // 2026-06-03
    for before in [DAY + 60, 120] {
        set(end - before);
        assert_eq!(connect(&ending, &tls), Ok(true));
    }
    set(end);
    assert_eq!(connect(&ending, &tls), Ok(false), "the certificate's last second");
    set(end + 1);
    assert!(matches!(connect(&ending, &tls), Err(TlsError::Certificate(_))));

    // From the future: a clock that was set back.
    let tls = verified(&server);
    set(TODAY - 1);
    assert_eq!(connect(&server, &tls), Ok(false));
    // A lower bound is as good as the date.
    let tls = verified(&server);
    CLOCK.set(Now::AtLeast(at(TODAY + 5)));
    assert_eq!(connect(&server, &tls), Ok(true));
    // Unknown, or before the floor: no handshake at all, and the ticket stays.
    for now in [Now::Unknown, Now::Trusted(at(FLOOR - 1))] {
        CLOCK.set(now);
        assert_eq!(connect(&server, &tls), Err(TlsError::TimeUnknown));
    }
    set(TODAY + 6);
    assert_eq!(connect(&server, &tls), Ok(true));

    // Where the floor is enough for certificates, it is not for tickets: none are kept, none used.
    let store = sessions();
    let policy = VerifyPolicy::new(Roots::only(&WORLD.anchors[..1])).time(TimePolicy::FloorOnly);
    let tls = context().policy(policy).sessions(store);
    CLOCK.set(Now::Unknown);
    assert_eq!(connect(&server, &tls), Ok(false));
    assert!(store.is_empty());
    set(TODAY);
    assert_eq!(connect(&server, &tls), Ok(false));
    assert_eq!(store.len(), 1);
    CLOCK.set(Now::Unknown);
    assert_eq!(connect(&server, &tls), Ok(false));
    assert_eq!(store.len(), 1);
    set(TODAY + 1);
    assert_eq!(connect(&server, &tls), Ok(true));
}

/// The floor of a new firmware is later than the end of a certificate: whatever the clock says, it is not before that.
#[test]
fn a_floor_that_rose() {
    let (server, store) = (server_with(default_provider(), &WORLD.ending), sessions());
    assert_eq!(connect(&server, &context().sessions(store)), Ok(false));
    let floor = at(TODAY + 3 * DAY);
    let tls = context().floor(floor).sessions(store);
    assert_eq!(connect(&server, &tls), Err(TlsError::TimeUnknown));
    set(TODAY + 3 * DAY);
    assert!(matches!(connect(&server, &tls), Err(TlsError::Certificate(_))));
}

#[test]
fn written_out_and_read_back() {
    let (server, store) = (server(), sessions());
    let tls = context().sessions(store);
    let mut nothing = [9; 21];
    assert_eq!(store.write_to(&mut nothing), Ok(21));
    for port in [1, 2, 3] {
        assert_eq!(connect_to(&server, &tls, "localhost", port), Ok(false));
    }
    let mut bytes = vec![0; Sessions::<4>::MAX_STORED_LEN];
    let len = store.write_to(&mut bytes).unwrap();
    bytes.truncate(len);
    let mut short = vec![7; len - 1];
    assert_eq!(store.write_to(&mut short), Err(SessionsError::BufferTooSmall { needed: len }));
    assert!(short.iter().all(|byte| *byte == 7));

    let woken = sessions();
    assert_eq!(connect_to(&server, &context().sessions(woken), "localhost", 9), Ok(false));
    // Whatever is not what was written changes nothing.
    for cut in 0..len {
        assert_eq!(woken.read_from(&bytes[..cut]), Err(SessionsError::Malformed), "{cut}");
    }
    for place in 0..len {
        for bit in [1, 0x80] {
            let mut changed = bytes.clone();
            changed[place] ^= bit;
            assert_eq!(woken.read_from(&changed), Err(SessionsError::Malformed), "{place}");
        }
    }
    assert_eq!(woken.read_from(&[&bytes[..], &[0]].concat()), Err(SessionsError::Malformed));
    assert_eq!(woken.len(), 1);

    assert_eq!(woken.read_from(&bytes), Ok(()));
    assert_eq!(woken.len(), 3);
    let mut again = vec![0; len];
    assert_eq!((woken.write_to(&mut again), &again), (Ok(len), &bytes), "in the same order");
    let tls = context().sessions(woken);
    for (port, is_short) in [(1, true), (2, true), (3, true), (9, false)] {
        assert_eq!(connect_to(&server, &tls, "localhost", port), Ok(is_short), "{port}");
    }
    // Fewer places: the newest.
    let small: &'static Sessions<2> = Box::leak(Box::new(Sessions::new()));
    assert_eq!(small.read_from(&bytes), Ok(()));
    let server = self::server();
    for port in [2, 3] {
        connect_to(&server, &context().sessions(small), "localhost", port).unwrap();
        assert_eq!(small.len(), 2);
    }
    assert_eq!(small.read_from(&nothing), Ok(()));
    assert!(small.is_empty());
}

/// Bytes with a right checksum that are no sessions.
#[test]
fn stored_by_somebody_else() {
    use sha2::Digest as _;
    let store = |content: &[u8]| {
        let checksum = sha2::Sha256::digest(content);
        let bytes = [content, &checksum[..16]].concat();
        sessions().read_from(&bytes)
    };
    let entry = |session: &[u8]| [&[3; 16][..], &(session.len() as u16).to_be_bytes(), session].concat();
    let session = saved(&[5; 32], &[6; 100], TODAY, TODAY + DAY);
    let with = |count: u8, entries: &[u8]| store(&[b"SPT\x01", &[count][..], entries].concat());
    assert_eq!(with(0, &[]), Ok(()));
    assert_eq!(with(1, &entry(&session)), Ok(()));
    assert_eq!(with(2, &[entry(&session), entry(&session)].concat()), Ok(()));
    assert_eq!(store(b"SPT\x02\0"), Err(SessionsError::Version { version: 2 }));
    let longest = saved(&[5; 48], &vec![6; SavedSession::MAX_TICKET_LEN], TODAY, TODAY + DAY);
    assert_eq!(with(1, &entry(&longest)), Ok(()));
    for (count, entries) in [
        (0, entry(&session)),
        (2, entry(&session)),
        (1, entry(&session[..18])),
        (1, entry(&session[..50])),
        (1, entry(&saved(&[5; 31], &[6; 9], 0, 1))),
        (1, entry(&[&longest[..], &[0]].concat())),
        (1, entry(&[])),
        (1, entry(&[&[2], &session[1..]].concat())),
        (1, vec![1; 17]),
    ] {
        assert_eq!(with(count, &entries), Err(SessionsError::Malformed), "{count} {entries:?}");
    }
    for len in 0..40 {
        assert_eq!(store(&vec![0xff; len]), Err(SessionsError::Malformed));
    }
}

/// With a key of our own there are no tickets, and a store that says what it likes is no danger.
#[test]
fn what_is_not_offered() {
    struct Wrong(Mutex<Vec<u8>>, usize);
    impl SessionStore for Wrong {
        fn put(&self, _: &SessionKey, session: SavedSession<'_>) {
            assert!(session.len() <= SavedSession::MAX_LEN);
        }
        fn take(&self, _: &SessionKey, into: &mut [u8]) -> Option<usize> {
            let bytes = self.0.lock().unwrap();
            into[..bytes.len()].copy_from_slice(&bytes);
            Some(self.1)
        }
    }
    let server = server();
    let good = saved(&[7; 32], &[6; 100], TODAY, TODAY + DAY);
    for (bytes, len) in [
        (vec![], 0),
        (vec![], 1),
        (vec![], 16_406),
        (vec![], 16_407),
        (vec![], usize::MAX),
        (good[..20].to_vec(), 20),
        (saved(&[7; 32], &[6; 100], TODAY + 1, TODAY + DAY), good.len()),
        (saved(&[7; 32], &[6; 100], TODAY - DAY, TODAY), good.len()),
        // Of a hash that no suite has.
        (saved(&[7; 48], &[6; 100], TODAY, TODAY + DAY), good.len() + 16),
    ] {
        let wrong: &'static Wrong = Box::leak(Box::new(Wrong(Mutex::new(bytes), len)));
        let (mut rx, mut tx) = (vec![0; 16_406], vec![0; 1_536]);
        let mut stream = TlsStream::new(Wire::new(&server), &mut rx, &mut tx);
        block_on(stream.connect(&context().sessions(wrong), "localhost")).unwrap();
        assert!(!stream.info().unwrap().is_resumed);
        let hello = stream.into_inner().hello;
        assert!(!hello.windows(100).any(|window| window == [6; 100]), "{len}");
    }
    // One that makes the ClientHello longer than the buffer is left out; and so it is if it leaves no room to receive.
    for (rx_len, tx_len, is_offered) in [(16_406, 1_536, true), (16_406, 512, false), (1_000, 1_536, false)] {
        let long = saved(&[7; 32], &[6; 512], TODAY, TODAY + DAY);
        let len = long.len();
        let wrong: &'static Wrong = Box::leak(Box::new(Wrong(Mutex::new(long), len)));
        let (mut rx, mut tx) = (vec![0; rx_len], vec![0; tx_len]);
        let mut stream = TlsStream::new(Wire::new(&server), &mut rx, &mut tx);
        block_on(stream.connect(&context().sessions(wrong), "localhost")).unwrap();
        let hello = stream.into_inner().hello;
        assert_eq!(hello.windows(512).any(|window| window == [6; 512]), is_offered, "{rx_len} {tx_len}");
    }
    // `record_size_limit` (28) is that of the whole buffer, with a ticket in it or not.
    let limit = |tls: &Context<'_>| {
        let (mut rx, mut tx) = (vec![0; 2_000], vec![0; 1_536]);
        let mut stream = TlsStream::new(Wire::new(&server), &mut rx, &mut tx);
        block_on(stream.connect(tls, "localhost")).unwrap();
        let hello = stream.into_inner().hello;
        let at = hello.windows(4).position(|window| window == [0, 28, 0, 2]).unwrap();
        u16::from_be_bytes([hello[at + 4], hello[at + 5]])
    };
    let planted = Box::leak(Box::new(Planted { key: &[7; 32], from: TODAY, until: TODAY + DAY }));
    assert_eq!(limit(&context()), limit(&context().sessions(planted)));

    let psk = Psk::new(b"meter", &[7; 32]).unwrap();
    let store = sessions();
    let outcome = connect(&server, &context().psk(psk).sessions(store));
    assert!(matches!(outcome, Err(TlsError::PskRefused | TlsError::PeerAlert(_))), "{outcome:?}");
}

/// The oldest makes room; a server's newest ticket takes the place of its last one.
#[test]
fn a_store_is_bounded() {
    let server = server();
    let store: &'static Sessions<2> = Box::leak(Box::new(Sessions::new()));
    let tls = context().sessions(store);
    for port in [1, 2, 1, 3, 4, 3] {
        connect_to(&server, &tls, "localhost", port).unwrap();
        assert!(store.len() <= 2);
    }
    assert_eq!(connect_to(&server, &tls, "localhost", 4), Ok(true));
    assert_eq!(connect_to(&server, &tls, "localhost", 3), Ok(true));
    assert_eq!(connect_to(&server, &tls, "localhost", 1), Ok(false));
    store.clear();
    assert!(store.is_empty());
    assert_eq!(connect_to(&server, &tls, "localhost", 1), Ok(false));
    assert!(!format!("{store:?}").contains("bytes"));
}

// The faces of the pool.

#[derive(Debug, Clone, Copy)]
enum Face {
    Async,
    Blocking,
}

const FACES: [Face; 2] = [Face::Async, Face::Blocking];

/// Whether each of these connections to a server on the loopback was short. They are one after the other.
fn through_a_pool(face: Face, tls: &Context<'_>, ports: &[u16]) -> Vec<bool> {
    use socketpool::{
        time::run,
        traits::{self, TlsContext as _},
    };
    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\n\r\n";
    let mut memory = Box::new(Resources::<1, 1>::new());
    let mut answer = [0; 15];
    match face {
        Face::Async => async_io::block_on(async {
            let mut network = support::network();
            let pool = SocketPool::new(&mut network, &mut memory);
            let mut outcomes = vec![];
            for port in ports {
                let mut socket = pool.socket().await.unwrap();
                socket.set_timeout(Some(Duration::from_secs(20)));
                tls.connect(&mut socket, "localhost", *port).await.unwrap();
                socket.write_all(REQUEST).await.unwrap();
                socket.flush().await.unwrap();
                socket.read_exact(&mut answer).await.unwrap();
                outcomes.push(socket.tls_info().unwrap().is_resumed);
            }
            outcomes
        }),
        Face::Blocking => {
            let mut network = support::network();
            let pool = blocking::SocketPool::new(&mut network, &mut memory);
            let timer = traits::SocketPool::timer(&pool);
            let each = |port: &u16| {
                let mut socket = pool.socket().unwrap();
                socket.set_timeout(Some(Duration::from_secs(20)));
                run(timer, tls.connect(&mut socket, "localhost", *port)).unwrap();
                socket.send_all(REQUEST).unwrap();
                embedded_io::Read::read_exact(&mut socket, &mut answer).unwrap();
                socket.tls_info().unwrap().is_resumed
            };
            ports.iter().map(each).collect()
        }
    }
}

#[test]
fn both_faces_of_a_pool() {
    let configs = || ServerConfig::clone(&self::server());
    for face in FACES {
        let [one, other] = [configs(), configs()].map(|config| support::server::Server::with_config(config, None));
        let store = sessions();
        let tls = context().sessions(store);
        let outcomes = through_a_pool(face, &tls, &[one.port, one.port, other.port, one.port, other.port]);
        assert_eq!(outcomes, [false, true, false, true, true], "{face:?}");
        // A ticket of one face is good for the other.
        let other_face = if let Face::Async = face { Face::Blocking } else { Face::Async };
        assert_eq!(through_a_pool(other_face, &tls, &[one.port]), [true]);
    }
}

// A server of ours that plays a script.

const KEY: &[u8] = b"a key of thirty-two random bytes";
const PRE_SHARED_KEY: u16 = 41;

/// A session as this crate saves it: version and length of the key, then in seconds when it was received, until when it may
/// be used and until when nobody need be verified again, then what its age is hidden with, the key and the ticket.
fn saved(key: &[u8], ticket: &[u8], from: u64, until: u64) -> Vec<u8> {
    let dates = [from, until, until, 0].map(|number| (number as u32).to_be_bytes());
    [&[1, key.len() as u8][..], dates.as_flattened(), key, ticket].concat()
}

/// Has a session for everybody.
struct Planted {
    key: &'static [u8],
    from: u64,
    until: u64,
}

impl SessionStore for Planted {
    fn put(&self, _: &SessionKey, _: SavedSession<'_>) {}

    fn take(&self, _: &SessionKey, into: &mut [u8]) -> Option<usize> {
        let saved = saved(self.key, &[6; 100], self.from, self.until);
        into[..saved.len()].copy_from_slice(&saved);
        Some(saved.len())
    }
}

static BOTH: Crypto = Crypto {
    suites: &[AES_128_GCM_SHA256, AES_256_GCM_SHA384],
    groups: &[SECP256R1, X25519],
    signatures: algorithms::ALL,
};

/// Fetches from a port, with a ticket for this key.
fn fetch(face: Face, port: u16, key: &'static [u8]) -> Result<Vec<u8>, Error> {
    let store = Box::leak(Box::new(Planted { key, from: TODAY, until: TODAY + DAY }));
    let tls = context().crypto(&BOTH).sessions(store);
    let timeout = Some(Duration::from_secs(5));
    let url = format!("https://localhost:{port}/");
    let (mut memory, mut buffer) = (Resources::<1, 1>::new(), [0; 64]);
    match face {
        Face::Async => async_io::block_on(async {
            let mut network = support::network();
            let pool = SocketPool::new(&mut network, &mut memory);
            let mut response = Session::new(&pool, &tls).get(&url).timeout(timeout).send().await?;
            response.content(&mut buffer).await.map(|body| body.to_vec())
        }),
        Face::Blocking => {
            let mut network = support::network();
            let pool = blocking::SocketPool::new(&mut network, &mut memory);
            let mut response = blocking::Session::new(&pool, &tls).get(&url).timeout(timeout).send()?;
            response.content(&mut buffer).map(|body| body.to_vec())
        }
    }
}

/// A ServerHello that selects this, and a flight.
fn selecting(selected: &'static [&'static [u8]], flight: impl IntoIterator<Item = Message>) -> Script {
    let mut script = records(flight.into_iter().map(|message| sealed([message])));
    let more = selected.iter().map(|body| (PRE_SHARED_KEY, body.to_vec()));
    script[0] = Step::Send(clear(HANDSHAKE, hello_with(|hello| hello.extensions.extend(more))));
    script
}

const FIRST: &[&[u8]] = &[&[0, 0]];

#[test]
fn a_script_that_takes_the_ticket() {
    for face in FACES {
        let script = selecting(FIRST, [encrypted_extensions(&[]), finished()]);
        let server = Server::start_psk(script, KEY);
        assert_eq!(fetch(face, server.port, KEY).as_deref(), Ok(BODY), "{face:?}");
        assert!(server.report().finished);
    }
}

#[test]
fn servers_that_misuse_a_ticket() {
    const LONG: &[u8] = &[7; 48];
    let [extensions, certificate, verify, done] = good_flight();
    let short = || [encrypted_extensions(&[]), finished()];
    let with = |messages: &[&Message]| selecting(FIRST, messages.iter().map(|message| (*message).clone()));
    let cases: Vec<(&str, &'static [u8], TlsError, Script)> = vec![
        ("identity 1", KEY, TlsError::IllegalParameter, selecting(&[&[0, 1]], short())),
        ("two identities", KEY, TlsError::IllegalParameter, selecting(&[&[0, 0], &[0, 0]], short())),
        ("half an identity", KEY, TlsError::Decode, selecting(&[&[0]], short())),
        ("a suite with another hash", LONG, TlsError::IllegalParameter, selecting(FIRST, short())),
        ("another key", &[9; 32], TlsError::BadRecordMac, selecting(FIRST, short())),
        ("a chain besides", KEY, TlsError::UnexpectedMessage, with(&[&extensions, &certificate, &verify, &done])),
        ("a certificate alone", KEY, TlsError::UnexpectedMessage, with(&[&extensions, &certificate, &done])),
        ("a signature alone", KEY, TlsError::UnexpectedMessage, with(&[&extensions, &verify, &done])),
        (
            "a certificate asked for",
            KEY,
            TlsError::UnexpectedMessage,
            with(&[&extensions, &certificate_request(), &done]),
        ),
        ("Finished by another secret", KEY, TlsError::BadFinished, with(&[&extensions, &finished_by_client()])),
        ("refused, and no certificate", KEY, TlsError::BadRecordMac, selecting(&[], short())),
    ];
    for face in FACES {
        for (name, key, reason, script) in cases.clone() {
            let server = Server::start_psk(script, KEY);
            let error = fetch(face, server.port, key).unwrap_err();
            assert_eq!(error, Error::new(Phase::Handshake, ErrorKind::Tls(reason)), "{face:?} {name}");
            let report = server.report();
            assert!(!report.finished && report.request.is_empty(), "{face:?} {name}");
        }
        // One that does not take the ticket has to prove itself: it may not leave that out.
        let server = Server::start(selecting(&[], short()));
        let error = fetch(face, server.port, KEY).unwrap_err();
        let reason = TlsError::NotAuthenticated;
        assert_eq!(error, Error::new(Phase::Handshake, ErrorKind::Tls(reason)), "{face:?}");
    }
}

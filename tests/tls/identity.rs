//! Who we are: client certificates, pre-shared keys and protocol offers, against rustls on the loopback, through both
//! faces.
#![cfg(all(feature = "tls", feature = "blocking"))]

use std::{sync::LazyLock, time::Duration};

use embedded_io_async::Read as _;
use rcgen::KeyPair;
use rustls_pki_types::CertificateDer;
use socketpool::{
    Error, ErrorKind, Phase, Resources, blocking,
    tls::{
        Alpn, AlpnError, Now, Psk, PskError, Random, Roots, TimeSource, TlsContext, TlsError,
        identity::{
            Ed25519Key, Identity, IdentityError, KeyError, MAX_CHAIN_LEN, MAX_SIGNATURE_LEN, P256Key, PrivateKey,
            SignFailed, SignatureScheme, Signer, encode_ecdsa_p256,
        },
        pem::{self, PemError},
        roots::trust_anchor_from_der,
        verify::CertificateError,
    },
};

use crate::support::{
    self,
    server::{Authority, Server, Validity},
};

const PATIENCE: Option<Duration> = Some(Duration::from_secs(20));

static SERVERS: LazyLock<Authority> = LazyLock::new(|| Authority::new("Root of servers"));
static DEVICES: LazyLock<Authority> = LazyLock::new(|| Authority::new("Root of devices"));

#[derive(Debug, Clone, Copy)]
enum Face {
    Async,
    Blocking,
}

const FACES: [Face; 2] = [Face::Async, Face::Blocking];

/// Connects to `localhost`, and does what a request does: writes it and reads the start of the answer. First reads alone
/// if the server is expected to refuse: else its last words could be lost when it closes.
fn exchange<R: Random, T: TimeSource>(
    face: Face,
    tls: &TlsContext<'_, R, T>,
    port: u16,
    write: bool,
) -> Result<[u8; 15], Error> {
    exchange_with(face, tls, "localhost", port, write)
}

fn exchange_with<R: Random, T: TimeSource>(
    face: Face,
    tls: &TlsContext<'_, R, T>,
    host: &str,
    port: u16,
    write: bool,
) -> Result<[u8; 15], Error> {
    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\n\r\n";
    let mut memory = Box::new(Resources::<1, 1>::new());
    let mut answer = [0; 15];
    let short = |error| match error {
        embedded_io::ReadExactError::Other(error) => error,
        embedded_io::ReadExactError::UnexpectedEof => Error::new(Phase::Receive, ErrorKind::Truncated),
    };
    match face {
        Face::Async => async_io::block_on(async {
            let mut network = support::network();
            let pool = socketpool::SocketPool::new(&mut network, &mut memory);
            let mut socket = pool.socket().await?;
            socket.set_timeout(PATIENCE);
            socket.connect("localhost", port).await?;
            tls.wrap_socket(&mut socket, host).await?;
            if write {
                socket.send_all(REQUEST).await?;
            }
            socket.read_exact(&mut answer).await.map_err(short)?;
            Ok(answer)
        }),
        Face::Blocking => {
            let mut network = support::network();
            let pool = blocking::SocketPool::new(&mut network, &mut memory);
            let mut socket = pool.socket()?;
            socket.set_timeout(PATIENCE);
            socket.connect("localhost", port)?;
            tls.wrap_socket_blocking(&mut socket, host)?;
            if write {
                socket.send_all(REQUEST)?;
            }
            embedded_io::Read::read_exact(&mut socket, &mut answer).map_err(short)?;
            Ok(answer)
        }
    }
}

/// Runs a test with a context that trusts the servers' authority.
macro_rules! with_context {
    (|$tls:ident| $test:block) => {
        let root = SERVERS.der();
        let anchors = [trust_anchor_from_der(&root).unwrap()];
        let $tls = || TlsContext::new(support::random, support::date).roots(Roots::only(&anchors));
        $test
    };
}

fn asking(required: bool) -> Server {
    Server::with_config(SERVERS.server_config_for("localhost", &DEVICES, required), None)
}

fn device(algorithm: &'static rcgen::SignatureAlgorithm, ballast: usize) -> (PrivateKey, CertificateDer<'static>) {
    let key = KeyPair::generate_for(algorithm).unwrap();
    (PrivateKey::from_der(&key.serialize_der()).unwrap(), DEVICES.client_certificate(&key, ballast))
}

#[test]
fn a_server_that_asks_knows_us() {
    let server = asking(true);
    with_context!(|tls| {
        for algorithm in [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ED25519] {
            let (key, certificate) = device(algorithm, 0);
            let tls = tls().identity(Identity::new(&certificate, &key).unwrap());
            for face in FACES {
                assert_eq!(exchange(face, &tls, server.port, true).as_ref(), Ok(b"HTTP/1.1 200 OK"), "{face:?}");
            }
        }
    });
    assert_eq!(server.requests(), 4);
}

/// The longest certificate that fits in one of our records, in bytes of DER.
const RECORD: usize = 1_501;

#[test]
fn a_certificate_may_fill_its_record_and_more() {
    let server = asking(true);
    let mut ballast = RECORD / 2;
    with_context!(|tls| {
        // The length of the signature in it varies.
        let (key, certificate) = loop {
            let (key, certificate) = device(&rcgen::PKCS_ECDSA_P256_SHA256, ballast);
            if certificate.len() == RECORD {
                break (key, certificate);
            }
            ballast = ballast + RECORD - certificate.len();
        };
        let longer = [1, 2, 10, RECORD, 2 * RECORD].map(|more| device(&rcgen::PKCS_ECDSA_P256_SHA256, ballast + more));
        for (key, certificate) in [(key, certificate)].iter().chain(&longer) {
            let tls = tls().identity(Identity::new(certificate, key).unwrap());
            for face in FACES {
                assert!(exchange(face, &tls, server.port, true).is_ok(), "{face:?} {}", certificate.len());
            }
        }
    });
}

/// Chains that lead over two intermediate authorities with RSA keys of 4096 bits to the one that the server knows.
const CHAINS: [(&[u8], &[u8]); 2] = [
    (include_bytes!("../pki/identity/p256.chain.pem"), include_bytes!("../pki/identity/p256.key.pem")),
    (include_bytes!("../pki/identity/ed25519.chain.pem"), include_bytes!("../pki/identity/ed25519.key.pem")),
];
const ROOT: &[u8] = include_bytes!("../pki/identity/root.der");

/// RFC 8446 §4.4.2, §5.1: a Certificate message with a chain in it, over several records.
#[test]
fn a_chain_is_shown_whole() {
    let server = Server::with_config(SERVERS.server_config_for_root("localhost", ROOT.into(), true), None);
    with_context!(|tls| {
        for (text, key) in CHAINS {
            let key = PrivateKey::from_pem(key).unwrap();
            // The key may be in the same file, as CircuitPython's `load_cert_chain` has it.
            let text = [text, include_bytes!("../pki/identity/p256.key.pem")].concat();
            let mut der = [0; 5_000];
            let identity = Identity::from_pem(&text, &mut der, &key).unwrap();
            for face in FACES {
                let known = exchange(face, &tls().identity(identity), server.port, true);
                assert_eq!(known.as_ref(), Ok(b"HTTP/1.1 200 OK"), "{face:?}");
            }
            // The device's certificate alone leads nowhere.
            let mut der = [0; 2_000];
            let first = pem::decode(&text, pem::CERTIFICATE, &mut der).unwrap();
            let alone = Identity::new(first, &key).unwrap();
            for face in FACES {
                let error = exchange(face, &tls().identity(alone), server.port, false).unwrap_err();
                // unknown_ca (RFC 8446 §6.2)
                assert_eq!(error.kind(), ErrorKind::Tls(TlsError::PeerAlert(Some(48))), "{face:?}");
            }
        }
    });
    assert_eq!(server.requests(), 4);
}

#[test]
fn what_is_no_chain() {
    let (text, key) = CHAINS[0];
    let key = PrivateKey::from_pem(key).unwrap();
    let mut der = vec![0; 5_000];
    let len = pem::blocks(text).map(|block| block.unwrap().decoded_len().unwrap()).sum::<usize>();
    // A buffer for some of the certificates, and for all.
    for room in [0, 1, 2_000, 4_000, len - 1] {
        let error = Identity::from_pem(text, &mut der[..room], &key).unwrap_err();
        let IdentityError::Pem(PemError::BufferTooSmall { needed }) = error else { panic!("{room}: {error}") };
        assert!(needed > room && needed <= len, "{room} {needed}");
    }
    Identity::from_pem(text, &mut der[..len], &key).unwrap();
    let chain = &der[..len];
    let malformed = IdentityError::Certificate(CertificateError::Malformed);
    let first = pem::blocks(text).next().unwrap().unwrap().decoded_len().unwrap();
    for cut in (1..len).filter(|cut| *cut != first) {
        if let Err(error) = Identity::new(&chain[..cut], &key) {
            assert_eq!(error, malformed, "{cut}");
        } else {
            assert!(cut > first, "{cut}");
        }
    }
    assert_eq!(Identity::new(&[], &key).unwrap_err(), malformed);
    assert_eq!(Identity::new(&[chain, &[0]].concat(), &key).unwrap_err(), malformed);
    // What follows has to be a certificate.
    assert_eq!(Identity::new(&[chain, &[0x30, 3, 2, 1, 5]].concat(), &key).unwrap_err(), malformed);
    // The key is that of the first.
    assert_eq!(Identity::new(&chain[first..], &key).unwrap_err(), IdentityError::KeyMismatch);
    let many = [chain, &ROOT.repeat((MAX_CHAIN_LEN - len - 15) / (ROOT.len() + 5))].concat();
    Identity::new(&many, &key).unwrap();
    let more = [&many, ROOT].concat();
    let count = 3 + (more.len() - len) / ROOT.len();
    let too_long = IdentityError::TooLong { len: more.len() + 5 * count };
    assert_eq!(Identity::new(&more, &key).unwrap_err(), too_long);
    assert!(too_long.to_string().contains("65531"));
}

#[test]
fn without_a_certificate_it_is_the_servers_choice() {
    let (lenient, strict) = (asking(false), asking(true));
    with_context!(|tls| {
        for face in FACES {
            assert!(exchange(face, &tls(), lenient.port, true).is_ok(), "{face:?}");
            // With TLS 1.3 the server's verdict comes after our handshake.
            let error = exchange(face, &tls(), strict.port, false).unwrap_err();
            assert_eq!(error.phase(), Phase::Receive);
            // certificate_required (RFC 8446 §6.2)
            assert_eq!(error.kind(), ErrorKind::Tls(TlsError::PeerAlert(Some(116))), "{face:?}");
        }
    });
    assert_eq!((lenient.requests(), strict.requests()), (2, 0));
}

/// Signs with another key than the certificate's, and does not say so.
struct Liar(PrivateKey);

impl Signer for Liar {
    fn scheme(&self) -> SignatureScheme {
        self.0.scheme()
    }

    fn sign(&self, message: &[u8], signature: &mut [u8; MAX_SIGNATURE_LEN]) -> Result<usize, SignFailed> {
        assert_eq!(message.len(), 130);
        self.0.sign(message, signature)
    }
}

#[test]
fn another_key_or_another_authority_is_refused() {
    let server = asking(true);
    with_context!(|tls| {
        let (key, certificate) = device(&rcgen::PKCS_ECDSA_P256_SHA256, 0);
        let (other, _) = device(&rcgen::PKCS_ECDSA_P256_SHA256, 0);
        assert_eq!(Identity::new(&certificate, &other).unwrap_err(), IdentityError::KeyMismatch);
        let liar = Liar(other);
        let strange_key = KeyPair::generate().unwrap();
        let strange = SERVERS.client_certificate(&strange_key, 0);
        let strange_key = PrivateKey::from_der(&strange_key.serialize_der()).unwrap();
        let cases = [
            ("another key", Identity::new(&certificate, &liar).unwrap(), false),
            ("another authority", Identity::new(&strange, &strange_key).unwrap(), false),
            ("the right one", Identity::new(&certificate, &key).unwrap(), true),
        ];
        for (what, identity, accepted) in cases {
            let tls = tls().identity(identity);
            for face in FACES {
                match exchange(face, &tls, server.port, accepted) {
                    Ok(_) => assert!(accepted, "{face:?} {what}"),
                    Err(error) => {
                        // The server may hang up before we have said all.
                        let refused = matches!(error.kind(), ErrorKind::Tls(TlsError::PeerAlert(_)) | ErrorKind::Io(_));
                        assert!(refused && !accepted, "{face:?} {what}: {error}");
                    }
                }
            }
        }
    });
    assert_eq!(server.requests(), 2);
}

/// A secure element that does not answer as it should.
struct Broken(Result<usize, SignFailed>);

impl Signer for Broken {
    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::EcdsaSecp256r1Sha256
    }

    fn sign(&self, _: &[u8], _: &mut [u8; MAX_SIGNATURE_LEN]) -> Result<usize, SignFailed> {
        self.0
    }
}

#[test]
fn a_signer_that_fails_ends_the_handshake() {
    // Even where the server would do without a certificate.
    let server = asking(false);
    let (_, certificate) = device(&rcgen::PKCS_ECDSA_P256_SHA256, 0);
    with_context!(|tls| {
        for answer in [Err(SignFailed), Ok(0), Ok(MAX_SIGNATURE_LEN + 1), Ok(usize::MAX)] {
            let broken = Broken(answer);
            let tls = tls().identity(Identity::new(&certificate, &broken).unwrap());
            for face in FACES {
                let error = exchange(face, &tls, server.port, true).unwrap_err();
                assert_eq!(error, Error::new(Phase::Handshake, ErrorKind::Tls(TlsError::SignFailed)), "{face:?}");
            }
        }
    });
    assert_eq!(server.requests(), 0);
}

#[test]
fn a_server_that_does_not_take_our_key_is_refused() {
    let server = Server::start(&SERVERS, "localhost", Validity::Now);
    with_context!(|tls| {
        let tls = tls().psk(Psk::new(b"device", &[7; 32]).unwrap());
        for face in FACES {
            let error = exchange(face, &tls, server.port, true).unwrap_err();
            assert_eq!(error, Error::new(Phase::Handshake, ErrorKind::Tls(TlsError::PskRefused)), "{face:?}");
        }
    });
    assert_eq!(server.requests(), 0);
}

#[test]
fn the_longest_offer_fits() {
    let server = Server::start(&SERVERS, "localhost", Validity::Now);
    let (identity, key) = ([b'i'; Psk::MAX_IDENTITY_LEN], [1; Psk::MAX_KEY_LEN]);
    let names: [&[u8]; 2] = [&[b'p'; 255]; 2];
    let label = "a".repeat(63);
    let host = [&*label, &label, &label, &label[2..]].join(".");
    assert_eq!(host.len(), 253);
    with_context!(|tls| {
        let tls = tls().psk(Psk::new(&identity, &key).unwrap()).alpn(Alpn::new(&names).unwrap());
        for face in FACES {
            let error = exchange_with(face, &tls, &host, server.port, true).unwrap_err();
            assert_eq!(error, Error::new(Phase::Handshake, ErrorKind::Tls(TlsError::PskRefused)), "{face:?}");
        }
    });
}

#[test]
fn protocols_are_offered() {
    let mut config = SERVERS.server_config("localhost", Validity::Now);
    config.alpn_protocols = vec![b"x-test".to_vec()];
    let server = Server::with_config(config, None);
    with_context!(|tls| {
        for face in FACES {
            let fitting = tls().alpn(Alpn::new(&[b"http/1.1", b"x-test"]).unwrap());
            assert!(exchange(face, &fitting, server.port, true).is_ok(), "{face:?}");
            let error = exchange(face, &tls().alpn(Alpn::HTTP_1_1), server.port, true).unwrap_err();
            let refused = ErrorKind::Tls(TlsError::PeerAlert(Some(120))); // no_application_protocol
            assert_eq!(error, Error::new(Phase::Handshake, refused), "{face:?}");
        }
    });
}

/// A connection of one identity is never taken for another: each setter makes another context.
#[test]
fn every_setter_makes_another_context() {
    fn id<R: Random, T: TimeSource>(tls: &TlsContext<'_, R, T>) -> socketpool::traits::TlsId {
        type AnySocket<'a> = socketpool::Socket<'a, 'a, Host, 1>;
        type Host = socketpool::stack::Network<
            std_embedded_nal_async::Stack,
            std_embedded_nal_async::Stack,
            socketpool::host::Timer,
        >;
        socketpool::traits::TlsContext::<AnySocket<'_>>::id(tls)
    }
    let (key, certificate) = device(&rcgen::PKCS_ED25519, 0);
    let identity = Identity::new(&certificate, &key).unwrap();
    let tls = TlsContext::new(support::random, support::date);
    let first = id(&tls);
    let tls = tls.identity(identity);
    let second = id(&tls);
    let tls = tls.psk(Psk::new(b"a", &[0; 16]).unwrap());
    let third = id(&tls);
    let fourth = id(&tls.alpn(Alpn::HTTP_1_1));
    let ids = [first, second, third, fourth];
    for (at, id) in ids.iter().enumerate() {
        assert!(!ids[..at].contains(id), "{ids:?}");
    }
}

#[test]
fn with_a_shared_key_the_date_does_not_matter() {
    let server = Server::start(&SERVERS, "localhost", Validity::Now);
    let tls = || TlsContext::new(support::random, || Now::Unknown);
    let psk = Psk::new(b"device", &[7; 16]).unwrap();
    for face in FACES {
        let error = exchange(face, &tls(), server.port, true).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Tls(TlsError::TimeUnknown));
        let error = exchange(face, &tls().psk(psk), server.port, true).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Tls(TlsError::PskRefused));
    }
}

#[test]
fn limits_of_keys_and_protocols_have_names() {
    let long = [0; 600];
    let psk = |identity: usize, key: usize| Psk::new(&long[..identity], &long[..key]).err();
    assert_eq!(psk(1, 16), None);
    assert_eq!(psk(512, 64), None);
    assert_eq!(psk(0, 32), Some(PskError::IdentityLength { len: 0 }));
    assert_eq!(psk(513, 1), Some(PskError::IdentityLength { len: 513 }));
    assert_eq!(psk(1, 15), Some(PskError::KeyLength { len: 15 }));
    assert_eq!(psk(1, 65), Some(PskError::KeyLength { len: 65 }));
    assert_eq!(psk(1, 0), Some(PskError::KeyLength { len: 0 }));

    assert_eq!(Alpn::new(&[]), Err(AlpnError::Empty));
    assert_eq!(Alpn::new(&[b"a", b""]), Err(AlpnError::NameLength { len: 0 }));
    assert_eq!(Alpn::new(&[&long[..256]]), Err(AlpnError::NameLength { len: 256 }));
    assert!(Alpn::new(&[&long[..1]; 4]).is_ok());
    assert_eq!(Alpn::new(&[&long[..1]; 5]), Err(AlpnError::TooMany { count: 5 }));
    assert_eq!(Alpn::new(&[&long[..255], &long[..255], b"a"]), Err(AlpnError::TooLong { len: 514 }));

    let secret = Psk::new(b"device", b"0123456789abcdef").unwrap();
    assert_eq!(format!("{secret:?}"), "Psk { identity_len: 6, .. }");
}

macro_rules! file {
    ($name:literal) => {
        include_bytes!(concat!("../pki/identity/", $name))
    };
}

fn der(text: &[u8], label: &str) -> Vec<u8> {
    let mut buffer = [0; 2048];
    pem::decode(text, label, &mut buffer).unwrap().to_vec()
}

#[test]
fn keys_in_all_their_forms() {
    let p256 = file!("p256.der");
    let sec1 = der(file!("p256.sec1.pem"), pem::EC_PRIVATE_KEY);
    let pkcs8 = der(file!("p256.key.pem"), pem::PRIVATE_KEY);
    for key in [
        P256Key::from_pem(file!("p256.sec1.pem")),
        P256Key::from_pem(file!("p256.key.pem")),
        P256Key::from_pem(file!("p256.no-public.pem")),
        P256Key::from_der(&sec1),
        P256Key::from_der(&pkcs8),
    ] {
        Identity::new(p256, &key.unwrap()).unwrap();
    }
    for text in [&file!("p256.sec1.pem")[..], file!("p256.key.pem"), file!("p256.no-public.pem")] {
        assert!(matches!(PrivateKey::from_pem(text), Ok(PrivateKey::P256(_))));
        assert_eq!(Ed25519Key::from_pem(text).unwrap_err(), KeyError::Unsupported);
    }

    let ed25519 = file!("ed25519.der");
    Identity::new(ed25519, &Ed25519Key::from_pem(file!("ed25519.key.pem")).unwrap()).unwrap();
    let key = PrivateKey::from_pem(file!("ed25519.key.pem")).unwrap();
    assert_eq!(format!("{key:?}"), "Ed25519(Ed25519Key { .. })");
    Identity::new(ed25519, &key).unwrap();
    assert_eq!(Identity::new(p256, &key).unwrap_err(), IdentityError::KeyMismatch);
    assert_eq!(P256Key::from_pem(file!("ed25519.key.pem")).unwrap_err(), KeyError::Unsupported);

    // Every prefix, and every byte changed, is an error or another key; never a panic.
    for whole in [&sec1, &pkcs8, &der(file!("ed25519.key.pem"), pem::PRIVATE_KEY)] {
        for at in 0..whole.len() {
            assert!(PrivateKey::from_der(&whole[..at]).is_err());
            for value in [0, 1, 0x7f, 0x80, 0xff, whole[at] ^ 1] {
                let mut changed = whole.clone();
                changed[at] = value;
                let _ = PrivateKey::from_der(&changed);
            }
        }
        assert_eq!(PrivateKey::from_der(&[whole, &[0][..]].concat()).unwrap_err(), KeyError::Malformed);
    }
}

/// RFC 8410 §10.3: the same key without its public half, and with it (and an attribute).
#[test]
fn the_keys_of_rfc_8410() {
    let first = b"-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
    let second = b"-----BEGIN PRIVATE KEY-----\nMHICAQEwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\noB8wHQYKKoZIhvcNAQkJFDEPDA1DdXJkbGUgQ2hhaXJzgSEAGb9ECWmEzf6FQbrB\nZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PRIVATE KEY-----\n";
    let public = der(
        b"-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----",
        "PUBLIC KEY",
    );
    for text in [&first[..], second] {
        assert!(Ed25519Key::from_pem(text).unwrap().is_key_of(&public[12..]));
    }
    // Another public half.
    let mut other = der(second, pem::PRIVATE_KEY);
    *other.last_mut().unwrap() ^= 1;
    assert_eq!(Ed25519Key::from_der(&other).unwrap_err(), KeyError::Malformed);
}

#[test]
fn what_is_no_key_or_no_identity_has_a_reason() {
    let reasons: [(&[u8], KeyError); 7] = [
        (file!("p256.encrypted.pem"), KeyError::Encrypted),
        (file!("p384.sec1.pem"), KeyError::Unsupported),
        (file!("rsa.pkcs1.pem"), KeyError::Unsupported),
        (b"", KeyError::Pem(PemError::NotFound)),
        (b"-----BEGIN PRIVATE KEY-----\n", KeyError::Pem(PemError::MissingEnd)),
        (
            b"-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n-----END EC PRIVATE KEY-----\n",
            KeyError::Pem(PemError::BadBase64),
        ),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", KeyError::Malformed),
    ];
    for (text, reason) in reasons {
        assert_eq!(PrivateKey::from_pem(text).unwrap_err(), reason);
    }
    assert_eq!(P256Key::from_bytes(&[0; 32]).unwrap_err(), KeyError::Malformed);
    assert_eq!(P256Key::from_bytes(&[255; 32]).unwrap_err(), KeyError::Malformed);

    let key = P256Key::from_pem(file!("p256.key.pem")).unwrap();
    let certificate = file!("p256.der");
    let malformed = IdentityError::Certificate(CertificateError::Malformed);
    assert_eq!(Identity::new(&certificate[1..], &key).unwrap_err(), malformed);
    assert_eq!(Identity::new(&[], &key).unwrap_err(), malformed);
    assert_eq!(Identity::new(file!("ed25519.der"), &key).unwrap_err(), IdentityError::KeyMismatch);
    let not_found = IdentityError::Pem(PemError::NotFound);
    assert_eq!(Identity::from_pem(b"", &mut [], &key).unwrap_err(), not_found);

    let mut signature = [0; MAX_SIGNATURE_LEN];
    assert_eq!(encode_ecdsa_p256(&[0; 64], &mut signature), Err(SignFailed));
    assert_eq!(encode_ecdsa_p256(&[1; 64], &mut signature), Ok(70));
    assert_eq!(encode_ecdsa_p256(&[0xf0; 64], &mut signature), Ok(72));
}

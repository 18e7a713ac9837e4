//! What a server says, as data: a [`Script`] is a list of steps, most of them records, which hold messages.

use std::{
    ops::Deref,
    sync::{Arc, LazyLock, atomic::AtomicUsize},
    time::Duration,
};

use p256::elliptic_curve::sec1::ToEncodedPoint;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
    SignatureAlgorithm, date_time_ymd,
};
use rustls::{SignatureScheme, crypto::ring::sign::any_supported_type, pki_types::PrivateKeyDer, sign::SigningKey};
use socketpool::tls::{
    engine::{AES_128_GCM_SHA256, Crypto, SECP256R1, X25519},
    verify::algorithms,
};

/// The steps of one connection, from the moment that the ClientHello has arrived. After the last one the server says
/// nothing more, and listens until the client has gone.
pub type Script = Vec<Step>;

#[derive(Clone)]
pub enum Step {
    Send(Record),
    /// Handshake messages in two protected records: so many bytes in the first, the rest in the second.
    Split(Vec<Message>, usize),
    /// So many bytes of a record; the rest when the counter has reached the number.
    Halves(Record, usize, Arc<AtomicUsize>, usize),
    /// So many bytes of a record, and no more.
    Part(Record, usize),
    /// Bytes as they are.
    Raw(Vec<u8>),
    /// Does nothing for so long.
    Pause(Duration),
    /// From here on every byte goes out alone.
    Dribble,
    /// Leaves out so many record numbers.
    SkipNumbers(u64),
    /// Goes back to the keys of the handshake.
    HandshakeKeys,
    /// Waits for the second ClientHello, the answer to a HelloRetryRequest.
    ReadHello,
    /// Sends a KeyUpdate, which may ask for one in return, and goes on with the next keys.
    KeyUpdate {
        asks: bool,
    },
    /// Waits for the client's Finished, and checks it.
    ReadFinished,
    /// Waits for the end of a request's head, of the next one each time.
    ReadRequest,
    /// Ends our side of the TCP connection.
    Close,
}

pub const CHANGE_CIPHER_SPEC: u8 = 20;
pub const ALERT: u8 = 21;
pub const HANDSHAKE: u8 = 22;
pub const DATA: u8 = 23;

/// A record: in the clear, or protected with the keys of the moment.
#[derive(Clone)]
pub struct Record {
    pub messages: Vec<Message>,
    /// The content type: the outer one of a record in the clear, the inner one of a protected record.
    pub kind: u8,
    /// Zeros behind the content; `None` is a record in the clear.
    pub padding: Option<usize>,
    /// What happens to it before it goes onto the wire.
    pub change: fn(&mut Vec<u8>),
}

/// Something in a record. What depends on the connection is made when its turn comes.
#[derive(Clone)]
pub struct Message {
    pub content: Content,
    pub change: fn(&mut Vec<u8>),
}

#[derive(Clone)]
pub enum Content {
    Bytes(Vec<u8>),
    CertificateVerify(Signing),
    /// Made with the server's secret, or wrongly with the client's.
    Finished {
        by_client: bool,
    },
}

/// A signature over the handshake.
#[derive(Clone)]
pub struct Signing {
    pub key: Arc<dyn SigningKey>,
    /// How it is signed.
    pub with: SignatureScheme,
    /// How the message says it is signed.
    pub said: u16,
    pub context: &'static str,
    /// What happens to the transcript hash first.
    pub transcript: fn(&mut [u8; 32]),
}

fn unchanged<T>(_: &mut T) {}

impl Message {
    pub fn bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self { content: Content::Bytes(bytes.into()), change: unchanged }
    }

    /// A handshake message with a body.
    pub fn new(kind: u8, body: impl AsRef<[u8]>) -> Self {
        Self::bytes([&[kind], &vector(3, body.as_ref())[..]].concat())
    }

    pub fn changed(self, change: fn(&mut Vec<u8>)) -> Self {
        Self { change, ..self }
    }
}

impl Record {
    pub fn padded(self, zeros: usize) -> Self {
        Self { padding: Some(zeros), ..self }
    }

    pub fn changed(self, change: fn(&mut Vec<u8>)) -> Self {
        Self { change, ..self }
    }
}

/// `bytes` after their length in so many bytes.
pub fn vector(length_len: usize, bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u64).to_be_bytes()[8 - length_len..], bytes].concat()
}

// Records.

pub fn clear(kind: u8, message: Message) -> Record {
    Record { messages: vec![message], kind, padding: None, change: unchanged }
}

/// Handshake messages in one protected record.
pub fn sealed(messages: impl IntoIterator<Item = Message>) -> Record {
    Record { messages: messages.into_iter().collect(), kind: HANDSHAKE, padding: Some(0), change: unchanged }
}

/// Bytes in one protected record of this inner type.
pub fn inside(kind: u8, bytes: impl Into<Vec<u8>>) -> Record {
    Record { messages: vec![Message::bytes(bytes)], kind, padding: Some(0), change: unchanged }
}

pub fn data(bytes: impl Into<Vec<u8>>) -> Record {
    inside(DATA, bytes)
}

pub fn change_cipher_spec() -> Record {
    clear(CHANGE_CIPHER_SPEC, Message::bytes([1]))
}

/// The bytes of a record in the clear.
pub fn plain(kind: u8, bytes: &[u8]) -> Vec<u8> {
    [&[kind, 3, 3], &vector(2, bytes)[..]].concat()
}

pub fn close_notify() -> Record {
    inside(ALERT, [1, 0])
}

pub fn user_canceled() -> Record {
    inside(ALERT, [1, 90])
}

// Messages.

/// Type and body.
pub type Extension<'a> = (u16, &'a [u8]);
/// A certificate, and its extensions.
pub type Entry<'a> = (&'a [u8], &'a [Extension<'a>]);

/// As the session id of a ServerHello, this becomes that of the client.
pub const ECHO: [u8; 32] = [0xec; 32];

/// The algorithms of a client that this server can speak with, when it has to choose: its first group is the server's, and
/// the second one is asked for by HelloRetryRequest.
pub static CRYPTO: Crypto =
    Crypto { suites: &[AES_128_GCM_SHA256], groups: &[SECP256R1, X25519], signatures: algorithms::ALL };

/// The fields of a ServerHello.
pub struct Hello {
    pub version: u16,
    pub random: [u8; 32],
    pub session_id: Vec<u8>,
    pub suite: u16,
    pub compression: u8,
    /// Type and body.
    pub extensions: Vec<(u16, Vec<u8>)>,
}

pub const SUPPORTED_VERSIONS: u16 = 43;
pub const KEY_SHARE: u16 = 51;

/// The key share of every server: what is secret here is no secret.
pub static SHARE: LazyLock<p256::SecretKey> =
    LazyLock::new(|| p256::SecretKey::from_slice(&[0x42; 32]).expect("in range"));

/// A key share in this group with the point of P-256.
pub fn key_share(group: u16) -> Vec<u8> {
    let point = SHARE.public_key().to_encoded_point(false);
    [&group.to_be_bytes()[..], &vector(2, point.as_bytes())].concat()
}

/// The private key of the server in X25519.
pub const SCALAR: [u8; 32] = [0x42; 32];

/// A key share of X25519.
pub fn key_share_x25519() -> Vec<u8> {
    let (mut scalar, mut share) = ([0; 32], [0; 32]);
    let random = &mut |bytes: &mut [u8]| {
        bytes.copy_from_slice(&SCALAR);
        Ok(())
    };
    X25519.generate(random, &mut scalar, &mut share).expect("a key");
    [&[0, 29], &vector(2, &share)[..]].concat()
}

pub fn hello_with(change: impl FnOnce(&mut Hello)) -> Message {
    let extensions = vec![(SUPPORTED_VERSIONS, vec![3, 4]), (KEY_SHARE, key_share(23))];
    let mut hello = Hello {
        version: 0x0303,
        random: [7; 32],
        session_id: ECHO.to_vec(),
        suite: 0x1301,
        compression: 0,
        extensions,
    };
    change(&mut hello);
    let mut body = hello.version.to_be_bytes().to_vec();
    body.extend(hello.random);
    body.extend(vector(1, &hello.session_id));
    body.extend(hello.suite.to_be_bytes());
    body.push(hello.compression);
    body.extend(extension_list(&hello.extensions));
    Message::new(2, body)
}

/// The random that makes a ServerHello a HelloRetryRequest (RFC 8446 §4.1.3).
pub const RETRY: [u8; 32] = *b"\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91\
            \xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c";

pub fn hello_retry_request(group: u16) -> Message {
    hello_retry_request_with(|hello| hello.extensions[1].1 = group.to_be_bytes().to_vec())
}

pub fn hello_retry_request_with(change: impl FnOnce(&mut Hello)) -> Message {
    hello_with(|hello| {
        hello.random = RETRY;
        change(hello);
    })
}

fn extension_list(extensions: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let bytes: Vec<u8> =
        extensions.iter().flat_map(|(kind, body)| [&kind.to_be_bytes()[..], &vector(2, body)].concat()).collect();
    vector(2, &bytes)
}

pub fn encrypted_extensions(extensions: &[Extension<'_>]) -> Message {
    Message::new(8, owned_list(extensions))
}

fn owned_list(extensions: &[Extension<'_>]) -> Vec<u8> {
    extension_list(&extensions.iter().map(|(kind, body)| (*kind, body.to_vec())).collect::<Vec<_>>())
}

/// A request for a client certificate that names the algorithms we offer ourselves.
pub fn certificate_request() -> Message {
    certificate_request_with(&[], &[(13, &[0, 2, 4, 3])])
}

pub fn certificate_request_with(context: &[u8], extensions: &[Extension<'_>]) -> Message {
    Message::new(13, [vector(1, context), owned_list(extensions)].concat())
}

/// A Certificate message: each entry is a certificate and its extensions.
pub fn certificate_with(context: &[u8], entries: &[Entry<'_>]) -> Message {
    let entries: Vec<u8> = entries
        .iter()
        .flat_map(|(certificate, extensions)| [vector(3, certificate), owned_list(extensions)].concat())
        .collect();
    Message::new(11, [vector(1, context), vector(3, &entries)].concat())
}

pub fn certificate(identity: &Identity) -> Message {
    certificate_with(&[], &[(&identity.certificate, &[])])
}

pub fn certificate_verify(identity: &Identity) -> Message {
    certificate_verify_with(identity, |_| ())
}

pub fn certificate_verify_with(identity: &Identity, change: impl FnOnce(&mut Signing)) -> Message {
    let mut signing = Signing {
        key: identity.key.clone(),
        with: identity.scheme,
        said: identity.scheme.into(),
        context: "TLS 1.3, server CertificateVerify",
        transcript: unchanged,
    };
    change(&mut signing);
    Message { content: Content::CertificateVerify(signing), change: unchanged }
}

pub fn finished() -> Message {
    Message { content: Content::Finished { by_client: false }, change: unchanged }
}

pub fn finished_by_client() -> Message {
    Message { content: Content::Finished { by_client: true }, change: unchanged }
}

pub fn ticket() -> Message {
    ticket_with(&[])
}

pub fn ticket_with(extensions: &[Extension<'_>]) -> Message {
    let ticket = [[0, 0, 0x1c, 0x20, 1, 2, 3, 4].to_vec(), vector(1, &[0]), vector(2, &[5; 64])].concat();
    Message::new(4, [ticket, owned_list(extensions)].concat())
}

pub fn key_update() -> Message {
    key_update_that(false)
}

pub fn key_update_that(asks: bool) -> Message {
    Message::new(24, [asks.into()])
}

/// A whole answer.
pub const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";
/// The body in it.
pub const BODY: &[u8] = b"hello";

// Scripts.

pub fn hello() -> Step {
    Step::Send(clear(HANDSHAKE, hello_with(|_| ())))
}

/// The messages of the server's flight after ServerHello, as they should be.
pub fn good_flight() -> [Message; 4] {
    flight_of(&WORLD.p256)
}

pub fn flight_of(identity: &Identity) -> [Message; 4] {
    [encrypted_extensions(&[]), certificate(identity), certificate_verify(identity), finished()]
}

/// A ServerHello, these messages one in a record, and the [rest](conversation).
pub fn flight(messages: impl IntoIterator<Item = Message>) -> Script {
    records(messages.into_iter().map(|message| sealed([message])))
}

/// A ServerHello, these records, and the [rest](conversation).
pub fn records(records: impl IntoIterator<Item = Record>) -> Script {
    let mut script = vec![hello()];
    script.extend(records.into_iter().map(Step::Send));
    script.extend(conversation([data(ANSWER), close_notify()]));
    script
}

/// What follows on the server's flight: the client's Finished, its request, and these records for an answer.
pub fn conversation(answer: impl IntoIterator<Item = Record>) -> Script {
    let mut script = vec![Step::ReadFinished, Step::ReadRequest];
    script.extend(answer.into_iter().map(Step::Send));
    script.push(Step::Close);
    script
}

/// A handshake as it should be, the request, and these records for an answer.
pub fn answering(answer: impl IntoIterator<Item = Record>) -> Script {
    [vec![hello(), Step::Send(sealed(good_flight()))], conversation(answer)].concat()
}

// Whose certificates these are.

/// A certificate and its key.
pub struct Identity {
    pub certificate: Vec<u8>,
    pub key: Arc<dyn SigningKey>,
    pub scheme: SignatureScheme,
}

/// A root, and servers below it, one with each kind of key.
pub struct World {
    pub root: CertifiedIssuer<'static, KeyPair>,
    pub p256: Identity,
    /// Another key for the same name.
    pub other: Identity,
    pub p384: Identity,
    pub ed25519: Identity,
    pub rsa: Identity,
}

pub static WORLD: LazyLock<World> = LazyLock::new(World::new);

impl World {
    fn new() -> Self {
        let mut params = CertificateParams::new([]).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.not_before = date_time_ymd(2024, 1, 1);
        let root = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a root");
        let identity = |key: KeyPair, scheme| Identity::new(&root, key, scheme);
        let make = |algorithm: &'static SignatureAlgorithm| KeyPair::generate_for(algorithm).expect("a key");
        let rsa = KeyPair::from_pkcs8_pem_and_sign_algo(include_str!("rsa.pem"), &rcgen::PKCS_RSA_SHA256);
        Self {
            p256: identity(make(&rcgen::PKCS_ECDSA_P256_SHA256), SignatureScheme::ECDSA_NISTP256_SHA256),
            other: identity(make(&rcgen::PKCS_ECDSA_P256_SHA256), SignatureScheme::ECDSA_NISTP256_SHA256),
            p384: identity(make(&rcgen::PKCS_ECDSA_P384_SHA384), SignatureScheme::ECDSA_NISTP384_SHA384),
            ed25519: identity(make(&rcgen::PKCS_ED25519), SignatureScheme::ED25519),
            rsa: identity(rsa.expect("a key"), SignatureScheme::RSA_PSS_SHA256),
            root,
        }
    }
}

impl Identity {
    fn new(root: &CertifiedIssuer<'static, KeyPair>, key: KeyPair, scheme: SignatureScheme) -> Self {
        let mut params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        params.not_before = date_time_ymd(2024, 1, 1);
        let certificate = params.signed_by(&key, root.deref()).expect("a certificate").der().to_vec();
        let der = PrivateKeyDer::try_from(key.serialize_der()).expect("PKCS#8");
        Self { certificate, key: any_supported_type(&der).expect("a key"), scheme }
    }
}

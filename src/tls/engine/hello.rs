//! ClientHello out; ServerHello and HelloRetryRequest in (RFC 8446 §4.1, §4.2).

use rustls_pki_types::{AlgorithmIdentifier, SignatureVerificationAlgorithm, alg_id};
use zeroize::Zeroize;

use super::{
    Buffers, Config, Environment, PskOffer, Session,
    group::{Group, MAX_SHARE_LEN},
    record::{HANDSHAKE, HEADER_LEN, Keys, MAX_INNER_LEN, OVERHEAD},
    schedule::{Hashing, Secret, derive, derived, extract, verify_data},
    state::{State, message},
    suite::CipherSuite,
    wire::{Reader, Writer, extensions, to_u24},
};
use crate::tls::TlsError;

/// Extension types (RFC 8446 §4.2, RFC 8449 §4).
pub(crate) mod extension {
    pub(crate) const SERVER_NAME: u16 = 0;
    pub(crate) const SUPPORTED_GROUPS: u16 = 10;
    pub(crate) const SIGNATURE_ALGORITHMS: u16 = 13;
    pub(crate) const ALPN: u16 = 16;
    pub(crate) const RECORD_SIZE_LIMIT: u16 = 28;
    pub(crate) const PRE_SHARED_KEY: u16 = 41;
    pub(crate) const SUPPORTED_VERSIONS: u16 = 43;
    pub(crate) const COOKIE: u16 = 44;
    pub(crate) const PSK_MODES: u16 = 45;
    pub(crate) const KEY_SHARE: u16 = 51;

    /// What a ClientHello of ours can have: one that comes back in a message it does not belong to is
    /// `illegal_parameter`, any other `unsupported_extension`.
    pub(crate) const OURS: [u16; 9] = [
        SERVER_NAME,
        SUPPORTED_GROUPS,
        SIGNATURE_ALGORITHMS,
        ALPN,
        RECORD_SIZE_LIMIT,
        PRE_SHARED_KEY,
        SUPPORTED_VERSIONS,
        PSK_MODES,
        KEY_SHARE,
    ];
}

/// The error for an extension of a response that has no place there.
pub(crate) fn misplaced(kind: u16) -> TlsError {
    if extension::OURS.contains(&kind) { TlsError::IllegalParameter } else { TlsError::UnsupportedExtension }
}

const TLS_1_2: u16 = 0x0303;
const TLS_1_3: u16 = 0x0304;
const PSK_DHE_KE: u8 = 1;

/// What stands in the random field of a HelloRetryRequest (RFC 8446 §4.1.3).
const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11,
    0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// The SignatureSchemes that a list of algorithms can verify, in the order we prefer (RFC 8446 §4.2.3). The three of
/// PKCS#1 are for certificates only.
fn schemes(algorithms: &[&dyn SignatureVerificationAlgorithm]) -> impl Iterator<Item = u16> {
    const ALL: [(u16, AlgorithmIdentifier, AlgorithmIdentifier); 9] = [
        (0x0403, alg_id::ECDSA_P256, alg_id::ECDSA_SHA256),
        (0x0503, alg_id::ECDSA_P384, alg_id::ECDSA_SHA384),
        (0x0807, alg_id::ED25519, alg_id::ED25519),
        (0x0804, alg_id::RSA_ENCRYPTION, alg_id::RSA_PSS_SHA256),
        (0x0805, alg_id::RSA_ENCRYPTION, alg_id::RSA_PSS_SHA384),
        (0x0806, alg_id::RSA_ENCRYPTION, alg_id::RSA_PSS_SHA512),
        (0x0401, alg_id::RSA_ENCRYPTION, alg_id::RSA_PKCS1_SHA256),
        (0x0501, alg_id::RSA_ENCRYPTION, alg_id::RSA_PKCS1_SHA384),
        (0x0601, alg_id::RSA_ENCRYPTION, alg_id::RSA_PKCS1_SHA512),
    ];
    ALL.into_iter().filter_map(|(scheme, key, signature)| {
        let verifies = |algorithm: &&dyn SignatureVerificationAlgorithm| {
            algorithm.public_key_alg_id().as_ref() == key.as_ref()
                && algorithm.signature_alg_id().as_ref() == signature.as_ref()
        };
        algorithms.iter().any(verifies).then_some(scheme)
    })
}

/// Our key share, and what a HelloRetryRequest wants back.
struct Share<'x> {
    group: &'x dyn Group,
    share: [u8; MAX_SHARE_LEN],
    cookie: &'x [u8],
}

impl Session {
    /// Makes a key pair in `group`.
    #[inline(never)]
    fn generate<'x>(
        &mut self,
        group: &'static dyn Group,
        cookie: &'x [u8],
        environment: &mut dyn Environment,
    ) -> Result<Share<'x>, TlsError> {
        let mut share = [0; MAX_SHARE_LEN];
        let place = share.get_mut(..group.share_len()).ok_or(TlsError::Engine)?;
        group.generate(&mut |bytes| environment.random(bytes), &mut self.private, place)?;
        self.group = Some(group);
        Ok(Share { group, share, cookie })
    }

    /// Sends the first ClientHello.
    #[inline(never)]
    pub(super) fn start(
        &mut self,
        buffers: &mut Buffers<'_>,
        config: &Config<'_>,
        environment: &mut dyn Environment,
    ) -> Result<(), TlsError> {
        environment.random(&mut self.random)?;
        if config.compatible {
            environment.random(&mut self.session_id)?;
        }
        self.compatible = config.compatible;
        let group = *config.crypto.groups.first().ok_or(TlsError::Engine)?;
        let share = self.generate(group, &[], environment)?;
        self.limit_tx = MAX_INNER_LEN;
        let rx_len = buffers.rx.len().saturating_add(config.rx_to_come);
        self.limit_rx = rx_len.saturating_sub(OVERHEAD).saturating_add(1).min(MAX_INNER_LEN);
        match self.write_hello(buffers.tx, config, &share) {
            Err(TlsError::TxTooSmall { .. }) if config.psk.is_some_and(|psk| psk.is_ticket()) => {
                self.without_ticket = true;
                self.write_hello(buffers.tx, config, &share)?;
            }
            written => written?,
        }
        self.state = State::ServerHello;
        Ok(())
    }

    /// Writes a ClientHello into its place in `tx`, and adds its record.
    #[inline(never)]
    fn write_hello(&mut self, tx: &mut [u8], config: &Config<'_>, share: &Share<'_>) -> Result<(), TlsError> {
        let at = self.outgoing.end().saturating_add(HEADER_LEN);
        let mut writer = Writer::new(self.outgoing.place(tx));
        writer.u8(message::CLIENT_HELLO);
        let (mut share_at, mut binders_at) = (0, None);
        writer.vector(3, |w| {
            w.u16(TLS_1_2);
            w.bytes(&self.random);
            w.vector(1, |w| w.bytes(self.session_id()));
            w.vector(2, |w| self.offered_suites(config).for_each(|suite| w.u16(suite.code())));
            w.bytes(&[1, 0]); // no compression
            w.vector(2, |w| (share_at, binders_at) = self.write_extensions(w, config, share));
        });
        let len = writer.len();
        let hello = writer.finish().map_err(|error| match error {
            TlsError::TxTooSmall { needed } => TlsError::TxTooSmall { needed: needed.saturating_add(at) },
            error => error,
        })?;
        if let (Some(binders_at), Some(psk)) = (binders_at, self.offered_psk(config)) {
            let hash = psk.hash();
            let (prefix, binders) = hello.split_at_mut_checked(binders_at).ok_or(TlsError::Engine)?;
            let mut transcript = self.transcript.clone().unwrap_or_else(|| Hashing::new(hash));
            transcript.update(prefix);
            let early = extract(hash, &Secret::zeros(hash.output_len()), psk.key());
            let key = derive(hash, &early, psk.binder_label(), Hashing::new(hash).finish().as_bytes());
            let binder = verify_data(hash, &key, &transcript.finish());
            // A list of one, behind two lengths.
            binders.get_mut(3..).ok_or(TlsError::Engine)?.copy_from_slice(binder.as_bytes());
        }
        match &mut self.transcript {
            Some(transcript) => transcript.update(hello),
            // Which hash it will be, the server decides: the message stays in `tx` until then.
            None => {
                self.hello = at..at.saturating_add(len);
                self.share_at = at.saturating_add(share_at);
            }
        }
        self.outgoing.append_written(tx, HANDSHAKE, len, None)
    }

    /// Gives where the key share stands, and the binders if there are any.
    #[inline(never)]
    fn write_extensions(&self, w: &mut Writer<'_>, config: &Config<'_>, share: &Share<'_>) -> (usize, Option<usize>) {
        if let Some(name) = config.server_name {
            w.extension(extension::SERVER_NAME, |w| {
                w.vector(2, |w| {
                    w.u8(0);
                    w.vector(2, |w| w.bytes(name.as_bytes()));
                });
            });
        }
        w.extension(extension::SUPPORTED_GROUPS, |w| {
            w.vector(2, |w| config.crypto.groups.iter().for_each(|group| w.u16(group.code())));
        });
        w.extension(extension::SIGNATURE_ALGORITHMS, |w| {
            w.vector(2, |w| schemes(config.signatures).for_each(|scheme| w.u16(scheme)));
        });
        if !config.alpn.is_empty() {
            w.extension(extension::ALPN, |w| {
                w.vector(2, |w| config.alpn.iter().for_each(|name| w.vector(1, |w| w.bytes(name))));
            });
        }
        w.extension(extension::RECORD_SIZE_LIMIT, |w| w.u16(u16::try_from(self.limit_rx).unwrap_or(u16::MAX)));
        w.extension(extension::SUPPORTED_VERSIONS, |w| w.vector(1, |w| w.u16(TLS_1_3)));
        if !share.cookie.is_empty() {
            w.extension(extension::COOKIE, |w| w.vector(2, |w| w.bytes(share.cookie)));
        }
        let psk = self.offered_psk(config);
        if psk.is_some() || config.wants_tickets {
            w.extension(extension::PSK_MODES, |w| w.bytes(&[1, PSK_DHE_KE]));
        }
        let mut share_at = 0;
        w.extension(extension::KEY_SHARE, |w| {
            w.vector(2, |w| {
                w.u16(share.group.code());
                w.vector(2, |w| {
                    share_at = w.len();
                    w.bytes(share.share.get(..share.group.share_len()).unwrap_or_default());
                });
            });
        });
        // The last one, always (RFC 8446 §4.2.11).
        let mut binders_at = None;
        if let Some(psk) = psk {
            w.extension(extension::PRE_SHARED_KEY, |w| {
                w.vector(2, |w| {
                    w.vector(2, |w| w.bytes(psk.identity()));
                    w.bytes(&psk.obfuscated_age().to_be_bytes());
                });
                binders_at = Some(w.len());
                w.vector(2, |w| w.vector(1, |w| w.bytes(Secret::zeros(psk.hash().output_len()).as_bytes())));
            });
        }
        (share_at, binders_at)
    }

    /// The key we offer: none of another hash than a HelloRetryRequest has settled on (RFC 8446 §4.1.4).
    fn offered_psk<'x>(&self, config: &Config<'x>) -> Option<PskOffer<'x>> {
        let psk = config.psk.filter(|psk| !(psk.is_ticket() && self.without_ticket))?;
        match self.suite {
            Some(suite) if suite.hash().output_len() != psk.hash().output_len() => None,
            _ => Some(psk),
        }
    }

    /// The suites we offer: with an external key, only those with its hash (RFC 8446 §4.2.11).
    fn offered_suites(&self, config: &Config<'_>) -> impl Iterator<Item = &'static dyn CipherSuite> {
        let hash_len = match config.psk {
            Some(PskOffer::External(_)) => Some(super::schedule::SHA256.output_len()),
            _ => None,
        };
        let fits = move |suite: &&dyn CipherSuite| hash_len.is_none_or(|len| suite.hash().output_len() == len);
        config.crypto.suites.iter().copied().filter(fits)
    }

    fn session_id(&self) -> &[u8] {
        if self.compatible { &self.session_id } else { &[] }
    }

    /// Reads a ServerHello or HelloRetryRequest (RFC 8446 §4.1.3, §4.1.4).
    #[inline(never)]
    pub(super) fn server_hello(
        &mut self,
        message: &[u8],
        tx: &mut [u8],
        config: &Config<'_>,
        environment: &mut dyn Environment,
    ) -> Result<(), TlsError> {
        let hello = ServerHello::read(message)?;
        hello.check_version()?;
        if hello.session_id != self.session_id() || hello.compression != 0 {
            return Err(TlsError::IllegalParameter);
        }
        if let Some(kind) = hello.misplaced {
            return Err(misplaced(kind));
        }
        let offered = self.offered_suites(config).find(|suite| suite.code() == hello.suite);
        let suite = offered.ok_or(TlsError::IllegalParameter)?;
        // The second hello keeps to the suite of the first.
        if self.suite.is_some_and(|chosen| chosen.code() != suite.code()) {
            return Err(TlsError::IllegalParameter);
        }
        match (hello.is_retry(), self.state) {
            (true, State::ServerHello) => self.retry(&hello, message, suite, tx, config, environment),
            (true, _) => Err(TlsError::UnexpectedMessage),
            (false, _) => self.accept(&hello, message, suite, tx, config),
        }
    }

    /// Sends the second ClientHello (RFC 8446 §4.1.2, §4.4.1).
    #[inline(never)]
    fn retry(
        &mut self,
        hello: &ServerHello<'_>,
        message: &[u8],
        suite: &'static dyn CipherSuite,
        tx: &mut [u8],
        config: &Config<'_>,
        environment: &mut dyn Environment,
    ) -> Result<(), TlsError> {
        if hello.psk.is_some() {
            return Err(TlsError::IllegalParameter);
        }
        let cookie = hello.cookie.unwrap_or_default();
        let current = self.group.ok_or(TlsError::Engine)?;
        let share = match hello.key_share {
            Some(KeyShare::Wanted(code)) => {
                let wanted = config.crypto.groups.iter().find(|group| group.code() == code);
                let group = *wanted.filter(|group| group.code() != current.code()).ok_or(TlsError::IllegalParameter)?;
                self.generate(group, cookie, environment)?
            }
            Some(KeyShare::Given(..)) => return Err(TlsError::Decode),
            // It has to ask for something (RFC 8446 §4.1.4).
            None if hello.cookie.is_none() => return Err(TlsError::IllegalParameter),
            None => {
                let mut share = [0; MAX_SHARE_LEN];
                let end = self.share_at.saturating_add(current.share_len());
                let ours = tx.get(self.share_at..end).ok_or(TlsError::Engine)?;
                share.get_mut(..ours.len()).ok_or(TlsError::Engine)?.copy_from_slice(ours);
                Share { group: current, share, cookie }
            }
        };
        let mut first = Hashing::new(suite.hash());
        first.update(tx.get(self.hello.clone()).ok_or(TlsError::Engine)?);
        let first = first.finish();
        let mut transcript = Hashing::new(suite.hash());
        let [a, b, c] = to_u24(first.as_bytes().len());
        transcript.update(&[message::MESSAGE_HASH, a, b, c]);
        transcript.update(first.as_bytes());
        transcript.update(message);
        self.transcript = Some(transcript);
        self.suite = Some(suite);
        self.change_cipher_spec(tx)?;
        self.ends_record = true;
        self.state = State::SecondServerHello;
        self.is_retried = true;
        self.write_hello(tx, config, &share)
    }

    /// Takes what the server chose, and makes the keys of the handshake (RFC 8446 §7.1).
    #[inline(never)]
    fn accept(
        &mut self,
        hello: &ServerHello<'_>,
        message: &[u8],
        suite: &'static dyn CipherSuite,
        tx: &mut [u8],
        config: &Config<'_>,
    ) -> Result<(), TlsError> {
        let hash = suite.hash();
        if hello.cookie.is_some() {
            return Err(TlsError::UnsupportedExtension);
        }
        let share = match hello.key_share {
            Some(KeyShare::Given(code, share)) if self.group.is_some_and(|group| group.code() == code) => share,
            Some(KeyShare::Given(..)) => return Err(TlsError::IllegalParameter),
            Some(KeyShare::Wanted(_)) => return Err(TlsError::Decode),
            None => return Err(TlsError::MissingExtension),
        };
        let early = match (hello.psk, self.offered_psk(config)) {
            (Some(0), Some(psk)) if psk.hash().output_len() == hash.output_len() => {
                (self.has_psk, self.is_resumed) = (true, psk.is_ticket());
                extract(hash, &Secret::zeros(hash.output_len()), psk.key())
            }
            (Some(_), Some(_)) => return Err(TlsError::IllegalParameter),
            (Some(_), None) => return Err(TlsError::UnsupportedExtension),
            // With an external key, nothing else proves the server.
            (None, Some(PskOffer::External(_))) => return Err(TlsError::PskRefused),
            (None, _) => {
                let zeros = Secret::zeros(hash.output_len());
                extract(hash, &zeros, zeros.as_bytes())
            }
        };
        let shared = self.group.and_then(|group| group.agree(&self.private, share));
        let shared = shared.ok_or(TlsError::IllegalParameter)?;
        self.private.zeroize();

        if self.transcript.is_none() {
            let mut transcript = Hashing::new(hash);
            transcript.update(tx.get(self.hello.clone()).ok_or(TlsError::Engine)?);
            self.transcript = Some(transcript);
        }
        let transcript = self.transcript.as_mut().ok_or(TlsError::Engine)?;
        transcript.update(message);
        let so_far = transcript.finish();

        let handshake = extract(hash, &derived(hash, &early), &*shared);
        self.client = derive(hash, &handshake, "c hs traffic", so_far.as_bytes());
        self.server = derive(hash, &handshake, "s hs traffic", so_far.as_bytes());
        self.main = extract(hash, &derived(hash, &handshake), Secret::zeros(hash.output_len()).as_bytes());
        self.read_with_new_keys(suite);
        self.write = Some(Keys::of(suite, &self.client));
        self.suite = Some(suite);
        self.state = State::EncryptedExtensions;
        Ok(())
    }
}

enum KeyShare<'m> {
    /// A ServerHello's: a share in a group.
    Given(u16, &'m [u8]),
    /// A HelloRetryRequest's: a group.
    Wanted(u16),
}

struct ServerHello<'m> {
    legacy_version: u16,
    random: [u8; 32],
    session_id: &'m [u8],
    suite: u16,
    compression: u8,
    version: Option<u16>,
    key_share: Option<KeyShare<'m>>,
    psk: Option<u16>,
    cookie: Option<&'m [u8]>,
    misplaced: Option<u16>,
}

impl<'m> ServerHello<'m> {
    /// Reads the whole message; judges nothing but its form.
    #[inline(never)]
    fn read(message: &'m [u8]) -> Result<Self, TlsError> {
        let mut body = Reader::new(message);
        body.take(4)?;
        let mut hello = Self {
            legacy_version: body.u16()?,
            random: body.array()?,
            session_id: body.vector8()?,
            suite: body.u16()?,
            compression: body.u8()?,
            version: None,
            key_share: None,
            psk: None,
            cookie: None,
            misplaced: None,
        };
        // Servers of TLS 1.2 may leave out the list.
        let list = if body.is_empty() { &[] } else { body.vector16()? };
        body.end()?;
        extensions(list, |kind, data| hello.extension(kind, data))?;
        Ok(hello)
    }

    fn extension(&mut self, kind: u16, data: &'m [u8]) -> Result<(), TlsError> {
        let mut data = Reader::new(data);
        match kind {
            extension::SUPPORTED_VERSIONS => self.version = Some(data.u16()?),
            extension::KEY_SHARE => {
                let group = data.u16()?;
                self.key_share = Some(match data.is_empty() {
                    true => KeyShare::Wanted(group),
                    false => KeyShare::Given(group, data.vector16()?),
                });
            }
            extension::PRE_SHARED_KEY => self.psk = Some(data.u16()?),
            extension::COOKIE => {
                let cookie = data.vector16()?;
                if cookie.is_empty() {
                    return Err(TlsError::Decode);
                }
                self.cookie = Some(cookie);
            }
            // A server of TLS 1.2 has others, and is refused for its version.
            kind => {
                self.misplaced = self.misplaced.or(Some(kind));
                return Ok(());
            }
        }
        data.end()
    }

    fn is_retry(&self) -> bool {
        self.random == RETRY
    }

    /// Refuses older versions, and whoever pretends that we cannot do better (RFC 8446 §4.1.3).
    fn check_version(&self) -> Result<(), TlsError> {
        match self.version {
            Some(TLS_1_3) if self.legacy_version == TLS_1_2 => Ok(()),
            Some(_) => Err(TlsError::IllegalParameter),
            None if matches!(self.random.last_chunk(), Some(b"DOWNGRD\x01" | b"DOWNGRD\x00")) => {
                Err(TlsError::IllegalParameter)
            }
            None => Err(TlsError::ProtocolVersion),
        }
    }
}

//! A TLS server that has the keys and says what an input tells it to: messages as they should be, changed, left out, in any
//! order and in any records. Cryptography that costs nothing makes room for more of them; the key schedule is the real one.

use std::{cell::RefCell, collections::HashMap};

use embedded_io_async::{ErrorKind, ErrorType, Read, Write};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use rustls_pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm};
use sha2::{Digest, Sha256};
use socketpool::tls::{
    TlsError,
    engine::{CipherSuite, Group, Hash, SHA256},
    verify::algorithms,
};
use zeroize::Zeroizing;

use crate::{Split, take, take_len, take_long, take_short};

type Secret = [u8; 32];

/// A suite that protects nothing, under the code of ChaCha20-Poly1305.
#[derive(Debug)]
pub struct Bare;

impl CipherSuite for Bare {
    fn code(&self) -> u16 {
        0x1303
    }
    fn name(&self) -> &'static str {
        "bare"
    }
    fn hash(&self) -> &dyn Hash {
        SHA256
    }
    fn key_len(&self) -> usize {
        32
    }
    fn limit(&self) -> u64 {
        40
    }
    fn seal(&self, _: &[u8], _: &[u8; 12], _: &[u8], _: &mut [u8]) -> Option<[u8; 16]> {
        Some([0; 16])
    }
    fn open(&self, _: &[u8], _: &[u8; 12], _: &[u8], _: &mut [u8], tag: &[u8; 16]) -> Option<()> {
        (*tag == [0; 16]).then_some(())
    }
}

impl Group for Bare {
    fn code(&self) -> u16 {
        0x001D
    }
    fn name(&self) -> &'static str {
        "bare"
    }
    fn share_len(&self) -> usize {
        32
    }
    fn generate(
        &self,
        random: &mut dyn FnMut(&mut [u8]) -> Result<(), TlsError>,
        private: &mut [u8; 32],
        share: &mut [u8],
    ) -> Result<(), TlsError> {
        random(private)?;
        share.copy_from_slice(private);
        Ok(())
    }
    fn agree(&self, private: &[u8; 32], share: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
        let share: &[u8; 32] = share.try_into().ok()?;
        Some(Zeroizing::new(std::array::from_fn(|at| private[at] ^ share[at])))
    }
}

/// ECDSA for certificates, each checked once; a hash in place of a signature over a handshake.
#[derive(Debug)]
pub struct Signature;

thread_local! {
    static CHECKED: RefCell<HashMap<Vec<u8>, bool>> = RefCell::default();
}

impl SignatureVerificationAlgorithm for Signature {
    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        algorithms::ECDSA_P256_SHA256.public_key_alg_id()
    }
    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        algorithms::ECDSA_P256_SHA256.signature_alg_id()
    }
    fn verify_signature(&self, key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        let holds = if message.starts_with(&[b' '; 64]) {
            signature == &Sha256::digest(message)[..]
        } else {
            let check = || algorithms::ECDSA_P256_SHA256.verify_signature(key, message, signature).is_ok();
            CHECKED.with_borrow_mut(|checked| *checked.entry([key, message, signature].concat()).or_insert_with(check))
        };
        if holds { Ok(()) } else { Err(InvalidSignature) }
    }
}

/// Who the server is.
pub const NAME: &str = "example.com";
pub const ROOT: &[u8] = include_bytes!("../../tests/pki/der/root.der");
const CHAIN: [&[u8]; 2] =
    [include_bytes!("../../tests/pki/der/good.der"), include_bytes!("../../tests/pki/der/int.der")];

fn expand<const N: usize>(secret: &Secret, label: &str, context: &[u8]) -> [u8; N] {
    let label = format!("tls13 {label}");
    let info = [&(N as u16).to_be_bytes()[..], &[label.len() as u8], label.as_bytes(), &[context.len() as u8], context]
        .concat();
    let mut out = [0; N];
    Hkdf::<Sha256>::from_prk(secret).unwrap().expand(&info, &mut out).unwrap();
    out
}

fn extract(salt: &Secret, input: &[u8]) -> Secret {
    Hkdf::<Sha256>::extract(Some(salt), input).0.into()
}

fn vector(width: usize, bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_be_bytes()[4 - width..], bytes].concat()
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind][..], &vector(3, body)].concat()
}

/// Key, IV and number of the next record.
struct Keys([u8; 32], [u8; 12], u64);

impl Keys {
    fn new(secret: &Secret) -> Self {
        Self(expand(secret, "key", &[]), expand(secret, "iv", &[]), 0)
    }
}

/// The server, as the stream below the client.
pub struct Server<'i> {
    script: &'i [u8],
    split: Split,
    suite: &'static dyn CipherSuite,
    group: &'static dyn Group,
    psk: Option<&'static [u8]>,
    /// The ClientHello, and what came behind it.
    pub hello: Vec<u8>,
    pub received: Vec<u8>,
    out: Vec<u8>,
    transcript: Sha256,
    secret: Secret,
    /// Of the handshake, then of the application.
    traffic: Secret,
    write: Option<Keys>,
    /// Bits: the ServerHello, the chain, its signature and Finished were said as they should be, in this order.
    pub proof: u8,
    pub said_finished: bool,
}

impl<'i> Server<'i> {
    pub fn new(
        script: &'i [u8],
        split: Split,
        suite: &'static dyn CipherSuite,
        group: &'static dyn Group,
        psk: Option<&'static [u8]>,
    ) -> Self {
        Self {
            script,
            split,
            suite,
            group,
            psk,
            hello: vec![],
            received: vec![],
            out: vec![],
            transcript: Sha256::new(),
            secret: extract(&[0; 32], psk.unwrap_or(&[0; 32])),
            traffic: [0; 32],
            write: None,
            proof: 0,
            said_finished: false,
        }
    }

    /// Whether a client may believe the server.
    pub fn is_proven(&self) -> bool {
        self.proof == if self.psk.is_some() { 0b1001 } else { 0b1111 }
    }

    fn hash(&self) -> Secret {
        self.transcript.clone().finalize().into()
    }

    fn next_secret(&mut self, input: &[u8]) {
        self.secret = extract(&expand(&self.secret, "derived", &Sha256::digest([])), input);
    }

    fn switch(&mut self, traffic: Secret) {
        self.traffic = traffic;
        self.write = Some(Keys::new(&traffic));
    }

    /// A ServerHello that answers what the client offered.
    fn server_hello(&mut self, more: &[u8]) -> (Vec<u8>, Option<[u8; 32]>) {
        let mut private = [0; 32];
        let mut share = vec![0; self.group.share_len()];
        let fixed = &mut |bytes: &mut [u8]| {
            bytes.fill(7);
            Ok(())
        };
        self.group.generate(fixed, &mut private, &mut share).expect("a key");
        let shared = self.share().and_then(|theirs| self.group.agree(&private, &theirs)).map(|shared| *shared);
        let entry = [&self.group.code().to_be_bytes()[..], &vector(2, &share)].concat();
        let psk: &[u8] = if self.psk.is_some() { &[0, 41, 0, 2, 0, 0] } else { &[] };
        let list = [&[0, 43, 0, 2, 3, 4, 0, 51][..], &vector(2, &entry), psk, more].concat();
        let id = self.hello.get(39..71).unwrap_or_default();
        let suite = self.suite.code().to_be_bytes();
        (message(2, &[&[3, 3][..], &[9; 32], &vector(1, id), &suite, &[0], &vector(2, &list)].concat()), shared)
    }

    /// The client's key share: behind its group's code and a length, somewhere.
    fn share(&self) -> Option<Vec<u8>> {
        let len = self.group.share_len();
        let head =
            [&[0, 51, 0, len as u8 + 6, 0, len as u8 + 4][..], &self.group.code().to_be_bytes(), &[0, len as u8]];
        let at = self.hello.windows(10).position(|window| window == head.concat())? + 10;
        Some(self.hello.get(at..at + len)?.to_vec())
    }

    fn record(&mut self, kind: u8, content: &[u8]) {
        let Some(keys) = &mut self.write else {
            return self.out.extend([&[kind, 3, 3][..], &vector(2, content)].concat());
        };
        let mut inner = [content, &[kind]].concat();
        let header = [&[23, 3, 3][..], &(inner.len() as u16 + 16).to_be_bytes()].concat();
        let mut nonce = keys.1;
        nonce.iter_mut().rev().zip(keys.2.to_le_bytes()).for_each(|(place, byte)| *place ^= byte);
        keys.2 += 1;
        let tag = self.suite.seal(&keys.0, &nonce, &header, &mut inner).expect("sealed");
        self.out.extend([&header[..], &inner, &tag].concat());
    }

    /// Plays a step of the script.
    fn step(&mut self) {
        let [step, change, at, len] = take(&mut self.script);
        // Records of this length; a change of one byte.
        let len = if len == 0 { 16_000 } else { usize::from(len) };
        let hash = self.hash();
        let mut body = match step % 16 {
            0 => self.server_hello(&[]).0,
            1 => {
                let more = take_short(&mut self.script).to_vec();
                self.server_hello(&more).0
            }
            2 => message(8, &[0, 0]),
            3 => message(8, &vector(2, take_short(&mut self.script))),
            4 => message(13, &[0, 0, 8, 0, 13, 0, 4, 0, 2, 4, 3]),
            5 => {
                let entries = CHAIN.map(|certificate| [&vector(3, certificate)[..], &[0, 0]].concat()).concat();
                message(11, &[&[0][..], &vector(3, &entries)].concat())
            }
            6 => {
                let content = [&[b' '; 64][..], b"TLS 1.3, server CertificateVerify\0", &hash].concat();
                message(15, &[&[4, 3][..], &vector(2, &Sha256::digest(content))].concat())
            }
            7 => {
                let key: Secret = expand(&self.traffic, "finished", &[]);
                let mac = <Hmac<Sha256> as Mac>::new_from_slice(&key).unwrap().chain_update(hash);
                message(20, &mac.finalize().into_bytes())
            }
            8 => message(
                4,
                &[&[0, 0, 14, 16, 1, 2, 3, 4][..], &vector(1, &[9, 9]), &vector(2, &[5; 100]), &[0, 0]].concat(),
            ),
            9 => message(24, &[0]),
            10 => {
                let [kind] = take(&mut self.script);
                message(kind, take_long(&mut self.script))
            }
            // Not handshake messages: records, and what is none.
            11 => {
                let [kind] = take(&mut self.script);
                let content = take_long(&mut self.script);
                return content.chunks(len).for_each(|part| self.record(kind, part));
            }
            12 => {
                let bytes = take_long(&mut self.script).to_vec();
                return self.out.extend(bytes);
            }
            13 => return self.out.extend([20, 3, 3, 0, 1, 1]),
            14 => return self.record(23, b"hello from the server"),
            _ => return self.record(21, &[1, 0]),
        };
        // A ServerHello may have any random number.
        let is_random = step % 16 < 2 && (6..38).contains(&at);
        let is_right = change == 0 || is_random || usize::from(at) >= body.len();
        if let Some(byte) = body.get_mut(usize::from(at)) {
            *byte ^= change;
        }
        self.transcript.update(&body);
        body.chunks(len).for_each(|part| self.record(22, part));
        // What is said behind Finished proves nothing.
        let proves = |kind: u8, before: u8| {
            is_right && !self.said_finished && step % 16 == kind && self.proof & before == before
        };
        match step % 16 {
            0 | 1 if self.write.is_none() => {
                let shared = self.server_hello(&[]).1;
                self.proof |= u8::from(is_right);
                self.next_secret(&shared.unwrap_or_default());
                self.switch(expand(&self.secret, "s hs traffic", &self.hash()));
            }
            5 => self.proof |= u8::from(proves(5, 0b1)) << 1,
            6 => self.proof |= u8::from(proves(6, 0b11)) << 2,
            7 if self.write.is_some() && !self.said_finished => {
                self.proof |= u8::from(proves(7, 0b1)) << 3;
                self.said_finished = true;
                self.next_secret(&[0; 32]);
                self.switch(expand(&self.secret, "s ap traffic", &self.hash()));
            }
            9 if self.said_finished => self.switch(expand(&self.traffic, "traffic upd", &[])),
            _ => {}
        }
    }
}

impl ErrorType for Server<'_> {
    type Error = ErrorKind;
}

impl Read for Server<'_> {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, ErrorKind> {
        while self.out.is_empty() && !self.script.is_empty() {
            self.step();
        }
        let mut rest = &self.out[..];
        let piece = take_len(&mut rest, out.len().min(self.split.piece()));
        out[..piece.len()].copy_from_slice(piece);
        let count = piece.len();
        self.out.drain(..count);
        Ok(count)
    }
}

impl Write for Server<'_> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        let count = bytes.len().min(self.split.piece());
        self.received.extend(&bytes[..count]);
        if self.hello.is_empty()
            && let [22, _, _, high, low, body @ ..] = &self.received[..]
            && body.len() == usize::from(u16::from_be_bytes([*high, *low]))
        {
            self.transcript.update(body);
            self.hello = body.to_vec();
            self.received.clear();
        }
        Ok(count)
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

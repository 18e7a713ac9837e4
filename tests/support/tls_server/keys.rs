//! The server's half of the key schedule and of record protection: TLS_AES_128_GCM_SHA256 (RFC 8446 §5.2, §7).

use aes_gcm::{AeadInPlace, Aes128Gcm, KeyInit, Tag};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

pub type Secret = [u8; 32];

fn expand<const N: usize>(secret: &Secret, label: &str, context: &[u8]) -> [u8; N] {
    let label = format!("tls13 {label}");
    let mut info = (N as u16).to_be_bytes().to_vec();
    info.push(label.len() as u8);
    info.extend(label.as_bytes());
    info.push(context.len() as u8);
    info.extend(context);
    let mut out = [0; N];
    Hkdf::<Sha256>::from_prk(secret).unwrap().expand(&info, &mut out).unwrap();
    out
}

fn extract(salt: &Secret, input: &[u8]) -> Secret {
    Hkdf::<Sha256>::extract(Some(salt), input).0.into()
}

/// The two secrets of one epoch.
pub struct Epoch {
    pub client: Secret,
    pub server: Secret,
}

/// From the shared secret to the keys of both epochs, with what was said so far.
pub struct Schedule {
    pub transcript: Sha256,
    secret: Secret,
}

impl Schedule {
    /// With a pre-shared key; without one, it is as many zeros as a hash has bytes.
    pub fn new(psk: &[u8]) -> Self {
        Self { transcript: Sha256::new(), secret: extract(&[0; 32], psk) }
    }

    pub fn hash(&self) -> [u8; 32] {
        self.transcript.clone().finalize().into()
    }

    fn next(&mut self, input: &[u8]) {
        let derived = expand(&self.secret, "derived", &Sha256::digest([]));
        self.secret = extract(&derived, input);
    }

    /// After the ServerHello.
    pub fn handshake(&mut self, shared: &[u8]) -> Epoch {
        self.next(shared);
        let hash = self.hash();
        Epoch {
            client: expand(&self.secret, "c hs traffic", &hash),
            server: expand(&self.secret, "s hs traffic", &hash),
        }
    }

    /// After the server's Finished.
    pub fn application(&mut self) -> Epoch {
        self.next(&[0; 32]);
        let hash = self.hash();
        Epoch {
            client: expand(&self.secret, "c ap traffic", &hash),
            server: expand(&self.secret, "s ap traffic", &hash),
        }
    }
}

/// What a Finished message says, by the one whose handshake secret this is.
pub fn finished(secret: &Secret, hash: &[u8; 32]) -> [u8; 32] {
    let key: Secret = expand(secret, "finished", &[]);
    <Hmac<Sha256> as Mac>::new_from_slice(&key).unwrap().chain_update(hash).finalize().into_bytes().into()
}

/// What an external pre-shared key makes of a ClientHello without its binders (RFC 8446 §4.2.11.2).
#[allow(dead_code, reason = "each user has its own part")]
pub fn binder(psk: &[u8], hello: &[u8]) -> Secret {
    let key = expand(&extract(&[0; 32], psk), "ext binder", &Sha256::digest([]));
    finished(&key, &Sha256::digest(hello).into())
}

/// Protects, or opens, the records of one direction in one epoch.
pub struct Direction {
    secret: Secret,
    cipher: Aes128Gcm,
    iv: [u8; 12],
    pub number: u64,
}

impl Direction {
    pub fn new(secret: &Secret) -> Self {
        let key: [u8; 16] = expand(secret, "key", &[]);
        Self { secret: *secret, cipher: Aes128Gcm::new(&key.into()), iv: expand(secret, "iv", &[]), number: 0 }
    }

    /// The next keys (RFC 8446 §7.2).
    #[allow(dead_code, reason = "each user has its own part")]
    pub fn update(&mut self) {
        *self = Self::new(&expand(&self.secret, "traffic upd", &[]));
    }

    fn nonce(&mut self) -> [u8; 12] {
        let mut nonce = self.iv;
        for (byte, number) in nonce[4..].iter_mut().zip(self.number.to_be_bytes()) {
            *byte ^= number;
        }
        self.number += 1;
        nonce
    }

    /// A whole record of this inner plaintext.
    pub fn seal(&mut self, inner: &[u8]) -> Vec<u8> {
        let length = (inner.len() + 16) as u16;
        let mut record = vec![23, 3, 3, (length >> 8) as u8, length as u8];
        let (nonce, mut inner) = (self.nonce(), inner.to_vec());
        let tag = self.cipher.encrypt_in_place_detached(&nonce.into(), &record, &mut inner).expect("short enough");
        record.extend(inner);
        record.extend(tag);
        record
    }

    /// The content of a whole record, and its type.
    pub fn open(&mut self, record: &[u8]) -> Option<(u8, Vec<u8>)> {
        let (header, sealed) = record.split_at_checked(5)?;
        let (sealed, tag) = sealed.split_last_chunk::<16>()?;
        let (nonce, mut inner) = (self.nonce(), sealed.to_vec());
        self.cipher.decrypt_in_place_detached(&nonce.into(), header, &mut inner, Tag::from_slice(tag)).ok()?;
        while inner.last() == Some(&0) {
            inner.pop();
        }
        Some((inner.pop()?, inner))
    }
}

//! Cipher suites (RFC 8446 §B.4): an AEAD and a hash.

use core::{fmt, marker::PhantomData};

use aes_gcm::aead::{
    AeadInPlace, KeyInit,
    consts::{U12, U16},
    generic_array::GenericArray,
};

use super::schedule::{Hash, SHA256, SHA384};

/// The length of every tag (RFC 5116 §5): what a record is longer for being protected.
pub const TAG_LEN: usize = 16;
/// The longest key, in bytes.
pub(crate) const MAX_KEY_LEN: usize = 32;

/// A cipher suite of TLS 1.3: how records are protected, and which hash the handshake uses.
///
/// A chip with an engine of its own fills this trait, and names the object in [`Crypto`](super::Crypto).
pub trait CipherSuite: Sync {
    /// The code point (RFC 8446 §B.4).
    fn code(&self) -> u16;
    /// The name that IANA registers.
    fn name(&self) -> &'static str;
    /// The hash of transcript and key schedule.
    fn hash(&self) -> &dyn Hash;
    /// The length of a key: 16 or 32 bytes.
    fn key_len(&self) -> usize;
    /// How many records one key may protect (RFC 8446 §5.5).
    fn limit(&self) -> u64;
    /// Encrypts `content` in place; gives the tag. `None` ends the connection.
    fn seal(&self, key: &[u8], nonce: &[u8; 12], header: &[u8], content: &mut [u8]) -> Option<[u8; TAG_LEN]>;
    /// Decrypts `content` in place if its tag is right; else gives `None`.
    fn open(&self, key: &[u8], nonce: &[u8; 12], header: &[u8], content: &mut [u8], tag: &[u8; TAG_LEN]) -> Option<()>;
}

/// ChaCha20-Poly1305 with SHA-256 (RFC 8439): the fastest without AES hardware, and the smallest.
pub const CHACHA20_POLY1305_SHA256: &dyn CipherSuite = &Software::<chacha20poly1305::ChaCha20Poly1305> {
    code: 0x1303,
    name: "TLS_CHACHA20_POLY1305_SHA256",
    hash: SHA256,
    key_len: 32,
    limit: u64::MAX,
    aead: PhantomData,
};

/// AES-128-GCM with SHA-256: what every server of TLS 1.3 must have (RFC 8446 §9.1).
pub const AES_128_GCM_SHA256: &dyn CipherSuite = &Software::<aes_gcm::Aes128Gcm> {
    code: 0x1301,
    name: "TLS_AES_128_GCM_SHA256",
    hash: SHA256,
    key_len: 16,
    limit: AES_GCM_LIMIT,
    aead: PhantomData,
};

/// AES-256-GCM with SHA-384, for servers that take nothing else.
pub const AES_256_GCM_SHA384: &dyn CipherSuite = &Software::<aes_gcm::Aes256Gcm> {
    code: 0x1302,
    name: "TLS_AES_256_GCM_SHA384",
    hash: SHA384,
    key_len: 32,
    limit: AES_GCM_LIMIT,
    aead: PhantomData,
};

/// 2^24.5 full records (RFC 8446 §5.5), with a margin.
const AES_GCM_LIMIT: u64 = 1 << 24;

/// A suite whose AEAD is a crate of RustCrypto. The key schedule of the cipher is made anew for each record, so that a
/// session keeps keys only.
struct Software<A> {
    code: u16,
    name: &'static str,
    hash: &'static dyn Hash,
    key_len: usize,
    limit: u64,
    aead: PhantomData<fn() -> A>,
}

impl<A: AeadInPlace<NonceSize = U12, TagSize = U16> + KeyInit> CipherSuite for Software<A> {
    fn code(&self) -> u16 {
        self.code
    }

    fn name(&self) -> &'static str {
        self.name
    }

    fn hash(&self) -> &dyn Hash {
        self.hash
    }

    fn key_len(&self) -> usize {
        self.key_len
    }

    fn limit(&self) -> u64 {
        self.limit
    }

    fn seal(&self, key: &[u8], nonce: &[u8; 12], header: &[u8], content: &mut [u8]) -> Option<[u8; TAG_LEN]> {
        let aead = A::new_from_slice(key).ok()?;
        let tag = aead.encrypt_in_place_detached(GenericArray::from_slice(nonce), header, content).ok()?;
        Some(tag.into())
    }

    fn open(&self, key: &[u8], nonce: &[u8; 12], header: &[u8], content: &mut [u8], tag: &[u8; TAG_LEN]) -> Option<()> {
        let aead = A::new_from_slice(key).ok()?;
        let (nonce, tag) = (GenericArray::from_slice(nonce), GenericArray::from_slice(tag));
        aead.decrypt_in_place_detached(nonce, header, content, tag).ok()
    }
}

impl fmt::Debug for dyn CipherSuite + '_ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

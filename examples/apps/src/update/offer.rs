//! What an author says of an image, and signs.

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

use super::Refusal;

/// Bytes of an offer: what is signed, and the signature.
pub const HEAD: usize = SIGNED + 64;

/// `MAGIC`, version and length (32 bits each, big-endian), SHA-256.
const SIGNED: usize = 8 + 4 + 4 + 32;

/// What a signature is for, so that one for something else is not one for this.
const MAGIC: &[u8; 8] = b"update 1";

/// An image, as its author describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    /// Higher than that of every image before.
    pub version: u32,
    /// How many bytes the image has.
    pub len: u32,
    /// SHA-256 of the image.
    pub hash: [u8; 32],
}

impl Offer {
    /// The first bytes of an update, signed with this secret key. For the author's desk.
    #[must_use]
    pub fn signed(&self, secret: &[u8; 32]) -> [u8; HEAD] {
        let mut head = [0; HEAD];
        let (text, signature) = head.split_at_mut(SIGNED);
        text[..8].copy_from_slice(MAGIC);
        text[8..12].copy_from_slice(&self.version.to_be_bytes());
        text[12..16].copy_from_slice(&self.len.to_be_bytes());
        text[16..].copy_from_slice(&self.hash);
        signature.copy_from_slice(&SigningKey::from_bytes(secret).sign(text).to_bytes());
        head
    }

    /// The public key of this secret key.
    #[must_use]
    pub fn public_key(secret: &[u8; 32]) -> [u8; 32] {
        SigningKey::from_bytes(secret).verifying_key().to_bytes()
    }

    /// Reads the first bytes of an update.
    ///
    /// # Errors
    /// [`Refusal::NoOffer`] and [`Refusal::Signature`].
    pub fn verified(head: &[u8; HEAD], key: &[u8; 32]) -> Result<Self, Refusal> {
        let (text, signature) = head.split_last_chunk::<64>().ok_or(Refusal::NoOffer)?;
        let (magic, fields) = text.split_first_chunk().ok_or(Refusal::NoOffer)?;
        let (version, fields) = fields.split_first_chunk().ok_or(Refusal::NoOffer)?;
        let (len, hash) = fields.split_first_chunk().ok_or(Refusal::NoOffer)?;
        let hash = *hash.first_chunk().ok_or(Refusal::NoOffer)?;
        if magic != MAGIC {
            return Err(Refusal::NoOffer);
        }
        let key = VerifyingKey::from_bytes(key).map_err(|_| Refusal::Signature)?;
        key.verify_strict(text, &Signature::from_bytes(signature)).map_err(|_| Refusal::Signature)?;
        Ok(Self { version: u32::from_be_bytes(*version), len: u32::from_be_bytes(*len), hash })
    }

    /// How many bytes the file has.
    pub(super) const fn file_len(&self) -> u64 {
        HEAD as u64 + self.len as u64
    }
}

/// A key, from 64 hexadecimal digits.
#[must_use]
pub const fn key(text: &str) -> Option<[u8; 32]> {
    let (text, mut key, mut at) = (text.as_bytes(), [0; 32], 0);
    if text.len() != 64 {
        return None;
    }
    while at < 64 {
        let digit = match text[at] {
            digit @ b'0'..=b'9' => digit - b'0',
            digit @ b'a'..=b'f' => digit - b'a' + 10,
            digit @ b'A'..=b'F' => digit - b'A' + 10,
            _ => return None,
        };
        key[at / 2] = key[at / 2] << 4 | digit;
        at += 1;
    }
    Some(key)
}

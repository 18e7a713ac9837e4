//! Hashes, HMAC, HKDF and the key schedule (RFC 8446 §7.1, RFC 5869, RFC 2104), once for all hash functions.
//!
//! A [`Hash`] is no more than a compression function, its initial words and two lengths; padding, HMAC and HKDF are
//! written here, so that a chip's SHA engine needs one function to take the place of ours, and a second hash costs
//! little flash. All intermediate values are overwritten when they are dropped.

use core::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// The longest output of a [`Hash`], in bytes: SHA-384.
pub(crate) const MAX_HASH_LEN: usize = 48;
const MAX_BLOCK_LEN: usize = 128;

/// A hash function of the SHA-2 family (FIPS 180-4), as the key schedule uses it.
pub trait Hash: Sync {
    /// The length of its output: 32 or 48 bytes.
    fn output_len(&self) -> usize;
    /// The length of its blocks: 64 or 128 bytes.
    fn block_len(&self) -> usize;
    /// The initial hash value; words of 32 bits stand in the low halves.
    fn initial(&self) -> [u64; 8];
    /// Mixes whole blocks into `words`.
    fn compress(&self, words: &mut [u64; 8], blocks: &[u8]);
}

/// SHA-256 in software.
pub const SHA256: &dyn Hash = &Sha256;
/// SHA-384 in software.
pub const SHA384: &dyn Hash = &Sha384;

struct Sha256;
struct Sha384;

impl Hash for Sha256 {
    fn output_len(&self) -> usize {
        32
    }

    fn block_len(&self) -> usize {
        64
    }

    fn initial(&self) -> [u64; 8] {
        [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19]
    }

    fn compress(&self, words: &mut [u64; 8], blocks: &[u8]) {
        let mut state = words.map(|word| word as u32);
        for block in blocks.as_chunks::<64>().0 {
            sha2::compress256(&mut state, core::slice::from_ref(block.into()));
        }
        *words = state.map(u64::from);
        state.zeroize();
    }
}

impl Hash for Sha384 {
    fn output_len(&self) -> usize {
        48
    }

    fn block_len(&self) -> usize {
        128
    }

    fn initial(&self) -> [u64; 8] {
        [
            0xcbbb_9d5d_c105_9ed8,
            0x629a_292a_367c_d507,
            0x9159_015a_3070_dd17,
            0x152f_ecd8_f70e_5939,
            0x6733_2667_ffc0_0b31,
            0x8eb4_4a87_6858_1511,
            0xdb0c_2e0d_64f9_8fa7,
            0x47b5_481d_befa_4fa4,
        ]
    }

    fn compress(&self, words: &mut [u64; 8], blocks: &[u8]) {
        for block in blocks.as_chunks::<128>().0 {
            sha2::compress512(words, core::slice::from_ref(block.into()));
        }
    }
}

/// A secret, or a hash: up to 48 bytes, overwritten when dropped.
#[derive(Clone)]
pub(crate) struct Secret {
    bytes: [u8; MAX_HASH_LEN],
    len: u8,
}

impl Secret {
    pub(crate) const EMPTY: Self = Self { bytes: [0; MAX_HASH_LEN], len: 0 };

    /// So many zeros.
    pub(crate) fn zeros(len: usize) -> Self {
        Self { bytes: [0; MAX_HASH_LEN], len: u8::try_from(len.min(MAX_HASH_LEN)).unwrap_or(0) }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }

    fn as_mut_bytes(&mut self) -> &mut [u8] {
        self.bytes.get_mut(..usize::from(self.len)).unwrap_or_default()
    }

    /// Compares in constant time.
    pub(crate) fn is(&self, bytes: &[u8]) -> bool {
        self.as_bytes().ct_eq(bytes).into()
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        wipe(&mut self.bytes);
    }
}

/// Overwrites. One function for all: there are many places.
#[inline(never)]
pub(crate) fn wipe(bytes: &mut [u8]) {
    bytes.zeroize();
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// A hash under way: the transcript of a handshake, or half of an HMAC (about 210 bytes).
#[derive(Clone)]
pub(crate) struct Hashing<'h> {
    hash: &'h dyn Hash,
    words: [u64; 8],
    block: [u8; MAX_BLOCK_LEN],
    /// Bytes in the block, fewer than it can hold.
    held: u8,
    total: u64,
}

impl<'h> Hashing<'h> {
    pub(crate) fn new(hash: &'h dyn Hash) -> Self {
        Self { hash, words: hash.initial(), block: [0; MAX_BLOCK_LEN], held: 0, total: 0 }
    }

    #[cfg(test)]
    pub(crate) fn hash(&self) -> &'h dyn Hash {
        self.hash
    }

    pub(crate) fn update(&mut self, mut bytes: &[u8]) {
        self.total = self.total.wrapping_add(bytes.len() as u64);
        let block_len = self.hash.block_len().min(MAX_BLOCK_LEN);
        if self.held > 0 || bytes.len() < block_len {
            let room = self.block.get_mut(usize::from(self.held)..block_len).unwrap_or_default();
            let (now, later) = bytes.split_at(bytes.len().min(room.len()));
            let is_full = now.len() == room.len();
            for (place, byte) in room.iter_mut().zip(now) {
                *place = *byte;
            }
            if !is_full {
                self.held = self.held.saturating_add(u8::try_from(now.len()).unwrap_or(u8::MAX));
                return;
            }
            self.hash.compress(&mut self.words, self.block.get(..block_len).unwrap_or_default());
            self.held = 0;
            bytes = later;
        }
        let rest_len = bytes.len().checked_rem(block_len).unwrap_or(0);
        let (whole, rest) = bytes.split_at(bytes.len().saturating_sub(rest_len));
        self.hash.compress(&mut self.words, whole);
        for (place, byte) in self.block.iter_mut().zip(rest) {
            *place = *byte;
        }
        self.held = u8::try_from(rest_len).unwrap_or(0);
    }

    /// The hash of all that came until now.
    pub(crate) fn finish(&self) -> Secret {
        let mut last = self.clone();
        let block_len = self.hash.block_len().min(MAX_BLOCK_LEN);
        // The length in bits is a number of an eighth of a block; its high half is always zero here.
        let length_at = block_len.saturating_sub(8);
        let padding_at = block_len.saturating_sub(block_len >> 3);
        last.update(&[0x80]);
        while usize::from(last.held) != padding_at {
            last.update(&[0]);
        }
        if length_at > padding_at {
            last.update(&[0; 8]);
        }
        last.update(&self.total.wrapping_mul(8).to_be_bytes());
        let mut output = Secret::zeros(self.hash.output_len());
        let word_len = block_len >> 4;
        for (place, word) in output.as_mut_bytes().chunks_mut(word_len.max(1)).zip(&last.words) {
            let bytes = word.to_be_bytes();
            place.copy_from_slice(bytes.get(8usize.saturating_sub(place.len())..).unwrap_or_default());
        }
        output
    }
}

impl Drop for Hashing<'_> {
    #[inline(never)]
    fn drop(&mut self) {
        for word in &mut self.words {
            word.zeroize();
        }
        wipe(&mut self.block);
    }
}

impl fmt::Debug for Hashing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hashing")
    }
}

/// HMAC (RFC 2104) of all `parts`, one behind the other. Keys are secrets, and so never longer than a block.
pub(crate) fn hmac(hash: &dyn Hash, key: &[u8], parts: &[&[u8]]) -> Secret {
    let pad = |byte: u8| {
        let mut block = [byte; MAX_BLOCK_LEN];
        for (place, key) in block.iter_mut().zip(key) {
            *place ^= key;
        }
        let mut hashing = Hashing::new(hash);
        hashing.update(block.get(..hash.block_len()).unwrap_or_default());
        block.zeroize();
        hashing
    };
    let mut inner = pad(0x36);
    for part in parts {
        inner.update(part);
    }
    let inner = inner.finish();
    let mut outer = pad(0x5c);
    outer.update(inner.as_bytes());
    outer.finish()
}

/// HKDF-Extract (RFC 5869 §2.2).
pub(crate) fn extract(hash: &dyn Hash, salt: &Secret, input: &[u8]) -> Secret {
    hmac(hash, salt.as_bytes(), &[input])
}

/// HKDF-Expand-Label (RFC 8446 §7.1) for at most the output of one hash, which is all that TLS 1.3 ever needs.
pub(crate) fn expand_label(hash: &dyn Hash, secret: &Secret, label: &str, context: &[u8], out: &mut [u8]) {
    let [.., len_high, len_low] = out.len().to_be_bytes();
    // Labels and contexts are ours, and short.
    let label_len = u8::try_from(label.len().saturating_add(6)).unwrap_or(0);
    let context_len = u8::try_from(context.len()).unwrap_or(0);
    let parts: [&[u8]; 6] =
        [&[len_high, len_low, label_len], b"tls13 ", label.as_bytes(), &[context_len], context, &[1]];
    let block = hmac(hash, secret.as_bytes(), &parts);
    debug_assert!(out.len() <= block.as_bytes().len());
    for (place, byte) in out.iter_mut().zip(block.as_bytes()) {
        *place = *byte;
    }
}

/// A secret as long as the hash, from another: Derive-Secret (RFC 8446 §7.1) if `context` is a transcript hash.
pub(crate) fn derive(hash: &dyn Hash, secret: &Secret, label: &str, context: &[u8]) -> Secret {
    let mut out = Secret::zeros(hash.output_len());
    expand_label(hash, secret, label, context, out.as_mut_bytes());
    out
}

/// The step from one stage of the schedule to the next: what the next is salted with.
pub(crate) fn derived(hash: &dyn Hash, secret: &Secret) -> Secret {
    derive(hash, secret, "derived", Hashing::new(hash).finish().as_bytes())
}

/// The MAC of a Finished message, and of a binder (RFC 8446 §4.4.4, §4.2.11.2).
pub(crate) fn verify_data(hash: &dyn Hash, base: &Secret, transcript: &Secret) -> Secret {
    let key = derive(hash, base, "finished", &[]);
    hmac(hash, key.as_bytes(), &[transcript.as_bytes()])
}

//! The cipher suite: AES-128-GCM with SHA-256, and a look at every record after it was decrypted.
//!
//! The [guard](super::guard) sees records as they come off the wire, encrypted. This is its other half: what is inside
//! must be of a kind that may come at that moment, and handshake messages must be whole. The guard marks in the
//! record's header, which is the cipher's associated data, whether the handshake is over.

use aes_gcm::{
    Aes128Gcm,
    aead::{
        AeadCore, AeadInPlace, Error, KeyInit, KeySizeUser, Nonce, Tag,
        consts::{U0, U12, U16},
        generic_array::GenericArray,
    },
};
use embedded_tls::{Aes128GcmSha256, TlsCipherSuite};

use super::guard::AFTER_HANDSHAKE;

/// TLS_AES_128_GCM_SHA256 (RFC 8446 §B.4), checked.
pub(super) struct Suite;

impl TlsCipherSuite for Suite {
    const CODE_POINT: u16 = Aes128GcmSha256::CODE_POINT;
    type Cipher = CheckedAes128Gcm;
    type KeyLen = U16;
    type IvLen = U12;
    type Hash = <Aes128GcmSha256 as TlsCipherSuite>::Hash;
    type LabelBufferSize = <Aes128GcmSha256 as TlsCipherSuite>::LabelBufferSize;
}

/// AES-128-GCM whose decrypted records are judged before the engine sees them.
pub(super) struct CheckedAes128Gcm(Aes128Gcm);

impl KeySizeUser for CheckedAes128Gcm {
    type KeySize = U16;
}

impl KeyInit for CheckedAes128Gcm {
    fn new(key: &GenericArray<u8, U16>) -> Self {
        Self(Aes128Gcm::new(key))
    }
}

impl AeadCore for CheckedAes128Gcm {
    type NonceSize = U12;
    type TagSize = U16;
    type CiphertextOverhead = U0;
}

impl AeadInPlace for CheckedAes128Gcm {
    fn encrypt_in_place_detached(
        &self,
        nonce: &Nonce<Self>,
        header: &[u8],
        buffer: &mut [u8],
    ) -> Result<Tag<Self>, Error> {
        self.0.encrypt_in_place_detached(nonce, header, buffer)
    }

    fn decrypt_in_place_detached(
        &self,
        nonce: &Nonce<Self>,
        header: &[u8],
        buffer: &mut [u8],
        tag: &Tag<Self>,
    ) -> Result<(), Error> {
        let &[kind, major, mark, high, low] = header else { return Err(Error) };
        self.0.decrypt_in_place_detached(nonce, &[kind, major, 3, high, low], buffer, tag)?;
        if let Err(refusal) = judge(buffer, mark == AFTER_HANDSHAKE) {
            // The engine has no word for our reasons; it reports each of these content types in a way of its own.
            *buffer.last_mut().ok_or(Error)? = refusal as u8;
        }
        Ok(())
    }
}

/// Why the content of a record is refused: a content type that the engine refuses with an error of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Not allowed at this moment. (No content type has this number.)
    Unexpected = 255,
    /// Correct, but not supported: `change_cipher_spec` is never inside a record.
    Unsupported = 20,
}

/// Judges a decrypted record: its content, one byte of type, and zeros (RFC 8446 §5.2).
fn judge(plaintext: &[u8], after_handshake: bool) -> Result<(), Refusal> {
    const ALERT: u8 = 21;
    const HANDSHAKE: u8 = 22;
    const APPLICATION_DATA: u8 = 23;
    let end = plaintext.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let Some((kind, content)) = plaintext[..end].split_last() else { return Err(Refusal::Unexpected) };
    match *kind {
        _ if content.len() > 16_384 => Err(Refusal::Unexpected),
        HANDSHAKE => judge_messages(content, after_handshake),
        ALERT if content.len() == 2 => Ok(()),
        APPLICATION_DATA if after_handshake => Ok(()),
        _ => Err(Refusal::Unexpected),
    }
}

/// Judges the handshake messages of one record: whole, and of types that a server sends at that time.
fn judge_messages(mut content: &[u8], after_handshake: bool) -> Result<(), Refusal> {
    const NEW_SESSION_TICKET: u8 = 4;
    const ENCRYPTED_EXTENSIONS: u8 = 8;
    const CERTIFICATE: u8 = 11;
    const CERTIFICATE_REQUEST: u8 = 13;
    const CERTIFICATE_VERIFY: u8 = 15;
    const FINISHED: u8 = 20;
    const KEY_UPDATE: u8 = 24;
    if content.is_empty() {
        return Err(Refusal::Unexpected);
    }
    let mut finished = false;
    while let [kind, length @ ..] = content {
        let allowed = match *kind {
            KEY_UPDATE if after_handshake => return Err(Refusal::Unsupported),
            NEW_SESSION_TICKET => after_handshake,
            ENCRYPTED_EXTENSIONS | CERTIFICATE_REQUEST | CERTIFICATE | CERTIFICATE_VERIFY | FINISHED => {
                !after_handshake && !finished
            }
            _ => false,
        };
        if !allowed {
            // Perhaps the rest of a message that began in the record before.
            return Err(Refusal::Unexpected);
        }
        finished = *kind == FINISHED;
        let [a, b, c, rest @ ..] = length else { return Err(Refusal::Unsupported) };
        let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        let Some(next) = rest.get(length..) else { return Err(Refusal::Unsupported) };
        content = next;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_come_at_that_moment() {
        let finished = [20, 0, 0, 1, 7, 22];
        let ticket = [4, 0, 0, 2, 1, 2, 22, 0, 0];
        let cases: &[(&[u8], bool, Result<(), Refusal>)] = &[
            (&finished, false, Ok(())),
            (&[8, 0, 0, 0, 20, 0, 0, 0, 22], false, Ok(())),
            (&[20, 0, 0, 0, 8, 0, 0, 0, 22], false, Err(Refusal::Unexpected)),
            (&finished, true, Err(Refusal::Unexpected)),
            (&[13, 0, 0, 0, 22], true, Err(Refusal::Unexpected)),
            (&ticket, true, Ok(())),
            (&ticket, false, Err(Refusal::Unexpected)),
            (&[24, 0, 0, 1, 0, 22], true, Err(Refusal::Unsupported)),
            (&[11, 0, 9, 9, 1, 2, 22], false, Err(Refusal::Unsupported)),
            (&[11, 0, 22], false, Err(Refusal::Unsupported)),
            (&[22], false, Err(Refusal::Unexpected)),
            (b"data\x17\0\0", true, Ok(())),
            (b"\x17", true, Ok(())),
            (b"data\x17", false, Err(Refusal::Unexpected)),
            (&[1, 0, 21], true, Ok(())),
            (&[1, 21], true, Err(Refusal::Unexpected)),
            (&[0, 0, 0], true, Err(Refusal::Unexpected)),
            (&[1, 20], true, Err(Refusal::Unexpected)),
        ];
        for (plaintext, after, verdict) in cases {
            assert_eq!(judge(plaintext, *after), *verdict, "{plaintext:?} {after}");
        }
    }
}

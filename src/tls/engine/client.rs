//! Our flight: Certificate, CertificateVerify, Finished (RFC 8446 §4.4). Nothing of it is sent before the server's
//! Finished was verified.

use super::{
    Buffers, Config, Session,
    record::{CHANGE_CIPHER_SPEC, HANDSHAKE, Keys},
    schedule::{MAX_HASH_LEN, Secret, derive, verify_data},
    state::{State, message},
    wire::to_u24,
};
use crate::tls::{
    Identity, TlsError,
    identity::{MAX_SIGNATURE_LEN, certificates},
};

/// What a client signs before the hash: 64 spaces and a context (RFC 8446 §4.4.3).
const CONTEXT: &[u8; 34] = b"TLS 1.3, client CertificateVerify\0";

impl Session {
    /// Goes on with our flight, as far as `tx` has room. `true` if there was some.
    #[inline(never)]
    pub(super) fn our_flight(&mut self, buffers: &mut Buffers<'_>, config: &Config<'_>) -> Result<bool, TlsError> {
        if self.compatible && !self.changed_cipher_spec {
            self.change_cipher_spec(buffers.tx)?;
        }
        let identity = config.identity.filter(|_| self.may_sign);
        match self.state {
            State::OurCertificate => {
                let chain = identity.as_ref().map_or(&[][..], |identity| identity.chain);
                // A chain goes out in as many pieces as it takes.
                let room = self.room(buffers.tx);
                if room == 0 {
                    return Ok(false);
                }
                let piece = self.outgoing.place(buffers.tx).get_mut(..room).unwrap_or_default();
                let len = certificate_piece(chain, self.written, piece);
                if len == 0 {
                    self.state = if identity.is_some() { State::OurCertificateVerify } else { State::OurFinished };
                    return Ok(true);
                }
                self.written = self.written.saturating_add(len);
                self.transcript.as_mut().ok_or(TlsError::Engine)?.update(piece.get(..len).unwrap_or_default());
                self.append_written(buffers.tx, HANDSHAKE, len)?;
            }
            State::OurCertificateVerify => {
                let identity = identity.ok_or(TlsError::Engine)?;
                // Signed only when there is room for it.
                if self.room(buffers.tx) < MAX_SIGNATURE_LEN.saturating_add(8) {
                    return Ok(false);
                }
                let mut message = [0; MAX_SIGNATURE_LEN.saturating_add(8)];
                let len = self.sign(&identity, &mut message)?;
                self.send_message(buffers.tx, message.get(..len).unwrap_or_default())?;
                self.state = State::OurFinished;
                self.wants_rest = true;
            }
            State::OurFinished => {
                let suite = self.suite.ok_or(TlsError::Engine)?;
                let hash = suite.hash();
                if self.room(buffers.tx) < MAX_HASH_LEN.saturating_add(4) {
                    return Ok(false);
                }
                let mac = verify_data(hash, &self.client, &self.transcript()?);
                let mut message = [message::FINISHED; MAX_HASH_LEN.saturating_add(4)];
                let len = mac.as_bytes().len();
                put(&mut message, 1, &to_u24(len));
                put(&mut message, 4, mac.as_bytes());
                self.send_message(buffers.tx, message.get(..len.saturating_add(4)).unwrap_or_default())?;

                // What tickets are made of takes the place of the main secret.
                self.main = derive(hash, &self.main, "res master", self.transcript()?.as_bytes());
                self.client = core::mem::replace(&mut self.next_client, Secret::EMPTY);
                self.write = Some(Keys::of(suite, &self.client));
                self.transcript = None;
                self.state = State::Open;
            }
            _ => return Err(TlsError::Engine),
        }
        Ok(true)
    }

    /// Adds a record with (part of) a handshake message, and the message to the transcript.
    fn send_message(&mut self, tx: &mut [u8], message: &[u8]) -> Result<(), TlsError> {
        self.transcript.as_mut().ok_or(TlsError::Engine)?.update(message);
        self.append(tx, HANDSHAKE, message)
    }

    /// Says what middleboxes like to see before encrypted records (RFC 8446 §D.4).
    pub(super) fn change_cipher_spec(&mut self, tx: &mut [u8]) -> Result<(), TlsError> {
        if self.compatible && !self.changed_cipher_spec {
            self.outgoing.append(tx, CHANGE_CIPHER_SPEC, &[1], None)?;
            self.changed_cipher_spec = true;
        }
        Ok(())
    }

    /// Makes a CertificateVerify message.
    #[inline(never)]
    fn sign(&self, identity: &Identity<'_>, message: &mut [u8]) -> Result<usize, TlsError> {
        let hash = self.transcript()?;
        let mut content = [0x20; 64 + CONTEXT.len() + MAX_HASH_LEN];
        put(&mut content, 64, CONTEXT);
        let at = CONTEXT.len().saturating_add(64);
        put(&mut content, at, hash.as_bytes());
        let content = content.get(..at.saturating_add(hash.as_bytes().len())).unwrap_or_default();

        let mut signature = [0; MAX_SIGNATURE_LEN];
        let made = identity.signer.sign(content, &mut signature).map_err(|_| TlsError::SignFailed)?;
        let signature = signature.get(..made).filter(|signature| !signature.is_empty()).ok_or(TlsError::SignFailed)?;
        let [_, len_high, len_low] = to_u24(made);
        let [scheme_high, scheme_low] = identity.signer.scheme().code().to_be_bytes();
        put(message, 0, &[message::CERTIFICATE_VERIFY]);
        put(message, 1, &to_u24(made.saturating_add(4)));
        put(message, 4, &[scheme_high, scheme_low, len_high, len_low]);
        put(message, 8, signature);
        Ok(made.saturating_add(8))
    }
}

/// Writes what of a Certificate message comes behind its first `skip` bytes, as much as fits; gives how much that is.
fn certificate_piece(chain: &[u8], skip: usize, out: &mut [u8]) -> usize {
    // Its length, then the certificate, then no extensions.
    let entry_len = |certificate: &[u8]| certificate.len().saturating_add(5);
    let list_len = certificates(chain).map(entry_len).fold(0, usize::saturating_add);
    let [a, b, c] = to_u24(list_len.saturating_add(4));
    let [d, e, f] = to_u24(list_len);
    let mut piece = Piece { skip, out, len: 0 };
    piece.add(&[message::CERTIFICATE, a, b, c, 0, d, e, f]);
    for certificate in certificates(chain) {
        piece.add(&to_u24(certificate.len()));
        piece.add(certificate);
        piece.add(&[0, 0]);
    }
    piece.len
}

/// What of a message goes out now.
struct Piece<'o> {
    skip: usize,
    out: &'o mut [u8],
    len: usize,
}

impl Piece<'_> {
    fn add(&mut self, bytes: &[u8]) {
        let rest = bytes.get(self.skip.min(bytes.len())..).unwrap_or_default();
        self.skip = self.skip.saturating_sub(bytes.len());
        let room = self.out.get_mut(self.len..).unwrap_or_default();
        let len = room.len().min(rest.len());
        put(room, 0, rest.get(..len).unwrap_or_default());
        self.len = self.len.saturating_add(len);
    }
}

/// Copies `bytes` to a place that is there.
fn put(buffer: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(place) = buffer.get_mut(at..at.saturating_add(bytes.len())) {
        place.copy_from_slice(bytes);
    }
}

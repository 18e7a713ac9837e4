//! Tickets: what a server gives so that the next handshake is short (RFC 8446 §4.6.1).

use core::ops::Range;

use super::{
    schedule::{Hash, Secret, derive},
    wire::{Reader, extensions},
};
use crate::tls::TlsError;

/// A ticket that came. Its bytes are still in `rx`.
#[derive(Debug, Clone)]
pub(crate) struct Ticket {
    /// Seconds that the server says it is good for; seven days at most count (RFC 8446 §4.6.1).
    pub(crate) lifetime: u32,
    /// What its age is hidden with.
    pub(crate) age_add: u32,
    /// The pre-shared key that it stands for.
    pub(crate) key: Secret,
    /// Where in `rx` it is, until the session's next step.
    pub(crate) identity: Range<usize>,
}

impl Ticket {
    /// Reads a NewSessionTicket message that begins at `at` in `rx`. `main` is the resumption main secret.
    pub(super) fn read(message: &[u8], at: usize, hash: &dyn Hash, main: &Secret) -> Result<Self, TlsError> {
        let mut body = Reader::new(message);
        body.take(4)?;
        let lifetime = body.u32()?;
        let age_add = body.u32()?;
        let nonce = body.vector8()?;
        let ticket = body.vector16()?;
        let start = at.saturating_add(4 + 4 + 4 + 1 + 2).saturating_add(nonce.len());
        let list = body.vector16()?;
        body.end()?;
        if ticket.is_empty() {
            return Err(TlsError::Decode);
        }
        extensions(list, |kind, _| match kind {
            // What TLS 1.3 knows and has no place here; early_data and the unknown are ignored (RFC 8446 §4.2).
            0 | 1 | 5 | 10 | 13..=16 | 18..=21 | 28 | 41 | 43..=45 | 47..=51 => Err(TlsError::IllegalParameter),
            _ => Ok(()),
        })?;
        let key = derive(hash, main, "resumption", nonce);
        Ok(Self { lifetime, age_add, key, identity: start..start.saturating_add(ticket.len()) })
    }
}

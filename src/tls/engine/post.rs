//! After the handshake: tickets, KeyUpdate both ways, the end in each direction (RFC 8446 §4.6, §6.1).

use super::{
    Buffers, Session,
    record::{HANDSHAKE, Keys},
    schedule::derive,
    state::message,
    ticket::Ticket,
    wire::Reader,
};
use crate::tls::TlsError;

/// KeyUpdates taken without any data between them.
pub(crate) const MAX_KEY_UPDATES: u16 = 1024;

impl Session {
    /// Takes a message that came after the handshake.
    #[inline(never)]
    pub(super) fn post_handshake(&mut self, message: &[u8], at: usize) -> Result<Option<Ticket>, TlsError> {
        let suite = self.suite.ok_or(TlsError::Engine)?;
        if message.first() == Some(&message::KEY_UPDATE) {
            self.key_update(message)?;
            return Ok(None);
        }
        let ticket = Ticket::read(message, at, suite.hash(), &self.main)?;
        // A lifetime of zero is thrown away at once (RFC 8446 §4.6.1).
        Ok(Some(ticket).filter(|ticket| self.wants_tickets && ticket.lifetime > 0))
    }

    #[inline(never)]
    fn key_update(&mut self, message: &[u8]) -> Result<(), TlsError> {
        let mut body = Reader::new(message);
        body.take(4)?;
        let is_requested = match body.u8()? {
            0 => false,
            1 => true,
            _ => return Err(TlsError::IllegalParameter),
        };
        body.end()?;
        self.key_updates = self.key_updates.saturating_add(1);
        if self.key_updates > MAX_KEY_UPDATES {
            return Err(TlsError::UnexpectedMessage);
        }
        let suite = self.suite.ok_or(TlsError::Engine)?;
        self.server = derive(suite.hash(), &self.server, "traffic upd", &[]);
        self.read_with_new_keys(suite);
        // However many were asked for since we last sent one: one is enough.
        self.key_update_due |= is_requested;
        Ok(())
    }

    /// Sends under new keys from here on. The peer is not asked to do the same.
    #[inline(never)]
    pub(super) fn update_keys(&mut self, buffers: &mut Buffers<'_>) -> Result<(), TlsError> {
        let suite = self.suite.ok_or(TlsError::Engine)?;
        self.append(buffers.tx, HANDSHAKE, &[message::KEY_UPDATE, 0, 0, 1, 0])?;
        self.client = derive(suite.hash(), &self.client, "traffic upd", &[]);
        self.write = Some(Keys::of(suite, &self.client));
        Ok(())
    }
}

//! How a slot remembers under what its connection is found again.

use crate::traits::{Key, TlsId};

/// The longest host name a kept connection can be found under, in bytes. A longer name (they go up to 253) works, but
/// its connection is closed after the response.
pub const KEPT_HOST_LEN: usize = 128;

/// A key that a slot remembers.
#[derive(Debug)]
pub(crate) struct StoredKey {
    host: heapless::String<KEPT_HOST_LEN>,
    port: u16,
    session_id: u32,
    tls: Option<TlsId>,
}

impl StoredKey {
    pub(crate) fn new(key: Key<'_>) -> Option<Self> {
        let Key { host, port, session_id, tls } = key;
        Some(Self { host: host.try_into().ok()?, port, session_id, tls })
    }

    pub(crate) fn as_key(&self) -> Key<'_> {
        Key { host: &self.host, port: self.port, session_id: self.session_id, tls: self.tls }
    }
}

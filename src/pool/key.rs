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
    /// The key of nothing: no connection is kept under an empty name.
    pub(crate) const NONE: Self = Self { host: heapless::String::new(), port: 0, session_id: 0, tls: None };

    /// Remembers this key, where it is; not one whose host is too long.
    #[must_use]
    pub(crate) fn set(&mut self, key: Key<'_>) -> bool {
        self.host.clear();
        (self.port, self.session_id, self.tls) = (key.port, key.session_id, key.tls);
        self.host.push_str(key.host).is_ok()
    }

    pub(crate) fn is(&self, key: &Key<'_>) -> bool {
        self.host == key.host && (self.port, self.session_id) == (key.port, key.session_id) && self.tls == key.tls
    }
}

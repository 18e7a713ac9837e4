//! How far a connection of a script has come.

use core::net::SocketAddr;

/// Bytes that are shown of what a peer got.
pub(super) const SHOWN: usize = 64;

/// How far one connection to a peer has come.
#[derive(Debug, Clone, Default)]
pub(super) struct Act {
    /// The number of the peer.
    pub(super) peer: usize,
    pub(super) step: usize,
    /// What it got since it came to this step, and did not ask for (yet).
    pub(super) got: heapless::Vec<u8, SHOWN>,
    /// All the bytes of that.
    pub(super) got_len: usize,
    /// The connection was cut, as the peer's faults say: the rest cannot come.
    pub(super) cut: bool,
}

impl Act {
    pub(super) fn of(peer: usize) -> Self {
        Self { peer, ..Self::default() }
    }

    pub(super) fn reached(&mut self, step: usize) {
        *self = Self { peer: self.peer, step, ..Self::default() };
    }

    pub(super) fn got(&mut self, bytes: &[u8]) {
        let room = self.got.capacity() - self.got.len();
        let _ = self.got.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.got_len += bytes.len();
    }

    pub(super) fn cut(&mut self) {
        self.reached(self.step);
        self.cut = true;
    }
}

/// What went wrong outside of any connection, for the report: the last of each.
#[derive(Debug, Default)]
pub(super) struct Astray {
    pub(super) name: Option<heapless::String<SHOWN>>,
    pub(super) address: Option<SocketAddr>,
}

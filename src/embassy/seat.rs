//! Who listens where.

use core::{cell::Cell, task::Waker};

/// Where a listener sits: its port (0 if nobody sits there), and whom to wake when a socket is free again.
pub(super) struct Seat {
    pub(super) port: Cell<u16>,
    pub(super) waker: Cell<Option<Waker>>,
}

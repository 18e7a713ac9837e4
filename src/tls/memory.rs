//! The memory of one TLS session of a pool.

use zeroize::Zeroize;

use super::{
    driver::{Driver, Memory},
    engine::{Buffers, Session},
};
use crate::{lending::Loan, sync::RawMutex};

/// Bytes to receive records into: one of the longest that TLS 1.3 allows (RFC 8446 §5.2, §5.4).
const RX: usize = 16_406;
/// Bytes to make records in. One that fills it carries 46 bytes less than this.
const TX: usize = 1_536;

/// A session and its record buffers. Unused it is all zeros, so that a static of it takes no flash.
pub(crate) struct TlsMemory {
    session: Session,
    rx: [u8; RX],
    tx: [u8; TX],
}

impl TlsMemory {
    pub(crate) const fn new() -> Self {
        Self { session: Session::new(), rx: [0; RX], tx: [0; TX] }
    }
}

/// A session of a pool, over a connection of type `C`.
pub(crate) type TlsSession<'m, C, R> = Driver<C, Lent<'m, R>>;

/// Memory of a pool, in the hands of one connection.
pub(crate) struct Lent<'m, R: RawMutex>(Loan<'m, TlsMemory, R>);

impl<'m, R: RawMutex> Lent<'m, R> {
    pub(crate) const fn new(loan: Loan<'m, TlsMemory, R>) -> Self {
        Self(loan)
    }
}

impl<R: RawMutex> Memory for Lent<'_, R> {
    fn session(&self) -> &Session {
        &self.0.session
    }

    fn lend(&mut self) -> (&mut Session, Buffers<'_>) {
        let TlsMemory { session, rx, tx } = &mut *self.0;
        (session, Buffers { rx, tx })
    }
}

impl<R: RawMutex> Drop for Lent<'_, R> {
    /// What was said is not kept for the connection that has this memory next.
    fn drop(&mut self) {
        let TlsMemory { session, rx, tx } = &mut *self.0;
        *session = Session::new();
        rx.as_mut_slice().zeroize();
        tx.as_mut_slice().zeroize();
    }
}

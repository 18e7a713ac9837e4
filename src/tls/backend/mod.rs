//! The TLS engine, and what we put around it. Nothing of an engine's types leaks out of here.
//!
//! [`TlsStream`] is what the rest of the crate sees: a session that is opened once, and then reads and writes. Its
//! invariant: **not one byte of the application's passes unless the server proved who it is, exactly once and in
//! order**; and after the ServerHello nothing of ours leaves before that, neither a certificate nor `Finished`. Three things hold it up:
//!
//! - the [guard](guard) lets only those records reach the engine that may come at that moment;
//! - the [suite] looks into every record once it is decrypted;
//! - the [proof] counts what the server showed: a chain that we verified, then a signature that we verified. The
//!   session stays shut unless both were there once.
//!
//! Another engine would be another file, with the same [`TlsStream`] in front.

#[cfg(feature = "blocking")]
pub(crate) mod blocking;
mod engine;
mod guard;
mod proof;
mod suite;

use p256::elliptic_curve::zeroize::Zeroize;

pub(crate) use engine::TlsStream;

use crate::lending::Wipe;

/// Bytes to receive a record into: the longest that TLS 1.3 allows (RFC 8446 §5.2).
const RX: usize = 16_640;
/// Bytes to make a record in. A record carries 133 bytes less than this.
const TX: usize = 1_536;

/// The longest certificate of ours: its record has 5 bytes of header, 13 of message around it, and 17 of type and tag.
pub(crate) const MAX_CERTIFICATE_LEN: usize = TX - 35;
/// The longest signature of ours that the engine takes.
pub(crate) const MAX_SIGNATURE_LEN: usize = 104;

/// The memory of one TLS session.
pub(crate) struct TlsMemory {
    rx: [u8; RX],
    tx: [u8; TX],
    shared: guard::Shared,
}

impl Wipe for TlsMemory {
    /// What was said is not kept for whoever reads this memory next.
    fn wipe(&mut self) {
        self.rx.as_mut_slice().zeroize();
        self.tx.as_mut_slice().zeroize();
    }
}

impl TlsMemory {
    pub(crate) const fn new() -> Self {
        Self { rx: [0; RX], tx: [0; TX], shared: guard::Shared::new() }
    }
}

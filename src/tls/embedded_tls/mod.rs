//! The second engine: TLS 1.3 by the crate `embedded-tls`, with our guard and our proof around it.
//!
//! It is here so that the engines can be compared, and does less than [ours](super::engine), which the pool and
//! [`TlsStream`](super::TlsStream) have: no HelloRetryRequest, no X25519, no messages over several records, no KeyUpdate,
//! AES-128-GCM with SHA-256 and P-256 only; the protocol that the server chose is not told, no alert is sent, and of
//! an [`Identity`](super::Identity) the first certificate alone is shown, of 1,501 bytes at most. The
//! [algorithms](super::TlsContext::crypto) of a context play no part but for the signatures.
//!
//! The invariant is the same: **not one byte of the application's passes unless the server proved who it is, exactly once
//! and in order**; and after the ServerHello nothing of ours leaves before that: no certificate, no signature, no
//! Finished. Three things hold it up:
//!
//! - the guard lets only those records reach the engine that may come at that moment, and nothing of the engine's reach
//!   the wire between the ServerHello and the proof;
//! - the suite looks into every record once it is decrypted;
//! - the proof counts what the server showed: a chain that we verified, then a signature that we verified.
//!
//! Verifying a chain is one piece of work here: nothing else runs on that executor meanwhile.
//!
//! # Examples
//! ```no_run
//! # use socketpool::tls::{Random, TimeSource, TlsContext, TlsStreamError, embedded_tls::{Memory, TlsStream}};
//! # use embedded_io_async::{Read, Write};
//! # async fn example<IO: Read + Write, R: Random, T: TimeSource>(
//! #     tcp: IO, context: &TlsContext<'static, R, T>,
//! # ) -> Result<(), TlsStreamError> {
//! let mut memory = Memory::new(); // better in a static
//! let mut stream = TlsStream::new(tcp, &mut memory);
//! stream.connect(context, "example.com").await?;
//! stream.write(b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n").await?;
//! stream.flush().await?;
//! # Ok(())
//! # }
//! ```

mod engine;
mod guard;
mod proof;
mod suite;

use core::fmt;

use zeroize::Zeroize;

pub use self::engine::TlsStream;

/// Bytes to receive a record into: the longest that TLS 1.3 allows (RFC 8446 §5.2).
const RX: usize = 16_640;
/// Bytes to make a record in. A record carries 133 bytes less than this.
const TX: usize = 1_536;

/// The memory of one [`TlsStream`]. It is overwritten when the next stream takes it, and when it is dropped.
pub struct Memory {
    rx: [u8; RX],
    tx: [u8; TX],
    shared: guard::Shared,
}

impl Memory {
    /// Memory that nothing was said in.
    #[must_use]
    pub const fn new() -> Self {
        Self { rx: [0; RX], tx: [0; TX], shared: guard::Shared::new() }
    }

    fn wipe(&mut self) {
        self.rx.as_mut_slice().zeroize();
        self.tx.as_mut_slice().zeroize();
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.wipe();
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memory")
    }
}

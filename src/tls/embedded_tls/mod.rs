//! The TLS engine, and what we put around it. Nothing of an engine's types leaks out of here.
//!
//! [`TlsStream`] is what the rest of the crate sees: a session that is opened once, and then reads and writes. Its
//! invariant: **not one byte of the application's passes unless the server proved who it is, exactly once and in order**;
//! and after the ServerHello nothing of ours leaves before that: no certificate, no signature, no Finished. Three things
//! hold it up:
//!
//! - the [guard](guard) lets only those records reach the engine that may come at that moment, and nothing of the engine's
//!   reach the wire between the ServerHello and the proof;
//! - the [suite] looks into every record once it is decrypted;
//! - the [proof] counts what the server showed: a chain that we verified, then a signature that we verified. The
//!   session stays shut unless both were there once, and so does our identity.
//!
//! A session leaves nothing behind: [`TlsMemory`] is wiped when it is dropped, however it ended.
//!
//! Another engine would be another file, with the same [`TlsStream`] in front.

#[cfg(feature = "blocking")]
pub(crate) mod blocking;
mod engine;
mod guard;
mod proof;
mod suite;

pub(crate) use engine::TlsStream;
use p256::elliptic_curve::zeroize::Zeroize;

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

#[cfg(test)]
mod tests {
    use core::future::pending;

    use embedded_io_async::{ErrorKind as Io, ErrorType};

    use super::*;
    use crate::{
        error::ErrorKind,
        lending::Place,
        time::poll_once,
        tls::{Now, Psk, TlsContext, TlsError},
    };

    /// Takes all that is written, and has this to read.
    struct Wire(&'static [u8]);

    impl Wire {
        fn take(&mut self, out: &mut [u8]) -> usize {
            let (now, rest) = self.0.split_at(self.0.len().min(out.len()));
            out[..now.len()].copy_from_slice(now);
            self.0 = rest;
            now.len()
        }
    }

    impl ErrorType for Wire {
        type Error = Io;
    }

    impl embedded_io_async::Read for Wire {
        async fn read(&mut self, out: &mut [u8]) -> Result<usize, Io> {
            if self.0.is_empty() { pending().await } else { Ok(self.take(out)) }
        }
    }

    impl embedded_io_async::Write for Wire {
        async fn write(&mut self, bytes: &[u8]) -> Result<usize, Io> {
            Ok(bytes.len())
        }

        async fn flush(&mut self) -> Result<(), Io> {
            Ok(())
        }
    }

    impl crate::stack::Connection for Wire {
        async fn shutdown(&mut self) -> Result<(), Io> {
            Ok(())
        }
    }

    #[cfg(feature = "blocking")]
    mod in_turn {
        use super::{Io, Wire};

        impl embedded_io::Read for Wire {
            fn read(&mut self, out: &mut [u8]) -> Result<usize, Io> {
                if self.0.is_empty() { Err(Io::TimedOut) } else { Ok(self.take(out)) }
            }
        }

        impl embedded_io::Write for Wire {
            fn write(&mut self, bytes: &[u8]) -> Result<usize, Io> {
                Ok(bytes.len())
            }

            fn flush(&mut self) -> Result<(), Io> {
                Ok(())
            }
        }

        impl crate::blocking::stack::Connection for Wire {
            fn shutdown(&mut self) -> Result<(), Io> {
                Ok(())
            }
        }
    }

    /// A record that is no ServerHello.
    const WRONG: &[u8] = b"\x16\x03\x03\x00\x0aSECRETWORD";
    /// The same, and the connection stalls in it.
    const PART: &[u8] = b"\x16\x03\x03\x00\x0fSECRETWORD";

    /// However a session ends, what it had read and written is gone from the memory that is lent to the next.
    #[test]
    fn a_session_leaves_nothing_behind() {
        let psk = Psk::new(b"device", &[7; 32]).unwrap();
        let mut counter = 0_u8;
        let random = |bytes: &mut [u8]| {
            for byte in bytes {
                counter = counter.wrapping_add(1);
                *byte = counter;
            }
        };
        let context = TlsContext::new(random, || Now::Unknown).psk(psk);
        let place = Place::<_>::new(TlsMemory::new());
        let is_wiped = || {
            let memory = place.lend().expect("given back");
            assert!(memory.rx.iter().chain(&memory.tx).all(|byte| *byte == 0));
        };
        let refused = Err(ErrorKind::Tls(TlsError::UnexpectedMessage));
        for closes in [false, true] {
            for (words, outcome) in [(WRONG, Some(refused)), (PART, None)] {
                let mut session = TlsStream::new(Wire(words), place.lend().expect("free"));
                assert_eq!(poll_once(session.open(&context, "localhost")), outcome, "an error, or given up");
                if closes {
                    assert_eq!(poll_once(session.shutdown()), Some(Ok(())));
                }
                drop(session);
                is_wiped();
            }
        }
        #[cfg(feature = "blocking")]
        for closes in [false, true] {
            for (words, outcome) in [(WRONG, refused), (PART, Err(ErrorKind::Timeout))] {
                let mut session = blocking::TlsStream::new(Wire(words), place.lend().expect("free"));
                assert_eq!(session.open(&context, "localhost"), outcome);
                if closes {
                    assert_eq!(session.shutdown(), Ok(()));
                }
                drop(session);
                is_wiped();
            }
        }
    }
}

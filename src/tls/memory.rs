//! The memory of one TLS session of a pool.

use zeroize::Zeroize;

use super::{
    driver::{Driver, Memory},
    engine::{Buffers, Session},
};
use crate::{
    cell::{Loan, Place},
    sync::RawMutex,
};

/// Bytes that one of the longest records takes that TLS 1.3 allows (RFC 8446 §5.2, §5.4).
pub(crate) const MAX_RX: usize = 16_406;
/// Bytes to make records in. One that fills it carries 46 bytes less than this.
const TX: usize = 1_536;

/// A session and its record buffers; `B` is what records are received into. Unused it is all zeros, so that a static of it
/// takes no flash.
pub(crate) struct TlsMemory<B: ?Sized = [u8]> {
    session: Session,
    tx: [u8; TX],
    rx: B,
}

impl<const RX: usize> TlsMemory<[u8; RX]> {
    pub(crate) const fn new() -> Self {
        Self { session: Session::new(), tx: [0; TX], rx: [0; RX] }
    }
}

/// Bytes for the handshakes of sessions that have few to receive in, one after the other.
pub(crate) type Shared<R> = Place<[u8; MAX_RX], R>;

/// A session of a pool, over a connection of type `C`.
pub(crate) type TlsSession<'m, C, R> = Driver<C, Lent<'m, R>>;

/// Memory of a pool, in the hands of one connection.
pub(crate) struct Lent<'m, R: RawMutex> {
    own: Loan<'m, TlsMemory, R>,
    /// What the handshake receives in instead, if there is such.
    shared: Option<&'m Shared<R>>,
    /// As long as it does.
    large: Option<Loan<'m, [u8; MAX_RX], R>>,
}

impl<'m, R: RawMutex> Lent<'m, R> {
    pub(crate) const fn new(own: Loan<'m, TlsMemory, R>, shared: Option<&'m Shared<R>>) -> Self {
        Self { own, shared, large: None }
    }
}

impl<R: RawMutex> Memory for Lent<'_, R> {
    fn session(&self) -> &Session {
        &self.own.session
    }

    fn lend(&mut self) -> (&mut Session, Buffers<'_>) {
        let TlsMemory { session, tx, rx } = &mut *self.own;
        let rx = match &mut self.large {
            Some(large) => large.as_mut_slice(),
            None => rx,
        };
        (session, Buffers { rx, tx })
    }

    fn begin_handshake(&mut self) -> Option<usize> {
        let lasts = self.own.rx.len();
        if let (Some(shared), None) = (self.shared, &self.large) {
            self.large = Some(shared.lend()?);
        }
        Some(lasts)
    }

    fn end_handshake(&mut self) {
        if let Some(mut large) = self.large.take() {
            large.as_mut_slice().zeroize();
        }
    }
}

impl<R: RawMutex> Drop for Lent<'_, R> {
    /// What was said is not kept for the connection that has this memory next.
    fn drop(&mut self) {
        self.end_handshake();
        let TlsMemory { session, tx, rx } = &mut *self.own;
        *session = Session::new();
        rx.zeroize();
        tx.as_mut_slice().zeroize();
    }
}

#[cfg(test)]
mod tests {
    use core::{
        future::pending,
        pin::pin,
        task::{Context, Poll, Waker},
    };

    use embedded_io_async::{ErrorKind as Io, ErrorType, Read, Write};

    use super::*;
    use crate::tls::{Now, Psk, TlsContext, TlsError, TlsStreamError};

    /// Takes all that is written, and has this to read.
    struct Wire(&'static [u8]);

    impl ErrorType for Wire {
        type Error = Io;
    }

    impl Read for Wire {
        async fn read(&mut self, out: &mut [u8]) -> Result<usize, Io> {
            if self.0.is_empty() {
                return pending().await;
            }
            let (now, rest) = self.0.split_at(self.0.len().min(out.len()));
            out[..now.len()].copy_from_slice(now);
            self.0 = rest;
            Ok(now.len())
        }
    }

    impl Write for Wire {
        async fn write(&mut self, bytes: &[u8]) -> Result<usize, Io> {
            Ok(bytes.len())
        }

        async fn flush(&mut self) -> Result<(), Io> {
            Ok(())
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
        let place = Place::<_>::new(TlsMemory::<[u8; 512]>::new());
        let place: &Place<TlsMemory> = &place;
        let refused = Err(TlsStreamError::Tls(TlsError::UnexpectedMessage));
        let shared = Place::<_>::new([0; MAX_RX]);
        for (words, outcome, has_shared) in
            [(WRONG, Some(refused), false), (PART, None, false), (WRONG, Some(refused), true), (PART, None, true)]
        {
            let memory = Lent::new(place.lend().expect("free"), has_shared.then_some(&shared));
            let mut session = TlsSession::new(Wire(words), memory);
            {
                // Polled more often than it rests: an error, or given up.
                let mut work = pin!(session.connect(&context, "localhost", 0));
                let mut task = Context::from_waker(Waker::noop());
                let ended = (0..9).find_map(|_| match work.as_mut().poll(&mut task) {
                    Poll::Ready(ended) => Some(ended),
                    Poll::Pending => None,
                });
                assert_eq!(ended, outcome);
            }
            drop(session);
            let memory = place.lend().expect("given back");
            assert!(memory.rx.iter().chain(&memory.tx).all(|byte| *byte == 0));
            assert!(memory.session.is_new());
            let large = shared.lend().expect("given back");
            assert!(large.iter().all(|byte| *byte == 0));
        }
    }
}

//! The session, over the engine of the crate `embedded-tls`.

use core::fmt;

use embedded_io_async::{Error as _, ErrorKind as Io, ErrorType, Read, Write};
use embedded_tls::{FlushPolicy, TlsConfig, TlsConnection, TlsContext as EngineContext, TlsError as EngineError};

use super::{
    Memory,
    guard::{Guard, Shared, Stage, Step},
    proof::Provider,
    suite::{CLOSE_NOTIFY, Suite, Unpacked, unpack},
};
use crate::{
    error::took,
    time::poll_once,
    tls::{
        Random, TimeSource, TlsContext, TlsError, TlsStreamError,
        offer::{Offer, Peer},
        verify::CertificateError,
    },
};

/// TLS 1.3 over any stream `IO`, by the crate `embedded-tls`. What it does and does not: the page of the [module](super).
///
/// # Cancel safety
/// A dropped read loses nothing. A dropped write, flush or connect was the last: nothing more is sent.
pub struct TlsStream<'m, IO: Read + Write> {
    connection: Option<TlsConnection<'m, Guarded<'m, IO>, Suite>>,
    /// What guard and session tell each other.
    shared: &'m Shared,
    state: State,
    /// Every record of ours so far went out whole.
    writes: bool,
}

/// Whether bytes of the application's may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Not before the server proved who it is.
    Unproven,
    Open,
    /// The peer said `close_notify`.
    Ended,
    /// Something failed: never again.
    Broken,
}

/// What an operation of a session that is not open reports.
const NOT_CONNECTED: TlsStreamError = TlsStreamError::Io(Io::NotConnected);

impl<'m, IO: Read + Write> TlsStream<'m, IO> {
    /// A stream over `io` that has shaken no hands yet. What `memory` held is overwritten.
    pub fn new(io: IO, memory: &'m mut Memory) -> Self {
        memory.wipe();
        memory.shared = Shared::new();
        let shared = &memory.shared;
        let guarded = Guarded { connection: io, guard: Guard::new(shared), owes_flush: false };
        let mut connection = TlsConnection::new(guarded, &mut memory.rx, &mut memory.tx);
        connection.set_flush_policy(FlushPolicy::Strict);
        Self { connection: Some(connection), shared, state: State::Unproven, writes: false }
    }

    /// Performs the handshake: the server proves that it is `server_name`, a DNS name or an IP address, by the rules of
    /// `context`.
    ///
    /// # Errors
    /// [`TlsStreamError`]; every one is final. Nothing of the application's was sent.
    pub async fn connect<G: Random, T: TimeSource>(
        &mut self,
        context: &TlsContext<'_, G, T>,
        server_name: &str,
    ) -> Result<(), TlsStreamError> {
        let peer = Peer::parse(server_name)?;
        let shared = self.shared;
        let mut provider = Provider::new(context, &peer, shared)?;
        let connection = self.connection.as_mut().filter(|_| self.state == State::Unproven).ok_or(NOT_CONNECTED)?;
        self.state = State::Broken;
        let config = config(&peer, context.offer());
        let outcome = connection.open(EngineContext::new(&config, &mut provider)).await;
        outcome.map_err(|error| provider.failure().map_or_else(|| explain(error, shared), TlsStreamError::Tls))?;
        provider.finish()?;
        shared.stage.set(Stage::Data);
        (self.state, self.writes) = (State::Open, true);
        Ok(())
    }

    /// Notes how writing ended.
    fn wrote<T>(&mut self, outcome: Result<T, EngineError>) -> Result<T, TlsStreamError> {
        self.writes = outcome.is_ok();
        outcome.map_err(|error| self.failed_to_write(error))
    }

    /// Why writing failed. If the connection is gone, the alert that says why may have arrived before: it is the better
    /// reason. A response that arrived instead is left for the next read.
    fn failed_to_write(&mut self, error: EngineError) -> TlsStreamError {
        let failure = explain(error, self.shared);
        let Some(connection) = self.connection.as_mut() else { return failure };
        if let TlsStreamError::Io(_) = failure {
            self.shared.records.set(0);
            while let Some(Ok(mut record)) = poll_once(connection.read_buffered()) {
                match unpack(record.peek_all()) {
                    Unpacked::Nothing => _ = record.pop_all(),
                    Unpacked::Refused(refusal) if refusal != CLOSE_NOTIFY => {
                        self.state = State::Broken;
                        return refusal.into();
                    }
                    _ => break,
                }
            }
        }
        failure
    }

    fn open_to_write(&mut self) -> Result<&mut TlsConnection<'m, Guarded<'m, IO>, Suite>, TlsStreamError> {
        if self.state != State::Open || !core::mem::take(&mut self.writes) {
            return Err(NOT_CONNECTED);
        }
        self.connection.as_mut().ok_or(NOT_CONNECTED)
    }

    /// Says `close_notify`, if the stream below takes it at once, and gives that back; `None` if nothing could be said.
    ///
    /// # Errors
    /// What the stream below reports.
    pub fn close(mut self) -> Result<Option<IO>, TlsStreamError> {
        let may_say_so = self.writes && matches!(self.state, State::Open | State::Ended);
        let Some(connection) = self.connection.take().filter(|_| may_say_so) else { return Ok(None) };
        self.shared.closing.set(true);
        match poll_once(connection.close()) {
            Some(Ok(guarded)) => Ok(Some(guarded.connection)),
            Some(Err((_, error))) => Err(explain(error, self.shared)),
            None => Err(TlsStreamError::Io(Io::TimedOut)),
        }
    }
}

impl<IO: Read + Write> ErrorType for TlsStream<'_, IO> {
    type Error = TlsStreamError;
}

impl<IO: Read + Write> Read for TlsStream<'_, IO> {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, TlsStreamError> {
        match self.state {
            State::Open if !out.is_empty() => {}
            State::Open | State::Ended => return Ok(0),
            State::Unproven | State::Broken => return Err(NOT_CONNECTED),
        }
        let connection = self.connection.as_mut().ok_or(NOT_CONNECTED)?;
        self.shared.records.set(0);
        let failure = loop {
            match connection.read_buffered().await {
                Ok(mut record) => match unpack(record.peek_all()) {
                    Unpacked::Data(data) => {
                        let len = data.len().min(out.len());
                        return Ok(record.pop_into(out.get_mut(..len).unwrap_or_default()));
                    }
                    Unpacked::Nothing => _ = record.pop_all(),
                    Unpacked::Refused(CLOSE_NOTIFY) => {
                        self.state = State::Ended;
                        return Ok(0);
                    }
                    Unpacked::Refused(refusal) => break refusal.into(),
                },
                Err(error) => break explain(error, self.shared),
            }
        };
        self.state = State::Broken;
        Err(failure)
    }
}

impl<IO: Read + Write> Write for TlsStream<'_, IO> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, TlsStreamError> {
        let written = self.open_to_write()?.write(bytes).await;
        self.wrote(written)
    }

    async fn flush(&mut self) -> Result<(), TlsStreamError> {
        let flushed = self.open_to_write()?.flush().await;
        self.wrote(flushed)
    }
}

impl<IO: Read + Write> fmt::Debug for TlsStream<'_, IO> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsStream").field("state", &self.state).finish_non_exhaustive()
    }
}

/// What the engine offers: our suite, P-256, the signatures we can verify, and what the context adds.
fn config<'n>(peer: &Peer<'n>, offer: &Offer<'n>) -> TlsConfig<'n> {
    let mut config = TlsConfig::new().enable_rsa_signatures();
    if let Some(psk) = offer.psk {
        config = config.with_psk(psk.key, &[psk.identity]);
    }
    if let Some(alpn) = offer.alpn {
        config = config.with_alpn(alpn.0);
    }
    match peer.sni {
        Some(name) => config.with_server_name(name),
        None => config,
    }
}

/// The engine's error in our words; what the guard found comes first. That the peer has closed is never among them: that
/// is for [`unpack`] to say.
fn explain(error: EngineError, shared: &Shared) -> TlsStreamError {
    if let Some(refusal) = shared.refusal.take() {
        return refusal.into();
    }
    if shared.ended.get() {
        return TlsError::Truncated.into();
    }
    TlsStreamError::Tls(match error {
        EngineError::Io(kind) => return TlsStreamError::Io(kind),
        EngineError::CryptoError => TlsError::BadRecordMac,
        EngineError::InvalidSignature => TlsError::BadFinished,
        EngineError::InvalidSignatureScheme => TlsError::Certificate(CertificateError::UnsupportedAlgorithm),
        EngineError::InvalidKeyShare | EngineError::AbortHandshake(..) => TlsError::IllegalParameter,
        EngineError::DecodeError | EngineError::ParseError(_) => TlsError::Decode,
        _ => TlsError::Engine,
    })
}

/// The connection below the engine, with the guard on its reading side.
struct Guarded<'m, C> {
    connection: C,
    guard: Guard<'m>,
    /// The last flush was begun and not waited for.
    owes_flush: bool,
}

impl<C> ErrorType for Guarded<'_, C> {
    type Error = Io;
}

impl<C: Read + Write> Read for Guarded<'_, C> {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, Io> {
        loop {
            match self.guard.step(out)? {
                Step::Ready(len) => return Ok(len),
                Step::Read => {
                    if self.owes_flush {
                        self.connection.flush().await.map_err(|error| error.kind())?;
                        self.owes_flush = false;
                    }
                    let received = self.connection.read(self.guard.target(out)).await.map_err(|error| error.kind())?;
                    self.guard.received(received)?;
                }
            }
        }
    }
}

impl<C: Write> Write for Guarded<'_, C> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Io> {
        self.guard.may_write()?;
        took(bytes, self.connection.write(bytes).await.map_err(|error| error.kind())?)
    }

    /// The end of the handshake is not waited for: a stack that waits until the peer has acknowledged it would do so for as
    /// long as the peer puts that off, and the request with it. Whoever reads first, waits for it then.
    async fn flush(&mut self) -> Result<(), Io> {
        if self.guard.is_closing() {
            return Ok(());
        }
        self.owes_flush = self.guard.is_in_flight();
        let flushed = match self.owes_flush {
            true => poll_once(self.connection.flush()).unwrap_or(Ok(())),
            false => self.connection.flush().await,
        };
        flushed.map_err(|error| error.kind())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No failure of the engine passes for the end of a stream, which would make a whole body of part of one. That is said
    /// by [`unpack`] alone.
    #[test]
    fn no_failure_is_a_close() {
        for error in [
            EngineError::ConnectionClosed,
            EngineError::InternalError,
            EngineError::IoError,
            EngineError::MissingHandshake,
            EngineError::InvalidRecord,
            EngineError::Unimplemented,
            EngineError::InvalidHandshake,
            EngineError::InsufficientSpace,
        ] {
            assert_eq!(explain(error, &Shared::new()), TlsError::Engine.into(), "{error:?}");
        }
        let shared = Shared::new();
        shared.ended.set(true);
        assert_eq!(explain(EngineError::ConnectionClosed, &shared), TlsError::Truncated.into());
        shared.refusal.set(Some(TlsError::Decode));
        assert_eq!(explain(EngineError::InternalError, &shared), TlsError::Decode.into());
        assert_eq!(explain(EngineError::Io(Io::TimedOut), &shared), TlsError::Truncated.into());
        assert_eq!(explain(EngineError::Io(Io::TimedOut), &Shared::new()), TlsStreamError::Io(Io::TimedOut));
    }
}

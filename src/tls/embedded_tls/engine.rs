//! The session of the async face, over the engine of the crate `embedded-tls`. [`blocking`](super::blocking) is its twin.

use embedded_io_async::{Error as _, ErrorKind as Io, ErrorType, Read, Write};
use embedded_tls::{FlushPolicy, TlsConfig, TlsConnection, TlsContext as EngineContext, TlsError as EngineError};

use super::{
    TlsMemory,
    guard::{Guard, Shared, Stage, Step},
    proof::Provider,
    suite::{CLOSE_NOTIFY, Suite, Unpacked, unpack},
};
use crate::{
    error::ErrorKind,
    lending::{Loan, Tenant},
    stack::{Connection, took},
    sync::RawMutex,
    time::poll_once,
    tls::{
        Random, TimeSource, TlsContext, TlsError,
        context::{Offer, Peer},
        verify::CertificateError,
    },
};

/// A TLS session over a connection of type `C`, in memory lent for `'m`.
pub(crate) struct TlsStream<'m, C, R>
where
    C: Read + Write,
    R: RawMutex,
{
    engine: Tenant<'m, TlsMemory, Engine<'m, C>, R>,
    state: State,
    /// Every record of ours so far went out whole.
    writes: bool,
}

/// What of a session is lent memory: the engine holds the record buffers, and both share what the guard found.
struct Engine<'m, C: Read + Write> {
    connection: TlsConnection<'m, Guarded<'m, C>, Suite>,
    shared: &'m Shared,
}

/// Whether bytes of the application's may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Not before the server proved who it is.
    Unproven,
    Open,
    /// The peer said `close_notify`.
    Ended,
    /// Something failed: never again.
    Broken,
}

#[allow(unsafe_code)]
// SAFETY: all that keeps a session from being sent are the cells that its engine and its guard share. They lie in the
// memory lent to this very session, where nobody else has a reference to them, so they go where it goes. That the rest
// of it can be sent, with a connection that can, a test below holds us to.
unsafe impl<C: Read + Write + Send, R: RawMutex + Sync> Send for TlsStream<'_, C, R> {}

impl<'m, C: Connection + 'm, R: RawMutex> TlsStream<'m, C, R> {
    pub(crate) fn new(connection: C, memory: Loan<'m, TlsMemory, R>) -> Self {
        let move_in = |memory: &'m mut TlsMemory| {
            memory.shared = Shared::new();
            let shared = &memory.shared;
            let guarded = Guarded { connection, guard: Guard::new(shared), owes_flush: false };
            let mut connection = TlsConnection::new(guarded, &mut memory.rx, &mut memory.tx);
            connection.set_flush_policy(FlushPolicy::Strict);
            Engine { connection, shared }
        };
        #[allow(unsafe_code)]
        // SAFETY: the references go into the engine that is returned; in this file, which alone sees it, it is only
        // ever called, never moved out of its tenant.
        let engine = unsafe { Tenant::new(memory, move_in) };
        Self { engine, state: State::Unproven, writes: false }
    }

    /// Performs the handshake. The session is open only if `server_name` proved itself.
    pub(crate) async fn open<G: Random, T: TimeSource>(
        &mut self,
        context: &TlsContext<'_, G, T>,
        server_name: &str,
    ) -> Result<(), ErrorKind> {
        let peer = Peer::parse(server_name).map_err(ErrorKind::Tls)?;
        let Engine { connection, shared } = self.engine.get_mut().ok_or(ErrorKind::NotConnected)?;
        let mut provider = Provider::new(context, &peer, shared)?;
        self.state = State::Broken;
        let config = config(&peer, context.offer());
        let outcome = connection.open(EngineContext::new(&config, &mut provider)).await;
        outcome.map_err(|error| provider.failure().unwrap_or_else(|| explain(error, shared)))?;
        provider.finish()?;
        shared.stage.set(Stage::Data);
        (self.state, self.writes) = (State::Open, true);
        Ok(())
    }

    pub(crate) async fn read(&mut self, out: &mut [u8]) -> Result<usize, ErrorKind> {
        match self.state {
            State::Open if !out.is_empty() => {}
            State::Open | State::Ended => return Ok(0),
            State::Unproven | State::Broken => return Err(ErrorKind::NotConnected),
        }
        let Engine { connection, shared } = self.engine.get_mut().ok_or(ErrorKind::NotConnected)?;
        shared.records.set(0);
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
                    Unpacked::Refused(refusal) => break ErrorKind::Tls(refusal),
                },
                Err(error) => break explain(error, shared),
            }
        };
        if failure != ErrorKind::Timeout {
            self.state = State::Broken;
        }
        Err(failure)
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        let Engine { connection, .. } = self.engine.get_mut().ok_or(ErrorKind::NotConnected)?;
        if self.state != State::Open || !self.writes {
            return Err(ErrorKind::NotConnected);
        }
        self.writes = false;
        let written = connection.write(bytes).await;
        self.wrote(written)
    }

    pub(crate) async fn flush(&mut self) -> Result<(), ErrorKind> {
        let Engine { connection, .. } = self.engine.get_mut().ok_or(ErrorKind::NotConnected)?;
        if self.state != State::Open || !self.writes {
            return Err(ErrorKind::NotConnected);
        }
        self.writes = false;
        let flushed = connection.flush().await;
        self.wrote(flushed)
    }

    /// Notes how writing ended.
    fn wrote<T>(&mut self, outcome: Result<T, EngineError>) -> Result<T, ErrorKind> {
        self.writes = outcome.is_ok();
        outcome.map_err(|error| self.failed_to_write(error))
    }

    /// Why writing failed. If the connection is gone, the alert that says why may have arrived before: it is the better
    /// reason. A response that arrived instead is left for [`read`](Self::read).
    #[inline(never)]
    fn failed_to_write(&mut self, error: EngineError) -> ErrorKind {
        let Some(Engine { connection, shared }) = self.engine.get_mut() else { return ErrorKind::NotConnected };
        let failure = explain(error, shared);
        if let ErrorKind::Io(_) = failure {
            shared.records.set(0);
            while let Some(Ok(mut record)) = poll_once(connection.read_buffered()) {
                match unpack(record.peek_all()) {
                    Unpacked::Nothing => _ = record.pop_all(),
                    Unpacked::Refused(refusal) if refusal != CLOSE_NOTIFY => {
                        self.state = State::Broken;
                        return ErrorKind::Tls(refusal);
                    }
                    _ => break,
                }
            }
        }
        failure
    }

    /// Says `close_notify`, then ends the connection below.
    pub(crate) async fn shutdown(&mut self) -> Result<(), ErrorKind> {
        match self.say_close_notify()? {
            Some(mut connection) => connection.shutdown().await.map_err(ErrorKind::from),
            None => Ok(()),
        }
    }

    /// Writes `close_notify`, if the connection below takes it at once, and gives that back. The engine can only be
    /// closed by value, and a future that holds it is several kilobytes large: so this does not wait. What has to be
    /// waited for, that the bytes leave, is the connection's own [`shutdown`](Connection::shutdown).
    fn say_close_notify(&mut self) -> Result<Option<C>, ErrorKind> {
        let may_say_so = self.writes && matches!(self.state, State::Open | State::Ended);
        self.state = State::Broken;
        #[allow(unsafe_code)]
        // SAFETY: the engine is dropped before this method ends.
        let Some(Engine { connection, shared }) = (unsafe { self.engine.take() }) else { return Ok(None) };
        if !may_say_so {
            return Ok(None);
        }
        shared.closing.set(true);
        match poll_once(connection.close()) {
            Some(Ok(guarded)) => Ok(Some(guarded.connection)),
            Some(Err((_, error))) => Err(ErrorKind::from(error.kind())),
            None => Err(ErrorKind::Timeout),
        }
    }
}

/// What the engine offers: our suite, P-256, the signatures we can verify, and what the context adds.
pub(super) fn config<'n>(peer: &Peer<'n>, offer: &Offer<'n>) -> TlsConfig<'n> {
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
pub(super) fn explain(error: EngineError, shared: &Shared) -> ErrorKind {
    if let Some(refusal) = shared.refusal.take() {
        return ErrorKind::Tls(refusal);
    }
    if shared.ended.get() {
        return ErrorKind::Truncated;
    }
    ErrorKind::Tls(match error {
        EngineError::Io(kind) => return ErrorKind::from(kind),
        EngineError::CryptoError => TlsError::BadRecordMac,
        EngineError::InvalidSignature => TlsError::BadFinished,
        EngineError::InvalidSignatureScheme => TlsError::Certificate(CertificateError::UnsupportedAlgorithm),
        EngineError::InvalidKeyShare | EngineError::AbortHandshake(..) => TlsError::IllegalParameter,
        EngineError::DecodeError | EngineError::ParseError(_) => TlsError::Decode,
        _ => TlsError::Engine,
    })
}

/// The connection below the engine, with the guard on its reading side.
pub(super) struct Guarded<'m, C> {
    pub(super) connection: C,
    pub(super) guard: Guard<'m>,
    /// The last flush was begun and not waited for.
    pub(super) owes_flush: bool,
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

    /// A connection that can be sent, under an engine without a guard.
    struct Wire;

    impl ErrorType for Wire {
        type Error = Io;
    }

    impl Read for Wire {
        async fn read(&mut self, _: &mut [u8]) -> Result<usize, Io> {
            Ok(0)
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
            assert_eq!(explain(error, &Shared::new()), ErrorKind::Tls(TlsError::Engine), "{error:?}");
        }
        let shared = Shared::new();
        shared.ended.set(true);
        assert_eq!(explain(EngineError::ConnectionClosed, &shared), ErrorKind::Truncated);
        shared.refusal.set(Some(TlsError::Decode));
        assert_eq!(explain(EngineError::InternalError, &shared), ErrorKind::Tls(TlsError::Decode));
        assert_eq!(explain(EngineError::Io(Io::TimedOut), &shared), ErrorKind::Truncated);
        assert_eq!(explain(EngineError::Io(Io::TimedOut), &Shared::new()), ErrorKind::Timeout);
    }

    #[test]
    fn only_the_shared_cells_keep_a_session_from_being_sent() {
        const fn sendable<T: Send>() {}
        sendable::<TlsConnection<'_, Wire, Suite>>();
        sendable::<Loan<'_, u8, crate::sync::CriticalSectionRawMutex>>();
    }
}

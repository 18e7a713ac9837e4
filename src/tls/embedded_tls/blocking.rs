//! The session of the blocking face, over the same engine, guard, suite and proof. See [`engine`](super::engine).

use embedded_io::{Error as _, ErrorKind as Io, Read, Write};
use embedded_tls::{FlushPolicy, TlsContext as EngineContext, TlsError as EngineError, blocking::TlsConnection};

use super::{
    TlsMemory,
    engine::{Guarded, State, config, explain},
    guard::{Guard, Shared, Stage, Step},
    proof::Provider,
    suite::{CLOSE_NOTIFY, Suite, Unpacked, unpack},
};
use crate::{
    blocking::stack::Connection,
    error::ErrorKind,
    lending::{Loan, Tenant},
    stack::took,
    sync::RawMutex,
    tls::{Random, TimeSource, TlsContext, context::Peer},
};

/// A TLS session over a blocking connection of type `C`, in memory lent for `'m`.
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
    pub(crate) fn open<G: Random, T: TimeSource>(
        &mut self,
        context: &TlsContext<'_, G, T>,
        server_name: &str,
    ) -> Result<(), ErrorKind> {
        let peer = Peer::parse(server_name).map_err(ErrorKind::Tls)?;
        let Engine { connection, shared } = self.engine.get_mut().ok_or(ErrorKind::NotConnected)?;
        let mut provider = Provider::new(context, &peer, shared)?;
        self.state = State::Broken;
        let config = config(&peer, context.offer());
        let outcome = connection.open(EngineContext::new(&config, &mut provider));
        outcome.map_err(|error| provider.failure().unwrap_or_else(|| explain(error, shared)))?;
        provider.finish()?;
        shared.stage.set(Stage::Data);
        (self.state, self.writes) = (State::Open, true);
        Ok(())
    }

    pub(crate) fn read(&mut self, out: &mut [u8]) -> Result<usize, ErrorKind> {
        match self.state {
            State::Open if !out.is_empty() => {}
            State::Open | State::Ended => return Ok(0),
            State::Unproven | State::Broken => return Err(ErrorKind::NotConnected),
        }
        let Engine { connection, shared } = self.engine.get_mut().ok_or(ErrorKind::NotConnected)?;
        shared.records.set(0);
        let failure = loop {
            match connection.read_buffered() {
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

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        let Engine { connection, .. } = self.engine.get_mut().ok_or(ErrorKind::NotConnected)?;
        if self.state != State::Open || !self.writes {
            return Err(ErrorKind::NotConnected);
        }
        self.writes = false;
        let written = connection.write(bytes);
        self.wrote(written)
    }

    pub(crate) fn flush(&mut self) -> Result<(), ErrorKind> {
        let Engine { connection, .. } = self.engine.get_mut().ok_or(ErrorKind::NotConnected)?;
        if self.state != State::Open || !self.writes {
            return Err(ErrorKind::NotConnected);
        }
        self.writes = false;
        let flushed = connection.flush();
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
        // On a connection that is gone a read does not wait.
        if let ErrorKind::Io(Io::BrokenPipe | Io::ConnectionReset | Io::ConnectionAborted | Io::NotConnected) = failure
        {
            shared.records.set(0);
            while let Ok(mut record) = connection.read_buffered() {
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
    pub(crate) fn shutdown(&mut self) -> Result<(), ErrorKind> {
        let may_say_so = self.writes && matches!(self.state, State::Open | State::Ended);
        self.state = State::Broken;
        #[allow(unsafe_code)]
        // SAFETY: the engine is dropped before this method's borrow of its tenant ends.
        let engine = unsafe { self.engine.take() };
        match engine {
            Some(Engine { connection, .. }) if may_say_so => match connection.close() {
                Ok(mut guarded) => guarded.connection.shutdown().map_err(ErrorKind::from),
                Err((_, error)) => Err(ErrorKind::from(error.kind())),
            },
            _ => Ok(()),
        }
    }
}

impl<C: Read> Read for Guarded<'_, C> {
    fn read(&mut self, out: &mut [u8]) -> Result<usize, Io> {
        loop {
            match self.guard.step(out)? {
                Step::Ready(len) => return Ok(len),
                Step::Read => {
                    let received = self.connection.read(self.guard.target(out)).map_err(|error| error.kind())?;
                    self.guard.received(received)?;
                }
            }
        }
    }
}

impl<C: Write> Write for Guarded<'_, C> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Io> {
        self.guard.may_write()?;
        took(bytes, self.connection.write(bytes).map_err(|error| error.kind())?)
    }

    fn flush(&mut self) -> Result<(), Io> {
        self.connection.flush().map_err(|error| error.kind())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A connection that can be sent, under an engine without a guard.
    struct Wire;

    impl embedded_io::ErrorType for Wire {
        type Error = Io;
    }

    impl Read for Wire {
        fn read(&mut self, _: &mut [u8]) -> Result<usize, Io> {
            Ok(0)
        }
    }

    impl Write for Wire {
        fn write(&mut self, bytes: &[u8]) -> Result<usize, Io> {
            Ok(bytes.len())
        }

        fn flush(&mut self) -> Result<(), Io> {
            Ok(())
        }
    }

    #[test]
    fn only_the_shared_cells_keep_a_session_from_being_sent() {
        const fn sendable<T: Send>() {}
        sendable::<TlsConnection<'_, Wire, Suite>>();
        sendable::<Loan<'_, u8, crate::sync::CriticalSectionRawMutex>>();
    }
}

//! A blocking socket: one slot of the pool in somebody's hands.

use core::time::Duration;

use embedded_io::{ErrorType, Read, Write};

use super::{
    SocketPool,
    pool::Resting,
    stack::{Connect, Family, Resolve},
    traits,
};
use crate::{
    error::{Error, ErrorKind, Phase, Result},
    pool::{Key, LINGER, Lease, Stream, Timeout},
    time::{Clock, Deadline},
};

/// A socket of a [`SocketPool`]; its slot is free again when it is dropped. CircuitPython's `socketpool.Socket`; the
/// blocking twin of [`Socket`](crate::Socket).
///
/// It is also an embedded-io `Read` and `Write`. After `TlsContext::wrap_socket_blocking` all of this speaks TLS.
pub struct Socket<'p, 's, S: Connect, const N: usize> {
    pool: &'p SocketPool<'s, S, N>,
    lease: Lease<'p, Resting<'s, S>>,
    timeout: Timeout,
    /// An operation failed, perhaps with bytes on the wire: never to be kept.
    torn: bool,
}

impl<'p, 's, S: Connect + Resolve + Clock + 's, const N: usize> Socket<'p, 's, S, N> {
    pub(super) fn new(pool: &'p SocketPool<'s, S, N>, lease: Lease<'p, Resting<'s, S>>) -> Self {
        Self { pool, lease, timeout: Timeout::Each(None), torn: false }
    }

    /// How long each operation may take from now on; for ever with `None`, which is the default.
    #[doc(alias = "settimeout")]
    pub fn set_timeout(&mut self, timeout: Option<Duration>) {
        self.timeout = Timeout::Each(timeout);
    }

    /// By when everything must be done from now on.
    pub fn set_deadline(&mut self, deadline: Deadline) {
        self.timeout = Timeout::Until(deadline);
    }

    /// Resolves `host` and opens a TCP connection to it. A connection that was open is closed.
    ///
    /// # Errors
    /// With phase `Resolve` or `Connect`; the socket can be connected again.
    pub fn connect(&mut self, host: &str, port: u16) -> Result<()> {
        let deadline = self.deadline();
        *self.lease.connection() = None;
        let network = self.pool.network;
        let remote = self.pool.getaddrinfo(host, port, Family::Any, deadline)?;
        let connected = self.pool.begin(deadline).and_then(|()| network.connect(remote).map_err(ErrorKind::from));
        let connection = connected.map_err(|kind| Error::new(Phase::Connect, kind))?;
        *self.lease.connection() = Some(Stream::Plain(connection));
        self.torn = false;
        Ok(())
    }

    /// Sends some of `bytes`, and says how many. They may wait in a buffer until [`flush`](Write::flush).
    ///
    /// # Errors
    /// With phase `Send`. The socket sends nothing more then: close it.
    pub fn send(&mut self, bytes: &[u8]) -> Result<usize> {
        self.exclusive(Phase::Send, |stream| stream.write(bytes))
    }

    /// Sends all of `bytes`, and flushes them onto the wire.
    ///
    /// # Errors
    /// With phase `Send`. The socket sends nothing more then: close it.
    #[doc(alias = "sendall")]
    pub fn send_all(&mut self, bytes: &[u8]) -> Result<()> {
        self.exclusive(Phase::Send, |stream| {
            let mut rest = bytes;
            while !rest.is_empty() {
                let written = stream.write(rest)?;
                rest = rest.get(written..).unwrap_or_default();
            }
            stream.flush()
        })
    }

    /// Receives at least one byte and says how many; 0 when the peer has ended the stream (or `buffer` is empty).
    ///
    /// # Errors
    /// With phase `Receive`. [`ErrorKind::Timeout`] loses nothing: call again.
    pub fn recv_into(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let deadline = self.deadline();
        let error = |kind| Error::new(Phase::Receive, kind);
        let stream = self.lease.connection().as_mut().ok_or(error(ErrorKind::NotConnected))?;
        let outcome = self.pool.begin(deadline).and_then(|()| stream.read(buffer));
        self.torn |= outcome.is_err_and(|kind| kind != ErrorKind::Timeout);
        outcome.map_err(error)
    }

    /// Closes in order: sends what was written, `close_notify` under TLS, and a FIN where the stack can; waits for
    /// that a second at most. The slot is free afterwards in any case.
    ///
    /// # Errors
    /// With phase `Close`, if the peer could not be told.
    pub fn close(mut self) -> Result<()> {
        self.shut_down()
    }

    /// What [`close`](Self::close) does, with the slot kept.
    pub(super) fn shut_down(&mut self) -> Result<()> {
        let network = self.pool.network;
        let outcome = match self.lease.connection() {
            Some(stream) if !self.torn => {
                network.set_deadline(Deadline::at(network.now().after(LINGER)));
                stream.shutdown()
            }
            _ => Ok(()),
        };
        *self.lease.connection() = None;
        outcome.map_err(|kind| Error::new(Phase::Close, kind))
    }

    /// The slot, with nothing in it.
    pub(super) fn into_slot(mut self) -> Lease<'p, Resting<'s, S>> {
        *self.lease.connection() = None;
        self.lease
    }

    /// The slot's content, for the TLS context that wraps it.
    #[cfg(feature = "tls")]
    pub(super) fn stream(&mut self) -> &mut Option<Resting<'s, S>> {
        self.lease.connection()
    }

    #[cfg(feature = "tls")]
    pub(super) fn pool(&self) -> &'p SocketPool<'s, S, N> {
        self.pool
    }

    pub(super) fn deadline(&self) -> Deadline {
        self.timeout.deadline(self.pool.network)
    }

    /// Does work that leaves the connection torn if it fails.
    fn exclusive<T>(
        &mut self,
        phase: Phase,
        work: impl FnOnce(&mut Resting<'s, S>) -> Result<T, ErrorKind>,
    ) -> Result<T> {
        let deadline = self.deadline();
        let error = |kind| Error::new(phase, kind);
        let stream = self.lease.connection().as_mut().ok_or(error(ErrorKind::NotConnected))?;
        if self.torn {
            return Err(error(ErrorKind::NotConnected));
        }
        let outcome = self.pool.begin(deadline).and_then(|()| work(stream));
        self.torn = outcome.is_err();
        outcome.map_err(error)
    }
}

impl<'s, S: Connect + Resolve + Clock + 's, const N: usize> traits::Socket for Socket<'_, 's, S, N> {
    fn set_deadline(&mut self, deadline: Deadline) {
        self.set_deadline(deadline);
    }

    fn connect(&mut self, host: &str, port: u16) -> Result<()> {
        self.connect(host, port)
    }

    fn keep(self, key: Key<'_>) {
        if !self.torn {
            self.lease.rest(key);
        }
    }

    fn close(self) -> Result<()> {
        self.close()
    }
}

impl<'s, S: Connect + 's, const N: usize> ErrorType for Socket<'_, 's, S, N> {
    type Error = Error;
}

/// [`recv_into`](Socket::recv_into) under its embedded-io name.
impl<'s, S: Connect + Resolve + Clock + 's, const N: usize> Read for Socket<'_, 's, S, N> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        self.recv_into(buffer)
    }
}

/// [`send`](Socket::send) under its embedded-io name.
impl<'s, S: Connect + Resolve + Clock + 's, const N: usize> Write for Socket<'_, 's, S, N> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.send(bytes)
    }

    fn flush(&mut self) -> Result<()> {
        self.exclusive(Phase::Send, |stream| stream.flush())
    }
}

impl<'s, S: Connect + 's, const N: usize> core::fmt::Debug for Socket<'_, 's, S, N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Socket").field("timeout", &self.timeout).field("torn", &self.torn).finish_non_exhaustive()
    }
}

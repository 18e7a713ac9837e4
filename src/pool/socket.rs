//! A socket: one slot of the pool in somebody's hands.

use core::{pin::pin, time::Duration};

use embedded_io_async::{ErrorType, Read, Write};

use super::{Key, LINGER, Lease, Resting, SocketPool, Stream};
use crate::{
    error::{Error, ErrorKind, Phase, Result},
    stack::{Connect, Family, Resolve},
    time::{Clock, Deadline, Timer},
    traits,
};

/// A socket of a [`SocketPool`]; its slot is free again when it is dropped. CircuitPython's `socketpool.Socket`.
///
/// It is also an embedded-io-async `Read` and `Write`. After
/// [`TlsContext::wrap_socket`](crate::tls::TlsContext::wrap_socket) all of this speaks TLS.
pub struct Socket<'p, 's, S: Connect, const N: usize> {
    pool: &'p SocketPool<'s, S, N>,
    lease: Lease<'p, Resting<'s, S>>,
    timeout: Timeout,
    /// An operation failed, or was dropped half-way with bytes on the wire: never to be kept.
    torn: bool,
}

/// How long operations may take.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Timeout {
    /// Each operation this long, or for ever.
    Each(Option<Duration>),
    /// All of them until then.
    Until(Deadline),
}

impl Timeout {
    /// The deadline of an operation that begins now.
    pub(crate) fn deadline(self, clock: &impl Clock) -> Deadline {
        match self {
            Self::Each(timeout) => Deadline::within(clock, timeout),
            Self::Until(deadline) => deadline,
        }
    }
}

impl<'p, 's, S: Connect + Resolve + Timer + 's, const N: usize> Socket<'p, 's, S, N> {
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
    /// With phase `Resolve` or `Connect`.
    ///
    /// # Cancel safety
    /// Dropping the future ends the attempt.
    pub async fn connect(&mut self, host: &str, port: u16) -> Result<()> {
        let deadline = self.deadline();
        *self.lease.connection() = None;
        let network = self.pool.network;
        let remote = self.pool.getaddrinfo(host, port, Family::Any, deadline).await?;
        let connected = match deadline.limit(network, pin!(network.connect(remote))).await {
            None => Err(ErrorKind::Timeout),
            Some(outcome) => outcome.map_err(ErrorKind::from),
        };
        let connection = connected.map_err(|kind| Error::new(Phase::Connect, kind))?;
        *self.lease.connection() = Some(Stream::Plain(connection));
        self.torn = false;
        Ok(())
    }

    /// Sends some of `bytes`, and says how many. They may wait in a buffer until [`flush`](Write::flush).
    ///
    /// # Errors
    /// With phase `Send`.
    ///
    /// # Cancel safety
    /// After dropping the future it is unknown how many bytes were sent: close the socket.
    pub async fn send(&mut self, bytes: &[u8]) -> Result<usize> {
        self.exclusive(Phase::Send, async |stream| stream.write(bytes).await).await
    }

    /// Sends all of `bytes`, and flushes them onto the wire.
    ///
    /// # Errors
    /// With phase `Send`.
    ///
    /// # Cancel safety
    /// As for [`send`](Self::send).
    #[doc(alias = "sendall")]
    pub async fn send_all(&mut self, bytes: &[u8]) -> Result<()> {
        self.exclusive(Phase::Send, async |stream| {
            let mut rest = bytes;
            while !rest.is_empty() {
                let written = stream.write(rest).await?;
                rest = rest.get(written..).unwrap_or_default();
            }
            stream.flush().await
        })
        .await
    }

    /// Receives at least one byte and says how many; 0 when the peer has ended the stream (or `buffer` is empty).
    ///
    /// # Errors
    /// With phase `Receive`. [`ErrorKind::Timeout`] loses nothing: call again.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn recv_into(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let deadline = self.deadline();
        let error = |kind| Error::new(Phase::Receive, kind);
        let stream = self.lease.connection().as_mut().ok_or(error(ErrorKind::NotConnected))?;
        match deadline.limit(self.pool.network, pin!(stream.read(buffer))).await {
            None => Err(error(ErrorKind::Timeout)),
            Some(Ok(received)) => Ok(received),
            Some(Err(kind)) => {
                self.torn |= kind != ErrorKind::Timeout;
                Err(error(kind))
            }
        }
    }

    /// Closes in order: sends what was written, `close_notify` under TLS, and a FIN where the stack can; waits for
    /// that a second at most. The slot is free afterwards in any case.
    ///
    /// # Errors
    /// With phase `Close`, if the peer could not be told.
    pub async fn close(mut self) -> Result<()> {
        self.shut_down().await
    }

    /// What [`close`](Self::close) does, with the slot kept.
    pub(super) async fn shut_down(&mut self) -> Result<()> {
        let network = self.pool.network;
        let linger = Deadline::at(network.now().after(LINGER));
        let outcome = match self.lease.connection() {
            Some(stream) if !self.torn => linger.limit(network, pin!(stream.shutdown())).await,
            _ => Some(Ok(())),
        };
        *self.lease.connection() = None;
        outcome.unwrap_or(Err(ErrorKind::Timeout)).map_err(|kind| Error::new(Phase::Close, kind))
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

    /// Does work that leaves the connection torn if it fails or is dropped half-way.
    async fn exclusive<T>(
        &mut self,
        phase: Phase,
        work: impl AsyncFnOnce(&mut Resting<'s, S>) -> Result<T, ErrorKind>,
    ) -> Result<T> {
        let deadline = self.deadline();
        let error = |kind| Error::new(phase, kind);
        let stream = self.lease.connection().as_mut().ok_or(error(ErrorKind::NotConnected))?;
        if core::mem::replace(&mut self.torn, true) {
            return Err(error(ErrorKind::NotConnected));
        }
        let outcome = deadline.limit(self.pool.network, pin!(work(stream))).await.unwrap_or(Err(ErrorKind::Timeout));
        self.torn = outcome.is_err();
        outcome.map_err(error)
    }
}

impl<'s, S: Connect + Resolve + Timer + 's, const N: usize> traits::Socket for Socket<'_, 's, S, N> {
    fn set_deadline(&mut self, deadline: Deadline) {
        self.set_deadline(deadline);
    }

    async fn connect(&mut self, host: &str, port: u16) -> Result<()> {
        self.connect(host, port).await
    }

    fn keep(self, key: Key<'_>) {
        if !self.torn {
            self.lease.rest(key);
        }
    }

    async fn close(self) -> Result<()> {
        self.close().await
    }
}

impl<'s, S: Connect + 's, const N: usize> ErrorType for Socket<'_, 's, S, N> {
    type Error = Error;
}

/// [`recv_into`](Socket::recv_into) under its embedded-io name.
impl<'s, S: Connect + Resolve + Timer + 's, const N: usize> Read for Socket<'_, 's, S, N> {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        self.recv_into(buffer).await
    }
}

/// [`send`](Socket::send) under its embedded-io name.
impl<'s, S: Connect + Resolve + Timer + 's, const N: usize> Write for Socket<'_, 's, S, N> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.send(bytes).await
    }

    async fn flush(&mut self) -> Result<()> {
        self.exclusive(Phase::Send, async |stream| stream.flush().await).await
    }
}

impl<'s, S: Connect + 's, const N: usize> core::fmt::Debug for Socket<'_, 's, S, N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Socket").field("timeout", &self.timeout).field("torn", &self.torn).finish_non_exhaustive()
    }
}

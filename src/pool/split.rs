//! The two directions of a connection, for two tasks at the same time.

use core::{ops::DerefMut, pin::pin};

use embedded_io_async::{ErrorType, Read, Write};

use super::{Buffer, NOT_CONNECTED, Socket, Timeout, ahead::ReadAhead, stream::from_io};
use crate::{
    error::{Error, ErrorKind, Phase, Result, SendAllError, took},
    stack::{Connect, Split, Stack},
    sync::RawMutex,
    time::Timer,
};

/// The direction from the peer, of a socket that was [split](Socket::split): over the stack's reader `C`,
/// with an exchange buffer `M` of the pool.
pub struct ReadHalf<'a, 's, S, C, M> {
    network: &'s S,
    ahead: Option<&'a mut ReadAhead<M>>,
    /// `None` when we want to read no more.
    reader: Option<C>,
    timeout: Timeout,
    torn: &'a mut bool,
}

/// The direction to the peer, of a socket that was [split](Socket::split): over the stack's writer `C`.
pub struct WriteHalf<'a, 's, S, C> {
    network: &'s S,
    writer: C,
    timeout: Timeout,
    torn: &'a mut bool,
}

/// Both directions of a socket over the stack `S`.
type Halves<'a, 's, S, M> = (
    ReadHalf<'a, 's, S, <<S as Connect>::Connection<'s> as Split>::Reader<'a>, M>,
    WriteHalf<'a, 's, S, <<S as Connect>::Connection<'s> as Split>::Writer<'a>>,
);

impl<'p, 's, S: Stack + 's, const N: usize, R: RawMutex> Socket<'p, 's, S, N, R> {
    /// Both directions, to be used at the same time, each with the time-out that the socket has now. When they are dropped
    /// the socket can go on; it is closed in the end, not kept.
    ///
    /// # Errors
    /// With phase `Setup`: [`ErrorKind::NotConnected`]; `Unsupported`, as [`ErrorKind::Io`], under TLS, whose records need
    /// both directions in one hand.
    pub fn split(&mut self) -> Result<Halves<'_, 's, S, Buffer<'p, 's, N, R>>>
    where
        S::Connection<'s>: Split,
    {
        let error = |kind| Error::new(Phase::Setup, kind);
        if self.torn || self.read_torn || self.write_ended {
            return Err(error(ErrorKind::NotConnected));
        }
        self.not_kept = true;
        let (network, timeout) = (self.pool.network, self.timeout);
        let stream = self.lease.connection().as_mut().ok_or(error(ErrorKind::NotConnected))?;
        let (reader, writer) = stream.plain().map_err(error)?.split();
        let reader = (!self.read_ended).then_some(reader);
        let read = ReadHalf { network, ahead: self.ahead.as_mut(), reader, timeout, torn: &mut self.read_torn };
        Ok((read, WriteHalf { network, writer, timeout, torn: &mut self.torn }))
    }
}

impl<S: Timer, C: Read, M: DerefMut<Target = [u8]>> ReadHalf<'_, '_, S, C, M> {
    /// As [`Socket::recv_into`].
    ///
    /// # Errors
    /// As for [`Socket::recv_into`].
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn recv_into(&mut self, buffer: &mut [u8]) -> Result<usize> {
        if let Some(ahead) = self.ahead.as_mut().filter(|ahead| !ahead.is_empty()) {
            return Ok(ahead.take_into(buffer));
        }
        let Some(reader) = self.reader.as_mut().filter(|_| !buffer.is_empty()) else { return Ok(0) };
        if *self.torn {
            return Err(NOT_CONNECTED);
        }
        let patience = self.timeout.begin(self.network);
        let work = async { reader.read(buffer).await.map_err(from_io) };
        let received = patience.limit(self.network, pin!(work)).await;
        *self.torn = received.is_err_and(|kind| !patience.ran_out(self.network, kind));
        received.map_err(|kind| Error::new(Phase::Receive, kind))
    }
}

impl<S: Timer, C: Write> WriteHalf<'_, '_, S, C> {
    /// As [`Socket::send`].
    ///
    /// # Errors
    /// As for [`Socket::send`].
    ///
    /// # Cancel safety
    /// Dropping the future sends nothing.
    pub async fn send(&mut self, bytes: &[u8]) -> Result<usize> {
        self.exclusive(false, async |writer| Ok(took(bytes, writer.write(bytes).await.map_err(from_io)?)?)).await
    }

    /// As [`Socket::send_all`].
    ///
    /// # Errors
    /// As for [`Socket::send_all`].
    ///
    /// # Cancel safety
    /// As for [`Socket::send_all`].
    pub async fn send_all(&mut self, bytes: &[u8]) -> Result<(), SendAllError> {
        let mut sent = 0;
        let work = async |writer: &mut C| {
            while let Some(rest @ [_, ..]) = bytes.get(sent..) {
                sent += took(rest, writer.write(rest).await.map_err(from_io)?)?;
            }
            writer.flush().await.map_err(from_io)
        };
        self.exclusive(true, work).await.map_err(|error| SendAllError { sent, error })
    }

    /// As for a whole socket.
    async fn exclusive<T>(
        &mut self,
        fragile: bool,
        work: impl AsyncFnOnce(&mut C) -> Result<T, ErrorKind>,
    ) -> Result<T> {
        let error = |kind| Error::new(Phase::Send, kind);
        if core::mem::replace(self.torn, fragile) {
            *self.torn = true;
            return Err(error(ErrorKind::NotConnected));
        }
        let patience = self.timeout.begin(self.network);
        let outcome = patience.limit(self.network, pin!(work(&mut self.writer))).await;
        *self.torn = outcome.as_ref().is_err_and(|kind| !patience.ran_out(self.network, *kind));
        outcome.map_err(error)
    }
}

impl<S, C, M> ErrorType for ReadHalf<'_, '_, S, C, M> {
    type Error = Error;
}

impl<S: Timer, C: Read, M: DerefMut<Target = [u8]>> Read for ReadHalf<'_, '_, S, C, M> {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        self.recv_into(buffer).await
    }
}

impl<S, C> ErrorType for WriteHalf<'_, '_, S, C> {
    type Error = Error;
}

impl<S: Timer, C: Write> Write for WriteHalf<'_, '_, S, C> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.send(bytes).await
    }

    async fn flush(&mut self) -> Result<()> {
        self.exclusive(false, async |writer| writer.flush().await.map_err(from_io)).await
    }
}

impl<S, C, M> core::fmt::Debug for ReadHalf<'_, '_, S, C, M> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ReadHalf").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

impl<S, C> core::fmt::Debug for WriteHalf<'_, '_, S, C> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("WriteHalf").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

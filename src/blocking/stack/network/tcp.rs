//! `TcpClientStack`: connections.

use core::net::SocketAddr;

use embedded_io_async::{ErrorKind, ErrorType, Read, Write};
use embedded_nal::TcpClientStack;

use super::{Network, ZeroRead};
use crate::{
    stack::{Connect, Connection},
    time::Clock,
};

impl<S: TcpClientStack, C: Clock, I: Fn(&mut S)> Connect for Network<S, C, I> {
    type Connection<'a>
        = NetworkConnection<'a, S, C, I>
    where
        Self: 'a;

    async fn connect(&self, remote: SocketAddr) -> Result<Self::Connection<'_>, ErrorKind> {
        let opened = self.stack.try_borrow_mut().map_err(|_| ErrorKind::Other)?.socket();
        let mut socket = TcpSocket::new(self, opened.map_err(|_| ErrorKind::OutOfMemory)?);
        socket.wait(|stack, socket| stack.connect(socket, remote))?;
        Ok(NetworkConnection(socket))
    }
}

/// A TCP socket of the stack, of either kind, which is closed there when it is dropped.
pub(super) struct TcpSocket<'a, S: TcpClientStack, C: Clock, I: Fn(&mut S)> {
    network: &'a Network<S, C, I>,
    /// There until it is closed.
    socket: Option<S::TcpSocket>,
}

impl<'a, S: TcpClientStack, C: Clock, I: Fn(&mut S)> TcpSocket<'a, S, C, I> {
    pub(super) const fn new(network: &'a Network<S, C, I>, socket: S::TcpSocket) -> Self {
        Self { network, socket: Some(socket) }
    }

    /// Tries something with the socket, as [`Network::wait`] does.
    pub(super) fn wait<T>(
        &mut self,
        mut attempt: impl FnMut(&mut S, &mut S::TcpSocket) -> nb::Result<T, S::Error>,
    ) -> Result<T, ErrorKind> {
        let socket = self.socket.as_mut().ok_or(ErrorKind::NotConnected)?;
        self.network.wait(|stack| attempt(stack, socket).map_err(|error| self.network.tcp_error(error)))
    }

    /// Another socket of the same network.
    pub(super) const fn sibling(&self, socket: S::TcpSocket) -> Self {
        Self::new(self.network, socket)
    }

    /// Closes on the stack, once, and lets it say so.
    fn close(&mut self) -> Result<(), ErrorKind> {
        let Some(socket) = self.socket.take() else { return Ok(()) };
        let Ok(mut stack) = self.network.stack.try_borrow_mut() else {
            warning!("network: a socket that is dropped by the idle hook cannot be closed");
            return Err(ErrorKind::Other);
        };
        let outcome = stack.close(socket).map_err(|error| (self.network.tcp_errors)(&error));
        (self.network.idle)(&mut stack);
        outcome
    }
}

impl<S: TcpClientStack, C: Clock, I: Fn(&mut S)> Drop for TcpSocket<'_, S, C, I> {
    fn drop(&mut self) {
        let _ = self.close();
    }
}

/// A connection of a [`Network`].
pub struct NetworkConnection<'a, S: TcpClientStack, C: Clock, I: Fn(&mut S)>(pub(super) TcpSocket<'a, S, C, I>);

impl<S: TcpClientStack, C: Clock, I: Fn(&mut S)> ErrorType for NetworkConnection<'_, S, C, I> {
    type Error = ErrorKind;
}

impl<S: TcpClientStack, C: Clock, I: Fn(&mut S)> Read for NetworkConnection<'_, S, C, I> {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, ErrorKind> {
        if out.is_empty() {
            return Ok(0);
        }
        let zero_read = self.0.network.zero_read;
        let received = self.0.wait(|stack, socket| match stack.receive(socket, out) {
            Ok(0) if zero_read == ZeroRead::WouldBlock => Err(nb::Error::WouldBlock),
            received => received,
        });
        match received {
            Err(ErrorKind::BrokenPipe) => Ok(0),
            Ok(received) if received > out.len() => Err(ErrorKind::InvalidData),
            received => received,
        }
    }
}

impl<S: TcpClientStack, C: Clock, I: Fn(&mut S)> Write for NetworkConnection<'_, S, C, I> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        if bytes.is_empty() {
            return Ok(0);
        }
        let sent = self.0.wait(|stack, socket| match stack.send(socket, bytes) {
            Ok(0) => Err(nb::Error::WouldBlock),
            sent => sent,
        })?;
        if sent > bytes.len() { Err(ErrorKind::InvalidData) } else { Ok(sent) }
    }

    /// embedded-nal has no word for it; the stack gets a chance to send.
    async fn flush(&mut self) -> Result<(), ErrorKind> {
        self.0.network.move_on();
        Ok(())
    }
}

impl<S: TcpClientStack, C: Clock, I: Fn(&mut S)> Connection for NetworkConnection<'_, S, C, I> {
    /// Closes both directions.
    async fn shutdown(&mut self) -> Result<(), ErrorKind> {
        self.0.network.move_on();
        self.0.close()
    }
}

impl<S: TcpClientStack, C: Clock, I: Fn(&mut S)> core::fmt::Debug for NetworkConnection<'_, S, C, I> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("NetworkConnection").field("open", &self.0.socket.is_some()).finish_non_exhaustive()
    }
}

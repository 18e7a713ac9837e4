//! `TcpClientStack`: connections.

use core::net::SocketAddr;

use embedded_io::{ErrorKind, ErrorType, Read, Write};
use embedded_nal::{TcpClientStack, TcpError, TcpErrorKind};

use super::{Network, ZeroRead};
use crate::{
    blocking::stack::{Connect, Connection},
    time::{Clock, Deadline, Instant},
};

impl<S: TcpClientStack, C: Clock, I: Fn(&mut S)> Connect for Network<S, C, I> {
    type Connection<'a>
        = NetworkConnection<'a, S, C, I>
    where
        Self: 'a;

    fn set_deadline(&self, deadline: Deadline) {
        self.deadline.set(deadline);
    }

    fn wait_until(&self, at: Instant) {
        while self.clock.now() < at {
            self.move_on();
        }
    }

    fn connect(&self, remote: SocketAddr) -> Result<Self::Connection<'_>, ErrorKind> {
        let opened = self.stack.try_borrow_mut().map_err(|_| ErrorKind::Other)?.socket();
        let socket = opened.map_err(|_| ErrorKind::OutOfMemory)?;
        let mut connection = NetworkConnection { network: self, socket: Some(socket) };
        let socket = connection.socket.as_mut().ok_or(ErrorKind::NotConnected)?;
        self.wait(|stack| stack.connect(socket, remote).map_err(|error| error.map(|_| ErrorKind::Other)))?;
        Ok(connection)
    }
}

/// A connection of a [`Network`].
pub struct NetworkConnection<'a, S: TcpClientStack, C: Clock, I: Fn(&mut S)> {
    network: &'a Network<S, C, I>,
    /// There until it is closed.
    socket: Option<S::TcpSocket>,
}

impl<S: TcpClientStack, C: Clock, I: Fn(&mut S)> NetworkConnection<'_, S, C, I> {
    /// Closes on the stack, once, and lets it say so.
    fn close(&mut self) -> Result<(), ErrorKind> {
        let Some(socket) = self.socket.take() else { return Ok(()) };
        let Ok(mut stack) = self.network.stack.try_borrow_mut() else {
            warning!("network: a connection that is dropped by the idle hook cannot be closed");
            return Err(ErrorKind::Other);
        };
        let outcome = stack.close(socket).map_err(|_| ErrorKind::Other);
        (self.network.idle)(&mut stack);
        outcome
    }
}

impl<S: TcpClientStack, C: Clock, I: Fn(&mut S)> Drop for NetworkConnection<'_, S, C, I> {
    fn drop(&mut self) {
        let _ = self.close();
    }
}

impl<S: TcpClientStack, C: Clock, I: Fn(&mut S)> ErrorType for NetworkConnection<'_, S, C, I> {
    type Error = ErrorKind;
}

impl<S: TcpClientStack, C: Clock, I: Fn(&mut S)> Read for NetworkConnection<'_, S, C, I> {
    fn read(&mut self, out: &mut [u8]) -> Result<usize, ErrorKind> {
        if out.is_empty() {
            return Ok(0);
        }
        let socket = self.socket.as_mut().ok_or(ErrorKind::NotConnected)?;
        let zero_read = self.network.zero_read;
        self.network.wait(|stack| match stack.receive(socket, out) {
            Ok(0) if zero_read == ZeroRead::WouldBlock => Err(nb::Error::WouldBlock),
            Ok(received) if received > out.len() => Err(nb::Error::Other(ErrorKind::InvalidData)),
            Ok(received) => Ok(received),
            Err(nb::Error::WouldBlock) => Err(nb::Error::WouldBlock),
            Err(nb::Error::Other(error)) => match error.kind() {
                TcpErrorKind::PipeClosed => Ok(0),
                _ => Err(nb::Error::Other(ErrorKind::Other)),
            },
        })
    }
}

impl<S: TcpClientStack, C: Clock, I: Fn(&mut S)> Write for NetworkConnection<'_, S, C, I> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        if bytes.is_empty() {
            return Ok(0);
        }
        let socket = self.socket.as_mut().ok_or(ErrorKind::NotConnected)?;
        self.network.wait(|stack| match stack.send(socket, bytes) {
            Ok(0) | Err(nb::Error::WouldBlock) => Err(nb::Error::WouldBlock),
            Ok(sent) if sent > bytes.len() => Err(nb::Error::Other(ErrorKind::InvalidData)),
            Ok(sent) => Ok(sent),
            Err(nb::Error::Other(error)) => Err(nb::Error::Other(match error.kind() {
                TcpErrorKind::PipeClosed => ErrorKind::BrokenPipe,
                _ => ErrorKind::Other,
            })),
        })
    }

    /// embedded-nal has no word for it; the stack gets a chance to send.
    fn flush(&mut self) -> Result<(), ErrorKind> {
        self.network.move_on();
        Ok(())
    }
}

impl<S: TcpClientStack, C: Clock, I: Fn(&mut S)> Connection for NetworkConnection<'_, S, C, I> {
    /// Closes both directions.
    fn shutdown(&mut self) -> Result<(), ErrorKind> {
        self.network.move_on();
        self.close()
    }
}

impl<S: TcpClientStack, C: Clock, I: Fn(&mut S)> core::fmt::Debug for NetworkConnection<'_, S, C, I> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("NetworkConnection").field("open", &self.socket.is_some()).finish_non_exhaustive()
    }
}

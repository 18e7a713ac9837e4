//! What rests in a slot of the blocking face.

use core::net::SocketAddr;

use super::stack::{Connection, SocketOption};
use crate::{
    error::ErrorKind,
    pool::{Stream, stream::from_io},
    stack::took,
    sync::RawMutex,
};

#[cfg(feature = "tls")]
pub(crate) use crate::tls::backend::blocking::TlsStream;

/// Without the feature `tls` there is no TLS session; this type has no values.
#[cfg(not(feature = "tls"))]
pub(crate) struct TlsStream<'s, C, R>(core::convert::Infallible, core::marker::PhantomData<(&'s (), C, R)>);

#[cfg(not(feature = "tls"))]
impl<C, R> TlsStream<'_, C, R> {
    fn read(&mut self, _: &mut [u8]) -> Result<usize, ErrorKind> {
        match self.0 {}
    }
    fn write(&mut self, _: &[u8]) -> Result<usize, ErrorKind> {
        match self.0 {}
    }
    fn flush(&mut self) -> Result<(), ErrorKind> {
        match self.0 {}
    }
    fn shutdown(&mut self) -> Result<(), ErrorKind> {
        match self.0 {}
    }
}

impl<C: Connection, R: RawMutex> Stream<C, TlsStream<'_, C, R>> {
    pub(super) fn read(&mut self, out: &mut [u8]) -> Result<usize, ErrorKind> {
        match self {
            Self::Plain(connection) => connection.read(out).map_err(from_io),
            Self::Tls(session) => session.read(out),
        }
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        let written = match self {
            Self::Plain(connection) => connection.write(bytes).map_err(from_io),
            Self::Tls(session) => session.write(bytes),
        }?;
        Ok(took(bytes, written)?)
    }

    pub(super) fn flush(&mut self) -> Result<(), ErrorKind> {
        match self {
            Self::Plain(connection) => connection.flush().map_err(from_io),
            Self::Tls(session) => session.flush(),
        }
    }

    pub(super) fn shutdown(&mut self) -> Result<(), ErrorKind> {
        match self {
            Self::Plain(connection) => connection.shutdown().map_err(ErrorKind::from),
            Self::Tls(session) => session.shutdown(),
        }
    }

    pub(super) fn close_write(&mut self) -> Result<(), ErrorKind> {
        Ok(self.plain()?.close_write()?)
    }

    pub(super) fn set_option(&mut self, option: SocketOption) -> Result<(), ErrorKind> {
        Ok(self.plain()?.set_option(option)?)
    }

    pub(super) fn local_addr(&mut self) -> Result<SocketAddr, ErrorKind> {
        Ok(self.plain()?.local_addr()?)
    }

    /// Whether the peer is silent, as it must be between two exchanges: neither data nor the end is waiting. The
    /// stack must have been told not to wait.
    pub(super) fn is_quiet(&mut self) -> bool {
        self.read(&mut [0]) == Err(ErrorKind::Timeout)
    }
}

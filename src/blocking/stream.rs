//! What rests in a slot of the blocking face.

use core::net::SocketAddr;
#[cfg(feature = "tls")]
use core::{pin::pin, task};

use super::stack::{Connection, SocketOption};
#[cfg(feature = "tls")]
use crate::pool::stream::open;
use crate::{
    error::ErrorKind,
    pool::{Stream, stream::from_io},
    stack::took,
    sync::RawMutex,
};

/// The session of the async face, over a connection whose operations wait inside.
#[cfg(feature = "tls")]
pub(crate) type TlsSession<'m, C, R> = crate::tls::TlsSession<'m, Ready<C>, R>;

/// Without the feature `tls` there is no TLS session; this type has no values.
#[cfg(not(feature = "tls"))]
pub(crate) struct TlsSession<'s, C, R>(core::convert::Infallible, core::marker::PhantomData<(&'s (), C, R)>);

/// A blocking connection for async code: each of its futures is ready at once.
#[cfg(feature = "tls")]
pub(crate) struct Ready<C>(pub(super) C);

#[cfg(feature = "tls")]
impl<C: Connection> embedded_io_async::ErrorType for Ready<C> {
    type Error = embedded_io::ErrorKind;
}

#[cfg(feature = "tls")]
impl<C: Connection> embedded_io_async::Read for Ready<C> {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, embedded_io::ErrorKind> {
        self.0.read(out).map_err(|error| embedded_io::Error::kind(&error))
    }
}

#[cfg(feature = "tls")]
impl<C: Connection> embedded_io_async::Write for Ready<C> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, embedded_io::ErrorKind> {
        self.0.write(bytes).map_err(|error| embedded_io::Error::kind(&error))
    }

    async fn flush(&mut self) -> Result<(), embedded_io::ErrorKind> {
        self.0.flush().map_err(|error| embedded_io::Error::kind(&error))
    }
}

/// How often an operation may rest before it has to give up: a peer that sends tickets for ever.
#[cfg(feature = "tls")]
const MAX_RESTS: u8 = 64;

/// Runs work that is pending only when it rests.
#[cfg(feature = "tls")]
pub(super) fn run<T, E: Into<ErrorKind>>(work: impl Future<Output = Result<T, E>>) -> Result<T, ErrorKind> {
    let mut rests = 0..MAX_RESTS;
    run_until(|| rests.next().is_none(), work)
}

/// The same, which gives up when it is too late.
#[cfg(feature = "tls")]
pub(super) fn run_until<T, E: Into<ErrorKind>>(
    mut is_late: impl FnMut() -> bool,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, ErrorKind> {
    let mut context = task::Context::from_waker(task::Waker::noop());
    let mut work = pin!(work);
    loop {
        match work.as_mut().poll(&mut context) {
            task::Poll::Ready(output) => return output.map_err(Into::into),
            task::Poll::Pending if is_late() => return Err(ErrorKind::Timeout),
            task::Poll::Pending => {}
        }
    }
}

impl<C: Connection, R: RawMutex> Stream<C, TlsSession<'_, C, R>> {
    pub(super) fn read(&mut self, out: &mut [u8]) -> Result<usize, ErrorKind> {
        match self {
            Self::Plain(connection) => connection.read(out).map_err(from_io),
            #[cfg(feature = "tls")]
            Self::Tls(session) => run(open(session)?.read(out)),
            #[cfg(not(feature = "tls"))]
            Self::Tls(session) => match session.0 {},
        }
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        match self {
            Self::Plain(connection) => Ok(took(bytes, connection.write(bytes).map_err(from_io)?)?),
            #[cfg(feature = "tls")]
            Self::Tls(session) => run(open(session)?.write(bytes)),
            #[cfg(not(feature = "tls"))]
            Self::Tls(session) => match session.0 {},
        }
    }

    pub(super) fn flush(&mut self) -> Result<(), ErrorKind> {
        match self {
            Self::Plain(connection) => connection.flush().map_err(from_io),
            #[cfg(feature = "tls")]
            Self::Tls(session) => run(open(session)?.flush()),
            #[cfg(not(feature = "tls"))]
            Self::Tls(session) => match session.0 {},
        }
    }

    pub(super) fn shutdown(&mut self) -> Result<(), ErrorKind> {
        match self {
            Self::Plain(connection) => connection.shutdown().map_err(ErrorKind::from),
            #[cfg(feature = "tls")]
            Self::Tls(session) => match open(session) {
                Ok(session) => {
                    run(session.close())?;
                    session.io().0.shutdown().map_err(ErrorKind::from)
                }
                Err(_) => Ok(()),
            },
            #[cfg(not(feature = "tls"))]
            Self::Tls(session) => match session.0 {},
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
        match self {
            Self::Plain(connection) => connection.read(&mut [0]).map_err(from_io) == Err(ErrorKind::Timeout),
            #[cfg(feature = "tls")]
            Self::Tls(session) => session.is_quiet(),
            #[cfg(not(feature = "tls"))]
            Self::Tls(session) => match session.0 {},
        }
    }
}

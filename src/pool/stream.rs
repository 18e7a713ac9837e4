//! What rests in a slot: a plain connection, or a TLS session over one. Both read and write the application's bytes.

use core::net::SocketAddr;

use crate::{
    error::{ErrorKind, took},
    stack::{Connection, SocketOption},
    sync::RawMutex,
    time::poll_once,
};

#[cfg(feature = "tls")]
pub(crate) use crate::tls::TlsSession;

/// Without the feature `tls` there is no TLS session; this type has no values.
#[cfg(not(feature = "tls"))]
pub(crate) struct TlsSession<'s, C, R>(core::convert::Infallible, core::marker::PhantomData<(&'s (), C, R)>);

pub(crate) const UNSUPPORTED: ErrorKind = ErrorKind::Io(embedded_io_async::ErrorKind::Unsupported);

/// An open connection of a pool: plain, of type `P`, or under TLS, of type `T`.
pub(crate) enum Stream<P, T> {
    Plain(P),
    #[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "there is no TLS session to put in it"))]
    Tls(T),
}

impl<P, T> Stream<P, T> {
    /// The connection, for what cannot be done under TLS.
    pub(crate) fn plain(&mut self) -> Result<&mut P, ErrorKind> {
        match self {
            Self::Plain(connection) => Ok(connection),
            Self::Tls(_) => Err(UNSUPPORTED),
        }
    }
}

impl<C: Connection, R: RawMutex> Stream<C, TlsSession<'_, C, R>> {
    pub(crate) fn read(&mut self, out: &mut [u8]) -> impl Future<Output = Result<usize, ErrorKind>> {
        async move {
            match self {
                Self::Plain(connection) => connection.read(out).await.map_err(from_io),
                #[cfg(feature = "tls")]
                Self::Tls(session) => Ok(open(session)?.read(out).await?),
                #[cfg(not(feature = "tls"))]
                Self::Tls(session) => match session.0 {},
            }
        }
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> impl Future<Output = Result<usize, ErrorKind>> {
        async move {
            match self {
                Self::Plain(connection) => Ok(took(bytes, connection.write(bytes).await.map_err(from_io)?)?),
                #[cfg(feature = "tls")]
                Self::Tls(session) => Ok(open(session)?.write(bytes).await?),
                #[cfg(not(feature = "tls"))]
                Self::Tls(session) => match session.0 {},
            }
        }
    }

    pub(crate) fn flush(&mut self) -> impl Future<Output = Result<(), ErrorKind>> {
        async move {
            match self {
                Self::Plain(connection) => connection.flush().await.map_err(from_io),
                #[cfg(feature = "tls")]
                Self::Tls(session) => Ok(open(session)?.flush().await?),
                #[cfg(not(feature = "tls"))]
                Self::Tls(session) => match session.0 {},
            }
        }
    }

    /// Ends both directions, in order if nothing has failed.
    pub(crate) fn shutdown(&mut self) -> impl Future<Output = Result<(), ErrorKind>> {
        async move {
            match self {
                Self::Plain(connection) => connection.shutdown().await.map_err(ErrorKind::from),
                #[cfg(feature = "tls")]
                Self::Tls(session) => match open(session) {
                    Ok(session) => {
                        session.close().await?;
                        session.io().shutdown().await.map_err(ErrorKind::from)
                    }
                    Err(_) => Ok(()),
                },
                #[cfg(not(feature = "tls"))]
                Self::Tls(session) => match session.0 {},
            }
        }
    }

    /// Ends our direction: a FIN, or `close_notify`.
    pub(crate) async fn close_write(&mut self) -> Result<(), ErrorKind> {
        match self {
            Self::Plain(connection) => Ok(connection.close_write().await?),
            #[cfg(feature = "tls")]
            Self::Tls(session) => {
                let session = open(session)?;
                session.close().await?;
                Ok(session.flush().await?)
            }
            #[cfg(not(feature = "tls"))]
            Self::Tls(session) => match session.0 {},
        }
    }

    pub(crate) fn set_option(&mut self, option: SocketOption) -> Result<(), ErrorKind> {
        Ok(self.plain()?.set_option(option)?)
    }

    pub(crate) fn local_addr(&mut self) -> Result<SocketAddr, ErrorKind> {
        Ok(self.plain()?.local_addr()?)
    }

    /// Whether the peer is silent, as it must be between two exchanges: neither data nor the end is waiting. A stack that
    /// `may_wait` inside must have been told not to.
    pub(crate) fn is_quiet(&mut self, may_wait: bool) -> bool {
        match self {
            Self::Plain(connection) => match poll_once(connection.read(&mut [0])) {
                None => true,
                Some(outcome) => may_wait && outcome.map_err(from_io) == Err(ErrorKind::Timeout),
            },
            #[cfg(feature = "tls")]
            Self::Tls(session) => session.is_quiet(),
            #[cfg(not(feature = "tls"))]
            Self::Tls(session) => match session.0 {},
        }
    }
}

/// A session that data may pass through.
#[cfg(feature = "tls")]
pub(crate) fn open<'t, 'm, C, R: RawMutex>(
    session: &'t mut TlsSession<'m, C, R>,
) -> Result<&'t mut TlsSession<'m, C, R>, ErrorKind> {
    if session.session().is_open() { Ok(session) } else { Err(ErrorKind::NotConnected) }
}

pub(crate) fn from_io<E: embedded_io_async::Error>(error: E) -> ErrorKind {
    ErrorKind::from(error.kind())
}

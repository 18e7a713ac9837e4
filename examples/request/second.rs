//! `--engine embedded-tls`: sockets whose TLS is that of the second engine. It stands above the sockets of the pool, which
//! stay plain to the pool, and so are not kept for the next request.

use std::{cell::Cell, net::SocketAddr, rc::Rc};

use embedded_io_async::{ErrorType, Read, Write};
use socketpool::{
    Error, Phase, Result,
    pool::Key,
    time::Deadline,
    tls::{
        Random, TimeSource, TlsContext, TlsStreamError,
        embedded_tls::{Memory, TlsStream},
    },
    traits::Socket,
};

use crate::meter::count;

/// A socket of the pool, or TLS of the second engine over one.
pub enum AnySocket<'m, S: Socket + 'm> {
    Pool(S),
    Second {
        stream: Box<TlsStream<'m, Below<S>>>,
        shared: Rc<Shared>,
    },
    /// A handshake failed, and took the socket with it.
    Gone,
}

/// The socket below TLS. A stream gives what is below out at its end only, so what is to be told it lies where both find it.
pub struct Below<S> {
    socket: S,
    shared: Rc<Shared>,
}

#[derive(Default)]
pub struct Shared {
    /// If it has changed since.
    deadline: Cell<Option<Deadline>>,
    /// What is written from here on is TLS's own, and counted here.
    is_closing: Cell<bool>,
    tls_writes: Rc<Cell<usize>>,
}

impl<S: Socket> Below<S> {
    fn in_time(&mut self) -> &mut S {
        if let Some(deadline) = self.shared.deadline.get() {
            self.socket.set_deadline(deadline);
        }
        &mut self.socket
    }
}

const GONE: Error = Error::new(Phase::Setup, socketpool::ErrorKind::NotConnected);

impl<'m, S: Socket + 'm> AnySocket<'m, S> {
    /// Performs the handshake by the second engine, over a socket that is connected.
    pub async fn wrap_second<G: Random, C: TimeSource>(
        &mut self,
        context: &TlsContext<'_, G, C>,
        host: &str,
        tls_writes: Rc<Cell<usize>>,
    ) -> Result<()> {
        let Self::Pool(socket) = std::mem::replace(self, Self::Gone) else { return Err(GONE) };
        let shared = Rc::new(Shared { tls_writes, ..Shared::default() });
        // A stream borrows its memory for as long as it lives. That of a desk is never given back.
        let memory = Box::leak(Box::new(Memory::new()));
        let mut stream = TlsStream::new(Below { socket, shared: Rc::clone(&shared) }, memory);
        stream.connect(context, host).await.map_err(at(Phase::Handshake))?;
        *self = Self::Second { stream: Box::new(stream), shared };
        Ok(())
    }
}

fn at(phase: Phase) -> impl Fn(TlsStreamError) -> Error {
    move |error| Error::new(phase, error.into())
}

impl<S: Socket> ErrorType for Below<S> {
    type Error = Error;
}

impl<S: Socket> Read for Below<S> {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize> {
        self.in_time().read(out).await
    }
}

impl<S: Socket> Write for Below<S> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        if self.shared.is_closing.get() {
            count(&self.shared.tls_writes);
        }
        self.in_time().write(bytes).await
    }

    async fn flush(&mut self) -> Result<()> {
        self.in_time().flush().await
    }
}

impl<S: Socket> ErrorType for AnySocket<'_, S> {
    type Error = Error;
}

impl<S: Socket> Read for AnySocket<'_, S> {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize> {
        match self {
            Self::Pool(socket) => socket.read(out).await,
            Self::Second { stream, .. } => stream.read(out).await.map_err(at(Phase::Receive)),
            Self::Gone => Err(GONE),
        }
    }
}

impl<S: Socket> Write for AnySocket<'_, S> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        match self {
            Self::Pool(socket) => socket.write(bytes).await,
            Self::Second { stream, .. } => stream.write(bytes).await.map_err(at(Phase::Send)),
            Self::Gone => Err(GONE),
        }
    }

    async fn flush(&mut self) -> Result<()> {
        match self {
            Self::Pool(socket) => socket.flush().await,
            Self::Second { stream, .. } => stream.flush().await.map_err(at(Phase::Send)),
            Self::Gone => Err(GONE),
        }
    }
}

impl<S: Socket> Socket for AnySocket<'_, S> {
    fn set_deadline(&mut self, at: Deadline) {
        match self {
            Self::Pool(socket) => socket.set_deadline(at),
            Self::Second { shared, .. } => shared.deadline.set(Some(at)),
            Self::Gone => {}
        }
    }

    async fn connect(&mut self, host: &str, port: u16) -> Result<()> {
        match self {
            Self::Pool(socket) => socket.connect(host, port).await,
            _ => Err(GONE),
        }
    }

    async fn connect_addr(&mut self, remote: SocketAddr) -> Result<()> {
        match self {
            Self::Pool(socket) => socket.connect_addr(remote).await,
            _ => Err(GONE),
        }
    }

    fn keep(self, key: Key<'_>) {
        match self {
            Self::Pool(socket) => socket.keep(key),
            // Closed, in order as far as that needs no waiting.
            Self::Second { stream, shared } => {
                shared.is_closing.set(true);
                drop(stream.close());
            }
            Self::Gone => {}
        }
    }

    async fn close(self) -> Result<()> {
        match self {
            Self::Pool(socket) => socket.close().await,
            Self::Second { stream, shared } => {
                shared.is_closing.set(true);
                match stream.close().map_err(at(Phase::Close))? {
                    Some(below) => below.socket.close().await,
                    None => Ok(()),
                }
            }
            Self::Gone => Ok(()),
        }
    }
}

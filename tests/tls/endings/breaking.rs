//! The host's network, whose connections stop sending when told to: from then on every write says that the connection is
//! broken, as it does when the peer has closed it, and what the peer said before can still be read.

use std::{cell::Cell, io, net::SocketAddr};

use embedded_io_async::{ErrorType, Read, Write};
use embedded_nal::TcpClientStack;
use embedded_nal_async::TcpConnect;

/// A stack, or a connection of it.
pub struct Breaking<'b, S> {
    pub inner: S,
    pub broken: &'b Cell<bool>,
}

type HostStack = std_embedded_nal_async::Stack;

impl<'b> TcpConnect for Breaking<'b, HostStack> {
    type Error = io::Error;
    type Connection<'a>
        = Breaking<'b, <HostStack as TcpConnect>::Connection<'a>>
    where
        Self: 'a;

    async fn connect(&self, remote: SocketAddr) -> io::Result<Self::Connection<'_>> {
        Ok(Breaking { inner: self.inner.connect(remote).await?, broken: self.broken })
    }
}

impl<S: ErrorType<Error = io::Error>> ErrorType for Breaking<'_, S> {
    type Error = io::Error;
}

impl<S: Read + ErrorType<Error = io::Error>> Read for Breaking<'_, S> {
    async fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.inner.read(out).await
    }
}

impl<S: Write + ErrorType<Error = io::Error>> Write for Breaking<'_, S> {
    async fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.broken.get() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.inner.write(bytes).await
    }

    async fn flush(&mut self) -> io::Result<()> {
        self.inner.flush().await
    }
}

/// What the host's blocking stack says, or that the connection is broken.
#[derive(Debug)]
pub enum Failed<E> {
    Broken,
    Host(E),
}

impl<E: embedded_nal::TcpError> embedded_nal::TcpError for Failed<E> {
    fn kind(&self) -> embedded_nal::TcpErrorKind {
        match self {
            Self::Broken => embedded_nal::TcpErrorKind::PipeClosed,
            Self::Host(error) => error.kind(),
        }
    }
}

impl<S: TcpClientStack> TcpClientStack for Breaking<'_, S> {
    type TcpSocket = S::TcpSocket;
    type Error = Failed<S::Error>;

    fn socket(&mut self) -> Result<S::TcpSocket, Self::Error> {
        self.inner.socket().map_err(Failed::Host)
    }

    fn connect(&mut self, socket: &mut S::TcpSocket, remote: SocketAddr) -> nb::Result<(), Self::Error> {
        self.inner.connect(socket, remote).map_err(|error| error.map(Failed::Host))
    }

    fn send(&mut self, socket: &mut S::TcpSocket, bytes: &[u8]) -> nb::Result<usize, Self::Error> {
        if self.broken.get() {
            return Err(nb::Error::Other(Failed::Broken));
        }
        self.inner.send(socket, bytes).map_err(|error| error.map(Failed::Host))
    }

    fn receive(&mut self, socket: &mut S::TcpSocket, out: &mut [u8]) -> nb::Result<usize, Self::Error> {
        self.inner.receive(socket, out).map_err(|error| error.map(Failed::Host))
    }

    fn close(&mut self, socket: S::TcpSocket) -> Result<(), Self::Error> {
        self.inner.close(socket).map_err(Failed::Host)
    }
}

impl<S: embedded_nal::Dns> embedded_nal::Dns for Breaking<'_, S> {
    type Error = S::Error;

    fn get_host_by_name(&mut self, name: &str, kind: embedded_nal::AddrType) -> nb::Result<std::net::IpAddr, S::Error> {
        self.inner.get_host_by_name(name, kind)
    }

    fn get_host_by_address(&mut self, address: std::net::IpAddr, out: &mut [u8]) -> nb::Result<usize, S::Error> {
        self.inner.get_host_by_address(address, out)
    }
}

//! The host's network, with everything that the client writes copied aside.

use std::{cell::RefCell, io, net::SocketAddr};

use embedded_io_async::{ErrorType, Read, Write};
use embedded_nal::TcpClientStack;
use embedded_nal_async::TcpConnect;

type HostStack = std_embedded_nal_async::Stack;

/// A stack, or a connection of it, and what was written.
pub struct Tap<'t, S> {
    pub inner: S,
    pub written: &'t RefCell<Vec<u8>>,
}

impl<'t> TcpConnect for Tap<'t, HostStack> {
    type Error = io::Error;
    type Connection<'a>
        = Tap<'t, <HostStack as TcpConnect>::Connection<'a>>
    where
        Self: 'a;

    async fn connect(&self, remote: SocketAddr) -> io::Result<Self::Connection<'_>> {
        Ok(Tap { inner: self.inner.connect(remote).await?, written: self.written })
    }
}

impl<S: ErrorType> ErrorType for Tap<'_, S> {
    type Error = S::Error;
}

impl<S: Read> Read for Tap<'_, S> {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, S::Error> {
        self.inner.read(out).await
    }
}

impl<S: Write> Write for Tap<'_, S> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, S::Error> {
        let count = self.inner.write(bytes).await?;
        self.written.borrow_mut().extend(&bytes[..count]);
        Ok(count)
    }

    async fn flush(&mut self) -> Result<(), S::Error> {
        self.inner.flush().await
    }
}

impl<S: TcpClientStack> TcpClientStack for Tap<'_, S> {
    type TcpSocket = S::TcpSocket;
    type Error = S::Error;

    fn socket(&mut self) -> Result<S::TcpSocket, S::Error> {
        self.inner.socket()
    }

    fn connect(&mut self, socket: &mut S::TcpSocket, remote: SocketAddr) -> nb::Result<(), S::Error> {
        self.inner.connect(socket, remote)
    }

    fn send(&mut self, socket: &mut S::TcpSocket, bytes: &[u8]) -> nb::Result<usize, S::Error> {
        let count = self.inner.send(socket, bytes)?;
        self.written.borrow_mut().extend(&bytes[..count]);
        Ok(count)
    }

    fn receive(&mut self, socket: &mut S::TcpSocket, out: &mut [u8]) -> nb::Result<usize, S::Error> {
        self.inner.receive(socket, out)
    }

    fn close(&mut self, socket: S::TcpSocket) -> Result<(), S::Error> {
        self.inner.close(socket)
    }
}

impl<S: embedded_nal::Dns> embedded_nal::Dns for Tap<'_, S> {
    type Error = S::Error;

    fn get_host_by_name(&mut self, name: &str, kind: embedded_nal::AddrType) -> nb::Result<std::net::IpAddr, S::Error> {
        self.inner.get_host_by_name(name, kind)
    }

    fn get_host_by_address(&mut self, address: std::net::IpAddr, out: &mut [u8]) -> nb::Result<usize, S::Error> {
        self.inner.get_host_by_address(address, out)
    }
}

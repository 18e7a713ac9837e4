//! TCP: connections and listeners.

use core::net::SocketAddr;
use std::{
    io::{self, Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
};

use async_io::Async;
use embedded_io_async::{ErrorKind, ErrorType, Read, Write};
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

use super::{Network, in_words, wait::woken};
use crate::stack::{Connect, Connection, Listen, Listener, Local, SocketOption, Split};

impl Connect for Network {
    type Connection<'a> = NetworkConnection;

    /// A future that is dropped closes its socket, and that ends the attempt.
    async fn connect(&self, remote: SocketAddr) -> Result<NetworkConnection, ErrorKind> {
        woken(Async::<TcpStream>::connect(remote)).await.map(NetworkConnection).map_err(in_words)
    }
}

/// A connection of a [`Network`].
#[derive(Debug)]
pub struct NetworkConnection(Async<TcpStream>);

impl ErrorType for NetworkConnection {
    type Error = ErrorKind;
}

impl Read for NetworkConnection {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, ErrorKind> {
        (&mut &*self).read(out).await
    }
}

impl Write for NetworkConnection {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        (&mut &*self).write(bytes).await
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

impl Connection for NetworkConnection {
    async fn shutdown(&mut self) -> Result<(), ErrorKind> {
        self.close_write().await
    }

    async fn close_write(&mut self) -> Result<(), ErrorKind> {
        self.0.get_ref().shutdown(Shutdown::Write).map_err(in_words)
    }

    fn local_addr(&self) -> Result<SocketAddr, ErrorKind> {
        self.0.get_ref().local_addr().map_err(in_words)
    }

    fn set_option(&mut self, option: SocketOption) -> Result<(), ErrorKind> {
        let socket = SockRef::from(self.0.get_ref());
        let set = match option {
            SocketOption::NoDelay(on) => self.0.get_ref().set_nodelay(on),
            SocketOption::KeepAlive(None) => socket.set_keepalive(false),
            SocketOption::KeepAlive(Some(idle)) => socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(idle)),
            _ => return Err(ErrorKind::Unsupported),
        };
        set.map_err(in_words)
    }
}

/// Both directions at the same time: the operating system's sockets allow it by reference.
impl Split for NetworkConnection {
    type Reader<'a> = &'a Self;
    type Writer<'a> = &'a Self;

    fn split(&mut self) -> (&Self, &Self) {
        (self, self)
    }
}

impl ErrorType for &NetworkConnection {
    type Error = ErrorKind;
}

impl Read for &NetworkConnection {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, ErrorKind> {
        woken(self.0.read_with(|mut stream| stream.read(out))).await.map_err(in_words)
    }
}

impl Write for &NetworkConnection {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        woken(self.0.write_with(|mut stream| stream.write(bytes))).await.map_err(in_words)
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

impl Listen for Network {
    type Listener<'a> = NetworkListener;

    async fn listen(&self, local: Local, backlog: usize, reuse: bool) -> Result<NetworkListener, ErrorKind> {
        listener(local.to_addr(), backlog, reuse).map(NetworkListener).map_err(in_words)
    }
}

fn listener(local: SocketAddr, backlog: usize, reuse: bool) -> io::Result<Async<TcpListener>> {
    let socket = Socket::new(Domain::for_address(local), Type::STREAM, Some(Protocol::TCP))?;
    // On Windows TIME-WAIT keeps no port, and this option would let two programs have one.
    if !cfg!(windows) {
        socket.set_reuse_address(reuse)?;
    }
    socket.bind(&local.into())?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    Async::new(socket.into())
}

/// A listening socket of a [`Network`].
#[derive(Debug)]
pub struct NetworkListener(Async<TcpListener>);

impl Listener for NetworkListener {
    type Connection = NetworkConnection;

    async fn accept(&mut self) -> Result<(NetworkConnection, SocketAddr), ErrorKind> {
        let (stream, remote) = woken(self.0.accept()).await.map_err(in_words)?;
        Ok((NetworkConnection(stream), remote))
    }

    fn local_addr(&self) -> Result<SocketAddr, ErrorKind> {
        self.0.get_ref().local_addr().map_err(in_words)
    }
}

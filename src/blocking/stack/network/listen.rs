//! `TcpFullStack`: listeners.

use core::net::SocketAddr;

use embedded_io_async::ErrorKind;
use embedded_nal::TcpFullStack;

use super::{Network, NetworkConnection, tcp::TcpSocket};
use crate::{
    stack::{Listen, Listener, Local, unmapped},
    time::Clock,
};

impl<S: TcpFullStack, C: Clock, I: Fn(&mut S)> Listen for Network<S, C, I> {
    type Listener<'a>
        = NetworkListener<'a, S, C, I>
    where
        Self: 'a;

    /// embedded-nal has no word for a local address, and none for a port in TIME-WAIT: asking for either is `Unsupported`.
    /// The backlog is the stack's.
    async fn listen(&self, local: Local, _backlog: usize, reuse: bool) -> Result<Self::Listener<'_>, ErrorKind> {
        if reuse {
            return Err(ErrorKind::Unsupported);
        }
        let (socket, local) = self.bind_to(local, |stack, port| {
            let mut socket = stack.socket().map_err(|_| ErrorKind::OutOfMemory)?;
            match stack.bind(&mut socket, port).and_then(|()| stack.listen(&mut socket)) {
                Ok(()) => Ok(socket),
                Err(error) => {
                    let _ = stack.close(socket);
                    Err((self.tcp_errors)(&error))
                }
            }
        })?;
        Ok(NetworkListener { socket: TcpSocket::new(self, socket), local })
    }
}

/// A listening socket of a [`Network`].
pub struct NetworkListener<'a, S: TcpFullStack, C: Clock, I: Fn(&mut S)> {
    socket: TcpSocket<'a, S, C, I>,
    local: SocketAddr,
}

impl<'a, S: TcpFullStack, C: Clock, I: Fn(&mut S)> Listener for NetworkListener<'a, S, C, I> {
    type Connection = NetworkConnection<'a, S, C, I>;

    async fn accept(&mut self) -> Result<(Self::Connection, SocketAddr), ErrorKind> {
        let (accepted, remote) = self.socket.wait(|stack, socket| stack.accept(socket))?;
        Ok((NetworkConnection(self.socket.sibling(accepted)), unmapped(remote)))
    }

    fn local_addr(&self) -> Result<SocketAddr, ErrorKind> {
        Ok(self.local)
    }
}

impl<S: TcpFullStack, C: Clock, I: Fn(&mut S)> core::fmt::Debug for NetworkListener<'_, S, C, I> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("NetworkListener").field("local", &self.local).finish_non_exhaustive()
    }
}

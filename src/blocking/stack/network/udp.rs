//! `UdpFullStack`: datagrams.

use core::net::SocketAddr;

use embedded_io_async::ErrorKind;
use embedded_nal::{TcpClientStack, UdpClientStack, UdpFullStack};

use super::{Network, UdpSilence};
use crate::{
    stack::{DatagramSocket, Datagrams, Family, Local, unmapped},
    time::Clock,
};

impl<S: TcpClientStack + UdpFullStack, C: Clock, I: Fn(&mut S)> Datagrams for Network<S, C, I> {
    type Socket<'a>
        = NetworkDatagrams<'a, S, C, I>
    where
        Self: 'a;

    /// embedded-nal has no word for a local address: only all of them can be asked for.
    async fn bind(&self, local: Local) -> Result<Self::Socket<'_>, ErrorKind> {
        let (socket, local) = self.bind_to(local, |stack, port| {
            let mut socket = UdpClientStack::socket(stack).map_err(|_| ErrorKind::OutOfMemory)?;
            if stack.bind(&mut socket, port).is_ok() {
                return Ok(socket);
            }
            let _ = UdpClientStack::close(stack, socket);
            Err(ErrorKind::Other)
        })?;
        Ok(NetworkDatagrams { network: self, socket: Some(socket), local })
    }
}

/// A UDP socket of a [`Network`].
pub struct NetworkDatagrams<'a, S: TcpClientStack + UdpFullStack, C: Clock, I: Fn(&mut S)> {
    network: &'a Network<S, C, I>,
    /// There until it is closed.
    socket: Option<S::UdpSocket>,
    local: SocketAddr,
}

impl<S: TcpClientStack + UdpFullStack, C: Clock, I: Fn(&mut S)> DatagramSocket for NetworkDatagrams<'_, S, C, I> {
    fn family(&self) -> Family {
        Family::Any
    }

    async fn send_to(&mut self, remote: SocketAddr, datagram: &[u8]) -> Result<(), ErrorKind> {
        let socket = self.socket.as_mut().ok_or(ErrorKind::NotConnected)?;
        self.network
            .wait(|stack| stack.send_to(socket, remote, datagram).map_err(|error| error.map(|_| ErrorKind::Other)))?;
        self.network.move_on();
        Ok(())
    }

    async fn recv_from(&mut self, out: &mut [u8]) -> Result<(usize, SocketAddr), ErrorKind> {
        let socket = self.socket.as_mut().ok_or(ErrorKind::NotConnected)?;
        let silence = self.network.udp_silence;
        self.network.wait(|stack| match UdpClientStack::receive(stack, socket, out) {
            Ok((size, remote)) => Ok((size, unmapped(remote))),
            Err(nb::Error::Other(_)) if silence == UdpSilence::Error => Err(nb::Error::WouldBlock),
            Err(error) => Err(error.map(|_| ErrorKind::Other)),
        })
    }

    fn local_addr(&self) -> Result<SocketAddr, ErrorKind> {
        Ok(self.local)
    }
}

impl<S: TcpClientStack + UdpFullStack, C: Clock, I: Fn(&mut S)> Drop for NetworkDatagrams<'_, S, C, I> {
    fn drop(&mut self) {
        let Some(socket) = self.socket.take() else { return };
        match self.network.stack.try_borrow_mut() {
            Ok(mut stack) => drop(UdpClientStack::close(&mut *stack, socket)),
            Err(_) => warning!("network: a socket that is dropped by the idle hook cannot be closed"),
        }
    }
}

impl<S: TcpClientStack + UdpFullStack, C: Clock, I: Fn(&mut S)> core::fmt::Debug for NetworkDatagrams<'_, S, C, I> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("NetworkDatagrams").finish_non_exhaustive()
    }
}

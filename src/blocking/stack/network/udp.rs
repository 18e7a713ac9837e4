//! `UdpFullStack`: datagrams.

use core::net::SocketAddr;

use embedded_io::ErrorKind;
use embedded_nal::UdpFullStack;

use super::{Network, PORTS_TRIED, UdpSilence};
use crate::{
    blocking::stack::{DatagramSocket, Datagrams, Family, Local},
    stack::unmapped,
    time::Clock,
};

impl<S: UdpFullStack, C: Clock, I: Fn(&mut S)> Datagrams for Network<S, C, I> {
    type Socket<'a>
        = NetworkDatagrams<'a, S, C, I>
    where
        Self: 'a;

    /// embedded-nal has no word for a local address: only all of them can be asked for.
    fn bind(&self, Local { address, port, .. }: Local) -> Result<Self::Socket<'_>, ErrorKind> {
        if address.is_some_and(|address| !address.is_unspecified()) {
            return Err(ErrorKind::Unsupported);
        }
        let mut stack = self.stack.try_borrow_mut().map_err(|_| ErrorKind::Other)?;
        for _ in 0..if port == 0 { PORTS_TRIED } else { 1 } {
            let mut socket = stack.socket().map_err(|_| ErrorKind::OutOfMemory)?;
            let port = if port == 0 { self.pick_port() } else { port };
            if stack.bind(&mut socket, port).is_ok() {
                return Ok(NetworkDatagrams { network: self, socket: Some(socket) });
            }
            let _ = stack.close(socket);
        }
        Err(ErrorKind::Other)
    }
}

/// A UDP socket of a [`Network`].
pub struct NetworkDatagrams<'a, S: UdpFullStack, C: Clock, I: Fn(&mut S)> {
    network: &'a Network<S, C, I>,
    /// There until it is closed.
    socket: Option<S::UdpSocket>,
}

impl<S: UdpFullStack, C: Clock, I: Fn(&mut S)> DatagramSocket for NetworkDatagrams<'_, S, C, I> {
    fn family(&self) -> Family {
        Family::Any
    }

    fn send_to(&mut self, remote: SocketAddr, datagram: &[u8]) -> Result<(), ErrorKind> {
        let socket = self.socket.as_mut().ok_or(ErrorKind::NotConnected)?;
        self.network
            .wait(|stack| stack.send_to(socket, remote, datagram).map_err(|error| error.map(|_| ErrorKind::Other)))?;
        self.network.move_on();
        Ok(())
    }

    fn recv_from(&mut self, out: &mut [u8]) -> Result<(usize, SocketAddr), ErrorKind> {
        let socket = self.socket.as_mut().ok_or(ErrorKind::NotConnected)?;
        let silence = self.network.udp_silence;
        self.network.wait(|stack| match stack.receive(socket, out) {
            Ok((size, remote)) => Ok((size, unmapped(remote))),
            Err(nb::Error::Other(_)) if silence == UdpSilence::Error => Err(nb::Error::WouldBlock),
            Err(error) => Err(error.map(|_| ErrorKind::Other)),
        })
    }
}

impl<S: UdpFullStack, C: Clock, I: Fn(&mut S)> Drop for NetworkDatagrams<'_, S, C, I> {
    fn drop(&mut self) {
        let Some(socket) = self.socket.take() else { return };
        match self.network.stack.try_borrow_mut() {
            Ok(mut stack) => drop(stack.close(socket)),
            Err(_) => warning!("network: a socket that is dropped by the idle hook cannot be closed"),
        }
    }
}

impl<S: UdpFullStack, C: Clock, I: Fn(&mut S)> core::fmt::Debug for NetworkDatagrams<'_, S, C, I> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("NetworkDatagrams").finish_non_exhaustive()
    }
}

//! UDP sockets of the stack.

use core::{
    cell::{Cell, RefCell},
    net::{IpAddr, SocketAddr},
};

use embassy_net::{
    IpListenEndpoint, Stack,
    udp::{BindError, SendError, UdpSocket},
};
use embedded_io_async::ErrorKind;
use heapless::Vec;

use super::{
    Network,
    address::{address, endpoint, socket_addr},
    datagrams::{GROUPS, Groups},
};
use crate::{
    cell::Loan,
    stack::{DatagramSocket, Datagrams, Family, Local, SocketOption},
};

/// The TTL of multicast datagrams unless it is set: they stay in the local network (RFC 1112 §6.1).
const MULTICAST_TTL: u8 = 1;

/// A UDP socket of a [`Network`].
pub struct NetworkDatagrams<'a, 'd> {
    socket: Loan<'a, UdpSocket<'d>>,
    port: &'a Cell<u16>,
    stack: Stack<'d>,
    local: Local,
    multicast_ttl: u8,
    /// What datagrams are sent with at present; the stack's own with `None`.
    ttl: Option<u8>,
    groups: &'a RefCell<Groups>,
    joined: Vec<IpAddr, GROUPS>,
}

impl<'d, const TCP: usize, const UDP: usize> Datagrams for Network<'d, TCP, UDP> {
    type Socket<'a>
        = NetworkDatagrams<'a, 'd>
    where
        Self: 'a;

    async fn bind(&self, local: Local) -> Result<Self::Socket<'_>, ErrorKind> {
        if !self.is_local(local) {
            return Err(ErrorKind::AddrNotAvailable);
        }
        let is_taken = |port| self.ports.iter().any(|taken| taken.get() == port);
        if local.port != 0 && is_taken(local.port) {
            return Err(ErrorKind::AddrInUse);
        }
        let mut places = self.udp.iter().zip(&self.ports);
        let free = places.find_map(|(place, port)| place.lend().map(|socket| (socket, port)));
        let (mut socket, port) = free.ok_or(ErrorKind::OutOfMemory)?;
        let address = local.address.map(address).transpose()?;
        loop {
            socket.bind(IpListenEndpoint { addr: address, port: local.port }).map_err(|error| match error {
                BindError::NoRoute => ErrorKind::AddrNotAvailable,
                BindError::InvalidState => ErrorKind::Other,
            })?;
            if !is_taken(socket.endpoint().port) {
                break;
            }
            // Of its own choice the stack gave one that we have already; the next time it gives the next.
            socket.close();
        }
        socket.set_hop_limit(None);
        port.set(socket.endpoint().port);
        let local = Local { port: port.get(), family: family(local), ..local };
        Ok(NetworkDatagrams {
            socket,
            port,
            stack: self.stack,
            local,
            multicast_ttl: MULTICAST_TTL,
            ttl: None,
            groups: &self.groups,
            joined: Vec::new(),
        })
    }
}

/// Which addresses a socket that is bound there can send to.
const fn family(local: Local) -> Family {
    match local.address {
        Some(IpAddr::V4(_)) => Family::Ipv4,
        Some(IpAddr::V6(_)) => Family::Ipv6,
        None => local.family,
    }
}

impl NetworkDatagrams<'_, '_> {
    fn join(&mut self, group: IpAddr) -> Result<(), ErrorKind> {
        if self.joined.contains(&group) {
            return Ok(());
        }
        let address = address(group)?;
        let mut groups = self.groups.borrow_mut();
        match groups.iter_mut().find(|(other, _)| *other == group) {
            Some((_, members)) => *members += 1,
            None => {
                groups.push((group, 1)).map_err(|_| ErrorKind::OutOfMemory)?;
                if self.stack.join_multicast_group(address).is_err() {
                    groups.pop();
                    return Err(ErrorKind::OutOfMemory);
                }
            }
        }
        // It has as much room as the list of all.
        let _ = self.joined.push(group);
        Ok(())
    }

    fn leave(&mut self, group: IpAddr) -> Result<(), ErrorKind> {
        let ours = self.joined.iter().position(|other| *other == group).ok_or(ErrorKind::AddrNotAvailable)?;
        self.joined.swap_remove(ours);
        let mut groups = self.groups.borrow_mut();
        if let Some(index) = groups.iter().position(|(other, _)| *other == group) {
            groups[index].1 -= 1;
            if groups[index].1 == 0 {
                groups.swap_remove(index);
                let _ = self.stack.leave_multicast_group(address(group)?);
            }
        }
        Ok(())
    }
}

impl DatagramSocket for NetworkDatagrams<'_, '_> {
    fn family(&self) -> Family {
        self.local.family
    }

    /// Waits until there is room for it among those that the stack has not sent yet.
    async fn send_to(&mut self, remote: SocketAddr, datagram: &[u8]) -> Result<(), ErrorKind> {
        if remote.port() == 0 || remote.ip().is_unspecified() {
            return Err(ErrorKind::InvalidInput);
        }
        if !self.local.family.has(remote.ip()) {
            return Err(ErrorKind::AddrNotAvailable);
        }
        let ttl = remote.ip().is_multicast().then_some(self.multicast_ttl);
        if self.ttl != ttl {
            // It holds for what waits to be sent, too.
            self.socket.flush().await;
            self.socket.set_hop_limit(ttl);
            self.ttl = ttl;
        }
        self.socket.send_to(datagram, endpoint(remote)?).await.map_err(|error| match error {
            SendError::NoRoute => ErrorKind::AddrNotAvailable,
            SendError::PacketTooLarge => ErrorKind::InvalidInput,
            SendError::SocketNotBound => ErrorKind::NotConnected,
        })
    }

    async fn recv_from(&mut self, out: &mut [u8]) -> Result<(usize, SocketAddr), ErrorKind> {
        loop {
            let (size, remote) = self
                .socket
                .recv_from_with(|datagram, about| {
                    let fits = datagram.len().min(out.len());
                    out[..fits].copy_from_slice(&datagram[..fits]);
                    (datagram.len(), socket_addr(about.endpoint))
                })
                .await;
            if self.local.family.has(remote.ip()) {
                return Ok((size, remote));
            }
        }
    }

    fn local_addr(&self) -> Result<SocketAddr, ErrorKind> {
        Ok(self.local.to_addr())
    }

    fn set_member(&mut self, group: IpAddr, member: bool) -> Result<(), ErrorKind> {
        if !group.is_multicast() || !self.local.family.has(group) {
            return Err(ErrorKind::InvalidInput);
        }
        if member { self.join(group) } else { self.leave(group) }
    }

    fn set_option(&mut self, option: SocketOption) -> Result<(), ErrorKind> {
        match option {
            SocketOption::MulticastTtl(0) => Err(ErrorKind::InvalidInput),
            SocketOption::MulticastTtl(ttl) => {
                self.multicast_ttl = ttl;
                Ok(())
            }
            _ => Err(ErrorKind::Unsupported),
        }
    }
}

impl Drop for NetworkDatagrams<'_, '_> {
    fn drop(&mut self) {
        while let Some(&group) = self.joined.last() {
            let _ = self.leave(group);
        }
        self.socket.close();
        self.port.set(0);
    }
}

impl core::fmt::Debug for NetworkDatagrams<'_, '_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("NetworkDatagrams").field("local", &self.local).finish_non_exhaustive()
    }
}

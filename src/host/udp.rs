//! UDP.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::{boxed::Box, io, net::UdpSocket, vec};

use async_io::Async;
use embedded_io_async::ErrorKind;
use socket2::SockRef;

use super::{Network, in_words, wait::woken};
use crate::stack::{DatagramSocket, Datagrams, Family, Local, SocketOption};

/// The largest datagram that UDP can carry (RFC 768: the length has 16 bits, eight bytes of it are the header).
const LARGEST: usize = 65_527;

impl Datagrams for Network {
    type Socket<'a> = NetworkDatagrams;

    async fn bind(&self, local: Local) -> Result<NetworkDatagrams, ErrorKind> {
        bound(local.to_addr(), self.multicast).map_err(in_words)
    }
}

fn bound(local: SocketAddr, multicast: Ipv4Addr) -> io::Result<NetworkDatagrams> {
    let socket = Async::<UdpSocket>::bind(local)?;
    if local.is_ipv4() {
        SockRef::from(socket.get_ref()).set_multicast_if_v4(&multicast)?;
    }
    Ok(NetworkDatagrams { socket, local, multicast, received: vec![0; LARGEST].into() })
}

/// A UDP socket of a [`Network`].
#[derive(Debug)]
pub struct NetworkDatagrams {
    socket: Async<UdpSocket>,
    local: SocketAddr,
    multicast: Ipv4Addr,
    /// Room for any datagram, so that the true size of one is known that the caller has no room for.
    received: Box<[u8]>,
}

impl DatagramSocket for NetworkDatagrams {
    fn family(&self) -> Family {
        if self.local.is_ipv4() { Family::Ipv4 } else { Family::Ipv6 }
    }

    async fn send_to(&mut self, remote: SocketAddr, datagram: &[u8]) -> Result<(), ErrorKind> {
        woken(self.socket.send_to(datagram, remote)).await.map(|_| ()).map_err(in_words)
    }

    async fn recv_from(&mut self, out: &mut [u8]) -> Result<(usize, SocketAddr), ErrorKind> {
        let (size, sender) = woken(self.socket.recv_from(&mut self.received)).await.map_err(in_words)?;
        out.iter_mut().zip(self.received.iter().take(size)).for_each(|(to, from)| *to = *from);
        Ok((size, sender))
    }

    fn local_addr(&self) -> Result<SocketAddr, ErrorKind> {
        self.socket.get_ref().local_addr().map_err(in_words)
    }

    fn set_member(&mut self, group: IpAddr, member: bool) -> Result<(), ErrorKind> {
        let socket = self.socket.get_ref();
        let set = match (group, member) {
            (IpAddr::V4(group), true) => socket.join_multicast_v4(&group, &self.multicast),
            (IpAddr::V4(group), false) => socket.leave_multicast_v4(&group, &self.multicast),
            (IpAddr::V6(group), true) => socket.join_multicast_v6(&group, 0),
            (IpAddr::V6(group), false) => socket.leave_multicast_v6(&group, 0),
        };
        set.map_err(in_words)
    }

    fn set_option(&mut self, option: SocketOption) -> Result<(), ErrorKind> {
        let socket = SockRef::from(self.socket.get_ref());
        let set = match option {
            SocketOption::MulticastTtl(ttl) if self.local.is_ipv4() => socket.set_multicast_ttl_v4(ttl.into()),
            SocketOption::MulticastTtl(ttl) => socket.set_multicast_hops_v6(ttl.into()),
            _ => return Err(ErrorKind::Unsupported),
        };
        set.map_err(in_words)
    }
}

//! The memory of UDP sockets.

use core::{mem::MaybeUninit, net::IpAddr};

use embassy_net::{
    Stack,
    udp::{PacketMetadata, UdpSocket},
};
use heapless::Vec;

/// How many datagrams a socket keeps in each direction.
const QUEUE: usize = 4;

/// How many groups the network interface can be in: the default of the stack's build-time setting.
pub(super) const GROUPS: usize = 4;

/// What a UDP socket needs. The notes on datagrams are written when the socket is made: until then all of it is zeros, so
/// that as a static it takes no flash.
pub(super) struct UdpMemory<const DATAGRAM: usize> {
    received: MaybeUninit<[PacketMetadata; QUEUE]>,
    rx: [u8; DATAGRAM],
    sent: MaybeUninit<[PacketMetadata; QUEUE]>,
    tx: [u8; DATAGRAM],
}

impl<const DATAGRAM: usize> UdpMemory<DATAGRAM> {
    pub(super) const fn new() -> Self {
        Self { received: MaybeUninit::uninit(), rx: [0; DATAGRAM], sent: MaybeUninit::uninit(), tx: [0; DATAGRAM] }
    }

    pub(super) fn socket<'d>(&'d mut self, stack: Stack<'d>) -> UdpSocket<'d> {
        let received = self.received.write([PacketMetadata::EMPTY; QUEUE]);
        let sent = self.sent.write([PacketMetadata::EMPTY; QUEUE]);
        UdpSocket::new(stack, received, &mut self.rx, sent, &mut self.tx)
    }
}

/// The multicast groups that the interface is in, and for how many sockets.
pub(super) type Groups = Vec<(IpAddr, usize), GROUPS>;

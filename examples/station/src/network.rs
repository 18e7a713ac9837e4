//! embassy-net, as the pool wants it.

use core::{
    cell::{RefCell, RefMut},
    net::{IpAddr, SocketAddr},
};

use embassy_net::{
    IpAddress, Stack,
    dns::DnsSocket,
    tcp::client::{TcpClient, TcpClientState},
    udp::{PacketMetadata, UdpSocket},
};
use embedded_io_async::ErrorKind;
use socketpool::{
    stack::{self, Connect, DatagramSocket, Datagrams, Family, Local, Resolve, ResolveError},
    time::{Clock, Instant, Timer},
};
use static_cell::StaticCell;

/// TCP connections at a time.
pub const SOCKETS: usize = 2;

/// Sockets of the stack: these, and one each for UDP, DHCP and DNS.
pub const STACK_SOCKETS: usize = SOCKETS + 3;

/// Bytes that a connection can have on the way to the peer.
const TX_LEN: usize = 1024;

/// Bytes that a connection can have received and nobody has read.
const RX_LEN: usize = 4096;

/// The largest datagrams, and how many of them can wait.
const DATAGRAM_LEN: usize = 512;
const DATAGRAMS: usize = 2;

type Tcp = TcpClient<'static, SOCKETS, TX_LEN, RX_LEN>;

/// The network of a board.
pub struct Network {
    streams: stack::Network<Tcp, DnsSocket<'static>, Ticks>,
    /// Whoever binds it has it until it is closed.
    datagrams: RefCell<UdpSocket<'static>>,
}

impl Network {
    /// Puts it on top of this stack. Its memory lies in statics.
    ///
    /// # Panics
    /// The second time.
    #[must_use]
    pub fn new(stack: Stack<'static>) -> &'static mut Self {
        static TCP: StaticCell<TcpClientState<SOCKETS, TX_LEN, RX_LEN>> = StaticCell::new();
        static UDP: StaticCell<[([PacketMetadata; DATAGRAMS], [u8; DATAGRAMS * DATAGRAM_LEN]); 2]> = StaticCell::new();
        static NETWORK: StaticCell<Network> = StaticCell::new();
        let tcp = TcpClient::new(stack, TCP.init_with(TcpClientState::new));
        let queue = || ([PacketMetadata::EMPTY; DATAGRAMS], [0; DATAGRAMS * DATAGRAM_LEN]);
        let [rx, tx] = UDP.init_with(|| [queue(), queue()]);
        let udp = UdpSocket::new(stack, &mut rx.0, &mut rx.1, &mut tx.0, &mut tx.1);
        NETWORK.init(Self {
            streams: stack::Network::new(tcp, DnsSocket::new(stack), Ticks),
            datagrams: RefCell::new(udp),
        })
    }
}

impl Connect for Network {
    type Connection<'a> = <stack::Network<Tcp, DnsSocket<'static>, Ticks> as Connect>::Connection<'a>;

    async fn connect(&self, remote: SocketAddr) -> Result<Self::Connection<'_>, ErrorKind> {
        self.streams.connect(remote).await
    }
}

impl Resolve for Network {
    async fn resolve(&self, host: &str, family: Family) -> Result<IpAddr, ResolveError> {
        self.streams.resolve(host, family).await
    }
}

impl Clock for Network {
    fn now(&self) -> Instant {
        Ticks.now()
    }
}

impl Timer for Network {
    async fn wait_until(&self, at: Instant) {
        Ticks.wait_until(at).await;
    }
}

impl Datagrams for Network {
    type Socket<'a> = Datagram<'a>;

    async fn bind(&self, local: Local) -> Result<Datagram<'_>, ErrorKind> {
        let mut socket = self.datagrams.try_borrow_mut().map_err(|_| ErrorKind::OutOfMemory)?;
        socket.bind(local.port).map_err(|_| ErrorKind::AddrInUse)?;
        Ok(Datagram(socket))
    }
}

/// The UDP socket, bound.
pub struct Datagram<'a>(RefMut<'a, UdpSocket<'static>>);

impl DatagramSocket for Datagram<'_> {
    fn family(&self) -> Family {
        Family::Ipv4
    }

    async fn send_to(&mut self, remote: SocketAddr, datagram: &[u8]) -> Result<(), ErrorKind> {
        let SocketAddr::V4(remote) = remote else { return Err(ErrorKind::Unsupported) };
        self.0.send_to(datagram, remote).await.map_err(|_| ErrorKind::Other)
    }

    async fn recv_from(&mut self, out: &mut [u8]) -> Result<(usize, SocketAddr), ErrorKind> {
        let (len, from) = self.0.recv_from(out).await.map_err(|_| ErrorKind::OutOfMemory)?;
        let IpAddress::Ipv4(ip) = from.endpoint.addr;
        Ok((len, SocketAddr::new(ip.into(), from.endpoint.port)))
    }
}

impl Drop for Datagram<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// The time since power-up.
#[derive(Debug, Clone, Copy)]
pub struct Ticks;

impl Clock for Ticks {
    fn now(&self) -> Instant {
        Instant::from_millis(embassy_time::Instant::now().as_millis())
    }
}

impl Timer for Ticks {
    async fn wait_until(&self, at: Instant) {
        embassy_time::Timer::at(embassy_time::Instant::from_millis(at.as_millis())).await;
    }
}

//! Two smoltcp stacks joined in memory: ours behind smoltcp-nal, and a peer that does what its ports promise.
//!
//! ```text
//!     SocketPool ─ Network ─ smoltcp-nal ─ Ethernet frames ─ smoltcp ─ Peer
//!                     └───────────── idle hook: a millisecond passes, both are polled ──┘
//! ```
//!
//! Time is made of calls of the idle hook, so a minute of waiting takes none, and every run is like the last one.
#![allow(dead_code, unused_imports, reason = "each test uses a part")]

mod peer;
mod wire;

use std::{
    cell::{Cell, RefCell},
    net::Ipv4Addr,
    rc::Rc,
};

use embedded_io::ErrorKind;
use embedded_time::fraction::Fraction;
use smoltcp::{
    iface::{Config, Interface, SocketSet},
    phy::Device,
    socket::{dns, tcp, udp},
    wire::{EthernetAddress, IpCidr, Ipv4Cidr},
};
use smoltcp_nal::{NetworkError, NetworkStack};
use socketpool::{
    blocking::{
        Network, ZeroRead,
        stack::{Stack as PoolStack, UdpSilence},
    },
    stack::Datagrams,
    time::{Clock, Instant},
};

pub use wire::{Bad, End};

pub use peer::{BYE_PORT, ECHO_PORT, GREETING, LATE_PORT, NO_PORT, PAGE, Peer, RESET_PORT, SILENT_PORT, Seen};

/// Where our stack is.
pub const OURS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
/// Where the peer is.
pub const PEER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
/// Nobody is there: not even its Ethernet address is known.
pub const NOBODY: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 3);

/// How many sockets of each kind our stack has.
pub const SOCKETS: usize = 2;
/// What a TCP socket of ours has room for, in bytes, in each direction.
pub const ROOM: usize = 2048;

/// Milliseconds since the start; the idle hook moves them on.
#[derive(Debug, Clone, Default)]
pub struct Ticks(Rc<Cell<u64>>);

impl Clock for Ticks {
    fn now(&self) -> Instant {
        Instant::from_millis(self.0.get())
    }
}

impl embedded_time::Clock for Ticks {
    type T = u32;

    const SCALING_FACTOR: Fraction = Fraction::new(1, 1000);

    fn try_now(&self) -> Result<embedded_time::Instant<Self>, embedded_time::clock::Error> {
        Ok(embedded_time::Instant::new(self.0.get() as u32))
    }
}

impl Ticks {
    fn tick(&self) -> smoltcp::time::Instant {
        self.0.set(self.0.get() + 1);
        smoltcp::time::Instant::from_millis(self.0.get() as i64)
    }
}

/// Our stack.
pub type Stack = NetworkStack<'static, End, Ticks>;

/// Whoever is at the other end of the wire.
pub trait Company {
    /// Receives, does what is to be done, and sends.
    fn poll(&mut self, now: smoltcp::time::Instant);
}

/// A peer, and the wire to it.
pub struct Lab<P = Peer> {
    pub peer: Rc<RefCell<P>>,
    ticks: Ticks,
    wire: Rc<RefCell<wire::Wire>>,
}

impl<P: Company + 'static> Lab<P> {
    /// A peer, and our stack on a wire to it.
    pub fn new(peer: impl FnOnce(End) -> P) -> (Self, Stack) {
        let ticks = Ticks::default();
        let wire = Rc::new(RefCell::new(wire::Wire::default()));
        let mut end = End::new(&wire, 0);
        let interface = interface(&mut end, OURS);
        let mut sockets = SocketSet::new(vec![]);
        for _ in 0..SOCKETS {
            sockets.add(tcp_socket(ROOM));
            sockets.add(udp_socket());
        }
        sockets.add(dns::Socket::new(&[PEER.into()], vec![None, None]));
        let stack = NetworkStack::new(interface, end, sockets, ticks.clone());
        let peer = Rc::new(RefCell::new(peer(End::new(&wire, 1))));
        (Self { peer, ticks, wire }, stack)
    }

    /// From now on every `n`th frame is lost, in either direction.
    pub fn lose_every(&self, n: usize) {
        self.wire.borrow_mut().lose_every(n);
    }

    /// From now on frames are lost, doubled and put in another order.
    pub fn is_bad(&self, bad: Bad) {
        self.wire.borrow_mut().is_bad(bad);
    }

    /// How many frames have been lost.
    pub fn lost(&self) -> usize {
        self.wire.borrow().lost()
    }

    /// The network of a pool, set up as the page of [`Network`] says.
    pub fn network(&self, stack: Stack) -> Network<Stack, Ticks, impl Fn(&mut Stack) + use<P>> {
        let (ticks, peer) = (self.ticks.clone(), Rc::clone(&self.peer));
        let idle = move |stack: &mut Stack| {
            let now = ticks.tick();
            stack.poll().expect("a clock that goes");
            peer.borrow_mut().poll(now);
        };
        Network::new(stack, self.ticks.clone(), idle, ZeroRead::WouldBlock)
            .udp_silence(UdpSilence::Error)
            .tcp_errors(in_words)
    }
}

/// What smoltcp-nal knows about a failure.
fn in_words(error: &NetworkError) -> ErrorKind {
    match error {
        NetworkError::TcpReadFailure(tcp::RecvError::Finished) => ErrorKind::BrokenPipe,
        NetworkError::TcpReadFailure(_) | NetworkError::TcpWriteFailure(_) => ErrorKind::ConnectionReset,
        NetworkError::Unsupported => ErrorKind::Unsupported,
        _ => ErrorKind::Other,
    }
}

/// A lab with a network on it, for a pool.
pub fn lab() -> (Lab, impl PoolStack + Datagrams) {
    let (lab, stack) = Lab::new(Peer::new);
    let network = lab.network(stack);
    (lab, network)
}

pub fn interface(device: &mut impl Device, address: Ipv4Addr) -> Interface {
    let ethernet = EthernetAddress([2, 0, 0, 0, 0, address.octets()[3]]);
    let mut config = Config::new(ethernet.into());
    config.random_seed = address.octets()[3].into();
    let mut interface = Interface::new(config, device, smoltcp::time::Instant::ZERO);
    let network = IpCidr::Ipv4(Ipv4Cidr::new(address, 24));
    interface.update_ip_addrs(|addresses| addresses.push(network).expect("room for one address"));
    interface
}

pub fn tcp_socket(room: usize) -> tcp::Socket<'static> {
    let buffer = || tcp::SocketBuffer::new(vec![0; room]);
    tcp::Socket::new(buffer(), buffer())
}

pub fn udp_socket() -> udp::Socket<'static> {
    let packets = || udp::PacketBuffer::new(vec![udp::PacketMetadata::EMPTY; 4], vec![0; 2048]);
    udp::Socket::new(packets(), packets())
}

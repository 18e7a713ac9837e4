//! embassy-net: the stack of Embassy, with all that it can do.
//!
//! A [`Network`] is made once, of a [`Stack`] and a [`NetworkResources`]. All sockets are added to the stack right then
//! and stay there, each with its buffers: connections, listeners and datagram sockets only borrow them. So nothing is
//! added to the stack while the program runs, no socket can get lost, and no more are asked for than there is room for:
//! when all are in use, `OutOfMemory` says so.
//!
//! ```text
//!               connect, accept                drop: FIN
//!   free socket ────────────────▶ connection ───────────────▶ free socket that still delivers
//!        ▲                            │                                  │
//!        ├───────── drop: RST ────────┘                                  │
//!        └────── delivered, ten seconds of silence, or needed ───────────┘
//! ```
//!
//! A peer always learns the end: [a FIN if it was complete, a RST if not](NetworkConnection).
//! [`flush`](embedded_io_async::Write::flush) waits until the peer has acknowledged everything.
//!
//! # How many sockets
//! - A pool of `N` slots needs `N` TCP sockets. A listener takes one for each client of its backlog, so a backlog of more
//!   than one wants as many more.
//! - `StackResources` must have room for the `TCP` + `UDP` sockets of this network, one of the stack's own for DNS, one
//!   for DHCP if you use it, and yours if you make any beside this.
//!
//! # Examples
//!
//! ```
//! use socketpool::{Resources, Result, embassy::{Network, NetworkResources, Pool}};
//! use static_cell::StaticCell;
//!
//! /// What an Embassy program does once its stack is up: everything in statics, so that tasks can have it.
//! fn pool(stack: embassy_net::Stack<'static>) -> &'static Pool<3> {
//!     static SOCKETS: StaticCell<NetworkResources<3>> = StaticCell::new();
//!     static NETWORK: StaticCell<Network<3>> = StaticCell::new();
//!     static MEMORY: StaticCell<Resources<3, 1>> = StaticCell::new();
//!     static POOL: StaticCell<Pool<3>> = StaticCell::new();
//!     let network = NETWORK.init(Network::new(stack, SOCKETS.init(NetworkResources::new())));
//!     POOL.init(Pool::new(network, MEMORY.init(Resources::new())))
//! }
//!
//! /// The signature of a task.
//! async fn greet(pool: &'static Pool<3>) -> Result<()> {
//!     let mut socket = pool.socket().await?;
//!     socket.connect("echo.example", 7).await?;
//!     socket.send_all(b"Hello, world").await?;
//!     socket.close().await
//! }
//! ```
//!
//! # Not supported
//! - The stack does not say why a name did not resolve, so every failure is
//!   [`NoAnswer`](ResolveError::NoAnswer), but for names that cannot exist.
//! - An attempt to connect that gets no response goes on until its future is dropped: use a deadline.
//! - `KeepAlive` asks the peer, every second at most; a peer that vanished and does not respond is noticed by your
//!   deadlines.
//! - A writer that waits asks the peer for its window, in case word of it got lost; one half of a split connection does so
//!   only with `KeepAlive`.
//! - `ReuseAddress` has no effect: a connection in TIME-WAIT does not keep its port.
//! - Membership in a multicast group is the network interface's: every socket on the group's port receives.
//! - A datagram is lost that is larger than `DATAGRAM` bytes or than the link can carry, or for which there is no room
//!   beside those that wait to be received.
//! - The device cannot talk to itself.
//! - Sockets that are made beside this network are not seen: keep to other ports.

mod address;
mod datagrams;
mod listen;
mod seat;
mod tcp;
mod udp;

use core::{
    array,
    cell::{Cell, RefCell},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    pin::pin,
    time::Duration,
};

use embassy_net::{
    Stack,
    dns::{self, DnsQueryType},
    tcp::TcpSocket,
    udp::UdpSocket,
};
use embedded_io_async::ErrorKind;

pub use self::tcp::{NetworkConnection, NetworkReader, NetworkWriter};
use self::{
    address::endpoint,
    datagrams::{Groups, UdpMemory},
    seat::Seat,
    tcp::{free, give_up_waiting},
};
#[cfg(all(feature = "tls", feature = "requests"))]
use crate::requests::Session;
use crate::stack::{Connect, Family, Local, Resolve, ResolveError};
#[cfg(feature = "tls")]
use crate::tls::{TlsContext, time::WallClock};
use crate::{
    SocketPool,
    cell::Place,
    time::{Clock, Deadline, EmbassyTimer, Instant, Timer},
};

/// A pool of `N` slots over embassy-net, as the signature of a task can name it.
pub type Pool<const N: usize, const TCP: usize = N, const UDP: usize = 1> =
    SocketPool<'static, Network<'static, TCP, UDP>, N>;

/// A TLS context with the random numbers of `R`, and a date that is set from time servers.
#[cfg(feature = "tls")]
pub type Tls<R, T = &'static WallClock<EmbassyTimer>> = TlsContext<'static, R, T>;

/// A session of verified requests over a [`Pool`] of `N` slots.
#[cfg(all(feature = "tls", feature = "requests"))]
pub type Http<const N: usize, R> = Session<'static, Pool<N>, Tls<R>>;

/// The memory of a [`Network`]: `TCP` sockets, each with `RX` bytes to receive and `TX` bytes to send, and `UDP` sockets,
/// each with `DATAGRAM` bytes in both directions.
///
/// `RX` is also the largest window that a peer is told of, so it limits the speed of what is received. `DATAGRAM` is
/// the largest datagram that can be sent or received; unless you say otherwise what an Ethernet frame holds.
///
/// # Examples
///
/// ```
/// use socketpool::embassy::NetworkResources;
///
/// let mut memory = NetworkResources::<3>::new();
/// // Beside the buffers, notes on eight datagrams.
/// assert!(size_of_val(&memory) < 3 * (2048 + 2048) + 2 * 1472 + 8 * 64);
/// ```
pub struct NetworkResources<
    const TCP: usize,
    const UDP: usize = 1,
    const RX: usize = 2048,
    const TX: usize = 2048,
    const DATAGRAM: usize = 1472,
> {
    tcp: [([u8; RX], [u8; TX]); TCP],
    udp: [UdpMemory<DATAGRAM>; UDP],
}

impl<const TCP: usize, const UDP: usize, const RX: usize, const TX: usize, const DATAGRAM: usize>
    NetworkResources<TCP, UDP, RX, TX, DATAGRAM>
{
    /// All of it empty.
    #[must_use]
    pub const fn new() -> Self {
        Self { tcp: [([0; RX], [0; TX]); TCP], udp: [const { UdpMemory::new() }; UDP] }
    }
}

impl<const TCP: usize, const UDP: usize, const RX: usize, const TX: usize, const DATAGRAM: usize> Default
    for NetworkResources<TCP, UDP, RX, TX, DATAGRAM>
{
    fn default() -> Self {
        Self::new()
    }
}

impl<const TCP: usize, const UDP: usize, const RX: usize, const TX: usize, const DATAGRAM: usize> core::fmt::Debug
    for NetworkResources<TCP, UDP, RX, TX, DATAGRAM>
{
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "NetworkResources<{TCP}, {UDP}, {RX}, {TX}, {DATAGRAM}>")
    }
}

/// A network over an embassy-net [`Stack`], of at most `TCP` and `UDP` sockets at a time.
///
/// It is all of the seam: [`Connect`], [`Listen`](crate::stack::Listen), [`Resolve`], [`Datagrams`](crate::stack::Datagrams) and
/// [`Timer`].
pub struct Network<'d, const TCP: usize, const UDP: usize = 1> {
    stack: Stack<'d>,
    tcp: [Place<TcpSocket<'d>>; TCP],
    seats: [Seat; TCP],
    udp: [Place<UdpSocket<'d>>; UDP],
    /// The ports of the UDP sockets that somebody holds; 0 for the others.
    ports: [Cell<u16>; UDP],
    groups: RefCell<Groups>,
}

impl<'d, const TCP: usize, const UDP: usize> Network<'d, TCP, UDP> {
    /// Adds the sockets to the stack.
    ///
    /// # Panics
    /// If the stack's `StackResources` have no room for them.
    #[must_use]
    pub fn new<const RX: usize, const TX: usize, const DATAGRAM: usize>(
        stack: Stack<'d>,
        memory: &'d mut NetworkResources<TCP, UDP, RX, TX, DATAGRAM>,
    ) -> Self {
        Self {
            stack,
            tcp: memory.tcp.each_mut().map(|(rx, tx)| Place::new(TcpSocket::new(stack, rx, tx))),
            seats: array::from_fn(|_| Seat { port: Cell::new(0), waker: Cell::new(None) }),
            udp: memory.udp.each_mut().map(|memory| Place::new(memory.socket(stack))),
            ports: array::from_fn(|_| Cell::new(0)),
            groups: RefCell::new(Groups::new()),
        }
    }

    /// The stack below.
    #[must_use]
    pub const fn stack(&self) -> Stack<'d> {
        self.stack
    }

    fn has_family(&self, family: Family) -> bool {
        match family {
            Family::Ipv4 => self.stack.config_v4().is_some(),
            #[cfg(feature = "embassy-net-ipv6")]
            Family::Ipv6 => self.stack.config_v6().is_some(),
            #[cfg(not(feature = "embassy-net-ipv6"))]
            Family::Ipv6 => false,
            Family::Any => true,
        }
    }

    /// Whether this is where we are, or can come to be.
    fn is_local(&self, local: Local) -> bool {
        match local.address {
            None => local.family != Family::Ipv6 || cfg!(feature = "embassy-net-ipv6"),
            Some(IpAddr::V4(address)) => {
                self.stack.config_v4().is_some_and(|config| config.address.address() == address)
            }
            #[cfg(feature = "embassy-net-ipv6")]
            Some(IpAddr::V6(address)) => {
                self.stack.config_v6().is_some_and(|config| config.address.address() == address)
            }
            #[cfg(not(feature = "embassy-net-ipv6"))]
            Some(IpAddr::V6(_)) => false,
        }
    }

    /// Whether packets to this address have a way out.
    fn has_route(&self, remote: IpAddr) -> bool {
        match remote {
            IpAddr::V4(remote) => self
                .stack
                .config_v4()
                .is_some_and(|config| config.gateway.is_some() || config.address.contains_addr(&remote)),
            #[cfg(feature = "embassy-net-ipv6")]
            IpAddr::V6(remote) => self.stack.config_v6().is_some_and(|config| {
                config.gateway.is_some() || config.address.contains_addr(&remote) || remote.is_unicast_link_local()
            }),
            #[cfg(not(feature = "embassy-net-ipv6"))]
            IpAddr::V6(_) => false,
        }
    }
}

impl<const TCP: usize, const UDP: usize> core::fmt::Debug for Network<'_, TCP, UDP> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Network<{TCP}, {UDP}>")
    }
}

impl<'d, const TCP: usize, const UDP: usize> Connect for Network<'d, TCP, UDP> {
    type Connection<'a>
        = NetworkConnection<'a, 'd>
    where
        Self: 'a;

    async fn connect(&self, remote: SocketAddr) -> Result<Self::Connection<'_>, ErrorKind> {
        if remote.port() == 0 || remote.ip().is_unspecified() {
            return Err(ErrorKind::InvalidInput);
        }
        if !self.has_route(remote.ip()) {
            return Err(ErrorKind::AddrNotAvailable);
        }
        let mut connection = free(&self.tcp, &self.seats).await.ok_or(ErrorKind::OutOfMemory)?;
        {
            let mut attempt = pin!(connection.connect(endpoint(remote)?));
            let mut waited = [false; TCP];
            loop {
                let soon = Deadline::within(self, Some(Duration::from_secs(1)));
                match soon.limit(self, attempt.as_mut()).await {
                    Some(outcome) => break outcome?,
                    None => give_up_waiting(&self.tcp, &mut waited),
                }
            }
        }
        Ok(connection)
    }
}

/// Only families that the stack has an address of are asked for.
impl<const TCP: usize, const UDP: usize> Resolve for Network<'_, TCP, UDP> {
    async fn resolve(&self, host: &str, family: Family) -> Result<IpAddr, ResolveError> {
        let mut one = [IpAddr::V4(Ipv4Addr::UNSPECIFIED)];
        self.resolve_all(host, family, &mut one).await?;
        Ok(one[0])
    }

    /// As many as the stack keeps: `SMOLTCP_DNS_MAX_RESULT_COUNT` when it is built, one unless you say otherwise.
    async fn resolve_all(&self, host: &str, family: Family, out: &mut [IpAddr]) -> Result<usize, ResolveError> {
        let mut outcome = Err(ResolveError::NoAnswer);
        for (candidate, question) in [(Family::Ipv4, DnsQueryType::A), (Family::Ipv6, DnsQueryType::Aaaa)] {
            if outcome.is_err() && (family == candidate || family == Family::Any) && self.has_family(candidate) {
                outcome = match self.stack.dns_query(host, question).await {
                    Ok(addresses) => {
                        out.iter_mut().zip(&addresses).for_each(|(place, address)| *place = (*address).into());
                        if addresses.is_empty() {
                            Err(ResolveError::NoAnswer)
                        } else {
                            Ok(addresses.len().min(out.len()))
                        }
                    }
                    Err(dns::Error::InvalidName | dns::Error::NameTooLong) => return Err(ResolveError::NoSuchName),
                    Err(dns::Error::Failed) => Err(ResolveError::NoAnswer),
                };
            }
        }
        outcome
    }
}

impl<const TCP: usize, const UDP: usize> Clock for Network<'_, TCP, UDP> {
    fn now(&self) -> Instant {
        EmbassyTimer.now()
    }
}

impl<const TCP: usize, const UDP: usize> Timer for Network<'_, TCP, UDP> {
    async fn wait_until(&self, at: Instant) {
        EmbassyTimer.wait_until(at).await;
    }
}

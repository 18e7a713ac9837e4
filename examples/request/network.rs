//! This host's network, as the two faces want it. A stack of your own needs the same few traits.
//!
//! Ready-made embedded-nal stacks exist for hosts (`quickstart.rs` uses them). This one does what they cannot: it goes
//! where `--resolve` points, counts for `--stats`, tells a refused connection from other failures, and ends every wait of
//! the blocking face at its deadline.

use std::{
    cell::Cell,
    io::{self, Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, ToSocketAddrs as _},
    sync::mpsc,
    task::Poll,
    thread,
    time::Duration,
};

use async_io::Async;
use embedded_io_async::{ErrorKind, ErrorType, Read, Write};
use embedded_nal_async::{AddrType, Dns as _};
use socketpool::{
    stack::{Connect, Connection, Family, Resolve, ResolveError},
    time::{BlockingTimer, Clock, Deadline, Instant, Timer},
};

use crate::{
    meter::{Meter, count},
    options::Route,
    support::HostClock,
};

/// The host's sockets and resolver, and the routes of `--resolve`.
///
/// A stack resolves a name without knowing the port, and a route is for one port. So a name that has routes resolves to
/// a stand-in address, and what it stands for is settled when the connection is made.
#[derive(Debug)]
pub struct HostNetwork<'n> {
    routes: &'n [Route],
    meter: &'n Meter,
    /// Of the blocking face.
    deadline: Cell<Deadline>,
}

/// Where a connection goes.
enum Destination<'n> {
    Address(SocketAddr),
    /// A name with routes, but none for this port.
    Name(&'n str),
}

impl<'n> HostNetwork<'n> {
    pub fn new(routes: &'n [Route], meter: &'n Meter) -> Self {
        Self { routes, meter, deadline: Cell::new(Deadline::NEVER) }
    }

    /// The stand-in for a name with routes: the number of its first route, in 240.0.0.0/4, where no host is
    /// (RFC 1112 §4).
    fn stand_in(&self, host: &str) -> Option<IpAddr> {
        let number = self.routes.iter().position(|route| route.host == host)?;
        Some(Ipv4Addr::from_bits(STAND_INS + number as u32).into())
    }

    /// What this address stands for.
    fn destination(&self, remote: SocketAddr) -> Destination<'n> {
        let IpAddr::V4(stand_in) = remote.ip() else { return Destination::Address(remote) };
        let number = stand_in.to_bits().checked_sub(STAND_INS);
        let Some(first) = number.and_then(|number| self.routes.get(number as usize)) else {
            return Destination::Address(remote);
        };
        let is_it = |route: &&Route| route.host == first.host && route.port == remote.port();
        match self.routes.iter().find(is_it) {
            Some(route) => Destination::Address(route.to),
            None => Destination::Name(&first.host),
        }
    }

    fn connected<T>(&self, stream: T, remote: SocketAddr) -> Tcp<'_, T> {
        self.meter.connected(remote);
        Tcp { stream, network: self }
    }
}

const STAND_INS: u32 = 0xf000_0000;

impl Clock for HostNetwork<'_> {
    fn now(&self) -> Instant {
        HostClock.now()
    }
}

impl Timer for HostNetwork<'_> {
    async fn wait_until(&self, at: Instant) {
        HostClock.wait_until(at).await;
    }
}

/// An open connection: `T` is the async or the blocking stream.
#[derive(Debug)]
pub struct Tcp<'c, T> {
    stream: T,
    network: &'c HostNetwork<'c>,
}

impl<T> ErrorType for Tcp<'_, T> {
    type Error = ErrorKind;
}

/// A failure, in embedded-io's words.
fn failure(error: io::Error) -> ErrorKind {
    match error.kind() {
        // What a blocking socket says when its time is over.
        io::ErrorKind::WouldBlock => ErrorKind::TimedOut,
        kind => kind.into(),
    }
}

// The async face: the waiting is async-io's.

impl Connect for HostNetwork<'_> {
    type Connection<'c>
        = Tcp<'c, Async<TcpStream>>
    where
        Self: 'c;

    async fn connect(&self, remote: SocketAddr) -> Result<Self::Connection<'_>, ErrorKind> {
        let address = match self.destination(remote) {
            Destination::Address(address) => address,
            Destination::Name(host) => {
                let address = look_up(host, Family::Any).await.map_err(|_| ErrorKind::NotFound)?;
                SocketAddr::new(address, remote.port())
            }
        };
        let stream = Async::<TcpStream>::connect(address).await.map_err(failure)?;
        stream.get_ref().set_nodelay(true).map_err(failure)?;
        Ok(self.connected(stream, address))
    }
}

impl Resolve for HostNetwork<'_> {
    async fn resolve(&self, host: &str, family: Family) -> Result<IpAddr, ResolveError> {
        match self.stand_in(host) {
            Some(stand_in) => Ok(stand_in),
            None => look_up(host, family).await,
        }
    }
}

/// Asks the host's resolver.
async fn look_up(host: &str, family: Family) -> Result<IpAddr, ResolveError> {
    let ask = async |family| std_embedded_nal_async::Stack::default().get_host_by_name(host, family).await;
    let answer = match family {
        Family::Ipv4 => ask(AddrType::IPv4).await,
        Family::Ipv6 => ask(AddrType::IPv6).await,
        Family::Any => match ask(AddrType::IPv4).await {
            Ok(address) => Ok(address),
            Err(_) => ask(AddrType::IPv6).await,
        },
    };
    answer.map_err(|_| ResolveError::NoAnswer)
}

impl Read for Tcp<'_, Async<TcpStream>> {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, ErrorKind> {
        self.stream.read_with(|mut stream| stream.read(out)).await.map_err(failure)
    }
}

impl Write for Tcp<'_, Async<TcpStream>> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        count(&self.network.meter.writes);
        self.stream.write_with(|mut stream| stream.write(bytes)).await.map_err(failure)
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

impl Connection for Tcp<'_, Async<TcpStream>> {
    async fn shutdown(&mut self) -> Result<(), ErrorKind> {
        self.stream.get_ref().shutdown(std::net::Shutdown::Write).map_err(failure)
    }
}

// The blocking face: the waiting is the operating system's, until the deadline.

impl HostNetwork<'_> {
    /// How long may be waited: for ever with `None`.
    fn time_left(&self) -> Option<Duration> {
        let at = self.deadline.get().instant()?;
        Some(Duration::from_millis(at.as_millis().saturating_sub(self.now().as_millis())))
    }

    /// Asks the host's resolver. It knows no deadline, so it works aside, and is left alone when the time is over.
    fn look_up_blocking(&self, host: &str, family: Family) -> Result<IpAddr, ErrorKind> {
        let (sender, receiver) = mpsc::channel();
        let host = host.to_owned();
        thread::spawn(move || sender.send((host.as_str(), 0).to_socket_addrs()));
        let answer = match self.time_left() {
            Some(left) => receiver.recv_timeout(left).map_err(|_| ErrorKind::TimedOut)?,
            None => receiver.recv().map_err(|_| ErrorKind::NotFound)?,
        };
        let addresses: Vec<_> = answer.map_err(|_| ErrorKind::NotFound)?.map(|address| address.ip()).collect();
        let first = |wanted: fn(&IpAddr) -> bool| addresses.iter().copied().find(wanted);
        let address = match family {
            Family::Ipv4 => first(IpAddr::is_ipv4),
            Family::Ipv6 => first(IpAddr::is_ipv6),
            Family::Any => first(IpAddr::is_ipv4).or(first(IpAddr::is_ipv6)),
        };
        address.ok_or(ErrorKind::NotFound)
    }
}

/// The same network, whose operations wait inside.
#[derive(Debug)]
pub struct Waiting<'n>(pub HostNetwork<'n>);

impl Clock for Waiting<'_> {
    fn now(&self) -> Instant {
        self.0.now()
    }
}

impl Timer for Waiting<'_> {
    async fn wait_until(&self, at: Instant) {
        std::future::poll_fn(|_| if self.now() >= at { Poll::Ready(()) } else { Poll::Pending }).await;
    }

    fn set_deadline(&self, deadline: Deadline) {
        self.0.deadline.set(deadline);
    }
}

impl BlockingTimer for Waiting<'_> {
    fn idle(&self) {
        thread::sleep(Duration::from_millis(1));
    }
}

impl Connect for Waiting<'_> {
    type Connection<'c>
        = Tcp<'c, TcpStream>
    where
        Self: 'c;

    async fn connect(&self, remote: SocketAddr) -> Result<Self::Connection<'_>, ErrorKind> {
        let address = match self.0.destination(remote) {
            Destination::Address(address) => address,
            Destination::Name(host) => SocketAddr::new(self.0.look_up_blocking(host, Family::Any)?, remote.port()),
        };
        let stream = match self.0.time_left() {
            Some(Duration::ZERO) => return Err(ErrorKind::TimedOut),
            Some(left) => TcpStream::connect_timeout(&address, left),
            None => TcpStream::connect(address),
        };
        let stream = stream.map_err(failure)?;
        stream.set_nodelay(true).map_err(failure)?;
        Ok(self.0.connected(stream, address))
    }
}

impl Resolve for Waiting<'_> {
    async fn resolve(&self, host: &str, family: Family) -> Result<IpAddr, ResolveError> {
        match self.0.stand_in(host) {
            Some(stand_in) => Ok(stand_in),
            None => self.0.look_up_blocking(host, family).map_err(|_| ResolveError::NoAnswer),
        }
    }
}

impl Tcp<'_, TcpStream> {
    /// Has the next call wait as long as it may, or not at all.
    fn limit_wait(&self) -> io::Result<()> {
        let left = self.network.time_left();
        self.stream.set_nonblocking(left == Some(Duration::ZERO))?;
        let left = left.filter(|left| !left.is_zero());
        self.stream.set_read_timeout(left)?;
        self.stream.set_write_timeout(left)
    }
}

impl Read for Tcp<'_, TcpStream> {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, ErrorKind> {
        self.limit_wait().and_then(|()| self.stream.read(out)).map_err(failure)
    }
}

impl Write for Tcp<'_, TcpStream> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        count(&self.network.meter.writes);
        self.limit_wait().and_then(|()| self.stream.write(bytes)).map_err(failure)
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

impl Connection for Tcp<'_, TcpStream> {
    async fn shutdown(&mut self) -> Result<(), ErrorKind> {
        self.stream.shutdown(std::net::Shutdown::Write).map_err(failure)
    }
}

//! The network of this program: the host's, which goes where `--resolve` points and counts for `--stats`. It shows how a
//! stack is made of another one; one for both faces.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use embedded_io_async::{ErrorKind, ErrorType, Read, Write};
use socketpool::{
    host,
    stack::{Connect, Connection, Family, Resolve, ResolveError, SocketOption},
    time::{BlockingTimer, Clock, Instant, Timer},
};

use crate::{
    meter::{Meter, count},
    options::Route,
};

/// The host's sockets and resolver, and the routes of `--resolve`.
///
/// A stack resolves a name without knowing the port, and a route is for one port. So a name that has routes resolves to
/// a stand-in address, and what it stands for is settled when the connection is made.
#[derive(Debug)]
pub struct HostNetwork<'n> {
    host: host::Network,
    routes: &'n [Route],
    meter: &'n Meter,
}

/// Where a connection goes.
enum Destination<'n> {
    Address(SocketAddr),
    /// A name with routes, but none for this port.
    Name(&'n str),
}

impl<'n> HostNetwork<'n> {
    pub const fn new(routes: &'n [Route], meter: &'n Meter) -> Self {
        Self { host: host::Network::new(), routes, meter }
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
}

const STAND_INS: u32 = 0xf000_0000;

impl Clock for HostNetwork<'_> {
    fn now(&self) -> Instant {
        self.host.now()
    }
}

impl Timer for HostNetwork<'_> {
    async fn wait_until(&self, at: Instant) {
        self.host.wait_until(at).await;
    }
}

impl BlockingTimer for HostNetwork<'_> {
    fn idle(&self) {
        self.host.idle();
    }
}

impl Connect for HostNetwork<'_> {
    type Connection<'c>
        = Tcp<'c>
    where
        Self: 'c;

    async fn connect(&self, remote: SocketAddr) -> Result<Self::Connection<'_>, ErrorKind> {
        let address = match self.destination(remote) {
            Destination::Address(address) => address,
            Destination::Name(host) => {
                let address = self.host.resolve(host, Family::Any).await.map_err(|_| ErrorKind::NotFound)?;
                SocketAddr::new(address, remote.port())
            }
        };
        let stream = self.host.connect(address).await?;
        self.meter.connected(address);
        Ok(Tcp { stream, meter: self.meter })
    }
}

impl Resolve for HostNetwork<'_> {
    async fn resolve(&self, host: &str, family: Family) -> Result<IpAddr, ResolveError> {
        match self.stand_in(host) {
            Some(stand_in) => Ok(stand_in),
            None => self.host.resolve(host, family).await,
        }
    }
}

/// An open connection.
#[derive(Debug)]
pub struct Tcp<'c> {
    stream: host::NetworkConnection,
    meter: &'c Meter,
}

impl ErrorType for Tcp<'_> {
    type Error = ErrorKind;
}

impl Read for Tcp<'_> {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, ErrorKind> {
        self.stream.read(out).await
    }
}

impl Write for Tcp<'_> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        count(&self.meter.writes);
        self.stream.write(bytes).await
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        self.stream.flush().await
    }
}

impl Connection for Tcp<'_> {
    async fn shutdown(&mut self) -> Result<(), ErrorKind> {
        self.stream.shutdown().await
    }

    fn set_option(&mut self, option: SocketOption) -> Result<(), ErrorKind> {
        self.stream.set_option(option)
    }
}

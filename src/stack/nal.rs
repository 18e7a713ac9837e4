//! embedded-nal-async: a `TcpConnect`, a `Dns` and a timer make a network.

use core::net::{IpAddr, SocketAddr};

use embedded_io_async::{Error as _, ErrorKind, ErrorType, Read, Write};
use embedded_nal_async::{AddrType, Dns, TcpConnect};

use super::{Connect, Connection, Family, Resolve, ResolveError};
use crate::time::{Clock, Instant, Timer};

/// A network made of three parts: any embedded-nal-async `TcpConnect`, any `Dns`, and a timer.
///
/// Where one object is both, give it twice by reference: `Network::new(&stack, &stack, timer)`.
///
/// Known limits of embedded-nal-async: closing is dropping (so [`shutdown`](Connection::shutdown) can only flush), and
/// a name server's "no such name" cannot be told from silence (so it is [`ResolveError::NoAnswer`]).
#[derive(Debug)]
pub struct Network<T, D, W> {
    tcp: T,
    dns: D,
    timer: W,
}

impl<T: TcpConnect, D: Dns, W: Timer> Network<T, D, W> {
    /// Puts the parts together.
    pub const fn new(tcp: T, dns: D, timer: W) -> Self {
        Self { tcp, dns, timer }
    }
}

impl<T: TcpConnect, D, W> Connect for Network<T, D, W> {
    type Connection<'a>
        = NetworkConnection<T::Connection<'a>>
    where
        Self: 'a;

    async fn connect(&self, remote: SocketAddr) -> Result<Self::Connection<'_>, ErrorKind> {
        self.tcp.connect(remote).await.map(NetworkConnection).map_err(|error| error.kind())
    }
}

/// The address families are asked for one after the other: some stacks give up on `Either` after the first.
impl<T, D: Dns, W> Resolve for Network<T, D, W> {
    async fn resolve(&self, host: &str, family: Family) -> Result<IpAddr, ResolveError> {
        let ask = async |family| self.dns.get_host_by_name(host, family).await.map_err(|_| ResolveError::NoAnswer);
        match family {
            Family::Ipv4 => ask(AddrType::IPv4).await,
            Family::Ipv6 => ask(AddrType::IPv6).await,
            Family::Any => match ask(AddrType::IPv4).await {
                Ok(address) => Ok(address),
                Err(_) => ask(AddrType::IPv6).await,
            },
        }
    }
}

impl<T, D, W: Clock> Clock for Network<T, D, W> {
    fn now(&self) -> Instant {
        self.timer.now()
    }
}

impl<T, D, W: Timer> Timer for Network<T, D, W> {
    async fn wait_until(&self, at: Instant) {
        self.timer.wait_until(at).await;
    }
}

/// A connection of a [`Network`].
#[derive(Debug)]
pub struct NetworkConnection<C>(C);

impl<C: ErrorType> ErrorType for NetworkConnection<C> {
    type Error = ErrorKind;
}

impl<C: Read> Read for NetworkConnection<C> {
    /// A read into no room is answered here: some stacks would wait.
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, ErrorKind> {
        if out.is_empty() {
            return Ok(0);
        }
        self.0.read(out).await.map_err(|error| error.kind())
    }
}

impl<C: Write> Write for NetworkConnection<C> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        self.0.write(bytes).await.map_err(|error| error.kind())
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        self.0.flush().await.map_err(|error| error.kind())
    }
}

impl<C: Read + Write> Connection for NetworkConnection<C> {
    async fn shutdown(&mut self) -> Result<(), ErrorKind> {
        self.flush().await
    }
}

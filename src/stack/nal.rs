//! embedded-nal-async: a `TcpConnect`, a `Dns` and a timer make a network.

use core::net::{IpAddr, SocketAddr};

use embedded_io_async::{Error as _, ErrorKind, ErrorType, Read, Write};
use embedded_nal_async::{AddrType, Dns, TcpConnect, UdpStack, UnconnectedUdp};

use super::{Connect, Connection, DatagramSocket, Datagrams, Family, Local, Resolve, ResolveError, unmapped};
use crate::time::{Clock, Instant, Timer};

/// A network made of three parts: any embedded-nal-async `TcpConnect`, any `Dns`, and a timer.
///
/// Where one object is both `TcpConnect` and `Dns`, give it twice: by value where it is a small handle that can be copied
/// or made twice, else by reference, `Network::new(&stack, &stack, timer)`.
///
/// Where the `TcpConnect` is a `UdpStack` too, this network binds UDP sockets, and a pool over it has `udp_socket` and
/// `sync_time`: on the one local address that the stack picks for [`bind_single`](UdpStack::bind_single), and with
/// [`Family::Any`] for IPv4, or IPv6 if that fails. **A reference to a `UdpStack` is none**: embedded-nal-async passes
/// `TcpConnect` and `Dns` through a reference, and `UdpStack` not. So give the stack itself as the first part, and as the second
/// another handle or a reference:
///
/// ```
/// # use socketpool::time::{Clock, Instant, Timer};
/// # struct NoTimer;
/// # impl Clock for NoTimer { fn now(&self) -> Instant { Instant::from_millis(0) } }
/// # impl Timer for NoTimer { async fn wait_until(&self, _: Instant) {} }
/// use socketpool::stack::{Datagrams, Network};
/// use std_embedded_nal_async::Stack;
///
/// fn has_udp(_: &impl Datagrams) {}
///
/// let names = Stack::default();
/// let network = Network::new(Stack::default(), &names, NoTimer);
/// has_udp(&network);
/// ```
///
/// Known limits of embedded-nal-async: closing is dropping (so [`shutdown`](Connection::shutdown) can only flush), and
/// a name server's "no such name" cannot be told from silence (so it is [`ResolveError::NoAnswer`]). The true size of a
/// datagram that was too large for the buffer is as the stack tells it; std-embedded-nal-async 0.4 tells the buffer's.
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

impl<T: UdpStack, D, W> Datagrams for Network<T, D, W> {
    type Socket<'a>
        = NetworkDatagrams<T::UniquelyBound>
    where
        Self: 'a;

    async fn bind(&self, local: Local) -> Result<Self::Socket<'_>, ErrorKind> {
        let bind = async |local: Local| match self.tcp.bind_single(local.to_addr()).await {
            Ok((local, socket)) => Ok(NetworkDatagrams { local, socket }),
            Err(error) => Err(error.kind()),
        };
        match (bind(local).await, local) {
            (Err(_), Local { address: None, family: Family::Any, .. }) => {
                bind(Local { family: Family::Ipv6, ..local }).await
            }
            (bound, _) => bound,
        }
    }
}

/// The address families are asked for one after the other: some stacks give up on `Either` after the first. An address of
/// another family than was asked for is no answer.
impl<T, D: Dns, W> Resolve for Network<T, D, W> {
    async fn resolve(&self, host: &str, family: Family) -> Result<IpAddr, ResolveError> {
        let mut families = match family {
            Family::Ipv4 => [Some(AddrType::IPv4), None],
            Family::Ipv6 => [Some(AddrType::IPv6), None],
            Family::Any => [Some(AddrType::IPv4), Some(AddrType::IPv6)],
        };
        for asked in families.iter_mut().filter_map(Option::take) {
            if let Ok(address) = self.dns.get_host_by_name(host, asked).await
                && family.has(address)
            {
                return Ok(address);
            }
        }
        Err(ResolveError::NoAnswer)
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

/// A UDP socket of a [`Network`].
#[derive(Debug)]
pub struct NetworkDatagrams<U> {
    /// What the stack picked, which has to be named whenever something is sent.
    local: SocketAddr,
    socket: U,
}

impl<U: UnconnectedUdp> DatagramSocket for NetworkDatagrams<U> {
    fn family(&self) -> Family {
        if self.local.is_ipv4() { Family::Ipv4 } else { Family::Ipv6 }
    }

    fn local_addr(&self) -> Result<SocketAddr, ErrorKind> {
        Ok(self.local)
    }

    async fn send_to(&mut self, remote: SocketAddr, datagram: &[u8]) -> Result<(), ErrorKind> {
        self.socket.send(self.local, remote, datagram).await.map_err(|error| error.kind())
    }

    async fn recv_from(&mut self, out: &mut [u8]) -> Result<(usize, SocketAddr), ErrorKind> {
        let (size, _, remote) = self.socket.receive_into(out).await.map_err(|error| error.kind())?;
        Ok((size, unmapped(remote)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::poll_once;

    /// Knows one address, and says it whatever is asked.
    struct Stubborn(IpAddr);

    impl Dns for Stubborn {
        type Error = ();

        async fn get_host_by_name(&self, _: &str, _: AddrType) -> Result<IpAddr, ()> {
            Ok(self.0)
        }

        async fn get_host_by_address(&self, _: IpAddr, _: &mut [u8]) -> Result<usize, ()> {
            Err(())
        }
    }

    #[test]
    fn an_address_of_another_family_is_no_answer() {
        let address = IpAddr::V6(core::net::Ipv6Addr::LOCALHOST);
        let network = Network { tcp: (), dns: Stubborn(address), timer: () };
        let resolve = |family| poll_once(network.resolve("name", family));
        assert_eq!(resolve(Family::Ipv4), Some(Err(ResolveError::NoAnswer)));
        assert_eq!(resolve(Family::Ipv6), Some(Ok(address)));
        assert_eq!(resolve(Family::Any), Some(Ok(address)));
    }
}

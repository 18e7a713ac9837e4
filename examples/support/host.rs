//! The host's network for the async face, with all that the seam knows: what a stack of your own looks like when it can do
//! everything. Over async-io, which polls the operating system's sockets.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket},
    time::Duration,
};

use async_io::Async;
use dns_lookup::LookupErrorKind;
use embedded_io_async::{ErrorKind, ErrorType, Read, Write};
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, sockopt};
use socketpool::{
    stack::{
        Connect, Connection, DatagramSocket, Datagrams, Family, Listen, Listener, Local, Resolve, ResolveError,
        SocketOption, Split,
    },
    time::{Clock, Instant, Timer},
};

use super::HostClock;

/// The host's network.
#[derive(Debug, Clone, Copy)]
pub struct HostNetwork {
    /// The address of the interface for IPv4 multicast; unspecified, the host chooses.
    pub multicast: Ipv4Addr,
}

impl HostNetwork {
    pub const fn new() -> Self {
        Self { multicast: Ipv4Addr::UNSPECIFIED }
    }
}

impl Default for HostNetwork {
    fn default() -> Self {
        Self::new()
    }
}

fn in_words(error: io::Error) -> ErrorKind {
    error.kind().into()
}

impl Clock for HostNetwork {
    fn now(&self) -> Instant {
        HostClock.now()
    }
}

impl Timer for HostNetwork {
    async fn wait_until(&self, at: Instant) {
        HostClock.wait_until(at).await;
    }
}

impl Resolve for HostNetwork {
    async fn resolve(&self, host: &str, family: Family) -> Result<IpAddr, ResolveError> {
        let mut one = [IpAddr::V4(Ipv4Addr::UNSPECIFIED)];
        self.resolve_all(host, family, &mut one).await?;
        Ok(one[0])
    }

    /// `getaddrinfo` waits, so it does that on a thread of its own.
    async fn resolve_all(&self, host: &str, family: Family, out: &mut [IpAddr]) -> Result<usize, ResolveError> {
        let host = host.to_owned();
        let answer = blocking::unblock(move || match dns_lookup::getaddrinfo(Some(&host), None, None) {
            Ok(found) => Ok(found.flatten().map(|info| info.sockaddr.ip()).collect::<Vec<_>>()),
            Err(error) => Err(error.kind()),
        });
        match answer.await {
            Ok(found) => {
                let (ipv4, ipv6): (Vec<_>, Vec<_>) = found.into_iter().partition(IpAddr::is_ipv4);
                let mut wanted = match family {
                    Family::Ipv4 => ipv4,
                    Family::Ipv6 => ipv6,
                    Family::Any => [ipv4, ipv6].concat(),
                };
                // It comes once for each kind of socket.
                wanted.dedup();
                out.iter_mut().zip(&wanted).for_each(|(place, address)| *place = *address);
                if wanted.is_empty() { Err(ResolveError::NoSuchName) } else { Ok(wanted.len().min(out.len())) }
            }
            Err(LookupErrorKind::NoName | LookupErrorKind::NoData) => Err(ResolveError::NoSuchName),
            Err(_) => Err(ResolveError::NoAnswer),
        }
    }
}

impl Connect for HostNetwork {
    type Connection<'a> = HostConnection;

    /// A future that is dropped closes its socket, and that ends the attempt.
    async fn connect(&self, remote: SocketAddr) -> Result<HostConnection, ErrorKind> {
        Async::<TcpStream>::connect(remote).await.map(HostConnection).map_err(in_words)
    }
}

/// An open TCP connection.
#[derive(Debug)]
pub struct HostConnection(Async<TcpStream>);

impl ErrorType for HostConnection {
    type Error = ErrorKind;
}

impl Read for HostConnection {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, ErrorKind> {
        (&mut &*self).read(out).await
    }
}

impl Write for HostConnection {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        (&mut &*self).write(bytes).await
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

impl Connection for HostConnection {
    async fn shutdown(&mut self) -> Result<(), ErrorKind> {
        self.close_write().await
    }

    async fn close_write(&mut self) -> Result<(), ErrorKind> {
        self.0.get_ref().shutdown(Shutdown::Write).map_err(in_words)
    }

    fn local_addr(&self) -> Result<SocketAddr, ErrorKind> {
        self.0.get_ref().local_addr().map_err(in_words)
    }

    fn set_option(&mut self, option: SocketOption) -> Result<(), ErrorKind> {
        let set = match option {
            SocketOption::NoDelay(on) => self.0.get_ref().set_nodelay(on),
            SocketOption::KeepAlive(idle) => keep_alive(&self.0, idle).map_err(io::Error::from),
            _ => return Err(ErrorKind::Unsupported),
        };
        set.map_err(in_words)
    }
}

fn keep_alive(stream: &Async<TcpStream>, idle: Option<Duration>) -> rustix::io::Result<()> {
    if let Some(idle) = idle {
        sockopt::set_tcp_keepidle(stream, idle)?;
    }
    sockopt::set_socket_keepalive(stream, idle.is_some())
}

/// Both directions at the same time: the operating system's sockets allow it by reference.
impl Split for HostConnection {
    type Reader<'a> = &'a Self;
    type Writer<'a> = &'a Self;

    fn split(&mut self) -> (&Self, &Self) {
        (self, self)
    }
}

impl ErrorType for &HostConnection {
    type Error = ErrorKind;
}

impl Read for &HostConnection {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, ErrorKind> {
        self.0.read_with(|mut stream| io::Read::read(&mut stream, out)).await.map_err(in_words)
    }
}

impl Write for &HostConnection {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        self.0.write_with(|mut stream| io::Write::write(&mut stream, bytes)).await.map_err(in_words)
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

impl Listen for HostNetwork {
    type Listener<'a> = HostListener;

    async fn listen(&self, local: Local, backlog: usize, reuse: bool) -> Result<HostListener, ErrorKind> {
        listener(local.to_addr(), backlog, reuse).map(HostListener).map_err(in_words)
    }
}

fn listener(local: SocketAddr, backlog: usize, reuse: bool) -> io::Result<Async<TcpListener>> {
    let family = if local.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = rustix::net::socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    sockopt::set_socket_reuseaddr(&socket, reuse)?;
    rustix::net::bind(&socket, &local)?;
    rustix::net::listen(&socket, i32::try_from(backlog).unwrap_or(i32::MAX))?;
    Async::new(TcpListener::from(socket))
}

/// A listening TCP socket.
#[derive(Debug)]
pub struct HostListener(Async<TcpListener>);

impl Listener for HostListener {
    type Connection = HostConnection;

    async fn accept(&mut self) -> Result<(HostConnection, SocketAddr), ErrorKind> {
        let (stream, remote) = self.0.accept().await.map_err(in_words)?;
        Ok((HostConnection(stream), remote))
    }

    fn local_addr(&self) -> Result<SocketAddr, ErrorKind> {
        self.0.get_ref().local_addr().map_err(in_words)
    }
}

impl Datagrams for HostNetwork {
    type Socket<'a> = HostDatagrams;

    async fn bind(&self, local: Local) -> Result<HostDatagrams, ErrorKind> {
        let local = local.to_addr();
        let bound = || {
            let socket = Async::<UdpSocket>::bind(local)?;
            if local.is_ipv4() {
                sockopt::set_ip_multicast_if(&socket, &self.multicast)?;
            }
            Ok(HostDatagrams { socket, local, multicast: self.multicast })
        };
        bound().map_err(in_words)
    }
}

/// A bound UDP socket.
#[derive(Debug)]
pub struct HostDatagrams {
    socket: Async<UdpSocket>,
    local: SocketAddr,
    multicast: Ipv4Addr,
}

impl DatagramSocket for HostDatagrams {
    fn family(&self) -> Family {
        if self.local.is_ipv4() { Family::Ipv4 } else { Family::Ipv6 }
    }

    async fn send_to(&mut self, remote: SocketAddr, datagram: &[u8]) -> Result<(), ErrorKind> {
        self.socket.send_to(datagram, remote).await.map(|_| ()).map_err(in_words)
    }

    /// With `MSG_TRUNC`, the operating system tells the datagram's true size.
    async fn recv_from(&mut self, out: &mut [u8]) -> Result<(usize, SocketAddr), ErrorKind> {
        let receive = |socket: &UdpSocket| {
            let (_, size, sender) = rustix::net::recvfrom(socket, &mut *out, RecvFlags::TRUNC)?;
            let sender = sender.and_then(|sender| SocketAddr::try_from(sender).ok());
            Ok((size, sender.ok_or(io::ErrorKind::InvalidData)?))
        };
        self.socket.read_with(receive).await.map_err(in_words)
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
        let set = match option {
            SocketOption::MulticastTtl(ttl) if self.local.is_ipv4() => {
                sockopt::set_ip_multicast_ttl(&self.socket, ttl.into())
            }
            SocketOption::MulticastTtl(ttl) => sockopt::set_ipv6_multicast_hops(&self.socket, ttl.into()),
            _ => return Err(ErrorKind::Unsupported),
        };
        set.map_err(|errno| in_words(errno.into()))
    }
}

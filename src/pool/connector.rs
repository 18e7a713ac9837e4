//! The pool for other crates: sockets of it, with verified TLS, behind embedded-nal-async's `TcpConnect` and `Dns`.

use core::net::{IpAddr, SocketAddr};

use embedded_nal_async::{AddrType, Dns, TcpConnect};

use super::{PATIENCE, Socket, SocketPool};
use crate::{
    error::{Error, ErrorKind, Phase, Result},
    stack::{Family, Stack},
    sync::{NoopRawMutex, RawMutex},
    time::Deadline,
    traits::{Need, NoTls, SocketPool as _, TlsContext},
};

/// Makes connections of a [`SocketPool`] for a crate that wants an embedded-nal-async `TcpConnect` and `Dns`: an MQTT
/// client, for example. With [`tls`](SocketPool::connector) each of them is a verified TLS connection to one host.
///
/// `TcpConnect` knows addresses and no names, so the host whose certificate is asked for is said here, once, and not taken
/// from what was resolved last: the peer at the address has to prove to be that host.
///
/// Making a connection takes no longer than [ten seconds](super::PATIENCE) for a slot (with a TLS session, if one is needed)
/// and thirty for the rest; the connection
/// has no time-out then.
///
/// # Examples
///
/// ```
/// use core::net::SocketAddr;
/// use embedded_io_async::{Read, Write};
/// use embedded_nal_async::{AddrType, Dns, TcpConnect};
/// use socketpool::{Resources, SocketPool, mock::{MockTls, Peer, Script, Step, block_on}};
///
/// /// Some crate's client, which knows nothing of this one.
/// async fn client<N: TcpConnect + Dns>(network: &N, host: &str) -> Option<[u8; 4]> {
///     let address = network.get_host_by_name(host, AddrType::Either).await.ok()?;
///     let mut connection = network.connect(SocketAddr::new(address, 8883)).await.ok()?;
///     connection.write_all(b"ping").await.ok()?;
///     let mut answer = [0; 4];
///     connection.read_exact(&mut answer).await.ok()?;
///     Some(answer)
/// }
///
/// let peers = [Peer::new("broker.example", 8883, &[Step::Receive(b"ping"), Step::Send(b"pong")])];
/// let script = Script::new(&peers);
/// let (mut network, mut memory) = (script.network(), Resources::<1>::new());
/// let pool = SocketPool::new(&mut network, &mut memory);
/// let tls = MockTls; // or a `TlsContext`
/// let answer = block_on(client(&pool.connector(&tls, "broker.example"), "broker.example"));
/// assert_eq!(answer, Some(*b"pong"));
/// ```
pub struct Connector<'p, 's, S: Stack, T, const N: usize, R: RawMutex = NoopRawMutex> {
    pool: &'p SocketPool<'s, S, N, R>,
    tls: Option<(&'p T, &'p str)>,
}

/// How long it may take to connect and prove who it is.
pub(crate) const CONNECTING: core::time::Duration = core::time::Duration::from_secs(30);

impl<'s, S: Stack + 's, const N: usize, R: RawMutex> SocketPool<'s, S, N, R> {
    /// Connections to `host` with TLS verified by `tls`, for other crates.
    #[must_use]
    pub const fn connector<'p, T>(&'p self, tls: &'p T, host: &'p str) -> Connector<'p, 's, S, T, N, R>
    where
        T: TlsContext<Socket<'p, 's, S, N, R>>,
    {
        Connector { pool: self, tls: Some((tls, host)) }
    }

    /// Plain connections, for other crates.
    #[must_use]
    pub const fn plain_connector(&self) -> Connector<'_, 's, S, NoTls, N, R> {
        Connector { pool: self, tls: None }
    }
}

impl<'p, 's, S: Stack + 's, T, const N: usize, R: RawMutex> TcpConnect for Connector<'p, 's, S, T, N, R>
where
    T: TlsContext<Socket<'p, 's, S, N, R>>,
{
    type Error = Error;
    type Connection<'a>
        = Socket<'p, 's, S, N, R>
    where
        Self: 'a;

    async fn connect<'a>(&'a self, remote: SocketAddr) -> Result<Self::Connection<'a>> {
        let tls_session = self.tls.is_some_and(|(tls, _)| tls.takes_session());
        let deadline = Deadline::within(self.pool.network, Some(PATIENCE));
        let (place, _) = self.pool.reserve(Need { tls_session, ..Need::default() }, deadline).await?;
        let (mut socket, _) = self.pool.socket_in(place, None).await;
        socket.set_deadline(Deadline::within(self.pool.network, Some(CONNECTING)));
        match self.tls {
            Some((tls, host)) => tls.connect_addr(&mut socket, host, remote).await?,
            None => socket.connect_addr(remote).await?,
        }
        socket.set_timeout(None);
        Ok(socket)
    }
}

impl<'s, S: Stack + 's, T, const N: usize, R: RawMutex> Dns for Connector<'_, 's, S, T, N, R> {
    type Error = Error;

    async fn get_host_by_name(&self, host: &str, family: AddrType) -> Result<IpAddr> {
        let family = match family {
            AddrType::IPv4 => Family::Ipv4,
            AddrType::IPv6 => Family::Ipv6,
            AddrType::Either => Family::Any,
        };
        let deadline = Deadline::within(self.pool.network, Some(CONNECTING));
        Ok(self.pool.getaddrinfo(host, 0, family, deadline).await?.ip())
    }

    /// Not supported: the pool does not look up the names of addresses.
    async fn get_host_by_address(&self, _: IpAddr, _: &mut [u8]) -> Result<usize> {
        Err(Error::new(Phase::Resolve, ErrorKind::Io(embedded_io_async::ErrorKind::Unsupported)))
    }
}

impl<'s, S: Stack + 's, T, const N: usize, R: RawMutex> core::fmt::Debug for Connector<'_, 's, S, T, N, R> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Connector").field("host", &self.tls.map(|(_, host)| host)).finish_non_exhaustive()
    }
}

//! The blocking pool for other crates: sockets of it, with verified TLS, behind embedded-nal's `TcpClientStack` and `Dns`.

use core::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use embedded_io::Write as _;
use embedded_nal::{AddrType, Dns, TcpClientStack, TcpError, TcpErrorKind};

use super::{Socket, SocketPool, stack::Stack};
use crate::{
    error::{Error, ErrorKind, Phase, Result},
    pool::{CONNECTING, PATIENCE, UNSUPPORTED},
    stack::{Connect, Family},
    sync::{NoopRawMutex, RawMutex},
    time::{Deadline, run},
    traits::{Need, NoTls, SocketPool as _, TlsContext},
};

/// Makes connections of a [`SocketPool`] for a crate that wants an embedded-nal `TcpClientStack` and `Dns`. With
/// [`tls`](SocketPool::connector) each of them is a verified TLS connection to one host. The blocking twin of
/// [`Connector`](crate::pool::Connector).
///
/// Connecting, resolving, and sending over TLS wait inside one call, thirty seconds at most. Receiving never waits; the end
/// of the stream is an error of the kind `PipeClosed`, and a connection that broke is of the kind `Other`, so that no caller
/// takes half a message for a whole one.
pub struct Connector<'p, 's, S: Connect, T, const N: usize, R: RawMutex = NoopRawMutex> {
    pool: &'p SocketPool<'s, S, N, R>,
    tls: Option<(&'p T, &'p str)>,
}

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

impl<'s, S: Stack + 's, T, const N: usize, R: RawMutex> Connector<'_, 's, S, T, N, R> {
    fn within(&self, time: Duration) -> Deadline {
        Deadline::within(self.pool.network(), Some(time))
    }
}

impl TcpError for Error {
    fn kind(&self) -> TcpErrorKind {
        match (*self).kind() {
            ErrorKind::NotConnected | ErrorKind::Io(embedded_io::ErrorKind::BrokenPipe) => TcpErrorKind::PipeClosed,
            _ => TcpErrorKind::Other,
        }
    }
}

/// "Try again" is not an error there.
fn nb(error: Error) -> nb::Error<Error> {
    if error.kind() == ErrorKind::WouldBlock { nb::Error::WouldBlock } else { nb::Error::Other(error) }
}

const DO_NOT_WAIT: Option<Duration> = Some(Duration::ZERO);

impl<'p, 's, S: Stack + 's, T, const N: usize, R: RawMutex> TcpClientStack for Connector<'p, 's, S, T, N, R>
where
    T: TlsContext<Socket<'p, 's, S, N, R>>,
{
    type TcpSocket = Socket<'p, 's, S, N, R>;
    type Error = Error;

    fn socket(&mut self) -> Result<Self::TcpSocket> {
        let tls_session = self.tls.is_some_and(|(tls, _)| tls.takes_session());
        let deadline = self.within(PATIENCE);
        run(self.pool.network(), async {
            let (place, _) = self.pool.reserve(Need { tls_session, ..Need::default() }, deadline).await?;
            Ok(self.pool.socket_in(place, None).await.0)
        })
    }

    fn connect(&mut self, socket: &mut Self::TcpSocket, remote: SocketAddr) -> nb::Result<(), Error> {
        socket.set_deadline(self.within(CONNECTING));
        let connected = match self.tls {
            Some((tls, host)) => run(self.pool.network(), tls.connect_addr(socket, host, remote)),
            None => socket.connect_addr(remote),
        };
        connected.map_err(nb::Error::Other)
    }

    fn send(&mut self, socket: &mut Self::TcpSocket, bytes: &[u8]) -> nb::Result<usize, Error> {
        match self.tls {
            // A record that is cut short cannot be gone on with.
            Some(_) => socket.set_deadline(self.within(CONNECTING)),
            None => socket.set_timeout(DO_NOT_WAIT),
        }
        let sent = socket.send(bytes).map_err(nb)?;
        // embedded-nal has no flush, so what was taken leaves now, or as soon as the stack can.
        match socket.flush() {
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(nb::Error::Other(error)),
            _ => Ok(sent),
        }
    }

    fn receive(&mut self, socket: &mut Self::TcpSocket, buffer: &mut [u8]) -> nb::Result<usize, Error> {
        socket.set_timeout(DO_NOT_WAIT);
        match socket.recv_into(buffer).map_err(nb)? {
            0 if !buffer.is_empty() => {
                let closed = ErrorKind::Io(embedded_io::ErrorKind::BrokenPipe);
                Err(nb::Error::Other(Error::new(Phase::Receive, closed)))
            }
            received => Ok(received),
        }
    }

    fn close(&mut self, socket: Self::TcpSocket) -> Result<()> {
        socket.close()
    }
}

impl<'s, S: Stack + 's, T, const N: usize, R: RawMutex> Dns for Connector<'_, 's, S, T, N, R> {
    type Error = Error;

    fn get_host_by_name(&mut self, host: &str, family: AddrType) -> nb::Result<IpAddr, Error> {
        let family = match family {
            AddrType::IPv4 => Family::Ipv4,
            AddrType::IPv6 => Family::Ipv6,
            AddrType::Either => Family::Any,
        };
        let deadline = self.within(CONNECTING);
        Ok(self.pool.getaddrinfo(host, 0, family, deadline).map_err(nb::Error::Other)?.ip())
    }

    /// Not supported: the pool does not look up the names of addresses.
    fn get_host_by_address(&mut self, _: IpAddr, _: &mut [u8]) -> nb::Result<usize, Error> {
        Err(nb::Error::Other(Error::new(Phase::Resolve, UNSUPPORTED)))
    }
}

impl<'s, S: Stack + 's, T, const N: usize, R: RawMutex> core::fmt::Debug for Connector<'_, 's, S, T, N, R> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Connector").field("host", &self.tls.map(|(_, host)| host)).finish_non_exhaustive()
    }
}

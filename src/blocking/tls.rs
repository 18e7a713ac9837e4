//! TLS over the sockets of a blocking pool: the pool lends the record buffers, the context does the rest.

use core::net::SocketAddr;

use super::{Socket, SocketPool, stack::Stack, stream::TlsStream, traits};
use crate::{
    error::{Error, ErrorKind, Phase, Resource, Result},
    lending::Loan,
    pool::Stream,
    sync::RawMutex,
    tls::{Random, TimeSource, TlsContext, TlsMemory},
    traits::TlsId,
};

impl<'s, S: Stack + 's, const N: usize, R: RawMutex> SocketPool<'s, S, N, R> {
    /// Record buffers for one TLS session, if need be those of the TLS connection that was idle for the longest time.
    fn tls_memory(&self) -> Result<Loan<'s, TlsMemory, R>> {
        let free = || self.tls.iter().find_map(|place| place.lend());
        if let Some(memory) = free() {
            return Ok(memory);
        }
        if let Some(lease) = self.slots.oldest_idle(true) {
            debug!("pool: closing the longest idle TLS connection for its buffers");
            let _ = Socket::new(self, lease).close();
        }
        free().ok_or(Error::new(Phase::Setup, ErrorKind::Exhausted(Resource::TlsSessions)))
    }
}

impl<G: Random, C: TimeSource> TlsContext<'_, G, C> {
    /// Makes a connected [blocking socket](Socket) a TLS connection: performs the handshake and verifies that the peer
    /// is `server_hostname`, a DNS name or an IP address. The blocking twin of [`wrap_socket`](Self::wrap_socket); a
    /// context serves both.
    ///
    /// # Errors
    /// With phase `Handshake`, or `Setup` and [`ErrorKind::Exhausted`] when every TLS session is in use; the socket is
    /// closed then, and nothing of the application's was sent.
    pub fn wrap_socket_blocking<'s, S: Stack + 's, const N: usize, R: RawMutex>(
        &self,
        socket: &mut Socket<'_, 's, S, N, R>,
        server_hostname: &str,
    ) -> Result<()> {
        let error = |kind| Error::new(Phase::Handshake, kind);
        // Taken first: if this ends here, in whatever way, no plain connection is left to be written to.
        let connection = match socket.stream().take() {
            Some(Stream::Plain(connection)) => connection,
            _ => return Err(error(ErrorKind::NotConnected)),
        };
        let memory = socket.pool().tls_memory()?;
        let patience = socket.patience();
        let pool = socket.pool();
        // The session is made where it will stay: it is large.
        let session = socket.stream().insert(Stream::Tls(TlsStream::new(connection, memory)));
        let proven = pool.wait(patience, || match session {
            Stream::Tls(session) => session.open(self, server_hostname),
            Stream::Plain(_) => Err(ErrorKind::NotConnected),
        });
        if proven.is_err() {
            *socket.stream() = None;
        }
        proven.map_err(error)
    }
}

impl<'s, S, const N: usize, R, G, C> traits::TlsContext<Socket<'_, 's, S, N, R>> for TlsContext<'_, G, C>
where
    S: Stack + 's,
    R: RawMutex,
    G: Random,
    C: TimeSource,
{
    fn id(&self) -> TlsId {
        self.id()
    }

    fn connect(&self, socket: &mut Socket<'_, 's, S, N, R>, host: &str, port: u16) -> Result<()> {
        socket.connect(host, port)?;
        self.wrap_socket_blocking(socket, host)
    }

    fn connect_addr(&self, socket: &mut Socket<'_, 's, S, N, R>, host: &str, remote: SocketAddr) -> Result<()> {
        socket.connect_addr(remote)?;
        self.wrap_socket_blocking(socket, host)
    }
}

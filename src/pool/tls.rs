//! TLS over the sockets of a pool: the pool lends the record buffers, the context does the rest.

use core::{net::SocketAddr, pin::pin};

use super::{Socket, SocketPool, Stream};
use crate::{
    error::{Error, ErrorKind, Phase, Resource, Result},
    lending::Loan,
    stack::Stack,
    sync::RawMutex,
    tls::{Random, TimeSource, TlsContext, TlsMemory, backend::TlsStream},
    traits::{self, TlsId},
};

impl<'s, S: Stack + 's, const N: usize, R: RawMutex> SocketPool<'s, S, N, R> {
    /// Record buffers for one TLS session, if need be those of the TLS connection that was idle for the longest time.
    async fn tls_memory(&self) -> Result<Loan<'s, TlsMemory, R>> {
        let free = || self.tls.iter().find_map(|place| place.lend());
        if let Some(memory) = free() {
            return Ok(memory);
        }
        if let Some(lease) = self.slots.oldest_idle(true) {
            debug!("pool: closing the longest idle TLS connection for its buffers");
            let _ = Socket::new(self, lease).close().await;
        }
        free().ok_or(Error::new(Phase::Setup, ErrorKind::Exhausted(Resource::TlsSessions)))
    }
}

impl<G: Random, C: TimeSource> TlsContext<'_, G, C> {
    /// Makes a connected socket a TLS connection: performs the handshake and verifies that the peer is
    /// `server_hostname`, a DNS name or an IP address.
    ///
    /// # Errors
    /// With phase `Handshake`, or `Setup` and [`ErrorKind::Exhausted`] when every TLS session is in use; the socket is
    /// closed then, and nothing of the application's was sent.
    ///
    /// # Cancel safety
    /// Dropping the future ends the attempt; the socket is closed then.
    pub async fn wrap_socket<'s, S: Stack + 's, const N: usize, R: RawMutex>(
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
        let memory = socket.pool().tls_memory().await?;
        let patience = socket.patience();
        let network = socket.pool().network;
        let session = socket.stream().insert(Stream::Tls(TlsStream::new(connection, memory)));
        let proven = match session {
            Stream::Tls(session) => patience.limit(network, pin!(session.open(self, server_hostname))).await,
            Stream::Plain(_) => Err(ErrorKind::NotConnected),
        };
        let proven = proven.and_then(|proven| proven);
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

    async fn connect(&self, socket: &mut Socket<'_, 's, S, N, R>, host: &str, port: u16) -> Result<()> {
        socket.connect(host, port).await?;
        self.wrap_socket(socket, host).await
    }

    async fn connect_addr(&self, socket: &mut Socket<'_, 's, S, N, R>, host: &str, remote: SocketAddr) -> Result<()> {
        socket.connect_addr(remote).await?;
        self.wrap_socket(socket, host).await
    }
}

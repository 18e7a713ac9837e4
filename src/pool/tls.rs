//! TLS over the sockets of a pool: the pool lends the record buffers, the context does the rest.

use core::pin::pin;

use super::{Socket, SocketPool, Stream};
use crate::{
    error::{Error, ErrorKind, Phase, Resource, Result},
    lending::Loan,
    stack::{Connect, Resolve},
    time::Timer,
    tls::{Random, TimeSource, TlsContext, TlsMemory, backend::TlsStream},
    traits::{self, TlsId},
};

impl<'s, S: Connect + Resolve + Timer + 's, const N: usize> SocketPool<'s, S, N> {
    /// Record buffers for one TLS session, if need be those of the TLS connection that was idle for the longest time.
    async fn tls_memory(&self) -> Result<Loan<'s, TlsMemory>> {
        let free = || self.tls.iter().find_map(|place| place.lend());
        if let Some(memory) = free() {
            return Ok(memory);
        }
        if let Some(lease) = self.slots.oldest_idle(Stream::is_tls) {
            debug!("pool: closing the longest idle TLS connection for its buffers");
            let _ = Socket::new(self, lease).close().await;
        }
        free().ok_or(Error::new(Phase::Setup, ErrorKind::Exhausted(Resource::TlsSessions)))
    }
}

impl<R: Random, C: TimeSource> TlsContext<'_, R, C> {
    /// Makes a connected socket a TLS connection: performs the handshake and verifies that the peer is
    /// `server_hostname`, a DNS name or an IP address.
    ///
    /// # Errors
    /// With phase `Handshake`; the socket is closed then, and nothing of the application's was sent.
    ///
    /// # Cancel safety
    /// Dropping the future ends the attempt; the socket is closed then.
    pub async fn wrap_socket<'s, S: Connect + Resolve + Timer + 's, const N: usize>(
        &self,
        socket: &mut Socket<'_, 's, S, N>,
        server_hostname: &str,
    ) -> Result<()> {
        let error = |kind| Error::new(Phase::Handshake, kind);
        let memory = socket.pool().tls_memory().await?;
        let connection = match socket.stream().take() {
            Some(Stream::Plain(connection)) => connection,
            _ => return Err(error(ErrorKind::NotConnected)),
        };
        let deadline = socket.deadline();
        let network = socket.pool().network;
        let session = socket.stream().insert(Stream::Tls(TlsStream::new(connection, memory)));
        let proven = match session {
            Stream::Tls(session) => deadline.limit(network, pin!(session.open(self, server_hostname))).await,
            Stream::Plain(_) => Some(Err(ErrorKind::NotConnected)),
        };
        let proven = proven.unwrap_or(Err(ErrorKind::Timeout));
        if proven.is_err() {
            *socket.stream() = None;
        }
        proven.map_err(error)
    }
}

impl<'s, S, const N: usize, R, C> traits::TlsContext<Socket<'_, 's, S, N>> for TlsContext<'_, R, C>
where
    S: Connect + Resolve + Timer + 's,
    R: Random,
    C: TimeSource,
{
    fn id(&self) -> TlsId {
        self.id()
    }

    async fn connect(&self, socket: &mut Socket<'_, 's, S, N>, host: &str, port: u16) -> Result<()> {
        socket.connect(host, port).await?;
        self.wrap_socket(socket, host).await
    }
}

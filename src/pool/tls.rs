//! TLS over the sockets of a pool: the pool lends the record buffers, the context does the rest.

use core::{net::SocketAddr, pin::pin};

use super::{Need, PATIENCE, Patience, Socket, Stream};
use crate::{
    error::{Error, ErrorKind, Phase, Resource, Result},
    stack::Stack,
    sync::RawMutex,
    time::Deadline,
    tls::{Lent, Random, TimeSource, TlsContext, TlsInfo, TlsSession},
    traits::{self, TlsId},
};

impl<'s, S: Stack + 's, const N: usize, R: RawMutex> Socket<'_, 's, S, N, R> {
    /// Takes a TLS session for the connection of this socket, when it is our turn in the line: if need be that of the TLS
    /// connection that was idle for the longest time.
    async fn reserve_session(&mut self) -> Result<()> {
        if self.lease.has_session() {
            return Ok(());
        }
        let deadline = match self.patience() {
            Patience::Nothing => Deadline::PASSED,
            Patience::Until(Deadline::NEVER) => Deadline::within(self.pool.network, Some(PATIENCE)),
            Patience::Until(deadline) => deadline,
        };
        let taken = self.pool.take(Need::SESSION, Some(&self.lease), deadline).await?;
        let from = match taken.lease {
            Some(idle) => Some(self.pool.vacated(idle, deadline).await.into_slot()),
            None => None,
        };
        self.lease.reserve_session(from);
        Ok(())
    }

    /// What its TLS connection agreed on; `None` if it has none.
    pub fn tls_info(&mut self) -> Option<TlsInfo> {
        match self.lease.connection() {
            Some(Stream::Tls(session)) => session.info(),
            _ => None,
        }
    }

    /// Gives the TLS session back, because there is no connection for it.
    fn without_session(&mut self, failed: Result<()>) -> Result<()> {
        self.lease.release_session();
        failed
    }
}

/// A socket in its handshake. It is closed at once if that fails or is dropped, so that no other waits for what it has.
struct Unproven<'a, 'p, 's, S: Stack, const N: usize, R: RawMutex> {
    socket: &'a mut Socket<'p, 's, S, N, R>,
    is_proven: bool,
}

impl<S: Stack, const N: usize, R: RawMutex> Drop for Unproven<'_, '_, '_, S, N, R> {
    fn drop(&mut self) {
        if !self.is_proven {
            self.socket.disconnect();
        }
    }
}

/// What there cannot be: a session that was reserved and is not there.
const NO_SESSION: Error = Error::new(Phase::Setup, ErrorKind::Exhausted(Resource::TlsSessions));

impl<G: Random, C: TimeSource> TlsContext<'_, G, C> {
    /// Makes a connected socket a TLS connection: performs the handshake and verifies that the peer is
    /// `server_hostname`, a DNS name or an IP address.
    ///
    /// A TLS session of the pool is waited for in the pool's [line](crate::SocketPool#the-line), with the connection open, for as
    /// long as the socket's time-out says and [ten seconds](super::PATIENCE) without one. Two tasks that each hold a socket
    /// and want the only session are served one after the other; if the first keeps it for too long the second gets
    /// [`ErrorKind::Exhausted`]. To wait before anything is connected, use [`connect`](traits::TlsContext::connect), a
    /// [`Connector`](super::Connector) or a [`ConnectionManager`](super::ConnectionManager).
    ///
    /// # Errors
    /// With phase `Handshake`, or `Setup` and [`ErrorKind::Exhausted`] when every TLS session is in use or there is none;
    /// the socket is closed then, and nothing of the application's was sent.
    ///
    /// # Cancel safety
    /// Dropping the future ends the attempt; the socket is closed then.
    pub async fn wrap_socket<'s, S: Stack + 's, const N: usize, R: RawMutex>(
        &self,
        socket: &mut Socket<'_, 's, S, N, R>,
        server_hostname: &str,
    ) -> Result<()> {
        self.wrap(socket, server_hostname, 0).await
    }

    /// The same, where the port is known: it belongs to the key of [tickets](crate::tls::sessions).
    async fn wrap<'s, S: Stack + 's, const N: usize, R: RawMutex>(
        &self,
        socket: &mut Socket<'_, 's, S, N, R>,
        server_hostname: &str,
        port: u16,
    ) -> Result<()> {
        let error = |kind| Error::new(Phase::Handshake, kind);
        // Taken first: if this ends here, in whatever way, no plain connection is left to be written to.
        let connection = match socket.stream().take() {
            Some(Stream::Plain(connection)) => connection,
            _ => {
                socket.disconnect();
                return Err(error(ErrorKind::NotConnected));
            }
        };
        socket.reserve_session().await?;
        let memory = socket.pool.tls.iter().flatten().find_map(|place| place.lend()).ok_or(NO_SESSION)?;
        let memory = Lent::new(memory, socket.pool.shared_rx);
        socket.lease.use_session();
        let mut unproven = Unproven { socket, is_proven: false };
        let (patience, network) = (unproven.socket.patience(), unproven.socket.pool.network);
        let session = unproven.socket.stream().insert(Stream::Tls(TlsSession::new(connection, memory)));
        let proven = match session {
            Stream::Tls(session) => patience.limit(network, pin!(session.connect(self, server_hostname, port))).await,
            Stream::Plain(_) => Err(ErrorKind::NotConnected),
        };
        unproven.is_proven = proven.is_ok();
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

    fn takes_session(&self) -> bool {
        true
    }

    async fn connect(&self, socket: &mut Socket<'_, 's, S, N, R>, host: &str, port: u16) -> Result<()> {
        socket.disconnect();
        socket.reserve_session().await?;
        match socket.connect(host, port).await {
            Ok(()) => self.wrap(socket, host, port).await,
            failed => socket.without_session(failed),
        }
    }

    async fn connect_addr(&self, socket: &mut Socket<'_, 's, S, N, R>, host: &str, remote: SocketAddr) -> Result<()> {
        socket.disconnect();
        socket.reserve_session().await?;
        match socket.connect_addr(remote).await {
            Ok(()) => self.wrap(socket, host, remote.port()).await,
            failed => socket.without_session(failed),
        }
    }
}

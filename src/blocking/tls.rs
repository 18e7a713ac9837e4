//! TLS over the sockets of a blocking pool: the pool lends the record buffers, the context does the rest.

use core::net::SocketAddr;

use super::{
    Socket,
    pool::DO_NOT_WAIT,
    stack::Stack,
    stream::{Ready, TlsSession, run_until},
    traits,
};
use crate::{
    error::{Error, ErrorKind, Phase, Resource, Result},
    pool::{Need, PATIENCE, Patience, Stream},
    sync::RawMutex,
    time::Deadline,
    tls::{Lent, Random, TimeSource, TlsContext, TlsInfo},
    traits::TlsId,
};

impl<'s, S: Stack + 's, const N: usize, R: RawMutex> Socket<'_, 's, S, N, R> {
    /// Takes a TLS session for the connection of this socket: if need be that of the TLS connection that was idle for the
    /// longest time. Threads wait for one in line.
    fn reserve_session(&mut self) -> Result<()> {
        if self.lease.has_session() {
            return Ok(());
        }
        let deadline = match self.patience() {
            Patience::Nothing => DO_NOT_WAIT,
            Patience::Until(Deadline::NEVER) => Deadline::within(self.pool.network, Some(PATIENCE)),
            Patience::Until(deadline) => deadline,
        };
        let taken = self.pool.take(Need::SESSION, Some(&self.lease), deadline)?;
        let from = taken.lease.map(|idle| self.pool.vacated(idle).into_slot());
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

/// What there cannot be: a session that was reserved and is not there.
const NO_SESSION: Error = Error::new(Phase::Setup, ErrorKind::Exhausted(Resource::TlsSessions));

impl<G: Random, C: TimeSource> TlsContext<'_, G, C> {
    /// Makes a connected [blocking socket](Socket) a TLS connection: performs the handshake and verifies that the peer
    /// is `server_hostname`, a DNS name or an IP address. The blocking twin of [`wrap_socket`](Self::wrap_socket); a
    /// context serves both.
    ///
    /// A pool that several threads share is waited for as [there](Self::wrap_socket).
    ///
    /// # Errors
    /// With phase `Handshake`, or `Setup` and [`ErrorKind::Exhausted`] when every TLS session is in use or there is none;
    /// the socket is closed then, and nothing of the application's was sent.
    pub fn wrap_socket_blocking<'s, S: Stack + 's, const N: usize, R: RawMutex>(
        &self,
        socket: &mut Socket<'_, 's, S, N, R>,
        server_hostname: &str,
    ) -> Result<()> {
        self.wrap_blocking(socket, server_hostname, 0)
    }

    /// The same, where the port is known: it belongs to the key of [tickets](crate::tls::sessions).
    fn wrap_blocking<'s, S: Stack + 's, const N: usize, R: RawMutex>(
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
        socket.reserve_session()?;
        let memory = socket.pool.tls.iter().find_map(|place| place.lend()).ok_or(NO_SESSION)?;
        socket.lease.use_session();
        let (patience, pool) = (socket.patience(), socket.pool);
        let session = socket.stream().insert(Stream::Tls(TlsSession::new(Ready(connection), Lent::new(memory))));
        let is_late = || match patience {
            Patience::Nothing => true,
            Patience::Until(deadline) => deadline.has_passed(pool.network),
        };
        let proven = pool.wait(patience, || match session {
            Stream::Tls(session) => run_until(is_late, session.connect(self, server_hostname, port)),
            Stream::Plain(_) => Err(ErrorKind::NotConnected),
        });
        if proven.is_err() {
            socket.disconnect();
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

    fn takes_session(&self) -> bool {
        true
    }

    fn connect(&self, socket: &mut Socket<'_, 's, S, N, R>, host: &str, port: u16) -> Result<()> {
        socket.disconnect();
        socket.reserve_session()?;
        match socket.connect(host, port) {
            Ok(()) => self.wrap_blocking(socket, host, port),
            failed => socket.without_session(failed),
        }
    }

    fn connect_addr(&self, socket: &mut Socket<'_, 's, S, N, R>, host: &str, remote: SocketAddr) -> Result<()> {
        socket.disconnect();
        socket.reserve_session()?;
        match socket.connect_addr(remote) {
            Ok(()) => self.wrap_blocking(socket, host, remote.port()),
            failed => socket.without_session(failed),
        }
    }
}

//! TLS over the sockets of a blocking pool.

use core::net::SocketAddr;

use super::{Socket, stack::Stack};
use crate::{
    error::Result,
    sync::RawMutex,
    time::run,
    tls::{Random, TimeSource, TlsContext, TlsInfo},
    traits::{self, TlsId},
};

impl<'s, S: Stack + 's, const N: usize, R: RawMutex> Socket<'_, 's, S, N, R> {
    /// What its TLS connection agreed on; `None` if it has none.
    pub fn tls_info(&mut self) -> Option<TlsInfo> {
        self.0.tls_info()
    }
}

impl<G: Random, C: TimeSource> TlsContext<'_, G, C> {
    /// Makes a connected [blocking socket](Socket) a TLS connection: performs the handshake and verifies that the peer
    /// is `server_hostname`, a DNS name or an IP address. The blocking twin of [`wrap_socket`](Self::wrap_socket); a
    /// context serves both.
    ///
    /// A pool that several threads share is waited for as [there](Self::wrap_socket).
    ///
    /// # Errors
    /// With phase `Handshake`, or `Setup` and [`ErrorKind::Exhausted`](crate::ErrorKind::Exhausted) when every TLS session is in use or there is none;
    /// the socket is closed then, and nothing of the application's was sent.
    pub fn wrap_socket_blocking<'s, S: Stack + 's, const N: usize, R: RawMutex>(
        &self,
        socket: &mut Socket<'_, 's, S, N, R>,
        server_hostname: &str,
    ) -> Result<()> {
        run(socket.0.timer(), self.wrap_socket(&mut socket.0, server_hostname))
    }
}

/// As TLS for code that both faces share.
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

    fn connect(&self, socket: &mut Socket<'_, 's, S, N, R>, host: &str, port: u16) -> impl Future<Output = Result<()>> {
        traits::TlsContext::connect(self, &mut socket.0, host, port)
    }

    fn connect_addr(
        &self,
        socket: &mut Socket<'_, 's, S, N, R>,
        host: &str,
        remote: SocketAddr,
    ) -> impl Future<Output = Result<()>> {
        traits::TlsContext::connect_addr(self, &mut socket.0, host, remote)
    }
}

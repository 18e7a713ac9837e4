//! TLS that the network stack does itself, as a context.

use core::net::{IpAddr, SocketAddr};

use super::Socket;
use crate::{
    error::{ErrorKind, Phase, Result},
    stack::{ConnectTls, ConnectTlsError, Stack, TlsServer},
    sync::RawMutex,
    traits::{self, TlsId},
};

/// The TLS of a network that has [its own](ConnectTls), such as a modem with TLS on board, as the context of a
/// [`Session`](crate::requests::Session), a [`Connector`](super::Connector) or a
/// [`ConnectionManager`](super::ConnectionManager). It takes no TLS session of the pool, and does not need the feature
/// `tls`.
///
/// Whom to trust and the date are the stack's, and are told to it before. A server that it does not verify is
/// [`ErrorKind::Unverified`], with phase `Handshake`. Time that runs out while the stack connects has phase `Connect`,
/// however far it came. Two contexts with one number are one, also if the stack was given other roots meanwhile: give
/// another set of roots another number, or [close what is kept](super::SocketPool::close_idle).
///
/// # Examples
///
/// ```
/// use socketpool::{Error, SocketPool, pool::StackTls, requests::Session, stack::{ConnectTls, Stack}};
///
/// async fn report<S: Stack + ConnectTls>(pool: &SocketPool<'_, S, 2>) -> Result<(), Error> {
///     let http = Session::new(pool, &StackTls::PROFILE_0);
///     http.post("https://api.example.com/alive").send().await?.error_for_status()?;
///     Ok(())
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct StackTls {
    profile: u8,
}

impl StackTls {
    /// TLS as the stack's first configuration says.
    pub const PROFILE_0: Self = Self::profile(0);

    /// TLS as this configuration of the stack says. Connections that were made under another are not used again.
    #[must_use]
    pub const fn profile(profile: u8) -> Self {
        Self { profile }
    }

    pub(crate) fn id(self) -> TlsId {
        let mut id = *b"TLS of the stack";
        id[0] = self.profile;
        TlsId(id)
    }

    pub(crate) fn connect<'s, S: Stack + ConnectTls + 's, const N: usize, R: RawMutex>(
        self,
        socket: &mut Socket<'_, 's, S, N, R>,
        host: &str,
        address: Option<IpAddr>,
        port: u16,
    ) -> impl Future<Output = Result<()>> {
        let server = TlsServer { host, address, port, profile: self.profile };
        async move { socket.open_tls(server).await }
    }
}

impl<'s, S: Stack + ConnectTls + 's, const N: usize, R: RawMutex> traits::TlsContext<Socket<'_, 's, S, N, R>>
    for StackTls
{
    fn id(&self) -> TlsId {
        (*self).id()
    }

    fn takes_session(&self) -> bool {
        false
    }

    fn connect(&self, socket: &mut Socket<'_, 's, S, N, R>, host: &str, port: u16) -> impl Future<Output = Result<()>> {
        (*self).connect(socket, host, None, port)
    }

    fn connect_addr(
        &self,
        socket: &mut Socket<'_, 's, S, N, R>,
        host: &str,
        remote: SocketAddr,
    ) -> impl Future<Output = Result<()>> {
        (*self).connect(socket, host, Some(remote.ip()), remote.port())
    }
}

impl ConnectTlsError {
    pub(super) const fn phase(&self) -> Phase {
        match self {
            Self::Resolve(_) => Phase::Resolve,
            Self::Connect(_) => Phase::Connect,
            Self::Unverified | Self::Handshake(_) => Phase::Handshake,
        }
    }
}

impl From<ConnectTlsError> for ErrorKind {
    fn from(error: ConnectTlsError) -> Self {
        match error {
            ConnectTlsError::Resolve(error) => error.into(),
            ConnectTlsError::Connect(kind) | ConnectTlsError::Handshake(kind) => kind.into(),
            ConnectTlsError::Unverified => Self::Unverified,
        }
    }
}

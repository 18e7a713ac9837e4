//! TLS that the network stack does itself, as a context.

use core::net::{IpAddr, SocketAddr};

use super::{NO_ANSWER, Socket, unresolved};
use crate::{
    error::{Error, ErrorKind, Phase, Result},
    stack::{ConnectTls, ConnectTlsError, ResolveError, Stack, TlsServer},
    sync::RawMutex,
    traits::{self, TlsId},
};

/// The TLS of a network that has [its own](ConnectTls), such as a modem with TLS on board, as the context of a
/// [`Session`](crate::requests::Session), a [`Connector`](super::Connector) or a
/// [`ConnectionManager`](super::ConnectionManager). It takes no TLS session of the pool, and does not need the feature
/// `tls`.
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

impl From<ConnectTlsError> for Error {
    fn from(error: ConnectTlsError) -> Self {
        match error {
            ConnectTlsError::Resolve(ResolveError::NoSuchName) => unresolved(ErrorKind::NoSuchName),
            ConnectTlsError::Resolve(ResolveError::NoAnswer) => NO_ANSWER,
            ConnectTlsError::Connect(kind) => Self::new(Phase::Connect, kind.into()),
            ConnectTlsError::Unverified => Self::new(Phase::Handshake, ErrorKind::Unverified),
            ConnectTlsError::Handshake(kind) => Self::new(Phase::Handshake, kind.into()),
        }
    }
}

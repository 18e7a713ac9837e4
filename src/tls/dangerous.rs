//! TLS that verifies nothing. **Any host on the way can be the server.**
//!
//! Encryption to an unknown peer keeps no secret from an attacker who can get between: they respond in the server's place,
//! read everything, and pass on what they like. This is for the laboratory: a server on the desk whose certificate is no
//! good. For a device of your own with a certificate of its own making there is
//! [`PinMode::InsteadOfChain`](super::pin::PinMode::InsteadOfChain), and for an authority of your own
//! [`Roots::only`](super::Roots::only); both are as little work and are safe.
//!
//! It is a type of its own, behind a feature whose name says what it is, so that a search finds it and a review sees it.

use core::net::SocketAddr;

use super::{Now, Random, TlsContext, engine::Crypto};
use crate::{
    error::Result,
    traits::{self, TlsId},
};

/// Encrypts, and takes any server for any other. See the [module](self).
#[derive(Debug)]
pub struct UnverifiedTlsContext<R>(TlsContext<'static, R, fn() -> Now>);

impl<R: Random> UnverifiedTlsContext<R> {
    /// A context that believes any server.
    #[must_use]
    pub fn new(random: R) -> Self {
        Self(TlsContext::new(random, (|| Now::Unknown) as fn() -> Now).believing_anybody())
    }

    /// Uses these algorithms: see [`TlsContext::crypto`].
    #[must_use]
    pub fn crypto(self, crypto: &'static Crypto) -> Self {
        Self(self.0.crypto(crypto))
    }
}

impl<R: Random, S> traits::TlsContext<S> for UnverifiedTlsContext<R>
where
    TlsContext<'static, R, fn() -> Now>: traits::TlsContext<S>,
{
    fn id(&self) -> TlsId {
        traits::TlsContext::<S>::id(&self.0)
    }

    fn takes_session(&self) -> bool {
        traits::TlsContext::<S>::takes_session(&self.0)
    }

    fn connect(&self, socket: &mut S, host: &str, port: u16) -> impl Future<Output = Result<()>> {
        traits::TlsContext::connect(&self.0, socket, host, port)
    }

    fn connect_addr(&self, socket: &mut S, host: &str, remote: SocketAddr) -> impl Future<Output = Result<()>> {
        traits::TlsContext::connect_addr(&self.0, socket, host, remote)
    }
}

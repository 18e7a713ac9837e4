//! TLS that the network stack does itself, over the sockets of a blocking pool.

use core::net::SocketAddr;

use super::{Socket, stack::Stack};
use crate::{
    error::Result,
    pool::StackTls,
    stack::ConnectTls,
    sync::RawMutex,
    traits::{self, TlsId},
};

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
        (*self).connect(&mut socket.0, host, None, port)
    }

    fn connect_addr(
        &self,
        socket: &mut Socket<'_, 's, S, N, R>,
        host: &str,
        remote: SocketAddr,
    ) -> impl Future<Output = Result<()>> {
        (*self).connect(&mut socket.0, host, Some(remote.ip()), remote.port())
    }
}

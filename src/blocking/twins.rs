//! The pool, its sockets and TLS as the blocking twins of the [abstractions](crate::traits), which requests are still made
//! over.

use core::net::SocketAddr;

use super::{
    Socket, SocketPool,
    stack::Stack,
    traits::{self, Need, TlsId},
};
use crate::{
    error::Result,
    pool::{Buffer, Key, Reserved},
    sync::RawMutex,
    time::{Deadline, Instant, run},
    traits as seam,
};

impl<'s, S: Stack + 's, const N: usize, R: RawMutex> traits::SocketPool for SocketPool<'s, S, N, R> {
    type Socket<'p>
        = Socket<'p, 's, S, N, R>
    where
        Self: 'p;
    type Buffer<'p>
        = Buffer<'p, 's, N, R>
    where
        Self: 'p;
    type Reserved<'p>
        = Reserved<'p, 's, S, N, R>
    where
        Self: 'p;
    type Clock = S;

    fn clock(&self) -> &S {
        self.network()
    }

    fn wait_until(&self, at: Instant) {
        run(self.network(), self.network().wait_until(at));
    }

    fn reserve(&self, need: Need, deadline: Deadline) -> Result<(Self::Reserved<'_>, Option<Self::Buffer<'_>>)> {
        run(self.network(), seam::SocketPool::reserve(&self.0, need, deadline))
    }

    fn socket_in<'p>(&'p self, place: Self::Reserved<'p>, key: Option<Key<'_>>) -> (Self::Socket<'p>, bool) {
        let (socket, found) = run(self.network(), seam::SocketPool::socket_in(&self.0, place, key));
        (Socket(socket), found)
    }
}

impl<'s, S: Stack + 's, const N: usize, R: RawMutex> traits::Socket for Socket<'_, 's, S, N, R> {
    fn set_deadline(&mut self, deadline: Deadline) {
        self.set_deadline(deadline);
    }

    fn connect(&mut self, host: &str, port: u16) -> Result<()> {
        self.connect(host, port)
    }

    fn connect_addr(&mut self, remote: SocketAddr) -> Result<()> {
        self.connect_addr(remote)
    }

    fn keep(self, key: Key<'_>) {
        seam::Socket::keep(self.0, key);
    }

    fn close(self) -> Result<()> {
        self.close()
    }
}

#[cfg(feature = "tls")]
impl<'s, S, const N: usize, R, G, C> traits::TlsContext<Socket<'_, 's, S, N, R>> for crate::tls::TlsContext<'_, G, C>
where
    S: Stack + 's,
    R: RawMutex,
    G: crate::tls::Random,
    C: crate::tls::TimeSource,
{
    fn id(&self) -> TlsId {
        self.id()
    }

    fn takes_session(&self) -> bool {
        true
    }

    fn connect(&self, socket: &mut Socket<'_, 's, S, N, R>, host: &str, port: u16) -> Result<()> {
        run(socket.0.timer(), seam::TlsContext::connect(self, &mut socket.0, host, port))
    }

    fn connect_addr(&self, socket: &mut Socket<'_, 's, S, N, R>, host: &str, remote: SocketAddr) -> Result<()> {
        run(socket.0.timer(), seam::TlsContext::connect_addr(self, &mut socket.0, host, remote))
    }
}

#[cfg(feature = "mock")]
impl<'s, const N: usize, R: RawMutex> traits::TlsContext<Socket<'_, 's, crate::mock::Network<'s>, N, R>>
    for crate::mock::MockTls
{
    fn id(&self) -> TlsId {
        TlsId([0; 16])
    }

    fn connect(
        &self,
        socket: &mut Socket<'_, 's, crate::mock::Network<'s>, N, R>,
        host: &str,
        port: u16,
    ) -> Result<()> {
        socket.connect(host, port)
    }
}

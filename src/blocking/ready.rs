//! The blocking pool, its sockets and TLS as the [abstractions](crate::traits) that both faces share: their futures are
//! ready at once, because what they do waits inside.

use core::{future::poll_fn, net::SocketAddr, task::Poll, time::Duration};

use embedded_io_async::{Read, Write};

use super::{
    Socket, SocketPool,
    pool::Reserved,
    stack::{Connect, Stack},
};
use crate::{
    error::Result,
    pool::{Buffer, Key},
    sync::RawMutex,
    time::{BlockingTimer, Clock, Deadline, Instant, Timer},
    traits::{self, Need},
};

/// The timer of a blocking stack.
#[derive(Debug)]
pub struct StackTimer<'s, S>(pub(super) &'s S);

impl<S: Clock> Clock for StackTimer<'_, S> {
    fn now(&self) -> Instant {
        self.0.now()
    }
}

impl<S: Connect + Clock> Timer for StackTimer<'_, S> {
    async fn wait_until(&self, at: Instant) {
        poll_fn(|_| if self.0.now() < at { Poll::Pending } else { Poll::Ready(()) }).await;
    }

    fn set_deadline(&self, deadline: Deadline) {
        self.0.set_deadline(deadline);
    }
}

impl<S: Connect + Clock> BlockingTimer for StackTimer<'_, S> {
    fn idle(&self) {
        self.0.wait_until(self.0.now().after(Duration::from_millis(1)));
    }
}

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
    type Timer = StackTimer<'s, S>;

    fn timer(&self) -> &StackTimer<'s, S> {
        &self.timer
    }

    async fn reserve(&self, need: Need, deadline: Deadline) -> Result<(Self::Reserved<'_>, Option<Self::Buffer<'_>>)> {
        self.reserve_now(need, deadline)
    }

    async fn socket_in<'p>(&'p self, place: Self::Reserved<'p>, key: Option<Key<'_>>) -> (Self::Socket<'p>, bool) {
        self.socket_in_now(place, key)
    }
}

impl<'s, S: Stack + 's, const N: usize, R: RawMutex> traits::Socket for Socket<'_, 's, S, N, R> {
    fn set_deadline(&mut self, deadline: Deadline) {
        self.set_deadline(deadline);
    }

    async fn connect(&mut self, host: &str, port: u16) -> Result<()> {
        Socket::connect(self, host, port)
    }

    async fn connect_addr(&mut self, remote: SocketAddr) -> Result<()> {
        Socket::connect_addr(self, remote)
    }

    fn keep(self, key: Key<'_>) {
        self.keep_now(key);
    }

    async fn close(self) -> Result<()> {
        Socket::close(self)
    }
}

impl<'s, S: Stack + 's, const N: usize, R: RawMutex> Read for Socket<'_, 's, S, N, R> {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        self.recv_into(buffer)
    }
}

impl<'s, S: Stack + 's, const N: usize, R: RawMutex> Write for Socket<'_, 's, S, N, R> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.send(bytes)
    }

    async fn flush(&mut self) -> Result<()> {
        embedded_io::Write::flush(self)
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
    fn id(&self) -> traits::TlsId {
        self.id()
    }

    fn takes_session(&self) -> bool {
        true
    }

    async fn connect(&self, socket: &mut Socket<'_, 's, S, N, R>, host: &str, port: u16) -> Result<()> {
        self.connect_blocking(socket, host, |socket| socket.connect(host, port))
    }

    async fn connect_addr(&self, socket: &mut Socket<'_, 's, S, N, R>, host: &str, remote: SocketAddr) -> Result<()> {
        self.connect_blocking(socket, host, |socket| socket.connect_addr(remote))
    }
}

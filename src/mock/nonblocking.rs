//! The scripted network under the async face.

use core::{
    future::poll_fn,
    net::{IpAddr, SocketAddr},
    task::Poll,
};

use embedded_io_async::{ErrorKind, ErrorType, Read, Write};

use super::{Line, MockTls, Network};
use crate::{
    error::Result as PoolResult,
    pool::Socket,
    stack::{Connect, Connection, Family, Resolve, ResolveError},
    time::{Instant, Timer},
    traits::{TlsContext, TlsId},
};

impl Connect for Network<'_> {
    type Connection<'a>
        = Line<'a>
    where
        Self: 'a;

    async fn connect(&self, remote: SocketAddr) -> Result<Line<'_>, ErrorKind> {
        self.script.connect(remote)
    }
}

impl Resolve for Network<'_> {
    async fn resolve(&self, host: &str, _: Family) -> Result<IpAddr, ResolveError> {
        self.script.address(host).ok_or(ResolveError::NoSuchName)
    }
}

/// Whoever waits lets the others go on once; if none of them got any further, time passes.
impl Timer for Network<'_> {
    async fn wait_until(&self, at: Instant) {
        let mut polled = false;
        poll_fn(|context| {
            let now = &self.script.now;
            if core::mem::replace(&mut polled, true) {
                now.set(now.get().max(at));
            }
            if now.get() >= at {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
}

impl ErrorType for Line<'_> {
    type Error = ErrorKind;
}

impl Read for Line<'_> {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, ErrorKind> {
        poll_fn(|_| Line::read(self, out).map_or(Poll::Pending, Poll::Ready)).await
    }
}

impl Write for Line<'_> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        poll_fn(|_| Line::write(self, bytes).map_or(Poll::Pending, Poll::Ready)).await
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

impl Connection for Line<'_> {
    async fn shutdown(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

impl<'s, const N: usize> TlsContext<Socket<'_, 's, Network<'s>, N>> for MockTls {
    fn id(&self) -> TlsId {
        TlsId(0)
    }

    async fn connect(&self, socket: &mut Socket<'_, 's, Network<'s>, N>, host: &str, port: u16) -> PoolResult<()> {
        socket.connect(host, port).await
    }
}

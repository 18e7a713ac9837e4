//! The scripted network as a stack, for either face.

use core::{
    future::poll_fn,
    net::{IpAddr, SocketAddr},
    task::{Context, Poll},
};

use embedded_io_async::{ErrorKind, ErrorType, Read, Write};

use super::{Door, FOR_EVER, IDLE, Line, Mailbox, MockTls, Network};
use crate::{
    error::Result as PoolResult,
    pool::Socket,
    stack::{Connect, Connection, DatagramSocket, Datagrams, Family, Listen, Listener, Local, Resolve, ResolveError},
    sync::RawMutex,
    time::{BlockingTimer, Clock as _, Instant, Timer},
    traits::{TlsContext, TlsId},
};

impl Connect for Network<'_> {
    type Connection<'a>
        = Line<'a>
    where
        Self: 'a;

    async fn connect(&self, remote: SocketAddr) -> Result<Line<'_>, ErrorKind> {
        let script = self.script;
        let mut hesitates = script.unmet(remote).is_some_and(|(_, peer)| peer.hesitates);
        poll_fn(|context| {
            if core::mem::take(&mut hesitates) {
                script.events.set(script.events.get() + 1);
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            script.connect(remote).map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}

impl Resolve for Network<'_> {
    async fn resolve(&self, host: &str, family: Family) -> Result<IpAddr, ResolveError> {
        self.script.resolve_one(host, family)
    }

    async fn resolve_all(&self, host: &str, family: Family, out: &mut [IpAddr]) -> Result<usize, ResolveError> {
        self.script.resolve(host, family, out)
    }
}

/// Time passes when the task that waits is polled again and nothing has happened since.
impl Timer for Network<'_> {
    async fn wait_until(&self, at: Instant) {
        let mut seen = None;
        poll_fn(|context| {
            let (now, events) = (&self.script.now, self.script.events.get());
            if seen.replace(events) == Some(events) {
                self.script.pass_until(at);
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

/// Nothing has to be waited for but the deadline, which comes at once.
///
/// # Panics
/// When a peer is silent and there is no deadline: the program would wait for ever.
impl BlockingTimer for Network<'_> {
    fn idle(&self) {
        let (happened, now) = (self.script.events.get(), self.now());
        let times = match self.script.idle.get() {
            (before, then, times) if (before, then) == (happened, now) => times + 1,
            _ => 0,
        };
        assert!(times < IDLE, "{FOR_EVER}");
        self.script.idle.set((happened, now, times));
    }
}

impl Datagrams for Network<'_> {
    type Socket<'a>
        = Mailbox<'a>
    where
        Self: 'a;

    async fn bind(&self, _: Local) -> Result<Mailbox<'_>, ErrorKind> {
        Ok(self.script.bind())
    }
}

impl Mailbox<'_> {
    fn poll<T>(&mut self, context: &mut Context<'_>, operation: impl FnOnce(&mut Self) -> Option<T>) -> Poll<T> {
        let script = self.script;
        let hesitates = script.peers.iter().any(|peer| peer.udp && peer.hesitates);
        if hesitates && !core::mem::replace(&mut self.hesitated, true) {
            script.events.set(script.events.get() + 1);
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let Some(output) = operation(self) else { return Poll::Pending };
        script.events.set(script.events.get() + 1);
        self.hesitated = false;
        Poll::Ready(output)
    }
}

impl DatagramSocket for Mailbox<'_> {
    fn family(&self) -> Family {
        Family::Any
    }

    async fn send_to(&mut self, remote: SocketAddr, datagram: &[u8]) -> Result<(), ErrorKind> {
        poll_fn(|context| self.poll(context, |mailbox| Some(Mailbox::send_to(mailbox, remote, datagram)))).await
    }

    async fn recv_from(&mut self, out: &mut [u8]) -> Result<(usize, SocketAddr), ErrorKind> {
        poll_fn(|context| self.poll(context, |mailbox| Mailbox::recv_from(mailbox, out))).await
    }
}

impl ErrorType for Line<'_> {
    type Error = ErrorKind;
}

impl Line<'_> {
    fn poll<T>(&mut self, context: &mut Context<'_>, operation: impl FnOnce(&mut Self) -> Option<T>) -> Poll<T> {
        if self.peer.hesitates && !core::mem::replace(&mut self.hesitated, true) {
            self.script.events.set(self.script.events.get() + 1);
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let Some(output) = operation(self) else {
            if self.due.is_some() {
                context.waker().wake_by_ref();
            }
            return Poll::Pending;
        };
        self.script.events.set(self.script.events.get() + 1);
        self.hesitated = false;
        Poll::Ready(output)
    }
}

impl Read for Line<'_> {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, ErrorKind> {
        poll_fn(|context| self.poll(context, |line| Line::read(line, out))).await
    }
}

impl Write for Line<'_> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        poll_fn(|context| self.poll(context, |line| Line::write(line, bytes))).await
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

impl Connection for Line<'_> {
    async fn shutdown(&mut self) -> Result<(), ErrorKind> {
        self.close_write().await
    }

    async fn close_write(&mut self) -> Result<(), ErrorKind> {
        let close = |line: &mut Self| {
            line.write_ended = true;
            Some(Ok(()))
        };
        poll_fn(|context| self.poll(context, close)).await
    }
}

impl Listen for Network<'_> {
    type Listener<'a>
        = Door<'a>
    where
        Self: 'a;

    async fn listen(&self, local: Local, _: usize, _: bool) -> Result<Door<'_>, ErrorKind> {
        Ok(self.script.listen(local))
    }
}

impl<'a> Listener for Door<'a> {
    type Connection = Line<'a>;

    async fn accept(&mut self) -> Result<(Line<'a>, SocketAddr), ErrorKind> {
        poll_fn(|context| match Door::accept(self) {
            Some(client) => {
                self.script.events.set(self.script.events.get() + 1);
                Poll::Ready(client)
            }
            None => {
                if self.hesitated {
                    self.script.events.set(self.script.events.get() + 1);
                    context.waker().wake_by_ref();
                }
                Poll::Pending
            }
        })
        .await
    }

    fn local_addr(&self) -> Result<SocketAddr, ErrorKind> {
        Ok(Door::local_addr(self))
    }
}

impl<'s, const N: usize, R: RawMutex> TlsContext<Socket<'_, 's, Network<'s>, N, R>> for MockTls {
    fn id(&self) -> TlsId {
        TlsId([0; 16])
    }

    fn takes_session(&self) -> bool {
        false
    }

    async fn connect(&self, socket: &mut Socket<'_, 's, Network<'s>, N, R>, host: &str, port: u16) -> PoolResult<()> {
        socket.connect(host, port).await
    }

    async fn connect_addr(
        &self,
        socket: &mut Socket<'_, 's, Network<'s>, N, R>,
        _: &str,
        remote: SocketAddr,
    ) -> PoolResult<()> {
        socket.connect_addr(remote).await
    }
}

#[cfg(feature = "blocking")]
impl<'s, const N: usize, R: RawMutex> TlsContext<crate::blocking::Socket<'_, 's, Network<'s>, N, R>> for MockTls {
    fn id(&self) -> TlsId {
        TlsId([0; 16])
    }

    fn takes_session(&self) -> bool {
        false
    }

    async fn connect(
        &self,
        socket: &mut crate::blocking::Socket<'_, 's, Network<'s>, N, R>,
        host: &str,
        port: u16,
    ) -> PoolResult<()> {
        crate::traits::Socket::connect(socket, host, port).await
    }

    async fn connect_addr(
        &self,
        socket: &mut crate::blocking::Socket<'_, 's, Network<'s>, N, R>,
        _: &str,
        remote: SocketAddr,
    ) -> PoolResult<()> {
        crate::traits::Socket::connect_addr(socket, remote).await
    }
}

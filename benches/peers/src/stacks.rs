//! The same connections, in the words of every client's network stack.

use std::{
    cell::Cell,
    future::{pending, poll_fn},
    io::ErrorKind as StdErrorKind,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    task::Poll,
};

use embedded_io_async::ErrorKind;
use embedded_nal_async::{AddrType, Dns};
use rustix::time::{ClockId, clock_gettime};
use socketpool::{
    stack::{self, Family, ResolveError},
    time::{BlockingTimer, Clock, Deadline, Instant, Timer},
};
use ureq::unversioned::{
    resolver::{ResolvedSocketAddrs, Resolver},
    transport::{Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport},
};

use crate::line::{Line, Place};

const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn kind(error: std::io::Error) -> ErrorKind {
    match error.kind() {
        StdErrorKind::ConnectionRefused => ErrorKind::ConnectionRefused,
        StdErrorKind::BrokenPipe => ErrorKind::BrokenPipe,
        _ => ErrorKind::Other,
    }
}

/// Monotonic time, in both faces: a count of ticks in memory, as a microcontroller has.
#[derive(Debug, Clone, Copy)]
pub struct HostClock;

impl Clock for HostClock {
    fn now(&self) -> Instant {
        let now = clock_gettime(ClockId::MonotonicCoarse);
        Instant::from_millis(now.tv_sec as u64 * 1000 + now.tv_nsec as u64 / 1_000_000)
    }
}

impl Timer for HostClock {
    /// Never: the bench gives up by itself on who waits too long.
    async fn wait_until(&self, _: Instant) {
        pending().await
    }
}

/// A stack for everybody who is async: embedded-nal-async, and edge-nal.
#[derive(Debug, Clone)]
pub struct AsyncStack<P>(pub P);

/// A connection of an [`AsyncStack`].
#[derive(Debug, Clone)]
pub struct AsyncLine<L>(L);

impl<L> embedded_io_async::ErrorType for AsyncLine<L> {
    type Error = ErrorKind;
}

impl<L: Line> embedded_io_async::Read for AsyncLine<L> {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, ErrorKind> {
        if out.is_empty() {
            return Ok(0);
        }
        poll_fn(|_| match self.0.read(out) {
            Some(outcome) => Poll::Ready(outcome.map_err(kind)),
            None => {
                self.0.wake_when_ready();
                Poll::Pending
            }
        })
        .await
    }
}

impl<L: Line> embedded_io_async::Write for AsyncLine<L> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        self.0.write(bytes).map_err(kind)
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

impl<P: Place> embedded_nal_async::TcpConnect for AsyncStack<P> {
    type Error = ErrorKind;
    type Connection<'a> = AsyncLine<P::Line>;

    async fn connect(&self, remote: SocketAddr) -> Result<AsyncLine<P::Line>, ErrorKind> {
        self.0.connect(remote).map(AsyncLine).map_err(kind)
    }
}

impl<P> Dns for AsyncStack<P> {
    type Error = ErrorKind;

    async fn get_host_by_name(&self, _: &str, _: AddrType) -> Result<IpAddr, ErrorKind> {
        Ok(ADDRESS)
    }

    async fn get_host_by_address(&self, _: IpAddr, _: &mut [u8]) -> Result<usize, ErrorKind> {
        Err(ErrorKind::Unsupported)
    }
}

impl<P: Place> edge_nal::TcpConnect for AsyncStack<P> {
    type Error = ErrorKind;
    type Socket<'a> = AsyncLine<P::Line>;

    async fn connect(&self, remote: SocketAddr) -> Result<AsyncLine<P::Line>, ErrorKind> {
        self.0.connect(remote).map(AsyncLine).map_err(kind)
    }
}

impl<L: Line> edge_nal::Readable for AsyncLine<L> {
    async fn readable(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

/// Part of the bound; an exchange does not split its connection.
impl<L: Line> edge_nal::TcpSplit for AsyncLine<L> {
    type Read<'a> = Self;
    type Write<'a> = Self;

    fn split(&mut self) -> (Self, Self) {
        (self.clone(), self.clone())
    }
}

impl<L: Line> edge_nal::TcpShutdown for AsyncLine<L> {
    async fn close(&mut self, _: edge_nal::Close) -> Result<(), ErrorKind> {
        Ok(())
    }

    async fn abort(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

thread_local! {
    /// What our blocking face set.
    static DEADLINE: Cell<Deadline> = const { Cell::new(Deadline::NEVER) };
}

/// A stack for our blocking face.
#[derive(Debug, Clone)]
pub struct BlockingStack<P>(pub P);

/// A connection of a [`BlockingStack`].
#[derive(Debug)]
pub struct BlockingLine<L>(L);

impl<L> embedded_io_async::ErrorType for BlockingLine<L> {
    type Error = ErrorKind;
}

impl<L: Line> embedded_io_async::Read for BlockingLine<L> {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, ErrorKind> {
        loop {
            match self.0.read(out) {
                Some(outcome) => return outcome.map_err(kind),
                None if DEADLINE.get().has_passed(&HostClock) => return Err(ErrorKind::TimedOut),
                None => self.0.wait(),
            }
        }
    }
}

impl<L: Line> embedded_io_async::Write for BlockingLine<L> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        self.0.write(bytes).map_err(kind)
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

impl<L: Line> stack::Connection for BlockingLine<L> {
    async fn shutdown(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

impl<P> Clock for BlockingStack<P> {
    fn now(&self) -> Instant {
        HostClock.now()
    }
}

impl<P> Timer for BlockingStack<P> {
    async fn wait_until(&self, at: Instant) {
        poll_fn(|_| if self.now() >= at { Poll::Ready(()) } else { Poll::Pending }).await;
    }

    fn set_deadline(&self, deadline: Deadline) {
        DEADLINE.set(deadline);
    }
}

impl<P> BlockingTimer for BlockingStack<P> {}

impl<P: Place> stack::Connect for BlockingStack<P> {
    type Connection<'a>
        = BlockingLine<P::Line>
    where
        Self: 'a;

    async fn connect(&self, remote: SocketAddr) -> Result<BlockingLine<P::Line>, ErrorKind> {
        self.0.connect(remote).map(BlockingLine).map_err(kind)
    }
}

impl<P> stack::Resolve for BlockingStack<P> {
    async fn resolve(&self, _: &str, _: Family) -> Result<IpAddr, ResolveError> {
        Ok(ADDRESS)
    }
}

/// A stack for ureq.
#[derive(Debug, Clone)]
pub struct UreqStack<P>(pub P);

/// A connection of a [`UreqStack`].
#[derive(Debug)]
pub struct UreqLine<L> {
    line: L,
    buffers: LazyBuffers,
}

impl<P: Place> Connector for UreqStack<P> {
    type Out = UreqLine<P::Line>;

    fn connect(&self, details: &ConnectionDetails<'_>, _: Option<()>) -> Result<Option<Self::Out>, ureq::Error> {
        let line = self.0.connect(details.addrs[0])?;
        let config = details.config;
        let buffers = LazyBuffers::new(config.input_buffer_size(), config.output_buffer_size());
        Ok(Some(UreqLine { line, buffers }))
    }
}

impl<L: Line> Transport for UreqLine<L> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), ureq::Error> {
        let mut rest = &self.buffers.output()[..amount];
        while !rest.is_empty() {
            rest = &rest[self.line.write(rest)?..];
        }
        Ok(())
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, ureq::Error> {
        loop {
            match self.line.read(self.buffers.input_append_buf()) {
                Some(outcome) => {
                    let count = outcome?;
                    self.buffers.input_appended(count);
                    return Ok(count > 0);
                }
                None => self.line.wait(),
            }
        }
    }

    fn is_open(&mut self) -> bool {
        true
    }
}

/// Everything is here.
#[derive(Debug)]
pub struct UreqResolver;

impl Resolver for UreqResolver {
    fn resolve(
        &self,
        uri: &ureq::http::Uri,
        _: &ureq::config::Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let mut addresses = self.empty();
        addresses.push(SocketAddr::new(ADDRESS, uri.port_u16().unwrap_or(80)));
        Ok(addresses)
    }
}

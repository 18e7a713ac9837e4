//! A network that costs next to nothing: whatever is sent to it, it plays back what was recorded.

use core::{
    future::{pending, poll_fn},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    task::Poll,
};

use embedded_io_async::{ErrorKind, ErrorType, Read, Write};
use socketpool::{
    stack::{Connect, Connection, Family, Resolve, ResolveError},
    time::{Clock, Instant, Timer},
};

/// Plays `answer` once on each connection, or again after each request.
pub struct Playback {
    pub answer: &'static [u8],
    pub again: bool,
}

impl Connect for Playback {
    type Connection<'a> = Line<'a>;

    async fn connect(&self, _: SocketAddr) -> Result<Line<'_>, ErrorKind> {
        Ok(Line { network: self, played: if self.again { self.answer.len() } else { 0 } })
    }
}

impl Resolve for Playback {
    async fn resolve(&self, _: &str, _: Family) -> Result<IpAddr, ResolveError> {
        Ok(IpAddr::V4(Ipv4Addr::LOCALHOST))
    }
}

impl Clock for Playback {
    fn now(&self) -> Instant {
        Instant::from_millis(0)
    }
}

impl Timer for Playback {
    async fn wait_until(&self, _: Instant) {
        pending().await
    }
}

pub struct Line<'a> {
    network: &'a Playback,
    played: usize,
}

impl ErrorType for Line<'_> {
    type Error = ErrorKind;
}

impl Read for Line<'_> {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, ErrorKind> {
        let rest = self.network.answer.get(self.played..).unwrap_or_default();
        if rest.is_empty() {
            return poll_fn(|_| Poll::Pending).await;
        }
        let count = rest.len().min(out.len());
        out[..count].copy_from_slice(&rest[..count]);
        self.played += count;
        Ok(count)
    }
}

impl Write for Line<'_> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        if self.network.again && self.played == self.network.answer.len() {
            self.played = 0;
        }
        Ok(bytes.len())
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

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

/// Plays `answer` once on each connection, or again after each request; then as many bytes of anything as `body` says,
/// without the cost of copying them.
pub struct Playback {
    pub answer: &'static [u8],
    pub body: usize,
    pub again: bool,
}

impl Playback {
    fn len(&self) -> usize {
        self.answer.len() + self.body
    }
}

impl Connect for Playback {
    type Connection<'a> = Line<'a>;

    async fn connect(&self, _: SocketAddr) -> Result<Line<'_>, ErrorKind> {
        Ok(Line { network: self, played: if self.again { self.len() } else { 0 } })
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
    pub network: &'a Playback,
    pub played: usize,
}

impl ErrorType for Line<'_> {
    type Error = ErrorKind;
}

impl Read for Line<'_> {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, ErrorKind> {
        let rest = self.network.answer.get(self.played..).unwrap_or_default();
        let count = (self.network.len() - self.played).min(out.len());
        if count == 0 {
            return poll_fn(|_| Poll::Pending).await;
        }
        let copied = rest.len().min(count);
        out[..copied].copy_from_slice(&rest[..copied]);
        self.played += count;
        Ok(count)
    }
}

impl Write for Line<'_> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        if self.network.again && self.played == self.network.len() {
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

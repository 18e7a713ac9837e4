//! Readings as JSON, and what to do when they cannot be sent.

use heapless::Vec;
use serde::Serialize;
use socketpool::{
    Result,
    requests::{Retry, Session},
    traits::{SocketPool, TlsContext},
};

use crate::{Schedule, Tally};

/// Readings that are kept while they cannot be sent; when there is no room, the oldest goes. All of them have to fit in the
/// pool's exchange buffer as JSON, 40 bytes each.
pub const KEPT: usize = 16;

/// What is sent for each reading.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Reading {
    /// Which one it is, so that the server notices one that it gets twice.
    pub number: u32,
    /// What the sensor said.
    pub celsius: f32,
}

/// Reads the sensor and POSTs what was not sent yet to `url`.
pub async fn run<'p, P, T>(
    pool: &'p P,
    tls: &'p T,
    url: &str,
    mut sensor: impl FnMut() -> f32,
    schedule: Schedule<'_>,
) -> Tally
where
    P: SocketPool,
    T: TlsContext<P::Socket<'p>>,
{
    let http = schedule.session(pool, tls);
    let (mut unsent, mut number) = (Vec::<Reading, KEPT>::new(), 0_u32);
    let round = async || -> Result<()> {
        number = number.wrapping_add(1);
        if unsent.is_full() {
            unsent.remove(0);
        }
        let _ = unsent.push(Reading { number, celsius: sensor() });
        let status = post(&http, url, &unsent, schedule.retries()).await?;
        info!("telemetry: {} readings up to number {}, status {}", unsent.len(), number, status);
        unsent.clear();
        Ok(())
    };
    schedule.run("telemetry", pool.timer(), round).await
}

/// The numbers let the server notice what it gets twice, so the request may be repeated.
pub(crate) async fn post<'p, P, T>(
    http: &Session<'p, P, T>,
    url: &str,
    readings: &[Reading],
    retry: Retry<'_>,
) -> Result<u16>
where
    P: SocketPool,
    T: TlsContext<P::Socket<'p>>,
{
    let mut response = http.post(url).json(readings).repeatable().retry(Some(retry)).send().await?;
    let status = response.error_for_status()?.status().as_u16();
    response.close().await?;
    Ok(status)
}

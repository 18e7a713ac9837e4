//! A body larger than memory: received piece by piece, hashed on the way.

use sha2::{Digest, Sha256};
use socketpool::{
    Result,
    requests::Session,
    traits::{SocketPool, TlsContext},
};

use crate::{Schedule, Tally};

const DONE: &str = "####################";
const LEFT: &str = "....................";

/// Gets `url`, and says on the log how far it is and what the SHA-256 of the body is.
///
/// An update would be written to flash here, piece by piece, and started only if the hash is the one that its author
/// signed.
pub async fn run<'p, P, T>(pool: &'p P, tls: &'p T, url: &str, schedule: Schedule<'_>) -> Tally
where
    P: SocketPool,
    T: TlsContext<P::Socket<'p>>,
{
    let http = schedule.session(pool, tls);
    let round = async || -> Result<()> {
        let (len, hash) = fetch(&http, url).await?;
        let mut text = [0; 64];
        info!("download: {} bytes, SHA-256 {}", len, hexadecimal(&hash, &mut text));
        Ok(())
    };
    schedule.run("download", pool.timer(), round).await
}

async fn fetch<'p, P, T>(http: &Session<'p, P, T>, url: &str) -> Result<(u64, [u8; 32])>
where
    P: SocketPool,
    T: TlsContext<P::Socket<'p>>,
{
    let mut response = http.get(url).send().await?;
    response.error_for_status()?;
    let total = response.content_length();
    let (mut piece, mut hash, mut len, mut shown) = ([0; 1024], Sha256::new(), 0_u64, 0);
    loop {
        let count = response.read(&mut piece).await?;
        if count == 0 {
            return Ok((len, hash.finalize().into()));
        }
        hash.update(&piece[..count]);
        len += count as u64;
        let done = progress(len, total);
        if done > shown {
            shown = done;
            info!("download: [{}{}] {} bytes", &DONE[..done], &LEFT[done..], len);
        }
    }
}

/// How much of the bar is done. Nothing, while nobody knows how long it will be.
fn progress(len: u64, total: Option<u64>) -> usize {
    let width = DONE.len() as u64;
    total.and_then(|total| (len.min(total) * width).checked_div(total)).unwrap_or(0) as usize
}

fn hexadecimal<'t>(bytes: &[u8; 32], text: &'t mut [u8; 64]) -> &'t str {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (byte, pair) in bytes.iter().zip(text.chunks_exact_mut(2)) {
        pair.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
    core::str::from_utf8(text).unwrap_or_default()
}

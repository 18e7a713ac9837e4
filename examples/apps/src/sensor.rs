//! A node that sleeps: it wakes, reads its sensor, POSTs what the server does not have yet, and sleeps again.
//!
//! ```text
//!   wake ──▶ read what was kept ──▶ join, date ──▶ POST, with retry ──▶ keep the rest ──▶ sleep
//! ```
//!
//! A waking is a whole life of the program: sleep ends in a reset. What has to outlast it is [`Kept`], as bytes in memory that
//! sleep and reset leave alone (RTC memory, RAM that is not initialised), or in flash. It has a checksum, so what is in such
//! memory when the power comes on counts as nothing. What TLS sessions are resumed with
//! belongs beside it.

use core::time::Duration;

use heapless::Vec;
use sha2::{Digest, Sha256};
use socketpool::traits::{SocketPool, TlsContext};

use crate::{
    Schedule,
    telemetry::{self, KEPT, Reading},
};

/// Numbers and readings, and the checksum.
pub const LEN: usize = CHECKED + CHECKSUM;
const CHECKED: usize = 8 + 8 * KEPT;
const CHECKSUM: usize = 4;

/// What a node knows from one waking to the next.
#[derive(Debug, Clone, Default)]
pub struct Kept {
    number: u32,
    unsent: Vec<Reading, KEPT>,
}

impl Kept {
    /// What [`Self::to_bytes`] made; nothing, if these bytes are anything else.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; LEN]) -> Self {
        let (words, rest) = bytes.as_chunks::<4>();
        let word = |index: usize| words.get(index).map_or(0, |word| u32::from_le_bytes(*word));
        let count = usize::try_from(word(1)).unwrap_or(usize::MAX);
        if !rest.is_empty() || words.last() != Some(&checksum(bytes)) || count > KEPT {
            return Self::default();
        }
        let unsent =
            (0..count).map(|n| Reading { number: word(2 + 2 * n), celsius: f32::from_bits(word(3 + 2 * n)) }).collect();
        Self { number: word(0), unsent }
    }

    /// To be kept where sleep does not reach.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; LEN] {
        let mut bytes = [0; LEN];
        let numbers = [self.number, self.unsent.len() as u32];
        let readings = self.unsent.iter().flat_map(|reading| [reading.number, reading.celsius.to_bits()]);
        for (word, number) in bytes.as_chunks_mut().0.iter_mut().zip(numbers.into_iter().chain(readings)) {
            *word = number.to_le_bytes();
        }
        let sum = checksum(&bytes);
        if let Some(end) = bytes.last_chunk_mut() {
            *end = sum;
        }
        bytes
    }

    /// Takes a reading, before the network is up: it is not lost when there is none. When there is no room, the oldest goes.
    pub fn take(&mut self, celsius: f32) {
        self.number = self.number.wrapping_add(1);
        if self.unsent.is_full() {
            self.unsent.remove(0);
        }
        let _ = self.unsent.push(Reading { number: self.number, celsius });
    }

    /// How many readings the server does not have.
    #[must_use]
    pub fn unsent(&self) -> usize {
        self.unsent.len()
    }
}

/// POSTs what was not sent yet to `url`, once, tried again as the schedule says; then how long to sleep. What could not be
/// sent is kept for the next waking.
pub async fn report<'p, P, T>(pool: &'p P, tls: &'p T, url: &str, kept: &mut Kept, schedule: Schedule<'_>) -> Duration
where
    P: SocketPool,
    T: TlsContext<P::Socket<'p>>,
{
    match telemetry::post(&schedule.session(pool, tls), url, &kept.unsent, schedule.retries()).await {
        Ok(status) => {
            info!("sensor: {} readings up to number {}, status {}", kept.unsent(), kept.number, status);
            kept.unsent.clear();
        }
        Err(error) => warning!("sensor failed: {}; {} readings are kept", error, kept.unsent()),
    }
    schedule.pause()
}

/// Four bytes of SHA-256.
fn checksum(bytes: &[u8; LEN]) -> [u8; CHECKSUM] {
    let sum = Sha256::digest(bytes.split_at(CHECKED).0);
    [sum[0], sum[1], sum[2], sum[3]]
}

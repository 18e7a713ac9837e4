//! A node that sleeps: it wakes, reads its sensor, POSTs what the server does not have yet, and sleeps again.
//!
//! ```text
//!   wake ──▶ read what was kept ──▶ join, date ──▶ POST, with retry ──▶ keep the rest ──▶ sleep
//! ```
//!
//! A waking is a whole life of the program: sleep ends in a reset. What has to outlast it is [`Kept`], as bytes in memory that
//! sleep and reset leave alone (RTC memory, RAM that is not initialised), or in flash. It has a checksum, so what is in such
//! memory when the power comes on counts as nothing. The ticket that the next TLS handshake is short with lies beside it, and is
//! as secret as the device's other keys.

use core::time::Duration;

use heapless::Vec;
use sha2::{Digest, Sha256};
use socketpool::{
    tls::Sessions,
    traits::{SocketPool, TlsContext},
};

use crate::{
    Schedule,
    telemetry::{self, KEPT, Reading},
};

/// Numbers and readings, and the checksum.
pub const LEN: usize = CHECKED + CHECKSUM;
const CHECKED: usize = 8 + 8 * KEPT;
const CHECKSUM: usize = 4;

/// Bytes of memory for all that outlasts a sleep: [`Kept`], how long the ticket is, and the ticket.
pub const MEMORY_LEN: usize = LEN + 2 + Sessions::<1>::MAX_STORED_LEN;

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

/// What a waking begins with: [`keep`] made these bytes before the sleep. A ticket goes to `sessions`; where there is none the
/// handshake is a full one.
#[must_use]
pub fn wake(memory: &[u8; MEMORY_LEN], sessions: &Sessions<1>) -> Kept {
    let Some((kept, rest)) = memory.split_first_chunk() else { return Kept::default() };
    if let Some((len, rest)) = rest.split_first_chunk()
        && let Some(ticket) = rest.get(..usize::from(u16::from_le_bytes(*len)))
    {
        let _ = sessions.read_from(ticket);
    }
    Kept::from_bytes(kept)
}

/// What is to outlast a sleep. Without `sessions` no ticket is kept: so it has to be while one is in use, because a ticket is
/// for one connection.
#[must_use]
pub fn keep(kept: &Kept, sessions: Option<&Sessions<1>>) -> [u8; MEMORY_LEN] {
    let mut memory = [0; MEMORY_LEN];
    if let Some((place, rest)) = memory.split_first_chunk_mut() {
        *place = kept.to_bytes();
        if let (Some(sessions), Some((len, rest))) = (sessions, rest.split_first_chunk_mut()) {
            *len = (sessions.write_to(rest).unwrap_or(0) as u16).to_le_bytes();
        }
    }
    memory
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

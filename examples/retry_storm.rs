//! What a hundred thousand devices do to a server that was away, with a retry policy and without: a simulation.
//!
//! `cargo run --example retry_storm`
//!
//! The server serves 2,000 requests in a second and answers 503 to all beyond that. It is away for a minute, and every
//! device notices within that minute. From then on a device tries until it is served: either every 5 seconds after its
//! last attempt, as simple firmware does (a short outage of the access point has set their clocks to the same second), or
//! when `Retry` says so. The delays are those of the library's own code; only devices, server and time are simulated.

use std::{cell::Cell, collections::BTreeMap, time::Duration};

use socketpool::requests::Retry;

const DEVICES: u32 = 100_000;
/// What the server can do in a second.
const CAPACITY: u32 = 2_000;
/// Seconds that it is away.
const OUTAGE: u64 = 60;
/// When simple firmware tries again.
const EVERY: Duration = Duration::from_secs(5);

fn main() {
    let state = Cell::new(0x2545_F491_4F6C_DD1D_u64);
    let random = || {
        // xorshift64*: the same in every run, so that the numbers below can be compared.
        let mut x = state.get();
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        state.set(x);
        (x.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32) as u32
    };
    let doubling =
        |attempts: u8| Duration::from_secs(1 << attempts.saturating_sub(1).min(6)).min(Duration::from_secs(60));
    let policy = Retry::new(u8::MAX, &random); // base 1 s, cap 60 s

    println!("{DEVICES} devices, {CAPACITY} requests/s served, away for {OUTAGE} s");
    println!("{:<34}{:>14}{:>14}{:>12}{:>14}", "", "peak req/s", "requests", "recovery s", "busiest/mean");
    simulate("every 5 s, in step", &random, |_| EVERY);
    simulate("back-off without jitter, in step", &random, doubling);
    simulate("Retry: back-off with full jitter", &random, |attempts| policy.delay(attempts));
}

/// Runs devices that wait so long after so many attempts, and prints what the server sees once it is back.
fn simulate(name: &str, random: &dyn Fn() -> u32, delay: impl Fn(u8) -> Duration) {
    // Attempts by millisecond: how many devices with how many attempts behind them.
    let mut due: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
    // All lose the server at once, and try within the same tenth of a second.
    for _ in 0..DEVICES {
        due.entry(u64::from(random() % 100)).or_default().push(0);
    }
    let mut seconds: BTreeMap<u64, u32> = BTreeMap::new();
    let (mut served, mut recovered) = (0, 0);
    while let Some((now, attempts)) = due.pop_first() {
        let second = now / 1000;
        for attempt in attempts {
            let seen = seconds.entry(second).or_default();
            *seen += 1;
            if second >= OUTAGE && *seen <= CAPACITY {
                served += 1;
                recovered = second;
                continue;
            }
            let attempt = attempt.saturating_add(1);
            let wait = u64::try_from(delay(attempt).as_millis()).expect("minutes");
            due.entry(now + wait.max(1)).or_default().push(attempt);
        }
    }
    assert_eq!(served, DEVICES);
    let after: Vec<u32> = seconds.range(OUTAGE..).map(|(_, seen)| *seen).collect();
    let (peak, total) = (after.iter().max().copied().unwrap_or(0), after.iter().sum::<u32>());
    let span = recovered - OUTAGE + 1;
    let mean = f64::from(total) / span as f64;
    println!("{name:<34}{peak:>14}{total:>14}{span:>12}{:>14.1}", f64::from(peak) / mean);
}

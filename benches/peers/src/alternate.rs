//! Lets everybody do the same in turns, so that what disturbs the machine disturbs all of them.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use rustix::{
    thread::{CpuSet, sched_getcpu, sched_setaffinity},
    time::{ClockId, clock_gettime},
};

/// The most CPU time that one turn takes, in nanoseconds, unless one exchange takes longer.
const TURN: f64 = 1e6;

/// Somebody who does the work once when called, and returns how many bytes of body there were.
pub struct Client {
    pub name: &'static str,
    pub exchange: Box<dyn FnMut() -> usize>,
}

impl Client {
    pub fn new(name: &'static str, exchange: impl FnMut() -> usize + 'static) -> Self {
        Self { name, exchange: Box::new(exchange) }
    }

    /// CPU time of this thread for one of `count` exchanges, in nanoseconds.
    fn time(&mut self, count: u32) -> f64 {
        let before = cpu_time();
        for _ in 0..count {
            (self.exchange)();
        }
        (cpu_time() - before) / f64::from(count)
    }
}

/// What was measured of one client.
struct Measured {
    name: &'static str,
    count: u32,
    allocations: usize,
    writes: usize,
    /// Nanoseconds per exchange, one figure per round.
    times: Vec<f64>,
}

/// Measures, and prints a line for each client and for each of `pairs`, ours first.
pub fn alternate(case: &str, body_len: usize, rounds: usize, clients: &mut [Client], pairs: &[(&str, &str)]) {
    let mut all: Vec<_> = clients.iter_mut().map(|client| prepare(case, body_len, client)).collect();
    for round in 0..rounds {
        for turn in 0..clients.len() {
            let index = (round + turn) % clients.len();
            let measured = &mut all[index];
            measured.times.push(clients[index].time(measured.count));
        }
    }
    for Measured { name, allocations, writes, times, .. } in &all {
        let micros = median(times) / 1e3;
        println!("time  {case:14} {name:10} {micros:9.2} µs, {allocations} allocations, {writes} writes");
    }
    for (ours, peer) in pairs {
        let find = |name: &str| all.iter().find(|measured| measured.name == name);
        let (Some(ours), Some(peer)) = (find(ours), find(peer)) else { continue };
        let mut ratios: Vec<_> = ours.times.iter().zip(&peer.times).map(|(ours, peer)| ours / peer).collect();
        ratios.sort_by(f64::total_cmp);
        let quarter = ratios.len() / 4;
        let (low, high) = (ratios[quarter], ratios[ratios.len() - 1 - quarter]);
        println!("ratio {case} {}/{} {:.2} ({low:.2} to {high:.2})", ours.name, peer.name, median(&ratios));
    }
}

/// Warms up, checks the work, counts, and finds out how much of it fills a turn.
fn prepare(case: &str, body_len: usize, client: &mut Client) -> Measured {
    for _ in 0..3 {
        assert_eq!((client.exchange)(), body_len, "{case}, {}: the body", client.name);
    }
    let (allocations, writes) = (ALLOCATIONS.get(), WRITES.get());
    (client.exchange)();
    let (allocations, writes) = (ALLOCATIONS.get() - allocations, WRITES.get() - writes);
    let once = client.time(1).min(client.time(1));
    let count = (TURN / once.max(1.0)).clamp(1.0, 10_000.0) as u32;
    Measured { name: client.name, count, allocations, writes, times: Vec::new() }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// The CPU time that this thread has had, in nanoseconds: neither other processes nor the server count.
fn cpu_time() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

/// Keeps this thread, and those it starts, on one processor: what waking somebody costs depends on where it runs.
pub fn stay_on_one_processor() {
    let mut here = CpuSet::new();
    here.set(sched_getcpu());
    sched_setaffinity(None, &here).expect("the processor that this runs on");
}

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
    static WRITES: Cell<usize> = const { Cell::new(0) };
}

/// Counts something that was written.
pub fn note_write() {
    WRITES.set(WRITES.get() + 1);
}

/// Does something whose allocations are the bench's own.
pub fn uncounted<T>(work: impl FnOnce() -> T) -> T {
    let before = ALLOCATIONS.get();
    let output = work();
    ALLOCATIONS.set(before);
    output
}

/// Counts what each thread allocates for itself.
struct Counting;

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

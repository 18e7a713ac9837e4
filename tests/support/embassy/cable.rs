//! A cable between two stacks.

use core::{future::poll_fn, pin::pin, task::Poll};
use std::{
    cell::{Cell, RefCell},
    collections::BinaryHeap,
    rc::Rc,
};

use embassy_net_driver_channel::{Runner, RxRunner, TxRunner};
use embassy_time::{Duration, Instant, Timer};

use super::{MTU, Tasks};

/// What the cable does to frames.
#[derive(Debug, Clone, Copy)]
pub struct Cable {
    /// Of a hundred frames, so many are lost.
    pub loss: u64,
    /// Of a hundred that are not lost, so many arrive twice.
    pub twice: u64,
    /// Every frame takes so long.
    pub delay: Duration,
    /// And up to so much longer, each for itself, so that some overtake others.
    pub jitter: Duration,
    /// Chooses which frames are lost, and how long each takes.
    pub seed: u64,
}

/// What a test sees of a cable, and can do to it.
#[derive(Default)]
pub struct Wire {
    /// While it is cut, every frame is lost.
    pub cut: Cell<bool>,
    /// Every frame that was sent, whether it was lost or not.
    pub frames: RefCell<Vec<Vec<u8>>>,
}

impl Cable {
    /// A cable as it should be.
    pub const GOOD: Self =
        Self { loss: 0, twice: 0, delay: Duration::from_millis(1), jitter: Duration::from_ticks(0), seed: 0 };

    /// A bad one: a tenth is lost, and the rest comes out of order.
    pub const fn bad(seed: u64) -> Self {
        Self { loss: 10, jitter: Duration::from_millis(20), seed, ..Self::GOOD }
    }

    pub fn join(self, a: Runner<'static, MTU>, b: Runner<'static, MTU>, background: &mut Tasks) -> Rc<Wire> {
        let ((_, a_in, a_out), (_, b_in, b_out)) = (a.split(), b.split());
        let wire = Rc::new(Wire::default());
        background.spawn(self.carry(wire.clone(), a_out, b_in, 2 * self.seed + 1));
        background.spawn(self.carry(wire.clone(), b_out, a_in, 2 * self.seed + 2));
        wire
    }

    async fn carry(self, wire: Rc<Wire>, mut from: TxRunner<'static, MTU>, mut to: RxRunner<'static, MTU>, seed: u64) {
        let mut random = Random(seed);
        let mut travelling = BinaryHeap::new();
        let mut count = 0u64;
        poll_fn(|context| {
            while let Poll::Ready(frame) = from.poll_tx_buf(context) {
                wire.frames.borrow_mut().push(frame.to_vec());
                if random.below(100) >= self.loss && !wire.cut.get() {
                    let copies = if self.twice > 0 && random.below(100) < self.twice { 2 } else { 1 };
                    for _ in 0..copies {
                        count += 1;
                        let late = Duration::from_ticks(random.below(self.jitter.as_ticks() + 1));
                        let arrival = Instant::now() + self.delay + late;
                        travelling.push(core::cmp::Reverse((arrival, count, frame.to_vec())));
                    }
                }
                from.tx_done();
            }
            while let Some(core::cmp::Reverse((arrival, _, frame))) = travelling.peek() {
                if *arrival > Instant::now() {
                    let _ = pin!(Timer::at(*arrival)).poll(context); // to be woken then
                    break;
                }
                // No room: lost, as on a real link.
                if let Some(buffer) = to.try_rx_buf() {
                    buffer[..frame.len()].copy_from_slice(frame);
                    to.rx_done(frame.len());
                }
                travelling.pop();
            }
            Poll::<()>::Pending
        })
        .await;
    }
}

/// xorshift64*.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % limit.max(1)
    }
}

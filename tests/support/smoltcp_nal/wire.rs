//! An Ethernet cable with two ends, which can lose frames.

use std::{cell::RefCell, collections::VecDeque, rc::Rc};

use smoltcp::{
    phy::{self, Device, DeviceCapabilities, Medium},
    time::Instant,
};

/// The frames that are under way.
#[derive(Default)]
pub struct Wire {
    /// By the end that receives them.
    under_way: [VecDeque<Vec<u8>>; 2],
    sent: usize,
    lose_every: Option<usize>,
    lost: usize,
    bad: Option<Bad>,
}

/// What a bad line does to frames, by chance: percentages.
pub struct Bad {
    pub loss: u64,
    pub twice: u64,
    /// These overtake the one before them.
    pub early: u64,
    /// The state of the chance.
    pub seed: u64,
}

impl Bad {
    /// xorshift64*.
    const fn happens(&mut self, percent: u64) -> bool {
        self.seed ^= self.seed >> 12;
        self.seed ^= self.seed << 25;
        self.seed ^= self.seed >> 27;
        (self.seed.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % 100 < percent
    }
}

impl Wire {
    pub fn lose_every(&mut self, n: usize) {
        self.lose_every = Some(n);
    }

    pub fn is_bad(&mut self, bad: Bad) {
        self.bad = Some(bad);
    }

    pub const fn lost(&self) -> usize {
        self.lost
    }

    fn carry(&mut self, frame: Vec<u8>, to: usize) {
        self.sent += 1;
        let under_way = &mut self.under_way[to];
        if let Some(bad) = &mut self.bad {
            if bad.happens(bad.loss) {
                self.lost += 1;
                return;
            }
            if bad.happens(bad.twice) {
                under_way.push_back(frame.clone());
            }
            if bad.happens(bad.early) {
                let before = under_way.len().saturating_sub(1);
                return under_way.insert(before, frame);
            }
        }
        if self.lose_every.is_some_and(|n| self.sent.is_multiple_of(n)) {
            self.lost += 1;
        } else {
            under_way.push_back(frame);
        }
    }
}

/// One end of it.
pub struct End {
    wire: Rc<RefCell<Wire>>,
    side: usize,
}

impl End {
    pub fn new(wire: &Rc<RefCell<Wire>>, side: usize) -> Self {
        Self { wire: Rc::clone(wire), side }
    }
}

impl Device for End {
    type RxToken<'a> = Frame;
    type TxToken<'a> = Plug<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Frame, Plug<'_>)> {
        let frame = self.wire.borrow_mut().under_way[self.side].pop_front()?;
        Some((Frame(frame), Plug(self)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Plug<'_>> {
        Some(Plug(self))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = 1514;
        capabilities
    }
}

/// A frame that has arrived.
pub struct Frame(Vec<u8>);

impl phy::RxToken for Frame {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(&self.0)
    }
}

/// Room for one frame.
pub struct Plug<'a>(&'a End);

impl phy::TxToken for Plug<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        let mut frame = vec![0; len];
        let result = write(&mut frame);
        self.0.wire.borrow_mut().carry(frame, 1 - self.0.side);
        result
    }
}

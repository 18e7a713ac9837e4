//! Numbers as if by chance, the same for the same seed (xorshift64*).

#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    pub const fn new(seed: u64) -> Self {
        // Zero would stay zero.
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub const fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number from 0 up to, and without, `limit`.
    pub const fn below(&mut self, limit: usize) -> usize {
        ((self.next() >> 33) % (if limit == 0 { 1 } else { limit }) as u64) as usize
    }

    /// True once in so many times.
    pub const fn one_in(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }

    pub fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill_with(|| (self.next() >> 40) as u8);
    }
}

//! What a socket has read ahead of its user, in an exchange buffer of the pool. Knows no I/O, so both faces use it.

use core::ops::{DerefMut, Range};

/// Bytes that arrived and were not taken yet.
pub(crate) struct ReadAhead<M> {
    memory: M,
    filled: Range<usize>,
}

impl<M: DerefMut<Target = [u8]>> ReadAhead<M> {
    pub(crate) const fn new(memory: M) -> Self {
        Self { memory, filled: 0..0 }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.memory.get(self.filled.clone()).unwrap_or_default()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.filled.is_empty()
    }

    /// Where to read into, once all is taken.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        &mut self.memory
    }

    /// So many bytes were read into the room.
    pub(crate) fn fill(&mut self, len: usize) {
        self.filled = 0..len.min(self.memory.len());
    }

    /// So many bytes were taken.
    pub(crate) fn consume(&mut self, len: usize) {
        self.filled.start = (self.filled.start + len).min(self.filled.end);
    }

    /// Moves what fits.
    pub(crate) fn take_into(&mut self, out: &mut [u8]) -> usize {
        let count = copy(self.bytes(), out);
        self.consume(count);
        count
    }
}

/// Copies what fits, and says how much.
pub(crate) fn copy(from: &[u8], to: &mut [u8]) -> usize {
    let count = from.len().min(to.len());
    to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
    count
}

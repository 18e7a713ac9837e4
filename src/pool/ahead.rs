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
        self.filled.start = self.filled.start.saturating_add(len).min(self.filled.end);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cell::Place, sync::NoopRawMutex};

    /// `BufRead::consume` takes whatever its caller says.
    #[test]
    fn more_than_there_is_can_be_consumed_and_is_all() {
        let place = Place::<[u8; 4], NoopRawMutex>::new([1, 2, 3, 4]);
        let place: &Place<[u8], NoopRawMutex> = &place;
        let mut ahead = ReadAhead::new(place.lend().expect("nobody has it"));
        ahead.fill(usize::MAX);
        ahead.consume(1);
        assert_eq!(ahead.bytes(), [2, 3, 4]);
        ahead.consume(usize::MAX);
        assert!(ahead.is_empty());
    }
}

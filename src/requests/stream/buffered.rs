//! A buffer of the caller's, with what was received and not yet used in it.

use core::ops::Range;

/// The buffer. What is in use moves to its front when room is needed.
#[derive(Debug)]
pub(super) struct Buffered<'b> {
    pub(super) bytes: &'b mut [u8],
    pub(super) start: usize,
    pub(super) end: usize,
    /// Whether nothing more will come.
    pub(super) ended: bool,
}

impl<'b> Buffered<'b> {
    pub(super) fn new(bytes: &'b mut [u8]) -> Self {
        Self { bytes, start: 0, end: 0, ended: false }
    }

    pub(super) fn range(&self) -> Range<usize> {
        self.start..self.end
    }

    pub(super) fn get(&self, range: Range<usize>) -> &[u8] {
        self.bytes.get(range).unwrap_or_default()
    }

    pub(super) fn unread(&self) -> &[u8] {
        self.get(self.range())
    }

    pub(super) fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
    }

    /// Moves what was not used yet to `to`, which is not behind it.
    pub(super) fn move_to(&mut self, to: usize) {
        if to < self.start {
            self.bytes.copy_within(self.start..self.end, to);
            (self.start, self.end) = (to, to + self.end - self.start);
        }
    }

    /// What is free, up to `limit`.
    pub(super) fn free(&mut self, limit: usize) -> &mut [u8] {
        self.bytes.get_mut(self.end..limit).unwrap_or_default()
    }

    pub(super) fn received(&mut self, count: usize) {
        self.end += count;
        self.ended |= count == 0;
    }
}

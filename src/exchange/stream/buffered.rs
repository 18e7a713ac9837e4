//! A buffer of the caller's, with what was received and not yet used in it.

use core::ops::Range;

use crate::error::{Error, ErrorKind, Limit, Phase, Result};

/// How many bytes may be taken, if that is limited.
#[derive(Debug, Default)]
pub(crate) struct Quota {
    limit: Option<usize>,
    taken: usize,
    /// Whether there were more.
    is_over: bool,
}

impl Quota {
    pub(crate) fn set(&mut self, bytes: usize) {
        self.limit = Some(bytes);
    }

    /// An error if there were more bytes than may be taken.
    pub(crate) fn check(&self) -> Result<()> {
        let have = self.limit.unwrap_or_default();
        let kind = ErrorKind::TooLarge { what: Limit::ResponseBody, need: None, have };
        if self.is_over { Err(Error::new(Phase::Body, kind)) } else { Ok(()) }
    }

    /// How many more may be taken.
    pub(super) fn left(&self) -> usize {
        self.limit.map_or(usize::MAX, |limit| limit.saturating_sub(self.taken))
    }

    /// How many of so many bytes may be taken; now they are.
    pub(super) fn take(&mut self, count: usize) -> usize {
        let taken = count.min(self.left());
        self.is_over |= taken < count;
        if self.limit.is_some() {
            self.taken += taken;
        }
        taken
    }
}

/// The buffer. What is in use moves to its front when room is needed.
#[derive(Debug)]
pub(super) struct Buffered<'b> {
    pub(super) bytes: &'b mut [u8],
    pub(super) start: usize,
    pub(super) end: usize,
    /// Whether nothing more will come.
    pub(super) ended: bool,
    pub(super) quota: Quota,
}

impl<'b> Buffered<'b> {
    pub(super) fn new(bytes: &'b mut [u8]) -> Self {
        Self { bytes, start: 0, end: 0, ended: false, quota: Quota::default() }
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
        self.ended |= count == 0;
        self.end += self.quota.take(count);
    }
}

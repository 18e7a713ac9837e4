//! Lines of text.

use core::ops::Range;

use embedded_io_async::Read;

use super::{
    Pieces, Step,
    buffered::{Buffered, Quota},
    next,
};
use crate::error::{Error, ErrorKind, Limit, Phase, Result};

/// Reads a body line by line. Made by [`Response::lines`](crate::requests::Response::lines).
#[derive(Debug)]
#[doc(alias = "iter_lines")]
pub struct Lines<'r, R> {
    source: &'r mut R,
    core: LineCore<'r>,
}

impl<'r, R: Read<Error = Error>> Lines<'r, R> {
    /// The lines of what `source` has to read. The buffer bounds the length of a line, its end included.
    pub fn new(source: &'r mut R, buffer: &'r mut [u8]) -> Self {
        Self { source, core: LineCore::new(buffer) }
    }

    /// Receives at most so many bytes of the body, in all; unlimited unless the caller says so. What lies within the limit
    /// is given first; then, if there is more, each call fails with [`ErrorKind::TooLarge`].
    #[must_use]
    pub fn limit(mut self, bytes: usize) -> Self {
        self.core.quota().set(bytes);
        self
    }

    /// The next line, without the LF or CRLF at its end; `None` after the last.
    ///
    /// # Errors
    /// [`ErrorKind::TooLarge`] if the buffer is full and no end of the line in sight: nothing is lost, and
    /// [`take_partial`](Self::take_partial) gives what is there and makes room for the rest. [`ErrorKind::NotUtf8`] if
    /// the line is not text: it is passed over, go on with the next. Otherwise as for
    /// [`read`](crate::requests::Response::read).
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn read_line(&mut self) -> Result<Option<&str>> {
        self.read_line_bytes().await?.map(as_text).transpose()
    }

    /// The same for what need not be text.
    ///
    /// # Errors
    /// As for [`read_line`](Self::read_line), except `NotUtf8`.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn read_line_bytes(&mut self) -> Result<Option<&[u8]>> {
        let line = next(self.source, &mut self.core).await?;
        Ok(line.map(|line| self.core.get(line)))
    }

    /// The beginning of a line that is too long for the buffer, as far as it is there. Its rest is the next line.
    pub fn take_partial(&mut self) -> &[u8] {
        self.core.take_partial()
    }
}

pub(crate) fn as_text(line: &[u8]) -> Result<&str> {
    core::str::from_utf8(line).map_err(|_| Error::new(Phase::Body, ErrorKind::NotUtf8))
}

/// Where lines begin and end.
#[derive(Debug)]
pub(crate) struct LineCore<'b> {
    buffered: Buffered<'b>,
    /// How much of what was received holds no line end.
    scanned: usize,
    /// What the piece that was given last takes.
    given: usize,
}

impl<'b> LineCore<'b> {
    pub(crate) fn new(buffer: &'b mut [u8]) -> Self {
        Self { buffered: Buffered::new(buffer), scanned: 0, given: 0 }
    }

    pub(crate) fn get(&self, line: Range<usize>) -> &[u8] {
        self.buffered.get(line)
    }

    pub(crate) fn take_partial(&mut self) -> &[u8] {
        self.drop_given();
        let partial = self.buffered.range();
        (self.given, self.scanned) = (partial.len(), 0);
        self.buffered.get(partial)
    }

    fn drop_given(&mut self) {
        self.buffered.consume(core::mem::take(&mut self.given));
    }
}

impl Pieces for LineCore<'_> {
    type Piece = Range<usize>;

    fn step(&mut self) -> Result<Step<Range<usize>>> {
        self.drop_given();
        let (start, have) = (self.buffered.start, self.buffered.bytes.len());
        let unread = self.buffered.unread();
        let unseen = unread.get(self.scanned..).unwrap_or_default();
        let Some(found) = unseen.iter().position(|byte| *byte == b'\n') else {
            self.scanned = unread.len();
            return match unread.len() {
                0 if self.buffered.ended => Ok(Step::End),
                len if self.buffered.ended => {
                    (self.given, self.scanned) = (len, 0);
                    Ok(Step::Piece(start..start + len))
                }
                len if len == have => {
                    Err(Error::new(Phase::Body, ErrorKind::TooLarge { what: Limit::Line, need: None, have }))
                }
                _ => Ok(Step::More),
            };
        };
        let len = self.scanned + found;
        let line = unread.get(..len).unwrap_or_default();
        let text = line.strip_suffix(b"\r").unwrap_or(line).len();
        (self.given, self.scanned) = (len + 1, 0);
        Ok(Step::Piece(start..start + text))
    }

    fn room(&mut self) -> &mut [u8] {
        self.buffered.move_to(0);
        self.buffered.free(self.buffered.bytes.len())
    }

    fn received(&mut self, count: usize) {
        self.buffered.received(count);
    }

    fn quota(&mut self) -> &mut Quota {
        &mut self.buffered.quota
    }
}

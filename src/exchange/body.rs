//! The body of a response while it arrives.

use crate::{
    error::{Error, ErrorKind, Limit, Phase, Result},
    http::{BodyDecoder, DecodeError, Fields, Framing, ResponseHead, bytes::shift},
};

/// The body of a response while it arrives. What cannot go straight to the caller is staged behind
/// the head.
#[derive(Debug)]
pub(crate) struct IncomingBody {
    decoder: BodyDecoder,
    /// Received and not yet decoded.
    start: usize,
    end: usize,
    /// Where the staging area begins: behind the head.
    staging: usize,
    trailers: Trailers,
}

/// What became of the trailers.
#[derive(Debug, Clone, Copy)]
enum Trailers {
    /// They lie here in the staging area, as far as they have arrived. What was received ends where
    /// they do, or later.
    Kept { start: usize, end: usize },
    /// There was not enough room.
    Lost,
}

impl IncomingBody {
    /// No body, of no response.
    pub(crate) const fn none() -> Self {
        Self::with(Framing::Empty, 0, 0)
    }

    /// The body behind this head, which lies at the front of the buffer; what was received ends at
    /// `end`.
    pub(crate) fn new(head: &ResponseHead, end: usize) -> Self {
        Self::with(head.framing, head.len, end)
    }

    const fn with(framing: Framing, staging: usize, end: usize) -> Self {
        let decoder = BodyDecoder::new(framing);
        Self { decoder, start: staging, end, staging, trailers: Trailers::Kept { start: 0, end: 0 } }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.decoder.is_done()
    }

    /// Whether bytes were received that are not decoded yet; once the body is done, they are not of
    /// it.
    pub(crate) fn has_staged(&self) -> bool {
        self.start < self.end
    }

    /// Throws away what has been received.
    pub(crate) fn discard(&mut self, memory: &[u8]) -> Result<(), DecodeError> {
        let mut waste = [0; 64];
        while self.take(memory, &mut waste)? > 0 {}
        Ok(())
    }

    /// Delivers what is there into `out`.
    pub(crate) fn take(&mut self, memory: &[u8], out: &mut [u8]) -> Result<usize, DecodeError> {
        let staged = memory.get(self.start..self.end).unwrap_or_default();
        let progress = self.decoder.decode_to_trailers(staged, out)?;
        self.start += progress.consumed;
        match self.decoder.in_trailers().then(|| self.keep_trailers(memory)) {
            // The data comes first; the error stays.
            Some(Err(error)) if progress.produced == 0 => Err(error),
            _ => Ok(progress.produced),
        }
    }

    /// Takes the trailers, or a part of them, from the front of what is staged, and remembers where
    /// they are.
    #[inline(never)]
    fn keep_trailers(&mut self, memory: &[u8]) -> Result<(), DecodeError> {
        let from = self.start;
        let staged = memory.get(self.start..self.end).unwrap_or_default();
        let progress = self.decoder.decode(staged, &mut [])?;
        self.start += progress.consumed;
        if let Trailers::Kept { start, end } = &mut self.trailers {
            *start = if start == end { from } else { *start };
            *end = self.start;
        }
        Ok(())
    }

    /// The trailers, once the body is done; nothing before that.
    pub(crate) fn trailers<'m>(&self, memory: &'m [u8]) -> Result<Fields<'m>> {
        match self.trailers {
            Trailers::Kept { start, end } if self.is_done() => {
                Ok(Fields::new(memory.get(start..end).unwrap_or_default()))
            }
            Trailers::Kept { .. } => Ok(Fields::default()),
            Trailers::Lost => {
                let have = memory.len().saturating_sub(self.staging);
                Err(Error::new(Phase::Body, ErrorKind::TooLarge { what: Limit::Trailers, need: None, have }))
            }
        }
    }

    /// Where to receive what cannot go straight to the caller. Never empty: at worst the last byte
    /// of the head goes.
    pub(crate) fn room<'m>(&mut self, memory: &'m mut [u8]) -> &'m mut [u8] {
        if self.start == self.end {
            let from = self.behind_trailers(memory).unwrap_or(self.staging).min(memory.len().saturating_sub(1));
            (self.start, self.end) = (from, from);
        }
        memory.get_mut(self.end..).unwrap_or_default()
    }

    /// Where the trailers end that are being kept, if they are and there is room behind them.
    fn behind_trailers(&mut self, memory: &mut [u8]) -> Option<usize> {
        let Trailers::Kept { start, end } = &mut self.trailers else { return None };
        if start == end {
            return None;
        }
        if *end >= memory.len() && *start > self.staging {
            shift(memory, *start..*end, self.staging);
            (*start, *end) = (self.staging, self.staging + *end - *start);
        }
        if *end >= memory.len() {
            self.trailers = Trailers::Lost;
            return None;
        }
        Some(*end)
    }

    /// Takes in that `count` bytes were received, straight into the caller's memory or in the room.
    pub(crate) fn advance(&mut self, count: usize, is_direct: bool) {
        if is_direct {
            self.decoder.advance(count);
        } else {
            self.end += count;
        }
    }

    /// Takes in that the stream has ended.
    pub(crate) fn end_of_stream(&mut self) -> Result<(), DecodeError> {
        self.decoder.end_of_stream()
    }

    /// Bytes that can go straight to the caller.
    pub(crate) fn direct_len(&self) -> usize {
        self.decoder.direct_len()
    }

    /// Whether the body is over, now that no more of it can be delivered; `None` if more has to be
    /// received to know that.
    pub(crate) fn is_over(&mut self, memory: &[u8]) -> Result<Option<bool>, DecodeError> {
        self.take(memory, &mut [])?;
        Ok(if self.is_done() {
            Some(true)
        } else if self.has_staged() || !matches!(self.direct_len(), 0 | usize::MAX) {
            Some(false) // a body until close may be over at any time
        } else {
            None
        })
    }
}

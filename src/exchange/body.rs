//! The body of a response while it arrives.

use core::future::Future;

use super::{
    head::malformed,
    io::{Io, Op, checked},
};
use crate::{
    error::{Error, ErrorKind, Limit, Phase, Result},
    http::{BodyDecoder, Fields, Framing, ResponseHead, bytes::shift},
};

/// The body of a response while it arrives. What cannot go straight to the caller is staged behind the head.
#[derive(Debug)]
pub(super) struct IncomingBody {
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
    /// They lie here in the staging area, as far as they have arrived. What was received ends where they do, or later.
    Kept { start: usize, end: usize },
    /// There was not enough room.
    Lost,
}

impl IncomingBody {
    /// No body, of no response.
    pub(super) fn none() -> Self {
        Self::with(Framing::Empty, 0, 0)
    }

    /// The body behind this head, which lies at the front of the buffer; what was received ends at `end`.
    pub(super) fn new(head: &ResponseHead, end: usize) -> Self {
        Self::with(head.framing, head.len, end)
    }

    fn with(framing: Framing, staging: usize, end: usize) -> Self {
        let decoder = BodyDecoder::new(framing);
        Self { decoder, start: staging, end, staging, trailers: Trailers::Kept { start: 0, end: 0 } }
    }

    pub(super) fn is_done(&self) -> bool {
        self.decoder.is_done()
    }

    /// Whether bytes were received that are not of this body, once it is done.
    pub(super) fn has_surplus(&self) -> bool {
        self.start < self.end
    }

    /// Throws away what has been received.
    pub(super) fn discard(&mut self, memory: &[u8]) -> Result<()> {
        let mut waste = [0; 64];
        while self.take(memory, &mut waste)? > 0 {}
        Ok(())
    }

    /// Delivers what is there into `out`.
    fn take(&mut self, memory: &[u8], out: &mut [u8]) -> Result<usize> {
        let staged = memory.get(self.start..self.end).unwrap_or_default();
        let decoded = self.decoder.decode_to_trailers(staged, out);
        let progress = decoded.map_err(|error| malformed(error, Phase::Body))?;
        self.start += progress.consumed;
        if self.decoder.in_trailers() {
            self.keep_trailers(memory)?;
        }
        Ok(progress.produced)
    }

    /// Takes the trailers, or a part of them, from the front of what is staged, and remembers where they are.
    #[inline(never)]
    fn keep_trailers(&mut self, memory: &[u8]) -> Result<()> {
        let from = self.start;
        let staged = memory.get(self.start..self.end).unwrap_or_default();
        let progress = self.decoder.decode(staged, &mut []).map_err(|error| malformed(error, Phase::Body))?;
        self.start += progress.consumed;
        if let Trailers::Kept { start, end } = &mut self.trailers {
            *start = if start == end { from } else { *start };
            *end = self.start;
        }
        Ok(())
    }

    /// The trailers, once the body is done; nothing before that.
    pub(super) fn trailers<'m>(&self, memory: &'m [u8]) -> Result<Fields<'m>> {
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

    /// Where to receive what cannot go straight to the caller. Never empty: at worst the last byte of the head goes.
    fn room<'m>(&mut self, memory: &'m mut [u8]) -> &'m mut [u8] {
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

    /// Takes in the outcome of a read, of at most `most` bytes: straight into the caller's memory, or into the room.
    fn received(&mut self, outcome: Result<usize>, most: usize, is_direct: bool) -> Result<usize> {
        let count = outcome.and_then(|count| checked(count, most, false));
        let count = count.map_err(|error| error.in_phase(Phase::Body))?;
        if count == 0 {
            self.decoder.end_of_stream().map_err(|error| malformed(error, Phase::Body))?;
        } else if is_direct {
            self.decoder.advance(count);
        } else {
            self.end += count;
        }
        Ok(count)
    }

    /// Reads some of the body into `out`; 0 at its end.
    pub(super) fn read<I: Io>(
        &mut self,
        io: &mut I,
        memory: &mut [u8],
        out: &mut [u8],
    ) -> impl Future<Output = Result<usize>> {
        async move {
            loop {
                if self.start < self.end {
                    let count = self.take(memory, out)?;
                    if count > 0 {
                        return Ok(count);
                    }
                }
                if out.is_empty() || self.is_done() {
                    return Ok(0);
                }
                let direct = self.decoder.direct_len().min(out.len());
                let is_direct = direct > 0;
                let room = if is_direct { out.get_mut(..direct).unwrap_or_default() } else { self.room(memory) };
                let most = room.len();
                let outcome = io.perform(Op::Read(room)).await;
                let count = self.received(outcome, most, is_direct)?;
                if is_direct {
                    return Ok(count);
                }
            }
        }
    }

    /// Receives some of the body and delivers none of it: whether it goes on.
    pub(super) fn pass<I: Io>(&mut self, io: &mut I, memory: &mut [u8]) -> impl Future<Output = Result<usize>> {
        async move {
            let room = self.room(memory);
            let most = room.len();
            let outcome = io.perform(Op::Read(room)).await;
            self.received(outcome, most, false)
        }
    }

    /// Whether the body is over, now that no more of it can be delivered; `None` if more has to be received to know that.
    pub(super) fn is_over(&mut self, memory: &[u8]) -> Result<Option<bool>> {
        self.take(memory, &mut [])?;
        Ok(if self.is_done() {
            Some(true)
        } else if self.has_surplus() || !matches!(self.decoder.direct_len(), 0 | usize::MAX) {
            Some(false) // a body until close may be over at any time
        } else {
            None
        })
    }
}

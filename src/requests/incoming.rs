//! A response on its way in: first its head, then its body. Knows no I/O, so both faces use it.

use core::ops::{DerefMut, Range};

use super::draft::Draft;
use crate::{
    error::{Error, ErrorKind, Limit, Phase, Result},
    http::{BodyDecoder, DecodeError, Fields, HeadDecoder, HeadStep, MAX_HEAD, ResponseHead, bytes::shift},
};

/// The head of a response while it arrives, at the start of a draft's work area.
#[derive(Debug)]
pub(crate) struct IncomingHead {
    decoder: HeadDecoder,
    start: usize,
    end: usize,
    /// Set once the head does not fit: the rest of it is only measured, so that the error can say what it needs.
    measured: Option<Measured>,
    /// Whether anything has arrived, be it an interim response.
    pub(crate) began: bool,
    /// Whether the server said to go on (100).
    pub(crate) continued: bool,
}

#[derive(Debug, Clone, Copy)]
struct Measured {
    len: usize,
    at_line_start: bool,
}

impl IncomingHead {
    pub(crate) fn new<B: DerefMut<Target = [u8]>>(draft: &Draft<'_, B>) -> Self {
        let start = draft.work();
        Self {
            decoder: HeadDecoder::new(draft.method()),
            start,
            end: start,
            measured: None,
            began: false,
            continued: false,
        }
    }

    /// Receives at `start` instead: what lies before it is still needed.
    pub(crate) fn at(self, start: usize) -> Self {
        Self { start, end: start, ..self }
    }

    /// Whether nothing has arrived, but for interim responses.
    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end && self.measured.is_none()
    }

    /// Moves what has arrived to `start`, before where it is.
    pub(crate) fn move_to(&mut self, memory: &mut [u8], start: usize) {
        shift(memory, self.start..self.end, start);
        self.end -= self.start - start;
        self.start = start;
    }

    /// Where to receive more; never empty.
    pub(crate) fn room<'m>(&mut self, memory: &'m mut [u8]) -> Result<&'m mut [u8]> {
        let have = memory.len();
        let received = memory.get(self.start..self.end).unwrap_or_default();
        if self.end >= have && self.measured.is_none() {
            let at_line_start = received.ends_with(b"\n") || received.ends_with(b"\n\r");
            self.measured = Some(Measured { len: received.len(), at_line_start });
        }
        let start = if self.measured.is_some() { self.start } else { self.end };
        let room = memory.get_mut(start..).filter(|room| !room.is_empty());
        room.ok_or_else(|| self.too_large(None, have))
    }

    /// Takes in that `count` bytes were received there; 0 is the end of the stream.
    pub(crate) fn received(&mut self, memory: &mut [u8], count: usize) -> Result<Option<ResponseHead>> {
        if count == 0 {
            return Err(malformed(self.decoder.end_of_stream(), Phase::Head));
        }
        self.began = true;
        if let Some(measured) = self.measured {
            let received = memory.get(self.start..self.start + count).unwrap_or_default();
            return self.measure(measured, received, memory.len()).map(|()| None);
        }
        self.end += count;
        loop {
            let received = memory.get_mut(self.start..self.end).unwrap_or_default();
            match self.decoder.advance(received).map_err(|error| malformed(error, Phase::Head))? {
                HeadStep::NeedMore => return Ok(None),
                HeadStep::Complete(head) => return Ok(Some(head)),
                HeadStep::Interim { len, status } => {
                    self.continued |= status.as_u16() == 100;
                    shift(memory, self.start + len..self.end, self.start);
                    self.end -= len;
                }
            }
        }
    }

    /// Looks for the empty line that ends the head, and for nothing else.
    fn measure(&mut self, mut measured: Measured, received: &[u8], have: usize) -> Result<()> {
        for byte in received {
            measured.len += 1;
            match byte {
                b'\n' if measured.at_line_start => return Err(self.too_large(Some(measured.len), have)),
                b'\n' => measured.at_line_start = true,
                b'\r' => {}
                _ => measured.at_line_start = false,
            }
        }
        self.measured = Some(measured);
        if measured.len > MAX_HEAD { Err(self.too_large(None, have)) } else { Ok(()) }
    }

    fn too_large(&self, len: Option<usize>, have: usize) -> Error {
        let need = len.map(|len| self.start + len);
        Error::new(Phase::Head, ErrorKind::TooLarge { what: Limit::ResponseHead, need, have })
    }
}

/// The body of a response while it arrives.
#[derive(Debug)]
pub(crate) struct IncomingBody {
    decoder: BodyDecoder,
    /// Received and not yet decoded.
    staged: Range<usize>,
    /// Where the staging area begins: behind the head.
    staging: usize,
    /// The trailers so far, in the staging area; what was received ends where they do, or later.
    trailers: Trailers,
}

/// What became of the trailers.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Trailers {
    /// Here they are, as far as they have arrived.
    Kept(Range<usize>),
    /// There was not enough room.
    Lost,
}

/// What has to happen for more of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Want {
    /// Nothing: so many bytes were delivered; 0 at the end.
    Nothing(usize),
    /// Receive at most so many bytes straight into the caller's buffer, then call [`IncomingBody::received_direct`].
    Direct(usize),
    /// Receive into [`IncomingBody::room`], then call [`IncomingBody::received_staged`].
    Staged,
}

/// What there is left of a body, when no more of it can be delivered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    /// Nothing.
    End,
    /// More data.
    Data,
    /// To know that, receive as for [`Want::Staged`].
    Unknown,
}

impl IncomingBody {
    pub(crate) fn new(head: &ResponseHead, from: &IncomingHead) -> Self {
        let staging = from.start + head.len;
        Self {
            decoder: BodyDecoder::new(head.framing),
            staged: staging..from.end,
            staging,
            trailers: Trailers::Kept(0..0),
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.decoder.is_done()
    }

    /// Whether the body is done and nothing came after it that belongs to nothing.
    pub(crate) fn is_cleanly_done(&self) -> bool {
        self.is_done() && self.staged.is_empty()
    }

    /// Throws away what has been received.
    pub(crate) fn discard(&mut self, memory: &[u8]) -> Result<()> {
        let mut waste = [0; 64];
        while self.decode_staged(memory, &mut waste)? > 0 {}
        Ok(())
    }

    /// Delivers into `out` what is there, and says how to go on.
    pub(crate) fn next(&mut self, memory: &[u8], out: &mut [u8]) -> Result<Want> {
        if out.is_empty() {
            return Ok(Want::Nothing(0));
        }
        let produced = self.decode_staged(memory, out)?;
        Ok(match (produced, self.decoder.direct_len()) {
            (0, _) if self.is_done() => Want::Nothing(0),
            (0, 0) => Want::Staged,
            (0, direct) => Want::Direct(direct.min(out.len())),
            (produced, _) => Want::Nothing(produced),
        })
    }

    /// What there is left, without delivering any of it.
    pub(crate) fn rest(&mut self, memory: &[u8]) -> Result<Rest> {
        self.decode_staged(memory, &mut [])?;
        Ok(if self.is_done() {
            Rest::End
        } else if !self.staged.is_empty() || self.has_known_data() {
            Rest::Data
        } else {
            Rest::Unknown
        })
    }

    /// Whether data is bound to follow: part of a length or of a chunk. (A body until close may be over any time.)
    fn has_known_data(&self) -> bool {
        !matches!(self.decoder.direct_len(), 0 | usize::MAX)
    }

    fn decode_staged(&mut self, memory: &[u8], out: &mut [u8]) -> Result<usize> {
        let staged = memory.get(self.staged.clone()).unwrap_or_default();
        let progress = self.decoder.decode_to_trailers(staged, out).map_err(|error| malformed(error, Phase::Body))?;
        self.staged.start += progress.consumed;
        if self.decoder.in_trailers() {
            self.keep_trailers(memory)?;
        }
        Ok(progress.produced)
    }

    /// Takes the trailers, or a part of them, from the front of what is staged, and remembers where they are.
    fn keep_trailers(&mut self, memory: &[u8]) -> Result<()> {
        let start = self.staged.start;
        let staged = memory.get(self.staged.clone()).unwrap_or_default();
        let progress = self.decoder.decode(staged, &mut []).map_err(|error| malformed(error, Phase::Body))?;
        self.staged.start += progress.consumed;
        if let Trailers::Kept(kept) = &mut self.trailers {
            kept.start = if kept.start == kept.end { start } else { kept.start };
            kept.end = self.staged.start;
        }
        Ok(())
    }

    /// The trailers, once the body is done; nothing before that.
    pub(crate) fn trailers<'m>(&self, memory: &'m [u8]) -> Result<Fields<'m>> {
        match &self.trailers {
            Trailers::Kept(kept) if self.is_done() => Ok(Fields::new(memory.get(kept.clone()).unwrap_or_default())),
            Trailers::Kept(_) => Ok(Fields::default()),
            Trailers::Lost => {
                let have = memory.len().saturating_sub(self.staging);
                Err(Error::new(Phase::Body, ErrorKind::TooLarge { what: Limit::Trailers, need: None, have }))
            }
        }
    }

    /// Where to receive what cannot go straight to the caller. Never empty: at worst the last byte of the head goes.
    pub(crate) fn room<'m>(&mut self, memory: &'m mut [u8]) -> &'m mut [u8] {
        if self.staged.is_empty() {
            let start = self.behind_trailers(memory).unwrap_or(self.staging).min(memory.len().saturating_sub(1));
            self.staged = start..start;
        }
        memory.get_mut(self.staged.end..).unwrap_or_default()
    }

    /// Where the trailers that are being kept end, if they are and there is room behind them.
    fn behind_trailers(&mut self, memory: &mut [u8]) -> Option<usize> {
        let Trailers::Kept(kept) = &mut self.trailers else { return None };
        if kept.start == kept.end {
            return None;
        }
        if kept.end >= memory.len() && kept.start > self.staging {
            shift(memory, kept.clone(), self.staging);
            *kept = self.staging..self.staging + kept.len();
        }
        if kept.end >= memory.len() {
            self.trailers = Trailers::Lost;
            return None;
        }
        Some(kept.end)
    }

    /// Takes in that `count` bytes were received in the room; 0 is the end of the stream.
    pub(crate) fn received_staged(&mut self, count: usize) -> Result<()> {
        self.staged.end += count;
        if count == 0 { self.ended() } else { Ok(()) }
    }

    /// Takes in that `count` bytes were received in the caller's buffer; 0 is the end of the stream.
    pub(crate) fn received_direct(&mut self, count: usize) -> Result<()> {
        self.decoder.advance(count);
        if count == 0 { self.ended() } else { Ok(()) }
    }

    fn ended(&mut self) -> Result<()> {
        self.decoder.end_of_stream().map_err(|error| malformed(error, Phase::Body))
    }
}

fn malformed(error: DecodeError, phase: Phase) -> Error {
    let kind = match error {
        DecodeError::Truncated => ErrorKind::Truncated,
        DecodeError::HeadTooLarge => ErrorKind::TooLarge { what: Limit::ResponseHead, need: None, have: MAX_HEAD },
        error => ErrorKind::Malformed(error),
    };
    Error::new(phase, kind)
}

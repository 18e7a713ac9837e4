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

/// A head that does not fit, as far as it was seen.
#[derive(Debug, Clone, Copy)]
struct Measured {
    len: u32,
    /// How much of `location:` the line so far is; or one of the three below.
    matched: u8,
    /// Whether the status is one of a redirect.
    is_redirect: bool,
    /// Bytes of the Location field as part of a URL.
    location: u32,
}

/// The value of a Location field.
const IN_LOCATION: u8 = LOCATION.len() as u8;
/// The rest of any other line.
const ELSEWHERE: u8 = IN_LOCATION + 1;
/// Before the status line, where there may be empty lines.
const BEFORE: u8 = IN_LOCATION + 2;
const LOCATION: &[u8; 9] = b"location:";

impl Measured {
    /// What was received of the head so far.
    fn new(received: &[u8]) -> Self {
        let start = received.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or_default();
        let status = received.get(start + 9..start + 12).unwrap_or_default();
        let is_redirect = matches!(status, b"301" | b"302" | b"303" | b"307" | b"308");
        let mut measured = Self { len: 0, matched: BEFORE, is_redirect, location: 0 };
        for byte in received {
            measured.take(*byte);
        }
        measured
    }

    /// Takes in one byte; whether it was the last.
    fn take(&mut self, byte: u8) -> bool {
        self.len = self.len.saturating_add(1);
        let is_end = byte == b'\n' && self.matched == 0;
        self.matched = match (byte, self.matched) {
            (b'\r' | b'\n', BEFORE) => BEFORE,
            (b'\n', _) => 0,
            (b'\r', matched) => matched,
            (_, IN_LOCATION) => {
                let is_plain =
                    byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'<' | b'>' | b'^' | b'`' | b'{' | b'}');
                self.location = self.location.saturating_add(if is_plain { 1 } else { 3 });
                IN_LOCATION
            }
            (_, matched) => match LOCATION.get(usize::from(matched)) {
                Some(wanted) if byte.eq_ignore_ascii_case(wanted) => matched + 1,
                _ => ELSEWHERE,
            },
        };
        is_end
    }
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
        if self.end >= have && self.measured.is_none() {
            self.measured = Some(Measured::new(memory.get(self.start..self.end).unwrap_or_default()));
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
        self.decode(memory)
    }

    /// Decodes what has arrived: interim responses go, and the head is given if it is there.
    pub(crate) fn decode(&mut self, memory: &mut [u8]) -> Result<Option<ResponseHead>> {
        loop {
            match self.advance(memory)? {
                HeadStep::NeedMore => return Ok(None),
                HeadStep::Complete(head) => return Ok(Some(head)),
                HeadStep::Interim { .. } => {}
            }
        }
    }

    fn advance(&mut self, memory: &mut [u8]) -> Result<HeadStep> {
        let received = memory.get_mut(self.start..self.end).unwrap_or_default();
        let step = self.decoder.advance(received).map_err(|error| malformed(error, Phase::Head))?;
        if let HeadStep::Interim { len, status } = step {
            self.continued |= status.as_u16() == 100;
            shift(memory, self.start + len..self.end, self.start);
            self.end -= len;
        }
        Ok(step)
    }

    /// Takes in that `count` bytes were received, at least one, while the request is still being sent, and says what they
    /// mean for that. A final head is not decoded yet.
    pub(crate) fn glance(&mut self, memory: &mut [u8], count: usize) -> Result<Glance> {
        self.began = true;
        self.end += count;
        loop {
            let received = memory.get(self.start..self.end).unwrap_or_default();
            match received {
                [b'H', _, _, _, _, b'1', b'.', _, b' ', b'1', b'0', b'1', ..] => return Ok(Glance::Refusal),
                [b'H', _, _, _, _, b'1', b'.', _, b' ', b'1', _, _, ..] => {
                    if self.advance(memory)? == HeadStep::NeedMore {
                        return Ok(Glance::Nothing);
                    }
                }
                [b'H', _, _, _, _, b'1', b'.', _, b' ', b'3'..=b'9', _, _, ..] => return Ok(Glance::Refusal),
                [] => return Ok(Glance::Nothing),
                [b'H', ..] if received.len() < 12 => return Ok(Glance::Nothing),
                _ => return Ok(Glance::Response),
            }
        }
    }

    /// Where what has arrived begins.
    pub(crate) fn start(&self) -> usize {
        self.start
    }

    /// Whether more can be received without losing what has arrived.
    pub(crate) fn has_room(&self, memory: &[u8]) -> bool {
        self.end < memory.len()
    }

    /// How long the URL may be, at most, that a redirect leads to whose head does not fit; `base` is the length of the URL
    /// that it may be relative to.
    pub(crate) fn redirect_len(&self, base: usize) -> Option<usize> {
        let measured = self.measured.filter(|measured| measured.is_redirect && measured.location > 0)?;
        Some(base + measured.location as usize)
    }

    /// Looks for the empty line that ends the head, and for the length of Location.
    fn measure(&mut self, mut measured: Measured, received: &[u8], have: usize) -> Result<()> {
        let is_whole = received.iter().any(|byte| measured.take(*byte));
        self.measured = Some(measured);
        if is_whole {
            Err(self.too_large(Some(measured.len as usize), have))
        } else if measured.len as usize > MAX_HEAD {
            Err(self.too_large(None, have))
        } else {
            Ok(())
        }
    }

    fn too_large(&self, len: Option<usize>, have: usize) -> Error {
        let need = len.map(|len| self.start + len);
        Error::new(Phase::Head, ErrorKind::TooLarge { what: Limit::ResponseHead, need, have })
    }
}

/// What arrives while the request is still being sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Glance {
    /// Nothing that matters yet.
    Nothing,
    /// The head of a response by which the server does not want the rest of the request (RFC 9112 §9.5).
    Refusal,
    /// Something else, to be read when the request is sent.
    Response,
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
        match self.decoder.in_trailers().then(|| self.keep_trailers(memory)) {
            // The data comes first; the error stays.
            Some(Err(error)) if progress.produced == 0 => Err(error),
            _ => Ok(progress.produced),
        }
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

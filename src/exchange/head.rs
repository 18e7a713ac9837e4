//! The head of a response while it arrives.

use super::io::{Io, Op, checked};
use crate::{
    error::{Error, ErrorKind, Limit, Phase, Result},
    http::{DecodeError, HeadDecoder, HeadStep, MAX_HEAD, Method, ResponseHead, bytes::shift},
};

/// The head of a response while it arrives in a part of the buffer, from the beginning of that
/// part.
#[derive(Debug)]
pub(super) struct IncomingHead {
    decoder: HeadDecoder,
    /// Where what has arrived ends.
    pub(super) end: usize,
    /// Set once the head does not fit: the rest is only measured, so that the error can say what it
    /// needs.
    measured: Option<Measured>,
    /// Whether anything has arrived, be it an interim response.
    pub(super) began: bool,
    /// Whether the server said to go on (100).
    pub(super) continued: bool,
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

/// What has arrived while the request is still being sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Glance {
    /// Nothing that matters yet.
    Nothing,
    /// The head of a response by which the server does not want the rest of the request (RFC 9112
    /// §9.5).
    Refusal,
    /// Something else, to be read when the request is sent.
    Response,
}

impl IncomingHead {
    /// The response to a request with this method.
    pub(super) fn new(method: Method<'_>) -> Self {
        Self { decoder: HeadDecoder::new(method), end: 0, measured: None, began: false, continued: false }
    }

    /// Whether nothing has arrived but interim responses.
    pub(super) fn is_empty(&self) -> bool {
        self.end == 0 && self.measured.is_none()
    }

    /// Where to receive more; never empty.
    pub(super) fn room<'m>(&mut self, memory: &'m mut [u8]) -> Result<&'m mut [u8]> {
        let have = memory.len();
        if self.end >= have && self.measured.is_none() {
            self.measured = Some(Measured::new(memory));
        }
        let start = if self.measured.is_some() { 0 } else { self.end };
        memory.get_mut(start..).filter(|room| !room.is_empty()).ok_or(too_large(None, have))
    }

    /// Takes in the outcome of a read there; a count of 0 is the end of the stream.
    pub(super) fn take(&mut self, memory: &mut [u8], outcome: Result<usize>) -> Result<()> {
        let start = if self.measured.is_some() { 0 } else { self.end };
        let count = outcome.and_then(|count| checked(count, memory.len().saturating_sub(start), false));
        let count = count.map_err(|error| error.in_phase(Phase::Head))?;
        if count == 0 {
            if self.measured.is_none() {
                self.decode(memory)?;
            }
            return Err(malformed(self.decoder.end_of_stream(), Phase::Head));
        }
        self.began = true;
        match self.measured {
            Some(measured) => self.measure(measured, memory.get(..count).unwrap_or_default(), memory.len()),
            None => {
                self.end += count;
                Ok(())
            }
        }
    }

    /// Decodes what has arrived: interim responses go, and the head is given if it is there.
    fn decode(&mut self, memory: &mut [u8]) -> Result<Option<ResponseHead>> {
        loop {
            match self.advance(memory)? {
                HeadStep::NeedMore => return Ok(None),
                HeadStep::Complete(head) => return Ok(Some(head)),
                HeadStep::Interim { .. } => {}
            }
        }
    }

    fn advance(&mut self, memory: &mut [u8]) -> Result<HeadStep> {
        let received = memory.get_mut(..self.end).unwrap_or_default();
        let step = self.decoder.advance(received).map_err(|error| malformed(error, Phase::Head))?;
        if let HeadStep::Interim { len, status } = step {
            self.continued |= status.as_u16() == 100;
            shift(memory, len..self.end, 0);
            self.end -= len;
        }
        Ok(step)
    }

    /// What has arrived while the request is still being sent means this for it. A final head is not
    /// decoded yet.
    pub(super) fn glance(&mut self, memory: &mut [u8]) -> Result<Glance> {
        loop {
            match memory.get(..self.end).unwrap_or_default() {
                [b'H', _, _, _, _, b'1', b'.', _, b' ', b'1', b'0', b'1', ..] => return Ok(Glance::Refusal),
                [b'H', _, _, _, _, b'1', b'.', _, b' ', b'1', _, _, ..] => {
                    if self.advance(memory)? == HeadStep::NeedMore {
                        return Ok(Glance::Nothing);
                    }
                }
                [b'H', _, _, _, _, b'1', b'.', _, b' ', b'3'..=b'9', _, _, ..] => return Ok(Glance::Refusal),
                [] => return Ok(Glance::Nothing),
                [b'H', ..] if self.end < 12 => return Ok(Glance::Nothing),
                _ => return Ok(Glance::Response),
            }
        }
    }

    /// How many bytes the Location field of a redirect that does not fit adds to a URL, if it is one.
    pub(super) fn location_len(&self) -> usize {
        self.measured.filter(|measured| measured.is_redirect).map_or(0, |measured| measured.location as usize)
    }

    /// Looks for the empty line that ends the head, and for the length of Location.
    fn measure(&mut self, mut measured: Measured, received: &[u8], have: usize) -> Result<()> {
        let is_whole = received.iter().any(|byte| measured.take(*byte));
        self.measured = Some(measured);
        let len = measured.len as usize;
        if is_whole {
            Err(too_large(Some(len), have))
        } else if len > MAX_HEAD {
            Err(too_large(None, have))
        } else {
            Ok(())
        }
    }

    /// Receives the rest of the head.
    pub(super) fn receive<I: Io>(
        &mut self,
        io: &mut I,
        memory: &mut [u8],
    ) -> impl Future<Output = Result<ResponseHead>> {
        async move {
            loop {
                if !self.is_empty()
                    && self.measured.is_none()
                    && let Some(head) = self.decode(memory)?
                {
                    return Ok(head);
                }
                let outcome = io.perform(Op::Read(self.room(memory)?)).await.map_err(|error| io.explain(error));
                self.take(memory, outcome)?;
            }
        }
    }
}

fn too_large(need: Option<usize>, have: usize) -> Error {
    Error::new(Phase::Head, ErrorKind::TooLarge { what: Limit::ResponseHead, need, have })
}

/// The error for bytes that are not a response.
pub(super) fn malformed(error: DecodeError, phase: Phase) -> Error {
    let kind = match error {
        DecodeError::Truncated => ErrorKind::Truncated,
        DecodeError::HeadTooLarge => ErrorKind::TooLarge { what: Limit::ResponseHead, need: None, have: MAX_HEAD },
        error => ErrorKind::Malformed(error),
    };
    Error::new(phase, kind)
}

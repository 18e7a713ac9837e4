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
    /// Set once the head does not fit: the rest is only counted, so that the error can say what it
    /// needs.
    measured: Option<Measured>,
    /// Whether anything has arrived, be it an interim response.
    pub(super) began: bool,
    /// Whether the server said to go on (100).
    pub(super) continued: bool,
}

/// A head that does not fit.
#[derive(Debug, Clone, Copy)]
struct Measured {
    len: usize,
    at_line_start: bool,
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
            let at_line_start = memory.ends_with(b"\n") || memory.ends_with(b"\n\r");
            self.measured = Some(Measured { len: have, at_line_start });
        }
        let start = if self.measured.is_some() { 0 } else { self.end };
        memory.get_mut(start..).filter(|room| !room.is_empty()).ok_or(too_large(None, have))
    }

    /// Takes in the outcome of a read there; a count of 0 is the end of the stream.
    pub(super) fn received(&mut self, memory: &mut [u8], outcome: Result<usize>) -> Result<Option<ResponseHead>> {
        let start = if self.measured.is_some() { 0 } else { self.end };
        let count = outcome.and_then(|count| checked(count, memory.len().saturating_sub(start), false));
        let count = count.map_err(|error| error.in_phase(Phase::Head))?;
        if count == 0 {
            return Err(malformed(self.decoder.end_of_stream(), Phase::Head));
        }
        self.began = true;
        if let Some(measured) = self.measured {
            return self.measure(measured, memory.get(..count).unwrap_or_default(), memory.len()).map(|()| None);
        }
        self.end += count;
        loop {
            let received = memory.get_mut(..self.end).unwrap_or_default();
            match self.decoder.advance(received).map_err(|error| malformed(error, Phase::Head))? {
                HeadStep::NeedMore => return Ok(None),
                HeadStep::Complete(head) => return Ok(Some(head)),
                HeadStep::Interim { len, status } => {
                    self.continued |= status.as_u16() == 100;
                    shift(memory, len..self.end, 0);
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
                b'\n' if measured.at_line_start => return Err(too_large(Some(measured.len), have)),
                b'\n' => measured.at_line_start = true,
                b'\r' => {}
                _ => measured.at_line_start = false,
            }
        }
        self.measured = Some(measured);
        if measured.len > MAX_HEAD { Err(too_large(None, have)) } else { Ok(()) }
    }

    /// Receives the rest of the head.
    pub(super) async fn receive<I: Io>(&mut self, io: &mut I, memory: &mut [u8]) -> Result<ResponseHead> {
        loop {
            let outcome = io.perform(Op::Read(self.room(memory)?)).await.map_err(|error| io.explain(error));
            if let Some(head) = self.received(memory, outcome)? {
                return Ok(head);
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

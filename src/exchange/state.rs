//! How far an exchange has come: the head of its response, how much of the body was read, and whether the connection can
//! serve again. It borrows nothing, so that what holds the connection and the buffer can hold it too.

use super::{
    body::IncomingBody,
    close::CloseReason,
    head::{IncomingHead, malformed},
    io::{Io, Op},
    text::whole,
};
use crate::{
    error::{Error, ErrorKind, Limit, Phase, Result},
    http::{DecodeError, Framing, ResponseHead},
};

/// How far an exchange has come.
#[derive(Debug)]
pub(crate) struct State {
    /// The head of the response, once it is there.
    pub(crate) head: ResponseHead,
    pub(crate) body: IncomingBody,
    /// Why the connection cannot serve again, if that is known.
    pub(crate) close: Option<CloseReason>,
    /// Whether any byte of a response has arrived.
    pub(crate) began: bool,
    /// Whether some of the body was delivered, or thrown away.
    begun: bool,
    /// How many bytes the Location field of a redirect that did not fit adds to a URL.
    pub(crate) location_len: usize,
}

impl State {
    pub(crate) const fn new() -> Self {
        Self {
            head: ResponseHead::NONE,
            body: IncomingBody::none(),
            close: None,
            began: false,
            begun: false,
            location_len: 0,
        }
    }

    /// Before an exchange.
    pub(crate) fn begin(&mut self) -> Result<()> {
        if self.close.is_some() { Err(Error::new(Phase::Setup, ErrorKind::NotConnected)) } else { Ok(()) }
    }

    /// From now on the connection is in the middle of an exchange.
    pub(super) fn start(&mut self) {
        (self.close, self.began, self.begun) = (Some(CloseReason::Unfinished), false, false);
    }

    /// Not all of the request was sent: the server did not want the rest, or it failed.
    pub(super) fn cut(&mut self, failure: Option<Error>) {
        self.close = Some(failure.map_or(CloseReason::RequestCut, CloseReason::Failed));
    }

    /// The head of the response is there, or the exchange has failed.
    pub(super) fn settle(
        &mut self,
        head: Result<ResponseHead>,
        incoming: &IncomingHead,
        says_close: bool,
    ) -> Result<()> {
        (self.began, self.location_len) = (incoming.began, incoming.location_len());
        let was_cut = self.close != Some(CloseReason::Unfinished);
        match head {
            Ok(head) => {
                self.head = head;
                self.body = IncomingBody::new(&head, incoming.end);
                self.close = match head.close {
                    _ if was_cut => Some(CloseReason::RequestCut),
                    Some(reason) => Some(CloseReason::Head(reason)),
                    None => says_close.then_some(CloseReason::RequestClose),
                };
                Ok(())
            }
            Err(error) => {
                // What failed first stays.
                if !matches!(self.close, Some(CloseReason::Failed(_))) {
                    self.close = Some(CloseReason::Failed(error));
                }
                Err(error)
            }
        }
    }

    /// What failed first.
    pub(crate) fn failure(&self) -> Option<Error> {
        if let Some(CloseReason::Failed(error)) = self.close { Some(error) } else { None }
    }

    /// Why the connection cannot serve again as it is, if it cannot.
    pub(crate) fn close_reason(&self) -> Option<CloseReason> {
        self.close.or(if !self.body.is_done() {
            Some(CloseReason::Unfinished)
        } else if self.body.has_staged() {
            Some(CloseReason::Surplus)
        } else {
            None
        })
    }

    /// Ends the exchange as it is, and throws away what has arrived: why the connection cannot
    /// serve again, if it cannot.
    pub(crate) fn end(&mut self, memory: &[u8]) -> Option<CloseReason> {
        if self.close.is_none() {
            let discarded = self.body.discard(memory);
            self.close = discarded.err().map(|error| CloseReason::Failed(malformed(error, Phase::Body)));
        }
        self.close_reason()
    }

    /// Reads on to the end of the body, without keeping any of it, but no more than about `most` bytes; whether the end was
    /// reached.
    pub(crate) fn drain<I: Io>(
        &mut self,
        io: &mut I,
        memory: &mut [u8],
        most: usize,
    ) -> impl Future<Output = Result<bool>> {
        async move {
            let mut left = most;
            loop {
                self.begun |= !self.body.is_done();
                let discarded = self.body.discard(memory).map_err(|error| self.malformed(error));
                if self.body.is_done() || left == 0 || discarded.is_err() {
                    return discarded.map_or_else(|trouble| Err(self.error(trouble)), |()| Ok(self.body.is_done()));
                }
                match self.pass(io, memory, left).await {
                    Ok(count) => left = left.saturating_sub(count),
                    Err(trouble) => return Err(self.error(trouble)),
                }
            }
        }
    }

    /// Reads all that is left of the body.
    pub(crate) fn read_all<I: Io>(
        &mut self,
        io: &mut I,
        memory: &mut [u8],
        buffer: &mut [u8],
    ) -> impl Future<Output = Result<usize>> {
        async move {
            let (have, was_begun) = (buffer.len(), self.begun);
            if self.content_length().is_some_and(|len| len > have as u64) && !self.body.is_done() {
                return Err(self.too_large(have));
            }
            let mut len = 0;
            loop {
                let room = buffer.get_mut(len..).unwrap_or_default();
                let is_full = room.is_empty();
                if is_full {
                    let over = self.body.is_over(memory);
                    match over.map_err(|error| self.malformed(error)) {
                        Ok(Some(true)) => return whole(len, was_begun),
                        Ok(Some(false)) => return Err(self.too_large(have)),
                        Ok(None) => {}
                        Err(trouble) => return Err(self.error(trouble)),
                    }
                }
                let outcome =
                    if is_full { self.pass(io, memory, usize::MAX).await } else { self.read(io, memory, room).await };
                match outcome {
                    Ok(_) if is_full => {}
                    Ok(0) => return whole(len, was_begun),
                    Ok(count) => len += count,
                    Err(trouble) => return Err(self.error(trouble)),
                }
            }
        }
    }

    /// Bytes of the body, if the server said so beforehand.
    pub(crate) const fn content_length(&self) -> Option<u64> {
        match self.head.framing {
            Framing::Length(len) => Some(len),
            Framing::Empty => Some(0),
            Framing::Chunked | Framing::UntilClose => None,
        }
    }

    /// Whether all of the body was read before.
    #[cfg(feature = "gzip")]
    pub(crate) fn was_read(&self) -> bool {
        self.begun && self.body.is_done()
    }

    fn too_large(&self, have: usize) -> Error {
        let need = self.content_length().and_then(|len| usize::try_from(len).ok());
        Error::new(Phase::Body, ErrorKind::TooLarge { what: Limit::ResponseBody, need, have })
    }

    /// Reads some of the body into `out`; 0 at its end.
    pub(crate) fn read<I: Io>(
        &mut self,
        io: &mut I,
        memory: &mut [u8],
        out: &mut [u8],
    ) -> impl Future<Output = Result<usize, Trouble>> {
        async move {
            loop {
                if self.body.has_staged() {
                    let taken = self.body.take(memory, out);
                    match taken.map_err(|error| self.malformed(error))? {
                        0 => {}
                        count => {
                            self.begun = true;
                            return Ok(count);
                        }
                    }
                }
                if out.is_empty() || self.body.is_done() {
                    return Ok(0);
                }
                let direct = self.body.direct_len().min(out.len());
                let is_direct = direct > 0;
                let room = if is_direct { out.get_mut(..direct).unwrap_or_default() } else { self.body.room(memory) };
                let most = room.len();
                let count = match io.perform(Op::Read(room)).await {
                    Ok(count) => self.counted(count, most)?,
                    Err(error) => return Err(self.fail(io.explain(error))),
                };
                self.body.advance(count, is_direct);
                if is_direct {
                    self.begun |= count > 0;
                    return Ok(count);
                }
            }
        }
    }

    /// Receives some of the body, `most` bytes at most, and delivers none of it.
    fn pass<I: Io>(
        &mut self,
        io: &mut I,
        memory: &mut [u8],
        most: usize,
    ) -> impl Future<Output = Result<usize, Trouble>> {
        async move {
            let room = self.body.room(memory);
            let most = room.len().min(most);
            let room = room.get_mut(..most).unwrap_or_default();
            let count = match io.perform(Op::Read(room)).await {
                Ok(count) => self.counted(count, most)?,
                Err(error) => return Err(self.fail(io.explain(error))),
            };
            self.body.advance(count, false);
            Ok(count)
        }
    }

    /// What a read of `count` bytes means that could be `most`: the end of the stream, if it is 0.
    fn counted(&mut self, count: usize, most: usize) -> Result<usize, Trouble> {
        if count == 0 {
            let ended = self.body.end_of_stream();
            ended.map_err(|error| self.malformed(error))?;
        } else if count > most {
            return Err(self.fail(OVERRUN));
        }
        Ok(count)
    }

    fn malformed(&mut self, error: DecodeError) -> Trouble {
        self.fail(malformed(error, Phase::Body))
    }

    /// Notes why the exchange has failed. One that only took too long can be gone on with.
    #[inline(never)]
    fn fail(&mut self, error: Error) -> Trouble {
        match error.kind() {
            ErrorKind::Timeout => Trouble::Timeout,
            ErrorKind::WouldBlock => Trouble::WouldBlock,
            _ => {
                self.close = Some(CloseReason::Failed(error.in_phase(Phase::Body)));
                Trouble::Failed
            }
        }
    }

    /// The error that was noted.
    #[inline(never)]
    pub(crate) fn error(&self, trouble: Trouble) -> Error {
        let kind = match (trouble, self.close) {
            (Trouble::Failed, Some(CloseReason::Failed(error))) => return error,
            (Trouble::Failed, _) => ErrorKind::NotConnected,
            (Trouble::Timeout, _) => ErrorKind::Timeout,
            (Trouble::WouldBlock, _) => ErrorKind::WouldBlock,
        };
        Error::new(Phase::Body, kind)
    }
}

/// Why nothing of a body could be had. Small, so that it travels in registers: the error itself is
/// [noted](State::error).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The exchange has failed.
    Failed,
    Timeout,
    WouldBlock,
}

/// A stream that claims to have received more than it was given room for has failed.
const OVERRUN: Error = Error::new(Phase::Body, ErrorKind::Io(embedded_io_async::ErrorKind::InvalidData));

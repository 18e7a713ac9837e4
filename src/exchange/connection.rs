//! A connection that serves one exchange after the other.

use embedded_io_async::{Read, Write};

use super::{
    body::IncomingBody,
    close::CloseReason,
    content::Sent,
    head::{IncomingHead, malformed},
    io::{Halves, Io, NoTimer, Op, Stream},
    request::Request,
};
use crate::{
    error::{Error, ErrorKind, Phase, Result},
    http::{DecodeError, Method, ResponseHead, StatusCode},
    time::Deadline,
};

/// A connection that serves one exchange after the other, with the memory they need.
///
/// The buffer holds the request while it is sent, then the head of the response. It bounds both; 1
/// to 2 KB are enough for most servers.
#[derive(Debug)]
pub struct Connection<'b, I> {
    io: I,
    buffer: &'b mut [u8],
    deadline: Deadline,
    state: State,
}

/// How far the exchange has come.
#[derive(Debug)]
pub(super) struct State {
    pub(super) body: IncomingBody,
    /// Why the connection cannot serve again, if that is known.
    pub(super) close: Option<CloseReason>,
    /// Whether any byte of a response has arrived.
    began: bool,
}

impl<'b, T: Read + Write> Connection<'b, Stream<T>> {
    /// Over any embedded-io-async stream that is connected, be it TCP, TLS or a serial line.
    /// Without deadlines: see [`Stream::with_timer`] and [`over`](Self::over).
    pub fn new(stream: T, buffer: &'b mut [u8]) -> Self {
        Self::over(Stream::new(stream), buffer)
    }
}

impl<'b, R: Read, W: Write<Error = R::Error>> Connection<'b, Halves<R, W>> {
    /// Over a reader and a writer: a response is heard while the request is still being sent.
    pub fn from_halves(reader: R, writer: W, buffer: &'b mut [u8]) -> Self {
        Self::over(Halves::new(reader, writer), buffer)
    }
}

impl<'b, I: Io> Connection<'b, I> {
    /// Over any [`Io`]: a [`Stream`] with a timer, a [`Socket`](crate::Socket) of a pool.
    pub fn over(io: I, buffer: &'b mut [u8]) -> Self {
        Self { io, buffer, deadline: Deadline::NEVER, state: State::new() }
    }

    /// By when the exchanges that follow must be done, the body of their responses included.
    ///
    /// A connection without a timer ignores it.
    pub fn set_deadline(&mut self, deadline: Deadline) {
        self.deadline = deadline;
        self.io.set_deadline(deadline);
    }

    /// A request to `host`, as the `Host` field names it (with `:port` unless that is the default),
    /// for `target`: path and query, in the normal form that [`Url`](crate::http::Url) gives.
    pub fn request<'c>(&'c mut self, method: Method<'c>, host: &str, target: &str) -> Request<'c, I> {
        self.state.close = self.state.end(self.buffer);
        let parts = (&mut self.io, &mut *self.buffer, &mut self.state);
        Request::new(parts, self.deadline, method, host, target)
    }

    /// Whether the connection can serve another exchange: everything that arrived was expected, and
    /// the response was read to its end. A rest of the body that has arrived already is thrown
    /// away.
    pub fn may_reuse(&mut self) -> bool {
        self.close_reason().is_none()
    }

    /// Why the connection cannot serve another exchange, if it cannot.
    pub fn close_reason(&mut self) -> Option<CloseReason> {
        self.state.end(self.buffer)
    }

    /// Whether any byte of a response to the last request has arrived. If it failed before that on
    /// a connection that had served before, the server had closed it in the meantime, and an
    /// idempotent request may be sent again on another connection (RFC 9112 §9.3.1).
    pub fn response_began(&self) -> bool {
        self.state.began
    }

    /// Gives the connection back, to be closed or used in another way.
    /// [`may_reuse`](Self::may_reuse) says in which state.
    pub fn into_inner(self) -> I {
        self.io
    }
}

impl State {
    pub(super) fn new() -> Self {
        Self { body: IncomingBody::none(), close: None, began: false }
    }

    /// Before an exchange.
    pub(super) fn begin(&mut self) -> Result<()> {
        if self.close.is_some() { Err(Error::new(Phase::Setup, ErrorKind::NotConnected)) } else { Ok(()) }
    }

    /// From now on the connection is in the middle of an exchange.
    pub(super) fn start(&mut self) {
        (self.close, self.began) = (Some(CloseReason::Unfinished), false);
    }

    /// The request was sent, or not.
    pub(super) fn sent(&mut self, sent: Result<Sent>) -> Result<Option<ResponseHead>> {
        Ok(match sent? {
            Sent::Whole(head) => head,
            Sent::Cut(head) => {
                self.close = Some(CloseReason::RequestCut);
                Some(head)
            }
        })
    }

    /// The head of the response is there, or the exchange has failed.
    pub(super) fn settle(
        &mut self,
        head: Result<ResponseHead>,
        incoming: &IncomingHead,
        says_close: bool,
    ) -> Result<ResponseHead> {
        self.began = incoming.began;
        let head = head.and_then(|head| match head.status {
            StatusCode::SWITCHING_PROTOCOLS => Err(Error::new(Phase::Head, ErrorKind::Status(head.status))),
            _ => Ok(head),
        });
        let head = head.inspect_err(|error| self.close = Some(CloseReason::Failed(*error)))?;
        self.body = IncomingBody::new(&head, incoming.end);
        if self.close != Some(CloseReason::RequestCut) {
            self.close = match head.close {
                Some(reason) => Some(CloseReason::Head(reason)),
                None => says_close.then_some(CloseReason::RequestClose),
            };
        }
        Ok(head)
    }

    /// Why the connection cannot serve again as it is, if it cannot.
    pub(super) fn close_reason(&self) -> Option<CloseReason> {
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
    pub(super) fn end(&mut self, memory: &[u8]) -> Option<CloseReason> {
        if self.close.is_none() {
            let discarded = self.body.discard(memory);
            self.close = discarded.err().map(|error| CloseReason::Failed(malformed(error, Phase::Body)));
        }
        self.close_reason()
    }

    /// Reads some of the body into `out`; 0 at its end.
    pub(super) async fn read<I: Io>(
        &mut self,
        io: &mut I,
        memory: &mut [u8],
        out: &mut [u8],
    ) -> Result<usize, Trouble> {
        loop {
            if self.body.has_staged() {
                let taken = self.body.take(memory, out);
                match taken.map_err(|error| self.malformed(error))? {
                    0 => {}
                    count => return Ok(count),
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
                return Ok(count);
            }
        }
    }

    /// Receives some of the body and delivers none of it.
    pub(super) async fn pass<I: Io>(&mut self, io: &mut I, memory: &mut [u8]) -> Result<usize, Trouble> {
        let room = self.body.room(memory);
        let most = room.len();
        let count = match io.perform(Op::Read(room)).await {
            Ok(count) => self.counted(count, most)?,
            Err(error) => return Err(self.fail(io.explain(error))),
        };
        self.body.advance(count, false);
        Ok(count)
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

    pub(super) fn malformed(&mut self, error: DecodeError) -> Trouble {
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
    pub(super) fn error(&self, trouble: Trouble) -> Error {
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
pub(super) enum Trouble {
    /// The exchange has failed.
    Failed,
    Timeout,
    WouldBlock,
}

/// A stream that claims to have received more than it was given room for has failed.
const OVERRUN: Error = Error::new(Phase::Body, ErrorKind::Io(embedded_io_async::ErrorKind::InvalidData));

/// A connection without a timer has no room for one.
const _: () = assert!(size_of::<Option<NoTimer>>() == 0);

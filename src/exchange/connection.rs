//! A connection that serves one exchange after the other.

use embedded_io_async::{Read, Write};

use super::{
    close::CloseReason,
    io::{Halves, Io, NoTimer, Stream},
    request::Request,
    state::State,
};
use crate::{http::Method, time::Deadline};

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

/// A connection without a timer has no room for one.
const _: () = assert!(size_of::<Option<NoTimer>>() == 0);

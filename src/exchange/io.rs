//! The seam: what an exchange needs of a connection, and the adaptors that provide it.

use core::{
    fmt,
    future::{Future, pending, poll_fn},
    pin::pin,
    task::Poll,
};

use embedded_io_async::{ErrorKind as IoKind, ErrorType, Read, Write};

use crate::{
    error::{Error, ErrorKind, Phase, Result},
    time::{Clock, Deadline, Instant, Timer},
    traits::Socket,
};

/// One operation of a connection.
#[derive(Debug)]
pub enum Op<'o> {
    /// Receive into this buffer, which is not empty. The count is 0 at the end of the stream.
    Read(&'o mut [u8]),
    /// Send some of these bytes, which are not empty. The count is never 0.
    Write(&'o [u8]),
    /// Send what an earlier write has buffered. The count has no meaning.
    Flush,
}

/// What [`Io::write_or_read`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moved<E> {
    /// It sent this many bytes, or flushed, or that failed.
    Written(Result<usize, E>),
    /// It received this many bytes, 0 at the end of the stream, or that failed.
    Read(Result<usize, E>),
}

/// A connection that exchanges run over.
///
/// Most connections need no implementation: [`Stream`] makes one of any embedded-io-async `Read +
/// Write`, [`Halves`] of a reader and a writer, and every [`Socket`] is one. Implement it for a
/// connection that has its own way to wait: a modem with a command for each operation.
pub trait Io {
    /// Whether [`write_or_read`](Self::write_or_read) can receive.
    const LISTENS: bool = false;

    /// What an operation fails with. Small, so that its outcome travels in registers.
    type Error;

    /// Performs one operation and says how many bytes it moved.
    ///
    /// # Errors
    /// Of the connection's own kind; also when the deadline has passed.
    ///
    /// # Cancel safety
    /// The exchange drops the future of a read only when its own future is dropped: whether data is
    /// lost then is up to the connection, and every socket loses none.
    fn perform(&mut self, op: Op<'_>) -> impl Future<Output = Result<usize, Self::Error>>;

    /// What an error means. The exchange puts its own phase in; the kind is [`ErrorKind::Timeout`]
    /// for a deadline.
    fn explain(&self, error: Self::Error) -> Error;

    /// Sends some of `bytes`, or flushes if they are empty; or receives into `room` if something
    /// arrives before that and `room` is not empty.
    ///
    /// A connection that cannot wait for both only sends.
    ///
    /// # Cancel safety
    /// It is called again after each of its outcomes: what it did not do must not be half done.
    fn write_or_read(&mut self, bytes: &[u8], room: &mut [u8]) -> impl Future<Output = Moved<Self::Error>> {
        let _ = room;
        let write = self.perform(if bytes.is_empty() { Op::Flush } else { Op::Write(bytes) });
        async { Moved::Written(write.await) }
    }

    /// Waits until the deadline; for ever, if the connection keeps none.
    fn expire(&self) -> impl Future<Output = ()> {
        pending()
    }

    /// By when the operations that follow must be done. A connection without a clock ignores it.
    fn set_deadline(&mut self, deadline: Deadline) {
        let _ = deadline;
    }

    /// The time, if the connection keeps deadlines.
    fn now(&self) -> Option<Instant> {
        None
    }
}

/// A socket keeps its own deadlines and reports its own errors in full.
impl<S: Socket> Io for S {
    type Error = Error;

    fn explain(&self, error: Error) -> Error {
        error
    }

    fn perform(&mut self, op: Op<'_>) -> impl Future<Output = Result<usize, Self::Error>> {
        async move {
            match op {
                Op::Read(out) => self.read(out).await,
                Op::Write(bytes) => self.write(bytes).await,
                Op::Flush => self.flush().await.map(|()| 0),
            }
        }
    }

    fn set_deadline(&mut self, deadline: Deadline) {
        Socket::set_deadline(self, deadline);
    }
}

/// A connection that keeps deadlines, with the clock they are measured by.
#[derive(Debug)]
pub struct Clocked<I, C> {
    io: I,
    clock: C,
}

impl<I: Io, C: Clock> Clocked<I, C> {
    /// Puts the two together.
    pub const fn new(io: I, clock: C) -> Self {
        Self { io, clock }
    }

    /// Gives the connection back.
    pub fn into_inner(self) -> I {
        self.io
    }
}

impl<I: Io, C: Clock> Io for Clocked<I, C> {
    const LISTENS: bool = I::LISTENS;
    type Error = I::Error;

    fn explain(&self, error: I::Error) -> Error {
        self.io.explain(error)
    }

    fn perform(&mut self, op: Op<'_>) -> impl Future<Output = Result<usize, Self::Error>> {
        self.io.perform(op)
    }

    fn write_or_read(&mut self, bytes: &[u8], room: &mut [u8]) -> impl Future<Output = Moved<Self::Error>> {
        self.io.write_or_read(bytes, room)
    }

    fn expire(&self) -> impl Future<Output = ()> {
        self.io.expire()
    }

    fn set_deadline(&mut self, deadline: Deadline) {
        self.io.set_deadline(deadline);
    }

    fn now(&self) -> Option<Instant> {
        Some(self.clock.now())
    }
}

/// No timer: there is no deadline then. It has no values.
#[derive(Debug, Clone, Copy)]
pub enum NoTimer {}

impl Clock for NoTimer {
    fn now(&self) -> Instant {
        match *self {}
    }
}

impl Timer for NoTimer {
    async fn wait_until(&self, _: Instant) {
        match *self {}
    }
}

/// Why an operation of a stream failed.
#[derive(Debug, Clone, Copy)]
pub enum Failure<E> {
    /// The stream's own error.
    Io(E),
    /// The deadline has passed.
    Timeout,
}

/// When an operation must be done, and what its errors are called. Both adaptors have it.
struct Limit<C, E> {
    timer: Option<C>,
    deadline: Deadline,
    explain: fn(E) -> ErrorKind,
}

impl<C: Timer, E> Limit<C, E> {
    const fn new(timer: Option<C>, explain: fn(E) -> ErrorKind) -> Self {
        Self { timer, deadline: Deadline::NEVER, explain }
    }

    /// Waits for the deadline.
    async fn end(&self) {
        match (&self.timer, self.deadline.instant()) {
            (Some(timer), Some(at)) => timer.wait_until(at).await,
            _ => pending().await,
        }
    }

    /// The output of the work that `begin` begins, unless the deadline passes while it waits. The
    /// clock is not looked at before. (Work that was handed over as a future would lie there
    /// twice.)
    fn keep<T, W: Future<Output = Result<T, E>>>(
        &self,
        begin: impl FnOnce() -> W,
    ) -> impl Future<Output = Result<T, Failure<E>>> {
        async move {
            if let Some(timer) = &self.timer {
                timer.set_deadline(self.deadline);
            }
            let (mut work, mut end) = (pin!(begin()), pin!(self.end()));
            poll_fn(|context| match work.as_mut().poll(context) {
                Poll::Ready(output) => Poll::Ready(output.map_err(Failure::Io)),
                Poll::Pending => end.as_mut().poll(context).map(|()| Err(Failure::Timeout)),
            })
            .await
        }
    }

    fn explain(&self, failure: Failure<E>) -> Error {
        failed(match failure {
            Failure::Io(error) => (self.explain)(error),
            Failure::Timeout => ErrorKind::Timeout,
        })
    }

    fn now(&self) -> Option<Instant> {
        self.timer.as_ref().map(Clock::now)
    }
}

impl<C, E> fmt::Debug for Limit<C, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limit").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}

const fn failed(kind: ErrorKind) -> Error {
    Error::new(Phase::Receive, kind)
}

/// Of the errors of an unknown stream only the kind is known.
fn by_kind<E: embedded_io_async::Error>(error: E) -> ErrorKind {
    error.kind().into()
}

/// What `moved` bytes of `len` mean. A stream that claims to have moved more than it was given has
/// failed, and one that sends nothing would be asked for ever.
pub(super) fn checked(moved: usize, len: usize, sends: bool) -> Result<usize> {
    if moved > len {
        Err(failed(ErrorKind::Io(IoKind::InvalidData)))
    } else if sends && moved == 0 {
        Err(failed(ErrorKind::Io(IoKind::WriteZero)))
    } else {
        Ok(moved)
    }
}

/// Any embedded-io-async `Read + Write` as a connection, with deadlines if there is a timer.
///
/// A stream whose futures are ready at once, because it waits inside, is a blocking connection:
/// poll the exchange once.
#[derive(Debug)]
pub struct Stream<T: ErrorType, C = NoTimer> {
    stream: T,
    limit: Limit<C, T::Error>,
}

impl<T: Read + Write> Stream<T> {
    /// A connection without deadlines. Of the stream's errors the kind is kept.
    pub const fn new(stream: T) -> Self {
        Self { stream, limit: Limit::new(None, by_kind) }
    }
}

impl<T: Read + Write<Error = Error>> Stream<T> {
    /// The same for a stream with errors of this crate, which are kept in full.
    pub const fn detailed(stream: T) -> Self {
        Self { stream, limit: Limit::new(None, |error| error.kind()) }
    }
}

impl<T: Read + Write, C> Stream<T, C> {
    /// With deadlines, measured by `timer`.
    pub fn with_timer<D: Timer>(self, timer: D) -> Stream<T, D> {
        Stream { stream: self.stream, limit: Limit::new(Some(timer), self.limit.explain) }
    }

    /// Gives the stream back.
    pub fn into_inner(self) -> T {
        self.stream
    }
}

impl<T: Read + Write, C: Timer> Io for Stream<T, C> {
    type Error = Failure<T::Error>;

    fn explain(&self, error: Self::Error) -> Error {
        self.limit.explain(error)
    }

    fn perform(&mut self, op: Op<'_>) -> impl Future<Output = Result<usize, Self::Error>> {
        let Self { stream, limit } = self;
        limit.keep(move || async move {
            match op {
                Op::Read(out) => stream.read(out).await,
                Op::Write(bytes) => stream.write(bytes).await,
                Op::Flush => stream.flush().await.map(|()| 0),
            }
        })
    }

    fn expire(&self) -> impl Future<Output = ()> {
        self.limit.end()
    }

    fn set_deadline(&mut self, deadline: Deadline) {
        self.limit.deadline = deadline;
    }

    fn now(&self) -> Option<Instant> {
        self.limit.now()
    }
}

/// A reader and a writer as a connection that hears a response while it still sends the request
/// (RFC 9112 §9.5).
///
/// While it sends, it drops a read that waits and begins another one: the reader must lose nothing
/// by that, as every socket's does.
#[derive(Debug)]
pub struct Halves<R: ErrorType, W, C = NoTimer> {
    reader: R,
    writer: W,
    limit: Limit<C, R::Error>,
}

impl<R: Read, W: Write<Error = R::Error>> Halves<R, W> {
    /// A connection without deadlines. Of the halves' errors the kind is kept.
    pub const fn new(reader: R, writer: W) -> Self {
        Self { reader, writer, limit: Limit::new(None, by_kind) }
    }
}

impl<R: Read<Error = Error>, W: Write<Error = Error>> Halves<R, W> {
    /// The same for halves with errors of this crate, which are kept in full: those of a
    /// [`Socket`](crate::Socket).
    pub const fn detailed(reader: R, writer: W) -> Self {
        Self { reader, writer, limit: Limit::new(None, |error| error.kind()) }
    }
}

impl<R: Read, W: Write<Error = R::Error>, C> Halves<R, W, C> {
    /// With deadlines, measured by `timer`.
    pub fn with_timer<D: Timer>(self, timer: D) -> Halves<R, W, D> {
        Halves { reader: self.reader, writer: self.writer, limit: Limit::new(Some(timer), self.limit.explain) }
    }

    /// Gives the halves back.
    pub fn into_inner(self) -> (R, W) {
        (self.reader, self.writer)
    }
}

impl<R: Read, W: Write<Error = R::Error>, C: Timer> Io for Halves<R, W, C> {
    const LISTENS: bool = true;
    type Error = Failure<R::Error>;

    fn explain(&self, error: Self::Error) -> Error {
        self.limit.explain(error)
    }

    fn perform(&mut self, op: Op<'_>) -> impl Future<Output = Result<usize, Self::Error>> {
        let Self { reader, writer, limit } = self;
        limit.keep(move || async move {
            match op {
                Op::Read(out) => reader.read(out).await,
                Op::Write(bytes) => writer.write(bytes).await,
                Op::Flush => writer.flush().await.map(|()| 0),
            }
        })
    }

    fn write_or_read(&mut self, bytes: &[u8], room: &mut [u8]) -> impl Future<Output = Moved<Self::Error>> {
        async move {
            let Self { reader, writer, limit } = self;
            let listens = !room.is_empty();
            let work = move || async move {
                let write = async {
                    if bytes.is_empty() { writer.flush().await.map(|()| 0) } else { writer.write(bytes).await }
                };
                let (mut read, mut write) = (pin!(reader.read(room)), pin!(write));
                poll_fn(|context| match if listens { read.as_mut().poll(context) } else { Poll::Pending } {
                    Poll::Ready(count) => Poll::Ready(Ok(Moved::Read(count.map_err(Failure::Io)))),
                    Poll::Pending => {
                        write.as_mut().poll(context).map(|count| Ok(Moved::Written(count.map_err(Failure::Io))))
                    }
                })
                .await
            };
            limit.keep(work).await.unwrap_or_else(|failure| Moved::Written(Err(failure)))
        }
    }

    fn expire(&self) -> impl Future<Output = ()> {
        self.limit.end()
    }

    fn set_deadline(&mut self, deadline: Deadline) {
        self.limit.deadline = deadline;
    }

    fn now(&self) -> Option<Instant> {
        self.limit.now()
    }
}

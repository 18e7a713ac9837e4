//! A session: what makes requests over a pool.

use core::{future::Future, time::Duration};

use super::{
    builder::RequestBuilder,
    course::{Stage, Turn},
    listening::Listening,
    options::Options,
    response::{Response, leave, within_grace},
    retry::Retry,
};
use crate::{
    error::{Error, ErrorKind, Phase, Result},
    exchange::{self, Awaits, Content, Expecting, SourceError},
    http::Method,
    pool::{ConnectionManager, Line},
    time::{Clock as _, Deadline, Timer as _},
    traits::{NoTls, Socket, SocketPool, TlsContext},
};

/// Makes requests over a pool. `adafruit_requests.Session`.
///
/// It is small and borrows the pool: make as many as you like. All of them share the connections that the pool keeps,
/// except where they have different [session ids](Self::session_id).
///
/// Any number of tasks can make requests over one pool: each request waits in the pool's [line](crate::SocketPool#the-line)
/// for what it needs, within its own time, and holds nothing while it waits. A response that is kept keeps its exchange
/// buffer, and until its body was read its connection, from the others.
#[derive(Debug)]
pub struct Session<'p, P, T = NoTls> {
    pool: &'p P,
    tls: &'p T,
    options: Options<'p>,
}

/// What cannot be, because an exchange connects first.
pub(crate) const NOT_CONNECTED: Error = Error::new(Phase::Send, ErrorKind::NotConnected);

impl<'p, P: SocketPool> Session<'p, P> {
    /// A session for `http` only: an `https` URL is an error, never sent in the clear.
    #[must_use]
    pub fn plain(pool: &'p P) -> Self {
        Self::new(pool, &NoTls)
    }
}

impl<'p, P: SocketPool, T: TlsContext<P::Socket<'p>>> Session<'p, P, T> {
    /// A session whose `https` connections are verified by `tls`.
    #[must_use]
    pub const fn new(pool: &'p P, tls: &'p T) -> Self {
        Self { pool, tls, options: Options::DEFAULT }
    }

    /// How long each exchange may take, from the name look-up to the last byte of the body: 30 seconds unless you say
    /// otherwise; for ever with `None`.
    #[must_use]
    pub const fn timeout(mut self, timeout: Option<Duration>) -> Self {
        self.options.timeout = timeout;
        self
    }

    /// How many redirects are followed: 10 unless you say otherwise. With `None` a redirect is a response like any other.
    #[must_use]
    pub const fn max_redirects(mut self, redirects: Option<u8>) -> Self {
        self.options.redirects = redirects;
        self
    }

    /// Sessions with different numbers do not share connections.
    #[must_use]
    pub const fn session_id(mut self, id: u32) -> Self {
        self.options.session_id = id;
        self
    }

    /// Uses at most so many bytes of each exchange buffer: a bound on the request's head and on the response's that
    /// can be lower than the pool's.
    #[must_use]
    pub const fn buffer_limit(mut self, bytes: usize) -> Self {
        self.options.buffer_limit = bytes;
        self
    }

    /// Sends these header fields with every request, except with one that has a field of that name itself. They replace
    /// the defaults: `User-Agent`, for example. `Authorization`, `Cookie` and `Host` do not follow a redirect to another
    /// origin.
    #[must_use]
    pub const fn headers(mut self, fields: &'p [(&'p str, &'p str)]) -> Self {
        self.options.headers = fields;
        self
    }

    /// Tries again what failed for a while, as this says: not at all unless you say so.
    #[must_use]
    pub const fn retry(mut self, retry: Retry<'p>) -> Self {
        self.options.retry = Some(retry);
        self
    }

    /// A request with this method.
    pub fn request<'r>(&'r self, method: Method<'r>, url: &'r str) -> RequestBuilder<'r, Self> {
        RequestBuilder::new(self, self.options, method, url)
    }

    /// A GET request.
    pub fn get<'r>(&'r self, url: &'r str) -> RequestBuilder<'r, Self> {
        self.request(Method::Get, url)
    }

    /// A HEAD request: the response has no body.
    pub fn head<'r>(&'r self, url: &'r str) -> RequestBuilder<'r, Self> {
        self.request(Method::Head, url)
    }

    /// A POST request.
    pub fn post<'r>(&'r self, url: &'r str) -> RequestBuilder<'r, Self> {
        self.request(Method::Post, url)
    }

    /// A PUT request.
    pub fn put<'r>(&'r self, url: &'r str) -> RequestBuilder<'r, Self> {
        self.request(Method::Put, url)
    }

    /// A PATCH request.
    pub fn patch<'r>(&'r self, url: &'r str) -> RequestBuilder<'r, Self> {
        self.request(Method::Patch, url)
    }

    /// A DELETE request.
    pub fn delete<'r>(&'r self, url: &'r str) -> RequestBuilder<'r, Self> {
        self.request(Method::Delete, url)
    }

    /// An OPTIONS request.
    pub fn options<'r>(&'r self, url: &'r str) -> RequestBuilder<'r, Self> {
        self.request(Method::Options, url)
    }
}

impl<'p, P, T, B> RequestBuilder<'_, Session<'p, P, T>, B>
where
    P: SocketPool,
    T: TlsContext<P::Socket<'p>>,
{
    /// Sends the request and receives the head of the response; redirects are followed.
    ///
    /// A request that failed on a reused connection before any of a response arrived is sent once more on a new one, if
    /// its method is idempotent (RFC 9110 §9.2.2) or it is marked [`repeatable`](RequestBuilder::repeatable): the server
    /// had closed the connection in the meantime.
    ///
    /// What the request needs of the pool is taken first and together: a slot with a kept connection or for a new one, memory
    /// for the exchange and, for `https`, a TLS session. It is waited for in the pool's
    /// [line](crate::SocketPool#the-line), within the time of the request.
    ///
    /// A server may respond before it has the whole request (RFC 9112 §9.5). While the request is sent, this looks four
    /// times a second whether a response has come; one of status 300 or above ends the sending, is the response, and the
    /// connection is not used again. So it is when sending fails, or has come to nothing a second before the deadline. Over
    /// TLS a record that does not leave cannot be interrupted: a server that stops reading, and does not close, is listened
    /// to in that last second (with no time-out, not at all).
    ///
    /// # Errors
    /// Any [`Error`]; its phase says how far the exchange had come. [`ErrorKind::Source`] if a body did not stream as it
    /// should; [`Policy::BodyNotReplayable`](crate::Policy::BodyNotReplayable) if one was needed again that could not be
    /// read again.
    ///
    /// # Cancel safety
    /// Dropping the future ends the exchange and closes its connection; the server may have got the request, or a part of
    /// it. A source that was lent to the request has been read as far as it was.
    pub fn send(self) -> impl Future<Output = Result<Response<'p, P>>>
    where
        B: Content,
    {
        let Self { session: &Session { pool, tls, .. }, outset, body, options } = self;
        send::<Awaits, _, _, _>(pool, tls, Stage::Before(outset, options), body)
    }
}

/// The way of a request: what both faces do.
pub(crate) fn send<'p, F, P, T, B>(
    pool: &'p P,
    tls: &'p T,
    mut stage: Stage<'_, P::Buffer<'p>>,
    body: B,
) -> impl Future<Output = Result<Response<'p, P>>>
where
    P: SocketPool,
    T: TlsContext<P::Socket<'p>>,
    B: Content<F>,
{
    let mut body = Expecting(body);
    // `stage` is worked on where it lies: moved into an `async fn`, it would be there twice.
    async move {
        let (need, timeout) = stage.need(tls.takes_session());
        let deadline = Deadline::within(pool.timer(), timeout);
        let (place, memory) = pool.reserve(need, deadline).await?;
        let course = stage.begin(memory, deadline)?;
        let mut line: Line<_, P::Socket<'p>> = Line::Reserved(place);
        loop {
            course.stage(&body)?;
            let (verifier, deadline) = (course.draft.is_https().then_some(tls), course.deadline);
            let manager = ConnectionManager::in_exchange(pool);
            let opened = manager.open(&mut line, course.key(tls.id()), !course.anew, verifier, deadline).await;
            match (opened, line.socket()) {
                (Ok(reused), Some(socket)) => {
                    course.is_reused = reused;
                    let mut io = Listening::new(socket, pool.timer(), !course.draft.is_https());
                    let (request, staged, deadline) = (course.draft.request(), course.staged, course.deadline);
                    let memory = course.draft.memory();
                    course.sent =
                        exchange::send(&mut io, memory, &mut course.state, request, staged, &mut body, deadline).await;
                }
                (opened, _) => course.sent = Err(opened.err().unwrap_or(NOT_CONNECTED)),
            }
            if course.sent.is_err() {
                line.take();
            }
            course.note(pool.timer().now())?;
            let is_last = match course.turn {
                Turn::Deliver => true,
                // A response that stays: the request could not be sent again.
                Turn::Repeat if line.socket().is_some() && course.draft.has_body() => {
                    !body.rewind().await.map_err(at_fault)?
                }
                _ => false,
            };
            if is_last {
                return Ok(Response::new(pool, line.into_socket(), stage.into_info(tls.id())?));
            }
            if let Line::Open(socket) = &mut line {
                socket.set_deadline(within_grace(pool.timer().now(), course.deadline));
                leave(&mut course.state, socket, course.draft.memory()).await;
                if course.deadline.has_passed(pool.timer()) {
                    return Err(Error::new(Phase::Body, ErrorKind::Timeout));
                }
            }
            if let Line::Open(socket) = line.take()
                && course.state.end(course.draft.memory()).is_none()
            {
                socket.keep(course.key(tls.id()));
            }
            course.take_turn()?;
            if course.draft.has_body() && !body.rewind().await.map_err(at_fault)? {
                return Err(course.failure);
            }
            pool.timer().wait_until(course.at).await;
        }
    }
}

/// What is wrong with the source of a body.
fn at_fault(error: SourceError) -> Error {
    Error::new(Phase::Send, ErrorKind::Source(error))
}

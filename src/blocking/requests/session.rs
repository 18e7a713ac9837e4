//! The blocking session.

use core::time::Duration;

use super::{payload::Waits, response::Response};
use crate::{
    error::Result,
    exchange::Content,
    http::Method,
    requests::{RequestBuilder, Retry, course::Stage, options::Options, session::send},
    time::{BlockingTimer, run},
    traits::{NoTls, SocketPool, TlsContext},
};

/// Makes requests over a pool: the blocking twin of [`requests::Session`](crate::requests::Session).
#[derive(Debug)]
pub struct Session<'p, P, T = NoTls> {
    pool: &'p P,
    tls: &'p T,
    options: Options<'p>,
}

impl<'p, P: SocketPool<Timer: BlockingTimer>> Session<'p, P> {
    /// A session for `http` only: an `https` URL is an error, never sent in the clear.
    #[must_use]
    pub fn plain(pool: &'p P) -> Self {
        Self::new(pool, &NoTls)
    }
}

impl<'p, P: SocketPool<Timer: BlockingTimer>, T: TlsContext<P::Socket<'p>>> Session<'p, P, T> {
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
    P: SocketPool<Timer: BlockingTimer>,
    T: TlsContext<P::Socket<'p>>,
{
    /// Sends the request and receives the head of the response; redirects are followed.
    ///
    /// A request that failed on a reused connection before any of a response arrived is sent once more on a new one, if
    /// its method is idempotent (RFC 9110 §9.2.2) or it is marked [`repeatable`](RequestBuilder::repeatable): the server
    /// had closed the connection in the meantime.
    ///
    /// What the request needs of the pool is taken first and together: a slot with a kept connection or for a new one, memory
    /// for the exchange and, for `https`, a TLS session. A pool that several threads share is waited for, within the time of
    /// the request; one of a single thread is not.
    ///
    /// A server may respond before it has the whole request (RFC 9112 §9.5). While the request is sent, this looks four
    /// times a second whether a response has come; one of status 300 or above ends the sending, is the response, and the
    /// connection is not used again. So it is when sending fails, or has come to nothing a second before the deadline. Over
    /// TLS a record that does not leave cannot be interrupted: a server that stops reading, and does not close, is listened
    /// to in that last second (with no time-out, not at all).
    ///
    /// # Errors
    /// Any [`Error`](crate::Error); its phase says how far the exchange had come. [`ErrorKind::Source`](crate::ErrorKind::Source) if a body did not stream as it
    /// should; [`Policy::BodyNotReplayable`](crate::Policy::BodyNotReplayable) if one was needed again that could not be
    /// read again.
    pub fn send(self) -> Result<Response<'p, P>>
    where
        B: Content<Waits>,
    {
        let Self { session: &Session { pool, tls, .. }, outset, body, options } = self;
        let work = send::<Waits, _, _, _>(pool, tls, Stage::Before(outset, options), body);
        run(pool.timer(), work).map(Response)
    }
}

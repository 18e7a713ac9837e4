//! The blocking session.

use core::{
    ops::{DerefMut, Range},
    time::Duration,
};

use super::{payload::Payload, response::Response};
use crate::{
    blocking::{
        ConnectionManager,
        traits::{Socket, SocketPool, TlsContext, TlsId},
    },
    error::{Error, Phase, Result},
    http::{Method, ResponseHead},
    requests::{
        NoTls, Plan, RequestBuilder, ResponseInfo, Retry,
        builder::Options,
        course::{Course, NOT_REPLAYABLE, Turn, at_fault, in_sending, was_closed, within_grace},
        draft::{Draft, Follows, Staged},
        incoming::{IncomingBody, IncomingHead},
        response::{LeaseTerms, MAX_DRAIN},
        session::NO_TLS,
        upload::Upload,
    },
    time::{Clock, Deadline},
};

/// Makes requests over a pool: the blocking twin of [`requests::Session`](crate::requests::Session).
#[derive(Debug)]
pub struct Session<'p, P, T = NoTls> {
    pool: &'p P,
    tls: &'p T,
    options: Options<'p>,
}

impl<S> TlsContext<S> for NoTls {
    fn id(&self) -> TlsId {
        TlsId(0)
    }

    fn connect(&self, _: &mut S, _: &str, _: u16) -> Result<()> {
        Err(NO_TLS)
    }
}

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

    /// How many redirects are followed: 10 unless you say otherwise. With `None` a redirect is an answer like any other.
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
    pub fn request<'r>(&'r self, method: Method<'r>, url: &str) -> RequestBuilder<'r, Self, P::Buffer<'p>> {
        RequestBuilder::new(self, self.options, self.pool.buffer(), method, url)
    }

    /// A GET request.
    pub fn get(&self, url: &str) -> RequestBuilder<'_, Self, P::Buffer<'p>> {
        self.request(Method::Get, url)
    }

    /// A HEAD request: the answer has no body.
    pub fn head(&self, url: &str) -> RequestBuilder<'_, Self, P::Buffer<'p>> {
        self.request(Method::Head, url)
    }

    /// A POST request.
    pub fn post(&self, url: &str) -> RequestBuilder<'_, Self, P::Buffer<'p>> {
        self.request(Method::Post, url)
    }

    /// A PUT request.
    pub fn put(&self, url: &str) -> RequestBuilder<'_, Self, P::Buffer<'p>> {
        self.request(Method::Put, url)
    }

    /// A PATCH request.
    pub fn patch(&self, url: &str) -> RequestBuilder<'_, Self, P::Buffer<'p>> {
        self.request(Method::Patch, url)
    }

    /// A DELETE request.
    pub fn delete(&self, url: &str) -> RequestBuilder<'_, Self, P::Buffer<'p>> {
        self.request(Method::Delete, url)
    }

    /// An OPTIONS request.
    pub fn options(&self, url: &str) -> RequestBuilder<'_, Self, P::Buffer<'p>> {
        self.request(Method::Options, url)
    }
}

impl<'p, P, T, B> RequestBuilder<'_, Session<'p, P, T>, P::Buffer<'p>, B>
where
    P: SocketPool,
    T: TlsContext<P::Socket<'p>>,
    B: Payload,
{
    /// Sends the request and receives the head of the response; redirects are followed.
    ///
    /// A request that failed on a reused connection before any of an answer arrived is sent once more on a new one, if
    /// its method is idempotent (RFC 9110 §9.2.2) or it is marked [`repeatable`](RequestBuilder::repeatable): the server
    /// had closed the connection in the meantime.
    ///
    /// A server may answer before it has all of a body, and hang up: its answer is the response, as far as it can still
    /// be received, and the connection is not used again.
    ///
    /// # Errors
    /// Any [`Error`]; its phase says how far the exchange had come. [`ErrorKind::Source`](crate::ErrorKind::Source) if a body did not stream as it
    /// should; [`Policy::BodyNotReplayable`](crate::Policy::BodyNotReplayable) if one was needed again that could not be
    /// read again.
    pub fn send(self) -> Result<Response<'p, P>> {
        let Self { session, draft, mut body, options } = self;
        let mut draft = draft?;
        draft.settle(&options);
        let clock = session.pool.clock();
        let mut course = Course::new(options, Deadline::within(clock, options.timeout));
        loop {
            let tls = draft.is_https().then_some(session.tls);
            let exchanged = session.exchange(&mut draft, &mut body, tls, &course);
            let Exchanged { socket, head, incoming, is_whole } = match exchanged {
                Ok(exchanged) => exchanged,
                Err(error) => match course.after_error(draft.method(), error, clock.now()) {
                    Some(at) if rewind(&mut body, &draft)? => {
                        session.pool.wait_until(at);
                        continue;
                    }
                    _ => return Err(error),
                },
            };
            let mut lease = LeaseTerms::new(&draft, &head, tls.map(TlsContext::id), options.session_id);
            lease.may_keep &= is_whole;
            let body_in = IncomingBody::new(&head, &incoming);
            let mut turn = course.after(&draft, &head, clock.now())?;
            if matches!(turn, Turn::Repeat(_)) && !rewind(&mut body, &draft)? {
                turn = Turn::Deliver;
            }
            if let Turn::Deliver = turn {
                return Ok(Response::new(socket, ResponseInfo::new(draft, head, body_in, lease, course.redirects)));
            }
            dismiss(socket, &mut draft, body_in, lease);
            match turn {
                Turn::Redirect => {
                    draft.redirect(&head)?;
                    course.redirected(draft.is_elsewhere());
                }
                #[cfg(feature = "digest")]
                Turn::Authenticate => draft.answer(&head, course.options.digest.as_ref())?,
                Turn::Repeat(at) => session.pool.wait_until(at),
                Turn::Deliver => {}
            }
            if !rewind(&mut body, &draft)? {
                return Err(Error::new(Phase::Head, NOT_REPLAYABLE));
            }
        }
    }
}

impl<'p, P: SocketPool, T: TlsContext<P::Socket<'p>>> Session<'p, P, T> {
    /// One request and the head of its response, on whatever connection it takes.
    fn exchange<'r>(
        &self,
        draft: &mut Draft<'r, P::Buffer<'p>>,
        body: &mut impl Payload,
        tls: Option<&T>,
        course: &Course<'_>,
    ) -> Result<Exchanged<P::Socket<'p>>> {
        let deadline = course.deadline;
        let connections = ConnectionManager::new(self.pool);
        let mut staged = draft.stage(&*body)?;
        let (host, port) = (draft.host(), draft.url().port());
        let mut leased = connections.get_socket(host, port, course.options.session_id, tls, deadline)?;
        loop {
            let mut incoming = IncomingHead::new(draft);
            let line = Line { socket: &mut leased.socket, clock: self.pool.clock(), deadline };
            match line.converse(draft, &staged, body, &mut incoming) {
                Ok((head, is_whole)) => return Ok(Exchanged { socket: leased.socket, head, incoming, is_whole }),
                Err(error) if leased.reused && course.may_send_anew(error, draft.method(), &incoming) => {
                    debug!("requests: a kept connection had been closed, connecting anew");
                    drop(leased.socket);
                    if !rewind(body, draft)? {
                        return Err(Error::new(Phase::Send, NOT_REPLAYABLE));
                    }
                    staged = draft.stage(&*body)?;
                    leased = connections.new_socket(draft.host(), port, tls, deadline)?;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// The head of a response has arrived.
struct Exchanged<S> {
    socket: S,
    head: ResponseHead,
    incoming: IncomingHead,
    /// Whether the whole request was sent.
    is_whole: bool,
}

/// A connection that a request is made on.
struct Line<'s, S, C> {
    socket: &'s mut S,
    clock: &'s C,
    deadline: Deadline,
}

impl<S: Socket, C: Clock> Line<'_, S, C> {
    /// Sends a staged request and receives the head of the response; and whether all of the request was sent.
    fn converse<M: DerefMut<Target = [u8]>>(
        mut self,
        draft: &mut Draft<'_, M>,
        staged: &Staged,
        body: &mut impl Payload,
        incoming: &mut IncomingHead,
    ) -> Result<(ResponseHead, bool)> {
        let mut unsent = staged.bytes.clone();
        if staged.expects {
            self.send(draft, unsent.start..staged.head_end)?;
            self.socket.flush().map_err(in_sending)?;
            unsent.start = staged.head_end;
            if let Some(head) = self.ask(draft, staged, incoming)? {
                return Ok((head, false));
            }
        }
        let sent = match staged.follows {
            Follows::Nothing => self.send(draft, unsent),
            Follows::Bytes => self.send_both(draft, unsent, body),
            Follows::Stream(len) => self.stream(draft, unsent, Upload::new(len), body),
        };
        let sent = match sent {
            Ok(()) => self.socket.flush().map_err(in_sending),
            failed => failed,
        };
        match sent {
            Ok(()) => Ok((self.head(draft, incoming)?, true)),
            // The server may have said why it hung up.
            Err(error) if was_closed(error) && (staged.follows != Follows::Nothing || staged.expects) => {
                self.socket.set_deadline(within_grace(self.clock.now(), self.deadline));
                let answer = self.head(draft, incoming);
                self.socket.set_deadline(self.deadline);
                answer.map(|head| (head, false)).map_err(|_| error)
            }
            Err(error) => Err(error),
        }
    }

    fn send<M: DerefMut<Target = [u8]>>(&mut self, draft: &mut Draft<'_, M>, range: Range<usize>) -> Result<()> {
        self.socket.write_all(draft.memory().get(range).unwrap_or_default()).map_err(in_sending)
    }

    fn send_both<M: DerefMut<Target = [u8]>>(
        &mut self,
        draft: &mut Draft<'_, M>,
        range: Range<usize>,
        body: &impl Payload,
    ) -> Result<()> {
        self.send(draft, range)?;
        let Ok(Plan::Bytes(bytes)) = body.plan() else { return Ok(()) };
        self.socket.write_all(bytes).map_err(in_sending)
    }

    /// Sends what is staged together with the first piece of a stream, then one piece after the other.
    fn stream<M: DerefMut<Target = [u8]>>(
        &mut self,
        draft: &mut Draft<'_, M>,
        mut staged: Range<usize>,
        mut upload: Upload,
        body: &mut impl Payload,
    ) -> Result<()> {
        let start = draft.work();
        while !upload.is_done() {
            let room = upload.room(draft.memory(), staged.end)?;
            let filled = body.fill(room).map_err(at_fault)?;
            staged.end = upload.filled(draft.memory(), staged.end, filled)?;
            self.send(draft, staged)?;
            self.socket.flush().map_err(in_sending)?;
            staged = start..start;
        }
        self.send(draft, staged)
    }

    /// Waits a moment for the server to say whether it wants the body; what it answers, if it does not.
    fn ask<M: DerefMut<Target = [u8]>>(
        &mut self,
        draft: &mut Draft<'_, M>,
        staged: &Staged,
        incoming: &mut IncomingHead,
    ) -> Result<Option<ResponseHead>> {
        let soon = within_grace(self.clock.now(), self.deadline);
        let mut answer = IncomingHead::new(draft).at(staged.bytes.end);
        let head = loop {
            self.socket.set_deadline(if answer.is_empty() { soon } else { self.deadline });
            let room = answer.room(draft.memory())?;
            let count = match self.socket.read(room) {
                Ok(count) => count,
                Err(error) if error.is_timeout() && answer.is_empty() && soon != self.deadline => break None,
                Err(error) => return Err(error.in_phase(Phase::Head)),
            };
            let head = answer.received(draft.memory(), count)?;
            incoming.began = true;
            if head.is_some() || (answer.continued && answer.is_empty()) {
                break head;
            }
        };
        self.socket.set_deadline(self.deadline);
        if head.is_some() {
            let start = draft.work();
            answer.move_to(draft.memory(), start);
            *incoming = answer;
        }
        Ok(head)
    }

    fn head<M: DerefMut<Target = [u8]>>(
        &mut self,
        draft: &mut Draft<'_, M>,
        incoming: &mut IncomingHead,
    ) -> Result<ResponseHead> {
        loop {
            let room = incoming.room(draft.memory())?;
            let count = self.socket.read(room).map_err(|error| error.in_phase(Phase::Head))?;
            if let Some(head) = incoming.received(draft.memory(), count)? {
                return Ok(head);
            }
        }
    }
}

/// Makes sure that the body, if it is still to be sent, can be from its beginning.
fn rewind<M: DerefMut<Target = [u8]>>(body: &mut impl Payload, draft: &Draft<'_, M>) -> Result<bool> {
    if draft.has_body() { body.rewind().map_err(at_fault) } else { Ok(true) }
}

/// Leaves a response whose body nobody wants: reads a short rest so that the connection can be kept, or closes it.
fn dismiss<M: DerefMut<Target = [u8]>>(
    mut socket: impl Socket,
    draft: &mut Draft<'_, M>,
    mut body: IncomingBody,
    lease: LeaseTerms,
) {
    let mut left = MAX_DRAIN;
    while lease.may_keep && left > 0 && body.discard(draft.memory()).is_ok() && !body.is_done() {
        let room = body.room(draft.memory());
        let len = room.len().min(left);
        match socket.read(&mut room[..len]) {
            Ok(count) if body.received_staged(count).is_ok() => left -= count,
            _ => return,
        }
    }
    if lease.may_keep && body.is_cleanly_done() {
        socket.keep(lease.key(draft.host(), draft.url().port()));
    }
}

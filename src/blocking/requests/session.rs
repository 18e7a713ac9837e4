//! The blocking session.

use core::{ops::DerefMut, time::Duration};

use super::response::Response;
use crate::{
    blocking::{
        ConnectionManager,
        traits::{Socket, SocketPool, TlsContext, TlsId},
    },
    error::{Error, ErrorKind, Phase, Result},
    http::{Method, ResponseHead},
    requests::{
        Body, NoTls, RequestBuilder, ResponseInfo,
        builder::Options,
        draft::{Draft, Staged},
        incoming::{IncomingBody, IncomingHead},
        response::{LeaseTerms, MAX_DRAIN, may_repeat},
        session::NO_TLS,
    },
    time::Deadline,
};

/// Makes requests over a pool: the blocking twin of [`requests::Session`](crate::requests::Session).
#[derive(Debug)]
pub struct Session<'p, P, T = NoTls> {
    pool: &'p P,
    tls: &'p T,
    options: Options,
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
    B: Body,
{
    /// Sends the request and receives the head of the response; redirects are followed.
    ///
    /// A request that failed on a reused connection before any of an answer arrived is sent once more on a new one, if
    /// its method is idempotent (RFC 9110 §9.2.2): the server had closed the connection in the meantime.
    ///
    /// # Errors
    /// Any [`Error`]; its phase says how far the exchange had come.
    pub fn send(self) -> Result<Response<'p, P>> {
        let Self { session, draft, body, options } = self;
        let mut draft = draft?;
        let deadline = Deadline::within(session.pool.clock(), options.timeout);
        let mut redirects = 0;
        loop {
            let staged = draft.stage(&body)?;
            let tls = draft.is_https().then_some(session.tls);
            let (socket, head, incoming) = session.exchange(&mut draft, &staged, &body, tls, options, deadline)?;
            let lease = LeaseTerms::new(&draft, &head, tls.map(TlsContext::id), options.session_id);
            let body_in = IncomingBody::new(&head, &incoming);
            let Some(most) = options.redirects.filter(|_| draft.is_redirected_by(&head)) else {
                return Ok(Response::new(socket, ResponseInfo::new(draft, head, body_in, lease, redirects)));
            };
            if redirects == most {
                return Err(Error::new(Phase::Head, ErrorKind::TooManyRedirects));
            }
            redirects += 1;
            dismiss(socket, &mut draft, body_in, lease);
            draft.redirect(&head)?;
        }
    }
}

impl<'p, P: SocketPool, T: TlsContext<P::Socket<'p>>> Session<'p, P, T> {
    /// One request and the head of its response, on whatever connection it takes.
    fn exchange<'r>(
        &self,
        draft: &mut Draft<'r, P::Buffer<'p>>,
        staged: &Staged,
        body: &impl Body,
        tls: Option<&T>,
        options: Options,
        deadline: Deadline,
    ) -> Result<(P::Socket<'p>, ResponseHead, IncomingHead)> {
        let connections = ConnectionManager::new(self.pool);
        let (host, port) = (draft.host(), draft.url().port());
        let mut leased = connections.get_socket(host, port, options.session_id, tls, deadline)?;
        loop {
            let mut incoming = IncomingHead::new(draft);
            match converse(&mut leased.socket, draft, staged, body, &mut incoming) {
                Ok(head) => return Ok((leased.socket, head, incoming)),
                Err(error) if leased.reused && may_repeat(error, draft.method(), &incoming) => {
                    debug!("requests: a kept connection had been closed, connecting anew");
                    drop(leased.socket);
                    leased = connections.new_socket(draft.host(), port, tls, deadline)?;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// Sends a staged request over `socket` and receives the head of the response.
fn converse<M: DerefMut<Target = [u8]>>(
    socket: &mut impl Socket,
    draft: &mut Draft<'_, M>,
    staged: &Staged,
    body: &impl Body,
    incoming: &mut IncomingHead,
) -> Result<ResponseHead> {
    let sending = |error: Error| error.in_phase(Phase::Send);
    socket.write_all(draft.memory().get(staged.bytes.clone()).unwrap_or_default()).map_err(sending)?;
    if staged.body_follows {
        socket.write_all(body.as_bytes().unwrap_or_default()).map_err(sending)?;
    }
    socket.flush().map_err(sending)?;
    loop {
        let room = incoming.room(draft.memory())?;
        let count = socket.read(room).map_err(|error| error.in_phase(Phase::Head))?;
        if let Some(head) = incoming.received(draft.memory(), count)? {
            return Ok(head);
        }
    }
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

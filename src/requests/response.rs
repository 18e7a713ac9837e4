//! A response: its head is here, its body is read when you say so.

use core::{
    future::Future,
    ops::{Deref, DerefMut},
};

use embedded_io_async::{ErrorType, Read};

use super::draft::{Draft, Memory};
#[cfg(feature = "json")]
use crate::exchange::JsonElements;
#[cfg(feature = "gzip")]
use crate::exchange::{Decoded, stream::decoded::DecodedCore, text::whole};
use crate::{
    error::{Error, ErrorKind, Phase, Result},
    exchange::{self, Events, GRACE, Lines, State},
    http::{Fields, Scheme, StatusCode, Url, field::may_be_trailer, media},
    pool::Key,
    time::{Clock as _, Deadline, Instant},
    traits::{Socket, SocketPool, TlsId},
};

/// The most bytes of an unwanted body that are read so that its connection can be used again.
pub(crate) const MAX_DRAIN: usize = 4096;

/// A response. `adafruit_requests.Response`.
///
/// Status and fields are there ([`ResponseInfo`], to which it dereferences); the body is read with [`read`](Self::read),
/// or whole with [`content`](Self::content), [`text`](Self::text) or `json`.
///
/// Dropping it ends the exchange. If the body was read to its end (or had none left to receive) the connection goes
/// back to the pool to be used again; if not it is closed.
pub struct Response<'p, P: SocketPool> {
    pub(crate) pool: &'p P,
    /// There until dropped.
    socket: Option<P::Socket<'p>>,
    info: ResponseInfo<P::Buffer<'p>>,
}

impl<'p, P: SocketPool> Response<'p, P> {
    pub(super) fn new(pool: &'p P, socket: Option<P::Socket<'p>>, info: ResponseInfo<P::Buffer<'p>>) -> Self {
        Self { pool, socket, info }
    }

    /// Reads some of the body into `out` and says how many bytes; 0 at its end (or when `out` is empty).
    ///
    /// # Errors
    /// With phase `Body`; [`ErrorKind::Truncated`] if the connection ended before the body did. After an error nothing
    /// more of the body can be had, and the connection is not used again.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    #[doc(alias = "iter_content")]
    #[doc(alias = "iter_bytes")]
    pub fn read(&mut self, out: &mut [u8]) -> impl Future<Output = Result<usize>> {
        async move { self.exchange()?.read(out).await }
    }

    /// Reads the whole body into the start of `buffer`.
    ///
    /// # Errors
    /// [`ErrorKind::TooLarge`] if the buffer is too small: with the size needed, and nothing lost, if the server said
    /// how long the body is. [`ErrorKind::AlreadyRead`] if all of the body was read before. Otherwise as for
    /// [`read`](Self::read).
    pub fn content<'b>(&mut self, buffer: &'b mut [u8]) -> impl Future<Output = Result<&'b mut [u8]>> {
        async move { self.exchange()?.content(buffer).await }
    }

    /// Reads the whole body as UTF-8 text, without the byte order mark that it may begin with.
    ///
    /// # Errors
    /// [`ErrorKind::NotUtf8`] if it is not; otherwise as for [`content`](Self::content).
    pub async fn text<'b>(&mut self, buffer: &'b mut [u8]) -> Result<&'b str> {
        self.exchange()?.text(buffer).await
    }

    /// Reads the whole body as JSON into a value, which may borrow from `buffer`.
    ///
    /// The buffer has to hold the body and nothing else: strings with escapes are unescaped where they lie, and can be
    /// borrowed (`&str`). A field that the type does not have costs nothing, whatever is in it. Numbers have to fit
    /// their type: an integer has no fraction and no exponent, and what is too large for a float is no infinity. A byte
    /// order mark before the JSON is passed over (RFC 8259 §8.1).
    ///
    /// # Errors
    /// [`ErrorKind::Json`] if it is not JSON, or not of that shape: with what is wrong, and where. Otherwise as for
    /// [`content`](Self::content).
    #[cfg(feature = "json")]
    pub fn json<'b, V: serde::Deserialize<'b>>(&mut self, buffer: &'b mut [u8]) -> impl Future<Output = Result<V>> {
        async move { self.exchange()?.json(buffer).await }
    }

    /// Reads the whole body as Latin-1 (ISO 8859-1) text and makes UTF-8 of it, in place.
    ///
    /// Each character above `~` becomes two bytes: a buffer twice the size of the body always has room.
    ///
    /// # Errors
    /// [`ErrorKind::TooLarge`] if the buffer is too small for the body, or for the text: then with the size needed, and
    /// the body as it came at the start of the buffer. Otherwise as for [`content`](Self::content).
    pub async fn text_latin1<'b>(&mut self, buffer: &'b mut [u8]) -> Result<&'b str> {
        self.exchange()?.text_latin1(buffer).await
    }

    /// Reads the body line by line. The buffer bounds the length of a line.
    #[doc(alias = "iter_lines")]
    pub fn lines<'r>(&'r mut self, buffer: &'r mut [u8]) -> Lines<'r, Self> {
        Lines::new(self, buffer)
    }

    /// Reads the body as server-sent events. The buffer bounds the size of an event.
    ///
    /// Events may be far apart: ask for them with no [timeout](crate::requests::RequestBuilder::timeout), and bound each
    /// wait with [`set_deadline`](Self::set_deadline).
    ///
    /// # Examples
    ///
    /// ```
    /// # use socketpool::{Resources, SocketPool, mock::{Peer, Script, Step, block_on}, requests::Session};
    /// # let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 34\r\n\r\n: hi\n\nid: 7\ndata: it\ndata: rains\n\n\n";
    /// # let steps = [Step::Receive(b"\r\n\r\n"), Step::Send(answer)];
    /// # let peers = [Peer::new("api.example.com", 80, &steps)];
    /// # let script = Script::new(&peers);
    /// # let (mut network, mut memory) = (script.network(), Resources::<1>::new());
    /// # let pool = SocketPool::new(&mut network, &mut memory);
    /// # let http = Session::plain(&pool);
    /// # block_on(async {
    /// let mut buffer = [0; 256];
    /// let mut response = http.get("http://api.example.com/warnings").timeout(None).send().await?;
    /// let mut events = response.events(&mut buffer);
    /// while let Some(event) = events.next_event().await? {
    ///     assert_eq!((event.event, event.data, event.id), ("message", "it\nrains", "7"));
    /// }
    /// # Ok::<(), socketpool::Error>(())
    /// # }).unwrap();
    /// ```
    pub fn events<'r>(&'r mut self, buffer: &'r mut [u8]) -> Events<'r, Self> {
        Events::new(self, buffer)
    }

    /// Reads the body as a JSON array, element by element: the array may be larger than the memory. The buffer
    /// bounds the size of an element.
    ///
    /// # Examples
    ///
    /// ```
    /// # use socketpool::{Resources, SocketPool, mock::{Peer, Script, Step, block_on}, requests::Session};
    /// # let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[1, 2, 3]";
    /// # let steps = [Step::Receive(b"\r\n\r\n"), Step::Send(answer)];
    /// # let peers = [Peer::new("api.example.com", 80, &steps)];
    /// # let script = Script::new(&peers);
    /// # let (mut network, mut memory) = (script.network(), Resources::<1>::new());
    /// # let pool = SocketPool::new(&mut network, &mut memory);
    /// # let http = Session::plain(&pool);
    /// # block_on(async {
    /// let (mut buffer, mut sum) = ([0; 64], 0);
    /// let mut response = http.get("http://api.example.com/readings").send().await?;
    /// let mut readings = response.json_elements(&mut buffer);
    /// while let Some(reading) = readings.next_element::<u32>().await? {
    ///     sum += reading;
    /// }
    /// assert_eq!(sum, 6);
    /// # Ok::<(), socketpool::Error>(())
    /// # }).unwrap();
    /// ```
    #[cfg(feature = "json")]
    pub fn json_elements<'r>(&'r mut self, buffer: &'r mut [u8]) -> JsonElements<'r, Self> {
        JsonElements::new(self, buffer)
    }

    /// The body without its content coding: decompressed if it is compressed, as it is if not.
    ///
    /// # Errors
    /// [`ErrorKind::Inflate`] with `UnsupportedCoding` if the server used another coding, or several;
    /// [`ErrorKind::AlreadyRead`] if the body was read before.
    #[cfg(feature = "gzip")]
    pub fn decoded<'r, const WINDOW: usize>(
        &'r mut self,
        memory: &'r mut crate::http::Inflate<WINDOW>,
    ) -> Result<Decoded<'r, Self>> {
        let coding = self.info.content_coding()?;
        Ok(Decoded::new(self, DecodedCore::new(memory, coding)))
    }

    /// By when the rest of the body must be there, from now on: another deadline than that of the exchange.
    pub fn set_deadline(&mut self, deadline: Deadline) {
        if let Some(socket) = &mut self.socket {
            socket.set_deadline(deadline);
        }
    }

    /// Reads on to the end of the body, without keeping any of it, but no more than about `most` bytes: whether the end
    /// was reached, so that the connection can serve again.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing that was not to be thrown away.
    pub async fn drain(&mut self, most: usize) -> Result<bool> {
        self.exchange()?.drain(most).await
    }

    /// An error if the status is 400 or above.
    ///
    /// # Errors
    /// [`ErrorKind::Status`].
    #[doc(alias = "raise_for_status")]
    pub fn error_for_status(&mut self) -> Result<&mut Self> {
        self.info.check_status()?;
        Ok(self)
    }

    /// Ends the exchange in order: for a second at most, whatever the deadline, a short rest of the body (4 KB) is
    /// received so that the connection can be used again; otherwise it is closed in order, TLS saying `close_notify`.
    ///
    /// # Errors
    /// If the peer could not be told. The connection is gone in any case.
    pub fn close(mut self) -> impl Future<Output = Result<()>> {
        async move {
            let soon = within_grace(self.pool.timer().now(), Deadline::NEVER);
            self.set_deadline(soon);
            if let Some(socket) = &mut self.socket {
                self.info.leave(socket).await;
            }
            match self.socket.take() {
                Some(socket) if self.info.may_keep() => socket.keep(self.info.key()),
                Some(socket) => return socket.close().await,
                None => {}
            }
            Ok(())
        }
    }

    /// The exchange, whose body is read.
    fn exchange(&mut self) -> Result<exchange::Response<'_, P::Socket<'p>>> {
        let socket = self.socket.as_mut().ok_or(Error::new(Phase::Body, ErrorKind::NotConnected))?;
        let ResponseInfo { memory, start, state, .. } = &mut self.info;
        Ok(exchange::Response::new(socket, memory.get_mut(*start..).unwrap_or_default(), state))
    }
}

impl<'p, P: SocketPool> ErrorType for Response<'p, P> {
    type Error = Error;
}

/// For those who read from whatever can be read from; [`Response::read`] is the same.
impl<'p, P: SocketPool> Read for Response<'p, P> {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize> {
        Response::read(self, out).await
    }
}

/// Nothing can be awaited here: what has arrived already decides whether the connection can be used again.
impl<'p, P: SocketPool + 'p> Drop for Response<'p, P> {
    fn drop(&mut self) {
        if let Some(socket) = self.socket.take()
            && self.info.may_keep()
        {
            socket.keep(self.info.key());
        }
    }
}

impl<'p, P: SocketPool> Deref for Response<'p, P> {
    type Target = ResponseInfo<P::Buffer<'p>>;

    fn deref(&self) -> &Self::Target {
        &self.info
    }
}

impl<'p, P: SocketPool> core::fmt::Debug for Response<'p, P> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Response").field("info", &self.info).finish_non_exhaustive()
    }
}

/// What is known of a response once its head is there. Both faces' responses dereference to it.
pub struct ResponseInfo<M> {
    memory: Memory<M>,
    url: Url,
    /// Where the head begins in the memory.
    start: usize,
    state: State,
    tls: TlsId,
    session_id: u32,
    redirects: u8,
}

impl<M: Deref<Target = [u8]>> ResponseInfo<M> {
    /// The status code.
    #[must_use]
    #[doc(alias = "status_code")]
    pub fn status(&self) -> StatusCode {
        self.state.head.status
    }

    /// The reason phrase, as far as it is UTF-8. Often empty, and of no meaning to a program.
    #[must_use]
    pub fn reason(&self) -> &str {
        core::str::from_utf8(self.state.head.reason(self.received())).unwrap_or_default()
    }

    /// The minor version of HTTP/1.x that the server speaks.
    #[must_use]
    pub fn minor_version(&self) -> u8 {
        self.state.head.minor_version
    }

    /// The header fields.
    #[must_use]
    pub fn headers(&self) -> Fields<'_> {
        self.state.head.fields(self.received())
    }

    /// The first header field of this name, in whatever case, if it is there and UTF-8.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().get_str(name)
    }

    /// Bytes of the body, if the server said so beforehand.
    #[must_use]
    pub fn content_length(&self) -> Option<u64> {
        self.state.content_length()
    }

    /// The charset of the body, if the server names one in Content-Type: `utf-8`, in whatever case.
    #[must_use]
    #[doc(alias = "encoding")]
    pub fn charset(&self) -> Option<&str> {
        self.header("content-type").and_then(media::charset)
    }

    /// The fields behind a chunked body, once that was read to its end; none before, and none for other bodies. Those
    /// that mean nothing there, because they frame the message or say how to read it (RFC 9110 §6.5.1), are left out.
    ///
    /// # Errors
    /// [`ErrorKind::TooLarge`] if they were more than the exchange buffer has room for behind the head.
    pub fn trailers(&self) -> Result<impl Iterator<Item = (&str, &[u8])>> {
        Ok(self.state.body.trailers(self.received())?.iter().filter(|(name, _)| may_be_trailer(name)))
    }

    /// The first [trailer](Self::trailers) of this name, in whatever case, if it is there and UTF-8.
    #[must_use]
    pub fn trailer(&self, name: &str) -> Option<&str> {
        let (_, value) = self.trailers().ok()?.find(|(found, _)| found.eq_ignore_ascii_case(name))?;
        core::str::from_utf8(value).ok()
    }

    /// How the body is compressed, if it is and if we know how.
    #[cfg(feature = "gzip")]
    pub(crate) fn content_coding(&self) -> Result<Option<crate::http::Format>> {
        use crate::http::{Format, InflateError, field::list};
        whole(0, self.state.was_read())?;
        let unsupported = Error::new(Phase::Body, ErrorKind::Inflate(InflateError::UnsupportedCoding));
        let mut format = None;
        let codings = self.headers().get_all("content-encoding").flat_map(list);
        for coding in codings.filter(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity")) {
            let is = |names: &[&str]| names.iter().any(|name| coding.eq_ignore_ascii_case(name.as_bytes()));
            format = match format {
                None if is(&["gzip", "x-gzip"]) => Some(Format::Gzip),
                None if is(&["deflate"]) => Some(Format::Deflate),
                _ => return Err(unsupported),
            };
        }
        Ok(format)
    }

    /// The URL that responded: after redirects, the last one; in normal form.
    #[must_use]
    pub fn url(&self) -> &str {
        self.url.text(&self.memory)
    }

    /// How many redirects were followed.
    #[must_use]
    pub fn redirects(&self) -> u8 {
        self.redirects
    }

    fn received(&self) -> &[u8] {
        self.memory.get(self.start..).unwrap_or_default()
    }

    pub(crate) fn key(&self) -> Key<'_> {
        let tls = (self.url.scheme() == Scheme::Https).then_some(self.tls);
        Key { host: self.url.host(&self.memory), port: self.url.port(), session_id: self.session_id, tls }
    }

    pub(crate) fn check_status(&self) -> Result<()> {
        let status = self.state.head.status;
        let is_error = status.as_u16() >= 400;
        if is_error { Err(Error::new(Phase::Head, ErrorKind::Status(status))) } else { Ok(()) }
    }

    /// Throws away what has arrived; whether the connection can then be used again.
    pub(crate) fn may_keep(&mut self) -> bool {
        self.state.end(self.memory.get(self.start..).unwrap_or_default()).is_none()
    }
}

impl<M: DerefMut<Target = [u8]>> ResponseInfo<M> {
    pub(crate) fn new(draft: Draft<'_, M>, state: State, tls: TlsId, session_id: u32, redirects: u8) -> Self {
        let (url, start) = (draft.url(), draft.work());
        Self { memory: draft.into_memory(), url, start, state, tls, session_id, redirects }
    }

    /// Receives a short rest of the body, if the connection could then be used again.
    fn leave(&mut self, socket: &mut impl Socket) -> impl Future<Output = ()> {
        leave(&mut self.state, socket, self.memory.get_mut(self.start..).unwrap_or_default())
    }
}

/// Receives a short rest of a body that is of no use, if the connection could then be used again.
pub(crate) fn leave(state: &mut State, socket: &mut impl Socket, memory: &mut [u8]) -> impl Future<Output = ()> {
    async move {
        if state.close.is_none() {
            let _ = state.drain(socket, memory, MAX_DRAIN).await;
        }
    }
}

/// A second from now, or the deadline if that is earlier.
pub(crate) fn within_grace(now: Instant, deadline: Deadline) -> Deadline {
    deadline.or_at(now.after(GRACE))
}

impl<M: Deref<Target = [u8]>> ResponseInfo<M> {
    /// Which part this is, if the server sent a part (206) as asked with [`range`](super::RequestBuilder::range).
    #[must_use]
    pub fn content_range(&self) -> Option<super::range::ContentRange> {
        let is_part = self.status().as_u16() == 206;
        self.header("content-range").filter(|_| is_part).and_then(super::range::ContentRange::parse)
    }
}

impl<M: Deref<Target = [u8]>> core::fmt::Debug for ResponseInfo<M> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let mut info = f.debug_struct("ResponseInfo");
        info.field("status", &self.status()).field("headers", &self.headers()).finish_non_exhaustive()
    }
}

//! Building a request. Both faces build in the same way; only sending differs.

use core::time::Duration;

use super::{
    draft::{Front, Outset, Pairs, Part, Range},
    options::Options,
    retry::Retry,
};
#[cfg(feature = "json")]
use crate::exchange::Json;
use crate::{
    error::Result,
    exchange::{self, Bytes, Empty, Form, Multipart, Outline, Produce, Streamed},
    http::Method,
};

/// A request in the making. Made by the methods of a session; finished with `send`.
///
/// It holds what it was told, by reference, and nothing of the pool: `send` takes what the request needs, and writes it
/// there. So nothing is sent before that, and a mistake (a URL that cannot be fetched, a line break in a value, too little
/// memory) is reported by `send`, with phase `Setup`. A request has room for [`MAX_PARTS`](super::MAX_PARTS) parts; a slice
/// given to [`headers`](Self::headers) or [`queries`](Self::queries) is one of them.
///
/// `S` is the session, `B` the body: see [`Payload`](super::Content). It is not a future itself: the one of `send` has no
/// name that an `IntoFuture` could give (stable Rust names such a future only in a box).
#[must_use = "a request is only sent by `send`"]
#[derive(Debug)]
pub struct RequestBuilder<'r, S, B = Empty> {
    pub(crate) session: &'r S,
    pub(crate) outset: Outset<'r>,
    pub(crate) body: B,
    pub(crate) options: Options<'r>,
}

impl<'r, S> RequestBuilder<'r, S> {
    pub(crate) fn new(session: &'r S, options: Options<'r>, method: Method<'r>, url: &'r str) -> Self {
        let outset = Outset { method, url, parts: heapless::Vec::new(), queries: 0, is_overfull: false, range: None };
        Self { session, outset, body: Empty, options }
    }
}

impl<'r, S, B> RequestBuilder<'r, S, B> {
    /// Adds `name=value` to the query of the URL, percent-encoded.
    pub fn query(self, name: &'r str, value: &'r str) -> Self {
        self.with(Pairs::One((name, value)), true, |front, name, value| front.query(name, value))
    }

    /// Adds several pairs to the query of the URL.
    #[doc(alias = "params")]
    pub fn queries(self, pairs: &'r [(&'r str, &'r str)]) -> Self {
        self.with(Pairs::Many(pairs), true, |front, name, value| front.query(name, value))
    }

    /// Adds a header field. It replaces a default of the same name: `Host`, `User-Agent`, `Accept`, `Accept-Encoding`,
    /// `Content-Type`, `Authorization` from the URL. What frames the body (`Content-Length`) is not yours to set.
    pub fn header(self, name: &'r str, value: &'r str) -> Self {
        self.with(Pairs::One((name, value)), false, |front, name, value| front.field(name, value))
    }

    /// Adds several header fields.
    pub fn headers(self, fields: &'r [(&'r str, &'r str)]) -> Self {
        self.with(Pairs::Many(fields), false, |front, name, value| front.field(name, value))
    }

    /// Authenticates with user name and password (Basic, RFC 7617): over TLS only, if they are to stay secret.
    pub fn basic_auth(self, user: &'r str, password: &'r str) -> Self {
        self.with(Pairs::One((user, password)), false, |front, user, password| front.basic_auth(user, password))
    }

    /// Authenticates with a token (Bearer, RFC 6750).
    pub fn bearer(self, token: &'r str) -> Self {
        self.with(Pairs::One((token, "")), false, |front, token, _| front.bearer(token))
    }

    /// Authenticates with user name and password by Digest (RFC 7616), which does not tell the password: after a 401
    /// that asks for it, the request is sent once more with the response. SHA-256; MD5 with the feature `md5-digest`.
    ///
    /// `cnonce` must be different in every request, and no other party should be able to guess it: 16 hexadecimal digits from
    /// a random number generator will do. It protects the password from a server that chooses what is hashed with it.
    ///
    /// A body that streams is needed twice: ask first with [`expect_continue`](Self::expect_continue), or give a source
    /// that can be rewound.
    #[cfg(feature = "digest")]
    pub fn digest_auth(mut self, user: &'r str, password: &'r str, cnonce: &'r str) -> Self {
        self.options.digest = Some(super::digest::Credentials { user, password, cnonce });
        self
    }

    /// Asks for a part only: the bytes from `from` on, to `last` and with it if that is given (RFC 9110 §14.2).
    ///
    /// The response is 206 with [`content_range`](super::ResponseInfo::content_range), 416 if there is no such part, or
    /// 200 with all of it from a server that does not do ranges.
    ///
    /// # Examples
    ///
    /// To resume a download, go on where it ended, and make sure that it is still the same with the `ETag` from before:
    ///
    /// ```
    /// # use socketpool::{Resources, SocketPool, mock::{Peer, Script, Step, block_on}, requests::Session};
    /// # let answer = b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 4-8/9\r\nContent-Length: 5\r\n\r\n56789";
    /// # let steps = [Step::Receive(b"\r\n\r\n"), Step::Send(answer)];
    /// # let peers = [Peer::new("host.example", 80, &steps)];
    /// # let script = Script::new(&peers);
    /// # let (mut network, mut memory) = (script.network(), Resources::<1>::new());
    /// # let pool = SocketPool::new(&mut network, &mut memory);
    /// # let http = Session::plain(&pool);
    /// # let (mut file, mut len, etag) = (*b"1234.....", 4, "\"v1\"");
    /// # block_on(async {
    /// let request = http.get("http://host.example/firmware").range(len as u64, None).header("If-Range", etag);
    /// let mut response = request.send().await?;
    /// if response.content_range().is_none_or(|range| range.first != len as u64) {
    ///     len = 0; // it is another one now, or the server sends all of it: from the beginning
    /// }
    /// loop {
    ///     match response.read(&mut file[len..]).await? {
    ///         0 => break,
    ///         count => len += count,
    ///     }
    /// }
    /// # assert_eq!((&file, len), (b"123456789", 9));
    /// # Ok::<(), socketpool::Error>(())
    /// # }).unwrap();
    /// ```
    pub fn range(mut self, from: u64, last: Option<u64>) -> Self {
        self.outset.range = Some(Range { first: from, last, write: |front, first, last| front.range(first, last) });
        self
    }

    /// Asks the server before a body is sent (`Expect: 100-continue`, RFC 9110 §10.1.1): if it refuses the head, the
    /// body stays here, and its source unread. A server that says nothing within a second is sent the body all the same, and
    /// one that does not want to be asked (417) is sent the request once more without asking.
    pub fn expect_continue(mut self) -> Self {
        self.options.expects = true;
        self
    }

    /// Tries again, as this says, instead of what the session says.
    pub fn retry(mut self, retry: Option<Retry<'r>>) -> Self {
        self.options.retry = retry;
        self
    }

    /// Says that this request does no harm when it is done twice, whatever its method: because it carries an
    /// idempotency key, for example. It may then be repeated like a GET or a PUT.
    pub fn repeatable(mut self) -> Self {
        self.options.repeatable = true;
        self
    }

    /// How long the whole exchange may take, from the name look-up to the last byte of the body; for ever with `None`.
    pub fn timeout(mut self, timeout: Option<Duration>) -> Self {
        self.options.timeout = timeout;
        self
    }

    /// How many redirects are followed; one more is an error. With `None` a redirect is a response like any other.
    #[doc(alias = "allow_redirects")]
    pub fn max_redirects(mut self, redirects: Option<u8>) -> Self {
        self.options.redirects = redirects;
        self
    }

    /// Sends these bytes. Say with [`header`](Self::header) what `Content-Type` they are.
    #[doc(alias = "data")]
    pub fn body(self, bytes: &'r [u8]) -> RequestBuilder<'r, S, Bytes<'r>> {
        self.with_body(Bytes(bytes))
    }

    /// Sends these pairs as an HTML form does, percent-encoded.
    pub fn form(self, pairs: &'r [(&'r str, &'r str)]) -> RequestBuilder<'r, S, Form<'r>> {
        self.with_body(Form(pairs))
    }

    /// Sends this value as JSON. It is written into the exchange buffer, which must hold it.
    #[cfg(feature = "json")]
    pub fn json<V: serde::Serialize + ?Sized>(self, value: &'r V) -> RequestBuilder<'r, S, Json<'r, V>> {
        self.with_body(Json(value))
    }

    /// Sends what this reader reads, while it reads: `len` bytes, or as many as there are if that is `None` (in chunks,
    /// which some old servers do not take). Say with [`header`](Self::header) what `Content-Type` it is.
    ///
    /// `source` is an embedded-io(-async) `Read`, or another [`Source`](super::Source). One that ends early or goes on
    /// past `len` ends the request with [`SourceError`](super::SourceError) and closes the connection. It can be sent
    /// once, unless it can go back, as [`Rewindable`](super::Rewindable) can.
    ///
    /// # Examples
    ///
    /// ```
    /// # use socketpool::{Resources, SocketPool, mock::{Peer, Script, Step, block_on}, requests::Session};
    /// # let steps = [Step::Receive(b"0\r\n\r\n"), Step::Send(b"HTTP/1.1 204 No Content\r\n\r\n")];
    /// # let peers = [Peer::new("host.example", 80, &steps)];
    /// # let script = Script::new(&peers);
    /// # let (mut network, mut memory) = (script.network(), Resources::<1>::new());
    /// # let pool = SocketPool::new(&mut network, &mut memory);
    /// # let http = Session::plain(&pool);
    /// # let log = &b"yesterday"[..]; // any reader
    /// # block_on(async {
    /// http.put("http://host.example/log").stream(log, None).send().await?.error_for_status()?;
    /// # Ok::<(), socketpool::Error>(())
    /// # }).unwrap();
    /// # assert!(script.sent().ends_with(b"\r\n\r\n9\r\nyesterday\r\n0\r\n\r\n"));
    /// ```
    pub fn stream<R>(self, source: R, len: impl Into<Option<u64>>) -> RequestBuilder<'r, S, Streamed<R>> {
        self.with_body(Streamed::new(source, len.into()))
    }

    /// Sends what this closure puts at the start of the buffer it is given, time after time until it puts 0 bytes
    /// there; otherwise as [`stream`](Self::stream).
    pub fn produce<F>(self, fill: F, len: impl Into<Option<u64>>) -> RequestBuilder<'r, S, Streamed<Produce<F>>>
    where
        F: FnMut(&mut [u8]) -> Result<usize, embedded_io_async::ErrorKind>,
    {
        self.stream(Produce(fill), len)
    }

    /// Sends a form with files that are all in memory, as `multipart/form-data`.
    #[doc(alias = "files")]
    pub fn multipart(
        self,
        parts: &'r [exchange::Part<'r>],
    ) -> RequestBuilder<'r, S, Multipart<'r, &'r [exchange::Part<'r>]>> {
        self.with_body(Multipart::new(parts))
    }

    /// Sends a form with files that are read while they are sent.
    #[doc(alias = "files")]
    pub fn multipart_streamed<'p, R>(
        self,
        parts: &'r mut [exchange::Part<'p, R>],
    ) -> RequestBuilder<'r, S, Multipart<'r, &'r mut [exchange::Part<'p, R>]>> {
        self.with_body(Multipart::new(parts))
    }

    /// Sends a body of a kind of your own, or a [`Multipart`] form with a boundary of your own.
    pub fn with_body<C: Outline>(self, body: C) -> RequestBuilder<'r, S, C> {
        RequestBuilder { session: self.session, outset: self.outset, body, options: self.options }
    }

    fn with(mut self, pairs: Pairs<'r>, is_query: bool, write: fn(&mut Front<'_>, &str, &str) -> Result<()>) -> Self {
        self.outset.queries |= u8::from(is_query).checked_shl(self.outset.parts.len() as u32).unwrap_or_default();
        self.outset.is_overfull |= self.outset.parts.push(Part { pairs, write }).is_err();
        self
    }
}

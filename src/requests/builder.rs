//! Building a request. Both faces build in the same way; only sending differs.

use core::{ops::DerefMut, time::Duration};

#[cfg(feature = "json")]
use super::json::Json;
use super::{
    body::{Body, Bytes, Empty, Form},
    draft::{Draft, Memory},
};
use crate::{error::Result, http::Method};

/// How long an exchange may take, unless you say otherwise.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);
/// How many redirects are followed, unless you say otherwise.
pub(crate) const DEFAULT_REDIRECTS: u8 = 10;

/// What every request of a session starts with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    pub(crate) timeout: Option<Duration>,
    /// Redirects to follow; with `None` they are answers like any other.
    pub(crate) redirects: Option<u8>,
    pub(crate) session_id: u32,
    pub(crate) buffer_limit: usize,
}

impl Options {
    pub(crate) const DEFAULT: Self = Self {
        timeout: Some(DEFAULT_TIMEOUT),
        redirects: Some(DEFAULT_REDIRECTS),
        session_id: 0,
        buffer_limit: usize::MAX,
    };
}

/// A request in the making, in an exchange buffer of the pool. Made by the methods of a session; finished with `send`.
///
/// Nothing is sent before that. A mistake (a URL that is none, a line break in a value, too little memory) is reported
/// by `send`, with phase `Setup`. `S` is the session, `M` the pool's exchange buffer, `B` the [`Body`].
#[must_use = "a request is only sent by `send`"]
#[derive(Debug)]
pub struct RequestBuilder<'r, S, M, B = Empty> {
    pub(crate) session: &'r S,
    pub(crate) draft: Result<Draft<'r, M>>,
    pub(crate) body: B,
    pub(crate) options: Options,
}

impl<'r, S, M: DerefMut<Target = [u8]>> RequestBuilder<'r, S, M> {
    pub(crate) fn new(session: &'r S, options: Options, buffer: Result<M>, method: Method<'r>, url: &str) -> Self {
        let draft = buffer.and_then(|buffer| Draft::new(Memory::new(buffer, options.buffer_limit), method, url));
        Self { session, draft, body: Empty, options }
    }
}

impl<'r, S, M: DerefMut<Target = [u8]>, B: Body> RequestBuilder<'r, S, M, B> {
    /// Adds `name=value` to the query of the URL, percent-encoded.
    pub fn query(self, name: &str, value: &str) -> Self {
        self.change(|draft| draft.push_query(name, value))
    }

    /// Adds a header field. It replaces a default of the same name: `Host`, `User-Agent`, `Accept`, `Accept-Encoding`,
    /// `Content-Type`, `Authorization` from the URL. What frames the body (`Content-Length`) is not yours to set.
    pub fn header(self, name: &str, value: &str) -> Self {
        self.change(|draft| draft.push_field(name, &[value.as_bytes()]))
    }

    /// Adds several header fields.
    pub fn headers(self, fields: &[(&str, &str)]) -> Self {
        fields.iter().fold(self, |request, (name, value)| request.header(name, value))
    }

    /// Authenticates with user name and password (Basic, RFC 7617): over TLS only, if they are to stay secret.
    pub fn basic_auth(self, user: &str, password: &str) -> Self {
        self.change(|draft| draft.push_basic_auth(user, password))
    }

    /// Authenticates with a token (Bearer, RFC 6750).
    pub fn bearer(self, token: &str) -> Self {
        self.change(|draft| draft.push_field("Authorization", &[b"Bearer ", token.as_bytes()]))
    }

    /// How long the whole exchange may take, from the name look-up to the last byte of the body; for ever with `None`.
    pub fn timeout(mut self, timeout: Option<Duration>) -> Self {
        self.options.timeout = timeout;
        self
    }

    /// How many redirects are followed; one more is an error. With `None` a redirect is an answer like any other.
    #[doc(alias = "allow_redirects")]
    pub fn max_redirects(mut self, redirects: Option<u8>) -> Self {
        self.options.redirects = redirects;
        self
    }

    /// Sends these bytes. Say with [`header`](Self::header) what `Content-Type` they are.
    #[doc(alias = "data")]
    pub fn body(self, bytes: &'r [u8]) -> RequestBuilder<'r, S, M, Bytes<'r>> {
        self.with_body(Bytes(bytes))
    }

    /// Sends these pairs as an HTML form does, percent-encoded.
    pub fn form(self, pairs: &'r [(&'r str, &'r str)]) -> RequestBuilder<'r, S, M, Form<'r>> {
        self.with_body(Form(pairs))
    }

    /// Sends this value as JSON. It is written into the exchange buffer, which must hold it.
    #[cfg(feature = "json")]
    pub fn json<V: serde::Serialize + ?Sized>(self, value: &'r V) -> RequestBuilder<'r, S, M, Json<'r, V>> {
        self.with_body(Json(value))
    }

    /// Sends a body of a kind of your own.
    pub fn with_body<C: Body>(self, body: C) -> RequestBuilder<'r, S, M, C> {
        RequestBuilder { session: self.session, draft: self.draft, body, options: self.options }
    }

    fn change(mut self, change: impl FnOnce(&mut Draft<'r, M>) -> Result<()>) -> Self {
        if let Ok(draft) = &mut self.draft
            && let Err(error) = change(draft)
        {
            self.draft = Err(error);
        }
        self
    }
}

//! Requests over a pool, as CircuitPython's `adafruit_requests` and Python's `requests` have made them familiar.
//!
//! A [`Session`] makes requests over a pool; each is built with a [`RequestBuilder`] and answered with a [`Response`],
//! whose body is read when you say so, into memory of yours. A response that was read to its end leaves its connection
//! in the pool, warm, for the next request to the same host.
//!
//! **What is promised.** `https` is verified or it is an error. One deadline covers the whole exchange, from the name
//! look-up to the last byte of the body. Whatever a server sends, the outcome is a right response or an [`Error`] with
//! its phase and cause; a body that was cut short is never a success. What you pass in can not smuggle anything into a
//! request: line breaks in URLs, names and values are refused before anything is sent.
//!
//! # Examples
//!
//! ```
//! # use socketpool::{Resources, SocketPool, mock::{MockTls, Peer, Script, Step, block_on}};
//! # let now = b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{\"celsius\":7}";
//! # let log = b"HTTP/1.1 204 No Content\r\n\r\n";
//! # let steps = [Step::Receive(b"\r\n\r\n"), Step::Send(now), Step::Receive(b"}"), Step::Send(log)];
//! # let peers = [Peer::new("api.example.com", 443, &steps)];
//! # let script = Script::new(&peers);
//! # let (mut network, mut memory, tls) = (script.network(), Resources::<1>::new(), MockTls);
//! # let pool = SocketPool::new(&mut network, &mut memory);
//! # let mut buffer = [0; 256];
//! use serde::{Deserialize, Serialize};
//! use socketpool::requests::Session;
//!
//! #[derive(Deserialize, Serialize)]
//! struct Weather {
//!     celsius: f32,
//! }
//!
//! # block_on(async {
//! let http = Session::new(&pool, &tls);
//! let mut response = http.get("https://api.example.com/now").query("city", "Den Haag").send().await?;
//! let weather: Weather = response.error_for_status()?.json(&mut buffer).await?;
//! drop(response); // read to its end: the connection stays warm in the pool
//! http.post("https://api.example.com/log").bearer("token").json(&weather).send().await?.error_for_status()?;
//! # Ok::<(), socketpool::Error>(())
//! # }).unwrap();
//! # assert_eq!((script.connections(), script.writes()), (1, 2));
//! ```
//!
//! # Reading a response
//! The body is read once, in the way that suits it, and never needs more memory than you give:
//!
//! | what | with | your buffer holds |
//! |---|---|---|
//! | all of it | [`content`](Response::content), [`text`](Response::text), [`text_latin1`](Response::text_latin1), `json` | the body; twice that for Latin-1 |
//! | as it arrives | [`read`](Response::read) | what you like |
//! | line by line | [`lines`](Response::lines) | the longest line |
//! | server-sent events | [`events`](Response::events) | the largest event |
//! | a JSON array by elements | `json_elements` | the largest element |
//! | none of it | [`drain`](Response::drain), [`close`](Response::close), drop | |
//!
//! With the feature `gzip` all of these can be had of `response.decoded(&mut inflate)` too, which decompresses as it
//! reads. A response is also an `embedded_io_async::Read` (with the blocking face an `embedded_io::Read`), and
//! [`Lines`], [`Events`] and `JsonElements` read from whatever else is one.
//!
//! [`Error`]: crate::Error
//!
//! # What a request can carry
//! | | method of [`RequestBuilder`] | where it lies | can be sent again |
//! |---|---|---|---|
//! | bytes | [`body`](RequestBuilder::body) | with you | yes |
//! | pairs, JSON, a [`Body`] of yours | [`form`](RequestBuilder::form), `json`, [`with_body`](RequestBuilder::with_body) | written into the exchange buffer | yes |
//! | what a reader reads, a closure produces | [`stream`](RequestBuilder::stream), [`produce`](RequestBuilder::produce) | nowhere: piece by piece through the exchange buffer | if the [`Source`] can go back |
//! | a form with files | [`multipart`](RequestBuilder::multipart), [`multipart_streamed`](RequestBuilder::multipart_streamed) | with you, or piece by piece | if every source can |
//!
//! A body is needed again for a redirect with 307 or 308, to answer a Digest challenge, when a kept connection turns out
//! to have been closed, and for a [`Retry`]. Where that cannot be it is an error
//! ([`Policy::BodyNotReplayable`](crate::Policy::BodyNotReplayable)), or, where a response is there, the response stands.
//! [`expect_continue`](RequestBuilder::expect_continue) asks the server before a body that can be read only once is
//! read.
//!
//! While a body streams its source is waited for within the deadline of the request by the async face; the blocking
//! face cannot interrupt a source, and notices the deadline when the source returns.
//!
//! # Not supported
//! Reading a successful response while the body is still being sent (it is read after the body; a refusal is read at once,
//! and ends the body); trailers of requests; compressed request bodies; Digest with `auth-int` or `userhash`, and answering a challenge before it is
//! asked again (a nonce is used once); several ranges at once; cookies; proxies.

pub(crate) mod builder;
#[cfg(feature = "gzip")]
mod compressed;
pub(crate) mod course;
#[cfg(feature = "digest")]
pub(crate) mod digest;
pub(crate) mod draft;
mod listening;
pub(crate) mod options;
mod range;
pub(crate) mod response;
mod retry;
pub(crate) mod session;

pub use self::{
    builder::RequestBuilder,
    draft::MAX_PARTS,
    range::ContentRange,
    response::{Response, ResponseInfo},
    retry::Retry,
    session::Session,
};
#[cfg(feature = "gzip")]
pub use crate::exchange::Decoded;
#[cfg(feature = "json")]
pub use crate::exchange::JsonElements;
pub use crate::exchange::{
    Awaits, Body, Bytes, Content, Empty, Event, Events, Face, Form, Lines, Multipart, NoSource, Outline, Part, Parts,
    Plan, Produce, Rewindable, Source, SourceError, Streamed, Upload,
};
#[cfg(feature = "json")]
pub use crate::exchange::{JSON_MAX_DEPTH, Json, JsonError, JsonErrorKind, JsonPath, JsonType};
#[cfg(feature = "gzip")]
pub use crate::http::Inflate;

//! One HTTP/1.1 exchange over a connection that the caller has: no pool, no URL, no redirects, no
//! retries.
//!
//! **The idea.** A [`Connection`] is a stream and a buffer. A request is written into the buffer as
//! it is built, goes out in one write with its content if both fit, and the head of the response
//! takes its place. The way of an exchange is straight-line async code with one awaited operation
//! ([`Io::perform`]). [`requests::Session`](crate::requests::Session) is the storey above: URLs, a
//! pool, reuse, redirects, authentication.
//!
//! **The guarantee.** That of the codec in [`http`](crate::http): for any bytes a server sends no
//! panic, no endless loop, memory and work bounded by the buffers; a body that was cut short is an
//! error; nothing that is passed in adds a line to a request. A connection that cannot be trusted
//! to be at the start of a response does not serve again, and says why ([`CloseReason`]).
//!
//! ```text
//!  Connection ── request ──► Request ── send ──► Response ── read to its end ──┐
//!      ▲                      header, json, body, stream, expect_continue      │
//!      └────────────────────────── may_reuse ◄─────────────────────────────────┘
//!                                      │ no
//!                                      ▼
//!                                 close_reason
//! ```
//!
//! # Examples
//!
//! Over any embedded-io-async stream; here one of the mock:
//!
//! ```
//! # use serde::{Deserialize, Serialize};
//! # use socketpool::{Resources, SocketPool, mock::{Peer, Script, Step, block_on}};
//! # let now = b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{\"celsius\":7}";
//! # let log = b"HTTP/1.1 204 No Content\r\n\r\n";
//! # let steps = [Step::Receive(b"\r\n\r\n"), Step::Send(now), Step::Receive(b"}"), Step::Send(log)];
//! # let peers = [Peer::new("api.example.com", 80, &steps)];
//! # let script = Script::new(&peers);
//! # let (mut network, mut memory) = (script.network(), Resources::<1>::new());
//! # let pool = SocketPool::new(&mut network, &mut memory);
//! use socketpool::{exchange::Connection, http::Method};
//!
//! #[derive(Deserialize, Serialize)]
//! struct Weather {
//!     celsius: i32,
//! }
//!
//! # block_on(async {
//! # let mut stream = pool.socket().await?;
//! # stream.connect("api.example.com", 80).await?;
//! let (mut buffer, mut body) = ([0; 1024], [0; 256]);
//! let mut connection = Connection::new(stream, &mut buffer);
//! let request = connection.request(Method::Get, "api.example.com", "/now").header("Accept", "application/json");
//! let mut response = request.send().await?;
//! let weather: Weather = response.error_for_status()?.json(&mut body).await?;
//!
//! // Read to its end, so the connection serves again.
//! let response = connection.request(Method::Post, "api.example.com", "/log").json(&weather).send().await?;
//! assert_eq!(response.status().as_u16(), 204);
//! assert!(connection.may_reuse());
//! # Ok::<(), socketpool::Error>(())
//! # }).unwrap();
//! # assert_eq!(script.writes(), 2);
//! ```
//!
//! A second request while a response is still in use does not compile:
//!
//! ```compile_fail,E0499
//! # use socketpool::{Result, exchange::{Connection, Io}, http::Method};
//! # async fn twice(connection: &mut Connection<'_, impl Io>, body: &mut [u8]) -> Result<()> {
//! let mut first = connection.request(Method::Get, "host.example", "/1").send().await?;
//! let second = connection.request(Method::Get, "host.example", "/2").send().await?;
//! first.read(body).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Which connection
//!
//! | | made of | deadline | hears a response while it sends |
//! |---|---|---|---|
//! | [`Connection::new`] | any embedded-io-async `Read + Write` | none | no |
//! | [`Connection::from_halves`] | a reader and a writer | none | yes |
//! | [`Connection::over`] with [`Stream::with_timer`], [`Halves::with_timer`] | the same, and a timer | [`set_deadline`](Connection::set_deadline) | as above |
//! | [`Connection::over`] with a [`Socket`](crate::traits::Socket), in [`Clocked`] | a socket of a pool, its errors in full | its own | no |
//! | [`Connection::over`] with an [`Io`] of yours | | | if it says so |
//!
//! **Blocking.** A stream whose futures are ready at once, because it waits inside, makes an
//! exchange that is ready at once: polling it a single time runs it to its end.
//!
//! # What ends a connection
//!
//! [`Connection::close_reason`] keeps it as data: the head of the response (`Connection: close`,
//! HTTP/1.0, a body until close, ambiguous framing), `Connection: close` in the request, a response
//! that arrived before the whole request was sent, a body not read to its end or a future dropped
//! half-way, more bytes than the response, or an [`Error`](crate::Error).
//!
//! # Not supported
//!
//! Pipelining; upgrades (`101` is an error) and `CONNECT`; trailers of requests. Default fields
//! other than `Host` and those that frame the content: a `User-Agent` is the caller's to add.

mod body;
mod close;
mod connection;
mod content;
mod head;
mod io;
#[cfg(feature = "json")]
pub(crate) mod json;
pub(crate) mod link;
mod request;
mod response;
pub(crate) mod send;
pub(crate) mod state;
pub(crate) mod stream;
pub(crate) mod text;

#[cfg(feature = "json")]
pub use self::json::{Json, JsonError, JsonErrorKind, JsonPath, JsonType, MAX_DEPTH as JSON_MAX_DEPTH};
#[cfg(feature = "gzip")]
pub use self::stream::Decoded;
#[cfg(feature = "json")]
pub use self::stream::JsonElements;
pub use self::{
    close::CloseReason,
    connection::Connection,
    content::{
        Awaits, Body, Bytes, Content, Empty, Expecting, Face, Form, Multipart, NoSource, Outline, Part, Parts, Plan,
        Produce, Rewindable, Source, SourceError, Streamed, Upload,
    },
    io::{Clocked, Failure, Halves, Io, Moved, NoTimer, Op, Stream},
    request::Request,
    response::Response,
    stream::{Event, Events, Lines},
};
pub(crate) use self::{
    content::LEAST,
    link::{GRACE, Staged},
    send::send,
    state::State,
};

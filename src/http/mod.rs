//! HTTP/1.1 (RFC 9110, RFC 9112) for a client, with no I/O in it.
//!
//! **The idea.** Every type here is a small state machine over bytes that the caller moved: it writes into a buffer it is
//! given, or looks at the bytes received so far and says what they mean. What it finds it returns as counts and ranges,
//! never as a borrow, so the driver is free to read again at once. Two thin drivers, one async and one blocking, share it.
//!
//! **The guarantee.** For *any* bytes a peer sends: no panic, no endless loop, no allocation, memory bounded by the buffers
//! it is given, and a body that stopped early is an error, never a shorter success. For any text a caller gives: nothing
//! that is sent can start a line the caller did not ask for.
//!
//! ```text
//!  request                          answer
//!
//!  Url::parse ─┐                    ┌──────────────────────────────┐
//!  Url::resolve├─ HeadWriter ──►    │ HeadDecoder::advance         │◄─┐ NeedMore: read, call again
//!  push_query ─┘      │             └─┬──────────────┬─────────────┘  │
//!                     ▼               │ Complete     │ Interim (1xx) ─┘ drop `len` bytes, call again
//!                body bytes           ▼              ▼ Err: close
//!                (chunk_header)     ResponseHead ── framing ──► BodyDecoder
//!                                     │ close                    │ decode / advance
//!                                     ▼                          ▼
//!                                   why the connection         is_done ──► the connection may serve again
//!                                   must close, if it must     end_of_stream ──► Truncated, or done if UntilClose
//! ```
//!
//! # Examples
//!
//! One exchange, with the network played by two arrays:
//!
//! ```
//! use socketpool::http::{BodyDecoder, HeadDecoder, HeadStep, HeadWriter, Method, Url};
//!
//! // The URL, normalised into a buffer of ours.
//! let mut text = [0; 64];
//! let url = Url::parse("HTTP://api.example.com:80/now?city=Den Haag#top", &mut text)?;
//! assert_eq!(url.text(&text), "http://api.example.com/now?city=Den%20Haag");
//!
//! // The request head, staged whole: one write sends it.
//! let mut tx = [0; 128];
//! let mut head = HeadWriter::new(&mut tx, Method::Get, url.target(&text));
//! head.field("Host", url.authority(&text).as_bytes()).field("User-Agent", b"example");
//! let len = head.finish()?;
//! assert!(tx[..len].starts_with(b"GET /now?city=Den%20Haag HTTP/1.1\r\nHost: api.example.com\r\n"));
//!
//! // The response arrives in two pieces.
//! let answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nsunny\r\n0\r\n\r\n";
//! let mut rx = *answer;
//! let mut decoder = HeadDecoder::new(Method::Get);
//! assert_eq!(decoder.advance(&mut rx[..20])?, HeadStep::NeedMore);
//! let HeadStep::Complete(head) = decoder.advance(&mut rx)? else { panic!("the whole head is there") };
//! assert_eq!(head.status.as_u16(), 200);
//! assert_eq!(head.fields(&rx).get_str("transfer-encoding"), Some("chunked"));
//!
//! // The body, into a buffer of ours.
//! let mut body = BodyDecoder::new(head.framing);
//! let mut weather = [0; 16];
//! let progress = body.decode(&rx[head.len..], &mut weather)?;
//! assert_eq!(&weather[..progress.produced], b"sunny");
//! assert!(body.is_done() && head.close.is_none()); // this connection may serve the next request
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Not supported
//!
//! Servers; HTTP/0.9, 2 and 3; transfer codings other than `chunked`; content codings
//! other than gzip and deflate (feature `gzip`: `Inflate`); proxies and `CONNECT`; talking on after
//! `101 Switching Protocols`; internationalised host names in anything but their ASCII (`xn--`) form.

mod body;
pub(crate) mod bytes;
mod chunked;
mod decode;
mod encode;
mod error;
pub(crate) mod field;
mod framing;
mod head;
mod host;
#[cfg(feature = "gzip")]
mod inflate;
pub(crate) mod media;
mod method;
mod normal;
mod percent;
mod progress;
mod scheme;
mod status;
mod url;
mod writer;

pub use body::BodyDecoder;
pub use chunked::{MAX_CHUNK_LINE, MAX_SPARE_FRAMING, MAX_TRAILERS};
pub use decode::{HeadDecoder, HeadStep, MAX_EMPTY_LINES, MAX_HEAD, MAX_INTERIM};
pub use encode::{CHUNK_END, EncodeError, HeadWriter, LAST_CHUNK, chunk_header};
pub use error::{DecodeError, UrlError};
pub use field::{FieldIter, Fields, is_field_name, is_field_value};
pub use framing::{CloseReason, Framing};
pub use head::ResponseHead;
#[cfg(feature = "gzip")]
pub use inflate::{Format, Inflate, InflateError, Inflater, MAX_WINDOW};
pub use method::{InvalidMethod, Method, Token};
pub use percent::{percent_decode, percent_encode_form};
pub use progress::Progress;
pub use scheme::Scheme;
pub use status::StatusCode;
pub use url::Url;
pub use writer::ByteWriter;

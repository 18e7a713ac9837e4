#![no_std]
#![deny(unsafe_code)]
#![warn(clippy::large_futures)]
#![warn(missing_docs, missing_debug_implementations, unreachable_pub, rust_2018_idioms)]
#![allow(clippy::manual_async_fn, reason = "an `async fn` that moves its arguments keeps room for both copies of them")]
#![allow(async_fn_in_trait, reason = "embedded executors are single threaded: no future of ours claims to be Send")]
// Where the README is the front page, its links lead to the guides as rendered: the first definition of a link counts.
#![cfg_attr(doc, doc = "[start]: crate::guides::start")]
#![cfg_attr(doc, doc = "[circuitpython]: crate::guides::circuitpython")]
#![cfg_attr(doc, doc = "[reqwless]: crate::guides::reqwless")]
#![cfg_attr(doc, doc = "[numbers]: crate::guides::numbers")]
#![cfg_attr(doc, doc = "[certificates]: crate::guides::certificates")]
#![cfg_attr(doc, doc = "[testing]: crate::guides::testing")]
#![cfg_attr(doc, doc = "[types]: crate::guides::types")]
#![cfg_attr(doc, doc = "[stacks]: crate::guides::stacks")]
#![cfg_attr(doc, doc = "[troubleshooting]: crate::guides::troubleshooting")]
#![cfg_attr(doc, doc = "[glossary]: crate::guides::glossary")]
#![cfg_attr(doc, doc = "")]
#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(any(test, feature = "std"))]
extern crate std;

#[macro_use]
pub(crate) mod fmt;

mod addr;
#[cfg(any(feature = "requests", feature = "tls"))]
mod base64;
#[cfg(feature = "blocking")]
pub mod blocking;
mod cell;
pub mod constants;
#[cfg(any(feature = "requests", feature = "tls"))]
mod date;
#[cfg(feature = "embassy-net")]
pub mod embassy;
mod error;
#[cfg(feature = "requests")]
pub mod exchange;
#[cfg(any(doc, doctest))]
pub mod guides;
#[cfg(feature = "std")]
pub mod host;
#[cfg(feature = "mock")]
pub mod mock;
pub mod ntp;
pub mod pool;
pub mod stack;
pub mod sync;
pub mod time;
pub mod traits;

#[cfg(feature = "requests")]
pub mod http;
#[cfg(feature = "requests")]
pub mod requests;
#[cfg(feature = "tls")]
pub mod tls;

/// The crate whose `Read` and `Write` sockets have, in the version that fits.
#[doc(no_inline)]
pub use embedded_io_async;
/// The crate whose `TcpConnect`, `Dns` and `UdpStack` make a [`stack::Network`], in the version that fits.
#[doc(no_inline)]
pub use embedded_nal_async;

#[doc(inline)]
pub use self::{
    error::{Blame, Error, ErrorKind, Limit, Phase, Policy, Resource, Result, SendAllError},
    pool::{ConnectionManager, Listener, Resources, SmallResources, Socket, SocketPool, UdpSocket},
};

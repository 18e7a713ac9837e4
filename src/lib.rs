#![no_std]
#![deny(unsafe_code)]
#![warn(missing_docs, missing_debug_implementations, unreachable_pub, rust_2018_idioms)]
#![allow(async_fn_in_trait, reason = "embedded executors are single threaded: no future of ours claims to be Send")]
#![doc = include_str!("../README.md")]

pub(crate) mod fmt;

#[cfg(feature = "requests")]
pub mod http;
#[cfg(feature = "tls")]
pub mod tls;

//! One HTTP exchange over a connection that the caller has: no pool, no URL, no redirects.

#![allow(clippy::manual_async_fn, reason = "a forwarding function returns the future below it, and is no other")]

mod body;
mod close;
mod connection;
mod content;
mod head;
mod io;
mod request;
mod response;

pub use self::{
    close::CloseReason,
    connection::Connection,
    content::{Content, Expecting, Large, NoContent, Streaming},
    io::{Clocked, Failure, Halves, Io, Moved, NoTimer, Op, Stream},
    request::Request,
    response::Response,
};

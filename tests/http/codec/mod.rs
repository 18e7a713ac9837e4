//! The codec of HTTP/1.1, with no network.

mod inflate;
mod requests;
mod responses;
mod urls;

//! Requests with the blocking face: only sending and receiving differ from [`requests`](crate::requests).

mod payload;
mod response;
mod session;
mod stream;

#[cfg(feature = "gzip")]
pub use self::stream::Decoded;
#[cfg(feature = "json")]
pub use self::stream::JsonElements;
pub use self::{
    payload::{Source, Waits},
    response::Response,
    session::Session,
    stream::{Events, Lines},
};

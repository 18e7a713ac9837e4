//! Requests with the blocking face: only sending and receiving differ from [`requests`](crate::requests).

mod response;
mod session;

pub use self::{response::Response, session::Session};

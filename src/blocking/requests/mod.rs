//! Requests with the blocking face: only sending and receiving differ from [`requests`](crate::requests).

mod payload;
mod response;
mod session;

pub use self::{
    payload::{Payload, Source},
    response::Response,
    session::Session,
};

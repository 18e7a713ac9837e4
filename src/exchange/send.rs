//! Sending a request, and receiving the head of the response.

use core::future::Future;

use super::{
    content::Content,
    head::IncomingHead,
    io::Io,
    link::{Link, Staged},
    state::State,
};
use crate::{error::Result, http::Method, time::Deadline};

/// Sends what is staged at the front of `memory`, and what of the content follows, and receives the head of the response to
/// the front of `memory`.
pub(crate) fn send<'l, I: Io, F, C: Content<F>>(
    io: &'l mut I,
    memory: &'l mut [u8],
    state: &'l mut State,
    (method, says_close): (Method<'_>, bool),
    staged: Staged,
    content: &'l mut C,
    deadline: Deadline,
) -> impl Future<Output = Result<()>> {
    let mut link = Link::new(io, memory, state, (IncomingHead::new(method), says_close), staged, deadline);
    async move {
        link.state.start();
        let head = match content.transmit(&mut link).await {
            Ok(sent) => link.conclude(sent).await,
            Err(error) => Err(error),
        };
        link.io.set_deadline(link.deadline);
        link.state.settle(head, &link.incoming, link.says_close)
    }
}

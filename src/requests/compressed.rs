//! Asking for a compressed response.

use super::builder::RequestBuilder;
use crate::exchange::Body;

impl<S, B: Body> RequestBuilder<'_, S, B> {
    /// Asks for a compressed body: `Accept-Encoding: gzip, deflate`. Read it through `Response::decoded`; servers are
    /// free to send one that is not compressed, and that is read in the same way.
    pub fn accept_compressed(self) -> Self {
        self.header("Accept-Encoding", "gzip, deflate")
    }
}

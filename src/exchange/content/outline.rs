//! What the head of a request says of its content, and how content is filled in.

use super::upload::Upload;
use crate::error::{ErrorKind, Result, source::SourceError};

/// What the head of a request says of its content, and where the bytes of that are. Part of [`Content`](super::Content).
pub trait Outline {
    /// The media type, in two pieces, for Content-Type unless the caller says otherwise.
    fn media_type(&self) -> Option<[&str; 2]>;

    /// Where the bytes are.
    ///
    /// # Errors
    /// If the content may not be sent as it is.
    fn plan(&self) -> Result<Plan<'_>, ErrorKind>;

    /// What [`Body::write`](super::Body::write) does, for [`Plan::Written`].
    ///
    /// # Errors
    /// As there.
    fn write(&self, room: &mut [u8]) -> Result<usize, ErrorKind> {
        let _ = room;
        Ok(0)
    }
}

/// Where the bytes of a request's content are.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Plan<'b> {
    /// Here.
    Bytes(&'b [u8]),
    /// They are written into the buffer of the exchange.
    Written,
    /// They stream: as many as were announced, or in chunks.
    Streamed(Upload),
}

/// Content that streams.
pub(in crate::exchange) trait Fill<F>: Outline {
    /// Reads the next bytes into `room`; 0 at the end.
    async fn fill(&mut self, room: &mut [u8]) -> Result<usize, SourceError>;
}

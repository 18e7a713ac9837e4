//! What `send` can send: a body that is staged, or one that streams from a [`Source`].

use core::fmt;

use embedded_io_async::{ErrorKind as IoKind, Read, Seek, SeekFrom};

use super::{body::Body, upload::Upload};
use crate::error::ErrorKind;

/// Where the bytes of a streamed body come from.
///
/// Everything that is an embedded-io-async [`Read`] is a source, to be read once. One that can also [`Seek`] becomes
/// one that can be read again by wrapping it in [`Rewindable`]. Implement this trait for a source that can go back in
/// another way.
pub trait Source {
    /// Reads some bytes into `room`, which is never empty, and says how many; 0 at the end.
    ///
    /// # Errors
    /// Whatever keeps the source from going on: the request ends with [`SourceError::Failed`].
    async fn read(&mut self, room: &mut [u8]) -> Result<usize, IoKind>;

    /// Goes back to the beginning, so that the body can be sent again; `false` if the source cannot.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    async fn rewind(&mut self) -> Result<bool, IoKind> {
        Ok(false)
    }
}

impl<R: Read> Source for R {
    async fn read(&mut self, room: &mut [u8]) -> Result<usize, IoKind> {
        Read::read(self, room).await.map_err(|error| embedded_io_async::Error::kind(&error))
    }
}

/// A reader that can seek, as a source that can be sent again. It begins where the reader stands.
#[derive(Debug)]
pub struct Rewindable<R> {
    pub(crate) reader: R,
    /// Where the reader stood.
    pub(crate) start: Option<u64>,
}

impl<R> Rewindable<R> {
    /// Begins where the reader stands.
    pub const fn new(reader: R) -> Self {
        Self { reader, start: None }
    }
}

impl<R: Read + Seek> Source for Rewindable<R> {
    async fn read(&mut self, room: &mut [u8]) -> Result<usize, IoKind> {
        let kind = |error: R::Error| embedded_io_async::Error::kind(&error);
        if self.start.is_none() {
            self.start = Some(self.reader.stream_position().await.map_err(kind)?);
        }
        self.reader.read(room).await.map_err(kind)
    }

    async fn rewind(&mut self) -> Result<bool, IoKind> {
        if let Some(start) = self.start {
            let sought = self.reader.seek(SeekFrom::Start(start)).await;
            sought.map_err(|error| embedded_io_async::Error::kind(&error))?;
        }
        Ok(true)
    }
}

/// A closure as a source: it fills the start of the buffer it is given and says how many bytes; 0 at the end.
#[derive(Clone, Copy)]
pub struct Produce<F>(pub F);

impl<F> fmt::Debug for Produce<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Produce")
    }
}

impl<F: FnMut(&mut [u8]) -> Result<usize, IoKind>> Source for Produce<F> {
    async fn read(&mut self, room: &mut [u8]) -> Result<usize, IoKind> {
        (self.0)(room)
    }
}

/// No source: what the parts of a form have that are all in memory. It has no values.
#[derive(Debug, Clone, Copy)]
pub enum NoSource {}

impl Source for NoSource {
    async fn read(&mut self, _: &mut [u8]) -> Result<usize, IoKind> {
        match *self {}
    }
}

/// What is wrong with the source of a streamed body. The server never got the whole body, and the connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SourceError {
    /// It ended before the length that was announced.
    EndedEarly,
    /// It goes on past the length that was announced.
    TooLong,
    /// It failed.
    Failed(IoKind),
    /// It holds the boundary of the form it is part of: choose another one.
    HoldsBoundary,
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EndedEarly => "the source of the body ended before the length that was announced",
            Self::TooLong => "the source of the body goes on past the length that was announced",
            Self::Failed(_) => "the source of the body failed",
            Self::HoldsBoundary => "the boundary occurs in a part of the form",
        })
    }
}

impl core::error::Error for SourceError {}

/// What the head of a request says of its body, and where the body's bytes are. Part of [`Payload`]; there is nothing to
/// implement here: write a [`Body`] or a [`Source`].
pub trait Outline {
    /// The media type, in two pieces, for Content-Type unless the caller says otherwise.
    fn media_type(&self) -> Option<[&str; 2]>;

    /// Where the body's bytes are.
    ///
    /// # Errors
    /// If the body may not be sent as it is.
    fn plan(&self) -> Result<Plan<'_>, ErrorKind>;

    /// What [`Body::write`] does, for [`Plan::Written`].
    ///
    /// # Errors
    /// As there.
    fn write(&self, room: &mut [u8]) -> Result<usize, ErrorKind> {
        let _ = room;
        Ok(0)
    }
}

/// Where the bytes of a body are.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Plan<'b> {
    /// Here.
    Bytes(&'b [u8]),
    /// They are written into the exchange buffer.
    Written,
    /// They stream: so many, or who knows how many (chunked).
    Streamed(Upload),
}

impl<B: Body> Outline for B {
    fn media_type(&self) -> Option<[&str; 2]> {
        self.content_type().map(|media_type| [media_type, ""])
    }

    fn plan(&self) -> Result<Plan<'_>, ErrorKind> {
        Ok(self.as_bytes().map_or(Plan::Written, Plan::Bytes))
    }

    fn write(&self, room: &mut [u8]) -> Result<usize, ErrorKind> {
        Body::write(self, room)
    }
}

/// What `send` can send: every [`Body`], a [`Streamed`] source, a [`Multipart`](super::Multipart) form.
///
/// There is nothing to implement here: write a [`Body`], or a [`Source`] for a stream.
pub trait Payload: Outline {
    /// Reads the next bytes of a streamed body into `room`; 0 at its end.
    ///
    /// # Errors
    /// What is wrong with the source.
    async fn fill(&mut self, room: &mut [u8]) -> Result<usize, SourceError>;

    /// Goes back to the beginning; `false` if that cannot be.
    ///
    /// # Errors
    /// What is wrong with the source.
    async fn rewind(&mut self) -> Result<bool, SourceError>;
}

impl<B: Body> Payload for B {
    async fn fill(&mut self, _: &mut [u8]) -> Result<usize, SourceError> {
        Ok(0)
    }

    async fn rewind(&mut self) -> Result<bool, SourceError> {
        Ok(true)
    }
}

/// A body that streams from a source while it is sent.
#[derive(Debug)]
pub struct Streamed<S> {
    pub(crate) source: S,
    pub(crate) len: Option<u64>,
    pub(crate) began: bool,
}

impl<S> Streamed<S> {
    pub(crate) const fn new(source: S, len: Option<u64>) -> Self {
        Self { source, len, began: false }
    }
}

impl<S> Outline for Streamed<S> {
    fn media_type(&self) -> Option<[&str; 2]> {
        None
    }

    fn plan(&self) -> Result<Plan<'_>, ErrorKind> {
        Ok(Plan::Streamed(Upload::new(self.len)))
    }
}

impl<S: Source> Payload for Streamed<S> {
    async fn fill(&mut self, room: &mut [u8]) -> Result<usize, SourceError> {
        self.began = true;
        let read = self.source.read(room).await.map_err(SourceError::Failed)?;
        checked(read, room)
    }

    async fn rewind(&mut self) -> Result<bool, SourceError> {
        if self.began {
            self.began = !self.source.rewind().await.map_err(SourceError::Failed)?;
        }
        Ok(!self.began)
    }
}

/// A source that claims to have read more than it was asked for has failed.
pub(crate) fn checked(read: usize, room: &[u8]) -> Result<usize, SourceError> {
    if read > room.len() { Err(SourceError::Failed(IoKind::InvalidData)) } else { Ok(read) }
}

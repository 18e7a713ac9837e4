//! Where the bytes of streamed content come from.

use core::{fmt, future::Future};

use embedded_io_async::{ErrorKind as IoKind, Read, Seek, SeekFrom};

use crate::error::source::SourceError;

/// Where the bytes of a streamed body come from.
///
/// Everything that is an embedded-io-async [`Read`] is a source, to be read once. One that can also [`Seek`] becomes
/// one that can be read again by wrapping it in [`Rewindable`]. Implement this trait for a source that can go back in
/// another way.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a source of bytes for a request",
    label = "neither a `Read` of embedded-io-async nor a `Source`",
    note = "a slice of bytes is one, a file through an adapter, and a type of yours that implements `Source`; `produce` \
            makes one of a closure"
)]
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

/// The face by which a source is read: what [`Content`](super::Content) is generic over, so that content that streams is
/// written once for both. There is nothing to implement here.
pub trait Face<S> {
    /// Reads some bytes into `room`, as [`Source::read`] does.
    ///
    /// # Errors
    /// As there.
    async fn read(source: &mut S, room: &mut [u8]) -> Result<usize, IoKind>;

    /// Goes back to the beginning, as [`Source::rewind`] does.
    ///
    /// # Errors
    /// As there.
    async fn rewind(source: &mut S) -> Result<bool, IoKind>;
}

/// The face at the root of the crate: sources are awaited.
#[derive(Debug, Clone, Copy)]
pub enum Awaits {}

impl<S: Source> Face<S> for Awaits {
    fn read(source: &mut S, room: &mut [u8]) -> impl Future<Output = Result<usize, IoKind>> {
        source.read(room)
    }

    fn rewind(source: &mut S) -> impl Future<Output = Result<bool, IoKind>> {
        source.rewind()
    }
}

/// A source that claims to have read more than it was asked for has failed.
pub(crate) fn checked(read: usize, room: &[u8]) -> Result<usize, SourceError> {
    if read > room.len() { Err(SourceError::Failed(IoKind::InvalidData)) } else { Ok(read) }
}

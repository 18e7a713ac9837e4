//! Where the bytes of streamed content come from, with the blocking face.

use embedded_io::{ErrorKind as IoKind, Read, Seek, SeekFrom};

use crate::exchange::{Face, NoSource, Produce, Rewindable};

/// Where the bytes of a streamed body come from: the blocking twin of [`requests::Source`](crate::requests::Source).
///
/// Everything that is an embedded-io [`Read`] is a source, to be read once. One that can also [`Seek`] becomes one that
/// can be read again by wrapping it in [`Rewindable`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a source of bytes for a request",
    label = "neither a `Read` of embedded-io nor a `Source`",
    note = "a slice of bytes is one, a file through an adapter, and a type of yours that implements `Source`; `produce` \
            makes one of a closure"
)]
pub trait Source {
    /// Reads some bytes into `room`, which is never empty, and says how many; 0 at the end.
    ///
    /// # Errors
    /// Whatever keeps the source from going on: the request ends with [`SourceError::Failed`](crate::requests::SourceError::Failed).
    fn read(&mut self, room: &mut [u8]) -> Result<usize, IoKind>;

    /// Goes back to the beginning, so that the body can be sent again; `false` if the source cannot.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    fn rewind(&mut self) -> Result<bool, IoKind> {
        Ok(false)
    }
}

impl<R: Read> Source for R {
    fn read(&mut self, room: &mut [u8]) -> Result<usize, IoKind> {
        Read::read(self, room).map_err(|error| embedded_io::Error::kind(&error))
    }
}

impl<R: Read + Seek> Source for Rewindable<R> {
    fn read(&mut self, room: &mut [u8]) -> Result<usize, IoKind> {
        let kind = |error: R::Error| embedded_io::Error::kind(&error);
        if self.start.is_none() {
            self.start = Some(self.reader.stream_position().map_err(kind)?);
        }
        self.reader.read(room).map_err(kind)
    }

    fn rewind(&mut self) -> Result<bool, IoKind> {
        if let Some(start) = self.start {
            self.reader.seek(SeekFrom::Start(start)).map_err(|error| embedded_io::Error::kind(&error))?;
        }
        Ok(true)
    }
}

impl<F: FnMut(&mut [u8]) -> Result<usize, IoKind>> Source for Produce<F> {
    fn read(&mut self, room: &mut [u8]) -> Result<usize, IoKind> {
        (self.0)(room)
    }
}

impl Source for NoSource {
    fn read(&mut self, _: &mut [u8]) -> Result<usize, IoKind> {
        match *self {}
    }
}

/// The blocking face: sources wait inside.
#[derive(Debug, Clone, Copy)]
pub enum Waits {}

impl<S: Source> Face<S> for Waits {
    async fn read(source: &mut S, room: &mut [u8]) -> Result<usize, IoKind> {
        source.read(room)
    }

    async fn rewind(source: &mut S) -> Result<bool, IoKind> {
        source.rewind()
    }
}

//! What the blocking `send` can send.

use embedded_io::{ErrorKind as IoKind, Read, Seek, SeekFrom};

use crate::exchange::{
    Body, Multipart, NoSource, Outline, Parts, Produce, Rewindable, SourceError, Streamed,
    content::{Want, checked_source as checked},
};

/// Where the bytes of a streamed body come from: the blocking twin of [`requests::Source`](crate::requests::Source).
///
/// Everything that is an embedded-io [`Read`] is a source, to be read once. One that can also [`Seek`] becomes one that
/// can be read again by wrapping it in [`Rewindable`].
pub trait Source {
    /// Reads some bytes into `room`, which is never empty, and says how many; 0 at the end.
    ///
    /// # Errors
    /// Whatever keeps the source from going on: the request ends with [`SourceError::Failed`].
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

/// What `send` can send: the blocking twin of [`requests::Payload`](crate::requests::Payload).
pub trait Payload: Outline {
    /// Reads the next bytes of a streamed body into `room`; 0 at its end.
    ///
    /// # Errors
    /// What is wrong with the source.
    fn fill(&mut self, room: &mut [u8]) -> Result<usize, SourceError>;

    /// Goes back to the beginning; `false` if that cannot be.
    ///
    /// # Errors
    /// What is wrong with the source.
    fn rewind(&mut self) -> Result<bool, SourceError>;
}

impl<B: Body> Payload for B {
    fn fill(&mut self, _: &mut [u8]) -> Result<usize, SourceError> {
        Ok(0)
    }

    fn rewind(&mut self) -> Result<bool, SourceError> {
        Ok(true)
    }
}

impl<S: Source> Payload for Streamed<S> {
    fn fill(&mut self, room: &mut [u8]) -> Result<usize, SourceError> {
        self.began = true;
        let read = self.source.read(room).map_err(SourceError::Failed)?;
        checked(read, room)
    }

    fn rewind(&mut self) -> Result<bool, SourceError> {
        if self.began {
            self.began = !self.source.rewind().map_err(SourceError::Failed)?;
        }
        Ok(!self.began)
    }
}

impl<L: Parts> Payload for Multipart<'_, L>
where
    L::Source: Source,
{
    fn fill(&mut self, room: &mut [u8]) -> Result<usize, SourceError> {
        loop {
            let Want::Read { place, index } = self.next(room) else { return Ok(self.take_filled()) };
            let Some(source) = self.source(index) else { return Err(SourceError::EndedEarly) };
            let room = room.get_mut(place).unwrap_or_default();
            let read = source.read(room).map_err(SourceError::Failed)?;
            let read = checked(read, room)?;
            self.received(room, read)?;
        }
    }

    fn rewind(&mut self) -> Result<bool, SourceError> {
        for index in 0..self.restart() {
            if let Some(source) = self.source(index)
                && !source.rewind().map_err(SourceError::Failed)?
            {
                return Ok(false);
            }
        }
        self.restarted();
        Ok(true)
    }
}

//! Reading a body piece by piece, with the blocking face: only receiving differs.

#[cfg(feature = "gzip")]
use embedded_io::ErrorType;
use embedded_io::Read;
#[cfg(feature = "json")]
use serde::Deserialize;

#[cfg(feature = "gzip")]
pub(super) use crate::exchange::stream::decoded::DecodedCore;
#[cfg(feature = "json")]
use crate::exchange::stream::elements::ElementCore;
#[cfg(feature = "gzip")]
use crate::exchange::{
    stream::decoded::{Decode, too_large},
    text::{as_latin1, as_text as as_whole_text, whole},
};
use crate::{
    error::{Error, Result},
    exchange::{
        Event,
        stream::{
            Pieces, Step,
            events::EventCore,
            lines::{LineCore, as_text},
        },
    },
};

/// Receives until there is a piece.
fn next<R: Read<Error = Error>, P: Pieces>(source: &mut R, pieces: &mut P) -> Result<Option<P::Piece>> {
    loop {
        match pieces.step()? {
            Step::Piece(piece) => return Ok(Some(piece)),
            Step::End => return Ok(None),
            Step::More => {
                pieces.quota().check()?;
                let count = source.read(pieces.room())?;
                pieces.received(count);
            }
        }
    }
}

/// Reads a body line by line. Made by [`Response::lines`](crate::blocking::Response::lines).
#[derive(Debug)]
#[doc(alias = "iter_lines")]
pub struct Lines<'r, R> {
    source: &'r mut R,
    core: LineCore<'r>,
}

impl<'r, R: Read<Error = Error>> Lines<'r, R> {
    /// The lines of what `source` has to read. The buffer bounds the length of a line, its end included.
    pub fn new(source: &'r mut R, buffer: &'r mut [u8]) -> Self {
        Self { source, core: LineCore::new(buffer) }
    }

    /// Receives at most so many bytes of the body, in all; unlimited unless the caller says so. What lies within the limit
    /// is given first; then, if there is more, each call fails with [`ErrorKind::TooLarge`](crate::ErrorKind::TooLarge).
    #[must_use]
    pub fn limit(mut self, bytes: usize) -> Self {
        self.core.quota().set(bytes);
        self
    }

    /// The next line, without the LF or CRLF at its end; `None` after the last.
    ///
    /// # Errors
    /// [`ErrorKind::TooLarge`](crate::ErrorKind::TooLarge) if the buffer is full and no end of the line in sight: nothing is lost, and
    /// [`take_partial`](Self::take_partial) gives what is there and makes room for the rest. [`ErrorKind::NotUtf8`](crate::ErrorKind::NotUtf8) if
    /// the line is not text: it is passed over, go on with the next. Otherwise as for
    /// [`read`](crate::blocking::Response::read).
    pub fn read_line(&mut self) -> Result<Option<&str>> {
        self.read_line_bytes()?.map(as_text).transpose()
    }

    /// The same for what need not be text.
    ///
    /// # Errors
    /// As for [`read_line`](Self::read_line), except `NotUtf8`.
    pub fn read_line_bytes(&mut self) -> Result<Option<&[u8]>> {
        let line = next(self.source, &mut self.core)?;
        Ok(line.map(|line| self.core.get(line)))
    }

    /// The beginning of a line that is too long for the buffer, as far as it is there. Its rest is the next line.
    pub fn take_partial(&mut self) -> &[u8] {
        self.core.take_partial()
    }
}

/// Reads server-sent events (`text/event-stream`). Made by [`Response::events`](crate::blocking::Response::events).
///
/// Comments, which servers send to keep a connection alive, are passed over. After a break, asking again is up to you:
/// with the last [id](Event::id), after the time of [`retry`](Event::retry).
#[derive(Debug)]
#[doc(alias = "EventSource")]
pub struct Events<'r, R> {
    source: &'r mut R,
    core: EventCore<'r>,
}

impl<'r, R: Read<Error = Error>> Events<'r, R> {
    /// The events of what `source` has to read. The buffer bounds the size of an event: its data, kind and id, and the
    /// line being received.
    pub fn new(source: &'r mut R, buffer: &'r mut [u8]) -> Self {
        Self { source, core: EventCore::new(buffer) }
    }

    /// Receives at most so many bytes of the body, in all; unlimited unless the caller says so. What lies within the limit
    /// is given first; then, if there is more, each call fails with [`ErrorKind::TooLarge`](crate::ErrorKind::TooLarge).
    #[must_use]
    pub fn limit(mut self, bytes: usize) -> Self {
        self.core.quota().set(bytes);
        self
    }

    /// Waits for the next event; `None` when the stream has ended. An event that was not finished then is none.
    ///
    /// # Errors
    /// [`ErrorKind::TooLarge`](crate::ErrorKind::TooLarge) if an event does not fit into the buffer, [`ErrorKind::NotUtf8`](crate::ErrorKind::NotUtf8) if it is not text: it is
    /// passed over, go on with the next. Otherwise as for [`read`](crate::blocking::Response::read).
    pub fn next_event(&mut self) -> Result<Option<Event<'_>>> {
        match next(self.source, &mut self.core)? {
            Some(()) => self.core.event().map(Some),
            None => Ok(None),
        }
    }
}

/// Reads the elements of a JSON array one at a time, so that the array can be larger than the memory. Made by
/// [`Response::json_elements`](crate::blocking::Response::json_elements).
#[cfg(feature = "json")]
#[derive(Debug)]
pub struct JsonElements<'r, R> {
    source: &'r mut R,
    core: ElementCore<'r>,
}

#[cfg(feature = "json")]
impl<'r, R: Read<Error = Error>> JsonElements<'r, R> {
    /// The elements of the array that `source` has to read. The buffer bounds the size of an element, up to and with
    /// its comma.
    pub fn new(source: &'r mut R, buffer: &'r mut [u8]) -> Self {
        Self { source, core: ElementCore::new(buffer) }
    }

    /// Receives at most so many bytes of the body, in all; unlimited unless the caller says so. What lies within the limit
    /// is given first; then, if there is more, each call fails with [`ErrorKind::TooLarge`](crate::ErrorKind::TooLarge).
    #[must_use]
    pub fn limit(mut self, bytes: usize) -> Self {
        self.core.quota().set(bytes);
        self
    }

    /// The next element, which may borrow from the buffer; `None` after the last. Each may be of another type.
    ///
    /// All of the body is checked, as by [`json`](crate::blocking::Response::json): `None` means that it was one whole
    /// array and nothing else. (Of an element of another shape, what lies behind the fault is only looked through for
    /// its end.) A byte order mark before the array is passed over.
    ///
    /// # Errors
    /// [`ErrorKind::Json`](crate::ErrorKind::Json) if it is no JSON array, or the element not of that shape: then, if
    /// [`is_mismatch`](crate::requests::JsonErrorKind::is_mismatch) says so, the next element can still be had.
    /// [`ErrorKind::TooLarge`](crate::ErrorKind::TooLarge) if an element does not fit into the buffer. Otherwise as for [`read`](crate::blocking::Response::read).
    pub fn next_element<'b, V: Deserialize<'b>>(&'b mut self) -> Result<Option<V>> {
        match next(self.source, &mut self.core)? {
            Some(len) => self.core.parse(len).map(Some),
            None => Ok(None),
        }
    }
}

/// A body that is decompressed while it is read. Made by [`Response::decoded`](crate::blocking::Response::decoded).
///
/// It reads like a response: whatever was compressed comes out as it was, whatever was not comes out as it is. Memory is
/// that of [`Inflate`](crate::requests::Inflate) and the caller's buffers, whatever the server sends.
#[cfg(feature = "gzip")]
#[derive(Debug)]
pub struct Decoded<'r, R> {
    source: &'r mut R,
    core: DecodedCore<'r>,
}

#[cfg(feature = "gzip")]
impl<'r, R: Read<Error = Error>> Decoded<'r, R> {
    pub(crate) fn new(source: &'r mut R, core: DecodedCore<'r>) -> Self {
        Self { source, core }
    }

    /// Gives at most so many bytes in all, after decompression; unlimited unless the caller says so. What lies within the
    /// limit is given first; then, if there is more, each call fails with
    /// [`ErrorKind::TooLarge`](crate::ErrorKind::TooLarge).
    ///
    /// A kilobyte of gzip can stand for a megabyte. [`content`](Self::content) and what is like it are bounded by their
    /// buffer; this bounds [`read`](Self::read), [`lines`](Self::lines), [`events`](Self::events) and elements of an array.
    #[must_use]
    pub fn limit(mut self, bytes: usize) -> Self {
        self.core.quota.set(bytes);
        self
    }

    /// Reads some of the body into `out` and says how many bytes; 0 at its end (or when `out` is empty).
    ///
    /// # Errors
    /// [`ErrorKind::Inflate`](crate::ErrorKind::Inflate) if it is corrupt, or something follows its end: what came before was given first.
    /// [`ErrorKind::TooLarge`](crate::ErrorKind::TooLarge) if it refers back further than the window reaches, or is longer than the
    /// [limit](Self::limit); [`ErrorKind::Truncated`](crate::ErrorKind::Truncated) if it ends too early. Otherwise as for
    /// [`Response::read`](crate::blocking::Response::read).
    #[doc(alias = "iter_content")]
    pub fn read(&mut self, out: &mut [u8]) -> Result<usize> {
        let mut beyond = [0];
        let out = self.core.within_limit(out, &mut beyond)?;
        loop {
            match self.core.decode(out)? {
                Decode::Given(count) => return self.core.given(count),
                Decode::AsItIs => return self.source.read(out).and_then(|count| self.core.given(count)),
                Decode::More => {
                    let count = self.source.read(self.core.room())?;
                    self.core.received(count);
                }
            }
        }
    }

    /// Reads the whole body into the start of `buffer`.
    ///
    /// # Errors
    /// [`ErrorKind::TooLarge`](crate::ErrorKind::TooLarge) if the buffer is too small. Otherwise as for [`read`](Self::read).
    pub fn content<'b>(&mut self, buffer: &'b mut [u8]) -> Result<&'b mut [u8]> {
        let len = self.read_all(buffer)?;
        Ok(buffer.get_mut(..len).unwrap_or_default())
    }

    /// Reads the whole body as UTF-8 text.
    ///
    /// # Errors
    /// [`ErrorKind::NotUtf8`](crate::ErrorKind::NotUtf8) if it is not; otherwise as for [`content`](Self::content).
    pub fn text<'b>(&mut self, buffer: &'b mut [u8]) -> Result<&'b str> {
        let len = self.read_all(buffer)?;
        as_whole_text(buffer, len)
    }

    /// Reads the whole body as Latin-1 text, as [`Response::text_latin1`](crate::blocking::Response::text_latin1) does.
    ///
    /// # Errors
    /// As there.
    pub fn text_latin1<'b>(&mut self, buffer: &'b mut [u8]) -> Result<&'b str> {
        let len = self.read_all(buffer)?;
        as_latin1(buffer, len)
    }

    /// Reads the whole body as JSON, as [`Response::json`](crate::blocking::Response::json) does.
    ///
    /// # Errors
    /// As there.
    #[cfg(feature = "json")]
    pub fn json<'b, V: serde::Deserialize<'b>>(&mut self, buffer: &'b mut [u8]) -> Result<V> {
        let len = self.read_all(buffer)?;
        crate::exchange::json::parse(buffer, len).map_err(|kind| Error::new(crate::Phase::Body, kind))
    }

    /// Reads the body line by line.
    pub fn lines<'b>(&'b mut self, buffer: &'b mut [u8]) -> Lines<'b, Self> {
        Lines::new(self, buffer)
    }

    /// Reads the body as server-sent events.
    pub fn events<'b>(&'b mut self, buffer: &'b mut [u8]) -> Events<'b, Self> {
        Events::new(self, buffer)
    }

    /// Reads the body as a JSON array, element by element.
    #[cfg(feature = "json")]
    pub fn json_elements<'b>(&'b mut self, buffer: &'b mut [u8]) -> JsonElements<'b, Self> {
        JsonElements::new(self, buffer)
    }

    fn read_all(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let (mut len, was_begun) = (0, self.core.begun);
        while let Some(room) = buffer.get_mut(len..).filter(|room| !room.is_empty()) {
            match self.read(room)? {
                0 => return whole(len, was_begun),
                count => len += count,
            }
        }
        match self.read(&mut [0])? {
            0 => whole(len, was_begun),
            _ => Err(too_large(len)),
        }
    }
}

#[cfg(feature = "gzip")]
impl<R> ErrorType for Decoded<'_, R> {
    type Error = Error;
}

#[cfg(feature = "gzip")]
impl<R: Read<Error = Error>> Read for Decoded<'_, R> {
    fn read(&mut self, out: &mut [u8]) -> Result<usize> {
        Decoded::read(self, out)
    }
}

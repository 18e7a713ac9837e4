//! A response: its head is here, its body is read when the caller asks for it.

use core::future::Future;

use embedded_io_async::{ErrorType, Read};

#[cfg(feature = "json")]
use super::stream::JsonElements;
use super::{
    close::CloseReason,
    io::Io,
    state::State,
    stream::{Events, Lines},
    text::{as_latin1, as_text},
};
use crate::{
    error::{Error, ErrorKind, Phase, Result},
    http::{Fields, StatusCode, field::may_be_trailer},
    time::Deadline,
};

/// A response. Its head lies in the buffer of the connection; its body is read into memory of the
/// caller's.
///
/// Dropping it leaves the rest of the body unread: the connection serves again if all of it had
/// arrived. It is an embedded-io-async `Read`, so whatever reads from one reads the body.
#[derive(Debug)]
pub struct Response<'c, I> {
    io: &'c mut I,
    memory: &'c mut [u8],
    state: &'c mut State,
}

impl<'c, I> Response<'c, I> {
    pub(crate) fn new(io: &'c mut I, memory: &'c mut [u8], state: &'c mut State) -> Self {
        Self { io, memory, state }
    }

    /// The status code.
    #[must_use]
    #[doc(alias = "status_code")]
    pub const fn status(&self) -> StatusCode {
        self.state.head.status
    }

    /// The reason phrase, as far as it is UTF-8. Often empty, and of no meaning to a program.
    #[must_use]
    pub fn reason(&self) -> &str {
        core::str::from_utf8(self.state.head.reason(self.memory)).unwrap_or_default()
    }

    /// The minor version of HTTP/1.x that the server speaks.
    #[must_use]
    pub const fn minor_version(&self) -> u8 {
        self.state.head.minor_version
    }

    /// The header fields.
    #[must_use]
    pub fn headers(&self) -> Fields<'_> {
        self.state.head.fields(self.memory)
    }

    /// The first header field of this name, in any case, if it is there and UTF-8.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().get_str(name)
    }

    /// Bytes of the body, if the server said so beforehand.
    #[must_use]
    pub const fn content_length(&self) -> Option<u64> {
        self.state.content_length()
    }

    /// The fields behind a chunked body, once that was read to its end; none before, and none for
    /// other bodies. Those that mean nothing there, because they frame the message or say how to
    /// read it (RFC 9110 §6.5.1), are left out.
    ///
    /// # Errors
    /// [`ErrorKind::TooLarge`] if they were more than the buffer has room for behind the head.
    pub fn trailers(&self) -> Result<impl Iterator<Item = (&str, &[u8])>> {
        Ok(self.state.body.trailers(self.memory)?.iter().filter(|(name, _)| may_be_trailer(name)))
    }

    /// The first [trailer](Self::trailers) of this name, in any case, if it is there and UTF-8.
    #[must_use]
    pub fn trailer(&self, name: &str) -> Option<&str> {
        let (_, value) = self.trailers().ok()?.find(|(found, _)| found.eq_ignore_ascii_case(name))?;
        core::str::from_utf8(value).ok()
    }

    /// An error if the status is 400 or above.
    ///
    /// # Errors
    /// [`ErrorKind::Status`].
    #[doc(alias = "raise_for_status")]
    pub fn error_for_status(&mut self) -> Result<&mut Self> {
        let status = self.state.head.status;
        if status.as_u16() >= 400 { Err(Error::new(Phase::Head, ErrorKind::Status(status))) } else { Ok(self) }
    }

    /// Whether the connection can serve another exchange: the body was read to its end, and nothing
    /// else is against it.
    #[must_use]
    pub fn may_reuse(&self) -> bool {
        self.close_reason().is_none()
    }

    /// Why the connection cannot serve another exchange, if it cannot.
    #[must_use]
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.state.close_reason()
    }
}

impl<I: Io> Response<'_, I> {
    /// Reads some of the body into `out` and says how many bytes; 0 at its end (or when `out` is
    /// empty).
    ///
    /// # Errors
    /// With phase `Body`; [`ErrorKind::Truncated`] if the connection ended before the body did.
    /// Data that arrived before bytes that are wrong is delivered first. After an error other than
    /// a time-out nothing more of the body can be had, and the connection cannot serve again.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing, if that is so of the stream's `read`.
    #[doc(alias = "iter_content")]
    pub async fn read(&mut self, out: &mut [u8]) -> Result<usize> {
        match self.state.read(self.io, self.memory, out).await {
            Ok(count) => Ok(count),
            Err(trouble) => Err(self.state.error(trouble)),
        }
    }

    /// Reads the whole body into the start of `buffer`.
    ///
    /// # Errors
    /// [`ErrorKind::TooLarge`] if the buffer is too small: with the size needed, and nothing lost,
    /// if the server said how long the body is. [`ErrorKind::AlreadyRead`] if all of the body was
    /// read before. Otherwise as for [`read`](Self::read).
    pub fn content<'o>(&mut self, buffer: &'o mut [u8]) -> impl Future<Output = Result<&'o mut [u8]>> {
        async move {
            let len = self.read_all(buffer).await?;
            Ok(buffer.get_mut(..len).unwrap_or_default())
        }
    }

    /// Reads the whole body as UTF-8 text.
    ///
    /// # Errors
    /// [`ErrorKind::NotUtf8`] if it is not; otherwise as for [`content`](Self::content).
    pub async fn text<'o>(&mut self, buffer: &'o mut [u8]) -> Result<&'o str> {
        let len = self.read_all(buffer).await?;
        as_text(buffer, len)
    }

    /// Reads the whole body as Latin-1 (ISO 8859-1) text and makes UTF-8 of it, in place: a buffer
    /// twice the size of the body always has room.
    ///
    /// # Errors
    /// [`ErrorKind::TooLarge`] if the buffer is too small for the body, or for the text. Otherwise
    /// as for [`content`](Self::content).
    pub async fn text_latin1<'o>(&mut self, buffer: &'o mut [u8]) -> Result<&'o str> {
        let len = self.read_all(buffer).await?;
        as_latin1(buffer, len)
    }

    /// Reads the whole body as JSON into a value, which may borrow from `buffer`. Strings with
    /// escapes are unescaped into the part of `buffer` behind the body.
    ///
    /// # Errors
    /// [`ErrorKind::Json`] if it is not JSON, or not of that shape; otherwise as for
    /// [`content`](Self::content).
    #[cfg(feature = "json")]
    pub async fn json<'o, V: serde::Deserialize<'o>>(&mut self, buffer: &'o mut [u8]) -> Result<V> {
        let len = self.read_all(buffer).await?;
        super::json::parse(buffer, len).map_err(|kind| Error::new(Phase::Body, kind))
    }

    /// Reads the body line by line. The buffer bounds the length of a line.
    #[doc(alias = "iter_lines")]
    pub fn lines<'r>(&'r mut self, buffer: &'r mut [u8]) -> Lines<'r, Self> {
        Lines::new(self, buffer)
    }

    /// Reads the body as server-sent events. The buffer bounds the size of an event.
    pub fn events<'r>(&'r mut self, buffer: &'r mut [u8]) -> Events<'r, Self> {
        Events::new(self, buffer)
    }

    /// Reads the body as a JSON array, element by element. Half of the buffer bounds the size of an
    /// element.
    #[cfg(feature = "json")]
    pub fn json_elements<'r>(&'r mut self, buffer: &'r mut [u8]) -> JsonElements<'r, Self> {
        JsonElements::new(self, buffer)
    }

    /// By when the rest of the body must be there, from now on.
    pub fn set_deadline(&mut self, deadline: Deadline) {
        self.io.set_deadline(deadline);
    }

    /// Reads on to the end of the body, without keeping any of it, but no more than about `most`
    /// bytes: whether the end was reached, so that the connection can serve again.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    ///
    /// # Cancel safety
    /// As for [`read`](Self::read).
    pub async fn drain(&mut self, most: usize) -> Result<bool> {
        self.state.drain(self.io, self.memory, most).await
    }

    /// Reads all that is left of the body.
    fn read_all(&mut self, buffer: &mut [u8]) -> impl Future<Output = Result<usize>> {
        async move { self.state.read_all(self.io, self.memory, buffer).await }
    }
}

impl<I> ErrorType for Response<'_, I> {
    type Error = Error;
}

/// The same as [`Response::read`], for code that reads from any reader.
impl<I: Io> Read for Response<'_, I> {
    fn read(&mut self, out: &mut [u8]) -> impl Future<Output = Result<usize>> {
        Response::read(self, out)
    }
}

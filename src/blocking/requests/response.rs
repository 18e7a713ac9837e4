//! The blocking response.

use core::ops::Deref;

use embedded_io::{ErrorType, Read};

#[cfg(feature = "json")]
use super::stream::JsonElements;
#[cfg(feature = "gzip")]
use super::stream::{Decoded, DecodedCore};
use super::stream::{Events, Lines};
use crate::{
    error::{Error, Result},
    requests::{self, ResponseInfo},
    time::{BlockingTimer, Deadline, run},
    traits::SocketPool,
};

/// A response: the blocking twin of [`requests::Response`](crate::requests::Response).
///
/// Status and fields are there ([`ResponseInfo`], to which it dereferences); the body is read with [`read`](Self::read),
/// or whole with [`content`](Self::content), [`text`](Self::text) or `json`.
///
/// Dropping it ends the exchange. If the body was read to its end (or had none left to receive) the connection goes
/// back to the pool to be used again; if not it is closed.
pub struct Response<'p, P: SocketPool>(pub(super) requests::Response<'p, P>);

impl<'p, P: SocketPool<Timer: BlockingTimer>> Response<'p, P> {
    fn timer(&self) -> &'p P::Timer {
        self.0.pool.timer()
    }

    /// Reads some of the body into `out` and says how many bytes; 0 at its end (or when `out` is empty).
    ///
    /// # Errors
    /// With phase `Body`; [`ErrorKind::Truncated`](crate::ErrorKind::Truncated) if the connection ended before the body did. After an error nothing
    /// more of the body can be had, and the connection is not used again.
    #[doc(alias = "iter_content")]
    #[doc(alias = "iter_bytes")]
    pub fn read(&mut self, out: &mut [u8]) -> Result<usize> {
        run(self.timer(), self.0.read(out))
    }

    /// Reads the whole body into the start of `buffer`.
    ///
    /// # Errors
    /// [`ErrorKind::TooLarge`](crate::ErrorKind::TooLarge) if the buffer is too small: with the size needed, and nothing lost, if the server said
    /// how long the body is. [`ErrorKind::AlreadyRead`](crate::ErrorKind::AlreadyRead) if all of the body was read before. Otherwise as for
    /// [`read`](Self::read).
    pub fn content<'b>(&mut self, buffer: &'b mut [u8]) -> Result<&'b mut [u8]> {
        run(self.timer(), self.0.content(buffer))
    }

    /// Reads the whole body as UTF-8 text, without the byte order mark that it may begin with.
    ///
    /// # Errors
    /// [`ErrorKind::NotUtf8`](crate::ErrorKind::NotUtf8) if it is not; otherwise as for [`content`](Self::content).
    pub fn text<'b>(&mut self, buffer: &'b mut [u8]) -> Result<&'b str> {
        run(self.timer(), self.0.text(buffer))
    }

    /// Reads the whole body as JSON into a value, which may borrow from `buffer`.
    ///
    /// The buffer has to hold the body and nothing else: strings with escapes are unescaped where they lie, and can be
    /// borrowed (`&str`). A field that the type does not have costs nothing, whatever is in it. Numbers have to fit
    /// their type: an integer has no fraction and no exponent, and what is too large for a float is no infinity. A byte
    /// order mark before the JSON is passed over (RFC 8259 §8.1).
    ///
    /// # Errors
    /// [`ErrorKind::Json`](crate::ErrorKind::Json) if it is not JSON, or not of that shape: with what is wrong, and where. Otherwise as for
    /// [`content`](Self::content).
    #[cfg(feature = "json")]
    pub fn json<'b, V: serde::Deserialize<'b>>(&mut self, buffer: &'b mut [u8]) -> Result<V> {
        run(self.timer(), self.0.json(buffer))
    }

    /// Reads the whole body as Latin-1 (ISO 8859-1) text and makes UTF-8 of it, in place.
    ///
    /// Each character above `~` becomes two bytes: a buffer twice the size of the body always has room.
    ///
    /// # Errors
    /// [`ErrorKind::TooLarge`](crate::ErrorKind::TooLarge) if the buffer is too small for the body, or for the text: then with the size needed, and
    /// the body as it came at the start of the buffer. Otherwise as for [`content`](Self::content).
    pub fn text_latin1<'b>(&mut self, buffer: &'b mut [u8]) -> Result<&'b str> {
        run(self.timer(), self.0.text_latin1(buffer))
    }

    /// Reads the body line by line. The buffer bounds the length of a line.
    #[doc(alias = "iter_lines")]
    pub fn lines<'r>(&'r mut self, buffer: &'r mut [u8]) -> Lines<'r, Self> {
        Lines::new(self, buffer)
    }

    /// Reads the body as server-sent events. The buffer bounds the size of an event.
    ///
    /// Events may be far apart: ask for them with no [timeout](crate::requests::RequestBuilder::timeout), and bound each
    /// wait with [`set_deadline`](Self::set_deadline).
    pub fn events<'r>(&'r mut self, buffer: &'r mut [u8]) -> Events<'r, Self> {
        Events::new(self, buffer)
    }

    /// Reads the body as a JSON array, element by element: the array may be larger than the memory. The buffer
    /// bounds the size of an element.
    #[cfg(feature = "json")]
    pub fn json_elements<'r>(&'r mut self, buffer: &'r mut [u8]) -> JsonElements<'r, Self> {
        JsonElements::new(self, buffer)
    }

    /// The body without its content coding: decompressed if it is compressed, as it is if not.
    ///
    /// # Errors
    /// [`ErrorKind::Inflate`](crate::ErrorKind::Inflate) with `UnsupportedCoding` if the server used another coding, or several;
    /// [`ErrorKind::AlreadyRead`](crate::ErrorKind::AlreadyRead) if the body was read before.
    #[cfg(feature = "gzip")]
    pub fn decoded<'r, const WINDOW: usize>(
        &'r mut self,
        memory: &'r mut crate::http::Inflate<WINDOW>,
    ) -> Result<Decoded<'r, Self>> {
        let coding = self.0.content_coding()?;
        Ok(Decoded::new(self, DecodedCore::new(memory, coding)))
    }

    /// By when the rest of the body must be there, from now on: another deadline than that of the exchange.
    pub fn set_deadline(&mut self, deadline: Deadline) {
        self.0.set_deadline(deadline);
    }

    /// Reads on to the end of the body, without keeping any of it, but no more than about `most` bytes: whether the end
    /// was reached, so that the connection can serve again.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    pub fn drain(&mut self, most: usize) -> Result<bool> {
        run(self.timer(), self.0.drain(most))
    }

    /// An error if the status is 400 or above.
    ///
    /// # Errors
    /// [`ErrorKind::Status`](crate::ErrorKind::Status).
    #[doc(alias = "raise_for_status")]
    pub fn error_for_status(&mut self) -> Result<&mut Self> {
        self.0.error_for_status()?;
        Ok(self)
    }

    /// Ends the exchange in order: for a second at most, whatever the deadline, a short rest of the body (4 KB) is
    /// received so that the connection can be used again; otherwise it is closed in order, TLS saying `close_notify`.
    ///
    /// # Errors
    /// If the peer could not be told. The connection is gone in any case.
    pub fn close(self) -> Result<()> {
        run(self.timer(), self.0.close())
    }
}

impl<'p, P: SocketPool> ErrorType for Response<'p, P> {
    type Error = Error;
}

/// For those who read from whatever can be read from; [`Response::read`] is the same.
impl<'p, P: SocketPool<Timer: BlockingTimer>> Read for Response<'p, P> {
    fn read(&mut self, out: &mut [u8]) -> Result<usize> {
        Response::read(self, out)
    }
}

impl<'p, P: SocketPool> Deref for Response<'p, P> {
    type Target = ResponseInfo<P::Buffer<'p>>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<'p, P: SocketPool> core::fmt::Debug for Response<'p, P> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.fmt(f)
    }
}

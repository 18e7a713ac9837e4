//! The blocking response.

use core::ops::{Deref, DerefMut};

use embedded_io::Read as _;

use crate::{
    blocking::traits::{Socket, SocketPool},
    error::{Error, ErrorKind, Phase, Result},
    requests::{
        ResponseInfo,
        incoming::{Rest, Want},
        response::{MAX_DRAIN, as_text},
    },
};

/// A response: the blocking twin of [`requests::Response`](crate::requests::Response).
///
/// Status and fields are there ([`ResponseInfo`], to which it dereferences); the body is read with [`read`](Self::read),
/// or whole with [`content`](Self::content), [`text`](Self::text) or `json`.
///
/// Dropping it ends the exchange. If the body was read to its end (or had none left to receive) the connection goes
/// back to the pool to be used again; if not it is closed.
pub struct Response<'p, P: SocketPool + 'p> {
    /// There until dropped.
    socket: Option<P::Socket<'p>>,
    info: ResponseInfo<P::Buffer<'p>>,
}

impl<'p, P: SocketPool> Response<'p, P> {
    pub(super) fn new(socket: P::Socket<'p>, info: ResponseInfo<P::Buffer<'p>>) -> Self {
        Self { socket: Some(socket), info }
    }

    /// Reads some of the body into `out` and says how many bytes; 0 at its end (or when `out` is empty).
    ///
    /// # Errors
    /// With phase `Body`; [`ErrorKind::Truncated`] if the connection ended before the body did. After an error nothing
    /// more of the body can be had, and the connection is not used again.
    pub fn read(&mut self, out: &mut [u8]) -> Result<usize> {
        let closed = Error::new(Phase::Body, ErrorKind::NotConnected);
        loop {
            let (memory, body) = self.info.parts();
            match body.next(memory, out)? {
                Want::Nothing(count) => return Ok(count),
                Want::Direct(len) => {
                    let socket = self.socket.as_mut().ok_or(closed)?;
                    let room = out.get_mut(..len).unwrap_or_default();
                    let count = socket.read(room).map_err(|error| error.in_phase(Phase::Body))?;
                    body.received_direct(count)?;
                    return Ok(count);
                }
                Want::Staged => _ = receive(self.socket.as_mut().ok_or(closed)?, &mut self.info)?,
            }
        }
    }

    /// Reads the whole body into the start of `buffer`.
    ///
    /// # Errors
    /// [`ErrorKind::TooLarge`] if the buffer is too small: with the size needed, and nothing lost, if the server said
    /// how long the body is. Otherwise as for [`read`](Self::read).
    pub fn content<'b>(&mut self, buffer: &'b mut [u8]) -> Result<&'b mut [u8]> {
        let len = self.read_all(buffer)?;
        Ok(buffer.get_mut(..len).unwrap_or_default())
    }

    /// Reads the whole body as UTF-8 text.
    ///
    /// # Errors
    /// [`ErrorKind::NotUtf8`] if it is not; otherwise as for [`content`](Self::content).
    pub fn text<'b>(&mut self, buffer: &'b mut [u8]) -> Result<&'b str> {
        let len = self.read_all(buffer)?;
        as_text(buffer, len)
    }

    /// Reads the whole body as JSON into a value, which may borrow from `buffer`.
    ///
    /// Strings with escapes are unescaped into the part of `buffer` behind the body, one at a time; a value that
    /// borrows such a string (`&str`) cannot be had, one that copies it (`heapless::String`) can.
    ///
    /// # Errors
    /// [`ErrorKind::Json`] if it is not JSON, or not of that shape; otherwise as for [`content`](Self::content).
    #[cfg(feature = "json")]
    pub fn json<'b, V: serde::Deserialize<'b>>(&mut self, buffer: &'b mut [u8]) -> Result<V> {
        let len = self.read_all(buffer)?;
        crate::requests::json::parse(buffer, len).map_err(|kind| Error::new(Phase::Body, kind))
    }

    /// An error if the status is 400 or above.
    ///
    /// # Errors
    /// [`ErrorKind::Status`].
    #[doc(alias = "raise_for_status")]
    pub fn error_for_status(&mut self) -> Result<&mut Self> {
        self.info.check_status()?;
        Ok(self)
    }

    /// Ends the exchange in order: a short rest of the body is received so that the connection can be used again;
    /// otherwise it is closed in order, TLS saying `close_notify`.
    ///
    /// # Errors
    /// If the peer could not be told. The connection is gone in any case.
    pub fn close(mut self) -> Result<()> {
        let Some(mut socket) = self.socket.take() else { return Ok(()) };
        let mut left = MAX_DRAIN;
        while self.info.wants_more(left) {
            match receive(&mut socket, &mut self.info) {
                Ok(count) => left = left.saturating_sub(count),
                Err(_) => break,
            }
        }
        if self.info.discard() {
            socket.keep(self.info.key());
            return Ok(());
        }
        socket.close()
    }

    fn read_all(&mut self, buffer: &mut [u8]) -> Result<usize> {
        self.info.check_room(buffer.len())?;
        let mut len = 0;
        loop {
            let room = buffer.get_mut(len..).unwrap_or_default();
            if room.is_empty() {
                break;
            }
            match self.read(room)? {
                0 => return Ok(len),
                count => len += count,
            }
        }
        let closed = Error::new(Phase::Body, ErrorKind::NotConnected);
        loop {
            match self.info.rest()? {
                Rest::End => return Ok(len),
                Rest::Data => return Err(self.info.too_large(buffer.len())),
                Rest::Unknown => _ = receive(self.socket.as_mut().ok_or(closed)?, &mut self.info)?,
            }
        }
    }
}

/// Receives more of the body into the exchange buffer.
fn receive<M: DerefMut<Target = [u8]>>(socket: &mut impl Socket, info: &mut ResponseInfo<M>) -> Result<usize> {
    let (memory, body) = info.parts();
    let room = body.room(memory);
    let count = socket.read(room).map_err(|error| error.in_phase(Phase::Body))?;
    body.received_staged(count)?;
    Ok(count)
}

/// Nothing can be awaited here: what has arrived already decides whether the connection can be used again.
impl<'p, P: SocketPool + 'p> Drop for Response<'p, P> {
    fn drop(&mut self) {
        if let Some(socket) = self.socket.take()
            && self.info.discard()
        {
            socket.keep(self.info.key());
        }
    }
}

impl<'p, P: SocketPool> Deref for Response<'p, P> {
    type Target = ResponseInfo<P::Buffer<'p>>;

    fn deref(&self) -> &Self::Target {
        &self.info
    }
}

impl<'p, P: SocketPool> core::fmt::Debug for Response<'p, P> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Response").field("info", &self.info).finish_non_exhaustive()
    }
}

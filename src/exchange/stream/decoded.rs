//! A body without its content coding.

use embedded_io_async::{ErrorType, Read};

#[cfg(feature = "json")]
use super::JsonElements;
use super::{
    super::text::{as_latin1, as_text, whole},
    Events, Lines,
    buffered::Quota,
};
use crate::{
    error::{Error, ErrorKind, Limit, Phase, Result},
    http::{Format, Inflate, InflateError, Inflater},
};

/// A body that is decompressed while it is read. Made by [`Response::decoded`](crate::requests::Response::decoded).
///
/// It reads like a response: whatever was compressed comes out as it was, whatever was not comes out as it is. Memory is
/// that of [`Inflate`] and the caller's buffers, whatever the server sends.
#[derive(Debug)]
pub struct Decoded<'r, R> {
    source: &'r mut R,
    core: DecodedCore<'r>,
}

impl<'r, R: Read<Error = Error>> Decoded<'r, R> {
    pub(crate) fn new(source: &'r mut R, core: DecodedCore<'r>) -> Self {
        Self { source, core }
    }

    /// Gives at most so many bytes in all, after decompression; unlimited unless the caller says so. What lies within the
    /// limit is given first; then, if there is more, each call fails with [`ErrorKind::TooLarge`].
    ///
    /// A kilobyte of gzip can stand for a megabyte. [`content`](Self::content) and what is like it are bounded by their
    /// buffer; this bounds [`read`](Self::read), [`lines`](Self::lines), [`events`](Self::events) and elements of an array.
    ///
    /// # Examples
    ///
    /// ```
    /// # use socketpool::{ErrorKind, Resources, SocketPool, mock::{Peer, Script, Step, block_on}, requests::{Inflate, Session}};
    /// # let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\none\ntwo\nthr\n";
    /// # let steps = [Step::Receive(b"\r\n\r\n"), Step::Send(answer)];
    /// # let peers = [Peer::new("host.example", 80, &steps)];
    /// # let script = Script::new(&peers);
    /// # let (mut network, mut memory) = (script.network(), Resources::<1>::new());
    /// # let pool = SocketPool::new(&mut network, &mut memory);
    /// # let http = Session::plain(&pool);
    /// # block_on(async {
    /// let (mut inflate, mut buffer) = (Inflate::<1024>::new(), [0; 64]);
    /// let mut response = http.get("http://host.example/log").accept_compressed().send().await?;
    /// let mut log = response.decoded(&mut inflate)?.limit(8);
    /// let mut lines = log.lines(&mut buffer);
    /// assert_eq!(lines.read_line().await?, Some("one"));
    /// assert_eq!(lines.read_line().await?, Some("two"));
    /// assert!(matches!(lines.read_line().await.unwrap_err().kind(), ErrorKind::TooLarge { have: 8, .. }));
    /// # Ok::<(), socketpool::Error>(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn limit(mut self, bytes: usize) -> Self {
        self.core.quota.set(bytes);
        self
    }

    /// Reads some of the body into `out` and says how many bytes; 0 at its end (or when `out` is empty).
    ///
    /// # Errors
    /// [`ErrorKind::Inflate`] if it is corrupt, or something follows its end: what came before was given first.
    /// [`ErrorKind::TooLarge`] if it refers back further than the window reaches, or is longer than the
    /// [limit](Self::limit); [`ErrorKind::Truncated`] if it ends too early. Otherwise as for
    /// [`Response::read`](crate::requests::Response::read).
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    #[doc(alias = "iter_content")]
    pub async fn read(&mut self, out: &mut [u8]) -> Result<usize> {
        let mut beyond = [0];
        let out = self.core.within_limit(out, &mut beyond)?;
        loop {
            match self.core.decode(out)? {
                Decode::Given(count) => return self.core.given(count),
                Decode::AsItIs => return self.source.read(out).await.and_then(|count| self.core.given(count)),
                Decode::More => {
                    let count = self.source.read(self.core.room()).await?;
                    self.core.received(count);
                }
            }
        }
    }

    /// Reads the whole body into the start of `buffer`.
    ///
    /// # Errors
    /// [`ErrorKind::TooLarge`] if the buffer is too small. Otherwise as for [`read`](Self::read).
    pub async fn content<'b>(&mut self, buffer: &'b mut [u8]) -> Result<&'b mut [u8]> {
        let len = self.read_all(buffer).await?;
        Ok(buffer.get_mut(..len).unwrap_or_default())
    }

    /// Reads the whole body as UTF-8 text.
    ///
    /// # Errors
    /// [`ErrorKind::NotUtf8`] if it is not; otherwise as for [`content`](Self::content).
    pub async fn text<'b>(&mut self, buffer: &'b mut [u8]) -> Result<&'b str> {
        let len = self.read_all(buffer).await?;
        as_text(buffer, len)
    }

    /// Reads the whole body as Latin-1 text, as [`Response::text_latin1`](crate::requests::Response::text_latin1) does.
    ///
    /// # Errors
    /// As there.
    pub async fn text_latin1<'b>(&mut self, buffer: &'b mut [u8]) -> Result<&'b str> {
        let len = self.read_all(buffer).await?;
        as_latin1(buffer, len)
    }

    /// Reads the whole body as JSON, as [`Response::json`](crate::requests::Response::json) does.
    ///
    /// # Errors
    /// As there.
    #[cfg(feature = "json")]
    pub async fn json<'b, V: serde::Deserialize<'b>>(&mut self, buffer: &'b mut [u8]) -> Result<V> {
        let len = self.read_all(buffer).await?;
        crate::exchange::json::parse(buffer, len).map_err(|kind| Error::new(Phase::Body, kind))
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

    async fn read_all(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let (mut len, was_begun) = (0, self.core.begun);
        while let Some(room) = buffer.get_mut(len..).filter(|room| !room.is_empty()) {
            match self.read(room).await? {
                0 => return whole(len, was_begun),
                count => len += count,
            }
        }
        match self.read(&mut [0]).await? {
            0 => whole(len, was_begun),
            _ => Err(too_large(len)),
        }
    }
}

pub(crate) fn too_large(have: usize) -> Error {
    Error::new(Phase::Body, ErrorKind::TooLarge { what: Limit::ResponseBody, need: None, have })
}

impl<R> ErrorType for Decoded<'_, R> {
    type Error = Error;
}

impl<R: Read<Error = Error>> Read for Decoded<'_, R> {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize> {
        Decoded::read(self, out).await
    }
}

/// What comes of what was received.
pub(crate) enum Decode {
    /// So many bytes; 0 at the end.
    Given(usize),
    /// There is no coding: read straight into the caller's buffer.
    AsItIs,
    /// Receive into the room.
    More,
}

/// The decoder, and what was received for it.
#[derive(Debug)]
pub(crate) struct DecodedCore<'w> {
    /// Unless there is no coding.
    compressed: Option<Compressed<'w>>,
    pub(crate) quota: Quota,
    /// Something was asked for before.
    pub(crate) begun: bool,
}

#[derive(Debug)]
struct Compressed<'w> {
    inflater: Inflater<'w>,
    input: &'w mut [u8],
    start: usize,
    end: usize,
    ended: bool,
}

impl<'w> DecodedCore<'w> {
    pub(crate) fn new<const WINDOW: usize>(memory: &'w mut Inflate<WINDOW>, coding: Option<Format>) -> Self {
        let compressed = coding.map(|format| {
            let (inflater, input) = memory.begin_to_receive(format);
            Compressed { inflater, input, start: 0, end: 0, ended: false }
        });
        Self { compressed, quota: Quota::default(), begun: false }
    }

    /// How much of `out` may be filled; where nothing more may be given, there is one byte aside to see whether there is more.
    pub(crate) fn within_limit<'o>(&self, out: &'o mut [u8], beyond: &'o mut [u8; 1]) -> Result<&'o mut [u8]> {
        self.quota.check()?;
        Ok(match self.quota.left() {
            0 if !out.is_empty() => beyond,
            left => out.split_at_mut(left.min(out.len())).0,
        })
    }

    /// Counts what is given; an error if it is too much.
    pub(crate) fn given(&mut self, count: usize) -> Result<usize> {
        let given = self.quota.take(count);
        self.quota.check().map(|()| given)
    }

    pub(crate) fn decode(&mut self, out: &mut [u8]) -> Result<Decode> {
        self.begun |= !out.is_empty();
        let Some(compressed) = &mut self.compressed else { return Ok(Decode::AsItIs) };
        if out.is_empty() {
            return Ok(Decode::Given(0));
        }
        let input = compressed.input.get(compressed.start..compressed.end).unwrap_or_default();
        let window_len = compressed.inflater.window_len();
        let progress = compressed.inflater.decode(input, out).map_err(|error| failed(error, window_len))?;
        compressed.start += progress.consumed;
        if progress.produced > 0 {
            return Ok(Decode::Given(progress.produced));
        }
        if compressed.ended {
            compressed.inflater.end_of_stream().map_err(|error| failed(error, window_len))?;
            return Ok(Decode::Given(0));
        }
        Ok(Decode::More)
    }

    /// Where to receive: all that was received before is used up.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        self.compressed.as_mut().map_or(&mut [], |compressed| &mut *compressed.input)
    }

    pub(crate) fn received(&mut self, count: usize) {
        if let Some(compressed) = &mut self.compressed {
            (compressed.start, compressed.end) = (0, count);
            compressed.ended |= count == 0;
        }
    }
}

fn failed(error: InflateError, have: usize) -> Error {
    Error::new(
        Phase::Body,
        match error {
            InflateError::Truncated => ErrorKind::Truncated,
            InflateError::WindowTooSmall { need } => {
                ErrorKind::TooLarge { what: Limit::Window, need: Some(usize::from(need)), have }
            }
            error => ErrorKind::Inflate(error),
        },
    )
}

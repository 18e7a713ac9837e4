//! Writing the head of a request, whole, so that one write sends it.

use core::num::NonZeroU32;

use super::field::{is_field_name, is_field_value};
use super::method::Method;
use super::percent::percent_decode;
use super::writer::ByteWriter;
use crate::base64;

/// What ends the data of each chunk of a request body (RFC 9112 §7.1).
pub const CHUNK_END: &[u8] = b"\r\n";
/// What ends a chunked request body: the empty chunk, and no trailers.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// Why a request head cannot be sent. Nothing of it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum EncodeError {
    /// The request target is empty or holds a byte that is not visible ASCII. [`Url`](super::Url) never makes such a one.
    InvalidTarget,
    /// A field name is not a token; see [`is_field_name`].
    InvalidFieldName,
    /// A field value holds a line break or another control character; see [`is_field_value`].
    InvalidFieldValue,
    /// A user name with a colon, or a user name or password with a control character, has no place in Basic credentials
    /// (RFC 7617 §2).
    InvalidCredentials,
    /// Content-Length or Transfer-Encoding: how the body is framed follows from the body, and two opinions about it
    /// are how requests are smuggled.
    FramingField,
    /// A multipart boundary is 1 to 70 characters of a token.
    InvalidBoundary,
    /// A part of a multipart form holds the boundary: choose another one.
    BoundaryInPart,
    /// The buffer is too small for the head.
    BufferTooSmall {
        /// Bytes the whole head takes.
        need: usize,
    },
}

impl core::fmt::Display for EncodeError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::InvalidTarget => f.write_str("invalid request target"),
            Self::InvalidFieldName => f.write_str("invalid field name"),
            Self::InvalidFieldValue => f.write_str("control character in a field value"),
            Self::InvalidCredentials => f.write_str("invalid user name or password"),
            Self::FramingField => f.write_str("content-length and transfer-encoding follow from the body"),
            Self::InvalidBoundary => f.write_str("invalid multipart boundary"),
            Self::BoundaryInPart => f.write_str("the boundary occurs in a part of the form"),
            Self::BufferTooSmall { need } => write!(f, "buffer too small for the request head: {need} bytes needed"),
        }
    }
}

impl core::error::Error for EncodeError {}

/// Stages a request head in a buffer.
///
/// Calls can be chained: the first invalid part is remembered and reported by [`finish`](Self::finish), as is a buffer that
/// was too small, with the exact size needed.
///
/// # Examples
///
/// ```
/// use socketpool::http::{HeadWriter, Method};
///
/// let mut buffer = [0; 128];
/// let mut head = HeadWriter::new(&mut buffer, Method::Post, "/log");
/// head.field("Host", b"example.com").field_number("Content-Length", 2).basic_auth(b"ada", b"secret");
/// let len = head.finish()?;
/// assert_eq!(&buffer[..len], b"POST /log HTTP/1.1\r\nHost: example.com\r\nContent-Length: 2\r\n\
///     Authorization: Basic YWRhOnNlY3JldA==\r\n\r\n");
/// # Ok::<(), socketpool::http::EncodeError>(())
/// ```
#[derive(Debug)]
pub struct HeadWriter<'b> {
    writer: ByteWriter<'b>,
    failed: Option<EncodeError>,
}

impl<'b> HeadWriter<'b> {
    /// Writes the request line (RFC 9112 §3): `target` is what [`Url::target`](super::Url::target) gives, or `*`.
    #[must_use]
    pub fn new(buffer: &'b mut [u8], method: Method<'_>, target: &str) -> Self {
        let mut head = Self::after(buffer, 0);
        head.require(
            !target.is_empty() && target.bytes().all(|byte| byte.is_ascii_graphic()),
            EncodeError::InvalidTarget,
        );
        for part in [method.as_str(), " ", target, " HTTP/1.1\r\n"] {
            head.writer.extend(part.as_bytes());
        }
        head
    }

    /// Writes fields only, after the first `len` bytes of `buffer`.
    pub(crate) fn after(buffer: &'b mut [u8], len: usize) -> Self {
        Self { writer: ByteWriter::after(buffer, len), failed: None }
    }

    /// Writes field lines that a `HeadWriter` has written before.
    pub(crate) fn lines(&mut self, lines: &[u8]) -> &mut Self {
        self.writer.extend(lines);
        self
    }

    /// Writes one field.
    pub fn field(&mut self, name: &str, value: &[u8]) -> &mut Self {
        self.field_parts(name, &[value])
    }

    /// Writes one field whose value is `parts` in a row, as in `["Bearer ", token]`.
    pub fn field_parts(&mut self, name: &str, parts: &[&[u8]]) -> &mut Self {
        self.name(name);
        for part in parts {
            self.require(is_field_value(part), EncodeError::InvalidFieldValue);
            self.writer.extend(part);
        }
        self.end_line()
    }

    /// Writes one field whose value is a number, in decimal.
    pub fn field_number(&mut self, name: &str, value: u64) -> &mut Self {
        self.name(name);
        self.writer.decimal(value);
        self.end_line()
    }

    /// Writes `Authorization: Basic …` (RFC 7617).
    pub fn basic_auth(&mut self, user: &[u8], password: &[u8]) -> &mut Self {
        self.basic(user.iter().copied(), password.iter().copied())
    }

    /// Writes `Authorization: Basic …` from the userinfo of a URL, `user:password` or `user`, percent-decoding both.
    pub fn basic_auth_userinfo(&mut self, userinfo: &str) -> &mut Self {
        let colon = userinfo.bytes().position(|byte| byte == b':').unwrap_or(userinfo.len());
        let (user, password) =
            (userinfo.get(..colon).unwrap_or_default(), userinfo.get(colon + 1..).unwrap_or_default());
        self.basic(percent_decode(user), percent_decode(password))
    }

    /// Writes the empty line that ends the head, and gives its length in bytes.
    ///
    /// # Errors
    ///
    /// The first invalid part, or [`BufferTooSmall`](EncodeError::BufferTooSmall).
    pub fn finish(self) -> Result<usize, EncodeError> {
        self.close().1
    }

    /// Gives the length so far in bytes, without an empty line.
    pub(crate) fn end(self) -> Result<usize, EncodeError> {
        let need = self.writer.needed();
        match self.failed {
            Some(error) => Err(error),
            None if self.writer.is_overflowing() => Err(EncodeError::BufferTooSmall { need }),
            None => Ok(need),
        }
    }

    /// Bytes written so far.
    pub(crate) fn len(&self) -> usize {
        self.writer.needed()
    }

    /// Remembers this error, unless there is one already.
    pub(crate) fn fail(&mut self, error: EncodeError) {
        self.require(false, error);
    }

    /// Writes one field with blanks instead of a number that is not known yet, as many as a length within the buffer has
    /// digits, and gives the place behind them. Blanks before a value are no part of it (RFC 9112 §5).
    pub(crate) fn blank_number(&mut self, name: &str) -> usize {
        self.name(name);
        let mut largest = self.writer.capacity();
        while largest > 0 {
            self.writer.push(b' ');
            largest /= 10;
        }
        let end = self.len();
        self.end_line();
        end
    }

    /// Writes the empty line that ends the head; gives the buffer back, and the length of the head in bytes.
    pub(crate) fn close(mut self) -> (&'b mut [u8], Result<usize, EncodeError>) {
        self.end_line();
        let (failed, need, overflows) = (self.failed, self.writer.needed(), self.writer.is_overflowing());
        let len = match failed {
            Some(error) => Err(error),
            None if overflows => Err(EncodeError::BufferTooSmall { need }),
            None => Ok(need),
        };
        (self.writer.into_buffer(), len)
    }

    fn require(&mut self, is_valid: bool, error: EncodeError) {
        if !is_valid && self.failed.is_none() {
            self.failed = Some(error);
        }
    }

    fn name(&mut self, name: &str) {
        self.require(is_field_name(name.as_bytes()), EncodeError::InvalidFieldName);
        self.writer.extend(name.as_bytes());
        self.writer.extend(b": ");
    }

    fn end_line(&mut self) -> &mut Self {
        self.writer.extend(b"\r\n");
        self
    }

    fn basic(
        &mut self,
        user: impl Iterator<Item = u8> + Clone,
        password: impl Iterator<Item = u8> + Clone,
    ) -> &mut Self {
        let is_valid = !user.clone().any(|byte| byte == b':' || byte.is_ascii_control())
            && !password.clone().any(|byte| byte.is_ascii_control());
        self.require(is_valid, EncodeError::InvalidCredentials);
        self.name("Authorization");
        self.writer.extend(b"Basic ");
        base64(user.chain([b':']).chain(password), &mut self.writer);
        self.end_line()
    }
}

/// Writes `bytes` in base64 with padding (RFC 4648 §4).
fn base64(mut bytes: impl Iterator<Item = u8>, writer: &mut ByteWriter<'_>) {
    while let Some(first) = bytes.next() {
        let (second, third) = (bytes.next(), bytes.next());
        let len = 1 + usize::from(second.is_some()) + usize::from(third.is_some());
        let group = [first, second.unwrap_or(0), third.unwrap_or(0)];
        writer.extend(base64::encode(group.get(..len).unwrap_or_default(), &mut [0; 4]));
    }
}

/// The line before a chunk of `len` bytes in a request body: the length in hexadecimal, and CRLF. [`CHUNK_END`] follows the
/// data. An empty chunk would end the body; [`LAST_CHUNK`] does that.
///
/// # Examples
///
/// ```
/// use socketpool::http::chunk_header;
///
/// let mut buffer = [0; 10];
/// assert_eq!(chunk_header(512.try_into()?, &mut buffer), b"200\r\n");
/// # Ok::<(), core::num::TryFromIntError>(())
/// ```
pub fn chunk_header(len: NonZeroU32, buffer: &mut [u8; 10]) -> &[u8] {
    let digits = 8 - len.leading_zeros() / 4;
    let mut writer = ByteWriter::new(buffer);
    for position in (0..digits).rev() {
        let digit = (len.get() >> (4 * position)) & 15;
        writer.push(b"0123456789abcdef"[digit as usize]);
    }
    writer.extend(b"\r\n");
    let used = writer.needed();
    buffer.get(..used).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{ByteWriter, base64, chunk_header};

    #[test]
    fn base64_gives_the_vectors_of_rfc_4648() {
        let vectors =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE=")];
        for (plain, encoded) in vectors {
            let mut buffer = [0; 8];
            let mut writer = ByteWriter::new(&mut buffer);
            base64(plain.bytes(), &mut writer);
            let len = writer.needed();
            assert_eq!(&buffer[..len], encoded.as_bytes());
        }
        let mut buffer = [0; 4];
        base64([0xFB, 0xFF, 0xFE].into_iter(), &mut ByteWriter::new(&mut buffer));
        assert_eq!(&buffer, b"+//+");
    }

    #[test]
    fn chunk_header_covers_every_length() {
        for (len, line) in
            [(1, "1\r\n"), (15, "f\r\n"), (16, "10\r\n"), (0x1234, "1234\r\n"), (u32::MAX, "ffffffff\r\n")]
        {
            assert_eq!(chunk_header(len.try_into().unwrap(), &mut [0; 10]), line.as_bytes());
        }
    }
}

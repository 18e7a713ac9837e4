//! What a request can carry.

use crate::{
    error::{ErrorKind, Limit},
    http::{ByteWriter, percent_encode_form},
};

/// The body of a request.
///
/// It can be produced as often as it is asked for, so that a redirect or a stale connection costs the caller nothing.
pub trait Body {
    /// Its media type, for Content-Type unless the caller says otherwise; `None` if it cannot be known.
    fn content_type(&self) -> Option<&'static str>;

    /// The body as bytes that are there already, if they are.
    fn as_bytes(&self) -> Option<&[u8]> {
        None
    }

    /// Writes the body to the start of `room` and gives its length in bytes. Only called when
    /// [`as_bytes`](Self::as_bytes) gives nothing.
    ///
    /// # Errors
    /// [`ErrorKind::TooLarge`] when there is not enough room.
    fn write(&self, room: &mut [u8]) -> Result<usize, ErrorKind>;
}

/// No content.
#[derive(Debug, Clone, Copy)]
pub struct Empty;

impl Body for Empty {
    fn content_type(&self) -> Option<&'static str> {
        None
    }

    fn as_bytes(&self) -> Option<&[u8]> {
        Some(&[])
    }

    fn write(&self, _: &mut [u8]) -> Result<usize, ErrorKind> {
        Ok(0)
    }
}

/// Bytes as they are.
#[derive(Debug, Clone, Copy)]
pub struct Bytes<'r>(pub(crate) &'r [u8]);

impl Body for Bytes<'_> {
    fn content_type(&self) -> Option<&'static str> {
        None
    }

    fn as_bytes(&self) -> Option<&[u8]> {
        Some(self.0)
    }

    fn write(&self, _: &mut [u8]) -> Result<usize, ErrorKind> {
        Ok(0)
    }
}

/// Pairs as an HTML form sends them: `application/x-www-form-urlencoded`.
#[derive(Debug, Clone, Copy)]
pub struct Form<'r>(pub(crate) &'r [(&'r str, &'r str)]);

impl Body for Form<'_> {
    fn content_type(&self) -> Option<&'static str> {
        Some("application/x-www-form-urlencoded")
    }

    fn write(&self, room: &mut [u8]) -> Result<usize, ErrorKind> {
        let have = room.len();
        let mut writer = ByteWriter::new(room);
        for (index, (name, value)) in self.0.iter().enumerate() {
            if index > 0 {
                writer.push(b'&');
            }
            percent_encode_form(name, &mut writer);
            writer.push(b'=');
            percent_encode_form(value, &mut writer);
        }
        match writer.needed() {
            need if writer.is_overflowing() => {
                Err(ErrorKind::TooLarge { what: Limit::Request, need: Some(need), have })
            }
            len => Ok(len),
        }
    }
}

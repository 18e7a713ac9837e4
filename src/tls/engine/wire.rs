//! The presentation language of RFC 8446 §3: a reader that never reads beyond its bytes, and a writer that counts what
//! it would have needed.

use crate::tls::TlsError;

/// Bytes of a message that were not read yet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next `len` bytes.
    ///
    /// # Errors
    /// [`TlsError::Decode`] if there are fewer.
    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], TlsError> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(TlsError::Decode)?;
        self.0 = rest;
        Ok(taken)
    }

    /// The next `N` bytes.
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], TlsError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(TlsError::Decode)?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, TlsError> {
        self.array().map(u8::from_be_bytes)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, TlsError> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, TlsError> {
        self.array().map(u32::from_be_bytes)
    }

    /// A vector with a length of one byte.
    pub(crate) fn vector8(&mut self) -> Result<&'a [u8], TlsError> {
        let len = self.u8()?;
        self.take(usize::from(len))
    }

    /// A vector with a length of two bytes.
    pub(crate) fn vector16(&mut self) -> Result<&'a [u8], TlsError> {
        let len = self.u16()?;
        self.take(usize::from(len))
    }

    /// A vector with a length of three bytes.
    pub(crate) fn vector24(&mut self) -> Result<&'a [u8], TlsError> {
        let len = u24(self.array()?);
        self.take(len)
    }

    /// # Errors
    /// [`TlsError::Decode`] if something is left.
    pub(crate) const fn end(&self) -> Result<(), TlsError> {
        if self.0.is_empty() { Ok(()) } else { Err(TlsError::Decode) }
    }
}

/// A number of three bytes.
pub(crate) fn u24([a, b, c]: [u8; 3]) -> usize {
    // 24 bits fit in a `usize` wherever this crate runs.
    u32::from_be_bytes([0, a, b, c]) as usize
}

/// The three low bytes of a number.
pub(crate) fn to_u24(number: usize) -> [u8; 3] {
    let [_, a, b, c] = u32::try_from(number).unwrap_or(u32::MAX).to_be_bytes();
    [a, b, c]
}

/// The most extensions of one message. No server sends more than a dozen.
const MAX_EXTENSIONS: u8 = 64;

/// Calls `each` with every extension of a list of them (RFC 8446 §4.2), none of which may come twice.
///
/// # Errors
/// What `each` says; [`TlsError::Decode`]; [`TlsError::IllegalParameter`] for a duplicate.
pub(crate) fn extensions<'m>(
    list: &'m [u8],
    mut each: impl FnMut(u16, &'m [u8]) -> Result<(), TlsError>,
) -> Result<(), TlsError> {
    let mut rest = Reader::new(list);
    let mut count: u8 = 0;
    while !rest.is_empty() {
        let kind = rest.u16()?;
        let data = rest.vector16()?;
        count = count.saturating_add(1);
        if count > MAX_EXTENSIONS {
            return Err(TlsError::Decode);
        }
        let mut later = rest;
        while !later.is_empty() {
            if later.u16()? == kind {
                return Err(TlsError::IllegalParameter);
            }
            later.vector16()?;
        }
        each(kind, data)?;
    }
    Ok(())
}

/// Writes a message into a buffer, or finds out how long the buffer would have to be.
#[derive(Debug)]
pub(crate) struct Writer<'b> {
    buffer: &'b mut [u8],
    len: usize,
}

impl<'b> Writer<'b> {
    pub(crate) const fn new(buffer: &'b mut [u8]) -> Self {
        Self { buffer, len: 0 }
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        let end = self.len.saturating_add(bytes.len());
        if let Some(place) = self.buffer.get_mut(self.len..end) {
            place.copy_from_slice(bytes);
        }
        self.len = end;
    }

    pub(crate) fn u8(&mut self, number: u8) {
        self.bytes(&[number]);
    }

    pub(crate) fn u16(&mut self, number: u16) {
        self.bytes(&number.to_be_bytes());
    }

    /// Writes what `content` does behind its length, which takes `width` bytes.
    pub(crate) fn vector(&mut self, width: usize, content: impl FnOnce(&mut Self)) {
        let start = self.len;
        self.bytes([0; 3].get(..width).unwrap_or_default());
        let inside = self.len;
        content(self);
        let len = to_u24(self.len.saturating_sub(inside));
        if let Some(place) = self.buffer.get_mut(start..inside) {
            place.copy_from_slice(len.get(3usize.saturating_sub(width)..).unwrap_or_default());
        }
    }

    /// An extension: its kind, and its data behind their length.
    pub(crate) fn extension(&mut self, kind: u16, data: impl FnOnce(&mut Self)) {
        self.u16(kind);
        self.vector(2, data);
    }

    /// What was written.
    ///
    /// # Errors
    /// [`TlsError::TxTooSmall`] if it does not fit.
    pub(crate) fn finish(self) -> Result<&'b mut [u8], TlsError> {
        let needed = self.len;
        self.buffer.get_mut(..needed).ok_or(TlsError::TxTooSmall { needed })
    }
}

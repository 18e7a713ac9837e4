//! `multipart/form-data` (RFC 7578): a form with files, whose length is known before the first byte is read.

use core::{fmt, future::Future, ops::Range};

use super::{
    Content, Fill, Outline, Plan,
    source::{Face, NoSource, checked},
    upload::{Upload, room_for},
};
use crate::{
    error::{ErrorKind, Result, source::SourceError},
    exchange::{
        io::Io,
        link::{Link, Sent},
    },
    http::{EncodeError, is_field_name, is_field_value},
};

/// What separates the parts, unless the caller says otherwise.
pub(crate) const BOUNDARY: &str = "socketpool-5f0c1d7a93b64e28a1";

/// One part of a form: a field, or a file from memory or from a source `S` that is read while it is sent.
///
/// Names and file names are sent as browsers do: UTF-8, with `"` as `%22` and line breaks as `%0D` and `%0A`.
///
/// # Examples
///
/// ```
/// use socketpool::requests::Part;
///
/// let parts = [
///     Part::file("photo", "door.jpg", b"\xFF\xD8...").content_type("image/jpeg"),
///     Part::field("place", "front door"),
/// ];
/// # let _: &[Part<'_>] = &parts;
/// ```
#[derive(Clone, Copy)]
pub struct Part<'p, S = NoSource> {
    name: &'p str,
    filename: Option<&'p str>,
    content_type: Option<&'p str>,
    headers: &'p [(&'p str, &'p str)],
    content: Origin<'p, S>,
}

#[derive(Clone, Copy)]
enum Origin<'p, S> {
    Bytes(&'p [u8]),
    Source { source: S, len: u64 },
}

impl<S> Origin<'_, S> {
    fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Source { len, .. } => *len,
        }
    }
}

impl<'p, S> Part<'p, S> {
    /// A field.
    #[must_use]
    pub const fn field(name: &'p str, value: &'p str) -> Self {
        Self::new(name, None, Origin::Bytes(value.as_bytes()))
    }

    /// A file that is in memory.
    #[must_use]
    pub const fn file(name: &'p str, filename: &'p str, bytes: &'p [u8]) -> Self {
        Self::new(name, Some(filename), Origin::Bytes(bytes))
    }

    /// A file of `len` bytes that is read from `source` while it is sent.
    #[must_use]
    pub const fn streamed(name: &'p str, filename: &'p str, source: S, len: u64) -> Self {
        Self::new(name, Some(filename), Origin::Source { source, len })
    }

    const fn new(name: &'p str, filename: Option<&'p str>, content: Origin<'p, S>) -> Self {
        Self { name, filename, content_type: None, headers: &[], content }
    }

    /// What it is, as in `image/png`. Nothing is said unless you do.
    #[must_use]
    pub fn content_type(mut self, media_type: &'p str) -> Self {
        self.content_type = Some(media_type);
        self
    }

    /// More header fields of this part.
    #[must_use]
    pub fn headers(mut self, fields: &'p [(&'p str, &'p str)]) -> Self {
        self.headers = fields;
        self
    }

    /// Whether nothing in it can be taken for the structure around it.
    fn check(&self, boundary: &str) -> Result<(), EncodeError> {
        let values = self.content_type.into_iter().chain(self.headers.iter().map(|(_, value)| *value));
        if !values.map(str::as_bytes).all(is_field_value) {
            return Err(EncodeError::InvalidFieldValue);
        }
        if !self.headers.iter().all(|(name, _)| is_field_name(name.as_bytes())) {
            return Err(EncodeError::InvalidFieldName);
        }
        let mut watch = Watch::default();
        match self.content {
            Origin::Bytes(bytes) if watch.sees(bytes, boundary) => Err(EncodeError::BoundaryInPart),
            _ => Ok(()),
        }
    }

    /// Writes what comes before the content.
    fn head(&self, boundary: &str, is_first: bool, out: &mut Window<'_>) {
        out.extend(if is_first { b"--" } else { b"\r\n--" });
        out.extend(boundary.as_bytes());
        out.extend(b"\r\nContent-Disposition: form-data; name=\"");
        out.quoted(self.name);
        if let Some(filename) = self.filename {
            out.extend(b"\"; filename=\"");
            out.quoted(filename);
        }
        out.extend(b"\"\r\n");
        let media_type = self.content_type.map(|media_type| ("Content-Type", media_type));
        for (name, value) in media_type.iter().chain(self.headers) {
            for piece in [name, ": ", value, "\r\n"] {
                out.extend(piece.as_bytes());
            }
        }
        out.extend(b"\r\n");
    }
}

impl<S> fmt::Debug for Part<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part").field("name", &self.name).field("len", &self.content.len()).finish_non_exhaustive()
    }
}

/// The parts of a form, lent for a request: `&[Part]`, or `&mut [Part<S>]` if sources are to be read.
pub trait Parts {
    /// What the streamed ones are read from.
    type Source;

    /// All of them.
    fn get(&self) -> &[Part<'_, Self::Source>];

    /// The source of one of them, if it has one.
    fn source(&mut self, index: usize) -> Option<&mut Self::Source>;
}

impl Parts for &[Part<'_>] {
    type Source = NoSource;

    fn get(&self) -> &[Part<'_>] {
        self
    }

    fn source(&mut self, _: usize) -> Option<&mut NoSource> {
        None
    }
}

impl<S> Parts for &mut [Part<'_, S>] {
    type Source = S;

    fn get(&self) -> &[Part<'_, S>] {
        self
    }

    fn source(&mut self, index: usize) -> Option<&mut S> {
        match &mut self.get_mut(index)?.content {
            Origin::Source { source, .. } => Some(source),
            Origin::Bytes(_) => None,
        }
    }
}

/// A form with files, as `multipart/form-data`.
///
/// The boundary between the parts is a constant unless you give one. No part can hold it: what is in memory is checked
/// before anything is sent, what streams while it streams, and the request fails rather than send a form that would be
/// read in another way than it was meant.
///
/// Only `&[Part]` can be sent again for certain; `&mut [Part]` if every source of it can be rewound.
#[derive(Debug)]
pub struct Multipart<'r, L> {
    parts: L,
    boundary: &'r str,
    place: Place,
    /// How much of the room that is being filled is full.
    filled: usize,
    began: bool,
}

/// How far the form has been given out.
#[derive(Debug, Default)]
struct Place {
    index: usize,
    /// Whether in the content of that part, or in what comes before it.
    in_content: bool,
    at: u64,
    watch: Watch,
}

impl Place {
    fn go_to(&mut self, index: usize, in_content: bool) {
        *self = Self { index, in_content, ..Self::default() };
    }
}

/// What has to happen for more of the form.
#[derive(Debug)]
enum Want {
    /// Nothing: the room is full, or the form is at its end.
    Nothing,
    /// Read from the source of this part to this place of the room.
    Read { place: Range<usize>, index: usize },
}

impl<'r, L: Parts> Multipart<'r, L> {
    /// A form of these parts.
    #[must_use]
    pub const fn new(parts: L) -> Self {
        let place = Place { index: 0, in_content: false, at: 0, watch: Watch { matched: 2 } };
        Self { parts, boundary: BOUNDARY, place, filled: 0, began: false }
    }

    /// With this boundary between the parts: 1 to 70 characters of a token (RFC 2046 §5.1.1).
    #[must_use]
    pub const fn boundary(mut self, boundary: &'r str) -> Self {
        self.boundary = boundary;
        self
    }

    fn len(&self) -> u64 {
        let mut len = 0u64;
        for (index, part) in self.parts.get().iter().enumerate() {
            let mut count = Window::counting();
            part.head(self.boundary, index == 0, &mut count);
            len = len.saturating_add(count.len).saturating_add(part.content.len());
        }
        let mut count = Window::counting();
        self.end(&mut count);
        len.saturating_add(count.len)
    }

    /// Writes what comes after the last part.
    fn end(&self, out: &mut Window<'_>) {
        out.extend(if self.parts.get().is_empty() { b"--" } else { b"\r\n--" });
        out.extend(self.boundary.as_bytes());
        out.extend(b"--\r\n");
    }

    /// Fills the rest of `room` as far as no source is needed.
    fn next(&mut self, room: &mut [u8]) -> Want {
        self.began = true;
        loop {
            let rest = room.get_mut(self.filled..).unwrap_or_default();
            if rest.is_empty() {
                return Want::Nothing;
            }
            let Place { index, in_content, at, .. } = self.place;
            let part = self.parts.get().get(index);
            match part {
                Some(part) if in_content => match part.content {
                    _ if at >= part.content.len() => self.place.go_to(index + 1, false),
                    Origin::Bytes(bytes) => {
                        let mut window = Window::new(at, rest);
                        window.extend(bytes);
                        let written = window.written();
                        self.filled += written;
                        self.place.at += written as u64;
                    }
                    Origin::Source { len, .. } => {
                        let room = room_for(len - at, rest.len());
                        return Want::Read { place: self.filled..self.filled + room, index };
                    }
                },
                _ => {
                    let mut window = Window::new(at, rest);
                    match part {
                        Some(part) => part.head(self.boundary, index == 0, &mut window),
                        None => self.end(&mut window),
                    }
                    let (written, len) = (window.written(), window.len);
                    self.filled += written;
                    self.place.at += written as u64;
                    match part {
                        None if written == 0 => return Want::Nothing,
                        Some(_) if self.place.at == len => self.place.go_to(index, true),
                        _ => {}
                    }
                }
            }
        }
    }

    /// Takes in that `count` bytes were read to the place that was wanted.
    fn received(&mut self, room: &[u8], count: usize) -> Result<(), SourceError> {
        let len = self.parts.get().get(self.place.index).map_or(0, |part| part.content.len());
        self.place.at += count as u64;
        self.filled += count;
        if count == 0 {
            Err(SourceError::EndedEarly)
        } else if self.place.at > len {
            Err(SourceError::TooLong)
        } else if self.place.watch.sees(room.get(..count).unwrap_or_default(), self.boundary) {
            Err(SourceError::HoldsBoundary)
        } else {
            Ok(())
        }
    }

    /// How many parts must be rewound: those that may have been read from.
    fn restart(&self) -> usize {
        if self.began { self.parts.get().len().min(self.place.index + 1) } else { 0 }
    }
}

impl<L: Parts> Outline for Multipart<'_, L> {
    fn media_type(&self) -> Option<[&str; 2]> {
        Some(["multipart/form-data; boundary=", self.boundary])
    }

    fn plan(&self) -> Result<Plan<'_>, ErrorKind> {
        if self.boundary.len() > 70 || !is_field_name(self.boundary.as_bytes()) {
            return Err(ErrorKind::Encode(EncodeError::InvalidBoundary));
        }
        for part in self.parts.get() {
            part.check(self.boundary).map_err(ErrorKind::Encode)?;
        }
        Ok(Plan::Streamed(Upload::new(Some(self.len()))))
    }
}

impl<L: Parts, F: Face<L::Source>> Fill<F> for Multipart<'_, L> {
    async fn fill(&mut self, room: &mut [u8]) -> Result<usize, SourceError> {
        loop {
            let Want::Read { place, index } = self.next(room) else { return Ok(core::mem::take(&mut self.filled)) };
            let Some(source) = self.parts.source(index) else { return Err(SourceError::EndedEarly) };
            let room = room.get_mut(place).unwrap_or_default();
            let read = F::read(source, room).await.map_err(SourceError::Failed)?;
            let read = checked(read, room)?;
            self.received(room, read)?;
        }
    }
}

impl<L: Parts, F: Face<L::Source>> Content<F> for Multipart<'_, L> {
    fn transmit<I: Io>(&mut self, link: &mut Link<'_, I>) -> impl Future<Output = Result<Sent>> {
        link.stream::<F, _>(self)
    }

    async fn rewind(&mut self) -> Result<bool, SourceError> {
        for index in 0..self.restart() {
            if let Some(source) = self.parts.source(index)
                && !F::rewind(source).await.map_err(SourceError::Failed)?
            {
                return Ok(false);
            }
        }
        (self.filled, self.began) = (0, false);
        self.place.go_to(0, false);
        Ok(true)
    }
}

/// Looks for a line that begins with `--` and the boundary. Only its first CR can begin anew: a boundary has none.
#[derive(Debug, Clone, Copy)]
struct Watch {
    matched: usize,
}

/// At the beginning of a line.
impl Default for Watch {
    fn default() -> Self {
        Self { matched: 2 }
    }
}

impl Watch {
    fn sees(&mut self, bytes: &[u8], boundary: &str) -> bool {
        bytes.iter().any(|byte| {
            let awaited = match self.matched {
                0 => Some(&b'\r'),
                1 => Some(&b'\n'),
                2 | 3 => Some(&b'-'),
                matched => boundary.as_bytes().get(matched - 4),
            };
            self.matched = match byte {
                byte if Some(byte) == awaited => self.matched + 1,
                b'\r' => 1,
                _ => 0,
            };
            self.matched == boundary.len() + 4
        })
    }
}

/// A view of a part of what is written: of all bytes from `from` as many as there is room for.
struct Window<'b> {
    from: u64,
    room: &'b mut [u8],
    /// All bytes so far, in view or not.
    len: u64,
}

impl<'b> Window<'b> {
    fn new(from: u64, room: &'b mut [u8]) -> Self {
        Self { from, room, len: 0 }
    }

    fn counting() -> Self {
        Self::new(0, &mut [])
    }

    fn extend(&mut self, bytes: &[u8]) {
        let skip = usize::try_from(self.from.saturating_sub(self.len)).unwrap_or(usize::MAX);
        let place = usize::try_from(self.len.saturating_sub(self.from)).unwrap_or(usize::MAX);
        let (bytes_in, room) = (bytes.get(skip..).unwrap_or_default(), self.room.get_mut(place..).unwrap_or_default());
        let count = bytes_in.len().min(room.len());
        room[..count].copy_from_slice(&bytes_in[..count]);
        self.len += bytes.len() as u64;
    }

    /// As in HTML, "multipart/form-data encoding algorithm".
    fn quoted(&mut self, text: &str) {
        for byte in text.as_bytes() {
            match byte {
                b'"' => self.extend(b"%22"),
                b'\r' => self.extend(b"%0D"),
                b'\n' => self.extend(b"%0A"),
                byte => self.extend(&[*byte]),
            }
        }
    }

    /// Bytes in view so far.
    fn written(&self) -> usize {
        usize::try_from(self.len.saturating_sub(self.from)).map_or(self.room.len(), |len| len.min(self.room.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::{Watch, room_for};

    #[test]
    fn a_boundary_is_seen_only_at_the_beginning_of_a_line() {
        let cases: [(&[&str], bool); 8] = [
            (&["--B"], true),
            (&["x\r\n--B"], true),
            (&["x\r", "\n-", "-", "B!"], true),
            (&["\r\r\n--B"], true),
            (&["\r\n-\r\n--B"], true),
            (&["x--B"], false),
            (&["\n--B"], false),
            (&["\r\n-", "B\r\n--", "C"], false),
        ];
        for (pieces, wanted) in cases {
            let mut watch = Watch::default();
            assert_eq!(pieces.iter().any(|piece| watch.sees(piece.as_bytes(), "B")), wanted, "{pieces:?}");
        }
    }

    #[test]
    fn a_source_is_asked_for_one_byte_too_many_at_the_end() {
        for (left, room, wanted) in [(5, 9, 6), (9, 9, 8), (1, 1, 1), (10, 9, 9), (u64::MAX, 9, 9)] {
            assert_eq!(room_for(left, room), wanted, "{left} of {room}");
        }
    }
}

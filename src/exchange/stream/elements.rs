//! A JSON array, element by element.

use embedded_io_async::Read;
use serde::Deserialize;

use super::{
    Pieces, Step,
    buffered::{Buffered, Quota},
    next,
};
use crate::{
    error::{Error, ErrorKind, Limit, Phase, Result},
    exchange::json::{BYTE_ORDER_MARK, JsonError, JsonErrorKind, JsonType, MAX_DEPTH, looks_like, parse_from},
};

/// Reads the elements of a JSON array one at a time, so that the array can be larger than the memory. Made by
/// [`Response::json_elements`](crate::requests::Response::json_elements).
#[derive(Debug)]
pub struct JsonElements<'r, R> {
    source: &'r mut R,
    core: ElementCore<'r>,
}

impl<'r, R: Read<Error = Error>> JsonElements<'r, R> {
    /// The elements of the array that `source` has to read. The buffer bounds the size of an element, up to and with
    /// its comma.
    pub fn new(source: &'r mut R, buffer: &'r mut [u8]) -> Self {
        Self { source, core: ElementCore::new(buffer) }
    }

    /// Receives at most so many bytes of the body, in all; unlimited unless the caller says so. What lies within the limit
    /// is given first; then, if there is more, each call fails with [`ErrorKind::TooLarge`].
    #[must_use]
    pub fn limit(mut self, bytes: usize) -> Self {
        self.core.quota().set(bytes);
        self
    }

    /// The next element, which may borrow from the buffer; `None` after the last. Each may be of another type.
    ///
    /// All of the body is checked, as by [`json`](crate::requests::Response::json): `None` means that it was one whole
    /// array and nothing else. (Of an element of another shape, what lies behind the fault is only looked through for
    /// its end.) A byte order mark before the array is passed over.
    ///
    /// # Errors
    /// [`ErrorKind::Json`] if it is no JSON array, or the element not of that shape: then, if
    /// [`is_mismatch`](JsonErrorKind::is_mismatch) says so, the next element can still be had.
    /// [`ErrorKind::TooLarge`] if an element does not fit into the buffer. Otherwise as for [`read`](crate::requests::Response::read).
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn next_element<'b, V: Deserialize<'b>>(&'b mut self) -> Result<Option<V>> {
        match next(self.source, &mut self.core).await? {
            Some(len) => self.core.parse(len).map(Some),
            None => Ok(None),
        }
    }
}

/// Where the elements of an array begin and end. What each is made of is checked when it is whole.
#[derive(Debug)]
pub(crate) struct ElementCore<'b> {
    buffered: Buffered<'b>,
    /// What was given to the caller and can go: an element, with its comma or bracket.
    given: usize,
    place: Place,
    /// How much of the element was looked at.
    scanned: usize,
    depth: u32,
    in_string: bool,
    escaped: bool,
    failed: Option<ErrorKind>,
}

/// Where in the document we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// So much of a byte order mark was passed over.
    Start(usize),
    BeforeArray,
    FirstElement,
    Element,
    AfterArray,
}

impl<'b> ElementCore<'b> {
    pub(crate) fn new(buffer: &'b mut [u8]) -> Self {
        Self {
            buffered: Buffered::new(buffer),
            given: 0,
            place: Place::Start(0),
            scanned: 0,
            depth: 0,
            in_string: false,
            escaped: false,
            failed: None,
        }
    }

    /// Makes a value of the element that is there, `len` bytes long.
    pub(crate) fn parse<'v, V: Deserialize<'v>>(&'v mut self, len: usize) -> Result<V> {
        let start = self.buffered.start;
        let element = self.buffered.bytes.get_mut(start..start + len).unwrap_or_default();
        parse_from(element, 0, JsonErrorKind::Syntax).map_err(|kind| {
            if !matches!(kind, ErrorKind::Json(error) if error.kind().is_mismatch()) {
                self.failed = Some(kind);
            }
            Error::new(Phase::Body, kind)
        })
    }

    fn fail(&mut self, kind: ErrorKind) -> Error {
        self.failed = Some(kind);
        Error::new(Phase::Body, kind)
    }

    /// Looks at one byte; whether an element ends before it.
    fn look(&mut self, byte: u8) -> core::result::Result<bool, JsonErrorKind> {
        let is_blank = matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        match self.place {
            Place::Start(at) if BYTE_ORDER_MARK.get(at) == Some(&byte) => {
                self.place = Place::Start(at + 1);
                self.buffered.consume(1);
            }
            Place::Start(0) | Place::Start(3..) => self.place = Place::BeforeArray,
            Place::Start(_) => return Err(JsonErrorKind::Syntax),
            Place::BeforeArray | Place::AfterArray if is_blank => self.buffered.consume(1),
            Place::BeforeArray => {
                let wrong = |found| JsonErrorKind::WrongType { expected: JsonType::Array, found };
                match byte {
                    b'[' => self.place = Place::FirstElement,
                    b'{' => return Err(wrong(JsonType::Object)),
                    b'"' => return Err(wrong(JsonType::String)),
                    b'-' | b'0'..=b'9' => return Err(wrong(JsonType::Number)),
                    b't' | b'f' => return Err(wrong(JsonType::Boolean)),
                    b'n' => return Err(wrong(JsonType::Null)),
                    _ => return Err(looks_like(self.buffered.unread())),
                }
                self.buffered.consume(1);
            }
            Place::AfterArray => return Err(JsonErrorKind::TrailingCharacters),
            Place::FirstElement | Place::Element => return self.look_at_element(byte, is_blank),
        }
        Ok(false)
    }

    fn look_at_element(&mut self, byte: u8, is_blank: bool) -> core::result::Result<bool, JsonErrorKind> {
        let is_empty = self.scanned == 0;
        match byte {
            _ if self.in_string => {
                self.in_string = byte != b'"' || self.escaped;
                self.escaped = byte == b'\\' && !self.escaped;
            }
            _ if is_blank && is_empty => {
                self.buffered.consume(1);
                return Ok(false);
            }
            b'"' => self.in_string = true,
            b'[' | b'{' => {
                self.depth += 1;
                if self.depth > MAX_DEPTH {
                    return Err(JsonErrorKind::TooDeep);
                }
            }
            b']' | b'}' if self.depth > 0 => self.depth -= 1,
            b']' if is_empty && self.place == Place::FirstElement => {
                self.place = Place::AfterArray;
                self.buffered.consume(1);
                return Ok(false);
            }
            b']' | b',' if self.depth == 0 && !is_empty => {
                self.place = if byte == b']' { Place::AfterArray } else { Place::Element };
                return Ok(true);
            }
            b']' | b'}' => return Err(JsonErrorKind::Syntax),
            b',' if self.depth == 0 => return Err(JsonErrorKind::Syntax),
            _ => {}
        }
        self.scanned += 1;
        Ok(false)
    }
}

impl Pieces for ElementCore<'_> {
    type Piece = usize;

    fn step(&mut self) -> Result<Step<usize>> {
        if let Some(kind) = self.failed {
            return Err(Error::new(Phase::Body, kind));
        }
        let given = core::mem::take(&mut self.given);
        if given > 0 {
            self.buffered.consume(given);
            self.scanned = 0;
        }
        while let Some(byte) = self.buffered.unread().get(self.scanned).copied() {
            match self.look(byte) {
                Ok(false) => {}
                Ok(true) => {
                    self.given = self.scanned + 1;
                    return Ok(Step::Piece(self.scanned));
                }
                Err(kind) => return Err(self.fail(ErrorKind::Json(JsonError::at(kind, self.scanned)))),
            }
        }
        let (len, have) = (self.buffered.unread().len(), self.buffered.bytes.len());
        if self.buffered.ended && self.place == Place::AfterArray {
            Ok(Step::End)
        } else if self.buffered.ended {
            Err(self.fail(ErrorKind::Json(JsonError::at(JsonErrorKind::UnexpectedEnd, self.scanned))))
        } else if len >= have {
            Err(self.fail(ErrorKind::TooLarge { what: Limit::JsonElement, need: None, have }))
        } else {
            Ok(Step::More)
        }
    }

    fn room(&mut self) -> &mut [u8] {
        self.buffered.move_to(0);
        self.buffered.free(self.buffered.bytes.len())
    }

    fn received(&mut self, count: usize) {
        self.buffered.received(count);
    }

    fn quota(&mut self) -> &mut Quota {
        &mut self.buffered.quota
    }
}

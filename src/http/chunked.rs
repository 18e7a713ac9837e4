//! The chunked transfer coding (RFC 9112 §7.1), decoded byte by byte around data that is copied in one go.
//!
//! ```text
//!  Size          hex ─► Digits
//!  Digits        hex ─► Digits    blank ─► Blank    ";" ─► Extension    CR ─► SizeLf
//!  Blank                          blank ─► Blank    ";" ─► Extension    CR ─► SizeLf
//!  Extension     text ─► Extension                                      CR ─► SizeLf
//!  SizeLf        LF ─► Data, or Line if the size was 0
//!  Data          last byte ─► DataCr ── CR ─► DataLf ── LF ─► Size
//!  Line          CR ─► FinalLf ── LF ─► Done        token ─► TrailerName
//!  TrailerName   token ─► TrailerName               ":" ─► TrailerValue
//!  TrailerValue  text ─► TrailerValue               CR ─► TrailerLf ── LF ─► Line
//!  (anything else is an error)
//! ```
//!
//! Lines end in CRLF and nothing else: here a bare LF is a sign that two programs disagree about where a chunk ends. Blanks
//! after a size are passed over, because old servers pad it; extensions are checked and passed over. So are trailers,
//! unless the driver keeps their bytes: it can stop where they begin.

use super::error::DecodeError;
use super::field::{is_text_byte, is_token_byte};
use super::progress::{Progress, copy};

/// The longest chunk size line in bytes: leading zeros, size, blanks and extensions.
pub const MAX_CHUNK_LINE: u16 = 4096;
/// How many bytes the size lines of a body may have beyond 16 each, all together. Each byte of data earns one back, so a long
/// stream may sign every chunk, but a peer cannot keep us busy with framing alone.
pub const MAX_SPARE_FRAMING: u16 = 16384;
/// The most trailer bytes.
pub const MAX_TRAILERS: u16 = 8192;
/// A size line up to this long costs nothing of [`MAX_SPARE_FRAMING`].
const SIZE_DIGITS: u16 = 16;

#[derive(Clone, Debug)]
pub(super) struct ChunkedDecoder {
    state: State,
    /// The size being read, then the bytes of data left in this chunk.
    left: u64,
    /// Bytes of this size line so far, or of all trailers.
    line: u16,
    /// What is left of [`MAX_SPARE_FRAMING`].
    spare: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Size,
    Digits,
    Blank,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    Line,
    TrailerName,
    TrailerValue,
    TrailerLf,
    FinalLf,
    Done,
}

impl ChunkedDecoder {
    pub(super) const fn new() -> Self {
        Self { state: State::Size, left: 0, line: 0, spare: MAX_SPARE_FRAMING }
    }

    pub(super) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Whether the last chunk is over and the trailers are not.
    pub(super) fn in_trailers(&self) -> bool {
        use State::{FinalLf, Line, TrailerLf, TrailerName, TrailerValue};
        matches!(self.state, Line | TrailerName | TrailerValue | TrailerLf | FinalLf)
    }

    /// Bytes that can only be data.
    pub(super) fn direct_len(&self) -> u64 {
        if self.state == State::Data { self.left } else { 0 }
    }

    /// Passes over `len` bytes of data.
    pub(super) fn advance(&mut self, len: u64) {
        if self.state == State::Data {
            self.left = self.left.saturating_sub(len);
            let earned = u16::try_from(len).unwrap_or(u16::MAX);
            self.spare = self.spare.saturating_add(earned).min(MAX_SPARE_FRAMING);
            if self.left == 0 {
                self.state = State::DataCr;
            }
        }
    }

    /// Decodes up to the end, or up to the trailers if `to_trailers`, or up to what is wrong. `progress` is what was done
    /// before that.
    pub(super) fn decode(
        &mut self,
        input: &[u8],
        output: &mut [u8],
        to_trailers: bool,
        progress: &mut Progress,
    ) -> Result<(), DecodeError> {
        while self.state != State::Done && !(to_trailers && self.in_trailers()) {
            let rest = input.get(progress.consumed..).unwrap_or_default();
            let Some(byte) = rest.first() else { break };
            if self.state == State::Data {
                let data = usize::try_from(self.left).ok().and_then(|left| rest.get(..left)).unwrap_or(rest);
                let len = copy(data, output.get_mut(progress.produced..).unwrap_or_default());
                if len == 0 {
                    break; // the output is full
                }
                self.advance(len as u64);
                progress.consumed += len;
                progress.produced += len;
            } else {
                match self.framing(*byte) {
                    Ok(state) => self.state = state,
                    // What is good is delivered first; the next call finds the same fault.
                    Err(_) if progress.produced > 0 => break,
                    Err(error) => return Err(error),
                }
                progress.consumed += 1;
            }
        }
        Ok(())
    }

    /// Takes one byte that is not data.
    fn framing(&mut self, byte: u8) -> Result<State, DecodeError> {
        match self.state {
            State::Size => {
                (self.left, self.line) = (0, 0);
                self.size_line()?;
                self.digit(byte)
            }
            State::Digits | State::Blank => {
                self.size_line()?;
                match byte {
                    b'\r' => Ok(State::SizeLf),
                    b';' => Ok(State::Extension),
                    b' ' | b'\t' => Ok(State::Blank),
                    b'\n' => Err(DecodeError::MissingChunkEnd),
                    _ if self.state == State::Digits => self.digit(byte),
                    _ => Err(DecodeError::InvalidChunkSize),
                }
            }
            State::Extension => {
                self.size_line()?;
                match byte {
                    b'\r' => Ok(State::SizeLf),
                    b'\n' => Err(DecodeError::MissingChunkEnd),
                    _ if is_text_byte(byte) => Ok(State::Extension),
                    _ => Err(DecodeError::InvalidChunkExtension),
                }
            }
            State::SizeLf if self.left > 0 => expect(byte, b'\n', State::Data),
            State::SizeLf => {
                self.line = 0;
                expect(byte, b'\n', State::Line)
            }
            State::DataCr => expect(byte, b'\r', State::DataLf),
            State::DataLf => expect(byte, b'\n', State::Size),
            State::Line if byte == b'\r' => Ok(State::FinalLf),
            State::Line if byte == b'\n' => Err(DecodeError::MissingChunkEnd),
            State::Line => self.trailer_name(byte),
            State::TrailerName if byte == b':' => self.trailer(State::TrailerValue),
            State::TrailerName => self.trailer_name(byte),
            State::TrailerValue => match byte {
                b'\r' => self.trailer(State::TrailerLf),
                b'\n' => Err(DecodeError::MissingChunkEnd),
                _ if is_text_byte(byte) => self.trailer(State::TrailerValue),
                _ => Err(DecodeError::ControlCharacter),
            },
            State::TrailerLf => expect(byte, b'\n', State::Line),
            State::FinalLf => expect(byte, b'\n', State::Done),
            State::Data | State::Done => Ok(self.state),
        }
    }

    /// Counts one byte of a size line.
    fn size_line(&mut self) -> Result<(), DecodeError> {
        self.line += 1;
        if self.line > SIZE_DIGITS {
            self.spare = self.spare.checked_sub(1).ok_or(DecodeError::ChunkLineTooLarge)?;
        }
        if self.line > MAX_CHUNK_LINE { Err(DecodeError::ChunkLineTooLarge) } else { Ok(()) }
    }

    fn digit(&mut self, byte: u8) -> Result<State, DecodeError> {
        let digit = char::from(byte).to_digit(16).ok_or(DecodeError::InvalidChunkSize)?;
        let shifted = self.left.checked_mul(16).ok_or(DecodeError::InvalidChunkSize)?;
        self.left = shifted | u64::from(digit);
        Ok(State::Digits)
    }

    /// Counts one byte of a trailer and goes to `next`.
    fn trailer(&mut self, next: State) -> Result<State, DecodeError> {
        self.line += 1;
        if self.line > MAX_TRAILERS { Err(DecodeError::TrailersTooLarge) } else { Ok(next) }
    }

    fn trailer_name(&mut self, byte: u8) -> Result<State, DecodeError> {
        match byte {
            _ if is_token_byte(byte) => self.trailer(State::TrailerName),
            b'\r' | b'\n' => Err(DecodeError::MissingColon),
            _ => Err(DecodeError::InvalidFieldName),
        }
    }
}

fn expect(byte: u8, wanted: u8, next: State) -> Result<State, DecodeError> {
    if byte == wanted { Ok(next) } else { Err(DecodeError::MissingChunkEnd) }
}

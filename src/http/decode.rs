//! Decoding the head of a response while it arrives.

use super::bytes::trim;
use super::error::DecodeError;
use super::field::is_token_byte;
use super::framing::{self, Facts};
use super::head::{ResponseHead, Span};
use super::status::StatusCode;

/// The longest head, in bytes, whatever the buffer holds.
pub const MAX_HEAD: usize = u16::MAX as usize;
/// The most interim (1xx) responses before one final response.
pub const MAX_INTERIM: u8 = 16;
/// The most empty lines passed over before a status line; some servers end a body with one too many.
pub const MAX_EMPTY_LINES: u8 = 4;

/// What the bytes received so far amount to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[must_use]
pub enum HeadStep {
    /// The head goes on. Read more behind the bytes there are; if the buffer is full, the head is
    /// [too large](DecodeError::HeadTooLarge) for it.
    NeedMore,
    /// An interim response, status 100 or 102 to 199 (RFC 9110 §15.2). Remove its `len` bytes from the front of the buffer
    /// and call again with the rest, even if the rest is empty.
    Interim {
        /// Bytes to remove.
        len: usize,
        /// Its status.
        status: StatusCode,
    },
    /// The final head is there.
    Complete(ResponseHead),
}

/// Decodes the head of one response from a buffer that fills up.
///
/// Each call is given all the bytes received so far and looks only at those it has not seen: byte by byte or in one piece
/// costs the same, and gives the same result. Lines may end in CRLF or a bare LF (RFC 9112 §2.2). A folded line (obs-fold,
/// §5.2) is joined to the one before by writing blanks over the line break, which is why the buffer is `&mut`.
///
/// One decoder serves one request, up to [`HeadStep::Complete`]; after an error it repeats the error.
#[derive(Clone, Debug)]
pub struct HeadDecoder {
    answers_head: bool,
    has_bytes: bool,
    interim: u8,
    failed: Option<DecodeError>,
    lines: Lines,
    facts: Facts,
}

/// Where we are in the head at the front of the buffer.
#[derive(Clone, Copy, Debug, Default)]
struct Lines {
    /// Everything before this has been searched for a line end.
    scanned: usize,
    /// Behind the first CR or NUL of the line being received; 0 if there is none.
    suspect: usize,
    /// Where the line being received begins.
    start: usize,
    /// Where the field before begins, its colon stands and its text ends: it may go on in this line.
    field: (usize, usize, usize),
    /// Empty lines passed over.
    empty: u8,
    /// The status line, once it was there, and where it ends.
    status: Option<(StatusLine, usize)>,
}

impl HeadDecoder {
    /// Waits for the response to a request with `method`; HEAD makes the difference.
    #[must_use]
    pub fn new(method: super::Method<'_>) -> Self {
        Self {
            answers_head: method == super::Method::Head,
            has_bytes: false,
            interim: 0,
            failed: None,
            lines: Lines::default(),
            facts: Facts::default(),
        }
    }

    /// Looks at what is new in `received`: all bytes received so far, less those of interim responses already reported.
    ///
    /// # Errors
    ///
    /// Any [`DecodeError`] of a head. Every one is final.
    pub fn advance(&mut self, received: &mut [u8]) -> Result<HeadStep, DecodeError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.has_bytes |= !received.is_empty();
        let step = self.step(received);
        self.failed = step.err();
        step
    }

    /// What it means that the connection ends here, before [`HeadStep::Complete`].
    #[must_use]
    pub fn end_of_stream(&self) -> DecodeError {
        match self.failed {
            Some(error) => error,
            None if self.has_bytes => DecodeError::Truncated,
            None => DecodeError::NoResponse,
        }
    }

    fn step(&mut self, received: &mut [u8]) -> Result<HeadStep, DecodeError> {
        while let Some(end) = self.lines.next_end(received)? {
            let (start, suspect) = (self.lines.start, self.lines.suspect);
            let (text_end, fault) = match received.get(suspect.wrapping_sub(1)) {
                Some(b'\r') if suspect == end => (end - 1, None),
                // One program could read this as two lines and another as one (RFC 9112 §2.2, RFC 9110 §5.5).
                Some(b'\r') => (end, Some(DecodeError::BareCr)),
                Some(_) => (end, Some(DecodeError::ControlCharacter)),
                None => (end, None),
            };
            let line = received.get(start..text_end).unwrap_or_default();
            (self.lines.start, self.lines.suspect) = (end + 1, 0);

            let Some((status_line, fields_start)) = self.lines.status else {
                if line.is_empty() {
                    self.lines.empty += 1;
                    if self.lines.empty > MAX_EMPTY_LINES {
                        return Err(DecodeError::TooManyEmptyLines);
                    }
                } else {
                    check_beginning(received.get(start..end).unwrap_or_default())?;
                    fault.map_or(Ok(()), Err)?;
                    self.lines.status = Some((StatusLine::parse(line, start)?, end + 1));
                }
                continue;
            };
            fault.map_or(Ok(()), Err)?;
            if let [b' ' | b'\t', ..] = line {
                if start == fields_start {
                    return Err(DecodeError::UnexpectedFold);
                }
                if let Some(line_break) = received.get_mut(self.lines.field.2..start) {
                    line_break.fill(b' ');
                }
                self.lines.field.2 = text_end;
                continue;
            }
            // The field before is complete.
            let (name, colon, value_end) = self.lines.field;
            let value = received.get(colon + 1..value_end).unwrap_or_default();
            self.facts.note(received.get(name..colon).unwrap_or_default(), value);
            if line.is_empty() {
                return self.complete(status_line, Span::new(fields_start, start), end + 1);
            }
            self.lines.field = (start, start + name_len(line)?, text_end);
        }
        Ok(HeadStep::NeedMore)
    }

    fn complete(&mut self, line: StatusLine, fields: Option<Span>, len: usize) -> Result<HeadStep, DecodeError> {
        let StatusLine { minor_version, status, reason } = line;
        let facts = core::mem::take(&mut self.facts);
        if status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS {
            self.interim += 1;
            if self.interim > MAX_INTERIM {
                return Err(DecodeError::TooManyInterim);
            }
            self.lines = Lines::default();
            return Ok(HeadStep::Interim { len, status });
        }
        let fields = fields.ok_or(DecodeError::HeadTooLarge)?;
        let (framing, close) = framing::decide(status, self.answers_head, minor_version == 0, &facts)?;
        Ok(HeadStep::Complete(ResponseHead { status, minor_version, len, framing, close, reason, fields }))
    }
}

impl Lines {
    /// The index of the LF that ends the line being received, if it is there. Looks at each byte once.
    fn next_end(&mut self, received: &[u8]) -> Result<Option<usize>, DecodeError> {
        let unseen = received.get(self.scanned..).unwrap_or_default();
        for (offset, byte) in unseen.iter().enumerate() {
            if *byte > b'\r' {
                continue;
            }
            let at = self.scanned + offset;
            match byte {
                b'\n' => {
                    self.scanned = at + 1;
                    return if at < MAX_HEAD { Ok(Some(at)) } else { Err(DecodeError::HeadTooLarge) };
                }
                b'\r' | b'\0' if self.suspect == 0 => self.suspect = at + 1,
                _ => {}
            }
        }
        self.scanned = received.len();
        if self.status.is_none() {
            check_beginning(received.get(self.start..).unwrap_or_default())?;
        }
        if received.len() >= MAX_HEAD { Err(DecodeError::HeadTooLarge) } else { Ok(None) }
    }
}

/// Refuses as soon as possible what cannot become a status line: a peer that talks something else may never send a line end.
fn check_beginning(line: &[u8]) -> Result<(), DecodeError> {
    let name = b"HTTP/";
    let common = line.len().min(name.len());
    if line == b"\r" {
        Ok(()) // of an empty line, so far
    } else if line.get(..common) != name.get(..common) {
        Err(DecodeError::NotHttp)
    } else {
        match line.get(name.len()..).unwrap_or_default() {
            [] | [b'1'] | [b'1', b'.', ..] => Ok(()),
            _ => Err(DecodeError::UnsupportedVersion),
        }
    }
}

/// The length of the name that a field line begins with. A colon follows it, or the line is refused.
fn name_len(line: &[u8]) -> Result<usize, DecodeError> {
    let len = line.iter().position(|byte| !is_token_byte(*byte)).unwrap_or(line.len());
    match line.get(len..) {
        Some([b':', ..]) if len > 0 => Ok(len),
        Some(rest) if rest.contains(&b':') => Err(DecodeError::InvalidFieldName),
        _ => Err(DecodeError::MissingColon),
    }
}

#[derive(Clone, Copy, Debug)]
struct StatusLine {
    minor_version: u8,
    status: StatusCode,
    reason: Span,
}

impl StatusLine {
    /// Parses `line`, which [begins](check_beginning) with `HTTP/1.` and stands at `offset` in the buffer.
    fn parse(line: &[u8], offset: usize) -> Result<Self, DecodeError> {
        let (version, rest) = match line {
            [_, _, _, _, _, _, _, digit @ b'0'..=b'9', b' ', rest @ ..] => (digit - b'0', rest),
            _ => return Err(DecodeError::InvalidStatusLine),
        };
        let code_len = rest.iter().position(|byte| *byte == b' ').unwrap_or(rest.len());
        let (code, reason) = rest.split_at_checked(code_len).ok_or(DecodeError::InvalidStatusLine)?;
        let code = match code {
            [a @ b'0'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9'] => {
                u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0')
            }
            _ => return Err(DecodeError::InvalidStatusCode),
        };
        let status = StatusCode::new(code).ok_or(DecodeError::InvalidStatusCode)?;

        let leading = reason.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let start = offset + line.len() - reason.len() + leading;
        let end = start + trim(reason).len();
        let reason = Span::new(start, end).ok_or(DecodeError::HeadTooLarge)?;
        Ok(Self { minor_version: version.min(1), status, reason })
    }
}

//! Reads a JSON text (RFC 8259) once, from its start to its end, where it stands.

use super::{JsonError, JsonErrorKind, JsonPath, JsonType, number};

/// The deepest nesting that is accepted, of what is asked for and of what is passed over.
pub const MAX_DEPTH: u32 = 32;

/// The text, and how far it was read. Strings are unescaped in place, which makes them shorter, and lent for as long as
/// the text is.
pub(super) struct Reader<'t> {
    /// What is left behind the string that was lent last.
    text: &'t mut [u8],
    at: usize,
    /// How much of the text lay before that.
    lent: usize,
    depth: u32,
    path: JsonPath,
}

/// What stopped the reader; where is what the reader knows.
pub(super) type Result<T> = core::result::Result<T, JsonErrorKind>;

const SYNTAX: JsonErrorKind = JsonErrorKind::Syntax;

impl<'t> Reader<'t> {
    /// Begins at the byte `at`.
    pub(super) fn new(text: &'t mut [u8], at: usize) -> Self {
        Self { text, at, lent: 0, depth: 0, path: JsonPath::default() }
    }

    /// What went wrong, and where. `not_json` says better what is not JSON.
    pub(super) fn explain(&self, kind: JsonErrorKind, not_json: JsonErrorKind) -> JsonError {
        let kind = if kind == SYNTAX { not_json } else { kind };
        JsonError::new(kind, self.lent + self.at, self.path)
    }

    /// Takes down that a fault lies in this field of a struct that has these.
    pub(super) fn locate(&mut self, fields: &'static [&'static str], name: &str) {
        if let Some(field) = fields.iter().find(|field| **field == name) {
            self.path.enter(field);
        }
    }

    /// Nothing may follow.
    pub(super) fn end(&mut self) -> Result<()> {
        if self.peek().is_none() { Ok(()) } else { Err(JsonErrorKind::TrailingCharacters) }
    }

    /// The first byte that is not white space, which is passed over.
    fn peek(&mut self) -> Option<u8> {
        loop {
            match self.text.get(self.at) {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                other => return other.copied(),
            }
        }
    }

    fn token(&mut self) -> Result<u8> {
        self.peek().ok_or(JsonErrorKind::UnexpectedEnd)
    }

    fn byte(&self) -> Result<u8> {
        self.text.get(self.at).copied().ok_or(JsonErrorKind::UnexpectedEnd)
    }

    /// `true`, `false` or `null`, of which the first letter stands here.
    fn word(&mut self) -> Result<()> {
        let word: &[u8] = match self.byte()? {
            b't' => b"true",
            b'f' => b"false",
            _ => b"null",
        };
        for wanted in word {
            if self.byte()? != *wanted {
                return Err(SYNTAX);
            }
            self.at += 1;
        }
        Ok(())
    }

    /// The type of the value that begins here, by its first character.
    pub(super) fn found(&mut self) -> Result<JsonType> {
        Ok(match self.token()? {
            b'{' => JsonType::Object,
            b'[' => JsonType::Array,
            b'"' => JsonType::String,
            b't' | b'f' => JsonType::Boolean,
            b'n' => JsonType::Null,
            b'-' | b'0'..=b'9' => JsonType::Number,
            _ => return Err(SYNTAX),
        })
    }

    /// A value of this type has to begin here. One of another type must at least be JSON for that to be the fault.
    pub(super) fn want(&mut self, expected: JsonType) -> Result<()> {
        let found = self.found()?;
        if found == expected {
            return Ok(());
        }
        self.skip()?;
        Err(JsonErrorKind::WrongType { expected, found })
    }

    pub(super) fn null(&mut self) -> Result<()> {
        self.want(JsonType::Null)?;
        self.word()
    }

    pub(super) fn boolean(&mut self) -> Result<bool> {
        self.want(JsonType::Boolean)?;
        let value = self.byte()? == b't';
        self.word().map(|()| value)
    }

    /// An array or an object begins.
    pub(super) fn open(&mut self, expected: JsonType) -> Result<()> {
        self.want(expected)?;
        if self.depth == MAX_DEPTH {
            return Err(JsonErrorKind::TooDeep);
        }
        self.depth += 1;
        self.at += 1;
        Ok(())
    }

    /// Whether there is one more in the array or object that `close` ends; if not, that is passed over.
    pub(super) fn next_item(&mut self, is_first: bool, close: u8) -> Result<bool> {
        match self.token()? {
            byte if byte == close => {
                self.depth = self.depth.saturating_sub(1);
                self.at += 1;
                return Ok(false);
            }
            b',' if !is_first => self.at += 1,
            _ if is_first => {}
            _ => return Err(SYNTAX),
        }
        Ok(true)
    }

    /// There was to be no more in it. What there is must at least be JSON for that to be the fault.
    pub(super) fn close(&mut self, is_first: bool, close: u8) -> Result<()> {
        if !self.next_item(is_first, close)? {
            return Ok(());
        }
        if close == b'}' {
            self.key(false)?;
        }
        self.skip()?;
        Err(JsonErrorKind::TooLong)
    }

    /// The name of a member and its colon.
    pub(super) fn key(&mut self, is_wanted: bool) -> Result<&'t str> {
        if self.token()? != b'"' {
            return Err(SYNTAX);
        }
        let key = self.quoted(is_wanted)?;
        if self.token()? != b':' {
            return Err(SYNTAX);
        }
        self.at += 1;
        Ok(key)
    }

    pub(super) fn string(&mut self) -> Result<&'t str> {
        self.want(JsonType::String)?;
        self.quoted(true)
    }

    /// A string (RFC 8259 §7) with its quotes. In one that is wanted, half a surrogate pair is a fault.
    fn quoted(&mut self, is_wanted: bool) -> Result<&'t str> {
        self.at += 1;
        let start = self.at;
        let mut end = start;
        let mut put = |text: &mut [u8], byte| {
            if let Some(place) = text.get_mut(end) {
                *place = byte;
            }
            end += 1;
        };
        loop {
            match self.byte()? {
                b'"' => break,
                ..0x20 => return Err(SYNTAX),
                b'\\' => {
                    self.at += 1;
                    let character = self.escaped(is_wanted)?;
                    character.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| put(self.text, byte));
                }
                byte => {
                    self.at += 1;
                    put(self.text, byte);
                }
            }
        }
        let (lent, text) = core::mem::take(&mut self.text).split_at_mut_checked(self.at + 1).unwrap_or_default();
        (self.text, self.lent, self.at) = (text, self.lent + self.at + 1, 0);
        let string = core::str::from_utf8(lent.get(start..end).unwrap_or_default());
        string.map_err(|_| JsonErrorKind::Unicode)
    }

    /// The character that an escape stands for, after its backslash.
    fn escaped(&mut self, is_wanted: bool) -> Result<char> {
        let byte = self.byte()?;
        self.at += 1;
        Ok(match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\x08',
            b'f' => '\x0c',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let mut code = self.code_unit()?;
                let second = self.text.get(self.at..).is_some_and(|rest| rest.starts_with(b"\\u"));
                if (0xd800..0xdc00).contains(&code) && second {
                    let behind_first = self.at;
                    self.at += 2;
                    let low = self.code_unit()?;
                    if (0xdc00..0xe000).contains(&low) {
                        code = 0x1_0000 + ((code - 0xd800) << 10) + (low - 0xdc00);
                    } else {
                        self.at = behind_first;
                    }
                }
                match char::from_u32(code) {
                    None if is_wanted => return Err(JsonErrorKind::Unicode),
                    character => character.unwrap_or(char::REPLACEMENT_CHARACTER),
                }
            }
            _ => return Err(SYNTAX),
        })
    }

    /// Four hexadecimal digits.
    fn code_unit(&mut self) -> Result<u32> {
        let mut code = 0;
        for _ in 0..4 {
            let Some(digit) = char::from(self.byte()?).to_digit(16) else { return Err(SYNTAX) };
            code = code << 4 | digit;
            self.at += 1;
        }
        Ok(code)
    }

    /// A number (RFC 8259 §6), as it stands there.
    fn number(&mut self) -> Result<&[u8]> {
        let start = self.at;
        if self.byte()? == b'-' {
            self.at += 1;
        }
        if self.byte()? == b'0' {
            self.at += 1;
            if self.byte().is_ok_and(|byte| byte.is_ascii_digit()) {
                return Err(SYNTAX);
            }
        } else {
            self.digits()?;
        }
        if self.byte().is_ok_and(|byte| byte == b'.') {
            self.at += 1;
            self.digits()?;
        }
        if self.byte().is_ok_and(|byte| matches!(byte, b'e' | b'E')) {
            self.at += 1;
            if matches!(self.byte()?, b'+' | b'-') {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(self.text.get(start..self.at).unwrap_or_default())
    }

    /// One digit or more.
    fn digits(&mut self) -> Result<()> {
        if !self.byte()?.is_ascii_digit() {
            return Err(SYNTAX);
        }
        while self.byte().is_ok_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        Ok(())
    }

    pub(super) fn integer(&mut self, min: i64, max: u64) -> Result<u64> {
        self.want(JsonType::Number)?;
        number::integer(self.number()?, min, max)
    }

    /// The bits of a float, those of its magnitude, and whether it is negative.
    pub(super) fn float(&mut self, format: &number::Format) -> Result<(u64, bool)> {
        self.want(JsonType::Number)?;
        let text = self.number()?;
        let (magnitude, is_negative) = match text {
            [b'-', magnitude @ ..] => (magnitude, true),
            _ => (text, false),
        };
        let bits = number::float(magnitude, format).ok_or(JsonErrorKind::OutOfRange)?;
        Ok((bits, is_negative))
    }

    /// Whether the number that begins here can be an integer, and if so, whether a negative one.
    pub(super) fn is_integer(&mut self) -> Result<Option<bool>> {
        let at = self.at;
        let text = self.number()?;
        let is_integer = number::integer(text, i64::MIN, u64::MAX).is_ok();
        let is_negative = text.starts_with(b"-");
        self.at = at;
        Ok(is_integer.then_some(is_negative))
    }

    /// Passes over a value, whatever it is, without recursion and without memory but a few words.
    pub(super) fn skip(&mut self) -> Result<()> {
        let outside = self.depth;
        // One bit for each level we are inside of: 1 for an object, 0 for an array.
        let mut levels = 0u32;
        loop {
            // Here a value begins.
            let found = self.found()?;
            let mut is_first = false;
            match found {
                JsonType::Array | JsonType::Object => {
                    self.open(found)?;
                    levels = levels << 1 | u32::from(found == JsonType::Object);
                    is_first = true;
                }
                JsonType::String => _ = self.quoted(false)?,
                JsonType::Number => _ = self.number()?,
                JsonType::Boolean | JsonType::Null => self.word()?,
            }
            // And here one has ended, or an array or object begun.
            loop {
                if self.depth == outside {
                    return Ok(());
                }
                let is_object = levels & 1 == 1;
                if self.next_item(is_first, if is_object { b'}' } else { b']' })? {
                    if is_object {
                        self.key(false)?;
                    }
                    break;
                }
                levels >>= 1;
                is_first = false;
            }
        }
    }
}

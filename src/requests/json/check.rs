//! Whether a text is JSON (RFC 8259), all of it: also the parts that nobody asked for and a deserializer skips.

use super::JsonError;

/// The deepest nesting that is accepted. What is skipped of a value is skipped recursively: this bounds the stack.
pub const MAX_DEPTH: u32 = 32;

/// Checks the whole text, without recursion and without memory but a few words.
///
/// # Errors
/// [`JsonError::UnexpectedEnd`], [`Syntax`](JsonError::Syntax), [`Number`](JsonError::Number),
/// [`Unicode`](JsonError::Unicode), [`TooDeep`](JsonError::TooDeep) or
/// [`TrailingCharacters`](JsonError::TrailingCharacters).
pub(super) fn check(text: &[u8]) -> Result<(), JsonError> {
    core::str::from_utf8(text).map_err(|_| JsonError::Unicode)?;
    let mut text = Text(text);
    // One bit for each level we are inside of: 1 for an object, 0 for an array.
    let (mut levels, mut depth) = (0u32, 0);
    loop {
        // Here a value begins.
        match text.next_token()? {
            open @ (b'{' | b'[') => {
                if depth == MAX_DEPTH {
                    return Err(JsonError::TooDeep);
                }
                let is_object = open == b'{';
                if text.peek_token() != Some(open + 2) {
                    (levels, depth) = (levels << 1 | u32::from(is_object), depth + 1);
                    if is_object {
                        text.key()?;
                    }
                    continue;
                }
                text.next_token()?; // empty: `]` and `}` come two after what opens them
            }
            b'"' => text.string()?,
            b't' => text.literal(b"rue")?,
            b'f' => text.literal(b"alse")?,
            b'n' => text.literal(b"ull")?,
            first @ (b'-' | b'0'..=b'9') => text.number(first)?,
            _ => return Err(JsonError::Syntax),
        }
        // And here one has ended; with it perhaps what it is in.
        loop {
            if depth == 0 {
                return if text.peek_token().is_none() { Ok(()) } else { Err(JsonError::TrailingCharacters) };
            }
            let is_object = levels & 1 == 1;
            match text.next_token()? {
                b',' if is_object => {
                    text.key()?;
                    break;
                }
                b',' => break,
                b'}' if is_object => {}
                b']' if !is_object => {}
                _ => return Err(JsonError::Syntax),
            }
            (levels, depth) = (levels >> 1, depth - 1);
        }
    }
}

/// What is left of the text.
struct Text<'t>(&'t [u8]);

impl Text<'_> {
    fn next(&mut self) -> Result<u8, JsonError> {
        let (first, rest) = self.0.split_first().ok_or(JsonError::UnexpectedEnd)?;
        self.0 = rest;
        Ok(*first)
    }

    /// The first byte that is not white space, without taking it.
    fn peek_token(&mut self) -> Option<u8> {
        while let [b' ' | b'\t' | b'\n' | b'\r', rest @ ..] = self.0 {
            self.0 = rest;
        }
        self.0.first().copied()
    }

    fn next_token(&mut self) -> Result<u8, JsonError> {
        self.peek_token();
        self.next()
    }

    /// The name of a member and its colon.
    fn key(&mut self) -> Result<(), JsonError> {
        if self.next_token()? != b'"' {
            return Err(JsonError::Syntax);
        }
        self.string()?;
        if self.next_token()? == b':' { Ok(()) } else { Err(JsonError::Syntax) }
    }

    /// The rest of a string, after its first quote (RFC 8259 §7).
    fn string(&mut self) -> Result<(), JsonError> {
        loop {
            match self.next()? {
                b'"' => return Ok(()),
                b'\\' => match self.next()? {
                    b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
                    b'u' => {
                        for _ in 0..4 {
                            if !self.next()?.is_ascii_hexdigit() {
                                return Err(JsonError::Unicode);
                            }
                        }
                    }
                    _ => return Err(JsonError::Unicode),
                },
                0..0x20 => return Err(JsonError::Syntax),
                _ => {}
            }
        }
    }

    fn literal(&mut self, rest: &[u8]) -> Result<(), JsonError> {
        for wanted in rest {
            if self.next()? != *wanted {
                return Err(JsonError::Syntax);
            }
        }
        Ok(())
    }

    /// The rest of a number, after its first character (RFC 8259 §6).
    fn number(&mut self, first: u8) -> Result<(), JsonError> {
        let first = if first == b'-' { self.next()? } else { first };
        match first {
            b'0' => {}
            b'1'..=b'9' => _ = self.digits(),
            _ => return Err(JsonError::Number),
        }
        if let [b'.', rest @ ..] = self.0 {
            self.0 = rest;
            self.some_digits()?;
        }
        if let [b'e' | b'E', rest @ ..] = self.0 {
            self.0 = rest;
            if let [b'+' | b'-', rest @ ..] = self.0 {
                self.0 = rest;
            }
            self.some_digits()?;
        }
        // A digit here follows a leading zero.
        if self.0.first().is_some_and(u8::is_ascii_digit) { Err(JsonError::Number) } else { Ok(()) }
    }

    fn digits(&mut self) -> usize {
        let digits = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.0 = self.0.get(digits..).unwrap_or_default();
        digits
    }

    fn some_digits(&mut self) -> Result<(), JsonError> {
        if self.digits() > 0 { Ok(()) } else { Err(JsonError::Number) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_json() {
        let nested = "[".repeat(32) + &"]".repeat(32);
        let values = [
            "null",
            " true ",
            "false",
            "0",
            "-0",
            "-1.5e+10",
            "1E9",
            "\"\"",
            "\"a\\\"\\u00e9\\n/\"",
            "[]",
            "[ ]",
            "{}",
            "[1,[2,{}],3]",
            "{\"a\":{\"b\":[]},\"c\":1}",
            "\t[\r\n1 , 2 ]",
            "{ \"a\" : 1 , \"b\" : 2 }",
            &nested,
        ];
        for text in values {
            assert_eq!(check(text.as_bytes()), Ok(()), "{text}");
        }
    }

    #[test]
    fn what_is_not() {
        use JsonError::{Number, Syntax, TooDeep, TrailingCharacters, UnexpectedEnd, Unicode};
        let deep = "[".repeat(100_000);
        let wrong: &[(&str, JsonError)] = &[
            ("", UnexpectedEnd),
            ("  ", UnexpectedEnd),
            ("[", UnexpectedEnd),
            ("{\"a\"", UnexpectedEnd),
            ("\"a", UnexpectedEnd),
            ("tru", UnexpectedEnd),
            ("-", UnexpectedEnd),
            ("[1", UnexpectedEnd),
            ("True", Syntax),
            ("[1,]", Syntax),
            ("[,1]", Syntax),
            ("{,}", Syntax),
            ("{\"a\":1,}", Syntax),
            ("{a:1}", Syntax),
            ("{\"a\" 1}", Syntax),
            ("[1 2]", Syntax),
            ("[1}", Syntax),
            ("{\"a\":1]", Syntax),
            ("]", Syntax),
            ("'a'", Syntax),
            ("\"\t\"", Syntax),
            ("NaN", Syntax),
            ("[1:2]", Syntax),
            ("+1", Syntax),
            (".5", Syntax),
            ("\u{feff}1", Syntax),
            ("\u{a0}1", Syntax),
            ("01", Number),
            ("-01", Number),
            ("1.", Number),
            ("1.e5", Number),
            ("1e", Number),
            ("1e+", Number),
            ("-a", Number),
            ("\"\\x\"", Unicode),
            ("\"\\u12g4\"", Unicode),
            ("1 2", TrailingCharacters),
            ("{}}", TrailingCharacters),
            ("1a", TrailingCharacters),
            ("0x1", TrailingCharacters),
            (&deep, TooDeep),
        ];
        for (text, error) in wrong {
            assert_eq!(check(text.as_bytes()), Err(*error), "{text}");
        }
        assert_eq!(check(b"\"\xff\""), Err(Unicode));
    }
}

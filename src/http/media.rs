//! Media types (RFC 9110 §8.3), as far as they are of interest here: the charset.

use super::bytes::{cut, trim};

/// The charset that a Content-Type names, without its quotes.
pub(crate) fn charset(content_type: &str) -> Option<&str> {
    let mut rest = cut(content_type.as_bytes(), b';')?.1;
    loop {
        let (name, value) = cut(rest, b'=')?;
        let value = value.trim_ascii_start();
        let is_quoted = value.first() == Some(&b'"');
        let (value, after) = if is_quoted {
            // Up to the quote that no backslash stands before.
            let mut escaped = false;
            let end = value.iter().skip(1).position(|byte| match byte {
                b'"' if !escaped => true,
                byte => {
                    escaped = *byte == b'\\' && !escaped;
                    false
                }
            })?;
            (value.get(1..=end)?, cut(value.get(end + 2..)?, b';').map_or(&b""[..], |(_, rest)| rest))
        } else {
            cut(value, b';').unwrap_or((value, b""))
        };
        // A parameter without a value, and then this one.
        let name = name.rsplit(|byte| *byte == b';').next().unwrap_or_default();
        if trim(name).eq_ignore_ascii_case(b"charset") {
            let value = if is_quoted { value } else { trim(value) };
            return core::str::from_utf8(value).ok().filter(|value| !value.is_empty());
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::charset;

    #[test]
    fn charsets() {
        let cases = [
            ("text/html; charset=utf-8", Some("utf-8")),
            ("text/html;charset=ISO-8859-1", Some("ISO-8859-1")),
            ("text/html ; Charset = \"utf-8\" ; x=y", Some("utf-8")),
            ("text/html; a=b; charset=x", Some("x")),
            ("text/html; a=\"; charset=no; \\\" =\"; charset=yes", Some("yes")),
            ("text/html; flag; charset=x", Some("x")),
            ("text/html", None),
            ("text/html;", None),
            ("text/html; charset", None),
            ("text/html; charset=", None),
            ("text/html; charset=\"", None),
            ("text/html; charset=\"\"", None),
            ("text/html; notcharset=x", None),
            ("", None),
        ];
        for (content_type, wanted) in cases {
            assert_eq!(charset(content_type), wanted, "{content_type}");
        }
    }
}

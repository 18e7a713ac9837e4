//! URLs of the schemes `http` and `https`, normalised into a caller's buffer.

use core::net::IpAddr;

use super::bytes::{cut, cut_last, split_before};
use super::error::UrlError;
use super::head::Span;
use super::host::write_host;
use super::normal;
use super::percent::{EncodeSet, encode, encode_byte, encoded_len, form_set, path_set, query_set, userinfo_set};
use super::scheme::Scheme;
use super::writer::ByteWriter;
use crate::addr::ip_literal;

/// An absolute `http` or `https` URL, as ranges of its normal form.
///
/// [`parse`](Self::parse) and [`resolve`](Self::resolve) write the normal form to the start of a buffer; this small value
/// remembers where the parts are. Each accessor takes that buffer again; given another one it returns something empty or
/// wrong, never a panic. The normal form is visible ASCII only, so no part of it can break out of a request head.
///
/// # Examples
///
/// ```
/// use socketpool::http::{Scheme, Url};
///
/// let mut text = [0; 64];
/// let url = Url::parse("https://Ada@[2001:DB8::1]:8443/a/../b c?q=é#part", &mut text)?;
/// assert_eq!(url.text(&text), "https://Ada@[2001:db8::1]:8443/b%20c?q=%C3%A9");
/// assert_eq!((url.scheme(), url.host(&text), url.port()), (Scheme::Https, "2001:db8::1", 8443));
/// assert_eq!(url.authority(&text), "[2001:db8::1]:8443"); // the Host field
/// assert_eq!(url.target(&text), "/b%20c?q=%C3%A9"); // the request target
///
/// let mut other = [0; 64];
/// let next = url.resolve(&text, "../c?x", &mut other)?; // a redirect
/// assert_eq!(next.text(&other), "https://Ada@[2001:db8::1]:8443/c?x");
/// # Ok::<(), socketpool::http::UrlError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Url {
    scheme: Scheme,
    port: u16,
    has_explicit_port: bool,
    userinfo: Span,
    /// Brackets included.
    host: Span,
    /// Where the authority ends and the path begins.
    path: u16,
    /// Where the path ends and the query, with its `?`, begins.
    query: u16,
    len: u16,
}

impl Url {
    /// Reads an absolute URL and writes its normal form to the start of `out`.
    ///
    /// The reading is that of the WHATWG URL standard, with what is doubtful refused by name instead of repaired; spaces
    /// around the URL and its fragment are dropped. Scheme and host become lower case, the default port goes, dot segments
    /// are resolved, and what a path or query may not contain is percent-encoded.
    ///
    /// # Errors
    ///
    /// Any [`UrlError`]; `BufferTooSmall` has the exact size needed.
    pub fn parse(input: &str, out: &mut [u8]) -> Result<Self, UrlError> {
        if let Some(url) = Self::copied(input.as_bytes(), out) {
            return Ok(url);
        }
        let (scheme, rest) = split_scheme(clean(input.as_bytes())?).ok_or(UrlError::MissingScheme)?;
        Self::absolute(scheme?, rest, out)
    }

    /// A URL that is in normal form already, if it is evidently one, and fits.
    fn copied(input: &[u8], out: &mut [u8]) -> Option<Self> {
        let normal::Parts { scheme, host, query } = normal::parts(input)?;
        let len = u16::try_from(input.len()).ok()?;
        out.get_mut(..input.len())?.copy_from_slice(input);
        Some(Self {
            scheme,
            port: scheme.default_port(),
            has_explicit_port: false,
            userinfo: Span::default(),
            host: Span::new(host.start, host.end)?,
            path: host.end as u16,
            query: query as u16,
            len,
        })
    }

    /// Reads `reference` as found at this URL, whose normal form is in `text`, as in a Location field (RFC 3986 §5). The
    /// result goes to the start of `out`, as by [`parse`](Self::parse).
    ///
    /// # Errors
    ///
    /// Any [`UrlError`]; `BufferTooSmall` has the exact size needed.
    pub fn resolve(&self, text: &[u8], reference: &str, out: &mut [u8]) -> Result<Self, UrlError> {
        self.resolve_bytes(text, reference.as_bytes(), out)
    }

    /// The same for a reference that need not be UTF-8, as some servers send it: a byte from 0x80 up is percent-encoded as
    /// it is (RFC 3986 §2.1), except in the host, which has to be ASCII.
    pub(crate) fn resolve_bytes(&self, text: &[u8], reference: &[u8], out: &mut [u8]) -> Result<Self, UrlError> {
        let mut reference = clean(reference)?;
        if let Some((scheme, rest)) = split_scheme(reference) {
            // `http:path` is taken as relative to an http URL, as RFC 3986 §5.2.2 allows and browsers do.
            let scheme = scheme?;
            if scheme != self.scheme || rest.starts_with(b"//") {
                return Self::absolute(scheme, rest, out);
            }
            reference = rest;
        }
        if reference.starts_with(b"//") {
            return Self::absolute(self.scheme, reference, out);
        }

        let mut builder = Builder::new(self.scheme, out);
        builder.url = Self { path: 0, query: 0, len: 0, ..*self };
        builder.writer.extend(Span { start: 0, end: self.path }.of(text));
        let (base_path, base_query) = split_query(Span { start: self.path, end: self.len }.of(text));
        let (directory, last) = cut_last(base_path, b'/').unwrap_or_default();
        match split_query(reference) {
            ([], query) => builder.path(directory, last)?.query(query.or(base_query)).finish(),
            ([b'/', path @ ..], query) => builder.path(b"", path)?.query(query).finish(),
            (path, query) => builder.path(directory, path)?.query(query).finish(),
        }
    }

    /// Appends the pair `name=value` to the query of this URL, whose normal form is in `out`. All but letters, digits and
    /// `*-._` is percent-encoded; a space becomes `%20`. The URL before stays valid in the same buffer.
    ///
    /// # Errors
    ///
    /// [`BufferTooSmall`](UrlError::BufferTooSmall) with the exact size needed, or [`TooLong`](UrlError::TooLong).
    ///
    /// # Examples
    ///
    /// ```
    /// use socketpool::http::Url;
    ///
    /// let mut text = [0; 64];
    /// let url = Url::parse("http://example.com", &mut text)?;
    /// let url = url.push_query(&mut text, "city", "Den Haag")?.push_query(&mut text, "c&d", "1")?;
    /// assert_eq!(url.target(&text), "/?city=Den%20Haag&c%26d=1");
    /// # Ok::<(), socketpool::http::UrlError>(())
    /// ```
    pub fn push_query(&self, out: &mut [u8], name: &str, value: &str) -> Result<Self, UrlError> {
        let separator: &[u8] = match self.query(out) {
            None => b"?",
            Some("") => b"",
            Some(_) => b"&",
        };
        let mut builder = Builder { url: *self, writer: ByteWriter::after(out, usize::from(self.len)) };
        builder.writer.extend(separator);
        encode(name.as_bytes(), form_set, &mut builder.writer);
        builder.writer.push(b'=');
        encode(value.as_bytes(), form_set, &mut builder.writer);
        builder.finish()
    }

    /// `http` or `https`.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The port to connect to.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Whether the normal form names the port, because it is not the default of the scheme.
    #[must_use]
    pub const fn has_explicit_port(&self) -> bool {
        self.has_explicit_port
    }

    /// Bytes of the normal form.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a URL is never empty")]
    pub const fn len(&self) -> usize {
        self.len as usize
    }

    /// The whole normal form. It includes the userinfo: think before logging it.
    #[must_use]
    pub fn text<'t>(&self, text: &'t [u8]) -> &'t str {
        Span { start: 0, end: self.len }.of_str(text)
    }

    /// `user` or `user:password`, percent-encoded, if there is one. Never part of what is sent as target or Host.
    #[must_use]
    pub fn userinfo<'t>(&self, text: &'t [u8]) -> Option<&'t str> {
        Some(self.userinfo.of_str(text)).filter(|userinfo| !userinfo.is_empty())
    }

    /// The host to look up: a name, or an IPv4 or IPv6 address without brackets.
    #[must_use]
    pub fn host<'t>(&self, text: &'t [u8]) -> &'t str {
        let host = self.host.of_str(text);
        host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
    }

    /// The address, if the host is one and needs no looking up.
    #[must_use]
    pub fn ip_address(&self, text: &[u8]) -> Option<IpAddr> {
        ip_literal(self.host.of_str(text))
    }

    /// The value of the Host field: the host, IPv6 in brackets, and `:port` unless it is the default (RFC 9112 §3.2).
    #[must_use]
    pub fn authority<'t>(&self, text: &'t [u8]) -> &'t str {
        Span { start: self.host.start, end: self.path }.of_str(text)
    }

    /// The path; begins with `/`.
    #[must_use]
    pub fn path<'t>(&self, text: &'t [u8]) -> &'t str {
        Span { start: self.path, end: self.query }.of_str(text)
    }

    /// The query without its `?`, if there is one.
    #[must_use]
    pub fn query<'t>(&self, text: &'t [u8]) -> Option<&'t str> {
        Span { start: self.query, end: self.len }.of_str(text).strip_prefix('?')
    }

    /// The request target in origin form: path and query (RFC 9112 §3.2.1).
    #[must_use]
    pub fn target<'t>(&self, text: &'t [u8]) -> &'t str {
        Span { start: self.path, end: self.len }.of_str(text)
    }

    /// Whether both lead to the same scheme, host and port (RFC 6454 §5), so that credentials for one may go to the other.
    #[must_use]
    pub fn is_same_origin(&self, text: &[u8], other: &Self, other_text: &[u8]) -> bool {
        let host = self.host(text);
        // An empty host comes from a wrong buffer, and belongs to no URL.
        (self.scheme, self.port, host) == (other.scheme, other.port, other.host(other_text)) && !host.is_empty()
    }

    /// What comes after `http:` when no base is involved. Any number of slashes may stand before the authority.
    fn absolute(scheme: Scheme, mut rest: &[u8], out: &mut [u8]) -> Result<Self, UrlError> {
        while let [b'/', after @ ..] = rest {
            rest = after;
        }
        let (authority, rest) = split_before(rest, rest.iter().position(|byte| matches!(byte, b'/' | b'?')));
        let (path, query) = split_query(rest);
        let mut builder = Builder::new(scheme, out);
        builder.writer.extend(scheme.as_str().as_bytes());
        builder.writer.extend(b"://");
        builder.authority(authority)?;
        builder.path(b"", path.strip_prefix(b"/").unwrap_or_default())?.query(query).finish()
    }
}

/// Refuses what is refused everywhere, and drops the fragment and the spaces around.
fn clean(mut input: &[u8]) -> Result<&[u8], UrlError> {
    if input.iter().any(|byte| *byte < b' ') {
        return Err(UrlError::ControlCharacter);
    }
    while let [b' ', rest @ ..] | [rest @ .., b' '] = input {
        input = rest;
    }
    let (input, _fragment) = cut(input, b'#').unwrap_or((input, b""));
    if split_query(input).0.contains(&b'\\') { Err(UrlError::Backslash) } else { Ok(input) }
}

/// Splits off a scheme and its colon, if there is one (RFC 3986 §3.1).
fn split_scheme(input: &[u8]) -> Option<(Result<Scheme, UrlError>, &[u8])> {
    let (name, rest) = cut(input, b':')?;
    let is_scheme = name.first().is_some_and(u8::is_ascii_alphabetic)
        && name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
    let is = |scheme: &Scheme| name.eq_ignore_ascii_case(scheme.as_str().as_bytes());
    let known = [Scheme::Http, Scheme::Https].into_iter().find(is);
    is_scheme.then_some((known.ok_or(UrlError::UnsupportedScheme), rest))
}

/// Splits at the first `?`.
fn split_query(input: &[u8]) -> (&[u8], Option<&[u8]>) {
    cut(input, b'?').map_or((input, None), |(path, query)| (path, Some(query)))
}

/// Writes a URL part by part.
struct Builder<'b> {
    writer: ByteWriter<'b>,
    url: Url,
}

impl<'b> Builder<'b> {
    fn new(scheme: Scheme, out: &'b mut [u8]) -> Self {
        let nowhere = Span::default();
        let port = scheme.default_port();
        let url =
            Url { scheme, port, has_explicit_port: false, userinfo: nowhere, host: nowhere, path: 0, query: 0, len: 0 };
        Self { writer: ByteWriter::new(out), url }
    }

    fn here(&self) -> Result<u16, UrlError> {
        u16::try_from(self.writer.needed()).map_err(|_| UrlError::TooLong)
    }

    fn authority(&mut self, authority: &[u8]) -> Result<(), UrlError> {
        let (userinfo, host_and_port) = cut_last(authority, b'@').unwrap_or((b"", authority));
        let (user, password) = cut(userinfo, b':').unwrap_or((userinfo, b""));
        if !(user.is_empty() && password.is_empty()) {
            let start = self.here()?;
            encode(user, userinfo_set, &mut self.writer);
            if !password.is_empty() {
                self.writer.push(b':');
                encode(password, userinfo_set, &mut self.writer);
            }
            self.url.userinfo = Span { start, end: self.here()? };
            self.writer.push(b'@');
        }

        // The first colon behind an IPv6 literal, if there is one, begins the port.
        let literal = host_and_port.iter().rposition(|byte| *byte == b']').unwrap_or(0);
        let colon = host_and_port.iter().skip(literal).position(|byte| *byte == b':').map(|at| literal + at);
        let (host, port) = split_before(host_and_port, colon);
        let start = self.here()?;
        write_host(host, &mut self.writer)?;
        self.url.host = Span { start, end: self.here()? };

        if let Some(port) = port.strip_prefix(b":").filter(|digits| !digits.is_empty()) {
            let port = parse_port(port).ok_or(UrlError::InvalidPort)?;
            if port != self.url.port {
                self.url.port = port;
                self.url.has_explicit_port = true;
                self.writer.push(b':');
                self.writer.decimal(u64::from(port));
            }
        }
        Ok(())
    }

    /// Writes the path `directory/path`, where `directory` is empty or begins with `/`.
    ///
    /// The kept segments are known from the last to the first, so they are written from the end, at places that follow from
    /// the length of them all: no segment is written only to be removed again, and a buffer too small is no special case.
    fn path(mut self, directory: &[u8], path: &[u8]) -> Result<Self, UrlError> {
        self.url.path = self.here()?;
        let len: usize = kept_segments(directory, path).map(|segment| 1 + encoded_len(segment, path_set)).sum();
        let mut at = self.writer.needed().saturating_add(len);
        for segment in kept_segments(directory, path) {
            at -= encoded_len(segment, path_set);
            self.put(at, segment, path_set);
            at -= 1;
            self.writer.put(at, b'/');
        }
        self.writer.skip(len);
        self.url.query = self.here()?;
        Ok(self)
    }

    fn put(&mut self, mut at: usize, text: &[u8], set: EncodeSet) {
        for byte in text {
            let (encoded, len) = encode_byte(*byte, set);
            for byte in encoded.iter().take(len) {
                self.writer.put(at, *byte);
                at += 1;
            }
        }
    }

    fn query(mut self, query: Option<&[u8]>) -> Self {
        if let Some(query) = query {
            self.writer.push(b'?');
            encode(query, query_set, &mut self.writer);
        }
        self
    }

    fn finish(mut self) -> Result<Url, UrlError> {
        self.url.len = self.here()?;
        let need = self.writer.needed();
        if self.writer.is_overflowing() { Err(UrlError::BufferTooSmall { need }) } else { Ok(self.url) }
    }
}

/// The segments of `directory/path` that are left once dot segments are resolved (RFC 3986 §5.2.4), last one first.
fn kept_segments<'a>(directory: &'a [u8], path: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let is_slash = |byte: &u8| *byte == b'/';
    let parents = directory.strip_prefix(b"/").into_iter().flat_map(move |parents| parents.rsplit(is_slash));
    let mut to_drop = 0usize;
    path.rsplit(is_slash).chain(parents).enumerate().filter_map(move |(from_end, segment)| {
        let dots = dot_segment(segment);
        if dots == 0 && to_drop == 0 {
            return Some(segment);
        }
        to_drop = if dots == 0 { to_drop - 1 } else { to_drop + usize::from(dots == 2) };
        (from_end == 0).then_some(&b""[..]) // `a/.` and `a/b/..` both end in a slash
    })
}

/// How many dots, if `segment` is `.` or `..`, each of them possibly spelt `%2e`; 0 if it is something else.
fn dot_segment(segment: &[u8]) -> u8 {
    let (mut rest, mut dots) = (segment, 0);
    while let [b'.', after @ ..] | [b'%', b'2', b'e' | b'E', after @ ..] = rest {
        (rest, dots) = (after, dots + 1);
        if dots > 2 {
            return 0;
        }
    }
    if rest.is_empty() { dots } else { 0 }
}

/// Digits, with any number of leading zeros, up to 65535.
fn parse_port(digits: &[u8]) -> Option<u16> {
    digits.iter().try_fold(0u16, |port, digit| {
        digit.is_ascii_digit().then_some(())?;
        port.checked_mul(10)?.checked_add(u16::from(digit - b'0'))
    })
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::vec::Vec;

    use super::{Scheme, Url, dot_segment, kept_segments};

    /// The long way, which [`Url::parse`] takes for what is not evidently in normal form.
    fn normalised(input: &str, out: &mut [u8]) -> Option<Url> {
        let (scheme, rest) = super::split_scheme(super::clean(input.as_bytes()).ok()?)?;
        Url::absolute(scheme.ok()?, rest, out).ok()
    }

    #[test]
    fn what_is_copied_is_what_the_long_way_gives() {
        let pieces = [
            "http://",
            "https://",
            "HTTP://",
            "a",
            "host",
            "example.com",
            "xn--",
            "0x1",
            "1.2.3.4",
            "-",
            "--",
            ".",
            "..",
            "/",
            "//",
            "/.",
            "/..",
            "%2e",
            "%41",
            "?",
            "#",
            "@",
            ":",
            ":80",
            "A",
            "'",
            "\"",
            "\\",
            " ",
            "\t",
            "{",
            "|",
            "[",
            "^",
            "\u{e9}",
            "&x=1",
            "~",
            "`",
            "\u{7f}",
        ];
        let (mut state, mut copied) = (7u32, 0);
        for _ in 0..200_000 {
            let mut text = std::string::String::from(if state & 1 == 0 { "http://host.example" } else { "https://" });
            for _ in 0..(state >> 8) % 6 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                text.push_str(pieces[(state >> 16) as usize % pieces.len()]);
            }
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let (mut short, mut long) = ([0; 128], [0; 128]);
            if let Some(url) = Url::copied(text.as_bytes(), &mut short) {
                copied += 1;
                assert_eq!(Some(url), normalised(&text, &mut long), "{text}");
                assert_eq!((short, url.text(&short)), (long, &text[..]));
            }
        }
        assert!(copied > 1_000, "{copied}");
        assert_eq!(
            Url::copied(b"https://api.example.com/v1/now?city=Den%20Haag", &mut [0; 64]).map(|url| url.scheme()),
            Some(Scheme::Https)
        );
        assert_eq!(Url::copied(b"http://host/", &mut [0; 11]), None);
    }

    #[test]
    fn dot_segments_in_every_spelling() {
        for (segment, dots) in [(".", 1), ("%2e", 1), ("%2E", 1), ("..", 2), (".%2e", 2), ("%2E.", 2), ("%2e%2E", 2)] {
            assert_eq!(dot_segment(segment.as_bytes()), dots, "{segment}");
        }
        for segment in ["", "...", "....", "a", ".a", "..a", "%2", "%2f", "%2e%2e%2e", "%2ex"] {
            assert_eq!(dot_segment(segment.as_bytes()), 0, "{segment}");
        }
    }

    #[test]
    fn kept_segments_come_last_first() {
        let check = |directory: &str, path: &str, wanted: &[&str]| {
            let kept: Vec<_> = kept_segments(directory.as_bytes(), path.as_bytes()).collect();
            let wanted: Vec<_> = wanted.iter().map(|segment| segment.as_bytes()).collect();
            assert_eq!(kept, wanted, "{directory} {path}");
        };
        check("", "", &[""]);
        check("/b/c", "../g", &["g", "b"]);
        check("/b/c", "../../../g", &["g"]);
        check("/b/c", ".", &["", "c", "b"]);
        check("", "///../..", &["", ""]);
        check("/", "g", &["g", ""]);
        check("", "..", &[""]);
    }
}

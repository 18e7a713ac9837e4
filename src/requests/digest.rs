//! Digest authentication (RFC 7616): a response to a challenge proves that one knows the password, without telling it.

use core::fmt;

use crate::http::{EncodeError, Fields, is_field_value};

/// Who asks.
#[derive(Clone, Copy)]
pub(crate) struct Credentials<'r> {
    pub(crate) user: &'r str,
    pub(crate) password: &'r str,
    pub(crate) cnonce: &'r str,
}

impl fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials")
    }
}

/// What a server wants to have answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Challenge<'h> {
    realm: &'h [u8],
    nonce: &'h [u8],
    opaque: Option<&'h [u8]>,
    hash: Hash,
    /// Whether the session's nonces go into the key (`-sess`).
    session: bool,
    /// Whether it offers `qop=auth`. Devices from before RFC 2617 do not.
    qop: bool,
    /// Whether the response was right, but to a nonce that is too old.
    pub(crate) stale: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hash {
    Sha256,
    #[cfg(feature = "md5-digest")]
    Md5,
}

impl<'h> Challenge<'h> {
    /// The best one that can be answered: the first with SHA-256, else the first.
    pub(crate) fn find(fields: Fields<'h>) -> Option<Self> {
        let mut found: Option<Self> = None;
        for value in fields.get_all("www-authenticate") {
            let mut draft = None;
            for item in Items(value) {
                if let Item::Parameter(name, value) = item {
                    if let Some(draft) = &mut draft {
                        Draft::take(draft, name, value);
                    }
                    continue;
                }
                let last = draft.take().filter(|_| !matches!(item, Item::Malformed));
                found = better(found, last.and_then(Draft::finish));
                draft =
                    matches!(item, Item::Scheme(scheme) if scheme.eq_ignore_ascii_case(b"digest")).then(Draft::default);
            }
            found = better(found, draft.and_then(Draft::finish));
        }
        found
    }

    /// Gives the value of the Authorization field, in pieces, to `write`.
    pub(crate) fn answer<T>(
        &self,
        credentials: &Credentials<'_>,
        method: &str,
        target: &str,
        write: impl FnOnce(&[&[u8]]) -> T,
    ) -> Result<T, EncodeError> {
        const COUNT: &[u8] = b"00000001";
        let Credentials { user, password, cnonce } = *credentials;
        let is_quotable = |text: &str| is_field_value(text.as_bytes()) && !text.contains(['"', '\\']);
        if !is_quotable(user) || !is_quotable(cnonce) || user.contains(':') || cnonce.is_empty() {
            return Err(EncodeError::InvalidCredentials);
        }
        let (user, password, cnonce) = (user.as_bytes(), password.as_bytes(), cnonce.as_bytes());

        let mut key = self.hash.of(&[user, b":", self.realm, b":", password]);
        if self.session {
            key = self.hash.of(&[key.as_bytes(), b":", self.nonce, b":", cnonce]);
        }
        let request = self.hash.of(&[method.as_bytes(), b":", target.as_bytes()]);
        let (key, request) = (key.as_bytes(), request.as_bytes());
        let response = if self.qop {
            self.hash.of(&[key, b":", self.nonce, b":", COUNT, b":", cnonce, b":auth:", request])
        } else {
            self.hash.of(&[key, b":", self.nonce, b":", request])
        };

        let (opaque, close): (&[u8], &[u8]) = match self.opaque {
            Some(_) => (b"\", opaque=\"", b"\""),
            None => (b"\"", b""),
        };
        let (before_count, count, before_cnonce, cnonce, end): (&[u8], _, &[u8], _, &[u8]) = match self.qop {
            true => (b", qop=auth, nc=", COUNT, b", cnonce=\"", cnonce, b"\""),
            // A -sess key cannot be computed without it.
            false if self.session => (b"", &[][..], b", cnonce=\"", cnonce, b"\""),
            false => (b"", &[][..], b"", &[][..], b""),
        };
        Ok(write(&[
            b"Digest username=\"",
            user,
            b"\", realm=\"",
            self.realm,
            b"\", uri=\"",
            target.as_bytes(),
            b"\", algorithm=",
            self.algorithm().as_bytes(),
            b", nonce=\"",
            self.nonce,
            b"\"",
            before_count,
            count,
            before_cnonce,
            cnonce,
            end,
            b", response=\"",
            response.as_bytes(),
            opaque,
            self.opaque.unwrap_or_default(),
            close,
        ]))
    }

    fn algorithm(&self) -> &'static str {
        match (self.hash, self.session) {
            (Hash::Sha256, false) => "SHA-256",
            (Hash::Sha256, true) => "SHA-256-sess",
            #[cfg(feature = "md5-digest")]
            (Hash::Md5, false) => "MD5",
            #[cfg(feature = "md5-digest")]
            (Hash::Md5, true) => "MD5-sess",
        }
    }
}

fn better<'h>(found: Option<Challenge<'h>>, other: Option<Challenge<'h>>) -> Option<Challenge<'h>> {
    match (found, other) {
        (Some(found), Some(other)) if found.hash != Hash::Sha256 && other.hash == Hash::Sha256 => Some(other),
        (Some(found), _) => Some(found),
        (None, other) => other,
    }
}

/// A challenge while its parameters come.
#[derive(Default)]
struct Draft<'h> {
    realm: Option<&'h [u8]>,
    nonce: Option<&'h [u8]>,
    opaque: Option<&'h [u8]>,
    algorithm: Option<&'h [u8]>,
    qop: Option<&'h [u8]>,
    stale: bool,
}

impl<'h> Draft<'h> {
    fn take(&mut self, name: &[u8], value: &'h [u8]) {
        let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
        if is(b"realm") {
            self.realm = Some(value);
        } else if is(b"nonce") {
            self.nonce = Some(value);
        } else if is(b"opaque") {
            self.opaque = Some(value);
        } else if is(b"algorithm") {
            self.algorithm = Some(value);
        } else if is(b"qop") {
            self.qop = Some(value);
        } else if is(b"stale") {
            self.stale = value.eq_ignore_ascii_case(b"true");
        }
    }

    /// The challenge, if it is one that can be answered.
    fn finish(self) -> Option<Challenge<'h>> {
        let algorithm = self.algorithm.unwrap_or(b"MD5");
        let is_session = algorithm.len() > 5 && algorithm[algorithm.len() - 5..].eq_ignore_ascii_case(b"-sess");
        let name = if is_session { &algorithm[..algorithm.len() - 5] } else { algorithm };
        let hash = match name {
            name if name.eq_ignore_ascii_case(b"SHA-256") => Hash::Sha256,
            #[cfg(feature = "md5-digest")]
            name if name.eq_ignore_ascii_case(b"MD5") => Hash::Md5,
            _ => return None,
        };
        let qop = match self.qop {
            None => false,
            Some(offers) => {
                let mut offers = offers.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
                offers.any(|offer| offer.eq_ignore_ascii_case(b"auth")).then_some(true)?
            }
        };
        let (realm, nonce, opaque) = (self.realm?, self.nonce?, self.opaque);
        let may_be_sent = [realm, nonce, opaque.unwrap_or_default()].iter().all(|value| is_field_value(value));
        let challenge = Challenge { realm, nonce, opaque, hash, session: is_session, qop, stale: self.stale };
        (may_be_sent && !nonce.is_empty()).then_some(challenge)
    }
}

/// What a WWW-Authenticate field is made of (RFC 9110 §11.6.1).
struct Items<'h>(&'h [u8]);

enum Item<'h> {
    Scheme(&'h [u8]),
    /// Name, and value without its quotes; escapes in it stay as they are, as they are sent back and hashed (RFC 7616
    /// §3.4.2).
    Parameter(&'h [u8], &'h [u8]),
    /// A quoted string without an end, or a token with a quote or a backslash in it: sent back between quotes, it would end
    /// them. The rest means nothing.
    Malformed,
}

impl<'h> Iterator for Items<'h> {
    type Item = Item<'h>;

    fn next(&mut self) -> Option<Item<'h>> {
        let is_gap = |byte: &u8| matches!(byte, b' ' | b'\t' | b',');
        let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
        let (_, rest) = cut_while(self.0, is_gap);
        let (word, rest) = cut_while(rest, |byte| !matches!(byte, b' ' | b'\t' | b',' | b'=' | b'"'));
        let (_, after) = cut_while(rest, is_blank);
        match after {
            _ if word.is_empty() => {
                // Not a list of challenges: the rest means nothing.
                self.0 = &[];
                None
            }
            [b'=', value @ ..] => {
                let (_, value) = cut_while(value, is_blank);
                let read = match value {
                    [b'"', quoted @ ..] => until_quote(quoted),
                    token => {
                        let (token, rest) = cut_while(token, |byte| !is_gap(byte));
                        (!token.iter().any(|byte| matches!(byte, b'"' | b'\\'))).then_some((token, rest))
                    }
                };
                let (item, rest) =
                    read.map_or((Item::Malformed, &[][..]), |(value, rest)| (Item::Parameter(word, value), rest));
                self.0 = rest;
                Some(item)
            }
            _ => {
                self.0 = rest;
                Some(Item::Scheme(word))
            }
        }
    }
}

fn cut_while(text: &[u8], belongs: impl Fn(&u8) -> bool) -> (&[u8], &[u8]) {
    let len = text.iter().position(|byte| !belongs(byte)).unwrap_or(text.len());
    text.split_at(len)
}

/// A quoted string from behind its opening quote, and what follows it; `None` if it has no end.
fn until_quote(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut is_escaped = false;
    for (index, byte) in text.iter().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return Some((text.get(..index)?, text.get(index + 1..)?)),
            _ => {}
        }
    }
    None
}

impl Hash {
    fn of(self, parts: &[&[u8]]) -> Hex {
        match self {
            Self::Sha256 => hash::<sha2::Sha256>(parts),
            #[cfg(feature = "md5-digest")]
            Self::Md5 => hash::<md5::Md5>(parts),
        }
    }
}

fn hash<D: sha2::Digest>(parts: &[&[u8]]) -> Hex {
    let mut hash = D::new();
    parts.iter().for_each(|part| hash.update(part));
    Hex::new(&hash.finalize())
}

/// A hash in lower-case hexadecimal.
struct Hex {
    text: [u8; 64],
    len: usize,
}

impl Hex {
    fn new(bytes: &[u8]) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 64];
        for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
            pair.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
        Self { text, len: (2 * bytes.len()).min(64) }
    }

    fn as_bytes(&self) -> &[u8] {
        &self.text[..self.len]
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::{string::String, vec::Vec};

    use super::{Challenge, Credentials};
    use crate::http::{EncodeError, Fields};

    const CREDENTIALS: Credentials<'static> = Credentials {
        user: "Mufasa",
        password: "Circle of Life",
        cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    };

    fn answer(challenge: &Challenge<'_>) -> String {
        let value = challenge.answer(&CREDENTIALS, "GET", "/dir/index.html", |parts| parts.concat()).expect("valid");
        String::from_utf8(value).expect("text")
    }

    #[test]
    fn the_example_of_rfc_7616_3_9_1() {
        let head = b"WWW-Authenticate: Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm=SHA-256, \
            nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"\r\n\
            WWW-Authenticate: Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm=MD5, \
            nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"\r\n";
        let challenge = Challenge::find(Fields::new(head)).expect("SHA-256");
        assert_eq!(
            answer(&challenge),
            "Digest username=\"Mufasa\", realm=\"http-auth@example.org\", uri=\"/dir/index.html\", algorithm=SHA-256, \
             nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", qop=auth, nc=00000001, \
             cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", \
             response=\"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1\", \
             opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
        );
        let lines: Vec<_> = head.split_inclusive(|byte| *byte == b'\n').collect();
        let (sha, md5) = (lines[0], lines[1]);
        let only_md5 = Challenge::find(Fields::new(md5));
        assert_eq!(only_md5.is_some(), cfg!(feature = "md5-digest"));
        if let Some(challenge) = only_md5 {
            let answer = answer(&challenge);
            assert!(answer.contains("algorithm=MD5, "));
            assert!(answer.contains("response=\"8ca523f5e9506fed4657c9700eebdbec\""), "{answer}");
            // The better one, whatever the order.
            let other_way_around = [md5, sha].concat();
            let challenge = Challenge::find(Fields::new(&other_way_around)).expect("both");
            assert_eq!(challenge.algorithm(), "SHA-256");
        }
    }

    #[test]
    fn challenges_of_all_shapes_are_read() {
        let find = |value: &str| {
            let line = [b"www-authenticate: ", value.as_bytes(), b"\r\n"].concat();
            let found = Challenge::find(Fields::new(&line));
            found.map(|challenge| {
                let Challenge { realm, nonce, session, qop, stale, .. } = challenge;
                (
                    String::from_utf8_lossy(realm).into_owned(),
                    String::from_utf8_lossy(nonce).into_owned(),
                    session,
                    qop,
                    stale,
                )
            })
        };
        let found = |session, qop, stale| Some(("r".into(), "n".into(), session, qop, stale));
        let plain = "Digest algorithm=SHA-256, realm=r, nonce=n";
        assert_eq!(find(plain), found(false, false, false));
        assert_eq!(
            find("Basic realm=\"x, Digest\", dIGEST ALGORITHM=\"sha-256-SESS\",realm = r , nonce=\"n\",qop=auth"),
            found(true, true, false)
        );
        assert_eq!(
            find("Negotiate abc==, Digest realm=r,nonce=n,algorithm=SHA-256,stale=TRUE, Basic realm=z"),
            None.or(found(false, false, true))
        );
        assert_eq!(find("Digest realm=r, nonce=n, algorithm=SHA-256, qop=\"auth-int\""), None);
        assert_eq!(find("Digest realm=r, algorithm=SHA-256"), None);
        assert_eq!(find("Digest realm=r, nonce=n, algorithm=SHA-512-256"), None);
        assert_eq!(find("Digest realm=\"a\x01\", nonce=n, algorithm=SHA-256"), None);
        assert_eq!(find("Basic realm=x"), None);
        for end in 0..plain.len() {
            assert_eq!(find(&plain[..end]), None, "{}", &plain[..end]);
        }
        // RFC 9110 §5.6.2 and §5.6.4: a token has neither quotes nor backslashes, and a quoted string ends in a quote.
        for end in ["realm=\"", "realm=\"x\\\"", "realm=\"x\\", "realm='\"x", "realm=x\\", "qop=auth\""] {
            assert_eq!(find(&std::format!("Digest realm=r, nonce=n, algorithm=SHA-256, {end}")), None, "{end}");
        }
        let before = find("Digest realm=r, nonce=n, algorithm=SHA-256, Digest realm=\"x");
        assert_eq!(before, found(false, false, false));
        let escaped = find("Digest realm=\"a\\\"b, nonce=x\", nonce=n, algorithm=SHA-256").expect("a challenge");
        assert_eq!(escaped.0, "a\\\"b, nonce=x");
    }

    #[test]
    fn credentials_that_would_end_their_quotes_are_refused() {
        let head = b"WWW-Authenticate: Digest realm=r, nonce=n, algorithm=SHA-256, qop=auth\r\n";
        let challenge = Challenge::find(Fields::new(head)).expect("a challenge");
        for (user, cnonce) in [("a\"b", "c"), ("a:b", "c"), ("a\r\n", "c"), ("a", ""), ("a", "\\"), ("a", "\n")] {
            let credentials = Credentials { user, password: "p", cnonce };
            assert_eq!(challenge.answer(&credentials, "GET", "/", |_| ()), Err(EncodeError::InvalidCredentials));
        }
    }
}

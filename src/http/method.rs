//! Request methods: what they are called, and what may be assumed of them.

use super::field::is_field_name;

/// A request method (RFC 9110 §9, RFC 5789 for `PATCH`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Method<'a> {
    /// Fetch a representation.
    Get,
    /// Like [`Get`](Method::Get), but the response has no body.
    Head,
    /// Have the resource process the body.
    Post,
    /// Replace the resource with the body.
    Put,
    /// Change the resource as the body describes.
    Patch,
    /// Remove the resource.
    Delete,
    /// Ask what the resource, or with target `*` the server, can do.
    Options,
    /// Any other method; see [`Method::custom`].
    Custom(Token<'a>),
}

/// A method name that has been checked. Only [`Method::custom`] makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Token<'a>(&'a str);

/// The text is not a method this client can send: not a token (RFC 9110 §5.6.2), or `CONNECT`, which asks for a tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct InvalidMethod;

impl core::fmt::Display for InvalidMethod {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("not a method this client can send")
    }
}

impl core::error::Error for InvalidMethod {}

impl<'a> Method<'a> {
    /// The method called `name`. Names are case-sensitive (RFC 9110 §9.1); a standard one gives its own variant.
    ///
    /// # Errors
    ///
    /// [`InvalidMethod`] if `name` is not a token, and for `CONNECT`.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketpool::http::Method;
    ///
    /// assert_eq!(Method::custom("PURGE").unwrap().as_str(), "PURGE");
    /// assert_eq!(Method::custom("HEAD"), Ok(Method::Head));
    /// assert!(Method::custom("GET /admin").is_err());
    /// ```
    pub fn custom(name: &'a str) -> Result<Self, InvalidMethod> {
        Ok(match name {
            "GET" => Self::Get,
            "HEAD" => Self::Head,
            "POST" => Self::Post,
            "PUT" => Self::Put,
            "PATCH" => Self::Patch,
            "DELETE" => Self::Delete,
            "OPTIONS" => Self::Options,
            "CONNECT" => return Err(InvalidMethod),
            _ if is_field_name(name.as_bytes()) => Self::Custom(Token(name)),
            _ => return Err(InvalidMethod),
        })
    }

    /// The name as it is sent.
    #[must_use]
    pub fn as_str(&self) -> &'a str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
            Self::Custom(Token(name)) => name,
        }
    }

    /// Whether the method asks for no change on the server (RFC 9110 §9.2.1). Nothing is assumed of custom methods.
    #[must_use]
    pub fn is_safe(&self) -> bool {
        matches!(self, Self::Get | Self::Head | Self::Options)
    }

    /// Whether sending the request twice has the effect of sending it once (RFC 9110 §9.2.2), so that it may be repeated
    /// when a reused connection turns out to be dead. Nothing is assumed of custom methods.
    #[must_use]
    pub fn is_idempotent(&self) -> bool {
        self.is_safe() || matches!(self, Self::Put | Self::Delete)
    }

    /// Whether a request without a body says so with `Content-Length: 0`, because the method gives a body meaning
    /// (RFC 9110 §8.6). Some servers answer 411 without it.
    #[must_use]
    pub fn sends_empty_length(&self) -> bool {
        matches!(self, Self::Post | Self::Put | Self::Patch)
    }
}

#[cfg(test)]
mod tests {
    use super::Method;

    #[test]
    fn custom_refuses_what_would_break_the_request_line() {
        for name in ["", " ", "GET ", "G\r\nET", "GE\0T", "G(T", "GÉT", "CONNECT"] {
            assert!(Method::custom(name).is_err(), "{name:?}");
        }
        assert_eq!(Method::custom("get").unwrap().as_str(), "get");
    }

    #[test]
    fn properties_follow_rfc_9110() {
        assert!(Method::Head.is_safe() && Method::Head.is_idempotent());
        assert!(!Method::Put.is_safe() && Method::Put.is_idempotent());
        assert!(!Method::Post.is_idempotent() && !Method::Patch.is_idempotent());
        assert!(!Method::custom("PURGE").unwrap().is_idempotent());
        assert!(Method::Post.sends_empty_length() && !Method::Delete.sends_empty_length());
    }
}

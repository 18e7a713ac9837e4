//! Status codes and their classes.

use super::method::Method;

/// The three-digit status code of a response, 100 to 999 (RFC 9110 §15).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct StatusCode(u16);

impl StatusCode {
    /// That of no response.
    pub(crate) const NONE: Self = Self(0);
    /// 101: the server now speaks another protocol on this connection.
    pub const SWITCHING_PROTOCOLS: Self = Self(101);
    /// 200.
    pub const OK: Self = Self(200);
    /// 204: success, and no body.
    pub const NO_CONTENT: Self = Self(204);
    /// 304: the copy the client has is still good; no body.
    pub const NOT_MODIFIED: Self = Self(304);

    /// The status with this number, if it has three digits.
    #[must_use]
    pub const fn new(code: u16) -> Option<Self> {
        match code {
            100..=999 => Some(Self(code)),
            _ => None,
        }
    }

    /// The number.
    #[must_use]
    pub const fn as_u16(self) -> u16 {
        self.0
    }

    /// 1xx: the final response is still to come.
    #[must_use]
    pub const fn is_informational(self) -> bool {
        self.0 < 200
    }

    /// 2xx.
    #[must_use]
    pub const fn is_success(self) -> bool {
        200 <= self.0 && self.0 < 300
    }

    /// 3xx.
    #[must_use]
    pub const fn is_redirection(self) -> bool {
        300 <= self.0 && self.0 < 400
    }

    /// 4xx: the request is at fault.
    #[must_use]
    pub const fn is_client_error(self) -> bool {
        400 <= self.0 && self.0 < 500
    }

    /// 5xx, and every number above: a client treats codes outside all classes as 5xx (RFC 9110 §15).
    #[must_use]
    pub const fn is_server_error(self) -> bool {
        500 <= self.0
    }

    /// Whether a response with this status, to a request with `method`, may have a body (RFC 9112 §6.3 rule 1). Where it
    /// may not, whatever Content-Length or Transfer-Encoding say describes another response.
    #[must_use]
    pub fn may_have_body(self, method: Method<'_>) -> bool {
        !(method == Method::Head || self.forbids_body())
    }

    /// 1xx, 204 and 304 never have a body.
    pub(super) const fn forbids_body(self) -> bool {
        self.is_informational() || self.0 == Self::NO_CONTENT.0 || self.0 == Self::NOT_MODIFIED.0
    }
}

impl core::fmt::Display for StatusCode {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::{Method, StatusCode};

    #[test]
    fn every_code_has_exactly_one_class() {
        for code in 100..=999 {
            let s = StatusCode::new(code).unwrap();
            let classes =
                [s.is_informational(), s.is_success(), s.is_redirection(), s.is_client_error(), s.is_server_error()];
            assert_eq!(classes.iter().filter(|is| **is).count(), 1, "{code}");
        }
        assert!(StatusCode::new(99).is_none() && StatusCode::new(1000).is_none());
    }

    #[test]
    fn body_depends_on_status_and_method() {
        let status = |code| StatusCode::new(code).unwrap();
        assert!(status(200).may_have_body(Method::Get) && !status(200).may_have_body(Method::Head));
        for code in [100, 101, 199, 204, 304] {
            assert!(!status(code).may_have_body(Method::Get), "{code}");
        }
        assert!(status(205).may_have_body(Method::Get) && status(404).may_have_body(Method::Post));
    }
}

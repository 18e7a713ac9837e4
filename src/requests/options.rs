//! What every request of a session starts with.

use core::time::Duration;

use super::retry::Retry;

/// How long an exchange may take, unless you say otherwise.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);
/// How many redirects are followed, unless you say otherwise.
pub(crate) const DEFAULT_REDIRECTS: u8 = 10;

/// What every request of a session starts with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options<'r> {
    pub(crate) timeout: Option<Duration>,
    /// Redirects to follow; with `None` they are responses like any other.
    pub(crate) redirects: Option<u8>,
    pub(crate) session_id: u32,
    pub(crate) buffer_limit: usize,
    /// Fields of every request.
    pub(crate) headers: &'r [(&'r str, &'r str)],
    pub(crate) expects: bool,
    pub(crate) retry: Option<Retry<'r>>,
    /// Whether the caller says that doing it twice is as good as once.
    pub(crate) repeatable: bool,
    #[cfg(feature = "digest")]
    pub(crate) digest: Option<super::digest::Credentials<'r>>,
}

impl Options<'_> {
    pub(crate) const DEFAULT: Self = Self {
        timeout: Some(DEFAULT_TIMEOUT),
        redirects: Some(DEFAULT_REDIRECTS),
        session_id: 0,
        buffer_limit: usize::MAX,
        headers: &[],
        expects: false,
        retry: None,
        repeatable: false,
        #[cfg(feature = "digest")]
        digest: None,
    };
}

//! What a connection agreed on.

/// What a TLS connection agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct TlsInfo {
    /// The cipher suite, by its name at IANA. The version is TLS 1.3, always.
    pub suite: &'static str,
    /// The group of the key exchange, by its name at IANA.
    pub group: &'static str,
    /// The protocol that the server chose: its place in the list that the context offers ([ALPN](super::Alpn)).
    pub alpn: Option<usize>,
    /// A ticket of an earlier connection made the handshake short.
    pub is_resumed: bool,
}

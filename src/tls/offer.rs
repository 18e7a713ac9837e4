//! What a connection says to a server: who the server must be, and what the client offers.

use rustls_pki_types::ServerName;

use super::{Alpn, Identity, Psk, TlsError};

/// What a context says of itself, besides what it asks of the server.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Offer<'c> {
    pub(crate) identity: Option<Identity<'c>>,
    pub(crate) psk: Option<Psk<'c>>,
    pub(crate) alpn: Option<Alpn<'c>>,
}

/// Whom the server must prove to be: the name as the certificate must have it, and as the ClientHello says it (RFC 6066 §3: no
/// addresses, no final dot).
#[derive(Debug)]
pub(crate) struct Peer<'n> {
    pub(crate) name: ServerName<'n>,
    pub(crate) sni: Option<&'n str>,
}

impl<'n> Peer<'n> {
    pub(crate) fn parse(host: &'n str) -> Result<Self, TlsError> {
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let bare = bare.strip_suffix('.').unwrap_or(bare);
        let name = ServerName::try_from(bare).map_err(|_| TlsError::ServerName)?;
        let sni = matches!(name, ServerName::DnsName(_)).then_some(bare);
        Ok(Self { name, sni })
    }
}

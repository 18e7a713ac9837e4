//! Which handshake message may come when.

/// How far a session has come. The names are those of the message that is awaited, or that we send next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum State {
    /// Nothing was sent.
    Start,
    ServerHello,
    /// After a HelloRetryRequest.
    SecondServerHello,
    EncryptedExtensions,
    CertificateOrRequest,
    Certificate,
    CertificateVerify,
    Finished,
    /// The server is proven; our flight is sent.
    OurCertificate,
    OurCertificateVerify,
    OurFinished,
    Open,
    Failed,
}

/// Handshake types (RFC 8446 §4).
pub(crate) mod message {
    pub(crate) const CLIENT_HELLO: u8 = 1;
    pub(crate) const SERVER_HELLO: u8 = 2;
    pub(crate) const NEW_SESSION_TICKET: u8 = 4;
    pub(crate) const ENCRYPTED_EXTENSIONS: u8 = 8;
    pub(crate) const CERTIFICATE: u8 = 11;
    pub(crate) const CERTIFICATE_REQUEST: u8 = 13;
    pub(crate) const CERTIFICATE_VERIFY: u8 = 15;
    pub(crate) const FINISHED: u8 = 20;
    pub(crate) const KEY_UPDATE: u8 = 24;
    pub(crate) const MESSAGE_HASH: u8 = 254;
}

impl State {
    /// The messages that may come in this state. This is the whole table; what is not in it is `unexpected_message`.
    pub(crate) const fn expects(self) -> &'static [u8] {
        use message::*;
        match self {
            Self::ServerHello | Self::SecondServerHello => &[SERVER_HELLO],
            Self::EncryptedExtensions => &[ENCRYPTED_EXTENSIONS],
            Self::CertificateOrRequest => &[CERTIFICATE_REQUEST, CERTIFICATE],
            Self::Certificate => &[CERTIFICATE],
            Self::CertificateVerify => &[CERTIFICATE_VERIFY],
            Self::Finished => &[FINISHED],
            Self::Open => &[NEW_SESSION_TICKET, KEY_UPDATE],
            Self::Start | Self::OurCertificate | Self::OurCertificateVerify | Self::OurFinished | Self::Failed => &[],
        }
    }
}

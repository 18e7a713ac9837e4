//! Why TLS failed, in the words of RFC 8446 §6 where it has one.

use core::fmt;

use embedded_io_async::ErrorKind as Io;

use super::{Blame, ErrorKind, certificate::CertificateError};

/// Why a handshake or a TLS connection failed. Nothing of the application's was sent if it was a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum TlsError {
    /// The server's certificate was refused, or what it signed with it.
    Certificate(CertificateError),
    /// The server finished the handshake without proving once, and in order, who it is.
    NotAuthenticated,
    /// The date is unknown, or before the [floor](crate::tls::TlsContext::floor) and so wrong; no certificate can be judged then.
    /// Call the pool's `sync_time`, or set the clock that `TlsContext` asks; the page of [`tls::time`](crate::tls::time) tells
    /// how.
    TimeUnknown,
    /// What to connect to is neither a DNS name nor an IP address.
    ServerName,
    /// The peer ended the connection with this alert (RFC 8446 §6). `None` is for TLS that does not tell its number, on a
    /// modem; ours always does.
    PeerAlert(Option<u8>),
    /// The peer does not speak TLS: a port for plain HTTP, or another protocol. Use `http`, or the port that speaks TLS.
    NotTls,
    /// A record or message that may not come at this moment (`unexpected_message`).
    UnexpectedMessage,
    /// A record longer than TLS allows (`record_overflow`).
    RecordOverflow,
    /// A record that was not made with the keys of this connection (`bad_record_mac`).
    BadRecordMac,
    /// The server chose what we did not offer (`illegal_parameter`).
    IllegalParameter,
    /// The server does not speak TLS 1.3 (`protocol_version`).
    ProtocolVersion,
    /// A message that is not what it says it is (`decode_error`).
    Decode,
    /// The server's `Finished` does not fit the handshake (`decrypt_error`).
    BadFinished,
    /// The server does not take the pre-shared key we offered: it does not know its identity, or wants certificates.
    PskRefused,
    /// The [`Signer`](crate::tls::Signer) of our client certificate could not sign.
    SignFailed,
    /// Correct TLS 1.3 that the second engine (feature `embedded-tls`) does not speak; the variant says what. Ours does.
    Unsupported(Unsupported),
    /// The TLS engine failed for a reason of its own.
    Engine,
    /// The random number generator failed or stands still, so there are no secrets to make; nothing was sent. See that it
    /// is clocked, and seeded; [`Random`](crate::tls::Random) says what was looked at.
    Random,
    /// An extension in a response to one that we did not send (`unsupported_extension`).
    UnsupportedExtension,
    /// A message without an extension that it must have (`missing_extension`).
    MissingExtension,
    /// A record, or a message in several of them, does not fit in the buffer to receive in: give it so many bytes.
    RxTooSmall {
        /// The bytes it needs.
        needed: usize,
    },
    /// The server does not say that it limits its records (`record_size_limit`, RFC 8449), and the session has no room for the
    /// longest: give the pool sessions with 16,406 bytes to receive in, as [`Resources`](crate::Resources) has them unless you
    /// say otherwise. GnuTLS, NSS and Mbed TLS 3.6 limit them; OpenSSL, BoringSSL, Go and rustls do not.
    NoRecordSizeLimit,
    /// A message of ours does not fit in the buffer to send from: give it so many bytes.
    TxTooSmall {
        /// The bytes it needs.
        needed: usize,
    },
    /// The connection below ended without `close_notify`: what came last may be missing.
    Truncated,
    /// Our direction was closed: nothing can be written any more.
    Closed,
}

/// Correct TLS 1.3 that the second engine (feature `embedded-tls`) does not speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Unsupported {
    /// The server wants another group than P-256 (HelloRetryRequest).
    HelloRetryRequest,
    /// A handshake message that is spread over several records, or a KeyUpdate.
    Message,
}

impl TlsError {
    /// Whose move it is.
    #[must_use]
    pub const fn blame(&self) -> Blame {
        match self {
            Self::TimeUnknown | Self::ServerName | Self::SignFailed | Self::Random | Self::Closed => Blame::Caller,
            Self::Unsupported(_)
            | Self::Engine
            | Self::RxTooSmall { .. }
            | Self::NoRecordSizeLimit
            | Self::TxTooSmall { .. } => Blame::Capacity,
            _ => Blame::Peer,
        }
    }

    /// The reason in one word with hyphens.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Certificate(error) => error.reason(),
            Self::NotAuthenticated => "not-authenticated",
            Self::TimeUnknown => "time-unknown",
            Self::ServerName => "server-name",
            Self::PeerAlert(_) => "peer-alert",
            Self::NotTls => "not-tls",
            Self::UnexpectedMessage => "unexpected-message",
            Self::RecordOverflow => "record-overflow",
            Self::BadRecordMac => "bad-record-mac",
            Self::IllegalParameter => "illegal-parameter",
            Self::ProtocolVersion => "protocol-version",
            Self::Decode => "decode-error",
            Self::BadFinished => "bad-finished",
            Self::PskRefused => "psk-refused",
            Self::SignFailed => "sign-failed",
            Self::Unsupported(_) => "unsupported",
            Self::Engine => "engine",
            Self::Random => "random",
            Self::UnsupportedExtension => "unsupported-extension",
            Self::MissingExtension => "missing-extension",
            Self::RxTooSmall { .. } => "rx-too-small",
            Self::NoRecordSizeLimit => "no-record-size-limit",
            Self::TxTooSmall { .. } => "tx-too-small",
            Self::Truncated => "truncated",
            Self::Closed => "closed",
        }
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Certificate(error) => return write!(f, "{}: {error}", error.reason()),
            Self::PeerAlert(Some(number)) => {
                let (name, advice) = alert(*number);
                return write!(f, "peer-alert: the server sent alert {number}{name}{advice}");
            }
            Self::RxTooSmall { needed } => {
                return write!(f, "rx-too-small: the buffer to receive in has to hold {needed} bytes");
            }
            Self::TxTooSmall { needed } => {
                return write!(f, "tx-too-small: the buffer to send from has to hold {needed} bytes");
            }
            Self::NoRecordSizeLimit => {
                "no-record-size-limit: the server does not limit its records: give the pool TLS sessions of full size"
            }
            Self::NotAuthenticated => "not-authenticated: the server did not prove who it is",
            Self::TimeUnknown => {
                "time-unknown: the date is not known, so no certificate can be checked: call sync_time, or set the clock that TlsContext asks"
            }
            Self::ServerName => "server-name: neither a DNS name nor an IP address",
            Self::PeerAlert(None) => "peer-alert: the server ended the connection with an alert",
            Self::NotTls => "not-tls: the peer does not speak TLS: use http, or another port",
            Self::UnexpectedMessage => "unexpected-message: a record that may not come at this moment",
            Self::RecordOverflow => "record-overflow: a record longer than TLS allows",
            Self::BadRecordMac => "bad-record-mac: a record that was not made with the keys of this connection",
            Self::IllegalParameter => "illegal-parameter: the server chose what we did not offer",
            Self::ProtocolVersion => "protocol-version: the server does not speak TLS 1.3",
            Self::Decode => "decode-error: a message that is not what it says it is",
            Self::BadFinished => "bad-finished: the handshake was changed on its way",
            Self::PskRefused => "psk-refused: the server did not take the pre-shared key",
            Self::SignFailed => "sign-failed: the signature for the client certificate could not be made",
            Self::Unsupported(Unsupported::HelloRetryRequest) => {
                "unsupported: the server wants another group than P-256"
            }
            Self::Unsupported(Unsupported::Message) => {
                "unsupported: a handshake message over several records, or a KeyUpdate"
            }
            Self::Engine => "engine: the TLS engine failed",
            Self::Random => "random: the random number generator failed or stands still: see that it is clocked and seeded",
            Self::UnsupportedExtension => "unsupported-extension: a response to an extension that was not sent",
            Self::MissingExtension => "missing-extension: a message without an extension that it must have",
            Self::Truncated => "truncated: the connection ended without close_notify",
            Self::Closed => "closed: nothing can be written after close",
        })
    }
}

impl core::error::Error for TlsError {}

/// The alerts by their names in RFC 8446 §6.2 (and those that it keeps for older versions), and what to do about those
/// that the caller can do something about.
const fn alert(number: u8) -> (&'static str, &'static str) {
    let name = match number {
        0 => " (close_notify)",
        10 => " (unexpected_message)",
        20 => " (bad_record_mac)",
        21 => " (decryption_failed)",
        22 => " (record_overflow)",
        30 => " (decompression_failure)",
        40 => " (handshake_failure)",
        41 => " (no_certificate)",
        42 => " (bad_certificate)",
        43 => " (unsupported_certificate)",
        44 => " (certificate_revoked)",
        45 => " (certificate_expired)",
        46 => " (certificate_unknown)",
        47 => " (illegal_parameter)",
        48 => " (unknown_ca)",
        49 => " (access_denied)",
        50 => " (decode_error)",
        51 => " (decrypt_error)",
        60 => " (export_restriction)",
        70 => " (protocol_version)",
        71 => " (insufficient_security)",
        80 => " (internal_error)",
        86 => " (inappropriate_fallback)",
        90 => " (user_canceled)",
        100 => " (no_renegotiation)",
        109 => " (missing_extension)",
        110 => " (unsupported_extension)",
        111 => " (certificate_unobtainable)",
        112 => " (unrecognized_name)",
        113 => " (bad_certificate_status_response)",
        114 => " (bad_certificate_hash_value)",
        115 => " (unknown_psk_identity)",
        116 => " (certificate_required)",
        120 => " (no_application_protocol)",
        _ => "",
    };
    let advice = match number {
        40 | 71 => {
            ": it takes nothing of what we offer: TLS 1.3, and unless `crypto` chose otherwise \
             TLS_CHACHA20_POLY1305_SHA256 or TLS_AES_128_GCM_SHA256, X25519 or P-256, and signatures by ECDSA with P-256 \
             or P-384, or RSA-PSS; allow these on the server"
        }
        48 => ": it does not know who issued our client certificate: show one of an authority that it trusts",
        70 => ": it does not speak TLS 1.3: update the server, or allow it there",
        112 => ": it serves no such host: check the name in the URL",
        116 => ": it wants a client certificate: give the context one with `identity`",
        120 => ": it speaks none of the protocols that the context offers: check `alpn`",
        _ => "",
    };
    (name, advice)
}

/// Why a TLS stream failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum TlsStreamError {
    /// TLS failed, or the server did not prove who it is. This is final.
    Tls(TlsError),
    /// The stream below reported this.
    Io(Io),
}

impl From<TlsError> for TlsStreamError {
    fn from(error: TlsError) -> Self {
        Self::Tls(error)
    }
}

impl From<TlsStreamError> for ErrorKind {
    fn from(error: TlsStreamError) -> Self {
        match error {
            TlsStreamError::Tls(TlsError::Truncated) => Self::Truncated,
            TlsStreamError::Tls(error) => Self::Tls(error),
            TlsStreamError::Io(kind) => Self::from(kind),
        }
    }
}

impl fmt::Display for TlsStreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tls(error) => error.fmt(f),
            Self::Io(kind) => write!(f, "the stream below TLS reported {kind:?}"),
        }
    }
}

impl core::error::Error for TlsStreamError {}

impl embedded_io_async::Error for TlsStreamError {
    fn kind(&self) -> Io {
        match self {
            Self::Tls(TlsError::Truncated) => Io::ConnectionReset,
            Self::Tls(TlsError::Closed) => Io::BrokenPipe,
            Self::Tls(_) => Io::InvalidData,
            Self::Io(kind) => *kind,
        }
    }
}

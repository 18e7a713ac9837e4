//! Which alert says what went wrong (RFC 8446 §6).

use super::state::State;
use crate::tls::{TlsError, verify::CertificateError};

pub(crate) const CLOSE_NOTIFY: u8 = 0;
pub(crate) const USER_CANCELED: u8 = 90;

/// The length of an alert.
pub(crate) const LEN: usize = 2;

/// An alert as it stands in a record: all but `close_notify` and `user_canceled` are fatal.
pub(crate) const fn content(number: u8) -> [u8; LEN] {
    [if number == CLOSE_NOTIFY || number == USER_CANCELED { 1 } else { 2 }, number]
}

/// The alert for an error that came up in a state; `None` where the peer has ended the connection itself.
pub(crate) const fn of(error: &TlsError, state: State) -> Option<u8> {
    Some(match error {
        TlsError::PeerAlert(_) | TlsError::Truncated | TlsError::NotTls => return None,
        TlsError::UnexpectedMessage | TlsError::NotAuthenticated => 10,
        TlsError::BadRecordMac => 20,
        TlsError::RecordOverflow => 22,
        TlsError::PskRefused => 40,
        TlsError::Certificate(error) => of_certificate(error, state),
        TlsError::IllegalParameter => 47,
        TlsError::Decode => 50,
        TlsError::BadFinished => 51,
        TlsError::ProtocolVersion => 70,
        TlsError::MissingExtension => 109,
        TlsError::UnsupportedExtension => 110,
        // Faults and limits of ours: internal_error.
        _ => 80,
    })
}

const fn of_certificate(error: &CertificateError, state: State) -> u8 {
    match error {
        CertificateError::BadSignature if matches!(state, State::CertificateVerify) => 51,
        CertificateError::ForbiddenScheme { .. } | CertificateError::SchemeMismatch { .. } => 47,
        CertificateError::UnsupportedAlgorithm if matches!(state, State::CertificateVerify) => 47,
        CertificateError::UnsupportedAlgorithm
        | CertificateError::WrongUsage
        | CertificateError::UnsupportedCriticalExtension => 43,
        CertificateError::Revoked => 44,
        CertificateError::Expired { .. } | CertificateError::NotYetValid { .. } => 45,
        CertificateError::UnknownIssuer => 48,
        CertificateError::EmptyChain => 50,
        CertificateError::CrlExpired { .. } | CertificateError::UnknownRevocation | CertificateError::BadCrl => 46,
        _ => 42,
    }
}

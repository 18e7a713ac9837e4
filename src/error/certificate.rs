//! Why a server's certificate, or its proof of owning it, was refused.

use core::fmt;

/// Why a certificate chain or a handshake signature was refused.
///
/// [`reason`](Self::reason) is a stable word for logs and exit messages. Where numbers help, they are in the variant.
/// Times are seconds since 1970-01-01 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum CertificateError {
    /// A certificate on every path is past its end date. Renew it, or check the clock of this device.
    Expired {
        /// The end date of the certificate.
        not_after: u64,
        /// The time the check was made for.
        now: u64,
    },
    /// A certificate on every path starts in the future. Most often the clock of this device is wrong.
    NotYetValid {
        /// The start date of the certificate.
        not_before: u64,
        /// The time the check was made for.
        now: u64,
    },
    /// No path leads to a root we trust: an own or unknown authority, a self-signed certificate, or a server that does
    /// not send its intermediate certificates.
    UnknownIssuer,
    /// The certificate is for other names. Only subject alternative names count, never the common name (RFC 9525 §6.3).
    NameMismatch,
    /// A signature does not fit the data and key it is said to fit.
    BadSignature,
    /// A certificate that has to be a certificate authority is none: it issued another one, or was given as a root
    /// (RFC 5280 §4.2.1.9, §4.2.1.3).
    NotACa,
    /// A certificate is not made for a TLS server: key usage or extended key usage say otherwise, or it is a
    /// certificate authority (RFC 5280 §4.2.1.3, §4.2.1.12).
    WrongUsage,
    /// A name lies outside of what an issuer may name (RFC 5280 §4.2.1.10).
    NameConstraint,
    /// More intermediate certificates than an issuer allows (RFC 5280 §4.2.1.9), or more than we follow.
    PathTooLong,
    /// An RSA key that is too short.
    WeakKey {
        /// Its size in bits; at least [`MIN_RSA_BITS`](crate::tls::verify::MIN_RSA_BITS) are needed.
        bits: u16,
    },
    /// A key or signature algorithm that is not in the policy's list, for example SHA-1 or P-521.
    UnsupportedAlgorithm,
    /// A revocation list of the issuer names the certificate.
    Revoked,
    /// A revocation list is past its next update. Load a new one.
    CrlExpired {
        /// When a newer list should have been there.
        next_update: u64,
        /// The time the check was made for.
        now: u64,
    },
    /// A revocation list is needed for every certificate and there is none for this one.
    UnknownRevocation,
    /// A revocation list is broken, of a kind we do not read, or signed by someone else.
    BadCrl,
    /// Every path takes more signature checks than the policy allows.
    TooManySignatures,
    /// There are more ways through the certificates than we try.
    TooManyPaths,
    /// The server sent more certificates than we look at.
    TooManyCertificates {
        /// How many came; at most [`MAX_CERTIFICATES`](crate::tls::verify::MAX_CERTIFICATES) are taken.
        count: u8,
    },
    /// A certificate is not DER, not X.509 version 3, or contradicts itself or the rules of its kind.
    Malformed,
    /// A root or certificate is PEM text where its DER is needed. [`pem`](crate::tls::pem) and
    /// [`RootStore`](crate::tls::roots::RootStore) read text; `openssl x509 -in cert.pem -outform DER -out cert.der` makes DER
    /// of it.
    PemInsteadOfDer,
    /// A certificate of the path does not say which key signed it, as every certificate must that is not its own issuer
    /// (RFC 5280 §4.2.1.1). Issue it again with `authorityKeyIdentifier=keyid`.
    NoAuthorityKeyId,
    /// A critical extension that we do not know (RFC 5280 §4.2).
    UnsupportedCriticalExtension,
    /// None of the pins fits.
    PinMismatch,
    /// The server sent no certificate.
    EmptyChain,
    /// The server signed its handshake with a scheme that TLS 1.3 forbids there: PKCS#1 v1.5 or SHA-1
    /// (RFC 8446 §4.2.3, §4.4.3).
    ForbiddenScheme {
        /// The code point of the signature scheme.
        scheme: u16,
    },
    /// The server signed its handshake with a scheme that does not belong to the key in its certificate.
    SchemeMismatch {
        /// The code point of the signature scheme.
        scheme: u16,
    },
}

impl CertificateError {
    /// One stable word for this error, in kebab-case.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Expired { .. } => "expired",
            Self::NotYetValid { .. } => "not-yet-valid",
            Self::UnknownIssuer => "unknown-issuer",
            Self::NameMismatch => "name-mismatch",
            Self::BadSignature => "bad-signature",
            Self::NotACa => "not-a-ca",
            Self::WrongUsage => "wrong-usage",
            Self::NameConstraint => "name-constraint",
            Self::PathTooLong => "path-too-long",
            Self::WeakKey { .. } => "weak-key",
            Self::UnsupportedAlgorithm => "unsupported-algorithm",
            Self::Revoked => "revoked",
            Self::CrlExpired { .. } => "crl-expired",
            Self::UnknownRevocation => "unknown-revocation",
            Self::BadCrl => "bad-crl",
            Self::TooManySignatures => "too-many-signatures",
            Self::TooManyPaths => "too-many-paths",
            Self::TooManyCertificates { .. } => "too-many-certificates",
            Self::Malformed => "malformed",
            Self::PemInsteadOfDer => "pem-instead-of-der",
            Self::NoAuthorityKeyId => "no-authority-key-id",
            Self::UnsupportedCriticalExtension => "unsupported-critical-extension",
            Self::PinMismatch => "pin-mismatch",
            Self::EmptyChain => "empty-chain",
            Self::ForbiddenScheme { .. } => "forbidden-scheme",
            Self::SchemeMismatch { .. } => "scheme-mismatch",
        }
    }

    /// Of two failed searches, the one that got further.
    pub(crate) fn or_better(self, other: Self) -> Self {
        if self == Self::UnknownIssuer { other } else { self }
    }
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired { not_after, now } => {
                write!(f, "certificate expired at {not_after}, it is {now}: renew it, or set the clock of this device")
            }
            Self::NotYetValid { not_before, now } => {
                write!(f, "certificate is not valid before {not_before}, it is {now}: set the clock of this device")
            }
            Self::UnknownIssuer => f.write_str(
                "no trusted root issued the certificate: if it is self-signed or of an authority of your own, trust that \
                 with Roots::only or pin its key; if not, the server must send its intermediate certificates",
            ),
            Self::NameMismatch => f.write_str(
                "certificate is for another name: connect by a name in its subject alternative names, or issue it for this one",
            ),
            Self::BadSignature => {
                f.write_str("signature does not verify: the server sent a wrong certificate or key, or somebody is in between")
            }
            Self::NotACa => f.write_str(
                "issuer or root certificate is not a certificate authority: trust its issuer, or pin the server's key instead",
            ),
            Self::WrongUsage => f.write_str(
                "certificate is not for a tls server: issue it with extendedKeyUsage=serverAuth, CA:FALSE and digitalSignature",
            ),
            Self::NameConstraint => {
                f.write_str("name is outside of what the issuer may name: issue the certificate by another authority")
            }
            Self::PathTooLong => {
                f.write_str("too many intermediate certificates: more than an issuer or the policy allows (max_intermediates)")
            }
            Self::WeakKey { bits } => write!(f, "rsa key of {bits} bits is too short: make one of 2048 or more"),
            Self::UnsupportedAlgorithm => {
                f.write_str("key or signature algorithm is not in the policy's list: add it with VerifyPolicy::algorithms")
            }
            Self::Revoked => f.write_str("certificate was revoked: the server needs a new one"),
            Self::CrlExpired { next_update, now } => {
                write!(f, "revocation list was due for an update at {next_update}, it is {now}: load a new one")
            }
            Self::UnknownRevocation => f.write_str("no revocation list for the certificate: load its issuer's"),
            Self::BadCrl => f.write_str("revocation list is not usable: load one that the issuer signed"),
            Self::TooManySignatures => {
                f.write_str("too many signatures to check: send one chain, or raise VerifyPolicy::max_work")
            }
            Self::TooManyPaths => f.write_str("too many paths through the certificates: the server should send one chain"),
            Self::TooManyCertificates { count } => {
                write!(f, "server sent {count} certificates: it should send its own and those between it and a root")
            }
            Self::Malformed => f.write_str("certificate is malformed: issue it again by the rules of rfc 5280"),
            Self::PemInsteadOfDer => f.write_str(
                "pem text instead of der: use RootStore::from_pem, or openssl x509 -in cert.pem -outform DER -out cert.der",
            ),
            Self::NoAuthorityKeyId => {
                f.write_str("certificate does not say which key signed it: issue it with authorityKeyIdentifier=keyid")
            }
            Self::UnsupportedCriticalExtension => {
                f.write_str("certificate has an unknown critical extension: issue it without, or not critical")
            }
            Self::PinMismatch => f.write_str("certificate fits no pin: if the server's key was changed, pin the new one"),
            Self::EmptyChain => f.write_str("server sent no certificate: configure one there"),
            Self::ForbiddenScheme { scheme } => {
                write!(f, "signature scheme {scheme:#06x} is forbidden in tls 1.3: update the server")
            }
            Self::SchemeMismatch { scheme } => {
                write!(f, "signature scheme {scheme:#06x} does not fit the key: update the server")
            }
        }
    }
}

impl core::error::Error for CertificateError {}

/// Our word for an error of the path search.
pub(crate) fn from_webpki(error: webpki::Error) -> CertificateError {
    use CertificateError as Ours;
    use webpki::Error as Theirs;
    match error {
        Theirs::CertExpired { time, not_after } => {
            Ours::Expired { not_after: not_after.as_secs(), now: time.as_secs() }
        }
        Theirs::CertNotValidYet { time, not_before } => {
            Ours::NotYetValid { not_before: not_before.as_secs(), now: time.as_secs() }
        }
        Theirs::UnknownIssuer | Theirs::CertDistrusted => Ours::UnknownIssuer,
        Theirs::CertNotValidForName(_) | Theirs::UnsupportedNameType => Ours::NameMismatch,
        Theirs::InvalidSignatureForPublicKey => Ours::BadSignature,
        Theirs::EndEntityUsedAsCa => Ours::NotACa,
        Theirs::CaUsedAsEndEntity | Theirs::RequiredEkuNotFoundContext(_) | Theirs::EmptyEkuExtension => {
            Ours::WrongUsage
        }
        Theirs::NameConstraintViolation | Theirs::MaximumNameConstraintComparisonsExceeded => Ours::NameConstraint,
        Theirs::PathLenConstraintViolated | Theirs::MaximumPathDepthExceeded => Ours::PathTooLong,
        Theirs::UnsupportedSignatureAlgorithmContext(_)
        | Theirs::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => Ours::UnsupportedAlgorithm,
        Theirs::CertRevoked => Ours::Revoked,
        Theirs::CrlExpired { time, next_update } => {
            Ours::CrlExpired { next_update: next_update.as_secs(), now: time.as_secs() }
        }
        Theirs::UnknownRevocationStatus => Ours::UnknownRevocation,
        Theirs::InvalidCrlNumber
        | Theirs::InvalidCrlSignatureForPublicKey
        | Theirs::IssuerNotCrlSigner
        | Theirs::UnsupportedCrlIssuingDistributionPoint
        | Theirs::UnsupportedCrlVersion
        | Theirs::UnsupportedDeltaCrl
        | Theirs::UnsupportedIndirectCrl
        | Theirs::UnsupportedRevocationReason
        | Theirs::UnsupportedRevocationReasonsPartitioning
        | Theirs::UnsupportedCrlSignatureAlgorithmContext(_)
        | Theirs::UnsupportedCrlSignatureAlgorithmForPublicKeyContext(_) => Ours::BadCrl,
        Theirs::MaximumSignatureChecksExceeded => Ours::TooManySignatures,
        Theirs::MaximumPathBuildCallsExceeded => Ours::TooManyPaths,
        Theirs::UnsupportedCriticalExtension => Ours::UnsupportedCriticalExtension,
        _ => Ours::Malformed,
    }
}

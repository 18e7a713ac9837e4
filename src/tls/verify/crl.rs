//! Certificate revocation lists that the user brings along.

use core::fmt;

use super::CertificateError;

/// A certificate revocation list (RFC 5280 §5), read from DER and borrowed from it.
///
/// Its signature and dates are checked with every certificate that is looked up in it.
///
/// Not supported: delta lists, indirect lists, lists for some revocation reasons only.
pub struct Crl<'a> {
    pub(super) list: webpki::CertRevocationList<'a>,
    pub(super) der: &'a [u8],
}

impl<'a> Crl<'a> {
    /// Reads a list; [`pem`](crate::tls::pem) makes DER of PEM.
    ///
    /// # Errors
    /// [`BadCrl`](CertificateError::BadCrl) for anything that is no list of a kind we support.
    pub fn from_der(der: &'a [u8]) -> Result<Self, CertificateError> {
        match webpki::BorrowedCertRevocationList::from_der(der) {
            Ok(list) => Ok(Self { list: list.into(), der }),
            Err(_) => Err(CertificateError::BadCrl),
        }
    }

    pub(crate) const fn der(&self) -> &'a [u8] {
        self.der
    }

    /// The issuer's distinguished name, DER without its header.
    #[must_use]
    pub fn issuer(&self) -> &[u8] {
        self.list.issuer()
    }
}

impl fmt::Debug for Crl<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crl").finish_non_exhaustive()
    }
}

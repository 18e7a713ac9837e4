//! The few fields of a certificate that our own rules look at.
//!
//! Path search, dates and names are the business of the validator behind [`verify_server_chain`]; here is what the
//! rules on top of it need: the public key, key usage, and the pieces of a trust anchor.
//!
//! [`verify_server_chain`]: super::verify_server_chain

use rustls_pki_types::{CertificateDer, alg_id};

use super::algorithms::RsaPublicKey;
use super::der::{self, Reader, some};
use super::limits::{MAX_RSA_BITS, MIN_RSA_BITS};
use crate::error::certificate::CertificateError;

/// The last number of the extensions we know, all of them below `id-ce` (2.5.29).
pub(crate) mod extension {
    /// subjectKeyIdentifier, RFC 5280 §4.2.1.2.
    pub(crate) const SUBJECT_KEY_ID: u8 = 14;
    /// keyUsage, RFC 5280 §4.2.1.3.
    pub(crate) const KEY_USAGE: u8 = 15;
    /// subjectAltName, RFC 5280 §4.2.1.6.
    pub(crate) const SUBJECT_ALT_NAME: u8 = 17;
    /// basicConstraints, RFC 5280 §4.2.1.9.
    pub(crate) const BASIC_CONSTRAINTS: u8 = 19;
    /// nameConstraints, RFC 5280 §4.2.1.10.
    pub(crate) const NAME_CONSTRAINTS: u8 = 30;
    /// authorityKeyIdentifier, RFC 5280 §4.2.1.1.
    pub(crate) const AUTHORITY_KEY_ID: u8 = 35;
    /// extKeyUsage, RFC 5280 §4.2.1.12.
    pub(crate) const EXTENDED_KEY_USAGE: u8 = 37;
}

/// id-kp-serverAuth, 1.3.6.1.5.5.7.3.1.
pub(crate) const SERVER_AUTH: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01];
/// anyExtendedKeyUsage, 2.5.29.37.0.
pub(crate) const ANY_USAGE: &[u8] = &[0x55, 0x1d, 0x25, 0x00];

/// authorityInfoAccess, 1.3.6.1.5.5.7.1.1.
const AUTHORITY_INFO_ACCESS: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x01, 0x01];

/// A certificate cut into its parts (RFC 5280 §4.1). Names and keys are without their outer SEQUENCE header unless
/// said otherwise.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Certificate<'a> {
    is_v3: bool,
    /// What is signed, with its header.
    pub(crate) signed: &'a [u8],
    /// How it is signed, without its header.
    pub(crate) signature_algorithm: &'a [u8],
    /// The signature.
    pub(crate) signature: &'a [u8],
    /// The two dates.
    pub(crate) validity: &'a [u8],
    /// Who signed it.
    pub(crate) issuer: &'a [u8],
    /// The name in it.
    pub(crate) subject: &'a [u8],
    /// The public key with its header, as pins see it.
    pub(crate) spki: &'a [u8],
    /// The public key without its header, as a trust anchor holds it.
    pub(crate) spki_contents: &'a [u8],
    /// The extensions, one after another; empty if there are none.
    extensions: &'a [u8],
}

/// One extension of a certificate.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extension<'a> {
    /// Its object identifier.
    pub(crate) oid: &'a [u8],
    /// The last number of its object identifier if that is 2.5.29.`number`.
    pub(crate) number: Option<u8>,
    /// A reader that does not know it must refuse the certificate.
    pub(crate) is_critical: bool,
    /// What is in the OCTET STRING.
    pub(crate) value: &'a [u8],
}

/// Reads the extensions of a certificate one after another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extensions<'a>(Reader<'a>);

impl<'a> Extensions<'a> {
    /// The next one; `Some(None)` at the end.
    pub(crate) const fn next(&mut self) -> Option<Option<Extension<'a>>> {
        if self.0.is_empty() {
            return Some(None);
        }
        let mut fields = Reader::new(some!(self.0.expect(der::SEQUENCE)));
        let oid = some!(fields.expect(der::OID));
        let number = match oid {
            [0x55, 0x1d, number] => Some(*number),
            _ => None,
        };
        let is_critical = match some!(fields.optional(der::BOOLEAN)) {
            Some(value) => some!(der::boolean(value)),
            None => false,
        };
        let value = some!(fields.expect(der::OCTET_STRING));
        if fields.is_empty() { Some(Some(Extension { oid, number, is_critical, value })) } else { None }
    }
}

impl<'a> Certificate<'a> {
    /// Cuts a certificate of version 1 or 3 into its parts.
    pub(crate) const fn parse(der: &'a [u8]) -> Option<Self> {
        let mut certificate = Reader::new(some!(der::only(der, der::SEQUENCE)));
        let signed = some!(certificate.read());
        let signature_algorithm = some!(certificate.expect(der::SEQUENCE));
        let signature = some!(der::octets_of_bit_string(some!(certificate.expect(der::BIT_STRING))));
        if !certificate.is_empty() || signed.tag != der::SEQUENCE {
            return None;
        }
        let mut tbs = Reader::new(signed.contents);

        let is_v3 = match some!(tbs.optional(der::context(0))) {
            None => false,
            Some([der::INTEGER, 1, 2]) => true,
            Some(_) => return None,
        };
        some!(tbs.expect(der::INTEGER));
        if !der::equal(some!(tbs.expect(der::SEQUENCE)), signature_algorithm) {
            return None;
        }
        let issuer = some!(tbs.expect(der::SEQUENCE));
        let validity = some!(tbs.expect(der::SEQUENCE));
        let subject = some!(tbs.expect(der::SEQUENCE));
        let spki = some!(tbs.read());
        if spki.tag != der::SEQUENCE {
            return None;
        }
        // issuerUniqueID and subjectUniqueID: allowed, obsolete, unused.
        some!(tbs.optional(0x81));
        some!(tbs.optional(0x82));
        let extensions = match some!(tbs.optional(der::context(3))) {
            Some(extensions) if is_v3 => some!(der::only(extensions, der::SEQUENCE)),
            Some(_) => return None,
            None => &[],
        };
        if !tbs.is_empty() {
            return None;
        }
        Some(Self {
            is_v3,
            signed: signed.encoded,
            signature_algorithm,
            signature,
            validity,
            issuer,
            subject,
            spki: spki.encoded,
            spki_contents: spki.contents,
            extensions,
        })
    }

    /// Version 1, without extensions: some old roots.
    pub(crate) const fn is_v1(&self) -> bool {
        !self.is_v3
    }

    /// The certificate names itself as its issuer.
    pub(crate) const fn is_self_issued(&self) -> bool {
        der::equal(self.issuer, self.subject)
    }

    /// All extensions.
    pub(crate) const fn extensions(&self) -> Extensions<'a> {
        Extensions(Reader::new(self.extensions))
    }

    /// The extension 2.5.29.`number`; `Some(None)` if there is none, `None` if the extensions are broken.
    pub(crate) const fn extension(&self, number: u8) -> Option<Option<Extension<'a>>> {
        let mut extensions = self.extensions();
        while let Some(extension) = some!(extensions.next()) {
            if matches!(extension.number, Some(this) if this == number) {
                return Some(Some(extension));
            }
        }
        Some(None)
    }

    /// The key usage bits; `Some(None)` if the certificate does not limit them.
    pub(crate) const fn key_usage(&self) -> Option<Option<KeyUsageBits>> {
        match some!(self.extension(extension::KEY_USAGE)) {
            Some(extension) => Some(Some(some!(KeyUsageBits::parse(extension.value)))),
            None => Some(None),
        }
    }

    /// Which purposes the extended key usage names; `Some(None)` if the certificate does not limit them.
    pub(crate) fn purposes(&self) -> Option<Option<Purposes>> {
        let Some(extension) = self.extension(extension::EXTENDED_KEY_USAGE)? else { return Some(None) };
        let mut oids = Reader::new(der::only(extension.value, der::SEQUENCE)?);
        let mut purposes = Purposes { server: false, any: false };
        while !oids.is_empty() {
            let oid = oids.expect(der::OID)?;
            purposes.server |= oid == SERVER_AUTH;
            purposes.any |= oid == ANY_USAGE;
        }
        Some(Some(purposes))
    }

    /// notBefore and notAfter in seconds since the Unix epoch.
    pub(crate) const fn dates(&self) -> Option<(u64, u64)> {
        let mut dates = Reader::new(self.validity);
        let not_before = some!(der::unix_seconds(some!(dates.read())));
        let not_after = some!(der::unix_seconds(some!(dates.read())));
        if dates.is_empty() { Some((not_before, not_after)) } else { None }
    }

    /// The rules of RFC 5280 for what an authority signs, that the path search leaves out: an authority key identifier
    /// with a key identifier (§4.2.1.1), never critical, as the subject key identifier (§4.2.1.2); an authority
    /// information access that is a list of locations (§4.2.2.1).
    ///
    /// # Errors
    /// [`Malformed`](CertificateError::Malformed), [`NoAuthorityKeyId`](CertificateError::NoAuthorityKeyId).
    pub(crate) fn check_profile(&self) -> Result<(), CertificateError> {
        let mut has_authority_key_id = false;
        let mut extensions = self.extensions();
        while let Some(extension) = extensions.next().ok_or(CertificateError::Malformed)? {
            let is_right = match extension.number {
                Some(extension::AUTHORITY_KEY_ID) => {
                    let id = authority_key_id(extension.value).ok_or(CertificateError::Malformed)?;
                    has_authority_key_id = id.is_some();
                    !extension.is_critical
                }
                Some(extension::SUBJECT_KEY_ID) => !extension.is_critical,
                _ => extension.oid != AUTHORITY_INFO_ACCESS || is_list_of_locations(extension.value),
            };
            if !is_right {
                return Err(CertificateError::Malformed);
            }
        }
        if has_authority_key_id { Ok(()) } else { Err(CertificateError::NoAuthorityKeyId) }
    }
}

/// One or more `AccessDescription`s, each a method and a name (RFC 5280 §4.2.2.1).
fn is_list_of_locations(value: &[u8]) -> bool {
    let read = || {
        let mut list = Reader::new(der::only(value, der::SEQUENCE)?);
        let mut is_right = !list.is_empty();
        while !list.is_empty() {
            let mut description = Reader::new(list.expect(der::SEQUENCE)?);
            description.expect(der::OID)?;
            // A GeneralName: [0] to [8].
            is_right &= matches!(description.read()?.tag & 0xdf, 0x80..=0x88) && description.is_empty();
        }
        Some(is_right)
    };
    read() == Some(true)
}

/// The issuer in what is signed of a certificate, given with its header.
pub(crate) fn issuer_of_signed(signed: &[u8]) -> Option<&[u8]> {
    let mut tbs = Reader::new(der::only(signed, der::SEQUENCE)?);
    tbs.expect(der::context(0))?;
    tbs.expect(der::INTEGER)?;
    tbs.expect(der::SEQUENCE)?;
    tbs.expect(der::SEQUENCE)
}

/// The cA field of a basicConstraints extension.
pub(crate) const fn is_ca(value: &[u8]) -> Option<bool> {
    let mut fields = Reader::new(some!(der::only(value, der::SEQUENCE)));
    match some!(fields.optional(der::BOOLEAN)) {
        Some(is_ca) => der::boolean(is_ca),
        None => Some(false),
    }
}

/// The pathLenConstraint field of a basicConstraints extension; `Some(None)` if it has none.
pub(crate) fn path_len(value: &[u8]) -> Option<Option<u8>> {
    let mut fields = Reader::new(der::only(value, der::SEQUENCE)?);
    fields.optional(der::BOOLEAN)?;
    match fields.optional(der::INTEGER)? {
        None => Some(None),
        Some([len @ ..0x80]) => Some(Some(*len)),
        Some(_) => None,
    }
}

/// The contents of a nameConstraints extension, which has to constrain something (RFC 5280 §4.2.1.10).
pub(crate) const fn name_constraints(value: &[u8]) -> Option<&[u8]> {
    let constraints = some!(der::only(value, der::SEQUENCE));
    let mut subtrees = Reader::new(constraints);
    if subtrees.is_empty() {
        return None;
    }
    while !subtrees.is_empty() {
        if some!(subtrees.read()).contents.is_empty() {
            return None;
        }
    }
    Some(constraints)
}

/// The key identifier in an authorityKeyIdentifier extension, if it has one.
pub(crate) const fn authority_key_id(value: &[u8]) -> Option<Option<&[u8]>> {
    Reader::new(some!(der::only(value, der::SEQUENCE))).optional(0x80)
}

/// The first eight key usage bits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyUsageBits(u8);

impl KeyUsageBits {
    /// Reads a keyUsage extension.
    pub(crate) const fn parse(value: &[u8]) -> Option<Self> {
        match *some!(der::only(value, der::BIT_STRING)) {
            [unused, first, ..] if unused < 8 => Some(Self(first)),
            _ => None,
        }
    }

    /// The key may sign a handshake.
    pub(crate) const fn has_digital_signature(self) -> bool {
        self.0 & 0x80 != 0
    }

    /// The key may sign certificates.
    pub(crate) const fn has_key_cert_sign(self) -> bool {
        self.0 & 0x04 != 0
    }
}

/// What an extended key usage extension allows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Purposes {
    /// TLS server authentication.
    pub(crate) server: bool,
    /// "Any purpose".
    pub(crate) any: bool,
}

/// The kinds of public key we verify handshakes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum KeyKind {
    /// ECDSA on NIST P-256.
    P256,
    /// ECDSA on NIST P-384.
    P384,
    /// Ed25519.
    Ed25519,
    /// RSA with 2048 to 4096 bits.
    Rsa,
}

/// A public key of a kind we know, inside a certificate.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PublicKey<'a> {
    /// Its kind.
    pub(crate) kind: KeyKind,
    /// The octets of `subjectPublicKey`.
    pub(crate) octets: &'a [u8],
}

impl<'a> PublicKey<'a> {
    /// Reads a SubjectPublicKeyInfo given without its header.
    ///
    /// # Errors
    /// [`Malformed`](CertificateError::Malformed), [`UnsupportedAlgorithm`](CertificateError::UnsupportedAlgorithm) or
    /// [`WeakKey`](CertificateError::WeakKey).
    pub(crate) fn from_spki_contents(spki: &'a [u8]) -> Result<Self, CertificateError> {
        let (algorithm, octets) = split_spki(spki).ok_or(CertificateError::Malformed)?;
        let kind = if algorithm == alg_id::ECDSA_P256.as_ref() {
            KeyKind::P256
        } else if algorithm == alg_id::ECDSA_P384.as_ref() {
            KeyKind::P384
        } else if algorithm == alg_id::ED25519.as_ref() {
            KeyKind::Ed25519
        } else if algorithm == alg_id::RSA_ENCRYPTION.as_ref() {
            KeyKind::Rsa
        } else {
            return Err(CertificateError::UnsupportedAlgorithm);
        };
        let fits = match kind {
            // Uncompressed points only (RFC 8446 §4.2.8.2 for the curve, RFC 5480 §2.2 for the octets).
            KeyKind::P256 => octets.len() == 65 && octets[0] == 4,
            KeyKind::P384 => octets.len() == 97 && octets[0] == 4,
            KeyKind::Ed25519 => octets.len() == 32,
            KeyKind::Rsa => {
                let key = RsaPublicKey::parse(octets).ok_or(CertificateError::Malformed)?;
                if key.bits() < MIN_RSA_BITS {
                    return Err(CertificateError::WeakKey { bits: key.bits() });
                }
                if key.bits() > MAX_RSA_BITS || !key.is_usable() {
                    return Err(CertificateError::UnsupportedAlgorithm);
                }
                true
            }
        };
        if fits { Ok(Self { kind, octets }) } else { Err(CertificateError::Malformed) }
    }
}

/// The algorithm identifier (without its header) and the key octets of a SubjectPublicKeyInfo given without its header.
pub(crate) fn split_spki(spki: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut fields = Reader::new(spki);
    let algorithm = fields.expect(der::SEQUENCE)?;
    let octets = der::octets_of_bit_string(fields.expect(der::BIT_STRING)?)?;
    if fields.is_empty() { Some((algorithm, octets)) } else { None }
}

/// The most telling text of a distinguished name given without its header: common name, else organisational unit, else
/// organisation. Empty if it has none of them in UTF-8.
pub(crate) fn short_name(name: &[u8]) -> &str {
    const COMMON_NAME: u8 = 3;
    const ORGANISATION: u8 = 10;
    const UNIT: u8 = 11;
    let find = |kind| find_attribute(name, kind);
    find(COMMON_NAME).or_else(|| find(UNIT)).or_else(|| find(ORGANISATION)).unwrap_or("")
}

/// The first attribute 2.5.4.`kind` that is UTF-8.
fn find_attribute(name: &[u8], kind: u8) -> Option<&str> {
    let mut sets = Reader::new(name);
    while !sets.is_empty() {
        let mut attributes = Reader::new(sets.expect(der::SET)?);
        while !attributes.is_empty() {
            let mut fields = Reader::new(attributes.expect(der::SEQUENCE)?);
            if fields.expect(der::OID)? == [0x55, 0x04, kind]
                && let Ok(text) = core::str::from_utf8(fields.read()?.contents)
            {
                return Some(text);
            }
        }
    }
    None
}

/// Our rules for an intermediate certificate: it names its subject, may sign certificates, constrains something if it has
/// name constraints, and says that it is an authority in a critical extension (RFC 5280 §4.1.2.6, §4.2.1.3, §4.2.1.10,
/// §4.2.1.9).
pub(super) fn check_intermediate(der: &CertificateDer<'_>) -> Result<(), CertificateError> {
    let intermediate = Certificate::parse(der).ok_or(CertificateError::Malformed)?;
    let usage = intermediate.key_usage().ok_or(CertificateError::Malformed)?;
    if usage.is_some_and(|usage| !usage.has_key_cert_sign()) {
        return Err(CertificateError::NotACa);
    }
    let constraints = intermediate.extension(extension::NAME_CONSTRAINTS).ok_or(CertificateError::Malformed)?;
    let is_void = constraints.is_some_and(|constraints| name_constraints(constraints.value).is_none());
    let basic = intermediate.extension(extension::BASIC_CONSTRAINTS).ok_or(CertificateError::Malformed)?;
    let is_critical = basic.is_some_and(|extension| extension.is_critical);
    if intermediate.subject.is_empty() || is_void || !is_critical {
        return Err(CertificateError::Malformed);
    }
    intermediate.check_profile()
}

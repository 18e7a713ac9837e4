//! Pins: keys or certificates a program already knows.
//!
//! A pin is the SHA-256 hash of a public key (`SubjectPublicKeyInfo`, DER, as in RFC 7469 §2.4) or of a certificate. With
//! pins in a [`VerifyPolicy`](super::verify::VerifyPolicy), one of them has to fit besides everything else. For a device
//! with a self-signed certificate, [`PinMode::InsteadOfChain`] lets the pin stand for chain and name.
//!
//! Always carry a second pin for the next key: a server that changes its only pinned key is out of reach.
//!
//! # Examples
//! ```
//! use socketpool::tls::pin::Pin;
//!
//! // openssl x509 -in server.pem -noout -pubkey | openssl pkey -pubin -outform DER | openssl dgst -sha256
//! const PIN: Pin = match Pin::leaf_spki_from_hex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855") {
//!     Some(pin) => pin,
//!     None => panic!("not 64 hexadecimal digits"),
//! };
//! ```

use sha2::{Digest, Sha256};

/// A SHA-256 hash of a key or certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Pin {
    /// The public key of the server itself. Survives a renewal with the same key.
    LeafSpki([u8; 32]),
    /// A public key anywhere on the verified path, the root's included. Survives new server keys from the same authority.
    AnySpki([u8; 32]),
    /// The server's certificate. Does not survive a renewal.
    LeafCertificate([u8; 32]),
}

/// Whether pins are checked besides the chain or instead of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum PinMode {
    /// The chain, the name and one of the pins have to be right. Without pins, the chain and the name.
    #[default]
    BesidesChain,
    /// One of the pins has to fit the server's own key or certificate, with any issuer and for any name. Its dates
    /// and its key usage are still checked. Without pins, nothing fits.
    InsteadOfChain,
}

impl Pin {
    /// [`LeafSpki`](Self::LeafSpki) from 64 hexadecimal digits; `None` for anything else.
    #[must_use]
    pub const fn leaf_spki_from_hex(digits: &str) -> Option<Self> {
        match hash_from_hex(digits) {
            Some(hash) => Some(Self::LeafSpki(hash)),
            None => None,
        }
    }

    /// [`AnySpki`](Self::AnySpki) from 64 hexadecimal digits; `None` for anything else.
    #[must_use]
    pub const fn any_spki_from_hex(digits: &str) -> Option<Self> {
        match hash_from_hex(digits) {
            Some(hash) => Some(Self::AnySpki(hash)),
            None => None,
        }
    }

    /// [`LeafCertificate`](Self::LeafCertificate) from 64 hexadecimal digits; `None` for anything else.
    #[must_use]
    pub const fn leaf_certificate_from_hex(digits: &str) -> Option<Self> {
        match hash_from_hex(digits) {
            Some(hash) => Some(Self::LeafCertificate(hash)),
            None => None,
        }
    }
}

const fn hash_from_hex(digits: &str) -> Option<[u8; 32]> {
    let digits = digits.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut hash = [0; 32];
    let mut i = 0;
    while i < 32 {
        hash[i] = match (hex_digit(digits[2 * i]), hex_digit(digits[2 * i + 1])) {
            (Some(high), Some(low)) => high << 4 | low,
            _ => return None,
        };
        i += 1;
    }
    Some(hash)
}

const fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// One of the pins is that of this server certificate or its key (with its header).
pub(crate) fn fits_leaf(pins: &[Pin], certificate: &[u8], spki: &[u8]) -> bool {
    if pins.is_empty() {
        return false;
    }
    let certificate: [u8; 32] = Sha256::digest(certificate).into();
    let spki: [u8; 32] = Sha256::digest(spki).into();
    pins.iter().any(|pin| match pin {
        Pin::LeafSpki(hash) | Pin::AnySpki(hash) => *hash == spki,
        Pin::LeafCertificate(hash) => *hash == certificate,
    })
}

/// One of the pins is that of this key (with its header), wherever it stands on the path.
pub(crate) fn fits_any(pins: &[Pin], spki: &[u8]) -> bool {
    is_any(pins, Sha256::digest(spki).into())
}

/// One of the pins is that of this root's key.
pub(crate) fn fits_anchor(pins: &[Pin], contents: &[u8]) -> bool {
    // An anchor holds the key without its SEQUENCE header, the hash is over both.
    let len = contents.len();
    let header: &[u8] = match len {
        0..0x80 => &[0x30, len as u8],
        0x80..0x100 => &[0x30, 0x81, len as u8],
        _ => &[0x30, 0x82, (len >> 8) as u8, len as u8],
    };
    is_any(pins, Sha256::new().chain_update(header).chain_update(contents).finalize().into())
}

fn is_any(pins: &[Pin], spki: [u8; 32]) -> bool {
    pins.iter().any(|pin| matches!(pin, Pin::AnySpki(hash) if *hash == spki))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_digits() {
        let digits = "00ff00ff00ff00ff00ff00ff00ff00ff00FF00FF00FF00FF00FF00FF00FF00Fa";
        let mut hash = [0; 32];
        hash.iter_mut().skip(1).step_by(2).for_each(|octet| *octet = 0xff);
        hash[31] = 0xfa;
        assert_eq!(Pin::leaf_spki_from_hex(digits), Some(Pin::LeafSpki(hash)));
        assert_eq!(Pin::any_spki_from_hex(&digits[1..]), None);
        assert_eq!(Pin::leaf_certificate_from_hex(&digits.replace('a', "g")), None);
    }
}

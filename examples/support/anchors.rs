//! Roots, as people look at them: their names, where they are from, and what they cost.
#![allow(dead_code, reason = "each example uses a part")]

use socketpool::tls::{TrustAnchor, roots::constant_trust_anchor};

/// Let's Encrypt's that `Roots::MOZILLA` has besides Mozilla's own.
static GENERATION_Y: [TrustAnchor<'static>; 2] = [
    constant_trust_anchor(include_bytes!("../../src/tls/roots/isrg-root-yr.der")),
    constant_trust_anchor(include_bytes!("../../src/tls/roots/isrg-root-ye.der")),
];

/// All that `Roots::MOZILLA` has.
pub fn all() -> impl Iterator<Item = TrustAnchor<'static>> {
    webpki_roots::TLS_SERVER_ROOTS.iter().map(TrustAnchor::from).chain(GENERATION_Y)
}

/// The bytes of all of them together, as `Roots::MOZILLA` has them: Mozilla's without dates and in a smaller form.
pub fn flash_of_all() -> usize {
    all().map(|root| flash_of(&root)).sum::<usize>() - 24 * webpki_roots::TLS_SERVER_ROOTS.len()
}

/// Where a root is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    Mozilla,
    /// Not in Mozilla's list yet; added to it.
    Added,
    Own,
}

impl Origin {
    /// By its name and its key.
    pub fn of(subject: &[u8], public_key: &[u8]) -> Self {
        let is_it = |root: TrustAnchor<'_>| root.subject() == subject && root.public_key() == public_key;
        if GENERATION_Y.into_iter().any(is_it) {
            Self::Added
        } else if all().any(is_it) {
            Self::Mozilla
        } else {
            Self::Own
        }
    }

    pub const fn words(self) -> &'static str {
        match self {
            Self::Mozilla => "of Mozilla's list",
            Self::Added => "of Roots::MOZILLA, which has it besides Mozilla's own list",
            Self::Own => "not of Mozilla's list",
        }
    }
}

/// The bytes that a root takes in the image of a 32-bit chip: its DER, and three pointers with lengths, and two dates.
pub fn flash(subject: &[u8], public_key: &[u8], constraints: Option<&[u8]>) -> usize {
    subject.len() + public_key.len() + constraints.map_or(0, <[u8]>::len) + 48
}

pub fn flash_of(root: &TrustAnchor<'_>) -> usize {
    flash(root.subject(), root.public_key(), root.name_constraints())
}

/// The common name of a distinguished name (DER without its header), or what else of it tells what root it is, with the
/// organisation.
pub fn name(subject: &[u8]) -> String {
    const ORGANISATION: u8 = 10;
    const UNIT: u8 = 11;
    const COMMON_NAME: u8 = 3;
    // An attribute is its type, id-at (2.5.4) and a number, and behind it a string with tag and length (RFC 5280 §A.1).
    let attribute = |number: u8| {
        let at = subject.windows(5).position(|window| window == [6, 3, 0x55, 4, number])? + 5;
        let [_tag, len, text @ ..] = subject.get(at..)? else { return None };
        let text = String::from_utf8_lossy(text.get(..usize::from(*len))?);
        Some(text.escape_debug().to_string())
    };
    let own = attribute(COMMON_NAME).or_else(|| attribute(UNIT)).unwrap_or_default();
    attribute(ORGANISATION).map_or(own.clone(), |organisation| format!("{own} ({organisation})"))
}

/// The name of a key's kind, with its size where that is not in the name.
pub fn key_name(key: socketpool::tls::KeyInfo) -> String {
    use socketpool::tls::verify::KeyKind;
    match key.kind {
        Some(KeyKind::P256) => "P-256".into(),
        Some(KeyKind::P384) => "P-384".into(),
        Some(KeyKind::Ed25519) => "Ed25519".into(),
        Some(KeyKind::Rsa) => format!("RSA-{}", key.bits),
        _ => "a key of a kind that is not verified".into(),
    }
}

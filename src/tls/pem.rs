//! PEM, the text form of certificates and keys (RFC 7468), decoded into a fixed buffer.
//!
//! [`blocks`] walks through a text and finds its blocks; [`Block::decode`] turns one into DER in the caller's buffer.
//! Text between blocks is skipped. Base64 is read strictly: the alphabet of RFC 4648 §4, right padding, no stray bits;
//! line ends, spaces and tabs may stand anywhere. Encrypted keys and other headers of RFC 1421 are not supported.
//!
//! # Examples
//! ```
//! use socketpool::tls::pem;
//!
//! let text = b"a note\n-----BEGIN GREETING-----\naGVs\nbG8=\n-----END GREETING-----\n";
//! let mut buffer = [0; 16];
//! for block in pem::blocks(text) {
//!     let block = block?;
//!     assert_eq!(block.label(), "GREETING");
//!     assert_eq!(block.decode(&mut buffer)?, b"hello");
//! }
//! # Ok::<(), pem::PemError>(())
//! ```

use core::fmt;

use crate::base64;

/// The label of a certificate.
pub const CERTIFICATE: &str = "CERTIFICATE";
/// The label of a revocation list.
pub const X509_CRL: &str = "X509 CRL";
/// The label of a private key of any kind (PKCS#8).
pub const PRIVATE_KEY: &str = "PRIVATE KEY";
/// The label of an elliptic curve private key (SEC1).
pub const EC_PRIVATE_KEY: &str = "EC PRIVATE KEY";

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
const DASHES: &[u8] = b"-----";

/// Why a text could not be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum PemError {
    /// A label that does not end in dashes, is not ASCII, or differs between begin and end.
    BadLabel,
    /// A block without an end, most often a text that was cut short.
    MissingEnd,
    /// The base64 is not right.
    BadBase64,
    /// The buffer is too small.
    BufferTooSmall {
        /// The bytes needed so far.
        needed: usize,
    },
    /// There is no block with the label asked for.
    NotFound,
}

impl fmt::Display for PemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadLabel => f.write_str("pem label is not right"),
            Self::MissingEnd => f.write_str("pem block has no end"),
            Self::BadBase64 => f.write_str("base64 in pem block is not right"),
            Self::BufferTooSmall { needed } => write!(f, "buffer for pem is too small, {needed} bytes needed"),
            Self::NotFound => f.write_str("no such pem block"),
        }
    }
}

impl core::error::Error for PemError {}

/// Decodes the first block with this label into `out`.
///
/// # Errors
/// [`PemError`]; [`BufferTooSmall`](PemError::BufferTooSmall) says what is needed.
pub fn decode<'o>(text: &[u8], label: &str, out: &'o mut [u8]) -> Result<&'o [u8], PemError> {
    for block in blocks(text) {
        let block = block?;
        if block.label() == label {
            return block.decode(out);
        }
    }
    Err(PemError::NotFound)
}

/// The blocks of a text, one after another. After an error there are no more.
#[must_use]
pub const fn blocks(text: &[u8]) -> Blocks<'_> {
    Blocks { rest: text }
}

/// An iterator over the blocks of a text.
#[derive(Debug, Clone)]
pub struct Blocks<'t> {
    rest: &'t [u8],
}

impl<'t> Iterator for Blocks<'t> {
    type Item = Result<Block<'t>, PemError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (_, block) = split_around(self.rest, BEGIN)?;
        self.rest = &[];
        Some(read_block(block).map(|(block, rest)| {
            self.rest = rest;
            block
        }))
    }
}

/// Reads from behind `BEGIN` to behind the end.
fn read_block(text: &[u8]) -> Result<(Block<'_>, &[u8]), PemError> {
    let (label, text) = split_around(text, DASHES).ok_or(PemError::BadLabel)?;
    let label = core::str::from_utf8(label).map_err(|_| PemError::BadLabel)?;
    if label.bytes().any(|octet| !matches!(octet, b' '..=b'~')) {
        return Err(PemError::BadLabel);
    }
    let (body, end) = split_around(text, END).ok_or(PemError::MissingEnd)?;
    let (end_label, rest) = split_around(end, DASHES).ok_or(PemError::MissingEnd)?;
    if end_label != label.as_bytes() {
        return Err(PemError::BadLabel);
    }
    Ok((Block { label, body }, rest))
}

/// What stands before and after the first `mark`.
fn split_around<'t>(text: &'t [u8], mark: &[u8]) -> Option<(&'t [u8], &'t [u8])> {
    let at = text.windows(mark.len()).position(|window| window == mark)?;
    let (before, rest) = text.split_at_checked(at)?;
    Some((before, rest.get(mark.len()..)?))
}

/// One block, not yet decoded.
#[derive(Debug, Clone, Copy)]
pub struct Block<'t> {
    label: &'t str,
    body: &'t [u8],
}

impl<'t> Block<'t> {
    /// What kind of block this is, for example [`CERTIFICATE`].
    #[must_use]
    pub const fn label(&self) -> &'t str {
        self.label
    }

    /// How many bytes [`decode`](Self::decode) will write.
    ///
    /// # Errors
    /// [`BadBase64`](PemError::BadBase64).
    pub fn decoded_len(&self) -> Result<usize, PemError> {
        decode_base64(self.body, &mut [])
    }

    /// Decodes the block to the start of `out`.
    ///
    /// # Errors
    /// [`BadBase64`](PemError::BadBase64) or [`BufferTooSmall`](PemError::BufferTooSmall).
    pub fn decode<'o>(&self, out: &'o mut [u8]) -> Result<&'o [u8], PemError> {
        let needed = decode_base64(self.body, out)?;
        out.get(..needed).ok_or(PemError::BufferTooSmall { needed })
    }
}

/// Writes as much as `out` can take, and returns how much there is.
fn decode_base64(text: &[u8], out: &mut [u8]) -> Result<usize, PemError> {
    let (mut len, mut group, mut filled, mut is_over) = (0, [0; 4], 0, false);
    for character in text.iter().filter(|character| !matches!(character, b' ' | b'\t' | b'\r' | b'\n')) {
        let Some(place) = group.get_mut(filled) else { return Err(PemError::BadBase64) };
        *place = *character;
        filled += 1;
        if filled == group.len() {
            let mut decoded = [0; 3];
            let decoded = base64::decode(&group, &mut decoded).filter(|_| !is_over).ok_or(PemError::BadBase64)?;
            // Padding ends the text.
            is_over = decoded.len() < 3;
            len = put(out, len, decoded);
            filled = 0;
        }
    }
    if filled == 0 { Ok(len) } else { Err(PemError::BadBase64) }
}

/// Writes `octets` at `at` if there is room; returns where the next ones go.
fn put(out: &mut [u8], at: usize, octets: &[u8]) -> usize {
    let end = at + octets.len();
    if let Some(room) = out.get_mut(at..end) {
        room.copy_from_slice(octets);
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base64(text: &str) -> Result<([u8; 8], usize), PemError> {
        let mut out = [0; 8];
        let len = decode_base64(text.as_bytes(), &mut out)?;
        Ok((out, len))
    }

    /// RFC 4648 §10.
    #[test]
    fn base64_vectors() {
        let vectors = [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg==", "foob"),
            ("Zm9vYmE=", "fooba"),
            ("Zm9vYmFy", "foobar"),
        ];
        for (text, expected) in vectors {
            let (out, len) = base64(text).unwrap();
            assert_eq!(&out[..len], expected.as_bytes(), "{text}");
        }
        assert_eq!(base64("Z\r\nm 9\tv\n").unwrap().1, 3);
    }

    #[test]
    fn base64_is_strict() {
        for text in ["Z", "Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "Zm8", "Zg==Zg==", "=", "====", "Zm9v=", "Zm9-", "Zm_v"]
        {
            assert_eq!(base64(text), Err(PemError::BadBase64), "{text}");
        }
    }

    #[test]
    fn several_blocks_and_notes() {
        let text = b"# one\r\n-----BEGIN A-----\r\nAQI=\r\n-----END A-----\r\n# two\n-----BEGIN B C-----\nAw==\n-----END B C-----";
        let mut out = [0; 2];
        let mut found = blocks(text).map(|block| {
            let block = block.unwrap();
            (block.label(), block.decode(&mut out).unwrap().len(), block.decoded_len().unwrap())
        });
        assert_eq!(found.next(), Some(("A", 2, 2)));
        assert_eq!(found.next(), Some(("B C", 1, 1)));
        assert_eq!(found.next(), None);
        assert_eq!(decode(text, "B C", &mut out), Ok(&[3][..]));
        assert_eq!(decode(text, "D", &mut out), Err(PemError::NotFound));
        assert_eq!(decode(text, "A", &mut []), Err(PemError::BufferTooSmall { needed: 2 }));
        assert_eq!(decode(text, "A", &mut [0]), Err(PemError::BufferTooSmall { needed: 2 }));
    }

    #[test]
    fn broken_blocks_are_errors_and_the_last() {
        let broken: [(&[u8], PemError); 6] = [
            (b"-----BEGIN A", PemError::BadLabel),
            (b"-----BEGIN A-----\nAQI=\n", PemError::MissingEnd),
            (b"-----BEGIN A-----\nAQI=\n-----END A", PemError::MissingEnd),
            (b"-----BEGIN A-----\nAQI=\n-----END B-----", PemError::BadLabel),
            (b"-----BEGIN \xff-----\nAQI=\n-----END \xff-----", PemError::BadLabel),
            (b"-----BEGIN \n-----\nAQI=\n-----END \n-----", PemError::BadLabel),
        ];
        for (text, expected) in broken {
            let mut blocks = blocks(text);
            assert_eq!(blocks.next().unwrap().unwrap_err(), expected);
            assert!(blocks.next().is_none());
        }
    }

    #[test]
    fn every_prefix_ends() {
        let text = b"-----BEGIN A-----\nAQI=\n-----END A-----\n-----BEGIN B-----\nAw==\n-----END B-----\n";
        for len in 0..text.len() {
            assert!(blocks(&text[..len]).count() <= 2);
        }
    }
}

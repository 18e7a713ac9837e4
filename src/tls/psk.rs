//! A key that this device and its server share, instead of certificates.

use core::fmt;

/// A pre-shared key and the name the server knows it by, for [`TlsContext::psk`](super::TlsContext::psk) (an external PSK
/// with Diffie-Hellman, RFC 8446 §2.2, §4.2.11; RFC 9257).
///
/// With it there are no certificates: the server proves itself by knowing the key, which every secret of the connection
/// depends on, and a connection that shows a certificate, asks for one, or does not take the key is refused. So neither
/// roots nor a date are needed. The host name is sent but proves nothing: a peer that has the key is the server. Give each
/// device a key of its own, or the devices can pose as the server to each other.
///
/// The key belongs to SHA-256; any observer on the way can read the identity.
///
/// # Examples
/// ```
/// use socketpool::tls::{Now, Psk, TlsContext};
///
/// # let key = [7; 32];
/// # let rng = |bytes: &mut [u8]| bytes.fill(4);
/// let psk = Psk::new(b"meter-17", &key)?;
/// let tls = TlsContext::new(rng, || Now::Unknown).psk(psk);
/// # Ok::<(), socketpool::tls::PskError>(())
/// ```
#[derive(Clone, Copy)]
pub struct Psk<'a> {
    pub(crate) identity: &'a [u8],
    pub(crate) key: &'a [u8],
}

impl<'a> Psk<'a> {
    /// The longest identity, in bytes.
    pub const MAX_IDENTITY_LEN: usize = 512;
    /// The shortest key, in bytes: 128 bits (RFC 9257 §6). It has to be random; a password is no key.
    pub const MIN_KEY_LEN: usize = 16;
    /// The longest key, in bytes.
    pub const MAX_KEY_LEN: usize = 64;

    /// A key, and the identity under which the server finds it.
    ///
    /// # Errors
    /// [`PskError`] if one of them is too short or too long.
    pub const fn new(identity: &'a [u8], key: &'a [u8]) -> Result<Self, PskError> {
        match (identity.len(), key.len()) {
            (1..=Self::MAX_IDENTITY_LEN, Self::MIN_KEY_LEN..=Self::MAX_KEY_LEN) => Ok(Self { identity, key }),
            (1..=Self::MAX_IDENTITY_LEN, len) => Err(PskError::KeyLength { len }),
            (len, _) => Err(PskError::IdentityLength { len }),
        }
    }
}

impl fmt::Debug for Psk<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Psk").field("identity_len", &self.identity.len()).finish_non_exhaustive()
    }
}

/// Why an identity and a key are no [`Psk`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum PskError {
    /// The identity is empty, or longer than [`Psk::MAX_IDENTITY_LEN`].
    IdentityLength {
        /// Its length in bytes.
        len: usize,
    },
    /// The key is shorter than [`Psk::MIN_KEY_LEN`] or longer than [`Psk::MAX_KEY_LEN`].
    KeyLength {
        /// Its length in bytes.
        len: usize,
    },
}

impl fmt::Display for PskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IdentityLength { len } => {
                write!(f, "psk identity has {len} bytes, it can have 1 to {}", Psk::MAX_IDENTITY_LEN)
            }
            Self::KeyLength { len } => {
                write!(f, "psk has {len} bytes, it can have {} to {}", Psk::MIN_KEY_LEN, Psk::MAX_KEY_LEN)
            }
        }
    }
}

impl core::error::Error for PskError {}

//! How long keys may be, and how many signatures are checked.

/// The most signatures that are checked for one server, of certificates and of revocation lists.
pub const MAX_CHECKS: usize = 8;
/// The shortest RSA modulus, in bits.
pub const MIN_RSA_BITS: u16 = 2048;
/// The longest RSA modulus, in bits.
pub const MAX_RSA_BITS: u16 = 4096;

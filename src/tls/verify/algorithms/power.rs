//! The power that verifies an RSA signature, on slices of limbs as long as the modulus: one copy of the code for every
//! size, and 3 KB of stack.

use core::mem::swap;

use super::limbs::{LIMB_BITS, LIMB_LEN, read, write};
use super::montgomery::Modulus;
use crate::tls::verify::limits::MAX_RSA_BITS;

/// Octets in the largest modulus.
pub(super) const MAX_LEN: usize = MAX_RSA_BITS as usize / 8;
/// Limbs in the largest modulus.
const MAX_LIMBS: usize = MAX_LEN.div_ceil(LIMB_LEN);

/// Writes `base ^ exponent mod modulus` to `out`, all of one length and big-endian, the modulus's: at most [`MAX_LEN`].
/// The modulus is odd and its first octet at least 0x80; the base is smaller; the exponent is odd and above 1.
#[inline(never)]
pub(super) fn power(base: &[u8], exponent: u32, modulus: &[u8], out: &mut [u8]) {
    let len = modulus.len().div_ceil(LIMB_LEN).min(MAX_LIMBS);
    let mut limbs = [[0; MAX_LIMBS]; 4];
    let [n, base_limbs, x, product] = limbs.each_mut().map(|limbs| limbs.split_at_mut(len).0);
    let (mut x, mut product) = (x, product);
    read(modulus, n);
    read(base, base_limbs);
    let n = Modulus::new(n);

    // R mod n, from the largest power of two below n. One doubling per bit that is left up to R.
    let bits = modulus.len() * 8;
    x[len - 1] = 1 << ((bits - 1) % LIMB_BITS);
    for _ in bits..=len * LIMB_BITS {
        n.double(x);
    }
    // R = 2^(odd * 2^squarings). From 1 in Montgomery form to 2^odd by doubling, then to R by squaring: R² mod n.
    let squarings = (len * LIMB_BITS).trailing_zeros();
    for _ in 0..(len * LIMB_BITS) >> squarings {
        n.double(x);
    }
    for _ in 0..squarings {
        n.multiply(x, x, product);
        swap(&mut x, &mut product);
    }

    // The base into Montgomery form; then the exponent, its highest bit being done, bit by bit. It is odd: its lowest
    // bit is left to the end, where the product with the plain base is the way out of Montgomery form.
    n.multiply(base_limbs, x, product);
    swap(&mut x, &mut product);
    let mut residue = [0; MAX_LIMBS];
    let residue = residue.split_at_mut(len).0;
    residue.copy_from_slice(x);
    for bit in (1..exponent.ilog2()).rev() {
        n.multiply(x, x, product);
        swap(&mut x, &mut product);
        if exponent >> bit & 1 == 1 {
            n.multiply(x, residue, product);
            swap(&mut x, &mut product);
        }
    }
    n.multiply(x, x, product);
    swap(&mut x, &mut product);
    n.multiply(x, base_limbs, product);
    write(product, out);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 3^7 mod m and m - 1 (which is -1) to an odd power, for a modulus with the largest and the smallest limbs.
    #[test]
    fn foreseeable_powers() {
        for len in [256, 257, 258, 259, 512] {
            let mut modulus = [0xff; MAX_LEN];
            modulus[1..len / 2].fill(0);
            let modulus = &modulus[..len];
            let mut base = [0; MAX_LEN];
            let mut out = [0; MAX_LEN];
            base[len - 1] = 3;
            for exponent in [3, 5, 7] {
                power(&base[..len], exponent, modulus, &mut out[..len]);
                assert_eq!(out[len - 2..len], 3u16.pow(exponent).to_be_bytes());
                assert!(out[..len - 2].iter().all(|octet| *octet == 0));
            }
            let mut minus_one = [0; MAX_LEN];
            minus_one[..len].copy_from_slice(modulus);
            minus_one[len - 1] -= 1;
            power(&minus_one[..len], u32::MAX, modulus, &mut out[..len]);
            assert_eq!(out[..len], minus_one[..len]);
        }
    }
}

//! Large numbers as slices of 32-bit limbs, the lowest limb first.
//!
//! The length of a slice is the size of its numbers: one copy of this code serves P-256 with 8 limbs, P-384 with 12 and RSA
//! with 64 to 128. Two numbers in one call have the same length; none of these functions checks it, all callers see to it
//! by type (arrays) or by cutting one block into equal parts. Everything is `const`, so that the constants of a curve are
//! computed, and checked, by the code that works with them.
//!
//! All of this takes time that depends on the numbers.

/// Octets in a limb.
pub(super) const LIMB_LEN: usize = 4;
/// Bits in a limb.
pub(super) const LIMB_BITS: usize = 32;

/// The product of two limbs.
#[inline(always)]
pub(super) const fn wide(a: u32, b: u32) -> u64 {
    // Cortex-M0 and M0+, the ARM cores without compare-and-swap, multiply to 32 bits only: four halves are faster there
    // than a call of the run-time library.
    if cfg!(all(target_arch = "arm", not(target_has_atomic = "32"))) {
        wide_by_halves(a, b)
    } else {
        a as u64 * b as u64
    }
}

#[inline(always)]
const fn wide_by_halves(a: u32, b: u32) -> u64 {
    let (a_high, a_low, b_high, b_low) = (a >> 16, a & 0xffff, b >> 16, b & 0xffff);
    let middle = (a_high * b_low) as u64 + (a_low * b_high) as u64;
    (((a_high * b_high) as u64) << 32) + (middle << 16) + (a_low * b_low) as u64
}

/// The lower half.
pub(super) const fn low(sum: u64) -> u32 {
    sum as u32
}

/// `a < b`.
pub(super) const fn is_below(a: &[u32], b: &[u32]) -> bool {
    let mut i = a.len();
    while i > 0 {
        i -= 1;
        if a[i] != b[i] {
            return a[i] < b[i];
        }
    }
    false
}

/// `a == 0`.
pub(super) const fn is_zero(a: &[u32]) -> bool {
    is_small(a, 0)
}

/// `a == 1`.
pub(super) const fn is_one(a: &[u32]) -> bool {
    is_small(a, 1)
}

const fn is_small(a: &[u32], value: u32) -> bool {
    let mut i = a.len();
    while i > 1 {
        i -= 1;
        if a[i] != 0 {
            return false;
        }
    }
    a[0] == value
}

/// `a += b`, and the carry.
#[inline(never)]
pub(super) const fn add(a: &mut [u32], b: &[u32]) -> bool {
    // Equal lengths before the eyes of the compiler, here and below: no bounds to check in the loop.
    let b = b.split_at(a.len()).0;
    let (mut sum, mut i) = (0, 0);
    while i < a.len() {
        sum = (sum >> LIMB_BITS) + a[i] as u64 + b[i] as u64;
        a[i] = low(sum);
        i += 1;
    }
    sum >> LIMB_BITS != 0
}

/// `a += b` for one limb `b`, and the carry.
pub(super) const fn add_limb(a: &mut [u32], b: u32) -> bool {
    let (mut carry, mut i) = (b, 0);
    while carry != 0 && i < a.len() {
        let is_over;
        (a[i], is_over) = a[i].overflowing_add(carry);
        carry = is_over as u32;
        i += 1;
    }
    carry != 0
}

/// `sum += a * b` for one limb `b`, and the limb above.
#[inline(never)]
pub(super) const fn add_multiple(sum: &mut [u32], a: &[u32], b: u32) -> u32 {
    let sum = sum.split_at_mut(a.len()).0;
    let (mut carry, mut i) = (0, 0);
    while i < a.len() {
        // A product of two limbs has room for two more limbs on top.
        let product = wide(a[i], b) + sum[i] as u64 + carry as u64;
        sum[i] = low(product);
        carry = low(product >> LIMB_BITS);
        i += 1;
    }
    carry
}

/// `a -= b`, and the borrow.
#[inline(never)]
pub(super) const fn subtract(a: &mut [u32], b: &[u32]) -> bool {
    let b = b.split_at(a.len()).0;
    let (mut difference, mut i) = (0i64, 0);
    while i < a.len() {
        // Below zero, all of the upper half is ones.
        difference = (difference >> LIMB_BITS) + a[i] as i64 - b[i] as i64;
        a[i] = difference as u32;
        i += 1;
    }
    difference < 0
}

/// `a *= 2`, and the carry.
pub(super) const fn double(a: &mut [u32]) -> bool {
    let (mut carry, mut i) = (0, 0);
    while i < a.len() {
        (a[i], carry) = (a[i] << 1 | carry, a[i] >> 31);
        i += 1;
    }
    carry != 0
}

/// `a /= 2`, with `carry` above the highest bit.
pub(super) const fn halve(a: &mut [u32], carry: bool) {
    let (mut carry, mut i) = (carry as u32, a.len());
    while i > 0 {
        i -= 1;
        (a[i], carry) = (a[i] >> 1 | carry << 31, a[i] & 1);
    }
}

/// A big-endian number to limbs, which have room for it.
pub(super) fn read(octets: &[u8], limbs: &mut [u32]) {
    limbs.fill(0);
    for (limb, octets) in limbs.iter_mut().zip(octets.rchunks(LIMB_LEN)) {
        *limb = octets.iter().fold(0, |limb, octet| limb << 8 | u32::from(*octet));
    }
}

/// The lower end of a number, big-endian, to fill `octets`.
pub(super) fn write(limbs: &[u32], octets: &mut [u8]) {
    for (limb, octets) in limbs.iter().zip(octets.rchunks_mut(LIMB_LEN)) {
        for (octet, value) in octets.iter_mut().rev().zip(limb.to_le_bytes()) {
            *octet = value;
        }
    }
}

/// A constant as the standards print it: eight hexadecimal digits for each limb, the highest first, between spaces.
///
/// # Panics
/// At compile time, on anything else.
pub(super) const fn hex<const N: usize>(text: &str) -> [u32; N] {
    let text = text.as_bytes();
    assert!(text.len() == 9 * N - 1, "eight digits for each limb, and a space between two of them");
    let mut limbs = [0; N];
    let mut i = 0;
    while i < text.len() {
        let limb = &mut limbs[N - 1 - i / 9];
        match text[i] {
            b' ' if i % 9 == 8 => {}
            digit @ b'0'..=b'9' if i % 9 < 8 => *limb = *limb << 4 | (digit - b'0') as u32,
            digit @ b'a'..=b'f' if i % 9 < 8 => *limb = *limb << 4 | (digit - b'a' + 10) as u32,
            _ => panic!("eight digits for each limb, and a space between two of them"),
        }
        i += 1;
    }
    limbs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_of_halves() {
        let limbs = [0, 1, 2, 0xffff, 0x1_0000, 0x1_0001, 0x7fff_ffff, 0x8000_0000, 0xdead_beef, 0xffff_fffe, u32::MAX];
        for a in limbs {
            for b in limbs {
                assert_eq!(wide_by_halves(a, b), u64::from(a) * u64::from(b), "{a:#x} {b:#x}");
            }
        }
    }

    #[test]
    fn sums_and_differences_carry_through() {
        let mut a = [u32::MAX, u32::MAX];
        assert!(add(&mut a, &[1, 0]));
        assert_eq!(a, [0, 0]);
        assert!(subtract(&mut a, &[1, 0]));
        assert_eq!(a, [u32::MAX, u32::MAX]);
        assert!(add_limb(&mut a, 2));
        assert_eq!(a, [1, 0]);
        a = [0, 0x8000_0001];
        assert!(double(&mut a));
        assert_eq!(a, [0, 2]);
        halve(&mut a, true);
        assert_eq!(a, [0, 0x8000_0001]);
        halve(&mut a, false);
        assert_eq!(a, [0x8000_0000, 0x4000_0000]);
    }

    #[test]
    fn order() {
        assert!(is_below(&[9, 1], &[0, 2]) && is_below(&[0, 2], &[1, 2]));
        assert!(!is_below(&[1, 2], &[1, 2]) && !is_below(&[1, 2], &[9, 1]));
        assert!(is_zero(&[0, 0]) && !is_zero(&[0, 1]) && !is_zero(&[1, 0]));
        assert!(is_one(&[1, 0]) && !is_one(&[1, 1]) && !is_one(&[0, 0]));
    }

    #[test]
    fn octets() {
        let mut limbs = [7; 3];
        read(&[1, 2, 3, 4, 5, 6], &mut limbs);
        assert_eq!(limbs, [0x0304_0506, 0x0102, 0]);
        let mut octets = [7; 6];
        write(&limbs, &mut octets);
        assert_eq!(octets, [1, 2, 3, 4, 5, 6]);
        assert_eq!(hex("00000102 0304abcd"), [0x0304_abcd, 0x0102]);
    }
}

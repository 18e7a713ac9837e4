//! Arithmetic modulo an odd number, by Montgomery's method (P. Montgomery, *Modular Multiplication Without Trial
//! Division*, 1985; word by word as in Koç, Acar and Kaliski, 1996, where it is called CIOS).
//!
//! A number x stands as its residue xR mod n, where R is 2 to the number of bits in the limbs of n. The product of two
//! residues, divided by R, is the residue of the product; and dividing by R is cheap. The product of a residue and a plain
//! number is a plain number: that is the way out, and often saves it.

use super::limbs::{LIMB_BITS, add, double, halve, is_below, is_one, is_zero, low, subtract, wide};

/// An odd number above 1, its lowest limb first. All numbers below have its length, and are below it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Modulus<'a> {
    n: &'a [u32],
    /// -1/n modulo 2^32.
    minus_inverse: u32,
}

impl<'a> Modulus<'a> {
    pub(super) const fn new(n: &'a [u32]) -> Self {
        Self { n, minus_inverse: minus_inverse(n[0]) }
    }

    /// `product = a * b / R mod n`.
    #[inline(never)]
    pub(super) const fn multiply(&self, a: &[u32], b: &[u32], product: &mut [u32]) {
        let len = self.n.len();
        // Equal lengths before the eyes of the compiler: no bounds to check in the loops.
        let (n, a, b, product) = (self.n, a.split_at(len).0, b.split_at(len).0, product.split_at_mut(len).0);
        let mut i = 0;
        while i < len {
            product[i] = 0;
            i += 1;
        }
        let mut above = 0; // the limb above the product
        let mut j = 0;
        while j < len {
            // Add a * b[j], and as many times n as makes the lowest limb zero; then drop that limb. A product of two limbs
            // has room for two more limbs on top, so that neither sum overflows.
            let mut first = wide(a[0], b[j]) + product[0] as u64;
            let times = low(first).wrapping_mul(self.minus_inverse);
            let mut second = wide(n[0], times) + low(first) as u64;
            i = 1;
            while i < len {
                first = wide(a[i], b[j]) + product[i] as u64 + (first >> 32);
                second = wide(n[i], times) + low(first) as u64 + (second >> 32);
                product[i - 1] = low(second);
                i += 1;
            }
            let sum = above + (first >> 32) + (second >> 32);
            product[len - 1] = low(sum);
            above = sum >> 32;
            j += 1;
        }
        self.reduce(above != 0, product);
    }

    /// `a = a - b mod n`.
    pub(super) const fn subtract(&self, a: &mut [u32], b: &[u32]) {
        if subtract(a, b) {
            add(a, self.n);
        }
    }

    /// `a = 2a mod n`.
    pub(super) const fn double(&self, a: &mut [u32]) {
        let carry = double(a);
        self.reduce(carry, a);
    }

    /// `a = a / 2 mod n`.
    pub(super) const fn halve(&self, a: &mut [u32]) {
        let carry = a[0] & 1 != 0 && add(a, self.n);
        halve(a, carry);
    }

    /// Takes n off a number below 2n, once if need be; `carry` stands above its highest bit.
    #[inline(never)]
    pub(super) const fn reduce(&self, carry: bool, a: &mut [u32]) {
        if carry || !is_below(a, self.n) {
            subtract(a, self.n);
        }
    }
}

/// -1/n modulo 2^32, for odd n. An odd number is its own inverse modulo 8, and each of Newton's steps doubles the number
/// of right bits: 3, 6, 12, 24, 48.
const fn minus_inverse(n: u32) -> u32 {
    let mut inverse = n;
    let mut step = 0;
    while step < 4 {
        inverse = inverse.wrapping_mul(2u32.wrapping_sub(n.wrapping_mul(inverse)));
        step += 1;
    }
    inverse.wrapping_neg()
}

/// The field of integers modulo a prime of exactly `N` limbs: a curve's coordinates, or its scalars.
#[derive(Debug)]
pub(super) struct Field<const N: usize> {
    prime: [u32; N],
    minus_inverse: u32,
    /// The residue of 1: R mod p.
    one: Residue<N>,
    /// R² mod p.
    r_squared: [u32; N],
}

/// An element of a field, in Montgomery form. Each has one representation, so that `==` means equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Residue<const N: usize>(pub(super) [u32; N]);

impl<const N: usize> Residue<N> {
    pub(super) const ZERO: Self = Self([0; N]);

    pub(super) const fn is_zero(&self) -> bool {
        is_zero(&self.0)
    }
}

/// A plain number above zero and below the prime of its field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NonZero<const N: usize>([u32; N]);

impl<const N: usize> NonZero<N> {
    pub(super) const fn plain(&self) -> &[u32; N] {
        &self.0
    }
}

impl<const N: usize> Field<N> {
    /// Computes the constants of a field.
    ///
    /// # Panics
    /// At compile time, if the highest or the lowest bit of the prime is 0.
    pub(super) const fn new(prime: [u32; N]) -> Self {
        assert!(prime[0] & 1 == 1 && prime[N - 1] >> 31 == 1, "a prime of exactly N limbs");
        let modulus = Modulus::new(&prime);
        // R mod p is R - p, for a prime of that size; R² is R doubled once for each of its bits.
        let mut one = [0; N];
        subtract(&mut one, &prime);
        let mut r_squared = one;
        let mut bit = 0;
        while bit < N * LIMB_BITS {
            modulus.double(&mut r_squared);
            bit += 1;
        }
        let minus_inverse = modulus.minus_inverse;
        Self { prime, minus_inverse, one: Residue(one), r_squared }
    }

    const fn modulus(&self) -> Modulus<'_> {
        Modulus { n: &self.prime, minus_inverse: self.minus_inverse }
    }

    /// The prime itself.
    pub(super) const fn prime(&self) -> &[u32; N] {
        &self.prime
    }

    /// 1.
    pub(super) const fn one(&self) -> Residue<N> {
        self.one
    }

    /// A plain number, if it is below the prime.
    pub(super) fn element(&self, plain: [u32; N]) -> Option<Residue<N>> {
        if is_below(&plain, &self.prime) { Some(self.enter(&plain)) } else { None }
    }

    /// A plain number, if it is above zero and below the prime.
    pub(super) fn non_zero(&self, plain: [u32; N]) -> Option<NonZero<N>> {
        if !is_zero(&plain) && is_below(&plain, &self.prime) { Some(NonZero(plain)) } else { None }
    }

    /// A plain number, of any size, into the range below the prime. Once is enough: the prime has its highest bit.
    pub(super) const fn reduce(&self, plain: &mut [u32; N]) {
        self.modulus().reduce(false, plain);
    }

    /// A plain number below the prime into Montgomery form.
    pub(super) const fn enter(&self, plain: &[u32; N]) -> Residue<N> {
        Residue(self.scale(&Residue(self.r_squared), plain))
    }

    /// A residue times a plain number below the prime: a plain number.
    pub(super) const fn scale(&self, a: &Residue<N>, plain: &[u32; N]) -> [u32; N] {
        let mut product = [0; N];
        self.modulus().multiply(&a.0, plain, &mut product);
        product
    }

    /// 1/a: a plain number.
    ///
    /// Euclid's algorithm by halves (Hankerson, Menezes and Vanstone, *Guide to Elliptic Curve Cryptography*, 2004,
    /// algorithm 2.22): far cheaper than the power p - 2, and only for numbers that everybody may know.
    pub(super) fn invert(&self, NonZero(a): &NonZero<N>) -> [u32; N] {
        let modulus = self.modulus();
        // At all times a * x = u and a * y = v modulo p. The larger one of u and v loses a bit in each turn, until one is
        // their greatest common divisor; with a prime that is 1.
        let (mut u, mut v) = (*a, self.prime);
        let (mut x, mut y) = ([0; N], [0; N]);
        x[0] = 1;
        while !is_one(&u) && !is_one(&v) {
            if u[0] & 1 == 0 {
                halve(&mut u, false);
                modulus.halve(&mut x);
            } else if v[0] & 1 == 0 {
                halve(&mut v, false);
                modulus.halve(&mut y);
            } else if is_below(&u, &v) {
                subtract(&mut v, &u);
                modulus.subtract(&mut y, &x);
            } else {
                subtract(&mut u, &v);
                modulus.subtract(&mut x, &y);
            }
        }
        if is_one(&u) { x } else { y }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inverses_of_limbs() {
        for n in [1, 3, 5, 0xffff, 0x8000_0001, 0xdead_beef, u32::MAX] {
            assert_eq!(n.wrapping_mul(minus_inverse(n)), u32::MAX, "{n:#x}");
        }
    }

    /// The largest prime below 2^32, where a remainder of the machine can check every operation.
    #[test]
    fn a_field_of_one_limb() {
        const PRIME: u64 = 4_294_967_291;
        static FIELD: Field<1> = Field::new([PRIME as u32]);
        let numbers = [0, 1, 2, 3, 0xffff, 0x1_0000, 0x7fff_ffff, 0x8000_0000, 0xdead_beef, PRIME - 2, PRIME - 1];
        for a in numbers {
            for b in numbers {
                let (x, y) = (FIELD.enter(&[a as u32]), FIELD.enter(&[b as u32]));
                let plain = |x: Residue<1>| u64::from(FIELD.scale(&x, &[1])[0]);
                assert_eq!(plain(x), a);
                assert_eq!(plain(Residue(FIELD.scale(&x, &y.0))), a * b % PRIME);
                assert_eq!(u64::from(FIELD.scale(&x, &[b as u32])[0]), a * b % PRIME);
                let (mut difference, mut twice, mut half) = ([a as u32], [a as u32], [a as u32]);
                let modulus = FIELD.modulus();
                modulus.subtract(&mut difference, &[b as u32]);
                modulus.double(&mut twice);
                modulus.halve(&mut half);
                assert_eq!(u64::from(difference[0]), (a + PRIME - b) % PRIME);
                assert_eq!(u64::from(twice[0]), 2 * a % PRIME);
                assert_eq!(2 * u64::from(half[0]) % PRIME, a);
            }
            match FIELD.non_zero([a as u32]) {
                Some(number) => assert_eq!(a * u64::from(FIELD.invert(&number)[0]) % PRIME, 1, "{a}"),
                None => assert_eq!(a, 0),
            }
        }
        assert_eq!(FIELD.element([PRIME as u32]), None);
        assert_eq!(FIELD.non_zero([PRIME as u32]), None);
        let mut above = [u32::MAX];
        FIELD.reduce(&mut above);
        assert_eq!(above, [4]);
    }
}

//! The coordinates of P-256 and P-384: integers modulo a prime that is a sum of five powers of 2^32.
//!
//! Both primes were chosen for that (SP 800-186 appendix G.1). Montgomery's method adds multiples of the prime until the
//! lower half of a product is zero; of such a prime a multiple takes additions only.

use super::limbs::{LIMB_BITS, add, add_limb, add_multiple, double, is_below, low, subtract, wide};
use super::montgomery::{Field, Residue};

/// Limbs in the larger of the two.
const MAX_LIMBS: usize = 12;

/// A prime as `2^(32 a) ± 2^(32 b) - 2^(32 c) + 2^(32 N) - 1`.
struct Terms {
    a: usize,
    b: usize,
    is_b_negative: bool,
    c: usize,
}

impl Terms {
    /// The prime with so many limbs.
    const fn of(limbs: usize) -> Self {
        match limbs {
            // P-256: 2^256 - 2^224 + 2^192 + 2^96 - 1.
            8 => Self { a: 3, b: 6, is_b_negative: false, c: 7 },
            // P-384: 2^384 - 2^128 - 2^96 + 2^32 - 1.
            12 => Self { a: 1, b: 3, is_b_negative: true, c: 4 },
            _ => panic!("no curve has a field of this size"),
        }
    }

    /// The sum.
    const fn sum<const N: usize>(&self) -> [u32; N] {
        let mut prime = [0; N];
        let (mut sum, mut i) = (0i64, 0);
        while i < N {
            if i == 0 || i == self.c || i == self.b && self.is_b_negative {
                sum -= 1;
            } else if i == self.a || i == self.b {
                sum += 1;
            }
            prime[i] = sum as u32;
            sum >>= LIMB_BITS;
            i += 1;
        }
        assert!(sum == -1, "and 2^(32 N) on top");
        prime
    }
}

/// The field of a curve's coordinates, of `N` limbs.
#[derive(Debug)]
pub(super) struct Coordinates<const N: usize>(Field<N>);

impl<const N: usize> Coordinates<N> {
    const TERMS: Terms = Terms::of(N);
    const PRIME: [u32; N] = Self::TERMS.sum();

    /// The field of this prime.
    ///
    /// # Panics
    /// At compile time, if it is not the one of its size.
    pub(super) const fn new(prime: [u32; N]) -> Self {
        let mut i = 0;
        while i < N {
            assert!(prime[i] == Self::PRIME[i], "the terms make another prime");
            i += 1;
        }
        Self(Field::new(prime))
    }

    /// The prime.
    #[cfg(test)]
    pub(super) const fn prime(&self) -> &[u32; N] {
        &Self::PRIME
    }

    /// 1.
    pub(super) const fn one(&self) -> Residue<N> {
        self.0.one()
    }

    /// A plain number, if it is below the prime.
    pub(super) fn element(&self, plain: [u32; N]) -> Option<Residue<N>> {
        self.0.element(plain)
    }

    /// A plain number below the prime.
    pub(super) const fn enter(&self, plain: &[u32; N]) -> Residue<N> {
        self.0.enter(plain)
    }

    /// `a * b`.
    pub(super) const fn multiply(&self, Residue(a): &Residue<N>, Residue(b): &Residue<N>) -> Residue<N> {
        let mut product = [[0; N]; 2];
        multiply(a, b, product.as_flattened_mut());
        Self::reduce(&product)
    }

    /// `a * a`.
    pub(super) const fn square(&self, Residue(a): &Residue<N>) -> Residue<N> {
        let mut product = [[0; N]; 2];
        square(a, product.as_flattened_mut());
        Self::reduce(&product)
    }

    /// `a + b`.
    pub(super) const fn add(&self, a: &Residue<N>, Residue(b): &Residue<N>) -> Residue<N> {
        let mut sum = *a;
        let carry = add(&mut sum.0, b);
        Self::put_below(&mut sum.0, carry);
        sum
    }

    /// `a - b`.
    pub(super) const fn subtract(&self, a: &Residue<N>, Residue(b): &Residue<N>) -> Residue<N> {
        let mut difference = *a;
        if subtract(&mut difference.0, b) {
            add(&mut difference.0, &Self::PRIME);
        }
        difference
    }

    /// Takes the prime off a number below twice the prime, if need be; `carry` stands above its highest bit.
    const fn put_below(a: &mut [u32; N], carry: bool) {
        if carry || !is_below(a, &Self::PRIME) {
            subtract(a, &Self::PRIME);
        }
    }

    /// A product of two numbers below the prime, divided by R = 2^(32 N).
    ///
    /// From the lowest limb up, the multiple of the prime that makes the limb zero: as the prime ends in -1, that is the limb
    /// itself, and what it adds further up follows from the terms. A limb's sum is the carry and at most five limbs of either
    /// sign: far from the ends of an `i64`.
    #[inline(never)]
    const fn reduce(product: &[[u32; N]; 2]) -> Residue<N> {
        let Terms { a, b, is_b_negative, c } = Self::TERMS;
        // With zeros before the first and behind the last, so that every column finds what it takes away and adds.
        let mut times = [0; 3 * MAX_LIMBS];
        let mut result = Residue::ZERO;
        let mut sum = 0i64;
        let mut i = 0;
        while i < N {
            let at = i + N;
            let b = times[at - b] as i64;
            sum += product[0][i] as i64 + times[at - a] as i64 - times[at - c] as i64;
            sum += if is_b_negative { -b } else { b };
            times[at] = sum as u32; // and taken away again by the -1
            sum >>= LIMB_BITS;
            i += 1;
        }
        i = 0;
        while i < N {
            let at = i + 2 * N;
            let b = times[at - b] as i64;
            sum += product[1][i] as i64 + times[at - a] as i64 - times[at - c] as i64 + times[at - N] as i64;
            sum += if is_b_negative { -b } else { b };
            result.0[i] = sum as u32;
            sum >>= LIMB_BITS;
            i += 1;
        }
        Self::put_below(&mut result.0, sum != 0);
        result
    }
}

/// Cortex-M0 and M0+, the ARM cores without compare-and-swap, multiply to 32 bits only.
const IS_NARROW: bool = cfg!(all(target_arch = "arm", not(target_has_atomic = "32")));

/// `product = a * b`, of twice the length; it was zero.
const fn multiply(a: &[u32], b: &[u32], product: &mut [u32]) {
    if IS_NARROW { multiply_by_blocks(a, b, product) } else { multiply_by_rows(a, b, product) }
}

/// `product = a * a`, of twice the length; it was zero.
const fn square(a: &[u32], product: &mut [u32]) {
    if IS_NARROW { square_by_blocks(a, product) } else { square_by_rows(a, product) }
}

/// As one learns it at school.
#[inline(never)]
const fn multiply_by_rows(a: &[u32], b: &[u32], product: &mut [u32]) {
    let mut i = 0;
    while i < b.len() {
        let (sum, above) = product.split_at_mut(i).1.split_at_mut(a.len());
        above[0] = add_multiple(sum, a, b[i]);
        i += 1;
    }
}

/// Each product of two limbs that differ is there twice: they are added up once, and doubled when the squares come in.
#[inline(never)]
const fn square_by_rows(a: &[u32], product: &mut [u32]) {
    let mut i = 0;
    while i + 1 < a.len() {
        let (limb, rest) = a.split_at(i).1.split_at(1);
        let (sum, above) = product.split_at_mut(2 * i + 1).1.split_at_mut(rest.len());
        above[0] = add_multiple(sum, rest, limb[0]);
        i += 1;
    }
    let (mut carry, mut i) = (0, 0);
    while i < a.len() {
        // Twice a limb, a limb and a carry have 34 bits.
        let square = wide(a[i], a[i]);
        let mut sum = 2 * product[2 * i] as u64 + low(square) as u64 + carry;
        product[2 * i] = low(sum);
        sum = 2 * product[2 * i + 1] as u64 + (square >> LIMB_BITS) + (sum >> LIMB_BITS);
        product[2 * i + 1] = low(sum);
        carry = sum >> LIMB_BITS;
        i += 1;
    }
}

/// Limbs in a block.
const BLOCK: usize = 4;

#[inline(never)]
const fn multiply_by_blocks(a: &[u32], b: &[u32], product: &mut [u32]) {
    let (a, b) = (a.as_chunks().0, b.as_chunks().0);
    let mut i = 0;
    while i < a.len() {
        let mut j = 0;
        while j < b.len() {
            add_block(&a[i], &b[j], product.split_at_mut((i + j) * BLOCK).1);
            j += 1;
        }
        i += 1;
    }
}

#[inline(never)]
const fn square_by_blocks(a: &[u32], product: &mut [u32]) {
    let a = a.as_chunks().0;
    let mut i = 1;
    while i < a.len() {
        let mut j = 0;
        while j < i {
            add_block(&a[i], &a[j], product.split_at_mut((i + j) * BLOCK).1);
            j += 1;
        }
        i += 1;
    }
    double(product);
    i = 0;
    while i < a.len() {
        add_block(&a[i], &a[i], product.split_at_mut(2 * i * BLOCK).1);
        i += 1;
    }
}

/// `sum += a * b`, from halves of limbs, column by column, without a loop.
#[inline(never)]
const fn add_block(a: &[u32; BLOCK], b: &[u32; BLOCK], sum: &mut [u32]) {
    let Some((limbs, above)) = sum.split_first_chunk_mut::<{ 2 * BLOCK }>() else { return };
    let (a, b) = (halves(a), halves(b));
    let mut sum = 0u64;
    macro_rules! limb {
        ($place:literal: $($i:literal $j:literal),*; $($k:literal $l:literal),*) => {
            sum += limbs[$place] as u64;
            $(sum += (a[$i] * b[$j]) as u64;)*
            let lower = low(sum) & 0xffff;
            sum >>= 16;
            $(sum += (a[$k] * b[$l]) as u64;)*
            limbs[$place] = low(sum) << 16 | lower;
            sum >>= 16;
        };
    }
    limb!(0: 0 0; 0 1, 1 0);
    limb!(1: 0 2, 1 1, 2 0; 0 3, 1 2, 2 1, 3 0);
    limb!(2: 0 4, 1 3, 2 2, 3 1, 4 0; 0 5, 1 4, 2 3, 3 2, 4 1, 5 0);
    limb!(3: 0 6, 1 5, 2 4, 3 3, 4 2, 5 1, 6 0; 0 7, 1 6, 2 5, 3 4, 4 3, 5 2, 6 1, 7 0);
    limb!(4: 1 7, 2 6, 3 5, 4 4, 5 3, 6 2, 7 1; 2 7, 3 6, 4 5, 5 4, 6 3, 7 2);
    limb!(5: 3 7, 4 6, 5 5, 6 4, 7 3; 4 7, 5 6, 6 5, 7 4);
    limb!(6: 5 7, 6 6, 7 5; 6 7, 7 6);
    limb!(7: 7 7; );
    add_limb(above, low(sum));
}

#[inline(always)]
const fn halves(limbs: &[u32; BLOCK]) -> [u32; 2 * BLOCK] {
    let [a, b, c, d] = *limbs;
    [a & 0xffff, a >> 16, b & 0xffff, b >> 16, c & 0xffff, c >> 16, d & 0xffff, d >> 16]
}

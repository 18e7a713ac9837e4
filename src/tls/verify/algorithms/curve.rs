//! The curves P-256 and P-384 (SP 800-186 §3.2.1), y² = x³ - 3x + b over a prime field, with a group of prime order: every
//! point on the curve but infinity generates it.
//!
//! There is one operation for the world outside, [`Curve::combine`]: u1·G + u2·Q, the sum that verifies a signature.
//! There is none that multiplies a point by one number, as key exchange and signing do: they work on secrets, and here the
//! time, the branches and the addresses depend on every bit.

use super::limbs::{LIMB_BITS, LIMB_LEN, add_limb, halve, hex, read};
use super::montgomery::{Field, Residue};
use super::sparse::Coordinates;

/// P-256, also secp256r1 and prime256v1.
pub(super) static P256: Curve<8> = Curve::new(
    "P-256",
    hex("ffffffff 00000001 00000000 00000000 00000000 ffffffff ffffffff ffffffff"),
    hex("ffffffff 00000000 ffffffff ffffffff bce6faad a7179e84 f3b9cac2 fc632551"),
    hex("5ac635d8 aa3a93e7 b3ebbd55 769886bc 651d06b0 cc53b0f6 3bce3c3e 27d2604b"),
    [
        [
            hex("6b17d1f2 e12c4247 f8bce6e5 63a440f2 77037d81 2deb33a0 f4a13945 d898c296"),
            hex("4fe342e2 fe1a7f9b 8ee7eb4a 7c0f9e16 2bce3357 6b315ece cbb64068 37bf51f5"),
        ],
        [
            hex("5ecbe4d1 a6330a44 c8f7ef95 1d4bf165 e6c6b721 efada985 fb41661b c6e7fd6c"),
            hex("8734640c 4998ff7e 374b06ce 1a64a2ec d82ab036 384fb83d 9a79b127 a27d5032"),
        ],
        [
            hex("51590b7a 515140d2 d784c856 08668fdf ef8c82fd 1f5be524 21554a0d c3d033ed"),
            hex("e0c17da8 904a727d 8ae1bf36 bf8a7926 0d012f00 d4d80888 d1d0bb44 fda16da4"),
        ],
        [
            hex("8e533b6f a0bf7b46 25bb3066 7c01fb60 7ef9f8b8 a80fef5b 30062870 3187b2a3"),
            hex("73eb1dbd e0331836 6d069f83 a6f59000 53c73633 cb041b21 c55e1a86 c1f400b4"),
        ],
    ],
);

/// P-384, also secp384r1.
pub(super) static P384: Curve<12> = Curve::new(
    "P-384",
    hex("ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff fffffffe ffffffff 00000000 00000000 ffffffff"),
    hex("ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff c7634d81 f4372ddf 581a0db2 48b0a77a ecec196a ccc52973"),
    hex("b3312fa7 e23ee7e4 988e056b e3f82d19 181d9c6e fe814112 0314088f 5013875a c656398d 8a2ed19d 2a85c8ed d3ec2aef"),
    [
        [
            hex(
                "aa87ca22 be8b0537 8eb1c71e f320ad74 6e1d3b62 8ba79b98 59f741e0 82542a38 5502f25d bf55296c 3a545e38 72760ab7",
            ),
            hex(
                "3617de4a 96262c6f 5d9e98bf 9292dc29 f8f41dbd 289a147c e9da3113 b5f0b8c0 0a60b1ce 1d7e819d 7a431d7c 90ea0e5f",
            ),
        ],
        [
            hex(
                "077a41d4 606ffa14 64793c7e 5fdc7d98 cb9d3910 202dcd06 bea4f240 d3566da6 b408bbae 5026580d 02d7e5c7 0500c831",
            ),
            hex(
                "c995f7ca 0b0c4283 7d0bbe96 02a9fc99 8520b41c 85115aa5 f7684c0e dc111eac c24abd6b e4b5d298 b65f2860 0a2f1df1",
            ),
        ],
        [
            hex(
                "11de24a2 c251c777 573cac5e a025e467 f208e51d bff98fc5 4f6661cb e56583b0 37882f4a 1ca297e6 0abcdbc3 836d84bc",
            ),
            hex(
                "8fa696c7 7440f92d 0f5837e9 0a00e7c5 284b4477 54d5dee8 8c986533 b6901aeb 3177686d 0ae8fb33 184414ab e6c1713a",
            ),
        ],
        [
            hex(
                "283c1d73 65ce4788 f29f8ebf 234edffe ad6fe997 fbea5ffa 2d58cc9d fa7b1c50 8b05526f 55b9ebb2 040f05b4 8fb6d0e1",
            ),
            hex(
                "9475c990 61e41b88 ba52efdb 8c169047 1a61d867 ed799729 d9c92cd0 1dbd2256 30d84ede 32a78f9e 64664cda c512ef8c",
            ),
        ],
    ],
);

/// A curve over a field of `N` limbs.
#[derive(Debug)]
pub(super) struct Curve<const N: usize> {
    /// As in FIPS 186-5.
    pub(super) name: &'static str,
    /// The field of the coordinates.
    pub(super) coordinates: Coordinates<N>,
    /// The field of the scalars: integers modulo the order of the group.
    pub(super) scalars: Field<N>,
    b: Residue<N>,
    /// The odd multiples of the generator.
    generator: [Point<N>; MULTIPLES],
}

/// A point in Jacobian coordinates: (X/Z², Y/Z³), and infinity if Z is zero. No inverse is needed to add two of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Point<const N: usize> {
    pub(super) x: Residue<N>,
    y: Residue<N>,
    pub(super) z: Residue<N>,
}

impl<const N: usize> Point<N> {
    const INFINITY: Self = Self { x: Residue::ZERO, y: Residue::ZERO, z: Residue::ZERO };

    pub(super) const fn is_infinity(&self) -> bool {
        self.z.is_zero()
    }
}

/// Digits of the scalars: four bits wide, odd or zero, from -7 to 7.
const WIDTH: u32 = 4;
/// The odd multiples of a point up to the largest digit: 1, 3, 5, 7.
const MULTIPLES: usize = 1 << (WIDTH - 2);
/// Digits in the longest scalar: one for each bit of P-384's, and one for the last carry.
const MAX_DIGITS: usize = 384 + 1;

impl<const N: usize> Curve<N> {
    /// A curve by its numbers, in the order of SP 800-186; last 1, 3, 5 and 7 times the generator.
    ///
    /// # Panics
    /// At compile time, if one of the points is not on the curve.
    const fn new(
        name: &'static str,
        prime: [u32; N],
        order: [u32; N],
        b: [u32; N],
        multiples: [[[u32; N]; 2]; MULTIPLES],
    ) -> Self {
        let (coordinates, scalars) = (Coordinates::new(prime), Field::new(order));
        let b = coordinates.enter(&b);
        let mut curve = Self { name, coordinates, scalars, b, generator: [Point::INFINITY; MULTIPLES] };
        let mut i = 0;
        while i < MULTIPLES {
            let [x, y] = &multiples[i];
            let (x, y) = (curve.coordinates.enter(x), curve.coordinates.enter(y));
            let point = Point { x, y, z: curve.coordinates.one() };
            assert!(curve.contains(&point), "a multiple of the generator is on the curve");
            curve.generator[i] = point;
            i += 1;
        }
        // What `digits` adds to a scalar must not carry out of its limbs.
        let mut highest = order;
        assert!(!add_limb(&mut highest, 1 << WIDTH) && N * LIMB_BITS < MAX_DIGITS);
        curve
    }

    /// Y² = X³ - 3X + b, for a point with Z = 1 (SEC 1 §2.2.1).
    const fn contains(&self, point: &Point<N>) -> bool {
        let f = &self.coordinates;
        let x_squared = f.square(&point.x);
        let mut right = f.multiply(&x_squared, &point.x);
        right = f.subtract(&right, &point.x);
        right = f.subtract(&right, &point.x);
        right = f.subtract(&right, &point.x);
        right = f.add(&right, &self.b);
        f.subtract(&f.square(&point.y), &right).is_zero()
    }

    /// A public key: an uncompressed point (SEC 1 §2.3.4) with both coordinates in range, on the curve (§3.2.2.1). As the
    /// group has all points of the curve and the encoding has none for infinity, nothing more is to be checked.
    pub(super) fn point(&self, octets: &[u8]) -> Option<Point<N>> {
        let (0x04, coordinates) = octets.split_first().map(|(form, rest)| (*form, rest))? else { return None };
        if coordinates.len() != 2 * N * LIMB_LEN {
            return None;
        }
        let (x, y) = coordinates.split_at(N * LIMB_LEN);
        let [x, y] = [x, y].map(|octets| {
            let mut plain = [0; N];
            read(octets, &mut plain);
            self.coordinates.element(plain)
        });
        let point = Point { x: x?, y: y?, z: self.coordinates.one() };
        if self.contains(&point) { Some(point) } else { None }
    }

    /// u1·G + u2·Q for public numbers below the order, both sums in one pass: for each bit one doubling, for every fifth
    /// bit of each scalar one addition (Straus's method, called Shamir's trick, on width-4 non-adjacent forms: *Guide to
    /// Elliptic Curve Cryptography*, algorithm 3.51).
    pub(super) fn combine(&self, u1: &[u32; N], u2: &[u32; N], q: &Point<N>) -> Point<N> {
        let mut forms = [[0; MAX_DIGITS]; 2];
        for (form, scalar) in forms.iter_mut().zip([u1, u2]) {
            digits(scalar, form);
        }
        let mut multiples = [Point::INFINITY; MULTIPLES];
        self.odd_multiples(q, &mut multiples);
        let mut sum = Point::INFINITY;
        for position in (0..=N * LIMB_BITS).rev() {
            sum = self.double(&sum);
            for (form, multiples) in forms.iter().zip([&self.generator, &multiples]) {
                let digit = form.get(position).copied().unwrap_or(0);
                if digit == 0 {
                    continue;
                }
                // Digits 1, 3, 5, 7 of either sign stand for the multiples 0, 1, 2, 3.
                let Some(mut multiple) = multiples.get(usize::from(digit.unsigned_abs() / 2)).copied() else {
                    continue;
                };
                if digit < 0 {
                    multiple.y = self.coordinates.subtract(&Residue::ZERO, &multiple.y);
                }
                sum = self.add(&sum, &multiple);
            }
        }
        sum
    }

    /// P, 3P, 5P, 7P.
    fn odd_multiples(&self, point: &Point<N>, multiples: &mut [Point<N>; MULTIPLES]) {
        let twice = self.double(point);
        multiples[0] = *point;
        for i in 1..MULTIPLES {
            multiples[i] = self.add(&multiples[i - 1], &twice);
        }
    }

    /// 2P, also for infinity (IEEE 1363-2000 §A.10.4, the affine formula of SEC 1 §2.2.1 with a = -3):
    /// M = 3(X - Z²)(X + Z²), S = 4XY², X' = M² - 2S, Y' = M(S - X') - 8Y⁴, Z' = 2YZ.
    #[inline(never)]
    fn double(&self, Point { x, y, z }: &Point<N>) -> Point<N> {
        let f = &self.coordinates;
        let twice = |a: &Residue<N>| f.add(a, a);
        let z_squared = f.square(z);
        let product = f.multiply(&f.subtract(x, &z_squared), &f.add(x, &z_squared));
        let m = f.add(&twice(&product), &product);
        let twice_y_squared = twice(&f.square(y));
        let s = twice(&f.multiply(x, &twice_y_squared));
        let new_x = f.subtract(&f.square(&m), &twice(&s));
        let new_y = f.subtract(&f.multiply(&m, &f.subtract(&s, &new_x)), &twice(&f.square(&twice_y_squared)));
        Point { x: new_x, y: new_y, z: twice(&f.multiply(y, z)) }
    }

    /// P + Q for any two points (IEEE 1363-2000 §A.10.5, the affine formula of SEC 1 §2.2.1):
    /// U = X Z'², S = Y Z'³ of each, H = U2 - U1, R = S2 - S1,
    /// X' = R² - H³ - 2 U1 H², Y' = R(U1 H² - X') - S1 H³, Z' = H Z1 Z2.
    #[inline(never)]
    fn add(&self, p: &Point<N>, q: &Point<N>) -> Point<N> {
        if p.is_infinity() {
            return *q;
        }
        if q.is_infinity() {
            return *p;
        }
        let f = &self.coordinates;
        // A point's X and Y as they would be with Z times the other's Z: a factor of 1 changes nothing, and is what every
        // multiple of the generator has.
        let scaled = |point: &Point<N>, z: &Residue<N>| {
            if *z == f.one() {
                return (point.x, point.y);
            }
            let z_squared = f.square(z);
            let z_cubed = f.multiply(&z_squared, z);
            (f.multiply(&point.x, &z_squared), f.multiply(&point.y, &z_cubed))
        };
        let ((u1, s1), (u2, s2)) = (scaled(p, &q.z), scaled(q, &p.z));
        let (h, r) = (f.subtract(&u2, &u1), f.subtract(&s2, &s1));
        if h.is_zero() {
            // The same x: the same point, or P and -P.
            return if r.is_zero() { self.double(p) } else { Point::INFINITY };
        }
        let h_squared = f.square(&h);
        let h_cubed = f.multiply(&h_squared, &h);
        let v = f.multiply(&u1, &h_squared);
        let x = f.subtract(&f.subtract(&f.subtract(&f.square(&r), &h_cubed), &v), &v);
        let y = f.subtract(&f.multiply(&r, &f.subtract(&v, &x)), &f.multiply(&s1, &h_cubed));
        Point { x, y, z: f.multiply(&f.multiply(&h, &p.z), &q.z) }
    }
}

/// The width-4 non-adjacent form of a scalar, its lowest digit first (*Guide to Elliptic Curve Cryptography*, algorithm
/// 3.35): of four neighbours at most one is not zero.
fn digits<const N: usize>(scalar: &[u32; N], digits: &mut [i8; MAX_DIGITS]) {
    let mut left = *scalar;
    for digit in digits.iter_mut().take(N * LIMB_BITS + 1) {
        if left[0] & 1 == 1 {
            // The lowest four bits as a number from -8 to 7. Taking it away leaves four zeros.
            let lowest = left[0] & ((1 << WIDTH) - 1);
            if lowest >> (WIDTH - 1) == 0 {
                *digit = lowest as i8;
                left[0] -= lowest;
            } else {
                *digit = lowest as i8 - (1 << WIDTH);
                add_limb(&mut left, (1 << WIDTH) - lowest);
            }
        }
        halve(&mut left, false);
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use p256::elliptic_curve::{Group, sec1::ToEncodedPoint};

    use super::super::limbs;
    use super::*;

    /// ±k as a scalar.
    fn scalar(k: i64) -> [u32; 8] {
        let mut plain = [0; 8];
        add_limb(&mut plain, k.unsigned_abs() as u32);
        if k < 0 {
            let mut negative = *P256.scalars.prime();
            limbs::subtract(&mut negative, &plain);
            return negative;
        }
        plain
    }

    /// k·G by another implementation: its encoding, or one octet for infinity.
    fn expected(k: i64) -> Vec<u8> {
        let factor = p256::Scalar::from(k.unsigned_abs());
        let point = p256::ProjectivePoint::generator() * if k < 0 { -factor } else { factor };
        point.to_affine().to_encoded_point(false).as_bytes().to_vec()
    }

    /// `sum` is the point of this encoding.
    fn is(sum: &Point<8>, expected: &[u8]) -> bool {
        if expected == [0] {
            return sum.is_infinity();
        }
        let f = &P256.coordinates;
        let point = P256.point(expected).unwrap();
        let z_squared = f.square(&sum.z);
        let z_cubed = f.multiply(&z_squared, &sum.z);
        !sum.is_infinity() && sum.x == f.multiply(&point.x, &z_squared) && sum.y == f.multiply(&point.y, &z_cubed)
    }

    /// Every small sum u1·G + u2·kG: either scalar zero, both zero, the sum infinity, and the same point or opposite ones
    /// added on the way.
    #[test]
    fn small_sums() {
        for k in [1, -1, 2, -2, 3, -7, 8] {
            let q = P256.point(&expected(k)).unwrap();
            for u1 in -5i64..=5 {
                for u2 in -5..=5 {
                    let sum = P256.combine(&scalar(u1), &scalar(u2), &q);
                    assert!(is(&sum, &expected(u1 + k * u2)), "{u1} G + {u2} * {k} G");
                }
            }
        }
    }

    #[test]
    fn additions_of_equal_opposite_and_infinite_points() {
        let points = [0, 1, -1, 2, -2, 3].map(|k| (k, P256.combine(&scalar(k), &scalar(0), &P256.generator[0])));
        for (a, p) in &points {
            assert!(is(&P256.double(p), &expected(2 * a)));
            for (b, q) in &points {
                assert!(is(&P256.add(p, q), &expected(a + b)), "{a} G + {b} G");
            }
        }
    }

    /// A coordinate has one encoding: the same residue with p on top is refused.
    #[test]
    fn coordinates_above_the_prime() {
        let prime = *P256.coordinates.prime();
        let mut seen = 0;
        for x in 1..30 {
            let mut octets = [0; 33];
            (octets[0], octets[32]) = (2, x);
            let Ok(point) = p256::PublicKey::from_sec1_bytes(&octets) else { continue };
            seen += 1;
            let mut key = point.to_encoded_point(false).as_bytes().to_vec();
            assert!(P256.point(&key).is_some());
            let mut above = prime;
            assert!(!add_limb(&mut above, x.into()));
            limbs::write(&above, &mut key[1..33]);
            assert!(P256.point(&key).is_none());
            limbs::write(&prime, &mut key[1..33]);
            assert!(P256.point(&key).is_none());
        }
        assert!(seen > 5);
    }

    /// The order times the generator is infinity: the order has no misprint either.
    #[test]
    fn orders() {
        fn check<const N: usize>(curve: &Curve<N>) {
            let mut last = *curve.scalars.prime();
            last[0] -= 1;
            let mut one = [0; N];
            one[0] = 1;
            let minus_one = curve.combine(&last, &[0; N], &curve.generator[0]);
            assert!(!minus_one.is_infinity());
            assert!(curve.add(&minus_one, &curve.generator[0]).is_infinity());
            assert!(curve.combine(&last, &one, &curve.generator[0]).is_infinity());
        }
        check(&P256);
        check(&P384);
    }

    /// Digits are odd or zero, at most one of four neighbours is not zero, and they add up to the scalar.
    #[test]
    fn forms_of_scalars() {
        let order = P256.scalars.prime();
        let carries = hex("fffffffe ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff");
        for scalar in [[0; 8], scalar(1), scalar(-1), scalar(0x7fff_fff7), [0x5555_5555; 8], *order, carries] {
            let mut form = [0; MAX_DIGITS];
            digits(&scalar, &mut form);
            let digits = form;
            assert!(digits.iter().all(|digit| *digit == 0 || digit & 1 == 1 && digit.abs() < 8));
            assert!(digits.windows(4).all(|four| four.iter().filter(|digit| **digit != 0).count() < 2));
            let mut sum = [0i64; MAX_DIGITS / LIMB_BITS + 1];
            for (position, digit) in digits.iter().enumerate() {
                sum[position / LIMB_BITS] += i64::from(*digit) << (position % LIMB_BITS);
            }
            let mut carry = 0;
            for (i, part) in sum.into_iter().enumerate() {
                carry += part;
                assert_eq!(carry as u32, scalar.get(i).copied().unwrap_or(0));
                carry >>= LIMB_BITS;
            }
            assert_eq!(carry, 0);
        }
    }
}

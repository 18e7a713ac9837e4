//! Numbers: integers that fit, and floats that are rounded exactly, without tables.

use super::JsonErrorKind;

type Result<T> = core::result::Result<T, JsonErrorKind>;

/// The integer that `text` says, between `min` and `max`; a negative one as its two's complement.
pub(super) fn integer(text: &[u8], min: i64, max: u64) -> Result<u64> {
    let (digits, most) = match text {
        [b'-', digits @ ..] => (digits, min.unsigned_abs()),
        _ => (text, max),
    };
    let mut value = 0u64;
    for digit in digits.iter().map(|byte| byte.wrapping_sub(b'0')) {
        if digit > 9 {
            return Err(JsonErrorKind::NotInteger);
        }
        // Beyond this the next digit does not fit, whatever it is; and one that does not show when it wraps is above.
        let next = if value > u64::MAX / 10 { None } else { (value * 10).checked_add(digit.into()) };
        value = next.filter(|next| *next <= most).ok_or(JsonErrorKind::OutOfRange)?;
    }
    Ok(if digits.len() < text.len() { value.wrapping_neg() } else { value })
}

/// A binary format of IEEE 754.
pub(super) struct Format {
    /// Bits of the fraction.
    fraction: u32,
    /// The exponent of the smallest number: 2 to this.
    least: i32,
    /// What stands in the exponent's bits of an infinity.
    infinite: u64,
}

pub(super) const BINARY32: Format = Format { fraction: 23, least: -149, infinite: 0xff };
pub(super) const BINARY64: Format = Format { fraction: 52, least: -1074, infinite: 0x7ff };

/// So many digits decide. A number that lies halfway between two of binary64 has at most 767, and a multiple of the
/// smallest unit that is looked at below fewer than 800; behind that it only counts whether there is more.
const DIGITS: usize = 800;
/// 10 to this is too large for either format.
const TOO_LARGE: i32 = 310;
/// 10 to minus this is nearer to zero than to the smallest number.
const TOO_SMALL: i32 = 330;
/// Room for 10³¹⁰ with 64 bits behind the point, and for what `TOO_SMALL` needs.
const WORDS: usize = 36;

/// The number of `format` that is nearest to the JSON number `text`, which has no sign; of two that are as near, the
/// even one (IEEE 754 §4.3.1). `None` if there is no number as large.
///
/// The number is computed in fixed point, as one large integer: first what stands before the point, digit by digit from
/// the left; then what stands behind it, from the right, each time divided by ten. A division that leaves a rest is the
/// same whether it is done at once or in steps, so the bits are exact, and one more tells whether anything was lost.
pub(super) fn float(text: &[u8], format: &Format) -> Option<u64> {
    let (mantissa, exponent) = match text.iter().position(|byte| matches!(byte, b'e' | b'E')) {
        Some(at) => (text.get(..at)?, text.get(at + 1..)?),
        None => (text, &b""[..]),
    };
    let before = mantissa.iter().position(|byte| *byte == b'.').unwrap_or(mantissa.len());
    // The digits, as if no point stood between them, and zeroes behind them.
    let digit = |index: usize| {
        let byte = mantissa.get(index + usize::from(index >= before));
        u32::from(byte.map_or(0, |byte| byte.wrapping_sub(b'0')))
    };
    let count = mantissa.len() - usize::from(before < mantissa.len());
    let Some(first) = (0..count).find(|index| digit(*index) != 0) else { return Some(0) };
    let last = count.min(first + DIGITS);
    let mut inexact = (last..count).any(|index| digit(index) != 0);

    // The number is 0.DIGITS times ten to `point`.
    let point =
        i32::try_from(before).ok()?.saturating_sub(i32::try_from(first).ok()?).saturating_add(decimal(exponent));
    if point > TOO_LARGE {
        return None;
    }
    if point < -TOO_SMALL {
        return Some(0);
    }
    let zeroes = point.min(0).unsigned_abs();
    let from = first + point.max(0).unsigned_abs() as usize;
    // Nine digits and the power of ten behind them.
    let group = |from: usize, to: usize| {
        (from..to).fold((0, 1), |(value, power), index| (value * 10 + digit(index), power * 10))
    };

    let mut words = [0u32; WORDS];
    // Behind the point: 64 bits that count, and as many zeroes before them as there may be.
    let low = if point > 0 { 2 } else { (64 + zeroes as usize * 5 / 2) / 32 + 1 };
    let (fraction, whole) = words.split_at_mut_checked(low)?;

    let (mut at, mut used) = (first, 0);
    while at < from {
        let to = from.min(at + 9);
        let (mut carry, power) = group(at, to);
        for word in whole.iter_mut().take(used) {
            let product = u64::from(*word) * u64::from(power) + u64::from(carry);
            (*word, carry) = (product as u32, (product >> 32) as u32);
        }
        if carry > 0 {
            *whole.get_mut(used)? = carry;
            used += 1;
        }
        at = to;
    }
    let mut at = last;
    while at > from {
        let start = from.max(at.saturating_sub(9));
        let (value, power) = group(start, at);
        inexact |= divide(fraction, value, power);
        at = start;
    }
    // Ten to `zeroes` is five to that, and a shift.
    let mut left = zeroes;
    while left > 0 {
        let step = left.min(13);
        inexact |= divide(fraction, 0, 5u32.pow(step));
        left -= step;
    }

    // The number is `words` times two to minus `scale`, and a little more if it is inexact.
    let scale = low as i32 * 32 + zeroes as i32;
    let highest = words.iter().rposition(|word| *word != 0)?;
    let top = highest as i32 * 32 + words.get(highest)?.ilog2() as i32;
    let unit = (top - scale - format.fraction as i32).max(format.least);
    // 64 bits from half a unit on; nothing lies above them, and what lies below decides when half of one is left.
    let half = usize::try_from(unit + scale - 1).unwrap_or_default();
    let (at, shift) = (half / 32, half % 32);
    let word = |index: usize| u64::from(words.get(index).copied().unwrap_or_default());
    let window = (word(at) | word(at + 1) << 32) >> shift | word(at + 2) << 1 << (63 - shift);
    inexact |= words.iter().take(at).any(|word| *word != 0) || word(at) & ((1 << shift) - 1) != 0;
    let mut significand = window >> 1;
    if window & 1 == 1 && (significand & 1 == 1 || inexact) {
        significand += 1;
    }
    // The bit above the fraction, where there is one, adds the one that the exponent lacks.
    let bits = (u64::from((unit - format.least).unsigned_abs()) << format.fraction) + significand;
    (bits >> format.fraction < format.infinite).then_some(bits)
}

/// Puts `value` above the point, divides by `by`, which is larger, and tells whether there is a rest.
fn divide(fraction: &mut [u32], value: u32, by: u32) -> bool {
    let mut rest = value;
    for word in fraction.iter_mut().rev() {
        let dividend = u64::from(rest) << 32 | u64::from(*word);
        *word = (dividend / u64::from(by)) as u32;
        // What `%` gives, without a second division.
        rest = (dividend as u32).wrapping_sub(word.wrapping_mul(by));
    }
    rest != 0
}

/// The exponent, or one that is as good.
fn decimal(text: &[u8]) -> i32 {
    let value = text
        .iter()
        .filter(|byte| byte.is_ascii_digit())
        .fold(0i32, |value, digit| value.saturating_mul(10).saturating_add(i32::from(digit - b'0')));
    if text.first() == Some(&b'-') { value.saturating_neg() } else { value }
}

//! Numbers: exact, and without a second look at their digits in the usual case.

use crate::Value;

/// So many digits always fit into a `u64`.
const DIGITS_EXACT: usize = 19;

/// The largest mantissa of which all smaller ones are doubles too.
const MANTISSA_EXACT: u64 = 1 << 53;

/// The powers of ten that are doubles. A mantissa that is a double times or divided by one of them
/// is rounded once, hence right.
const POWERS_EXACT: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// The powers of ten by which up to eight more digits move a number.
const POWERS: [u64; 9] = [
    1,
    10,
    100,
    1_000,
    10_000,
    100_000,
    1_000_000,
    10_000_000,
    100_000_000,
];

/// Why there is no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// There is no number.
    Missing,
    /// An integer out of range; its digits end at `end`.
    Integer { end: usize },
    /// An unsigned integer out of range; its digits end at `end`.
    Unsigned { end: usize },
    /// A number that ends at `end` and is no finite double.
    Float { end: usize },
}

/// A number and the index after it.
///
/// Words rather than a [`Value`], so that it stays in registers until the field is put together: a
/// tenth of the parser's time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Number {
    bits: u64,
    kind: NumberKind,
    pub(crate) end: usize,
}

#[derive(Debug, Clone, Copy)]
enum NumberKind {
    Float,
    Integer,
    Unsigned,
}

impl Number {
    #[inline]
    fn float(value: f64, end: usize) -> Self {
        Self {
            bits: value.to_bits(),
            kind: NumberKind::Float,
            end,
        }
    }

    #[inline]
    pub(crate) fn value(self) -> Value<'static> {
        match self.kind {
            NumberKind::Float => Value::Float(f64::from_bits(self.bits)),
            NumberKind::Integer => Value::Integer(self.bits.cast_signed()),
            NumberKind::Unsigned => Value::Unsigned(self.bits),
        }
    }
}

/// Reads the number that starts at `start`, as far as the grammar goes.
///
/// What follows is not looked at: `1.x` is the number 1, followed by `.x`.
#[inline]
pub(crate) fn number(text: &str, start: usize) -> Result<Number, Flaw> {
    let bytes = text.as_bytes();
    let negative = bytes.get(start) == Some(&b'-');
    let digits_start = start + usize::from(negative);
    let (mantissa, end) = digits(bytes, digits_start);
    let count = end - digits_start;
    if count == 0 {
        return Err(Flaw::Missing);
    }
    match bytes.get(end) {
        Some(b'i') => match integer(text, start, end, mantissa, count, negative) {
            Some(value) => Ok(Number {
                bits: value.cast_unsigned(),
                kind: NumberKind::Integer,
                end: end + 1,
            }),
            None => Err(Flaw::Integer { end }),
        },
        Some(b'u') if !negative => match unsigned(text, start, end, mantissa, count) {
            Some(bits) => Ok(Number {
                bits,
                kind: NumberKind::Unsigned,
                end: end + 1,
            }),
            None => Err(Flaw::Unsigned { end }),
        },
        Some(b'.' | b'e' | b'E') => float(bytes, start, digits_start, end, mantissa),
        // A cast from u64 rounds to the nearest double.
        _ if count <= DIGITS_EXACT => Ok(Number::float(with_sign(mantissa as f64, negative), end)),
        _ => float_slow(bytes, start, end),
    }
}

/// Reads a timestamp: an integer without suffix. `Flaw::Integer` is the only range error.
#[inline]
pub(crate) fn timestamp(text: &str, start: usize) -> Result<(i64, usize), Flaw> {
    let bytes = text.as_bytes();
    let negative = bytes.get(start) == Some(&b'-');
    let digits_start = start + usize::from(negative);
    let (mantissa, end) = digits(bytes, digits_start);
    let count = end - digits_start;
    if count == 0 {
        return Err(Flaw::Missing);
    }
    match integer(text, start, end, mantissa, count, negative) {
        Some(value) => Ok((value, end)),
        None => Err(Flaw::Integer { end }),
    }
}

/// Reads digits; gives their number, modulo 2^64, and the index after it.
#[inline]
fn digits(bytes: &[u8], start: usize) -> (u64, usize) {
    digits_behind(bytes, start, 0)
}

/// Reads the digits that go on behind those of `value`.
#[inline]
fn digits_behind(bytes: &[u8], start: usize, value: u64) -> (u64, usize) {
    let (mut value, mut at) = (value, start);
    while let Some(&chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let (part, count) = leading_digits(u64::from_le_bytes(chunk));
        value = value.wrapping_mul(POWERS[count]).wrapping_add(part);
        at += count;
        if count < 8 {
            return (value, at);
        }
    }
    // The last bytes of the body.
    while let Some(digit) = bytes
        .get(at)
        .map(|byte| byte.wrapping_sub(b'0'))
        .filter(|&digit| digit < 10)
    {
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
        at += 1;
    }
    (value, at)
}

/// The number that the leading digits among eight characters give, and how many there are. The
/// first character is the lowest byte.
///
/// Without branches, because the number of digits is what a branch predictor gets wrong most often
/// here.
#[inline]
fn leading_digits(word: u64) -> (u64, usize) {
    // The highest bit of a byte is set when the byte is above '9' or below '0'. A carry or borrow
    // spoils only bytes behind one that is no digit.
    let above = word.wrapping_add(0x4646_4646_4646_4646);
    let below = word.wrapping_sub(0x3030_3030_3030_3030);
    let others = (above | below) & 0x8080_8080_8080_8080;
    let count = others.trailing_zeros() / 8;
    // As if zeros stood before the digits. No digits would mean a shift by all 64 bits.
    let ones = (word & 0x0F0F_0F0F_0F0F_0F0F)
        .checked_shl(64 - 8 * count)
        .unwrap_or(0);
    // Neighbours are joined: digits to pairs, pairs to fours, fours to eight.
    let pairs = (ones.wrapping_mul(10 * (1 << 8) + 1) >> 8) & 0x00FF_00FF_00FF_00FF;
    let fours = (pairs.wrapping_mul(100 * (1 << 16) + 1) >> 16) & 0x0000_FFFF_0000_FFFF;
    let eight = fours.wrapping_mul(10_000 * (1 << 32) + 1) >> 32;
    (eight, count as usize)
}

/// The signed integer in `start..end`, sign included, whose digits give `mantissa`. `None` when it
/// is out of range.
#[inline]
fn integer(
    text: &str,
    start: usize,
    end: usize,
    mantissa: u64,
    count: usize,
    negative: bool,
) -> Option<i64> {
    if count > DIGITS_EXACT {
        return text[start..end].parse().ok(); // Leading zeros, or out of range.
    }
    if negative {
        0_i64.checked_sub_unsigned(mantissa)
    } else {
        i64::try_from(mantissa).ok()
    }
}

/// The unsigned integer in `start..end` whose digits give `mantissa`. `None` when it is out of
/// range.
#[inline]
fn unsigned(text: &str, start: usize, end: usize, mantissa: u64, count: usize) -> Option<u64> {
    if count <= DIGITS_EXACT {
        Some(mantissa)
    } else {
        text[start..end].parse().ok()
    }
}

/// Goes on after the digits before a point or an exponent, which end at `whole_end` and give
/// `whole`.
fn float(
    bytes: &[u8],
    start: usize,
    digits_start: usize,
    whole_end: usize,
    whole: u64,
) -> Result<Number, Flaw> {
    let (mut mantissa, mut end, mut exponent) = (whole, whole_end, 0_i64);
    let mut count = whole_end - digits_start;
    if bytes.get(whole_end) == Some(&b'.') {
        let (with_fraction, fraction_end) = digits_behind(bytes, whole_end + 1, mantissa);
        let fraction_count = fraction_end - (whole_end + 1);
        if fraction_count > 0 {
            (mantissa, end) = (with_fraction, fraction_end);
            count += fraction_count;
            exponent = -i64::try_from(fraction_count).unwrap_or(i64::MAX);
        }
    }
    let mut written_count = 0;
    // After a point without digits the number has ended already.
    if let Some((written, exponent_end)) = exponent_at(bytes, end) {
        (exponent, end) = (exponent.saturating_add(written.value), exponent_end);
        written_count = written.count;
    }
    let power = usize::try_from(exponent.unsigned_abs())
        .ok()
        .and_then(|index| POWERS_EXACT.get(index));
    match power {
        Some(&power)
            if mantissa <= MANTISSA_EXACT
                && count <= DIGITS_EXACT
                && written_count < DIGITS_EXACT =>
        {
            let mantissa = mantissa as f64;
            let value = if exponent < 0 {
                mantissa / power
            } else {
                mantissa * power
            };
            Ok(Number::float(with_sign(value, digits_start > start), end))
        }
        _ => float_slow(bytes, start, end),
    }
}

/// The exponent a number has in its text.
struct Exponent {
    /// Modulo 2^64 when there are more than 18 digits.
    value: i64,
    /// The number of its digits.
    count: usize,
}

/// Reads `e`, an optional sign and at least one digit.
fn exponent_at(bytes: &[u8], at: usize) -> Option<(Exponent, usize)> {
    if !matches!(bytes.get(at), Some(b'e' | b'E')) {
        return None;
    }
    let signed = matches!(bytes.get(at + 1), Some(b'+' | b'-'));
    let digits_start = at + 1 + usize::from(signed);
    let (magnitude, end) = digits(bytes, digits_start);
    let count = end - digits_start;
    let magnitude = magnitude.cast_signed();
    let negative = bytes.get(at + 1) == Some(&b'-');
    let value = if negative {
        magnitude.wrapping_neg()
    } else {
        magnitude
    };
    (count > 0).then_some((Exponent { value, count }, end))
}

/// Rounds a number of any length, known to follow the grammar.
#[cold]
fn float_slow(bytes: &[u8], start: usize, end: usize) -> Result<Number, Flaw> {
    match fast_float2::parse::<f64, _>(&bytes[start..end]) {
        Ok(value) if value.is_finite() => Ok(Number::float(value, end)),
        _ => Err(Flaw::Float { end }),
    }
}

#[inline]
fn with_sign(value: f64, negative: bool) -> f64 {
    if negative { -value } else { value }
}

#[cfg(test)]
mod tests;

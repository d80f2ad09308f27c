//! Durations: InfluxQL's units, and the way Go prints them.

use std::fmt::Write as _;

use crate::{BinaryOp, Expr};

#[cfg(test)]
mod tests;

/// Units and their nanoseconds. Longer names before those they begin with, so that the first match
/// is the longest.
const UNITS: [(&str, u64); 10] = [
    ("ns", 1),
    ("ms", 1_000_000),
    ("u", 1_000),
    ("\u{b5}", 1_000),
    ("\u{3bc}", 1_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
    ("w", 604_800_000_000_000),
];

/// Units as printed, largest first.
const PRINTED: [(&str, u64); 8] = [
    ("w", 604_800_000_000_000),
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("u", 1_000),
    ("ns", 1),
];

/// The unit at the beginning of `text` and its nanoseconds.
pub(crate) fn unit_at(text: &str) -> Option<(&'static str, u64)> {
    UNITS.into_iter().find(|(unit, _)| text.starts_with(unit))
}

/// Prints a duration as an InfluxQL literal: `1h30m`, `-5s`, `0s`; units `w d h m s ms u ns`.
pub fn format_duration(nanoseconds: i64) -> String {
    let mut text = String::new();
    if nanoseconds == 0 {
        text.push_str("0s");
    }
    if nanoseconds < 0 {
        text.push('-');
    }
    let mut rest = nanoseconds.unsigned_abs();
    for (unit, size) in PRINTED {
        if rest >= size {
            // Writing to a string does not fail.
            let _ = write!(text, "{}{unit}", rest / size);
            rest %= size;
        }
    }
    text
}

/// Prints a duration as Go does, which is how InfluxDB 1.x shows retention: `168h0m0s`, `1m30.5s`,
/// `250ms`, `0s`.
pub fn format_go_duration(nanoseconds: i64) -> String {
    const SECOND: u64 = 1_000_000_000;
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let total = nanoseconds.unsigned_abs();
    let text = match total {
        0 => "0s".to_owned(),
        1..1_000 => format!("{total}ns"),
        1_000..1_000_000 => format!("{}\u{b5}s", decimal(total, 1_000)),
        1_000_000..SECOND => format!("{}ms", decimal(total, 1_000_000)),
        _ => {
            let (hours, minutes) = (total / (3_600 * SECOND), total / (60 * SECOND) % 60);
            let seconds = decimal(total % (60 * SECOND), SECOND);
            match (hours, minutes) {
                (0, 0) => format!("{seconds}s"),
                (0, _) => format!("{minutes}m{seconds}s"),
                _ => format!("{hours}h{minutes}m{seconds}s"),
            }
        }
    };
    format!("{sign}{text}")
}

/// `value / unit`, `unit` a power of ten, without trailing zeros.
fn decimal(value: u64, unit: u64) -> String {
    let (whole, fraction) = (value / unit, value % unit);
    if fraction == 0 {
        return whole.to_string();
    }
    // With `unit` added, the leading zeros of the fraction survive behind the 1.
    let digits = (unit + fraction).to_string();
    format!("{whole}.{}", digits[1..].trim_end_matches('0'))
}

/// A constant in the interval of `time()`.
enum Constant {
    Duration(i64),
    Number(f64),
}

/// Works out an expression over durations and numbers whose result is a duration, in nanoseconds.
///
/// Sums and differences of durations, and durations times or divided by a number (truncated toward
/// zero). `None` if it is anything else or out of range.
pub(crate) fn evaluate_duration(expr: &Expr) -> Option<i64> {
    match evaluate(expr)? {
        Constant::Duration(nanoseconds) => Some(nanoseconds),
        Constant::Number(_) => None,
    }
}

fn evaluate(expr: &Expr) -> Option<Constant> {
    match expr {
        Expr::Duration(nanoseconds) => Some(Constant::Duration(*nanoseconds)),
        Expr::Integer(number) => Some(Constant::Number(*number as f64)),
        Expr::Float(number) => Some(Constant::Number(*number)),
        Expr::Binary(binary) => {
            combine(binary.op, evaluate(&binary.left)?, evaluate(&binary.right)?)
        }
        _ => None,
    }
}

fn combine(op: BinaryOp, left: Constant, right: Constant) -> Option<Constant> {
    use Constant::{Duration, Number};
    match (op, left, right) {
        (BinaryOp::Add, Duration(a), Duration(b)) => a.checked_add(b).map(Duration),
        (BinaryOp::Sub, Duration(a), Duration(b)) => a.checked_sub(b).map(Duration),
        (BinaryOp::Mul, Duration(a), Number(b)) | (BinaryOp::Mul, Number(b), Duration(a)) => {
            whole(a as f64 * b)
        }
        (BinaryOp::Div, Duration(a), Number(b)) if b != 0.0 => whole(a as f64 / b),
        (BinaryOp::Add, Number(a), Number(b)) => Some(Number(a + b)),
        (BinaryOp::Sub, Number(a), Number(b)) => Some(Number(a - b)),
        (BinaryOp::Mul, Number(a), Number(b)) => Some(Number(a * b)),
        (BinaryOp::Div, Number(a), Number(b)) if b != 0.0 => Some(Number(a / b)),
        _ => None,
    }
}

/// `nanoseconds` truncated, if in range.
///
/// A duration below 2^53 ns (104 days) times a whole number was exact; beyond, it may be off by
/// nanoseconds.
fn whole(nanoseconds: f64) -> Option<Constant> {
    let fits = nanoseconds.abs() < i64::MAX as f64;
    fits.then_some(Constant::Duration(nanoseconds as i64))
}

//! Lifts the time range out of `WHERE`.
//!
//! Every comparison with `time` is taken out of the condition, whatever connects it to the rest, and
//! all of them together are one range.

use super::error::{Error, Result, invalid};
use chrono_tz::Tz;
use watershed_influxql::{Binary, BinaryOp, Expr, parse_timestamp};

/// A range of time that may be open at either end. Both ends are inside.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Bounds {
    /// The first instant, in nanoseconds.
    pub(super) lower: Option<i64>,
    /// The last instant, in nanoseconds.
    pub(super) upper: Option<i64>,
}

impl Bounds {
    /// The instants in both.
    pub(super) fn intersect(self, other: Self) -> Self {
        let lower = match (self.lower, other.lower) {
            (Some(a), Some(b)) => Some(a.max(b)),
            (a, b) => a.or(b),
        };
        let upper = match (self.upper, other.upper) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        Self { lower, upper }
    }
}

/// What the texts and calls in a time expression mean.
#[derive(Debug, Clone, Copy)]
pub(super) struct TimeContext {
    /// What `now()` is, in nanoseconds.
    pub(super) now: i64,
    /// The zone of timestamps that name none.
    pub(super) zone: Option<Tz>,
}

/// Splits a condition into its time range and the rest, which holds no comparison with `time` any
/// more; `None` when nothing is left.
pub(super) fn split(condition: &Expr, context: TimeContext) -> Result<(Bounds, Option<Expr>)> {
    let Expr::Binary(binary) = condition else {
        return Ok((Bounds::default(), Some(condition.clone())));
    };
    let Binary { op, left, right } = binary.as_ref();
    if op.is_logical() {
        let (left_bounds, left_rest) = split(left, context)?;
        let (right_bounds, right_rest) = split(right, context)?;
        let rest = match (left_rest, right_rest) {
            (Some(left), Some(right)) => Some(Expr::binary(*op, left, right)),
            (left, right) => left.or(right),
        };
        return Ok((left_bounds.intersect(right_bounds), rest));
    }
    let compares = op.is_comparison() || op.is_regex_match();
    let bounds = match (is_time(left), is_time(right)) {
        (true, _) if compares => bound(*op, right, context)?,
        (_, true) if compares => bound(op.swapped().unwrap_or(*op), left, context)?,
        _ => return Ok((Bounds::default(), Some(condition.clone()))),
    };
    Ok((bounds, None))
}

fn is_time(expr: &Expr) -> bool {
    matches!(expr, Expr::Var(var) if var.is_time())
}

/// What `time op expr` says.
fn bound(op: BinaryOp, expr: &Expr, context: TimeContext) -> Result<Bounds> {
    let at = instant(expr, context)?;
    Ok(match op {
        BinaryOp::Eq => Bounds {
            lower: Some(at),
            upper: Some(at),
        },
        BinaryOp::Gt => Bounds {
            lower: Some(at.saturating_add(1)),
            upper: None,
        },
        BinaryOp::GtEq => Bounds {
            lower: Some(at),
            upper: None,
        },
        BinaryOp::Lt => Bounds {
            lower: None,
            upper: Some(at.saturating_sub(1)),
        },
        BinaryOp::LtEq => Bounds {
            lower: None,
            upper: Some(at),
        },
        other => {
            return invalid(format!(
                "invalid time comparison operator: {}",
                other.as_str()
            ));
        }
    })
}

/// A number of nanoseconds, exact as long as no float is involved.
#[derive(Debug, Clone, Copy)]
enum Nanos {
    Integer(i64),
    Float(f64),
}

impl Nanos {
    fn float(self) -> f64 {
        match self {
            Self::Integer(value) => value as f64,
            Self::Float(value) => value,
        }
    }
}

/// The value of a time expression in nanoseconds: an instant after the epoch, or a span.
pub(super) fn instant(expr: &Expr, context: TimeContext) -> Result<i64> {
    Ok(match evaluate(expr, expr, context)? {
        Nanos::Integer(value) => value,
        // Truncates, and saturates at the ends of time.
        Nanos::Float(value) => value as i64,
    })
}

fn evaluate(expr: &Expr, whole: &Expr, context: TimeContext) -> Result<Nanos> {
    Ok(match expr {
        Expr::Integer(value) | Expr::Duration(value) => Nanos::Integer(*value),
        Expr::Unsigned(value) => Nanos::Float(*value as f64),
        Expr::Float(value) => Nanos::Float(*value),
        Expr::String(text) => Nanos::Integer(
            parse_timestamp(text, context.zone).map_err(|e| Error::Invalid(e.to_string()))?,
        ),
        Expr::Call(call) if call.name == "now" && call.args.is_empty() => {
            Nanos::Integer(context.now)
        }
        Expr::Binary(binary) if binary.op.is_arithmetic() => {
            let left = evaluate(&binary.left, whole, context)?;
            let right = evaluate(&binary.right, whole, context)?;
            arithmetic(binary.op, left, right)?
        }
        Expr::Var(var) => {
            return invalid(format!(
                "invalid expression \"{whole}\": found symbol '{}', expected now() or a literal duration, float, integer and timestamp string",
                var.name
            ));
        }
        _ => return invalid("invalid time range expression"),
    })
}

fn arithmetic(op: BinaryOp, left: Nanos, right: Nanos) -> Result<Nanos> {
    if let (Nanos::Integer(a), Nanos::Integer(b)) = (left, right) {
        let exact = match op {
            BinaryOp::Add => a.checked_add(b),
            BinaryOp::Sub => a.checked_sub(b),
            BinaryOp::Mul => a.checked_mul(b),
            BinaryOp::Div => a.checked_div(b),
            _ => return invalid("invalid time range expression"),
        };
        return match exact {
            Some(value) => Ok(Nanos::Integer(value)),
            None => invalid("invalid time range expression"),
        };
    }
    let (a, b) = (left.float(), right.float());
    Ok(Nanos::Float(match op {
        BinaryOp::Add => a + b,
        BinaryOp::Sub => a - b,
        BinaryOp::Mul => a * b,
        BinaryOp::Div => a / b,
        _ => return invalid("invalid time range expression"),
    }))
}

#[cfg(test)]
mod tests;

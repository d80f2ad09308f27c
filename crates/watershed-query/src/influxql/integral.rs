//! The area under a line, `integral`, as a sum of parts.
//!
//! A window function gives each row its part; what is left is a sum by group and bucket. A row gets the
//! area between it and the point before, but what lies in the bucket of that point goes to that point. So
//! a part depends on the next row, and all rows of a group are needed at once.

use super::scalar::Buckets;
use arrow::array::{Array, ArrayRef, AsArray, Float64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type, TimestampNanosecondType};
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::expr::Sort;
use datafusion::logical_expr::function::{PartitionEvaluatorArgs, WindowUDFFieldArgs};
use datafusion::logical_expr::{
    Expr, ExprFunctionExt, PartitionEvaluator, Signature, Volatility, WindowUDF, WindowUDFImpl,
};
use std::sync::Arc;

/// The part of each row in value times nanoseconds. `order` is ascending by time; `None` for `buckets`
/// when there is one for all times.
pub(super) fn parts(
    buckets: Option<Buckets>,
    value: Expr,
    time: Expr,
    groups: Vec<Expr>,
    order: Vec<Sort>,
) -> Result<Expr> {
    let signature = Signature::any(2, Volatility::Immutable);
    WindowUDF::from(Parts { buckets, signature })
        .call(vec![value, time])
        .partition_by(groups)
        .order_by(order)
        .build()
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Parts {
    buckets: Option<Buckets>,
    signature: Signature,
}

impl WindowUDFImpl for Parts {
    fn name(&self) -> &str {
        "integral_parts"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn field(&self, args: WindowUDFFieldArgs) -> Result<FieldRef> {
        Ok(Arc::new(Field::new(args.name(), DataType::Float64, true)))
    }

    fn partition_evaluator(
        &self,
        _: PartitionEvaluatorArgs,
    ) -> Result<Box<dyn PartitionEvaluator>> {
        Ok(Box::new(Evaluator {
            buckets: self.buckets.clone(),
        }))
    }
}

#[derive(Debug)]
struct Evaluator {
    buckets: Option<Buckets>,
}

impl PartitionEvaluator for Evaluator {
    fn evaluate_all(&mut self, values: &[ArrayRef], _rows: usize) -> Result<ArrayRef> {
        let [values, times, ..] = values else {
            return internal_err!("an integral without arguments");
        };
        let values = cast(values, &DataType::Float64)?;
        Ok(contributions(&values, times, self.buckets.as_ref()))
    }
}

/// The area under the line between two points, in value times nanoseconds.
fn area(from: (i64, f64), to: (i64, f64)) -> f64 {
    (from.1 + to.1) / 2.0 * (to.0 - from.0) as f64
}

/// The value of the line through two points.
fn between(from: (i64, f64), to: (i64, f64), at: i64) -> f64 {
    let part = (at - from.0) as f64 / (to.0 - from.0) as f64;
    from.1 + (to.1 - from.1) * part
}

/// For each row the area between it and the point before, cut at the borders of buckets: what lies
/// in the bucket of the point before is given to that row. Rows without value have none.
///
/// Times ascend.
fn contributions(values: &ArrayRef, times: &ArrayRef, buckets: Option<&Buckets>) -> ArrayRef {
    let values = values.as_primitive::<Float64Type>();
    let times = times.as_primitive::<TimestampNanosecondType>();
    let mut areas: Vec<Option<f64>> = vec![None; values.len()];
    let mut previous: Option<(usize, (i64, f64))> = None;
    for row in 0..values.len() {
        if values.is_null(row) {
            continue;
        }
        let point = (times.value(row), values.value(row));
        areas[row] = Some(0.0);
        if let Some((before, from)) = previous {
            let (of_before, of_row) = split(from, point, buckets);
            areas[before] = areas[before].map(|area| area + of_before);
            areas[row] = Some(of_row);
        }
        previous = Some((row, point));
    }
    Arc::new(Float64Array::from(areas))
}

/// The area between two points: in the bucket of the first, and in that of the second.
fn split(from: (i64, f64), to: (i64, f64), buckets: Option<&Buckets>) -> (f64, f64) {
    let Some(buckets) = buckets else {
        return (0.0, area(from, to));
    };
    let (Some(first), Some(last)) = (buckets.start(from.0), buckets.start(to.0)) else {
        return (0.0, area(from, to));
    };
    if first == last {
        return (0.0, area(from, to));
    }
    let end = buckets.next(first).unwrap_or(last);
    let leaving = (end, between(from, to, end));
    let entering = (last, between(from, to, last));
    (area(from, leaving), area(entering, to))
}

#[cfg(test)]
mod tests;

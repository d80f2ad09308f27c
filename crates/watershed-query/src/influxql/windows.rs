//! The window functions: they walk over the rows of a group in output order and skip nulls.

use super::aggregates::integral;
use super::scalar::Buckets;
use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, Float64Array, Int64Array, PrimitiveArray,
};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Field, FieldRef, Float64Type, Int64Type, TimestampNanosecondType, UInt64Type,
};
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::expr::Sort;
use datafusion::logical_expr::function::{PartitionEvaluatorArgs, WindowUDFFieldArgs};
use datafusion::logical_expr::{
    Expr, ExprFunctionExt, PartitionEvaluator, Signature, Volatility, WindowUDF, WindowUDFImpl,
};
use std::collections::VecDeque;
use std::sync::Arc;

/// A window function with its constants. Its first argument is the value, its second the time.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum WindowFunction {
    Difference {
        non_negative: bool,
    },
    /// The change in `unit` nanoseconds.
    Derivative {
        unit: i64,
        non_negative: bool,
    },
    /// The distance in time to the point before, in `unit` nanoseconds.
    Elapsed {
        unit: i64,
    },
    CumulativeSum,
    MovingAverage {
        points: usize,
    },
    /// What `integral` sums up. Needs times in ascending order.
    IntegralParts {
        buckets: Option<Buckets>,
    },
}

impl WindowFunction {
    /// The function over the rows of a group in that order.
    pub(super) fn over(
        self,
        value: Expr,
        time: Expr,
        groups: Vec<Expr>,
        order: Vec<Sort>,
    ) -> Result<Expr> {
        let signature = Signature::any(2, Volatility::Immutable);
        let function = WindowUDF::from(Function {
            function: self,
            signature,
        });
        function
            .call(vec![value, time])
            .partition_by(groups)
            .order_by(order)
            .build()
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Difference {
                non_negative: false,
            } => "difference",
            Self::Difference { non_negative: true } => "non_negative_difference",
            Self::Derivative {
                non_negative: false,
                ..
            } => "derivative",
            Self::Derivative {
                non_negative: true, ..
            } => "non_negative_derivative",
            Self::Elapsed { .. } => "elapsed",
            Self::CumulativeSum => "cumulative_sum",
            Self::MovingAverage { .. } => "moving_average",
            Self::IntegralParts { .. } => "integral_parts",
        }
    }

    /// The type of the result for values of that type.
    fn result_type(&self, value: &DataType) -> DataType {
        match self {
            Self::Difference { .. } | Self::CumulativeSum => value.clone(),
            Self::Elapsed { .. } => DataType::Int64,
            Self::Derivative { .. } | Self::MovingAverage { .. } | Self::IntegralParts { .. } => {
                DataType::Float64
            }
        }
    }

    fn evaluate(&self, values: &ArrayRef, times: &ArrayRef) -> Result<ArrayRef> {
        Ok(match self {
            Self::Difference { non_negative } => difference(values, *non_negative)?,
            Self::Derivative { unit, non_negative } => {
                derivative(values, times, *unit, *non_negative)?
            }
            Self::Elapsed { unit } => elapsed(values, times, *unit),
            Self::CumulativeSum => cumulative_sum(values)?,
            Self::MovingAverage { points } => moving_average(values, *points)?,
            Self::IntegralParts { buckets } => {
                let values = cast(values, &DataType::Float64)?;
                integral::contributions(&values, times, buckets.as_ref())?
            }
        })
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Function {
    function: WindowFunction,
    signature: Signature,
}

impl WindowUDFImpl for Function {
    fn name(&self) -> &str {
        self.function.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn field(&self, args: WindowUDFFieldArgs) -> Result<FieldRef> {
        let Some(value) = args.get_input_field(0) else {
            return internal_err!("a window function without arguments");
        };
        let data_type = self.function.result_type(value.data_type());
        Ok(Arc::new(Field::new(args.name(), data_type, true)))
    }

    fn partition_evaluator(
        &self,
        _: PartitionEvaluatorArgs,
    ) -> Result<Box<dyn PartitionEvaluator>> {
        Ok(Box::new(Evaluator {
            function: self.function.clone(),
        }))
    }
}

#[derive(Debug)]
struct Evaluator {
    function: WindowFunction,
}

impl PartitionEvaluator for Evaluator {
    fn evaluate_all(&mut self, values: &[ArrayRef], _rows: usize) -> Result<ArrayRef> {
        match values {
            [values, times, ..] => self.function.evaluate(values, times),
            _ => internal_err!("a window function without arguments"),
        }
    }
}

/// Maps each value and the one before it that is not null; the first one has none.
fn pairs<T: ArrowPrimitiveType>(
    values: &ArrayRef,
    step: impl Fn(T::Native, T::Native) -> Option<T::Native>,
) -> ArrayRef {
    let mut previous = None;
    let mapped = values.as_primitive::<T>().iter().map(|value| {
        let value = value?;
        let before = previous.replace(value)?;
        step(before, value)
    });
    Arc::new(mapped.collect::<PrimitiveArray<T>>())
}

fn difference(values: &ArrayRef, non_negative: bool) -> Result<ArrayRef> {
    Ok(match values.data_type() {
        DataType::Float64 => pairs::<Float64Type>(values, |before, value| {
            Some(value - before).filter(|d| !non_negative || *d >= 0.0)
        }),
        DataType::Int64 => pairs::<Int64Type>(values, |before, value| {
            Some(value.wrapping_sub(before)).filter(|d| !non_negative || *d >= 0)
        }),
        DataType::UInt64 => pairs::<UInt64Type>(values, |before, value| {
            (!non_negative || value >= before).then(|| value.wrapping_sub(before))
        }),
        other => return internal_err!("difference of {other}"),
    })
}

fn derivative(
    values: &ArrayRef,
    times: &ArrayRef,
    unit: i64,
    non_negative: bool,
) -> Result<ArrayRef> {
    let values = cast(values, &DataType::Float64)?;
    let times = times.as_primitive::<TimestampNanosecondType>();
    let mut previous: Option<(f64, i64)> = None;
    let rows = values
        .as_primitive::<Float64Type>()
        .iter()
        .zip(times.values());
    let rates = rows.map(|(value, time)| {
        let value = value?;
        let (before, at) = previous.replace((value, *time))?;
        // In descending order the distance is turned round, the change is not.
        let distance = time.wrapping_sub(at).unsigned_abs();
        // A point at the same time (of another series) has no rate of change.
        if distance == 0 {
            return None;
        }
        let rate = (value - before) / (distance as f64 / unit as f64);
        Some(rate).filter(|rate| !non_negative || *rate >= 0.0)
    });
    Ok(Arc::new(rates.collect::<Float64Array>()))
}

fn elapsed(values: &ArrayRef, times: &ArrayRef, unit: i64) -> ArrayRef {
    let times = times.as_primitive::<TimestampNanosecondType>();
    let mut previous: Option<i64> = None;
    let distances = (0..values.len()).map(|row| {
        if values.is_null(row) {
            return None;
        }
        let time = times.value(row);
        let before = previous.replace(time)?;
        let distance = time.wrapping_sub(before).unsigned_abs() / unit.unsigned_abs();
        i64::try_from(distance).ok()
    });
    Arc::new(distances.collect::<Int64Array>())
}

fn cumulative_sum(values: &ArrayRef) -> Result<ArrayRef> {
    fn sums<T: ArrowPrimitiveType>(
        values: &ArrayRef,
        zero: T::Native,
        add: impl Fn(T::Native, T::Native) -> T::Native,
    ) -> ArrayRef {
        let mut sum = zero;
        let sums = values.as_primitive::<T>().iter().map(|value| {
            sum = add(sum, value?);
            Some(sum)
        });
        Arc::new(sums.collect::<PrimitiveArray<T>>())
    }
    Ok(match values.data_type() {
        DataType::Float64 => sums::<Float64Type>(values, 0.0, |a, b| a + b),
        DataType::Int64 => sums::<Int64Type>(values, 0, i64::wrapping_add),
        DataType::UInt64 => sums::<UInt64Type>(values, 0, u64::wrapping_add),
        other => return internal_err!("cumulative_sum of {other}"),
    })
}

fn moving_average(values: &ArrayRef, points: usize) -> Result<ArrayRef> {
    let values = cast(values, &DataType::Float64)?;
    let mut window = VecDeque::new();
    let averages = values.as_primitive::<Float64Type>().iter().map(|value| {
        window.push_back(value?);
        if window.len() > points {
            window.pop_front();
        }
        // Summed anew each time: a running sum would drift.
        (window.len() == points).then(|| window.iter().sum::<f64>() / points as f64)
    });
    Ok(Arc::new(averages.collect::<Float64Array>()))
}

#[cfg(test)]
mod tests;

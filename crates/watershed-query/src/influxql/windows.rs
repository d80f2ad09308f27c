//! The window functions: they walk over the rows of a group in output order and skip nulls.
//!
//! 1. [`node`] is the node of logical plans, with the functions and the columns they work on.
//! 2. [`technical`] has the functions of technical analysis.
//! 3. [`exec`] takes rows sorted by group and time and hands the rows of each group to [`Walk`]s as they
//!    come, so that no group has to be in memory.

mod exec;
mod node;
mod technical;

pub(crate) use exec::SeriesWindowPlanner;
pub(super) use node::{SeriesWindow, WindowCall};
pub(super) use technical::{Indicator, Technical, Warmup};

use arrow::array::{
    Array, ArrayRef, ArrowNativeTypeOp, ArrowPrimitiveType, AsArray, Float64Array, Int64Array,
    PrimitiveArray, TimestampNanosecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type, UInt64Type};
use datafusion::common::{Result, internal_err};
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

/// A window function with its constants.
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
    Technical(Technical),
}

/// A function on its way over the rows of one group.
trait Walk: Send {
    /// The results for the next rows of the group, of the function's [result type](WindowFunction::result_type).
    /// `values` are of the type that the walk was made for; `times` has no nulls.
    fn next(&mut self, values: &ArrayRef, times: &TimestampNanosecondArray) -> Result<ArrayRef>;
}

impl WindowFunction {
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
            Self::Technical(technical) => technical.indicator.name(),
        }
    }

    /// The type of the result for values of that type.
    fn result_type(&self, value: &DataType) -> DataType {
        match self {
            Self::Difference { .. } | Self::CumulativeSum => value.clone(),
            Self::Elapsed { .. } => DataType::Int64,
            Self::Derivative { .. } | Self::MovingAverage { .. } | Self::Technical(_) => {
                DataType::Float64
            }
        }
    }

    /// A walk that begins with the first row of a group.
    fn walk(&self, value: &DataType) -> Result<Box<dyn Walk>> {
        Ok(match self {
            Self::Difference { non_negative } => {
                let non_negative = *non_negative;
                match value {
                    DataType::Float64 => difference::<Float64Type>(non_negative, |d| d >= 0.0),
                    DataType::Int64 => difference::<Int64Type>(non_negative, |d| d >= 0),
                    DataType::UInt64 => Box::new(Pairs::<UInt64Type, _>::new(
                        move |before: u64, value: u64| {
                            (!non_negative || value >= before).then(|| value.wrapping_sub(before))
                        },
                    )),
                    other => return internal_err!("difference of {other}"),
                }
            }
            Self::Derivative { unit, non_negative } => Box::new(Derivative {
                unit: *unit,
                non_negative: *non_negative,
                before: None,
            }),
            Self::Elapsed { unit } => Box::new(Elapsed {
                unit: *unit,
                before: None,
            }),
            Self::CumulativeSum => match value {
                DataType::Float64 => Box::new(CumulativeSum::<Float64Type>(0.0)),
                DataType::Int64 => Box::new(CumulativeSum::<Int64Type>(0)),
                DataType::UInt64 => Box::new(CumulativeSum::<UInt64Type>(0)),
                other => return internal_err!("cumulative_sum of {other}"),
            },
            Self::MovingAverage { points } => Box::new(MovingAverage {
                points: *points,
                window: VecDeque::new(),
            }),
            Self::Technical(technical) => technical.walk(),
        })
    }
}

impl fmt::Display for WindowFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Maps each value and the one before it that is not null; the first one has none.
struct Pairs<T: ArrowPrimitiveType, F> {
    before: Option<T::Native>,
    step: F,
}

impl<T: ArrowPrimitiveType, F> Pairs<T, F> {
    fn new(step: F) -> Self {
        Self { before: None, step }
    }
}

impl<T, F> Walk for Pairs<T, F>
where
    T: ArrowPrimitiveType,
    F: Fn(T::Native, T::Native) -> Option<T::Native> + Send,
{
    fn next(&mut self, values: &ArrayRef, _: &TimestampNanosecondArray) -> Result<ArrayRef> {
        let mapped = values.as_primitive::<T>().iter().map(|value| {
            let value = value?;
            let before = self.before.replace(value)?;
            (self.step)(before, value)
        });
        Ok(Arc::new(mapped.collect::<PrimitiveArray<T>>()))
    }
}

fn difference<T: ArrowPrimitiveType>(
    non_negative: bool,
    is_positive: impl Fn(T::Native) -> bool + Send + 'static,
) -> Box<dyn Walk> {
    Box::new(Pairs::<T, _>::new(
        move |before: T::Native, value: T::Native| {
            Some(value.sub_wrapping(before)).filter(|d| !non_negative || is_positive(*d))
        },
    ))
}

struct Derivative {
    unit: i64,
    non_negative: bool,
    before: Option<(f64, i64)>,
}

impl Walk for Derivative {
    fn next(&mut self, values: &ArrayRef, times: &TimestampNanosecondArray) -> Result<ArrayRef> {
        let values = cast(values, &DataType::Float64)?;
        let rows = values
            .as_primitive::<Float64Type>()
            .iter()
            .zip(times.values());
        let rates = rows.map(|(value, time)| {
            let value = value?;
            let (before, at) = self.before.replace((value, *time))?;
            // In descending order the distance is turned round, the change is not.
            let distance = time.wrapping_sub(at).unsigned_abs();
            // A point at the same time (of another series) has no rate of change.
            if distance == 0 {
                return None;
            }
            let rate = (value - before) / (distance as f64 / self.unit as f64);
            Some(rate).filter(|rate| !self.non_negative || *rate >= 0.0)
        });
        Ok(Arc::new(rates.collect::<Float64Array>()))
    }
}

struct Elapsed {
    unit: i64,
    before: Option<i64>,
}

impl Walk for Elapsed {
    fn next(&mut self, values: &ArrayRef, times: &TimestampNanosecondArray) -> Result<ArrayRef> {
        let distances = (0..values.len()).map(|row| {
            if values.is_null(row) {
                return None;
            }
            let time = times.value(row);
            let before = self.before.replace(time)?;
            // Negative in descending order.
            time.checked_sub(before)?.checked_div(self.unit)
        });
        Ok(Arc::new(distances.collect::<Int64Array>()))
    }
}

struct CumulativeSum<T: ArrowPrimitiveType>(T::Native);

impl<T: ArrowPrimitiveType> Walk for CumulativeSum<T> {
    fn next(&mut self, values: &ArrayRef, _: &TimestampNanosecondArray) -> Result<ArrayRef> {
        let sums = values.as_primitive::<T>().iter().map(|value| {
            self.0 = self.0.add_wrapping(value?);
            Some(self.0)
        });
        Ok(Arc::new(sums.collect::<PrimitiveArray<T>>()))
    }
}

struct MovingAverage {
    points: usize,
    window: VecDeque<f64>,
}

impl Walk for MovingAverage {
    fn next(&mut self, values: &ArrayRef, _: &TimestampNanosecondArray) -> Result<ArrayRef> {
        let values = cast(values, &DataType::Float64)?;
        let averages = values.as_primitive::<Float64Type>().iter().map(|value| {
            self.window.push_back(value?);
            if self.window.len() > self.points {
                self.window.pop_front();
            }
            // Summed anew each time: a running sum would drift.
            let sum = || self.window.iter().sum::<f64>();
            (self.window.len() == self.points).then(|| sum() / self.points as f64)
        });
        Ok(Arc::new(averages.collect::<Float64Array>()))
    }
}

#[cfg(test)]
mod tests;

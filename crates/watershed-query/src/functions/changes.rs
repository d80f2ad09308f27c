//! Window functions: how much a value changes from one row to the next.

use super::interval_nanos;
use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, Float64Array, PrimitiveArray};
use arrow::datatypes::{
    DataType, Field, FieldRef, Float64Type, Int64Type, IntervalUnit, TimeUnit,
    TimestampNanosecondType, UInt64Type,
};
use datafusion::common::{Result, exec_err, internal_err, plan_err};
use datafusion::logical_expr::function::{PartitionEvaluatorArgs, WindowUDFFieldArgs};
use datafusion::logical_expr::{
    Documentation, PartitionEvaluator, Signature, Volatility, WindowUDF, WindowUDFImpl,
};
use datafusion::physical_expr::expressions::Literal;
use std::sync::Arc;

/// The unit of a derivative when none is given: a second.
const DEFAULT_UNIT_NANOS: i64 = 1_000_000_000;

/// The functions, all for use with `OVER ([PARTITION BY …] ORDER BY time)`:
///
/// * `difference(value)`: the value less the one of the row before, of the value's type;
/// * `derivative(value, time[, unit])`: the difference for each `unit`, a constant interval without months
///   (1 second if none is given), as a float;
/// * `non_negative_difference`, `non_negative_derivative`: null where the result is negative.
///
/// A row whose value or time is null has a null result, and is passed over by the rows after it. So has the
/// first row, and for derivatives a row at the same time as the one before.
pub(super) fn all() -> Vec<Arc<WindowUDF>> {
    let kinds = [
        ("difference", false, false),
        ("non_negative_difference", false, true),
        ("derivative", true, false),
        ("non_negative_derivative", true, true),
    ];
    let function = |(name, per_time, non_negative)| Change {
        name,
        per_time,
        non_negative,
        signature: Signature::user_defined(Volatility::Immutable),
    };
    kinds
        .into_iter()
        .map(|kind| Arc::new(WindowUDF::new_from_impl(function(kind))))
        .collect()
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Change {
    name: &'static str,
    per_time: bool,
    non_negative: bool,
    signature: Signature,
}

impl WindowUDFImpl for Change {
    fn name(&self) -> &str {
        self.name
    }

    fn documentation(&self) -> Option<&Documentation> {
        super::documents::of(self.name())
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let (value, rest) = match (self.per_time, types) {
            (false, [value]) => (value, vec![]),
            (true, [value, time]) => (value, vec![self.time(time)?]),
            (true, [value, time, unit]) => (value, vec![self.time(time)?, self.unit(unit)?]),
            (false, _) => {
                return plan_err!("{} expects 1 argument, got {}", self.name, types.len());
            }
            (true, _) => {
                let got = types.len();
                return plan_err!("{} expects 2 or 3 arguments, got {got}", self.name);
            }
        };
        let mut coerced = vec![self.value(value)?];
        coerced.extend(rest);
        Ok(coerced)
    }

    fn partition_evaluator(
        &self,
        args: PartitionEvaluatorArgs,
    ) -> Result<Box<dyn PartitionEvaluator>> {
        let unit = match args.input_exprs().get(2) {
            None => DEFAULT_UNIT_NANOS,
            Some(unit) => match unit.downcast_ref::<Literal>() {
                Some(unit) => interval_nanos(unit.value())?,
                None => return plan_err!("the unit of {} must be a constant interval", self.name),
            },
        };
        Ok(Box::new(Walk {
            unit_nanos: self.per_time.then_some(unit),
            non_negative: self.non_negative,
        }))
    }

    fn field(&self, args: WindowUDFFieldArgs) -> Result<FieldRef> {
        let data_type = match (self.per_time, args.input_fields()) {
            (true, _) => DataType::Float64,
            (false, [value, ..]) => value.data_type().clone(),
            (false, []) => return plan_err!("{} expects 1 argument, got 0", self.name),
        };
        Ok(Arc::new(Field::new(args.name(), data_type, true)))
    }
}

impl Change {
    /// The type a value is taken as.
    fn value(&self, value: &DataType) -> Result<DataType> {
        match value {
            DataType::Float64 | DataType::Null => Ok(DataType::Float64),
            float if float.is_floating() || float.is_decimal() => Ok(DataType::Float64),
            integer if integer.is_signed_integer() => Ok(DataType::Int64),
            integer if integer.is_unsigned_integer() => Ok(DataType::UInt64),
            other => plan_err!("{} requires a number, got {other}", self.name),
        }
    }

    fn time(&self, time: &DataType) -> Result<DataType> {
        match time {
            DataType::Timestamp(_, zone) => {
                Ok(DataType::Timestamp(TimeUnit::Nanosecond, zone.clone()))
            }
            other => plan_err!(
                "{} second argument must be a timestamp, got {other}",
                self.name
            ),
        }
    }

    fn unit(&self, unit: &DataType) -> Result<DataType> {
        match unit {
            DataType::Interval(_) | DataType::Utf8 | DataType::Utf8View => {
                Ok(DataType::Interval(IntervalUnit::MonthDayNano))
            }
            other => plan_err!("{} unit must be an interval, got {other}", self.name),
        }
    }
}

/// Goes over the rows of one partition.
#[derive(Debug)]
struct Walk {
    /// The unit of a derivative; `None` for a difference.
    unit_nanos: Option<i64>,
    non_negative: bool,
}

impl PartitionEvaluator for Walk {
    fn evaluate_all(&mut self, columns: &[ArrayRef], _: usize) -> Result<ArrayRef> {
        let Some(values) = columns.first() else {
            return internal_err!("a change has no value");
        };
        match (self.unit_nanos, columns.get(1)) {
            (None, _) => self.differences(values),
            (Some(unit), Some(times)) => self.rates(values, times, unit),
            (Some(_), None) => internal_err!("a derivative has no time"),
        }
    }
}

impl Walk {
    fn differences(&self, values: &ArrayRef) -> Result<ArrayRef> {
        let non_negative = self.non_negative;
        match values.data_type() {
            DataType::Float64 => differences::<Float64Type>(values, |value, before| {
                let difference = value - before;
                Ok((!non_negative || difference >= 0.0).then_some(difference))
            }),
            DataType::Int64 => differences::<Int64Type>(values, |value, before| {
                if non_negative && value < before {
                    return Ok(None);
                }
                match value.checked_sub(before) {
                    Some(difference) => Ok(Some(difference)),
                    None => {
                        exec_err!("the difference of {value} and {before} is no BIGINT; use floats")
                    }
                }
            }),
            DataType::UInt64 => {
                differences::<UInt64Type>(values, |value, before| match value.checked_sub(before) {
                    Some(difference) => Ok(Some(difference)),
                    None if non_negative => Ok(None),
                    None => exec_err!(
                        "the difference of {value} and {before} is negative, which BIGINT UNSIGNED can't \
                         be; cast the values to BIGINT, or use non_negative_difference"
                    ),
                })
            }
            other => internal_err!("difference of {other}"),
        }
    }

    fn rates(&self, values: &ArrayRef, times: &ArrayRef, unit: i64) -> Result<ArrayRef> {
        // Integers are subtracted as such: large counters differ by less than a float can tell.
        let rates = match values.data_type() {
            DataType::Float64 => {
                let values = values.as_primitive::<Float64Type>();
                self.rates_by(values, times, unit, |value, before| value - before)?
            }
            DataType::Int64 => {
                let values = values.as_primitive::<Int64Type>();
                self.rates_by(values, times, unit, |value, before| {
                    (i128::from(value) - i128::from(before)) as f64
                })?
            }
            DataType::UInt64 => {
                let values = values.as_primitive::<UInt64Type>();
                self.rates_by(values, times, unit, |value, before| {
                    (i128::from(value) - i128::from(before)) as f64
                })?
            }
            other => return internal_err!("derivative of {other}"),
        };
        Ok(Arc::new(rates))
    }

    fn rates_by<T: ArrowPrimitiveType>(
        &self,
        values: &PrimitiveArray<T>,
        times: &ArrayRef,
        unit: i64,
        minus: impl Fn(T::Native, T::Native) -> f64,
    ) -> Result<Float64Array> {
        let Some(times) = times.as_primitive_opt::<TimestampNanosecondType>() else {
            return internal_err!("derivative by {}", times.data_type());
        };
        let mut last = None;
        let rates = values.iter().zip(times).map(|(value, time)| {
            let (value, time) = (value?, time?);
            let (before, at) = last.replace((value, time))?;
            let nanos = i128::from(time) - i128::from(at);
            if nanos == 0 {
                return None;
            }
            let rate = minus(value, before) / (nanos as f64 / unit as f64);
            (!self.non_negative || rate >= 0.0).then_some(rate)
        });
        Ok(rates.collect())
    }
}

fn differences<T: ArrowPrimitiveType>(
    values: &ArrayRef,
    minus: impl Fn(T::Native, T::Native) -> Result<Option<T::Native>>,
) -> Result<ArrayRef> {
    let mut last = None;
    let differences = values.as_primitive::<T>().iter().map(|value| {
        let Some(value) = value else {
            return Ok(None);
        };
        match last.replace(value) {
            Some(before) => minus(value, before),
            None => Ok(None),
        }
    });
    let differences: PrimitiveArray<T> = differences.collect::<Result<_>>()?;
    Ok(Arc::new(differences))
}

#[cfg(test)]
mod tests;

//! Scalar functions that InfluxQL means differently than SQL does.

use crate::functions::wall_clock::WallClock;
use crate::gap_fill::Step;
use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, PrimitiveArray,
    TimestampNanosecondArray,
};
use arrow::compute::take;
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimestampNanosecondType, UInt64Type};
use datafusion::common::{Result, exec_datafusion_err, internal_err, plan_err};
use datafusion::logical_expr::sort_properties::{ExprProperties, SortProperties};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use regex::Regex;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::types::time_data_type;

/// The only argument as an array of the batch's length.
fn array(args: &ScalarFunctionArgs, at: usize) -> Result<ArrayRef> {
    match args.args.get(at) {
        Some(value) => value.to_array(args.number_rows),
        None => internal_err!("argument {at} is missing"),
    }
}

/// Time buckets: all of one length, or of one length on the wall clock of a zone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Buckets {
    /// `nanos` long, one of them beginning at `offset`.
    Fixed {
        nanos: i64,
        offset: i64,
    },
    WallClock(WallClock),
}

impl Buckets {
    /// The start of the bucket that holds the instant; `None` when 64 bits can't hold it.
    pub(super) fn start(&self, instant: i64) -> Option<i64> {
        match self {
            Self::Fixed { nanos, offset } => {
                let since = instant.checked_sub(*offset % *nanos)?;
                instant.checked_sub(since.rem_euclid(*nanos))
            }
            Self::WallClock(clock) => clock.bin(instant),
        }
    }

    /// The length, which for a zone is that of an ordinary bucket.
    pub(super) fn nanos(&self) -> i64 {
        match self {
            Self::Fixed { nanos, .. } => *nanos,
            Self::WallClock(clock) => clock.nanos,
        }
    }

    /// The walk from bucket to bucket.
    pub(super) fn step(&self) -> Step {
        match self {
            Self::Fixed { nanos, .. } => Step::Nanos(*nanos),
            Self::WallClock(clock) => Step::WallClock(clock.clone()),
        }
    }

    /// The start of the bucket that follows the one that starts at `start`.
    pub(super) fn next(&self, start: i64) -> Option<i64> {
        self.step().next(start)
    }

    /// `bucket(time)`, an instant without zone.
    pub(super) fn of(&self, time: Expr) -> Expr {
        ScalarUDF::from(BucketFunction {
            buckets: self.clone(),
            signature: Signature::exact(vec![time_data_type()], Volatility::Immutable),
        })
        .call(vec![time])
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct BucketFunction {
    buckets: Buckets,
    signature: Signature,
}

impl ScalarUDFImpl for BucketFunction {
    fn name(&self) -> &str {
        "influxql_bucket"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(time_data_type())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let times = array(&args, 0)?;
        let starts: TimestampNanosecondArray = times
            .as_primitive::<TimestampNanosecondType>()
            .try_unary(|time| {
                self.buckets
                    .start(time)
                    .ok_or_else(|| exec_datafusion_err!("time bucket of {time} is out of range"))
            })?;
        Ok(ColumnarValue::Array(Arc::new(starts)))
    }

    fn output_ordering(&self, inputs: &[ExprProperties]) -> Result<SortProperties> {
        // Clocks that go back make the starts of short buckets go back too.
        match (&self.buckets, inputs) {
            (Buckets::Fixed { .. }, [time]) => Ok(time.sort_properties),
            _ => Ok(SortProperties::Unordered),
        }
    }
}

/// Division in which `x / 0` is 0, of floats.
pub(super) fn divide(left: Expr, right: Expr) -> Expr {
    ArithmeticFunction::call(Arithmetic::Divide, left, right)
}

/// Remainder in which `x % 0` is 0, of two numbers of the same type.
pub(super) fn modulo(left: Expr, right: Expr) -> Expr {
    ArithmeticFunction::call(Arithmetic::Modulo, left, right)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Arithmetic {
    Divide,
    Modulo,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct ArithmeticFunction {
    operation: Arithmetic,
    signature: Signature,
}

impl ArithmeticFunction {
    fn call(operation: Arithmetic, left: Expr, right: Expr) -> Expr {
        let signature = Signature::any(2, Volatility::Immutable);
        ScalarUDF::from(Self {
            operation,
            signature,
        })
        .call(vec![left, right])
    }
}

impl ScalarUDFImpl for ArithmeticFunction {
    fn name(&self) -> &str {
        match self.operation {
            Arithmetic::Divide => "influxql_divide",
            Arithmetic::Modulo => "influxql_modulo",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match arguments {
            [left, right] if left == right => Ok(left.clone()),
            _ => plan_err!("{} of {arguments:?}", self.name()),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let (left, right) = (array(&args, 0)?, array(&args, 1)?);
        let result: ArrayRef =
            match (self.operation, left.data_type()) {
                (Arithmetic::Divide, DataType::Float64) => {
                    binary::<Float64Type>(&left, &right, |a, b| if b == 0.0 { 0.0 } else { a / b })?
                }
                (Arithmetic::Modulo, DataType::Float64) => {
                    binary::<Float64Type>(&left, &right, |a, b| if b == 0.0 { 0.0 } else { a % b })?
                }
                (Arithmetic::Modulo, DataType::Int64) => binary::<Int64Type>(
                    &left,
                    &right,
                    |a, b| if b == 0 { 0 } else { a.wrapping_rem(b) },
                )?,
                (Arithmetic::Modulo, DataType::UInt64) => {
                    binary::<UInt64Type>(&left, &right, |a, b| if b == 0 { 0 } else { a % b })?
                }
                (_, other) => return internal_err!("{} of {other}", self.name()),
            };
        Ok(ColumnarValue::Array(result))
    }
}

fn binary<T: ArrowPrimitiveType>(
    left: &ArrayRef,
    right: &ArrayRef,
    operation: impl Fn(T::Native, T::Native) -> T::Native,
) -> Result<ArrayRef> {
    let (left, right) = (left.as_primitive::<T>(), right.as_primitive::<T>());
    let result: PrimitiveArray<T> = arrow::compute::binary(left, right, operation)?;
    Ok(Arc::new(result))
}

/// `text =~ /regex/`. Null stays null, unless `null_is_empty`: then it is matched as `""`, as absent tags
/// are.
pub(super) fn matches(text: Expr, regex: Regex, null_is_empty: bool) -> Expr {
    let signature = Signature::any(1, Volatility::Immutable);
    ScalarUDF::from(MatchFunction {
        regex,
        null_is_empty,
        signature,
    })
    .call(vec![text])
}

#[derive(Debug, Clone)]
struct MatchFunction {
    regex: Regex,
    null_is_empty: bool,
    signature: Signature,
}

impl MatchFunction {
    fn identity(&self) -> (&str, bool) {
        (self.regex.as_str(), self.null_is_empty)
    }

    fn matches<'a>(&self, texts: impl Iterator<Item = Option<&'a str>>) -> BooleanArray {
        let of_null = self.null_is_empty.then(|| self.regex.is_match(""));
        texts
            .map(|text| text.map_or(of_null, |text| Some(self.regex.is_match(text))))
            .collect()
    }

    /// Looks at each distinct value once.
    fn matches_dictionary(&self, array: &ArrayRef) -> Result<BooleanArray> {
        let dictionary = array.as_any_dictionary();
        let values = self.matches(dictionary.values().as_string::<i32>().iter());
        let of_keys = take(&values, dictionary.keys(), None)?;
        let of_keys = of_keys.as_boolean();
        if !self.null_is_empty || of_keys.null_count() == 0 {
            return Ok(of_keys.clone());
        }
        let of_null = self.regex.is_match("");
        Ok(of_keys
            .iter()
            .map(|matched| Some(matched.unwrap_or(of_null)))
            .collect())
    }
}

impl PartialEq for MatchFunction {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for MatchFunction {}

impl Hash for MatchFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity().hash(state);
    }
}

impl ScalarUDFImpl for MatchFunction {
    fn name(&self) -> &str {
        "influxql_match"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let texts = array(&args, 0)?;
        let matched = match texts.data_type() {
            DataType::Utf8 => self.matches(texts.as_string::<i32>().iter()),
            DataType::Dictionary(_, _) => self.matches_dictionary(&texts)?,
            other => return internal_err!("a regular expression on {other}"),
        };
        Ok(ColumnarValue::Array(Arc::new(matched)))
    }
}

#[cfg(test)]
mod tests;

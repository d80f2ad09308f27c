//! `sleep`: a query that takes its time, for tests of clients, proxies and time-outs.

use arrow::array::{ArrayRef, AsArray, BooleanArray};
use arrow::datatypes::{DataType, IntervalMonthDayNanoType, IntervalUnit};
use async_trait::async_trait;
use datafusion::common::{Result, ScalarValue, exec_err, internal_err};
use datafusion::logical_expr::async_udf::{AsyncScalarUDF, AsyncScalarUDFImpl};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};
use std::sync::Arc;
use std::time::Duration;

/// The longest sleep of one call.
const SLEEP_MAX: Duration = Duration::from_mins(10);

/// `sleep(interval)`: true, after that time; null at once for a null. It is called once for each batch of rows,
/// and then sleeps as long as the longest interval in it says; no rows take no time. A query that sleeps uses no
/// thread, and wakes when it is cancelled. Meant for tests.
///
/// # Errors
/// Intervals that are negative, longer than ten minutes, or have months, whose length is unknown.
pub(crate) fn sleep() -> Arc<ScalarUDF> {
    let interval = DataType::Interval(IntervalUnit::MonthDayNano);
    let signature = Signature::exact(vec![interval], Volatility::Volatile);
    Arc::new(AsyncScalarUDF::new(Arc::new(Sleep { signature })).into_scalar_udf())
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Sleep {
    signature: Signature,
}

impl ScalarUDFImpl for Sleep {
    fn name(&self) -> &str {
        "sleep"
    }

    fn documentation(&self) -> Option<&Documentation> {
        super::documents::of(self.name())
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        internal_err!("sleep is only called where it can wait")
    }
}

#[async_trait]
impl AsyncScalarUDFImpl for Sleep {
    async fn invoke_async_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let (time, result) = match args.args.as_slice() {
            [ColumnarValue::Array(intervals)] => sleep_of(intervals)?,
            [ColumnarValue::Scalar(interval)] if rows > 0 => {
                let (time, slept) = sleep_of(&interval.to_array()?)?;
                let slept = ScalarValue::try_from_array(&slept, 0)?;
                (time, slept.to_array_of_size(rows)?)
            }
            _ => (
                Duration::ZERO,
                Arc::new(BooleanArray::new_null(0)) as ArrayRef,
            ),
        };
        tokio::time::sleep(time).await;
        Ok(ColumnarValue::Array(result))
    }
}

/// The longest of the intervals, and true for each that is not null.
fn sleep_of(intervals: &ArrayRef) -> Result<(Duration, ArrayRef)> {
    let Some(intervals) = intervals.as_primitive_opt::<IntervalMonthDayNanoType>() else {
        return internal_err!("the argument of sleep is an interval");
    };
    let mut longest = Duration::ZERO;
    for interval in intervals.iter().flatten() {
        let day_nanos = i128::from(interval.days) * 86_400_000_000_000;
        let nanos = day_nanos + i128::from(interval.nanoseconds);
        let sleep = u64::try_from(nanos).map(Duration::from_nanos);
        match sleep {
            Ok(sleep) if interval.months == 0 && sleep <= SLEEP_MAX => longest = longest.max(sleep),
            _ => {
                return exec_err!(
                    "sleep takes an interval from 0 to {} seconds, without months",
                    SLEEP_MAX.as_secs()
                );
            }
        }
    }
    let slept = BooleanArray::from_iter(intervals.iter().map(|interval| interval.map(|_| true)));
    Ok((longest, Arc::new(slept)))
}

#[cfg(test)]
mod tests;

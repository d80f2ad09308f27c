//! `date_bin_wallclock`: buckets on the clock of a zone.

use super::wall_clock::WallClock;
use arrow::array::{Array, AsArray, TimestampNanosecondArray};
use arrow::datatypes::{DataType, IntervalUnit, TimeUnit, TimestampNanosecondType};
use chrono_tz::Tz;
use datafusion::common::{Result, ScalarValue, internal_err, plan_datafusion_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};
use std::sync::{Arc, LazyLock};

/// What the functions that bin on a wall clock are called in errors, or begin with.
const WALL_CLOCK: &str = "DATE_BIN_WALLCLOCK";

const NANOS_PER_DAY: i64 = 86_400_000_000_000;
const NANOS_PER_MILLI: i64 = 1_000_000;

/// `date_bin_wallclock(interval, time[, origin])`: the start of the bucket of each time, on the wall clock
/// of the zone of `time` (UTC if it has none). Interval and origin are constants; the origin is a time
/// on that clock, without zone, 1970-01-01T00:00:00 if none is given. The result has the type of `time`;
/// nulls stay null. See [`WallClock`] for starts that do not exist or come twice.
pub(crate) fn date_bin_wallclock() -> Arc<ScalarUDF> {
    static FUNCTION: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
        let signature = Signature::user_defined(Volatility::Immutable);
        Arc::new(ScalarUDF::new_from_impl(DateBinWallclock { signature }))
    });
    Arc::clone(&FUNCTION)
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct DateBinWallclock {
    signature: Signature,
}

impl ScalarUDFImpl for DateBinWallclock {
    fn name(&self) -> &str {
        "date_bin_wallclock"
    }

    fn documentation(&self) -> Option<&Documentation> {
        super::documents::of(self.name())
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        bin_argument_types(WALL_CLOCK, types)
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match types {
            [_, time, ..] => Ok(time.clone()),
            _ => internal_err!("date_bin_wallclock has no time"),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let zone = time_zone(args.return_field.data_type())?;
        let nanos = interval_nanos(constant(&args.args, 0)?)?;
        let origin = match args.args.len() {
            3 => wall_clock_origin(constant(&args.args, 2)?)?,
            _ => 0,
        };
        let clock = WallClock {
            zone,
            nanos,
            origin,
        };
        let bin = |time: Option<i64>| time.and_then(|time| clock.bin(time));
        match args.args.get(1) {
            Some(ColumnarValue::Scalar(ScalarValue::TimestampNanosecond(time, zone))) => {
                let bin = ScalarValue::TimestampNanosecond(bin(*time), zone.clone());
                Ok(ColumnarValue::Scalar(bin))
            }
            Some(ColumnarValue::Array(times)) => {
                let Some(nanos) = times.as_primitive_opt::<TimestampNanosecondType>() else {
                    return internal_err!("date_bin_wallclock of {}", times.data_type());
                };
                let bins: TimestampNanosecondArray = nanos.iter().map(bin).collect();
                let bins = bins.with_data_type(times.data_type().clone());
                Ok(ColumnarValue::Array(Arc::new(bins)))
            }
            _ => internal_err!("date_bin_wallclock has no time"),
        }
    }
}

/// The types that a function of time buckets, which takes an interval, a time and perhaps an origin, turns
/// its arguments into. Texts become intervals and times, and all times count nanoseconds; `name` is for
/// the errors.
///
/// # Errors
/// Another number of arguments, arguments that are neither, an origin with a zone for buckets on a wall clock.
pub(crate) fn bin_argument_types(name: &str, types: &[DataType]) -> Result<Vec<DataType>> {
    let ([interval, times @ ..], 2..=3) = (types, types.len()) else {
        return plan_err!("{name} expects 2 or 3 arguments, got {}", types.len());
    };
    let interval = match interval {
        DataType::Interval(_) => interval.clone(),
        // A parameter without a value has no type yet.
        DataType::Null => DataType::Interval(IntervalUnit::MonthDayNano),
        text if text.is_string() => DataType::Interval(IntervalUnit::MonthDayNano),
        other => return plan_err!("{name} requires an interval, got {other}"),
    };
    let mut coerced = vec![interval];
    for time in times {
        let zone = match time {
            DataType::Timestamp(_, zone) => zone.clone(),
            DataType::Date32 | DataType::Date64 | DataType::Null => None,
            text if text.is_string() => None,
            other => return plan_err!("{name} requires a timestamp, got {other}"),
        };
        coerced.push(DataType::Timestamp(TimeUnit::Nanosecond, zone));
    }
    match coerced.get(2) {
        Some(DataType::Timestamp(_, Some(zone))) if name.starts_with(WALL_CLOCK) => {
            plan_err!("the origin is a time on the wall clock and can't have the zone {zone}")
        }
        _ => Ok(coerced),
    }
}

fn constant(args: &[ColumnarValue], at: usize) -> Result<&ScalarValue> {
    match args.get(at) {
        Some(ColumnarValue::Scalar(value)) => Ok(value),
        _ => plan_err!("DATE_BIN_WALLCLOCK requires interval and origin to be constants"),
    }
}

/// The zone of a timestamp type, UTC if it has none.
///
/// # Errors
/// A zone that is a bare offset: it has no wall clock changes, and so no name.
pub(crate) fn time_zone(data_type: &DataType) -> Result<Tz> {
    match data_type {
        DataType::Timestamp(_, None) => Ok(Tz::UTC),
        DataType::Timestamp(_, Some(zone)) if matches!(zone.as_ref(), "+00:00" | "Z") => {
            Ok(Tz::UTC)
        }
        DataType::Timestamp(_, Some(zone)) => zone
            .parse()
            .map_err(|_| plan_datafusion_err!("a valid timezone name is required, got {zone}")),
        other => internal_err!("{other} is no timestamp"),
    }
}

/// The length of a constant interval.
///
/// # Errors
/// Months and years, which have no fixed length; zero and less.
pub(crate) fn interval_nanos(interval: &ScalarValue) -> Result<i64> {
    let nanos = match interval {
        ScalarValue::IntervalMonthDayNano(Some(interval)) if interval.months == 0 => {
            i64::from(interval.days)
                .checked_mul(NANOS_PER_DAY)
                .and_then(|days| days.checked_add(interval.nanoseconds))
        }
        ScalarValue::IntervalDayTime(Some(interval)) => {
            let days = i64::from(interval.days) * NANOS_PER_DAY;
            days.checked_add(i64::from(interval.milliseconds) * NANOS_PER_MILLI)
        }
        ScalarValue::IntervalMonthDayNano(Some(_)) | ScalarValue::IntervalYearMonth(Some(_)) => {
            return plan_err!("time buckets of months or years are not supported");
        }
        other => return plan_err!("a constant interval is required, got {other}"),
    };
    match nanos {
        Some(nanos) if nanos > 0 => Ok(nanos),
        _ => plan_err!("a time bucket must be longer than zero"),
    }
}

/// Nanoseconds since 1970 on the wall clock.
fn wall_clock_origin(origin: &ScalarValue) -> Result<i64> {
    let plain = DataType::Timestamp(TimeUnit::Nanosecond, None);
    match origin.cast_to(&plain)? {
        ScalarValue::TimestampNanosecond(Some(nanos), _) => Ok(nanos),
        _ => plan_err!("the origin of a time bucket can't be null"),
    }
}

#[cfg(test)]
mod tests;

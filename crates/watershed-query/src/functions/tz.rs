//! `tz`: the same instant, shown on the clock of a zone.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Field, FieldRef, TimeUnit, TimestampNanosecondType};
use datafusion::common::{Result, ScalarValue, internal_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature, Volatility,
};
use std::sync::{Arc, LazyLock};

/// The zone when none is named.
const DEFAULT_ZONE: &str = "UTC";

/// `tz(time[, 'Area/City'])`: a timestamp in nanoseconds with the zone, UTC if none is given. Input
/// without a zone counts as UTC; the instant never changes. (`AT TIME ZONE` reads the wall clock of such
/// input in the zone, which gives another instant.)
pub(crate) fn tz() -> Arc<ScalarUDF> {
    static FUNCTION: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
        let signature = Signature::variadic_any(Volatility::Immutable);
        Arc::new(ScalarUDF::new_from_impl(InZone { signature }))
    });
    Arc::clone(&FUNCTION)
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct InZone {
    signature: Signature,
}

impl ScalarUDFImpl for InZone {
    fn name(&self) -> &str {
        "tz"
    }

    fn documentation(&self) -> Option<&Documentation> {
        super::documents::of(self.name())
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        internal_err!("the type of tz depends on the value of its zone")
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let (time, zone) = match (args.arg_fields, args.scalar_arguments) {
            ([time], _) => (time, DEFAULT_ZONE),
            ([time, _], [_, zone]) => match zone.and_then(|zone| zone.try_as_str().flatten()) {
                Some(zone) => (time, zone),
                None => {
                    return plan_err!("TZ requires its second argument to be a constant string");
                }
            },
            _ => return plan_err!("TZ expects 1 or 2 arguments, got {}", args.arg_fields.len()),
        };
        if !matches!(
            time.data_type(),
            DataType::Timestamp(TimeUnit::Nanosecond, _)
        ) {
            return plan_err!(
                "TZ requires a timestamp in nanoseconds, got {}",
                time.data_type()
            );
        }
        if zone.parse::<chrono_tz::Tz>().is_err() {
            return plan_err!("TZ requires a valid timezone string, got {zone}");
        }
        let zoned = DataType::Timestamp(TimeUnit::Nanosecond, Some(zone.into()));
        Ok(Arc::new(Field::new(self.name(), zoned, time.is_nullable())))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let DataType::Timestamp(_, zone) = args.return_field.data_type() else {
            return internal_err!("the type of tz is a timestamp");
        };
        match args.args.first() {
            Some(ColumnarValue::Scalar(ScalarValue::TimestampNanosecond(nanos, _))) => {
                let zoned = ScalarValue::TimestampNanosecond(*nanos, zone.clone());
                Ok(ColumnarValue::Scalar(zoned))
            }
            Some(ColumnarValue::Array(times)) if is_nanoseconds(times) => {
                let times = times.as_primitive::<TimestampNanosecondType>().clone();
                Ok(ColumnarValue::Array(Arc::new(
                    times.with_timezone_opt(zone.clone()),
                )))
            }
            _ => internal_err!("the first argument of tz is a timestamp in nanoseconds"),
        }
    }
}

fn is_nanoseconds(times: &ArrayRef) -> bool {
    matches!(
        times.data_type(),
        DataType::Timestamp(TimeUnit::Nanosecond, _)
    )
}

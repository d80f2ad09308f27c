//! Times that no calendar has.
//!
//! Every timestamp in nanoseconds is a time between 1677 and 2262, but an integer can become one in seconds, or a date,
//! far outside of what can be written as text. Such a value must be neither left out nor something that looks like a
//! text of the query.

use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray, RecordBatch};
use arrow::compute::{max, min};
use arrow::datatypes::{
    ArrowNativeType, ArrowNumericType, DataType, Date32Type, Date64Type, DurationMicrosecondType,
    DurationMillisecondType, DurationNanosecondType, DurationSecondType, Time32MillisecondType,
    Time32SecondType, Time64MicrosecondType, Time64NanosecondType, TimeUnit,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampSecondType,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};

/// What Arrow writes for a duration that is none.
const NO_DURATION: &str = "<invalid>";

/// A value that can't be written.
#[derive(Debug, thiserror::Error)]
#[error(
    "column {column}: {value} of type {data_type} is outside of the calendar and has no text; cast it to BIGINT, leave \
     the row out, or ask for format=arrow or format=parquet"
)]
pub(super) struct OutOfRange {
    column: String,
    value: i64,
    data_type: DataType,
}

/// Looks at the least and the greatest value of each column that may have such values, those inside of lists, structs and
/// maps too.
///
/// # Errors
/// [`OutOfRange`] with the first one.
pub(super) fn check(batch: &RecordBatch) -> Result<(), OutOfRange> {
    for (field, column) in batch.schema_ref().fields().iter().zip(batch.columns()) {
        if let Some((value, data_type)) = without_text(column) {
            return Err(OutOfRange {
                column: field.name().clone(),
                value,
                data_type,
            });
        }
    }
    Ok(())
}

/// A value without text, if the array has one, with its type.
fn without_text(array: &ArrayRef) -> Option<(i64, DataType)> {
    match array.data_type() {
        DataType::Date32 => extreme::<Date32Type>(array),
        DataType::Date64 => extreme::<Date64Type>(array),
        DataType::Timestamp(TimeUnit::Second, _) => extreme::<TimestampSecondType>(array),
        DataType::Timestamp(TimeUnit::Millisecond, _) => extreme::<TimestampMillisecondType>(array),
        DataType::Timestamp(TimeUnit::Microsecond, _) => extreme::<TimestampMicrosecondType>(array),
        DataType::Time32(TimeUnit::Second) => extreme::<Time32SecondType>(array),
        DataType::Time32(TimeUnit::Millisecond) => extreme::<Time32MillisecondType>(array),
        DataType::Time64(TimeUnit::Microsecond) => extreme::<Time64MicrosecondType>(array),
        DataType::Time64(TimeUnit::Nanosecond) => extreme::<Time64NanosecondType>(array),
        DataType::Duration(TimeUnit::Second) => extreme::<DurationSecondType>(array),
        DataType::Duration(TimeUnit::Millisecond) => extreme::<DurationMillisecondType>(array),
        DataType::Duration(TimeUnit::Microsecond) => extreme::<DurationMicrosecondType>(array),
        DataType::Duration(TimeUnit::Nanosecond) => extreme::<DurationNanosecondType>(array),
        DataType::List(_) => without_text(array.as_list::<i32>().values()),
        DataType::LargeList(_) => without_text(array.as_list::<i64>().values()),
        DataType::FixedSizeList(..) => without_text(array.as_fixed_size_list().values()),
        DataType::Map(..) => {
            let map = array.as_map();
            without_text(map.keys()).or_else(|| without_text(map.values()))
        }
        DataType::Struct(_) => array.as_struct().columns().iter().find_map(without_text),
        _ => None,
    }
}

/// The least or the greatest value, if it has no text. What lies between two that have one has one too.
fn extreme<T: ArrowNumericType>(array: &ArrayRef) -> Option<(i64, DataType)> {
    let values = array.as_primitive::<T>();
    let ends = [min(values), max(values)].into_iter().flatten();
    for value in ends {
        let one =
            PrimitiveArray::<T>::from_value(value, 1).with_data_type(array.data_type().clone());
        let written = ArrayFormatter::try_new(&one, &FormatOptions::default())
            .and_then(|text| text.value(0).try_to_string());
        if written.map_or(true, |text| text == NO_DURATION) {
            let value = value.to_i64().unwrap_or_default();
            return Some((value, array.data_type().clone()));
        }
    }
    None
}

#[cfg(test)]
mod tests;

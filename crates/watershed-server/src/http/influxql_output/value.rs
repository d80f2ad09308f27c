//! Cells of a result.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    DataType, Float64Type, Int32Type, Int64Type, TimeUnit, TimestampNanosecondType, UInt64Type,
};
use chrono::{DateTime, SecondsFormat};
use chrono_tz::Tz;

/// The unit of times in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Epoch {
    /// RFC 3339 text.
    Text,
    /// A number of units of that many nanoseconds, rounded down.
    Number {
        /// Nanoseconds a unit.
        unit: i64,
    },
}

impl Epoch {
    /// Reads the parameter `epoch`. `None` for an unknown unit.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let unit = match text {
            "ns" | "n" => 1,
            "u" | "us" | "\u{b5}" | "\u{3bc}" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            "d" => 86_400_000_000_000,
            "w" => 604_800_000_000_000,
            _ => return None,
        };
        Some(Self::Number { unit })
    }
}

/// One cell.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell<'a> {
    Null,
    Bool(bool),
    Integer(i64),
    Unsigned(u64),
    Float(f64),
    Text(&'a str),
    /// Nanoseconds since the epoch, shown in that zone.
    Time(i64, Option<Tz>),
    /// A value of a type that InfluxQL does not have, already as text.
    Other(String),
}

/// A column made ready for reading cells.
pub(crate) struct Cells<'a> {
    column: &'a ArrayRef,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    Bool,
    Integer,
    Unsigned,
    Float,
    Text,
    Dictionary,
    Time(Option<Tz>),
    Other,
}

impl<'a> Cells<'a> {
    pub(crate) fn new(column: &'a ArrayRef) -> Self {
        let kind = match column.data_type() {
            DataType::Boolean => Kind::Bool,
            DataType::Int64 => Kind::Integer,
            DataType::UInt64 => Kind::Unsigned,
            DataType::Float64 => Kind::Float,
            DataType::Utf8 => Kind::Text,
            DataType::Dictionary(key, value)
                if **key == DataType::Int32 && **value == DataType::Utf8 =>
            {
                Kind::Dictionary
            }
            DataType::Timestamp(TimeUnit::Nanosecond, zone) => {
                Kind::Time(zone.as_ref().and_then(|z| z.parse().ok()))
            }
            _ => Kind::Other,
        };
        Self { column, kind }
    }

    pub(crate) fn get(&self, row: usize) -> Cell<'a> {
        if self.column.is_null(row) {
            return Cell::Null;
        }
        match self.kind {
            Kind::Bool => Cell::Bool(self.column.as_boolean().value(row)),
            Kind::Integer => Cell::Integer(self.column.as_primitive::<Int64Type>().value(row)),
            Kind::Unsigned => Cell::Unsigned(self.column.as_primitive::<UInt64Type>().value(row)),
            Kind::Float => Cell::Float(self.column.as_primitive::<Float64Type>().value(row)),
            Kind::Text => Cell::Text(self.column.as_string::<i32>().value(row)),
            Kind::Dictionary => {
                let dictionary = self.column.as_dictionary::<Int32Type>();
                let texts = dictionary.values().as_string::<i32>();
                match dictionary.key(row) {
                    Some(key) if texts.is_valid(key) => Cell::Text(texts.value(key)),
                    _ => Cell::Null,
                }
            }
            Kind::Time(zone) => Cell::Time(
                self.column
                    .as_primitive::<TimestampNanosecondType>()
                    .value(row),
                zone,
            ),
            Kind::Other => arrow::util::display::array_value_to_string(self.column, row)
                .map_or(Cell::Null, Cell::Other),
        }
    }
}

/// A time as text: RFC 3339, in UTC with `Z`, in a zone with its offset; 0, 3, 6 or 9 digits of
/// fraction.
pub(crate) fn time_text(nanos: i64, zone: Option<Tz>) -> String {
    let utc = DateTime::from_timestamp_nanos(nanos);
    match zone {
        None | Some(Tz::UTC) => utc.to_rfc3339_opts(SecondsFormat::AutoSi, true),
        Some(zone) => utc
            .with_timezone(&zone)
            .to_rfc3339_opts(SecondsFormat::AutoSi, false),
    }
}

/// An integral float below 2^63 in size, as the integer that is printed for it.
pub(crate) fn integral(value: f64) -> Option<i64> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    (value.fract() == 0.0 && value.abs() < LIMIT).then_some(value as i64)
}

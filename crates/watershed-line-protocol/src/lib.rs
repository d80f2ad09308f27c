//! Reads and prints line protocol, the text format in which InfluxDB clients write points.
//!
//! ```text
//! cpu,host=a,region=eu usage=0.5,cores=8i 1700000000000000000
//! series-------------- fields------------ timestamp----------
//! ```
//!
//! Two layers, one grammar:
//!
//! 1. [`Parser`] is the fast one. It pulls series, fields and timestamp one after the other out of
//!    the body, in one pass and without allocating. The series comes as a raw slice, so that a
//!    series seen before costs its caller one hash and no parsing; field keys can be checked
//!    against those of an earlier line instead of being looked for.
//! 2. [`parse_points`] is the obvious one: owned [`Point`]s with every rule applied.
//!    [`Point::to_line`] prints them again.
//!
//! ```
//! use watershed_line_protocol::{Parser, Value, check_utf8};
//!
//! let body = check_utf8(b"cpu,host=a usage=0.5,cores=8i 17\n")?;
//! let mut parser = Parser::new(body);
//! while let Some(raw) = parser.next_series() {
//!     let series = raw.parse()?; // Only for a series that is not known yet.
//!     assert_eq!((&*series.measurement, raw.as_str()), ("cpu", "cpu,host=a"));
//!     let mut values = Vec::new();
//!     while let Some(field) = parser.next_field(None)? {
//!         values.push((field.key.raw(), field.value));
//!     }
//!     assert_eq!(values, [("usage", Value::Float(0.5)), ("cores", Value::Integer(8))]);
//!     assert_eq!(parser.timestamp()?, Some(17));
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What the fast layer leaves to its caller
//!
//! Rules that need to know the columns of the table, which the caller knows anyway.
//! [`parse_points`] applies them all.
//!
//! | In one line | What has to happen |
//! |---|---|
//! | a field twice, values of one type | the last value counts |
//! | a field twice, values of two types | [`Reason::DuplicateField`] |
//! | a field named like a tag of the series | [`Reason::TagAndField`] |
//! | a field named `time`, and others | the field is dropped, the point is kept |
//! | no field but `time` | [`Reason::TimeField`] |
//!
//! Scaling the timestamp to nanoseconds, with the check for overflow, is the caller's too. And
//! because a line can turn out to be bad at its last byte, what was taken from a line must be
//! undone when a later call for the same line fails.
//!
//! # What counts as a line
//!
//! Lines end at a newline, but neither at one inside a quoted field value nor at one after a
//! backslash. Quotes count only after the first space that no backslash precedes, and only where a
//! value may stand; those in measurements, tags and field keys are ordinary characters. So a string
//! that is never closed takes the lines after it along, up to the next quote; all of that is one
//! bad line. One carriage return before the newline belongs to the line end.
//!
//! A field key ends at a comma too: `f,g=1` and `f=1,,g=2` are errors rather than fields with
//! commas in their names. In a tag key an unescaped comma is an ordinary character.
//!
//! Line numbers are those an editor shows. Columns count bytes from 1, starting at the line's first
//! character that is not blank.

mod error;
mod number;
mod parser;
mod point;
mod print;
mod scan;
mod series;
mod value;

pub use error::{Error, Excerpt, LineError, Reason};
pub use parser::{Field, Parser, RawKey};
pub use point::{FieldValue, Point, Points, parse_points};
pub use print::PrintError;
pub use series::{RawSeries, Series};
pub use value::{FieldKind, StringValue, Value};

/// The most bytes a measurement, tag key, tag value or field key may have, unescaped (InfluxDB line
/// protocol reference).
pub const NAME_BYTES_MAX: usize = 64 << 10;

/// The most bytes the value of a string field may have, unescaped (InfluxDB line protocol
/// reference).
pub const STRING_BYTES_MAX: usize = 1 << 20;

/// The name of the time column, which neither a tag nor a field can have.
const TIME: &str = "time";

/// Checks that a body is UTF-8 as a whole, which the parser takes for granted afterwards.
///
/// Cost: one pass at memory speed.
///
/// # Errors
/// The error says after how many bytes the first bad sequence stands.
pub fn check_utf8(body: &[u8]) -> Result<&str, std::str::Utf8Error> {
    match simdutf8::basic::from_utf8(body) {
        Ok(text) => Ok(text),
        // The fast check does not know where; this one does.
        Err(_) => std::str::from_utf8(body),
    }
}

//! What identifies a series, made of its tags: its key, its place in an order, its hash.

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryBuilder, StringArray, StringBuilder, UInt64Array,
};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::common::hash_utils::{RandomState, create_hashes};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Arc;

/// The multiplier of Fibonacci hashing: 2^64 divided by the golden ratio.
const MIX: u64 = 0x9E37_79B9_7F4A_7C15;

/// The key of a series, as text: measurement and present tags in line protocol, `cpu,host=a,region=b`.
///
/// Tags are in the order of `tags`, (name, column) each. As InfluxDB 1.x prints it: a backslash goes before
/// commas and spaces, and in tags before `=`; backslashes themselves are left as they are.
pub(super) fn key(measurement: &str, tags: Vec<(String, Expr)>) -> Expr {
    call(Form::Key(escaped(measurement, ", ")), tags)
}

/// Bytes by which series of one table sort as InfluxDB 1.x lists them: tag by tag of those a series has,
/// by name and then by value, and a series whose tags are the first ones of another's before that.
pub(super) fn order(tags: Vec<(String, Expr)>) -> Expr {
    call(Form::Order, tags)
}

/// A 64 bit hash of the tags. Series of one table that differ have different ones, but for chance.
pub(super) fn hash(tags: Vec<(String, Expr)>) -> Expr {
    call(Form::Hash, tags)
}

fn call(form: Form, tags: Vec<(String, Expr)>) -> Expr {
    let (names, columns): (Vec<String>, Vec<Expr>) = tags.into_iter().unzip();
    let signature = match columns.len() {
        0 => Signature::nullary(Volatility::Immutable),
        count => Signature::any(count, Volatility::Immutable),
    };
    ScalarUDF::from(SeriesFunction {
        form,
        names,
        signature,
    })
    .call(columns)
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Form {
    /// With the escaped measurement.
    Key(String),
    Order,
    Hash,
}

/// A function of the tags of a series.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct SeriesFunction {
    form: Form,
    /// The names of the tags, one for each argument.
    names: Vec<String>,
    signature: Signature,
}

impl ScalarUDFImpl for SeriesFunction {
    fn name(&self) -> &str {
        match self.form {
            Form::Key(_) => "series_key",
            Form::Order => "series_order",
            Form::Hash => "series_hash",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(match self.form {
            Form::Key(_) => DataType::Utf8,
            Form::Order => DataType::Binary,
            Form::Hash => DataType::UInt64,
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let columns = args.args.iter().map(|value| value.to_array(rows));
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let result: ArrayRef = match &self.form {
            Form::Key(measurement) => Arc::new(self.keys(measurement, &texts(&columns)?, rows)?),
            Form::Order => {
                let mut orders = BinaryBuilder::new();
                let columns = texts(&columns)?;
                for row in 0..rows {
                    for (name, value) in present(&self.names, &columns, row) {
                        // A zero byte sorts before whatever a longer name or value goes on with.
                        for part in [name.as_bytes(), &[0], value.as_bytes(), &[0]] {
                            orders.write_all(part)?;
                        }
                    }
                    orders.append_value([]);
                }
                Arc::new(orders.finish())
            }
            Form::Hash => Arc::new(hashes(&columns, rows)?),
        };
        Ok(ColumnarValue::Array(result))
    }
}

impl SeriesFunction {
    fn keys(
        &self,
        measurement: &str,
        columns: &[StringArray],
        rows: usize,
    ) -> Result<StringArray, std::fmt::Error> {
        let names: Vec<String> = self.names.iter().map(|name| tag_text(name)).collect();
        let mut keys = StringBuilder::new();
        for row in 0..rows {
            keys.write_str(measurement)?;
            for (name, value) in present(&names, columns, row) {
                keys.write_char(',')?;
                keys.write_str(name)?;
                keys.write_char('=')?;
                escape(&mut keys, value, TAG_SPECIAL)?;
            }
            keys.append_value("");
        }
        Ok(keys.finish())
    }
}

/// The characters that have a backslash before them in names and values of tags.
const TAG_SPECIAL: &str = ",= ";

fn tag_text(text: &str) -> String {
    escaped(text, TAG_SPECIAL)
}

fn escaped(text: &str, special: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if special.contains(character) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

fn escape(into: &mut StringBuilder, text: &str, special: &str) -> std::fmt::Result {
    let mut rest = text;
    while let Some(at) = rest.find(|character| special.contains(character)) {
        into.write_str(&rest[..at])?;
        into.write_char('\\')?;
        // The special characters are one byte long.
        into.write_str(&rest[at..=at])?;
        rest = &rest[at + 1..];
    }
    into.write_str(rest)
}

/// The tags that a row has.
fn present<'a>(
    names: &'a [String],
    columns: &'a [StringArray],
    row: usize,
) -> impl Iterator<Item = (&'a str, &'a str)> {
    let tags = names.iter().zip(columns);
    tags.filter(move |(_, column)| column.is_valid(row))
        .map(move |(name, column)| (name.as_str(), column.value(row)))
}

fn texts(columns: &[ArrayRef]) -> Result<Vec<StringArray>> {
    let texts = columns.iter().map(|column| {
        let text = cast(column, &DataType::Utf8)?;
        Ok(text.as_string::<i32>().clone())
    });
    texts.collect()
}

fn hashes(columns: &[ArrayRef], rows: usize) -> Result<UInt64Array> {
    let (mut hashes, mut of_column) = (vec![0_u64; rows], vec![0_u64; rows]);
    for (at, column) in columns.iter().enumerate() {
        of_column.fill(0);
        let state = RandomState::with_seed(at as u64);
        create_hashes([column], &state, &mut of_column)?;
        for (row, (hash, value)) in hashes.iter_mut().zip(&of_column).enumerate() {
            // An absent tag counts, so that the same value in another tag is another series.
            let value = if column.is_null(row) { MIX } else { *value };
            *hash = (hash.rotate_left(23) ^ value).wrapping_mul(MIX);
        }
    }
    Ok(hashes.into())
}

#[cfg(test)]
mod tests;

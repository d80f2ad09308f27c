//! Lines of CSV as RFC 4180 has them.
//!
//! A text without characters is `""`, and null is nothing between two commas. Where a line would be empty, which many
//! readers skip, the null of the only column is `""` too.

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::Schema;
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};

/// The names of the columns.
pub(super) fn header(schema: &Schema, out: &mut Vec<u8>) {
    let names = schema.fields().iter().map(|field| field.name().as_str());
    line(names.map(Some), out);
}

/// A line for each row.
///
/// # Errors
/// A column of lists, structs or maps, for which CSV has no place.
pub(super) fn rows(batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), ArrowError> {
    let options = FormatOptions::default();
    let mut columns = Vec::with_capacity(batch.num_columns());
    for (field, column) in batch.schema_ref().fields().iter().zip(batch.columns()) {
        if column.data_type().is_nested() {
            return Err(ArrowError::CsvError(format!(
                "column {}: {} is not supported in CSV; ask for its members, for a text or for another format",
                field.name(),
                column.data_type()
            )));
        }
        let cells = ArrayFormatter::try_new(column.as_ref(), &options)?;
        columns.push((column, cells, String::new()));
    }
    for row in 0..batch.num_rows() {
        for (column, cells, text) in &mut columns {
            text.clear();
            if column.is_valid(row) {
                cells.value(row).write(text)?;
            }
        }
        let cells = columns.iter();
        line(
            cells.map(|(column, _, text)| column.is_valid(row).then_some(text.as_str())),
            out,
        );
    }
    Ok(())
}

/// Cells between commas; `None` is null.
fn line<'a>(cells: impl ExactSizeIterator<Item = Option<&'a str>>, out: &mut Vec<u8>) {
    let alone = cells.len() == 1;
    for (at, cell) in cells.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        match cell {
            None if alone => out.extend_from_slice(b"\"\""),
            None => {}
            Some(text) => quoted_if_needed(text, out),
        }
    }
    out.push(b'\n');
}

fn quoted_if_needed(text: &str, out: &mut Vec<u8>) {
    let plain = |byte: u8| !matches!(byte, b',' | b'"' | b'\n' | b'\r');
    if !text.is_empty() && text.bytes().all(plain) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    out.push(b'"');
    for byte in text.bytes() {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests;

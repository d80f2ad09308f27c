//! A field column that grows row by row.

use watershed_line_protocol::{FieldKind, Value};
use watershed_model::{
    Bitmap, ColumnId, ColumnName, ColumnType, FieldColumn, FieldValues, StringValues,
};

/// Why a value does not go into a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clash {
    /// The column has another type.
    Type,
    /// The same line gave the field a value of another type before.
    Repeated,
}

/// A field column. Rows that have no value cost nothing until a later row has one, or the end.
#[derive(Debug)]
pub(super) struct FieldBuilder<'a> {
    pub(super) name: ColumnName,
    /// A placeholder for a column that is not in the catalog yet.
    pub(super) column: ColumnId,
    pub(super) is_new: bool,
    /// The key as the last line spelled it.
    pub(super) raw: &'a str,
    /// The field that came next in the line, last time. May point past the end after an undo.
    pub(super) follower: u32,
    /// Rows filled, with values or nulls. Never more than one ahead of the table.
    len: usize,
    values: FieldValues,
    validity: Option<Bitmap>,
}

impl<'a> FieldBuilder<'a> {
    pub(super) fn new(
        name: ColumnName,
        column: Option<ColumnId>,
        kind: FieldKind,
        raw: &'a str,
        rows_expected: usize,
    ) -> Self {
        Self {
            name,
            column: column.unwrap_or(ColumnId::new(-1)),
            is_new: column.is_none(),
            raw,
            follower: u32::MAX,
            len: 0,
            values: empty(kind, rows_expected),
            validity: None,
        }
    }

    pub(super) fn column_type(&self) -> ColumnType {
        match self.values {
            FieldValues::F64(_) => ColumnType::F64,
            FieldValues::I64(_) => ColumnType::I64,
            FieldValues::U64(_) => ColumnType::U64,
            FieldValues::Bool(_) => ColumnType::Bool,
            FieldValues::String(_) => ColumnType::String,
        }
    }

    /// Sets the value of row `row`, the one being read. A second value for the same row replaces the first.
    #[inline]
    pub(super) fn set(&mut self, row: usize, value: &Value<'_>) -> Result<(), Clash> {
        let repeated = self.len > row;
        if self.len != row {
            self.align(row);
        }
        match (&mut self.values, value) {
            (FieldValues::I64(values), Value::Integer(value)) => values.push(*value),
            (FieldValues::F64(values), Value::Float(value)) => values.push(*value),
            (FieldValues::U64(values), Value::Unsigned(value)) => values.push(*value),
            (FieldValues::Bool(values), Value::Boolean(value)) => values.push(*value),
            (FieldValues::String(values), Value::String(value)) => {
                values.push_with(|texts| value.append_to(texts));
            }
            _ if repeated => return Err(Clash::Repeated),
            _ => return Err(Clash::Type),
        }
        if let Some(validity) = &mut self.validity {
            validity.push(true);
        }
        self.len = row + 1;
        Ok(())
    }

    /// Brings the column to `len` rows: drops what is too much, fills with nulls what is missing.
    #[cold]
    pub(super) fn align(&mut self, len: usize) {
        if self.len > len {
            truncate(&mut self.values, len);
            if let Some(validity) = &mut self.validity {
                validity.truncate(len);
            }
        } else if self.len < len {
            let filled = self.len;
            let validity = self
                .validity
                .get_or_insert_with(|| Bitmap::filled(filled, true));
            validity.extend(len - filled, false);
            pad(&mut self.values, len);
        }
        self.len = len;
    }

    /// Drops what a refused line has put beyond the `rows` of the table.
    pub(super) fn undo(&mut self, rows: usize) {
        if self.len > rows {
            self.align(rows);
        }
    }

    /// The finished column over `rows` rows; `None` when no row has a value.
    pub(super) fn finish(mut self, rows: usize) -> Option<FieldColumn> {
        self.align(rows);
        finished(self.column, self.values, self.validity)
    }
}

/// A column in its simplest form: no validity when all rows have values, nothing when none has.
pub(super) fn finished(
    column: ColumnId,
    values: FieldValues,
    validity: Option<Bitmap>,
) -> Option<FieldColumn> {
    match validity.as_ref().map(Bitmap::count_ones) {
        Some(0) => None,
        None => Some(FieldColumn {
            column,
            values,
            validity: None,
        }),
        Some(valid) if valid == values.len() => Some(FieldColumn {
            column,
            values,
            validity: None,
        }),
        Some(_) => Some(FieldColumn {
            column,
            values,
            validity,
        }),
    }
}

/// The column type of a kind of value.
pub(super) fn column_type(kind: FieldKind) -> ColumnType {
    match kind {
        FieldKind::Float => ColumnType::F64,
        FieldKind::Integer => ColumnType::I64,
        FieldKind::Unsigned => ColumnType::U64,
        FieldKind::Boolean => ColumnType::Bool,
        FieldKind::String => ColumnType::String,
    }
}

fn empty(kind: FieldKind, rows: usize) -> FieldValues {
    match kind {
        FieldKind::Float => FieldValues::F64(Vec::with_capacity(rows)),
        FieldKind::Integer => FieldValues::I64(Vec::with_capacity(rows)),
        FieldKind::Unsigned => FieldValues::U64(Vec::with_capacity(rows)),
        FieldKind::Boolean => FieldValues::Bool(Vec::with_capacity(rows)),
        FieldKind::String => FieldValues::String(StringValues::default()),
    }
}

fn truncate(values: &mut FieldValues, len: usize) {
    match values {
        FieldValues::F64(values) => values.truncate(len),
        FieldValues::I64(values) => values.truncate(len),
        FieldValues::U64(values) => values.truncate(len),
        FieldValues::Bool(values) => values.truncate(len),
        FieldValues::String(values) => values.truncate(len),
    }
}

fn pad(values: &mut FieldValues, len: usize) {
    match values {
        FieldValues::F64(values) => values.resize(len, 0.0),
        FieldValues::I64(values) => values.resize(len, 0),
        FieldValues::U64(values) => values.resize(len, 0),
        FieldValues::Bool(values) => values.resize(len, false),
        FieldValues::String(values) => {
            while values.len() < len {
                values.push("");
            }
        }
    }
}

//! Columns of rows in the order they came.

use watershed_model::{Bitmap, FieldColumn, FieldValues, StringValues, TableBatch, TimeRange};

/// Rows of one piece, in arrival order. What [`TableBatch`] is to a request, with series numbered by
/// the piece instead of the request.
#[derive(Debug, Clone)]
pub(crate) struct Chunk {
    /// For each row its series in the piece's registry.
    pub(crate) row_series: Vec<u32>,
    /// For each row its time in nanoseconds.
    pub(crate) times: Vec<i64>,
    /// By ascending column id, each as long as `times`.
    pub(crate) fields: Vec<FieldColumn>,
    /// First and last time; empty without rows.
    pub(crate) time_range: TimeRange,
}

impl Chunk {
    /// No rows.
    pub(crate) fn empty() -> Self {
        let time_range = TimeRange::from_nanos(i64::MAX, i64::MIN);
        Self {
            row_series: Vec::new(),
            times: Vec::new(),
            fields: Vec::new(),
            time_range,
        }
    }

    /// Takes over the columns of a batch. `ids[s]` is the piece's number of the batch's series `s`.
    pub(crate) fn from_batch(batch: TableBatch, ids: &[u32]) -> Self {
        let time_range = batch.time_range();
        let TableBatch {
            mut row_series,
            times,
            fields,
            ..
        } = batch;
        for series in &mut row_series {
            *series = ids[*series as usize];
        }
        Self {
            row_series,
            times,
            fields,
            time_range,
        }
    }

    /// The number of rows.
    pub(crate) fn rows(&self) -> usize {
        self.times.len()
    }

    /// Whether no column of the batch has another type here. The catalog fixes types, so this is
    /// false only through a bug; two chunks then keep both values apart instead of losing one.
    pub(crate) fn accepts(&self, batch: &TableBatch) -> bool {
        batch.fields.iter().all(|field| match self.position(field) {
            Ok(at) => same_type(&self.fields[at].values, &field.values),
            Err(_) => true,
        })
    }

    /// Copies the rows of a batch to the end; the batch must be one this chunk
    /// [accepts](Self::accepts).
    pub(crate) fn append(&mut self, batch: &TableBatch, ids: &[u32]) {
        let rows_before = self.rows();
        self.time_range = self.time_range.union(&batch.time_range());
        self.row_series
            .extend(batch.row_series.iter().map(|series| ids[*series as usize]));
        self.times.extend_from_slice(&batch.times);
        for field in &batch.fields {
            let at = self.position(field).unwrap_or_else(|at| {
                self.fields.insert(at, absent(field, rows_before));
                at
            });
            append_values(&mut self.fields[at], field, rows_before);
        }
        let rows = self.rows();
        for column in self
            .fields
            .iter_mut()
            .filter(|column| column.values.len() < rows)
        {
            append_absent(column, rows);
        }
    }

    fn position(&self, field: &FieldColumn) -> Result<usize, usize> {
        self.fields
            .binary_search_by_key(&field.column, |known| known.column)
    }

    /// Bytes held, capacity included.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.row_series.capacity() * size_of::<u32>()
            + self.times.capacity() * size_of::<i64>()
            + self.fields.capacity() * size_of::<FieldColumn>()
            + self
                .fields
                .iter()
                .map(FieldColumn::memory_bytes)
                .sum::<usize>()
    }
}

fn same_type(a: &FieldValues, b: &FieldValues) -> bool {
    std::mem::discriminant(a) == std::mem::discriminant(b)
}

/// A column like `field` with `rows` rows and no value.
fn absent(field: &FieldColumn, rows: usize) -> FieldColumn {
    let values = match field.values {
        FieldValues::F64(_) => FieldValues::F64(Vec::new()),
        FieldValues::I64(_) => FieldValues::I64(Vec::new()),
        FieldValues::U64(_) => FieldValues::U64(Vec::new()),
        FieldValues::Bool(_) => FieldValues::Bool(Vec::new()),
        FieldValues::String(_) => FieldValues::String(StringValues::default()),
    };
    let mut column = FieldColumn {
        column: field.column,
        values,
        validity: None,
    };
    append_absent(&mut column, rows);
    column
}

fn append_values(to: &mut FieldColumn, from: &FieldColumn, rows_before: usize) {
    match (&mut to.values, &from.values) {
        (FieldValues::F64(to), FieldValues::F64(from)) => to.extend_from_slice(from),
        (FieldValues::I64(to), FieldValues::I64(from)) => to.extend_from_slice(from),
        (FieldValues::U64(to), FieldValues::U64(from)) => to.extend_from_slice(from),
        (FieldValues::Bool(to), FieldValues::Bool(from)) => to.extend_from_slice(from),
        (FieldValues::String(to), FieldValues::String(from)) => {
            from.iter().for_each(|v| to.push(v))
        }
        _ => unreachable!("the caller asked accepts()"),
    }
    match (&mut to.validity, &from.validity) {
        (None, None) => {}
        (Some(to), None) => to.extend(from.values.len(), true),
        (to, Some(from)) => {
            let to = to.get_or_insert_with(|| Bitmap::filled(rows_before, true));
            (0..from.len()).for_each(|row| to.push(from.get(row)));
        }
    }
}

/// Fills the column up to `rows` rows without values.
fn append_absent(column: &mut FieldColumn, rows: usize) {
    let rows_before = column.values.len();
    if rows_before == rows {
        return;
    }
    match &mut column.values {
        FieldValues::F64(values) => values.resize(rows, 0.0),
        FieldValues::I64(values) => values.resize(rows, 0),
        FieldValues::U64(values) => values.resize(rows, 0),
        FieldValues::Bool(values) => values.resize(rows, false),
        FieldValues::String(values) => (rows_before..rows).for_each(|_| values.push("")),
    }
    column
        .validity
        .get_or_insert_with(|| Bitmap::filled(rows_before, true))
        .extend(rows - rows_before, false);
}

#[cfg(test)]
mod tests;

//! The keys of a batch: runs of rows with the same tags, and times.

use super::Assembly;
use crate::Error;
use crate::schema::{column_type, data_type};
use arrow::array::{Array, ArrayRef, AsArray, DictionaryArray, RecordBatch, UInt32Array};
use arrow::buffer::ScalarBuffer;
use arrow::compute::{SortOptions, cast, take};
use arrow::datatypes::{DataType, Field, Int32Type, Schema, SchemaRef, TimestampNanosecondType};
use arrow::row::{RowConverter, Rows, SortField};
use std::cmp::Ordering;
use std::sync::Arc;
use watershed_model::ColumnType;

/// How each column of the key is ordered.
pub(crate) const KEY_ORDER: SortOptions = SortOptions {
    descending: false,
    nulls_first: false,
};

/// Reads the keys of batches of one schema, in a form that compares across batches.
pub(crate) struct Keys {
    schema: SchemaRef,
    tags: Vec<usize>,
    time: usize,
    /// `None` for a table without tags. Ascending, nulls last, as key order is.
    converter: Option<RowConverter>,
}

/// The key of one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position<'a> {
    /// The tags in name order, encoded so that bytes compare as key order does.
    pub(crate) tags: &'a [u8],
    /// Nanoseconds.
    pub(crate) time: i64,
}

/// A batch in key order with its keys.
pub(crate) struct KeyedBatch {
    pub(crate) batch: RecordBatch,
    pub(crate) times: ScalarBuffer<i64>,
    /// The first row of each run of rows with the same tags, and after them the number of rows.
    /// Neighbouring runs may have the same tags, when a dictionary holds a value twice.
    run_starts: Vec<usize>,
    run_tags: Option<Rows>,
    /// Rows whose key is that of the row before, ascending.
    duplicates: Vec<usize>,
}

impl Keys {
    pub(crate) fn new(schema: &SchemaRef) -> Result<Self, Error> {
        let mut tags = tag_columns(schema)?;
        // Schemas come in name order; a hand-made projection may not, and the key must not care.
        tags.sort_by(|a, b| schema.field(*a).name().cmp(schema.field(*b).name()));
        let sort_fields: Vec<SortField> = tags
            .iter()
            .map(|_| SortField::new_with_options(DataType::Utf8, KEY_ORDER))
            .collect();
        let converter = if tags.is_empty() {
            None
        } else {
            Some(RowConverter::new(sort_fields)?)
        };
        Ok(Self {
            schema: Arc::clone(schema),
            time: time_column(schema)?,
            tags,
            converter,
        })
    }

    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The indexes of the tag columns in key order, then that of time.
    pub(crate) fn columns(&self) -> impl Iterator<Item = usize> {
        self.tags.iter().copied().chain([self.time])
    }

    /// Reads the keys of `batch` and checks that it is in key order. `input` is for the error.
    pub(crate) fn read(&self, batch: RecordBatch, input: usize) -> Result<KeyedBatch, Error> {
        let batch = self.with_own_schema(batch)?;
        let times = self.times(&batch)?;
        let starts_run = self.starts_run(&batch)?;
        let run_starts = positions(&starts_run);
        let run_tags = self.encode_tags(&batch, &run_starts)?;
        let out_of_order = || Error::OutOfOrder { input };
        let in_runs = order_in_runs(&times, &starts_run).ok_or_else(out_of_order)?;
        let mut keyed = KeyedBatch {
            batch,
            times,
            run_starts,
            run_tags,
            duplicates: Vec::new(),
        };
        let at_runs = keyed.order_at_runs().ok_or_else(out_of_order)?;
        if in_runs || !at_runs.is_empty() {
            keyed.duplicates = duplicates(&keyed.times, &starts_run, &at_runs);
        }
        Ok(keyed)
    }

    /// As [`read`](Self::read), with duplicates inside the batch settled.
    pub(super) fn read_settled(
        &self,
        batch: RecordBatch,
        input: usize,
    ) -> Result<KeyedBatch, Error> {
        let keyed = self.read(batch, input)?;
        if keyed.duplicates.is_empty() {
            return Ok(keyed);
        }
        self.read(keyed.settled()?, input)
    }

    fn with_own_schema(&self, batch: RecordBatch) -> Result<RecordBatch, Error> {
        if Arc::ptr_eq(batch.schema_ref(), &self.schema) {
            return Ok(batch);
        }
        // Checks the number and the types of the columns, and nulls in time.
        Ok(RecordBatch::try_new(
            Arc::clone(&self.schema),
            batch.columns().to_vec(),
        )?)
    }

    fn times(&self, batch: &RecordBatch) -> Result<ScalarBuffer<i64>, Error> {
        let column = batch.column(self.time);
        let times = column.as_primitive_opt::<TimestampNanosecondType>();
        match times {
            Some(times) if times.null_count() == 0 => Ok(times.values().clone()),
            _ => Err(shape(
                self.schema.field(self.time),
                "nanoseconds without nulls",
            )),
        }
    }

    /// For each row whether some tag's dictionary index differs from that of the row before.
    fn starts_run(&self, batch: &RecordBatch) -> Result<Vec<bool>, Error> {
        let mut starts = vec![false; batch.num_rows()];
        if let Some(first) = starts.first_mut() {
            *first = true;
        }
        for tag in &self.tags {
            let column = batch.column(*tag).as_dictionary_opt::<Int32Type>();
            let column = column.ok_or_else(|| shape(self.schema.field(*tag), "a dictionary"))?;
            mark_changes(column, &mut starts);
        }
        Ok(starts)
    }

    fn encode_tags(&self, batch: &RecordBatch, starts: &[usize]) -> Result<Option<Rows>, Error> {
        let Some(converter) = &self.converter else {
            return Ok(None);
        };
        let starts: UInt32Array = starts.iter().map(|start| *start as u32).collect();
        let columns: Vec<ArrayRef> = self
            .tags
            .iter()
            .map(|tag| cast(&take(batch.column(*tag), &starts, None)?, &DataType::Utf8))
            .collect::<Result<_, _>>()?;
        Ok(Some(converter.convert_columns(&columns)?))
    }
}

impl KeyedBatch {
    pub(crate) fn rows(&self) -> usize {
        self.times.len()
    }

    /// The number of runs.
    pub(crate) fn runs(&self) -> usize {
        self.run_starts.len()
    }

    /// The first row of a run; the number of rows for the run after the last.
    pub(crate) fn run_start(&self, run: usize) -> usize {
        self.run_starts
            .get(run)
            .copied()
            .unwrap_or_else(|| self.rows())
    }

    /// The tags of a run.
    pub(crate) fn run_tags(&self, run: usize) -> &[u8] {
        match &self.run_tags {
            Some(rows) => rows.row(run).data(),
            None => &[],
        }
    }

    /// The key of a row of that run.
    pub(crate) fn position(&self, run: usize, row: usize) -> Position<'_> {
        Position {
            tags: self.run_tags(run),
            time: self.times[row],
        }
    }

    /// The key of the first row; `None` in an empty batch.
    pub(crate) fn first(&self) -> Option<Position<'_>> {
        (self.rows() > 0).then(|| self.position(0, 0))
    }

    /// The key of the last row; `None` in an empty batch.
    pub(crate) fn last(&self) -> Option<Position<'_>> {
        (self.rows() > 0).then(|| self.position(self.runs() - 1, self.rows() - 1))
    }

    /// Whether some key is there twice.
    pub(crate) fn has_duplicates(&self) -> bool {
        !self.duplicates.is_empty()
    }

    /// The batch with one row per key.
    pub(crate) fn settled(self) -> Result<RecordBatch, Error> {
        if self.duplicates.is_empty() {
            return Ok(self.batch);
        }
        let rows = self.rows();
        let schema = self.batch.schema();
        let mut assembly = Assembly::default();
        let slot = assembly.add_batch(self.batch);
        let mut taken = 0;
        for duplicate in self.duplicates {
            if taken < duplicate {
                assembly.push(slot, taken, duplicate - taken);
            }
            assembly.supersede_last(slot, duplicate);
            taken = duplicate + 1;
        }
        if taken < rows {
            assembly.push(slot, taken, rows - taken);
        }
        assembly.finish(&schema)
    }

    /// Checks the rows on both sides of each run's start: the rows that start a run and repeat the key of
    /// the row before, or `None` when one comes before it.
    fn order_at_runs(&self) -> Option<Vec<usize>> {
        let mut equal = Vec::new();
        for run in 1..self.runs() {
            let row = self.run_start(run);
            match self
                .position(run - 1, row - 1)
                .cmp(&self.position(run, row))
            {
                Ordering::Less => {}
                Ordering::Equal => equal.push(row),
                Ordering::Greater => return None,
            }
        }
        Some(equal)
    }
}

/// The tag columns as they come.
fn tag_columns(schema: &Schema) -> Result<Vec<usize>, Error> {
    let is_tag = |field: &Field| column_type(field) == Some(ColumnType::Tag);
    let mut tags = Vec::new();
    for (index, field) in schema
        .fields()
        .iter()
        .enumerate()
        .filter(|(_, field)| is_tag(field))
    {
        if *field.data_type() != data_type(ColumnType::Tag) {
            return Err(shape(field, "a dictionary of text"));
        }
        tags.push(index);
    }
    Ok(tags)
}

fn time_column(schema: &Schema) -> Result<usize, Error> {
    let is_time = |field: &Arc<Field>| column_type(field) == Some(ColumnType::Time);
    let index = schema
        .fields()
        .iter()
        .position(is_time)
        .ok_or_else(|| Error::Shape {
            column: watershed_model::TIME_COLUMN.to_owned(),
            expected: "a time column".to_owned(),
            found: "none".to_owned(),
        })?;
    if *schema.field(index).data_type() != data_type(ColumnType::Time) {
        return Err(shape(schema.field(index), "nanoseconds without zone"));
    }
    Ok(index)
}

fn shape(field: &Field, expected: &str) -> Error {
    Error::Shape {
        column: field.name().clone(),
        expected: expected.to_owned(),
        found: field.data_type().to_string(),
    }
}

/// Marks the rows whose dictionary index differs from the row before. Different indexes may still mean the
/// same value; the caller finds out by comparing the values, once per mark.
fn mark_changes(column: &DictionaryArray<Int32Type>, starts: &mut [bool]) {
    let keys = column.keys().values();
    let pairs = keys.windows(2).zip(starts.iter_mut().skip(1));
    match column.keys().nulls() {
        None => pairs.for_each(|(pair, start)| *start |= pair[0] != pair[1]),
        Some(nulls) => {
            // The index below a null is anything.
            for (row, (pair, start)) in pairs.enumerate() {
                let (before, here) = (nulls.is_valid(row), nulls.is_valid(row + 1));
                *start |= before != here || (here && pair[0] != pair[1]);
            }
        }
    }
}

fn positions(marks: &[bool]) -> Vec<usize> {
    marks
        .iter()
        .enumerate()
        .filter(|(_, mark)| **mark)
        .map(|(row, _)| row)
        .collect()
}

/// Whether some time repeats inside a run; `None` when one goes back. Without branches, so that the
/// compiler can take several rows at a time.
fn order_in_runs(times: &[i64], starts_run: &[bool]) -> Option<bool> {
    let mut back = false;
    let mut equal = false;
    for (pair, start) in times.windows(2).zip(starts_run.iter().skip(1)) {
        back |= !start & (pair[1] < pair[0]);
        equal |= !start & (pair[1] == pair[0]);
    }
    (!back).then_some(equal)
}

fn duplicates(times: &[i64], starts_run: &[bool], at_runs: &[usize]) -> Vec<usize> {
    let in_run = |row: &usize| !starts_run[*row] && times[*row] == times[row - 1];
    let mut rows: Vec<usize> = (1..times.len()).filter(in_run).collect();
    rows.extend_from_slice(at_runs);
    rows.sort_unstable();
    rows
}

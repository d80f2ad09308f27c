//! An output batch in the making: stretches of input rows, and rows that later ones superseded.

use super::tag_column;
use crate::Error;
use crate::schema::column_type;
use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::compute::{concat, interleave};
use arrow::datatypes::{Field, SchemaRef};
use std::sync::Arc;
use watershed_model::ColumnType;

/// From this mean length on, columns are put together by copying stretches, below it row by row.
const STRETCH_ROWS_MIN: usize = 32;

/// A row of an input batch: the batch's slot and the row in it.
pub(super) type Source = (usize, usize);

/// Neighbouring rows of one batch.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    slot: usize,
    start: usize,
    rows: usize,
}

/// Rows to become one batch.
#[derive(Default)]
pub(super) struct Assembly {
    batches: Vec<RecordBatch>,
    stretches: Vec<Stretch>,
    /// For output rows with several sources all but the newest: the output row and the source, by output
    /// row, oldest source first.
    superseded: Vec<(usize, Source)>,
    rows: usize,
}

impl Assembly {
    /// The number of output rows so far.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Makes a batch known; the result is its slot.
    pub(super) fn add_batch(&mut self, batch: RecordBatch) -> usize {
        self.batches.push(batch);
        self.batches.len() - 1
    }

    /// Appends rows of a batch.
    pub(super) fn push(&mut self, slot: usize, start: usize, rows: usize) {
        self.rows += rows;
        match self.stretches.last_mut() {
            Some(last) if last.slot == slot && last.start + last.rows == start => last.rows += rows,
            _ => self.stretches.push(Stretch { slot, start, rows }),
        }
    }

    /// Puts a newer row in the place of the last one, which stays as a source for the fields that the newer
    /// row lacks. There must be a last row.
    pub(super) fn supersede_last(&mut self, slot: usize, row: usize) {
        let Some(last) = self.stretches.last_mut() else {
            debug_assert!(false, "no row to supersede");
            return;
        };
        last.rows -= 1;
        let older = (last.slot, last.start + last.rows);
        if last.rows == 0 {
            self.stretches.pop();
        }
        self.rows -= 1;
        self.superseded.push((self.rows, older));
        self.push(slot, row, 1);
    }

    /// Builds the batch and starts anew.
    pub(super) fn finish(&mut self, schema: &SchemaRef) -> Result<RecordBatch, Error> {
        let assembly = std::mem::take(self);
        if let ([stretch], []) = (
            assembly.stretches.as_slice(),
            assembly.superseded.as_slice(),
        ) {
            return Ok(assembly.batches[stretch.slot].slice(stretch.start, stretch.rows));
        }
        let by_row = assembly.by_row();
        let columns: Vec<ArrayRef> = (0..schema.fields().len())
            .map(|column| assembly.column(column, schema.field(column), &by_row))
            .collect::<Result<_, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(assembly.rows));
        Ok(RecordBatch::try_new_with_options(
            Arc::clone(schema),
            columns,
            &options,
        )?)
    }

    fn by_row(&self) -> Vec<Source> {
        let mut sources = Vec::with_capacity(self.rows);
        for stretch in &self.stretches {
            let rows = stretch.start..stretch.start + stretch.rows;
            sources.extend(rows.map(|row| (stretch.slot, row)));
        }
        sources
    }

    fn column(&self, column: usize, field: &Field, by_row: &[Source]) -> Result<ArrayRef, Error> {
        let arrays: Vec<&dyn Array> = self
            .batches
            .iter()
            .map(|batch| batch.column(column).as_ref())
            .collect();
        let kind = column_type(field);
        if kind == Some(ColumnType::Tag) {
            return Ok(tag_column::gather(&arrays, by_row));
        }
        // Sources of one row agree on the time, and where nothing is null the newest value stands.
        let newest_stands = self.superseded.is_empty()
            || kind == Some(ColumnType::Time)
            || arrays.iter().all(|array| array.null_count() == 0);
        if !newest_stands {
            return Ok(interleave(&arrays, &self.settle(&arrays, by_row))?);
        }
        if self.rows / self.stretches.len().max(1) >= STRETCH_ROWS_MIN {
            return self.concat(&arrays);
        }
        Ok(interleave(&arrays, by_row)?)
    }

    /// For each output row the newest source that has a value in this column; where none has, the oldest.
    fn settle(&self, arrays: &[&dyn Array], by_row: &[Source]) -> Vec<Source> {
        let mut sources = by_row.to_vec();
        // From the newest to the oldest of each row.
        for (row, older) in self.superseded.iter().rev() {
            let (slot, newest) = sources[*row];
            if arrays[slot].is_null(newest) {
                sources[*row] = *older;
            }
        }
        sources
    }

    fn concat(&self, arrays: &[&dyn Array]) -> Result<ArrayRef, Error> {
        let slices: Vec<ArrayRef> = self
            .stretches
            .iter()
            .map(|stretch| arrays[stretch.slot].slice(stretch.start, stretch.rows))
            .collect();
        let slices: Vec<&dyn Array> = slices.iter().map(AsRef::as_ref).collect();
        Ok(concat(&slices)?)
    }
}

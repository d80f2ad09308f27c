//! From buffered rows to Arrow batches in key order.
//!
//! 1. [`rank`]: each series that the filter lets through gets its rank in key order, once.
//! 2. [`order`]: rows are spread by rank (counting sort), then sorted by time within a series; arrival
//!    order breaks ties.
//! 3. [`gather`]: columns are built by picking values in that order; tags as dictionaries whose keys
//!    come from the series, without touching text per row.
//! 4. Batches with equal keys go through [`watershed_storage::dedup_sorted`].

mod gather;
mod order;
mod rank;

use crate::buffer::BufferedPiece;
use crate::error::MaterialiseError;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use order::OrderedRows;
use rank::RankedSeries;
use std::collections::BTreeSet;
use std::ops::Range;
use watershed_model::{ColumnId, TableSchema};
use watershed_storage::{ScanFilter, dedup_sorted};

/// Rows a batch aims for. Rows with equal keys are never split, so it may get more.
const BATCH_ROWS: usize = if cfg!(test) { 16 } else { 8_192 };

/// What to do with rows whose tags are not all in the table schema at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum UnknownTag {
    /// Leave them out: they were written after the schema was taken, so whoever took it may as well
    /// have come before them. To keep them without the tag could make two keys one.
    LeaveOut,
    /// Fail: every row has to be there.
    Refuse,
}

impl BufferedPiece {
    /// The rows that `filter` lets through, in key order and without duplicates, with the columns of
    /// `schema`: a projection of the table that has all its tags and the time, in any order.
    ///
    /// Tags absent from a series and fields no row has are null. Rows with a tag that `table` does not
    /// know, and fields it does not know, are left out: they are newer than that state of the table.
    /// Times are filtered exactly, and so are tags. Batches are never empty.
    ///
    /// Cost: CPU in proportion to the rows, above all; call it where blocking is allowed. Memory: 16
    /// bytes a row, and the result.
    ///
    /// # Errors
    /// [`MaterialiseError`]; all its kinds are bugs.
    pub fn to_batches(
        &self,
        table: &TableSchema,
        schema: &SchemaRef,
        filter: &ScanFilter,
    ) -> Result<Vec<RecordBatch>, MaterialiseError> {
        self.materialise(table, schema, filter, UnknownTag::LeaveOut)
    }

    /// All rows, like [`to_batches`](Self::to_batches), for a table schema that must know every column.
    pub(crate) fn to_batches_whole(
        &self,
        table: &TableSchema,
        schema: &SchemaRef,
    ) -> Result<Vec<RecordBatch>, MaterialiseError> {
        for field in self.content.chunks.iter().flat_map(|chunk| &chunk.fields) {
            if table.column_by_id(field.column).is_none() {
                return Err(unknown(table, field.column));
            }
        }
        self.materialise(table, schema, &ScanFilter::ALL, UnknownTag::Refuse)
    }

    /// The tags and fields that at least one row came with.
    pub(crate) fn columns(&self) -> BTreeSet<ColumnId> {
        let series = &self.content.series;
        let tags = (0..series.len()).flat_map(|s| series.tags(s).map(|(column, _)| column));
        let fields = self.content.chunks.iter().flat_map(|chunk| &chunk.fields);
        tags.chain(fields.map(|field| field.column)).collect()
    }

    fn materialise(
        &self,
        table: &TableSchema,
        schema: &SchemaRef,
        filter: &ScanFilter,
        unknown_tag: UnknownTag,
    ) -> Result<Vec<RecordBatch>, MaterialiseError> {
        let ranked = RankedSeries::new(&self.content.series, table, &filter.tags, unknown_tag)?;
        let rows = OrderedRows::new(&self.content.chunks, &ranked, filter.times);
        let columns = gather::Columns::new(&self.content.chunks, &ranked, table, schema);
        let mut batches = Vec::with_capacity(rows.len() / BATCH_ROWS + 1);
        let mut start = 0;
        while start < rows.len() {
            let (range, has_duplicates) = next_batch(&rows, start);
            start = range.end;
            let batch = columns.gather(&rows, range)?;
            batches.push(if has_duplicates {
                dedup_sorted(&batch)?
            } else {
                batch
            });
        }
        Ok(batches)
    }
}

fn unknown(table: &TableSchema, column: ColumnId) -> MaterialiseError {
    MaterialiseError::ColumnUnknown {
        table: table.id(),
        column,
    }
}

/// The rows of the batch that begins at `start`, cut between two keys, and whether any key in it
/// occurs twice.
fn next_batch(rows: &OrderedRows, start: usize) -> (Range<usize>, bool) {
    let mut has_duplicates = false;
    let mut end = start + 1;
    while end < rows.len() {
        let continues_key = rows.same_key(end - 1, end);
        if !continues_key && end - start >= BATCH_ROWS {
            break;
        }
        has_duplicates |= continues_key;
        end += 1;
    }
    (start..end, has_duplicates)
}

#[cfg(test)]
mod tests;

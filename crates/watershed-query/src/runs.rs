//! Runs of rows that belong together, in batches sorted by what they have in common.

use arrow::array::RecordBatch;
use arrow::compute::partition;
use datafusion::common::{Result, ScalarValue};
use std::ops::Range;

/// Rows of one batch with the same values in some columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) rows: Range<usize>,
    /// Whether the last rows of the batch before belong to it.
    pub(crate) continues: bool,
}

/// Finds the runs of batches that follow one another. Nulls are equal.
#[derive(Debug)]
pub(crate) struct Runs {
    columns: Vec<usize>,
    /// The values in the last row so far.
    last: Option<Vec<ScalarValue>>,
}

impl Runs {
    /// Runs of the same values in those columns; without columns all rows are one run.
    pub(crate) fn new(columns: Vec<usize>) -> Self {
        Self {
            columns,
            last: None,
        }
    }

    /// The runs of the next batch.
    pub(crate) fn of(&mut self, batch: &RecordBatch) -> Result<Vec<Run>> {
        let rows = batch.num_rows();
        if rows == 0 {
            return Ok(Vec::new());
        }
        let ranges = match self.columns.is_empty() {
            true => std::iter::once(0..rows).collect(),
            false => {
                let columns = self.columns.iter();
                let keys: Vec<_> = columns.map(|at| batch.column(*at).clone()).collect();
                partition(&keys)?.ranges()
            }
        };
        let first = self.values(batch, 0)?;
        let continues = self.last.as_ref() == Some(&first);
        self.last = Some(match ranges.len() {
            1 => first,
            _ => self.values(batch, rows - 1)?,
        });
        let runs = ranges.into_iter().map(|rows| Run {
            continues: continues && rows.start == 0,
            rows,
        });
        Ok(runs.collect())
    }

    fn values(&self, batch: &RecordBatch, row: usize) -> Result<Vec<ScalarValue>> {
        let columns = self.columns.iter();
        columns
            .map(|at| ScalarValue::try_from_array(batch.column(*at), row))
            .collect()
    }
}

#[cfg(test)]
mod tests;

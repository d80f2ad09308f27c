//! Rows that are acknowledged and not yet in a listed Parquet file.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use std::fmt;
use std::sync::Arc;
use watershed_model::{
    CounterRange, Epoch, ErrorKind, PartitionKey, PieceOrder, TableSchema, TimeRange, WriterId,
};
use watershed_storage::ScanFilter;

/// Where a scan finds the rows that no file holds yet: the buffer of this process, or those of the
/// ingesters of a cluster.
#[async_trait]
pub trait UnpersistedRows: Send + Sync + fmt::Debug {
    /// Every row of the table that was acknowledged before the call and matches the filter, and that
    /// is not in a file the catalog lists. May also give rows that a file does hold by now: the pieces
    /// say where they stand, so the scan can tell. Rows outside the filter may come too.
    ///
    /// `schema` is what the batches have: columns of the table in its order, all its tags and `time`
    /// among them.
    ///
    /// # Errors
    /// When some of the rows can't be reached: an answer from a part of the data is not an answer.
    async fn rows(
        &self,
        table: &Arc<TableSchema>,
        schema: SchemaRef,
        filter: &ScanFilter,
    ) -> Result<Vec<UnpersistedPiece>, UnpersistedError>;
}

/// A run of rows of one partition, accepted by one writer in one epoch.
#[derive(Debug, Clone)]
pub struct UnpersistedPiece {
    /// The partition of every row.
    pub partition: PartitionKey,
    /// Who accepted the rows.
    pub writer: WriterId,
    /// Their place in the order of writes.
    pub epoch: Epoch,
    /// Their place in the order of writes.
    pub counters: CounterRange,
    /// First and last time of the rows, or a range around them.
    pub times: TimeRange,
    /// The rows in key order, without duplicates.
    pub batches: Vec<RecordBatch>,
}

impl UnpersistedPiece {
    /// Where the piece stands among the pieces of its partition.
    pub fn order(&self) -> PieceOrder {
        PieceOrder {
            epoch: self.epoch,
            max_counter: self.counters.max,
        }
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }
}

/// Why unpersisted rows could not be had.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct UnpersistedError {
    /// What a caller can do about it.
    pub kind: ErrorKind,
    /// The whole text.
    pub message: String,
}

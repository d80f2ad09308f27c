//! Pieces for the tests of this crate.

use super::{Buffer, BufferedPiece};
use crate::testing::{Row, batch};
use watershed_model::{
    Counter, DatabaseId, Epoch, TableSchema, TimeRange, Timestamp, WriteBatch, WriterId,
};

pub(crate) fn write_batch(table: &TableSchema, partition: &str, rows: &[Row]) -> WriteBatch {
    WriteBatch {
        database: DatabaseId::new(1),
        tables: vec![batch(table, partition, rows)],
    }
}

/// A snapshot of a piece that has taken in each of `writes` as one batch.
pub(crate) fn open_piece(table: &TableSchema, writes: &[Vec<Row>]) -> BufferedPiece {
    let buffer = Buffer::new(WriterId::new(1));
    let now = Timestamp::from_nanos(0);
    for (at, rows) in writes.iter().enumerate() {
        let counter = Counter::new(at as u64 + 1);
        buffer.insert(Epoch::new(1), counter, write_batch(table, "p", rows), now);
    }
    let mut pieces = buffer.rows(table.id(), TimeRange::ALL);
    assert_eq!(pieces.len(), 1);
    pieces.remove(0)
}

//! What a scan was planned to read.

use super::super::groups::Piece;
use super::ScanExec;
use crate::statistics::{UnpersistedStatistics, bytes_of};
use std::collections::BTreeSet;

impl ScanExec {
    pub(super) fn pieces(&self) -> impl Iterator<Item = &Piece> {
        self.partitions.iter().flatten().flat_map(|g| &g.pieces)
    }

    /// Partitions of the table in which something is read.
    pub(crate) fn partitions_read(&self) -> u64 {
        let partitions: BTreeSet<_> = self.pieces().map(Piece::partition).collect();
        partitions.len() as u64
    }

    /// Files that are read.
    pub(crate) fn files(&self) -> u64 {
        let is_file = |piece: &&Piece| matches!(piece, Piece::File(_));
        self.pieces().filter(is_file).count() as u64
    }

    /// What is read of the rows in memory.
    pub(crate) fn unpersisted(&self) -> UnpersistedStatistics {
        let in_memory = || {
            self.pieces().filter_map(|piece| match piece {
                Piece::Rows(piece) => Some(piece),
                Piece::File(_) => None,
            })
        };
        let partitions: BTreeSet<_> = in_memory().map(|piece| &piece.partition).collect();
        let batches = in_memory().flat_map(|piece| &piece.batches);
        UnpersistedStatistics {
            latency: self.unpersisted_latency,
            rows: in_memory().map(|piece| piece.rows() as u64).sum(),
            partitions: partitions.len() as u64,
            bytes: batches.map(bytes_of).sum(),
        }
    }
}

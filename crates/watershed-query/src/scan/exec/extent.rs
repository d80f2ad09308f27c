//! What a scan was planned to read.

use super::super::groups::Piece;
use super::ScanExec;
use crate::statistics::{UnpersistedStatistics, bytes_of};
use std::collections::BTreeSet;
use watershed_model::TimeRange;

/// A tag that is given leaves one row in so many, if it is like most tags.
const TAGGED_PART: u64 = 16;

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

    /// How many rows are read, roughly: in proportion to the time asked for, and few of them where a tag is given,
    /// because the rows of a series stand together.
    pub(crate) fn rows_guessed(&self) -> u64 {
        let filter = &self.read.filter;
        let in_time = self.pieces().map(|piece| {
            let wanted = piece.times().intersect(&filter.times);
            part(piece.rows(), wanted, piece.times())
        });
        let rows: u64 = in_time.sum();
        let rows = match filter.tags.is_empty() {
            true => rows,
            false => rows / TAGGED_PART,
        };
        let limit = self.read.limit.map_or(u64::MAX, |limit| limit as u64);
        rows.min(limit)
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

/// The part of `rows` that is in `wanted`, if they are spread evenly over `times`.
fn part(rows: u64, wanted: TimeRange, times: TimeRange) -> u64 {
    if wanted.is_empty() {
        return 0;
    }
    let length = |range: TimeRange| range.max.nanos().abs_diff(range.min.nanos());
    let (wanted, all) = (u128::from(length(wanted)), u128::from(length(times)));
    let part = (u128::from(rows) * wanted).checked_div(all);
    // A part of what is at one instant is all of it.
    part.map_or(rows, |part| u64::try_from(part).unwrap_or(rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_in_proportion_to_time() {
        let range = TimeRange::from_nanos;
        let all = range(0, 100);
        assert_eq!(part(1000, range(0, 100), all), 1000);
        assert_eq!(part(1000, range(50, 100), all), 500);
        assert_eq!(part(1000, range(70, 70), all), 0);
        assert_eq!(part(1000, range(1, 0), all), 0);
        assert_eq!(part(7, range(5, 5), range(5, 5)), 7);
        let ever = range(i64::MIN, i64::MAX);
        assert_eq!(part(u64::MAX, ever, ever), u64::MAX);
    }
}

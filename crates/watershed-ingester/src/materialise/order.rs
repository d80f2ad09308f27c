//! Rows in key order.

use super::rank::RankedSeries;
use crate::buffer::Chunk;
use std::sync::Arc;
use watershed_model::{TimeRange, Timestamp};

/// Where a row is, and its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) time: i64,
    pub(super) chunk: u32,
    pub(super) row: u32,
}

/// The rows of the ranked series inside a range of times: by rank, then time, then arrival.
#[derive(Debug)]
pub(super) struct OrderedRows {
    rows: Vec<Row>,
    /// The rank of each row.
    ranks: Vec<u32>,
}

impl OrderedRows {
    /// Orders rows. Linear but for series whose rows did not come by ascending time.
    pub(super) fn new(chunks: &[Arc<Chunk>], ranked: &RankedSeries, times: TimeRange) -> Self {
        let mut ends = vec![0; ranked.len()];
        for_each_row(chunks, ranked, times, |rank, _| ends[rank as usize] += 1);
        let total = accumulate(&mut ends);

        // `next[rank]` is where the next row of that rank goes: first its start, in the end its end.
        let mut next: Vec<usize> = std::iter::once(0).chain(ends.iter().copied()).collect();
        let mut rows = vec![
            Row {
                time: 0,
                chunk: 0,
                row: 0
            };
            total
        ];
        for_each_row(chunks, ranked, times, |rank, row| {
            rows[next[rank as usize]] = row;
            next[rank as usize] += 1;
        });

        let mut ranks = Vec::with_capacity(total);
        let mut start = 0;
        for (rank, end) in ends.iter().enumerate() {
            let of_series = &mut rows[start..*end];
            if !of_series.is_sorted_by_key(|row| row.time) {
                // Stable: rows came in arrival order, which must hold among equal times.
                of_series.sort_by_key(|row| row.time);
            }
            ranks.resize(*end, rank as u32);
            start = *end;
        }
        Self { rows, ranks }
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// For each row the rank of its series; ascending.
    pub(super) fn ranks(&self) -> &[u32] {
        &self.ranks
    }

    /// Whether two rows have the same series and time.
    pub(super) fn same_key(&self, a: usize, b: usize) -> bool {
        self.rows[a].time == self.rows[b].time && self.ranks[a] == self.ranks[b]
    }
}

/// Turns counts into running sums and returns the whole sum.
fn accumulate(counts: &mut [usize]) -> usize {
    let mut sum = 0;
    for count in counts {
        sum += *count;
        *count = sum;
    }
    sum
}

/// Visits the rows of ranked series inside `times`, in arrival order.
fn for_each_row(
    chunks: &[Arc<Chunk>],
    ranked: &RankedSeries,
    times: TimeRange,
    mut visit: impl FnMut(u32, Row),
) {
    for (at, chunk) in chunks.iter().enumerate() {
        if !chunk.time_range.overlaps(&times) {
            continue;
        }
        for (row, (series, time)) in chunk.row_series.iter().zip(&chunk.times).enumerate() {
            if !times.contains(Timestamp::from_nanos(*time)) {
                continue;
            }
            if let Some(rank) = ranked.rank(*series) {
                visit(
                    rank,
                    Row {
                        time: *time,
                        chunk: at as u32,
                        row: row as u32,
                    },
                );
            }
        }
    }
}

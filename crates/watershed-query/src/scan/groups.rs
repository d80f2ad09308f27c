//! What must be merged with what, and what is read beside what.

use crate::UnpersistedPiece;
use std::collections::BTreeMap;
use watershed_catalog::FileRow;
use watershed_model::{PartitionKey, PieceOrder, TimeRange, Timestamp};

/// What a row in memory counts for against a byte in a file, when work is spread.
const BYTES_PER_ROW: u64 = 16;

/// Rows of one partition in key order, each key once.
#[derive(Debug, Clone)]
pub(super) enum Piece {
    /// In a file.
    File(FileRow),
    /// In memory.
    Rows(UnpersistedPiece),
}

impl Piece {
    pub(super) fn partition(&self) -> &PartitionKey {
        match self {
            Self::File(file) => &file.partition,
            Self::Rows(piece) => &piece.partition,
        }
    }

    pub(super) fn order(&self) -> PieceOrder {
        match self {
            Self::File(file) => PieceOrder {
                epoch: file.epoch,
                max_counter: file.counters.max,
            },
            Self::Rows(piece) => piece.order(),
        }
    }

    pub(super) fn times(&self) -> TimeRange {
        match self {
            Self::File(file) => file.file.time_range,
            Self::Rows(piece) => piece.times,
        }
    }

    pub(super) fn rows(&self) -> u64 {
        match self {
            Self::File(file) => file.file.rows,
            Self::Rows(piece) => piece.rows() as u64,
        }
    }

    fn weight(&self) -> u64 {
        match self {
            Self::File(file) => file.file.bytes,
            Self::Rows(piece) => piece.rows() as u64 * BYTES_PER_ROW,
        }
    }
}

/// Pieces of one partition that may hold the same key, oldest first; no other piece holds one of theirs.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pub(super) pieces: Vec<Piece>,
    /// Around the rows of all pieces.
    pub(super) times: TimeRange,
}

impl Group {
    /// Whether the same key may be there more than once.
    pub(super) fn needs_merge(&self) -> bool {
        self.pieces.len() > 1
    }

    fn weight(&self) -> u64 {
        self.pieces.iter().map(Piece::weight).sum()
    }

    /// The most rows it can have.
    pub(super) fn rows(&self) -> u64 {
        self.pieces.iter().map(Piece::rows).sum()
    }
}

/// Puts together the pieces of a partition whose times overlap within `wanted`. Pieces without rows in
/// `wanted` are dropped: whatever they hold is filtered out in the end, so it need not be merged either.
pub(super) fn group(pieces: Vec<Piece>, wanted: TimeRange) -> Vec<Group> {
    let mut partitions: BTreeMap<PartitionKey, Vec<Piece>> = BTreeMap::new();
    for piece in pieces {
        if piece.times().overlaps(&wanted) && piece.rows() > 0 {
            partitions
                .entry(piece.partition().clone())
                .or_default()
                .push(piece);
        }
    }
    partitions
        .into_values()
        .flat_map(|pieces| group_partition(pieces, wanted))
        .collect()
}

/// A sweep over the pieces by their first wanted time: one that begins after all before it have ended
/// begins a new group.
fn group_partition(mut pieces: Vec<Piece>, wanted: TimeRange) -> Vec<Group> {
    pieces.sort_by_key(|piece| piece.times().min.max(wanted.min));
    let mut groups: Vec<Group> = Vec::new();
    for piece in pieces {
        let times = piece.times();
        match groups.last_mut() {
            Some(group)
                if group
                    .times
                    .intersect(&wanted)
                    .overlaps(&times.intersect(&wanted)) =>
            {
                group.times = group.times.union(&times);
                group.pieces.push(piece);
            }
            _ => groups.push(Group {
                pieces: vec![piece],
                times,
            }),
        }
    }
    for group in &mut groups {
        group.pieces.sort_by_key(Piece::order);
    }
    groups
}

/// Deals the groups out to at most `parts` lists of about the same work. At least one list comes out; a
/// list is in the order of partition and time.
pub(super) fn spread(groups: Vec<Group>, parts: usize) -> Vec<Vec<Group>> {
    let parts = parts.clamp(1, groups.len().max(1));
    let mut by_weight: Vec<(usize, u64)> = groups.iter().map(Group::weight).enumerate().collect();
    by_weight.sort_by_key(|(at, weight)| (std::cmp::Reverse(*weight), *at));

    let mut loads = vec![0_u64; parts];
    let mut part_of = vec![0; groups.len()];
    for (at, weight) in by_weight {
        let lightest = (0..parts)
            .min_by_key(|part| loads[*part])
            .unwrap_or_default();
        // A group costs something however small it is.
        loads[lightest] += weight.max(1);
        part_of[at] = lightest;
    }
    let mut lists = vec![Vec::new(); parts];
    for (group, part) in groups.into_iter().zip(part_of) {
        lists[part].push(group);
    }
    lists
}

/// Lists of groups in the order of time (or the reverse): within `wanted`, no time of a list is between
/// times of another. Neighbours are put together as long as they have no more than `rows` rows. Groups of
/// different partitions may overlap; those are in one list, whatever their size.
pub(super) fn stretches(
    mut groups: Vec<Group>,
    wanted: TimeRange,
    rows: u64,
    descending: bool,
) -> Vec<Vec<Group>> {
    let times = |group: &Group| group.times.intersect(&wanted);
    groups.sort_by_key(|group| times(group).min);
    // The lists, their last time and their rows.
    let mut lists: Vec<(Vec<Group>, Timestamp, u64)> = Vec::new();
    for group in groups {
        let (range, more) = (times(&group), group.rows());
        match lists.last_mut() {
            Some((list, max, count)) if range.min <= *max || count.saturating_add(more) <= rows => {
                list.push(group);
                *max = range.max.max(*max);
                *count = count.saturating_add(more);
            }
            _ => lists.push((vec![group], range.max, more)),
        }
    }
    let mut lists: Vec<Vec<Group>> = lists.into_iter().map(|(list, _, _)| list).collect();
    if descending {
        lists.reverse();
    }
    lists
}

#[cfg(test)]
mod tests;

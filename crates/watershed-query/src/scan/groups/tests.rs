use super::*;
use watershed_model::{Counter, CounterRange, Epoch, WriterId};

/// A piece without rows is no piece, so each has one that nobody looks at.
fn piece(partition: &str, counter: u64, min: i64, max: i64) -> Piece {
    let schema = arrow::datatypes::Schema::new(vec![arrow::datatypes::Field::new(
        "usage",
        arrow::datatypes::DataType::Int64,
        true,
    )]);
    let column = std::sync::Arc::new(arrow::array::Int64Array::from(vec![1]));
    let batch = arrow::array::RecordBatch::try_new(schema.into(), vec![column]).unwrap();
    let counter = Counter::new(counter);
    Piece::Rows(UnpersistedPiece {
        partition: PartitionKey::new(partition),
        writer: WriterId::new(1),
        epoch: Epoch::new(1),
        counters: CounterRange {
            min: counter,
            max: counter,
        },
        times: TimeRange::from_nanos(min, max),
        batches: vec![batch],
    })
}

/// The counters of the pieces, group by group.
fn shown(groups: &[Group]) -> Vec<Vec<u64>> {
    let counters = |group: &Group| {
        group
            .pieces
            .iter()
            .map(|piece| piece.order().max_counter.get())
            .collect()
    };
    groups.iter().map(counters).collect()
}

#[test]
fn pieces_that_overlap_are_together_oldest_first() {
    let pieces = vec![
        piece("a", 4, 10, 20),
        piece("a", 1, 20, 30),
        piece("a", 2, 31, 40),
        piece("b", 3, 10, 20),
        piece("a", 5, 0, 9),
    ];
    assert_eq!(
        shown(&group(pieces, TimeRange::ALL)),
        [vec![5], vec![1, 4], vec![2], vec![3]]
    );
}

#[test]
fn what_overlaps_outside_the_wanted_times_is_not_merged() {
    let pieces = || {
        vec![
            piece("a", 1, 0, 20),
            piece("a", 2, 0, 5),
            piece("a", 3, 15, 30),
        ]
    };
    assert_eq!(
        shown(&group(pieces(), TimeRange::from_nanos(6, 14))),
        [vec![1]]
    );
    assert_eq!(
        shown(&group(pieces(), TimeRange::from_nanos(21, 40))),
        [vec![3]]
    );
    assert_eq!(
        shown(&group(pieces(), TimeRange::from_nanos(5, 14))),
        [vec![1, 2]]
    );
    assert_eq!(shown(&group(pieces(), TimeRange::ALL)), [vec![1, 2, 3]]);
}

#[test]
fn groups_are_spread_and_none_is_lost() {
    let pieces = (0..7)
        .map(|at| piece("a", at, at as i64, at as i64))
        .collect();
    let lists = spread(group(pieces, TimeRange::ALL), 3);
    let mut sizes: Vec<usize> = lists.iter().map(Vec::len).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [2, 2, 3]);
    assert_eq!(spread(Vec::new(), 3).len(), 1);
}

use super::*;
use crate::testing::{self, Model, Row, arbitrary};
use proptest::collection::vec;
use proptest::prelude::*;
use watershed_storage::{ScanFilter, arrow_schema};

fn partition() -> PartitionKey {
    PartitionKey::new("p")
}

fn read(piece: &BufferedPiece) -> Vec<Row> {
    let table = testing::schema();
    let batches = piece
        .to_batches(&table, &arrow_schema(&table), &ScanFilter::ALL)
        .unwrap();
    testing::read(&batches)
}

fn insert(piece: &mut OpenPiece, counter: u64, rows: &[Row]) {
    let batch = testing::batch(&testing::schema(), "p", rows);
    let now = Timestamp::from_nanos(counter as i64);
    piece.insert(Epoch::new(3), Counter::new(counter), batch, now);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Every snapshot shows what had been written when it was taken, and goes on doing so.
    #[test]
    fn snapshots_do_not_change(writes in vec(arbitrary::rows(40), 1..12)) {
        let mut piece = OpenPiece::new(Epoch::new(3), Counter::new(1), Timestamp::from_nanos(1));
        let mut model = Model::default();
        let mut taken = Vec::new();
        for (at, rows) in writes.iter().enumerate() {
            insert(&mut piece, at as u64 + 1, rows);
            model.write(rows);
            taken.push((piece.snapshot(&partition(), WriterId::new(1)), model.rows()));
        }
        let counters = piece.counters();
        let frozen = piece.freeze(&partition(), WriterId::new(1));
        prop_assert_eq!(read(&frozen), model.rows());
        prop_assert_eq!(frozen.counters, counters);
        for (snapshot, expected) in taken {
            prop_assert_eq!(read(&snapshot), expected);
        }
    }

    #[test]
    fn memory_is_that_of_its_parts(writes in vec(arbitrary::rows(40), 1..12)) {
        let mut piece = OpenPiece::new(Epoch::new(3), Counter::new(1), Timestamp::from_nanos(1));
        for (at, rows) in writes.iter().enumerate() {
            insert(&mut piece, at as u64 + 1, rows);
        }
        let sealed: usize = piece.sealed.iter().map(|chunk| chunk.memory_bytes()).sum();
        prop_assert_eq!(piece.sealed_bytes, sealed);
        let open = piece.memory_bytes();
        let frozen = piece.freeze(&partition(), WriterId::new(1)).content.memory_bytes();
        prop_assert!(frozen <= open + 8 * size_of::<Arc<Chunk>>(), "{} > {}", frozen, open);
        prop_assert!(frozen > 0);
    }
}

#[test]
fn counters_times_and_rows_cover_all_batches() {
    let mut piece = OpenPiece::new(Epoch::new(3), Counter::new(5), Timestamp::from_nanos(1));
    let row = |time| Row {
        key: ([None, None, None], time),
        fields: Default::default(),
    };
    insert(&mut piece, 5, &[row(10)]);
    insert(&mut piece, 9, &[row(-3), row(2)]);
    let snapshot = piece.snapshot(&partition(), WriterId::new(8));
    assert_eq!(
        snapshot.counters,
        CounterRange {
            min: Counter::new(5),
            max: Counter::new(9)
        }
    );
    assert_eq!(snapshot.times, TimeRange::from_nanos(-3, 10));
    assert_eq!(
        (snapshot.rows, snapshot.epoch, snapshot.writer),
        (3, Epoch::new(3), WriterId::new(8))
    );
}

#[test]
#[should_panic(expected = "a piece of epoch 3 was offered rows of epoch 4")]
fn rows_of_another_epoch_are_refused() {
    let mut piece = OpenPiece::new(Epoch::new(3), Counter::new(5), Timestamp::from_nanos(1));
    let row = Row {
        key: ([None, None, None], 1),
        fields: Default::default(),
    };
    let batch = testing::batch(&testing::schema(), "p", &[row]);
    assert!(!piece.takes(Epoch::new(4), &batch));
    piece.insert(
        Epoch::new(4),
        Counter::new(6),
        batch,
        Timestamp::from_nanos(1),
    );
}

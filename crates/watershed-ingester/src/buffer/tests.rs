use super::testing::write_batch;
use super::*;
use crate::testing::{self, Model, Row};
use watershed_storage::{ScanFilter, arrow_schema};

fn row(host: &str, time: i64, count: i64) -> Row {
    let key = ([None, Some(host.to_owned()), None], time);
    Row {
        key,
        fields: [None, Some(testing::Value::I64(count)), None, None, None],
    }
}

fn insert(buffer: &Buffer, epoch: u64, counter: u64, partition: &str, rows: &[Row]) {
    let batch = write_batch(&testing::schema(), partition, rows);
    let now = Timestamp::from_nanos(counter as i64);
    buffer.insert(Epoch::new(epoch), Counter::new(counter), batch, now);
}

fn buffer() -> Buffer {
    Buffer::new(WriterId::new(2))
}

fn id(partition: &str) -> PartitionId {
    PartitionId {
        database: DatabaseId::new(1),
        table: testing::schema().id(),
        partition: PartitionKey::new(partition),
    }
}

fn pieces(buffer: &Buffer) -> Vec<(String, u64, u64, u64)> {
    let pieces = buffer.rows(testing::schema().id(), TimeRange::ALL);
    pieces
        .iter()
        .map(|p| {
            let (min, max) = (p.counters.min.get(), p.counters.max.get());
            (p.partition.to_string(), p.epoch.get(), min, max)
        })
        .collect()
}

fn read(buffer: &Buffer) -> Vec<Row> {
    let table = testing::schema();
    let mut model = Model::default();
    for piece in buffer.rows(table.id(), TimeRange::ALL) {
        let batches = piece
            .to_batches(&table, &arrow_schema(&table), &ScanFilter::ALL)
            .unwrap();
        model.write(&testing::read(&batches));
    }
    model.rows()
}

#[test]
fn pieces_come_by_partition_and_oldest_first() {
    let buffer = buffer();
    insert(&buffer, 1, 1, "q", &[row("a", 1, 1)]);
    insert(&buffer, 1, 2, "p", &[row("a", 1, 1)]);
    insert(&buffer, 2, 3, "q", &[row("a", 1, 2)]);
    let expected = [
        ("p".to_owned(), 1, 2, 2),
        ("q".to_owned(), 1, 1, 1),
        ("q".to_owned(), 2, 3, 3),
    ];
    assert_eq!(pieces(&buffer), expected);
    assert_eq!(read(&buffer), [row("a", 1, 2)]);
}

#[test]
fn times_outside_and_unknown_tables_give_nothing() {
    let buffer = buffer();
    insert(&buffer, 1, 1, "p", &[row("a", 10, 1), row("a", 20, 1)]);
    let table = testing::schema().id();
    assert_eq!(buffer.rows(table, TimeRange::from_nanos(0, 9)).len(), 0);
    assert_eq!(buffer.rows(table, TimeRange::from_nanos(20, 30)).len(), 1);
    assert_eq!(buffer.rows(TableId::new(99), TimeRange::ALL).len(), 0);
}

#[test]
fn freezing_opens_a_new_piece_and_dropping_takes_only_the_frozen_one() {
    let buffer = buffer();
    insert(&buffer, 1, 1, "p", &[row("a", 1, 1)]);
    let frozen = buffer.freeze_oldest(&id("p")).unwrap();
    insert(&buffer, 1, 2, "p", &[row("a", 2, 2)]);
    assert_eq!(
        buffer.freeze_oldest(&id("p")).unwrap().counters,
        frozen.counters
    );
    assert_eq!(read(&buffer), [row("a", 1, 1), row("a", 2, 2)]);
    buffer.drop_oldest(&id("p"), frozen.counters);
    assert_eq!(read(&buffer), [row("a", 2, 2)]);
    assert_eq!(
        testing::read(
            &frozen
                .to_batches(
                    &testing::schema(),
                    &arrow_schema(&testing::schema()),
                    &ScanFilter::ALL,
                )
                .unwrap()
        ),
        [row("a", 1, 1)]
    );
}

#[test]
fn the_log_may_forget_what_is_below_the_oldest_row() {
    let buffer = buffer();
    assert_eq!(buffer.lowest_unpersisted(), Counter::new(0));
    insert(&buffer, 1, 4, "p", &[row("a", 1, 1)]);
    insert(&buffer, 1, 5, "q", &[row("a", 1, 1)]);
    insert(&buffer, 1, 6, "p", &[row("a", 1, 1)]);
    assert_eq!(buffer.lowest_unpersisted(), Counter::new(4));
    let frozen = buffer.freeze_oldest(&id("p")).unwrap();
    assert_eq!(buffer.lowest_unpersisted(), Counter::new(4));
    buffer.drop_oldest(&id("p"), frozen.counters);
    assert_eq!(buffer.lowest_unpersisted(), Counter::new(5));
    let frozen = buffer.freeze_oldest(&id("q")).unwrap();
    buffer.drop_oldest(&id("q"), frozen.counters);
    assert_eq!(buffer.lowest_unpersisted(), Counter::new(7));
}

#[test]
fn memory_goes_back_to_zero() {
    let buffer = Arc::new(buffer());
    for counter in 1..200 {
        let rows: Vec<Row> = (0..counter % 50)
            .map(|n| row(&format!("h{n}"), n, 1))
            .collect();
        let partition = ["p", "q"][counter as usize % 2];
        insert(
            &buffer,
            counter as u64 / 70,
            counter as u64,
            partition,
            &rows,
        );
        if counter % 30 == 0 {
            let reader = read(&buffer);
            assert!(!reader.is_empty());
        }
    }
    let by_partition: u64 = buffer.status().iter().map(|status| status.bytes).sum();
    assert_eq!(buffer.bytes(), by_partition);
    assert_eq!(buffer.bytes_of(DatabaseId::new(1)), by_partition);
    for partition in ["p", "q"] {
        while let Some(piece) = buffer.freeze_oldest(&id(partition)) {
            buffer.drop_oldest(&id(partition), piece.counters);
        }
    }
    assert_eq!(
        (buffer.bytes(), buffer.bytes_of(DatabaseId::new(1))),
        (0, 0)
    );
    assert!(buffer.status().is_empty());
}

#[test]
fn memory_adds_up_when_a_partition_is_frozen_while_it_gets_its_first_rows() {
    let rows: Vec<Row> = (0..50).map(|n| row(&format!("h{n}"), n, 1)).collect();
    let batch = write_batch(&testing::schema(), "p", &rows);
    for _ in 0..3_000 {
        let (buffer, batch) = (buffer(), batch.clone());
        std::thread::scope(|scope| {
            scope.spawn(|| while buffer.freeze_oldest(&id("p")).is_none() {});
            buffer.insert(
                Epoch::new(1),
                Counter::new(1),
                batch,
                Timestamp::from_nanos(1),
            );
        });
        let by_partition: u64 = buffer.status().iter().map(|status| status.bytes).sum();
        assert_eq!(buffer.bytes(), by_partition);
    }
}

#[test]
fn reservations_count_until_they_are_dropped() {
    let buffer = Arc::new(buffer());
    let (a, b) = (DatabaseId::new(1), DatabaseId::new(2));
    let first = buffer.reserve(a, 60, 100).unwrap();
    assert_eq!(buffer.reserve(b, 41, 100).unwrap_err(), 60);
    let second = buffer.reserve(b, 40, 100).unwrap();
    assert_eq!(buffer.has_room(a, 1, 100), Err(100));
    drop(first);
    assert_eq!(buffer.has_room(a, 1, 100), Ok(()));
    assert!(buffer.reserve(a, 60, 100).is_ok());
    drop(second);
}

#[test]
#[should_panic(expected = "batch 4 reached the buffer after")]
fn counters_must_ascend() {
    let buffer = buffer();
    insert(&buffer, 1, 4, "p", &[row("a", 1, 1)]);
    insert(&buffer, 1, 4, "p", &[row("a", 1, 1)]);
}

#[test]
#[should_panic(expected = "while the oldest piece has")]
fn only_the_oldest_piece_can_be_dropped() {
    let buffer = buffer();
    insert(&buffer, 1, 1, "p", &[row("a", 1, 1)]);
    insert(&buffer, 2, 2, "p", &[row("a", 1, 1)]);
    buffer.freeze_oldest(&id("p"));
    buffer.drop_oldest(
        &id("p"),
        CounterRange {
            min: Counter::new(2),
            max: Counter::new(2),
        },
    );
}

#[test]
fn rows_of_one_database_leave_memory_to_the_others() {
    let buffer = Arc::new(buffer());
    let (one, other) = (DatabaseId::new(1), DatabaseId::new(2));
    insert(&buffer, 1, 1, "p", &[row("a", 1, 1)]);
    let limit = buffer.bytes() + buffer.bytes() / 4;
    assert_eq!(buffer.has_room(one, 1, limit), Err(buffer.bytes()));
    assert_eq!(buffer.has_room(other, 1, limit), Ok(()));
    assert_eq!(buffer.bytes_by_database(), [(one, buffer.bytes())]);
}

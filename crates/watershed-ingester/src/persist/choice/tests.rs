use super::*;
use watershed_model::{DatabaseId, PartitionKey, TableId};

const SECOND: i64 = 1_000_000_000;

fn partition(name: &str, bytes: u64, oldest: u64, first: i64, last: i64) -> PartitionStatus {
    PartitionStatus {
        id: PartitionId {
            database: DatabaseId::new(1),
            table: TableId::new(1),
            partition: PartitionKey::new(name),
        },
        bytes,
        oldest: Counter::new(oldest),
        first_write: Timestamp::from_nanos(first * SECOND),
        last_write: Timestamp::from_nanos(last * SECOND),
    }
}

/// Partition limit 500, age 600 s, idle 60 s.
#[track_caller]
fn check(
    partitions: &[PartitionStatus],
    pressure: Pressure,
    busy: &[&str],
    expected: Option<&str>,
) {
    let settings = Settings {
        persist_partition_bytes: 500,
        ..Settings::new("unused")
    };
    let is_busy = |id: &PartitionId| busy.contains(&id.partition.as_str());
    let chosen = choose(partitions, &settings, &pressure, is_busy);
    assert_eq!(chosen.map(|chosen| chosen.id.partition.as_str()), expected);
}

fn calm(now: i64) -> Pressure {
    Pressure {
        now: Timestamp::from_nanos(now * SECOND),
        persist_below: Counter::new(0),
        log_must_shrink: false,
        memory_is_short: false,
    }
}

#[test]
fn nothing_is_due_without_a_reason() {
    check(&[], calm(0), &[], None);
    check(&[partition("a", 499, 1, 0, 0)], calm(59), &[], None);
}

#[test]
fn big_old_and_idle_partitions_are_due_the_oldest_first() {
    check(&[partition("a", 500, 1, 0, 0)], calm(0), &[], Some("a"));
    check(&[partition("a", 1, 1, 0, 599)], calm(600), &[], Some("a"));
    check(&[partition("a", 1, 1, 0, 0)], calm(60), &[], Some("a"));
    let two = [partition("a", 1, 9, 0, 0), partition("b", 1, 2, 0, 0)];
    check(&two, calm(60), &[], Some("b"));
    check(&two, calm(60), &["b"], Some("a"));
    check(&two, calm(60), &["a", "b"], None);
}

#[test]
fn a_clock_that_steps_back_makes_nothing_due() {
    check(&[partition("a", 1, 1, 1_000, 1_000)], calm(0), &[], None);
}

#[test]
fn those_who_wait_get_what_they_wait_for_and_no_more() {
    let waits = Pressure {
        persist_below: Counter::new(5),
        ..calm(0)
    };
    check(
        &[partition("a", 1, 4, 0, 0), partition("b", 1, 5, 0, 0)],
        waits,
        &[],
        Some("a"),
    );
    check(&[partition("b", 1, 5, 0, 0)], waits, &[], None);
}

#[test]
fn short_memory_takes_the_largest() {
    let short = Pressure {
        memory_is_short: true,
        ..calm(0)
    };
    let two = [partition("a", 10, 1, 0, 0), partition("b", 20, 2, 0, 0)];
    check(&two, short, &[], Some("b"));
    check(&two, short, &["b"], Some("a"));
}

#[test]
fn short_memory_takes_from_the_database_that_holds_most() {
    let short = Pressure {
        memory_is_short: true,
        ..calm(0)
    };
    let mut three = [
        partition("a", 30, 1, 0, 0),
        partition("b", 20, 2, 0, 0),
        partition("c", 21, 3, 0, 0),
    ];
    three[0].id.database = DatabaseId::new(2);
    check(&three, short, &[], Some("c"));
    check(&three, short, &["c"], Some("b"));
    check(&three, short, &["b", "c"], Some("a"));
}

#[test]
fn a_long_log_takes_the_oldest_or_waits_for_it() {
    let long = Pressure {
        log_must_shrink: true,
        ..calm(0)
    };
    let two = [partition("a", 10, 1, 0, 0), partition("b", 20, 2, 0, 0)];
    check(&two, long, &[], Some("a"));
    check(&two, long, &["a"], None);
}

//! Which rows a query sees, wherever they are.

use crate::world::{NOW, World, settings};
use watershed_catalog::DatabaseSettings;
use watershed_model::{Counter, CounterRange, PartitionKey, Timestamp};

const ALL: &str = "SELECT * FROM cpu ORDER BY host, time";

async fn cpu() -> World {
    let world = World::new().await;
    world.table("cpu", "host:tag usage:f64 idle:i64").await;
    world
}

#[tokio::test]
async fn a_table_without_rows_has_columns() {
    let world = cpu().await;
    let batches = world.sql(ALL).await.unwrap();
    let names: Vec<_> = batches[0]
        .schema()
        .fields()
        .iter()
        .map(|f| f.name().clone())
        .collect();
    assert_eq!(names, ["host", "idle", "time", "usage"]);
}

#[tokio::test]
async fn rows_in_memory_are_seen() {
    let world = cpu().await;
    world
        .buffer(
            "cpu",
            "host=b usage=2 08:00\nhost=a usage=1,idle=7i 08:00\nusage=3 08:01",
        )
        .await;
    let expected = "
        +------+------+---------------------+-------+
        | host | idle | time                | usage |
        +------+------+---------------------+-------+
        | a    | 7    | 2024-01-01T08:00:00 | 1.0   |
        | b    |      | 2024-01-01T08:00:00 | 2.0   |
        |      |      | 2024-01-01T08:01:00 | 3.0   |
        +------+------+---------------------+-------+";
    world.check(ALL, expected).await;
}

#[tokio::test]
async fn rows_in_files_are_seen() {
    let world = cpu().await;
    world
        .file(
            "cpu",
            "host=a usage=1 08:00\nhost=b usage=2 2024-01-02T08:00:00Z",
        )
        .await;
    let expected = "
        +------+------+---------------------+-------+
        | host | idle | time                | usage |
        +------+------+---------------------+-------+
        | a    |      | 2024-01-01T08:00:00 | 1.0   |
        | b    |      | 2024-01-02T08:00:00 | 2.0   |
        +------+------+---------------------+-------+";
    world.check(ALL, expected).await;
}

#[tokio::test]
async fn the_newest_value_of_each_field_wins_over_files_and_memory() {
    let world = cpu().await;
    world
        .file("cpu", "host=a usage=1,idle=1i 08:00\nhost=a usage=5 08:02")
        .await;
    world
        .file("cpu", "host=a idle=2i 08:00\nhost=b usage=9 08:01")
        .await;
    world.buffer("cpu", "host=a usage=3 08:00").await;
    world
        .buffer("cpu", "host=a idle=4i 08:02\nhost=a usage=8 08:00")
        .await;
    let expected = "
        +------+------+---------------------+-------+
        | host | idle | time                | usage |
        +------+------+---------------------+-------+
        | a    | 2    | 2024-01-01T08:00:00 | 8.0   |
        | a    | 4    | 2024-01-01T08:02:00 | 5.0   |
        | b    |      | 2024-01-01T08:01:00 | 9.0   |
        +------+------+---------------------+-------+";
    world.check(ALL, expected).await;
    let count = "
        +----------+
        | count(*) |
        +----------+
        | 3        |
        +----------+";
    world.check("SELECT count(*) FROM cpu", count).await;
}

#[tokio::test]
async fn rows_persisted_between_the_two_questions_are_counted_once() {
    let world = cpu().await;
    let table = world.table("cpu", "").await;
    let rows = crate::rows::Rows::parse("host=a usage=1 08:00");
    let day = PartitionKey::new("2024-01-01");
    let counters = CounterRange {
        min: Counter::new(1),
        max: Counter::new(1),
    };
    // The buffer still has what the catalog lists already.
    world.buffer_piece_at(&table, day.clone(), rows.clone(), counters);
    world.file_piece_at(&table, day, rows, counters).await;
    let count = "
        +----------+
        | count(*) |
        +----------+
        | 1        |
        +----------+";
    world.check("SELECT count(*) FROM cpu", count).await;
    let plan = world.shown("EXPLAIN SELECT usage FROM cpu").await;
    assert!(
        plan.contains("files=1, unpersisted_rows=0, groups=1, dedup_groups=0"),
        "{plan}"
    );
}

#[tokio::test]
async fn a_column_that_a_file_lacks_is_null_there() {
    let world = cpu().await;
    world.file("cpu", "host=a usage=1 08:00").await;
    world.table("cpu", "region:tag note:string").await;
    world
        .file(
            "cpu",
            "host=a,region=x note=\"hi\" 08:00\nhost=a usage=2 08:00",
        )
        .await;
    let expected = r#"
        +------+------+------+--------+---------------------+-------+
        | host | idle | note | region | time                | usage |
        +------+------+------+--------+---------------------+-------+
        | a    |      |      |        | 2024-01-01T08:00:00 | 2.0   |
        | a    |      | hi   | x      | 2024-01-01T08:00:00 |       |
        +------+------+------+--------+---------------------+-------+"#;
    world
        .check("SELECT * FROM cpu ORDER BY region NULLS FIRST", expected)
        .await;
}

#[tokio::test]
async fn rows_older_than_the_retention_are_gone_at_once() {
    let hour = 3_600_000_000_000;
    let database = DatabaseSettings {
        retention_nanos: Some(hour),
        ..Default::default()
    };
    let world = World::with(database, settings()).await;
    world.table("cpu", "host:tag usage:f64").await;
    let at = |nanos: i64| format!("host=a usage=1 {nanos}");
    world.file("cpu", &at(NOW - hour - 1)).await;
    world
        .file(
            "cpu",
            &format!("{}\n{}", at(NOW - hour - 2), at(NOW - hour)),
        )
        .await;
    world
        .buffer("cpu", &format!("{}\n{}", at(NOW - hour - 3), at(NOW - 1)))
        .await;
    let count = |rows: u32| {
        format!("+----------+\n| count(*) |\n+----------+\n| {rows}        |\n+----------+")
    };
    world.check("SELECT count(*) FROM cpu", &count(2)).await;
    world.clock.set(Timestamp::from_nanos(NOW + 1));
    world.check("SELECT count(*) FROM cpu", &count(1)).await;
    world.clock.set(Timestamp::from_nanos(NOW + hour));
    world.check("SELECT count(*) FROM cpu", &count(0)).await;
}

#[tokio::test]
async fn files_outside_the_time_bounds_are_not_read() {
    let world = cpu().await;
    for day in 1..=5 {
        world
            .file(
                "cpu",
                &format!("host=a usage={day} 2024-01-0{day}T08:00:00Z"),
            )
            .await;
    }
    let sql = "SELECT usage FROM cpu \
               WHERE time >= '2024-01-02' AND time < '2024-01-04T00:00:00Z' ORDER BY time";
    let expected = "
        +-------+
        | usage |
        +-------+
        | 2.0   |
        | 3.0   |
        +-------+";
    world.check(sql, expected).await;
    let plan = world.shown(&format!("EXPLAIN {sql}")).await;
    let scan = "files=2, unpersisted_rows=0, groups=2, dedup_groups=0, \
                time=2024-01-02T00:00:00Z..2024-01-03T23:59:59.999999999Z";
    assert!(plan.contains(scan), "{plan}");
}

#[tokio::test]
async fn tag_values_are_pushed_into_the_scan() {
    let world = cpu().await;
    world
        .file(
            "cpu",
            "host=a usage=1 08:00\nhost=b usage=2 08:00\nusage=3 08:00",
        )
        .await;
    world
        .buffer("cpu", "host=b usage=4 08:00\nhost=c usage=5 08:00")
        .await;
    let sql = "SELECT host, usage FROM cpu WHERE host = 'b' OR host = 'c' ORDER BY host";
    let expected = "
        +------+-------+
        | host | usage |
        +------+-------+
        | b    | 4.0   |
        | c    | 5.0   |
        +------+-------+";
    world.check(sql, expected).await;
    let plan = world.shown(&format!("EXPLAIN {sql}")).await;
    assert!(plan.contains(r#"host in {"b", "c"}"#), "{plan}");

    let one = "
        +-------+
        | usage |
        +-------+
        | 1.0   |
        +-------+";
    world
        .check("SELECT usage FROM cpu WHERE host = 'a'", one)
        .await;
    world
        .check(
            "SELECT usage FROM cpu WHERE 'a' = host AND host IN ('a', 'b')",
            one,
        )
        .await;
}

#[tokio::test]
async fn a_predicate_on_a_field_sees_the_row_after_the_newest_value_won() {
    let world = cpu().await;
    world.file("cpu", "host=a usage=1 08:00").await;
    world.buffer("cpu", "host=a usage=2 08:00").await;
    let none = "
        +-------+
        | usage |
        +-------+
        +-------+";
    world
        .check("SELECT usage FROM cpu WHERE usage = 1", none)
        .await;
}

#[tokio::test]
async fn a_limit_ends_the_scan() {
    let world = cpu().await;
    let rows: Vec<String> = (0..40_i64)
        .map(|second| format!("host=a usage=1 {}", second * 1_000_000_000))
        .collect();
    world.file("cpu", &rows.join("\n")).await;
    let batches = world.sql("SELECT usage FROM cpu LIMIT 3").await.unwrap();
    assert_eq!(
        batches.iter().map(|batch| batch.num_rows()).sum::<usize>(),
        3
    );
    let plan = world.shown("EXPLAIN SELECT usage FROM cpu LIMIT 3").await;
    assert!(plan.contains("limit=3"), "{plan}");
    let filtered = world.shown("SELECT count(*) FROM (SELECT * FROM cpu WHERE usage = 1 LIMIT 30)");
    assert!(filtered.await.contains("| 30 "));
}

#[tokio::test]
async fn key_order_of_one_group_saves_the_sort() {
    let world = cpu().await;
    world
        .file("cpu", "host=b usage=1 08:00\nhost=a usage=2 08:05")
        .await;
    world
        .buffer("cpu", "host=a usage=3 08:01\nusage=4 08:02")
        .await;
    let sql = "SELECT host, usage FROM cpu ORDER BY host, time";
    let plan = world.shown(&format!("EXPLAIN {sql}")).await;
    assert!(!plan.contains("SortExec"), "{plan}");
    let expected = "
        +------+-------+
        | host | usage |
        +------+-------+
        | a    | 3.0   |
        | a    | 2.0   |
        | b    | 1.0   |
        |      | 4.0   |
        +------+-------+";
    world.check(sql, expected).await;
}

#[tokio::test]
async fn dropping_the_stream_gives_the_turn_to_the_next() {
    let world = World::with(
        DatabaseSettings::default(),
        watershed_query::Settings {
            running_max: 1,
            queued_max: 1,
            ..settings()
        },
    )
    .await;
    world.table("cpu", "host:tag usage:f64").await;
    world.buffer("cpu", "host=a usage=1 08:00").await;
    let mut running = world
        .output("SELECT * FROM cpu", Default::default())
        .await
        .unwrap();
    let first = futures::StreamExt::next(&mut running.stream).await;
    assert!(first.unwrap().is_ok());
    let waiting = world
        .output("SELECT * FROM cpu", Default::default())
        .await
        .unwrap();
    let refused = world.shown("SELECT * FROM cpu").await;
    let expected = "Exhausted: too many queries: 1 are running and 1 are waiting; try again later";
    assert_eq!(refused, expected);
    drop(running);
    let batches: Vec<_> = futures::TryStreamExt::try_collect(waiting.stream)
        .await
        .unwrap();
    assert_eq!(batches.len(), 1);
    drop::<Vec<arrow::array::RecordBatch>>(batches);
    assert!(world.sql("SELECT * FROM cpu").await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_can_run_on_a_runtime_of_their_own() {
    let here = tokio::runtime::Handle::current();
    let settings = watershed_query::Settings {
        executors: Some(watershed_query::Executors {
            light: here.clone(),
            heavy: here,
        }),
        ..settings()
    };
    let world = World::with(DatabaseSettings::default(), settings).await;
    world.table("cpu", "host:tag usage:f64").await;
    world.buffer("cpu", "host=a usage=1 08:00").await;
    let expected = "
        +-------+
        | usage |
        +-------+
        | 1.0   |
        +-------+";
    world.check("SELECT usage FROM cpu", expected).await;
}

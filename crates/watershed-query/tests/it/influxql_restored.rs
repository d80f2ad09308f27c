//! What InfluxDB 1.x has and InfluxDB Clustered dropped, where the answer is our own decision or can't be
//! recorded. The rest is in `golden/restored.jsonl`.

use crate::influxql::{check, cpu, run};
use crate::world::World;
use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use watershed_model::Timestamp;

#[tokio::test]
async fn series_limits_are_like_limits_of_rows() {
    let world = cpu().await;
    let nothing = "+------------------+------+------+------+
                   | iox::measurement | time | host | mean |
                   +------------------+------+------+------+
                   +------------------+------+------+------+";
    check(
        &world,
        "SELECT mean(usage) FROM cpu GROUP BY host SLIMIT 0",
        nothing,
    )
    .await;
    check(
        &world,
        "SELECT mean(usage) FROM cpu GROUP BY host SOFFSET 1",
        "+------------------+---------------------+------+------+
         | iox::measurement | time                | host | mean |
         +------------------+---------------------+------+------+
         | cpu              | 1970-01-01T00:00:00 | b    | 2.5  |
         +------------------+---------------------+------+------+",
    )
    .await;
    // A series without rows in the range is none.
    check(
        &world,
        "SELECT mean(usage) FROM cpu WHERE time = '2024-01-02T00:00:30Z' GROUP BY host SLIMIT 1",
        "+------------------+---------------------+------+------+
         | iox::measurement | time                | host | mean |
         +------------------+---------------------+------+------+
         | cpu              | 2024-01-02T00:00:30 | b    | 2.5  |
         +------------------+---------------------+------+------+",
    )
    .await;
}

#[tokio::test]
async fn series_limits_hold_in_subqueries_with_aggregates() {
    let world = cpu().await;
    check(
        &world,
        "SELECT sum(mean) FROM (SELECT mean(usage) FROM cpu, mem GROUP BY host SLIMIT 1)",
        "+------------------+---------------------+-----+
         | iox::measurement | time                | sum |
         +------------------+---------------------+-----+
         | cpu              | 1970-01-01T00:00:00 | 2.5 |
         | mem              | 1970-01-01T00:00:00 | 8.0 |
         +------------------+---------------------+-----+",
    )
    .await;
}

/// Five minutes of 1, 2, 4, 3, 3, as float and as integer.
async fn steps() -> World {
    let world = World::new().await;
    world.table("steps", "v:f64 i:i64").await;
    world
        .buffer(
            "steps",
            "v=1,i=1i 2024-01-02T00:00:00Z
             v=2,i=2i 2024-01-02T00:01:00Z
             v=4,i=4i 2024-01-02T00:02:00Z
             v=3,i=3i 2024-01-02T00:03:00Z
             v=3,i=3i 2024-01-02T00:04:00Z",
        )
        .await;
    world
}

#[tokio::test]
async fn technical_analysis_of_all_fields() {
    let world = steps().await;
    check(
        &world,
        "SELECT kaufmans_efficiency_ratio(*, 2) * 3 AS k, chande_momentum_oscillator(v, 2) FROM steps",
        "Invalid: unsupported binary expression: contains a wildcard or regular expression",
    )
    .await;
    check(
        &world,
        "SELECT kaufmans_efficiency_ratio(*, 2), chande_momentum_oscillator(v, 2) / 100 FROM steps",
        "+------------------+---------------------+-----------------------------+-----------------------------+----------------------------+
         | iox::measurement | time                | kaufmans_efficiency_ratio_i | kaufmans_efficiency_ratio_v | chande_momentum_oscillator |
         +------------------+---------------------+-----------------------------+-----------------------------+----------------------------+
         | steps            | 2024-01-02T00:01:00 |                             |                             | 1.0                        |
         | steps            | 2024-01-02T00:02:00 | 1.0                         | 1.0                         | 1.0                        |
         | steps            | 2024-01-02T00:03:00 | 0.3333333333333333          | 0.3333333333333333          | 0.33333333333333326        |
         | steps            | 2024-01-02T00:04:00 | 1.0                         | 1.0                         | -1.0                       |
         +------------------+---------------------+-----------------------------+-----------------------------+----------------------------+",
    )
    .await;
}

#[tokio::test]
async fn technical_analysis_reads_one_bucket_before_the_range() {
    let world = steps().await;
    check(
        &world,
        "SELECT kaufmans_efficiency_ratio(mean(v), 2) FROM steps WHERE time >= '2024-01-02T00:02:00Z' \
         AND time < '2024-01-02T00:05:00Z' GROUP BY time(1m)",
        "+------------------+---------------------+---------------------------+
         | iox::measurement | time                | kaufmans_efficiency_ratio |
         +------------------+---------------------+---------------------------+
         | steps            | 2024-01-02T00:03:00 | 0.3333333333333333        |
         | steps            | 2024-01-02T00:04:00 | 1.0                       |
         +------------------+---------------------+---------------------------+",
    )
    .await;
    check(
        &world,
        "SELECT cumulative_sum(chande_momentum_oscillator(last(i), 2, 1, 'none')) FROM steps \
         WHERE time >= '2024-01-02T00:01:00Z' AND time < '2024-01-02T00:05:00Z' \
         GROUP BY time(1m) FILL(none) LIMIT 2",
        "+------------------+---------------------+----------------+
         | iox::measurement | time                | cumulative_sum |
         +------------------+---------------------+----------------+
         | steps            | 2024-01-02T00:01:00 | 100.0          |
         | steps            | 2024-01-02T00:02:00 | 200.0          |
         +------------------+---------------------+----------------+",
    )
    .await;
}

#[tokio::test]
async fn forecasts_in_descending_order_are_the_same_ones() {
    let world = World::new().await;
    world.table("flat", "v:f64").await;
    world
        .buffer("flat", "v=3 2024-01-02T00:00:00Z\nv=3 2024-01-02T00:01:00Z")
        .await;
    check(
        &world,
        "SELECT holt_winters_with_fit(mean(v), 2, 2) FROM flat WHERE time >= '2024-01-02T00:00:00Z' \
         AND time < '2024-01-02T00:05:00Z' GROUP BY time(1m) ORDER BY time DESC",
        "+------------------+---------------------+-----------------------+
         | iox::measurement | time                | holt_winters_with_fit |
         +------------------+---------------------+-----------------------+
         | flat             | 2024-01-02T00:03:00 | 3.0                   |
         | flat             | 2024-01-02T00:02:00 | 3.0                   |
         | flat             | 2024-01-02T00:01:00 | 3.0                   |
         | flat             | 2024-01-02T00:00:00 | 3.0                   |
         +------------------+---------------------+-----------------------+",
    )
    .await;
}

/// 60 rows in 6 minutes, `v` counts them.
async fn many() -> World {
    let world = World::new().await;
    world.table("many", "host:tag v:i64").await;
    let line = |n: i64| {
        let host = ["a", "b", "c"][usize::try_from(n % 3).unwrap()];
        format!(
            "host={host} v={n}i 2024-01-02T00:{:02}:{:02}Z",
            n / 10,
            n % 10
        )
    };
    let lines: Vec<String> = (0..60).map(line).collect();
    world.buffer("many", &lines.join("\n")).await;
    world
}

/// The values of the column in the order of the result.
async fn integers(world: &World, text: &str, column: &str) -> Vec<i64> {
    let (_, batches) = run(world, text).await.unwrap();
    let values = batches.iter().flat_map(|batch| {
        let column = batch.column_by_name(column).unwrap();
        column.as_primitive::<Int64Type>().values().to_vec()
    });
    values.collect()
}

#[tokio::test]
async fn a_sample_is_another_one_at_another_time() {
    let world = many().await;
    let text = "SELECT sample(v, 5) FROM many";
    let first = integers(&world, text, "sample").await;
    assert_eq!(first.len(), 5);
    // In the order of time, and no row twice.
    assert!(first.is_sorted_by(|a, b| a < b), "{first:?}");
    assert_eq!(integers(&world, text, "sample").await, first);
    let mut others = std::collections::BTreeSet::new();
    for seconds in 1..20 {
        let now = 1_767_225_600_000_000_000 + seconds * 1_000_000_000;
        world.clock.set(Timestamp::from_nanos(now));
        others.insert(integers(&world, text, "sample").await);
    }
    // Of 5 million possible ones.
    assert!(others.len() > 15, "{others:?}");
}

#[tokio::test]
async fn each_group_and_bucket_has_its_own_sample() {
    let world = many().await;
    let text = "SELECT sample(v, 4) FROM many GROUP BY host";
    let chosen = integers(&world, text, "sample").await;
    let of_host = |host: i64| chosen.iter().filter(|v| *v % 3 == host).count();
    assert_eq!([of_host(0), of_host(1), of_host(2)], [4, 4, 4]);
    let text = "SELECT sample(v, 3) FROM many WHERE time >= '2024-01-02T00:01:00Z' \
                AND time < '2024-01-02T01:00:00Z' GROUP BY time(1m)";
    let chosen = integers(&world, text, "sample").await;
    let of_minute = |minute: i64| chosen.iter().filter(|v| *v / 10 == minute).count();
    assert_eq!(
        (0..6).map(of_minute).collect::<Vec<_>>(),
        [0, 3, 3, 3, 3, 3]
    );
}

#[tokio::test]
async fn columns_beside_a_sample_come_from_its_rows() {
    let world = many().await;
    let text = "SELECT sample(v, 10) AS chosen, v FROM many";
    let chosen = integers(&world, text, "chosen").await;
    assert_eq!(chosen.len(), 10);
    assert_eq!(chosen, integers(&world, text, "v").await);
}

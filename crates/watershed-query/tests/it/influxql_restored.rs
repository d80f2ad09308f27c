//! What InfluxDB 1.x has and InfluxDB Clustered dropped, where the answer is our own decision or can't be
//! recorded. The rest is in `golden/restored.jsonl`.

use crate::influxql::{check, cpu};
use crate::world::World;

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

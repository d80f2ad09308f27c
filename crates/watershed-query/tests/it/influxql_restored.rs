//! What InfluxDB 1.x has and InfluxDB Clustered dropped, where the answer is our own decision or can't be
//! recorded. The rest is in `golden/restored.jsonl`.

use crate::influxql::{check, cpu};

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

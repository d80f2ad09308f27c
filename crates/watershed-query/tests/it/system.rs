//! The tables of the schema `system`.

use crate::world::{World, trimmed};
use arrow::util::pretty::pretty_format_batches;
use futures::{StreamExt, TryStreamExt};
use watershed_query::{Params, QueryOptions};

async fn world() -> World {
    let world = World::new().await;
    world.table("cpu", "host:tag usage:f64").await;
    world.table("mem", "host:tag used:f64").await;
    world
        .file(
            "cpu",
            "host=a usage=1 2024-01-01T08:00:00Z\nhost=a usage=3 2024-01-02T08:00:00Z",
        )
        .await;
    world
        .file("cpu", "host=a usage=2 2024-01-01T09:00:00Z")
        .await;
    world
        .file("mem", "host=a used=1 2024-01-01T08:00:00Z")
        .await;
    world
        .buffer("mem", "host=a used=1 2024-01-02T08:00:00Z")
        .await;
    world
}

/// The result of a query with all system tables in sight, or the error.
async fn debug(world: &World, sql: &str) -> String {
    let options = QueryOptions {
        debug: true,
        ..QueryOptions::default()
    };
    let output = world
        .engine
        .sql(&world.database, sql, Params::new(), options);
    let output = match output.await {
        Ok(output) => output,
        Err(error) => return error.to_string(),
    };
    let batches: Vec<_> = output.stream.try_collect().await.unwrap();
    trimmed(&pretty_format_batches(&batches).unwrap().to_string())
}

#[tokio::test]
async fn queries_tell_what_they_have_taken() {
    let world = world().await;
    world.sql("SELECT usage FROM cpu").await.unwrap();
    world.sql("SELECT nothing FROM cpu").await.unwrap_err();
    let mut endless = world
        .output(
            "SELECT * FROM generate_series(1, 1000000000)",
            Params::new(),
        )
        .await
        .unwrap();
    endless.stream.next().await.unwrap().unwrap();
    let sql = "SELECT id, phase, issue_time, query_type, query_text, partitions AS p, parquet_files AS f, success, \
               running, cancelled, trace_id FROM system.queries WHERE id < '4' ORDER BY id";
    let expected = "
        +----+---------+---------------------+------------+----------------------------------------------+---+---+---------+---------+-----------+----------+
        | id | phase   | issue_time          | query_type | query_text                                   | p | f | success | running | cancelled | trace_id |
        +----+---------+---------------------+------------+----------------------------------------------+---+---+---------+---------+-----------+----------+
        | 1  | success | 2024-01-03T00:00:00 | sql        | SELECT usage FROM cpu                        | 2 | 3 | true    | false   | false     |          |
        | 2  | fail    | 2024-01-03T00:00:00 | sql        | SELECT nothing FROM cpu                      |   |   | false   | false   | false     |          |
        | 3  | permit  | 2024-01-03T00:00:00 | sql        | SELECT * FROM generate_series(1, 1000000000) | 0 | 0 | false   | true    | false     |          |
        +----+---------+---------------------+------------+----------------------------------------------+---+---+---------+---------+-----------+----------+";
    world.check(sql, expected).await;
    drop(endless);
    let durations = "SELECT count(*) AS n FROM system.queries WHERE plan_duration IS NOT NULL AND permit_duration IS NOT NULL \
                     AND execute_duration IS NOT NULL AND end2end_duration IS NOT NULL AND compute_duration IS NOT NULL \
                     AND max_memory >= 0 AND id IN ('1', '3')";
    world
        .check(durations, "+---+\n| n |\n+---+\n| 2 |\n+---+")
        .await;
}

#[tokio::test]
async fn tables_and_partitions_are_for_those_who_ask_for_debugging() {
    let world = world().await;
    for table in ["tables", "partitions"] {
        let shown = world.shown(&format!("SELECT * FROM system.{table}")).await;
        assert!(
            shown.contains(&format!("'public.system.{table}' not found")),
            "{shown}"
        );
    }
    let tables = "
        +------------+--------------------+
        | table_name | partition_template |
        +------------+--------------------+
        | cpu        |                    |
        | mem        |                    |
        +------------+--------------------+";
    let shown = debug(&world, "SELECT * FROM system.tables ORDER BY table_name").await;
    assert_eq!(shown, trimmed(tables));
    let partitions = "
        +------------+---------------+-----------+---------------+
        | table_name | partition_key | num_files | total_size_mb |
        +------------+---------------+-----------+---------------+
        | cpu        | 2024-01-01    | 2         | 0             |
        | cpu        | 2024-01-02    | 1         | 0             |
        | mem        | 2024-01-01    | 1         | 0             |
        +------------+---------------+-----------+---------------+";
    let columns =
        "SELECT table_name, partition_key, num_files, total_size_mb FROM system.partitions";
    let shown = debug(
        &world,
        &format!("{columns} ORDER BY table_name, partition_key"),
    )
    .await;
    assert_eq!(shown, trimmed(partitions));
    let ids = "SELECT count(DISTINCT partition_id) AS n, min(last_new_file_created_at) > 0 AS t FROM system.partitions";
    let shown = debug(&world, ids).await;
    let expected = "+---+------+\n| n | t    |\n+---+------+\n| 3 | true |\n+---+------+";
    assert_eq!(shown, expected);
}

#[tokio::test]
async fn names_narrow_what_is_looked_at() {
    let world = world().await;
    let count = "SELECT count(*) AS n FROM system.partitions";
    for (condition, rows) in [
        ("table_name = 'cpu'", 2),
        ("'mem' = table_name", 1),
        ("table_name IN ('cpu', 'mem')", 3),
        ("table_name = 'cpu' OR table_name = 'none'", 2),
        ("table_name = 'cpu' AND table_name = 'mem'", 0),
        ("table_name = 'cpu' AND partition_key = '2024-01-02'", 1),
        ("partition_key <> '2024-01-02'", 2),
        ("table_name = 'cpu' OR partition_key = '2024-01-01'", 3),
        ("table_name NOT IN ('cpu')", 1),
        (
            "partition_id IN (SELECT partition_id FROM system.partitions WHERE table_name = 'mem')",
            1,
        ),
    ] {
        let shown = debug(&world, &format!("{count} WHERE {condition}")).await;
        let expected = format!("+---+\n| n |\n+---+\n| {rows} |\n+---+");
        assert_eq!(shown, expected, "{condition}");
    }
    let id = debug(
        &world,
        "SELECT partition_id FROM system.partitions WHERE table_name = 'mem'",
    )
    .await;
    let id = id
        .lines()
        .nth(3)
        .unwrap()
        .trim_matches(['|', ' '])
        .to_owned();
    let shown = debug(
        &world,
        &format!("SELECT table_name FROM system.partitions WHERE partition_id = {id}"),
    )
    .await;
    assert!(shown.contains("mem"), "{shown}");
}

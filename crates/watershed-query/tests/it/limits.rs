//! How much one query may ask for.

use crate::world::{World, settings};
use futures::TryStreamExt;
use watershed_influxql::parse_statements;
use watershed_query::{Limits, Params, QueryError, QueryOptions, Settings};

/// Two tables, of which `cpu` has a point at 08:00 and at 09:00 of 2024-01-02.
async fn world() -> World {
    let limits = Limits {
        buckets_max: 61,
        series_max: 3,
        tables_max: 2,
        columns_max: 4,
        subquery_depth_max: 2,
    };
    let settings = Settings {
        limits,
        ..settings()
    };
    let world = World::with(Default::default(), settings).await;
    world
        .table("cpu", "host:tag usage:f64 idle:f64 user:f64")
        .await;
    world.table("mem", "host:tag used:f64").await;
    world
        .file(
            "cpu",
            "host=a usage=1,idle=1,user=1 2024-01-02T08:00:00Z
             host=a usage=2,idle=1,user=1 2024-01-02T09:00:00Z",
        )
        .await;
    world
}

/// The rows of an InfluxQL statement, or its error.
async fn influxql(world: &World, text: &str) -> Result<usize, String> {
    let statements = parse_statements(text).unwrap();
    let run = async {
        let output = world
            .engine
            .influxql(&world.database, &statements[0], QueryOptions::default())
            .await?;
        let batches: Vec<_> = output
            .stream
            .try_collect()
            .await
            .map_err(QueryError::Execution)?;
        Ok(batches.iter().map(|batch| batch.num_rows()).sum())
    };
    run.await.map_err(|error: QueryError| error.to_string())
}

const RANGE: &str = "time >= '2024-01-02T08:00:00Z' AND time <= '2024-01-02T09:00:00Z'";

#[tokio::test]
async fn buckets_to_fill_are_counted_before_they_are_made() {
    let world = world().await;
    let select = |step: &str, fill: &str| {
        format!("SELECT mean(usage) FROM cpu WHERE {RANGE} GROUP BY time({step}) {fill}")
    };
    assert_eq!(influxql(&world, &select("1m", "fill(null)")).await, Ok(61));
    let error = influxql(&world, &select("30s", "fill(null)")).await;
    let expected = "max-select-buckets limit exceeded: (121/61); ask for a shorter time range or longer buckets";
    assert_eq!(error.unwrap_err(), expected);
    // Of a year of nanoseconds, too.
    let year = "SELECT mean(usage) FROM cpu WHERE time >= '2023-01-01T00:00:00Z' AND \
                time < '2024-01-01T00:00:00Z' GROUP BY time(1ns)";
    let error = influxql(&world, year).await.unwrap_err();
    assert!(
        error.starts_with("max-select-buckets limit exceeded: (31536000000000000/61)"),
        "{error}"
    );
    // Where nothing is filled there are no more buckets than rows.
    assert_eq!(influxql(&world, &select("1u", "fill(none)")).await, Ok(2));
}

#[tokio::test]
async fn buckets_whose_range_the_rows_tell_are_counted_group_by_group() {
    let world = world().await;
    let until = "SELECT mean(usage) FROM cpu WHERE time <= '2024-01-02T09:00:00Z' GROUP BY ";
    let rows = influxql(&world, &format!("{until} time(1m)")).await;
    assert_eq!(rows, Ok(61));
    let error = influxql(&world, &format!("{until} time(1ns)")).await;
    let error = error.unwrap_err();
    assert!(
        error.contains("max-select-buckets limit exceeded: (3600000000001/61)"),
        "{error}"
    );
}

#[tokio::test]
async fn buckets_of_sql_are_counted_too() {
    let world = world().await;
    let sql = |step: &str| {
        format!(
            "SELECT date_bin_gapfill(INTERVAL '{step}', time) AS t, avg(usage) FROM cpu \
             WHERE {RANGE} GROUP BY t"
        )
    };
    let rows = world.sql(&sql("1 minute")).await.unwrap();
    assert_eq!(rows.iter().map(|batch| batch.num_rows()).sum::<usize>(), 61);
    let error = world.sql(&sql("1 second")).await.unwrap_err().to_string();
    assert!(
        error.contains("max-select-buckets limit exceeded: (3601/61)"),
        "{error}"
    );
}

#[tokio::test]
async fn tables_columns_and_levels_are_counted() {
    let world = world().await;
    assert_eq!(influxql(&world, "SELECT usage FROM /cpu|mem/").await, Ok(2));
    let error = influxql(
        &world,
        "SELECT usage FROM cpu, (SELECT usage FROM cpu), mem",
    )
    .await;
    assert_eq!(
        error.unwrap_err(),
        "too many tables: FROM means 3, the most is 2; name those that are needed"
    );

    assert_eq!(influxql(&world, "SELECT * FROM cpu").await, Ok(2));
    let error = influxql(&world, "SELECT *, usage FROM cpu").await;
    assert_eq!(
        error.unwrap_err(),
        "too many columns: SELECT has 5 or more, the most is 4; name those that are needed"
    );

    let two = "SELECT usage FROM (SELECT usage FROM (SELECT usage FROM cpu))";
    assert_eq!(influxql(&world, two).await, Ok(2));
    let error = influxql(&world, &format!("SELECT usage FROM ({two})")).await;
    assert_eq!(
        error.unwrap_err(),
        "too many subqueries inside one another, the most is 2"
    );
}

#[tokio::test]
async fn a_query_may_be_kept_from_reading_much() {
    let world = World::new().await;
    world.table("cpu", "host:tag usage:f64").await;
    let days = "host=a usage=1 2024-01-01T08:00:00Z
                host=a usage=2 2024-01-02T08:00:00Z";
    world.file("cpu", days).await;
    world
        .buffer("cpu", "host=a usage=3 2024-01-03T08:00:00Z")
        .await;
    let run = async |partitions_max, parquet_files_max, text: &str| {
        let options = QueryOptions {
            partitions_max,
            parquet_files_max,
            ..QueryOptions::default()
        };
        let params = Params::new();
        let output = world
            .engine
            .sql(&world.database, text, params, options)
            .await;
        output.map(drop).map_err(|e| (e.kind(), e.to_string()))
    };
    let all = "SELECT * FROM cpu";
    assert_eq!(run(Some(3), Some(2), all).await, Ok(()));
    let exhausted = |text: &str| Err((watershed_model::ErrorKind::Exhausted, text.to_owned()));
    assert_eq!(
        run(Some(2), None, all).await,
        exhausted("Query would process more than 2 partitions")
    );
    assert_eq!(
        run(None, Some(1), all).await,
        exhausted("Query would process more than 1 parquet files")
    );
    // What is pruned does not count, and what is not there neither.
    let one = "SELECT * FROM cpu WHERE time < '2024-01-02'";
    assert_eq!(run(Some(1), Some(1), one).await, Ok(()));
    assert_eq!(run(Some(0), Some(0), "SELECT 1").await, Ok(()));
}

#[tokio::test]
async fn series_are_counted_while_they_come() {
    let world = world().await;
    for host in ["b", "c", "d"] {
        let row = format!("host={host} usage=1,idle=1,user=1 2024-01-02T08:00:00Z");
        world.file("cpu", &row).await;
    }
    world
        .file("mem", "host=a used=1 2024-01-02T08:00:00Z")
        .await;
    let few = [
        ("SELECT usage FROM cpu", 5),
        ("SELECT usage, used FROM cpu, mem", 6),
        ("SELECT usage FROM cpu WHERE host != 'd' GROUP BY host", 4),
        ("SELECT usage FROM cpu GROUP BY host SLIMIT 3", 4),
        (
            "SELECT sum(mean) FROM (SELECT mean(usage) FROM cpu GROUP BY host)",
            1,
        ),
    ];
    for (text, rows) in few {
        assert_eq!(influxql(&world, text).await, Ok(rows), "{text}");
    }
    let many = [
        "SELECT usage FROM cpu GROUP BY host",
        "SELECT usage, host FROM cpu GROUP BY host",
        "SELECT mean(usage), mean(used) FROM cpu, mem WHERE host != 'd' GROUP BY host",
    ];
    for text in many {
        let error = influxql(&world, text).await.unwrap_err();
        assert!(
            error.contains("max-select-series limit exceeded: (4/3)"),
            "{text}: {error}"
        );
    }
}

/// Two places, of which heavy queries get one.
async fn two_places() -> World {
    let settings = Settings {
        running_max: 2,
        queued_max: 10,
        ..settings()
    };
    let world = World::with(Default::default(), settings).await;
    world.table("cpu", "host:tag usage:f64").await;
    world.buffer("cpu", "host=a usage=1 08:00").await;
    world
}

/// Whether the query does not get its turn while a heavy one runs.
async fn waits(world: &World, sql: &str) -> bool {
    let heavy = "SELECT * FROM generate_series(1, 1000000)";
    let mut running = world.output(heavy, Default::default()).await.unwrap();
    let first = futures::StreamExt::next(&mut running.stream).await;
    assert!(first.unwrap().is_ok());
    let mut other = world.output(sql, Default::default()).await.unwrap();
    let next = futures::StreamExt::next(&mut other.stream);
    let waited = std::time::Duration::from_millis(300);
    match tokio::time::timeout(waited, next).await {
        Ok(batch) => {
            batch.unwrap().unwrap();
            false
        }
        Err(_) => {
            drop(running);
            let next = futures::StreamExt::next(&mut other.stream);
            next.await.unwrap().unwrap();
            true
        }
    }
}

#[tokio::test]
async fn heavy_queries_wait_for_one_another_and_light_ones_do_not() {
    let world = two_places().await;
    for light in [
        "SELECT 1",
        "SELECT usage FROM cpu",
        "SELECT host, count(*) FROM cpu GROUP BY host ORDER BY 2",
        "SELECT a.usage FROM cpu a CROSS JOIN cpu b",
        "SELECT date_bin_gapfill(INTERVAL '1 minute', time) AS t, avg(usage) FROM cpu \
         WHERE time >= '2024-01-01T00:00:00Z' AND time < '2024-01-02T00:00:00Z' GROUP BY t",
        "SELECT table_name FROM information_schema.tables",
    ] {
        assert!(!waits(&world, light).await, "{light}");
    }
    for heavy in [
        "SELECT count(*) FROM generate_series(1, 10)",
        "SELECT unnest([1, 2, 3])",
        "WITH RECURSIVE n AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM n WHERE n < 3) SELECT n FROM n",
        "SELECT date_bin_gapfill(INTERVAL '1 millisecond', time) AS t, avg(usage) FROM cpu \
         WHERE time >= '2024-01-01T00:00:00Z' AND time < '2024-01-02T00:00:00Z' GROUP BY t",
    ] {
        assert!(waits(&world, heavy).await, "{heavy}");
    }
}

#[tokio::test]
async fn who_waits_too_long_gets_an_error() {
    let settings = Settings {
        running_max: 1,
        queue_timeout: std::time::Duration::from_secs(1),
        timeout: Some(std::time::Duration::from_secs(3)),
        ..settings()
    };
    let world = World::with(Default::default(), settings).await;
    let endless = "SELECT * FROM generate_series(1, 1000000000000)";
    let mut running = world.output(endless, Default::default()).await.unwrap();
    assert!(running.stream.try_next().await.unwrap().is_some());
    let late = world.output("SELECT 1", Default::default()).await.unwrap();
    let error = late.stream.try_collect::<Vec<_>>().await.unwrap_err();
    assert_eq!(
        QueryError::execution(error).to_string(),
        "the query has waited 1 s for its turn; try again later, or let queries wait longer with --query-queue-timeout"
    );
    let error = loop {
        match running.stream.try_next().await {
            Ok(batch) => assert!(batch.is_some()),
            Err(error) => break error,
        }
    };
    let error = QueryError::execution(error);
    assert!(
        matches!(error, QueryError::Timeout { seconds: 3 }),
        "{error}"
    );
    assert!(running.stream.try_next().await.unwrap().is_none());
    assert!(world.sql("SELECT 1").await.is_ok());
}

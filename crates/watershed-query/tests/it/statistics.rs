//! What is known of a query while it runs and afterwards.

use crate::world::World;
use futures::StreamExt;
use watershed_influxql::parse_statements;
use watershed_model::DatabaseName;
use watershed_query::{Params, Phase, QueryOptions, QueryType};

/// Two days in files, and two more rows on the second day and one on a third in memory.
async fn world() -> World {
    let world = World::new().await;
    world.table("cpu", "host:tag usage:f64").await;
    world
        .file(
            "cpu",
            "host=a usage=1 2024-01-01T08:00:00Z
             host=b usage=2 2024-01-01T09:00:00Z
             host=a usage=3 2024-01-02T08:00:00Z",
        )
        .await;
    world
        .buffer(
            "cpu",
            "host=a usage=3 2024-01-02T10:00:00Z
             host=a usage=4 2024-01-02T11:00:00Z
             host=b usage=5 2024-01-03T08:00:00Z",
        )
        .await;
    world
}

#[tokio::test]
async fn a_query_tells_what_it_takes() {
    let world = world().await;
    let sql = "SELECT host, max(usage) FROM cpu WHERE time < '2024-01-03' GROUP BY host";
    let mut output = world.output(sql, Params::new()).await.unwrap();
    let planned = output.progress.statistics();
    assert_eq!(planned.phase, Phase::Planned);
    assert_eq!(
        (planned.partitions, planned.parquet_files),
        (Some(2), Some(2))
    );
    let unpersisted = planned.unpersisted.unwrap();
    assert_eq!((unpersisted.rows, unpersisted.partitions), (2, 1));
    assert!(unpersisted.bytes >= 2 * 16, "{unpersisted:?}");
    assert_eq!((planned.execution, planned.rows), (None, 0));
    assert!(planned.planning().is_some());

    while let Some(batch) = output.stream.next().await {
        batch.unwrap();
    }
    let done = output.progress.statistics();
    assert_eq!((done.phase, done.rows), (Phase::Success, 2));
    assert!(done.bytes > 0, "{done:?}");
    // The groups are counted against the memory of the query.
    assert!(done.memory_bytes_max.unwrap() > 0, "{done:?}");
    assert!(done.compute.unwrap() > std::time::Duration::ZERO);
    assert!(done.execution.unwrap() <= done.total.unwrap());
    assert!(done.queue.is_some());
}

#[tokio::test]
async fn queries_that_have_ended_stay_in_the_list_of_their_database() {
    let world = world().await;
    world.sql("SELECT 1").await.unwrap();
    world.sql("SELECT nothing FROM cpu").await.unwrap_err();
    let statement = parse_statements("SELECT usage FROM cpu").unwrap();
    let options = QueryOptions::default();
    let influxql = world
        .engine
        .influxql(&world.database, &statement[0], options);
    let influxql = influxql.await.unwrap();
    let options = QueryOptions {
        flight_sql: true,
        ..options
    };
    let flight = world
        .engine
        .sql(&world.database, "SELECT 2", Params::new(), options);
    drop(flight.await.unwrap());
    let records = world.engine.queries(Some(&world.database));
    let seen: Vec<_> = records
        .iter()
        .map(|record| {
            let query = &record.query;
            (&*query.text, query.query_type, record.statistics.phase)
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("SELECT 1", QueryType::Sql, Phase::Success),
            ("SELECT nothing FROM cpu", QueryType::Sql, Phase::Fail),
            ("SELECT usage FROM cpu", QueryType::InfluxQl, Phase::Planned),
            ("SELECT 2", QueryType::FlightSql, Phase::Cancel),
        ]
    );
    drop(influxql);
    let all = world.engine.queries(None);
    assert_eq!((all.len(), all[2].statistics.phase), (4, Phase::Cancel));
    let other = DatabaseName::new("other").unwrap();
    assert_eq!(world.engine.queries(Some(&other)), []);
}

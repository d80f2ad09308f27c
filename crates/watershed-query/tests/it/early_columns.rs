//! Columns that are known long before the plan is made, and descriptions of queries that are not run.

use crate::world::World;
use arrow::datatypes::SchemaRef;
use futures::future::{BoxFuture, FutureExt as _};
use tokio::sync::oneshot;
use watershed_influxql::{Statement, parse_statements};
use watershed_query::{
    ColumnsKnown, Params, Phase, QueryError, QueryOptions, QueryOutput, QueryType,
};

async fn world() -> World {
    let world = World::new().await;
    world.table("cpu", "host:tag usage:f64 n:i64").await;
    world.buffer("cpu", "host=a usage=1,n=1i 08:00").await;
    world
}

fn influxql(text: &str) -> Statement {
    parse_statements(text).unwrap().remove(0)
}

/// Columns that come while nobody has chosen rows yet are those of the rows.
async fn check(
    world: &World,
    known: oneshot::Receiver<SchemaRef>,
    mut planned: BoxFuture<'_, Result<QueryOutput, QueryError>>,
) -> SchemaRef {
    let closed = world.buffer.door.lock().await;
    let known = tokio::select! {
        _ = &mut planned => panic!("planned without a look at the rows"),
        known = known => known.unwrap(),
    };
    assert!(planned.as_mut().now_or_never().is_none());
    let running = world.engine.running();
    assert_eq!(running.len(), 1);
    assert_eq!(running[0].statistics.phase, Phase::LogicallyPlanned);
    drop(closed);
    assert_eq!(planned.await.unwrap().schema, known);
    known
}

#[tokio::test]
async fn columns_of_sql_are_known_before_rows_are_chosen() {
    let world = world().await;
    let (engine, database) = (&world.engine, &world.database);
    let options = QueryOptions::default();
    for text in [
        "SELECT * FROM cpu",
        "SELECT host, time, count(*), sum(n), n > 1 AND true AS b FROM cpu GROUP BY host, time, n",
        "SELECT a.host, b.usage FROM cpu a LEFT JOIN cpu b ON a.n = b.n WHERE b.usage > 1",
        "SELECT DISTINCT ON (host) host, time FROM cpu ORDER BY host, time DESC",
        "SELECT n::double AS n FROM cpu UNION ALL SELECT usage FROM cpu",
        "SELECT array_agg(arrow_cast(host, 'Utf8View')) AS hosts FROM cpu",
    ] {
        let (tell, known) = ColumnsKnown::channel();
        let planned = engine.sql_telling(database, text, Params::new(), options, tell);
        let known = check(&world, known, planned.boxed()).await;
        let described = engine.describe_sql(database, text, Params::new()).await;
        assert_eq!(described.unwrap().schema, known, "{text}");
    }
}

#[tokio::test]
async fn columns_of_influxql_are_known_before_rows_are_chosen() {
    let world = world().await;
    let (engine, database) = (&world.engine, &world.database);
    let options = QueryOptions::default();
    for text in [
        "SELECT * FROM cpu",
        "SELECT mean(usage) FROM cpu GROUP BY host",
        "SHOW TAG VALUES WITH KEY = host",
    ] {
        let statement = influxql(text);
        let (tell, known) = ColumnsKnown::channel();
        let planned = engine.influxql_telling(database, &statement, options, tell);
        let known = check(&world, known, planned.boxed()).await;
        let described = engine.describe_influxql(database, &statement).await;
        assert_eq!(described.unwrap(), known, "{text}");
    }
}

#[tokio::test]
async fn nothing_is_told_of_what_can_not_be_planned() {
    let world = world().await;
    let (tell, known) = ColumnsKnown::channel();
    let options = QueryOptions::default();
    let text = "SELECT nothing FROM cpu";
    let planned = world
        .engine
        .sql_telling(&world.database, text, Params::new(), options, tell);
    assert!(planned.await.is_err());
    assert!(known.await.is_err());
}

#[tokio::test]
async fn descriptions_that_fail_are_known_afterwards() {
    let world = world().await;
    let (engine, database) = (&world.engine, &world.database);
    let describe = async |text: &str| {
        let described = engine.describe_sql(database, text, Params::new());
        described.await.is_ok()
    };
    assert!(describe("SELECT * FROM cpu").await);
    assert!(!describe("SELECT nothing FROM cpu").await);
    let (right, wrong) = (
        influxql("SELECT * FROM cpu"),
        influxql("SELECT x(n) FROM cpu"),
    );
    assert!(engine.describe_influxql(database, &right).await.is_ok());
    assert!(engine.describe_influxql(database, &wrong).await.is_err());
    let records = engine.queries(None);
    let seen: Vec<_> = records
        .iter()
        .map(|record| (record.query.query_type, record.statistics.phase))
        .collect();
    assert_eq!(
        seen,
        [
            (QueryType::FlightSql, Phase::Fail),
            (QueryType::InfluxQl, Phase::Fail)
        ]
    );
}

/// Whatever the columns are said to be, a null that comes all the same must not fail the query.
#[tokio::test]
async fn columns_that_are_never_null_in_a_table_may_be_elsewhere() {
    let world = world().await;
    for text in [
        "SELECT DISTINCT ON (1) time FROM cpu WHERE n = 5",
        "SELECT first_value(time) FROM cpu WHERE n = 5",
        "SELECT b.time FROM cpu a LEFT JOIN cpu b ON a.n = b.n + 1",
        "SELECT max(time) FROM cpu WHERE n = 5",
        "SELECT time FROM cpu GROUP BY ROLLUP(time)",
        "SELECT (SELECT first_value(b.time) FROM cpu b WHERE b.n = a.n + 1) FROM cpu a",
        "SELECT lag(time) OVER (ORDER BY time) FROM cpu",
        "WITH RECURSIVE r AS (SELECT 1 AS x UNION ALL SELECT x + 1 FROM r WHERE x < 3) SELECT x FROM r",
        "SELECT x.time FROM cpu a FULL JOIN (SELECT time, n FROM cpu WHERE n = 5) x ON a.n = x.n",
        "SELECT time FROM (SELECT time FROM cpu UNION ALL SELECT NULL)",
    ] {
        let rows = world.sql(text).await;
        let rows = rows.unwrap_or_else(|error| panic!("{text}: {error}"));
        let (engine, database) = (&world.engine, &world.database);
        let described = engine.describe_sql(database, text, Params::new()).await;
        assert_eq!(described.unwrap().schema, rows[0].schema(), "{text}");
    }
}

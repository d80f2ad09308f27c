//! What is said when a query has no answer.

use crate::world::World;
use watershed_model::{DatabaseName, ErrorKind};
use watershed_query::{Params, QueryOptions, UnpersistedError};

async fn world() -> World {
    let world = World::new().await;
    world.table("cpu", "host:tag usage:f64 idle:i64").await;
    world.buffer("cpu", "host=a usage=1,idle=0i 08:00").await;
    world
}

#[tokio::test]
async fn an_unknown_database_is_not_found() {
    let world = world().await;
    let name = DatabaseName::new("nope").unwrap();
    let result = world
        .engine
        .sql(&name, "SELECT 1", Params::new(), QueryOptions::default())
        .await;
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(error.to_string(), "Database 'nope' not found");
}

#[tokio::test]
async fn planning_errors_are_invalid_and_name_the_cause() {
    let world = world().await;
    let cases = [
        (
            "SELEC 1",
            "SQL error: ParserError(\"Expected: an SQL statement, found: SELEC at Line: 1, Column: 1\")",
        ),
        (
            "SELECT * FROM nope",
            "Error during planning: table 'public.iox.nope' not found",
        ),
        (
            "SELECT nope FROM cpu",
            "Schema error: No field named nope.\nValid fields are cpu.host, cpu.idle, cpu.time, cpu.usage.",
        ),
        (
            "CREATE TABLE t (a INT)",
            "Error during planning: DDL not supported: CreateMemoryTable\nQueries only read: SELECT, WITH, VALUES, EXPLAIN, SHOW and DESCRIBE. Rows are written as line protocol.",
        ),
        (
            "SET a = 1",
            "Error during planning: Statement not supported: SetVariable\nQueries only read: SELECT, WITH, VALUES, EXPLAIN, SHOW and DESCRIBE. Rows are written as line protocol.",
        ),
        (
            "SELECT 1; SELECT 2",
            "This feature is not implemented: The context currently only supports a single SQL statement",
        ),
        (
            "SELECT * FROM cpu WHERE host = $h",
            "Error during planning: No value found for placeholder with name $h",
        ),
    ];
    for (sql, text) in cases {
        let shown = world.shown(sql).await;
        assert_eq!(
            shown,
            format!("Invalid: Error while planning query: {text}"),
            "{sql}"
        );
    }
    let comparison = world.shown("SELECT * FROM cpu WHERE time >= 10").await;
    let cause = "Cannot infer common argument type for comparison operation Timestamp(ns) >= Int64";
    assert!(
        comparison.starts_with("Invalid: ") && comparison.contains(cause),
        "{comparison}"
    );
    let insert = world.shown("INSERT INTO cpu VALUES (1)").await;
    assert!(
        insert.starts_with("Invalid: Error while planning query: "),
        "{insert}"
    );
}

#[tokio::test]
async fn values_can_be_at_fault_while_the_query_runs() {
    let world = world().await;
    let shown = world.shown("SELECT 1 / idle FROM cpu").await;
    assert_eq!(
        shown,
        "Invalid: Error while executing query: Arrow error: Divide by zero error"
    );
}

#[tokio::test]
async fn rows_that_cant_be_reached_fail_the_query() {
    let world = world().await;
    *world.buffer.failure.lock() = Some(UnpersistedError {
        kind: ErrorKind::Unavailable,
        message: "the ingester is away".to_owned(),
    });
    let shown = world.shown("SELECT * FROM cpu").await;
    assert!(shown.starts_with("Unavailable: "), "{shown}");
    assert!(shown.ends_with("the ingester is away"), "{shown}");
}

#[tokio::test]
async fn a_sort_that_does_not_fit_is_exhausted() {
    let settings = watershed_query::Settings {
        memory_bytes_max: 1 << 10,
        spill_bytes_max: 0,
        ..crate::world::settings()
    };
    let world = World::with(Default::default(), settings).await;
    world.table("cpu", "host:tag usage:f64").await;
    let rows: Vec<String> = (0..60)
        .map(|at| format!("host=a usage={} 08:{at:02}", at % 7))
        .collect();
    world.buffer("cpu", &rows.join("\n")).await;
    let shown = world.shown("SELECT usage FROM cpu ORDER BY usage").await;
    assert!(
        shown.starts_with("Exhausted: Error while executing query: the query needs more memory")
            && shown.ends_with("give queries more memory with --query-memory-bytes-max"),
        "{shown}"
    );
}

//! What clients learn about databases, tables and columns.

use crate::world::World;
use watershed_query::QueryOptions;

async fn world() -> World {
    let world = World::new().await;
    world
        .table(
            "cpu",
            "host:tag usage:f64 idle:i64 seen:u64 up:bool note:string",
        )
        .await;
    world.table("Disk", "path:tag free:f64").await;
    world
}

#[tokio::test]
async fn show_tables() {
    let expected = "
        +---------------+--------------------+-------------+------------+
        | table_catalog | table_schema       | table_name  | table_type |
        +---------------+--------------------+-------------+------------+
        | public        | information_schema | columns     | VIEW       |
        | public        | information_schema | df_settings | VIEW       |
        | public        | information_schema | parameters  | VIEW       |
        | public        | information_schema | routines    | VIEW       |
        | public        | information_schema | schemata    | VIEW       |
        | public        | information_schema | tables      | VIEW       |
        | public        | information_schema | views       | VIEW       |
        | public        | iox                | Disk        | BASE TABLE |
        | public        | iox                | cpu         | BASE TABLE |
        | public        | system             | queries     | BASE TABLE |
        +---------------+--------------------+-------------+------------+";
    let world = world().await;
    let sql = "SELECT * FROM information_schema.tables ORDER BY table_schema, table_name";
    world.check(sql, expected).await;
    let shown = world.shown("SHOW TABLES").await;
    assert!(shown.contains("| public        | iox                | cpu         | BASE TABLE |"));
}

#[tokio::test]
async fn show_columns() {
    let expected = "
        +---------------+--------------+------------+-------------+-------------------------+-------------+
        | table_catalog | table_schema | table_name | column_name | data_type               | is_nullable |
        +---------------+--------------+------------+-------------+-------------------------+-------------+
        | public        | iox          | cpu        | host        | Dictionary(Int32, Utf8) | YES         |
        | public        | iox          | cpu        | idle        | Int64                   | YES         |
        | public        | iox          | cpu        | note        | Utf8                    | YES         |
        | public        | iox          | cpu        | seen        | UInt64                  | YES         |
        | public        | iox          | cpu        | time        | Timestamp(ns)           | NO          |
        | public        | iox          | cpu        | up          | Boolean                 | YES         |
        | public        | iox          | cpu        | usage       | Float64                 | YES         |
        +---------------+--------------+------------+-------------+-------------------------+-------------+";
    world().await.check("SHOW COLUMNS FROM cpu", expected).await;
}

#[tokio::test]
async fn names_fold_to_lower_case_unless_quoted() {
    let world = world().await;
    let count = "+----------+\n| count(*) |\n+----------+\n| 0        |\n+----------+";
    world.check("SELECT count(*) FROM \"Disk\"", count).await;
    world
        .check("SELECT count(*) FROM public.iox.CPU", count)
        .await;
    let text = "Invalid: Error while planning query: \
                Error during planning: table 'public.iox.disk' not found\n\
                Did you mean '\"Disk\"'? Unquoted names are taken in lower case; capital letters and special \
                characters need double quotes.";
    world.check("SELECT count(*) FROM Disk", text).await;
}

#[tokio::test]
async fn plans_that_ran_have_metrics() {
    let world = world().await;
    world.buffer("cpu", "host=a usage=1 08:00").await;
    let shown = world.shown("EXPLAIN ANALYZE SELECT usage FROM cpu").await;
    assert!(shown.contains("| Plan with Metrics |"), "{shown}");
    assert!(
        shown.contains("ScanExec: table=cpu") && shown.contains("output_rows=1"),
        "{shown}"
    );
    let verbose = world
        .shown("EXPLAIN ANALYZE VERBOSE SELECT usage FROM cpu")
        .await;
    assert!(verbose.contains("| Plan with Full Metrics |"), "{verbose}");
    let steps = world.shown("EXPLAIN VERBOSE SELECT usage FROM cpu").await;
    assert!(steps.contains("| initial_logical_plan"), "{steps}");
}

#[tokio::test]
async fn tables_are_listed_for_flight_sql() {
    let world = world().await;
    let tables = world
        .engine
        .tables(&world.database, QueryOptions::default())
        .await
        .unwrap();
    let names: Vec<String> = tables
        .iter()
        .map(|t| format!("{}.{} {}", t.schema_name, t.table_name, t.table_type))
        .collect();
    assert_eq!(
        names,
        [
            "information_schema.columns VIEW",
            "information_schema.df_settings VIEW",
            "information_schema.parameters VIEW",
            "information_schema.routines VIEW",
            "information_schema.schemata VIEW",
            "information_schema.tables VIEW",
            "information_schema.views VIEW",
            "iox.Disk BASE TABLE",
            "iox.cpu BASE TABLE",
            "system.queries BASE TABLE",
        ]
    );
    assert_eq!(tables[8].schema.fields().len(), 7);
}

#[tokio::test]
async fn columns_straight_from_a_table_say_what_they_are() {
    let world = world().await;
    world.buffer("cpu", "host=a usage=1,idle=2i 08:00").await;
    let sql = "SELECT host, time, usage AS u, idle::DOUBLE, usage + 1, count(*) OVER () FROM cpu";
    let batches = world.sql(sql).await.unwrap();
    let schema = batches[0].schema();
    let kinds: Vec<Option<&str>> = schema
        .fields()
        .iter()
        .map(|field| {
            field
                .metadata()
                .get("iox::column::type")
                .map(String::as_str)
        })
        .collect();
    assert_eq!(
        kinds,
        [
            Some("iox::column_type::tag"),
            Some("iox::column_type::timestamp"),
            Some("iox::column_type::field::float"),
            Some("iox::column_type::field::integer"),
            None,
            None,
        ]
    );

    let sql =
        "SELECT host, date_bin(INTERVAL '1 hour', time) AS time, max(usage) FROM cpu GROUP BY 1, 2";
    let batches = world.sql(sql).await.unwrap();
    let schema = batches[0].schema();
    let kinds: Vec<Option<&str>> = schema
        .fields()
        .iter()
        .map(|field| {
            field
                .metadata()
                .get("iox::column::type")
                .map(String::as_str)
        })
        .collect();
    assert_eq!(kinds, [Some("iox::column_type::tag"), None, None]);
}

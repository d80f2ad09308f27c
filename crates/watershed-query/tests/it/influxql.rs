//! InfluxQL: the layout of results, errors, `SHOW` and `EXPLAIN`. What statements answer is in
//! `influxql_golden.rs`.

use crate::world::{World, trimmed};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::util::pretty::pretty_format_batches;
use futures::TryStreamExt;
use watershed_influxql::parse_statements;
use watershed_query::{QueryError, QueryOptions, hints};

pub(crate) async fn run(
    world: &World,
    text: &str,
) -> Result<(SchemaRef, Vec<RecordBatch>), QueryError> {
    let statements = parse_statements(text).unwrap();
    let [statement] = statements.as_slice() else {
        panic!("one statement")
    };
    let output = world
        .engine
        .influxql(&world.database, statement, QueryOptions::default())
        .await?;
    let batches = output
        .stream
        .try_collect()
        .await
        .map_err(QueryError::Execution)?;
    Ok((output.schema, batches))
}

pub(crate) async fn shown(world: &World, text: &str) -> String {
    match run(world, text).await {
        Ok((schema, batches)) if batches.is_empty() => {
            pretty_format_batches(&[RecordBatch::new_empty(schema)])
                .unwrap()
                .to_string()
        }
        Ok((_, batches)) => pretty_format_batches(&batches).unwrap().to_string(),
        Err(error) => format!("{:?}: {error}", error.kind()),
    }
}

pub(crate) async fn check(world: &World, text: &str, expected: &str) {
    let shown = shown(world, text).await;
    assert_eq!(trimmed(&shown), trimmed(expected), "{text}\n{shown}");
}

pub(crate) async fn cpu() -> World {
    let world = World::new().await;
    world
        .table("cpu", "host:tag region:tag usage:f64 count:i64 note:string")
        .await;
    world
        .file(
            "cpu",
            "host=a,region=x usage=1.5,count=2i 2024-01-02T00:00:00Z
             host=a,region=x usage=3.5 2024-01-02T00:01:00Z
             host=b usage=2.5,count=7i,note=\"hi\" 2024-01-02T00:00:30Z",
        )
        .await;
    world.table("mem", "host:tag usage:i64").await;
    world
        .buffer("mem", "host=a usage=8i 2024-01-02T12:00:00Z")
        .await;
    world
}

#[tokio::test]
async fn rows_have_the_measurement_the_time_and_the_columns() {
    let world = cpu().await;
    check(
        &world,
        "SELECT usage, host FROM cpu",
        "+------------------+---------------------+-------+------+
         | iox::measurement | time                | usage | host |
         +------------------+---------------------+-------+------+
         | cpu              | 2024-01-02T00:00:00 | 1.5   | a    |
         | cpu              | 2024-01-02T00:00:30 | 2.5   | b    |
         | cpu              | 2024-01-02T00:01:00 | 3.5   | a    |
         +------------------+---------------------+-------+------+",
    )
    .await;
}

#[tokio::test]
async fn groups_that_lack_the_tag_come_last() {
    let world = cpu().await;
    check(
        &world,
        "SELECT mean(usage) FROM cpu, mem GROUP BY region",
        "+------------------+---------------------+--------+------+
         | iox::measurement | time                | region | mean |
         +------------------+---------------------+--------+------+
         | cpu              | 1970-01-01T00:00:00 | x      | 2.5  |
         | cpu              | 1970-01-01T00:00:00 |        | 2.5  |
         | mem              | 1970-01-01T00:00:00 |        | 8.0  |
         +------------------+---------------------+--------+------+",
    )
    .await;
}

#[tokio::test]
async fn the_schema_tells_groups_and_column_types() {
    let world = cpu().await;
    let (schema, _) = run(
        &world,
        "SELECT usage, host AS h, count FROM cpu GROUP BY host, region, count",
    )
    .await
    .unwrap();
    let fields: Vec<String> = schema
        .fields()
        .iter()
        .map(|field| {
            let column_type = field.metadata().get("iox::column::type");
            format!(
                "{} {}",
                field.name(),
                column_type.map_or("-", String::as_str)
            )
        })
        .collect();
    assert_eq!(
        fields,
        [
            "iox::measurement -",
            "time iox::column_type::timestamp",
            "count iox::column_type::tag",
            "host iox::column_type::tag",
            "region iox::column_type::tag",
            "usage iox::column_type::field::float",
            "h iox::column_type::tag",
            "count iox::column_type::field::integer",
        ]
    );
    assert_eq!(
        schema.metadata()["iox::influxql::group_key::metadata"],
        r#"{"tagKeyColumns":[{"columnIndex":2,"tagKey":"count"},{"columnIndex":3,"tagKey":"host"},{"columnIndex":4,"tagKey":"region"}]}"#
    );
    assert_eq!(schema.metadata()["iox::measurement::name"], "cpu");
    let (schema, _) = run(&world, "SELECT max(usage), host FROM cpu GROUP BY host")
        .await
        .unwrap();
    assert_eq!(
        schema.metadata()["iox::influxql::group_key::metadata"],
        r#"{"tagKeyColumns":[{"columnIndex":3,"isProjected":true,"tagKey":"host"}]}"#
    );
    let (schema, _) = run(&world, "SELECT usage FROM nothing").await.unwrap();
    assert_eq!(schema.fields().len(), 1);
    assert_eq!(
        schema.metadata()["iox::influxql::group_key::metadata"],
        "{}"
    );
}

#[tokio::test]
async fn statements_fail_with_their_text_alone() {
    let world = cpu().await;
    let cases = [
        ("SELECT foo(usage) FROM cpu", "unsupported function foo()"),
        (
            "SELECT usage + note FROM cpu",
            "incompatible operands for operator +: float and string",
        ),
        (
            "SELECT usage FROM cpu SLIMIT 9223372036854775808",
            "slimit out of range",
        ),
        ("DELETE FROM cpu", "This feature is not implemented: DELETE"),
        (
            "SELECT usage FROM other..cpu",
            "can only perform queries on a single database",
        ),
        (
            "SELECT 1 FROM cpu",
            "field must contain at least one variable",
        ),
        (
            "SELECT mean(*::tag) FROM cpu",
            "unable to use tag as wildcard in mean()",
        ),
        (
            "SELECT usage FROM cpu LIMIT 9223372036854775808",
            "limit out of range",
        ),
        (
            "SELECT usage FROM cpu WHERE note =~ /(/",
            "invalid regular expression '/(/'",
        ),
        (
            "SHOW SERIES CARDINALITY WHERE time > 0",
            "SHOW SERIES EXACT CARDINALITY doesn't support time in WHERE clause",
        ),
        (
            "SHOW MEASUREMENT CARDINALITY WHERE host = 'a' AND time > 0",
            "SHOW MEASUREMENT EXACT CARDINALITY doesn't support time in WHERE clause",
        ),
        (
            "SHOW TAG KEY CARDINALITY WHERE time > 0",
            "SHOW TAG KEY EXACT CARDINALITY doesn't support time in WHERE clause",
        ),
        (
            "SHOW TAG VALUES EXACT CARDINALITY WITH KEY = host WHERE time > 0",
            "SHOW TAG VALUES EXACT CARDINALITY doesn't support time in WHERE clause",
        ),
        (
            "SHOW FIELD KEY CARDINALITY WHERE time > 0",
            "SHOW FIELD KEY CARDINALITY doesn't support time in WHERE clause",
        ),
        (
            "SHOW SERIES CARDINALITY GROUP BY time(1h)",
            "SHOW SERIES CARDINALITY can be grouped by tags only, not by time",
        ),
        (
            "SHOW SERIES ON other",
            "can only perform queries on a single database",
        ),
        (
            "SHOW SERIES LIMIT 9223372036854775808",
            "limit out of range",
        ),
    ];
    for (text, expected) in cases {
        let shown = shown(&world, text).await;
        assert!(
            shown.starts_with(&format!("Invalid: {expected}")),
            "{text}: {shown}"
        );
    }
}

#[tokio::test]
async fn values_that_can_not_be_compared_are_never_equal() {
    let world = cpu().await;
    let cases = [
        ("usage = '1.5'", 0),
        ("usage != '1.5'", 0),
        ("note != 'hi'", 0),
        ("note = 'hi'", 1),
        ("region != 'x'", 1),
        ("region = ''", 1),
        ("region =~ /^$/", 1),
        ("region !~ /./", 1),
        ("nothing = ''", 0),
        ("usage =~ /1/", 0),
        ("count > 1.5", 2),
        ("count / 0 = 0", 2),
        ("usage > 1 OR nothing = 1", 3),
        ("usage", 0),
    ];
    for (condition, rows) in cases {
        let text = format!("SELECT usage FROM cpu WHERE {condition}");
        let (_, batches) = run(&world, &text).await.unwrap();
        let got: usize = batches.iter().map(RecordBatch::num_rows).sum();
        assert_eq!(got, rows, "{text}");
    }
}

#[tokio::test]
async fn tag_values_are_those_of_the_last_day() {
    let world = cpu().await;
    check(
        &world,
        "SHOW TAG VALUES WITH KEY = host",
        "+------------------+------+-------+
         | iox::measurement | key  | value |
         +------------------+------+-------+
         | cpu              | host | a     |
         | cpu              | host | b     |
         | mem              | host | a     |
         +------------------+------+-------+",
    )
    .await;
    world.clock.set(watershed_model::Timestamp::from_nanos(
        crate::world::NOW + 3_600_000_000_000,
    ));
    check(
        &world,
        "SHOW TAG VALUES WITH KEY IN (host, region)",
        "+------------------+------+-------+
         | iox::measurement | key  | value |
         +------------------+------+-------+
         | mem              | host | a     |
         +------------------+------+-------+",
    )
    .await;
}

#[tokio::test]
async fn retention_policies_are_one_for_the_database() {
    let world = cpu().await;
    check(
        &world,
        "SHOW RETENTION POLICIES",
        "+--------------------+---------+----------+--------------------+----------+---------+
         | iox::measurement   | name    | duration | shardGroupDuration | replicaN | default |
         +--------------------+---------+----------+--------------------+----------+---------+
         | retention_policies | autogen | 0s       | 168h0m0s           | 1        | true    |
         +--------------------+---------+----------+--------------------+----------+---------+",
    )
    .await;
}

#[tokio::test]
async fn explain_shows_plans() {
    let world = cpu().await;
    let (schema, batches) = run(&world, "EXPLAIN SELECT mean(usage) FROM cpu GROUP BY host")
        .await
        .unwrap();
    let names: Vec<&String> = schema.fields().iter().map(|field| field.name()).collect();
    assert_eq!(names, ["plan_type", "plan"]);
    let shown = pretty_format_batches(&batches).unwrap().to_string();
    assert!(shown.contains("logical_plan"), "{shown}");
    assert!(shown.contains("physical_plan"), "{shown}");
    let (_, batches) = run(
        &world,
        "EXPLAIN ANALYZE SELECT mean(usage) FROM cpu GROUP BY host",
    )
    .await
    .unwrap();
    let shown = pretty_format_batches(&batches).unwrap().to_string();
    assert!(shown.contains("metrics"), "{shown}");
}

#[tokio::test]
async fn errors_say_what_was_probably_meant_and_which_column_does_not_fit() {
    let world = cpu().await;
    for (query, expected) in [
        (
            "SELECT meen(usage) FROM cpu",
            "unsupported function meen(), did you mean mean()?",
        ),
        (
            "SELECT SQUARE(usage) FROM cpu",
            "unsupported function square()",
        ),
        (
            "SELECT mean(note) FROM cpu",
            "mean of a string is not possible: \"note\" of \"cpu\" is one",
        ),
    ] {
        let shown = shown(&world, query).await;
        assert!(shown.ends_with(expected), "{query}: {shown}");
    }
}

#[tokio::test]
async fn results_say_what_unknown_names_probably_meant() {
    let world = cpu().await;
    let measurement = "there is no measurement \"cpuu\"; did you mean \"cpu\"?";
    let field = "there is no field or tag \"usge\"; did you mean \"usage\"?";
    let tag = "there is no field or tag \"hots\"; did you mean \"host\"?";
    for (query, expected) in [
        ("SELECT usage FROM cpuu", vec![measurement]),
        ("SELECT usage FROM cpuu, cpu", vec![measurement]),
        ("SELECT mean(usge) FROM cpu", vec![field]),
        (
            "SELECT m FROM (SELECT mean(usge) AS m FROM cpu)",
            vec![field],
        ),
        ("SELECT usge FROM cpu WHERE hots = 'a'", vec![tag, field]),
        ("SELECT usage FROM cpu GROUP BY hots", vec![tag]),
        // A column of one of the tables is known; what resembles nothing is no misspelling.
        ("SELECT note FROM cpu, mem WHERE time > 0", vec![]),
        ("SELECT whatever FROM cpu", vec![]),
        ("SELECT usage FROM elsewhere", vec![]),
        ("SELECT usage FROM /cpuu/", vec![]),
    ] {
        let (schema, _) = run(&world, query).await.unwrap();
        assert_eq!(hints(&schema), expected, "{query}");
    }
}

//! Placeholders and their values.

use crate::world::{World, trimmed};
use arrow::datatypes::DataType;
use arrow::util::pretty::pretty_format_batches;
use watershed_model::ErrorKind;
use watershed_query::{ParamValue, Params};

async fn world() -> World {
    let world = World::new().await;
    world.table("cpu", "host:tag usage:f64 idle:i64").await;
    world
        .buffer(
            "cpu",
            "host=a usage=1,idle=1i 08:00\nhost=b usage=2,idle=2i 08:01",
        )
        .await;
    world
}

async fn hosts(sql: &str, params: Params) -> String {
    let batches = world().await.sql_with(sql, params).await.unwrap();
    trimmed(&pretty_format_batches(&batches).unwrap().to_string())
}

const B: &str = "+------+\n| host |\n+------+\n| b    |\n+------+";

#[tokio::test]
async fn named_values_of_every_type() {
    let cases = [
        ("host = $v", ParamValue::String("b".to_owned())),
        ("usage > $v", ParamValue::F64(1.5)),
        ("idle = $v", ParamValue::I64(2)),
        ("idle >= $v", ParamValue::U64(2)),
        ("(idle = 2) = $v", ParamValue::Bool(true)),
        ("host = 'b' AND $v IS NULL", ParamValue::Null),
        (
            "time > $v",
            ParamValue::String("2024-01-01T08:00:30Z".to_owned()),
        ),
    ];
    for (condition, value) in cases {
        let params = Params::from_iter([("v".to_owned(), value)]);
        let sql = format!("SELECT host FROM cpu WHERE {condition}");
        assert_eq!(hosts(&sql, params).await, B, "{condition}");
    }
}

#[tokio::test]
async fn values_of_gap_filling() {
    let world = world().await;
    let text = |text: &str| ParamValue::String(text.to_owned());
    let params = Params::from_iter([
        ("every".to_owned(), text("30 seconds")),
        ("from".to_owned(), text("2024-01-01T08:00:30Z")),
        ("to".to_owned(), text("2024-01-01T08:01:00Z")),
    ]);
    let sql = "SELECT date_bin_gapfill($every, time) AS t, count(*) AS n FROM cpu \
               WHERE time >= $from AND time <= $to GROUP BY t ORDER BY t";
    let batches = world.sql_with(sql, params).await.unwrap();
    let expected = "
        +---------------------+---+
        | t                   | n |
        +---------------------+---+
        | 2024-01-01T08:00:30 | 0 |
        | 2024-01-01T08:01:00 | 1 |
        +---------------------+---+";
    let shown = pretty_format_batches(&batches).unwrap().to_string();
    assert_eq!(trimmed(&shown), trimmed(expected));
}

#[tokio::test]
async fn values_that_do_not_fit_are_refused() {
    let world = world().await;
    let cases = [
        (
            "usage > $v",
            ParamValue::String("abc".to_owned()),
            "Arrow error: Cast error: Cannot cast string 'abc' to value of Float64 type",
        ),
        (
            "usage > $v",
            ParamValue::Bool(true),
            "Error during planning: Cannot infer common argument type for comparison operation Float64 > Boolean",
        ),
        (
            "time > $v",
            ParamValue::I64(1),
            "Error during planning: Cannot infer common argument type for comparison operation Timestamp(ns) > Int64",
        ),
        (
            "time > $v",
            ParamValue::String("yesterday".to_owned()),
            "Arrow error: Parser error: Error parsing timestamp from 'yesterday': timestamp must contain at least \
             10 characters",
        ),
    ];
    for (condition, value, cause) in cases {
        let params = Params::from_iter([("v".to_owned(), value)]);
        let sql = format!("SELECT host FROM cpu WHERE {condition}");
        let error = world.sql_with(&sql, params).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{condition}");
        let text = format!("Error while planning query: {cause}");
        assert_eq!(error.to_string(), text, "{condition}");
    }
}

#[tokio::test]
async fn positional_values() {
    let values = [ParamValue::String("b".to_owned()), ParamValue::F64(2.0)];
    let sql = "SELECT host FROM cpu WHERE usage = $2 AND host = $1";
    assert_eq!(hosts(sql, Params::positional(values)).await, B);
}

#[tokio::test]
async fn a_query_is_described_without_values() {
    let world = world().await;
    let sql = "SELECT host, count(*) AS n FROM cpu WHERE usage > $low AND host = $h GROUP BY host";
    let description = world
        .engine
        .describe_sql(&world.database, sql, Params::new())
        .await
        .unwrap();
    let names: Vec<_> = description
        .schema
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .collect();
    assert_eq!(names, ["host", "n"]);
    let names: Vec<_> = description
        .parameters
        .iter()
        .map(|(name, kind)| (name.as_str(), kind.clone()))
        .collect();
    let text = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    assert_eq!(names, [("$h", text), ("$low", DataType::Float64)]);

    let error = world
        .engine
        .describe_sql(&world.database, "SELECT $x", Params::new())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(
        error
            .to_string()
            .contains("Unable to infer the type of parameter '$x'"),
        "{error}"
    );
}

#[tokio::test]
async fn a_query_gives_the_columns_that_were_described() {
    let world = World::new().await;
    world.table("m", "u:u64 i:i64 f:f64").await;
    world.buffer("m", "u=7u,i=7i,f=7 08:00").await;
    let int = DataType::Int64;
    for (sql, parameter, result) in [
        ("SELECT u - $n AS x FROM m", DataType::UInt64, "4"),
        ("SELECT u % $n AS x FROM m", DataType::UInt64, "1"),
        ("SELECT i - $n AS x FROM m", int.clone(), "4"),
        ("SELECT f - $n AS x FROM m", DataType::Float64, "4.0"),
        ("SELECT $n::bigint AS x", int.clone(), "3"),
        ("SELECT try_cast($n AS varchar) AS x", DataType::Utf8, "3"),
        ("SELECT i AS x FROM m LIMIT $n", int, "7"),
    ] {
        let described = |params| world.engine.describe_sql(&world.database, sql, params);
        let parameters = described(Params::new()).await.unwrap().parameters;
        assert_eq!(parameters, [("$n".to_owned(), parameter)], "{sql}");
        for n in [3, -3] {
            let params = Params::from_iter([("n".to_owned(), ParamValue::I64(n))]);
            if n < 0 && sql.contains("LIMIT") {
                continue;
            }
            let described = described(params.clone()).await.unwrap();
            let batches = world.sql_with(sql, params).await.unwrap();
            assert_eq!(batches[0].schema(), described.schema, "{sql} {n}");
            let shown = pretty_format_batches(&batches).unwrap().to_string();
            let is_there = shown.contains(&format!("| {result} "));
            assert!(is_there || n < 0, "{sql}\n{shown}");
        }
    }
    // What the type of the place can't hold stays what it is.
    let params = Params::from_iter([("n".to_owned(), ParamValue::I64(-3))]);
    let batches = world.sql_with("SELECT u - $n AS x FROM m", params).await;
    let shown = pretty_format_batches(&batches.unwrap())
        .unwrap()
        .to_string();
    assert!(shown.contains("| 10 "), "{shown}");
}

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

#[tokio::test]
async fn values_where_planning_needs_a_constant() {
    let world = world().await;
    let text = |text: &str| ParamValue::String(text.to_owned());
    let params = || {
        Params::from_iter([
            ("zone".to_owned(), text("Europe/Oslo")),
            ("every".to_owned(), text("1 hour")),
            ("host".to_owned(), text("it's")),
            ("n".to_owned(), ParamValue::I64(-5)),
            ("f".to_owned(), ParamValue::F64(1e300)),
            ("u".to_owned(), ParamValue::U64(u64::MAX)),
            ("yes".to_owned(), ParamValue::Bool(true)),
            ("none".to_owned(), ParamValue::Null),
        ])
    };
    let cases = [
        ("tz(time, $zone)", "2024-01-01T09:00:00+01:00"),
        ("time + INTERVAL $every", "2024-01-01T09:00:00"),
        ("date_bin($every, time)", "2024-01-01T08:00:00"),
        (
            "date_bin(INTERVAL $every, tz(time, $zone))",
            "2024-01-01T09:00:00+01:00",
        ),
        (
            "date_bin_wallclock($every, tz(time, $zone))",
            "2024-01-01T09:00:00+01:00",
        ),
        // In the text with a zone all other values stand too.
        (
            "concat(tz(time, $zone), $host, $n, $u, $yes, $none)",
            "2024-01-01T09:00:00+01:00it's-518446744073709551615true",
        ),
        (
            "CASE WHEN tz(time, $zone) IS NULL THEN 0 ELSE $f END",
            "1e300",
        ),
    ];
    for (expr, expected) in cases {
        let sql = format!("SELECT {expr} AS x FROM cpu ORDER BY time LIMIT 1");
        let batches = world.sql_with(&sql, params()).await;
        let batches = batches.unwrap_or_else(|error| panic!("{expr}: {error}"));
        let shown = arrow::util::display::array_value_to_string(batches[0].column(0), 0).unwrap();
        assert_eq!(shown, expected, "{expr}");
        let described = world
            .engine
            .describe_sql(&world.database, &sql, params())
            .await;
        let described = described.unwrap().schema;
        assert_eq!(
            described.field(0).data_type(),
            batches[0].column(0).data_type(),
            "{expr}"
        );
    }
}

#[tokio::test]
async fn a_time_of_an_integer_counts_nanoseconds() {
    let world = world().await;
    let params = Params::from_iter([("t".to_owned(), ParamValue::I64(1_643_610_630_123_000_001))]);
    let batches = world
        .sql_with("SELECT $t::TIMESTAMP AS t", params)
        .await
        .unwrap();
    let shown = arrow::util::display::array_value_to_string(batches[0].column(0), 0).unwrap();
    assert_eq!(shown, "2022-01-31T06:30:30.123000001");
}

#[tokio::test]
async fn what_needs_its_value_for_planning_is_told() {
    let world = world().await;
    for expr in ["tz(time, $zone)", "time + INTERVAL $every"] {
        let sql = format!("SELECT {expr} FROM cpu");
        let described = world
            .engine
            .describe_sql(&world.database, &sql, Params::new())
            .await;
        let error = described.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{expr}");
        let text = error.to_string();
        assert!(
            text.ends_with(
                "such as a zone or an interval, needs its value together with the query."
            ),
            "{text}"
        );
    }
    let sql = "SELECT tz(time, $zone) FROM cpu WHERE host = $h";
    let params = Params::from_iter([("zone".to_owned(), ParamValue::String("UTC".to_owned()))]);
    let error = world.sql_with(sql, params).await.unwrap_err().to_string();
    assert!(
        error.contains("No value found for placeholder with name $h"),
        "{error}"
    );
}

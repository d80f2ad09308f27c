//! Plays the files of `tests/golden`: data, statements, and the answers InfluxDB gives.
//!
//! `influxql.jsonl` was recorded with InfluxDB 1.x where InfluxDB Clustered must agree (with one difference:
//! `OFFSET` alone gives all the rest, there one row); `conformance.jsonl` comes from the test suites of
//! InfluxDB 1.x and 3; `differential.jsonl` was recorded with InfluxDB 1.x for faults found by random queries,
//! `restored.jsonl` for what InfluxDB 1.x has and InfluxDB Clustered dropped, `show.jsonl` for `SHOW SERIES`,
//! cardinalities and `WITH KEY`.
//!
//! A line is a data set (`db`, `database` if that is another name, `precision`, `lp`) or a case (`name`, `db`,
//! `q`, `params`, `expect`, the JSON of `/query`). Comparison: series in order, except that those with an absent tag may stand first or last;
//! rows in order of time, those of one time as a set; numbers within 1e-9.

use crate::rows::{Rows, Value};
use crate::world::{World, days};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{
    DataType, Float64Type, Int64Type, TimeUnit, TimestampNanosecondType, UInt64Type,
};
use chrono::{DateTime, Offset, TimeZone};
use futures::TryStreamExt;
use serde_json::Value as Json;
use std::collections::{BTreeMap, HashMap};
use watershed_catalog::{Catalog, ColumnRequest, DatabaseSettings, NewDatabase, TableRequest};
use watershed_influxql::{ParamValue, Statement, bind, parse_statements};
use watershed_line_protocol::{FieldValue, parse_points};
use watershed_model::{ColumnType, DatabaseName, Timestamp};
use watershed_query::{QueryError, QueryOptions};

const DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");

/// 2026-01-01: after all data, as when the answers were recorded.
const NOW: i64 = 1_767_225_600_000_000_000;

#[derive(Debug, Clone, PartialEq)]
enum Cell {
    Null,
    Time { nanos: i64, offset_seconds: i32 },
    Integer(i128),
    Float(f64),
    Boolean(bool),
    Text(String),
}

impl Cell {
    fn same(&self, other: &Self) -> bool {
        let number = |cell: &Self| match cell {
            Self::Integer(value) => Some(*value as f64),
            Self::Float(value) => Some(*value),
            _ => None,
        };
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => a == b,
            _ => match (number(self), number(other)) {
                (Some(a), Some(b)) => (a - b).abs() <= 1e-12_f64.max(1e-9 * a.abs().max(b.abs())),
                _ => self == other,
            },
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
struct Series {
    name: String,
    tags: BTreeMap<String, String>,
    columns: Vec<String>,
    rows: Vec<Vec<Cell>>,
}

#[tokio::test(flavor = "multi_thread")]
async fn golden_cases() {
    play_file("influxql.jsonl").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn conformance_cases() {
    play_file("conformance.jsonl").await;
}

/// What the comparison with InfluxDB 1.6 by random queries has found, one name for each fault.
#[tokio::test(flavor = "multi_thread")]
async fn differential_cases() {
    play_file("differential.jsonl").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn restored_cases() {
    play_file("restored.jsonl").await;
}

/// Series, cardinalities, and `SHOW TAG KEYS WITH KEY`.
#[tokio::test(flavor = "multi_thread")]
async fn show_cases() {
    play_file("show.jsonl").await;
}

async fn play_file(name: &str) {
    let cases = std::fs::read_to_string(format!("{DIRECTORY}/{name}")).unwrap();
    let mut worlds: HashMap<String, World> = HashMap::new();
    let (mut failures, mut count) = (Vec::new(), 0);
    for line in cases.lines() {
        let line: Json = serde_json::from_str(line).unwrap();
        let db = line["db"].as_str().unwrap();
        if let Some(lp) = line["lp"].as_str() {
            let database = line["database"].as_str().unwrap_or(db);
            worlds.insert(db.to_owned(), load(database, lp).await);
            continue;
        }
        count += 1;
        if let Err(difference) = play(&worlds[db], &line).await {
            let (name, q) = (line["name"].as_str().unwrap(), line["q"].as_str().unwrap());
            failures.push(format!("{name}\n  {q}\n  {difference}"));
        }
    }
    let shown = failures.join("\n");
    assert!(
        failures.is_empty(),
        "{} of {count} cases differ\n{shown}",
        failures.len()
    );
}

/// A world whose database holds the points.
async fn load(db: &str, lp: &str) -> World {
    let mut world = World::new().await;
    world.clock.set(Timestamp::from_nanos(NOW));
    let name = DatabaseName::new(db).unwrap();
    if name != world.database {
        let new = NewDatabase {
            name: name.clone(),
            settings: DatabaseSettings::default(),
        };
        world.catalog.create_database(new).await.unwrap();
        world.database = name;
    }
    let mut tables: BTreeMap<String, Rows> = BTreeMap::new();
    for point in parse_points(lp) {
        let point = point.unwrap();
        let key = (point.tags.into_iter().collect(), point.timestamp.unwrap());
        let fields = point
            .fields
            .into_iter()
            .map(|(name, value)| (name, field(value)));
        tables
            .entry(point.measurement)
            .or_default()
            .write(key, fields.collect());
    }
    for (table, rows) in tables {
        let request = TableRequest {
            table: table.as_str().into(),
            columns: columns(&rows),
        };
        let database = world.catalog.database(&world.database).await.unwrap();
        let schema = world
            .catalog
            .ensure_columns(database.id, vec![request])
            .await
            .unwrap();
        let table = schema.table(&table).unwrap().clone();
        for (partition, rows) in days(rows) {
            world.buffer_piece(&table, partition, rows);
        }
    }
    world
}

fn field(value: FieldValue) -> Value {
    match value {
        FieldValue::Float(v) => Value::F64(v),
        FieldValue::Integer(v) => Value::I64(v),
        FieldValue::Unsigned(v) => Value::U64(v),
        FieldValue::Boolean(v) => Value::Bool(v),
        FieldValue::String(v) => Value::String(v),
    }
}

fn columns(rows: &Rows) -> Vec<ColumnRequest> {
    let mut columns = BTreeMap::new();
    for ((tags, _), fields) in &rows.0 {
        columns.extend(tags.keys().map(|tag| (tag.clone(), ColumnType::Tag)));
        columns.extend(fields.iter().map(|(name, value)| {
            let column_type = match value {
                Value::F64(_) => ColumnType::F64,
                Value::I64(_) => ColumnType::I64,
                Value::U64(_) => ColumnType::U64,
                Value::Bool(_) => ColumnType::Bool,
                Value::String(_) => ColumnType::String,
            };
            (name.clone(), column_type)
        }));
    }
    let requests = columns.into_iter();
    requests
        .map(|(name, column_type)| ColumnRequest {
            name: name.as_str().into(),
            column_type,
        })
        .collect()
}

async fn play(world: &World, case: &Json) -> Result<(), String> {
    let mut statements =
        parse_statements(case["q"].as_str().unwrap()).map_err(|error| error.to_string())?;
    bind(&mut statements, &params(case)).map_err(|error| error.to_string())?;
    let expected = case["expect"]["results"].as_array().unwrap();
    if expected.len() != statements.len() {
        return Err(format!(
            "{} results, expected {}",
            statements.len(),
            expected.len()
        ));
    }
    let epoch = case["params"]["epoch"].as_str();
    for (statement, expected) in statements.iter().zip(expected) {
        let series = answer(world, statement, epoch)
            .await
            .map_err(|error| error.to_string())?;
        let none = Vec::new();
        let expected = expected["series"].as_array().unwrap_or(&none);
        let expected: Vec<Series> = expected.iter().map(|s| read_series(s, epoch)).collect();
        compare(reordered(series), reordered(expected))?;
    }
    Ok(())
}

fn params(case: &Json) -> BTreeMap<String, ParamValue> {
    let Some(text) = case["params"]["params"].as_str() else {
        return BTreeMap::new();
    };
    let params: BTreeMap<String, Json> = serde_json::from_str(text).unwrap();
    let value = |json: Json| match json {
        Json::Bool(v) => ParamValue::Boolean(v),
        Json::Number(v) if v.is_i64() => ParamValue::Integer(v.as_i64().unwrap()),
        Json::Number(v) => ParamValue::Float(v.as_f64().unwrap()),
        Json::String(v) => ParamValue::String(v),
        other => panic!("a parameter can't be {other}"),
    };
    params
        .into_iter()
        .map(|(name, json)| (name, value(json)))
        .collect()
}

async fn answer(
    world: &World,
    statement: &Statement,
    epoch: Option<&str>,
) -> Result<Vec<Series>, QueryError> {
    let options = QueryOptions::default();
    let output = world
        .engine
        .influxql(&world.database, statement, options)
        .await?;
    let described = world.engine.describe_influxql(&world.database, statement);
    assert_eq!(described.await?, output.schema, "{statement}");
    let batches: Vec<RecordBatch> = output
        .stream
        .try_collect()
        .await
        .map_err(QueryError::Execution)?;
    let mut series: Vec<Series> = Vec::new();
    let groups = group_columns(&output.schema);
    let shown: Vec<usize> = (1..output.schema.fields().len())
        .filter(|at| {
            !groups
                .iter()
                .any(|(_, group, projected)| group == at && !projected)
        })
        .collect();
    for batch in &batches {
        assert_eq!(batch.schema(), output.schema);
        for row in 0..batch.num_rows() {
            let name = text(batch, 0, row);
            let tags: BTreeMap<String, String> = groups
                .iter()
                .map(|(tag, at, _)| (tag.clone(), text(batch, *at, row)))
                .collect();
            let columns = shown
                .iter()
                .map(|at| output.schema.field(*at).name().clone())
                .collect();
            let cells = shown
                .iter()
                .map(|at| cell(batch, *at, row, epoch))
                .collect();
            match series
                .last_mut()
                .filter(|last| last.name == name && last.tags == tags)
            {
                Some(last) => last.rows.push(cells),
                None => series.push(Series {
                    name,
                    tags,
                    columns,
                    rows: vec![cells],
                }),
            }
        }
    }
    Ok(series)
}

/// Tag, column, and whether the column is also selected.
fn group_columns(schema: &arrow::datatypes::SchemaRef) -> Vec<(String, usize, bool)> {
    let Some(text) = schema.metadata().get("iox::influxql::group_key::metadata") else {
        return Vec::new();
    };
    let json: Json = serde_json::from_str(text).unwrap();
    let keys = json["tagKeyColumns"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let key = |key: &Json| {
        let at = usize::try_from(key["columnIndex"].as_u64().unwrap()).unwrap();
        let projected = key["isProjected"].as_bool().unwrap_or(false);
        (key["tagKey"].as_str().unwrap().to_owned(), at, projected)
    };
    keys.iter().map(key).collect()
}

fn text(batch: &RecordBatch, column: usize, row: usize) -> String {
    match cell(batch, column, row, None) {
        Cell::Text(text) => text,
        Cell::Null => String::new(),
        other => panic!("{other:?} is no text"),
    }
}

fn cell(batch: &RecordBatch, column: usize, row: usize, epoch: Option<&str>) -> Cell {
    let array = batch.column(column);
    if array.is_null(row) {
        return Cell::Null;
    }
    match array.data_type() {
        DataType::Float64 => match array.as_primitive::<Float64Type>().value(row) {
            nan if nan.is_nan() => Cell::Null,
            value => Cell::Float(value),
        },
        DataType::Int64 => Cell::Integer(array.as_primitive::<Int64Type>().value(row).into()),
        DataType::UInt64 => Cell::Integer(array.as_primitive::<UInt64Type>().value(row).into()),
        DataType::Boolean => Cell::Boolean(array.as_boolean().value(row)),
        DataType::Utf8 => Cell::Text(array.as_string::<i32>().value(row).to_owned()),
        DataType::Dictionary(_, _) => {
            let array = arrow::compute::cast(array, &DataType::Utf8).unwrap();
            Cell::Text(array.as_string::<i32>().value(row).to_owned())
        }
        DataType::Timestamp(TimeUnit::Nanosecond, zone) => {
            let nanos = array.as_primitive::<TimestampNanosecondType>().value(row);
            time(nanos, zone.as_deref(), epoch)
        }
        other => panic!("a column of {other}"),
    }
}

fn time(nanos: i64, zone: Option<&str>, epoch: Option<&str>) -> Cell {
    if let Some(epoch) = epoch {
        return Cell::Integer(nanos.div_euclid(unit(epoch)).into());
    }
    let offset_seconds = zone.map_or(0, |zone| {
        let zone: chrono_tz::Tz = zone.parse().unwrap();
        let utc = DateTime::from_timestamp_nanos(nanos).naive_utc();
        zone.offset_from_utc_datetime(&utc).fix().local_minus_utc()
    });
    Cell::Time {
        nanos,
        offset_seconds,
    }
}

fn unit(epoch: &str) -> i64 {
    match epoch {
        "ns" => 1,
        "n" => 1,
        "u" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        other => panic!("epoch {other}"),
    }
}

fn read_series(json: &Json, epoch: Option<&str>) -> Series {
    let text = |json: &Json| json.as_str().unwrap_or_default().to_owned();
    let tags = json["tags"].as_object();
    let tags = tags.map(|tags| tags.iter().map(|(k, v)| (k.clone(), text(v))).collect());
    let columns: Vec<String> = json["columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(text)
        .collect();

    let row = |row: &Json| {
        let cells = row.as_array().unwrap().iter().enumerate();
        cells
            .map(|(at, value)| read_cell(value, at == 0 && epoch.is_none()))
            .collect()
    };
    Series {
        name: text(&json["name"]),
        tags: tags.unwrap_or_default(),
        columns,
        rows: json["values"].as_array().unwrap().iter().map(row).collect(),
    }
}

fn read_cell(json: &Json, time: bool) -> Cell {
    match json {
        Json::Null => Cell::Null,
        Json::Bool(value) => Cell::Boolean(*value),
        Json::String(value) if time => match DateTime::parse_from_rfc3339(value) {
            Ok(time) => Cell::Time {
                nanos: time.timestamp_nanos_opt().unwrap(),
                offset_seconds: time.offset().local_minus_utc(),
            },
            // The first column of SHOW is text.
            Err(_) => Cell::Text(value.clone()),
        },
        Json::String(value) => Cell::Text(value.clone()),
        Json::Number(value) => match value.as_i128() {
            Some(value) => Cell::Integer(value),
            None => Cell::Float(value.as_f64().unwrap()),
        },
        other => panic!("a cell can't be {other}"),
    }
}

/// Series without absent tags first.
fn reordered(series: Vec<Series>) -> Vec<Series> {
    let absent = |series: &Series| series.tags.values().any(String::is_empty);
    let (mut last, mut first): (Vec<Series>, Vec<Series>) = series.into_iter().partition(absent);
    last.sort_by(|a, b| (&a.name, &a.tags).cmp(&(&b.name, &b.tags)));
    first.extend(last);
    first
}

fn compare(got: Vec<Series>, expected: Vec<Series>) -> Result<(), String> {
    if got.len() != expected.len() {
        return Err(format!("{} series, expected {}", got.len(), expected.len()));
    }
    for (got, expected) in got.into_iter().zip(expected) {
        let head = |s: &Series| (s.name.clone(), s.tags.clone(), s.columns.clone());
        if head(&got) != head(&expected) {
            return Err(format!("{:?}, expected {:?}", head(&got), head(&expected)));
        }
        compare_rows(got.rows, &expected.rows)?;
    }
    Ok(())
}

fn compare_rows(mut got: Vec<Vec<Cell>>, expected: &[Vec<Cell>]) -> Result<(), String> {
    if got.len() != expected.len() {
        return Err(format!("{} rows, expected {}", got.len(), expected.len()));
    }
    for row in expected {
        let first_time = got[0][0].clone();
        let same = |candidate: &Vec<Cell>| {
            candidate[0].same(&first_time)
                && candidate
                    .iter()
                    .zip(row)
                    .all(|(got, expected)| got.same(expected))
        };
        match got.iter().position(same) {
            Some(at) => drop(got.remove(at)),
            None => {
                return Err(format!(
                    "no row {row:?}, next are {:?}",
                    &got[..got.len().min(2)]
                ));
            }
        }
    }
    Ok(())
}

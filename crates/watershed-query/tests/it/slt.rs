//! The scripts in `tests/slt`, in the format of sqllogictest: each runs over rows in memory, and over rows in
//! files that overlap.
//!
//! Beside SQL a script has statements of its own, with rows as [`Rows`] reads them:
//!
//! * `WRITE table columns`, then rows: makes sure of the columns and writes the rows, into memory or files as
//!   the run has it. Older values of the same rows are written before, so that each row has to be settled.
//! * `FILE table` and `MEMORY table`, then rows: writes them there in every run.
//!
//! The letters of a query's columns are strict: `I` and `U` are signed and unsigned integers, `R` floats, `T`
//! texts, `G` tags (dictionaries of texts), `B` booleans, `P` timestamps, `?` all other types. Lines of a plan are
//! rows.

use crate::rows::{Rows, Value};
use crate::world::World;
use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use async_trait::async_trait;
use sqllogictest::{
    AsyncDB, ColumnType, DBOutput, Record, Runner, default_normalizer, default_validator,
    strict_column_validator,
};
use std::path::{Path, PathBuf};
use watershed_query::Params;

/// The least number of statements and queries in all scripts together.
const RECORDS_MIN: usize = 300;

/// Where `WRITE` puts rows.
#[derive(Debug, Clone, Copy)]
enum Place {
    Memory,
    Files,
}

impl Place {
    /// For `onlyif` and `skipif`.
    fn label(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Files => "files",
        }
    }
}

struct Database {
    world: World,
    place: Place,
}

/// Why a statement failed.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Failure(String);

/// The type of a column, one letter.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Letter(char);

impl ColumnType for Letter {
    fn from_char(value: char) -> Option<Self> {
        "IURTGBP?".contains(value).then_some(Self(value))
    }

    fn to_char(&self) -> char {
        self.0
    }
}

impl Letter {
    fn of(data_type: &DataType) -> Self {
        Self(match data_type {
            DataType::Int64 => 'I',
            DataType::UInt64 => 'U',
            DataType::Float64 => 'R',
            DataType::Utf8 => 'T',
            DataType::Dictionary(_, value) if **value == DataType::Utf8 => 'G',
            DataType::Boolean => 'B',
            DataType::Timestamp(..) => 'P',
            _ => '?',
        })
    }
}

#[async_trait]
impl AsyncDB for Database {
    type Error = Failure;
    type ColumnType = Letter;

    async fn run(&mut self, text: &str) -> Result<DBOutput<Letter>, Failure> {
        let (first, rows) = text.split_once('\n').unwrap_or((text, ""));
        let words: Vec<&str> = first.split(' ').collect();
        match words.as_slice() {
            ["WRITE", table, columns @ ..] => {
                self.world.table(table, &columns.join(" ")).await;
                self.write(table, rows).await;
                Ok(DBOutput::StatementComplete(0))
            }
            ["FILE", table] => {
                self.world.file(table, rows).await;
                Ok(DBOutput::StatementComplete(0))
            }
            ["MEMORY", table] => {
                self.world.buffer(table, rows).await;
                Ok(DBOutput::StatementComplete(0))
            }
            _ => self.query(text).await,
        }
    }

    async fn shutdown(&mut self) {}
}

impl Database {
    async fn write(&self, table: &str, rows: &str) {
        let rows = Rows::parse(rows);
        match self.place {
            Place::Memory => {
                self.world.buffer_rows(table, stale(&rows)).await;
                self.world.buffer_rows(table, rows).await;
            }
            Place::Files => {
                self.world.file_rows(table, stale(&rows)).await;
                for part in halves(rows) {
                    self.world.file_rows(table, part).await;
                }
            }
        }
    }

    async fn query(&self, text: &str) -> Result<DBOutput<Letter>, Failure> {
        let shown =
            |error: watershed_query::QueryError| Failure(format!("{:?}: {error}", error.kind()));
        let batches = self
            .world
            .sql_with(text, Params::new())
            .await
            .map_err(shown)?;
        let schema = batches[0].schema();
        if text.starts_with("SELECT") || text.starts_with("WITH") {
            let described =
                self.world
                    .engine
                    .describe_sql(&self.world.database, text, Params::new());
            let described = described.await.map_err(shown)?.schema;
            if described != schema {
                return Err(Failure(format!(
                    "described as {described:?}, given as {schema:?}"
                )));
            }
        }
        if text.starts_with("EXPLAIN") {
            return Ok(plan_lines(&batches));
        }
        let types = schema
            .fields()
            .iter()
            .map(|field| Letter::of(field.data_type()));
        Ok(DBOutput::Rows {
            types: types.collect(),
            rows: batches.iter().flat_map(shown_rows).collect(),
        })
    }
}

/// The values of a batch as texts.
fn shown_rows(batch: &RecordBatch) -> Vec<Vec<String>> {
    let options = FormatOptions::default().with_null("NULL");
    let formatters: Vec<ArrayFormatter<'_>> = batch
        .columns()
        .iter()
        .map(|column| ArrayFormatter::try_new(column, &options).unwrap())
        .collect();
    let value = |row: usize, formatter: &ArrayFormatter<'_>| {
        let text = formatter.value(row).to_string();
        if text.is_empty() {
            "(empty)".to_owned()
        } else {
            text
        }
    };
    (0..batch.num_rows())
        .map(|row| formatters.iter().map(|f| value(row, f)).collect())
        .collect()
}

/// The lines of the plans, with dashes for the spaces they are indented by.
fn plan_lines(batches: &[RecordBatch]) -> DBOutput<Letter> {
    let mut lines = Vec::new();
    for cells in batches.iter().flat_map(shown_rows) {
        for line in cells.iter().flat_map(|cell| cell.lines()) {
            let text = line.trim_start();
            let depth = line.len() - text.len();
            lines.push(vec![format!("{}{text}", "-".repeat(depth))]);
        }
    }
    DBOutput::Rows {
        types: vec![Letter('T')],
        rows: lines,
    }
}

/// The same rows with the same fields, and other values.
fn stale(rows: &Rows) -> Rows {
    let mut rows = rows.clone();
    for value in rows.0.values_mut().flat_map(|fields| fields.values_mut()) {
        match value {
            Value::F64(v) => *v += 1000.0,
            Value::I64(v) => *v = v.wrapping_add(1000),
            Value::U64(v) => *v = v.wrapping_add(1000),
            Value::Bool(v) => *v = !*v,
            Value::String(v) => *v = "stale".to_owned(),
        }
    }
    rows
}

/// Every other row, and those between them.
fn halves(rows: Rows) -> [Rows; 2] {
    let mut halves = [Rows::default(), Rows::default()];
    for (at, (key, fields)) in rows.0.into_iter().enumerate() {
        halves[at % 2].write(key, fields);
    }
    halves
}

fn scripts() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/slt");
    let entries = std::fs::read_dir(directory).unwrap();
    let mut scripts: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    scripts.retain(|path| path.extension().is_some_and(|ext| ext == "slt"));
    scripts.sort();
    scripts
}

/// Runs all scripts. `WATERSHED_SLT_UPDATE=memory` or `=files` rewrites them with what that run gives; the other
/// run checks it afterwards.
async fn run(place: Place) {
    let mut failures = Vec::new();
    for script in scripts() {
        let database = async || {
            Ok(Database {
                world: World::new().await,
                place,
            })
        };
        let mut runner = Runner::new(database);
        runner.add_label(place.label());
        runner.with_column_validator(strict_column_validator);
        if std::env::var("WATERSHED_SLT_UPDATE").is_ok_and(|which| which == place.label()) {
            let updated = runner.update_test_file(
                &script,
                " ",
                default_validator,
                default_normalizer,
                strict_column_validator,
            );
            updated.await.unwrap();
        } else if let Err(failure) = runner.run_file_async(&script).await {
            failures.push(failure.display(false).to_string());
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

#[tokio::test]
async fn scripts_over_rows_in_memory() {
    run(Place::Memory).await;
}

#[tokio::test]
async fn scripts_over_rows_in_files() {
    run(Place::Files).await;
}

#[test]
fn there_are_enough_statements_and_none_is_ignored() {
    let mut count = 0;
    for script in scripts() {
        let text = std::fs::read_to_string(&script).unwrap();
        assert!(!text.contains("<slt:ignore>"), "{}", script.display());
        let records = sqllogictest::parse_file::<Letter>(&script).unwrap();
        count += records.iter().filter(|record| is_sql(record)).count();
        let conditions = records
            .iter()
            .any(|record| matches!(record, Record::Halt { .. }));
        assert!(!conditions, "{} is halted", script.display());
    }
    assert!(count >= RECORDS_MIN, "{count} of {RECORDS_MIN} statements");
}

fn is_sql(record: &Record<Letter>) -> bool {
    let sql = match record {
        Record::Statement { sql, .. } | Record::Query { sql, .. } => sql,
        _ => return false,
    };
    !["WRITE ", "FILE ", "MEMORY "]
        .iter()
        .any(|own| sql.starts_with(own))
}

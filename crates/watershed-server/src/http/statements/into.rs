//! `SELECT … INTO`: the rows of a query are written as points.
//!
//! 1. The query runs as any other, and its rows come in runs of one series;
//! 2. a row becomes a line: the tags grouped by are its tags, all other columns its fields, and what is null
//!    is left out. A row with nothing but nulls is no point;
//! 3. lines are gathered up to [`BATCH_ROWS`] or [`BATCH_BYTES`] and written as a write request of so many
//!    points would be: within the same limits, durable before the next batch begins.
//!
//! Tags that are selected without being grouped by become fields, as in 1.x, except for those that `top` and
//! `bottom` choose by. Points that were written before a failure stay written; the error says how many.

use super::super::HttpState;
use super::super::compat::{ApiError, Code, Dialect};
use super::super::influxql_output::{Cell, Cells, Segment, Segments};
use super::super::write::{catalog_error, write_error};
use super::{Failure, Rows, execution_error, listings, read};
use arrow::array::{ArrayRef, Int64Array, TimestampNanosecondArray};
use bytes::Bytes;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use watershed_influxql::{Expr, Select, SelectInto, Statement};
use watershed_line_protocol::{FieldValue, Point, PrintError};
use watershed_model::{DatabaseName, Precision};

/// The most points of a batch.
const BATCH_ROWS: usize = 10_000;

/// A batch is written when it has so many bytes.
const BATCH_BYTES: usize = 4 << 20;

/// How often a batch is offered again that the server has no room for. All tries together must be shorter than
/// a query waits for its reader.
const TRIES_MAX: u32 = 20;

/// The time between two tries.
const TRY_INTERVAL: Duration = Duration::from_secs(1);

/// Runs the query and writes its rows; the answer says how many points were written.
pub(super) async fn run(
    state: &HttpState,
    from: &DatabaseName,
    into: &DatabaseName,
    select: SelectInto,
) -> Result<Rows, Failure> {
    let SelectInto {
        measurement,
        select,
        ..
    } = select;
    // Before the query runs for nothing.
    if state.catalog.database(into).await.is_err() {
        return Err(Failure::Statement(super::database_not_found(into)));
    }
    let mut lines = Lines {
        measurement,
        tags: chosen_by(&select),
        text: String::new(),
        rows: 0,
    };
    let mut target = Target {
        state,
        database: into,
        written: 0,
    };
    let rows = read(state, from, &Statement::Select(Box::new(select))).await?;
    let mut segments = Segments::new(rows.stream, BATCH_ROWS);
    loop {
        let segment = match segments.next().await {
            Ok(Some(segment)) => segment,
            Ok(None) => break,
            Err(error) => return Err(target.after(execution_error(error))),
        };
        if let Err(error) = lines.push(&segment) {
            return Err(target.after(error.to_string()));
        }
        if lines.is_full() {
            target.write(&mut lines).await?;
        }
    }
    target.write(&mut lines).await?;
    answer(target.written)
}

/// The series `result` of 1.x.
fn answer(written: u64) -> Result<Rows, Failure> {
    let written = i64::try_from(written).unwrap_or(i64::MAX);
    let time: ArrayRef = Arc::new(TimestampNanosecondArray::from(vec![0]));
    let written: ArrayRef = Arc::new(Int64Array::from(vec![written]));
    listings::table("result", vec![("time", time), ("written", written)]).map(Rows::Query)
}

/// The tags that `top` and `bottom` choose by: they say to which series a chosen point belongs.
fn chosen_by(select: &Select) -> BTreeSet<String> {
    let mut tags = BTreeSet::new();
    for field in &select.fields {
        let Expr::Call(call) = &field.expr else {
            continue;
        };
        if !matches!(call.name.as_str(), "top" | "bottom") {
            continue;
        }
        tags.extend(call.args.iter().skip(1).filter_map(|arg| match arg {
            Expr::Var(var) => Some(var.name.clone()),
            _ => None,
        }));
    }
    tags
}

/// Points that wait to be written.
struct Lines {
    /// Where they go; `None` for the measurement they came from.
    measurement: Option<String>,
    /// Columns that are tags.
    tags: BTreeSet<String>,
    text: String,
    rows: usize,
}

impl Lines {
    fn is_full(&self) -> bool {
        self.rows >= BATCH_ROWS || self.text.len() >= BATCH_BYTES
    }

    fn push(&mut self, segment: &Segment) -> Result<(), PrintError> {
        let mut point = self.series(segment);
        let grouped = point.tags.len();
        for columns in &segment.rows {
            let cells: Vec<Cells<'_>> = columns.iter().map(Cells::new).collect();
            for row in 0..columns.first().map_or(0, |column| column.len()) {
                point.tags.truncate(grouped);
                point.fields.clear();
                self.fill(&mut point, segment, &cells, row);
                if !point.fields.is_empty() {
                    self.text.push_str(&point.to_line()?);
                    self.text.push('\n');
                    self.rows += 1;
                }
            }
        }
        Ok(())
    }

    /// What all points of a series share.
    fn series(&self, segment: &Segment) -> Point {
        let grouped = segment.head.tags.iter().flatten();
        // An absent tag is an empty one in the result.
        let grouped = grouped.filter(|(_, value)| !value.is_empty());
        let name = self.measurement.as_ref();
        Point {
            measurement: name.unwrap_or(&segment.head.name).clone(),
            tags: grouped.map(|(k, v)| (k.clone(), v.clone())).collect(),
            fields: Vec::new(),
            timestamp: None,
        }
    }

    /// Adds what a row says.
    fn fill(&self, point: &mut Point, segment: &Segment, cells: &[Cells<'_>], row: usize) {
        for (at, (name, cells)) in segment.columns.iter().zip(cells).enumerate() {
            let cell = cells.get(row);
            // The time of the row is the first column, whatever it is called.
            if at == 0
                && let Cell::Time(nanos, _) = cell
            {
                point.timestamp = Some(nanos);
                continue;
            }
            // A tag that is grouped by and selected, too, is a tag.
            if point.tags.iter().any(|(tag, _)| tag == name) {
                continue;
            }
            match cell {
                Cell::Text(value) if self.tags.contains(name) && !value.is_empty() => {
                    point.tags.push((name.clone(), value.to_owned()));
                }
                cell => {
                    let value = field(cell);
                    point
                        .fields
                        .extend(value.map(|value| (name.clone(), value)));
                }
            }
        }
    }
}

/// The value of a field; `None` for none. A float that is not a number is none in an answer, either.
fn field(cell: Cell<'_>) -> Option<FieldValue> {
    match cell {
        Cell::Null => None,
        Cell::Float(value) if value.is_nan() => None,
        Cell::Float(value) => Some(FieldValue::Float(value)),
        Cell::Bool(value) => Some(FieldValue::Boolean(value)),
        Cell::Integer(value) | Cell::Time(value, _) => Some(FieldValue::Integer(value)),
        Cell::Unsigned(value) => Some(FieldValue::Unsigned(value)),
        Cell::Text(value) => Some(FieldValue::String(value.to_owned())),
        Cell::Other(value) => Some(FieldValue::String(value)),
    }
}

/// Where points are written, and how many were.
struct Target<'a> {
    state: &'a HttpState,
    database: &'a DatabaseName,
    written: u64,
}

impl Target<'_> {
    /// Writes what has gathered. While the server has no room for it, it is offered again.
    async fn write(&mut self, lines: &mut Lines) -> Result<(), Failure> {
        if lines.rows == 0 {
            return Ok(());
        }
        let (rows, body) = (lines.rows, Bytes::from(std::mem::take(&mut lines.text)));
        lines.rows = 0;
        let mut tries = 1;
        loop {
            match self.offer(body.clone()).await {
                Ok(()) => {
                    self.written += rows as u64;
                    return Ok(());
                }
                Err((_, error)) if error.code == Code::Unavailable && tries < TRIES_MAX => {
                    tries += 1;
                    tokio::time::sleep(TRY_INTERVAL).await;
                }
                Err((written, error)) => {
                    self.written += written;
                    return Err(self.after(error.message));
                }
            }
        }
    }

    /// Writes a batch, or tells how much of it was written, and why no more.
    async fn offer(&self, body: Bytes) -> Result<(), (u64, ApiError)> {
        let none = |error| (0, error);
        let schema = self.state.catalog.database(self.database).await;
        let schema = schema.map_err(|error| none(catalog_error(&error)))?;
        let permit = self.state.admission.admit(schema.id, 2 * body.len() as u64);
        let permit = permit.map_err(none)?;
        let (state, database) = (self.state.clone(), self.database.clone());
        state.metrics.write_bytes.inc_by(body.len() as u64);
        // A task of its own, as for a write request: what has begun goes on without the one who asked.
        let work = tokio::spawn(async move {
            let result = state.router.write(&database, body, Precision::Nanosecond);
            let result = result.await;
            drop(permit);
            match result {
                Ok(written) => {
                    state.metrics.write_rows.inc_by(written.rows);
                    Ok(())
                }
                Err(error) => {
                    let written = match &error {
                        watershed_router::WriteError::Rejected(rejection) => rejection.written,
                        _ => 0,
                    };
                    Err((written, write_error(error, Dialect::V1)))
                }
            }
        });
        match work.await {
            Ok(result) => result,
            Err(error) => Err(none(ApiError::internal(&error))),
        }
    }

    /// A failure that says what was done before it.
    fn after(&self, error: String) -> Failure {
        Failure::Statement(match self.written {
            0 => format!("SELECT INTO: {error}; no points were written"),
            1 => format!("SELECT INTO: {error}; 1 point was written before"),
            points => format!("SELECT INTO: {error}; {points} points were written before"),
        })
    }
}

//! Why a line is refused, and the text that says so.

use chrono::{DateTime, SecondsFormat};
use watershed_line_protocol::{Error, LineError};
use watershed_model::{ColumnName, ColumnType, TableName, Timestamp};

/// Boxed, so that the way of good lines moves one word.
pub(super) type LineResult<T> = Result<T, Box<Fault>>;

/// What is wrong with a line. The texts are part of the interface: clients show and compare them.
#[derive(Debug)]
pub(super) enum Fault {
    /// Wrong by itself.
    Line(Error),
    /// A column has another type, in the catalog or by an earlier line.
    ColumnType {
        column: ColumnName,
        existing: ColumnType,
        offered: ColumnType,
    },
    /// The timestamp does not fit 64 bits of nanoseconds.
    TimeOverflow,
    /// Older than the database keeps.
    Retention {
        table: TableName,
        oldest: Timestamp,
        observed: Timestamp,
    },
    /// One table too many.
    TablesMax { existing: u32, limit: u32 },
    /// Some columns too many.
    ColumnsMax {
        table: TableName,
        existing: u32,
        wanted: u32,
        limit: u32,
    },
    /// Not the line's fault: the request as a whole has too many cells.
    TooManyCells,
}

impl From<Error> for Box<Fault> {
    fn from(error: Error) -> Self {
        Self::new(Fault::Line(error))
    }
}

impl Fault {
    /// The text for the client, with the line's number.
    pub(super) fn message(&self, line: usize) -> String {
        match self {
            Self::Line(error) => LineError {
                line,
                error: error.clone(),
            }
            .to_string(),
            Self::TimeOverflow => format!("timestamp overflows i64 on line {line} (1-based)"),
            other => format!("error writing line {line} (1-based): {}", other.reason()),
        }
    }

    fn reason(&self) -> String {
        match self {
            Self::ColumnType {
                column,
                existing,
                offered,
            } => format!(
                "Unable to insert {} type into column {column} with type {}",
                offered.influx_name(),
                existing.influx_name()
            ),
            Self::Retention {
                table,
                oldest,
                observed,
            } => format!(
                "data in table {table} is outside of the retention period: minimum acceptable timestamp is {}, \
                 but observed timestamp {} is older.",
                rfc3339(*oldest),
                rfc3339(*observed)
            ),
            Self::TablesMax { existing, limit } => format!(
                "service limit reached: couldn't create new table; namespace contains {existing} existing tables, \
                 applying this write would result in {} tables, limit is {limit}",
                existing + 1
            ),
            Self::ColumnsMax {
                table,
                existing,
                wanted,
                limit,
            } => format!(
                "service limit reached: couldn't create columns in table `{table}`; table contains {existing} existing \
                 columns, applying this write would result in {wanted} columns, limit is {limit}"
            ),
            Self::Line(error) => error.to_string(),
            Self::TimeOverflow => "timestamp overflows i64".to_owned(),
            Self::TooManyCells => "the request has too many values".to_owned(),
        }
    }
}

fn rfc3339(time: Timestamp) -> String {
    DateTime::from_timestamp_nanos(time.nanos()).to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

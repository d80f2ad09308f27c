//! Answers of `/query`, read into something that can be compared.

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use anyhow::{Context as _, bail};
use chrono::DateTime;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// What a server says to one statement.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// It refuses, in these words.
    Error(String),
    /// Its series, in its order; none if nothing matches.
    Series(Vec<Series>),
}

/// Rows of one measurement and one group.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// The measurement; empty if there is none.
    pub name: String,
    /// The tags that it is grouped by; an absent one is empty.
    pub tags: BTreeMap<String, String>,
    /// Names of the columns, in order.
    pub columns: Vec<String>,
    /// The rows, as long as `columns`.
    pub rows: Vec<Vec<Cell>>,
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Nothing.
    Null,
    /// True or false.
    Boolean(bool),
    /// Text.
    Text(String),
    /// A number without fraction and exponent. Floats may look like this too.
    Integer(i128),
    /// Any other number.
    Float(f64),
    /// An instant that was written with its offset from UTC.
    Time {
        /// Since the epoch.
        nanos: i128,
        /// East of Greenwich is positive.
        offset_seconds: i32,
    },
}

impl Answer {
    /// Reads the body of an answer with this status.
    ///
    /// # Errors
    /// If it is not the JSON that `/query` is documented to give: that is no answer at all.
    pub fn parse(status: u16, body: &str) -> anyhow::Result<Self> {
        // InfluxDB 1.6 has no JSON for what JSON can't hold.
        if body.starts_with("json: ") {
            return Ok(Self::Error(body.trim_end().to_owned()));
        }
        let json: Value = serde_json::from_str(body)
            .with_context(|| format!("status {status} with a body that is no JSON: {body:.200}"))?;
        if let Some(error) = json["error"].as_str() {
            return Ok(Self::Error(error.to_owned()));
        }
        if status != 200 {
            bail!("status {status} without an error: {body:.200}");
        }
        let [result] = json["results"]
            .as_array()
            .context("there are no results")?
            .as_slice()
        else {
            bail!("not the result of one statement: {body:.200}");
        };
        // An error after rows is an error: what came before it is not the answer.
        if let Some(error) = result["error"].as_str() {
            return Ok(Self::Error(error.to_owned()));
        }
        let series = match &result["series"] {
            Value::Null => Vec::new(),
            Value::Array(series) => series.iter().map(Series::parse).collect::<Result<_, _>>()?,
            _ => bail!("series are no list: {body:.200}"),
        };
        Ok(Self::Series(series))
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        match self {
            Self::Error(_) => 0,
            Self::Series(series) => series.iter().map(|series| series.rows.len()).sum(),
        }
    }
}

impl Series {
    fn parse(json: &Value) -> anyhow::Result<Self> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let columns: Vec<String> = json["columns"]
            .as_array()
            .and_then(|columns| columns.iter().map(text).collect())
            .context("a series without columns")?;
        let tags = match json["tags"].as_object() {
            None => BTreeMap::new(),
            Some(tags) => tags
                .iter()
                .map(|(key, value)| Some((key.clone(), text(value)?)))
                .collect::<Option<_>>()
                .context("a tag that is no text")?,
        };
        let mut rows = Vec::new();
        for row in json["values"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default()
        {
            let row = row.as_array().context("a row that is no list")?;
            if row.len() != columns.len() {
                bail!("{} values for {} columns", row.len(), columns.len());
            }
            rows.push(
                row.iter()
                    .zip(&columns)
                    .map(|(value, column)| Cell::parse(value, column == "time"))
                    .collect::<Result<_, _>>()?,
            );
        }
        Ok(Self {
            name: json["name"].as_str().unwrap_or_default().to_owned(),
            tags,
            columns,
            rows,
        })
    }
}

impl Cell {
    fn parse(json: &Value, is_time: bool) -> anyhow::Result<Self> {
        Ok(match json {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Boolean(*value),
            Value::String(text) if is_time => {
                let time = DateTime::parse_from_rfc3339(text).context("a time that is none")?;
                Self::Time {
                    nanos: i128::from(time.timestamp()) * 1_000_000_000
                        + i128::from(time.timestamp_subsec_nanos()),
                    offset_seconds: time.offset().local_minus_utc(),
                }
            }
            Value::String(text) => Self::Text(text.clone()),
            Value::Number(number) => match (number.as_i128(), number.as_f64()) {
                (Some(integer), _) => Self::Integer(integer),
                (None, Some(float)) => Self::Float(float),
                (None, None) => bail!("a number that is none: {number}"),
            },
            other => bail!("neither number nor text: {other}"),
        })
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(error) => write!(f, "error: {error}"),
            Self::Series(series) if series.is_empty() => f.write_str("no series"),
            Self::Series(series) => {
                for (index, series) in series.iter().enumerate() {
                    let newline = if index == 0 { "" } else { "\n" };
                    write!(f, "{newline}{series}")?;
                }
                Ok(())
            }
        }
    }
}

/// The most rows of a series that are printed.
const PRINTED_ROWS_MAX: usize = 20;

impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.name)?;
        for (key, value) in &self.tags {
            write!(f, " {key}={value:?}")?;
        }
        write!(f, ": {}", self.columns.join(" | "))?;
        for row in self.rows.iter().take(PRINTED_ROWS_MAX) {
            f.write_str("\n  ")?;
            for (index, cell) in row.iter().enumerate() {
                let separator = if index == 0 { "" } else { " | " };
                write!(f, "{separator}{cell}")?;
            }
        }
        match self.rows.len().checked_sub(PRINTED_ROWS_MAX) {
            Some(more) if more > 0 => write!(f, "\n  and {more} more rows"),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Boolean(value) => write!(f, "{value}"),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Float(number) => write!(f, "{number}"),
            Self::Time {
                nanos,
                offset_seconds,
            } => {
                let nanos = i64::try_from(*nanos).map_err(|_| fmt::Error)?;
                let time = DateTime::from_timestamp_nanos(nanos);
                match chrono::FixedOffset::east_opt(*offset_seconds) {
                    Some(offset) => f.write_str(&time.with_timezone(&offset).to_rfc3339()),
                    None => f.write_str(&time.to_rfc3339()),
                }
            }
        }
    }
}

//! How much one query may ask for, whatever memory there is.
//!
//! All but the buckets are of InfluxQL, where a short text may mean very much: a regular expression all
//! tables, a `*` all columns. All but the series are checked while the query is planned.

use datafusion::execution::config::SessionConfig;
use std::sync::Arc;

/// The most one query may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Time buckets of one group when empty ones are filled: `GROUP BY time` of InfluxQL unless it says
    /// `fill(none)`, `date_bin_gapfill` of SQL. A year of seconds has 32 million.
    pub buckets_max: u64,
    /// Series of an InfluxQL result: tables and groups of the outermost `SELECT`. The only limit that is found out
    /// while rows come, so that the error may stand behind some of them.
    pub series_max: u64,
    /// Tables and subqueries in one `FROM`, after regular expressions are expanded.
    pub tables_max: usize,
    /// Columns of one `SELECT`, after wildcards and regular expressions are expanded.
    pub columns_max: usize,
    /// Levels of subqueries; a statement without any has none.
    pub subquery_depth_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            buckets_max: 100_000_000,
            series_max: 10_000_000,
            tables_max: 1_000,
            columns_max: 10_000,
            subquery_depth_max: 32,
        }
    }
}

impl Limits {
    /// Those of a session; the default where none were set.
    pub(crate) fn of(config: &SessionConfig) -> Self {
        let limits: Option<Arc<Self>> = config.get_extension();
        limits.map_or_else(Self::default, |limits| *limits)
    }

    /// Checks the buckets of a group. The text begins as that of InfluxDB 1.x.
    ///
    /// # Errors
    /// The text for the client.
    pub(crate) fn check_buckets(&self, buckets: u64) -> Result<(), String> {
        if buckets <= self.buckets_max {
            return Ok(());
        }
        Err(format!(
            "max-select-buckets limit exceeded: ({buckets}/{}); ask for a shorter time range or longer buckets",
            self.buckets_max
        ))
    }

    /// Checks the series of a result so far. The text begins as that of InfluxDB 1.x.
    ///
    /// # Errors
    /// The text for the client.
    pub(crate) fn check_series(&self, series: u64) -> Result<(), String> {
        if series <= self.series_max {
            return Ok(());
        }
        Err(format!(
            "max-select-series limit exceeded: ({series}/{}); group by fewer tags, or narrow down with WHERE or SLIMIT",
            self.series_max
        ))
    }

    /// Checks what `FROM` means.
    ///
    /// # Errors
    /// The text for the client.
    pub(crate) fn check_tables(&self, tables: usize) -> Result<(), String> {
        if tables <= self.tables_max {
            return Ok(());
        }
        Err(format!(
            "too many tables: FROM means {tables}, the most is {}; name those that are needed",
            self.tables_max
        ))
    }

    /// Checks the columns of a `SELECT`; there may be more than were counted so far.
    ///
    /// # Errors
    /// The text for the client.
    pub(crate) fn check_columns(&self, columns: usize) -> Result<(), String> {
        if columns <= self.columns_max {
            return Ok(());
        }
        Err(format!(
            "too many columns: SELECT has {columns} or more, the most is {}; name those that are needed",
            self.columns_max
        ))
    }

    /// Checks how deep a subquery is.
    ///
    /// # Errors
    /// The text for the client.
    pub(crate) fn check_depth(&self, depth: usize) -> Result<(), String> {
        if depth <= self.subquery_depth_max {
            return Ok(());
        }
        Err(format!(
            "too many subqueries inside one another, the most is {}",
            self.subquery_depth_max
        ))
    }
}

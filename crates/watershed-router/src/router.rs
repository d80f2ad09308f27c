//! The way of one request.

use crate::convert::{CachePool, Converted, Rejections, Rules, convert};
use crate::{Rejection, WriteError, WriteSink};
use bytes::Bytes;
use std::sync::Arc;
use tracing::debug;
use watershed_catalog::{Catalog, CatalogError};
use watershed_line_protocol::check_utf8;
use watershed_model::{Clock, DatabaseName, DatabaseSchema, ErrorKind, Precision, WriteBatch};

/// Bodies from this size on are parsed off the I/O threads: 32 KiB take some 50 µs, several times what
/// the hand-over costs.
const BLOCKING_BYTES_MIN: usize = 32 * 1024;

/// How often a request is checked against the catalog. Each further attempt means that another request
/// changed the same tables in between, so a handful settles it; a bound keeps a bug from spinning.
const ATTEMPTS_MAX: u32 = 8;

/// What can be chosen about writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Whether the good lines of a request are stored when others are refused. Default: true.
    pub partial_writes: bool,
    /// How many refused lines are described; all are counted. Default: 100.
    pub line_errors_max: usize,
    /// The most cells (rows times field columns, absent values included) of a request. A cell takes about
    /// eight bytes. Only bodies of short lines over many columns come near it: without it a few MiB of them
    /// could fill the memory. Default: 2^26, half a GiB.
    pub cells_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            partial_writes: true,
            line_errors_max: 100,
            cells_max: 1 << 26,
        }
    }
}

/// What a fully accepted request did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Rows stored. Zero for a body of blank lines and comments.
    pub rows: u64,
}

/// The longest body: offsets within a batch have 32 bits, those of the texts in a cache as well.
const BODY_BYTES_MAX: usize = 2 << 30;

/// Turns write requests into batches and hands them to the sink. Between requests it keeps only what can be worked
/// out again: which series the lines of a database name.
#[derive(Debug, Clone)]
pub struct Router {
    catalog: Arc<dyn Catalog>,
    sink: Arc<dyn WriteSink>,
    clock: Arc<dyn Clock>,
    settings: Settings,
    caches: Arc<CachePool>,
}

impl Router {
    /// A router over a catalog and a sink. The clock gives points without timestamp their time and
    /// decides retention.
    pub fn new(
        catalog: Arc<dyn Catalog>,
        sink: Arc<dyn WriteSink>,
        clock: Arc<dyn Clock>,
        settings: Settings,
    ) -> Self {
        Self {
            catalog,
            sink,
            clock,
            settings,
            caches: Arc::default(),
        }
    }

    /// Writes the lines of `body` (line protocol, uncompressed) into a database. `Ok` means that every
    /// line was accepted and that the sink has confirmed their rows.
    ///
    /// Points without timestamp get the server's time, one instant for the whole request. Tables and
    /// columns that accepted lines need are created first; what only refused lines need is not. Later lines
    /// win over earlier ones with the same key: their order is kept in the batch. Memory: the body and about
    /// as much again, see also [`Settings::cells_max`].
    ///
    /// # Errors
    /// [`WriteError`]. After [`WriteError::Rejected`] the good lines are stored if partial writes are on;
    /// after [`WriteError::Sink`] they may or may not be; after the others nothing is.
    pub async fn write(
        &self,
        database: &DatabaseName,
        body: Bytes,
        precision: Precision,
    ) -> Result<Written, WriteError> {
        let rules = self.rules(precision);
        let mut schema = self.schema(database).await?;
        let mut attempt = 1;
        let mut before_change = None;
        loop {
            let mut converted = self.convert(&schema, &body, &rules).await?;
            converted.rejections.prefer(before_change.take());
            if converted.rejections.total > 0 && !self.settings.partial_writes {
                return Err(WriteError::Rejected(
                    converted.rejections.into_rejection(0, true),
                ));
            }
            let requests = std::mem::take(&mut converted.requests);
            if requests.is_empty() {
                return self.store(&schema, converted).await;
            }
            schema = match self.catalog.ensure_columns(schema.id, requests).await {
                Ok(schema) if attempt < ATTEMPTS_MAX => {
                    before_change = Some(converted.rejections);
                    schema
                }
                Ok(_) => return Err(WriteError::Catalog(never_settles(database))),
                Err(error) if attempt < ATTEMPTS_MAX && lost_a_race(&error) => {
                    debug!(%database, %error, attempt, "schema changed under a write");
                    self.schema(database).await?
                }
                Err(error) => return Err(catalog_error(database, error)),
            };
            attempt += 1;
        }
    }

    fn rules(&self, precision: Precision) -> Rules {
        Rules {
            precision,
            now: self.clock.now(),
            line_errors_max: self.settings.line_errors_max,
            cells_max: self.settings.cells_max,
        }
    }

    async fn schema(&self, database: &DatabaseName) -> Result<Arc<DatabaseSchema>, WriteError> {
        self.catalog
            .database(database)
            .await
            .map_err(|error| catalog_error(database, error))
    }

    /// Converts where it disturbs no one.
    async fn convert(
        &self,
        schema: &Arc<DatabaseSchema>,
        body: &Bytes,
        rules: &Rules,
    ) -> Result<Converted, WriteError> {
        if body.len() < BLOCKING_BYTES_MIN {
            return convert_body(schema, body, rules, &self.caches);
        }
        let (schema, body, rules) = (Arc::clone(schema), body.clone(), *rules);
        let caches = Arc::clone(&self.caches);
        let convert = move || convert_body(&schema, &body, &rules, &caches);
        match tokio::task::spawn_blocking(convert).await {
            Ok(converted) => converted,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => Err(WriteError::Stopped),
        }
    }

    async fn store(
        &self,
        schema: &DatabaseSchema,
        converted: Converted,
    ) -> Result<Written, WriteError> {
        let batch = WriteBatch {
            database: schema.id,
            tables: converted.tables,
        };
        let rows = batch.rows() as u64;
        if rows > 0 {
            self.sink.write(batch).await.map_err(WriteError::Sink)?;
        }
        match converted.rejections {
            Rejections { total: 0, .. } => Ok(Written { rows }),
            rejections => Err(WriteError::Rejected(rejections.into_rejection(rows, false))),
        }
    }
}

fn convert_body(
    schema: &DatabaseSchema,
    body: &[u8],
    rules: &Rules,
    caches: &CachePool,
) -> Result<Converted, WriteError> {
    if body.len() > BODY_BYTES_MAX {
        return Err(WriteError::TooLarge(
            "the request is larger than 2 GiB".to_owned(),
        ));
    }
    let body = check_utf8(body).map_err(|error| WriteError::NotUtf8 {
        at: error.valid_up_to(),
        error,
    })?;
    let mut cache = caches.take(schema.id);
    let converted = convert(schema, body, rules, &mut cache)
        .map_err(|error| WriteError::TooLarge(error.to_string()))?;
    // With columns to be created, the cache has seen some that have no id yet.
    if converted.requests.is_empty() {
        caches.put(schema.id, cache);
    }
    Ok(converted)
}

/// Whether another request can have changed the schema since it was read.
fn lost_a_race(error: &CatalogError) -> bool {
    matches!(
        error,
        CatalogError::ColumnType { .. }
            | CatalogError::TablesMax { .. }
            | CatalogError::ColumnsMax { .. }
    )
}

fn catalog_error(database: &DatabaseName, error: CatalogError) -> WriteError {
    match error.kind() {
        ErrorKind::NotFound => WriteError::DatabaseNotFound(database.clone()),
        _ => WriteError::Catalog(error),
    }
}

fn never_settles(database: &DatabaseName) -> CatalogError {
    CatalogError::Corrupt(format!(
        "database {database} lacks columns that were just created"
    ))
}

impl Rejections {
    /// Takes the texts of an earlier pass that refused the same lines. The later pass knows the columns that
    /// lines further down have created since, and would blame them.
    fn prefer(&mut self, earlier: Option<Self>) {
        let same =
            |earlier: &Self| (earlier.total, earlier.accepted) == (self.total, self.accepted);
        if let Some(earlier) = earlier.filter(same) {
            *self = earlier;
        }
    }

    fn into_rejection(self, written: u64, refused_whole: bool) -> Rejection {
        Rejection {
            all_outside_retention: self.outside_retention == self.total && self.accepted == 0,
            any_outside_retention: self.outside_retention > 0,
            lines: self.lines,
            rejected: self.total,
            written,
            refused_whole,
        }
    }
}

#[cfg(test)]
mod tests;

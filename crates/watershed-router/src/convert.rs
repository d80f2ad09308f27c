//! From lines to columns, in one pass.
//!
//! The common line costs: one compare of its series with the one that followed last time, by the raw bytes
//! (`measurement,tag=value,…` exactly as sent), then per field a compare of the key with the one that
//! followed last time, and a push onto a vector. Names, tags and types are looked at only when a series or a
//! field order is new; series are remembered from one request to the next ([`SeriesCache`]).
//!
//! A line is undone whole when anything in it is wrong: values by truncating, names and series by taking
//! back what the line added. So a refused line leaves no trace, neither a column nor a type.

mod cache_pool;
mod fault;
mod field;
mod partition;
mod series_cache;
mod table;

pub(crate) use cache_pool::CachePool;
pub use series_cache::SeriesCache;

use crate::RejectedLine;
use fault::{Fault, LineResult};
use series_cache::Place;
use table::{Step, TableBuilder};
use watershed_catalog::TableRequest;
use watershed_line_protocol::{Parser, RawSeries, Reason};
use watershed_model::{DatabaseSchema, Precision, TableBatch, Timestamp};

/// What decides about lines, apart from the schema.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// The unit of timestamps.
    pub precision: Precision,
    /// The time of points without one.
    pub now: Timestamp,
    /// How many refused lines are described.
    pub line_errors_max: usize,
    /// The most cells, absent values included.
    pub cells_max: usize,
}

/// What became of a body.
#[derive(Debug)]
pub struct Converted {
    /// What accepted lines need and the schema lacks. While there is any, `tables` is empty: rows can't be
    /// written without ids.
    pub requests: Vec<TableRequest>,
    /// The accepted rows.
    pub tables: Vec<TableBatch>,
    /// The refused lines.
    pub rejections: Rejections,
}

/// The refused lines.
#[derive(Debug, Default)]
pub struct Rejections {
    /// The first of them.
    pub lines: Vec<RejectedLine>,
    /// How many there are.
    pub total: u64,
    /// How many of them are right but older than the retention period.
    pub outside_retention: u64,
    /// How many lines were accepted.
    pub accepted: u64,
}

/// The request as a whole would take too much memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TooLarge {
    /// More cells than [`Rules::cells_max`].
    #[error(
        "the rows of the request have more than {max} values, absent ones included: send fewer rows at a time"
    )]
    Cells {
        /// The limit.
        max: usize,
    },
    /// More partitions than a request may touch.
    #[error(
        "the request writes to more than {max} partitions: send fewer tables and days at a time"
    )]
    Partitions {
        /// The limit.
        max: usize,
    },
}

/// Most rows for which room is made before they are there: a few lines may be longer than all others.
const ROWS_EXPECTED_MAX: usize = 16 * 1_024;

/// Converts a body under a schema. `cache` is that of earlier requests to the same database, or a new one; it is
/// to be thrown away when there are requests to the catalog, or an error.
///
/// # Errors
/// [`TooLarge`].
pub fn convert(
    schema: &DatabaseSchema,
    body: &str,
    rules: &Rules,
    cache: &mut SeriesCache,
) -> Result<Converted, TooLarge> {
    let mut converter = Converter::new(schema, body, rules, cache);
    let mut parser = Parser::new(body);
    while let Some((series, expected)) = parser.next_series_expecting(converter.cache.expected()) {
        converter.current = None;
        converter.cache.begin_line();
        match converter.line(&mut parser, series, expected) {
            Ok(()) => converter.rejections.accepted += 1,
            Err(fault) => converter.refuse(&mut parser, &fault)?,
        }
    }
    converter.finish()
}

/// The memory that a request may take.
#[derive(Debug)]
struct Room {
    /// How many cells more there may be.
    cells: usize,
    /// How many rows a table will have if all lines are its own and like the first one.
    rows_expected: usize,
    /// For how many values room may still be made before they are there: in a body of one table, whose lines take
    /// six bytes and four more for each further field, this is enough for all; with many tables, each of few
    /// rows, it is not, and bounds what they take.
    values_ahead: usize,
}

impl Room {
    fn new(body: &str, cells_max: usize) -> Self {
        let first = memchr::memchr(b'\n', body.as_bytes()).unwrap_or(body.len());
        // One more, since a vector that is a row too short doubles.
        let rows = body.len() / (first + 1) + 1;
        Self {
            cells: cells_max,
            rows_expected: rows.min(ROWS_EXPECTED_MAX),
            values_ahead: body.len() / 2,
        }
    }

    /// For how many rows a new column should have room.
    fn rows(&mut self) -> usize {
        let rows = self.rows_expected.min(self.values_ahead);
        self.values_ahead -= rows;
        rows
    }
}

struct Converter<'a, 'c> {
    schema: &'a DatabaseSchema,
    rules: &'a Rules,
    cache: &'c mut SeriesCache,
    /// Points before this are outside retention.
    oldest: Timestamp,
    tables: Vec<TableBuilder<'a>>,
    /// How many of `tables` the schema lacks.
    tables_new: u32,
    room: Room,
    rejections: Rejections,
    /// The table the current line has touched, and how many there were before the line.
    current: Option<u32>,
    tables_before: usize,
}

impl<'a, 'c> Converter<'a, 'c> {
    fn new(
        schema: &'a DatabaseSchema,
        body: &str,
        rules: &'a Rules,
        cache: &'c mut SeriesCache,
    ) -> Self {
        cache.begin_request();
        let oldest = schema
            .retention_nanos
            .map_or(i64::MIN, |kept| rules.now.nanos().saturating_sub(kept));
        Self {
            schema,
            rules,
            cache,
            oldest: Timestamp::from_nanos(oldest),
            tables: Vec::new(),
            tables_new: 0,
            room: Room::new(body, rules.cells_max),
            rejections: Rejections::default(),
            current: None,
            tables_before: 0,
        }
    }

    /// Takes in a line, or fails and leaves what it began to [`undo`](Self::undo).
    #[inline]
    fn line(
        &mut self,
        parser: &mut Parser<'a>,
        raw: RawSeries<'a>,
        expected: bool,
    ) -> LineResult<()> {
        let entry = if expected {
            Some(self.cache.take_expected())
        } else {
            self.cache.find(raw.as_str())
        };
        let place = match entry.and_then(|entry| self.cache.place(entry)) {
            Some(place) => {
                self.begin(place.table, self.tables.len());
                place
            }
            None => self.first_of_series(entry, raw)?,
        };
        self.fields(parser, place)?;
        let time = self.time(parser, place)?;
        let table = &mut self.tables[place.table as usize];
        table.check_limit()?;
        let cells = self.room.cells.checked_sub(table.field_count());
        self.room.cells = cells.ok_or_else(|| Box::new(Fault::TooManyCells))?;
        table.commit(place.series, time);
        Ok(())
    }

    /// Notes the state before the line: its table, and how many tables there were.
    #[inline]
    fn begin(&mut self, table: u32, tables_before: usize) {
        self.tables_before = tables_before;
        self.tables[table as usize].begin();
        self.current = Some(table);
    }

    /// The place of a series that the request names for the first time, byte for byte.
    #[cold]
    fn first_of_series(&mut self, known: Option<u32>, raw: RawSeries<'a>) -> LineResult<Place> {
        let tables_before = self.tables.len();
        if let Some(entry) = known
            && let Some(table) = self.table_again(self.cache.table_of(entry))
        {
            self.begin(table, tables_before);
            return Ok(self.set_place(entry, table));
        }
        let series = raw.parse()?;
        let (cached, table) = self.table(&series.measurement)?;
        self.begin(table, tables_before);
        let tags = self.tables[table as usize].keyed_tags(&series.tags)?;
        let entry = self.cache.insert(raw.as_str(), cached, &tags);
        Ok(self.set_place(entry, table))
    }

    fn set_place(&mut self, entry: u32, table: u32) -> Place {
        let table = &mut self.tables[table as usize];
        self.cache.set_place(entry, |key| table.add_series(key))
    }

    /// The builder of a table that earlier requests had; `None` when its name now means another table.
    fn table_again(&mut self, cached: u32) -> Option<u32> {
        if let Some(builder) = self.cache.builder(cached) {
            return Some(builder);
        }
        let (name, id) = self.cache.identity(cached);
        let known = self.schema.tables.get(name)?;
        if Some(known.id()) != id {
            return None;
        }
        let builder = TableBuilder::known(known, self.room.rows());
        Some(self.build(cached, builder))
    }

    fn fields(&mut self, parser: &mut Parser<'a>, place: Place) -> LineResult<()> {
        let table = &mut self.tables[place.table as usize];
        let mut previous = None;
        let mut kept = false;
        loop {
            let (guess, key) = table.expected_after(previous);
            // Looked at where it lies: to move it costs more than to parse it, because the CPU has to wait
            // for the small stores that have just written it.
            let read = parser.next_field(key);
            let field = match &read {
                Ok(Some(field)) => field,
                Ok(None) => break,
                Err(error) => return Err(error.clone().into()),
            };
            let at = if field.expected {
                guess
            } else {
                match table.find_field(previous, field, &mut self.room)? {
                    Step::Field(at) => at,
                    Step::Dropped => continue,
                }
            };
            if let Err(clash) = table.set(at, &field.value) {
                return Err(table.clash(at, field.value.kind(), clash, parser));
            }
            previous = Some(at);
            kept = true;
        }
        if kept || table.is_over_limit() {
            return Ok(());
        }
        let measurement = table.name().to_string();
        Err(parser.error(Reason::TimeField { measurement }).into())
    }

    fn time(&self, parser: &mut Parser<'a>, place: Place) -> LineResult<Timestamp> {
        let Some(units) = parser.timestamp()? else {
            return Ok(self.rules.now);
        };
        let time = self
            .rules
            .precision
            .timestamp(units)
            .ok_or_else(|| Box::new(Fault::TimeOverflow))?;
        if time < self.oldest {
            let table = self.tables[place.table as usize].name().clone();
            return Err(Box::new(Fault::Retention {
                table,
                oldest: self.oldest,
                observed: time,
            }));
        }
        Ok(time)
    }

    /// The cached table and the builder for a name.
    fn table(&mut self, name: &str) -> LineResult<(u32, u32)> {
        if let Some(found) = self.cache.built_table(name) {
            return Ok(found);
        }
        let (builder, id) = match self.schema.table(name) {
            Some(known) => (
                TableBuilder::known(known, self.room.rows()),
                Some(known.id()),
            ),
            None => {
                self.check_tables_limit()?;
                self.tables_new += 1;
                let columns_max = self.schema.columns_max;
                let builder = TableBuilder::new(name.into(), columns_max, self.room.rows());
                (builder, None)
            }
        };
        let cached = self.cache.table(builder.name(), id);
        Ok((cached, self.build(cached, builder)))
    }

    /// Takes a builder in, for a table of the cache.
    fn build(&mut self, cached: u32, builder: TableBuilder<'a>) -> u32 {
        let number = self.tables.len() as u32;
        self.tables.push(builder);
        self.cache.set_builder(cached, number);
        number
    }

    fn check_tables_limit(&self) -> LineResult<()> {
        let existing = self.schema.tables.len() as u32 + self.tables_new;
        let limit = self.schema.tables_max;
        if existing < limit {
            Ok(())
        } else {
            Err(Box::new(Fault::TablesMax { existing, limit }))
        }
    }

    #[cold]
    fn refuse(&mut self, parser: &mut Parser<'a>, fault: &Fault) -> Result<(), TooLarge> {
        if matches!(fault, Fault::TooManyCells) {
            return Err(TooLarge::Cells {
                max: self.rules.cells_max,
            });
        }
        self.undo();
        self.rejections.total += 1;
        if matches!(fault, Fault::Retention { .. }) {
            self.rejections.outside_retention += 1;
        }
        if self.rejections.lines.len() < self.rules.line_errors_max {
            let line = parser.line_number();
            self.rejections.lines.push(RejectedLine {
                line,
                message: fault.message(line),
            });
        }
        parser.skip_line();
        Ok(())
    }

    /// Takes back all that the current line has added.
    fn undo(&mut self) {
        let Some(table) = self.current else { return };
        self.room.cells += self.tables[table as usize].undo();
        self.cache.undo_line();
        if self.tables.len() > self.tables_before
            && let Some(table) = self.tables.pop()
        {
            self.cache.unset_builder(table.name());
            self.tables_new -= u32::from(table.is_new());
        }
    }

    fn finish(self) -> Result<Converted, TooLarge> {
        let requests: Vec<_> = self
            .tables
            .iter()
            .filter_map(TableBuilder::request)
            .collect();
        let mut tables = Vec::new();
        if requests.is_empty() {
            for table in self.tables {
                partition::split(table, &mut tables)?;
            }
        }
        Ok(Converted {
            requests,
            tables,
            rejections: self.rejections,
        })
    }
}

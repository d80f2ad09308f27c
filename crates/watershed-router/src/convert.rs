//! From lines to columns, in one pass.
//!
//! The common line costs: one look-up of its series by its raw bytes (`measurement,tag=value,…` exactly
//! as sent), then per field a compare of the key with the one that followed last time, and a push onto a
//! vector. Names, tags and types are looked at only when a series or a field order is new.
//!
//! A line is undone whole when anything in it is wrong: values by truncating, names and series by taking
//! back what the line added. So a refused line leaves no trace, neither a column nor a type.

mod fault;
mod field;
mod partition;
mod raw_series;
mod table;

use crate::RejectedLine;
use fault::{Fault, LineResult};
use hashbrown::HashMap;
use raw_series::{Place, RawSeriesMap};
use table::{Step, TableBuilder};
use watershed_catalog::TableRequest;
use watershed_line_protocol::{Parser, RawSeries, Reason};
use watershed_model::{DatabaseSchema, Precision, TableBatch, TableName, Timestamp};

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

/// Converts a body under a schema.
///
/// # Errors
/// [`TooLarge`].
pub fn convert(schema: &DatabaseSchema, body: &str, rules: &Rules) -> Result<Converted, TooLarge> {
    let mut converter = Converter::new(schema, rules);
    let mut parser = Parser::new(body);
    while let Some(series) = parser.next_series() {
        converter.current = None;
        match converter.line(&mut parser, series) {
            Ok(()) => converter.rejections.accepted += 1,
            Err(fault) => converter.refuse(&mut parser, &fault)?,
        }
    }
    converter.finish()
}

struct Converter<'a> {
    schema: &'a DatabaseSchema,
    rules: &'a Rules,
    /// Points before this are outside retention.
    oldest: Timestamp,
    tables: Vec<TableBuilder<'a>>,
    table_names: HashMap<TableName, u32, foldhash::fast::RandomState>,
    /// How many of `tables` the schema lacks.
    tables_new: u32,
    raw_series: RawSeriesMap<'a>,
    cells_left: usize,
    rejections: Rejections,
    /// The table the current line has touched, and what there was before the line.
    current: Option<u32>,
    before: Before,
}

#[derive(Default)]
struct Before {
    tables: usize,
    raw_series: usize,
}

impl<'a> Converter<'a> {
    fn new(schema: &'a DatabaseSchema, rules: &'a Rules) -> Self {
        let oldest = schema
            .retention_nanos
            .map_or(i64::MIN, |kept| rules.now.nanos().saturating_sub(kept));
        Self {
            schema,
            rules,
            oldest: Timestamp::from_nanos(oldest),
            tables: Vec::new(),
            table_names: HashMap::default(),
            tables_new: 0,
            raw_series: RawSeriesMap::default(),
            cells_left: rules.cells_max,
            rejections: Rejections::default(),
            current: None,
            before: Before::default(),
        }
    }

    /// Takes in a line, or fails and leaves what it began to [`undo`](Self::undo).
    fn line(&mut self, parser: &mut Parser<'a>, raw: RawSeries<'a>) -> LineResult<()> {
        let place = match self.raw_series.find(raw.as_str()) {
            Some(place) => place,
            None => self.add_series(raw)?,
        };
        self.begin(place.table);
        self.fields(parser, place)?;
        let time = self.time(parser, place)?;
        let table = &mut self.tables[place.table as usize];
        table.check_limit()?;
        let cells = self.cells_left.checked_sub(table.field_count());
        self.cells_left = cells.ok_or_else(|| Box::new(Fault::TooManyCells))?;
        table.commit(place.series, time);
        Ok(())
    }

    /// Notes the state before the line, once for a line.
    fn begin(&mut self, table: u32) {
        if self.current.is_none() {
            self.before = Before {
                tables: self.tables.len(),
                raw_series: self.raw_series.len(),
            };
            self.tables[table as usize].begin();
            self.current = Some(table);
        }
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
                match table.find_field(previous, field, &mut self.cells_left)? {
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

    /// Parses a series that was not seen before, byte for byte.
    #[cold]
    fn add_series(&mut self, raw: RawSeries<'a>) -> LineResult<Place> {
        let series = raw.parse()?;
        self.before = Before {
            tables: self.tables.len(),
            raw_series: self.raw_series.len(),
        };
        let table = self.table(&series.measurement)?;
        self.tables[table as usize].begin();
        self.current = Some(table);
        let number = self.tables[table as usize].add_series(&series.tags)?;
        let place = Place {
            table,
            series: number,
        };
        self.raw_series.insert(raw.as_str(), place);
        Ok(place)
    }

    fn table(&mut self, name: &str) -> LineResult<u32> {
        if let Some(table) = self.table_names.get(name) {
            return Ok(*table);
        }
        let known = self.schema.table(name);
        if known.is_none() {
            self.check_tables_limit()?;
            self.tables_new += 1;
        }
        let builder = match known {
            Some(known) => TableBuilder::known(known),
            None => TableBuilder::new(name.into(), self.schema.columns_max),
        };
        let number = self.tables.len() as u32;
        self.table_names.insert(builder.name().clone(), number);
        self.tables.push(builder);
        Ok(number)
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
        self.cells_left += self.tables[table as usize].undo();
        self.raw_series.truncate(self.before.raw_series);
        if self.tables.len() > self.before.tables
            && let Some(table) = self.tables.pop()
        {
            self.table_names.remove(table.name());
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

//! The rows of one table, while lines come in.

use super::Room;
use super::fault::{Fault, LineResult};
use super::field::{Clash, FieldBuilder, column_type};
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use std::borrow::Cow;
use std::sync::Arc;
use watershed_catalog::{ColumnRequest, TableRequest};
use watershed_line_protocol::{Field, FieldKind, Parser, Reason, Value};
use watershed_model::{
    ColumnId, ColumnName, ColumnType, FieldColumn, SeriesList, TIME_COLUMN, TableId, TableName,
    TableSchema, Timestamp,
};

/// What to do with a field.
pub(super) enum Step {
    /// Its value goes into this field column.
    Field(u32),
    /// Nothing: it is named `time`, or the line is over the column limit and will be refused.
    Dropped,
}

/// A column that lines of this batch have used.
#[derive(Debug, Clone, Copy)]
enum Known {
    Tag(u32),
    Field(u32),
}

#[derive(Debug)]
struct TagColumn {
    name: ColumnName,
    /// A placeholder, different for each tag of the table, for a column that is not in the catalog yet.
    column: ColumnId,
    is_new: bool,
}

/// What there was before the current line.
#[derive(Debug, Default)]
struct Before {
    tags: usize,
    fields: usize,
    series: usize,
}

#[derive(Debug)]
pub(super) struct TableBuilder<'a> {
    name: TableName,
    /// `None` for a table that is not in the catalog yet.
    schema: Option<Arc<TableSchema>>,
    columns_max: u32,
    /// Columns in the catalog and new ones, `time` included.
    columns: u32,
    /// Columns the current line needs beyond the limit.
    columns_over: u32,
    known: HashMap<ColumnName, Known, RandomState>,
    tags: Vec<TagColumn>,
    /// The tags of the last new series, in its order: the next one is likely to have the same.
    tag_order: Vec<u32>,
    fields: Vec<FieldBuilder<'a>>,
    /// The first field of the last line.
    first_field: u32,
    series: SeriesList,
    row_series: Vec<u32>,
    times: Vec<i64>,
    before: Before,
}

/// The finished columns of a table.
#[derive(Debug)]
pub(super) struct TableRows {
    pub(super) table: TableId,
    pub(super) series: SeriesList,
    pub(super) row_series: Vec<u32>,
    pub(super) times: Vec<i64>,
    /// By ascending column id, each with at least one value.
    pub(super) fields: Vec<FieldColumn>,
}

impl<'a> TableBuilder<'a> {
    /// A builder for a table of the catalog, with room for so many rows.
    pub(super) fn known(schema: &Arc<TableSchema>, rows_expected: usize) -> Self {
        let columns = schema.columns().len() as u32;
        let mut builder = Self::new(schema.name().clone(), schema.columns_max(), rows_expected);
        builder.columns = columns;
        builder.schema = Some(Arc::clone(schema));
        builder
    }

    /// A builder for a table that is still to be created.
    pub(super) fn new(name: TableName, columns_max: u32, rows_expected: usize) -> Self {
        Self {
            name,
            schema: None,
            columns_max,
            columns: 1,
            columns_over: 0,
            known: HashMap::default(),
            tags: Vec::new(),
            tag_order: Vec::new(),
            fields: Vec::new(),
            first_field: u32::MAX,
            series: SeriesList::default(),
            row_series: Vec::with_capacity(rows_expected),
            times: Vec::with_capacity(rows_expected),
            before: Before::default(),
        }
    }

    pub(super) fn name(&self) -> &TableName {
        &self.name
    }

    pub(super) fn is_new(&self) -> bool {
        self.schema.is_none()
    }

    pub(super) fn field_count(&self) -> usize {
        self.fields.len()
    }

    /// Notes the state before a line.
    #[inline]
    pub(super) fn begin(&mut self) {
        let (tags, fields, series) = (self.tags.len(), self.fields.len(), self.series.len());
        self.before = Before {
            tags,
            fields,
            series,
        };
    }

    /// The columns of the tags of a series, by ascending id. Tags that the table has no room for are left
    /// out: the line will be refused.
    pub(super) fn keyed_tags<'t>(
        &mut self,
        tags: &'t [(Cow<'a, str>, Cow<'a, str>)],
    ) -> LineResult<Vec<(ColumnId, &'t str)>> {
        let mut keyed: Vec<(ColumnId, &str)> = Vec::with_capacity(tags.len());
        for (at, (key, value)) in tags.iter().enumerate() {
            if let Some(column) = self.tag(at, key)? {
                keyed.push((column, value));
            }
        }
        if !keyed.is_sorted_by_key(|(column, _)| *column) {
            keyed.sort_unstable_by_key(|(column, _)| *column);
        }
        Ok(keyed)
    }

    /// Appends a series that the batch does not have yet and returns its number.
    pub(super) fn add_series(&mut self, key: &[u8]) -> u32 {
        self.series.push_key(key)
    }

    /// The column of the tag `key`, which stands at place `at` of its series. `None` when the limit leaves
    /// no room for it.
    fn tag(&mut self, at: usize, key: &str) -> LineResult<Option<ColumnId>> {
        let guess = self
            .tag_order
            .get(at)
            .and_then(|tag| self.tags.get(*tag as usize));
        if let Some(tag) = guess
            && tag.name.as_str() == key
        {
            return Ok(Some(tag.column));
        }
        let Some(number) = self.find_tag(key)? else {
            return Ok(None);
        };
        self.tag_order.truncate(at);
        self.tag_order.push(number);
        Ok(Some(self.tags[number as usize].column))
    }

    fn find_tag(&mut self, key: &str) -> LineResult<Option<u32>> {
        match self.known.get(key) {
            Some(Known::Tag(number)) => return Ok(Some(*number)),
            Some(Known::Field(number)) => {
                let existing = self.fields[*number as usize].column_type();
                return Err(type_fault(key, existing, ColumnType::Tag));
            }
            None => {}
        }
        let column = match self.catalog_column(key) {
            Some((_, existing)) if existing != ColumnType::Tag => {
                return Err(type_fault(key, existing, ColumnType::Tag));
            }
            Some((column, _)) => Some(column),
            None if self.make_room() => None,
            None => return Ok(None),
        };
        Ok(Some(self.add_tag(key.into(), column)))
    }

    fn add_tag(&mut self, name: ColumnName, column: Option<ColumnId>) -> u32 {
        let number = self.tags.len() as u32;
        let placeholder = ColumnId::new(-1 - i64::from(number));
        self.known.insert(name.clone(), Known::Tag(number));
        self.tags.push(TagColumn {
            name,
            column: column.unwrap_or(placeholder),
            is_new: column.is_none(),
        });
        number
    }

    fn catalog_column(&self, name: &str) -> Option<(ColumnId, ColumnType)> {
        let column = self.schema.as_ref()?.column(name)?;
        Some((column.id, column.column_type))
    }

    /// Counts a new column; `false` when the table has no room for it.
    fn make_room(&mut self) -> bool {
        let fits = self.columns < self.columns_max;
        if fits {
            self.columns += 1;
        } else {
            self.columns_over += 1;
        }
        fits
    }

    /// The field that came after `previous` (at the start of a line if `None`) last time, and its key.
    #[inline]
    pub(super) fn expected_after(&self, previous: Option<u32>) -> (u32, Option<&'a str>) {
        let guess = match previous {
            Some(previous) => self.fields[previous as usize].follower,
            None => self.first_field,
        };
        (
            guess,
            self.fields.get(guess as usize).map(|field| field.raw),
        )
    }

    /// The column of a field that is not the expected one. `previous` learns what came after it.
    pub(super) fn find_field(
        &mut self,
        previous: Option<u32>,
        field: &Field<'a>,
        room: &mut Room,
    ) -> LineResult<Step> {
        let name = field.key.name();
        let number = match self.known.get(name.as_ref()) {
            Some(Known::Field(number)) => *number,
            Some(Known::Tag(_)) => {
                return Err(type_fault(
                    &name,
                    ColumnType::Tag,
                    column_type(field.value.kind()),
                ));
            }
            None if name == TIME_COLUMN => return Ok(Step::Dropped),
            None => match self.add_field(&name, field, room)? {
                Some(number) => number,
                None => return Ok(Step::Dropped),
            },
        };
        self.fields[number as usize].raw = field.key.raw();
        match previous {
            Some(previous) => self.fields[previous as usize].follower = number,
            None => self.first_field = number,
        }
        Ok(Step::Field(number))
    }

    /// Adds the column of a field that the batch has not used yet. `None` when the limit leaves no room.
    fn add_field(
        &mut self,
        name: &str,
        field: &Field<'a>,
        room: &mut Room,
    ) -> LineResult<Option<u32>> {
        let offered = field.value.kind();
        let column = match self.catalog_column(name) {
            Some((_, existing)) if existing != column_type(offered) => {
                return Err(type_fault(name, existing, column_type(offered)));
            }
            Some((column, _)) => Some(column),
            None if self.make_room() => None,
            None => return Ok(None),
        };
        let left = room.cells.checked_sub(self.times.len());
        room.cells = left.ok_or_else(|| Box::new(Fault::TooManyCells))?;
        let number = self.fields.len() as u32;
        let name = ColumnName::from(name);
        self.known.insert(name.clone(), Known::Field(number));
        self.fields.push(FieldBuilder::new(
            name,
            column,
            offered,
            field.key.raw(),
            room.rows(),
        ));
        Ok(Some(number))
    }

    /// Sets a field of the current line.
    #[inline]
    pub(super) fn set(&mut self, field: u32, value: &Value<'a>) -> Result<(), Clash> {
        self.fields[field as usize].set(self.times.len(), value)
    }

    /// The fault behind a clash that [`set`](Self::set) reported.
    #[cold]
    pub(super) fn clash(
        &self,
        field: u32,
        offered: FieldKind,
        clash: Clash,
        parser: &Parser<'a>,
    ) -> Box<Fault> {
        let field = &self.fields[field as usize];
        match clash {
            Clash::Repeated => parser
                .error(Reason::DuplicateField {
                    name: field.name.to_string(),
                })
                .into(),
            Clash::Type => type_fault(
                field.name.as_str(),
                field.column_type(),
                column_type(offered),
            ),
        }
    }

    /// Whether the current line needs more columns than there is room for.
    pub(super) fn is_over_limit(&self) -> bool {
        self.columns_over > 0
    }

    /// Refuses the current line if it is over the limit.
    #[inline]
    pub(super) fn check_limit(&self) -> LineResult<()> {
        if self.columns_over == 0 {
            Ok(())
        } else {
            Err(self.limit_fault())
        }
    }

    #[cold]
    fn limit_fault(&self) -> Box<Fault> {
        let new_tags = self.tags[self.before.tags..]
            .iter()
            .filter(|tag| tag.is_new)
            .count();
        let new_fields = self.fields[self.before.fields..]
            .iter()
            .filter(|field| field.is_new)
            .count();
        Box::new(Fault::ColumnsMax {
            table: self.name.clone(),
            existing: self.columns - (new_tags + new_fields) as u32,
            wanted: self.columns + self.columns_over,
            limit: self.columns_max,
        })
    }

    /// Makes the fields set since [`begin`](Self::begin) a row.
    #[inline]
    pub(super) fn commit(&mut self, series: u32, time: Timestamp) {
        self.row_series.push(series);
        self.times.push(time.nanos());
    }

    /// Takes back what the line has added. Returns the cells that become free.
    pub(super) fn undo(&mut self) -> usize {
        let rows = self.times.len();
        self.columns_over = 0;
        self.series.truncate(self.before.series);
        for tag in self.tags.drain(self.before.tags..) {
            self.known.remove(&tag.name);
            self.columns -= u32::from(tag.is_new);
        }
        let added = self.fields.len() - self.before.fields;
        for field in self.fields.drain(self.before.fields..) {
            self.known.remove(&field.name);
            self.columns -= u32::from(field.is_new);
        }
        self.fields.iter_mut().for_each(|field| field.undo(rows));
        added * rows
    }

    /// What the catalog has to create before the rows can be written.
    pub(super) fn request(&self) -> Option<TableRequest> {
        let tags = self.tags.iter().filter(|tag| tag.is_new);
        let tags = tags.map(|tag| (&tag.name, ColumnType::Tag));
        let fields = self.fields.iter().filter(|field| field.is_new);
        let fields = fields.map(|field| (&field.name, field.column_type()));
        let columns: Vec<ColumnRequest> = tags
            .chain(fields)
            .map(|(name, column_type)| ColumnRequest {
                name: name.clone(),
                column_type,
            })
            .collect();
        (self.is_new() || !columns.is_empty()).then(|| TableRequest {
            table: self.name.clone(),
            columns,
        })
    }

    /// The rows; `None` when there is none or the table is not in the catalog.
    pub(super) fn finish(self) -> Option<TableRows> {
        let rows = self.times.len();
        let schema = self.schema.filter(|_| rows > 0)?;
        let mut fields: Vec<FieldColumn> = self
            .fields
            .into_iter()
            .filter_map(|field| field.finish(rows))
            .collect();
        fields.sort_unstable_by_key(|field| field.column);
        Some(TableRows {
            table: schema.id(),
            series: self.series,
            row_series: self.row_series,
            times: self.times,
            fields,
        })
    }
}

#[cold]
fn type_fault(column: &str, existing: ColumnType, offered: ColumnType) -> Box<Fault> {
    Box::new(Fault::ColumnType {
        column: column.into(),
        existing,
        offered,
    })
}

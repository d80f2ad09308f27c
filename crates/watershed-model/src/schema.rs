//! What the columns of a table are.

use crate::{ColumnId, ColumnName, DatabaseId, DatabaseName, TIME_COLUMN, TableId, TableName};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

/// The type of a column, fixed by its first writer for the life of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ColumnType {
    /// Part of the key: text, or absent.
    Tag,
    /// The other part of the key. Every table has exactly one, named `time`.
    Time,
    /// 64-bit float.
    F64,
    /// Signed 64-bit integer.
    I64,
    /// Unsigned 64-bit integer.
    U64,
    /// Boolean.
    Bool,
    /// UTF-8 text.
    String,
}

impl ColumnType {
    /// Whether the column is neither tag nor time.
    pub const fn is_field(self) -> bool {
        !matches!(self, Self::Tag | Self::Time)
    }

    /// The short word error texts use: `tag`, `time`, `f64`, `i64`, `u64`, `bool`, `string`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tag => "tag",
            Self::Time => "time",
            Self::F64 => "f64",
            Self::I64 => "i64",
            Self::U64 => "u64",
            Self::Bool => "bool",
            Self::String => "string",
        }
    }

    /// Reads what [`as_str`](Self::as_str) writes.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "tag" => Self::Tag,
            "time" => Self::Time,
            "f64" => Self::F64,
            "i64" => Self::I64,
            "u64" => Self::U64,
            "bool" => Self::Bool,
            "string" => Self::String,
            _ => return None,
        })
    }

    /// The name clients know the type by: the value of the field metadata `iox::column::type`, also
    /// used in schema conflict texts.
    pub const fn influx_name(self) -> &'static str {
        match self {
            Self::Tag => "iox::column_type::tag",
            Self::Time => "iox::column_type::timestamp",
            Self::F64 => "iox::column_type::field::float",
            Self::I64 => "iox::column_type::field::integer",
            Self::U64 => "iox::column_type::field::uinteger",
            Self::Bool => "iox::column_type::field::boolean",
            Self::String => "iox::column_type::field::string",
        }
    }
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Never changes and is never given to another column.
    pub id: ColumnId,
    /// As written by clients.
    pub name: ColumnName,
    /// Fixed by the first writer.
    pub column_type: ColumnType,
}

/// The columns of a table at one moment. Columns are only ever added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSchema {
    id: TableId,
    name: TableName,
    columns: Vec<Column>,
    by_id: HashMap<ColumnId, usize>,
    columns_max: u32,
}

impl TableSchema {
    /// Builds a schema. `columns` may come in any order; they are kept in name order (bytes), the
    /// order in which SQL lists them and by which tags form the sort key. `columns_max` is the
    /// table's own limit, `time` included.
    pub fn new(id: TableId, name: TableName, mut columns: Vec<Column>, columns_max: u32) -> Self {
        columns.sort_by(|a, b| a.name.cmp(&b.name));
        let by_id = columns.iter().enumerate().map(|(i, c)| (c.id, i)).collect();
        Self {
            id,
            name,
            columns,
            by_id,
            columns_max,
        }
    }

    /// The table.
    pub fn id(&self) -> TableId {
        self.id
    }

    /// Its name.
    pub fn name(&self) -> &TableName {
        &self.name
    }

    /// All columns in name order, `time` among them.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The tag columns in name order: with time, the key of a row and the sort key of files.
    pub fn tags(&self) -> impl Iterator<Item = &Column> {
        self.columns
            .iter()
            .filter(|c| c.column_type == ColumnType::Tag)
    }

    /// The field columns in name order.
    pub fn fields(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|c| c.column_type.is_field())
    }

    /// The column of that name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        let at = self
            .columns
            .binary_search_by(|c| c.name.as_str().cmp(name))
            .ok()?;
        Some(&self.columns[at])
    }

    /// The column with that id.
    pub fn column_by_id(&self, id: ColumnId) -> Option<&Column> {
        self.by_id.get(&id).map(|at| &self.columns[*at])
    }

    /// The most columns the table may have, `time` included. Fixed when the table was created.
    pub fn columns_max(&self) -> u32 {
        self.columns_max
    }

    /// The time column.
    ///
    /// # Panics
    /// When there is none: the catalog creates it with the table.
    pub fn time(&self) -> &Column {
        match self.column(TIME_COLUMN) {
            Some(column) => column,
            None => panic!("table {} has no time column", self.name),
        }
    }
}

/// A database and its tables at one moment.
#[derive(Debug, Clone)]
pub struct DatabaseSchema {
    /// Never changes and is never given to another database.
    pub id: DatabaseId,
    /// The name at that moment.
    pub name: DatabaseName,
    /// How long points are kept, in nanoseconds; `None` for ever.
    pub retention_nanos: Option<i64>,
    /// The most tables the database may have.
    pub tables_max: u32,
    /// The most columns (with `time`) a table created from now on may have.
    pub columns_max: u32,
    /// The tables by name.
    pub tables: BTreeMap<TableName, Arc<TableSchema>>,
}

impl DatabaseSchema {
    /// The table of that name.
    pub fn table(&self, name: &str) -> Option<&Arc<TableSchema>> {
        self.tables.get(name)
    }
}

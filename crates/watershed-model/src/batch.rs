//! The columnar batch: what a write request becomes, what the log holds, what the buffer takes in.
//!
//! A [`WriteBatch`] holds the rows of one request for one database, split by table and partition.
//! Rows keep the order of their lines. Tags are not columns here: each row names a *series*, an
//! index into the batch's list of distinct tag sets, so a tag set is stored once however many rows
//! have it.
//!
//! [`codec`] is the only encoding: it is written to the log and, in a cluster, sent to ingesters.

mod bitmap;
pub mod codec;
mod series;

use crate::{ColumnId, DatabaseId, PartitionKey, TableId, TimeRange, Timestamp};
pub use bitmap::Bitmap;
pub use series::{SeriesList, SeriesTags};

/// The accepted rows of one request.
#[derive(Debug, Clone, PartialEq)]
pub struct WriteBatch {
    /// Where they go.
    pub database: DatabaseId,
    /// The rows, by table and partition; no pair of table and partition occurs twice.
    pub tables: Vec<TableBatch>,
}

impl WriteBatch {
    /// Rows over all tables.
    pub fn rows(&self) -> usize {
        self.tables.iter().map(TableBatch::rows).sum()
    }
}

/// The rows of one table in one partition, in line order.
#[derive(Debug, Clone, PartialEq)]
pub struct TableBatch {
    /// The table.
    pub table: TableId,
    /// The partition all rows fall into.
    pub partition: PartitionKey,
    /// The distinct tag sets of the rows.
    pub series: SeriesList,
    /// For each row the index of its tag set in `series`.
    pub row_series: Vec<u32>,
    /// For each row its time in nanoseconds.
    pub times: Vec<i64>,
    /// The field columns that at least one row has, by ascending column id; each as long as `times`.
    pub fields: Vec<FieldColumn>,
}

impl TableBatch {
    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.times.len()
    }

    /// The first and the last time of the rows; [`TimeRange::ALL`] reversed (empty) without rows.
    pub fn time_range(&self) -> TimeRange {
        let empty = TimeRange {
            min: Timestamp::MAX,
            max: Timestamp::MIN,
        };
        self.times.iter().fold(empty, |range, time| TimeRange {
            min: range.min.min(Timestamp::from_nanos(*time)),
            max: range.max.max(Timestamp::from_nanos(*time)),
        })
    }

    /// The bytes the batch holds in memory, allocated capacity included.
    pub fn memory_bytes(&self) -> usize {
        self.series.memory_bytes()
            + self.row_series.capacity() * size_of::<u32>()
            + self.times.capacity() * size_of::<i64>()
            + self
                .fields
                .iter()
                .map(FieldColumn::memory_bytes)
                .sum::<usize>()
    }
}

/// One field over the rows of a [`TableBatch`].
#[derive(Debug, Clone, PartialEq)]
pub struct FieldColumn {
    /// The column.
    pub column: ColumnId,
    /// A value for each row; where the row has none, any value (zero or empty by custom).
    pub values: FieldValues,
    /// Which rows have a value; `None` when all have.
    pub validity: Option<Bitmap>,
}

impl FieldColumn {
    /// Whether row `row` has a value.
    pub fn is_valid(&self, row: usize) -> bool {
        self.validity.as_ref().is_none_or(|v| v.get(row))
    }

    /// The bytes the column holds in memory, allocated capacity included.
    pub fn memory_bytes(&self) -> usize {
        self.values.memory_bytes() + self.validity.as_ref().map_or(0, Bitmap::memory_bytes)
    }
}

/// The values of a field column, dense over the rows.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldValues {
    /// Floats, bit for bit.
    F64(Vec<f64>),
    /// Signed integers.
    I64(Vec<i64>),
    /// Unsigned integers.
    U64(Vec<u64>),
    /// Booleans.
    Bool(Vec<bool>),
    /// Text.
    String(StringValues),
}

impl FieldValues {
    /// The number of values.
    pub fn len(&self) -> usize {
        match self {
            Self::F64(v) => v.len(),
            Self::I64(v) => v.len(),
            Self::U64(v) => v.len(),
            Self::Bool(v) => v.len(),
            Self::String(v) => v.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes held in memory, allocated capacity included.
    pub fn memory_bytes(&self) -> usize {
        match self {
            Self::F64(v) => v.capacity() * 8,
            Self::I64(v) => v.capacity() * 8,
            Self::U64(v) => v.capacity() * 8,
            Self::Bool(v) => v.capacity(),
            Self::String(v) => v.memory_bytes(),
        }
    }
}

/// Texts laid end to end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StringValues {
    ends: Vec<u32>,
    bytes: String,
}

impl StringValues {
    /// Appends a text.
    ///
    /// # Panics
    /// When all texts together pass 4 GiB: request and buffer limits lie far below.
    pub fn push(&mut self, value: &str) {
        self.push_with(|bytes| bytes.push_str(value));
    }

    /// Appends the text that `append` appends to those before, which it must leave alone.
    ///
    /// # Panics
    /// As [`push`](Self::push).
    pub fn push_with(&mut self, append: impl FnOnce(&mut String)) {
        append(&mut self.bytes);
        let Ok(end) = u32::try_from(self.bytes.len()) else {
            panic!("a column of texts passed 4 GiB");
        };
        self.ends.push(end);
    }

    /// Takes over texts laid end to end and where each ends; `None` when the ends do not ascend, cut a
    /// character, or do not come out at the end of `bytes`.
    pub fn from_parts(ends: Vec<u32>, bytes: String) -> Option<Self> {
        let closed = ends.last().map_or(0, |end| *end as usize) == bytes.len();
        let whole = ends.iter().all(|end| bytes.is_char_boundary(*end as usize));
        (closed && whole && ends.is_sorted()).then_some(Self { ends, bytes })
    }

    /// The text at `index`.
    pub fn get(&self, index: usize) -> &str {
        let start = if index == 0 {
            0
        } else {
            self.ends[index - 1] as usize
        };
        &self.bytes[start..self.ends[index] as usize]
    }

    /// All texts in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        (0..self.len()).map(|index| self.get(index))
    }

    /// Keeps the first `len` texts.
    pub fn truncate(&mut self, len: usize) {
        if len < self.ends.len() {
            let end = if len == 0 {
                0
            } else {
                self.ends[len - 1] as usize
            };
            self.ends.truncate(len);
            self.bytes.truncate(end);
        }
    }

    /// The number of texts.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Where each text ends in [`all`](Self::all); it starts where the one before ends.
    pub fn ends(&self) -> &[u32] {
        &self.ends
    }

    /// All texts, one after another.
    pub fn all(&self) -> &str {
        &self.bytes
    }

    /// The bytes held in memory, allocated capacity included.
    pub fn memory_bytes(&self) -> usize {
        self.ends.capacity() * 4 + self.bytes.capacity()
    }
}

//! Columns from rows in any order.

use super::order::{OrderedRows, Row};
use super::rank::{RankedSeries, RankedTag};
use crate::buffer::Chunk;
use crate::error::MaterialiseError;
use arrow::array::builder::{BooleanBuilder, NullBufferBuilder, StringBuilder};
use arrow::array::{
    ArrayRef, ArrowPrimitiveType, DictionaryArray, Int32Array, PrimitiveArray, RecordBatch,
    TimestampNanosecondArray, new_null_array,
};
use arrow::buffer::ScalarBuffer;
use arrow::datatypes::{Float64Type, Int64Type, SchemaRef, UInt64Type};
use std::ops::Range;
use std::sync::Arc;
use watershed_model::{
    Bitmap, Column, ColumnId, ColumnType, FieldColumn, FieldValues, StringValues, TableSchema,
};

/// The columns asked for, and where their values come from.
pub(super) struct Columns<'a> {
    schema: SchemaRef,
    sources: Vec<Source<'a>>,
}

enum Source<'a> {
    Time,
    Tag(&'a RankedTag),
    /// For each chunk the column, if the chunk has it.
    Field(&'a Column, Vec<Option<&'a FieldColumn>>),
    /// The table does not have it.
    Nothing,
}

impl<'a> Columns<'a> {
    pub(super) fn new(
        chunks: &'a [Arc<Chunk>],
        ranked: &'a RankedSeries,
        table: &'a TableSchema,
        schema: &SchemaRef,
    ) -> Self {
        let source = |name: &str| match table.column(name) {
            None => Source::Nothing,
            Some(column) if column.column_type == ColumnType::Time => Source::Time,
            Some(column) if column.column_type == ColumnType::Tag => {
                ranked.tag(column.id).map_or(Source::Nothing, Source::Tag)
            }
            Some(column) => Source::Field(column, in_chunks(chunks, column.id)),
        };
        let sources = schema
            .fields()
            .iter()
            .map(|field| source(field.name()))
            .collect();
        Self {
            schema: Arc::clone(schema),
            sources,
        }
    }

    /// The batch of a run of rows.
    pub(super) fn gather(
        &self,
        rows: &OrderedRows,
        range: Range<usize>,
    ) -> Result<RecordBatch, MaterialiseError> {
        let places = &rows.rows()[range.clone()];
        let ranks = &rows.ranks()[range];
        let mut arrays = Vec::with_capacity(self.sources.len());
        for (source, field) in self.sources.iter().zip(self.schema.fields()) {
            arrays.push(match source {
                Source::Time => times(places),
                Source::Tag(tag) => tag_values(tag, ranks)?,
                Source::Field(column, chunks) => field_values(column, chunks, places)?,
                Source::Nothing => new_null_array(field.data_type(), places.len()),
            });
        }
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), arrays)?)
    }
}

fn in_chunks(chunks: &[Arc<Chunk>], column: ColumnId) -> Vec<Option<&FieldColumn>> {
    let find = |chunk: &'_ Chunk| {
        chunk
            .fields
            .binary_search_by_key(&column, |f| f.column)
            .ok()
    };
    chunks
        .iter()
        .map(|chunk| find(chunk).map(|at| &chunk.fields[at]))
        .collect()
}

fn times(rows: &[Row]) -> ArrayRef {
    Arc::new(TimestampNanosecondArray::from_iter_values(
        rows.iter().map(|row| row.time),
    ))
}

fn tag_values(tag: &RankedTag, ranks: &[u32]) -> Result<ArrayRef, MaterialiseError> {
    let keys = ranks.iter().map(|rank| tag.keys[*rank as usize]);
    let keys: Int32Array = if tag.is_absent_somewhere {
        keys.map(|key| Some(key).filter(|key| *key >= 0)).collect()
    } else {
        Int32Array::from_iter_values(keys)
    };
    Ok(Arc::new(DictionaryArray::try_new(
        keys,
        Arc::clone(&tag.values),
    )?))
}

fn field_values(
    column: &Column,
    chunks: &[Option<&FieldColumn>],
    rows: &[Row],
) -> Result<ArrayRef, MaterialiseError> {
    let mismatch = || MaterialiseError::ColumnType { column: column.id };
    // One look at the types of the chunks, none at those of the rows.
    macro_rules! parts {
        ($variant:ident) => {
            Parts::new(chunks, |values| match values {
                FieldValues::$variant(values) => Some(values),
                _ => None,
            })
            .ok_or_else(mismatch)?
        };
    }
    Ok(match column.column_type {
        ColumnType::F64 => primitives::<Float64Type>(&parts!(F64), rows),
        ColumnType::I64 => primitives::<Int64Type>(&parts!(I64), rows),
        ColumnType::U64 => primitives::<UInt64Type>(&parts!(U64), rows),
        ColumnType::Bool => booleans(&parts!(Bool), rows),
        ColumnType::String => strings(&parts!(String), rows),
        ColumnType::Tag | ColumnType::Time => return Err(mismatch()),
    })
}

/// One field column over the chunks of a piece, as values of one type.
struct Parts<'a, T>(Vec<Option<(&'a T, Option<&'a Bitmap>)>>);

impl<'a, T> Parts<'a, T> {
    /// `None` when a chunk has another type.
    fn new(
        chunks: &[Option<&'a FieldColumn>],
        typed: impl Fn(&'a FieldValues) -> Option<&'a T>,
    ) -> Option<Self> {
        let part = |field: &'a FieldColumn| Some((typed(&field.values)?, field.validity.as_ref()));
        let parts = chunks.iter().map(|chunk| match chunk {
            Some(field) => part(field).map(Some),
            None => Some(None),
        });
        parts.collect::<Option<Vec<_>>>().map(Self)
    }

    /// The values of each chunk, if every row has one.
    fn whole(&self) -> Option<Vec<&'a T>> {
        let whole = |part: &Option<(&'a T, Option<&'a Bitmap>)>| match part {
            Some((values, None)) => Some(*values),
            _ => None,
        };
        self.0.iter().map(whole).collect()
    }

    /// The values of the row's chunk, if the row has one.
    fn values(&self, row: &Row) -> Option<&'a T> {
        let (values, validity) = self.0[row.chunk as usize]?;
        validity
            .is_none_or(|validity| validity.get(row.row as usize))
            .then_some(values)
    }
}

fn primitives<T: ArrowPrimitiveType>(parts: &Parts<'_, Vec<T::Native>>, rows: &[Row]) -> ArrayRef {
    // The usual case: each line has each field.
    if let Some(whole) = parts.whole() {
        let values = rows
            .iter()
            .map(|row| whole[row.chunk as usize][row.row as usize]);
        return Arc::new(PrimitiveArray::<T>::from_iter_values(values));
    }
    let mut values = Vec::with_capacity(rows.len());
    let mut nulls = NullBufferBuilder::new(rows.len());
    for row in rows {
        let part = parts.values(row);
        nulls.append(part.is_some());
        values.push(part.map_or(T::Native::default(), |part| part[row.row as usize]));
    }
    Arc::new(PrimitiveArray::<T>::new(
        ScalarBuffer::from(values),
        nulls.finish(),
    ))
}

fn booleans(parts: &Parts<'_, Vec<bool>>, rows: &[Row]) -> ArrayRef {
    let mut values = BooleanBuilder::with_capacity(rows.len());
    for row in rows {
        values.append_option(parts.values(row).map(|part| part[row.row as usize]));
    }
    Arc::new(values.finish())
}

fn strings(parts: &Parts<'_, StringValues>, rows: &[Row]) -> ArrayRef {
    let mut values = StringBuilder::with_capacity(rows.len(), 0);
    for row in rows {
        values.append_option(parts.values(row).map(|part| part.get(row.row as usize)));
    }
    Arc::new(values.finish())
}

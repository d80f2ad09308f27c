//! A table's columns as Arrow fields.
//!
//! | column | Arrow type | nulls |
//! |---|---|---|
//! | tag | `Dictionary(Int32, Utf8)` | yes |
//! | time | `Timestamp(Nanosecond, None)` | no |
//! | field | `Float64`, `Int64`, `UInt64`, `Boolean`, `Utf8` | yes |
//!
//! Each field's metadata holds `iox::column::type`, by which clients and [`crate::dedup`] tell tags
//! from fields.

use crate::Error;
use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use std::collections::HashMap;
use std::sync::Arc;
use watershed_model::{Column, ColumnType, TableSchema};

/// The field metadata key that names the kind of a column.
pub const COLUMN_TYPE_KEY: &str = "iox::column::type";

const COLUMN_TYPES: [ColumnType; 7] = [
    ColumnType::Tag,
    ColumnType::Time,
    ColumnType::F64,
    ColumnType::I64,
    ColumnType::U64,
    ColumnType::Bool,
    ColumnType::String,
];

/// All columns of a table in name order (bytes), `time` among them.
pub fn arrow_schema(table: &TableSchema) -> SchemaRef {
    let fields: Vec<Field> = table.columns().iter().map(arrow_field).collect();
    Arc::new(Schema::new(fields))
}

/// One column, with the metadata that tells its kind.
pub fn arrow_field(column: &Column) -> Field {
    let nullable = column.column_type != ColumnType::Time;
    let metadata = HashMap::from([(
        COLUMN_TYPE_KEY.to_owned(),
        column.column_type.influx_name().to_owned(),
    )]);
    Field::new(
        column.name.as_str(),
        data_type(column.column_type),
        nullable,
    )
    .with_metadata(metadata)
}

/// The kind of a column, read from the metadata [`arrow_field`] writes; `None` when there is none or
/// an unknown one.
pub fn column_type(field: &Field) -> Option<ColumnType> {
    let name = field.metadata().get(COLUMN_TYPE_KEY)?;
    COLUMN_TYPES
        .into_iter()
        .find(|kind| kind.influx_name() == name)
}

pub(crate) fn data_type(kind: ColumnType) -> DataType {
    match kind {
        ColumnType::Tag => {
            DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
        }
        ColumnType::Time => DataType::Timestamp(TimeUnit::Nanosecond, None),
        ColumnType::F64 => DataType::Float64,
        ColumnType::I64 => DataType::Int64,
        ColumnType::U64 => DataType::UInt64,
        ColumnType::Bool => DataType::Boolean,
        ColumnType::String => DataType::Utf8,
    }
}

/// The schema of [`hydrate`]'s result: every dictionary column becomes its value type. Names, nulls
/// and metadata stay.
pub fn hydrate_schema(schema: &Schema) -> SchemaRef {
    let fields: Vec<Field> = schema
        .fields()
        .iter()
        .map(|field| match field.data_type() {
            DataType::Dictionary(_, value) => field.as_ref().clone().with_data_type(*value.clone()),
            _ => field.as_ref().clone(),
        })
        .collect();
    Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
}

/// The same rows with plain columns for dictionaries, as most clients expect them on the wire.
/// `schema` is [`hydrate_schema`] of the batch's own, made once per stream. Plain columns are shared,
/// not copied.
///
/// # Errors
/// `Arrow` when the plain text of a column does not fit into 2 GiB, or `schema` is another one.
pub fn hydrate(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, Error> {
    let columns: Vec<ArrayRef> = batch
        .columns()
        .iter()
        .map(plain)
        .collect::<Result<_, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(
        Arc::clone(schema),
        columns,
        &options,
    )?)
}

fn plain(column: &ArrayRef) -> Result<ArrayRef, Error> {
    match column.data_type() {
        DataType::Dictionary(_, value) => Ok(cast(column, value)?),
        _ => Ok(Arc::clone(column)),
    }
}

#[cfg(test)]
mod tests;

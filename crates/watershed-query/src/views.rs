//! No view types for clients: many of those that speak Flight can't read them.
//!
//! DataFusion is told to make none of what a table has and of whole columns of a result. Some functions make
//! them all the same, and where they stand inside a list, a struct or a map nothing turns them back. That is
//! done here, last.

#[cfg(test)]
mod tests;

use arrow::array::ArrayRef;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::common::Result;
use std::sync::Arc;

/// The same columns, with texts and bytes in place of views of them, at any depth.
pub(crate) fn without_views(schema: SchemaRef) -> SchemaRef {
    let fields: Vec<FieldRef> = schema.fields().iter().map(plain_field).collect();
    if fields
        .iter()
        .zip(schema.fields())
        .all(|(new, old)| Arc::ptr_eq(new, old))
    {
        return schema;
    }
    Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
}

/// The values as the type that [`without_views`] gives for theirs.
///
/// # Errors
/// More than 2 GiB of text in one batch.
pub(crate) fn as_plain(column: &ArrayRef, plain: &DataType) -> Result<ArrayRef> {
    if column.data_type() == plain || plain_type(column.data_type()).is_none() {
        return Ok(Arc::clone(column));
    }
    Ok(cast(column, plain)?)
}

fn plain_field(field: &FieldRef) -> FieldRef {
    match plain_type(field.data_type()) {
        Some(plain) => Arc::new(Field::clone(field).with_data_type(plain)),
        None => Arc::clone(field),
    }
}

/// The type without views; `None` if it has none.
fn plain_type(data_type: &DataType) -> Option<DataType> {
    let item = |field: &FieldRef| plain_type(field.data_type()).map(|_| plain_field(field));
    match data_type {
        DataType::Utf8View => Some(DataType::Utf8),
        DataType::BinaryView => Some(DataType::Binary),
        DataType::List(field) => item(field).map(DataType::List),
        DataType::LargeList(field) => item(field).map(DataType::LargeList),
        DataType::FixedSizeList(field, size) => {
            item(field).map(|field| DataType::FixedSizeList(field, *size))
        }
        DataType::Map(field, sorted) => item(field).map(|field| DataType::Map(field, *sorted)),
        DataType::Struct(fields) => {
            let views = fields
                .iter()
                .any(|field| plain_type(field.data_type()).is_some());
            views.then(|| DataType::Struct(fields.iter().map(plain_field).collect()))
        }
        DataType::Dictionary(key, value) => {
            let plain = plain_type(value)?;
            Some(DataType::Dictionary(key.clone(), Box::new(plain)))
        }
        _ => None,
    }
}

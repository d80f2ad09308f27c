//! Columns that every client can read, and the messages that carry them.
//!
//! Dictionaries and view types become plain columns, at any depth; dictionaries of a client that asks for them
//! stay. One message is one record batch of at most [`MESSAGE_BYTES_MAX`] bytes, or one row.

use super::metadata::Wire;
use arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeListArray, GenericListArray, OffsetSizeTrait, RecordBatch,
    RecordBatchOptions,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::writer::{DictionaryTracker, IpcDataGenerator, IpcWriteContext, IpcWriteOptions};
use arrow_flight::FlightData;
use std::sync::Arc;

/// The most bytes of the columns in one message, unless one row has more. Clients refuse messages of more than
/// 4 MiB by default; what comes on top (padding, lengths, the header) is small beside the rest.
pub(super) const MESSAGE_BYTES_MAX: usize = 2 << 20;

/// The columns as they travel. Names, nulls and metadata stay.
pub(super) fn schema(schema: &Schema, wire: Wire) -> SchemaRef {
    let fields = schema.fields().iter();
    let fields: Vec<FieldRef> = fields
        .map(|field| match field.data_type() {
            DataType::Dictionary(_, value) if wire.dictionaries && !value.is_nested() => {
                Arc::clone(field)
            }
            _ => plain_field(field),
        })
        .collect();
    Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
}

/// The same rows in the columns that [`schema`] gives. Columns that are plain already are shared.
///
/// # Errors
/// When the plain text of a column does not fit into 2 GiB.
pub(super) fn batch(batch: &RecordBatch, to: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let columns = batch.columns().iter().zip(to.fields());
    let columns = columns.map(|(column, field)| {
        if column.data_type() == field.data_type() {
            Ok(Arc::clone(column))
        } else {
            cast(column, field.data_type())
        }
    });
    let columns = columns.collect::<Result<Vec<ArrayRef>, ArrowError>>()?;
    rebuilt(batch.num_rows(), Arc::clone(to), columns)
}

fn rebuilt(
    rows: usize,
    schema: SchemaRef,
    columns: Vec<ArrayRef>,
) -> Result<RecordBatch, ArrowError> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(schema, columns, &options)
}

fn plain_field(field: &FieldRef) -> FieldRef {
    let plain = plain_type(field.data_type());
    if plain == *field.data_type() {
        return Arc::clone(field);
    }
    Arc::new(Field::clone(field).with_data_type(plain))
}

fn plain_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Dictionary(_, value) => plain_type(value),
        DataType::Utf8View => DataType::Utf8,
        DataType::BinaryView => DataType::Binary,
        DataType::List(item) => DataType::List(plain_field(item)),
        DataType::LargeList(item) => DataType::LargeList(plain_field(item)),
        DataType::FixedSizeList(item, size) => DataType::FixedSizeList(plain_field(item), *size),
        DataType::Map(entries, sorted) => DataType::Map(plain_field(entries), *sorted),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(plain_field).collect()),
        other => other.clone(),
    }
}

/// Cuts a batch into parts that fit a message, in order, without copying plain columns. A batch without rows
/// is one part.
pub(super) fn parts(batch: RecordBatch) -> Result<Vec<RecordBatch>, ArrowError> {
    let mut parts = Vec::new();
    let mut left = vec![batch];
    while let Some(batch) = left.pop() {
        let batch = compacted(batch)?;
        let rows = batch.num_rows();
        let bytes: usize = batch.columns().iter().map(|c| bytes(c.as_ref())).sum();
        if bytes <= MESSAGE_BYTES_MAX || rows <= 1 {
            parts.push(batch);
            continue;
        }
        // As if all rows were equally large; those that aren't are cut again.
        let fitting = rows as u128 * MESSAGE_BYTES_MAX as u128 / bytes as u128;
        let step = usize::try_from(fitting).unwrap_or(rows).clamp(1, rows - 1);
        let starts = (0..rows).step_by(step).rev();
        left.extend(starts.map(|start| batch.slice(start, step.min(rows - start))));
    }
    Ok(parts)
}

/// The same rows with dictionaries that have no more values than there are rows: each part carries its own.
fn compacted(batch: RecordBatch) -> Result<RecordBatch, ArrowError> {
    let large = |column: &ArrayRef| {
        let dictionary = column.as_any_dictionary_opt();
        dictionary.is_some_and(|d| d.values().len() > d.keys().len())
    };
    if !batch.columns().iter().any(large) {
        return Ok(batch);
    }
    let columns = batch.columns().iter().map(|column| {
        let DataType::Dictionary(_, value) = column.data_type() else {
            return Ok(Arc::clone(column));
        };
        if large(column) {
            cast(&cast(column, value)?, column.data_type())
        } else {
            Ok(Arc::clone(column))
        }
    });
    let columns = columns.collect::<Result<Vec<ArrayRef>, ArrowError>>()?;
    rebuilt(batch.num_rows(), batch.schema(), columns)
}

/// The bytes of an array in a message, but for padding. Arrow's own count takes all items of a list, also those
/// outside of a slice.
fn bytes(array: &dyn Array) -> usize {
    let nulls = array.nulls().map_or(0, |_| array.len().div_ceil(8));
    match array.data_type() {
        DataType::List(_) => nulls + list_bytes(array.as_list::<i32>()),
        DataType::LargeList(_) => nulls + list_bytes(array.as_list::<i64>()),
        DataType::Map(..) => {
            let map = array.as_map();
            let entries = between(map.value_offsets(), map.entries());
            nulls + 4 * array.len() + entries
        }
        DataType::FixedSizeList(..) => nulls + fixed_list_bytes(array.as_fixed_size_list()),
        DataType::Struct(_) => {
            let columns = array.as_struct().columns().iter();
            nulls + columns.map(|column| bytes(column.as_ref())).sum::<usize>()
        }
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            bytes(dictionary.keys()) + bytes(dictionary.values().as_ref())
        }
        _ => array
            .to_data()
            .get_slice_memory_size()
            .unwrap_or_else(|_| array.get_array_memory_size()),
    }
}

fn list_bytes<O: OffsetSizeTrait>(list: &GenericListArray<O>) -> usize {
    size_of_val(list.value_offsets()) + between(list.value_offsets(), list.values().as_ref())
}

fn fixed_list_bytes(list: &FixedSizeListArray) -> usize {
    // Slices of such a list have slices of its items.
    bytes(list.values().as_ref())
}

/// The bytes of the items between the first and the last offset.
fn between<O: OffsetSizeTrait>(offsets: &[O], items: &dyn Array) -> usize {
    let (Some(first), Some(last)) = (offsets.first(), offsets.last()) else {
        return 0;
    };
    let (first, last) = (first.as_usize(), last.as_usize());
    bytes(items.slice(first, last - first).as_ref())
}

/// Writes the messages of one stream.
pub(super) struct Messages {
    options: IpcWriteOptions,
    generator: IpcDataGenerator,
    dictionaries: DictionaryTracker,
    context: IpcWriteContext,
}

impl Messages {
    pub(super) fn new(wire: Wire) -> Result<Self, ArrowError> {
        Ok(Self {
            options: IpcWriteOptions::default().try_with_compression(wire.compression)?,
            generator: IpcDataGenerator::default(),
            // A dictionary is replaced by that of the next batch.
            dictionaries: DictionaryTracker::new(false),
            context: IpcWriteContext::default(),
        })
    }

    /// The message that comes first.
    pub(super) fn schema(&mut self, schema: &Schema) -> FlightData {
        let encoded = self.generator.schema_to_bytes_with_dictionary_tracker(
            schema,
            &mut self.dictionaries,
            &self.options,
        );
        encoded.into()
    }

    /// The messages of one part: its dictionaries, if it has any, and its rows.
    pub(super) fn rows(&mut self, part: &RecordBatch) -> Result<Vec<FlightData>, ArrowError> {
        let (dictionaries, rows) = self.generator.encode(
            part,
            &mut self.dictionaries,
            &self.options,
            &mut self.context,
        )?;
        let messages = dictionaries.into_iter().chain([rows]);
        Ok(messages.map(FlightData::from).collect())
    }
}

#[cfg(test)]
mod tests;

//! The one rule for points that were written twice, and the merge that applies it.
//!
//! The key of a row is all its tags and its time. Among rows with equal keys **each field keeps its
//! newest non-null value** (InfluxDB line protocol reference, "Duplicate points"): fields are united,
//! and a later row without a field never erases it.
//!
//! How it is made fast:
//!
//! 1. [`keys`] cuts a batch into *runs* of rows with the same tags, by comparing dictionary indexes, and
//!    encodes the tags once per run. Rows sorted by series have few runs; inside one only times are
//!    compared.
//! 2. [`merging`] keeps a heap of the inputs' next rows and takes from the first as many rows as come
//!    before the second. Where inputs do not interleave, that is whole batches.
//! 3. [`assembly`] turns the taken stretches into a batch: one stretch is a slice and copies nothing;
//!    only rows with equal keys are looked at field by field.
//!
//! Persist, compaction and query call this and nothing else, so that there is one answer.

mod assembly;
mod keys;
mod merging;
mod tag_column;

use crate::Error;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use assembly::Assembly;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
pub(crate) use keys::{KEY_ORDER, Keys, Position};
use merging::Merging;

/// Settles the duplicates inside one piece.
///
/// Input: rows in key order, so that equal keys are neighbours; of two equal ones the later is newer.
/// The schema has all tags of the table and its time, told by [`COLUMN_TYPE_KEY`].
/// Output: the same schema and order, one row per key. When there are no duplicates, the batch itself
/// (shared, not copied).
///
/// Cost: one pass over the tag indexes and times; with duplicates, one copy of the batch.
///
/// # Errors
/// `OutOfOrder` when the rows are not in key order, `Shape` for another schema.
///
/// [`COLUMN_TYPE_KEY`]: crate::schema::COLUMN_TYPE_KEY
pub fn dedup_sorted(batch: &RecordBatch) -> Result<RecordBatch, Error> {
    let keys = Keys::new(&batch.schema())?;
    let keyed = keys.read(batch.clone(), 0)?;
    keyed.settled()
}

/// Merges pieces into one stream with one row per key.
///
/// Input: every stream in key order and of schema `schema`, which has all tags of the table and its
/// time and may leave out fields; `inputs[0]` is the oldest piece. An input may repeat a key; its later
/// row is newer.
/// Output: key order, no two rows with the same key, batches of at most `batch_rows` rows (at least 1)
/// and never empty. Dictionaries differ from batch to batch.
/// Memory: one batch per input, one output batch, and the input batches the latter is drawn from.
/// The inputs are first polled when the output is, all at once; after that each when its batch is used up.
///
/// # Errors
/// `OutOfOrder` (kind Corrupt) when an input is not in key order, `Shape` when it has another schema, and
/// whatever an input yields. Nothing is yielded after an error.
pub fn merge(
    schema: SchemaRef,
    inputs: Vec<BoxStream<'static, Result<RecordBatch, Error>>>,
    batch_rows: usize,
) -> BoxStream<'static, Result<RecordBatch, Error>> {
    let merging = match Merging::new(schema, inputs, batch_rows.max(1)) {
        Ok(merging) => merging,
        Err(error) => return stream::iter([Err(error)]).boxed(),
    };
    stream::try_unfold(merging, |mut merging| async move {
        let batch = merging.next_batch().await?;
        Ok(batch.map(|batch| (batch, merging)))
    })
    .boxed()
}

#[cfg(test)]
mod tests;

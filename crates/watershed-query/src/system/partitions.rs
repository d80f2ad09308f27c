//! `system.partitions`.

use super::Wanted;
use crate::scan::{Error, Sources};
use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::Result;
use std::collections::BTreeMap;
use std::sync::Arc;
use watershed_catalog::FileRow;
use watershed_model::{DatabaseSchema, PartitionKey, TableId, TimeRange};

pub(super) fn schema() -> SchemaRef {
    let column = |name, data_type: DataType| Field::new(name, data_type, false);
    Arc::new(Schema::new(vec![
        column("partition_id", DataType::Int64),
        column("table_name", DataType::Utf8),
        column("partition_key", DataType::Utf8),
        column("last_new_file_created_at", DataType::Int64),
        column("num_files", DataType::Int64),
        column("total_size_mb", DataType::Int64),
    ]))
}

#[derive(Debug, Default)]
struct Partition {
    id: i64,
    table: String,
    key: String,
    created_nanos_max: i64,
    files: i64,
    bytes: u64,
}

/// The partitions that have files, by table and key. One question to the catalog for each table that is wanted.
pub(super) async fn rows(
    database: &DatabaseSchema,
    sources: &Sources,
    wanted: &Wanted,
) -> Result<RecordBatch> {
    let mut partitions = Vec::new();
    for (name, table) in &database.tables {
        if !wanted.has("table_name", name.as_str()) {
            continue;
        }
        let listed = sources.catalog.table_files(table.id(), TimeRange::ALL);
        let mut of_table: BTreeMap<PartitionKey, Partition> = BTreeMap::new();
        for row in listed.await.map_err(Error::from)?.files {
            let partition = of_table.entry(row.partition.clone()).or_default();
            partition.created_nanos_max = partition.created_nanos_max.max(created_nanos(&row));
            partition.files += 1;
            partition.bytes += row.file.bytes;
        }
        for (key, mut partition) in of_table {
            partition.id = id(table.id(), &key);
            partition.table = name.to_string();
            partition.key = key.to_string();
            if wanted.has("partition_key", &partition.key)
                && wanted.has("partition_id", &partition.id.to_string())
            {
                partitions.push(partition);
            }
        }
    }
    batch(&partitions)
}

fn batch(partitions: &[Partition]) -> Result<RecordBatch> {
    let numbers = |of: fn(&Partition) -> i64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(partitions.iter().map(of)))
    };
    let texts = |of: fn(&Partition) -> &str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(partitions.iter().map(of)))
    };
    let columns = vec![
        numbers(|partition| partition.id),
        texts(|partition| &partition.table),
        texts(|partition| &partition.key),
        numbers(|partition| partition.created_nanos_max),
        numbers(|partition| partition.files),
        numbers(|partition| i64::try_from(partition.bytes >> 20).unwrap_or(i64::MAX)),
    ];
    Ok(RecordBatch::try_new(schema(), columns)?)
}

/// When a file was made, to the millisecond: its id tells. 0 for an id of another kind.
fn created_nanos(row: &FileRow) -> i64 {
    let made = row.file.id.get().get_timestamp();
    let nanos = made.map(|made| {
        let (seconds, nanos) = made.to_unix();
        i128::from(seconds) * 1_000_000_000 + i128::from(nanos)
    });
    nanos
        .and_then(|nanos| i64::try_from(nanos).ok())
        .unwrap_or(0)
}

/// A number for a partition, which has none of its own: the same at all times, and another for another partition as
/// far as 63 bits go (FNV-1a of table and key).
fn id(table: TableId, key: &PartitionKey) -> i64 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    let text = format!("{table}/{key}");
    let hash = text.bytes().fold(OFFSET, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(PRIME)
    });
    (hash >> 1).cast_signed()
}

//! Where files are put.

use object_store::path::Path;
use watershed_model::{DatabaseId, FileId, PartitionKey, TableId};

/// The most bytes of a partition key that show in a path. Each byte may become three (`%2F`), and a
/// directory name holds 255 on every file system we know.
const PARTITION_BYTES_MAX: usize = 80;

/// The object that holds a file: `{database}/{table}/{partition}/{file}.parquet`.
///
/// Ids, not names, so that a rename moves nothing. The file's UUID alone makes the path unique; the
/// partition is there for people and for listings: percent-encoded, cut to its first 80 bytes, and
/// `none` when empty.
pub fn parquet_path(
    database: DatabaseId,
    table: TableId,
    partition: &PartitionKey,
    file: FileId,
) -> Path {
    let partition = shown(partition.as_str());
    Path::from_iter([
        database.to_string().as_str(),
        table.to_string().as_str(),
        partition,
        format!("{file}.parquet").as_str(),
    ])
}

fn shown(partition: &str) -> &str {
    if partition.is_empty() {
        return "none";
    }
    &partition[..partition.floor_char_boundary(PARTITION_BYTES_MAX)]
}

#[cfg(test)]
mod tests;

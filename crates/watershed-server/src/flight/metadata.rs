//! What clients say in the metadata of a call.

use super::ticket::Language;
use arrow::ipc::CompressionType;
use tonic::Status;
use tonic::metadata::MetadataMap;
use watershed_model::DatabaseName;
use watershed_query::QueryOptions;

/// Keys that name the database, the preferred one first.
const DATABASE_KEYS: [&str; 5] = [
    "database",
    "bucket",
    "bucket-name",
    "iox-namespace-name",
    "x-database",
];

/// Asks for system tables.
const DEBUG_KEY: &str = "iox-debug";

/// The language of a statement's text.
const LANGUAGE_KEY: &str = "x-influxdata-query-language";

/// What tables that are no views are called.
const BASE_TABLE_TYPE_KEY: &str = "x-influxdata-base-table-type";

/// The most partitions that a query may look into.
const PARTITION_LIMIT_KEY: &str = "x-influxdata-partition-limit";

/// The most files that a query may look into.
const FILE_LIMIT_KEY: &str = "x-influxdata-parquet-file-limit";

/// Asks for compressed record batches.
const COMPRESSION_KEY: &str = "x-watershed-ipc-compression";

/// Asks for tags as dictionaries.
const DICTIONARIES_KEY: &str = "x-watershed-dictionaries";

/// How the rows of a result travel, beyond what every client can read.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Wire {
    /// What the bodies of record batches are compressed with.
    pub(super) compression: Option<CompressionType>,
    /// Whether columns that are dictionaries stay dictionaries.
    pub(super) dictionaries: bool,
}

impl Wire {
    /// What the client asks for; plain columns, not compressed, if it says nothing.
    ///
    /// # Errors
    /// `InvalidArgument` for a compression nobody knows, naming those there are.
    pub(super) fn of(metadata: &MetadataMap) -> Result<Self, Status> {
        let compression = match text(metadata, COMPRESSION_KEY)? {
            None => None,
            Some(name) if name.eq_ignore_ascii_case("lz4") => Some(CompressionType::LZ4_FRAME),
            Some(name) if name.eq_ignore_ascii_case("zstd") => Some(CompressionType::ZSTD),
            Some(name) => {
                return Err(Status::invalid_argument(format!(
                    "Invalid IPC compression: '{name}'. Valid values are 'lz4' and 'zstd'; leave out {COMPRESSION_KEY} for none"
                )));
            }
        };
        Ok(Self {
            compression,
            dictionaries: flag(metadata, DICTIONARIES_KEY),
        })
    }
}

/// The database a Flight SQL call names.
///
/// # Errors
/// `InvalidArgument` when there is none, when two different ones are named, and for what is no name.
pub(super) fn database_of(metadata: &MetadataMap) -> Result<DatabaseName, Status> {
    let mut found = Vec::new();
    for key in DATABASE_KEYS {
        for value in metadata.get_all(key) {
            let name = value.to_str().map_err(|_| not_text(key))?;
            found.push((key, name));
        }
    }
    let Some((_, first)) = found.first() else {
        return Err(Status::invalid_argument("no 'database' header in request"));
    };
    if found.iter().any(|(_, name)| name != first) {
        let keys: Vec<&str> = found.iter().map(|(key, _)| *key).collect();
        return Err(Status::invalid_argument(format!(
            "More than one headers are found in request: {keys:?}. Please include only one of them"
        )));
    }
    database_name(first)
}

/// A name of a database, checked.
pub(super) fn database_name(name: &str) -> Result<DatabaseName, Status> {
    DatabaseName::new(name).map_err(|e| Status::invalid_argument(e.to_string()))
}

/// The language a client asks for; SQL unless it says `influxql`.
pub(super) fn language_of(metadata: &MetadataMap) -> Language {
    let value = metadata.get(LANGUAGE_KEY).and_then(|v| v.to_str().ok());
    match value {
        Some(text) if text.eq_ignore_ascii_case("influxql") => Language::InfluxQl,
        _ => Language::Sql,
    }
}

/// What the client asks for beside its query. Limits that are no numbers are none.
pub(super) fn options_of(metadata: &MetadataMap) -> QueryOptions {
    let limit = |key| {
        let value = metadata.get(key).and_then(|v| v.to_str().ok());
        value.and_then(|value| value.trim().parse().ok())
    };
    QueryOptions {
        debug: flag(metadata, DEBUG_KEY),
        partitions_max: limit(PARTITION_LIMIT_KEY),
        parquet_files_max: limit(FILE_LIMIT_KEY),
        ..QueryOptions::default()
    }
}

/// What the client wants tables that are no views to be called: `BASE TABLE` or `TABLE`.
///
/// # Errors
/// `InvalidArgument` for anything else.
pub(super) fn base_table_type_of(metadata: &MetadataMap) -> Result<&'static str, Status> {
    match text(metadata, BASE_TABLE_TYPE_KEY)? {
        None => Ok("BASE TABLE"),
        Some(name) if name.eq_ignore_ascii_case("BASE TABLE") => Ok("BASE TABLE"),
        Some(name) if name.eq_ignore_ascii_case("TABLE") => Ok("TABLE"),
        Some(name) => Err(Status::invalid_argument(format!(
            "Invalid base table type: '{name}'. Valid values are 'BASE TABLE' or 'TABLE'"
        ))),
    }
}

/// The value of a key as text.
pub(super) fn text<'a>(
    metadata: &'a MetadataMap,
    key: &'static str,
) -> Result<Option<&'a str>, Status> {
    let value = metadata.get(key);
    let text = value.map(|value| value.to_str().map_err(|_| not_text(key)));
    text.transpose()
}

fn not_text(key: &str) -> Status {
    Status::invalid_argument(format!("the header '{key}' is not ASCII text"))
}

fn flag(metadata: &MetadataMap, key: &'static str) -> bool {
    let value = metadata.get(key).and_then(|v| v.to_str().ok());
    ["1", "on", "yes", "y", "true", "t"]
        .iter()
        .any(|word| value.is_some_and(|value| value.eq_ignore_ascii_case(word)))
}

#[cfg(test)]
mod tests;

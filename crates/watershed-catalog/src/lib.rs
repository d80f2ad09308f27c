//! What exists: databases, tables, columns, tokens, Parquet files and who persisted what.
//!
//! The catalog is the one place where several actors agree on something: each change is one
//! transaction of the database below it (SQLite on one machine). Everything else in Watershed can be
//! lost and rebuilt from the catalog, the log and the object store.

mod api;
mod sqlite;
#[cfg(feature = "testing")]
pub mod testing;

pub use api::{
    COLUMNS_MAX_DEFAULT, Catalog, CatalogError, ColumnRequest, DatabaseInfo, DatabaseSettings,
    FileRow, NewDatabase, NewToken, ParquetFile, PartitionProgress, PersistCommit,
    TABLES_MAX_DEFAULT, TableFiles, TableRequest, TokenHash, TokenInfo, WriterStart,
};
pub use sqlite::SqliteCatalog;

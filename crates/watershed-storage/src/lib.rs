//! How rows lie in the object store, and how pieces of rows become one.
//!
//! * [`paths`]: where the file of a partition is put.
//! * [`schema`]: a table's columns as Arrow fields.
//! * [`dedup`]: the one rule for points that were written twice, and the merge that applies it.
//! * [`parquet_writer`] and [`parquet_reader`]: files out and in, with pruning by [`filter`].
//! * [`local_store`]: a directory as an object store that survives a power loss.
//!
//! **Key order** is the order of the rows in every file and every piece: the tag columns in name order
//! (bytes), each ascending by bytes with nulls last, then time ascending. A file that lacks a tag
//! column has a constant null there, so the order is the same whatever columns a file has.
//!
//! This crate knows neither the catalog nor DataFusion.

pub mod dedup;
mod error;
pub mod filter;
pub mod local_store;
pub mod parquet_reader;
pub mod parquet_writer;
pub mod paths;
pub mod schema;
#[cfg(test)]
mod testing;

pub use dedup::{dedup_sorted, merge};
pub use error::Error;
pub use filter::{ScanFilter, TagFilter};
pub use local_store::LocalStore;
pub use parquet_reader::ParquetReader;
pub use parquet_writer::{WriteSettings, WrittenFile, write_parquet};
pub use paths::parquet_path;
pub use schema::{arrow_field, arrow_schema, column_type, hydrate, hydrate_schema};

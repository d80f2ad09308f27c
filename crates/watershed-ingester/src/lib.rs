//! Takes batches in: logs them, keeps them readable, and puts them into Parquet files.
//!
//! A write passes through here like this:
//!
//! 1. [`Ingester::append`] encodes the batch and hands it to the log. One sync covers all that waits.
//! 2. On the log's thread, in counter order, the rows enter the buffer; then the append is answered.
//! 3. [`Ingester::rows`] shows them to readers, from the moment before the answer until their file is
//!    listed in the catalog.
//! 4. A background task persists partitions that are big, old or idle, or when memory or log is short:
//!    freeze, sort, settle duplicates, upload, one catalog transaction, drop, trim the log.
//! 5. After a crash, [`Ingester::start`] replays what the catalog does not list.
//!
//! When memory, log or disk run short, appends are refused, the databases that hold most first, and
//! [`Ingester::accepts`] tells so before anybody has read a body.
//!
//! The rules that make this safe are numbered in `invariants.rs`.
//!
//! This crate never reads Parquet, and knows neither queries nor HTTP.

mod buffer;
mod disk;
mod error;
mod ingester;
mod invariants;
mod log;
mod materialise;
mod metrics;
mod persist;
mod replay;
mod settings;
mod shares;
#[cfg(test)]
mod testing;

pub use buffer::BufferedPiece;
pub use error::{AppendError, MaterialiseError, StartError};
pub use ingester::{Dependencies, Ingester};
pub use metrics::encode_by_database;
pub use settings::Settings;
pub use shares::{Share, Shares};

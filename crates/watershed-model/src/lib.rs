//! The words every other crate speaks: names, ids, time, schemas, write batches, permissions.
//!
//! Nothing in here does I/O or knows a wire format. The one encoding that lives here is that of
//! [`WriteBatch`] ([`batch::codec`]), because the log, the router and the ingester must agree on it
//! to the bit.

pub mod batch;
mod clock;
mod error_kind;
mod ids;
mod names;
mod partition;
mod permission;
mod schema;
mod time;

pub use batch::{
    Bitmap, FieldColumn, FieldValues, SeriesList, StringValues, TableBatch, WriteBatch,
};
#[cfg(feature = "testing")]
pub use clock::ManualClock;
pub use clock::{Clock, SystemClock};
pub use error_kind::ErrorKind;
pub use ids::{
    ColumnId, Counter, CounterRange, DatabaseId, Epoch, FileId, PieceOrder, TableId, TokenId,
    WriterId,
};
pub use names::{ColumnName, DatabaseName, NameError, TIME_COLUMN, TableName};
pub use partition::{NANOS_PER_DAY, PartitionKey};
pub use permission::{Action, Permission, Resource};
pub use schema::{Column, ColumnType, DatabaseSchema, TableSchema};
pub use time::{Precision, PrecisionError, TimeRange, Timestamp};

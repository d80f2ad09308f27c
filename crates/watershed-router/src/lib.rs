//! From the body of a write request to a batch that a sink has made durable.
//!
//! 1. [`Router::write`] takes the schema of the database as the catalog has it.
//! 2. The body is parsed in one pass straight into columns (`convert`). Each line is checked whole,
//!    against syntax, schema, limits and retention, before anything of it is kept.
//! 3. If lines need tables or columns that do not exist, the catalog creates them, and the body is parsed
//!    again with the new schema. The catalog settles races; the loser's lines are then refused one by one.
//! 4. The rows go to the [`WriteSink`], split by table and partition.
//!
//! How the sink is reached (a call, a network) is unknown here. So are HTTP and its texts, except those of
//! single lines, which only this crate can write.

mod convert;
mod error;
mod router;
mod sink;

pub use error::{RejectedLine, Rejection, WriteError};
pub use router::{Router, Settings, Written};
pub use sink::{SinkError, WriteSink};

/// The conversion alone, for the benchmark.
#[doc(hidden)]
pub mod bench {
    pub use crate::convert::{Converted, Rules, SeriesCache, convert};
}

//! Answers questions: SQL and InfluxQL over the rows that are in Parquet files and those that are not
//! there yet.
//!
//! 1. A [`Session`](session::Session) is made for every query: one database, as the catalog knows it
//!    at that moment, as DataFusion's catalog `public` with the schemas `iox` and [`system`].
//! 2. The text becomes a logical plan: SQL through DataFusion's own planner, InfluxQL through
//!    [`influxql`].
//! 3. Both end in the same leaf, [`scan`]: files and unpersisted rows of one table, pruned, and
//!    merged where they may hold the same key.
//! 4. [`QueryEngine`] runs the physical plan under a limit of running queries ([`admission`]) and of [`memory`],
//!    and hands back a stream of record batches. Plans that are expected to be soon done ([`weight`]) do not wait
//!    for others. Meanwhile the query is in the list of [`running`], where it can be killed, with what it takes
//!    ([`statistics`]).
//!
//! **Invariant:** this crate does not know who keeps the unpersisted rows ([`UnpersistedRows`]) nor who
//! asks; it never writes.

mod admission;
mod advice;
mod analyzed;
mod catalog;
mod constants;
mod dialect;
mod engine;
mod error;
mod faults;
mod functions;
mod gap_fill;
mod in_order;
mod influxql;
mod interrupt;
mod limits;
mod logical_rules;
mod memory;
mod null_aware_in;
mod output;
mod parameters;
mod params;
mod physical_rules;
mod planner;
mod running;
mod runs;
mod scan;
mod session;
mod set_comparison;
mod show_functions;
mod sql;
mod sql_size;
mod statistics;
mod system;
mod table;
mod unpersisted;
mod views;
mod weight;

pub use catalog::{DEFAULT_CATALOG, DEFAULT_SCHEMA};
pub use engine::{ColumnsKnown, Executors, QueryEngine, QueryOptions, Settings, TableListing};
pub use error::QueryError;
pub use influxql::hints;
pub use limits::Limits;
pub use output::QueryOutput;
pub use params::{ParamValue, Params};
pub use running::{QueryRecord, QueryType, RunningQuery};
pub use sql::SqlDescription;
pub use statistics::{Phase, QueryProgress, QueryStatistics, UnpersistedStatistics};
pub use unpersisted::{UnpersistedError, UnpersistedPiece, UnpersistedRows};

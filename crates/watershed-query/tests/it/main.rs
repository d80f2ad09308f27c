//! Queries over a real catalog and real files in memory, with rows that are in no file yet.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod rows;
mod world;
mod writes;

mod early_columns;
mod errors;
mod gap_filling;
mod influxql;
mod influxql_golden;
mod influxql_plans;
mod influxql_restored;
mod limits;
mod metadata;
mod model;
mod parameters;
mod random_sql;
mod scans;
mod sleep;
mod slt;
mod statistics;
mod system;
mod types;

//! Queries over a real catalog and real files in memory, with rows that are in no file yet.

mod rows;
mod world;

mod errors;
mod gap_filling;
mod influxql;
mod influxql_golden;
mod metadata;
mod model;
mod parameters;
mod scans;
mod types;

//! The `watershed` binary, tested from outside: real processes, real HTTP and gRPC on loopback.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod auth;
mod browser;
mod cli;
mod crash;
mod disk_full;
mod flight;
mod flight_client;
mod flight_metadata;
mod flight_sql;
mod flight_stream;
mod heavy_queries;
mod influxql_admin;
mod influxql_into;
mod msgpack;
mod overload;
mod proxy;
mod query;
mod reflection;
mod running_queries;
mod scenario;
mod server;
mod sql_faults;
mod wal;
mod write_errors;

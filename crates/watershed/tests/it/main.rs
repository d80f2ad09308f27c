//! The `watershed` binary, tested from outside: real processes, real HTTP and gRPC on loopback.

mod auth;
mod cli;
mod crash;
mod flight;
mod msgpack;
mod query;
mod scenario;
mod server;
mod write_errors;

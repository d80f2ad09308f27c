//! An ingester over a real log, a real catalog and a directory of files.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod append;
mod crash;
mod faults;
mod harness;
mod limits;
mod model;
mod persist;
#[path = "../../src/testing.rs"]
#[expect(dead_code, reason = "unit tests use the rest")]
mod testing;

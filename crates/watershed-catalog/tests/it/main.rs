//! The catalog from outside.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod contract;
mod reopen;

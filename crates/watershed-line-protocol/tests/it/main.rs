//! Tests of the crate as a whole.

#![expect(
    clippy::unwrap_used,
    reason = "the lint spares only functions marked as tests"
)]

mod properties;
mod recorded;
mod twin;

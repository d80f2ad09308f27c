//! The log from outside: what was acknowledged comes back, and damage is told.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod damage;
mod inspect;
mod lifecycle;
mod log;
mod property;

//! Compares two servers by random questions: what one answers, the other should, too.
//!
//! 1. [`DataSet`] makes random points, which are written to both.
//! 2. [`Query`] makes a random InfluxQL statement about them.
//! 3. [`compare`] finds the first thing in which the two answers differ.
//! 4. [`Known`] has the differences that are meant to be, each with its reason and as narrow as can be said.
//! 5. What is left is made small by [`shrink`] and printed.
//!
//! The reference is InfluxDB 1.6, or another build of Watershed. Nothing here knows how either works.

mod answer;
mod comparable;
pub mod compare;
mod data;
mod dice;
mod features;
mod generate;
mod known;
mod run;
mod server;
pub mod shrink;

pub use answer::{Answer, Cell, Series};
pub use data::{DataSet, Measurement};
pub use dice::Dice;
pub use generate::Query;
pub use known::Known;
pub use run::{Report, Settings, run};
pub use server::Server;

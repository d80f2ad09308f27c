//! Loads and lines for measuring Watershed from outside and from inside. Nothing shipped uses it.
//!
//! Three programs:
//!
//! 1. `instructions` counts what a row costs on its way in, in instructions, which no other program on the
//!    machine changes. `cargo xtask test` compares the counts with `instructions.toml`.
//! 2. `soak` offers a server more than it can take, for as long as one likes, and then looks for every row
//!    that was acknowledged. `cargo xtask bench soak` starts both.
//!
//! 3. `heavy` asks a server more heavy questions at the same time than it has room for, and small ones beside
//!    them. `cargo xtask bench heavy` starts both.
//!
//! They share [`lines`], which makes rows, [`http`], a client that does no more than it must, and [`program`].

pub mod http;
pub mod lines;
pub mod program;

//! `cargo xtask bench`: measurements of a whole server.
//!
//! * `ingest` writes the data sets of `../shared/bench` to this build and to other stores on this machine,
//!   with the tool that lies there, and prints a table for each set.
//! * `soak` offers this build more than it can take and looks for every acknowledged row afterwards, with
//!   the program `soak` of `watershed-bench`.
//! * `heavy` asks this build more heavy questions than it has room for, and small ones beside them, with the program
//!   `heavy` of `watershed-bench`.
//!
//! All take the release build of the server, or another with `--server-binary`. Each run has a server of its
//! own on an empty directory, below `BENCH_WORK` or the cache.

mod arguments;
mod heavy;
mod ingest;
mod soak;

use crate::workspace;
use anyhow::{Context as _, bail};
use std::path::{Path, PathBuf};

/// Runs a measurement. Answers whether it could be finished and all rows were found.
///
/// # Errors
/// When the arguments make no sense, or something that is needed is missing.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<bool> {
    match arguments.split_first() {
        Some((kind, rest)) if kind == "ingest" => ingest::run(&arguments::Ingest::parse(rest)?),
        Some((kind, rest)) if kind == "soak" => soak::run(&arguments::Soak::parse(rest)?),
        Some((kind, rest)) if kind == "heavy" => heavy::run(&arguments::Heavy::parse(rest)?),
        _ => bail!("expected cargo xtask bench, and one of ingest, soak and heavy"),
    }
}

/// The server to measure: the given one, or the release build, as the README makes it.
fn server(given: Option<&Path>) -> anyhow::Result<PathBuf> {
    match given {
        Some(path) => std::path::absolute(path).context("find the server"),
        None => workspace::build(&["--release", "--locked"], "watershed"),
    }
}

/// Where data sets and stores are.
fn work() -> anyhow::Result<PathBuf> {
    match std::env::var_os("BENCH_WORK").filter(|dir| !dir.is_empty()) {
        Some(dir) => {
            let dir = PathBuf::from(dir);
            std::fs::create_dir_all(&dir).with_context(|| format!("make {}", dir.display()))?;
            Ok(dir)
        }
        None => workspace::cache("bench"),
    }
}

//! `cargo xtask differential`: the same random queries for two servers.
//!
//! The program is `watershed-differential`; its flags are given as they are, `--help` lists them. Both servers
//! run already: what the reference is, and where, only the caller knows.

use crate::workspace;
use anyhow::Context as _;
use std::process::Command;

/// Builds the program and runs it to its end. Answers whether the servers agree.
///
/// # Errors
/// When it does not compile, or can't compare.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<bool> {
    let package = ["--locked", "--package", "watershed-differential"];
    let program = workspace::build(&package, "watershed-differential")?;
    let status = Command::new(program).args(arguments).status();
    let status = status.context("start watershed-differential")?;
    match status.code() {
        Some(0) => Ok(true),
        Some(1) => Ok(false),
        _ => anyhow::bail!("watershed-differential: {status}"),
    }
}

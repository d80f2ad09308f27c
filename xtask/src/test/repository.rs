//! The stages that look at the repository itself.

use super::Outcome;
use super::counts::{self, Counts};
use crate::process::{self, Output};
use crate::workspace::{self, BUILD_LIMIT};
use crate::{fuzz, layers};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

/// Crates with examples in their docs. They link little: an example that links DataFusion would cost more
/// than it explains.
const CRATES_WITH_EXAMPLES: &[&str] = &["watershed-line-protocol", "watershed-influxql"];

pub(super) fn fmt() -> anyhow::Result<Outcome> {
    if !process::is_installed(&mut workspace::cargo(&["fmt"]), &["--version"]) {
        return Ok(Outcome::skipped(
            "rustfmt is not installed: rustup component add rustfmt",
        ));
    }
    check(&["fmt", "--all", "--check"], 5 * MINUTE)
}

pub(super) fn layers() -> anyhow::Result<Outcome> {
    let held = layers::run()?;
    Ok(if held {
        Outcome::passed()
    } else {
        Outcome::failed("an edge is not in the table")
    })
}

pub(super) fn deny() -> anyhow::Result<Outcome> {
    if !process::is_installed(&mut workspace::cargo(&["deny"]), &["--version"]) {
        return Ok(Outcome::skipped("left out, cargo-deny is not installed"));
    }
    check(&["deny", "check"], 10 * MINUTE)
}

pub(super) fn clippy() -> anyhow::Result<Outcome> {
    if !process::is_installed(&mut workspace::cargo(&["clippy"]), &["--version"]) {
        return Ok(Outcome::skipped(
            "clippy is not installed: rustup component add clippy",
        ));
    }
    check(
        &[
            "clippy",
            "--workspace",
            "--all-targets",
            "--locked",
            "--quiet",
            "--",
            "-D",
            "warnings",
        ],
        BUILD_LIMIT,
    )
}

pub(super) fn tests() -> anyhow::Result<Outcome> {
    let mut outcome = crate_tests(&[], &["--no-fail-fast"])?;
    if outcome.counts.skipped > 0 && outcome.remark.is_empty() {
        outcome.remark = "those that take minutes are the stage keep-alive".to_owned();
    }
    Ok(outcome)
}

/// The tests that take minutes by what they show, and are left out elsewhere.
pub(super) fn keep_alive() -> anyhow::Result<Outcome> {
    let mut outcome = crate_tests(
        &["--run-ignored", "only", "-E", "test(five_minutes)"],
        &["five_minutes", "--", "--ignored"],
    )?;
    // All others were counted by the stage of all tests.
    outcome.counts.skipped = 0;
    if outcome.counts.passed == 0 && outcome.counts.failed == 0 {
        return Ok(Outcome::failed("no such test"));
    }
    Ok(outcome)
}

/// Tests of the crates, chosen by arguments for nextest, or by others where it is not installed.
fn crate_tests(of_nextest: &[&str], of_cargo: &[&str]) -> anyhow::Result<Outcome> {
    if process::is_installed(&mut workspace::cargo(&["nextest"]), &["--version"]) {
        let mut command = workspace::cargo(&["nextest", "run", "--workspace", "--locked"]);
        command.args(["--config-file", "xtask/nextest.toml", "--cargo-quiet"]);
        let finished = process::run(command.args(of_nextest), Output::Shown, BUILD_LIMIT)?;
        return Ok(Outcome::of_counts(&finished, counts::of_nextest));
    }
    let mut command = workspace::cargo(&["test", "--workspace", "--locked", "--quiet"]);
    command.args(["--lib", "--bins", "--tests"]);
    let finished = process::run(command.args(of_cargo), Output::Shown, BUILD_LIMIT)?;
    Ok(Outcome::of_counts(&finished, counts::of_libtest))
}

pub(super) fn doctests() -> anyhow::Result<Outcome> {
    let mut command = workspace::cargo(&["test", "--doc", "--locked", "--quiet"]);
    command.args(
        CRATES_WITH_EXAMPLES
            .iter()
            .flat_map(|name| ["--package", name]),
    );
    let finished = process::run(&mut command, Output::Shown, BUILD_LIMIT)?;
    Ok(Outcome::of_counts(&finished, counts::of_libtest))
}

/// One check a target.
pub(super) fn fuzz() -> anyhow::Result<Outcome> {
    if let Some(lack) = fuzz::lack() {
        return Ok(Outcome::skipped(lack));
    }
    let findings = fuzz::fuzz_all()?;
    let found: Vec<&str> = findings
        .iter()
        .filter(|finding| finding.wrong.is_some())
        .map(|finding| finding.target)
        .collect();
    let failed = found.len() as u64;
    let remark = if found.is_empty() {
        String::new()
    } else {
        format!("found something: {}", found.join(", "))
    };
    Ok(Outcome {
        counts: Counts::new(findings.len() as u64 - failed, failed, 0),
        remark,
    })
}

/// Runs a command of cargo that is one check.
fn check(arguments: &[&str], limit: Duration) -> anyhow::Result<Outcome> {
    let finished = process::run(&mut workspace::cargo(arguments), Output::Shown, limit)?;
    Ok(Outcome::of_end(&finished))
}

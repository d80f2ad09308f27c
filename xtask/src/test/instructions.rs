//! What a row costs on its way in, in instructions, against the counts that are checked in.
//!
//! 1. The program `instructions` of `watershed-bench` is built for release.
//! 2. Each case runs twice under Valgrind, with different numbers of batches. The difference, by rows, is
//!    what a row costs; all that is not rows cancels out.
//! 3. A count more than [`WORSE_MAX`] above `crates/watershed-bench/instructions.toml` fails. One that is
//!    clearly below it passes, and the summary says what to write there.
//!
//! Unlike times, counts hardly depend on the machine or on what else it does: Valgrind runs one thread at a
//! time, and shows programs the same processor everywhere (one with AVX2 and without AVX-512, unless the
//! machine lacks AVX2 too), so that code which asks for vector units takes the same way. They say nothing
//! about caches and disks; `cargo xtask bench` does.

#[cfg(test)]
mod tests;

use super::Outcome;
use super::counts::Counts;
use crate::process::{self, Output};
use crate::{say, workspace};
use anyhow::{Context as _, bail};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// What is measured: what is done with a batch, and of which lines it is.
const CASES: &[(&str, &str)] = &[
    ("parse", "cpu-100"),
    ("parse", "cpu-4000"),
    ("parse", "iot-1000"),
    ("path", "cpu-100"),
    ("path", "cpu-4000"),
    ("path", "iot-1000"),
];

/// Batches of the shorter and the longer run. The shorter one has the first batches behind it, with new
/// tables, columns and threads.
const BATCHES: [u64; 2] = [3, 7];

/// A run takes some seconds, fifty times that of the program alone.
const RUN_LIMIT: Duration = Duration::from_secs(5 * 60);

/// How much more than the baseline is a failure. Run to run the counts differ by less than one percent.
const WORSE_MAX: f64 = 0.10;

/// How much less is worth a new baseline.
const BETTER_MIN: f64 = 0.05;

pub(super) fn instructions() -> anyhow::Result<Outcome> {
    if !process::is_installed(&mut Command::new("valgrind"), &["--version"]) {
        return Ok(Outcome::skipped(
            "left out, Valgrind is not installed (apt install valgrind)",
        ));
    }
    let baselines = baselines()?;
    // With the whole workspace, so that the features, and with them what is compiled already, are those of
    // every other build.
    let arguments = [
        "--release",
        "--locked",
        "--workspace",
        "--bin",
        "instructions",
    ];
    let program = workspace::build(&arguments, "instructions")?;
    let mut verdicts = Vec::new();
    say(&format!(
        "{:<16}{:>18}{:>12}{:>9}",
        "case", "instructions/row", "baseline", "change"
    ));
    for (what, lines) in CASES {
        let case = format!("{what}-{lines}");
        let baseline = baselines.get(&case).copied();
        let verdict = match per_row(&program, what, lines) {
            Ok(count) => weigh(&case, count, baseline),
            Err(error) => Verdict {
                case: case.clone(),
                text: format!("{case:<16} {error:#}"),
                judgement: Judgement::Worse,
            },
        };
        say(&verdict.text);
        verdicts.push(verdict);
    }
    Ok(outcome(&verdicts))
}

/// The count of each case that was checked in.
fn baselines() -> anyhow::Result<BTreeMap<String, u64>> {
    let path = workspace::root().join("crates/watershed-bench/instructions.toml");
    let text =
        std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("read {}", path.display()))
}

/// What a row costs.
fn per_row(program: &Path, what: &str, lines: &str) -> anyhow::Result<u64> {
    let (less, fewer_rows) = count(program, what, lines, BATCHES[0])?;
    let (more, rows) = count(program, what, lines, BATCHES[1])?;
    if more <= less || rows <= fewer_rows {
        bail!("{rows} rows took {more} instructions, {fewer_rows} took {less}");
    }
    Ok((more - less) / (rows - fewer_rows))
}

/// The instructions of a run, and its rows.
fn count(program: &Path, what: &str, lines: &str, batches: u64) -> anyhow::Result<(u64, u64)> {
    let directory = TempDir::new().context("make a directory")?;
    let mut command = Command::new("valgrind");
    command
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args([what, lines, &batches.to_string()])
        .current_dir(directory.path());
    let finished = process::run(&mut command, Output::Kept, RUN_LIMIT)?;
    let counts = finished.end.success().then(|| read(&finished.lines));
    counts.flatten().with_context(|| {
        let last: Vec<&str> = finished
            .lines
            .iter()
            .rev()
            .take(3)
            .map(String::as_str)
            .collect();
        format!("{}: {}", finished.end, last.join("; "))
    })
}

/// Valgrind says `==1234== Collected : 567`, and the program `89 rows`.
fn read(lines: &[String]) -> Option<(u64, u64)> {
    let collected = lines.iter().find_map(|line| line.split_once("Collected :"));
    let rows = lines.iter().find_map(|line| line.strip_suffix(" rows"));
    Some((collected?.1.trim().parse().ok()?, rows?.parse().ok()?))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Judgement {
    Good,
    /// So good that the baseline should be lowered to this.
    Better(u64),
    Worse,
}

struct Verdict {
    case: String,
    /// A line of the table.
    text: String,
    judgement: Judgement,
}

fn weigh(case: &str, count: u64, baseline: Option<u64>) -> Verdict {
    let Some(baseline) = baseline else {
        return Verdict {
            case: case.to_owned(),
            text: format!("{case:<16}{count:>18}{:>12}", "none"),
            judgement: Judgement::Worse,
        };
    };
    let change = count as f64 / baseline as f64 - 1.0;
    let judgement = if change > WORSE_MAX {
        Judgement::Worse
    } else if change < -BETTER_MIN {
        Judgement::Better(count)
    } else {
        Judgement::Good
    };
    Verdict {
        case: case.to_owned(),
        text: format!(
            "{case:<16}{count:>18}{baseline:>12}{:>+8.1}%",
            change * 100.0
        ),
        judgement,
    }
}

/// One check a case.
fn outcome(verdicts: &[Verdict]) -> Outcome {
    let worse: Vec<&str> = verdicts
        .iter()
        .filter(|verdict| verdict.judgement == Judgement::Worse)
        .map(|verdict| verdict.case.as_str())
        .collect();
    let better = verdicts
        .iter()
        .filter_map(|verdict| match verdict.judgement {
            Judgement::Better(count) => Some(format!("{} = {count}", verdict.case)),
            Judgement::Good | Judgement::Worse => None,
        });
    let better: Vec<String> = better.collect();
    let remark = if !worse.is_empty() {
        format!("above the baseline or without one: {}", worse.join(", "))
    } else if !better.is_empty() {
        format!(
            "lower crates/watershed-bench/instructions.toml to {}",
            better.join(", ")
        )
    } else {
        String::new()
    };
    let failed = worse.len() as u64;
    Outcome {
        counts: Counts::new(verdicts.len() as u64 - failed, failed, 0),
        remark,
    }
}

//! `cargo xtask fuzz`: the targets of `fuzz/` under libFuzzer.
//!
//! 1. The targets are compiled with the compiler's own coverage counters, in a target directory of their
//!    own: the flags differ from everybody else's, and nothing else should be compiled again for them. No
//!    nightly compiler and no other tool is needed; a C++ compiler is, for libFuzzer itself.
//! 2. Each runs for its time, beginning with the checked-in inputs, two at once.
//! 3. An input that makes one fail is kept, and shown with its place.

#[cfg(test)]
mod tests;

use crate::process::{self, End, Output};
use crate::{say, workspace};
use anyhow::{Context as _, bail};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;
use tempfile::TempDir;

/// The targets: functions and folders of `fuzz/`.
const TARGETS: &[&str] = &["line_protocol", "batch_codec", "wal_replay", "influxql"];

/// How long each runs, unless said otherwise: what a run of all checks can afford.
pub(crate) const SECONDS: u64 = 60;

/// How many run at once.
const AT_ONCE: usize = 2;

/// Starting, loading the inputs, and writing down a finding.
const MORE_TIME: Duration = Duration::from_secs(120);

/// Coverage of edges and of what is compared, counted in the program itself.
const FLAGS: &[&str] = &[
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
    "--cfg=fuzzing",
];

/// How the engine is run: no long inputs, which find nothing that short ones don't; ten seconds and two
/// GiB for one input are a hang and a leak.
const ENGINE: &[&str] = &[
    "-max_len=4096",
    "-timeout=10",
    "-rss_limit_mb=2048",
    "-print_final_stats=1",
    "-verbosity=0",
];

/// The search that is part of all checks begins the same each time: what it finds, the change at hand has brought.
/// Searches by hand begin at random and go further.
const SEED_OF_CHECKS: u32 = 1;

/// What the engine takes for "at random".
const SEED_AT_RANDOM: u32 = 0;

/// The bytes of an input that are shown.
const SHOWN_BYTES_MAX: usize = 4096;

/// What came of one target.
#[derive(Debug)]
pub(crate) struct Finding {
    pub(crate) target: &'static str,
    /// What is wrong, in a line; nothing when nothing was found.
    pub(crate) wrong: Option<String>,
    per_second: Option<u64>,
}

/// `cargo xtask fuzz [--target NAME]… [--seconds N] [--seed N]`. Answers whether nothing was found.
///
/// # Errors
/// When the arguments make no sense, or the targets can't be built.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<bool> {
    let Choice {
        targets,
        seconds,
        seed,
    } = Choice::parse(arguments)?;
    if let Some(lack) = lack() {
        bail!("{lack}");
    }
    let findings = fuzz(&targets, seconds, seed)?;
    Ok(findings.iter().all(|finding| finding.wrong.is_none()))
}

/// What is missing on this machine, in one sentence.
pub(crate) fn lack() -> Option<String> {
    let named = std::env::var_os("CXX").unwrap_or_else(|| "c++".into());
    let there = process::is_installed(&mut Command::new(named), &["--version"]);
    (!there).then(|| {
        "left out, a C++ compiler is not installed (c++); the checked-in inputs run with the tests"
            .to_owned()
    })
}

/// Runs all targets for the time of one run of all checks.
///
/// # Errors
/// When they can't be built.
pub(crate) fn fuzz_all() -> anyhow::Result<Vec<Finding>> {
    fuzz(TARGETS, SECONDS, SEED_OF_CHECKS)
}

struct Choice {
    targets: Vec<&'static str>,
    seconds: u64,
    seed: u32,
}

impl Choice {
    fn parse(arguments: &[String]) -> anyhow::Result<Self> {
        let (mut targets, mut seconds, mut seed) = (Vec::new(), SECONDS, SEED_AT_RANDOM);
        for pair in arguments.chunks(2) {
            match pair {
                [flag, name] if flag == "--target" => {
                    let known = TARGETS.iter().find(|target| *target == name);
                    targets.push(*known.with_context(|| {
                        format!("there is no target \"{name}\", only {}", TARGETS.join(", "))
                    })?);
                }
                [flag, number] if flag == "--seconds" => {
                    seconds = number.parse().context("read the number of seconds")?;
                }
                [flag, number] if flag == "--seed" => {
                    seed = number.parse().context("read the seed")?;
                }
                _ => bail!(
                    "can't make sense of \"{}\"; expected --target NAME, --seconds N or --seed N",
                    pair.join(" ")
                ),
            }
        }
        if targets.is_empty() {
            targets.extend(TARGETS);
        }
        Ok(Self {
            targets,
            seconds,
            seed,
        })
    }
}

fn fuzz(targets: &[&'static str], seconds: u64, seed: u32) -> anyhow::Result<Vec<Finding>> {
    let programs = build()?;
    let kept = workspace::cache("fuzz-findings")?;
    let waiting = Mutex::new(targets.iter().copied());
    let next = || waiting.lock().ok()?.next();
    let worker = || {
        let mut findings = Vec::new();
        while let Some(target) = next() {
            let finding = fuzz_one(&programs, target, seconds, seed, &kept);
            let finding = finding.unwrap_or_else(|error| Finding {
                target,
                wrong: Some(format!("{error:#}")),
                per_second: None,
            });
            say(&finding.to_string());
            findings.push(finding);
        }
        findings
    };
    let mut findings = Vec::new();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(worker)).collect();
        for worker in workers {
            match worker.join() {
                Ok(more) => findings.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    Ok(findings)
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:<14}", self.target)?;
        if let Some(per_second) = self.per_second {
            write!(f, "{per_second:>9} inputs/s  ")?;
        }
        f.write_str(self.wrong.as_deref().unwrap_or("nothing found"))
    }
}

type Programs = Vec<(String, PathBuf)>;

fn build() -> anyhow::Result<Programs> {
    let mut command = workspace::cargo(&["build", "--quiet", "--locked", "--package", "fuzz"]);
    command.args(["--bins", "--features", "engine", "--profile", "fuzz"]);
    // With a target named, the flags are for the targets alone, not for build scripts and macros, which
    // are programs of their own and would not link.
    command.args(["--target", &host()?]);
    command
        .env("RUSTFLAGS", FLAGS.join(" "))
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env("CARGO_TARGET_DIR", workspace::cache("fuzz-target")?);
    workspace::build_with(command)
}

/// The platform that this machine compiles for.
fn host() -> anyhow::Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("-vV").output();
    let output = output.context("ask rustc for its host")?.stdout;
    let text = String::from_utf8_lossy(&output);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc names no host")?.to_owned())
}

fn fuzz_one(
    programs: &Programs,
    target: &'static str,
    seconds: u64,
    seed: u32,
    kept: &Path,
) -> anyhow::Result<Finding> {
    let name = format!("fuzz-{}", target.replace('_', "-"));
    let program = programs.iter().find(|(program, _)| *program == name);
    let (_, program) = program.with_context(|| format!("{name} was not built"))?;
    let fuzz = workspace::root().join("fuzz");
    // What is new is written to the first directory, so that the clone stays as it is.
    let grown = TempDir::new().context("make a directory")?;
    let mut command = Command::new(program);
    command
        .arg(grown.path())
        .arg(fuzz.join("corpus").join(target))
        .args(ENGINE)
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-seed={seed}"))
        .arg(format!("-artifact_prefix={}/{target}-", kept.display()));
    let dictionary = fuzz.join("dictionaries").join(format!("{target}.dict"));
    if dictionary.is_file() {
        command.arg(format!("-dict={}", dictionary.display()));
    }
    let limit = Duration::from_secs(seconds) + MORE_TIME;
    let finished = process::run(&mut command, Output::Kept, limit)?;
    let wrong = (!finished.end.success()).then(|| what_is_wrong(&finished.lines, finished.end));
    Ok(Finding {
        target,
        wrong,
        per_second: inputs_per_second(&finished.lines),
    })
}

/// The panic, where the input is kept, and the input itself.
fn what_is_wrong(lines: &[String], end: End) -> String {
    let mut wrong = vec![end.to_string()];
    let panic = lines.iter().position(|line| line.contains(" panicked at "));
    if let Some(at) = panic {
        wrong.extend(lines[at..].iter().take(2).cloned());
    } else {
        let summary = lines.iter().find(|line| line.starts_with("SUMMARY: "));
        wrong.extend(summary.cloned());
    }
    if let Some(path) = reproducer(lines) {
        wrong.push(format!("input: {path}"));
        if let Ok(bytes) = std::fs::read(path) {
            let shown = &bytes[..bytes.len().min(SHOWN_BYTES_MAX)];
            wrong.push(format!("b\"{}\"", shown.escape_ascii()));
        }
    }
    wrong.join("\n    ")
}

/// Where the engine says that it kept the input.
fn reproducer(lines: &[String]) -> Option<&str> {
    let said = lines
        .iter()
        .filter_map(|line| line.split_once("Test unit written to "));
    said.map(|(_, path)| path.trim()).next_back()
}

fn inputs_per_second(lines: &[String]) -> Option<u64> {
    let said = lines
        .iter()
        .find_map(|line| line.strip_prefix("stat::average_exec_per_sec:"));
    said?.trim().parse().ok()
}

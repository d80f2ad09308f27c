//! `cargo xtask test`: all that has to hold, one stage after the other.
//!
//! 1. Stages of the repository itself: formatting, crate edges, licences, clippy, the crates' tests, fuzzing,
//!    what a row costs in instructions ([`instructions`]), and a test that takes minutes.
//! 2. Suites of other projects and real clients, when they lie in `../shared`, each against a server of
//!    this build that is started for it ([`server`]).
//! 3. A table of all stages, then the sum as the last line: `N passed, N failed, N skipped`.
//!
//! A stage that fails does not keep the next ones from running. What can't run here is counted as skipped
//! and named. A stage that is not made of tests counts as one check. Suites that can't pass in full yet
//! are held to a floor ([`floors`]).

mod counts;
mod floors;
mod instructions;
mod repository;
mod suites;

use crate::process::Finished;
use crate::{say, workspace};
use anyhow::bail;
use counts::Counts;
use floors::Floors;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use suites::Suites;

/// One stage.
struct Stage {
    name: &'static str,
    what: &'static str,
    work: Work,
}

enum Work {
    /// Looks at the repository.
    Repository(fn() -> anyhow::Result<Outcome>),
    /// Plays a suite of `../shared` against a server.
    Suite(fn(&Suites) -> anyhow::Result<Outcome>),
}

const STAGES: &[Stage] = &[
    Stage {
        name: "fmt",
        what: "formatting",
        work: Work::Repository(repository::fmt),
    },
    Stage {
        name: "layers",
        what: "which crate uses which",
        work: Work::Repository(repository::layers),
    },
    Stage {
        name: "deny",
        what: "licences and advisories",
        work: Work::Repository(repository::deny),
    },
    Stage {
        name: "clippy",
        what: "lints",
        work: Work::Repository(repository::clippy),
    },
    Stage {
        name: "tests",
        what: "the crates' tests",
        work: Work::Repository(repository::tests),
    },
    Stage {
        name: "doctests",
        what: "examples in docs",
        work: Work::Repository(repository::doctests),
    },
    Stage {
        name: "fuzz",
        what: "any bytes, a minute a target",
        work: Work::Repository(repository::fuzz),
    },
    Stage {
        name: "instructions",
        what: "what a row costs on its way in",
        work: Work::Repository(instructions::instructions),
    },
    Stage {
        name: "keep-alive",
        what: "a query of five minutes through a proxy",
        work: Work::Repository(repository::keep_alive),
    },
    Stage {
        name: "conformance",
        what: "writes, as others test them",
        work: Work::Suite(suites::conformance),
    },
    Stage {
        name: "clients",
        what: "real clients",
        work: Work::Suite(suites::clients),
    },
    Stage {
        name: "clients-more",
        what: "further real clients",
        work: Work::Suite(suites::clients_more),
    },
    Stage {
        name: "golden",
        what: "InfluxQL, golden answers",
        work: Work::Suite(suites::golden),
    },
    Stage {
        name: "influxql",
        what: "InfluxQL, as others test it",
        work: Work::Suite(suites::influxql),
    },
    Stage {
        name: "v1",
        what: "/query, as others test it",
        work: Work::Suite(suites::v1),
    },
    Stage {
        name: "sql",
        what: "SQL, as others test it",
        work: Work::Suite(suites::sql),
    },
];

/// What came of a stage, or of a part of it.
#[derive(Debug, Default)]
struct Outcome {
    counts: Counts,
    /// What the summary says about it; empty when there is nothing to say.
    remark: String,
}

impl Outcome {
    fn passed() -> Self {
        Self {
            counts: Counts::new(1, 0, 0),
            remark: String::new(),
        }
    }

    fn failed(remark: impl Into<String>) -> Self {
        Self {
            counts: Counts::new(0, 1, 0),
            remark: remark.into(),
        }
    }

    fn skipped(remark: impl Into<String>) -> Self {
        Self {
            counts: Counts::new(0, 0, 1),
            remark: remark.into(),
        }
    }

    /// What a command of one check says by how it ended.
    fn of_end(finished: &Finished) -> Self {
        if finished.end.success() {
            Self::passed()
        } else {
            Self::failed(finished.end.to_string())
        }
    }

    /// What a runner says by its own counts. One that ends badly failed even when it counted no failure,
    /// and one that counted nothing failed however it ended.
    fn of_counts(finished: &Finished, read: fn(&[String]) -> Option<Counts>) -> Self {
        let Some(mut counts) = read(&finished.lines) else {
            return Self::failed(format!("no counts; {}", finished.end));
        };
        let unexplained = !finished.end.success() && counts.failed == 0;
        counts.failed += u64::from(unexplained);
        let remark = if unexplained {
            finished.end.to_string()
        } else {
            String::new()
        };
        Self { counts, remark }
    }
}

/// A line of the summary.
struct Row {
    stage: String,
    outcome: Outcome,
    took: Duration,
}

/// Whether there is a stage of that name.
fn is_stage(name: &str) -> bool {
    STAGES.iter().any(|stage| stage.name == name)
}

/// Runs the chosen stages and prints the summary. Answers whether nothing failed.
///
/// # Errors
/// When the arguments make no sense or the repository is not whole.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<bool> {
    if arguments == ["--list"] {
        for stage in STAGES {
            say(&format!("{:<14} {}", stage.name, stage.what));
        }
        return Ok(true);
    }
    let Choice { stages, binary } = Choice::parse(arguments)?;
    let floors = Floors::load()?;
    let mut rows = Vec::new();
    let mut suites = Vec::new();
    for stage in stages {
        match stage.work {
            Work::Repository(work) => rows.push(row(stage, work)),
            Work::Suite(work) => suites.push((stage, work)),
        }
    }
    rows.extend(run_suites(&suites, binary.as_deref(), &floors));
    Ok(summarise(&rows))
}

/// What the arguments ask for.
#[derive(Default)]
struct Choice {
    /// In the order of the table.
    stages: Vec<&'static Stage>,
    /// The server to test, instead of one that is built.
    binary: Option<PathBuf>,
}

impl Choice {
    /// Reads `--only STAGE` (all without it) and `--binary FILE`; both may also be written with `=`.
    fn parse(arguments: &[String]) -> anyhow::Result<Self> {
        let (mut names, mut binary) = (Vec::new(), None);
        let mut words = arguments
            .iter()
            .flat_map(|argument| match argument.split_once('=') {
                Some((flag, value)) => vec![flag, value],
                None => vec![argument.as_str()],
            });
        while let Some(flag) = words.next() {
            match (flag, words.next()) {
                ("--only", Some(name)) if is_stage(name) => names.push(name),
                ("--only", Some(name)) => {
                    bail!("there is no stage \"{name}\"; cargo xtask test --list names them")
                }
                ("--binary", Some(file)) => binary = Some(std::path::absolute(file)?),
                _ => bail!(
                    "can't make sense of \"{flag}\"; expected --only STAGE, --binary FILE or --list"
                ),
            }
        }
        let chosen = |stage: &&Stage| names.is_empty() || names.contains(&stage.name);
        Ok(Self {
            stages: STAGES.iter().filter(chosen).collect(),
            binary,
        })
    }
}

type SuiteWork = fn(&Suites) -> anyhow::Result<Outcome>;

fn run_suites(stages: &[(&Stage, SuiteWork)], binary: Option<&Path>, floors: &Floors) -> Vec<Row> {
    if stages.is_empty() {
        return Vec::new();
    }
    let single = |outcome, took| {
        vec![Row {
            stage: "suites".to_owned(),
            outcome,
            took,
        }]
    };
    let Some(shared) = workspace::shared() else {
        let names: Vec<&str> = stages.iter().map(|(stage, _)| stage.name).collect();
        let remark = format!(
            "left out, there is no folder shared beside this clone: {}",
            names.join(", ")
        );
        say(&remark);
        return single(Outcome::skipped(remark), Duration::ZERO);
    };
    if let Some(lack) = suites::lack() {
        return single(Outcome::skipped(lack), Duration::ZERO);
    }
    say("\n== the server for the suites");
    let started = Instant::now();
    let suites = match Suites::new(shared, binary) {
        Ok(suites) => suites,
        Err(error) => return single(Outcome::failed(format!("{error:#}")), started.elapsed()),
    };
    let mut rows = Vec::new();
    for (stage, work) in stages {
        let mut row = row(stage, || work(&suites));
        let (counts, remark) = floors.weigh(stage.name, row.outcome.counts);
        let remarks = [row.outcome.remark, remark];
        let remarks: Vec<String> = remarks
            .into_iter()
            .filter(|remark| !remark.is_empty())
            .collect();
        row.outcome = Outcome {
            counts,
            remark: remarks.join("; "),
        };
        rows.push(row);
    }
    rows
}

fn row(stage: &Stage, work: impl FnOnce() -> anyhow::Result<Outcome>) -> Row {
    say(&format!("\n== {}: {}", stage.name, stage.what));
    let started = Instant::now();
    let outcome = work().unwrap_or_else(|error| {
        say(&format!("{error:#}"));
        let text = error.to_string();
        Outcome::failed(text.lines().next().unwrap_or_default())
    });
    Row {
        stage: stage.name.to_owned(),
        outcome,
        took: started.elapsed(),
    }
}

/// Prints the table and the sum. Answers whether nothing failed.
fn summarise(rows: &[Row]) -> bool {
    let mut sum = Counts::default();
    say(&format!(
        "\n{:<14}{:>8}{:>8}{:>8}{:>8}",
        "stage", "passed", "failed", "skipped", "seconds"
    ));
    for Row {
        stage,
        outcome: Outcome { counts, remark },
        took,
    } in rows
    {
        let Counts {
            passed,
            failed,
            skipped,
        } = counts;
        let line = format!(
            "{stage:<14}{passed:>8}{failed:>8}{skipped:>8}{:>8}  {remark}",
            took.as_secs()
        );
        say(line.trim_end());
        sum += *counts;
    }
    say(&sum.to_string());
    sum.failed == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::{self, Output};

    fn names(arguments: &[&str]) -> Result<Vec<&'static str>, String> {
        let arguments: Vec<String> = arguments.iter().map(|a| (*a).to_owned()).collect();
        let choice = Choice::parse(&arguments).map_err(|e| e.to_string())?;
        Ok(choice.stages.into_iter().map(|stage| stage.name).collect())
    }

    #[test]
    fn without_a_choice_all_stages_run() {
        assert_eq!(names(&[]).unwrap().len(), STAGES.len());
    }

    #[test]
    fn chosen_stages_keep_their_order() {
        assert_eq!(
            names(&["--only", "tests", "--only=fmt"]),
            Ok(vec!["fmt", "tests"])
        );
    }

    #[test]
    fn a_wrong_choice_is_an_error() {
        assert!(
            names(&["--only", "test"])
                .unwrap_err()
                .contains("there is no stage \"test\"")
        );
        assert!(names(&["--only"]).is_err());
        assert!(names(&["fmt"]).is_err());
    }

    /// A runner that prints three passed and one skipped, and ends with `code`.
    fn runner(code: &str) -> Finished {
        let mut command = std::process::Command::new("sh");
        command.args(["-c", "echo '3 passed, 0 failed, 1 skipped'; exit $0", code]);
        process::run(&mut command, Output::Kept, Duration::from_secs(60)).unwrap()
    }

    #[test]
    fn a_runner_is_taken_at_its_word() {
        let outcome = Outcome::of_counts(&runner("0"), counts::of_closing_line);
        assert_eq!(outcome.counts, Counts::new(3, 0, 1));
        assert_eq!(outcome.remark, "");
    }

    #[test]
    fn a_runner_that_counts_nothing_failed() {
        let outcome = Outcome::of_counts(&runner("0"), counts::of_nextest);
        assert_eq!(outcome.counts, Counts::new(0, 1, 0));
    }

    #[test]
    fn a_runner_that_ends_badly_failed_whatever_it_counted() {
        let outcome = Outcome::of_counts(&runner("1"), counts::of_closing_line);
        assert_eq!(outcome.counts, Counts::new(3, 1, 1));
        assert_eq!(outcome.remark, "exit status: 1");
    }
}

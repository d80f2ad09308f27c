//! The stages that play suites of `../shared` against a server of this build.

use super::{Outcome, counts};
use crate::process::{self, Output};
use crate::server::{self, Server};
use crate::{say, workspace};
use anyhow::Context as _;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// Every suite takes a few minutes at most; one with clients to install takes longer the first time.
const SUITE_LIMIT: Duration = Duration::from_secs(20 * 60);

/// The database that clients write to.
const CLIENT_DATABASE: &str = "kit";

/// Clients that have to pass in full.
const CLIENTS: &[&str] = &[
    "influxdb-client-python",
    "influxdb-client-js",
    "telegraf-replay",
    "influxdb3-python",
    "influx3-cli",
    "influxdb-python",
    "pyarrow-flight",
];

/// Clients that are held to a floor.
const CLIENTS_MORE: &[&str] = &[
    "adbc-flightsql",
    "grafana-replay",
    "aioinflux",
    "influx-node",
    "glances",
];

/// What all suites need.
#[derive(Debug)]
pub(super) struct Suites {
    shared: PathBuf,
    /// The server, under a name that no other build replaces.
    binary: PathBuf,
    _directory: TempDir,
}

/// Compiles the server and answers where it is.
fn build() -> anyhow::Result<PathBuf> {
    // The integration tests are named only to get the features that the tests' build has: with others,
    // all dependencies would be compiled a second time.
    let arguments = [
        "--locked",
        "--workspace",
        "--bin",
        "watershed",
        "--test",
        "it",
    ];
    workspace::build(&arguments, "watershed")
}

/// What is missing on this machine to run any suite, in one sentence.
pub(super) fn lack() -> Option<String> {
    let python = process::is_installed(
        &mut Command::new("python3"),
        &["-c", "import sys; sys.exit(sys.version_info < (3, 11))"],
    );
    (!python)
        .then(|| "left out, Python 3.11 or newer is not installed (python3): the suites".to_owned())
}

impl Suites {
    /// Takes the given server, or builds one as developers do.
    ///
    /// # Errors
    /// When it does not compile; the compiler's words have been printed.
    pub(super) fn new(shared: PathBuf, given: Option<&Path>) -> anyhow::Result<Self> {
        let built = given.map_or_else(build, |path| Ok(path.to_owned()))?;
        // Clones share a target directory, and another one may build its own server in the meantime.
        let directory = tempfile::tempdir().context("make a directory")?;
        let binary = directory.path().join("watershed");
        if std::fs::hard_link(&built, &binary).is_err() {
            std::fs::copy(&built, &binary).with_context(|| format!("copy {}", built.display()))?;
        }
        Ok(Self {
            shared,
            binary,
            _directory: directory,
        })
    }

    /// Plays a suite against a server of its own. What is wrong with that server when the suite is over
    /// is a failed check.
    fn with_server(
        &self,
        play: impl FnOnce(&Server) -> anyhow::Result<Outcome>,
    ) -> anyhow::Result<Outcome> {
        let (outcome, ()) = self.with_server_for(|server| Ok((play(server)?, ())))?;
        Ok(outcome)
    }

    /// As [`with_server`](Self::with_server), for those who want to know more.
    fn with_server_for<T>(
        &self,
        play: impl FnOnce(&Server) -> anyhow::Result<(Outcome, T)>,
    ) -> anyhow::Result<(Outcome, T)> {
        let server = Server::start(&self.binary)?;
        let outcome = play(&server);
        let wrong = server.stop();
        for line in &wrong {
            say(&format!("server: {line}"));
        }
        let (mut outcome, more) = outcome?;
        if let Some(first) = wrong.first() {
            outcome.counts.failed += 1;
            outcome.remark = format!("server: {first}");
        }
        Ok((outcome, more))
    }

    fn python(&self, script: &Path) -> Command {
        let mut command = Command::new("python3");
        // The suites may lie where nothing can be written.
        command
            .arg("-B")
            .arg(self.shared.join(script))
            .current_dir(workspace::root());
        command.env("PYTHONUNBUFFERED", "1");
        command
    }

    /// Runs `conformance/run.py` with some of its corpora.
    fn corpora(&self, files: &[&str], more: fn(&Server) -> Vec<String>) -> anyhow::Result<Outcome> {
        self.with_server(|server| {
            let mut command = self.python(Path::new("conformance/run.py"));
            command.args(["--url", server.url(), "--token", server::OPERATOR_TOKEN]);
            command.args(["--create-db", &server.client("database create {db}")]);
            command.args(["--drop-db", &server.client("database delete --force {db}")]);
            command.args(more(server)).arg("--corpus");
            command.args(
                files
                    .iter()
                    .map(|file| self.shared.join("conformance").join(file)),
            );
            let finished = process::run(&mut command, Output::Shown, SUITE_LIMIT)?;
            Ok(Outcome::of_counts(&finished, counts::of_closing_line))
        })
    }

    /// Runs clients. Beside what came of it: whether nothing but time was short.
    fn clients(&self, names: &[&str]) -> anyhow::Result<(Outcome, bool)> {
        if !process::is_installed(
            &mut Command::new("python3"),
            &["-c", "import venv, ensurepip"],
        ) {
            say(
                "Python clients will be skipped: python3-venv is not installed (apt install python3-venv)",
            );
        }
        self.with_server_for(|server| {
            server.run(&["database", "create", CLIENT_DATABASE])?;
            let token = server.run(&[
                "token",
                "create",
                "clients of cargo xtask test",
                "--read-database",
                "*",
                "--write-database",
                "*",
                "--format",
                "json",
            ])?;
            let token: Value = serde_json::from_str(&token).context("read the new token")?;
            let token = token["accessToken"]
                .as_str()
                .context("the new token has no text")?;
            let mut command = self.python(Path::new("clients/run"));
            command
                .args(names)
                .env("WS_URL", server.url())
                .env("WS_TOKEN", token);
            command.env("WS_DATABASE", CLIENT_DATABASE);
            if std::env::var_os("KIT_CACHE").is_none() {
                command.env("KIT_CACHE", workspace::cache("client-kit")?);
            }
            let finished = process::run(&mut command, Output::Shown, SUITE_LIMIT)?;
            let mut outcome = Outcome::of_counts(&finished, counts::of_closing_line);
            let missing = not_installed(&finished.lines);
            if !missing.is_empty() && outcome.remark.is_empty() {
                outcome.remark = format!("not to be had here: {}", missing.join(", "));
            }
            Ok((outcome, ran_out_of_time(&finished.lines)))
        })
    }
}

/// Whether all that failed is programs that did not end in their time.
fn ran_out_of_time(lines: &[String]) -> bool {
    let mut failures = lines
        .iter()
        .filter(|line| line.trim_start().starts_with("FAIL "))
        .peekable();
    failures.peek().is_some() && failures.all(|line| line.contains(": TimeoutExpired: "))
}

/// The clients that the runner could not install: it names a client, and below it says why.
fn not_installed(lines: &[String]) -> Vec<&str> {
    let pairs = lines.iter().zip(lines.iter().skip(1));
    let missing = pairs.filter(|(_, below)| below.trim_start().starts_with("skip install: "));
    missing
        .filter_map(|(client, _)| client.split(' ').next())
        .collect()
}

/// Line protocol and write requests.
pub(super) fn conformance(suites: &Suites) -> anyhow::Result<Outcome> {
    suites.corpora(&["line_protocol.jsonl", "http_write.jsonl"], |_| {
        vec!["--lp-readback".to_owned()]
    })
}

/// Clients that have to pass in full.
pub(super) fn clients(suites: &Suites) -> anyhow::Result<Outcome> {
    let (outcome, _) = suites.clients(CLIENTS)?;
    Ok(outcome)
}

/// All other clients.
///
/// Glances with its exporter for InfluxDB 2 does not always end: at its exit the client library waits up to five
/// minutes for a thread that may have gone already (`max_close_wait`), with any server, also one that answers 204
/// to everything. So they are run again when nothing failed but programs that took too long; what hangs each time
/// has failed.
pub(super) fn clients_more(suites: &Suites) -> anyhow::Result<Outcome> {
    for _ in 0..CLIENTS_REPEATS {
        let (outcome, short_of_time) = suites.clients(CLIENTS_MORE)?;
        if !short_of_time {
            return Ok(outcome);
        }
        say("a program did not end in its time: once more");
    }
    let (outcome, _) = suites.clients(CLIENTS_MORE)?;
    Ok(outcome)
}

/// How often clients are run again when one took too long.
const CLIENTS_REPEATS: usize = 2;

/// InfluxQL against answers recorded for the specification.
pub(super) fn golden(suites: &Suites) -> anyhow::Result<Outcome> {
    let file = suites.shared.join("spec/examples/influxql.jsonl");
    let text =
        std::fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
    let databases = databases(&text).with_context(|| format!("read {}", file.display()))?;
    suites.with_server(|server| {
        for database in &databases {
            server.run(&["database", "create", database])?;
        }
        let mut command = suites.python(Path::new("spec/examples/run_golden.py"));
        command.arg(server.url()).arg(&file).args([
            "--no-create",
            "--token",
            server::OPERATOR_TOKEN,
        ]);
        let finished = process::run(&mut command, Output::Shown, SUITE_LIMIT)?;
        Ok(Outcome::of_counts(&finished, counts::of_fraction))
    })
}

/// The databases that the cases of a file use.
fn databases(text: &str) -> anyhow::Result<BTreeSet<String>> {
    let mut databases = BTreeSet::new();
    for line in text.lines() {
        let case: Value = serde_json::from_str(line)?;
        let database = case["db"].as_str().context("a case names no database")?;
        databases.insert(database.to_owned());
    }
    Ok(databases)
}

/// InfluxQL by tables of results.
pub(super) fn influxql(suites: &Suites) -> anyhow::Result<Outcome> {
    suites.corpora(&["influxql_v3.jsonl"], |_| Vec::new())
}

/// `/query` by its JSON.
///
/// Two of its cases expect the time of their start as text without trailing zeros, where we print nine digits (so
/// does InfluxDB 3): one start in ten ends in a zero and fails. So the suite is played again when something
/// failed; what fails each time has failed.
pub(super) fn v1(suites: &Suites) -> anyhow::Result<Outcome> {
    let play = || {
        suites.corpora(&["v1_influxdb1.jsonl", "v1_influxdb3.jsonl"], |_| {
            Vec::new()
        })
    };
    let mut outcome = play()?;
    for _ in 0..V1_REPEATS {
        if outcome.counts.failed == 0 {
            break;
        }
        outcome = play()?;
    }
    Ok(outcome)
}

/// How often the corpora of `/query` are played again when a case failed.
const V1_REPEATS: usize = 2;

/// SQL, through the server's own client.
pub(super) fn sql(suites: &Suites) -> anyhow::Result<Outcome> {
    suites.corpora(&["sql_v3.jsonl"], |server| {
        vec![
            "--sql-cmd".to_owned(),
            server.client("query --format json --database {db}"),
        ]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_programs_that_took_too_long_are_run_again() {
        let lines = |lines: &[&str]| lines.iter().map(|l| (*l).to_owned()).collect::<Vec<_>>();
        let slow = "    FAIL exporter: TimeoutExpired: Command '[...]' timed out after 75 seconds";
        let wrong = "    FAIL reads: AssertionError: 1 != 2";
        assert!(ran_out_of_time(&lines(&["a 1: 2 passed", slow, slow])));
        assert!(!ran_out_of_time(&lines(&[slow, wrong])));
        assert!(!ran_out_of_time(&lines(&["a 1: 2 passed"])));
    }

    #[test]
    fn clients_that_could_not_be_installed_are_named() {
        let lines = [
            "influxdb-client-js 1.35.0 [v2 write]: 0 passed, 0 failed, 1 skipped (0.0 s)",
            "    skip install: npm is not installed",
            "pyarrow-flight 26 [Flight]: 20 passed, 0 failed, 0 skipped (3.0 s)",
            "    skip ping: no such thing",
        ];
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        assert_eq!(not_installed(&lines), ["influxdb-client-js"]);
    }

    #[test]
    fn the_databases_of_a_file_are_named_once() {
        let found = databases("{\"db\":\"b\"}\n{\"db\":\"a\"}\n{\"db\":\"b\"}\n").unwrap();
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["a", "b"]);
        assert!(databases("{}").is_err());
    }
}

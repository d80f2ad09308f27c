//! Ingest, side by side with other stores.

use super::arguments::{DataSet, Ingest, OURS};
use crate::process::{self, Output};
use crate::server::{self, Server};
use crate::{say, workspace};
use anyhow::{Context as _, bail};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Writing and settling takes a few minutes a peer at most.
const RUN_LIMIT: Duration = Duration::from_secs(30 * 60);

/// The stores that `bench.py` starts itself: peer, a command that does nothing, package.
const STORES: [(&str, &str, &str, &str); 2] = [
    ("influx1", "influxd", "version", "influxdb"),
    ("vm", "victoria-metrics", "-version", "victoria-metrics"),
];

/// What `bench.py` says about one peer, as far as it is printed here.
#[derive(Debug, Deserialize)]
struct Measured {
    peer: String,
    rows: u64,
    rows_per_s: f64,
    p50_ms: f64,
    p99_ms: f64,
    complete: bool,
    found_rows: u64,
    #[serde(default)]
    cpu_s: Option<f64>,
    #[serde(default)]
    rows_per_cpu_s: Option<f64>,
    #[serde(default)]
    rows_per_cpu_s_settled: Option<f64>,
    #[serde(default)]
    peak_rss_mb: Option<f64>,
    #[serde(default)]
    disk_per_row_acked: Option<f64>,
    #[serde(default)]
    disk_per_row: Option<f64>,
}

#[derive(Debug, Deserialize)]
struct Report {
    results: Vec<Measured>,
}

pub(super) fn run(ingest: &Ingest) -> anyhow::Result<bool> {
    let peers: Vec<&str> = ingest.peers.iter().map(String::as_str).collect();
    let peers: Vec<&str> = peers.into_iter().filter(|peer| is_there(peer)).collect();
    if peers.is_empty() {
        bail!("nobody is left to be measured");
    }
    let tool = Tool::find()?;
    let binary = if peers.contains(&OURS) {
        Some(super::server(ingest.server_binary.as_deref())?)
    } else {
        None
    };
    let mut complete = true;
    for set in &ingest.data {
        tool.make(set)?;
        let mut measured = Vec::new();
        for run in 1..=ingest.runs {
            // Every round visits every peer, so that a machine that gets slower does so for all.
            for peer in &peers {
                let result = tool.measure(set, peer, binary.as_deref(), ingest.gzip)?;
                say(&format!(
                    "# {} run {run} {}: {:.0} rows/s, found {} of {} rows",
                    set.name, result.peer, result.rows_per_s, result.found_rows, result.rows
                ));
                measured.push(result);
            }
        }
        complete &= measured.iter().all(|result| result.complete);
        say(&format!(
            "\n{}: median of {}, gzip {}",
            set.name, ingest.runs, ingest.gzip
        ));
        for line in table(&measured) {
            say(&line);
        }
        say("");
    }
    Ok(complete)
}

/// Whether a peer can be measured on this machine. One that can't is named.
fn is_there(peer: &str) -> bool {
    let Some((_, program, argument, package)) = STORES.iter().find(|store| store.0 == peer) else {
        return true;
    };
    let there = process::is_installed(&mut Command::new(program), &[argument]);
    if !there {
        say(&format!(
            "{peer} is left out, {program} is not installed (apt-get install {package})"
        ));
    }
    there
}

/// `bench.py`, and where it works.
struct Tool {
    script: PathBuf,
    work: PathBuf,
}

impl Tool {
    fn find() -> anyhow::Result<Self> {
        let script = workspace::shared().map(|shared| shared.join("bench/bench.py"));
        let script = script.filter(|script| script.is_file());
        Ok(Self {
            script: script.context("there is no shared/bench/bench.py beside the clone")?,
            work: super::work()?,
        })
    }

    fn command(&self) -> Command {
        let mut command = Command::new("python3");
        // It may lie where nothing can be written.
        command.arg("-B").arg(&self.script);
        command.env("BENCH_WORK", &self.work);
        command
    }

    /// Makes a data set when it is not there.
    fn make(&self, set: &DataSet) -> anyhow::Result<()> {
        let described = self.work.join("data").join(format!("{}.json", set.name));
        if described.is_file() {
            return Ok(());
        }
        let mut command = self.command();
        command
            .arg("gen")
            .args(set.made_by)
            .args(["--name", set.name]);
        let finished = process::run(&mut command, Output::Shown, RUN_LIMIT)?;
        if !finished.end.success() {
            bail!("make the data set {}: {}", set.name, finished.end);
        }
        Ok(())
    }

    /// Writes a data set to a peer that starts from nothing.
    fn measure(
        &self,
        set: &DataSet,
        peer: &str,
        binary: Option<&Path>,
        gzip: u32,
    ) -> anyhow::Result<Measured> {
        let Some(binary) = binary.filter(|_| peer == OURS) else {
            return self.ingest(set, peer, gzip);
        };
        let server = Server::start_in(binary, &self.work)?;
        server.run(&["database", "create", "bench"])?;
        let peer = format!(
            "{OURS}={},token={},pid={},dir={},db=bench",
            server.url(),
            server::OPERATOR_TOKEN,
            server.pid(),
            server.data().display()
        );
        let result = self.ingest(set, &peer, gzip);
        for line in server.stop() {
            say(&format!("server: {line}"));
        }
        result
    }

    fn ingest(&self, set: &DataSet, peer: &str, gzip: u32) -> anyhow::Result<Measured> {
        let json = tempfile::NamedTempFile::new().context("make a file")?;
        let mut command = self.command();
        command.args(["ingest", "--data", set.name, "--peer", peer, "--runs", "1"]);
        command.args(["--gzip", &gzip.to_string(), "--json"]);
        command.arg(json.path());
        let finished = process::run(&mut command, Output::Kept, RUN_LIMIT)?;
        if !finished.end.success() {
            bail!(
                "bench.py ingest: {}\n{}",
                finished.end,
                finished.lines.join("\n")
            );
        }
        let text = std::fs::read_to_string(json.path()).context("read the figures")?;
        let report: Report = serde_json::from_str(&text).context("read the figures")?;
        report.results.into_iter().next().context("no figures")
    }
}

/// One line a peer, in the order in which they were measured first.
fn table(measured: &[Measured]) -> Vec<String> {
    let mut peers: Vec<&str> = Vec::new();
    for result in measured {
        if !peers.contains(&result.peer.as_str()) {
            peers.push(&result.peer);
        }
    }
    let head = format!(
        "{:<12}{:>11}{:>8}{:>9}{:>9}{:>8}{:>12}{:>12}{:>9}{:>9}{:>9}{:>10}",
        "peer",
        "rows/s",
        "spread",
        "p50 ms",
        "p99 ms",
        "cpu s",
        "rows/cpu-s",
        "settled",
        "rss MB",
        "B/row",
        "settled",
        "complete"
    );
    let lines = peers.iter().map(|peer| {
        let mine: Vec<&Measured> = measured.iter().filter(|m| m.peer == *peer).collect();
        line(peer, &mine)
    });
    std::iter::once(head).chain(lines).collect()
}

fn line(peer: &str, mine: &[&Measured]) -> String {
    let of = |figure: fn(&Measured) -> Option<f64>| {
        median(
            mine.iter()
                .filter_map(|measured| figure(measured))
                .collect(),
        )
    };
    let fastest = mine.iter().map(|m| m.rows_per_s).fold(0.0, f64::max);
    let slowest = mine.iter().map(|m| m.rows_per_s).fold(f64::MAX, f64::min);
    let complete = mine.iter().all(|measured| measured.complete);
    format!(
        "{peer:<12}{:>11.0}{:>7.0}%{:>9.1}{:>9.1}{:>8.2}{:>12.0}{:>12.0}{:>9.0}{:>9.2}{:>9.2}{:>10}",
        of(|m| Some(m.rows_per_s)),
        (fastest / slowest - 1.0) * 100.0,
        of(|m| Some(m.p50_ms)),
        of(|m| Some(m.p99_ms)),
        of(|m| m.cpu_s),
        of(|m| m.rows_per_cpu_s),
        of(|m| m.rows_per_cpu_s_settled),
        of(|m| m.peak_rss_mb),
        of(|m| m.disk_per_row_acked),
        of(|m| m.disk_per_row),
        if complete { "yes" } else { "NO" }
    )
}

/// Of nothing: not a number.
fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    match figures.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => figures[n / 2],
        n => f64::midpoint(figures[n / 2 - 1], figures[n / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_medians_by_peer() {
        let result = |peer: &str, rate: u32, found: u32| {
            format!(
                r#"{{"peer":"{peer}","rows":10,"rows_per_s":{rate},"p50_ms":1,"p99_ms":2.5,"found_rows":{found},
                     "complete":{},"cpu_s":0.5,"more":[1]}}"#,
                found == 10
            )
        };
        let results = [
            result("vm", 100, 10),
            result("watershed", 300, 10),
            result("vm", 150, 9),
            result("watershed", 200, 10),
        ];
        let text = format!(r#"{{"kind":"ingest","results":[{}]}}"#, results.join(","));
        let report: Report = serde_json::from_str(&text).unwrap();
        let table = table(&report.results);
        let words =
            |line: &str| -> Vec<String> { line.split_whitespace().map(str::to_owned).collect() };
        assert_eq!(words(&table[1])[..5], ["vm", "125", "50%", "1.0", "2.5"]);
        assert_eq!(words(&table[2])[..3], ["watershed", "250", "50%"]);
        assert!(table[1].ends_with("NO") && table[2].ends_with("yes"));
        assert_eq!(words(&table[1]).len(), words(&table[0]).len() - 4);
    }

    #[test]
    fn medians() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0]), 2.5);
        assert!(median(Vec::new()).is_nan());
    }
}

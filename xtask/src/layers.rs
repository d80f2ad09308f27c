//! `cargo xtask layers`: which crate may use which.
//!
//! 1. `cargo metadata` lists the crates and their dependencies, those of tests and benchmarks too.
//! 2. Each edge is looked up in [`CRATES`] (edges between our crates) and [`OUTSIDE`] (heavy or telling
//!    dependencies that only some crates may have).
//! 3. What is not there is a finding, in a sentence that says what to do.
//!
//! ARCHITECTURE.md explains the table. A new edge is a change to it, to be reviewed as such.

#[cfg(test)]
mod tests;

use crate::{say, workspace};
use anyhow::{Context as _, bail};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// A crate and what it may use.
struct Crate {
    name: &'static str,
    /// Edges go to lower layers only, so crates of one layer never know each other.
    layer: u8,
    /// The crates of ours that it may depend on, in shipped code and in tests.
    uses: &'static [&'static str],
    /// Those of lower layers that only its tests may depend on.
    tests_use: &'static [&'static str],
}

const fn row(name: &'static str, layer: u8, uses: &'static [&'static str]) -> Crate {
    Crate {
        name,
        layer,
        uses,
        tests_use: &[],
    }
}

impl Crate {
    const fn in_tests(self, tests_use: &'static [&'static str]) -> Self {
        Self { tests_use, ..self }
    }
}

const LINE_PROTOCOL: &str = "watershed-line-protocol";
const INFLUXQL: &str = "watershed-influxql";
const MODEL: &str = "watershed-model";
const WAL: &str = "watershed-wal";
const CATALOG: &str = "watershed-catalog";
const STORAGE: &str = "watershed-storage";
const ROUTER: &str = "watershed-router";
const INGESTER: &str = "watershed-ingester";
const QUERY: &str = "watershed-query";
const SERVER: &str = "watershed-server";
const BINARY: &str = "watershed";
const BENCH: &str = "watershed-bench";
const DIFFERENTIAL: &str = "watershed-differential";
const FUZZ: &str = "fuzz";
const XTASK: &str = "xtask";

/// Not part of any layer: each lives in the folder of its name in the root.
const BESIDE: &[&str] = &[FUZZ, XTASK];

/// Every crate of the workspace, bottom up.
const CRATES: &[Crate] = &[
    row(LINE_PROTOCOL, 0, &[]),
    row(INFLUXQL, 0, &[]),
    row(MODEL, 1, &[]),
    row(WAL, 2, &[MODEL]),
    row(CATALOG, 2, &[MODEL]),
    row(STORAGE, 2, &[MODEL]),
    row(ROUTER, 3, &[MODEL, LINE_PROTOCOL, CATALOG]),
    row(INGESTER, 3, &[MODEL, WAL, CATALOG, STORAGE]),
    // Golden cases bring their data as line protocol.
    row(QUERY, 3, &[MODEL, INFLUXQL, CATALOG, STORAGE]).in_tests(&[LINE_PROTOCOL]),
    row(
        SERVER,
        4,
        &[
            LINE_PROTOCOL,
            INFLUXQL,
            MODEL,
            WAL,
            CATALOG,
            STORAGE,
            ROUTER,
            INGESTER,
            QUERY,
        ],
    ),
    row(
        BINARY,
        5,
        &[
            LINE_PROTOCOL,
            INFLUXQL,
            MODEL,
            WAL,
            CATALOG,
            STORAGE,
            ROUTER,
            INGESTER,
            QUERY,
            SERVER,
        ],
    ),
    // Development only: nothing shipped may use these, so they are above everything.
    row(
        BENCH,
        6,
        &[
            LINE_PROTOCOL,
            MODEL,
            WAL,
            CATALOG,
            STORAGE,
            ROUTER,
            INGESTER,
        ],
    ),
    row(DIFFERENTIAL, 6, &[LINE_PROTOCOL, INFLUXQL]),
    row(FUZZ, 6, &[LINE_PROTOCOL, INFLUXQL, MODEL, WAL]),
    row(XTASK, 6, &[]),
];

/// A dependency from outside that only some crates may have.
struct Outside {
    /// The name of the dependency, or what its name begins with when it ends with `*`.
    name: &'static str,
    users: &'static [&'static str],
    /// Whether tests are bound by this too: they are where it costs the time of every build.
    tests_too: bool,
    why: &'static str,
}

const OUTSIDE: &[Outside] = &[
    Outside {
        name: "datafusion*",
        users: &[QUERY, SERVER, BINARY],
        tests_too: true,
        why: "it takes minutes to compile, and all other crates should build and test in seconds",
    },
    Outside {
        name: "sqlx",
        users: &[CATALOG],
        tests_too: false,
        why: "only the catalog knows the database below it",
    },
    Outside {
        name: "parquet",
        users: &[STORAGE, QUERY, SERVER],
        tests_too: false,
        why: "files are written and read through watershed-storage",
    },
    Outside {
        name: "arrow*",
        users: &[STORAGE, INGESTER, QUERY, SERVER, BINARY],
        tests_too: false,
        why: "parsers, model, log, catalog and router work on plain columns",
    },
    Outside {
        name: "axum",
        users: &[SERVER],
        tests_too: false,
        why: "HTTP begins and ends there",
    },
    Outside {
        name: "tonic*",
        users: &[SERVER, BINARY],
        tests_too: false,
        why: "only the server and its own client speak gRPC",
    },
    Outside {
        name: "clap",
        users: &[BINARY, DIFFERENTIAL],
        tests_too: false,
        why: "flags and environment are read by programs alone",
    },
    Outside {
        name: "anyhow",
        users: &[BINARY, BENCH, DIFFERENTIAL, XTASK],
        tests_too: false,
        why: "libraries have typed errors that say what to do",
    },
];

/// What `cargo metadata` says, as far as it matters here.
#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_root: PathBuf,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    version: String,
    manifest_path: PathBuf,
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    name: String,
    /// `dev`, `build`, or nothing for a dependency of the shipped code.
    kind: Option<String>,
}

/// Checks the workspace and prints what is wrong. Answers whether nothing is.
///
/// # Errors
/// When cargo can't tell what is in the workspace.
pub(crate) fn run() -> anyhow::Result<bool> {
    let metadata = metadata()?;
    let findings = findings(&metadata);
    for finding in &findings {
        say(finding);
    }
    let crates = metadata.packages.len();
    let edges: usize = metadata.packages.iter().map(|p| p.dependencies.len()).sum();
    say(&format!(
        "layers: {crates} crates, {edges} dependencies, {} findings",
        findings.len()
    ));
    Ok(findings.is_empty())
}

fn metadata() -> anyhow::Result<Metadata> {
    // Without the packages of others: direct dependencies are what a manifest says, and nothing has to be
    // downloaded to read them.
    let output = workspace::cargo(&["metadata", "--format-version", "1", "--no-deps"]).output();
    let output = output.context("run cargo metadata")?;
    if !output.status.success() {
        bail!(
            "cargo metadata: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    serde_json::from_slice(&output.stdout).context("read what cargo metadata says")
}

/// All that is wrong, one sentence each, in the order of the packages.
fn findings(metadata: &Metadata) -> Vec<String> {
    let mut findings = Vec::new();
    for package in &metadata.packages {
        let Some(row) = CRATES.iter().find(|row| row.name == package.name) else {
            findings.push(format!(
                "{} is not in the table: give it a layer in xtask/src/layers.rs, and a place in ARCHITECTURE.md",
                package.name
            ));
            continue;
        };
        findings.extend(misplaced(package, &metadata.workspace_root));
        findings.extend(
            package
                .dependencies
                .iter()
                .filter_map(|d| forbidden(row, d)),
        );
    }
    findings
}

/// What is wrong with where a package is and how it is numbered.
fn misplaced(package: &Package, root: &Path) -> Option<String> {
    let name = &package.name;
    let folder = if BESIDE.contains(&name.as_str()) {
        root.join(name)
    } else {
        root.join("crates").join(name)
    };
    if package.manifest_path.parent() != Some(&folder) {
        return Some(format!(
            "{name} must live in {}, the folder of its name",
            folder.display()
        ));
    }
    // The binary's version is that of Watershed.
    (name != BINARY && package.version != "0.0.0").then(|| {
        format!(
            "{name} has version {}: the crates are not released one by one, so 0.0.0",
            package.version
        )
    })
}

/// What is wrong with one dependency of a crate.
fn forbidden(user: &Crate, dependency: &Dependency) -> Option<String> {
    let (name, kind) = (&dependency.name, dependency.kind.as_deref());
    let how = match kind {
        Some("dev") => "its tests use",
        Some("build") => "its build script uses",
        _ => "it uses",
    };
    if let Some(used) = CRATES.iter().find(|row| row.name == name) {
        return (!may_use(user, used, kind == Some("dev"))).then(|| {
            format!(
                "{} must not know {name}, but {how} it: define a trait where it is needed, or move the code",
                user.name
            )
        });
    }
    let rule = OUTSIDE.iter().find(|rule| matches(rule.name, name))?;
    let bound = rule.tests_too || kind != Some("dev");
    (bound && !rule.users.contains(&user.name)).then(|| {
        format!(
            "{} must not depend on {name}, but {how} it: {}",
            user.name, rule.why
        )
    })
}

/// Whether the table has the edge. A crate's tests may switch on features of the crate itself, such as
/// `testing`.
fn may_use(user: &Crate, used: &Crate, in_tests: bool) -> bool {
    let listed = user.uses.contains(&used.name);
    let listed_for_tests = in_tests && user.tests_use.contains(&used.name);
    let itself = in_tests && user.name == used.name;
    itself || ((listed || listed_for_tests) && used.layer < user.layer)
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    }
}

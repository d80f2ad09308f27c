//! Does a known amount of work, for somebody who counts instructions.
//!
//! `instructions WHAT LINES BATCHES` makes all of [`BATCHES_MAX`] batches and then takes the first `BATCHES`
//! of them. Two runs with different numbers differ in nothing but the rows of the batches in between, so the
//! difference of their instructions, by rows, is what a row costs: making the lines, starting the program
//! and opening the catalog cancel out, and nothing has to be marked in the code. `cargo xtask test --only
//! instructions` does that with Valgrind.
//!
//! | what | a batch is |
//! |---|---|
//! | `parse` | checked for UTF-8 and read by the parser, with the guesses that the router makes |
//! | `path` | written through router, log and buffer, over a real catalog and a real file, until it is acknowledged |

use anyhow::{Context as _, bail};
use async_trait::async_trait;
use bytes::Bytes;
use prometheus_client::registry::Registry;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use watershed_bench::lines;
use watershed_catalog::{Catalog, DatabaseSettings, NewDatabase, SqliteCatalog};
use watershed_ingester::{Dependencies, Ingester, Settings as IngesterSettings};
use watershed_line_protocol::{Parser, check_utf8};
use watershed_model::{Clock, DatabaseName, Precision, SystemClock, WriteBatch};
use watershed_router::{Router, Settings as RouterSettings, SinkError, WriteSink};
use watershed_storage::LocalStore;

/// Batches that are made, whatever is done with them.
const BATCHES_MAX: usize = 8;

/// Rows of a batch.
const BATCH_ROWS: usize = 5_000;

/// Longer than any run: nothing is persisted meanwhile.
const NEVER: Duration = Duration::from_secs(86_400);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(rows) => {
            // The reader has the exit code too.
            let _ = writeln!(std::io::stdout(), "{rows} rows");
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Answers how many rows were taken.
fn run(arguments: &[String]) -> anyhow::Result<usize> {
    let [what, kind, count] = arguments else {
        bail!("usage: instructions parse|path cpu-100|cpu-4000|iot-1000 BATCHES");
    };
    let count: usize = count.parse().context("read the number of batches")?;
    if count > BATCHES_MAX {
        bail!("at most {BATCHES_MAX} batches");
    }
    let batches = batches(kind)?;
    let batches = &batches[..count];
    match what.as_str() {
        "parse" => parse(batches),
        "path" => path(batches),
        _ => bail!("nothing is called {what}"),
    }
}

/// The lines of all batches: one body, cut after every so many lines.
fn batches(kind: &str) -> anyhow::Result<Vec<Bytes>> {
    let rows = BATCHES_MAX * BATCH_ROWS;
    let body = match kind {
        "cpu-100" => lines::cpu(100, rows),
        "cpu-4000" => lines::cpu(4_000, rows),
        "iot-1000" => lines::iot(1_000, rows),
        _ => bail!("no lines are called {kind}"),
    };
    let mut lines = body.split_inclusive('\n');
    let batch = |_| lines.by_ref().take(BATCH_ROWS).collect::<String>().into();
    Ok((0..BATCHES_MAX).map(batch).collect())
}

fn parse(batches: &[Bytes]) -> anyhow::Result<usize> {
    let keys = keys(batches)?;
    let mut rows = 0;
    for batch in batches {
        let mut parser = Parser::new(check_utf8(batch)?);
        while let Some(series) = parser.next_series() {
            std::hint::black_box(series.as_str());
            let mut guesses = keys.iter().copied();
            while let Some(field) = parser.next_field(guesses.next())? {
                std::hint::black_box(field.value);
            }
            std::hint::black_box(parser.timestamp()?);
            rows += 1;
        }
    }
    Ok(rows)
}

/// The field keys of the first line: what a router guesses for all that follow.
fn keys(batches: &[Bytes]) -> anyhow::Result<Vec<&str>> {
    let mut keys = Vec::new();
    if let Some(batch) = batches.first() {
        let mut parser = Parser::new(check_utf8(batch)?);
        parser.next_series();
        while let Some(field) = parser.next_field(None)? {
            keys.push(field.key.raw());
        }
    }
    Ok(keys)
}

/// One thread for tasks, as little as possible that depends on who was faster.
#[tokio::main(flavor = "current_thread")]
async fn path(batches: &[Bytes]) -> anyhow::Result<usize> {
    let dir = tempfile::tempdir()?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let path = dir.path().join("catalog.sqlite");
    let catalog = SqliteCatalog::open(&path, Arc::clone(&clock)).await?;
    let catalog: Arc<dyn Catalog> = Arc::new(catalog);
    let objects = dir.path().join("objects");
    std::fs::create_dir(&objects)?;
    let mut settings = IngesterSettings::new(dir.path().join("wal"));
    (settings.persist_age, settings.persist_idle) = (NEVER, NEVER);
    let dependencies = Dependencies {
        catalog: Arc::clone(&catalog),
        store: Arc::new(LocalStore::new(&objects)?),
        clock: Arc::clone(&clock),
        metrics: &mut Registry::default(),
    };
    let ingester = Ingester::start(settings, dependencies).await?;
    let database = DatabaseName::new("bench")?;
    let new = NewDatabase {
        name: database.clone(),
        settings: DatabaseSettings::default(),
    };
    catalog.create_database(new).await?;
    let sink = Arc::new(Sink(ingester));
    let router = Router::new(catalog, sink, clock, RouterSettings::default());
    let mut rows = 0;
    for batch in batches {
        let written = router.write(&database, batch.clone(), Precision::Nanosecond);
        rows += written.await?.rows as usize;
    }
    Ok(rows)
}

/// Gives batches to the ingester, as the server does.
#[derive(Debug)]
struct Sink(Ingester);

#[async_trait]
impl WriteSink for Sink {
    async fn write(&self, batch: WriteBatch) -> Result<(), SinkError> {
        self.0.append(batch).await.map_err(|error| SinkError {
            kind: error.kind(),
            message: error.to_string(),
            retry_after_seconds: None,
        })
    }
}

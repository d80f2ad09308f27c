//! Asks two servers random questions and compares the answers; `--help` lists the flags.

use anyhow::Context as _;
use clap::Parser;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use watershed_differential::{Known, Server, Settings, run};

/// Compares a server with a reference by random data and random InfluxQL.
///
/// Ends with status 1 if there are differences that known_differences.toml does not list.
#[derive(Debug, Parser)]
#[command(name = "differential")]
struct Arguments {
    /// The server under test, for example http://127.0.0.1:8086
    #[arg(long)]
    url: String,

    /// Its operator token; none for a server without authentication
    #[arg(long)]
    token: Option<String>,

    /// The server to compare with
    #[arg(long)]
    reference: String,

    /// The token of the reference, if it needs one
    #[arg(long)]
    reference_token: Option<String>,

    /// How many queries to send
    #[arg(long, default_value_t = 10_000)]
    queries: u64,

    /// Over how many data sets to spread them
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u64).range(1..))]
    data_sets: u64,

    /// Determines data and queries; drawn and printed if not given
    #[arg(long)]
    seed: Option<u64>,

    /// Send no more queries after that many minutes
    #[arg(long)]
    minutes: Option<u64>,

    /// How many different findings to make small and show
    #[arg(long, default_value_t = 20)]
    findings: usize,

    /// The end of recent data, in seconds since the epoch, to repeat a run; else the present
    #[arg(long)]
    now: Option<i64>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match compare(Arguments::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::from(2)
        }
    }
}

/// Whether there are only known differences.
async fn compare(arguments: Arguments) -> anyhow::Result<bool> {
    let now = present()?;
    let seed = arguments.seed.unwrap_or(now.unsigned_abs() % 1_000_000);
    let now = match arguments.now {
        Some(seconds) => seconds
            .checked_mul(1_000_000_000)
            .context("--now is too far away")?,
        None => now,
    };
    let known = Known::checked_in()?;
    let settings = Settings {
        ours: Server::new(&arguments.url, arguments.token.as_deref())?,
        reference: Server::new(&arguments.reference, arguments.reference_token.as_deref())?,
        queries: arguments.queries,
        time_max: arguments
            .minutes
            .map(|minutes| Duration::from_secs(60 * minutes)),
        seed,
        data_sets: arguments.data_sets,
        now,
        findings_max: arguments.findings,
    };
    say(&format!("--seed {seed} --now {}", now / 1_000_000_000));
    let report = run(&settings, &known, &mut |line| say(line)).await?;
    say(&report.to_string());
    Ok(report.is_clean())
}

#[expect(
    clippy::disallowed_methods,
    reason = "the servers' clocks can't be replaced either"
)]
fn present() -> anyhow::Result<i64> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let since = since.context("the clock is before 1970")?;
    i64::try_from(since.as_nanos()).context("the clock is after 2262")
}

/// Prints a line. A reader that has gone away is no reason to stop.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

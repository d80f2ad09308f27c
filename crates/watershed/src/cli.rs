//! The command line.
//!
//! Data goes to stdout, words go to stderr. Exit codes: 0 done, 1 failed, 2 wrong usage.

mod connection;
mod database;
mod progress;
mod queries;
mod query;
mod serve;
mod table;
mod token;
mod wal;
mod write;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand, ValueEnum};
use connection::Connection;
use std::io::Write as _;
use std::path::PathBuf;

/// Watershed, a time series database that speaks the InfluxDB protocols.
#[derive(Debug, Parser)]
#[command(
    name = "watershed",
    version,
    propagate_version = true,
    arg_required_else_help = true
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server.
    Serve(Box<serve::ServeArgs>),
    /// Create, list and delete databases.
    Database {
        #[command(subcommand)]
        command: database::DatabaseCommand,
    },
    /// Create, list and revoke database tokens.
    Token {
        #[command(subcommand)]
        command: token::TokenCommand,
    },
    /// Write line protocol from a file, from stdin or from the command line.
    Write(write::WriteArgs),
    /// Run a query and print its rows.
    Query(query::QueryArgs),
    /// List and end the queries of a server.
    Queries {
        #[command(subcommand)]
        command: queries::QueriesCommand,
    },
    /// Look at the log of a data directory, without a server.
    Wal {
        #[command(subcommand)]
        command: wal::WalCommand,
    },
    /// Print the version.
    Version,
}

/// Which server, and who asks.
#[derive(Debug, Clone, Args)]
struct ServerArgs {
    /// The server, for example http://127.0.0.1:8086.
    #[arg(long, value_name = "URL", env = "WATERSHED_HOST", global = true)]
    host: Option<String>,
    /// The token; the operator token for databases, tokens and queries.
    #[arg(
        long,
        value_name = "TOKEN",
        env = "WATERSHED_TOKEN",
        hide_env_values = true,
        global = true
    )]
    token: Option<String>,
    /// The section of the profile file to take host, token and database from.
    #[arg(
        long,
        value_name = "NAME",
        env = "WATERSHED_PROFILE",
        default_value = "default",
        global = true
    )]
    profile: String,
    /// The profile file [default: watershed/config.toml in the user's configuration folder].
    #[arg(long, value_name = "FILE", env = "WATERSHED_CONFIG", global = true)]
    config: Option<PathBuf>,
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table for people.
    Table,
    /// A JSON array of objects.
    Json,
    /// Comma separated values with a header.
    Csv,
}

impl Cli {
    /// Does what was asked.
    pub(crate) fn run(self) -> anyhow::Result<()> {
        match self.command {
            Command::Serve(args) => serve::run(*args),
            Command::Version => print(&format!("watershed {}\n", env!("CARGO_PKG_VERSION"))),
            Command::Database { command } => block_on(database::run(command)),
            Command::Token { command } => block_on(token::run(command)),
            Command::Write(args) => block_on(write::run(args)),
            Command::Query(args) => block_on(query::run(args)),
            Command::Queries { command } => block_on(queries::run(command)),
            Command::Wal { command } => wal::run(command),
        }
    }
}

/// Runs what a client command waits for: one thread is plenty.
fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.context("start the runtime")?.block_on(work)
}

/// Writes data to stdout. A reader that has gone away (`| head`) is not a failure.
fn print(text: &str) -> anyhow::Result<()> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("write to stdout"),
    }
}

/// Writes words to stderr.
fn say(text: &str) {
    // There is no one left to tell when stderr is closed.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Tells why a command failed, with all causes.
pub(crate) fn report(error: &anyhow::Error) {
    say(&format!("error: {error:#}"));
}

//! `watershed serve`.

use super::{print, say};
use crate::assemble::{self, Settings};
use crate::priority;
use crate::telemetry::{self, LogFormat};
use anyhow::{Context as _, bail};
use clap::Args;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use watershed_query::{Executors, Limits};
use watershed_server::Origin;
use watershed_server::auth::Secret;

/// The fewest characters of an operator token that a person chose.
const OPERATOR_TOKEN_CHARS_MIN: usize = 16;

/// The stack of a thread that serves connections.
const IO_STACK_BYTES: usize = 8 << 20;

/// The stack of a thread that plans and runs queries: plans are walked recursively, and as deep as the query
/// text is. Only what is used takes memory.
const QUERY_STACK_BYTES: usize = 128 << 20;

#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// Where everything is kept [default: watershed in the user's data folder].
    #[arg(long, value_name = "DIR", env = "WATERSHED_DATA_DIR")]
    data_dir: Option<PathBuf>,
    /// The one address for HTTP and gRPC. Port 0 takes a free port.
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "WATERSHED_BIND",
        default_value = "127.0.0.1:8086"
    )]
    bind: SocketAddr,
    /// A file that holds the operator token, instead of one made at the first start. The variable
    /// WATERSHED_OPERATOR_TOKEN may hold it as well.
    #[arg(long, value_name = "FILE", env = "WATERSHED_OPERATOR_TOKEN_FILE")]
    operator_token_file: Option<PathBuf>,
    /// Let everyone do everything. For trials only.
    #[arg(long, env = "WATERSHED_WITHOUT_AUTH")]
    without_auth: bool,
    /// The most bytes of a request body, on the wire and decompressed.
    #[arg(long, value_name = "SIZE", env = "WATERSHED_REQUEST_BYTES_MAX", default_value = "50MiB", value_parser = bytes)]
    request_bytes_max: u64,
    /// Write requests in progress at one time; more are answered 503.
    #[arg(
        long,
        value_name = "N",
        env = "WATERSHED_WRITES_MAX",
        default_value_t = 256
    )]
    writes_max: usize,
    /// The most bytes of memory that write requests in progress may take; more are answered 503. At least three
    /// times the largest request.
    #[arg(long, value_name = "SIZE", env = "WATERSHED_IN_FLIGHT_BYTES_MAX", default_value = "192MiB", value_parser = bytes)]
    in_flight_bytes_max: u64,
    /// Seconds a client may send nothing in the middle of a write request, and half of those it may be silent
    /// between requests.
    #[arg(long, value_name = "SECONDS", env = "WATERSHED_SILENCE_MAX", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..))]
    silence_max: u32,
    /// Web pages that browsers let talk to the server: their origins, such as https://app.example, or * for all
    /// [default: none].
    #[arg(
        long,
        value_name = "ORIGIN,…",
        env = "WATERSHED_CORS_ORIGINS",
        value_delimiter = ','
    )]
    cors_origins: Vec<Origin>,
    /// Refuse a whole request for one bad line, instead of storing the good ones.
    #[arg(long, env = "WATERSHED_WITHOUT_PARTIAL_WRITES")]
    without_partial_writes: bool,
    /// The most bytes of log on disk.
    #[arg(long, value_name = "SIZE", env = "WATERSHED_WAL_BYTES_MAX", default_value = "4GiB", value_parser = bytes)]
    wal_bytes_max: u64,
    /// The most bytes of points in memory that are not in files yet.
    #[arg(long, value_name = "SIZE", env = "WATERSHED_BUFFER_BYTES_MAX", default_value = "192MiB", value_parser = bytes)]
    buffer_bytes_max: u64,
    /// Refuse writes when less than this is free on the disk [default: 256MiB, or a twentieth of a disk of
    /// less than 5 GiB].
    #[arg(long, value_name = "SIZE", env = "WATERSHED_DISK_RESERVE_BYTES", value_parser = bytes)]
    disk_reserve_bytes: Option<u64>,
    /// The most bytes of memory all queries together may take.
    #[arg(long, value_name = "SIZE", env = "WATERSHED_QUERY_MEMORY_BYTES_MAX", default_value = "1GiB", value_parser = bytes)]
    query_memory_bytes_max: u64,
    /// The most bytes that queries put aside on disk when memory is short.
    #[arg(long, value_name = "SIZE", env = "WATERSHED_QUERY_SPILL_BYTES_MAX", default_value = "10GiB", value_parser = bytes)]
    query_spill_bytes_max: u64,
    /// The most queries that run at once [default: twice the number of cores, and 10 at least].
    #[arg(long, value_name = "N", env = "WATERSHED_QUERIES_MAX", value_parser = clap::value_parser!(u16).range(1..))]
    queries_max: Option<u16>,
    /// The most queries that wait for their turn; more are answered 503.
    #[arg(
        long,
        value_name = "N",
        env = "WATERSHED_QUERIES_QUEUED_MAX",
        default_value_t = 1000
    )]
    queries_queued_max: u32,
    /// Seconds a query waits for its turn; then it is answered 503.
    #[arg(long, value_name = "SECONDS", env = "WATERSHED_QUERY_QUEUE_TIMEOUT", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..))]
    query_queue_timeout: u32,
    /// Seconds a query may take from its arrival to its last row; 0 for ever.
    #[arg(
        long,
        value_name = "SECONDS",
        env = "WATERSHED_QUERY_TIMEOUT",
        default_value_t = 0
    )]
    query_timeout: u32,
    /// The most time buckets of one group in a query that fills empty ones.
    #[arg(long, value_name = "COUNT", env = "WATERSHED_QUERY_BUCKETS_MAX", default_value_t = Limits::default().buckets_max)]
    query_buckets_max: u64,
    /// The most series in the result of an InfluxQL query.
    #[arg(long, value_name = "COUNT", env = "WATERSHED_QUERY_SERIES_MAX", default_value_t = Limits::default().series_max)]
    query_series_max: u64,
    /// The most tables and subqueries in one FROM of an InfluxQL query.
    #[arg(long, value_name = "COUNT", env = "WATERSHED_QUERY_TABLES_MAX", default_value_t = Limits::default().tables_max)]
    query_tables_max: usize,
    /// The most columns in one SELECT of an InfluxQL query.
    #[arg(long, value_name = "COUNT", env = "WATERSHED_QUERY_COLUMNS_MAX", default_value_t = Limits::default().columns_max)]
    query_columns_max: usize,
    /// The most levels of subqueries in an InfluxQL query.
    #[arg(long, value_name = "COUNT", env = "WATERSHED_QUERY_SUBQUERY_DEPTH_MAX", default_value_t = Limits::default().subquery_depth_max)]
    query_subquery_depth_max: usize,
    /// What is logged: a level, or levels by module.
    #[arg(
        long,
        value_name = "FILTER",
        env = "WATERSHED_LOG_FILTER",
        default_value = "info"
    )]
    log_filter: String,
    /// How log lines are written.
    #[arg(long, value_enum, env = "WATERSHED_LOG_FORMAT", default_value_t = LogFormat::Text)]
    log_format: LogFormat,
}

/// Reads a size: a number of bytes, or one with `KiB`, `MiB` or `GiB`.
fn bytes(text: &str) -> Result<u64, String> {
    let units = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];
    let unit = units
        .iter()
        .find_map(|(unit, size)| Some((text.strip_suffix(unit)?, *size)));
    let (number, size): (&str, u64) = unit.unwrap_or((text, 1));
    let bytes = number
        .trim()
        .parse::<u64>()
        .ok()
        .and_then(|n| n.checked_mul(size));
    bytes
        .filter(|n| *n > 0)
        .ok_or_else(|| "expected a size such as 50MiB, 4GiB or 1048576".to_owned())
}

/// Runs the server until it is told to stop.
pub(super) fn run(args: ServeArgs) -> anyhow::Result<()> {
    telemetry::start(&args.log_filter, args.log_format)?;
    let io = build(&mut threads("io", IO_STACK_BYTES))?;
    // Queries have threads of their own, so that a long one never keeps a connection waiting, and those that are soon
    // done have others than those that are not.
    let cores = std::thread::available_parallelism().map_or(2, NonZeroUsize::get);
    let mut light = threads("query", QUERY_STACK_BYTES);
    let light = build(light.worker_threads(Executors::light_threads(cores)))?;
    let heavy = build(threads("heavy query", QUERY_STACK_BYTES).on_thread_start(priority::lower))?;
    let executors = Executors {
        light: light.handle().clone(),
        heavy: heavy.handle().clone(),
    };
    let result = io.block_on(serve(args, executors));
    heavy.shutdown_background();
    light.shutdown_background();
    io.shutdown_background();
    result
}

fn threads(name: &'static str, stack_bytes: usize) -> Builder {
    let mut builder = Builder::new_multi_thread();
    builder
        .thread_name(name)
        .thread_stack_size(stack_bytes)
        .enable_all();
    builder
}

fn build(builder: &mut Builder) -> anyhow::Result<Runtime> {
    builder.build().context("start threads")
}

async fn serve(args: ServeArgs, queries: Executors) -> anyhow::Result<()> {
    let mut stop = StopSignals::listen()?;
    // Taking the address first: whoever has it owns the data directory's clients.
    let listener = TcpListener::bind(args.bind).await.with_context(|| {
        format!(
            "listen on {}: is another server running there? (choose another with --bind)",
            args.bind
        )
    })?;
    let address = listener.local_addr()?;
    let settings = settings(&args)?;
    if !settings.authentication {
        tracing::warn!(
            "AUTHENTICATION IS OFF: everyone who can reach {address} can read and write everything"
        );
    }
    let data_dir = settings.data_dir.clone();
    let node = tokio::select! {
        node = assemble::node(settings, queries) => node?,
        () = stop.next() => {
            say("stopped before the start was complete");
            return Ok(());
        }
    };
    if let Some(token) = &node.new_operator_token {
        print(&welcome(address, token))?;
    }
    tracing::info!(%address, data_dir = %data_dir.display(), version = env!("CARGO_PKG_VERSION"), "ready");
    node.server.serve(listener, stop.next()).await?;
    tracing::info!("stopping: persisting what is in memory");
    tokio::select! {
        () = node.ingester.shutdown() => {}
        () = stop.next() => {
            say("stopped at once; what is not in files yet is in the log and will be replayed");
            return Ok(());
        }
    }
    tracing::info!("stopped");
    Ok(())
}

fn settings(args: &ServeArgs) -> anyhow::Result<Settings> {
    let default = || dirs::data_dir().map(|dir| dir.join("watershed"));
    let data_dir = args.data_dir.clone().or_else(default);
    let size = |bytes: u64| usize::try_from(bytes).context("a size does not fit this machine");
    Ok(Settings {
        data_dir: data_dir.context("there is no home folder; give --data-dir")?,
        authentication: !args.without_auth,
        operator_token: operator_token(args)?,
        request_bytes_max: size(args.request_bytes_max)?,
        writes_max: args.writes_max.max(1),
        in_flight_bytes_max: args.in_flight_bytes_max,
        silence_max: Duration::from_secs(args.silence_max.into()),
        cors_origins: args.cors_origins.clone(),
        partial_writes: !args.without_partial_writes,
        wal_bytes_max: args.wal_bytes_max,
        buffer_bytes_max: args.buffer_bytes_max,
        disk_reserve_bytes: args.disk_reserve_bytes,
        query_memory_bytes_max: size(args.query_memory_bytes_max)?,
        query_spill_bytes_max: args.query_spill_bytes_max,
        queries_max: args.queries_max.map(usize::from),
        queries_queued_max: args.queries_queued_max as usize,
        query_queue_timeout: Duration::from_secs(args.query_queue_timeout.into()),
        query_timeout: (args.query_timeout > 0)
            .then(|| Duration::from_secs(args.query_timeout.into())),
        query_limits: Limits {
            buckets_max: args.query_buckets_max,
            series_max: args.query_series_max,
            tables_max: args.query_tables_max,
            columns_max: args.query_columns_max,
            subquery_depth_max: args.query_subquery_depth_max,
        },
    })
}

fn operator_token(args: &ServeArgs) -> anyhow::Result<Option<Secret>> {
    let text = match &args.operator_token_file {
        Some(path) => Some(
            std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?,
        ),
        // Not a flag: command lines are seen by every user of the machine.
        None => std::env::var("WATERSHED_OPERATOR_TOKEN").ok(),
    };
    let Some(text) = text
        .map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty())
    else {
        return Ok(None);
    };
    if text.chars().count() < OPERATOR_TOKEN_CHARS_MIN || text.contains(char::is_whitespace) {
        bail!(
            "the operator token must have at least {OPERATOR_TOKEN_CHARS_MIN} characters and no blanks"
        );
    }
    Ok(Some(Secret::new(text)))
}

/// What the first start shows, once. The lines work wherever the command was started from.
fn welcome(address: SocketAddr, token: &Secret) -> String {
    let token = token.reveal();
    let command = std::env::current_exe()
        .map_or_else(|_| "watershed".to_owned(), |p| p.display().to_string());
    format!(
        "This is the operator token. It is shown only now; keep it.\n\n    {token}\n\n\
         To begin, paste these three lines into another terminal:\n\n\
         export WATERSHED_HOST=http://{address}; {command} database create mydb --token {token} && export WATERSHED_TOKEN=$({command} token create first --read-database mydb --write-database mydb --token {token})\n\
         {command} write --database mydb 'weather,city=Oslo temperature=4.5'\n\
         {command} query --database mydb 'SELECT * FROM weather'\n\n"
    )
}

/// SIGTERM and SIGINT.
struct StopSignals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl StopSignals {
    fn listen() -> anyhow::Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            terminate: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
                .context("listen for SIGTERM")?,
        })
    }

    #[cfg(unix)]
    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    }

    #[cfg(not(unix))]
    async fn next(&mut self) {
        // Without a way to listen there is nothing to wait for.
        let _ = tokio::signal::ctrl_c().await;
    }
}

//! `watershed queries`.

use super::database::text;
use super::table::print_rows;
use super::{Connection, Format, ServerArgs, print};
use clap::Subcommand;
use reqwest::Method;
use serde_json::Value;

#[derive(Debug, Subcommand)]
pub(super) enum QueriesCommand {
    /// List the queries in progress.
    List {
        /// Those that have ended not long ago, too.
        #[arg(long)]
        include_finished: bool,
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
        #[command(flatten)]
        server: ServerArgs,
    },
    /// End queries. Their clients get an error.
    Kill {
        /// Ids, as `watershed queries list` shows them.
        #[arg(required = true)]
        ids: Vec<u64>,
        #[command(flatten)]
        server: ServerArgs,
    },
}

pub(super) async fn run(command: QueriesCommand) -> anyhow::Result<()> {
    match command {
        QueriesCommand::List {
            include_finished,
            format,
            server,
        } => list(&server, include_finished, format).await,
        QueriesCommand::Kill { ids, server } => {
            let connection = Connection::open(&server)?;
            for id in ids {
                let path = format!("/api/v0/queries/{id}");
                connection
                    .send(connection.request(Method::DELETE, &path))
                    .await?;
                print(&format!("killed query {id}\n"))?;
            }
            Ok(())
        }
    }
}

async fn list(server: &ServerArgs, finished: bool, format: Format) -> anyhow::Result<()> {
    let connection = Connection::open(server)?;
    let path = format!("/api/v0/queries?finished={finished}");
    let queries: Vec<Value> = connection
        .json(connection.request(Method::GET, &path))
        .await?;
    if format == Format::Json {
        return print(&format!("{}\n", serde_json::to_string_pretty(&queries)?));
    }
    let rows = queries.iter().map(|query| {
        let seconds = query["totalSeconds"].as_f64().unwrap_or(0.0);
        vec![
            text(&query["id"]),
            text(&query["database"]),
            text(&query["phase"]),
            format!("{seconds:.3}"),
            text(&query["rows"]),
            text(&query["maxMemoryBytes"]),
            one_line(&text(&query["query"])),
        ]
    });
    let header = [
        "ID", "DATABASE", "PHASE", "SECONDS", "ROWS", "MEMORY", "QUERY",
    ];
    print_rows(format, &header, rows.collect())
}

/// A text with single blanks for all white space.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

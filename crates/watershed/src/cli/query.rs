//! `watershed query`: SQL and InfluxQL over Flight.

use super::progress::spinner;
use super::{Connection, Format, ServerArgs, print, say};
use anyhow::Context as _;
use arrow::array::RecordBatch;
use arrow_flight::Ticket;
use arrow_flight::decode::FlightRecordBatchStream;
use arrow_flight::error::FlightError;
use arrow_flight::flight_service_client::FlightServiceClient;
use clap::{Args, ValueEnum};
use futures::TryStreamExt as _;
use std::io::Read as _;
use std::time::Instant;
use tonic::transport::{ClientTlsConfig, Endpoint};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Language {
    Sql,
    Influxql,
}

impl Language {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Sql => "sql",
            Self::Influxql => "influxql",
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct QueryArgs {
    /// The query, or `-` for stdin (also when nothing is given).
    query: Option<String>,
    /// The database to query.
    #[arg(
        long,
        short,
        visible_alias = "db",
        value_name = "NAME",
        env = "WATERSHED_DATABASE"
    )]
    database: Option<String>,
    /// The language of the query.
    #[arg(long, short, value_enum, default_value_t = Language::Sql)]
    language: Language,
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) async fn run(args: QueryArgs) -> anyhow::Result<()> {
    let connection = Connection::open(&args.server)?;
    let database = connection.database(args.database)?;
    let text = match args.query.as_deref() {
        None | Some("-") => {
            let mut text = String::new();
            std::io::stdin()
                .lock()
                .read_to_string(&mut text)
                .context("read the query from stdin")?;
            text
        }
        Some(text) => text.to_owned(),
    };
    let started = Instant::now();
    let waiting = spinner("running");
    let result = fetch(&connection, &database, args.language, &text).await;
    waiting.finish_and_clear();
    let (schema, batches) = result?;
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    match args.format {
        Format::Table => {
            let table = arrow::util::pretty::pretty_format_batches_with_schema(schema, &batches)?;
            print(&format!("{table}\n"))?;
            say(&format!(
                "{rows} rows in {:.3} s",
                started.elapsed().as_secs_f64()
            ));
            Ok(())
        }
        Format::Json => {
            let mut writer = arrow::json::WriterBuilder::new()
                .with_explicit_nulls(true)
                .build::<_, arrow::json::writer::JsonArray>(Vec::new());
            writer.write_batches(&batches.iter().collect::<Vec<_>>())?;
            writer.finish()?;
            let text = String::from_utf8(writer.into_inner())?;
            print(&format!("{}\n", if text.is_empty() { "[]" } else { &text }))
        }
        Format::Csv => {
            let mut out = Vec::new();
            let mut writer = arrow::csv::Writer::new(&mut out);
            writer.write(&RecordBatch::new_empty(schema))?;
            for batch in &batches {
                writer.write(batch)?;
            }
            drop(writer);
            print(&String::from_utf8(out)?)
        }
    }
}

type Rows = (arrow::datatypes::SchemaRef, Vec<RecordBatch>);

async fn fetch(
    connection: &Connection,
    database: &str,
    language: Language,
    text: &str,
) -> anyhow::Result<Rows> {
    let mut endpoint = Endpoint::from_shared(connection.host.clone()).context("read the host")?;
    if connection.host.starts_with("https://") {
        endpoint = endpoint.tls_config(ClientTlsConfig::new().with_webpki_roots())?;
    }
    let channel = endpoint.connect().await.with_context(|| {
        format!(
            "no answer from {}: is the server running there? (watershed serve)",
            connection.host
        )
    })?;
    let ticket = serde_json::json!({ "database": database, "sql_query": text, "query_type": language.as_str() });
    let mut request = tonic::Request::new(Ticket {
        ticket: ticket.to_string().into(),
    });
    if let Some(token) = &connection.token {
        let bearer = format!("Bearer {token}")
            .parse()
            .context("the token has characters no token has")?;
        request.metadata_mut().insert("authorization", bearer);
    }
    let mut client = FlightServiceClient::new(channel).max_decoding_message_size(usize::MAX);
    let messages = client.do_get(request).await.map_err(failed)?.into_inner();
    let messages = messages.map_err(|status| FlightError::Tonic(Box::new(status)));
    let mut stream = FlightRecordBatchStream::new_from_flight_data(messages);
    let mut batches = Vec::new();
    while let Some(batch) = stream.try_next().await.map_err(flight_failed)? {
        batches.push(batch);
    }
    let schema = stream
        .schema()
        .cloned()
        .context("the answer has no schema")?;
    Ok((schema, batches))
}

/// The server's own words.
fn failed(status: tonic::Status) -> anyhow::Error {
    anyhow::anyhow!("{} [{:?}]", status.message(), status.code())
}

fn flight_failed(error: FlightError) -> anyhow::Error {
    match error {
        FlightError::Tonic(status) => failed(*status),
        other => other.into(),
    }
}

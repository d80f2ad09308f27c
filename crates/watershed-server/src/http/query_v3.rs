//! `/api/v3/query_sql` and `/api/v3/query_influxql`: queries for people with curl.
//!
//! Parameters `db`, `q`, `format`, `params` in the URL or as members of a JSON body. Formats: `json` (an
//! array of row objects), `jsonl`, `csv`, `pretty` (a table of text) and `parquet`. Rows are written as
//! they come, except for `pretty` and `parquet`, which need all rows first.

use super::body::read_body;
use super::body_buffers::BodyBuffers;
use super::compat::{ApiError, Code, chain};
use super::params::Params as Form;
use super::statements;
use super::write::database_not_found;
use super::{HttpState, Prefer, authenticate};
use crate::auth::Identity;
use crate::bind::{influxql_params, params_from_json, params_from_members};
use crate::http::compat::Dialect;
use arrow::array::RecordBatch;
use arrow::csv::WriterBuilder;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::json::writer::{JsonArray, LineDelimited, WriterBuilder as JsonBuilder};
use axum::body::Body;
use axum::extract::{RawQuery, Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt as _;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use parquet::arrow::ArrowWriter;
use parquet::errors::ParquetError;
use serde_json::Value;
use watershed_influxql::{bind, parse_statements};
use watershed_model::{Action, DatabaseName, ErrorKind};
use watershed_query::{Params, QueryError, QueryOptions, QueryOutput};

/// The most bytes of a request body.
const REQUEST_BYTES_MAX: usize = 16 << 20;

/// The most bytes of rows held for formats that need all of them at once.
const HELD_BYTES_MAX: usize = 256 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Language {
    Sql,
    InfluxQl,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    JsonLines,
    Csv,
    Pretty,
    Parquet,
}

struct Query {
    database: DatabaseName,
    text: String,
    format: Format,
    params: Params,
}

pub(super) async fn sql_get(
    state: State<HttpState>,
    query: RawQuery,
    headers: HeaderMap,
) -> Response {
    get(&state, query, &headers, Language::Sql).await
}

pub(super) async fn sql_post(
    state: State<HttpState>,
    query: RawQuery,
    request: Request,
) -> Response {
    post(&state, query, request, Language::Sql).await
}

pub(super) async fn influxql_get(
    state: State<HttpState>,
    query: RawQuery,
    headers: HeaderMap,
) -> Response {
    get(&state, query, &headers, Language::InfluxQl).await
}

pub(super) async fn influxql_post(
    state: State<HttpState>,
    query: RawQuery,
    request: Request,
) -> Response {
    post(&state, query, request, Language::InfluxQl).await
}

async fn get(
    state: &HttpState,
    query: RawQuery,
    headers: &HeaderMap,
    language: Language,
) -> Response {
    let form = Form::parse(query.0.as_deref().unwrap_or_default(), &[]).unwrap_or_default();
    super::answer(async { run(state, headers, read_form(form, headers)?, language).await }).await
}

async fn post(
    state: &HttpState,
    query: RawQuery,
    request: Request,
    language: Language,
) -> Response {
    let headers = request.headers().clone();
    let work = async {
        // Who may not ask is told so before the body is read.
        authenticate(state, &headers, None, Prefer::Header).await?;
        let url = Form::parse(query.0.as_deref().unwrap_or_default(), &[]).unwrap_or_default();
        let query = read_body_query(url, request, &headers).await?;
        run(state, &headers, query, language).await
    };
    super::answer(work).await
}

fn read_form(mut form: Form, headers: &HeaderMap) -> Result<Query, ApiError> {
    let db = form
        .take_filled("db")
        .ok_or_else(|| ApiError::invalid("missing parameter 'db'"))?;
    let text = form
        .take_filled("q")
        .ok_or_else(|| ApiError::invalid("missing parameter 'q'"))?;
    let params = match form.take_filled("params") {
        Some(json) => params_from_json(&json).map_err(|e| ApiError::invalid(e.to_string()))?,
        None => Params::new(),
    };
    Ok(Query {
        database: DatabaseName::new(&db).map_err(|e| ApiError::invalid(e.to_string()))?,
        text,
        format: format(form.take_filled("format").as_deref(), headers)?,
        params,
    })
}

async fn read_body_query(
    mut url: Form,
    request: Request,
    headers: &HeaderMap,
) -> Result<Query, ApiError> {
    let body = read_body(
        headers,
        request.into_body(),
        REQUEST_BYTES_MAX,
        &BodyBuffers::default(),
    )
    .await?;
    let is_form = headers.get(CONTENT_TYPE).is_some_and(|kind| {
        kind.as_bytes()
            .starts_with(b"application/x-www-form-urlencoded")
    });
    let text = std::str::from_utf8(&body)
        .map_err(|e| ApiError::invalid(format!("body content is not valid utf8: {e}")))?;
    if is_form && !text.trim_start().starts_with('{') {
        let mut form = Form::parse(text, &[]).unwrap_or_default();
        form.fill_from(url);
        return read_form(form, headers);
    }
    if text.trim().is_empty() {
        return read_form(url, headers);
    }
    let bad = |e: serde_json::Error| ApiError::invalid(format!("invalid request body: {e}"));
    let members: serde_json::Map<String, Value> = serde_json::from_str(text).map_err(bad)?;
    let mut params = Params::new();
    for (name, value) in members {
        match (name.as_str(), value) {
            (_, Value::Null) => {}
            ("params", Value::Object(members)) => {
                params =
                    params_from_members(members).map_err(|e| ApiError::invalid(e.to_string()))?;
            }
            (_, Value::String(text)) => url.set(name, text),
            (_, other) => url.set(name, other.to_string()),
        }
    }
    let mut query = read_form(url, headers)?;
    if !params.is_empty() {
        query.params = params;
    }
    Ok(query)
}

fn format(name: Option<&str>, headers: &HeaderMap) -> Result<Format, ApiError> {
    let Some(name) = name else {
        let accept = headers
            .get(ACCEPT)
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default();
        return Ok(match accept {
            "application/jsonl" => Format::JsonLines,
            "text/csv" | "application/csv" => Format::Csv,
            "text/plain" => Format::Pretty,
            "application/vnd.apache.parquet" => Format::Parquet,
            _ => Format::Json,
        });
    };
    match name {
        "json" => Ok(Format::Json),
        "jsonl" | "json_lines" => Ok(Format::JsonLines),
        "csv" => Ok(Format::Csv),
        "pretty" => Ok(Format::Pretty),
        "parquet" => Ok(Format::Parquet),
        other => Err(ApiError::invalid(format!(
            "unknown format '{other}', expected one of json, jsonl, csv, pretty, parquet"
        ))),
    }
}

async fn run(
    state: &HttpState,
    headers: &HeaderMap,
    query: Query,
    language: Language,
) -> Result<Response, ApiError> {
    let identity = authenticate(state, headers, None, Prefer::Header).await?;
    if !identity.may(Action::Read, &query.database) {
        return Err(ApiError::forbidden());
    }
    state.metrics.queries.inc();
    let output = match language {
        Language::Sql => {
            let options = QueryOptions::default();
            let output = state
                .query
                .sql(&query.database, &query.text, query.params, options)
                .await;
            output.map_err(|e| query_error(&e))?
        }
        Language::InfluxQl => influxql(state, &identity, &query).await?,
    };
    respond(output, query.format).await
}

async fn influxql(
    state: &HttpState,
    identity: &Identity,
    query: &Query,
) -> Result<QueryOutput, ApiError> {
    let mut statements = parse_statements(&query.text)
        .map_err(|e| ApiError::invalid(format!("error parsing query: {e}")))?;
    let [statement] = statements.as_mut_slice() else {
        return Err(ApiError::invalid("expected exactly one InfluxQL statement"));
    };
    let params = influxql_params(&query.params).map_err(|e| ApiError::invalid(e.to_string()))?;
    bind(std::slice::from_mut(statement), &params).map_err(|e| ApiError::invalid(e.to_string()))?;
    let here = statements::answer_here(state, identity, &query.database, statement).await;
    if let Some(answer) = here {
        return answer.map_err(ApiError::invalid);
    }
    let output = state
        .query
        .influxql(&query.database, statement, QueryOptions::default())
        .await;
    output.map_err(|e| query_error(&e))
}

/// The answer for a query that failed before its first row.
fn query_error(error: &QueryError) -> ApiError {
    match error.kind() {
        ErrorKind::Internal | ErrorKind::Corrupt => ApiError::internal(error),
        ErrorKind::NotFound => match error {
            QueryError::DatabaseNotFound(name) => database_not_found(name.as_str(), Dialect::V2),
            other => ApiError::new(Code::NotFound, other.to_string()),
        },
        kind => ApiError::new(Code::of(kind), error.to_string()),
    }
}

async fn respond(output: QueryOutput, format: Format) -> Result<Response, ApiError> {
    let schema = watershed_storage::hydrate_schema(&output.schema);
    let kind = match format {
        Format::Json => "application/json",
        Format::JsonLines => "application/jsonl",
        Format::Csv => "text/csv",
        Format::Pretty => "text/plain; charset=utf-8",
        Format::Parquet => "application/vnd.apache.parquet",
    };
    let body = match format {
        Format::Json => streamed(output.stream, JsonRows::new("[", "]\n")).await?,
        Format::JsonLines => streamed(output.stream, JsonLineRows).await?,
        Format::Csv => {
            streamed(
                output.stream,
                CsvRows {
                    schema,
                    header: true,
                },
            )
            .await?
        }
        Format::Pretty => {
            let batches = held(output.stream).await?;
            let table = arrow::util::pretty::pretty_format_batches(&batches);
            let table = table.map_err(|e| ApiError::internal(&e))?.to_string();
            Body::from(table + "\n")
        }
        Format::Parquet => Body::from(parquet(schema, held(output.stream).await?)?),
    };
    Ok(([(CONTENT_TYPE, HeaderValue::from_static(kind))], body).into_response())
}

async fn held(mut stream: SendableRecordBatchStream) -> Result<Vec<RecordBatch>, ApiError> {
    let schema = watershed_storage::hydrate_schema(&stream.schema());
    // No rows still show the columns.
    let mut batches = vec![RecordBatch::new_empty(schema.clone())];
    let mut bytes = 0;
    while let Some(batch) = stream.next().await {
        let batch = batch.map_err(|e| query_error(&QueryError::execution(e)))?;
        bytes += batch.get_array_memory_size();
        if bytes > HELD_BYTES_MAX {
            return Err(ApiError::invalid(format!(
                "the result passes {HELD_BYTES_MAX} bytes; use format=csv or format=jsonl, which stream, or a LIMIT"
            )));
        }
        batches.push(hydrated(&batch, &schema)?);
    }
    Ok(batches)
}

fn hydrated(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ApiError> {
    watershed_storage::hydrate(batch, schema).map_err(|e| ApiError::internal(&e))
}

fn parquet(schema: SchemaRef, batches: Vec<RecordBatch>) -> Result<Vec<u8>, ApiError> {
    let write = || {
        let mut writer = ArrowWriter::try_new(Vec::new(), schema, None)?;
        for batch in &batches {
            writer.write(batch)?;
        }
        writer.into_inner()
    };
    write().map_err(|error| match error {
        // A type that Parquet has no place for is the query's choice.
        ParquetError::NYI(_) | ParquetError::ArrowError(_) => ApiError::invalid(error.to_string()),
        other => ApiError::internal(&other),
    })
}

/// A format that is written batch by batch.
trait Rows: Send + 'static {
    fn begin(&mut self) -> Result<Vec<u8>, ArrowError> {
        Ok(Vec::new())
    }
    fn batch(&mut self, batch: &RecordBatch) -> Result<Vec<u8>, ArrowError>;
    fn end(&mut self) -> Vec<u8> {
        Vec::new()
    }
}

struct JsonRows {
    begin: &'static str,
    end: &'static str,
    first: bool,
}

impl JsonRows {
    fn new(begin: &'static str, end: &'static str) -> Self {
        Self {
            begin,
            end,
            first: true,
        }
    }
}

impl Rows for JsonRows {
    fn begin(&mut self) -> Result<Vec<u8>, ArrowError> {
        Ok(self.begin.into())
    }

    fn batch(&mut self, batch: &RecordBatch) -> Result<Vec<u8>, ArrowError> {
        let mut writer = JsonBuilder::new()
            .with_explicit_nulls(true)
            .build::<_, JsonArray>(Vec::new());
        writer.write(batch)?;
        writer.finish()?;
        let text = writer.into_inner();
        // The brackets of each batch give way to one pair around all.
        let inner = text
            .strip_prefix(b"[")
            .and_then(|t| t.strip_suffix(b"]"))
            .unwrap_or_default();
        let mut out = Vec::with_capacity(inner.len() + 1);
        if !inner.is_empty() && !std::mem::take(&mut self.first) {
            out.push(b',');
        }
        out.extend_from_slice(inner);
        Ok(out)
    }

    fn end(&mut self) -> Vec<u8> {
        self.end.into()
    }
}

struct JsonLineRows;

impl Rows for JsonLineRows {
    fn batch(&mut self, batch: &RecordBatch) -> Result<Vec<u8>, ArrowError> {
        let mut writer = JsonBuilder::new()
            .with_explicit_nulls(true)
            .build::<_, LineDelimited>(Vec::new());
        writer.write(batch)?;
        writer.finish()?;
        Ok(writer.into_inner())
    }
}

struct CsvRows {
    schema: SchemaRef,
    header: bool,
}

impl CsvRows {
    fn write(&mut self, batch: &RecordBatch) -> Result<Vec<u8>, ArrowError> {
        let mut out = Vec::new();
        let header = std::mem::take(&mut self.header);
        WriterBuilder::new()
            .with_header(header)
            .build(&mut out)
            .write(batch)?;
        Ok(out)
    }
}

impl Rows for CsvRows {
    fn begin(&mut self) -> Result<Vec<u8>, ArrowError> {
        self.write(&RecordBatch::new_empty(self.schema.clone()))
    }

    fn batch(&mut self, batch: &RecordBatch) -> Result<Vec<u8>, ArrowError> {
        self.write(batch)
    }
}

/// Waits for the first batch, so that what fails early is answered with its status; then writes batch by
/// batch. A later failure breaks the connection off, so that a cut answer is never taken for a whole one.
async fn streamed(
    mut stream: SendableRecordBatchStream,
    mut rows: impl Rows,
) -> Result<Body, ApiError> {
    let schema = watershed_storage::hydrate_schema(&stream.schema());
    let first = match stream.next().await {
        Some(batch) => {
            let batch = batch.map_err(|e| query_error(&QueryError::execution(e)))?;
            Some(hydrated(&batch, &schema)?)
        }
        None => None,
    };
    // A type that the format has no place for is the query's choice.
    let internal = |error: ArrowError| match error {
        ArrowError::CsvError(_) | ArrowError::JsonError(_) | ArrowError::NotYetImplemented(_) => {
            ApiError::invalid(error.to_string())
        }
        other => ApiError::internal(&other),
    };
    let mut head = rows.begin().map_err(internal)?;
    let Some(first) = first else {
        head.extend(rows.end());
        return Ok(Body::from(head));
    };
    head.extend(rows.batch(&first).map_err(internal)?);
    let rest = futures::stream::try_unfold(Some((stream, rows, schema)), |state| async move {
        let Some((mut stream, mut rows, schema)) = state else {
            return Ok(None);
        };
        match stream.next().await {
            None => Ok(Some((Bytes::from(rows.end()), None))),
            Some(batch) => {
                let piece = batch.map_err(ArrowError::from).and_then(|batch| {
                    let batch = watershed_storage::hydrate(&batch, &schema)
                        .map_err(|e| ArrowError::ExternalError(Box::new(e)))?;
                    rows.batch(&batch)
                });
                let piece = piece.inspect_err(|e| {
                    tracing::warn!(
                        error = chain(e),
                        "a query failed after its answer had begun"
                    );
                })?;
                Ok(Some((Bytes::from(piece), Some((stream, rows, schema)))))
            }
        }
    });
    let head = futures::stream::iter([Ok::<_, ArrowError>(Bytes::from(head))]);
    Ok(Body::from_stream(head.chain(rest)))
}

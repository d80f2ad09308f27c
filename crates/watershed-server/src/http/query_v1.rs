//! `/query`: InfluxQL for 1.x clients.
//!
//! 1. Gather the parameters from URL and body;
//! 2. find out who asks;
//! 3. parse all statements: a syntax error anywhere is `400`;
//! 4. find each statement's database and check the right to read it;
//! 5. run the statements one after another, writing the answer as rows come. An error of one statement
//!    is part of the answer and does not stop the next.

use super::body::read_body;
use super::body_buffers::BodyBuffers;
use super::compat::{ApiError, Code, Dialect, chain};
use super::influxql_output::{Encoder, Epoch, Form, Format, Segments};
use super::params::Params;
use super::statement_database::{Defaults, lift};
use super::write::catalog_error;
use super::{HttpState, Prefer, Unbuffered, authenticate};
use crate::auth::Identity;
use crate::bind::{ParamsJsonError, influxql_params, params_from_json};
use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use axum::body::Body;
use axum::extract::{FromRequest as _, Multipart, RawQuery, Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use datafusion::common::DataFusionError;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::StreamExt as _;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use watershed_catalog::{CatalogError, DatabaseSettings, NewDatabase};
use watershed_influxql::{CreateDatabase, ParamValue, Statement, bind, parse_statements};
use watershed_model::{Action, DatabaseName, ErrorKind};
use watershed_query::{QueryError, QueryOptions, QueryOutput};

/// The most bytes of a request with its statements. 1.x users upload files of statements.
const REQUEST_BYTES_MAX: usize = 16 << 20;

/// Rows in a chunk when the client does not say.
const CHUNK_ROWS_DEFAULT: usize = 10_000;

/// Bytes of an answer that are held back: an answer that ends before is sent with its length.
const HELD_BYTES: usize = 1 << 20;

/// Bytes gathered before they are handed to the connection. An answer that turns out impossible to write
/// (an infinite number in JSON) before that is replaced by one error, as 1.x does.
const PIECE_BYTES: usize = 64 << 10;

/// Pieces that may wait for a slow client; then the query waits.
const PIECES_WAITING: usize = 4;

/// `GET /query`
pub(super) async fn get(
    State(state): State<HttpState>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let params = match query.as_deref() {
        Some(query) if !query.is_empty() => url_params(query),
        _ => Err(ApiError::invalid("missing query parameters 'db' and 'q'")),
    };
    finish(async { run(&state, params?, &headers).await }.await)
}

/// `POST /query`
pub(super) async fn post(
    State(state): State<HttpState>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Response {
    let headers = request.headers().clone();
    let params = async {
        let mut url = url_params(query.as_deref().unwrap_or_default())?;
        let mut params = body_params(&mut url, request).await?;
        params.fill_from(url);
        Ok(params)
    };
    finish(async { run(&state, params.await?, &headers).await }.await)
}

fn finish(result: Result<Response, ApiError>) -> Response {
    result.unwrap_or_else(|error| error.in_dialect(Dialect::V1).into_response())
}

fn url_params(query: &str) -> Result<Params, ApiError> {
    Params::parse(query, &[]).map_err(|e| ApiError::invalid(e.to_string()))
}

/// Reads what the body says, by its type.
async fn body_params(url: &mut Params, request: Request) -> Result<Params, ApiError> {
    let kind = request
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|v| v.to_str().ok());
    let kind = kind.map(|k| {
        k.split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase()
    });
    match kind.as_deref() {
        Some("application/x-www-form-urlencoded") => {
            let body = body_text(request).await?;
            Params::parse(&body, &[]).map_err(|e| ApiError::invalid(e.to_string()))
        }
        Some("multipart/form-data") => multipart_params(request).await,
        // Clients send all kinds of types with an empty body and everything in the URL.
        _ if url.contains("q") => Ok(Params::default()),
        Some("application/json") => json_params(&body_text(request).await?),
        None | Some("application/vnd.influxql") => {
            let mut params = Params::default();
            let text = body_text(request).await?;
            if !text.is_empty() {
                params.set("q", text);
            }
            Ok(params)
        }
        Some(other) => Err(ApiError::invalid(format!("invalid mime type ({other})"))),
    }
}

async fn body_text(request: Request) -> Result<String, ApiError> {
    let (head, body) = request.into_parts();
    let body = read_body(
        &head.headers,
        body,
        REQUEST_BYTES_MAX,
        &BodyBuffers::default(),
    )
    .await?;
    String::from_utf8(body.into())
        .map_err(|e| ApiError::invalid(format!("body content is not valid utf8: {e}")))
}

async fn multipart_params(request: Request) -> Result<Params, ApiError> {
    const PARTS: [&str; 9] = [
        "db",
        "rp",
        "q",
        "epoch",
        "pretty",
        "chunked",
        "chunk_size",
        "chunked_size",
        "params",
    ];
    let mut parts = Multipart::from_request(request, &())
        .await
        .map_err(|_| ApiError::invalid("A boundary header is required for multipart upload"))?;
    let mut params = Params::default();
    let mut bytes = 0;
    let bad = |e: axum::extract::multipart::MultipartError| ApiError::invalid(e.body_text());
    while let Some(part) = parts.next_field().await.map_err(bad)? {
        let Some(name) = part.name().filter(|n| PARTS.contains(n)).map(str::to_owned) else {
            continue;
        };
        let text = part.text().await.map_err(bad)?;
        bytes += text.len();
        if bytes > REQUEST_BYTES_MAX {
            return Err(ApiError::too_large(REQUEST_BYTES_MAX));
        }
        params.set(name, text);
    }
    Ok(params)
}

fn json_params(body: &str) -> Result<Params, ApiError> {
    let bad = |e: &dyn std::fmt::Display| ApiError::invalid(format!("invalid request body: {e}"));
    let members: BTreeMap<String, serde_json::Value> =
        serde_json::from_str(body).map_err(|e| bad(&e))?;
    let mut params = Params::default();
    for (name, value) in members {
        match value {
            serde_json::Value::Null => {}
            serde_json::Value::String(text) => params.set(name, text),
            other => params.set(name, other.to_string()),
        }
    }
    Ok(params)
}

/// What is asked, read and checked.
struct Job {
    statements: Vec<(Statement, Target)>,
    form: Form,
    chunk_rows: usize,
    params: BTreeMap<String, ParamValue>,
    identity: Identity,
}

/// What a statement works on.
enum Target {
    /// The whole server: `SHOW DATABASES`, `CREATE DATABASE`.
    Server,
    Database(DatabaseName),
    /// Known to fail before it runs.
    Failed(String),
}

async fn run(
    state: &HttpState,
    mut params: Params,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let password = params.take_filled("p");
    let identity = authenticate(state, headers, password, Prefer::Parameter).await?;
    state.metrics.queries.inc();
    let job = job(params, headers, identity)?;
    for (_, target) in &job.statements {
        if let Target::Database(name) = target
            && !job.identity.may(Action::Read, name)
        {
            return Err(ApiError::forbidden());
        }
    }
    let format = job.form.format;
    let chunked = job.form.chunked;
    let (send, receive) = mpsc::channel(PIECES_WAITING);
    // Dropping the receiver, when the client goes away, fails the next send and ends the query.
    let work =
        tokio_util::task::AbortOnDropHandle::new(tokio::spawn(produce(state.clone(), job, send)));
    respond(format, chunked, receive, work).await
}

fn job(mut params: Params, headers: &HeaderMap, identity: Identity) -> Result<Job, ApiError> {
    let text = params.take_filled("q").ok_or_else(|| {
        ApiError::invalid("expected a query to be provided in the query string or body")
    })?;
    let epoch = match params.take_filled("epoch") {
        None => Epoch::Text,
        Some(unit) => Epoch::parse(&unit).ok_or_else(|| {
            let text =
                format!("invalid epoch \"{unit}\", expected one of ns, u, us, ms, s, m, h, d, w");
            ApiError::invalid(text)
        })?,
    };
    let flag = |value: Option<String>| value.as_deref() == Some("true");
    let form = Form {
        format: accepted(headers),
        epoch,
        pretty: flag(params.take("pretty")),
        chunked: flag(params.take("chunked")),
    };
    let chunk_rows = params
        .take_filled("chunk_size")
        .or_else(|| params.take_filled("chunked_size"));
    let chunk_rows = chunk_rows.and_then(|n| n.parse().ok()).filter(|n| *n > 0);
    let bound = match params.take_filled("params") {
        Some(json) => {
            influxql_params(&params_from_json(&json).map_err(bad_params)?).map_err(bad_params)?
        }
        None => BTreeMap::new(),
    };
    let (db, rp) = (params.take_filled("db"), params.take_filled("rp"));
    let defaults = Defaults {
        db: db.as_deref(),
        rp: rp.as_deref(),
    };
    let statements = parse_statements(&text)
        .map_err(|e| ApiError::invalid(format!("error parsing query: {e}")))?
        .into_iter()
        .map(|mut statement| {
            let target = target(&mut statement, defaults);
            (statement, target)
        })
        .collect();
    let chunk_rows = chunk_rows.unwrap_or(CHUNK_ROWS_DEFAULT);
    Ok(Job {
        statements,
        form,
        chunk_rows,
        params: bound,
        identity,
    })
}

fn bad_params(error: ParamsJsonError) -> ApiError {
    ApiError::invalid(error.to_string())
}

/// The format the client likes best among those there are; JSON when it names none of them.
fn accepted(headers: &HeaderMap) -> Format {
    let accept = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|v| v.to_str().ok());
    let mut best: Option<(Format, f32)> = None;
    for item in accept.flat_map(|list| list.split(',')) {
        let mut parts = item.split(';').map(str::trim);
        let format = match parts
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase()
            .as_str()
        {
            "application/json" | "*/*" | "application/*" => Format::Json,
            "application/csv" | "text/csv" => Format::Csv,
            "application/x-msgpack" | "application/msgpack" => Format::Msgpack,
            _ => continue,
        };
        let weight = parts
            .find_map(|p| p.strip_prefix("q=")?.parse().ok())
            .unwrap_or(1.0);
        if weight > 0.0 && best.is_none_or(|(_, known)| weight > known) {
            best = Some((format, weight));
        }
    }
    best.map_or(Format::Json, |(format, _)| format)
}

fn target(statement: &mut Statement, defaults: Defaults<'_>) -> Target {
    match statement {
        Statement::ShowDatabases | Statement::CreateDatabase(_) => return Target::Server,
        Statement::Select(_)
        | Statement::Explain(_)
        | Statement::ShowMeasurements(_)
        | Statement::ShowFieldKeys(_)
        | Statement::ShowTagKeys(_)
        | Statement::ShowTagValues(_)
        | Statement::ShowSeries(_)
        | Statement::ShowCardinality(_)
        | Statement::ShowRetentionPolicies(_) => {}
        refused => return Target::Failed(format!("not implemented: {}", refused.name())),
    }
    match lift(statement, defaults) {
        Ok(database) => Target::Database(database),
        Err(error) => Target::Failed(error.to_string()),
    }
}

/// Collects the beginning of the answer, then passes the rest on as it comes.
async fn respond(
    format: Format,
    unbuffered: bool,
    mut receive: mpsc::Receiver<Bytes>,
    work: tokio_util::task::AbortOnDropHandle<Result<(), ApiError>>,
) -> Result<Response, ApiError> {
    // A chunk is sent as soon as it is there.
    let held_bytes = if unbuffered { 1 } else { HELD_BYTES };
    let mut held = Vec::new();
    let mut ended = false;
    while held.len() < held_bytes {
        match receive.recv().await {
            Some(piece) if held.is_empty() => held = piece.into(),
            Some(piece) => held.extend_from_slice(&piece),
            None => {
                ended = true;
                break;
            }
        }
    }
    let body = if ended {
        match work.await {
            Ok(result) => result?,
            Err(error) => return Err(ApiError::internal(&error)),
        }
        Body::from(held)
    } else {
        let first = futures::stream::iter([Bytes::from(held)]);
        let rest = ReceiverStream::new(receive);
        // The task ends when the stream is dropped: the handle lives inside it.
        let pieces = first.chain(rest).map(move |piece| {
            let _ = &work;
            Ok::<_, std::convert::Infallible>(piece)
        });
        Body::from_stream(pieces)
    };
    let kind = HeaderValue::from_static(format.content_type());
    let mut response = ([(CONTENT_TYPE, kind)], body).into_response();
    if unbuffered {
        response.extensions_mut().insert(Unbuffered);
    }
    Ok(response)
}

/// Runs the statements and sends the answer piece by piece.
///
/// # Errors
/// An answer that cannot be written at all, found before anything was sent.
async fn produce(state: HttpState, job: Job, send: mpsc::Sender<Bytes>) -> Result<(), ApiError> {
    let mut out = Output {
        encoder: Encoder::new(job.form, job.statements.len()),
        send,
        flush_each: job.form.chunked,
        sent: false,
    };
    for (id, (statement, target)) in job.statements.into_iter().enumerate() {
        let rows = answer_statement(&state, &job.identity, statement, target, &job.params).await;
        let error = match rows {
            Ok(Some(rows)) => match out.rows(id, rows, job.chunk_rows).await {
                Ok(()) => None,
                Err(Stop::Gone) => return Ok(()),
                Err(Stop::Unwritable(text)) if !out.sent => return Err(ApiError::invalid(text)),
                Err(Stop::Unwritable(text) | Stop::Failed(text)) => Some(text),
            },
            Ok(None) => None,
            // Overload is not the statement's fault: the request is worth repeating as it is.
            Err(Failure::Overloaded(text)) if !out.sent => {
                return Err(ApiError::new(Code::Unavailable, text));
            }
            Err(Failure::Overloaded(text) | Failure::Statement(text)) => Some(text),
        };
        out.encoder.end_statement(id, error.as_deref());
        if out.flush_if_due().await.is_err() {
            return Ok(());
        }
    }
    out.encoder.finish();
    // A client that is gone does not mind.
    let _ = out.flush().await;
    Ok(())
}

/// Why the rows of a statement end early.
enum Stop {
    /// The client went away.
    Gone,
    /// A value the format has no word for.
    Unwritable(String),
    /// The query failed.
    Failed(String),
}

struct Output {
    encoder: Encoder,
    send: mpsc::Sender<Bytes>,
    flush_each: bool,
    sent: bool,
}

impl Output {
    async fn rows(&mut self, id: usize, rows: QueryOutput, chunk_rows: usize) -> Result<(), Stop> {
        let mut segments = Segments::new(rows.stream, chunk_rows);
        loop {
            let segment = segments
                .next()
                .await
                .map_err(|e| Stop::Failed(execution_error(e)))?;
            let Some(segment) = segment else {
                return Ok(());
            };
            self.encoder
                .segment(id, segment)
                .map_err(|e| Stop::Unwritable(e.to_string()))?;
            self.flush_if_due().await.map_err(|Gone| Stop::Gone)?;
        }
    }

    async fn flush_if_due(&mut self) -> Result<(), Gone> {
        if self.flush_each || self.encoder.waiting() >= PIECE_BYTES {
            self.flush().await
        } else {
            Ok(())
        }
    }

    async fn flush(&mut self) -> Result<(), Gone> {
        let bytes = self.encoder.take();
        if bytes.is_empty() {
            return Ok(());
        }
        self.sent = true;
        self.send.send(bytes.into()).await.map_err(|_| Gone)
    }
}

/// The client went away.
struct Gone;

fn execution_error(error: DataFusionError) -> String {
    let error = QueryError::Execution(error);
    tracing::debug!(error = chain(&error), "a query failed while it ran");
    error.to_string()
}

/// Why a statement has no rows to show.
enum Failure {
    /// A limit of the server is reached.
    Overloaded(String),
    /// The statement's own error, part of the answer.
    Statement(String),
}

impl From<String> for Failure {
    fn from(text: String) -> Self {
        Self::Statement(text)
    }
}

/// The rows of one statement; `None` when it has none to show.
async fn answer_statement(
    state: &HttpState,
    identity: &Identity,
    mut statement: Statement,
    target: Target,
    params: &BTreeMap<String, ParamValue>,
) -> Result<Option<QueryOutput>, Failure> {
    let database = match target {
        Target::Failed(text) => return Err(text.into()),
        Target::Server => return Ok(server_statement(state, identity, &statement).await?),
        Target::Database(name) => name,
    };
    bind(std::slice::from_mut(&mut statement), params).map_err(|e| e.to_string())?;
    let output = state
        .query
        .influxql(&database, &statement, QueryOptions::default())
        .await;
    output
        .map(Some)
        .map_err(|error| query_failure(&database, &error))
}

fn query_failure(database: &DatabaseName, error: &QueryError) -> Failure {
    match error {
        // Both texts are looked for: the first by v3 clients, the second by 1.x clients.
        QueryError::DatabaseNotFound(_) => Failure::Statement(format!(
            "Database {database} not found (database not found: {database})"
        )),
        other if matches!(other.kind(), ErrorKind::Exhausted | ErrorKind::Unavailable) => {
            Failure::Overloaded(other.to_string())
        }
        other => Failure::Statement(other.to_string()),
    }
}

async fn server_statement(
    state: &HttpState,
    identity: &Identity,
    statement: &Statement,
) -> Result<Option<QueryOutput>, String> {
    match statement {
        Statement::CreateDatabase(create) if identity.is_operator() => {
            create_database(state, create).await.map(|()| None)
        }
        Statement::ShowDatabases => {
            let databases = state
                .catalog
                .databases()
                .await
                .map_err(|e| catalog_error(&e).message)?;
            let names = databases
                .iter()
                .map(|d| &d.name)
                .filter(|name| identity.may_see(name));
            let names = names.map(|name| name.as_str().to_owned()).collect();
            names_output(names).map(Some)
        }
        refused => Err(format!("not implemented: {}", refused.name())),
    }
}

/// The answer of `SHOW DATABASES`, in the layout of all InfluxQL results.
fn names_output(names: Vec<String>) -> Result<QueryOutput, String> {
    let measurement = Field::new("iox::measurement", DataType::Utf8, false);
    let name = Field::new("name", DataType::Utf8, false);
    let schema = Arc::new(Schema::new(vec![measurement, name]));
    let series = StringArray::from(vec!["databases"; names.len()]);
    let columns: Vec<ArrayRef> = vec![Arc::new(series), Arc::new(StringArray::from(names))];
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns).map_err(|e| e.to_string())?;
    let batches = futures::stream::iter([Ok(batch)]);
    let stream = Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&schema), batches));
    Ok(QueryOutput { schema, stream })
}

/// Creates a database, or finds that it is there: 1.x answers both alike.
async fn create_database(state: &HttpState, create: &CreateDatabase) -> Result<(), String> {
    let policy = create.policy.as_deref();
    let name = DatabaseName::from_v1(&create.name, policy).map_err(|e| e.to_string())?;
    let retention_nanos = create.duration.filter(|nanos| *nanos > 0);
    let settings = DatabaseSettings {
        retention_nanos,
        ..DatabaseSettings::default()
    };
    match state
        .catalog
        .create_database(NewDatabase { name, settings })
        .await
    {
        Ok(_) | Err(CatalogError::DatabaseExists(_)) => Ok(()),
        Err(error) => Err(catalog_error(&error).message),
    }
}

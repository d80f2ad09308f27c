//! `/query`: InfluxQL for 1.x clients.
//!
//! 1. Gather the parameters from URL and body;
//! 2. find out who asks;
//! 3. parse all statements: a syntax error anywhere is `400`;
//! 4. find out what each statement works on and check the right to it ([`statements`](super::statements));
//! 5. run the statements one after another, writing the answer as rows come. An error of one statement
//!    is part of the answer and does not stop the next. If the first one has to be refused for want of a turn or of
//!    memory, and nothing is sent yet, the whole request is.

mod parameters;

use super::accept;
use super::compat::{ApiError, Code, Dialect};
use super::influxql_output::{Encoder, Epoch, Form, Format, Segment, Segments};
use super::params::Params;
use super::statement_database::Defaults;
use super::statements::{self, Failure, Rows, Target, execution_failure};
use super::{HttpState, Prefer, authenticate};
use crate::auth::Identity;
use crate::bind::{ParamsJsonError, influxql_params, params_from_json};
use axum::body::Body;
use axum::extract::{RawQuery, Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::StreamExt as _;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use parameters::body_params;
use std::collections::BTreeMap;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use watershed_influxql::{ParamValue, Statement, parse_statements};

/// The most bytes of a request with its statements. 1.x users upload files of statements.
pub(super) const REQUEST_BYTES_MAX: usize = 16 << 20;

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
    result.unwrap_or_else(|error| {
        let dialect = match error.dialect {
            Dialect::V1Syntax => Dialect::V1Syntax,
            _ => Dialect::V1,
        };
        error.in_dialect(dialect).into_response()
    })
}

fn url_params(query: &str) -> Result<Params, ApiError> {
    Params::parse(query, &[]).map_err(|e| ApiError::invalid(e.to_string()))
}

/// What is asked, read and checked.
struct Job {
    statements: Vec<(Statement, Target)>,
    form: Form,
    chunk_rows: usize,
    params: BTreeMap<String, ParamValue>,
    identity: Identity,
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
        if !target.is_allowed(&job.identity) {
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
        .map_err(|e| {
            let error = ApiError::invalid(format!("error parsing query: {e}"));
            error.in_dialect(Dialect::V1Syntax)
        })?
        .into_iter()
        .map(|mut statement| {
            let target = Target::of(&mut statement, defaults);
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
    let format = accept::best(headers, |name| match name {
        "application/json" | "*/*" | "application/*" => Some(Format::Json),
        "application/csv" | "text/csv" => Some(Format::Csv),
        "application/x-msgpack" | "application/msgpack" => Some(Format::Msgpack),
        _ => None,
    });
    format.unwrap_or(Format::Json)
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
    Ok(([(CONTENT_TYPE, kind)], body).into_response())
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
        let rows = statements::answer(&state, &job.identity, statement, target, &job.params).await;
        let stop = match rows {
            Ok(rows) => out.rows(id, rows, job.chunk_rows).await.err(),
            Err(failure) => Some(Stop::Failed(failure)),
        };
        let error = match stop {
            None => None,
            Some(Stop::Gone) => return Ok(()),
            Some(Stop::Unwritable(text)) if !out.sent => return Err(ApiError::invalid(text)),
            // Overload is not the statement's fault: as long as nothing is done, the request is worth repeating as it
            // is.
            Some(Stop::Failed(Failure::Overloaded(text))) if id == 0 && !out.sent => {
                return Err(ApiError::new(Code::Unavailable, text));
            }
            Some(
                Stop::Unwritable(text)
                | Stop::Failed(Failure::Overloaded(text) | Failure::Statement(text)),
            ) => Some(text),
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
    Failed(Failure),
}

struct Output {
    encoder: Encoder,
    send: mpsc::Sender<Bytes>,
    flush_each: bool,
    sent: bool,
}

impl Output {
    async fn rows(&mut self, id: usize, rows: Rows, chunk_rows: usize) -> Result<(), Stop> {
        match rows {
            Rows::None => Ok(()),
            Rows::Series(list) => {
                for segment in list {
                    self.segment(id, segment).await?;
                }
                Ok(())
            }
            Rows::Query(output) => {
                for hint in watershed_query::hints(&output.schema) {
                    self.encoder.hint(hint);
                }
                let mut segments = Segments::new(output.stream, chunk_rows);
                loop {
                    let segment = segments.next().await;
                    let segment = segment.map_err(|e| Stop::Failed(execution_failure(e)))?;
                    match segment {
                        Some(segment) => self.segment(id, segment).await?,
                        None => return Ok(()),
                    }
                }
            }
        }
    }

    async fn segment(&mut self, id: usize, segment: Segment) -> Result<(), Stop> {
        let written = self.encoder.segment(id, segment);
        written.map_err(|e| Stop::Unwritable(e.to_string()))?;
        self.flush_if_due().await.map_err(|Gone| Stop::Gone)
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

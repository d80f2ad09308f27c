//! `/api/v3/query_sql` and `/api/v3/query_influxql`: queries for people with curl.
//!
//! Parameters `db`, `q`, `format`, `params` in the URL, in a form, or as members of a JSON body. Formats: `json` (an
//! array of row objects), `jsonl`, `csv`, `pretty` (a table of text), `parquet` and `arrow` (a stream of Arrow IPC);
//! without a name the header `Accept` decides. Rows are written as they come in all of them ([`respond`]).

mod calendar;
mod csv;
mod encode;
mod format;
mod respond;
mod text_table;

use super::body::read_body;
use super::body_buffers::BodyBuffers;
use super::compat::{ApiError, Code};
use super::params::Params as Form;
use super::statements;
use super::write::database_not_found;
use super::{HttpState, Prefer, authenticate};
use crate::auth::Identity;
use crate::bind::{influxql_params, params_from_json, params_from_members};
use crate::http::compat::Dialect;
use axum::extract::{RawQuery, Request, State};
use axum::response::Response;
use format::Format;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use respond::respond;
use serde_json::Value;
use watershed_influxql::{bind, parse_statements};
use watershed_model::{Action, DatabaseName, ErrorKind};
use watershed_query::{Params, QueryError, QueryOptions, QueryOutput};

/// The most bytes of a request body.
const REQUEST_BYTES_MAX: usize = 16 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Language {
    Sql,
    InfluxQl,
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
        format: Format::chosen(form.take_filled("format").as_deref(), headers)?,
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

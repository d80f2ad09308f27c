//! `POST /api/v2/write`, `POST /write` and `POST /api/v3/write_lp`.
//!
//! 1. Read the parameters;
//! 2. find out who asks and whether they may write there;
//! 3. look whether the database exists;
//! 4. ask for a place and for memory ([`Admission`](super::Admission));
//! 5. only then read the body, within its limits;
//! 6. hand it to the router, which answers when every accepted point is durable and visible.

use super::admission::Permit;
use super::body::{Limits, decode, drain, expected_bytes, is_gzip, read_raw};
use super::compat::{ApiError, Code, Dialect};
use super::params::{Params, ParamsError};
use super::{HttpState, Prefer, authenticate};
use crate::metrics::Reason;
use axum::extract::{RawQuery, Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use watershed_catalog::CatalogError;
use watershed_model::{Action, DatabaseId, DatabaseName, Precision};
use watershed_router::{Rejection, WriteError};

/// Where a request wants its points.
struct Target {
    database: DatabaseName,
    precision: Precision,
    dialect: Dialect,
}

/// `POST /api/v2/write`
pub(super) async fn v2(state: State<HttpState>, query: RawQuery, request: Request) -> Response {
    let target = v2_target(query.0.as_deref());
    write(&state, target, None, request)
        .await
        .unwrap_or_else(IntoResponse::into_response)
}

/// `POST /write`
pub(super) async fn v1(state: State<HttpState>, query: RawQuery, request: Request) -> Response {
    let target = v1_target(query.0.as_deref());
    let in_v1 = |error: ApiError| error.in_dialect(Dialect::V1).into_response();
    let (target, password) = match target {
        Ok((target, password)) => (Ok(target), password),
        Err(error) => (Err(error), None),
    };
    write(&state, target, password, request)
        .await
        .unwrap_or_else(in_v1)
}

async fn write(
    state: &HttpState,
    target: Result<Target, ApiError>,
    password: Option<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let (head, body) = request.into_parts();
    let (target, mut permit) = match admit(state, target, password, &head.headers).await {
        Ok(admitted) => admitted,
        Err(error) => {
            let drained = drain(&head.headers, body).await;
            return Err(error.with_body_unread(!drained));
        }
    };
    let limits = Limits {
        bytes_max: state.settings.request_bytes_max,
        silence_max: state.settings.silence_max,
    };
    let gzip = is_gzip(&head.headers)?;
    let body = read_raw(
        &head.headers,
        body,
        limits,
        &state.body_buffers,
        &mut permit,
    )
    .await?;
    // A task of its own: when the client goes away now, work that has begun goes on, and so must the permit, or
    // clients that come and go could begin any amount of it.
    let work = tokio::spawn(store(state.clone(), target, gzip, body, permit));
    let stored = work.await;
    stored.unwrap_or_else(|error| Err(ApiError::internal(&error)))
}

/// Stores a body that was read whole. Holds the permit to the end.
async fn store(
    state: HttpState,
    target: Target,
    gzip: bool,
    body: Bytes,
    permit: Permit,
) -> Result<Response, ApiError> {
    let (bytes_max, buffers) = (state.settings.request_bytes_max, state.body_buffers.clone());
    let (body, _permit) = decode(gzip, body, bytes_max, buffers, permit).await?;
    state.metrics.write_bytes.inc_by(body.len() as u64);
    match state
        .router
        .write(&target.database, body, target.precision)
        .await
    {
        Ok(written) => {
            state.metrics.write_rows.inc_by(written.rows);
            Ok(StatusCode::NO_CONTENT.into_response())
        }
        Err(error) => {
            let answer = write_error(error, target.dialect);
            if answer.code == Code::Unavailable {
                state.metrics.count_refusal(Reason::Late);
            }
            Err(answer)
        }
    }
}

/// All that is decided before the body is read.
async fn admit(
    state: &HttpState,
    target: Result<Target, ApiError>,
    password: Option<String>,
    headers: &HeaderMap,
) -> Result<(Target, Permit), ApiError> {
    let target = target?;
    let identity = authenticate(state, headers, password, Prefer::Header).await?;
    if !identity.may(Action::Write, &target.database) {
        return Err(ApiError::forbidden());
    }
    let database = known_database(state, &target.database, target.dialect).await?;
    let bytes = expected_bytes(headers, state.settings.request_bytes_max)?;
    let permit = state.admission.admit(database, bytes)?;
    Ok((target, permit))
}

async fn known_database(
    state: &HttpState,
    database: &DatabaseName,
    dialect: Dialect,
) -> Result<DatabaseId, ApiError> {
    match state.catalog.database(database).await {
        Ok(schema) => Ok(schema.id),
        Err(CatalogError::DatabaseNotFound(name)) => Err(database_not_found(&name, dialect)),
        Err(error) => Err(catalog_error(&error)),
    }
}

fn v2_target(query: Option<&str>) -> Result<Target, ApiError> {
    let query = query.filter(|q| !q.is_empty());
    let query = query.ok_or_else(|| ApiError::invalid("no org/bucket destination provided"))?;
    let bad = |e: &dyn std::fmt::Display| {
        ApiError::invalid(format!(
            "failed to deserialize org/bucket/precision in request: {e}"
        ))
    };
    let known = ["bucket", "org", "orgID", "precision"];
    let mut params = Params::parse(query, &known).map_err(|e| bad(&e))?;
    let bucket = params.take("bucket").filter(|b| !b.is_empty());
    let bucket = bucket.ok_or_else(|| ApiError::invalid("missing bucket value"))?;
    let precision = match params.take("precision") {
        Some(text) => Precision::parse_v2(&text).map_err(|e| bad(&e))?,
        None => Precision::default(),
    };
    let database = DatabaseName::new(&bucket).map_err(|e| ApiError::invalid(e.to_string()))?;
    Ok(Target {
        database,
        precision,
        dialect: Dialect::V2,
    })
}

fn v1_target(query: Option<&str>) -> Result<(Target, Option<String>), ApiError> {
    let query = query.filter(|q| !q.is_empty());
    let query = query.ok_or_else(|| ApiError::invalid("no db destination provided"))?;
    let bad = |e: &dyn std::fmt::Display| {
        ApiError::invalid(format!(
            "failed to deserialize db/rp/precision in request: {e}"
        ))
    };
    let known = ["db", "rp", "precision", "consistency", "u", "p"];
    let mut params = Params::parse(query, &known).map_err(|e| bad(&e))?;
    let db = params
        .take("db")
        .ok_or_else(|| bad(&ParamsError::Missing("db")))?;
    let precision = match params.take("precision") {
        Some(text) => Precision::parse_v1(&text).map_err(|e| bad(&e))?,
        None => Precision::default(),
    };
    let rp = params.take("rp");
    let database =
        DatabaseName::from_v1(&db, rp.as_deref()).map_err(|e| ApiError::invalid(e.to_string()))?;
    let password = params.take("p").filter(|p| !p.is_empty());
    Ok((
        Target {
            database,
            precision,
            dialect: Dialect::V1,
        },
        password,
    ))
}

/// The answer for a database that is not there.
pub(super) fn database_not_found(name: &str, dialect: Dialect) -> ApiError {
    let mut error = ApiError::new(Code::NotFound, format!("database \"{name}\" not found"));
    if dialect == Dialect::V1 {
        // Telegraf looks for these two words side by side before it creates the database.
        error.v1_error = Some(format!("database not found: \"{name}\""));
    }
    error
}

pub(super) fn write_error(error: WriteError, dialect: Dialect) -> ApiError {
    match error {
        WriteError::Rejected(rejection) => rejected(&rejection),
        WriteError::DatabaseNotFound(name) => database_not_found(name.as_str(), dialect),
        WriteError::NotUtf8 { .. } => ApiError::invalid(error.to_string()),
        WriteError::TooLarge(text) => ApiError::new(Code::TooLarge, text),
        WriteError::Stopped => ApiError::new(Code::Unavailable, error.to_string()),
        WriteError::Catalog(error) => catalog_error(&error),
        WriteError::Sink(error) => {
            let mut answer = ApiError::new(Code::of(error.kind), error.message.clone());
            if answer.code == Code::InternalError {
                return ApiError::internal(&error);
            }
            answer.retry_after_seconds = error.retry_after_seconds.or(answer.retry_after_seconds);
            answer
        }
    }
}

/// The answer for a batch of which some or all lines were refused.
fn rejected(rejection: &Rejection) -> ApiError {
    let lead = if rejection.refused_whole {
        "failed to parse line protocol: errors encountered on line(s):\n"
    } else if rejection.written > 0 {
        "partial write has occurred, errors encountered on line(s): "
    } else {
        "no data written, errors encountered on line(s): "
    };
    let lines: Vec<&str> = rejection.lines.iter().map(|l| l.message.as_str()).collect();
    let message = format!("{lead}{}", lines.join("\n"));
    let code = if rejection.all_outside_retention {
        Code::Unprocessable
    } else {
        Code::Invalid
    };
    let mut error = ApiError::new(code, message);
    error.line = rejection.lines.first().map(|l| l.line);
    error.v1_error = Some(v1_rejected(rejection, &error.message));
    error
}

/// 1.x clients search the text for `partial write` and `points beyond retention policy` and then do
/// not send the batch again.
fn v1_rejected(rejection: &Rejection, message: &str) -> String {
    let prefix = if message.starts_with("partial write") {
        ""
    } else {
        "partial write: "
    };
    let suffix = if rejection.any_outside_retention {
        "\npoints beyond retention policy"
    } else {
        ""
    };
    format!("{prefix}{message}{suffix}")
}

/// The answer for a catalog that failed.
pub(super) fn catalog_error(error: &CatalogError) -> ApiError {
    match Code::of(error.kind()) {
        Code::InternalError => ApiError::internal(error),
        Code::Unavailable => {
            tracing::warn!(
                error = super::compat::chain(error),
                "the catalog did not answer"
            );
            ApiError::new(Code::Unavailable, "the catalog cannot be reached now")
        }
        code => ApiError::new(code, error.to_string()),
    }
}

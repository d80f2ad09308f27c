//! The HTTP side: writes, queries, probes, management.

mod accept;
mod admin;
mod admission;
mod body;
mod body_buffers;
mod compat;
mod gunzip;
mod influxql_output;
mod params;
mod probe;
mod queries;
mod query_v1;
mod query_v3;
mod respond;
pub(crate) mod statement_database;
pub(crate) mod statements;
mod write;

use crate::auth::{AuthError, Authenticator, Authorization, Identity, SchemeCase, Secret};
use crate::cors::Origin;
use crate::metrics::Metrics;
pub(crate) use admission::Admission;
pub use admission::{Pressure, Refusal};
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, delete, get, post};
pub(crate) use body_buffers::BodyBuffers;
use compat::{ApiError, Code, Dialect};
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE};
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, StatusCode, Version};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tower_http::compression::CompressionLayer;
use watershed_catalog::Catalog;
use watershed_model::{Clock, Timestamp};
use watershed_query::QueryEngine;

const X_INFLUXDB_VERSION: HeaderName = HeaderName::from_static("x-influxdb-version");
const X_INFLUXDB_BUILD: HeaderName = HeaderName::from_static("x-influxdb-build");
const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What the HTTP side can be told.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// The most bytes of a request body, on the wire and decompressed.
    pub request_bytes_max: usize,
    /// Writes in progress at one time; more are answered 503 before their body is read. One database
    /// gets three quarters at most.
    pub writes_max: usize,
    /// The memory of writes in progress: their bodies, as they came and decompressed, and the columns made of
    /// them; beyond it they are answered 503, before their body is read if their head told its length. One
    /// database gets three quarters at most, so the largest body needs at least three times its size.
    pub in_flight_bytes_max: u64,
    /// How long a client may send nothing in the middle of a request.
    pub silence_max: Duration,
    /// Whose web pages browsers let in.
    pub cors_origins: Vec<Origin>,
    /// The version that answers and headers carry.
    pub version: String,
}

/// What every handler needs.
#[derive(Debug, Clone)]
pub(crate) struct HttpState {
    pub(crate) settings: Arc<HttpSettings>,
    pub(crate) authenticator: Authenticator,
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) router: Arc<watershed_router::Router>,
    pub(crate) query: QueryEngine,
    pub(crate) metrics: Metrics,
    pub(crate) started: Timestamp,
    pub(crate) stopping: Arc<AtomicBool>,
    pub(crate) admission: Arc<Admission>,
    pub(crate) body_buffers: BodyBuffers,
}

/// All HTTP routes.
pub(crate) fn routes(state: HttpState) -> Router {
    Router::new()
        .route(
            "/api/v2/write",
            post(write::v2).fallback(method_not_allowed),
        )
        .route("/write", post(write::v1).fallback(method_not_allowed_v1))
        .route("/api/v3/write_lp", any(method_not_allowed))
        .route(
            "/query",
            get(query_v1::get)
                .post(query_v1::post)
                .fallback(method_not_allowed_v1)
                // The parts of a multipart body are read by axum, whose own limit is far lower.
                .layer(DefaultBodyLimit::max(query_v1::REQUEST_BYTES_MAX)),
        )
        .route(
            "/api/v3/query_sql",
            get(query_v3::sql_get).post(query_v3::sql_post),
        )
        .route(
            "/api/v3/query_influxql",
            get(query_v3::influxql_get).post(query_v3::influxql_post),
        )
        .route("/api/v2/query", any(flux_not_supported))
        .route("/api/v2/query/{*rest}", any(flux_not_supported))
        .route("/api/v2/delete", any(deletes_not_supported))
        .route("/ping", get(probe::ping))
        .route("/api/v2/ping", get(probe::ping))
        .route("/health", get(probe::health))
        .route("/api/v2/health", get(probe::health))
        .route("/ready", get(probe::ready))
        .route("/api/v2/ready", get(probe::ready))
        .route("/metrics", get(probe::metrics))
        .route(
            "/api/v0/databases",
            get(admin::list_databases).post(admin::create_database),
        )
        .route("/api/v0/databases/{name}", delete(admin::delete_database))
        .route(
            "/api/v0/tokens",
            get(admin::list_tokens).post(admin::create_token),
        )
        .route(
            "/api/v0/tokens/{id}",
            get(admin::get_token).delete(admin::revoke_token),
        )
        .route("/api/v0/queries", get(queries::list))
        .route("/api/v0/queries/{id}", delete(queries::kill))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(
            CompressionLayer::new()
                .gzip(true)
                .compress_when(is_worth_compressing),
        )
        .layer(from_fn_with_state(state.clone(), standard_headers))
        .with_state(state)
}

async fn not_found() -> ApiError {
    ApiError::new(Code::NotFound, "not found")
}

async fn method_not_allowed() -> ApiError {
    ApiError::new(Code::MethodNotAllowed, "method not allowed")
}

async fn method_not_allowed_v1() -> ApiError {
    method_not_allowed().await.in_dialect(Dialect::V1)
}

async fn flux_not_supported() -> ApiError {
    ApiError::new(
        Code::NotImplemented,
        "Flux is not supported; use SQL over Flight or InfluxQL (GET or POST /query)",
    )
}

async fn deletes_not_supported() -> ApiError {
    ApiError::new(
        Code::NotImplemented,
        "deletes are not supported; let a retention period remove old points, or delete the database",
    )
}

/// The shortest answer that is compressed when the client takes gzip: below it fits one packet anyway.
const COMPRESSED_BYTES_MIN: u16 = 1024;

/// Whether an answer is compressed. The compressor gives out what it has whenever there is nothing more to
/// compress yet, so chunks reach the client as they come. gRPC compresses its messages itself.
fn is_worth_compressing(_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    let grpc = headers
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"));
    let length = headers
        .get(CONTENT_LENGTH)
        .and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    let short = length.is_some_and(|bytes| bytes < u64::from(COMPRESSED_BYTES_MIN));
    !grpc && !short
}

/// Version, build and request id on every answer; one metric a request.
async fn standard_headers(
    State(state): State<HttpState>,
    request: Request,
    next: Next,
) -> Response {
    let id = request.headers().get(&X_REQUEST_ID).cloned();
    let id = id.or_else(|| HeaderValue::from_str(&uuid::Uuid::new_v4().to_string()).ok());
    let mut response = next.run(request).await;
    state.metrics.count_response(response.status());
    let headers = response.headers_mut();
    headers.insert(X_INFLUXDB_BUILD, HeaderValue::from_static("cloud2"));
    if let Ok(version) = HeaderValue::from_str(&state.settings.version) {
        headers.insert(X_INFLUXDB_VERSION, version);
    }
    if let Some(id) = id {
        headers.insert(REQUEST_ID, id.clone());
        headers.insert(X_REQUEST_ID, id);
    }
    response
}

/// Which of two credentials counts when both are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Prefer {
    /// The `Authorization` header: writes.
    Header,
    /// The `p` parameter: 1.x queries.
    Parameter,
}

/// Finds out who sends a request. `password` is the `p` parameter, where the endpoint has one.
async fn authenticate(
    state: &HttpState,
    headers: &HeaderMap,
    password: Option<String>,
    prefer: Prefer,
) -> Result<Identity, ApiError> {
    let header = Authorization::read(headers.get(AUTHORIZATION), SchemeCase::Exact).token();
    let password = password.filter(|p| !p.is_empty()).map(Secret::new);
    let token = match prefer {
        Prefer::Header => header.or(password),
        Prefer::Parameter => password.or(header),
    };
    state
        .authenticator
        .identify(token.as_ref())
        .await
        .map_err(auth_error)
}

fn auth_error(error: AuthError) -> ApiError {
    match error {
        AuthError::NoToken | AuthError::UnknownToken => {
            ApiError::new(Code::Unauthorized, error.to_string())
        }
        AuthError::Catalog(cause) => {
            tracing::warn!(error = compat::chain(&cause), "tokens cannot be checked");
            ApiError::new(Code::Unavailable, "tokens cannot be checked now")
        }
    }
}

/// Finds out who sends a management request and insists on the operator's rights.
async fn authenticate_operator(state: &HttpState, headers: &HeaderMap) -> Result<(), ApiError> {
    let identity = authenticate(state, headers, None, Prefer::Header).await?;
    if identity.is_operator() {
        Ok(())
    } else {
        Err(ApiError::forbidden())
    }
}

/// Runs a handler that may end early with an error.
async fn answer<T: IntoResponse>(work: impl Future<Output = Result<T, ApiError>>) -> Response {
    match work.await {
        Ok(response) => response.into_response(),
        Err(error) => error.into_response(),
    }
}

#[cfg(test)]
mod tests;

//! `/ping`, `/health`, `/ready`, `/metrics`: answered without a token.

use super::HttpState;
use super::params::Params;
use super::respond::rfc3339;
use axum::Json;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde_json::json;
use std::sync::atomic::Ordering;

/// `204`; with `?verbose=` (neither `0` nor `false`) `200` and the version as JSON.
pub(super) async fn ping(State(state): State<HttpState>, RawQuery(query): RawQuery) -> Response {
    let mut params = Params::parse(query.as_deref().unwrap_or_default(), &[]).unwrap_or_default();
    match params.take("verbose").as_deref() {
        None | Some("0" | "false") => StatusCode::NO_CONTENT.into_response(),
        Some(_) => Json(json!({ "version": state.settings.version })).into_response(),
    }
}

/// The state of the server in the shape 2.x clients read.
pub(super) async fn health(State(state): State<HttpState>) -> Response {
    let stopping = state.stopping.load(Ordering::Acquire);
    let (status, word, message) = if stopping {
        (StatusCode::SERVICE_UNAVAILABLE, "fail", "shutting down")
    } else {
        (StatusCode::OK, "pass", "ready for queries and writes")
    };
    let body = json!({
        "name": "influxdb",
        "status": word,
        "message": message,
        "checks": [],
        "version": state.settings.version,
    });
    (status, Json(body)).into_response()
}

/// Whether requests are served. The port opens only after the log has been replayed, so a server that
/// answers at all is ready until it stops.
pub(super) async fn ready(State(state): State<HttpState>) -> Response {
    if state.stopping.load(Ordering::Acquire) {
        let body = json!({ "status": "stopping" });
        return (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response();
    }
    let up = state
        .clock
        .now()
        .nanos()
        .saturating_sub(state.started.nanos());
    let body = json!({
        "status": "ready",
        "started": rfc3339(state.started.nanos()),
        "up": watershed_influxql::format_go_duration(up),
    });
    Json(body).into_response()
}

/// Everything measured, in the text format of Prometheus.
pub(super) async fn metrics(State(state): State<HttpState>) -> Response {
    match state.metrics.encode() {
        Ok(text) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(CONTENT_TYPE, kind)], text).into_response()
        }
        Err(error) => super::compat::ApiError::internal(&error).into_response(),
    }
}

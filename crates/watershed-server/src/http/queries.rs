//! `/api/v0/queries`: what runs on the server, what has run, and the end of it. Needs the operator's rights.

use super::admin::managed;
use super::compat::{ApiError, Code};
use super::params::Params;
use super::respond::rfc3339_millis;
use super::{HttpState, authenticate_operator};
use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;
use watershed_query::{Phase, QueryRecord};

/// `GET /api/v0/queries`: the queries in progress, in the order in which they came; with `finished=true` also those
/// that have ended not long ago.
pub(super) async fn list(
    State(state): State<HttpState>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    managed(async {
        authenticate_operator(&state, &headers).await?;
        let finished = finished(query.as_deref().unwrap_or_default())?;
        let mut records = state.query.queries(None);
        records.retain(|record| finished || record.statistics.phase.is_running());
        Ok(Json(records.iter().map(query_json).collect::<Vec<_>>()))
    })
    .await
}

fn finished(query: &str) -> Result<bool, ApiError> {
    let mut params =
        Params::parse(query, &["finished"]).map_err(|e| ApiError::invalid(e.to_string()))?;
    match params.take_filled("finished").as_deref() {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(other) => Err(ApiError::invalid(format!(
            "finished is \"{other}\", expected true or false"
        ))),
    }
}

/// `DELETE /api/v0/queries/{id}`: ends a query in progress.
pub(super) async fn kill(
    State(state): State<HttpState>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    managed(async {
        authenticate_operator(&state, &headers).await?;
        let number = id.parse::<u64>().map_err(|_| {
            ApiError::invalid(format!(
                "\"{id}\" is no number of a query, as GET /api/v0/queries lists them"
            ))
        })?;
        if !state.query.kill(number) {
            let text = format!("no query {number} is in progress");
            return Err(ApiError::new(Code::NotFound, text));
        }
        tracing::info!(id = number, "killed query");
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}

/// Times are in seconds. What is not known, or not yet, is null.
fn query_json(record: &QueryRecord) -> Value {
    let QueryRecord { query, statistics } = record;
    let seconds = |duration: Option<Duration>| duration.map(|d| d.as_secs_f64());
    json!({
        "id": query.id,
        "database": query.database.as_str(),
        "queryType": query.query_type.as_str(),
        "query": &*query.text,
        "issuedAt": rfc3339_millis(query.started),
        "phase": statistics.phase.as_str(),
        "running": statistics.phase.is_running(),
        "success": statistics.phase == Phase::Success,
        "cancelled": query.killed || statistics.phase == Phase::Cancel,
        "queueSeconds": seconds(statistics.queue),
        "planSeconds": seconds(statistics.planning()),
        "executeSeconds": seconds(statistics.execution),
        "computeSeconds": seconds(statistics.compute),
        "totalSeconds": seconds(statistics.total),
        "partitions": statistics.partitions,
        "parquetFiles": statistics.parquet_files,
        "rows": statistics.rows,
        "bytes": statistics.bytes,
        "maxMemoryBytes": statistics.memory_bytes_max,
    })
}

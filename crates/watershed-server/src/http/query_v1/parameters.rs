//! The parameters of a query in the body of its request.

use super::super::body::read_body;
use super::super::body_buffers::BodyBuffers;
use super::super::compat::ApiError;
use super::super::params::Params;
use super::REQUEST_BYTES_MAX;
use axum::extract::{FromRequest as _, Multipart, Request};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use std::collections::BTreeMap;

/// Reads what the body says, by its type.
pub(super) async fn body_params(url: &mut Params, request: Request) -> Result<Params, ApiError> {
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
    let bad = |e: axum::extract::multipart::MultipartError| match e.status() {
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::too_large(REQUEST_BYTES_MAX),
        _ => ApiError::invalid(e.body_text()),
    };
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

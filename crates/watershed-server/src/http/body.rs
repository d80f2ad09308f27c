//! Request bodies: size limits before and after decompression.

use super::compat::{ApiError, Code};
use axum::body::Body;
use axum::extract::Request;
use bytes::{Bytes, BytesMut};
use flate2::read::MultiGzDecoder;
use futures::StreamExt as _;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use std::io::Read as _;

/// Reads a whole body, decompressed. Neither the bytes on the wire nor the decompressed bytes may
/// pass `bytes_max`; a length announced above it is refused before anything is read.
pub(super) async fn read_body(request: Request, bytes_max: usize) -> Result<Bytes, ApiError> {
    let gzip = is_gzip(request.headers())?;
    if announced_bytes(request.headers()).is_some_and(|bytes| bytes > bytes_max as u64) {
        return Err(ApiError::too_large(bytes_max));
    }
    let body = collect(request.into_body(), bytes_max).await?;
    if !gzip || body.is_empty() {
        return Ok(body);
    }
    let decoded = tokio::task::spawn_blocking(move || gunzip(&body, bytes_max)).await;
    decoded.unwrap_or_else(|error| Err(ApiError::internal(&error)))
}

fn is_gzip(headers: &HeaderMap) -> Result<bool, ApiError> {
    let Some(encoding) = headers.get(CONTENT_ENCODING) else { return Ok(false) };
    match encoding.as_bytes() {
        b"gzip" | b"x-gzip" => Ok(true),
        b"identity" | b"" => Ok(false),
        other => Err(ApiError::new(
            Code::UnsupportedMediaType,
            format!("unacceptable content-encoding: {}", String::from_utf8_lossy(other)),
        )),
    }
}

fn announced_bytes(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

async fn collect(body: Body, bytes_max: usize) -> Result<Bytes, ApiError> {
    let mut stream = body.into_data_stream();
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(part) = stream.next().await {
        let part = part.map_err(|e| ApiError::invalid(format!("error reading request body: {e}")))?;
        if first.len() + rest.len() + part.len() > bytes_max {
            return Err(ApiError::too_large(bytes_max));
        }
        // A body that came in one part is passed on without a copy.
        if first.is_empty() && rest.is_empty() {
            first = part;
            continue;
        }
        rest.extend_from_slice(&std::mem::take(&mut first));
        rest.extend_from_slice(&part);
    }
    Ok(if rest.is_empty() { first } else { rest.freeze() })
}

/// Decompresses all members of a gzip stream, up to one byte over the limit.
fn gunzip(body: &[u8], bytes_max: usize) -> Result<Bytes, ApiError> {
    // Line protocol shrinks about eightfold; a guess too low costs a copy, one too high some memory.
    let mut out = Vec::with_capacity(body.len().saturating_mul(8).min(bytes_max));
    let mut decoder = MultiGzDecoder::new(body).take(bytes_max as u64 + 1);
    decoder
        .read_to_end(&mut out)
        .map_err(|e| ApiError::invalid(format!("error decoding gzip stream: {e}")))?;
    if out.len() > bytes_max {
        return Err(ApiError::too_large(bytes_max));
    }
    Ok(out.into())
}

#[cfg(test)]
mod tests;

//! Request bodies: size limits before and after decompression.

use super::compat::{ApiError, Code};
use axum::body::Body;
use bytes::{Bytes, BytesMut};
use flate2::read::MultiGzDecoder;
use futures::StreamExt as _;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use std::io::Read as _;
use std::time::Duration;

/// The longest body of a refused request that is read to save the connection.
const DRAIN_BYTES_MAX: usize = 1 << 20;

/// What a body of unknown length is taken to have.
const UNANNOUNCED_BYTES: u64 = 2 << 20;

/// How long a client may send nothing in the middle of a body.
const STALL_TIME: Duration = Duration::from_secs(30);

/// How long reading it may take.
const DRAIN_TIME: Duration = Duration::from_secs(1);

/// Reads a whole body, decompressed. Neither the bytes on the wire nor the decompressed bytes may
/// pass `bytes_max`; a length announced above it is refused before anything is read.
pub(super) async fn read_body(
    headers: &HeaderMap,
    body: Body,
    bytes_max: usize,
) -> Result<Bytes, ApiError> {
    let gzip = match is_gzip(headers) {
        Ok(gzip) => gzip,
        Err(error) => {
            drain(headers, body).await;
            return Err(error);
        }
    };
    if announced_bytes(headers).is_some_and(|bytes| bytes > bytes_max as u64) {
        return Err(ApiError::too_large(bytes_max));
    }
    let body = collect(body, bytes_max).await?;
    if !gzip || body.is_empty() {
        return Ok(body);
    }
    let decoded = tokio::task::spawn_blocking(move || gunzip(&body, bytes_max)).await;
    decoded.unwrap_or_else(|error| Err(ApiError::internal(&error)))
}

/// Reads and forgets the body of a request that is refused, so that the connection can be used again. A
/// long or slow one is not waited for: the connection is then closed after the answer.
pub(super) async fn drain(headers: &HeaderMap, body: Body) {
    if announced_bytes(headers).is_some_and(|bytes| bytes > DRAIN_BYTES_MAX as u64) {
        return;
    }
    // Whether it ends in time or not, the answer is the same.
    let _ = tokio::time::timeout(DRAIN_TIME, collect(body, DRAIN_BYTES_MAX)).await;
}

fn is_gzip(headers: &HeaderMap) -> Result<bool, ApiError> {
    let Some(encoding) = headers.get(CONTENT_ENCODING) else {
        return Ok(false);
    };
    match encoding.as_bytes() {
        b"gzip" | b"x-gzip" => Ok(true),
        b"identity" | b"" => Ok(false),
        other => Err(ApiError::new(
            Code::UnsupportedMediaType,
            format!(
                "unacceptable content-encoding: {}",
                String::from_utf8_lossy(other)
            ),
        )),
    }
}

/// The memory that a body will take, as far as its head tells: line protocol shrinks about eightfold in
/// gzip, and who sends in chunks of unknown number sends a few thousand lines.
pub(super) fn expected_bytes(headers: &HeaderMap) -> u64 {
    let announced = announced_bytes(headers).unwrap_or(UNANNOUNCED_BYTES);
    match is_gzip(headers) {
        Ok(true) => announced.saturating_mul(8),
        _ => announced,
    }
}

fn announced_bytes(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn stalled() -> ApiError {
    ApiError::new(
        Code::Timeout,
        format!(
            "nothing of the request body came for {} s",
            STALL_TIME.as_secs()
        ),
    )
}

async fn collect(body: Body, bytes_max: usize) -> Result<Bytes, ApiError> {
    let mut stream = body.into_data_stream();
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    loop {
        let part = tokio::time::timeout(STALL_TIME, stream.next())
            .await
            .map_err(|_| stalled())?;
        let Some(part) = part else { break };
        let part =
            part.map_err(|e| ApiError::invalid(format!("error reading request body: {e}")))?;
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
    Ok(if rest.is_empty() {
        first
    } else {
        rest.freeze()
    })
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

//! Request bodies: size limits before and after decompression.

use super::body_buffers::BodyBuffers;
use super::compat::{ApiError, Code};
use super::gunzip::{GunzipError, gunzip};
use axum::body::{Body, BodyDataStream};
use bytes::Bytes;
use futures::StreamExt as _;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
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
/// pass `bytes_max`; a length announced above it is refused before anything is read. The memory comes from
/// `buffers`, and goes back there with the last reference to the result.
pub(super) async fn read_body(
    headers: &HeaderMap,
    body: Body,
    bytes_max: usize,
    buffers: &BodyBuffers,
) -> Result<Bytes, ApiError> {
    let gzip = match is_gzip(headers) {
        Ok(gzip) => gzip,
        Err(error) => {
            drain(headers, body).await;
            return Err(error);
        }
    };
    let announced = announced_bytes(headers);
    if announced.is_some_and(|bytes| bytes > bytes_max as u64) {
        return Err(ApiError::too_large(bytes_max));
    }
    let announced = announced.map_or(0, |bytes| bytes as usize);
    let body = collect(body, announced, bytes_max, buffers).await?;
    if !gzip || body.is_empty() {
        return Ok(body);
    }
    decompress(body, bytes_max, buffers).await
}

async fn decompress(
    body: Bytes,
    bytes_max: usize,
    buffers: &BodyBuffers,
) -> Result<Bytes, ApiError> {
    let buffers = buffers.clone();
    let work = move || {
        let mut text = buffers.take();
        match gunzip(&body, bytes_max, &mut text) {
            Ok(()) => Ok(buffers.share(text)),
            Err(GunzipError::TooLarge) => Err(ApiError::too_large(bytes_max)),
            Err(error @ GunzipError::Damaged(_)) => Err(ApiError::invalid(error.to_string())),
        }
    };
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(ApiError::internal(&error)))
}

/// Reads and forgets the body of a request that is refused, so that the connection can be used again. A
/// long or slow one is not waited for: the connection is then closed after the answer.
pub(super) async fn drain(headers: &HeaderMap, body: Body) {
    if announced_bytes(headers).is_some_and(|bytes| bytes > DRAIN_BYTES_MAX as u64) {
        return;
    }
    // Whether it ends in time or not, the answer is the same.
    let _ = tokio::time::timeout(DRAIN_TIME, forget(body)).await;
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

/// Reads and drops a body, up to the limit.
async fn forget(body: Body) {
    let mut stream = body.into_data_stream();
    let mut bytes = 0;
    while let Some(Ok(part)) = stream.next().await {
        bytes += part.len();
        if bytes > DRAIN_BYTES_MAX {
            return;
        }
    }
}

/// A body that comes in parts, put together. One that comes in one part is passed on without a copy.
async fn collect(
    body: Body,
    announced: usize,
    bytes_max: usize,
    buffers: &BodyBuffers,
) -> Result<Bytes, ApiError> {
    let mut stream = body.into_data_stream();
    let Some(first) = next_part(&mut stream).await? else {
        return Ok(Bytes::new());
    };
    if first.len() > bytes_max {
        return Err(ApiError::too_large(bytes_max));
    }
    let Some(second) = next_part(&mut stream).await? else {
        return Ok(first);
    };
    let mut whole = buffers.take();
    whole.clear();
    // A body within the limits that was announced: its memory has been reserved.
    whole.reserve(announced.max(first.len() + second.len()));
    whole.extend_from_slice(&first);
    let mut part = Some(second);
    while let Some(bytes) = part {
        if whole.len() + bytes.len() > bytes_max {
            return Err(ApiError::too_large(bytes_max));
        }
        whole.extend_from_slice(&bytes);
        part = next_part(&mut stream).await?;
    }
    Ok(buffers.share(whole))
}

async fn next_part(stream: &mut BodyDataStream) -> Result<Option<Bytes>, ApiError> {
    let part = tokio::time::timeout(STALL_TIME, stream.next())
        .await
        .map_err(|_| stalled())?;
    part.transpose()
        .map_err(|e| ApiError::invalid(format!("error reading request body: {e}")))
}

#[cfg(test)]
mod tests;

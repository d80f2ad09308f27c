//! Request bodies: limits on size, before and after decompression, on memory and on time.

use super::admission::Permit;
use super::body_buffers::BodyBuffers;
use super::compat::{ApiError, Code};
use super::gunzip::{GunzipError, claimed_bytes, gunzip};
use axum::body::{Body, BodyDataStream};
use bytes::Bytes;
use futures::StreamExt as _;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, EXPECT};
use std::time::{Duration, Instant};

/// The longest body of a refused request that is read to save the connection.
const DRAIN_BYTES_MAX: usize = 1 << 20;

/// How long reading it may take.
const DRAIN_TIME: Duration = Duration::from_secs(1);

/// What a body of unknown length is first taken to have, and the steps in which it then gets memory.
const STEP_BYTES: usize = 64 << 10;

/// How many times longer line protocol is than its gzip, for a first guess.
const GZIP_RATIO: u64 = 8;

/// A body that comes slower than this, and takes longer than a client may be silent, is given up: it would
/// hold its memory for hours.
const BYTES_PER_SECOND_MIN: usize = 8 << 10;

/// How long a client may send nothing in the middle of the body of a query.
const QUERY_SILENCE_MAX: Duration = Duration::from_secs(30);

/// What a client must keep to while it sends a body.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// The most bytes, on the wire and decompressed.
    pub(super) bytes_max: usize,
    /// How long nothing may come.
    pub(super) silence_max: Duration,
}

/// Reads the whole body of a query, decompressed. Neither the bytes on the wire nor the decompressed bytes may
/// pass `bytes_max`; a length announced above it is refused before anything is read. The memory comes from
/// `buffers`, and goes back there with the last reference to the result.
pub(super) async fn read_body(
    headers: &HeaderMap,
    body: Body,
    bytes_max: usize,
    buffers: &BodyBuffers,
) -> Result<Bytes, ApiError> {
    if let Err(error) = expected_bytes(headers, bytes_max) {
        let drained = drain(headers, body).await;
        return Err(error.with_body_unread(!drained));
    }
    let limits = Limits {
        bytes_max,
        silence_max: QUERY_SILENCE_MAX,
    };
    let body = collect(headers, body, limits, buffers, |_| Ok(())).await?;
    if !is_gzip(headers)? || body.is_empty() {
        return Ok(body);
    }
    let buffers = buffers.clone();
    let work = move || unpack(&body, bytes_max, &buffers);
    let unpacked = tokio::task::spawn_blocking(work).await;
    let unpacked = unpacked.map_err(|error| ApiError::internal(&error))?;
    unpacked.map_err(|error| gunzip_error(&error, bytes_max))
}

fn unpack(body: &[u8], bytes_max: usize, buffers: &BodyBuffers) -> Result<Bytes, GunzipError> {
    let mut text = buffers.take();
    let unpacked = gunzip(body, bytes_max, &mut text);
    let text = buffers.share(text);
    unpacked.map(|()| text)
}

fn gunzip_error(error: &GunzipError, bytes_max: usize) -> ApiError {
    match error {
        GunzipError::TooLarge => ApiError::too_large(bytes_max),
        GunzipError::Damaged(_) => ApiError::invalid(error.to_string()),
    }
}

/// Reads the whole body of a write as it comes, within the memory of its permit, which grows when it must.
pub(super) async fn read_raw(
    headers: &HeaderMap,
    body: Body,
    limits: Limits,
    buffers: &BodyBuffers,
    permit: &mut Permit,
) -> Result<Bytes, ApiError> {
    collect(headers, body, limits, buffers, |bytes| {
        if with_columns(bytes) <= permit.bytes() {
            return Ok(());
        }
        permit.set_bytes(with_columns(bytes + STEP_BYTES))
    })
    .await
}

/// Decompresses the body of a write where it is compressed, within the memory of its permit. Afterwards the
/// permit is for the body and for the columns that will be made of it.
pub(super) async fn decode(
    gzip: bool,
    body: Bytes,
    bytes_max: usize,
    buffers: BodyBuffers,
    mut permit: Permit,
) -> Result<(Bytes, Permit), ApiError> {
    if !gzip || body.is_empty() {
        permit.set_bytes(with_columns(body.len()))?;
        return Ok((body, permit));
    }
    let inflate = move || {
        let text = inflate(&body, bytes_max, &buffers, &mut permit)?;
        drop(body);
        permit.set_bytes(with_columns(text.len()))?;
        Ok::<_, ApiError>((text, permit))
    };
    let decoded = tokio::task::spawn_blocking(inflate).await;
    decoded.unwrap_or_else(|error| Err(ApiError::internal(&error)))
}

/// Decompresses into as much memory as the end of the stream says is needed, and tries again with more
/// where that is not true (several members, or a lie).
fn inflate(
    body: &[u8],
    bytes_max: usize,
    buffers: &BodyBuffers,
    permit: &mut Permit,
) -> Result<Bytes, ApiError> {
    let claimed = claimed_bytes(body).unwrap_or(0);
    let mut limit = claimed.max(STEP_BYTES).min(bytes_max);
    loop {
        permit.set_bytes((body.len() + limit) as u64)?;
        match unpack(body, limit, buffers) {
            Ok(text) => return Ok(text),
            Err(GunzipError::TooLarge) if limit < bytes_max => {
                limit = limit.saturating_mul(4).min(bytes_max);
            }
            Err(error) => return Err(gunzip_error(&error, bytes_max)),
        }
    }
}

/// The memory of a body and of the columns made of it, which take about as much again.
const fn with_columns(bytes: usize) -> u64 {
    2 * bytes as u64
}

/// Reads and forgets the body of a request that is refused, so that the connection can be used again. A
/// long or slow one is not waited for, and one that the client has not begun to send is not asked for: the
/// connection is then closed after the answer. Tells whether the body was read to its end.
pub(super) async fn drain(headers: &HeaderMap, body: Body) -> bool {
    if headers.contains_key(EXPECT)
        || announced_bytes(headers).is_some_and(|bytes| bytes > DRAIN_BYTES_MAX as u64)
    {
        return false;
    }
    forget(&mut body.into_data_stream()).await
}

/// Reads and drops what is left of a body, if that is not too long and does not take too long.
async fn forget(stream: &mut BodyDataStream) -> bool {
    let forgotten = tokio::time::timeout(DRAIN_TIME, forget_all(stream)).await;
    forgotten.unwrap_or(false)
}

async fn forget_all(stream: &mut BodyDataStream) -> bool {
    let mut bytes = 0;
    while let Some(part) = stream.next().await {
        let Ok(part) = part else { return false };
        bytes += part.len();
        if bytes > DRAIN_BYTES_MAX {
            return false;
        }
    }
    true
}

pub(super) fn is_gzip(headers: &HeaderMap) -> Result<bool, ApiError> {
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

/// The memory that a body and its columns will take, as far as its head tells.
///
/// # Errors
/// What the head alone is refused for: an encoding nobody knows, a length above `bytes_max`.
pub(super) fn expected_bytes(headers: &HeaderMap, bytes_max: usize) -> Result<u64, ApiError> {
    let gzip = is_gzip(headers)?;
    let announced = announced_bytes(headers).unwrap_or(STEP_BYTES as u64);
    if announced_bytes(headers).is_some_and(|bytes| bytes > bytes_max as u64) {
        return Err(ApiError::too_large(bytes_max));
    }
    let text = if gzip {
        announced.saturating_mul(GZIP_RATIO)
    } else {
        announced
    };
    Ok(with_columns(bytes_max).min(2 * text))
}

fn announced_bytes(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn stalled(silence: Duration) -> ApiError {
    ApiError::new(
        Code::Timeout,
        format!(
            "nothing of the request body came for {} s",
            silence.as_secs()
        ),
    )
}

fn too_slow() -> ApiError {
    let text = format!("the request body came slower than {BYTES_PER_SECOND_MIN} bytes a second");
    ApiError::new(Code::Timeout, text)
}

/// Reads a body to its end. `room` is told the new length before each part is kept, and may object.
///
/// What comes behind a part that is refused is read and dropped, as [`drain`] does: a client that is still sending
/// would see its connection break, and not the answer.
async fn collect(
    headers: &HeaderMap,
    body: Body,
    limits: Limits,
    buffers: &BodyBuffers,
    mut room: impl FnMut(usize) -> Result<(), ApiError>,
) -> Result<Bytes, ApiError> {
    let mut parts = Parts {
        stream: body.into_data_stream(),
        limits,
        started: Instant::now(),
        len: 0,
    };
    match gather(&mut parts, headers, buffers, &mut room).await {
        Err(error) if matches!(error.code, Code::Unavailable | Code::TooLarge) => {
            let drained = forget(&mut parts.stream).await;
            Err(error.with_body_unread(!drained))
        }
        Err(error) => Err(error.with_body_unread(true)),
        whole => whole,
    }
}

async fn gather(
    parts: &mut Parts,
    headers: &HeaderMap,
    buffers: &BodyBuffers,
    room: &mut impl FnMut(usize) -> Result<(), ApiError>,
) -> Result<Bytes, ApiError> {
    let Some(first) = parts.next(room).await? else {
        return Ok(Bytes::new());
    };
    let Some(second) = parts.next(room).await? else {
        // A body that came in one part is passed on without a copy.
        return Ok(first);
    };
    let announced = announced_bytes(headers).unwrap_or(0);
    let announced = usize::try_from(announced)
        .unwrap_or(0)
        .min(parts.limits.bytes_max);
    let mut whole = buffers.take();
    whole.clear();
    whole.reserve(announced.max(parts.len));
    whole.extend_from_slice(&first);
    let mut part = Some(second);
    while let Some(bytes) = part {
        whole.extend_from_slice(&bytes);
        part = parts.next(room).await?;
    }
    Ok(buffers.share(whole))
}

/// A body on its way.
struct Parts {
    stream: BodyDataStream,
    limits: Limits,
    started: Instant,
    /// What has come.
    len: usize,
}

impl Parts {
    /// The next part, if the client keeps to the limits and there is room for it; `None` at the end.
    async fn next(
        &mut self,
        room: &mut impl FnMut(usize) -> Result<(), ApiError>,
    ) -> Result<Option<Bytes>, ApiError> {
        let Limits {
            bytes_max,
            silence_max,
        } = self.limits;
        let part = tokio::time::timeout(silence_max, self.stream.next())
            .await
            .map_err(|_| stalled(silence_max))?;
        let Some(part) = part else { return Ok(None) };
        let part =
            part.map_err(|e| ApiError::invalid(format!("error reading request body: {e}")))?;
        self.len += part.len();
        if self.len > bytes_max {
            return Err(ApiError::too_large(bytes_max));
        }
        let patience = Duration::from_secs((self.len / BYTES_PER_SECOND_MIN) as u64);
        if self.started.elapsed() > silence_max + patience {
            return Err(too_slow());
        }
        room(self.len)?;
        Ok(Some(part))
    }
}

#[cfg(test)]
mod tests;

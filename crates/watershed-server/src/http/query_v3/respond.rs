//! An answer, written while its rows come.
//!
//! 1. A task beside the query encodes its rows and hands the bytes over in pieces; a client that reads slowly makes
//!    the query wait.
//! 2. What comes at once is held, so that a query that fails soon is answered with its status, and a short answer
//!    has its length.
//! 3. A later failure breaks the body off: a cut answer is never taken for a whole one.

use super::super::compat::{ApiError, chain};
use super::encode::{EncodeError, Encoder};
use super::format::Format;
use super::query_error;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::{FutureExt as _, StreamExt as _};
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinError;
use tokio::time::{Instant, timeout_at};
use tokio_util::task::AbortOnDropHandle;
use watershed_query::{QueryError, QueryOutput};

/// Bytes gathered before they are handed to the connection, while more rows are there at once.
const PIECE_BYTES: usize = 64 << 10;

/// Pieces that may wait for a slow client; then the query waits.
const PIECES_WAITING: usize = 2;

/// How much of an answer is held back at most, and how long after its first rows.
const HELD_BYTES: usize = 256 << 10;
const HELD_TIME: Duration = Duration::from_millis(50);

/// How long a body waits before it fails. The connection drops what it has not written yet, which may be the whole
/// answer so far where that compresses well; a client would not even see the status, and might take the request for
/// one that did not arrive.
const LAST_BYTES_TIME: Duration = Duration::from_millis(20);

/// Why an answer ends early.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Query(QueryError),
    #[error(transparent)]
    Encode(#[from] EncodeError),
    #[error("write the rows of a query")]
    Task(#[from] JoinError),
}

impl Failure {
    /// The answer, as long as nothing else was sent.
    fn into_answer(self) -> ApiError {
        match self {
            Self::Query(error) => query_error(&error),
            Self::Encode(error) if error.is_unsupported() => ApiError::invalid(error.to_string()),
            Self::Encode(error) => ApiError::internal(&error),
            Self::Task(error) => ApiError::internal(&error),
        }
    }
}

/// Writes the rows in that format.
pub(super) async fn respond(output: QueryOutput, format: Format) -> Result<Response, ApiError> {
    let (send, receive) = mpsc::channel(PIECES_WAITING);
    let beside = output.executor();
    let work = AbortOnDropHandle::new(beside.spawn(produce(output, format, send)));
    let mut pieces = Pieces { receive, work };
    let mut held = Vec::new();
    let mut until = None;
    let ended = loop {
        let next = pieces.next();
        let next = match until {
            None => next.await,
            Some(until) => match timeout_at(until, next).await {
                Ok(next) => next,
                Err(_) => break false,
            },
        };
        match next {
            Ok(Some(piece)) => held.extend_from_slice(&piece),
            Ok(None) => break true,
            Err(failure) => return Err(failure.into_answer()),
        }
        if held.len() >= HELD_BYTES {
            break false;
        }
        until.get_or_insert_with(|| Instant::now() + HELD_TIME);
    };
    let body = if ended {
        Body::from(held)
    } else {
        let first = futures::stream::iter([Ok(Bytes::from(held))]);
        let rest = futures::stream::try_unfold(pieces, |mut pieces| async move {
            match pieces.next().await {
                Ok(piece) => Ok(piece.map(|piece| (piece, pieces))),
                Err(failure) => {
                    tracing::warn!(
                        error = chain(&failure),
                        "a query failed after its answer had begun"
                    );
                    tokio::time::sleep(LAST_BYTES_TIME).await;
                    Err(failure)
                }
            }
        });
        Body::from_stream(first.chain(rest))
    };
    let kind = HeaderValue::from_static(format.content_type());
    Ok(([(CONTENT_TYPE, kind)], body).into_response())
}

struct Pieces {
    receive: mpsc::Receiver<Bytes>,
    /// Ended with the pieces: when the client goes away, the query does not go on.
    work: AbortOnDropHandle<Result<(), Failure>>,
}

impl Pieces {
    /// The next piece; `None` when that was all.
    async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        match self.receive.recv().await {
            Some(piece) => Ok(Some(piece)),
            // Whether that was all is known only from the task.
            None => (&mut self.work).await?.map(|()| None),
        }
    }
}

async fn produce(
    output: QueryOutput,
    format: Format,
    send: mpsc::Sender<Bytes>,
) -> Result<(), Failure> {
    let schema = watershed_storage::hydrate_schema(&output.schema);
    let mut rows = output.stream;
    let mut encoder = Encoder::new(format, schema.clone());
    let mut piece = Vec::new();
    encoder.begin(&mut piece)?;
    let mut some_rows = false;
    loop {
        // What has been written is not held back while there is nothing more to write.
        let next = match rows.next().now_or_never() {
            Some(next) => next,
            None => {
                if some_rows && !handed_over(&mut piece, &send).await {
                    return Ok(());
                }
                rows.next().await
            }
        };
        let Some(batch) = next else { break };
        let batch = batch.map_err(|error| Failure::Query(QueryError::execution(error)))?;
        some_rows |= batch.num_rows() > 0;
        let batch = watershed_storage::hydrate(&batch, &schema).map_err(EncodeError::from)?;
        encoder.batch(&batch, &mut piece)?;
        if piece.len() >= PIECE_BYTES && !handed_over(&mut piece, &send).await {
            return Ok(());
        }
    }
    encoder.end(&mut piece)?;
    handed_over(&mut piece, &send).await;
    Ok(())
}

/// Gives the piece to the client. False when there is no client any more.
async fn handed_over(piece: &mut Vec<u8>, send: &mpsc::Sender<Bytes>) -> bool {
    if piece.is_empty() {
        return true;
    }
    let bytes = Bytes::from(std::mem::take(piece));
    send.send(bytes).await.is_ok()
}

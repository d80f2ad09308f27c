//! A result as Flight messages: the schema, the rows, and what is to be said at the end.
//!
//! A query that is silent for five seconds sends an empty batch, because proxies cut silent streams. No more is
//! read from a query than its client takes: one batch is cut into messages when the last message is gone.

use super::metadata::Wire;
use super::planning::Rows;
use super::trailers;
use super::wire::{self, Messages};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow_flight::FlightData;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::future::ready;
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tonic::Status;
use watershed_query::{QueryOutput, QueryStatistics};

/// How long a stream may be silent.
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// A result that is one batch.
pub(super) fn one_batch(batch: RecordBatch) -> QueryOutput {
    let schema = batch.schema();
    let batches = futures::stream::iter([Ok(batch)]);
    let stream = RecordBatchStreamAdapter::new(schema, batches);
    QueryOutput::without_query(Box::pin(stream))
}

/// Writes a result as Flight messages, the schema first and what the query took last, as trailers.
///
/// # Errors
/// `Internal` when rows can't be sent in that way.
pub(super) fn encode(
    rows: Rows,
    wire: Wire,
) -> Result<BoxStream<'static, Result<FlightData, Status>>, Status> {
    let schema = wire::schema(&rows.schema, wire);
    let mut messages = Messages::new(wire).map_err(|e| unsendable(&e))?;
    let first = messages.schema(&schema);
    let statistics = Box::new(rows.statistics());
    // Batches without rows say nothing, and do not break a silence.
    let batches = rows.batches.try_filter(|batch| ready(batch.num_rows() > 0));
    let empty = RecordBatch::new_empty(Arc::clone(&schema));
    let sender = Sender {
        batches: keep_alive(batches.boxed(), empty, KEEP_ALIVE),
        schema,
        messages,
        parts: VecDeque::new(),
        ready: VecDeque::from([first]),
        statistics,
    };
    let sent = futures::stream::unfold(Some(sender), |state| async {
        let mut sender = state?;
        match sender.next().await {
            Ok(message) => Some((Ok(message), Some(sender))),
            Err(status) => Some((Err(status), None)),
        }
    });
    Ok(sent.boxed())
}

/// The state of a stream.
struct Sender {
    batches: Batches,
    schema: SchemaRef,
    messages: Messages,
    /// What is left of a batch.
    parts: VecDeque<RecordBatch>,
    /// What is left of a part.
    ready: VecDeque<FlightData>,
    statistics: Box<dyn Fn() -> QueryStatistics + Send>,
}

impl Sender {
    /// The next message. The status of the end, a good one too, is an error: so gRPC takes trailers.
    async fn next(&mut self) -> Result<FlightData, Status> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                return Ok(message);
            }
            if let Some(part) = self.parts.pop_front() {
                let messages = self.messages.rows(&part).map_err(|e| unsendable(&e))?;
                self.ready.extend(messages);
                continue;
            }
            let Some(batch) = self.batches.next().await else {
                return Err(trailers::status(&(self.statistics)()));
            };
            let batch = wire::batch(&batch?, &self.schema).and_then(wire::parts);
            self.parts = batch.map_err(|e| unsendable(&e))?.into();
        }
    }
}

fn unsendable(error: &ArrowError) -> Status {
    Status::internal(format!("The rows can't be sent: {error}"))
}

type Batches = BoxStream<'static, Result<RecordBatch, Status>>;

/// Puts `empty` between the batches whenever the next one takes longer than `patience`.
fn keep_alive(batches: Batches, empty: RecordBatch, patience: Duration) -> Batches {
    futures::stream::unfold(batches, move |mut batches| {
        let empty = empty.clone();
        async move {
            match tokio::time::timeout(patience, batches.next()).await {
                Ok(Some(next)) => Some((next, batches)),
                Ok(None) => None,
                Err(_) => Some((Ok(empty), batches)),
            }
        }
    })
    .boxed()
}

#[cfg(test)]
mod tests;

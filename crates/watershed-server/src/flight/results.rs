//! Record batches as Flight messages.
//!
//! Dictionaries become plain columns, messages stay near 2 MiB (most clients refuse more than 4), and a
//! query that is silent for five seconds sends an empty batch, because proxies cut silent streams.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow_flight::FlightData;
use arrow_flight::encode::FlightDataEncoderBuilder;
use arrow_flight::error::FlightError;
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use std::sync::Arc;
use std::time::Duration;
use tonic::Status;
use watershed_query::{QueryError, QueryOutput};

/// How long a stream may be silent.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// A result that is one batch.
pub(super) fn one_batch(batch: RecordBatch) -> QueryOutput {
    let schema = batch.schema();
    let batches = futures::stream::iter([Ok(batch)]);
    let stream = RecordBatchStreamAdapter::new(schema, batches);
    QueryOutput::without_query(Box::pin(stream))
}

/// Writes a stream as Flight messages, the schema first.
pub(super) fn encode(
    schema: SchemaRef,
    stream: SendableRecordBatchStream,
) -> BoxStream<'static, Result<FlightData, Status>> {
    let plain = watershed_storage::hydrate_schema(&schema);
    let to = Arc::clone(&plain);
    let batches = stream.map(move |batch| {
        let batch = batch.map_err(status_of)?;
        watershed_storage::hydrate(&batch, &to).map_err(|e| Status::internal(e.to_string()))
    });
    let empty = RecordBatch::new_empty(Arc::clone(&plain));
    let batches = keep_alive(batches.boxed(), empty, KEEP_ALIVE);
    FlightDataEncoderBuilder::new()
        .with_schema(plain)
        .build(batches.map_err(|status| FlightError::Tonic(Box::new(status))))
        .map_err(|error| match error {
            FlightError::Tonic(status) => *status,
            other => Status::internal(other.to_string()),
        })
        .boxed()
}

fn status_of(error: DataFusionError) -> Status {
    super::status::of_query(&QueryError::execution(error))
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

//! Rows whose columns are known before they are planned.
//!
//! Nothing can be sent before the columns are known, and a client that hears nothing may be cut off. They are known
//! early, from the text and the catalog alone; what takes long is to optimize a plan, and to choose files and rows.
//! Where it does, the columns are sent before, and from then on the keep-alive covers the rest.

use super::status;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::execution::SendableRecordBatchStream;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{StreamExt as _, TryStreamExt as _};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tonic::Status;
use watershed_query::{QueryError, QueryOutput, QueryProgress, QueryStatistics};

/// A query that is being planned.
pub(super) type Planned = BoxFuture<'static, Result<QueryOutput, Status>>;

/// The rows of a query that is planned, or soon will be.
pub(super) struct Rows {
    /// The columns. Those of a batch may differ in what a cast makes equal.
    pub(super) schema: SchemaRef,
    /// An error is the last item.
    pub(super) batches: BoxStream<'static, Result<RecordBatch, Status>>,
    progress: Arc<OnceLock<QueryProgress>>,
}

impl Rows {
    /// What the query has taken until now.
    pub(super) fn statistics(&self) -> impl Fn() -> QueryStatistics + Send + use<> {
        let progress = Arc::clone(&self.progress);
        move || {
            let progress = progress.get();
            progress.map(QueryProgress::statistics).unwrap_or_default()
        }
    }

    /// Rows with these columns, that come when the plan is there.
    fn later(schema: SchemaRef, planned: Planned) -> Self {
        let progress = Arc::new(OnceLock::new());
        let known = Arc::clone(&progress);
        let batches = stream::once(planned).map_ok(move |output| {
            // Nobody else sets it.
            let _ = known.set(output.progress);
            batches(output.stream)
        });
        Self {
            schema,
            batches: batches.try_flatten().boxed(),
            progress,
        }
    }
}

impl From<QueryOutput> for Rows {
    fn from(output: QueryOutput) -> Self {
        Self {
            schema: output.schema,
            batches: batches(output.stream),
            progress: Arc::new(OnceLock::from(output.progress)),
        }
    }
}

fn batches(rows: SendableRecordBatchStream) -> BoxStream<'static, Result<RecordBatch, Status>> {
    rows.map_err(|error| status::of_query(&QueryError::execution(error)))
        .boxed()
}

/// The rows of the plan. Where it takes longer than `patience`, the columns are those that `described` gives; if
/// it can't, there is nothing but to wait.
///
/// # Errors
/// Those of the plan, unless the columns were there first: then they are the last item of the rows.
pub(super) async fn rows(
    mut planned: Planned,
    described: impl Future<Output = Option<SchemaRef>>,
    patience: Duration,
) -> Result<Rows, Status> {
    if let Ok(output) = tokio::time::timeout(patience, &mut planned).await {
        return output.map(Rows::from);
    }
    let schema = tokio::select! {
        output = &mut planned => return output.map(Rows::from),
        schema = described => schema,
    };
    match schema {
        Some(schema) => Ok(Rows::later(schema, planned)),
        None => planned.await.map(Rows::from),
    }
}

#[cfg(test)]
mod tests;

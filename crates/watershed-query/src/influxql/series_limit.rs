//! How many series a result may have.

use crate::QueryOutput;
use crate::limits::Limits;
use crate::runs::Runs;
use datafusion::common::DataFusionError;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::StreamExt;
use std::sync::Arc;

/// The result has more series than it may have.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct TooManySeries(pub(crate) String);

/// The same rows; an error in the place of the batch with the first series too many. `columns` tell the series
/// apart.
pub(super) fn checked(output: QueryOutput, columns: Vec<usize>, limits: Limits) -> QueryOutput {
    if columns.is_empty() {
        return output;
    }
    let schema = Arc::clone(&output.schema);
    let mut runs = Runs::new(columns);
    let mut series = 0_u64;
    let rows = output.stream.map(move |batch| {
        let batch = batch?;
        let begun = runs.of(&batch)?.into_iter().filter(|run| !run.continues);
        series += begun.count() as u64;
        limits
            .check_series(series)
            .map_err(|text| DataFusionError::External(Box::new(TooManySeries(text))))?;
        Ok(batch)
    });
    let stream = Box::pin(RecordBatchStreamAdapter::new(schema, rows));
    QueryOutput { stream, ..output }
}

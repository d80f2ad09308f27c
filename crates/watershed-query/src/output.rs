//! What a query gives back, and how it is run.

use crate::admission::{Permit, Ticket, Weight};
use crate::running::{InProgress, Stopped};
use crate::views::as_plain;
use crate::{QueryError, QueryProgress};
use arrow::array::{ArrayRef, AsArray, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, Field, SchemaRef, TimeUnit, TimestampNanosecondType};
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Batches a query may be ahead of the one who reads it.
const BATCHES_AHEAD: usize = 2;

/// How long a query waits for its reader to take a batch.
const READER_PATIENCE: Duration = Duration::from_secs(60);

/// The rows of a query, as they come.
pub struct QueryOutput {
    /// The columns. Fields that come straight from a table say their type in the metadata
    /// `iox::column::type`; computed ones don't. Tags are dictionaries. There are no view types.
    pub schema: SchemaRef,
    /// Batches of at most 8192 rows with exactly that schema. The query runs while it is polled: the
    /// stream waits for its turn first, and dropping it cancels the query. An error is the last item;
    /// [`QueryError::execution`](crate::QueryError::execution) tells its kind.
    pub stream: SendableRecordBatchStream,
    /// What the query takes. Complete when the stream has given its last item; the default for what is no
    /// query of the engine.
    pub progress: QueryProgress,
    pub(crate) executor: Option<Handle>,
}

impl QueryOutput {
    /// Rows that are there already, without a query.
    pub fn without_query(stream: SendableRecordBatchStream) -> Self {
        Self {
            schema: stream.schema(),
            stream,
            progress: QueryProgress::default(),
            executor: None,
        }
    }

    /// The runtime that computes the rows, for those who have work to do with them that keeps a thread busy.
    ///
    /// # Panics
    /// Outside of a runtime, if the engine has none of its own for queries.
    pub fn executor(&self) -> Handle {
        self.executor.clone().unwrap_or_else(Handle::current)
    }
}

impl fmt::Debug for QueryOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueryOutput")
            .field("schema", &self.schema)
            .finish_non_exhaustive()
    }
}

type Batches = BoxStream<'static, Result<RecordBatch>>;

/// The stream that waits for its turn, then executes the plan, and holds the permit until it ends or is
/// dropped. Nothing runs before the first poll.
pub(crate) fn run(
    plan: Arc<dyn ExecutionPlan>,
    context: Arc<TaskContext>,
    schema: SchemaRef,
    ticket: Ticket,
    weight: Weight,
    executor: Option<Handle>,
    query: InProgress,
) -> QueryOutput {
    let progress = query.progress.clone();
    let of_output = executor.clone();
    let start = async move {
        let waiting = Instant::now();
        let permit = ticket.turn(weight).await.map_err(in_stream)?;
        query.progress.turn(waiting.elapsed());
        // Operators spawn tasks when they are started, so the start must be on the executor too.
        let start = move || Ok(holding(permit, execute_stream(plan, context)?.boxed()));
        match executor {
            Some(executor) => Ok(on(&executor, start, query)),
            None => start(),
        }
    };
    let conform_to = Arc::clone(&schema);
    let rows = stream::once(start)
        .try_flatten()
        .and_then(move |batch| futures::future::ready(conform(&batch, &conform_to)));
    let stream = Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&schema), rows));
    QueryOutput {
        schema,
        stream,
        progress,
        executor: of_output,
    }
}

/// The error of a query that does not get its turn, as an item of its rows.
fn in_stream(error: QueryError) -> DataFusionError {
    match error {
        QueryError::QueueTimeout { seconds } => Stopped::QueueTimeout { seconds }.into(),
        other => DataFusionError::External(Box::new(other)),
    }
}

/// The same rows; the permit is given back with the stream.
fn holding(permit: Permit, rows: Batches) -> Batches {
    rows.map(move |batch| {
        let _held = &permit;
        batch
    })
    .boxed()
}

/// The same columns under the names, the nullability, the time zones and the metadata of `schema`, without
/// view types.
fn conform(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    let columns = batch.columns().iter().zip(schema.fields());
    let columns = columns
        .map(|(column, field)| as_plain(&in_zone(column, field), field.data_type()))
        .collect::<Result<_>>();
    Ok(RecordBatch::try_new_with_options(
        Arc::clone(schema),
        columns?,
        &options,
    )?)
}

/// The same instants in the zone of the field, if it has one.
fn in_zone(column: &ArrayRef, field: &Field) -> ArrayRef {
    let DataType::Timestamp(TimeUnit::Nanosecond, Some(zone)) = field.data_type() else {
        return Arc::clone(column);
    };
    match column.as_primitive_opt::<TimestampNanosecondType>() {
        Some(times) => Arc::new(times.clone().with_timezone(Arc::clone(zone))),
        None => Arc::clone(column),
    }
}

fn reader_too_slow() -> DataFusionError {
    let seconds = READER_PATIENCE.as_secs();
    DataFusionError::ResourcesExhausted(format!("the client has read nothing for {seconds} s"))
}

/// Ends the task with its owner.
pub(crate) struct AbortOnDrop<T>(pub(crate) JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The rows that `start` gives, computed on another runtime.
///
/// A reader that takes nothing for [`READER_PATIENCE`] loses its query: it would keep others from running. A
/// query that is killed or out of time ends here at once, even if its reader takes nothing.
fn on(
    executor: &Handle,
    start: impl FnOnce() -> Result<Batches> + Send + 'static,
    query: InProgress,
) -> Batches {
    let (sender, receiver) = mpsc::channel(BATCHES_AHEAD);
    let work = async move {
        let mut rows = match start() {
            Ok(rows) => rows,
            Err(error) => {
                // A reader that is gone needs no error.
                let _ = sender.send(Err(error)).await;
                return;
            }
        };
        while let Some(batch) = rows.next().await {
            match tokio::time::timeout(READER_PATIENCE, sender.send(batch)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return,
                Err(_) => {
                    drop(rows);
                    let _ = sender.send(Err(reader_too_slow())).await;
                    return;
                }
            }
        }
    };
    let InProgress { mut stop, progress } = query;
    let task = executor.spawn(async move {
        tokio::select! {
            stopped = stop.wait() => progress.end(stopped.phase()),
            () = work => {}
        }
    });
    let state = (receiver, Some(AbortOnDrop(task)));
    stream::unfold(state, |(mut receiver, mut task)| async move {
        if let Some(batch) = receiver.recv().await {
            return Some((batch, (receiver, task)));
        }
        // The channel also closes when the task panics: then the rows are not all of them.
        let joined = match task.as_mut() {
            Some(AbortOnDrop(handle)) => handle.await,
            None => return None,
        };
        let error = joined.err()?;
        Some((
            Err(DataFusionError::ExecutionJoin(Box::new(error))),
            (receiver, None),
        ))
    })
    .boxed()
}

#[cfg(test)]
mod tests;

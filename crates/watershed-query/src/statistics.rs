//! What a query takes: time by stages, memory, and how much it reads and gives.
//!
//! The engine writes it down while the query goes on; [`QueryProgress::statistics`] reads it at any time. It is
//! complete when the stream of the query has given its last item.

use crate::memory::QueryMemory;
use crate::scan::ScanExec;
use arrow::array::{Array as _, RecordBatch};
use datafusion::physical_plan::ExecutionPlan;
use parking_lot::Mutex;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How far a query has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Phase {
    /// It is known; its text is not planned yet.
    #[default]
    Received,
    /// Its text is a logical plan.
    LogicallyPlanned,
    /// Files and rows are chosen; it waits for its turn.
    Planned,
    /// It runs.
    Permit,
    /// All rows were taken.
    Success,
    /// It has ended with an error.
    Fail,
    /// It was killed, or whoever asked went away.
    Cancel,
}

impl Phase {
    /// The word of `system.queries`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::LogicallyPlanned => "logically_planned",
            Self::Planned => "planned",
            Self::Permit => "permit",
            Self::Success => "success",
            Self::Fail => "fail",
            Self::Cancel => "cancel",
        }
    }

    /// Whether the query has not ended.
    pub const fn is_running(self) -> bool {
        !matches!(self, Self::Success | Self::Fail | Self::Cancel)
    }
}

/// What a query has taken so far. A stage that has not been reached, and what nobody knows, is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueryStatistics {
    /// How far it has come.
    pub phase: Phase,
    /// How long it has waited for others: to be planned, and to run.
    pub queue: Option<Duration>,
    /// From the text to the logical plan.
    pub logical_planning: Option<Duration>,
    /// From there to the physical plan: optimizing, and choosing files and rows.
    pub physical_planning: Option<Duration>,
    /// From its turn to its end or until now, with all waiting for its reader.
    pub execution: Option<Duration>,
    /// From its arrival to its end or until now.
    pub total: Option<Duration>,
    /// What the operators of the plan have computed, all threads added up. Not all operators measure it.
    pub compute: Option<Duration>,
    /// Partitions of tables in which it reads something; a table that is read twice counts twice.
    pub partitions: Option<u64>,
    /// Parquet files that it was planned to read. Statistics within a file may spare most of it.
    pub parquet_files: Option<u64>,
    /// The most bytes its operators have reserved at one time.
    pub memory_bytes_max: Option<u64>,
    /// Rows that came from memory, because they are in no file yet.
    pub unpersisted: Option<UnpersistedStatistics>,
    /// Rows given to the reader.
    pub rows: u64,
    /// Their bytes in memory, dictionaries included in every batch.
    pub bytes: u64,
}

impl QueryStatistics {
    /// Logical and physical planning together.
    pub fn planning(&self) -> Option<Duration> {
        Some(self.logical_planning? + self.physical_planning?)
    }
}

/// What a query has read of the rows that are in no file yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UnpersistedStatistics {
    /// How long planning has waited for them. They come all at once.
    pub latency: Duration,
    /// How many.
    pub rows: u64,
    /// In how many partitions of tables.
    pub partitions: u64,
    /// Their bytes in memory.
    pub bytes: u64,
}

/// A query while it goes on, and what is left of it. Cheap to clone; clones are about the same query. The
/// default is about none, and knows nothing.
#[derive(Clone, Default)]
pub struct QueryProgress(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    statistics: QueryStatistics,
    received: Option<Instant>,
    /// When the stage at hand has begun.
    stage: Option<Instant>,
    /// Until the end; its operators hold rows.
    plan: Option<Arc<dyn ExecutionPlan>>,
    memory: Option<Arc<QueryMemory>>,
}

impl fmt::Debug for QueryProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("QueryProgress")
            .field(&self.statistics())
            .finish()
    }
}

impl QueryProgress {
    /// A query that has just come.
    pub(crate) fn received() -> Self {
        let now = Instant::now();
        Self(Arc::new(Mutex::new(State {
            received: Some(now),
            stage: Some(now),
            ..State::default()
        })))
    }

    /// What it has taken until now, or until its end.
    pub fn statistics(&self) -> QueryStatistics {
        let state = self.0.lock();
        let mut statistics = state.statistics.clone();
        if statistics.phase.is_running() {
            state.complete(&mut statistics);
        }
        statistics
    }

    /// Whether it has not ended.
    pub(crate) fn is_running(&self) -> bool {
        self.0.lock().statistics.phase.is_running()
    }

    /// Others have been planned; now it is its turn.
    pub(crate) fn planning_begins(&self) {
        let mut state = self.0.lock();
        let waited = state.stage_ends();
        state.statistics.queue = waited;
    }

    /// There is a logical plan.
    pub(crate) fn logically_planned(&self) {
        let mut state = self.0.lock();
        state.statistics.logical_planning = state.stage_ends();
        state.statistics.phase = Phase::LogicallyPlanned;
    }

    /// There is a physical plan.
    pub(crate) fn planned(&self, plan: Arc<dyn ExecutionPlan>, memory: Arc<QueryMemory>) {
        let extent = Extent::of(&plan);
        let mut state = self.0.lock();
        state.statistics.physical_planning = state.stage_ends();
        state.statistics.phase = Phase::Planned;
        state.statistics.partitions = Some(extent.partitions);
        state.statistics.parquet_files = Some(extent.files);
        state.statistics.unpersisted = Some(extent.unpersisted);
        state.plan = Some(plan);
        state.memory = Some(memory);
    }

    /// It runs from now on, after it has waited so long. The time between planning and the first look at the
    /// stream is nobody's but the reader's.
    pub(crate) fn turn(&self, waited: Duration) {
        let mut state = self.0.lock();
        let queue = state.statistics.queue.get_or_insert_default();
        *queue += waited;
        state.stage = Some(Instant::now());
        state.statistics.phase = Phase::Permit;
    }

    /// The reader gets rows.
    pub(crate) fn gave(&self, batch: &RecordBatch) {
        let bytes = bytes_of(batch);
        let mut state = self.0.lock();
        state.statistics.rows += batch.num_rows() as u64;
        state.statistics.bytes += bytes;
    }

    /// It has ended in that way. What comes later changes nothing.
    pub(crate) fn end(&self, phase: Phase) {
        let mut state = self.0.lock();
        if !state.statistics.phase.is_running() {
            return;
        }
        let mut statistics = state.statistics.clone();
        state.complete(&mut statistics);
        statistics.phase = phase;
        state.statistics = statistics;
        let rows_held = (state.plan.take(), state.memory.take());
        drop(state);
        drop(rows_held);
    }
}

impl State {
    fn stage_ends(&mut self) -> Option<Duration> {
        let now = Instant::now();
        let begun = self.stage.replace(now)?;
        Some(now.duration_since(begun))
    }

    /// Adds what is known only by looking.
    fn complete(&self, statistics: &mut QueryStatistics) {
        let now = Instant::now();
        statistics.total = self.received.map(|begun| now.duration_since(begun));
        if statistics.phase == Phase::Permit {
            statistics.execution = self.stage.map(|begun| now.duration_since(begun));
            statistics.compute = self.plan.as_ref().map(compute);
        }
        statistics.memory_bytes_max = self.memory.as_ref().map(|memory| memory.bytes_max());
    }
}

/// What is read, for all scans of a plan.
#[derive(Debug, Default)]
struct Extent {
    partitions: u64,
    files: u64,
    unpersisted: UnpersistedStatistics,
}

impl Extent {
    fn of(plan: &Arc<dyn ExecutionPlan>) -> Self {
        let mut extent = Self::default();
        visit(plan, &mut |node| {
            if let Some(scan) = node.downcast_ref::<ScanExec>() {
                extent.partitions += scan.partitions_read();
                extent.files += scan.files();
                let of_scan = scan.unpersisted();
                let unpersisted = &mut extent.unpersisted;
                unpersisted.latency = unpersisted.latency.max(of_scan.latency);
                unpersisted.rows += of_scan.rows;
                unpersisted.partitions += of_scan.partitions;
                unpersisted.bytes += of_scan.bytes;
            }
        });
        extent
    }
}

fn compute(plan: &Arc<dyn ExecutionPlan>) -> Duration {
    let mut nanos = 0_u64;
    visit(plan, &mut |node| {
        let computed = node.metrics().and_then(|metrics| metrics.elapsed_compute());
        nanos = nanos.saturating_add(computed.unwrap_or(0) as u64);
    });
    Duration::from_nanos(nanos)
}

/// Shows every node of a plan, however deep it is.
pub(crate) fn visit(plan: &Arc<dyn ExecutionPlan>, see: &mut dyn FnMut(&dyn ExecutionPlan)) {
    let mut left = vec![plan];
    while let Some(node) = left.pop() {
        see(node.as_ref());
        left.extend(node.children());
    }
}

/// The bytes of the rows themselves: a batch may be a small part of what its buffers hold.
pub(crate) fn bytes_of(batch: &RecordBatch) -> u64 {
    let columns = batch.columns().iter();
    // What has no fixed layout is measured by its buffers.
    let bytes = columns.map(|column| {
        let sliced = column.to_data().get_slice_memory_size();
        sliced.unwrap_or_else(|_| column.get_buffer_memory_size())
    });
    bytes.sum::<usize>() as u64
}

#[cfg(test)]
mod tests;

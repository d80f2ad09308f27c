//! Sorts rows that come in key order by time.

use crate::runs::Runs;
use crate::session::BATCH_ROWS;
use arrow::array::{Array, AsArray, RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::{DataType, TimestampNanosecondType};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, internal_err};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_plan::execution_plan::{
    ChildrenPropertiesMode, EmissionType, ReplaceChildrenOptions,
};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties,
};
use futures::stream::{self, StreamExt};
use std::cmp::Reverse;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// The rows of each group in the order of time; those of one time stay in the order in which they come.
///
/// The input has the rows of a group together, as a sequence of runs with ascending times: those of the
/// series. Such runs are merged rather than sorted. Memory: the rows of one group, and while they are put
/// together twice that.
#[derive(Debug)]
pub(super) struct TimeSortExec {
    input: Arc<dyn ExecutionPlan>,
    by: By,
    order: Vec<PhysicalSortExpr>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

/// What to sort by. Columns are indexes into the input.
#[derive(Debug, Clone)]
pub(super) struct By {
    pub(super) groups: Vec<usize>,
    pub(super) time: usize,
    pub(super) descending: bool,
}

impl TimeSortExec {
    /// `order` is what the caller knows about the order of the output.
    pub(super) fn new(input: Arc<dyn ExecutionPlan>, by: By, order: Vec<PhysicalSortExpr>) -> Self {
        // What is constant or equal in the input is so in the output.
        let mut equivalence = input.equivalence_properties().clone();
        equivalence.clear_orderings();
        equivalence.add_ordering(order.clone());
        let properties = PlanProperties::new(
            equivalence,
            input.output_partitioning().clone(),
            EmissionType::Incremental,
            input.boundedness(),
        );
        Self {
            input,
            by,
            order,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }
}

impl ExecutionPlan for TimeSortExec {
    fn name(&self) -> &str {
        "TimeSortExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let [input] = children.as_slice() else {
            return internal_err!("a sort has exactly one input");
        };
        let (by, order) = (self.by.clone(), self.order.clone());
        Ok(Arc::new(Self::new(Arc::clone(input), by, order)))
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
        self.replace_children(children, options)
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let memory = MemoryConsumer::new("TimeSortExec").register(context.memory_pool());
        let state = State {
            input: self.input.execute(partition, context)?,
            by: self.by.clone(),
            runs: Runs::new(self.by.groups.clone()),
            gathered: Gathered::default(),
            sorted: None,
            ended: false,
            memory,
            metrics: BaselineMetrics::new(&self.metrics, partition),
        };
        let rows = stream::try_unfold(state, |mut state| async move {
            Ok(state.next().await?.map(|batch| (batch, state)))
        });
        let schema = self.schema();
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

impl DisplayAs for TimeSortExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let schema = self.input.schema();
        let name = |at: &usize| schema.field(*at).name().clone();
        let groups: Vec<String> = self.by.groups.iter().map(name).collect();
        let direction = if self.by.descending { "DESC" } else { "ASC" };
        let (groups, time) = (groups.join(", "), name(&self.by.time));
        write!(f, "TimeSortExec: groups=[{groups}], {time} {direction}")
    }
}

/// Rows that came in, in pieces of whatever groups, and where each group begins among them.
#[derive(Default)]
struct Gathered {
    parts: Vec<RecordBatch>,
    rows: usize,
    bytes: usize,
    /// Where each group begins among the rows. The last one may go on.
    starts: Vec<usize>,
}

impl Gathered {
    fn push(&mut self, part: RecordBatch) {
        self.rows += part.num_rows();
        self.bytes += bytes_of(&part);
        self.parts.push(part);
    }

    fn groups(&self) -> impl Iterator<Item = Range<usize>> {
        let ends = self.starts.iter().skip(1).copied().chain([self.rows]);
        self.starts
            .iter()
            .copied()
            .zip(ends)
            .map(|(from, to)| from..to)
    }
}

/// Rows on their way out.
struct Sorted {
    rows: RecordBatch,
    /// The order of the rows; `None` when they are in order.
    order: Option<UInt32Array>,
    at: usize,
    bytes: usize,
}

impl Sorted {
    fn new(gathered: &Gathered, by: &By) -> Result<Option<Self>> {
        let Some(first) = gathered.parts.first() else {
            return Ok(None);
        };
        let rows = concat_batches(&first.schema(), &gathered.parts)?;
        let Some(times) = rows
            .column(by.time)
            .as_primitive_opt::<TimestampNanosecondType>()
        else {
            return internal_err!("rows are sorted by a time in nanoseconds");
        };
        let Ok(count) = u32::try_from(rows.num_rows()) else {
            return internal_err!("a group of more than 2^32 rows");
        };
        let times = times.values();
        let mut order: Vec<u32> = (0..count).collect();
        let mut moved = false;
        for group in gathered.groups() {
            let (times_of, order) = (&times[group.clone()], &mut order[group]);
            let time = |row: &u32| times[*row as usize];
            // The sort is stable and finds the runs that are there.
            if by.descending && !times_of.is_sorted_by(|a, b| a >= b) {
                moved = true;
                order.sort_by_key(|row| Reverse(time(row)));
            } else if !by.descending && !times_of.is_sorted() {
                moved = true;
                order.sort_by_key(time);
            }
        }
        Ok(Some(Self {
            rows,
            order: moved.then(|| UInt32Array::from(order)),
            at: 0,
            bytes: gathered.bytes + gathered.rows * size_of::<u32>(),
        }))
    }

    fn next(&mut self) -> Result<Option<RecordBatch>> {
        let left = self.rows.num_rows() - self.at;
        if left == 0 {
            return Ok(None);
        }
        let (from, rows) = (self.at, left.min(BATCH_ROWS));
        self.at += rows;
        Ok(Some(match &self.order {
            Some(order) => take_record_batch(&self.rows, &order.slice(from, rows))?,
            None => self.rows.slice(from, rows),
        }))
    }
}

/// Where the stream stands.
struct State {
    input: SendableRecordBatchStream,
    by: By,
    runs: Runs,
    gathered: Gathered,
    sorted: Option<Sorted>,
    ended: bool,
    memory: MemoryReservation,
    metrics: BaselineMetrics,
}

impl State {
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(sorted) = &mut self.sorted {
                if let Some(batch) = sorted.next()? {
                    self.metrics.record_output(batch.num_rows());
                    return Ok(Some(batch));
                }
                self.sorted = None;
                self.account()?;
            }
            if self.ended {
                return Ok(None);
            }
            self.take_input().await?;
        }
    }

    /// Takes a batch. Once enough rows of whole groups are there, they are sorted.
    async fn take_input(&mut self) -> Result<()> {
        let Some(batch) = self.input.next().await.transpose()? else {
            self.ended = true;
            let gathered = std::mem::take(&mut self.gathered);
            return self.sort(&gathered);
        };
        // The rows of the batch that are gathered next.
        let mut from = 0;
        for run in self.runs.of(&batch)? {
            let at = run.rows.start;
            let rows = self.gathered.rows + at - from;
            if !run.continues && rows >= BATCH_ROWS && self.sorted.is_none() {
                self.gathered.push(batch.slice(from, at - from));
                from = at;
                let gathered = std::mem::take(&mut self.gathered);
                self.sort(&gathered)?;
            }
            if !run.continues || self.gathered.starts.is_empty() {
                self.gathered.starts.push(self.gathered.rows + at - from);
            }
        }
        self.gathered
            .push(batch.slice(from, batch.num_rows() - from));
        self.account()
    }

    fn sort(&mut self, gathered: &Gathered) -> Result<()> {
        // While the rows are put together they are there twice.
        self.memory.try_grow(gathered.bytes)?;
        self.sorted = Sorted::new(gathered, &self.by)?;
        self.account()
    }

    /// Takes as much of the queries' memory as there are rows.
    fn account(&mut self) -> Result<()> {
        let sorted = self.sorted.as_ref().map_or(0, |sorted| sorted.bytes);
        self.memory.try_resize(self.gathered.bytes + sorted)
    }
}

/// Bytes of the rows themselves. Dictionaries are shared by the batches of a file, and slices by those of
/// a batch: what arrow says of the memory of each would count them again and again.
fn bytes_of(rows: &RecordBatch) -> usize {
    let bytes = rows
        .columns()
        .iter()
        .map(|column| match column.data_type() {
            DataType::Dictionary(..) => size_of::<i32>() * rows.num_rows(),
            _ => column.to_data().get_slice_memory_size().unwrap_or_default(),
        });
    bytes.sum()
}

#[cfg(test)]
mod tests;

//! The node of physical plans.

use super::group::Filling;
use super::{GapFill, Spec};
use crate::Limits;
use crate::runs::Runs;
use crate::session::BATCH_ROWS;
use arrow::array::RecordBatch;
use arrow::compute::{SortOptions, concat_batches};
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result, internal_err};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{LogicalPlan, UserDefinedLogicalNode};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{
    Distribution, EquivalenceProperties, LexRequirement, OrderingRequirements, PhysicalExpr,
    PhysicalSortExpr,
};
use datafusion::physical_plan::execution_plan::{
    ChildrenPropertiesMode, EmissionType, ReplaceChildrenOptions,
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties,
    InputDistributionRequirements, PlanProperties,
};
use datafusion::physical_planner::{ExtensionPlanner, PhysicalPlanner};
use futures::stream::{self, StreamExt};
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

/// Turns [`GapFill`] into its physical counterpart.
#[derive(Debug)]
pub(crate) struct GapFillPlanner;

#[async_trait]
impl ExtensionPlanner for GapFillPlanner {
    async fn plan_extension(
        &self,
        _: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _: &[&LogicalPlan],
        inputs: &[Arc<dyn ExecutionPlan>],
        session: &dyn Session,
        _: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let Some(node) = node.as_any().downcast_ref::<GapFill>() else {
            return Ok(None);
        };
        let [input] = inputs else {
            return internal_err!("gap filling has exactly one input");
        };
        // Where only the rows tell the ends, each group is checked when it comes.
        let grid = &node.spec.grid;
        if let (Some(first), Some(last)) = (grid.first, grid.last) {
            let limits = Limits::of(session.config());
            let buckets = limits.check_buckets(grid.buckets(first, last));
            buckets.map_err(DataFusionError::Plan)?;
        }
        let schema = Arc::new(node.schema.as_arrow().clone());
        let exec = GapFillExec::new(Arc::clone(input), Arc::new(node.spec.clone()), schema);
        Ok(Some(Arc::new(exec)))
    }
}

/// The buckets of one group, if the node fills them and they are known before the rows.
pub(crate) fn buckets(node: &dyn ExecutionPlan) -> Option<u64> {
    let grid = &node.downcast_ref::<GapFillExec>()?.spec.grid;
    Some(grid.buckets(grid.first?, grid.last?))
}

/// Takes rows sorted by group and time, group by group. Memory: the rows of one group, which are those
/// with data; inserted rows come out in batches.
#[derive(Debug)]
struct GapFillExec {
    input: Arc<dyn ExecutionPlan>,
    spec: Arc<Spec>,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
}

impl GapFillExec {
    fn new(input: Arc<dyn ExecutionPlan>, spec: Arc<Spec>, schema: SchemaRef) -> Self {
        let mut equivalence = EquivalenceProperties::new(Arc::clone(&schema));
        equivalence.add_ordering(order(&spec, &schema));
        let properties = PlanProperties::new(
            equivalence,
            input.output_partitioning().clone(),
            EmissionType::Incremental,
            input.boundedness(),
        );
        Self {
            input,
            spec,
            schema,
            properties: Arc::new(properties),
        }
    }
}

/// Group columns, then time.
fn order(spec: &Spec, schema: &SchemaRef) -> Vec<PhysicalSortExpr> {
    let groups = SortOptions {
        descending: false,
        nulls_first: spec.nulls_first,
    };
    let time = SortOptions {
        descending: false,
        nulls_first: true,
    };
    let sorted = spec
        .groups
        .iter()
        .map(|at| (*at, groups))
        .chain([(spec.time, time)]);
    sorted
        .map(|(at, options)| PhysicalSortExpr::new(column(schema, at), options))
        .collect()
}

fn column(schema: &SchemaRef, at: usize) -> Arc<dyn PhysicalExpr> {
    Arc::new(Column::new(schema.field(at).name(), at))
}

impl ExecutionPlan for GapFillExec {
    fn name(&self) -> &str {
        "GapFillExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        let groups = self.spec.groups.iter().map(|at| column(&self.schema, *at));
        let distribution = match self.spec.groups.is_empty() {
            true => Distribution::SinglePartition,
            false => Distribution::KeyPartitioned(groups.collect()),
        };
        InputDistributionRequirements::new(vec![distribution])
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        let required = order(&self.spec, &self.schema).into_iter().map(Into::into);
        vec![LexRequirement::new(required).map(OrderingRequirements::new)]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        // It does, but then the optimizer takes an order that is asked of the output as one that the input
        // may have, although the input needs its own.
        vec![false]
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
            return internal_err!("gap filling has exactly one input");
        };
        let (spec, schema) = (Arc::clone(&self.spec), Arc::clone(&self.schema));
        Ok(Arc::new(Self::new(Arc::clone(input), spec, schema)))
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
        let memory = MemoryConsumer::new("GapFillExec").register(context.memory_pool());
        let limits = Limits::of(context.session_config());
        let state = State {
            input: self.input.execute(partition, context)?,
            runs: Runs::new(self.spec.groups.clone()),
            spec: Arc::clone(&self.spec),
            schema: Arc::clone(&self.schema),
            pending: Vec::new(),
            complete: VecDeque::new(),
            filling: None,
            ended: false,
            memory,
            limits,
        };
        let rows = stream::try_unfold(state, |mut state| async move {
            Ok(state.next().await?.map(|batch| (batch, state)))
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(
            Arc::clone(&self.schema),
            rows,
        )))
    }
}

impl DisplayAs for GapFillExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |at: &usize| self.schema.field(*at).name().clone();
        let groups: Vec<String> = self.spec.groups.iter().map(name).collect();
        write!(
            f,
            "GapFillExec: groups=[{}], time={}",
            groups.join(", "),
            name(&self.spec.time)
        )?;
        write!(f, ", {}", self.spec.grid)
    }
}

/// Where the stream stands.
struct State {
    input: SendableRecordBatchStream,
    runs: Runs,
    spec: Arc<Spec>,
    schema: SchemaRef,
    /// Rows of the group that may go on in the next batch.
    pending: Vec<RecordBatch>,
    /// Whole groups.
    complete: VecDeque<RecordBatch>,
    /// The group that comes out.
    filling: Option<Filling>,
    ended: bool,
    memory: MemoryReservation,
    limits: Limits,
}

impl State {
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(batch) = self
                .filling
                .as_mut()
                .and_then(|group| group.next(BATCH_ROWS))
            {
                return batch.map(Some);
            }
            self.filling = None;
            if let Some(group) = self.complete.pop_front() {
                let (spec, schema) = (Arc::clone(&self.spec), Arc::clone(&self.schema));
                let filling = Filling::new(spec, schema, group)?;
                let buckets = self.limits.check_buckets(filling.buckets());
                buckets.map_err(DataFusionError::Execution)?;
                self.filling = Some(filling);
            } else if self.ended {
                return Ok(None);
            } else {
                self.take_input().await?;
            }
        }
    }

    /// Takes the next batch of the input and finds the groups that end in it.
    async fn take_input(&mut self) -> Result<()> {
        let Some(batch) = self.input.next().await.transpose()? else {
            self.ended = true;
            return self.complete_pending();
        };
        for run in self.runs.of(&batch)? {
            let part = batch.slice(run.rows.start, run.rows.len());
            if !run.continues {
                self.complete_pending()?;
            }
            self.memory.try_grow(part.get_array_memory_size())?;
            self.pending.push(part);
        }
        Ok(())
    }

    fn complete_pending(&mut self) -> Result<()> {
        let Some(first) = self.pending.first() else {
            return Ok(());
        };
        let group = concat_batches(&first.schema(), &self.pending)?;
        self.pending.clear();
        self.memory.free();
        self.complete.push_back(group);
        Ok(())
    }
}

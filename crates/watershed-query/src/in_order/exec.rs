//! The node of physical plans.

use super::Sequence;
use arrow::array::RecordBatch;
use arrow::compute::SortOptions;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{LogicalPlan, UserDefinedLogicalNode};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{
    Distribution, EquivalenceProperties, LexOrdering, LexRequirement, OrderingRequirements,
    Partitioning, PhysicalExpr, PhysicalSortExpr,
};
use datafusion::physical_plan::execution_plan::{
    Boundedness, ChildrenPropertiesMode, EmissionType, ReplaceChildrenOptions,
};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::{
    RecordBatchReceiverStreamBuilder, RecordBatchStreamAdapter,
};
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties,
    InputDistributionRequirements, PlanProperties,
};
use datafusion::physical_planner::{ExtensionPlanner, PhysicalPlanner};
use futures::stream::{self, StreamExt, TryStreamExt};
use std::fmt;
use std::sync::Arc;

/// Partitions that are computed at a time: the one whose rows come out, and the next.
const AT_A_TIME: usize = 2;

/// Batches that a partition may be ahead of its turn.
const BATCHES_AHEAD: usize = 2;

/// Turns [`Sequence`] into its physical counterpart.
#[derive(Debug)]
pub(crate) struct SequencePlanner;

#[async_trait]
impl ExtensionPlanner for SequencePlanner {
    async fn plan_extension(
        &self,
        _: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _: &[&LogicalPlan],
        inputs: &[Arc<dyn ExecutionPlan>],
        _: &dyn Session,
        _: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let Some(node) = node.as_any().downcast_ref::<Sequence>() else {
            return Ok(None);
        };
        let schema = Arc::new(node.schema.as_arrow().clone());
        let order = sort_exprs(&schema, &node.order);
        let by = sort_exprs(&schema, &[(node.by, SortOptions::new(false, false))]);
        let by = by[0].clone();
        let exec = InOrderExec::new(inputs.to_vec(), order, Inputs::Whole { by, schema }, None);
        Ok(Some(Arc::new(exec)))
    }
}

fn sort_exprs(schema: &SchemaRef, order: &[(usize, SortOptions)]) -> Vec<PhysicalSortExpr> {
    let exprs = order.iter().map(|(at, options)| {
        let column: Arc<dyn PhysicalExpr> = Arc::new(Column::new(schema.field(*at).name(), *at));
        PhysicalSortExpr::new(column, *options)
    });
    exprs.collect()
}

/// What the node asks of its inputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Inputs {
    /// Each is one partition in order, and one input follows the other in the order of `by`, which is constant
    /// in each.
    /// The columns are those of `schema`, nullable or not.
    Whole {
        by: PhysicalSortExpr,
        schema: SchemaRef,
    },
    /// There is one, whose partitions are in order and follow one another in that order.
    Stretches,
}

/// The rows of all partitions, one partition after the other, in one partition. At most `fetch` of them.
///
/// Memory: what two partitions need at a time. A partition is started when the one before the one before
/// has ended.
#[derive(Debug)]
pub(super) struct InOrderExec {
    inputs: Vec<Arc<dyn ExecutionPlan>>,
    order: Vec<PhysicalSortExpr>,
    kind: Inputs,
    fetch: Option<usize>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl InOrderExec {
    /// At least one input.
    pub(super) fn new(
        inputs: Vec<Arc<dyn ExecutionPlan>>,
        order: Vec<PhysicalSortExpr>,
        kind: Inputs,
        fetch: Option<usize>,
    ) -> Self {
        let equivalence = match &kind {
            Inputs::Whole { by, schema } => {
                let mut known = EquivalenceProperties::new(Arc::clone(schema));
                known.add_ordering([by.clone()].into_iter().chain(order.clone()));
                known
            }
            Inputs::Stretches => {
                // What is constant or equal in each partition need not be so in all.
                let mut known = inputs[0].equivalence_properties().clone();
                known.clear_per_partition_constants();
                known.clear_orderings();
                known.add_ordering(order.clone());
                known
            }
        };
        let properties = PlanProperties::new(
            equivalence,
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self {
            inputs,
            order,
            kind,
            fetch,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }
}

impl ExecutionPlan for InOrderExec {
    fn name(&self) -> &str {
        "InOrderExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        let distribution = match self.kind {
            Inputs::Whole { .. } => Distribution::SinglePartition,
            Inputs::Stretches => Distribution::UnspecifiedDistribution,
        };
        InputDistributionRequirements::new(vec![distribution; self.inputs.len()])
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        let required = || {
            let order = self.order.iter().cloned().map(Into::into);
            LexRequirement::new(order).map(OrderingRequirements::new)
        };
        self.inputs.iter().map(|_| required()).collect()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![false; self.inputs.len()]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false; self.inputs.len()]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.inputs.iter().collect()
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
        if children.len() != self.inputs.len() {
            return internal_err!("a sequence keeps the number of its inputs");
        }
        let order = self.order.clone();
        let kind = self.kind.clone();
        Ok(Arc::new(Self::new(children, order, kind, self.fetch)))
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
        if partition != 0 {
            return internal_err!("a sequence has no partition {partition}");
        }
        let parts: Vec<(Arc<dyn ExecutionPlan>, usize)> = self
            .inputs
            .iter()
            .flat_map(|input| {
                let partitions = input.output_partitioning().partition_count();
                (0..partitions).map(|at| (Arc::clone(input), at))
            })
            .collect();
        let schema = self.schema();
        // `buffered` starts the next partition when the rows of one begin to come out.
        let rows = stream::iter(parts)
            .map(move |(input, at)| futures::future::ready(ahead(input, at, Arc::clone(&context))))
            .buffered(AT_A_TIME)
            .flatten()
            .boxed();
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let fetch = self.fetch;
        let counted = crate::scan::limited(rows, fetch).inspect_ok(move |batch: &RecordBatch| {
            metrics.record_output(batch.num_rows());
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, counted)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

/// The rows of a partition, computed by a task of their own that ends with the stream.
fn ahead(
    input: Arc<dyn ExecutionPlan>,
    partition: usize,
    context: Arc<TaskContext>,
) -> SendableRecordBatchStream {
    let mut builder = RecordBatchReceiverStreamBuilder::new(input.schema(), BATCHES_AHEAD);
    let sender = builder.tx();
    builder.spawn(async move {
        let mut rows = input.execute(partition, context)?;
        while let Some(batch) = rows.next().await {
            // An error is the last item; nobody reads on when the receiver is gone.
            let failed = batch.is_err();
            if sender.send(batch).await.is_err() || failed {
                break;
            }
        }
        Ok(())
    });
    builder.build()
}

impl DisplayAs for InOrderExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let partitions = self.inputs.iter().map(|input| {
            let partitioning = input.output_partitioning();
            partitioning.partition_count()
        });
        write!(f, "InOrderExec: partitions={}", partitions.sum::<usize>())?;
        if let Some(order) = LexOrdering::new(self.order.clone()) {
            write!(f, ", order=[{order}]")?;
        }
        match self.fetch {
            Some(fetch) => write!(f, ", fetch={fetch}"),
            None => Ok(()),
        }
    }
}

//! `OFFSET` without `LIMIT`, of which DataFusion forgets that it counts in the order of its rows.
//!
//! The rule that places sorts takes a sort for needless that is only there for the offset of a subquery, and moves
//! sorts of the outer query below the offset. While it runs, such an offset is a node that asks for the order.

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, internal_err};
use datafusion::config::ConfigOptions;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{Distribution, OrderingRequirements, PhysicalExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions};
use datafusion::physical_plan::limit::GlobalLimitExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties,
    InputDistributionRequirements, PlanProperties,
};
use std::fmt;
use std::sync::Arc;

/// Puts the nodes that ask for an order in.
#[derive(Debug)]
pub(super) struct OrderOffsets;

impl PhysicalOptimizerRule for OrderOffsets {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let plan = plan.transform_up(|plan| match ordered(&plan)? {
            Some(ordered) => Ok(Transformed::yes(ordered)),
            None => Ok(Transformed::no(plan)),
        });
        Ok(plan?.data)
    }

    fn name(&self) -> &str {
        "order_offsets"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Takes them out again.
#[derive(Debug)]
pub(super) struct PlainOffsets;

impl PhysicalOptimizerRule for PlainOffsets {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let plan = plan.transform_up(|plan| match plan.downcast_ref::<OrderedOffset>() {
            Some(offset) => Ok(Transformed::yes(Arc::new(offset.plain()) as _)),
            None => Ok(Transformed::no(plan)),
        });
        Ok(plan?.data)
    }

    fn name(&self) -> &str {
        "plain_offsets"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The offset of sorted rows as a node that asks for their order, below the projections that stood between.
fn ordered(plan: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some(limit) = plan.downcast_ref::<GlobalLimitExec>() else {
        return Ok(None);
    };
    if limit.fetch().is_some() {
        return Ok(None);
    }
    let mut between = Vec::new();
    let mut input = Arc::clone(limit.input());
    while let Some(projection) = input.downcast_ref::<ProjectionExec>() {
        let below = Arc::clone(projection.input());
        between.push(Arc::clone(&input));
        input = below;
    }
    let order = match (
        input.downcast_ref::<SortExec>(),
        input.downcast_ref::<SortPreservingMergeExec>(),
    ) {
        (Some(sort), _) => sort.expr().clone(),
        (_, Some(merge)) => merge.expr().clone(),
        _ => return Ok(None),
    };
    let order = OrderingRequirements::from(order);
    let mut plan: Arc<dyn ExecutionPlan> = Arc::new(OrderedOffset::new(input, limit.skip(), order));
    for projection in between.into_iter().rev() {
        let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
        plan = projection.replace_children(vec![plan], options)?;
    }
    Ok(Some(plan))
}

/// Leaves out the first rows of an order.
#[derive(Debug)]
struct OrderedOffset {
    input: Arc<dyn ExecutionPlan>,
    skip: usize,
    order: OrderingRequirements,
    properties: Arc<PlanProperties>,
}

impl OrderedOffset {
    fn new(input: Arc<dyn ExecutionPlan>, skip: usize, order: OrderingRequirements) -> Self {
        let properties = PlanProperties::new(
            input.equivalence_properties().clone(),
            input.output_partitioning().clone(),
            input.pipeline_behavior(),
            input.boundedness(),
        );
        Self {
            input,
            skip,
            order,
            properties: Arc::new(properties),
        }
    }

    fn plain(&self) -> GlobalLimitExec {
        GlobalLimitExec::new(Arc::clone(&self.input), self.skip, None)
    }
}

impl ExecutionPlan for OrderedOffset {
    fn name(&self) -> &str {
        "OrderedOffset"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        InputDistributionRequirements::new(vec![Distribution::SinglePartition])
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        vec![Some(self.order.clone())]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        // It does, but then an order that is asked of the rows that are left would be given to all of them.
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
            return internal_err!("an offset has exactly one input");
        };
        Ok(Arc::new(Self::new(
            Arc::clone(input),
            self.skip,
            self.order.clone(),
        )))
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
        self.plain().execute(partition, context)
    }
}

impl DisplayAs for OrderedOffset {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OrderedOffset: skip={}", self.skip)
    }
}

//! The node of physical plans.

use super::{SeriesWindow, Walk, WindowCall};
use crate::runs::Runs;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, new_empty_array};
use arrow::compute::{SortOptions, concat};
use arrow::datatypes::{SchemaRef, TimestampNanosecondType};
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, internal_err};
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
use futures::stream::StreamExt;
use std::fmt;
use std::sync::Arc;

/// Turns [`SeriesWindow`] into its physical counterpart.
#[derive(Debug)]
pub(crate) struct SeriesWindowPlanner;

#[async_trait]
impl ExtensionPlanner for SeriesWindowPlanner {
    async fn plan_extension(
        &self,
        _: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _: &[&LogicalPlan],
        inputs: &[Arc<dyn ExecutionPlan>],
        _: &dyn Session,
        _: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let Some(node) = node.as_any().downcast_ref::<SeriesWindow>() else {
            return Ok(None);
        };
        let [input] = inputs else {
            return internal_err!("window functions have exactly one input");
        };
        let last = SortOptions {
            descending: false,
            nulls_first: false,
        };
        let groups = node.groups.iter().map(|at| (*at, last));
        let spec = Spec {
            groups: node.groups.clone(),
            order: groups.chain(node.order.iter().copied()).collect(),
            time: node.order[0].0,
            calls: node.calls.clone(),
        };
        let schema = Arc::new(node.schema.as_arrow().clone());
        let exec = SeriesWindowExec::new(Arc::clone(input), Arc::new(spec), schema);
        Ok(Some(Arc::new(exec)))
    }
}

/// What is computed. Columns are indexes into the input.
#[derive(Debug)]
struct Spec {
    groups: Vec<usize>,
    /// Groups, time, and what tells rows of one time apart.
    order: Vec<(usize, SortOptions)>,
    time: usize,
    calls: Vec<WindowCall>,
}

/// Takes rows sorted by group and time and adds the results. Memory: one batch, and what the functions
/// remember of a group.
#[derive(Debug)]
struct SeriesWindowExec {
    input: Arc<dyn ExecutionPlan>,
    spec: Arc<Spec>,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
}

impl SeriesWindowExec {
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

fn order(spec: &Spec, schema: &SchemaRef) -> Vec<PhysicalSortExpr> {
    let columns = spec.order.iter();
    columns
        .map(|(at, options)| PhysicalSortExpr::new(column(schema, *at), *options))
        .collect()
}

fn column(schema: &SchemaRef, at: usize) -> Arc<dyn PhysicalExpr> {
    Arc::new(Column::new(schema.field(at).name(), at))
}

impl ExecutionPlan for SeriesWindowExec {
    fn name(&self) -> &str {
        "SeriesWindowExec"
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
            return internal_err!("window functions have exactly one input");
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
        let input = self.input.execute(partition, context)?;
        let schema = Arc::clone(&self.schema);
        let mut state = State {
            runs: Runs::new(self.spec.groups.clone()),
            spec: Arc::clone(&self.spec),
            schema: Arc::clone(&schema),
            walks: Vec::new(),
        };
        let rows = input.map(move |batch| state.next(&batch?));
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows)))
    }
}

impl DisplayAs for SeriesWindowExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |at: &usize| self.schema.field(*at).name().clone();
        let groups: Vec<String> = self.spec.groups.iter().map(name).collect();
        write!(f, "SeriesWindowExec: groups=[{}]", groups.join(", "))?;
        for call in &self.spec.calls {
            let argument = name(&call.argument);
            write!(f, ", {}={}({argument})", call.name, call.function)?;
        }
        Ok(())
    }
}

/// Where the stream stands.
struct State {
    runs: Runs,
    spec: Arc<Spec>,
    schema: SchemaRef,
    /// One for each call, on the group at hand.
    walks: Vec<Box<dyn Walk>>,
}

impl State {
    fn next(&mut self, batch: &RecordBatch) -> Result<RecordBatch> {
        let times = batch
            .column(self.spec.time)
            .as_primitive::<TimestampNanosecondType>();
        let mut parts: Vec<Vec<ArrayRef>> = vec![Vec::new(); self.spec.calls.len()];
        for run in self.runs.of(batch)? {
            if !run.continues {
                self.walks = self.start(batch)?;
            }
            let (from, rows) = (run.rows.start, run.rows.len());
            let times = times.slice(from, rows);
            for ((call, walk), parts) in self.spec.calls.iter().zip(&mut self.walks).zip(&mut parts)
            {
                let values = batch.column(call.argument).slice(from, rows);
                parts.push(walk.next(&values, &times)?);
            }
        }
        let mut columns = batch.columns().to_vec();
        let known = columns.len();
        for (at, parts) in parts.into_iter().enumerate() {
            let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
            columns.push(match parts.is_empty() {
                true => new_empty_array(self.schema.field(known + at).data_type()),
                false => concat(&parts)?,
            });
        }
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), columns)?)
    }

    /// New walks, at the beginning of a group.
    fn start(&self, batch: &RecordBatch) -> Result<Vec<Box<dyn Walk>>> {
        let calls = self.spec.calls.iter();
        calls
            .map(|call| call.function.walk(batch.column(call.argument).data_type()))
            .collect()
    }
}

//! The node of logical plans.

use super::WindowFunction;
use arrow::compute::SortOptions;
use arrow::datatypes::Field;
use datafusion::common::{DFSchema, DFSchemaRef, Result, plan_err};
use datafusion::logical_expr::{Expr, LogicalPlan, UserDefinedLogicalNodeCore};
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// A function over a column.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::influxql) struct WindowCall {
    pub(in crate::influxql) function: WindowFunction,
    /// The column with the values, as an index into the input.
    pub(in crate::influxql) argument: usize,
    /// The name of the column with the results.
    pub(in crate::influxql) name: String,
}

/// Window functions over the rows of each group. Output: the columns of the input and one for each call,
/// sorted by group columns (ascending, nulls last) and then as `order` says.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::influxql) struct SeriesWindow {
    pub(super) input: LogicalPlan,
    /// What rows belong together, as indexes into the input.
    pub(super) groups: Vec<usize>,
    /// The order of the rows of a group, by columns of the input. The first is the time.
    pub(super) order: Vec<(usize, SortOptions)>,
    pub(super) calls: Vec<WindowCall>,
    pub(super) schema: DFSchemaRef,
}

impl SeriesWindow {
    /// Checks and wraps.
    ///
    /// # Errors
    /// Columns that are not there, and no order at all.
    pub(in crate::influxql) fn try_new(
        input: LogicalPlan,
        groups: Vec<usize>,
        order: Vec<(usize, SortOptions)>,
        calls: Vec<WindowCall>,
    ) -> Result<Self> {
        let columns = input.schema().fields().len();
        let arguments = calls.iter().map(|call| call.argument);
        let ordered = order.iter().map(|(at, _)| *at);
        let mut named = groups.iter().copied().chain(arguments).chain(ordered);
        if order.is_empty() || named.any(|at| at >= columns) {
            return plan_err!("window functions over columns that are not there");
        }
        let schema = output_schema(input.schema(), &calls)?;
        Ok(Self {
            input,
            groups,
            order,
            calls,
            schema: Arc::new(schema),
        })
    }
}

fn output_schema(input: &DFSchema, calls: &[WindowCall]) -> Result<DFSchema> {
    let known = input
        .iter()
        .map(|(qualifier, field)| (qualifier.cloned(), Arc::clone(field)));
    let results = calls.iter().map(|call| {
        let argument = input.field(call.argument).data_type();
        let data_type = call.function.result_type(argument);
        (None, Arc::new(Field::new(&call.name, data_type, true)))
    });
    DFSchema::new_with_metadata(known.chain(results).collect(), input.metadata().clone())
}

impl PartialOrd for SeriesWindow {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.input.partial_cmp(&other.input)
    }
}

impl UserDefinedLogicalNodeCore for SeriesWindow {
    fn name(&self) -> &str {
        "SeriesWindow"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |at: usize| self.input.schema().field(at).name().clone();
        let groups: Vec<String> = self.groups.iter().map(|at| name(*at)).collect();
        write!(f, "SeriesWindow: groups=[{}]", groups.join(", "))?;
        for call in &self.calls {
            write!(
                f,
                ", {}={}({})",
                call.name,
                call.function,
                name(call.argument)
            )?;
        }
        Ok(())
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> Result<Self> {
        match (inputs.pop(), inputs.is_empty()) {
            (Some(input), true) => Self::try_new(
                input,
                self.groups.clone(),
                self.order.clone(),
                self.calls.clone(),
            ),
            _ => plan_err!("window functions have exactly one input"),
        }
    }
}

//! Rows in order without sorting all of them.
//!
//! Files and buffered rows of a table hold, as a rule, one stretch of time each. So a result in the order
//! of time is one stretch after the other, each sorted by itself: the first rows come out when the first
//! stretch is read, memory is that of two stretches, and a limit ends the query early. A result in the
//! order of the key needs no sort at all: the files have it, and are merged.
//!
//! 1. [`Sequence`] is the node of logical plans for inputs that follow one another: the tables of a
//!    statement.
//! 2. [`exec`] has the physical node: all partitions of all inputs, one after the other.
//! 3. [`time_sort`] sorts by time what comes in key order, a group or a stretch at a time.
//! 4. [`rule`] finds sorts over a scan, and has the scan give one partition for each stretch or file.

mod exec;
mod rule;
mod time_sort;

pub(crate) use exec::SequencePlanner;
pub(crate) use rule::OrderedScans;

use datafusion::arrow::compute::SortOptions;
use datafusion::common::{DFSchema, DFSchemaRef, Result, plan_err};
use datafusion::logical_expr::{Expr, LogicalPlan, UserDefinedLogicalNodeCore};
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// The node of logical plans: the rows of each input in the given order, and all rows of an input before
/// those of the next. The inputs follow one another by a column that is constant in each: with it in front
/// the order holds over all.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Sequence {
    inputs: Vec<LogicalPlan>,
    by: usize,
    order: Vec<(usize, SortOptions)>,
    /// The columns of the first, nullable where they are so in any.
    schema: DFSchemaRef,
}

impl Sequence {
    /// Inputs with the same columns (names and types). Column `by` is constant in each and ascends from one to
    /// the next; within an input rows are ordered by the columns (indexes) of `order`.
    ///
    /// # Errors
    /// No inputs, columns that differ, and an order by what is no column.
    pub(crate) fn try_new(
        inputs: Vec<LogicalPlan>,
        by: usize,
        order: Vec<(usize, SortOptions)>,
    ) -> Result<Self> {
        let Some(first) = inputs.first() else {
            return plan_err!("a sequence has at least one input");
        };
        let columns = |plan: &LogicalPlan| -> Vec<_> {
            let fields = plan.schema().fields().iter();
            fields
                .map(|f| (f.name().clone(), f.data_type().clone()))
                .collect()
        };
        let expected = columns(first);
        if inputs.iter().any(|input| columns(input) != expected) {
            return plan_err!("the inputs of a sequence have different columns");
        }
        let mut ordered = order.iter().map(|(at, _)| *at).chain([by]);
        if let Some(at) = ordered.find(|at| *at >= expected.len()) {
            return plan_err!("a sequence is ordered by column {at} of {}", expected.len());
        }
        let schema = Arc::new(schema(&inputs)?);
        Ok(Self {
            inputs,
            by,
            order,
            schema,
        })
    }
}

fn schema(inputs: &[LogicalPlan]) -> Result<DFSchema> {
    let first = inputs[0].schema();
    let fields = first.iter().enumerate().map(|(at, (_, field))| {
        let nullable = inputs
            .iter()
            .any(|input| input.schema().field(at).is_nullable());
        let field = field.as_ref().clone().with_nullable(nullable);
        (None, Arc::new(field))
    });
    DFSchema::new_with_metadata(fields.collect(), first.metadata().clone())
}

impl PartialOrd for Sequence {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.inputs.partial_cmp(&other.inputs)
    }
}

impl UserDefinedLogicalNodeCore for Sequence {
    fn name(&self) -> &str {
        "Sequence"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        self.inputs.iter().collect()
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let schema = self.schema();
        let names = self.order.iter().map(|(at, options)| {
            let direction = if options.descending { "DESC" } else { "ASC" };
            format!("{} {direction}", schema.field(*at).name())
        });
        write!(f, "Sequence: {}", names.collect::<Vec<_>>().join(", "))
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        Self::try_new(inputs, self.by, self.order.clone())
    }
}

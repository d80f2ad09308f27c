//! Rows for time buckets in which nothing happened.
//!
//! The input has one row for each group and time bucket that has data. The output has, for every group
//! with at least one row, a row for each bucket of the [`Grid`]; what stands in the inserted ones says
//! [`Fill`], column by column. Both `date_bin_gapfill` of SQL and `GROUP BY time` of InfluxQL end here.
//!
//! 1. [`GapFill`] is the node of logical plans.
//! 2. [`exec`] asks for rows sorted by group and time and takes them group by group.
//! 3. [`group`] fills one group; [`grid`] walks from bucket to bucket.
//! 4. [`sql`] finds the functions by which SQL asks for it.

mod exec;
mod grid;
mod group;
pub(crate) mod sql;

pub(crate) use exec::{GapFillPlanner, buckets};
pub(crate) use grid::{Grid, Step};

use datafusion::arrow::datatypes::{DataType, Field, TimeUnit};
use datafusion::common::{DFSchema, DFSchemaRef, Result, plan_err};
use datafusion::logical_expr::{Expr, LogicalPlan, Projection, UserDefinedLogicalNodeCore};
use datafusion::scalar::ScalarValue;
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// What stands in a column where there is no value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Fill {
    /// Nothing.
    Null,
    /// The latest value before, in the same group.
    Previous,
    /// A point on the straight line between the values around it, in the same group; nothing before the
    /// first and after the last value. Integers are truncated toward zero.
    Linear,
    /// Always the same value.
    Value(ScalarValue),
}

/// How to fill the gaps of an input. Columns are indexes into its schema.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Spec {
    /// What rows belong together.
    pub(crate) groups: Vec<usize>,
    /// Columns of which all rows of a group have the same value, which its inserted rows get, too.
    pub(crate) constants: Vec<usize>,
    /// The start of the bucket of each row: a timestamp in nanoseconds, with or without a zone.
    pub(crate) time: usize,
    /// The buckets there shall be.
    pub(crate) grid: Grid,
    /// Every null of the column is filled, in rows of the input too. Other columns: [`Fill::Null`].
    pub(crate) fills: Vec<(usize, Fill)>,
    /// Where rows with a null in a group column are sorted.
    pub(crate) nulls_first: bool,
}

impl Spec {
    /// How a column is filled.
    fn fill(&self, column: usize) -> &Fill {
        let named = self.fills.iter().find(|(at, _)| *at == column);
        named.map_or(&Fill::Null, |(_, fill)| fill)
    }

    /// Whether all rows of a group have the same value in the column.
    fn is_of_group(&self, column: usize) -> bool {
        self.groups.contains(&column) || self.constants.contains(&column)
    }

    /// Whether the node gives the column a value in inserted rows by itself.
    fn is_key(&self, column: usize) -> bool {
        column == self.time || self.is_of_group(column)
    }
}

/// The node of logical plans. Output: the columns of the input, sorted by the group columns (ascending)
/// and time. Rows that are not on the grid, or have no time, stay.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct GapFill {
    input: LogicalPlan,
    spec: Spec,
    schema: DFSchemaRef,
}

impl GapFill {
    /// Checks and wraps.
    ///
    /// # Errors
    /// A time column that is not a timestamp in nanoseconds; [`Fill::Linear`] on what is no number.
    pub(crate) fn try_new(input: LogicalPlan, spec: Spec) -> Result<Self> {
        let columns = input.schema().fields().len();
        let named = spec
            .groups
            .iter()
            .chain(&spec.constants)
            .chain([&spec.time])
            .chain(spec.fills.iter().map(|f| &f.0));
        if let Some(beyond) = named.copied().find(|at| *at >= columns) {
            return plan_err!("gap filling names column {beyond} of {columns}");
        }
        let time = input.schema().field(spec.time).data_type();
        if !matches!(time, DataType::Timestamp(TimeUnit::Nanosecond, _)) {
            return plan_err!("gap filling needs a time in nanoseconds, not {time}");
        }
        for (at, fill) in &spec.fills {
            check_fill(input.schema().field(*at), fill)?;
        }
        let schema = Arc::new(output_schema(input.schema(), &spec)?);
        Ok(Self {
            input,
            spec,
            schema,
        })
    }

    /// An input that takes the place of the one before, with the same columns in the same places.
    ///
    /// Optimizers put projections below a node in the hope that it hands on every column it is given.
    /// This one doesn't: a column it does not know has no value in inserted rows.
    fn same_columns(&self, input: LogicalPlan) -> Result<LogicalPlan> {
        let columns = self.input.schema().columns();
        if input.schema().columns() == columns {
            return Ok(input);
        }
        let columns = columns.into_iter().map(Expr::Column).collect();
        let projection = Projection::try_new(columns, Arc::new(input))?;
        Ok(LogicalPlan::Projection(projection))
    }
}

/// Whether a column of that type can be filled that way.
fn check_fill(field: &Field, fill: &Fill) -> Result<()> {
    let data_type = field.data_type();
    match fill {
        Fill::Linear if !group::is_interpolated(data_type) => {
            plan_err!("unsupported data type {data_type} for interpolation gap filling")
        }
        Fill::Value(value) if value.data_type() != *data_type => plan_err!(
            "gap filling of column {} with {}, which is {data_type}",
            field.name(),
            value.data_type()
        ),
        _ => Ok(()),
    }
}

/// The input's columns, nullable where an inserted row may have nothing.
fn output_schema(input: &DFSchema, spec: &Spec) -> Result<DFSchema> {
    let fields = input.iter().enumerate().map(|(at, (qualifier, field))| {
        let nullable = field.is_nullable()
            || !(spec.is_key(at)
                || matches!(spec.fill(at), Fill::Value(value) if !value.is_null()));
        (
            qualifier.cloned(),
            Arc::new(field.as_ref().clone().with_nullable(nullable)),
        )
    });
    DFSchema::new_with_metadata(fields.collect(), input.metadata().clone())
}

impl PartialOrd for GapFill {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.input.partial_cmp(&other.input)
    }
}

impl UserDefinedLogicalNodeCore for GapFill {
    fn name(&self) -> &str {
        "GapFill"
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
        let name = |at: &usize| self.input.schema().field(*at).name().clone();
        let groups: Vec<String> = self.spec.groups.iter().map(name).collect();
        write!(
            f,
            "GapFill: groups=[{}], time={}",
            groups.join(", "),
            name(&self.spec.time)
        )?;
        write!(f, ", {}", self.spec.grid)?;
        for (at, fill) in &self.spec.fills {
            write!(f, ", {}={fill:?}", name(at))?;
        }
        Ok(())
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> Result<Self> {
        match (inputs.pop(), inputs.is_empty()) {
            (Some(input), true) => Self::try_new(self.same_columns(input)?, self.spec.clone()),
            _ => plan_err!("gap filling has exactly one input"),
        }
    }
}

//! Gap filling as SQL writes it.
//!
//! 1. An aggregate with `date_bin_gapfill(…)` among its group expressions is grouped by plain
//!    `date_bin(…)`, and a [`GapFill`] is put on top. Its grid comes from the bounds of the time column
//!    in the filters below ([`bounds`]).
//! 2. `locf(x)` and `interpolate(x)` in the projection above say how `x` is filled, and become `x`.
//! 3. A marker that is left has no meaning where it is: an error.

mod bounds;

use super::{Fill, GapFill, Grid, Spec, Step};
use crate::functions::gap_fill_markers::{
    DATE_BIN_GAPFILL, DATE_BIN_WALLCLOCK_GAPFILL, INTERPOLATE, LOCF,
};
use crate::functions::wall_clock::WallClock;
use crate::functions::{bin_argument_types, date_bin_wallclock, interval_nanos, time_zone};
use bounds::{Constants, column_of};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, Result, ScalarValue, plan_datafusion_err, plan_err};
use datafusion::execution::SessionState;
use datafusion::functions::datetime::date_bin;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    Aggregate, Expr, ExprSchemable, Extension, LogicalPlan, Projection, lit,
};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// Replaces the marker functions in a plan. Plans without any come back as they are.
///
/// # Errors
/// A marker where it has no meaning, a query without bounds in time, an interval without fixed length.
pub(crate) fn rewrite(plan: LogicalPlan, state: &SessionState) -> Result<LogicalPlan> {
    if !plan.exists(has_marker)? {
        return Ok(plan);
    }
    let constants = Constants::new(state);
    let filled = plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::Aggregate(aggregate) => fill_aggregate(aggregate, &constants),
        other => Ok(Transformed::no(other)),
    })?;
    let projected = filled
        .data
        .transform_up_with_subqueries(|node| match node {
            LogicalPlan::Projection(projection) => fill_projection(projection),
            other => Ok(Transformed::no(other)),
        })?;
    projected.data.apply_with_subqueries(|node| {
        refuse_markers(node)?;
        Ok(TreeNodeRecursion::Continue)
    })?;
    let plan = projected
        .data
        .transform_up_with_subqueries(|node| Ok(Transformed::yes(node.recompute_schema()?)))?;
    Ok(plan.data)
}

/// The name of the marker an expression is a call of.
fn marker(expr: &Expr) -> Option<&'static str> {
    let Expr::ScalarFunction(function) = expr else {
        return None;
    };
    [
        DATE_BIN_GAPFILL,
        DATE_BIN_WALLCLOCK_GAPFILL,
        LOCF,
        INTERPOLATE,
    ]
    .into_iter()
    .find(|name| *name == function.func.name())
}

fn is_bin_marker(expr: &Expr) -> bool {
    matches!(
        marker(expr),
        Some(DATE_BIN_GAPFILL | DATE_BIN_WALLCLOCK_GAPFILL)
    )
}

fn has_marker(node: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    node.apply_expressions(|expr| {
        found |= expr.exists(|expr| Ok(marker(expr).is_some()))?;
        Ok(TreeNodeRecursion::Continue)
    })?;
    if !found {
        node.apply_subqueries(|subquery| {
            found |= subquery.exists(has_marker)?;
            Ok(TreeNodeRecursion::Continue)
        })?;
    }
    Ok(found)
}

fn refuse_markers(node: &LogicalPlan) -> Result<()> {
    node.apply_expressions(|expr| {
        expr.apply(|expr| match marker(expr) {
            Some(name @ (LOCF | INTERPOLATE)) => {
                plan_err!("{name} may only be used in the SELECT list of a gap-filling query")
            }
            Some(name) => plan_err!("{name} may only be used as a GROUP BY expression"),
            None => Ok(TreeNodeRecursion::Continue),
        })
    })?;
    Ok(())
}

/// A call of `date_bin_gapfill`, read.
struct Bin {
    /// The times that are binned, in nanoseconds: a column, perhaps cast or shown in a zone.
    time: Expr,
    interval: ScalarValue,
    step: Step,
    origin: Option<ScalarValue>,
}

impl Bin {
    fn read(call: &ScalarFunction, input: &LogicalPlan, constants: &Constants) -> Result<Self> {
        let name = call.func.name().to_uppercase();
        let ([interval, time] | [interval, time, _]) = call.args.as_slice() else {
            return plan_err!("{name} expects 2 or 3 arguments, got {}", call.args.len());
        };
        if column_of(time).is_none() {
            return plan_err!("{name} requires a column as the source argument");
        }
        let schema = input.schema();
        let types = call.args.iter().map(|arg| arg.get_type(schema));
        let types = bin_argument_types(&name, &types.collect::<Result<Vec<_>>>()?)?;
        let interval = constants
            .value(interval, "interval argument")?
            .cast_to(&types[0])?;
        let nanos = interval_nanos(&interval)?;
        let (origin, origin_nanos) = match call.args.get(2) {
            Some(origin) => {
                let origin = constants
                    .value(origin, "origin argument")?
                    .cast_to(&types[2])?;
                let nanos = nanos_of(&origin);
                let nanos = nanos.ok_or_else(|| {
                    plan_datafusion_err!("origin argument for gap fill query is null")
                })?;
                (Some(origin), nanos)
            }
            None => (None, 0),
        };
        let step = if call.func.name() == DATE_BIN_GAPFILL {
            Step::Nanos(nanos)
        } else {
            let zone = time_zone(&types[1])?;
            Step::WallClock(WallClock {
                zone,
                nanos,
                origin: origin_nanos,
            })
        };
        let time = time.clone().cast_to(&types[1], schema.as_ref())?;
        Ok(Self {
            time,
            interval,
            step,
            origin,
        })
    }

    /// The plain function that does the same without filling.
    fn plain(&self) -> Expr {
        let func = match self.step {
            Step::Nanos(_) => date_bin(),
            Step::WallClock(_) => date_bin_wallclock(),
        };
        let origin = self.origin.iter().cloned().map(lit);
        let args = [lit(self.interval.clone()), self.time.clone()];
        Expr::ScalarFunction(ScalarFunction {
            func,
            args: args.into_iter().chain(origin).collect(),
        })
    }

    /// The start of the bucket of an instant.
    fn start(&self, instant: i64) -> Result<i64> {
        let start = match &self.step {
            Step::Nanos(nanos) => instant
                .checked_sub(self.origin.as_ref().and_then(nanos_of).unwrap_or_default())
                .and_then(|since| instant.checked_sub(since.rem_euclid(*nanos))),
            Step::WallClock(clock) => clock.bin(instant),
        };
        start.ok_or_else(|| plan_datafusion_err!("a bound of the time range is out of range"))
    }
}

/// An aggregate grouped by a marker becomes one without, under a gap filling.
fn fill_aggregate(aggregate: Aggregate, constants: &Constants) -> Result<Transformed<LogicalPlan>> {
    let Some((at, call)) = bin_call(&aggregate)? else {
        return Ok(Transformed::no(LogicalPlan::Aggregate(aggregate)));
    };
    let bin = Bin::read(&call, &aggregate.input, constants)?;
    let (lower, upper) = bounds::bounds(&aggregate.input, &bin.time, constants)?;
    let grid = Grid {
        first: Some(bin.start(lower)?),
        last: Some(bin.start(upper)?),
        step: bin.step.clone(),
    };
    let groups = aggregate.group_expr.len();
    let name = aggregate.schema.field(at).name().clone();
    let mut group_expr = aggregate.group_expr;
    group_expr[at] = bin.plain().alias(name);
    let fills = default_fills(&aggregate.aggr_expr, groups, aggregate.schema.as_ref())?;
    let plain = Aggregate::try_new(aggregate.input, group_expr, aggregate.aggr_expr)?;
    let spec = Spec {
        groups: (0..groups).filter(|group| *group != at).collect(),
        time: at,
        grid,
        fills,
        constants: Vec::new(),
        nulls_first: true,
    };
    let filled = GapFill::try_new(LogicalPlan::Aggregate(plain), spec)?;
    Ok(Transformed::yes(extension(filled)))
}

fn extension(node: GapFill) -> LogicalPlan {
    LogicalPlan::Extension(Extension {
        node: Arc::new(node),
    })
}

/// The one group expression that is a marker, with its place.
fn bin_call(aggregate: &Aggregate) -> Result<Option<(usize, ScalarFunction)>> {
    let mut found = None;
    for (at, group) in aggregate.group_expr.iter().enumerate() {
        match group.clone().unalias_nested().data {
            Expr::ScalarFunction(call) if is_bin_marker(&Expr::ScalarFunction(call.clone())) => {
                if found.is_some() {
                    return plan_err!(
                        "{} specified more than once",
                        call.func.name().to_uppercase()
                    );
                }
                found = Some((at, call));
            }
            other => {
                if other.exists(|expr| Ok(is_bin_marker(expr)))? {
                    return plan_err!(
                        "{DATE_BIN_GAPFILL} must be a top-level expression in the GROUP BY clause"
                    );
                }
            }
        }
    }
    Ok(found)
}

/// Aggregates that are never null (counts) have their value over no rows in inserted rows.
fn default_fills(
    aggregates: &[Expr],
    groups: usize,
    schema: &datafusion::common::DFSchema,
) -> Result<Vec<(usize, Fill)>> {
    let mut fills = Vec::new();
    for (at, aggregate) in aggregates.iter().enumerate() {
        let plain = aggregate.clone().unalias_nested().data;
        let Expr::AggregateFunction(function) = plain else {
            continue;
        };
        let value = function
            .func
            .default_value(schema.field(groups + at).data_type())?;
        if !value.is_null() {
            fills.push((groups + at, Fill::Value(value)));
        }
    }
    Ok(fills)
}

/// Takes `locf` and `interpolate` out of a projection, into the gap filling below it.
fn fill_projection(projection: Projection) -> Result<Transformed<LogicalPlan>> {
    let is_fill = |expr: &Expr| matches!(marker(expr), Some(LOCF | INTERPOLATE));
    let mut marked = false;
    for expr in &projection.expr {
        marked |= expr.exists(|expr| Ok(is_fill(expr)))?;
    }
    if !marked {
        return Ok(Transformed::no(LogicalPlan::Projection(projection)));
    }
    let Some(node) = gap_fill_below(&projection.input) else {
        return Ok(Transformed::no(LogicalPlan::Projection(projection)));
    };
    let mut wanted = Wanted::of(&projection.expr, node)?;
    let mut exprs = Vec::with_capacity(projection.expr.len());
    for expr in projection.expr {
        let name = expr.schema_name().to_string();
        let plain = expr.transform_up(|expr| {
            let Some(call) = marker(&expr).filter(|name| matches!(*name, LOCF | INTERPOLATE))
            else {
                return Ok(Transformed::no(expr));
            };
            let (at, column) = filled_column(call, &expr, node)?;
            Ok(Transformed::yes(Expr::Column(
                wanted.column(at, call, column),
            )))
        })?;
        let same = plain.data.schema_name().to_string() == name;
        exprs.push(if same {
            plain.data
        } else {
            plain.data.alias(name)
        });
    }
    let input = wanted.filled(Arc::unwrap_or_clone(projection.input))?;
    let projection = Projection::try_new(exprs, Arc::new(input))?;
    Ok(Transformed::yes(LogicalPlan::Projection(projection)))
}

/// How a projection wants the columns of the gap filling below it.
#[derive(Default)]
struct Wanted {
    /// Columns that are wanted as they are.
    plain: HashSet<usize>,
    /// The ways in which each column is wanted filled.
    fills: BTreeMap<usize, Vec<&'static str>>,
    /// The columns that are there once more, with the way they are filled and their name.
    copies: Vec<(usize, &'static str, Column)>,
}

impl Wanted {
    fn of(exprs: &[Expr], node: &GapFill) -> Result<Self> {
        let mut wanted = Self::default();
        for expr in exprs {
            expr.apply(|expr| {
                if let Some(call @ (LOCF | INTERPOLATE)) = marker(expr) {
                    let (at, _) = filled_column(call, expr, node)?;
                    let ways = wanted.fills.entry(at).or_default();
                    if !ways.contains(&call) {
                        ways.push(call);
                    }
                    return Ok(TreeNodeRecursion::Jump);
                }
                if let Expr::Column(column) = expr {
                    wanted.plain.insert(node.schema.index_of_column(column)?);
                }
                Ok(TreeNodeRecursion::Continue)
            })?;
        }
        Ok(wanted)
    }

    /// The column that is filled in that way: a copy, if it is wanted in another way too.
    fn column(&mut self, at: usize, call: &'static str, column: Column) -> Column {
        let ways = self.fills.get(&at).map_or(0, Vec::len);
        if ways == 1 && !self.plain.contains(&at) {
            return column;
        }
        let known = self.copies.iter();
        if let Some((_, _, copy)) = known.clone().find(|(of, way, _)| (*of, *way) == (at, call)) {
            return copy.clone();
        }
        let copy = Column::new_unqualified(format!("{call}({})", column.flat_name()));
        self.copies.push((at, call, copy.clone()));
        copy
    }

    /// The plan with the columns filled as they are wanted, in the gap filling that [`gap_fill_below`] finds.
    fn filled(&self, plan: LogicalPlan) -> Result<LogicalPlan> {
        if let LogicalPlan::Filter(mut filter) = plan {
            let input = self.filled(Arc::unwrap_or_clone(filter.input))?;
            filter.input = Arc::new(input);
            return Ok(LogicalPlan::Filter(filter));
        }
        let Some(node) = gap_fill_below(&plan) else {
            return Ok(plan);
        };
        let columns = node.input.schema().columns();
        let mut spec = node.spec.clone();
        let copied = |at: &usize| self.copies.iter().any(|(of, _, _)| of == at);
        for (at, ways) in self.fills.iter().filter(|(at, _)| !copied(at)) {
            spec.fills.retain(|(of, _)| of != at);
            spec.fills.extend(ways.first().map(|way| (*at, fill(way))));
        }
        let mut input = node.input.clone();
        if !self.copies.is_empty() {
            for (at, (_, way, _)) in self.copies.iter().enumerate() {
                spec.fills.push((columns.len() + at, fill(way)));
            }
            let copies = self.copies.iter();
            let copies =
                copies.map(|(of, _, copy)| Expr::Column(columns[*of].clone()).alias(&copy.name));
            let exprs = columns.iter().cloned().map(Expr::Column).chain(copies);
            let copied = Projection::try_new(exprs.collect(), Arc::new(input))?;
            input = LogicalPlan::Projection(copied);
        }
        Ok(extension(GapFill::try_new(input, spec)?))
    }
}

/// What a fill function means.
fn fill(name: &str) -> Fill {
    match name {
        LOCF => Fill::Previous,
        _ => Fill::Linear,
    }
}

/// The gap filling directly below a projection, or below the filter of its `HAVING`.
fn gap_fill_below(plan: &LogicalPlan) -> Option<&GapFill> {
    match plan {
        LogicalPlan::Extension(extension) => extension.node.as_any().downcast_ref(),
        LogicalPlan::Filter(filter) => gap_fill_below(&filter.input),
        _ => None,
    }
}

/// Which column of the aggregate a fill function is called on.
fn filled_column(name: &str, call: &Expr, node: &GapFill) -> Result<(usize, Column)> {
    let Expr::ScalarFunction(ScalarFunction { args, .. }) = call else {
        return plan_err!("{name} expects 1 argument");
    };
    let [Expr::Column(column)] = args.as_slice() else {
        return plan_err!("{name} must be called on an aggregate column in a gap-filling query");
    };
    let at = node.schema.index_of_column(column)?;
    if node.spec.is_key(at) {
        return plan_err!("{name} must be called on an aggregate column in a gap-filling query");
    }
    Ok((at, column.clone()))
}

/// A timestamp's nanoseconds.
fn nanos_of(value: &ScalarValue) -> Option<i64> {
    match value {
        ScalarValue::TimestampNanosecond(nanos, _) => *nanos,
        _ => None,
    }
}

//! Buckets that are empty, and those that are read before the range.
//!
//! A window function over aggregates also reads the bucket before the range, because a difference needs
//! something to differ from. What stands beside it must not see that bucket: [`IN_RANGE`] tells its rows, and
//! groups that exist there alone, from all others.

use super::aggregate::CallResult;
use super::{Planner, field_column, time_filters};
use crate::gap_fill::{self, GapFill, Grid};
use crate::influxql::error::Result;
use crate::influxql::functions::Class;
use crate::influxql::functions::arguments::forecast;
use crate::influxql::relation::{TIME, column};
use crate::influxql::scalar::Buckets;
use crate::influxql::types::{ValueType, instant};
use datafusion::common::ScalarValue;
use datafusion::functions_aggregate::count::count_udaf;
use datafusion::functions_aggregate::min_max::max_udaf;
use datafusion::logical_expr::expr::WindowFunction;
use datafusion::logical_expr::{
    Expr as PlanExpr, ExprFunctionExt, Extension, LogicalPlan, LogicalPlanBuilder,
    WindowFunctionDefinition, lit, when,
};
use std::sync::Arc;
use watershed_influxql::{Expr, Fill};

/// Tells rows of the statement from those that were added for a forecast.
pub(super) const REAL: &str = "real";
/// Whether there are rows in the range: with `fill(none)` in this bucket, else in the group.
pub(super) const IN_RANGE: &str = "in_range";
/// How many rows of a bucket are in the range.
pub(super) const ROWS_IN_RANGE: &str = "rows_in_range";

impl Planner<'_> {
    /// The rows in the range asked for, where more are read.
    pub(super) fn in_range(&self) -> Option<PlanExpr> {
        let clauses = &self.query.clauses;
        match clauses.scan == clauses.bounds {
            true => None,
            false => time_filters(clauses.bounds).reduce(PlanExpr::and),
        }
    }

    /// How many rows of each bucket are in the range, if what is in it has to be told from what is not.
    pub(super) fn rows_in_range(&self, results: &[CallResult]) -> Result<Option<PlanExpr>> {
        match self.in_range() {
            Some(in_range) if results.iter().any(|result| !result.looks_back) => {
                let rows = count_udaf().call(vec![lit(1_i64)]).filter(in_range);
                Ok(Some(rows.build()?.alias(ROWS_IN_RANGE)))
            }
            _ => Ok(None),
        }
    }

    /// What makes [`IN_RANGE`] of [`ROWS_IN_RANGE`], over the plan it gives back. Nothing for buckets filled with a
    /// number, which stands in all of them alike.
    pub(super) fn marked(
        &self,
        plan: LogicalPlanBuilder,
    ) -> Result<(LogicalPlanBuilder, Option<PlanExpr>)> {
        let has_rows = |rows: &str| Some(column(rows).gt(lit(0_i64)).alias(IN_RANGE));
        match self.query.clauses.fill {
            Fill::Integer(_) | Fill::Float(_) => Ok((plan, None)),
            Fill::None => Ok((plan, has_rows(ROWS_IN_RANGE))),
            _ => {
                let function = WindowFunctionDefinition::AggregateUDF(max_udaf());
                let most = WindowFunction::new(function, vec![column(ROWS_IN_RANGE)]);
                let most = PlanExpr::from(most).partition_by(self.group_columns());
                let most = most.build()?.alias("most_rows");
                Ok((plan.window(vec![most])?, has_rows("most_rows")))
            }
        }
    }

    /// Without values of what does not look back, where nothing is in the range.
    pub(super) fn cut_to_range(
        &self,
        plan: LogicalPlan,
        results: &[CallResult],
    ) -> Result<LogicalPlan> {
        let mut exprs = self.result_keys();
        for (at, result) in results.iter().enumerate() {
            let name = CallResult::name(at);
            exprs.push(match result.looks_back {
                true => column(&name),
                false => when(column(IN_RANGE), column(&name)).end()?.alias(name),
            });
        }
        exprs.push(column(IN_RANGE));
        if self.forecast_points() > 0 {
            exprs.push(column(REAL));
        }
        Ok(LogicalPlanBuilder::from(plan).project(exprs)?.build()?)
    }

    /// Fills empty buckets as the statement says.
    pub(super) fn filled_results(
        &self,
        plan: LogicalPlan,
        results: &[CallResult],
    ) -> Result<LogicalPlan> {
        // Buckets that an integral does not touch have no area, not an unknown one.
        if !results.is_empty() && results.iter().all(|result| result.is_call_of("integral")) {
            return Ok(plan);
        }
        let columns = results.iter().map(|result| FillColumn {
            value_type: result.value_type,
            counts: result.is_call_of("count"),
            chosen: matches!(result.key, Expr::Var(_)),
        });
        self.filled(plan, columns.collect())
    }

    /// Fills empty buckets. `plan` has the result keys and then the given columns.
    pub(super) fn filled(
        &self,
        plan: LogicalPlan,
        columns: Vec<FillColumn>,
    ) -> Result<LogicalPlan> {
        let clauses = &self.query.clauses;
        let Some(buckets) = clauses
            .buckets
            .as_ref()
            .filter(|_| clauses.fill != Fill::None)
        else {
            return Ok(plan);
        };
        let last = clauses.grid.upper.and_then(|upper| buckets.start(upper));
        let values = self.query.groups.len() + 1;
        let fills = columns.iter().enumerate();
        let fills = fills.map(|(at, column)| (values + at, column.fill(clauses.fill)));
        self.on_grid(plan, buckets, last, fills.collect())
    }

    /// With rows for all buckets of the statement up to the last one. `plan` has the result keys first.
    fn on_grid(
        &self,
        plan: LogicalPlan,
        buckets: &Buckets,
        last: Option<i64>,
        fills: Vec<(usize, gap_fill::Fill)>,
    ) -> Result<LogicalPlan> {
        let lower = self.query.clauses.grid.lower;
        let time = self.query.groups.len();
        let spec = gap_fill::Spec {
            groups: (0..time).collect(),
            time,
            grid: Grid {
                first: lower.and_then(|lower| buckets.start(lower)),
                last,
                step: buckets.step(),
            },
            fills,
            constants: constants(&plan),
            nulls_first: false,
        };
        let node = Arc::new(GapFill::try_new(plan, spec)?);
        Ok(LogicalPlan::Extension(Extension { node }))
    }

    /// How many points the statement forecasts.
    pub(super) fn forecast_points(&self) -> usize {
        let mut points = 0;
        for field in &self.query.fields {
            field.expr.walk(&mut |expr| {
                if let Expr::Call(call) = expr
                    && let Ok(Some(forecast)) = forecast(call, 0)
                {
                    points = points.max(forecast.points);
                }
            });
        }
        points
    }

    /// The start of the bucket with the last instant, or of the last one to forecast behind it.
    fn last_bucket(&self, upper: Option<i64>) -> Option<i64> {
        let buckets = self.query.clauses.buckets.as_ref()?;
        let last = buckets.start(upper?)?;
        (0..self.forecast_points()).try_fold(last, |start, _| buckets.next(start))
    }

    /// With empty rows for all buckets in which a forecast may stand. Those that were there have a value in
    /// [`REAL`].
    pub(super) fn with_room(&self, plan: LogicalPlan) -> Result<LogicalPlan> {
        let clauses = &self.query.clauses;
        let Some(buckets) = clauses
            .buckets
            .as_ref()
            .filter(|_| self.forecast_points() > 0)
        else {
            return Ok(plan);
        };
        let mut exprs: Vec<PlanExpr> = plan
            .schema()
            .columns()
            .into_iter()
            .map(Into::into)
            .collect();
        exprs.push(lit(true).alias(REAL));
        let plan = LogicalPlanBuilder::from(plan).project(exprs)?.build()?;
        let last = self.last_bucket(clauses.grid.upper);
        self.on_grid(plan, buckets, last, Vec::new())
    }

    /// Without the bucket that was read only for the window functions, and the rows they leave empty.
    pub(super) fn without_look_back(&self, plan: LogicalPlan, marked: bool) -> Result<LogicalPlan> {
        let mixed = match self.query.class {
            Class::WindowAggregate => false,
            Class::WindowAggregateMixed => true,
            _ => return Ok(plan),
        };
        let clauses = &self.query.clauses;
        let start = |bound: Option<i64>| bound.and_then(|b| clauses.buckets.as_ref()?.start(b));
        let mut plan = LogicalPlanBuilder::from(plan);
        if let Some(first) = start(clauses.bounds.lower) {
            plan = plan.filter(column(TIME).gt_eq(instant(first)))?;
        }
        if let Some(last) = self.last_bucket(clauses.bounds.upper) {
            plan = plan.filter(column(TIME).lt_eq(instant(last)))?;
        }
        if !mixed {
            plan = plan.filter(self.has_window_value())?;
            return Ok(plan.build()?);
        }
        if self.forecast_points() > 0 {
            let real = column(REAL).is_not_null();
            plan = plan.filter(real.or(self.has_window_value()))?;
        }
        if marked && self.query.clauses.fill == Fill::None {
            plan = plan.filter(self.has_value())?;
        } else if marked {
            plan = plan.filter(column(IN_RANGE).or(self.has_window_value()))?;
        }
        Ok(plan.build()?)
    }

    /// Whether a column of the row has a value; a count of nothing, which is 0, is none.
    fn has_value(&self) -> PlanExpr {
        let fields = self.query.fields.iter().enumerate();
        let present = fields.map(|(at, field)| {
            let value = column(&field_column(at));
            match &field.expr {
                Expr::Call(call) if call.name == "count" => value.gt(lit(0_i64)),
                _ => value.is_not_null(),
            }
        });
        present.reduce(PlanExpr::or).unwrap_or_else(|| lit(true))
    }
}

/// A column of which the empty buckets are filled.
#[derive(Debug, Clone, Copy)]
pub(super) struct FillColumn {
    pub(super) value_type: ValueType,
    /// Whether it is a `count`, which is 0 where there is nothing.
    pub(super) counts: bool,
    /// Whether it comes from the row a selector chose.
    pub(super) chosen: bool,
}

impl FillColumn {
    fn fill(self, fill: Fill) -> gap_fill::Fill {
        match fill {
            Fill::Null | Fill::None if self.counts => {
                gap_fill::Fill::Value(ScalarValue::Int64(Some(0)))
            }
            Fill::Null | Fill::None => gap_fill::Fill::Null,
            Fill::Previous => gap_fill::Fill::Previous,
            Fill::Linear if self.chosen => gap_fill::Fill::Null,
            Fill::Linear => gap_fill::Fill::Linear,
            Fill::Integer(value) => self.number(Some(value), value as f64),
            Fill::Float(value) => self.number(None, value),
        }
    }

    /// The number as the type of the column has it; text and booleans stay without value.
    fn number(self, integer: Option<i64>, float: f64) -> gap_fill::Fill {
        gap_fill::Fill::Value(match self.value_type {
            ValueType::Float => ScalarValue::Float64(Some(float)),
            ValueType::Integer => ScalarValue::Int64(Some(integer.unwrap_or(float as i64))),
            ValueType::Unsigned => ScalarValue::UInt64(Some(float as u64)),
            _ => return gap_fill::Fill::Null,
        })
    }
}

/// The columns of which all rows of a group have the same value.
fn constants(plan: &LogicalPlan) -> Vec<usize> {
    let marked = plan.schema().index_of_column_by_name(None, IN_RANGE);
    marked.into_iter().collect()
}

//! `LIMIT` and `OFFSET`: of each group, and for window functions of each column. `SLIMIT` and `SOFFSET`: of
//! the groups of each table.

use super::{Planned, PlannedField, Planner, RANK, field_column};
use crate::influxql::error::Result;
use crate::influxql::functions::{Class, Kind, kind};
use crate::influxql::relation::{TIME, column};
use arrow::datatypes::DataType;
use datafusion::functions_aggregate::count::count_udaf;
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::functions_window::row_number::row_number;
use datafusion::logical_expr::expr::{Sort, WindowFunction};
use datafusion::logical_expr::{
    Expr as PlanExpr, ExprFunctionExt, LogicalPlan, LogicalPlanBuilder, WindowFrame,
    WindowFunctionDefinition, cast, lit, when,
};
use watershed_influxql::Expr;

/// How rows of one group and time are ordered.
#[derive(Debug, Clone, Default)]
pub(super) struct Order {
    /// For the limit alone.
    ties: Vec<PlanExpr>,
    /// By the column [`RANK`], also in the result.
    ranked: bool,
}

impl Order {
    pub(super) fn ties(ties: Vec<PlanExpr>) -> Self {
        Self {
            ties,
            ranked: false,
        }
    }

    /// The columns of the plan that the order needs.
    pub(super) fn columns(&self) -> Vec<PlanExpr> {
        self.ties.clone()
    }

    pub(super) fn ranked() -> Self {
        Self {
            ties: vec![column(RANK)],
            ranked: true,
        }
    }
}

impl Planner<'_> {
    /// The columns of the result out of `plan`, which has them and perhaps more, cut to the limit.
    pub(super) fn limited(
        &self,
        plan: LogicalPlan,
        fields: Vec<PlannedField>,
        order: Order,
    ) -> Result<Planned> {
        let clauses = &self.query.clauses;
        let plan = match (clauses.limit, clauses.offset) {
            (None, 0) => plan,
            _ if self.has_windows() => self.limited_by_column(plan, &order)?,
            (Some(limit), offset) if self.query.groups.is_empty() => {
                let builder = LogicalPlanBuilder::from(plan);
                builder
                    .sort(self.order(&order))?
                    .limit(offset, Some(limit))?
                    .build()?
            }
            _ => {
                let number = self.row_number(&order)?.alias("n");
                let kept = self.within(column("n"));
                LogicalPlanBuilder::from(plan)
                    .window(vec![number])?
                    .filter(kept)?
                    .build()?
            }
        };
        let plan = self.limited_series(plan)?;
        let mut exprs = self.result_keys();
        exprs.extend((0..fields.len()).map(|at| column(&field_column(at))));
        if order.ranked {
            exprs.push(column(RANK));
        }
        let plan = LogicalPlanBuilder::from(plan).project(exprs)?.build()?;
        let (name, groups) = (self.relation.name.clone(), self.query.groups.clone());
        Ok(Planned {
            name,
            plan,
            groups,
            fields,
            ranked: order.ranked,
        })
    }

    /// The group columns and time.
    pub(super) fn result_keys(&self) -> Vec<PlanExpr> {
        let mut keys = self.group_columns();
        keys.push(column(TIME));
        keys
    }

    fn has_windows(&self) -> bool {
        matches!(
            self.query.class,
            Class::Window | Class::WindowAggregate | Class::WindowAggregateMixed
        )
    }

    /// Whether the column has a window function in it.
    pub(super) fn is_windowed(expr: &Expr) -> bool {
        let is_window =
            |e: &Expr| matches!(e, Expr::Call(call) if kind(&call.name) == Some(Kind::Window));
        expr.any(&mut |e| is_window(e))
    }

    pub(super) fn order(&self, order: &Order) -> Vec<Sort> {
        let ties = order.ties.iter().map(|tie| tie.clone().sort(true, false));
        std::iter::once(self.by_time()).chain(ties).collect()
    }

    fn row_number(&self, order: &Order) -> Result<PlanExpr> {
        let number = row_number()
            .partition_by(self.group_columns())
            .order_by(self.order(order));
        Ok(number.build()?)
    }

    /// Whether the row or value of that number (from 1 on) is inside the limit.
    fn within(&self, number: PlanExpr) -> PlanExpr {
        let clauses = &self.query.clauses;
        within(number, clauses.limit, clauses.offset)
    }

    /// The series that `SLIMIT` and `SOFFSET` leave, in the order in which the result has them. A series is a
    /// group with rows in the result: InfluxDB 1.x also counts those whose rows the condition or the range
    /// took away, because it cuts the index.
    fn limited_series(&self, plan: LogicalPlan) -> Result<LogicalPlan> {
        let (limit, offset) = (
            self.query.clauses.series_limit,
            self.query.clauses.series_offset,
        );
        if limit.is_none() && offset == 0 {
            return Ok(plan);
        }
        let groups = self.group_columns();
        let builder = LogicalPlanBuilder::from(plan);
        if groups.is_empty() {
            // All rows are one series.
            return Ok(match limit == Some(0) || offset > 0 {
                true => builder.filter(lit(false))?.build()?,
                false => builder.build()?,
            });
        }
        // The number of a row's series is how many series have begun. Both windows ask for the same order, by group
        // and time: by the groups alone, DataFusion merges its inputs and takes their times to be in order still.
        let mut in_order: Vec<Sort> = groups
            .iter()
            .map(|group| group.clone().sort(true, false))
            .collect();
        in_order.push(self.by_time());
        let in_series = row_number()
            .partition_by(groups)
            .order_by(vec![self.by_time()])
            .build()?;
        let begins = cast(column("r"), DataType::Int64).eq(lit(1_i64));
        let begun = when(begins, lit(1_i64)).otherwise(lit(0_i64))?;
        let function = WindowFunctionDefinition::AggregateUDF(sum_udaf());
        let number = PlanExpr::from(WindowFunction::new(function, vec![begun]))
            .order_by(in_order)
            .window_frame(WindowFrame::new(Some(true)))
            .build()?;
        let kept = within(column("s"), limit, offset);
        Ok(builder
            .window(vec![in_series.alias("r")])?
            .window(vec![number.alias("s")])?
            .filter(kept)?
            .build()?)
    }

    /// Each window column keeps its own values inside the limit; other columns are counted by row. Rows
    /// in which nothing is kept go.
    fn limited_by_column(&self, plan: LogicalPlan, order: &Order) -> Result<LogicalPlan> {
        let (mut windows, mut exprs, mut kept) = (Vec::new(), self.result_keys(), Vec::new());
        for (at, field) in self.query.fields.iter().enumerate() {
            let value = column(&field_column(at));
            let name = format!("n{at}");
            let keep = if Self::is_windowed(&field.expr) {
                windows.push(self.value_number(value.clone(), order)?.alias(&name));
                value.clone().is_not_null().and(self.within(column(&name)))
            } else {
                windows.push(self.row_number(order)?.alias(&name));
                self.within(column(&name))
            };
            exprs.push(when(keep.clone(), value).end()?.alias(field_column(at)));
            kept.push(keep);
        }
        let builder = LogicalPlanBuilder::from(plan).window(windows)?;
        let builder = match kept.into_iter().reduce(PlanExpr::or) {
            Some(any) => builder.filter(any)?,
            None => builder,
        };
        Ok(builder.project(exprs)?.build()?)
    }

    /// How many values a column has up to a row.
    fn value_number(&self, value: PlanExpr, order: &Order) -> Result<PlanExpr> {
        let function = WindowFunctionDefinition::AggregateUDF(count_udaf());
        let count = PlanExpr::from(WindowFunction::new(function, vec![value]));
        let count = count
            .partition_by(self.group_columns())
            .order_by(self.order(order));
        // Up to this row, not to the last of its equals.
        Ok(count.window_frame(WindowFrame::new(Some(true))).build()?)
    }
}

/// Whether a number (from 1 on) is inside a limit.
fn within(number: PlanExpr, limit: Option<usize>, offset: usize) -> PlanExpr {
    let offset = i64::try_from(offset).unwrap_or(i64::MAX);
    let number = cast(number, DataType::Int64);
    let after = number.clone().gt(lit(offset));
    match limit.and_then(|limit| i64::try_from(limit).ok()) {
        Some(limit) => after.and(number.lt_eq(lit(offset.saturating_add(limit)))),
        None => after,
    }
}

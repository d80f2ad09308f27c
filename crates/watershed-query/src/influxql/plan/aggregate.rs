//! Aggregates and selectors, by group and time bucket, and the window functions over them.

use super::limit::Order;
use super::window::Windows;
use super::{Inputs, Planned, Planner, field_column, time_filters};
use crate::gap_fill::{self, GapFill, Grid};
use crate::influxql::aggregates;
use crate::influxql::error::{Result, invalid};
use crate::influxql::expr::{Lower, variable};
use crate::influxql::functions::arguments::forecast;
use crate::influxql::functions::{Class, Kind, kind, looks_back, takes};
use crate::influxql::integral;
use crate::influxql::relation::{TIME, column};
use crate::influxql::types::{Value, ValueType, instant};
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::functions_aggregate::expr_fn::{
    avg, count, count_distinct, max, median, min, stddev, sum,
};
use datafusion::functions_aggregate::first_last::first_value_udaf;
use datafusion::logical_expr::expr::Sort;
use datafusion::logical_expr::{
    Expr as PlanExpr, ExprFunctionExt, Extension, LogicalPlan, LogicalPlanBuilder, cast, lit,
};
use std::sync::Arc;
use watershed_influxql::{Call, Expr, Fill, VarRef};

/// The start of a row's time bucket, beside the row's own time.
pub(super) const BUCKET: &str = "bucket";
/// The number of rows, where it decides whether there is a result at all.
const ROWS: &str = "rows";
/// Tells rows of the statement from those that were added for a forecast.
const REAL: &str = "real";
const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// The value of a call, or of a column of a chosen row, after aggregation.
#[derive(Debug)]
struct CallResult {
    /// What was called.
    key: Expr,
    /// Whether it sees the bucket before the range.
    looks_back: bool,
    /// Made of the columns of the aggregation.
    expr: PlanExpr,
    value_type: ValueType,
}

impl CallResult {
    fn name(at: usize) -> String {
        format!("c{at}")
    }

    fn is_call_of(&self, name: &str) -> bool {
        matches!(&self.key, Expr::Call(call) if call.name == name)
    }
}

/// Collects what the fields need of an aggregation.
struct Calls<'a> {
    planner: &'a Planner<'a>,
    inputs: Inputs,
    /// The order that tells which row of one time comes first.
    ties: Option<Vec<PlanExpr>>,
    /// Columns computed over the inputs, before the aggregation.
    parts: Vec<PlanExpr>,
    aggregates: Vec<PlanExpr>,
    results: Vec<CallResult>,
    windows: Windows,
    /// The only selector, where columns stand beside it.
    selector: Option<&'a Call>,
    /// Whether what is lowered is inside of a window function that reads the bucket before the range.
    looks_back: bool,
}

impl Lower for Calls<'_> {
    fn leaf(&mut self, expr: &Expr) -> Result<Value> {
        match expr {
            Expr::Call(call) if kind(&call.name) == Some(Kind::Window) => {
                let outer = self.looks_back;
                self.looks_back |= looks_back(&call.name);
                let argument = match call.args.first() {
                    Some(argument) => self.value(argument)?,
                    None => Value::null(),
                };
                self.looks_back = outer;
                self.planner.window(call, argument, &mut self.windows)
            }
            _ => {
                let looks_back = self.looks_back;
                let known =
                    |result: &CallResult| result.key == *expr && result.looks_back == looks_back;
                if let Some(at) = self.results.iter().position(known) {
                    return Ok(self.result(at));
                }
                let value = match expr {
                    Expr::Call(call) => self.call(call)?,
                    Expr::Var(var) => self.chosen(var)?,
                    other => return invalid(format!("unexpected expression {other}")),
                };
                if value.value_type == ValueType::Null {
                    return Ok(Value::null());
                }
                let Value {
                    expr: result,
                    value_type,
                } = value;
                self.results.push(CallResult {
                    key: expr.clone(),
                    looks_back,
                    expr: result,
                    value_type,
                });
                Ok(self.result(self.results.len() - 1))
            }
        }
    }
}

impl Calls<'_> {
    fn result(&self, at: usize) -> Value {
        Value::new(column(&CallResult::name(at)), self.results[at].value_type)
    }

    /// Adds an aggregate and gives the column it will be in.
    fn aggregate(&mut self, expr: PlanExpr) -> PlanExpr {
        let name = format!("x{}", self.aggregates.len());
        let expr = match self.in_range() {
            Some(in_range) if !self.looks_back => filtered(expr, in_range),
            _ => expr,
        };
        self.aggregates.push(expr.alias(&name));
        column(&name)
    }

    /// The rows in the range asked for, where more are read.
    fn in_range(&self) -> Option<PlanExpr> {
        let clauses = &self.planner.query.clauses;
        match clauses.scan == clauses.bounds {
            true => None,
            false => time_filters(clauses.bounds).reduce(PlanExpr::and),
        }
    }

    /// The order among rows of one time: the smallest set of tags first.
    fn tie_order(&mut self) -> Vec<Sort> {
        if self.ties.is_none() {
            self.ties = Some(self.inputs.add_all(self.planner.ties()));
        }
        let ties = self.ties.iter().flatten();
        ties.map(|tie| tie.clone().sort(true, false)).collect()
    }

    /// The argument of a call as an input column. A tag of a table has no values here; a tag that a
    /// subquery selects is text.
    fn argument(&mut self, name: &str, var: &VarRef) -> Result<Value> {
        let value = variable(self.planner.relation, var);
        let value = match value.value_type {
            ValueType::Null => return Ok(Value::null()),
            ValueType::Tag if !self.planner.relation.carries_rows(&var.name) => {
                return Ok(Value::null());
            }
            ValueType::Tag => Value::new(cast(value.expr, DataType::Utf8), ValueType::String),
            _ => value,
        };
        if !takes(name, value.value_type) {
            return invalid(format!(
                "{name} of a {} is not possible: \"{}\" of \"{}\" is one",
                value.value_type, var.name, self.planner.relation.name
            ));
        }
        Ok(Value::new(self.inputs.add(value.expr), value.value_type))
    }

    /// An aggregate or a selector, over the columns of the aggregation.
    fn call(&mut self, call: &Call) -> Result<Value> {
        let (name, distinct, var) = match call.args.first() {
            Some(Expr::Var(var)) => (call.name.as_str(), false, var),
            Some(Expr::Call(inner)) => match inner.args.first() {
                Some(Expr::Var(var)) => (call.name.as_str(), true, var),
                _ => return Ok(Value::null()),
            },
            _ => return Ok(Value::null()),
        };
        let argument = self.argument(name, var)?;
        if argument.value_type == ValueType::Null {
            // Beside tables that have the column, a number fills the counts of those that lack it.
            let filled = matches!(
                self.planner.query.clauses.fill,
                Fill::Integer(_) | Fill::Float(_)
            );
            let no_count = lit(ScalarValue::Int64(None));
            return Ok(match name == "count" && filled {
                true => Value::new(no_count, ValueType::Integer),
                false => Value::null(),
            });
        }
        let value_type = match name {
            "count" => ValueType::Integer,
            "mean" | "median" | "stddev" | "integral" => ValueType::Float,
            _ => argument.value_type,
        };
        let value = argument.expr.clone();
        let expr = match name {
            "count" if distinct => self.aggregate(count_distinct(value)),
            "count" => self.aggregate(count(value)),
            "sum" => self.aggregate(sum(value)),
            "mean" => self.aggregate(avg(argument.float())),
            "median" => self.aggregate(median(argument.float())),
            "stddev" => self.aggregate(stddev(argument.float())),
            "spread" => {
                let highest = self.aggregate(max(value.clone()));
                highest - self.aggregate(min(value))
            }
            "min" => self.aggregate(min(value)),
            "max" => self.aggregate(max(value)),
            "mode" => self.aggregate(aggregates::mode(value, column(TIME))),
            "percentile" => self.aggregate(aggregates::percentile(value, percent(call))),
            "integral" => self.integral(call, argument)?,
            _ => self.of_chosen_row(call, value, &argument)?,
        };
        Ok(Value::new(expr, value_type))
    }

    fn integral(&mut self, call: &Call, argument: Value) -> Result<PlanExpr> {
        let unit = match call.args.get(1) {
            Some(Expr::Duration(nanos)) => *nanos,
            _ => NANOS_PER_SECOND,
        };
        let mut order = vec![column(TIME).sort(true, false)];
        order.extend(self.tie_order());
        let buckets = self.planner.query.clauses.buckets.clone();
        let groups = self.planner.group_columns();
        let name = format!("p{}", self.parts.len());
        let parts = integral::parts(buckets, argument.float(), column(TIME), groups, order)?;
        self.parts.push(parts.alias(&name));
        Ok(self.aggregate(sum(column(&name))) / lit(unit as f64))
    }

    /// What a selector finds in the row it chooses; `value` is its argument.
    fn of_chosen_row(
        &mut self,
        selector: &Call,
        value: PlanExpr,
        wanted: &Value,
    ) -> Result<PlanExpr> {
        let time = column(TIME);
        let mut order = match selector.name.as_str() {
            "first" => vec![time.sort(true, false)],
            "last" => vec![time.sort(false, false)],
            "min" => vec![value.clone().sort(true, false), time.sort(true, false)],
            _ => vec![value.clone().sort(false, false), time.sort(true, false)],
        };
        order.extend(self.tie_order());
        // For booleans there is only a slow way, one object a group, which also miscounts its memory.
        let boolean = wanted.value_type == ValueType::Boolean;
        let shown = match boolean {
            true => cast(wanted.expr.clone(), DataType::Int8),
            false => wanted.expr.clone(),
        };
        let chosen = first_value_udaf().call(vec![shown]).order_by(order);
        let chosen = self.aggregate(chosen.filter(value.is_not_null()).build()?);
        Ok(match boolean {
            true => cast(chosen, DataType::Boolean),
            false => chosen,
        })
    }

    /// A column beside the only selector.
    fn chosen(&mut self, var: &VarRef) -> Result<Value> {
        let value = variable(self.planner.relation, var);
        let Some(selector) = self.selector else {
            return invalid("mixing aggregate and non-aggregate columns is not supported");
        };
        let value = match value.value_type {
            ValueType::Null => return Ok(Value::null()),
            // Text is kept more cheaply than dictionaries while groups are built.
            ValueType::Tag => Value::new(cast(value.expr, DataType::Utf8), ValueType::Tag),
            _ => value,
        };
        let wanted = Value::new(self.inputs.add(value.expr), value.value_type);
        let expr = self.of_selected(selector, &wanted)?;
        Ok(Value::new(expr, wanted.value_type))
    }

    /// What stands in the row of the only selector.
    fn of_selected(&mut self, selector: &Call, wanted: &Value) -> Result<PlanExpr> {
        let Some(Expr::Var(var)) = selector.args.first() else {
            return Ok(Value::null().expr);
        };
        let argument = self.argument(&selector.name, var)?;
        self.of_chosen_row(selector, argument.expr, wanted)
    }
}

/// The aggregate over the rows that satisfy a condition as well.
fn filtered(aggregate: PlanExpr, condition: PlanExpr) -> PlanExpr {
    let PlanExpr::AggregateFunction(mut function) = aggregate else {
        return aggregate;
    };
    let both = match function.params.filter.take() {
        Some(known) => known.and(condition),
        None => condition,
    };
    function.params.filter = Some(Box::new(both));
    PlanExpr::AggregateFunction(function)
}

/// The second argument of `percentile`.
pub(super) fn percent(call: &Call) -> f64 {
    match call.args.get(1) {
        Some(Expr::Integer(value)) => *value as f64,
        Some(Expr::Float(value)) => *value,
        _ => 0.0,
    }
}

impl Planner<'_> {
    /// The first selector among the fields.
    pub(super) fn selector(&self) -> Option<&Call> {
        let mut selector = None;
        for field in &self.query.fields {
            field.expr.walk(&mut |expr| {
                if let Expr::Call(call) = expr
                    && kind(&call.name) == Some(Kind::Selector)
                    && selector.is_none()
                {
                    selector = Some(call);
                }
            });
        }
        selector
    }

    /// Every class with aggregates, and selectors that can be computed as such.
    pub(super) fn aggregate(&self) -> Result<Planned> {
        let mut calls = Calls {
            planner: self,
            inputs: Inputs::default(),
            ties: None,
            parts: Vec::new(),
            aggregates: Vec::new(),
            results: Vec::new(),
            windows: Windows::default(),
            selector: self.selector(),
            looks_back: false,
        };
        let (fields, planned) = self.fields(&mut calls)?;
        let time = match (self.query.class, calls.selector) {
            (Class::Selector, Some(selector)) => {
                let time = Value::new(column(TIME), ValueType::Integer);
                calls.of_selected(selector, &time)?
            }
            _ if self.query.clauses.buckets.is_some() => column(BUCKET),
            _ => self.group_time(),
        };
        let Calls {
            inputs,
            parts,
            aggregates,
            results,
            windows,
            ..
        } = calls;
        let plan = self.inputs(inputs, parts)?;
        let plan = self.grouped(plan, aggregates)?;
        let mut exprs = self.group_columns();
        exprs.push(time.alias(TIME));
        exprs.extend(
            results
                .iter()
                .enumerate()
                .map(|(at, result)| result.expr.clone().alias(CallResult::name(at))),
        );
        let plan = plan.project(exprs)?.build()?;
        let plan = self.filled_results(plan, &results)?;
        let plan = self.with_room(plan)?;
        let plan = self.windowed(plan, windows, &Order::default())?;
        let mut exprs = self.result_keys();
        exprs.extend(fields);
        if self.forecast_points() > 0 {
            exprs.push(column(REAL));
        }
        let plan = LogicalPlanBuilder::from(plan).project(exprs)?.build()?;
        self.limited(self.without_look_back(plan)?, planned, Order::default())
    }

    /// The rows as groups, time, bucket and arguments.
    pub(super) fn inputs(&self, inputs: Inputs, parts: Vec<PlanExpr>) -> Result<LogicalPlan> {
        let mut exprs = self.groups()?;
        exprs.push(column(TIME).alias(TIME));
        if let Some(buckets) = &self.query.clauses.buckets {
            exprs.push(buckets.of(column(TIME)).alias(BUCKET));
        }
        exprs.extend(inputs.into_exprs());
        let mut plan = self.rows()?.project(exprs)?;
        if !parts.is_empty() {
            plan = plan.window(parts)?;
        }
        Ok(plan.build()?)
    }

    /// The group columns, and the bucket where there is one.
    pub(super) fn keys(&self) -> Vec<PlanExpr> {
        let bucket = self.query.clauses.buckets.as_ref().map(|_| column(BUCKET));
        self.group_columns().into_iter().chain(bucket).collect()
    }

    fn grouped(&self, plan: LogicalPlan, aggregates: Vec<PlanExpr>) -> Result<LogicalPlanBuilder> {
        let keys = self.keys();
        let plan = LogicalPlanBuilder::from(plan);
        if !keys.is_empty() {
            return Ok(plan.aggregate(keys, aggregates)?);
        }
        // Without groups an aggregation has a row even if there are no rows; the statement has none.
        let rows = count(lit(1_i64)).alias(ROWS);
        let all = aggregates.into_iter().chain([rows]);
        Ok(plan
            .aggregate(keys, all)?
            .filter(column(ROWS).gt(lit(0_i64)))?)
    }

    fn filled_results(&self, plan: LogicalPlan, results: &[CallResult]) -> Result<LogicalPlan> {
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
        let start = |bound: Option<i64>| bound.and_then(|bound| buckets.start(bound));
        let grid = Grid {
            first: start(clauses.scan.lower),
            last: start(clauses.scan.upper),
            step: buckets.step(),
        };
        let time = self.query.groups.len();
        let fills = columns.iter().enumerate();
        let fills = fills.map(|(at, column)| (time + 1 + at, column.fill(clauses.fill)));
        let spec = gap_fill::Spec {
            groups: (0..time).collect(),
            time,
            grid,
            fills: fills.collect(),
            nulls_first: false,
        };
        let node = Arc::new(GapFill::try_new(plan, spec)?);
        Ok(LogicalPlan::Extension(Extension { node }))
    }

    /// How many points the statement forecasts.
    fn forecast_points(&self) -> usize {
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
    fn with_room(&self, plan: LogicalPlan) -> Result<LogicalPlan> {
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
        let time = self.query.groups.len();
        let spec = gap_fill::Spec {
            groups: (0..time).collect(),
            time,
            grid: Grid {
                first: clauses.scan.lower.and_then(|lower| buckets.start(lower)),
                last: self.last_bucket(clauses.scan.upper),
                step: buckets.step(),
            },
            fills: Vec::new(),
            nulls_first: false,
        };
        let node = Arc::new(GapFill::try_new(plan, spec)?);
        Ok(LogicalPlan::Extension(Extension { node }))
    }

    /// Without the bucket that was read only for the window functions, and the rows they leave empty.
    fn without_look_back(&self, plan: LogicalPlan) -> Result<LogicalPlan> {
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
        if clauses.fill == Fill::None && clauses.scan != clauses.bounds {
            // The first bucket may have rows before the range alone.
            let present = self.query.fields.iter().enumerate().map(|(at, field)| {
                let value = column(&field_column(at));
                // A count of none of them is 0.
                match &field.expr {
                    Expr::Call(call) if call.name == "count" => value.gt(lit(0_i64)),
                    _ => value.is_not_null(),
                }
            });
            if let Some(any) = present.reduce(PlanExpr::or) {
                plan = plan.filter(any)?;
            }
        }
        Ok(plan.build()?)
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

//! Aggregates and selectors, by group and time bucket, and the window functions over them.

use super::fill::{IN_RANGE, REAL, ROWS_IN_RANGE};
use super::limit::Order;
use super::window::Windows;
use super::{Inputs, Planned, Planner};
use crate::influxql::aggregates;
use crate::influxql::error::{Result, invalid};
use crate::influxql::expr::{Lower, variable};
use crate::influxql::functions::{Class, Kind, kind, looks_back, takes};
use crate::influxql::integral;
use crate::influxql::relation::{TIME, column};
use crate::influxql::types::{Value, ValueType};
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::functions_aggregate::expr_fn::{
    avg, count, count_distinct, max, median, min, stddev, sum,
};
use datafusion::functions_aggregate::first_last::first_value_udaf;
use datafusion::logical_expr::expr::Sort;
use datafusion::logical_expr::{
    Expr as PlanExpr, ExprFunctionExt, LogicalPlan, LogicalPlanBuilder, cast, lit, when,
};
use watershed_influxql::{Call, Expr, Fill, VarRef};

/// The start of a row's time bucket, beside the row's own time.
pub(super) const BUCKET: &str = "bucket";
/// The number of rows, where it decides whether there is a result at all.
const ROWS: &str = "rows";
const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// The value of a call, or of a column of a chosen row, after aggregation.
#[derive(Debug)]
pub(super) struct CallResult {
    /// What was called.
    pub(super) key: Expr,
    /// Whether it sees the bucket before the range.
    pub(super) looks_back: bool,
    /// Made of the columns of the aggregation.
    expr: PlanExpr,
    pub(super) value_type: ValueType,
}

impl CallResult {
    pub(super) fn name(at: usize) -> String {
        format!("c{at}")
    }

    pub(super) fn is_call_of(&self, name: &str) -> bool {
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
        let expr = match self.planner.in_range() {
            Some(in_range) if !self.looks_back => filtered(expr, in_range),
            _ => expr,
        };
        self.aggregates.push(expr.alias(&name));
        column(&name)
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
        let value_type = value.value_type;
        let argument = match self.planner.relation.subquery {
            // Arithmetic makes negative zeros.
            true => value.one_zero(),
            false => value.expr,
        };
        Ok(Value::new(self.inputs.add(argument), value_type))
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
            "count" if distinct => self.aggregate(count_distinct(argument.one_zero())),
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
        let mut aggregates = aggregates;
        let rows_in_range = self.rows_in_range(&results)?;
        let cut = rows_in_range.is_some();
        aggregates.extend(rows_in_range);
        let plan = self.inputs(inputs, parts)?;
        let (plan, in_range) = match (self.grouped(plan, aggregates)?, cut) {
            (plan, true) => self.marked(plan)?,
            (plan, false) => (plan, None),
        };
        let marked = in_range.is_some();
        let mut exprs = self.group_columns();
        exprs.push(time.alias(TIME));
        for (at, result) in results.iter().enumerate() {
            let expr = result.expr.clone();
            // A count of rows before the range alone is nothing that could be 0.
            let expr = match cut && !result.looks_back && result.is_call_of("count") {
                true => when(column(ROWS_IN_RANGE).gt(lit(0_i64)), expr).end()?,
                false => expr,
            };
            exprs.push(expr.alias(CallResult::name(at)));
        }
        exprs.extend(in_range);
        let plan = plan.project(exprs)?.build()?;
        let plan = self.filled_results(plan, &results)?;
        let mut plan = self.with_room(plan)?;
        if marked {
            plan = self.cut_to_range(plan, &results)?;
        }
        let plan = self.windowed(plan, windows, &Order::default())?;
        let mut exprs = self.result_keys();
        exprs.extend(fields);
        if self.forecast_points() > 0 {
            exprs.push(column(REAL));
        }
        exprs.extend(marked.then(|| column(IN_RANGE)));
        let plan = LogicalPlanBuilder::from(plan).project(exprs)?.build()?;
        self.limited(
            self.without_look_back(plan, marked)?,
            planned,
            Order::default(),
        )
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
}

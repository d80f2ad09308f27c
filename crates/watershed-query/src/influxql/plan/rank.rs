//! What is chosen by its place in an order: `top`, `bottom`, the row of a `percentile`, and `distinct`.

use super::aggregate::{BUCKET, percent};
use super::fill::FillColumn;
use super::limit::Order;
use super::{Inputs, Planned, Planner, RANK};
use crate::influxql::error::{Result, invalid};
use crate::influxql::expr::{Lower, variable};
use crate::influxql::functions::{Class, Kind, kind};
use crate::influxql::relation::{TIME, column};
use crate::influxql::types::{Value, ValueType};
use arrow::datatypes::DataType;
use datafusion::functions::math::expr_fn::floor;
use datafusion::functions_aggregate::count::count_udaf;
use datafusion::functions_aggregate::expr_fn::min;
use datafusion::functions_window::row_number::row_number;
use datafusion::logical_expr::expr::{Sort, WindowFunction};
use datafusion::logical_expr::{
    Expr as PlanExpr, ExprFunctionExt, LogicalPlanBuilder, WindowFunctionDefinition, cast, lit,
};
use watershed_influxql::{Call, Expr};

/// Fields over rows of which some call chooses: the call is its argument there.
struct RankedRows<'a> {
    planner: &'a Planner<'a>,
    inputs: Inputs,
}

impl RankedRows<'_> {
    fn argument(&mut self, call: &Call) -> Value {
        match call.args.first() {
            Some(Expr::Var(var)) => {
                let value = variable(self.planner.relation, var);
                match value.value_type {
                    ValueType::Null => Value::null(),
                    ValueType::Tag if !self.planner.relation.carries_rows(&var.name) => {
                        Value::null()
                    }
                    ValueType::Tag => {
                        let text = cast(value.expr, DataType::Utf8);
                        Value::new(self.inputs.add(text), ValueType::String)
                    }
                    // Arithmetic makes negative zeros.
                    value_type if call.name == "distinct" || self.planner.relation.subquery => {
                        Value::new(self.inputs.add(value.one_zero()), value_type)
                    }
                    value_type => Value::new(self.inputs.add(value.expr), value_type),
                }
            }
            _ => Value::null(),
        }
    }
}

impl Lower for RankedRows<'_> {
    fn leaf(&mut self, expr: &Expr) -> Result<Value> {
        match expr {
            Expr::Call(call) => Ok(self.argument(call)),
            Expr::Var(var) => {
                let value = variable(self.planner.relation, var);
                if value.value_type == ValueType::Null {
                    return Ok(value);
                }
                Ok(Value::new(self.inputs.add(value.expr), value.value_type))
            }
            other => invalid(format!("unexpected expression {other}")),
        }
    }
}

impl Planner<'_> {
    /// Whether the statement shows the row of a percentile.
    pub(super) fn chooses_rank(&self) -> bool {
        let Some(selector) = self.selector().filter(|call| call.name == "percentile") else {
            return false;
        };
        let mut beside = false;
        for field in &self.query.fields {
            beside |= has_column_outside(&field.expr);
        }
        self.query.class == Class::Selector || (beside && selector.args.len() == 2)
    }

    /// One percentile, with the row it stands in.
    pub(super) fn percentile(&self) -> Result<Planned> {
        let mut lower = RankedRows {
            planner: self,
            inputs: Inputs::default(),
        };
        let Some(selector) = self.selector() else {
            return invalid("percentile is missing");
        };
        let value = lower.argument(selector);
        if !value.value_type.is_number() {
            return invalid(format!(
                "percentile of a {} is not possible",
                value.value_type
            ));
        }
        let ties = lower.inputs.add_all(self.ties());
        let (fields, planned) = self.fields(&mut lower)?;
        let order = by_value(value.expr.clone(), true, ties);
        let number = row_number()
            .partition_by(self.keys())
            .order_by(order)
            .build()?
            .alias("n");
        let function = WindowFunctionDefinition::AggregateUDF(count_udaf());
        let count = PlanExpr::from(WindowFunction::new(function, vec![value.expr.clone()]));
        let count = count.partition_by(self.keys()).build()?.alias("m");
        let percent = lit(percent(selector));
        let part = cast(column("m"), DataType::Float64) * percent / lit(100.0);
        let rank = floor(part + lit(0.5));
        let plan = LogicalPlanBuilder::from(self.inputs(lower.inputs, Vec::new())?)
            .filter(value.expr.is_not_null())?
            .window(vec![number])?
            .window(vec![count])?
            .filter(cast(column("n"), DataType::Float64).eq(rank))?;
        let buckets = self.query.clauses.buckets.is_some();
        let mut exprs = self.group_columns();
        exprs.push(column(if buckets { BUCKET } else { TIME }).alias(TIME));
        exprs.extend(fields);
        let columns = planned.iter().zip(&self.query.fields);
        let columns = columns.map(|(planned, field)| FillColumn {
            value_type: planned.value_type,
            counts: false,
            chosen: has_column_outside(&field.expr),
        });
        let plan = self.filled(plan.project(exprs)?.build()?, columns.collect())?;
        self.limited(plan, planned, Order::default())
    }

    /// `top` and `bottom`.
    pub(super) fn top_bottom(&self) -> Result<Planned> {
        let Some(call) = self.top_call() else {
            return invalid("top is missing");
        };
        let mut lower = RankedRows {
            planner: self,
            inputs: Inputs::default(),
        };
        let value = lower.argument(call);
        if !value.value_type.is_number() {
            return invalid(format!(
                "{} of a {} is not possible",
                call.name, value.value_type
            ));
        }
        let tags = &call.args[1..call.args.len() - 1];
        let tags = tags
            .iter()
            .map(|tag| Ok(lower.leaf(tag)?.expr))
            .collect::<Result<Vec<_>>>()?;
        let ties = lower.inputs.add_all(self.ties());
        let (fields, planned) = self.fields(&mut lower)?;
        let plan = self.inputs(lower.inputs, Vec::new())?;
        let mut plan = LogicalPlanBuilder::from(plan).filter(value.expr.clone().is_not_null())?;
        let order = by_value(value.expr, call.name == "bottom", ties);
        if !tags.is_empty() {
            // First the best row of each tuple of tags.
            let tuples = self.keys().into_iter().chain(tags).collect();
            let number = row_number()
                .partition_by(tuples)
                .order_by(order.clone())
                .build()?;
            plan = plan.window(vec![number.alias("of_tags")])?;
            plan = plan.filter(cast(column("of_tags"), DataType::Int64).eq(lit(1_i64)))?;
        }
        let limit = match call.args.last() {
            Some(Expr::Integer(limit)) => *limit,
            _ => 0,
        };
        let number = row_number()
            .partition_by(self.keys())
            .order_by(order)
            .build()?
            .alias("n");
        plan = plan.window(vec![number])?;
        plan = plan.filter(cast(column("n"), DataType::Int64).lt_eq(lit(limit)))?;
        let mut exprs = self.result_keys();
        exprs.extend(fields);
        self.limited(plan.project(exprs)?.build()?, planned, Order::default())
    }

    fn top_call(&self) -> Option<&Call> {
        let mut found = None;
        for field in &self.query.fields {
            field.expr.walk(&mut |expr| {
                if let Expr::Call(call) = expr
                    && kind(&call.name) == Some(Kind::TopBottom)
                {
                    found = Some(call);
                }
            });
        }
        found
    }

    /// `distinct` alone: the values in the order in which they first appear.
    pub(super) fn distinct(&self) -> Result<Planned> {
        let mut lower = RankedRows {
            planner: self,
            inputs: Inputs::default(),
        };
        let (fields, planned) = self.fields(&mut lower)?;
        // There is nothing in the list but the call, so its argument is the only input.
        let value = column(&Inputs::name(0));
        let mut keys = self.keys();
        keys.push(value);
        let plan = self.inputs(lower.inputs, Vec::new())?;
        let first = min(column(TIME)).alias(RANK);
        let plan = LogicalPlanBuilder::from(plan).aggregate(keys, vec![first])?;
        let mut exprs = self.group_columns();
        let buckets = self.query.clauses.buckets.is_some();
        exprs.push(
            if buckets {
                column(BUCKET)
            } else {
                self.group_time()
            }
            .alias(TIME),
        );
        exprs.extend(fields);
        exprs.push(column(RANK));
        let plan = plan.project(exprs)?.build()?;
        self.limited(plan, planned, Order::ranked())
    }
}

fn has_column_outside(expr: &Expr) -> bool {
    match expr {
        Expr::Var(_) => true,
        Expr::Call(call) if kind(&call.name).is_some() => false,
        other => other.children().into_iter().any(has_column_outside),
    }
}

/// Rows by value, then time, then tags.
fn by_value(value: PlanExpr, ascending: bool, ties: Vec<PlanExpr>) -> Vec<Sort> {
    let mut order = vec![value.sort(ascending, false), column(TIME).sort(true, false)];
    order.extend(ties.into_iter().map(|tie| tie.sort(true, false)));
    order
}

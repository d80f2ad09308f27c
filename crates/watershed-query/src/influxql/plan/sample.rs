//! `sample`: rows chosen at random, with the times and values they have.

use super::limit::Order;
use super::{Inputs, Planned, Planner};
use crate::influxql::error::{Result, invalid};
use crate::influxql::expr::{Lower, variable};
use crate::influxql::functions::arguments::sample;
use crate::influxql::random_order::random_key;
use crate::influxql::relation::{TIME, column};
use crate::influxql::types::{Value, ValueType};
use arrow::datatypes::DataType;
use datafusion::functions_window::row_number::row_number;
use datafusion::logical_expr::{
    Expr as PlanExpr, ExprFunctionExt, LogicalPlan, LogicalPlanBuilder, cast, lit, when,
};
use watershed_influxql::{Call, Expr};

/// The place of a row in the random order.
const KEY: &str = "key";

/// A call: its values and how many of them it takes. They are the same for equal calls.
#[derive(Debug, PartialEq)]
struct Sample {
    value: PlanExpr,
    rows: i64,
}

impl Sample {
    /// The column with the values that were chosen.
    fn name(at: usize) -> String {
        format!("s{at}")
    }
}

/// Fields over rows of which calls choose some.
struct SampledRows<'a> {
    planner: &'a Planner<'a>,
    inputs: Inputs,
    samples: Vec<Sample>,
}

impl SampledRows<'_> {
    fn sample(&mut self, call: &Call) -> Result<Value> {
        let rows = sample(call)?;
        let Some(Expr::Var(var)) = call.args.first() else {
            return Ok(Value::null());
        };
        let value = variable(self.planner.relation, var);
        let value = match value.value_type {
            ValueType::Null => return Ok(Value::null()),
            ValueType::Tag if !self.planner.relation.carries_rows(&var.name) => {
                return Ok(Value::null());
            }
            ValueType::Tag => Value::new(cast(value.expr, DataType::Utf8), ValueType::String),
            _ => value,
        };
        let wanted = Sample {
            value: self.inputs.add(value.expr),
            rows,
        };
        let known = self.samples.iter().position(|known| *known == wanted);
        let at = known.unwrap_or_else(|| {
            self.samples.push(wanted);
            self.samples.len() - 1
        });
        Ok(Value::new(column(&Sample::name(at)), value.value_type))
    }
}

impl Lower for SampledRows<'_> {
    fn leaf(&mut self, expr: &Expr) -> Result<Value> {
        match expr {
            Expr::Call(call) => self.sample(call),
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
    /// The rows that a `sample` of the statement chooses in their group and bucket. Rows keep their times, and
    /// empty buckets stay empty, as in 1.x.
    pub(super) fn sample(&self) -> Result<Planned> {
        let mut lower = SampledRows {
            planner: self,
            inputs: Inputs::default(),
            samples: Vec::new(),
        };
        let (fields, planned) = self.fields(&mut lower)?;
        let SampledRows {
            mut inputs,
            samples,
            ..
        } = lower;
        let ties = inputs.add_all(self.ties());
        let order = Order::ties(ties.clone());
        let plan = self.chosen_rows(self.inputs(inputs, Vec::new())?, &samples, &ties)?;
        let mut exprs = self.result_keys();
        exprs.extend(fields);
        exprs.extend(order.columns());
        let plan = LogicalPlanBuilder::from(plan).project(exprs)?.build()?;
        self.limited(plan, planned, order)
    }

    /// The rows with the values each sample chose, under its name, without those that none chose.
    fn chosen_rows(
        &self,
        plan: LogicalPlan,
        samples: &[Sample],
        ties: &[PlanExpr],
    ) -> Result<LogicalPlan> {
        let mut columns: Vec<PlanExpr> = plan
            .schema()
            .columns()
            .into_iter()
            .map(Into::into)
            .collect();
        let key = random_key(self.query.clauses.seed, columns.clone());
        let mut with_key = columns.clone();
        with_key.push(key.alias(KEY));
        let mut numbers = Vec::new();
        for (at, sample) in samples.iter().enumerate() {
            let mut order = vec![
                sample.value.clone().is_null().sort(true, false),
                column(KEY).sort(true, false),
                column(TIME).sort(true, false),
            ];
            order.extend(ties.iter().map(|tie| tie.clone().sort(true, false)));
            let number = row_number().partition_by(self.keys()).order_by(order);
            numbers.push(number.build()?.alias(number_name(at)));
        }
        let mut any = lit(false);
        for (at, sample) in samples.iter().enumerate() {
            let number = cast(column(&number_name(at)), DataType::Int64);
            let chosen = sample
                .value
                .clone()
                .is_not_null()
                .and(number.lt_eq(lit(sample.rows)));
            let value = when(chosen.clone(), sample.value.clone()).end()?;
            columns.push(value.alias(Sample::name(at)));
            any = any.or(chosen);
        }
        let mut builder = LogicalPlanBuilder::from(plan).project(with_key)?;
        // One by one: the window functions of a node have one order.
        for number in numbers {
            builder = builder.window(vec![number])?;
        }
        Ok(builder.filter(any)?.project(columns)?.build()?)
    }
}

fn number_name(at: usize) -> String {
    format!("n{at}")
}

//! Window functions, over fields and over aggregates.

use super::limit::Order;
use super::{Inputs, Planned, Planner, field_column, group_column, time_filters};
use crate::influxql::error::{Error, Result, invalid};
use crate::influxql::expr::{Lower, variable};
use crate::influxql::forecast::Forecast;
use crate::influxql::functions::arguments::{forecast, technical};
use crate::influxql::relation::{TIME, column};
use crate::influxql::time_range::Bounds;
use crate::influxql::types::{Value, ValueType};
use crate::influxql::windows::{SeriesWindow, WindowCall, WindowFunction};
use arrow::compute::SortOptions;
use datafusion::logical_expr::{
    Expr as PlanExpr, Extension, LogicalPlan, LogicalPlanBuilder, when,
};
use std::sync::Arc;
use watershed_influxql::{Call, Expr};

const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// The window functions of a statement, those that others use first.
#[derive(Debug, Default)]
pub(super) struct Windows {
    levels: Vec<Vec<Windowed>>,
    names: Vec<(String, usize)>,
}

/// A function and what it works on.
#[derive(Debug)]
struct Windowed {
    name: String,
    function: Function,
    argument: PlanExpr,
}

/// What is computed of an argument.
#[derive(Debug)]
enum Function {
    /// Along the rows of a group.
    Walk(WindowFunction),
    /// Of all rows of a group together.
    Forecast(Forecast),
}

impl Windows {
    /// The column that holds the value of the function.
    fn add(&mut self, argument: PlanExpr, function: Function) -> PlanExpr {
        let level = argument
            .column_refs()
            .into_iter()
            .filter_map(|used| self.names.iter().find(|(name, _)| *name == used.name))
            .map(|(_, level)| level + 1)
            .max()
            .unwrap_or(0);
        let name = format!("w{}", self.names.len());
        if self.levels.len() <= level {
            self.levels.resize_with(level + 1, Vec::new);
        }
        self.levels[level].push(Windowed {
            name: name.clone(),
            function,
            argument,
        });
        self.names.push((name.clone(), level));
        column(&name)
    }
}

/// The arguments of a level as columns of the plan, which get names of their own where they are computed.
fn arguments(
    plan: LogicalPlan,
    level: Vec<(String, WindowFunction, PlanExpr)>,
) -> Result<(LogicalPlan, Vec<WindowCall>)> {
    let mut exprs: Vec<PlanExpr> = plan
        .schema()
        .columns()
        .into_iter()
        .map(Into::into)
        .collect();
    let known = exprs.len();
    let mut named = Vec::with_capacity(level.len());
    for (name, function, argument) in level {
        let argument = match argument {
            PlanExpr::Column(column) => column.name,
            computed => {
                let name = format!("{name}_of");
                exprs.push(computed.alias(&name));
                name
            }
        };
        named.push((name, function, argument));
    }
    let plan = match exprs.len() == known {
        true => plan,
        false => LogicalPlanBuilder::from(plan).project(exprs)?.build()?,
    };
    let mut calls = Vec::with_capacity(named.len());
    for (name, function, argument) in named {
        let argument = index_of(&plan, &argument)?;
        calls.push(WindowCall {
            function,
            argument,
            name,
        });
    }
    Ok((plan, calls))
}

/// The place of a column of the plan.
fn index_of(plan: &LogicalPlan, name: &str) -> Result<usize> {
    let at = plan.schema().index_of_column_by_name(None, name);
    at.ok_or_else(|| Error::Invalid(format!("there is no column {name}")))
}

impl Planner<'_> {
    /// A window function over what its argument is here.
    pub(super) fn window(
        &self,
        call: &Call,
        argument: Value,
        windows: &mut Windows,
    ) -> Result<Value> {
        let takes_anything = call.name == "elapsed";
        if argument.value_type == ValueType::Null || argument.value_type == ValueType::Tag {
            return Ok(Value::null());
        }
        if !argument.value_type.is_number() && !takes_anything {
            return invalid(format!(
                "{} of a {} is not possible",
                call.name, argument.value_type
            ));
        }
        let buckets = self.query.clauses.buckets.as_ref();
        let interval = buckets.map_or(0, |buckets| buckets.nanos());
        if let Some(forecast) = forecast(call, interval)? {
            let argument = argument.float();
            let result = windows.add(argument, Function::Forecast(forecast));
            return Ok(Value::new(result, ValueType::Float));
        }
        let function = match technical(call)? {
            Some(technical) => WindowFunction::Technical(technical),
            None => self.window_function(call),
        };
        let value_type = match &function {
            WindowFunction::Elapsed { .. } => ValueType::Integer,
            WindowFunction::Derivative { .. }
            | WindowFunction::MovingAverage { .. }
            | WindowFunction::Technical(_) => ValueType::Float,
            _ => argument.value_type,
        };
        let values = match function {
            // It begins with the range, also beside functions that look back.
            WindowFunction::CumulativeSum => self.within_range(argument.expr)?,
            _ => argument.expr,
        };
        let result = windows.add(values, Function::Walk(function));
        Ok(Value::new(result, value_type))
    }

    /// The value, and null in the bucket that is read before the range.
    fn within_range(&self, value: PlanExpr) -> Result<PlanExpr> {
        let clauses = &self.query.clauses;
        let Some(buckets) = clauses.buckets.as_ref() else {
            return Ok(value);
        };
        if clauses.grid == clauses.bounds {
            return Ok(value);
        }
        let start = |bound: Option<i64>| bound.and_then(|bound| buckets.start(bound));
        let inside = time_filters(Bounds {
            lower: start(clauses.bounds.lower),
            upper: start(clauses.bounds.upper),
        });
        match inside.reduce(PlanExpr::and) {
            Some(inside) => Ok(when(inside, value).end()?),
            None => Ok(value),
        }
    }

    /// Plans the functions, level by level, over rows in that order.
    pub(super) fn windowed(
        &self,
        mut plan: LogicalPlan,
        windows: Windows,
        order: &Order,
    ) -> Result<LogicalPlan> {
        for level in windows.levels {
            let (mut walks, mut forecasts) = (Vec::new(), Vec::new());
            for Windowed {
                name,
                function,
                argument,
            } in level
            {
                match function {
                    Function::Walk(function) => walks.push((name, function, argument)),
                    Function::Forecast(forecast) => {
                        // Forward in time, in whatever order the rows are shown.
                        let order = vec![column(TIME).sort(true, false)];
                        let groups = self.group_columns();
                        let result = forecast.over(argument, column(TIME), groups, order)?;
                        forecasts.push(result.alias(name));
                    }
                }
            }
            if !forecasts.is_empty() {
                plan = LogicalPlanBuilder::from(plan).window(forecasts)?.build()?;
            }
            if walks.is_empty() {
                continue;
            }
            let (input, calls) = arguments(plan, walks)?;
            let groups = (0..self.query.groups.len())
                .map(|at| index_of(&input, &group_column(at)))
                .collect::<Result<Vec<_>>>()?;
            let order = self
                .order(order)
                .into_iter()
                .map(|sort| match &sort.expr {
                    PlanExpr::Column(column) => {
                        let options = SortOptions {
                            descending: !sort.asc,
                            nulls_first: sort.nulls_first,
                        };
                        Ok((index_of(&input, &column.name)?, options))
                    }
                    other => invalid(format!("rows can't be ordered by {other}")),
                })
                .collect::<Result<Vec<_>>>()?;
            let node = Arc::new(SeriesWindow::try_new(input, groups, order, calls)?);
            plan = LogicalPlan::Extension(Extension { node });
        }
        Ok(plan)
    }

    fn window_function(&self, call: &Call) -> WindowFunction {
        let unit = match call.args.get(1) {
            Some(Expr::Duration(nanos)) => Some(*nanos),
            _ => None,
        };
        let interval = self
            .query
            .clauses
            .buckets
            .as_ref()
            .map(|buckets| buckets.nanos());
        let of_rate = unit.or(interval).unwrap_or(NANOS_PER_SECOND);
        let non_negative = call.name.starts_with("non_negative");
        match call.name.as_str() {
            "derivative" | "non_negative_derivative" => WindowFunction::Derivative {
                unit: of_rate,
                non_negative,
            },
            "elapsed" => WindowFunction::Elapsed {
                unit: unit.unwrap_or(1),
            },
            "cumulative_sum" => WindowFunction::CumulativeSum,
            "moving_average" => {
                let points = match call.args.get(1) {
                    Some(Expr::Integer(points)) => usize::try_from(*points).unwrap_or(usize::MAX),
                    _ => 1,
                };
                WindowFunction::MovingAverage { points }
            }
            _ => WindowFunction::Difference { non_negative },
        }
    }

    /// Window functions over fields.
    pub(super) fn raw_window(&self) -> Result<Planned> {
        let mut inputs = Inputs::default();
        let order = Order::ties(inputs.add_all(self.ties()));
        let mut lower = WindowRows {
            planner: self,
            inputs,
            windows: Windows::default(),
        };
        let (fields, planned) = self.fields(&mut lower)?;
        let WindowRows {
            inputs, windows, ..
        } = lower;
        let mut exprs = self.groups()?;
        exprs.push(column(TIME).alias(TIME));
        exprs.extend(inputs.into_exprs());
        let plan = self.windowed(self.rows()?.project(exprs)?.build()?, windows, &order)?;
        let mut results = self.result_keys();
        results.extend(fields);
        results.extend(order.columns());
        let plan = LogicalPlanBuilder::from(plan).project(results)?;
        let plan = plan.filter(self.has_window_value())?.build()?;
        self.limited(plan, planned, order)
    }

    /// Whether a window column of the row has a value.
    pub(super) fn has_window_value(&self) -> PlanExpr {
        let fields = self.query.fields.iter().enumerate();
        let windowed = fields.filter(|(_, field)| Self::is_windowed(&field.expr));
        let present = windowed.map(|(at, _)| column(&field_column(at)).is_not_null());
        present
            .reduce(PlanExpr::or)
            .unwrap_or_else(|| datafusion::logical_expr::lit(true))
    }
}

/// Fields made of window functions over rows.
struct WindowRows<'a> {
    planner: &'a Planner<'a>,
    inputs: Inputs,
    windows: Windows,
}

impl Lower for WindowRows<'_> {
    fn leaf(&mut self, expr: &Expr) -> Result<Value> {
        let Expr::Call(call) = expr else {
            return invalid("mixing aggregate and non-aggregate columns is not supported");
        };
        let argument = match call.args.first() {
            Some(Expr::Var(var)) => variable(self.planner.relation, var),
            _ => Value::null(),
        };
        let argument = match argument.value_type {
            ValueType::Null | ValueType::Tag => Value::null(),
            value_type => Value::new(self.inputs.add(argument.expr), value_type),
        };
        self.planner.window(call, argument, &mut self.windows)
    }
}

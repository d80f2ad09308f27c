//! The plan of a [`Query`] over one [`Relation`].
//!
//! Every class ends in the same columns ([`Planned`]); between them lie, as far as the class needs them:
//!
//! 1. the rows: those with a value in a selected field, in the range, that satisfy the condition;
//! 2. the *inputs*: a projection to the group columns, time and the arguments, under names of our own,
//!    so that no column of a table can be confused with one of ours;
//! 3. the aggregation by groups and time bucket, and the values of the calls made of it;
//! 4. filling of empty buckets;
//! 5. window functions;
//! 6. the fields: expressions over what the calls gave;
//! 7. `LIMIT` and `OFFSET` of each group.

mod aggregate;
mod fill;
mod limit;
mod rank;
mod sample;
mod window;

use super::condition;
use super::error::Result;
use super::expr::{Lower, Rows};
use super::functions::Class;
use super::relation::{Relation, RelationColumn, TIME, column};
use super::select::{Query, QueryField};
use super::time_range::Bounds;
use super::types::{Value, ValueType, instant};
use datafusion::logical_expr::expr::Sort;
use datafusion::logical_expr::{Expr as PlanExpr, LogicalPlan, LogicalPlanBuilder, lit};
use std::collections::BTreeMap;
use watershed_influxql::Expr;

/// The name of a group column.
pub(super) fn group_column(at: usize) -> String {
    format!("g{at}")
}

/// The name of a column of the result.
pub(super) fn field_column(at: usize) -> String {
    format!("f{at}")
}

/// The column by which rows of one group and time are ordered, where that is not left open.
pub(super) const RANK: &str = "rank";

/// A column of the result, as far as its plan knows it.
#[derive(Debug, Clone)]
pub(super) struct PlannedField {
    pub(super) name: String,
    pub(super) value_type: ValueType,
    /// The column of the relation that it is without change, by its name there.
    pub(super) source: Option<String>,
}

/// The rows of a statement from one relation: the columns [`group_column`], [`TIME`], [`field_column`] and,
/// if `ranked`, [`RANK`]. In no order.
#[derive(Debug, Clone)]
pub(super) struct Planned {
    /// The table.
    pub(super) name: String,
    pub(super) plan: LogicalPlan,
    pub(super) groups: Vec<String>,
    pub(super) fields: Vec<PlannedField>,
    pub(super) ranked: bool,
}

impl Planned {
    /// The rows as what the statement around selects from. Groups without tag have no column there.
    pub(super) fn into_relation(self) -> Relation {
        let mut columns = BTreeMap::new();
        for (at, name) in self.groups.iter().enumerate() {
            let plan_name = group_column(at);
            let column = RelationColumn {
                plan_name,
                value_type: ValueType::Tag,
                widened: false,
                selected: false,
            };
            columns.insert(name.clone(), column);
        }
        for (at, field) in self.fields.iter().enumerate() {
            let plan_name = field_column(at);
            let value_type = field.value_type;
            columns.insert(
                field.name.clone(),
                RelationColumn {
                    plan_name,
                    value_type,
                    widened: false,
                    selected: true,
                },
            );
        }
        Relation {
            name: self.name,
            plan: self.plan,
            columns,
            subquery: true,
        }
    }
}

/// Plans the query over the relation; `None` when the relation has none of its fields.
pub(super) fn plan(relation: &Relation, query: &Query) -> Result<Option<Planned>> {
    let carries = |name: &&str| relation.carries_rows(name);
    let known = query.row_columns().into_iter().any(|name| carries(&name));
    if !known || !query.columns().iter().any(carries) {
        return Ok(None);
    }
    let planner = Planner { relation, query };
    let planned = match query.class {
        Class::Raw => planner.raw()?,
        Class::RawDistinct => planner.distinct()?,
        Class::Window => planner.raw_window()?,
        Class::TopBottom => planner.top_bottom()?,
        Class::Sample => planner.sample()?,
        Class::Selector | Class::Aggregate if planner.chooses_rank() => planner.percentile()?,
        Class::Selector
        | Class::Aggregate
        | Class::WindowAggregate
        | Class::WindowAggregateMixed => planner.aggregate()?,
    };
    Ok(Some(planned))
}

struct Planner<'a> {
    relation: &'a Relation,
    query: &'a Query,
}

impl Planner<'_> {
    /// The rows the statement is about.
    fn rows(&self) -> Result<LogicalPlanBuilder> {
        let mut plan = LogicalPlanBuilder::from(self.relation.plan.clone());
        for filter in time_filters(self.query.clauses.scan) {
            plan = plan.filter(filter)?;
        }
        if let Some(condition) = &self.query.clauses.condition {
            plan = plan.filter(condition::filter(self.relation, condition)?)?;
        }
        // A row of a subquery is there because the subquery made it, whatever is in it.
        if self.relation.subquery && self.query.class == Class::Raw {
            return Ok(plan);
        }
        let names = self.query.row_columns();
        let carrying = names
            .into_iter()
            .filter(|name| self.relation.carries_rows(name));
        let present = carrying.map(|name| self.relation.value(name).expr.is_not_null());
        match present.reduce(PlanExpr::or) {
            Some(any) => Ok(plan.filter(any)?),
            None => Ok(plan.filter(lit(false))?),
        }
    }

    /// The group columns of a row under their names.
    fn groups(&self) -> Result<Vec<PlanExpr>> {
        let groups = self.query.groups.iter().enumerate().map(|(at, name)| {
            let value = self.relation.value(name);
            // Grouping by what is no tag makes one group.
            let value = if value.value_type == ValueType::Tag {
                value
            } else {
                Value::null()
            };
            Ok(value.stored_as(ValueType::Tag)?.alias(group_column(at)))
        });
        groups.collect()
    }

    /// The group columns where they have their names already.
    fn group_columns(&self) -> Vec<PlanExpr> {
        (0..self.query.groups.len())
            .map(|at| column(&group_column(at)))
            .collect()
    }

    /// The tags that tell rows of one group and time apart, by name.
    fn ties(&self) -> Vec<Value> {
        let apart = self
            .relation
            .tags()
            .filter(|tag| !self.query.groups.iter().any(|g| g == tag));
        apart.map(|tag| self.relation.value(tag)).collect()
    }

    /// The order of rows in a group of the output, by time.
    fn by_time(&self) -> Sort {
        // There are no nulls in time. Gap filling sorts as if they came first: so that one sort does.
        column(TIME).sort(!self.query.clauses.descending, true)
    }

    /// `SELECT` without functions.
    fn raw(&self) -> Result<Planned> {
        let mut inputs = Inputs::default();
        let limited = self.query.clauses.limit.is_some() || self.query.clauses.offset > 0;
        let ties = if limited {
            inputs.add_all(self.ties())
        } else {
            Vec::new()
        };
        let mut exprs = self.groups()?;
        exprs.push(column(TIME).alias(TIME));
        let (fields, planned) = self.fields(&mut Rows(self.relation))?;
        exprs.extend(fields);
        exprs.extend(inputs.into_exprs());
        let plan = self.rows()?.project(exprs)?.build()?;
        self.limited(plan, planned, limit::Order::ties(ties))
    }

    /// The fields as named expressions, and what they are.
    fn fields(&self, lower: &mut dyn LowerFields) -> Result<(Vec<PlanExpr>, Vec<PlannedField>)> {
        let (mut exprs, mut planned) = (Vec::new(), Vec::new());
        for (at, field) in self.query.fields.iter().enumerate() {
            let value = lower.field(&field.expr)?;
            let (value_type, name) = (value.value_type, field.name.clone());
            exprs.push(value.stored_as(value_type)?.alias(field_column(at)));
            planned.push(PlannedField {
                name,
                value_type,
                source: source(field),
            });
        }
        Ok((exprs, planned))
    }

    /// The time of rows that stand for a whole group: the first instant asked for, or the epoch.
    fn group_time(&self) -> PlanExpr {
        instant(self.query.clauses.bounds.lower.unwrap_or(0))
    }
}

/// [`Lower::value`] behind a pointer.
trait LowerFields {
    fn field(&mut self, expr: &Expr) -> Result<Value>;
}

impl<L: Lower> LowerFields for L {
    fn field(&mut self, expr: &Expr) -> Result<Value> {
        self.value(expr)
    }
}

/// The column a field shows unchanged but for a cast.
fn source(field: &QueryField) -> Option<String> {
    match &field.expr {
        Expr::Var(var) => Some(var.name.clone()),
        Expr::Call(call) if matches!(call.name.as_str(), "top" | "bottom") => {
            match call.args.first() {
                Some(Expr::Var(var)) => Some(var.name.clone()),
                _ => None,
            }
        }
        _ => None,
    }
}

fn time_filters(bounds: Bounds) -> impl Iterator<Item = PlanExpr> {
    let lower = bounds.lower.map(|lower| column(TIME).gt_eq(instant(lower)));
    let upper = bounds.upper.map(|upper| column(TIME).lt_eq(instant(upper)));
    lower.into_iter().chain(upper)
}

/// Arguments of functions, each computed once, under names of our own.
#[derive(Debug, Default)]
struct Inputs(Vec<PlanExpr>);

impl Inputs {
    fn name(at: usize) -> String {
        format!("a{at}")
    }

    /// The column that holds the value of the expression.
    fn add(&mut self, expr: PlanExpr) -> PlanExpr {
        let at = self
            .0
            .iter()
            .position(|known| *known == expr)
            .unwrap_or_else(|| {
                self.0.push(expr);
                self.0.len() - 1
            });
        column(&Self::name(at))
    }

    fn add_all(&mut self, values: Vec<Value>) -> Vec<PlanExpr> {
        values
            .into_iter()
            .map(|value| self.add(value.expr))
            .collect()
    }

    fn into_exprs(self) -> Vec<PlanExpr> {
        let named = self.0.into_iter().enumerate();
        named.map(|(at, expr)| expr.alias(Self::name(at))).collect()
    }
}

//! `SHOW … CARDINALITY`.
//!
//! What is counted, where:
//!
//! | statement | without condition and groups | else |
//! |---|---|---|
//! | `MEASUREMENT` | tables in the catalog | tables with rows that match |
//! | `TAG KEY`, `FIELD KEY` | columns in the catalog | columns with a value in rows that match |
//! | `SERIES`, `TAG VALUES` | rows | rows that match |
//!
//! There is one row for each table (`MEASUREMENT`: one for all) and group, and none where the count is 0.
//! Rows of all time count; a condition on time is refused, as in InfluxDB 1.x. Only `SHOW SERIES
//! CARDINALITY` without `EXACT` is an estimate, of a HyperLogLog of 2^14 registers: constant memory, a
//! standard error of 0.8 %, next to none below a hundred series.

use super::series::{distinct_series, tags_of};
use super::{Reach, batch, named, rows, series_key, tags, texts, union, window};
use crate::influxql::Planner;
use crate::influxql::condition::compile;
use crate::influxql::error::{Result, invalid};
use crate::influxql::plan::group_column;
use crate::influxql::relation::column;
use crate::influxql::result::{MEASUREMENT, Statement, group_key, group_metadata};
use crate::influxql::types::{ValueType, tag_data_type};
use arrow::array::{ArrayRef, Int64Array};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::functions::core::expr_fn::coalesce;
use datafusion::functions_aggregate::expr_fn::{approx_distinct, count, sum};
use datafusion::logical_expr::{
    Expr as PlanExpr, LogicalPlan, LogicalPlanBuilder, cast, lit, when,
};
use datafusion::scalar::ScalarValue;
use std::collections::BTreeSet;
use std::sync::Arc;
use watershed_influxql::{BinaryOp, Cardinality, Dimension, Expr, ShowCardinality, WildcardKind};
use watershed_model::{Column, TableSchema};

/// The column of a count.
const COUNT: &str = "count";
/// The column of an estimate.
const ESTIMATION: &str = "cardinality estimation";
/// The column of a tag's value.
const VALUE: &str = "value";

impl Planner<'_> {
    /// `SHOW … CARDINALITY`.
    pub(in crate::influxql) fn show_cardinality(
        &self,
        show: &ShowCardinality,
    ) -> Result<Statement> {
        self.check_database(show.on.as_deref(), None)?;
        check_time(show)?;
        let (skip, fetch) = window(show.limit, show.offset)?;
        let tables = self.tables(&show.from)?;
        let counting = Counting {
            planner: self,
            show,
            groups: groups(show, &tables)?,
        };
        // Nothing narrows the question down: the answer is one number for the database, 0 as well.
        let total = !show.exact
            && show.from.is_empty()
            && show.condition.is_none()
            && show.group_by.is_empty()
            && show.limit.is_none()
            && skip == 0;
        match &show.of {
            Cardinality::Measurements if total => {
                rows("", vec![(ESTIMATION, number(tables.len()))])
            }
            Cardinality::Series if total => counting.total(&tables),
            // LIMIT and OFFSET are of the rows of each series, which has one.
            _ if skip > 0 || fetch == Some(0) => counting.statement(Vec::new()),
            Cardinality::Measurements if counting.of_catalog() => match tables.len() {
                0 => counting.statement(Vec::new()),
                tables => rows("", vec![(COUNT, number(tables))]),
            },
            Cardinality::TagKeys if counting.of_catalog() => {
                columns(&tables, |table| table.tags().count())
            }
            Cardinality::FieldKeys if counting.of_catalog() => {
                columns(&tables, |table| table.fields().count())
            }
            Cardinality::Measurements => counting.measurements(&tables),
            _ => {
                let parts = tables.iter().map(|table| counting.of_table(table));
                let parts = parts.collect::<Result<Vec<_>>>()?;
                counting.statement(parts.into_iter().flatten().collect())
            }
        }
    }
}

fn check_time(show: &ShowCardinality) -> Result<()> {
    let is_time = |expr: &Expr| matches!(expr, Expr::Var(var) if var.is_time());
    let condition = show.condition.as_ref();
    if condition.is_some_and(|condition| condition.any(&mut |expr| is_time(expr))) {
        let name = match &show.of {
            Cardinality::Series => "SHOW SERIES EXACT CARDINALITY",
            Cardinality::Measurements => "SHOW MEASUREMENT EXACT CARDINALITY",
            Cardinality::TagKeys => "SHOW TAG KEY EXACT CARDINALITY",
            Cardinality::TagValues(_) => "SHOW TAG VALUES EXACT CARDINALITY",
            Cardinality::FieldKeys => "SHOW FIELD KEY CARDINALITY",
        };
        return invalid(format!("{name} doesn't support time in WHERE clause"));
    }
    Ok(())
}

/// The tags of `GROUP BY`, by name.
fn groups(show: &ShowCardinality, tables: &[Arc<TableSchema>]) -> Result<Vec<String>> {
    let known = || {
        let tags = tables.iter().flat_map(|table| table.tags());
        tags.map(|tag| tag.name.to_string())
    };
    let mut groups = BTreeSet::new();
    for dimension in &show.group_by {
        match dimension {
            Dimension::Tag(var) if !var.is_time() => {
                groups.insert(var.name.clone());
            }
            Dimension::Wildcard(None | Some(WildcardKind::Tag)) => groups.extend(known()),
            Dimension::Regex(regex) => {
                let regex = compile(regex)?;
                groups.extend(known().filter(|name| regex.is_match(name)));
            }
            Dimension::Wildcard(Some(WildcardKind::Field)) => {}
            Dimension::Time(_) | Dimension::Tag(_) => {
                return invalid(format!(
                    "{} can be grouped by tags only, not by time",
                    show.name()
                ));
            }
        }
    }
    Ok(groups.into_iter().collect())
}

/// A count for each table, from the catalog.
fn columns(
    tables: &[Arc<TableSchema>],
    count: impl Fn(&TableSchema) -> usize,
) -> Result<Statement> {
    let counted = tables
        .iter()
        .map(|table| (table.name().to_string(), count(table)));
    let (names, counts): (Vec<String>, Vec<usize>) = counted.filter(|(_, n)| *n > 0).unzip();
    let counts = counts.into_iter().map(as_i64).collect::<Int64Array>();
    batch(vec![(MEASUREMENT, texts(names)), (COUNT, Arc::new(counts))])
}

fn number(value: usize) -> ArrayRef {
    Arc::new(Int64Array::from(vec![as_i64(value)]))
}

fn as_i64(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The condition, in which a tag that a row lacks is not different from anything either: so InfluxDB 1.x
/// counts tag values, but only those.
fn present(condition: &Expr, table: &TableSchema) -> Expr {
    let Expr::Binary(binary) = condition else {
        return condition.clone();
    };
    let (left, right) = (&binary.left, &binary.right);
    if matches!(binary.op, BinaryOp::And | BinaryOp::Or) {
        return Expr::binary(binary.op, present(left, table), present(right, table));
    }
    let is_tag = |name: &str| table.tags().any(|tag| tag.name.as_str() == name);
    match left {
        Expr::Var(var)
            if matches!(binary.op, BinaryOp::NotEq | BinaryOp::NotMatches) && is_tag(&var.name) =>
        {
            let there = Expr::binary(BinaryOp::NotEq, left.clone(), Expr::String(String::new()));
            Expr::binary(BinaryOp::And, condition.clone(), there)
        }
        _ => condition.clone(),
    }
}

/// A statement whose answer takes rows.
struct Counting<'a> {
    planner: &'a Planner<'a>,
    show: &'a ShowCardinality,
    groups: Vec<String>,
}

impl Counting<'_> {
    /// Whether the catalog knows the answer.
    fn of_catalog(&self) -> bool {
        self.show.condition.is_none() && self.groups.is_empty()
    }

    /// The name of the column.
    fn column(&self) -> &'static str {
        match self.show.of {
            Cardinality::Series if !self.show.exact => ESTIMATION,
            _ => COUNT,
        }
    }

    fn matching(&self, table: &TableSchema) -> Result<Option<LogicalPlanBuilder>> {
        let condition = self.show.condition.as_ref();
        let narrowed = match self.show.of {
            Cardinality::TagValues(_) => condition.map(|condition| present(condition, table)),
            _ => None,
        };
        self.planner
            .matching(table, narrowed.as_ref().or(condition), Reach::All)
    }

    /// The groups as columns of rows of the table; what is no tag of it makes one group.
    fn group_exprs(&self, table: &TableSchema) -> Result<Vec<PlanExpr>> {
        let groups = self.groups.iter().enumerate().map(|(at, name)| {
            let value = match table.tags().any(|tag| tag.name.as_str() == name) {
                true => column(name),
                false => lit(ScalarValue::try_from(&tag_data_type())?),
            };
            Ok(value.alias(group_column(at)))
        });
        groups.collect()
    }

    /// The groups of rows that have them as columns.
    fn group_columns(&self) -> Vec<PlanExpr> {
        let groups = 0..self.groups.len();
        groups.map(|at| column(&group_column(at))).collect()
    }

    /// One row with the estimate for all tables together.
    fn total(&self, tables: &[Arc<TableSchema>]) -> Result<Statement> {
        let mut parts = Vec::new();
        for table in tables {
            parts.extend(self.of_table(table)?);
        }
        let Some(parts) = union(parts)? else {
            return rows("", vec![(ESTIMATION, number(0))]);
        };
        let sum = sum(column(ESTIMATION)).alias(COUNT);
        // The sum of no rows is null.
        let total = coalesce(vec![column(COUNT), lit(0_i64)]).alias(ESTIMATION);
        let plan = parts
            .aggregate(Vec::<PlanExpr>::new(), vec![sum])?
            .project(vec![lit("").alias(MEASUREMENT), total])?
            .build()?;
        Ok(self.described(plan))
    }

    /// The tables with rows that match, by group.
    fn measurements(&self, tables: &[Arc<TableSchema>]) -> Result<Statement> {
        let mut parts = Vec::new();
        for table in tables {
            let Some(rows) = self.matching(table)? else {
                continue;
            };
            let part = match self.groups.is_empty() {
                true => rows
                    .limit(0, Some(1))?
                    .project(vec![lit(true).alias(VALUE)])?,
                false => rows.project(self.group_exprs(table)?)?.distinct()?,
            };
            parts.push(part.build()?);
        }
        let Some(parts) = union(parts)? else {
            return self.statement(Vec::new());
        };
        let counted =
            parts.aggregate(self.group_columns(), vec![count(lit(1_i64)).alias(COUNT)])?;
        let part = self.part(counted, lit(""))?;
        self.statement(vec![part])
    }

    /// What is counted of one table: the columns of the statement; `None` when there is nothing to count.
    fn of_table(&self, table: &TableSchema) -> Result<Option<LogicalPlan>> {
        let Some(rows) = self.matching(table)? else {
            return Ok(None);
        };
        let counted = match &self.show.of {
            Cardinality::Series => self.series(rows, table)?,
            Cardinality::TagKeys => self.keys(rows, table, &tags(table, None)?)?,
            Cardinality::FieldKeys => {
                self.keys(rows, table, &table.fields().collect::<Vec<_>>())?
            }
            Cardinality::TagValues(keys) => {
                let Some(values) = self.values(&rows, table, &tags(table, Some(keys))?)? else {
                    return Ok(None);
                };
                values
            }
            Cardinality::Measurements => return Ok(None),
        };
        Ok(Some(self.part(counted, named(table))?))
    }

    fn series(&self, rows: LogicalPlanBuilder, table: &TableSchema) -> Result<LogicalPlanBuilder> {
        let mut exprs = self.group_exprs(table)?;
        if self.show.exact {
            exprs.push(lit(1_i64).alias(VALUE));
            let series = distinct_series(rows, table)?.project(exprs)?;
            let count = count(column(VALUE)).alias(self.column());
            return Ok(series.aggregate(self.group_columns(), vec![count])?);
        }
        exprs.push(series_key::hash(tags_of(table)).alias(VALUE));
        let count = approx_distinct(column(VALUE)).alias(self.column());
        Ok(rows
            .project(exprs)?
            .aggregate(self.group_columns(), vec![count])?)
    }

    /// How many of the columns have a value.
    fn keys(
        &self,
        rows: LogicalPlanBuilder,
        table: &TableSchema,
        keys: &[&Column],
    ) -> Result<LogicalPlanBuilder> {
        let mut inputs = self.group_exprs(table)?;
        let (mut counts, mut total) = (Vec::new(), lit(0_i64));
        for (at, key) in keys.iter().enumerate() {
            let (input, counted) = (format!("k{at}"), format!("n{at}"));
            inputs.push(column(key.name.as_str()).is_not_null().alias(&input));
            let present = when(column(&input), lit(true)).end()?;
            counts.push(count(present).alias(&counted));
            total =
                total + when(column(&counted).gt(lit(0_i64)), lit(1_i64)).otherwise(lit(0_i64))?;
        }
        let mut exprs = self.group_columns();
        exprs.push(total.alias(COUNT));
        if inputs.is_empty() {
            return Ok(rows.limit(0, Some(1))?.project(exprs)?);
        }
        Ok(rows
            .project(inputs)?
            .aggregate(self.group_columns(), counts)?
            .project(exprs)?)
    }

    /// How many values the tags have; one that several of them have counts once, as in InfluxDB 1.x.
    fn values(
        &self,
        rows: &LogicalPlanBuilder,
        table: &TableSchema,
        tags: &[&Column],
    ) -> Result<Option<LogicalPlanBuilder>> {
        let mut parts = Vec::new();
        for tag in tags {
            let mut exprs = self.group_exprs(table)?;
            exprs.push(cast(column(tag.name.as_str()), DataType::Utf8).alias(VALUE));
            let values = rows
                .clone()
                .filter(column(tag.name.as_str()).is_not_null())?;
            parts.push(values.project(exprs)?.distinct()?.build()?);
        }
        let several = parts.len() > 1;
        let Some(mut values) = union(parts)? else {
            return Ok(None);
        };
        if several {
            values = values.distinct()?;
        }
        let count = count(column(VALUE)).alias(COUNT);
        Ok(Some(values.aggregate(self.group_columns(), vec![count])?))
    }

    /// Counts, of which those of nothing are left out, with the name of the series before them.
    fn part(&self, counted: LogicalPlanBuilder, name: PlanExpr) -> Result<LogicalPlan> {
        let mut exprs = vec![name.alias(MEASUREMENT)];
        exprs.extend(self.group_columns());
        exprs.push(cast(column(self.column()), DataType::Int64).alias(self.column()));
        let plan = counted
            .project(exprs)?
            .filter(column(self.column()).gt(lit(0_i64)))?;
        Ok(plan.build()?)
    }

    /// The parts together, by table and group, absent tags last.
    fn statement(&self, parts: Vec<LogicalPlan>) -> Result<Statement> {
        let Some(plan) = union(parts)? else {
            return self.planner.nothing("", &[self.column()]);
        };
        let by = std::iter::once(column(MEASUREMENT)).chain(self.group_columns());
        let order: Vec<_> = by.map(|column| column.sort(true, false)).collect();
        let plan = plan.sort(order)?.build()?;
        Ok(self.described(plan))
    }

    /// The plan with the names of its columns.
    fn described(&self, plan: LogicalPlan) -> Statement {
        let mut fields = vec![Field::new(MEASUREMENT, DataType::Utf8, false)];
        let groups = self.groups.iter();
        fields.extend(groups.map(|tag| Field::new(tag, ValueType::Tag.data_type(), true)));
        fields.push(Field::new(self.column(), DataType::Int64, true));
        let keys = self.groups.iter().enumerate();
        let keys: Vec<_> = keys
            .map(|(at, tag)| group_key(tag, at + 1, false))
            .collect();
        let keys = match keys.is_empty() {
            true => serde_json::json!({}),
            false => serde_json::json!({ "tagKeyColumns": keys }),
        };
        let metadata = group_metadata(keys.to_string());
        Statement::new(plan, Arc::new(Schema::new_with_metadata(fields, metadata)))
    }
}

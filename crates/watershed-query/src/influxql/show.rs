//! The `SHOW` statements about data.
//!
//! What the catalog knows is answered from it; conditions, tag values and series need the rows. [`Reach`]
//! says which of them are read when the statement names no time.
//!
//! - [`keys`]: measurements, field keys, tag keys, tag values, retention policies;
//! - [`series`]: series by their keys, which [`series_key`] makes;
//! - [`cardinality`]: how many there are of any of these.

mod cardinality;
mod keys;
mod series;
mod series_key;

use super::Planner;
use super::condition;
use super::error::{Error, Result, invalid};
use super::relation::{Relation, RelationColumn, TIME, column};
use super::result::{MEASUREMENT, Statement};
use super::select::names_table;
use super::time_range::{self, Bounds, TimeContext};
use super::types::{ValueType, instant, tag_data_type};
use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::ScalarValue;
use datafusion::datasource::{MemTable, provider_as_source};
use datafusion::logical_expr::{Expr as PlanExpr, LogicalPlan, LogicalPlanBuilder, lit};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use watershed_influxql::{Expr, Measurement, MeasurementName, TagKeys};
use watershed_model::{Column, DatabaseName, TableSchema};

/// How far back a statement looks for rows that names no time (InfluxDB 3: `influxql_metadata_cutoff`).
const DEFAULT_RANGE_NANOS: i64 = 24 * 3_600 * 1_000_000_000;

/// Which rows are read when the condition names no time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// Those of the last [`DEFAULT_RANGE_NANOS`].
    Recent,
    /// All of them, and tags that a table lacks are absent in them, as in InfluxDB 1.x.
    All,
}

impl Planner<'_> {
    /// The tables that `FROM` means, in name order; all of them without `FROM`.
    fn tables(&self, from: &[Measurement]) -> Result<Vec<Arc<TableSchema>>> {
        let database = self.session.database();
        let mut tables = BTreeMap::new();
        for measurement in from {
            self.check_database(
                measurement.database.as_deref(),
                measurement.retention_policy.as_deref(),
            )?;
            for (name, table) in &database.tables {
                let meant = match &measurement.name {
                    MeasurementName::Name(wanted) => wanted == name.as_str(),
                    MeasurementName::Regex(regex) => names_table(regex, name.as_str())?,
                };
                if meant {
                    tables.insert(name.clone(), Arc::clone(table));
                }
            }
        }
        if from.is_empty() {
            tables = database.tables.clone();
        }
        Ok(tables.into_values().collect())
    }

    /// The rows of a table that satisfy the condition; `None` when the table is gone.
    fn matching(
        &self,
        table: &TableSchema,
        condition: Option<&Expr>,
        reach: Reach,
    ) -> Result<Option<LogicalPlanBuilder>> {
        let Some(mut relation) = Relation::table(self.session, table)? else {
            return Ok(None);
        };
        let context = TimeContext {
            now: self.now,
            zone: None,
        };
        let (mut bounds, rest) = match condition {
            Some(condition) => time_range::split(condition, context)?,
            None => (Bounds::default(), None),
        };
        if reach == Reach::Recent && bounds == Bounds::default() {
            bounds.lower = Some(self.now.saturating_sub(DEFAULT_RANGE_NANOS));
        }
        let mut plan = LogicalPlanBuilder::from(relation.plan.clone());
        if let Some(lower) = bounds.lower {
            plan = plan.filter(column(TIME).gt_eq(instant(lower)))?;
        }
        if let Some(upper) = bounds.upper {
            plan = plan.filter(column(TIME).lt_eq(instant(upper)))?;
        }
        if let Some(rest) = rest {
            if reach == Reach::All {
                plan = with_absent_tags(&mut relation, plan, &rest)?;
            }
            plan = plan.filter(condition::filter(&relation, &rest)?)?;
        }
        Ok(Some(plan))
    }

    /// The parts together, by table and then the given columns.
    fn ordered(&self, parts: Vec<LogicalPlan>, columns: &[&str]) -> Result<Statement> {
        let Some(plan) = union(parts)? else {
            return self.nothing("", columns);
        };
        let by = std::iter::once(&MEASUREMENT).chain(columns);
        let order: Vec<_> = by.map(|name| column(name).sort(true, false)).collect();
        Ok(Statement::new(
            plan.sort(order)?.build()?,
            text_schema(columns),
        ))
    }

    /// A result without rows.
    fn nothing(&self, name: &str, columns: &[&str]) -> Result<Statement> {
        let empty = || Arc::new(StringArray::from(Vec::<String>::new())) as ArrayRef;
        rows(
            name,
            columns.iter().map(|column| (*column, empty())).collect(),
        )
    }

    /// Whether a prefix or `ON` names the database the statement runs on.
    pub(super) fn check_database(
        &self,
        database: Option<&str>,
        policy: Option<&str>,
    ) -> Result<()> {
        let Some(database) = database else {
            return Ok(());
        };
        let named = DatabaseName::from_v1(database, policy)
            .map_err(|error| Error::Invalid(error.to_string()))?;
        if named == self.session.database().name {
            return Ok(());
        }
        invalid("can only perform queries on a single database")
    }
}

fn named(table: &TableSchema) -> PlanExpr {
    lit(table.name().to_string()).alias(MEASUREMENT)
}

/// The rows with a column without values for each column that the condition names and the table lacks.
///
/// A series has no such tag, so `host = ''` holds for it: InfluxDB 1.x asks the index of series, which
/// knows no columns. (`SELECT` takes the rows of a table without the column for ones that match nothing.)
fn with_absent_tags(
    relation: &mut Relation,
    rows: LogicalPlanBuilder,
    condition: &Expr,
) -> Result<LogicalPlanBuilder> {
    let mut absent = BTreeSet::new();
    condition.walk(&mut |expr| {
        if let Expr::Var(var) = expr
            && !var.is_time()
            && !relation.columns.contains_key(&var.name)
        {
            absent.insert(var.name.clone());
        }
    });
    if absent.is_empty() {
        return Ok(rows);
    }
    let mut exprs: Vec<PlanExpr> = rows
        .schema()
        .columns()
        .into_iter()
        .map(PlanExpr::Column)
        .collect();
    for name in absent {
        exprs.push(lit(ScalarValue::try_from(&tag_data_type())?).alias(&name));
        let column = RelationColumn {
            plan_name: name.clone(),
            value_type: ValueType::Tag,
            widened: false,
            selected: true,
        };
        relation.columns.insert(name, column);
    }
    Ok(rows.project(exprs)?)
}

/// The tags of a table, in name order, that `WITH KEY` asks for; all of them without it.
fn tags<'a>(table: &'a TableSchema, keys: Option<&TagKeys>) -> Result<Vec<&'a Column>> {
    let mut tags = Vec::new();
    for tag in table.tags() {
        let name = tag.name.as_str();
        let wanted = match keys {
            None => true,
            Some(TagKeys::Eq(key)) => key == name,
            Some(TagKeys::NotEq(key)) => key != name,
            Some(TagKeys::In(keys)) => keys.iter().any(|key| key == name),
            Some(TagKeys::Matches(regex)) => names_table(regex, name)?,
            Some(TagKeys::NotMatches(regex)) => !names_table(regex, name)?,
        };
        if wanted {
            tags.push(tag);
        }
    }
    Ok(tags)
}

fn window(limit: Option<u64>, offset: Option<u64>) -> Result<(usize, Option<usize>)> {
    let inside = |value: u64, name: &str| match i64::try_from(value) {
        Ok(_) => Ok(usize::try_from(value).unwrap_or(usize::MAX)),
        Err(_) => invalid(format!("{name} out of range")),
    };
    let skip = offset.map_or(Ok(0), |offset| inside(offset, "offset"))?;
    let fetch = limit.map(|limit| inside(limit, "limit")).transpose()?;
    Ok((skip, fetch))
}

fn union(parts: Vec<LogicalPlan>) -> Result<Option<LogicalPlanBuilder>> {
    let mut joined: Option<LogicalPlanBuilder> = None;
    for part in parts {
        joined = Some(match joined {
            Some(before) => before.union(part)?,
            None => LogicalPlanBuilder::from(part),
        });
    }
    Ok(joined)
}

fn texts(list: Vec<String>) -> ArrayRef {
    Arc::new(StringArray::from(list))
}

/// A schema of the measurement and columns of text.
fn text_schema(columns: &[&str]) -> SchemaRef {
    let text = |name: &str| Field::new(name, DataType::Utf8, true);
    let measurement = Field::new(MEASUREMENT, DataType::Utf8, false);
    let fields = std::iter::once(measurement).chain(columns.iter().map(|name| text(name)));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// Rows that all belong to one series.
fn rows(series: &str, columns: Vec<(&str, ArrayRef)>) -> Result<Statement> {
    let rows = columns.first().map_or(0, |(_, array)| array.len());
    let names: ArrayRef = Arc::new(StringArray::from(vec![series; rows]));
    batch(
        std::iter::once((MEASUREMENT, names))
            .chain(columns)
            .collect(),
    )
}

/// Rows that are there already.
fn batch(columns: Vec<(&str, ArrayRef)>) -> Result<Statement> {
    let fields = columns
        .iter()
        .map(|(name, array)| Field::new(*name, array.data_type().clone(), *name != MEASUREMENT));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    let batch = RecordBatch::try_new(Arc::clone(&schema), arrays)
        .map_err(datafusion::error::DataFusionError::from)?;
    let table = MemTable::try_new(Arc::clone(&schema), vec![vec![batch]])?;
    let source = provider_as_source(Arc::new(table));
    let plan = LogicalPlanBuilder::scan("show", source, None)?.build()?;
    Ok(Statement::new(plan, schema))
}

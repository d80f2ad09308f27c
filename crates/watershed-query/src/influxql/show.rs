//! The `SHOW` statements about data.
//!
//! What the catalog knows is answered from it; conditions and tag values need the rows, of which the
//! last [`DEFAULT_RANGE_NANOS`] are read unless the statement names a time.

use super::Planner;
use super::condition;
use super::error::{Error, Result, invalid};
use super::relation::{Relation, TIME, column};
use super::result::{MEASUREMENT, Statement};
use super::select::names_table;
use super::time_range::{self, Bounds, TimeContext};
use super::types::{ValueType, instant};
use arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::datasource::{MemTable, provider_as_source};
use datafusion::logical_expr::{Expr as PlanExpr, LogicalPlan, LogicalPlanBuilder, cast, lit};
use std::collections::BTreeMap;
use std::sync::Arc;
use watershed_influxql::{
    Expr, Measurement, MeasurementName, MeasurementsOn, ShowFieldKeys, ShowMeasurements,
    ShowRetentionPolicies, ShowTagKeys, ShowTagValues, TagKeys, format_go_duration,
};
use watershed_model::{Column, ColumnType, DatabaseName, TableSchema};

/// How far back a statement looks for rows that names no time (InfluxDB 3: `influxql_metadata_cutoff`).
const DEFAULT_RANGE_NANOS: i64 = 24 * 3_600 * 1_000_000_000;

impl Planner<'_> {
    /// `SHOW MEASUREMENTS`.
    pub(super) fn show_measurements(&self, show: &ShowMeasurements) -> Result<Statement> {
        match &show.on {
            None => {}
            Some(MeasurementsOn::Database {
                name,
                retention_policy,
            }) => {
                self.check_database(Some(name), retention_policy.as_deref())?;
            }
            Some(_) => return invalid("can only perform queries on a single database"),
        }
        let from: Vec<Measurement> = show.with.iter().cloned().collect();
        let tables = self.tables(&from)?;
        let (skip, fetch) = window(show.limit, show.offset)?;
        let Some(condition) = &show.condition else {
            let names = tables.iter().map(|table| table.name().as_str());
            let names: Vec<&str> = names.skip(skip).take(fetch.unwrap_or(usize::MAX)).collect();
            let names: ArrayRef = Arc::new(StringArray::from(names));
            return rows("measurements", vec![("name", names)]);
        };
        let mut parts = Vec::new();
        for table in &tables {
            let name = table.name().as_str();
            let exprs = vec![
                lit("measurements").alias(MEASUREMENT),
                lit(name.to_owned()).alias("name"),
            ];
            let Some((_, matching)) = self.matching(table, Some(condition))? else {
                continue;
            };
            parts.push(matching.limit(0, Some(1))?.project(exprs)?.build()?);
        }
        let order = vec![column("name").sort(true, false)];
        let Some(plan) = union(parts)? else {
            return self.nothing("measurements", &["name"]);
        };
        let plan = plan.sort(order)?.limit(skip, fetch)?.build()?;
        Ok(Statement {
            plan,
            schema: text_schema(&["name"]),
        })
    }

    /// `SHOW FIELD KEYS`.
    pub(super) fn show_field_keys(&self, show: &ShowFieldKeys) -> Result<Statement> {
        self.check_database(show.on.as_deref(), None)?;
        let (skip, fetch) = window(show.limit, show.offset)?;
        let mut lists: [Vec<String>; 3] = Default::default();
        for table in self.tables(&show.from)? {
            let fields = table.fields().skip(skip).take(fetch.unwrap_or(usize::MAX));
            for field in fields {
                let Some(value_type) = ValueType::of_column(field.column_type) else {
                    continue;
                };
                lists[0].push(table.name().to_string());
                lists[1].push(field.name.to_string());
                lists[2].push(value_type.to_string());
            }
        }
        let [tables, keys, types] = lists.map(texts);
        batch(vec![
            (MEASUREMENT, tables),
            ("fieldKey", keys),
            ("fieldType", types),
        ])
    }

    /// `SHOW TAG KEYS`.
    pub(super) fn show_tag_keys(&self, show: &ShowTagKeys) -> Result<Statement> {
        self.check_database(show.on.as_deref(), None)?;
        let (skip, fetch) = window(show.limit, show.offset)?;
        let tables = self.tables(&show.from)?;
        let Some(condition) = &show.condition else {
            let mut lists: [Vec<String>; 2] = Default::default();
            for table in tables {
                for tag in table.tags().skip(skip).take(fetch.unwrap_or(usize::MAX)) {
                    lists[0].push(table.name().to_string());
                    lists[1].push(tag.name.to_string());
                }
            }
            let [tables, keys] = lists.map(texts);
            return batch(vec![(MEASUREMENT, tables), ("tagKey", keys)]);
        };
        let mut parts = Vec::new();
        for table in &tables {
            let mut keys = Vec::new();
            for tag in table.tags() {
                let Some((_, matching)) = self.matching(table, Some(condition))? else {
                    continue;
                };
                let name = tag.name.as_str();
                let plan = matching
                    .filter(column(name).is_not_null())?
                    .limit(0, Some(1))?;
                let exprs = [named(table), lit(name.to_owned()).alias("tagKey")];
                keys.push(plan.project(exprs)?.build()?);
            }
            let Some(keys) = union(keys)? else { continue };
            parts.push(
                keys.sort(vec![column("tagKey").sort(true, false)])?
                    .limit(skip, fetch)?
                    .build()?,
            );
        }
        self.ordered(parts, &["tagKey"])
    }

    /// `SHOW TAG VALUES`.
    pub(super) fn show_tag_values(&self, show: &ShowTagValues) -> Result<Statement> {
        self.check_database(show.on.as_deref(), None)?;
        let (skip, fetch) = window(show.limit, show.offset)?;
        let mut parts = Vec::new();
        for table in self.tables(&show.from)? {
            for tag in table.tags() {
                if !wanted(&show.keys, tag)? {
                    continue;
                }
                let matching = self.matching(&table, show.condition.as_ref())?;
                let Some((_, matching)) = matching else {
                    continue;
                };
                let name = tag.name.as_str();
                let value = cast(column(name), DataType::Utf8).alias("value");
                let plan = matching
                    .filter(column(name).is_not_null())?
                    .project(vec![value])?
                    .distinct()?
                    .sort(vec![column("value").sort(true, false)])?
                    .limit(skip, fetch)?;
                let key = lit(name.to_owned()).alias("key");
                parts.push(
                    plan.project(vec![named(&table), key, column("value")])?
                        .build()?,
                );
            }
        }
        self.ordered(parts, &["key", "value"])
    }

    /// `SHOW RETENTION POLICIES`: one that stands for the database itself.
    pub(super) fn show_retention_policies(
        &self,
        show: &ShowRetentionPolicies,
    ) -> Result<Statement> {
        self.check_database(show.on.as_deref(), None)?;
        let retention = self.session.database().retention_nanos.unwrap_or(0);
        let text = |value: &str| Arc::new(StringArray::from(vec![value])) as ArrayRef;
        rows(
            "retention_policies",
            vec![
                ("name", text("autogen")),
                ("duration", text(&format_go_duration(retention))),
                ("shardGroupDuration", text("168h0m0s")),
                ("replicaN", Arc::new(Int64Array::from(vec![1])) as ArrayRef),
                (
                    "default",
                    Arc::new(BooleanArray::from(vec![true])) as ArrayRef,
                ),
            ],
        )
    }

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

    /// The rows of a table that satisfy the condition, and their range; the last day unless it names a
    /// time.
    fn matching(
        &self,
        table: &TableSchema,
        condition: Option<&Expr>,
    ) -> Result<Option<(Bounds, LogicalPlanBuilder)>> {
        let Some(relation) = Relation::table(self.session, table)? else {
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
        if bounds == Bounds::default() {
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
            plan = plan.filter(condition::filter(&relation, &rest)?)?;
        }
        Ok(Some((bounds, plan)))
    }

    /// The parts together, by table and then the given columns.
    fn ordered(&self, parts: Vec<LogicalPlan>, columns: &[&str]) -> Result<Statement> {
        let Some(plan) = union(parts)? else {
            return self.nothing("", columns);
        };
        let by = std::iter::once(&MEASUREMENT).chain(columns);
        let order: Vec<_> = by.map(|name| column(name).sort(true, false)).collect();
        Ok(Statement {
            plan: plan.sort(order)?.build()?,
            schema: text_schema(columns),
        })
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

fn wanted(keys: &TagKeys, tag: &Column) -> Result<bool> {
    let name = tag.name.as_str();
    debug_assert_eq!(tag.column_type, ColumnType::Tag);
    Ok(match keys {
        TagKeys::Eq(key) => key == name,
        TagKeys::NotEq(key) => key != name,
        TagKeys::In(keys) => keys.iter().any(|key| key == name),
        TagKeys::Matches(regex) => names_table(regex, name)?,
        TagKeys::NotMatches(regex) => !names_table(regex, name)?,
    })
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
    Ok(Statement { plan, schema })
}

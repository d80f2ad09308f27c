//! Names and values: measurements, field keys, tag keys, tag values, and the retention policy.

use super::{Reach, batch, named, rows, tags, text_schema, texts, union, window};
use crate::influxql::Planner;
use crate::influxql::error::{Result, invalid};
use crate::influxql::relation::column;
use crate::influxql::result::{MEASUREMENT, Statement};
use crate::influxql::types::ValueType;
use arrow::array::{ArrayRef, BooleanArray, Int64Array, StringArray};
use arrow::datatypes::DataType;
use datafusion::logical_expr::{cast, lit};
use std::sync::Arc;
use watershed_influxql::{
    Measurement, MeasurementsOn, ShowFieldKeys, ShowMeasurements, ShowRetentionPolicies,
    ShowTagKeys, ShowTagValues, format_go_duration,
};

impl Planner<'_> {
    /// `SHOW MEASUREMENTS`.
    pub(in crate::influxql) fn show_measurements(
        &self,
        show: &ShowMeasurements,
    ) -> Result<Statement> {
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
            let Some(matching) = self.matching(table, Some(condition), Reach::Recent)? else {
                continue;
            };
            parts.push(matching.limit(0, Some(1))?.project(exprs)?.build()?);
        }
        let order = vec![column("name").sort(true, false)];
        let Some(plan) = union(parts)? else {
            return self.nothing("measurements", &["name"]);
        };
        let plan = plan.sort(order)?.limit(skip, fetch)?.build()?;
        Ok(Statement::new(plan, text_schema(&["name"])))
    }

    /// `SHOW FIELD KEYS`.
    pub(in crate::influxql) fn show_field_keys(&self, show: &ShowFieldKeys) -> Result<Statement> {
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
    pub(in crate::influxql) fn show_tag_keys(&self, show: &ShowTagKeys) -> Result<Statement> {
        self.check_database(show.on.as_deref(), None)?;
        let (skip, fetch) = window(show.limit, show.offset)?;
        let tables = self.tables(&show.from)?;
        let Some(condition) = &show.condition else {
            let mut lists: [Vec<String>; 2] = Default::default();
            for table in tables {
                let tags = tags(&table, show.keys.as_ref())?.into_iter();
                for tag in tags.skip(skip).take(fetch.unwrap_or(usize::MAX)) {
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
            for tag in tags(table, show.keys.as_ref())? {
                let Some(matching) = self.matching(table, Some(condition), Reach::Recent)? else {
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
    pub(in crate::influxql) fn show_tag_values(&self, show: &ShowTagValues) -> Result<Statement> {
        self.check_database(show.on.as_deref(), None)?;
        let (skip, fetch) = window(show.limit, show.offset)?;
        let mut parts = Vec::new();
        for table in self.tables(&show.from)? {
            for tag in tags(&table, Some(&show.keys))? {
                let matching = self.matching(&table, show.condition.as_ref(), Reach::Recent)?;
                let Some(matching) = matching else {
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
    pub(in crate::influxql) fn show_retention_policies(
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
}

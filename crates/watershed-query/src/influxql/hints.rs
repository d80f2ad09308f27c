//! What was probably meant where a statement names what does not exist.
//!
//! An unknown measurement has no rows and an unknown column is null: neither is an error in InfluxQL, so a
//! misspelled name is an empty answer. The result says in its metadata which name is close to one that exists.

use super::Planner;
use arrow::datatypes::{Schema, SchemaRef};
use std::collections::BTreeSet;
use std::sync::Arc;
use watershed_influxql::{Dimension, Expr, Measurement, MeasurementName, Select, Source, closest};
use watershed_model::TIME_COLUMN;

/// The schema metadata with the hints: a JSON list of texts.
const HINTS: &str = "watershed::hints";

/// The hints of a result, as texts for its reader. They matter where it has no rows.
pub fn hints(schema: &Schema) -> Vec<String> {
    let list = schema.metadata().get(HINTS);
    let list = list.and_then(|list| serde_json::from_str(list).ok());
    list.unwrap_or_default()
}

/// The schema with the hints for `select`.
pub(super) fn with_hints(planner: &Planner<'_>, select: &Select, schema: SchemaRef) -> SchemaRef {
    let mut hints = BTreeSet::new();
    of_select(planner, select, &mut hints);
    if hints.is_empty() {
        return schema;
    }
    let mut metadata = schema.metadata().clone();
    metadata.insert(HINTS.to_owned(), serde_json::json!(hints).to_string());
    Arc::new(schema.as_ref().clone().with_metadata(metadata))
}

fn of_select(planner: &Planner<'_>, select: &Select, hints: &mut BTreeSet<String>) {
    let mut columns = BTreeSet::new();
    let mut has_subquery = false;
    for source in &select.from {
        match source {
            Source::Measurement(measurement) => {
                of_measurement(planner, measurement, &mut columns, hints);
            }
            Source::Subquery(inner) => {
                has_subquery = true;
                of_select(planner, inner, hints);
            }
        }
    }
    // Columns of a subquery have names that it makes; without a table there is nothing to compare with.
    if has_subquery || columns.is_empty() {
        return;
    }
    for name in named_columns(select) {
        if name == TIME_COLUMN || columns.contains(name) {
            continue;
        }
        if let Some(meant) = closest(name, columns.iter().copied()) {
            hints.insert(format!(
                "there is no field or tag \"{name}\"; did you mean \"{meant}\"?"
            ));
        }
    }
}

/// Adds the columns of the tables that the measurement means.
fn of_measurement<'a>(
    planner: &'a Planner<'_>,
    measurement: &Measurement,
    columns: &mut BTreeSet<&'a str>,
    hints: &mut BTreeSet<String>,
) {
    let database = planner.session.database();
    for name in planner.names(measurement).unwrap_or_default() {
        if let Some(table) = database.table(&name) {
            columns.extend(table.columns().iter().map(|column| column.name.as_str()));
        } else if let MeasurementName::Name(name) = &measurement.name
            && let Some(meant) = closest(name, database.tables.keys().map(|table| table.as_str()))
        {
            hints.insert(format!(
                "there is no measurement \"{name}\"; did you mean \"{meant}\"?"
            ));
        }
    }
}

/// The columns that the clauses name.
fn named_columns(select: &Select) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    let exprs = select.fields.iter().map(|field| &field.expr);
    for expr in exprs.chain(&select.condition) {
        expr.walk(&mut |expr| {
            if let Expr::Var(column) = expr {
                names.insert(column.name.as_str());
            }
        });
    }
    for dimension in &select.group_by {
        if let Dimension::Tag(tag) = dimension {
            names.insert(tag.name.as_str());
        }
    }
    names
}

//! The rows of all relations as one result, in the layout that clients get.
//!
//! Columns: [`MEASUREMENT`], time, the tags grouped by that are not selected, the selected columns. Rows
//! are ordered by table, group (absent tags last), time, and then the selected tags.

use super::error::{Error, Result, invalid};
use super::functions::Class;
use super::plan::{Planned, PlannedField, RANK, field_column, group_column};
use super::relation::{TIME, column};
use super::select::Query;
use super::types::{Value, ValueType, time_data_type};
use crate::in_order::Sequence;
use arrow::compute::SortOptions;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::common::DFSchema;
use datafusion::logical_expr::expr::Sort;
use datafusion::logical_expr::{EmptyRelation, Extension, LogicalPlan, LogicalPlanBuilder, lit};
use std::collections::HashMap;
use std::sync::Arc;
use watershed_model::ColumnType;

/// The column with the name of the table.
pub(super) const MEASUREMENT: &str = "iox::measurement";
/// The metadata of a field that says what column of a table it shows.
const COLUMN_TYPE: &str = "iox::column::type";
/// The metadata of a schema that says by what tags the rows are grouped.
const GROUP_KEY: &str = "iox::influxql::group_key::metadata";
/// The metadata of a schema that names the only table.
const MEASUREMENT_NAME: &str = "iox::measurement::name";

/// A plan, and what its columns are called in the result.
pub(super) struct Statement {
    pub(super) plan: LogicalPlan,
    pub(super) schema: SchemaRef,
    /// The columns that tell the series of a `SELECT` apart, in which equal values stand together; none where
    /// there is only one series, or nothing that is called so.
    pub(super) series: Vec<usize>,
}

impl Statement {
    /// A result that has no series.
    pub(super) fn new(plan: LogicalPlan, schema: SchemaRef) -> Self {
        Self {
            plan,
            schema,
            series: Vec::new(),
        }
    }
}

/// What a column of the result is over all tables.
struct Merged {
    fields: Vec<PlannedField>,
}

impl Merged {
    fn of(parts: &[Planned]) -> Result<Self> {
        let mut fields = parts
            .first()
            .map(|part| part.fields.clone())
            .unwrap_or_default();
        for part in &parts[1..] {
            for (known, field) in fields.iter_mut().zip(&part.fields) {
                let Some(merged) = known.value_type.merge(field.value_type) else {
                    return invalid(format!(
                        "cannot mix tag and field columns with the same name: {}",
                        field.name
                    ));
                };
                known.value_type = merged;
            }
        }
        Ok(Self { fields })
    }
}

/// The result of a statement; `parts` are in name order.
pub(super) fn statement(parts: Vec<Planned>, query: &Query) -> Result<Statement> {
    if parts.is_empty() {
        return nothing();
    }
    let merged = Merged::of(&parts)?;
    let schema = schema(&parts, &merged, query);
    let several = parts.len() > 1;
    let keys = key_columns(&merged, query);
    let series = several.then_some(0).into_iter();
    let series = series.chain(keys.iter().map(|key| key.column)).collect();
    let plan = sorted(parts, &merged, query)?;
    let mut exprs = vec![column(MEASUREMENT), column(TIME)];
    exprs.extend(
        hidden_groups(&merged, query)
            .into_iter()
            .map(|at| column(&group_column(at))),
    );
    exprs.extend((0..merged.fields.len()).map(|at| column(&field_column(at))));
    let plan = plan.project(exprs)?.build()?;
    Ok(Statement {
        plan,
        schema,
        series,
    })
}

/// A result without rows, of which not even the columns are known.
fn nothing() -> Result<Statement> {
    let schema = Arc::new(Schema::new(vec![measurement_field()]));
    let schema = Arc::new(
        schema
            .as_ref()
            .clone()
            .with_metadata(group_metadata("{}".to_owned())),
    );
    let plan = LogicalPlan::EmptyRelation(EmptyRelation {
        produce_one_row: false,
        schema: Arc::new(DFSchema::try_from(schema.as_ref().clone())?),
    });
    Ok(Statement::new(plan, schema))
}

/// The columns of one table with the types they have over all tables.
fn aligned(part: Planned, merged: &Merged) -> Result<LogicalPlanBuilder> {
    let mut exprs = vec![lit(part.name).alias(MEASUREMENT), column(TIME)];
    exprs.extend((0..part.groups.len()).map(|at| column(&group_column(at))));
    for (at, (field, merged)) in part.fields.iter().zip(&merged.fields).enumerate() {
        let name = field_column(at);
        let value = Value::new(column(&name), field.value_type);
        let stored = match field.value_type == merged.value_type {
            true => value.expr,
            false => value.stored_as(merged.value_type)?.alias(name),
        };
        exprs.push(stored);
    }
    if part.ranked {
        exprs.push(column(RANK));
    }
    Ok(LogicalPlanBuilder::from(part.plan).project(exprs)?)
}

/// The rows of all parts, one table after the other.
fn sorted(parts: Vec<Planned>, merged: &Merged, query: &Query) -> Result<LogicalPlanBuilder> {
    let ranked = parts.iter().all(|part| part.ranked);
    let mut inputs = Vec::with_capacity(parts.len());
    for part in parts {
        inputs.push(aligned(part, merged)?);
    }
    let order = order(merged, query, ranked);
    let mut sorts: Vec<Sort> = order
        .iter()
        .map(|(name, options)| column(name).sort(!options.descending, options.nulls_first))
        .collect();
    if inputs.len() > 1 {
        // It has that order already; who says so by a sort keeps it through whatever comes above.
        sorts.insert(0, column(MEASUREMENT).sort(true, false));
        return Ok(sequence(inputs, &order)?.sort(sorts)?);
    }
    match inputs.pop() {
        Some(only) => Ok(only.sort(sorts)?),
        None => invalid("nothing to select from"),
    }
}

/// The rows of tables in name order, each ordered as given.
fn sequence(
    inputs: Vec<LogicalPlanBuilder>,
    order: &[(String, SortOptions)],
) -> Result<LogicalPlanBuilder> {
    let inputs = inputs.into_iter().map(LogicalPlanBuilder::build);
    let inputs = inputs.collect::<datafusion::common::Result<Vec<_>>>()?;
    let schema = Arc::clone(inputs[0].schema());
    let index = |name: &str| {
        let at = schema.index_of_column_by_name(None, name);
        at.ok_or_else(|| Error::Invalid(format!("no column {name} to sort by")))
    };
    let columns = order
        .iter()
        .map(|(name, options)| Ok((index(name)?, *options)))
        .collect::<Result<Vec<_>>>()?;
    let node = Arc::new(Sequence::try_new(inputs, index(MEASUREMENT)?, columns)?);
    Ok(LogicalPlanBuilder::from(LogicalPlan::Extension(
        Extension { node },
    )))
}

/// The order of the rows of one table: by group, time, and then the selected tags.
fn order(merged: &Merged, query: &Query, ranked: bool) -> Vec<(String, SortOptions)> {
    let last = SortOptions {
        descending: false,
        nulls_first: false,
    };
    let time = SortOptions {
        descending: query.clauses.descending,
        nulls_first: true,
    };
    let groups = (0..query.groups.len()).map(|at| (group_column(at), last));
    let tags = merged
        .fields
        .iter()
        .enumerate()
        .filter(|(_, field)| field.value_type == ValueType::Tag)
        .map(|(at, _)| (field_column(at), last));
    let rank = ranked.then(|| (RANK.to_owned(), last));
    groups
        .chain([(TIME.to_owned(), time)])
        .chain(tags)
        .chain(rank)
        .collect()
}

/// Where a tag that is grouped by is selected under its own name. Beside a selector in time buckets it is
/// null where a bucket is empty, and so does not tell the group.
fn selected_at(merged: &Merged, query: &Query, tag: &str) -> Option<usize> {
    if query.clauses.buckets.is_some() && query.class == Class::Aggregate {
        return None;
    }
    let is_tag = |field: &PlannedField| {
        field.name == tag
            && field.source.as_deref() == Some(tag)
            && field.value_type == ValueType::Tag
    };
    merged.fields.iter().position(is_tag)
}

/// The groups that have a column of their own in the result.
fn hidden_groups(merged: &Merged, query: &Query) -> Vec<usize> {
    let groups = query.groups.iter().enumerate();
    groups
        .filter(|(_, tag)| selected_at(merged, query, tag).is_none())
        .map(|(at, _)| at)
        .collect()
}

fn measurement_field() -> Field {
    Field::new(MEASUREMENT, DataType::Utf8, false)
}

pub(super) fn group_metadata(keys: String) -> HashMap<String, String> {
    HashMap::from([(GROUP_KEY.to_owned(), keys)])
}

fn with_type(field: Field, column_type: Option<&str>) -> Field {
    match column_type {
        Some(name) => {
            let metadata = HashMap::from([(COLUMN_TYPE.to_owned(), name.to_owned())]);
            field.with_metadata(metadata)
        }
        None => field,
    }
}

fn schema(parts: &[Planned], merged: &Merged, query: &Query) -> SchemaRef {
    let mut fields = vec![measurement_field(), time_field(query)];
    let hidden = hidden_groups(merged, query);
    for at in &hidden {
        let field = Field::new(&query.groups[*at], ValueType::Tag.data_type(), true);
        fields.push(with_type(field, ValueType::Tag.metadata()));
    }
    for field in &merged.fields {
        let column_type = field
            .source
            .as_ref()
            .and_then(|_| field.value_type.metadata());
        // A column beside a selector is not straight from the table any more, neither is `last(v)`.
        let column_type = column_type.filter(|_| shows_rows(query.class));
        let column = Field::new(&field.name, field.value_type.data_type(), true);
        fields.push(with_type(column, column_type));
    }
    let keys = key_columns(merged, query);
    let keys = keys
        .iter()
        .map(|key| group_key(key.tag, key.column, key.selected));
    let keys: Vec<serde_json::Value> = keys.collect();
    let keys = match keys.is_empty() {
        true => serde_json::json!({}),
        false => serde_json::json!({ "tagKeyColumns": keys }),
    };
    let mut metadata = group_metadata(keys.to_string());
    if let [only] = parts {
        metadata.insert(MEASUREMENT_NAME.to_owned(), only.name.clone());
    }
    Arc::new(Schema::new_with_metadata(fields, metadata))
}

/// Where the value of a tag that is grouped by stands in the result.
struct KeyColumn<'a> {
    tag: &'a str,
    column: usize,
    selected: bool,
}

/// The tags grouped by, in their order.
fn key_columns<'a>(merged: &Merged, query: &'a Query) -> Vec<KeyColumn<'a>> {
    // Before them stand the table and time, between those and the selected columns the hidden groups.
    let mut hidden = 2;
    let selected = hidden + hidden_groups(merged, query).len();
    let keys = query.groups.iter().map(|tag| {
        let at = selected_at(merged, query, tag);
        let column = match at {
            Some(at) => selected + at,
            None => {
                hidden += 1;
                hidden - 1
            }
        };
        KeyColumn {
            tag,
            column,
            selected: at.is_some(),
        }
    });
    keys.collect()
}

pub(super) fn group_key(tag: &str, at: usize, projected: bool) -> serde_json::Value {
    match projected {
        true => serde_json::json!({ "tagKey": tag, "columnIndex": at, "isProjected": true }),
        false => serde_json::json!({ "tagKey": tag, "columnIndex": at }),
    }
}

/// Whether the rows of the result are rows of the table.
fn shows_rows(class: Class) -> bool {
    matches!(
        class,
        Class::Raw | Class::TopBottom | Class::Sample | Class::Selector
    )
}

fn time_field(query: &Query) -> Field {
    let data_type = match query.clauses.zone {
        Some(zone) => DataType::Timestamp(TimeUnit::Nanosecond, Some(Arc::from(zone.name()))),
        None => time_data_type(),
    };
    let field = Field::new(&query.time_name, data_type, false);
    let of_row = matches!(
        query.class,
        Class::Raw | Class::TopBottom | Class::Sample | Class::Window
    );
    with_type(field, of_row.then_some(ColumnType::Time.influx_name()))
}

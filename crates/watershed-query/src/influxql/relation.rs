//! What a statement selects from: a table, or what a subquery makes of one.

use super::error::Result;
use super::types::{Value, ValueType};
use arrow::datatypes::DataType;
use datafusion::common::Column as PlanColumn;
use datafusion::common::TableReference;
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, cast};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use watershed_model::{TIME_COLUMN, TableSchema};

use crate::session::Session;

/// The name the time column has in every plan.
pub(super) const TIME: &str = "time";

/// A column of a plan by its name, taken literally.
pub(super) fn column(name: &str) -> Expr {
    Expr::Column(PlanColumn::new_unqualified(name))
}

/// Rows with time, tags and fields, under the name of a table. Time is the plan's column [`TIME`], an
/// instant without zone.
#[derive(Debug, Clone)]
pub(super) struct Relation {
    /// The table the rows come from.
    pub(super) name: String,
    pub(super) plan: LogicalPlan,
    /// The columns other than time, by the name a statement knows them by.
    pub(super) columns: BTreeMap<String, RelationColumn>,
    /// Whether a subquery made the rows.
    pub(super) subquery: bool,
}

/// A column of a [`Relation`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RelationColumn {
    /// Its name in the plan.
    pub(super) plan_name: String,
    pub(super) value_type: ValueType,
    /// Whether the plan has whole numbers, which are read as floats because another table has floats there.
    pub(super) widened: bool,
    /// Whether it is in the `SELECT` list of the subquery. A column that is not was only grouped by.
    pub(super) selected: bool,
}

impl Relation {
    /// A table of the database.
    pub(super) fn table(session: &Session, table: &TableSchema) -> Result<Option<Self>> {
        let name = table.name().as_str();
        let Some(provider) = session.table(name) else {
            return Ok(None);
        };
        let source = provider_as_source(provider);
        let reference = TableReference::bare(Arc::from(name));
        let plan = LogicalPlanBuilder::scan(reference, source, None)?.build()?;
        let columns = table.columns().iter().filter_map(|column| {
            let value_type = ValueType::of_column(column.column_type)?;
            let name = column.name.as_str().to_owned();
            let plan_name = name.clone();
            Some((
                name,
                RelationColumn {
                    plan_name,
                    value_type,
                    widened: false,
                    selected: true,
                },
            ))
        });
        let columns = columns.collect();
        Ok(Some(Self {
            name: name.to_owned(),
            plan,
            columns,
            subquery: false,
        }))
    }

    /// The value of a column in a row; the null value when there is no such column.
    pub(super) fn value(&self, name: &str) -> Value {
        match self.columns.get(name) {
            // What is null in every row of a subquery is as good as not there.
            Some(found) if found.value_type == ValueType::Null => Value::null(),
            Some(found) if found.widened => Value::new(
                cast(column(&found.plan_name), DataType::Float64),
                ValueType::Float,
            ),
            Some(found) => Value::new(column(&found.plan_name), found.value_type),
            None => Value::null(),
        }
    }

    /// Whether a row counts as a row because it has a value there: in tables in a field, in a subquery
    /// also in a tag that it selects.
    pub(super) fn carries_rows(&self, name: &str) -> bool {
        self.columns.get(name).is_some_and(|found| {
            found.value_type.is_field()
                || (self.subquery && found.selected && found.value_type == ValueType::Tag)
        })
    }

    /// The names of the tags.
    pub(super) fn tags(&self) -> impl Iterator<Item = &str> {
        let tags = self
            .columns
            .iter()
            .filter(|(_, c)| c.value_type == ValueType::Tag);
        tags.map(|(name, _)| name.as_str())
    }
}

/// The relations by name, those of one name put together.
pub(super) fn by_name(relations: Vec<Relation>) -> Result<Vec<Relation>> {
    let mut named: BTreeMap<String, Relation> = BTreeMap::new();
    for relation in relations {
        let joined = match named.remove(&relation.name) {
            Some(before) => union(before, relation)?,
            None => relation,
        };
        named.insert(joined.name.clone(), joined);
    }
    Ok(named.into_values().collect())
}

/// Reads a column as float everywhere if some relation has floats there and others whole numbers: then
/// what fills gaps and what is computed is of one type.
pub(super) fn widen(relations: &mut [Relation]) {
    let mut floats = BTreeSet::new();
    for (name, found) in relations.iter().flat_map(|relation| &relation.columns) {
        if found.value_type == ValueType::Float {
            floats.insert(name.clone());
        }
    }
    let columns = relations
        .iter_mut()
        .flat_map(|relation| &mut relation.columns);
    for (_, found) in columns.filter(|(name, _)| floats.contains(*name)) {
        if matches!(found.value_type, ValueType::Integer | ValueType::Unsigned) {
            found.widened = true;
            found.value_type = ValueType::Float;
        }
    }
}

/// The rows of both, with the columns of both.
fn union(first: Relation, second: Relation) -> Result<Relation> {
    let mut columns: BTreeMap<String, RelationColumn> = BTreeMap::new();
    for (name, found) in first.columns.iter().chain(&second.columns) {
        let plan_name = format!("u{}", columns.len());
        let merged = match columns.get(name) {
            Some(before) => RelationColumn {
                plan_name: before.plan_name.clone(),
                // A column that is a tag here and a field there is read as the field.
                value_type: before
                    .value_type
                    .merge(found.value_type)
                    .unwrap_or(found.value_type),
                widened: false,
                selected: before.selected || found.selected,
            },
            None => RelationColumn {
                plan_name,
                widened: false,
                ..found.clone()
            },
        };
        columns.insert(name.clone(), merged);
    }
    let aligned = |relation: &Relation| -> Result<LogicalPlan> {
        let mut exprs = vec![column(TIME).alias(TIME)];
        for (name, merged) in &columns {
            let stored = relation.value(name).stored_as(merged.value_type)?;
            exprs.push(stored.alias(&merged.plan_name));
        }
        Ok(LogicalPlanBuilder::from(relation.plan.clone())
            .project(exprs)?
            .build()?)
    };
    let plan = LogicalPlanBuilder::from(aligned(&first)?)
        .union(aligned(&second)?)?
        .build()?;
    let subquery = first.subquery || second.subquery;
    Ok(Relation {
        name: first.name,
        plan,
        columns,
        subquery,
    })
}

// The plans rely on it: a table's own time column is what a subquery calls it too.
const _: () = assert!(matches!(TIME_COLUMN.as_bytes(), b"time"));

//! A plan whose types are settled, and the columns it will give.

use crate::views::without_views;
use arrow::datatypes::{Field, FieldRef, Schema, SchemaRef};
use datafusion::common::Result;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Distinct, Expr, LogicalPlan};
use std::sync::Arc;

/// A plan before it is optimized.
#[derive(Debug)]
pub(crate) struct Analyzed {
    pub(crate) plan: LogicalPlan,
    /// What the rows shall say they are, where names, metadata, nullability or the zone of a time differ from
    /// the plan's own columns; types must be the same otherwise, column by column.
    pub(crate) schema: SchemaRef,
    /// Whether these are the plan's own columns, in which there may be whatever nulls the plan makes.
    pub(crate) own: bool,
}

impl Analyzed {
    /// A plan whose rows are as it says itself, but for view types.
    ///
    /// # Errors
    /// None that a plan has which could be analyzed.
    pub(crate) fn own(plan: LogicalPlan) -> Result<Self> {
        let schema = columns(&plan)?;
        Ok(Self {
            plan,
            schema,
            own: true,
        })
    }

    /// A plan whose rows are said to be something else.
    pub(crate) fn shown_as(plan: LogicalPlan, schema: SchemaRef) -> Self {
        Self {
            plan,
            schema,
            own: false,
        }
    }

    /// The columns of the rows, once the physical plan has these: the same but, should optimizing have come to
    /// a column with nulls that was to have none, with nulls allowed there. Better another word than no rows.
    pub(crate) fn planned(schema: SchemaRef, own: bool, physical: &Schema) -> SchemaRef {
        let pairs = schema.fields().iter().zip(physical.fields());
        if !own
            || !pairs
                .clone()
                .any(|(field, planned)| differs(field, planned))
        {
            return schema;
        }
        let fields: Vec<FieldRef> = pairs
            .map(|(field, planned)| match differs(field, planned) {
                true => nullable(field),
                false => Arc::clone(field),
            })
            .collect();
        Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
    }
}

fn differs(field: &Field, planned: &Field) -> bool {
    planned.is_nullable() && !field.is_nullable()
}

fn nullable(field: &FieldRef) -> FieldRef {
    Arc::new(Field::clone(field).with_nullable(true))
}

/// The columns of a plan as clients get them.
///
/// # Errors
/// As [`Analyzed::own`].
pub(crate) fn columns(plan: &LogicalPlan) -> Result<SchemaRef> {
    let schema = without_views(Arc::clone(plan.schema().inner()));
    if !understates_nulls(plan)? {
        return Ok(schema);
    }
    let fields: Vec<FieldRef> = schema.fields().iter().map(nullable).collect();
    let schema = Schema::new_with_metadata(fields, schema.metadata().clone());
    Ok(Arc::new(schema))
}

/// Whether a plan has something of which DataFusion says before it optimizes that it is never null, and afterwards
/// that it may be: a scalar subquery, which may have no row, and the first row of `DISTINCT ON`.
fn understates_nulls(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        found |= matches!(node, LogicalPlan::Distinct(Distinct::On(_)));
        node.apply_expressions(|expr| {
            found |= expr.exists(|expr| Ok(matches!(expr, Expr::ScalarSubquery(_))))?;
            Ok(match found {
                true => TreeNodeRecursion::Stop,
                false => TreeNodeRecursion::Continue,
            })
        })
    })?;
    Ok(found)
}

#[cfg(test)]
mod tests;

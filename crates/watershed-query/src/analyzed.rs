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
}

impl Analyzed {
    /// A plan whose rows are as it says itself, but for view types.
    ///
    /// # Errors
    /// None that a plan has which could be analyzed.
    pub(crate) fn own(plan: LogicalPlan) -> Result<Self> {
        let schema = columns(&plan)?;
        Ok(Self { plan, schema })
    }
}

/// The columns of a plan as clients get them: some compare those of a description with those of the rows, and take
/// nothing but the same.
///
/// # Errors
/// As [`Analyzed::own`].
pub(crate) fn columns(plan: &LogicalPlan) -> Result<SchemaRef> {
    let schema = without_views(Arc::clone(plan.schema().inner()));
    if !understates_nulls(plan)? {
        return Ok(schema);
    }
    let fields = schema.fields().iter();
    let fields: Vec<FieldRef> = fields
        .map(|field| Arc::new(Field::clone(field).with_nullable(true)))
        .collect();
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

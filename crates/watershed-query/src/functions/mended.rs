//! What DataFusion's SQL planner means otherwise than clients of InfluxDB, mended in the plan it gives.
//!
//! 1. Integers that become times, and choices between integers of both kinds ([`integers`](super::integers)).
//! 2. The branches of a `UNION`, which are such a choice too.
//! 3. `string_agg(DISTINCT tag, … ORDER BY tag)`.
//! 4. `(SELECT …)` as a value, which is null when there is no row.

use super::integers::{are_mixed, choice_as_integer, without_seconds};
use super::may_be_null::may_be_null;
use arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Cast, Expr, ExprSchemable, LogicalPlan, Projection, Union, cast};
use std::sync::Arc;

/// The plan as it is meant. Names of columns stay as they are, which are made from the expressions.
///
/// Values have to be in the place of their placeholders: without them the types of expressions are not known.
pub(crate) fn mended(plan: LogicalPlan) -> Result<LogicalPlan> {
    let mut changed = false;
    let plan = plan.transform_up_with_subqueries(|node| {
        let schema = merge_schema(&node.inputs());
        let names = NamePreserver::new(&node);
        let node = node.map_expressions(|expr| {
            let name = names.save(&expr);
            let mended = expr.transform_up(|expr| mended_expr(expr, &schema))?;
            Ok(mended.update_data(|expr| name.restore(expr)))
        })?;
        let node = node.transform_data(|node| match node {
            LogicalPlan::Union(union) => union_of_integers(union),
            other => Ok(Transformed::no(other)),
        })?;
        changed |= node.transformed;
        // Those above look at the types of this one.
        match changed {
            true => node.map_data(LogicalPlan::recompute_schema),
            false => Ok(node),
        }
    })?;
    Ok(plan.data)
}

fn mended_expr(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    without_seconds(expr, schema)
        .transform_data(|expr| Ok(choice_as_integer(expr, schema)))?
        .transform_data(|expr| distinct_texts(expr, schema))?
        .transform_data(scalar_subquery)
}

/// DataFusion takes a subquery for never null whose column is never null, though it may have no row. About a row of the
/// outer query it becomes an outer join, for which that is known.
fn scalar_subquery(expr: Expr) -> Result<Transformed<Expr>> {
    let Expr::ScalarSubquery(mut subquery) = expr else {
        return Ok(Transformed::no(expr));
    };
    let schema = Arc::clone(subquery.subquery.schema());
    let columns = schema.columns();
    // Several columns are refused elsewhere.
    let ([column], true) = (columns.as_slice(), subquery.outer_ref_columns.is_empty()) else {
        return Ok(Transformed::no(Expr::ScalarSubquery(subquery)));
    };
    if schema.field(0).is_nullable() {
        return Ok(Transformed::no(Expr::ScalarSubquery(subquery)));
    }
    let value = may_be_null(Expr::Column(column.clone()))
        .alias_qualified(column.relation.clone(), column.name.clone());
    let projection = Projection::try_new(vec![value], subquery.subquery)?;
    subquery.subquery = Arc::new(LogicalPlan::Projection(projection));
    Ok(Transformed::yes(Expr::ScalarSubquery(subquery)))
}

/// Where some branches have unsigned and others signed integers, all have a `BIGINT`.
fn union_of_integers(union: Union) -> Result<Transformed<LogicalPlan>> {
    let columns = union.schema.fields().len();
    let mut mixed = vec![false; columns];
    for (at, mixed) in mixed.iter_mut().enumerate() {
        let types = union.inputs.iter().map(|input| {
            let field = input.schema().fields().get(at);
            field.map_or(DataType::Null, |field| field.data_type().clone())
        });
        *mixed = are_mixed(&types.collect::<Vec<_>>());
    }
    if !mixed.contains(&true) {
        return Ok(Transformed::no(LogicalPlan::Union(union)));
    }
    let mut inputs = Vec::with_capacity(union.inputs.len());
    for input in union.inputs {
        let columns = input.schema().columns().into_iter().zip(&mixed);
        let exprs = columns.map(|(column, mixed)| {
            let (name, qualifier) = (column.name.clone(), column.relation.clone());
            match mixed {
                true => {
                    cast(Expr::Column(column), DataType::Int64).alias_qualified(qualifier, name)
                }
                false => Expr::Column(column),
            }
        });
        let exprs = exprs.collect();
        let projection = Projection::try_new(exprs, input)?;
        inputs.push(Arc::new(LogicalPlan::Projection(projection)));
    }
    let union = Union::try_new_with_loose_types(inputs)?;
    Ok(Transformed::yes(LogicalPlan::Union(union)))
}

/// `string_agg` takes a tag for a text. With `DISTINCT` it asks that what the texts are ordered by is one of its
/// arguments, and no longer finds the tag there.
fn distinct_texts(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let Expr::AggregateFunction(AggregateFunction { func, mut params }) = expr else {
        return Ok(Transformed::no(expr));
    };
    let tag = params.args.first().cloned().filter(|first| {
        let is_tag = matches!(first.get_type(schema), Ok(DataType::Dictionary(..)));
        is_tag && params.distinct && func.name() == "string_agg"
    });
    let transformed = tag.is_some();
    if let Some(tag) = tag {
        let as_text = |expr: &mut Expr| {
            if *expr == tag {
                *expr = Expr::Cast(Cast::new(Box::new(tag.clone()), DataType::Utf8));
            }
        };
        params.args.iter_mut().take(1).for_each(as_text);
        params
            .order_by
            .iter_mut()
            .for_each(|sort| as_text(&mut sort.expr));
    }
    let expr = Expr::AggregateFunction(AggregateFunction { func, params });
    Ok(match transformed {
        true => Transformed::yes(expr),
        false => Transformed::no(expr),
    })
}

//! `x IN (SELECT …)` that is neither true nor false.

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::expr::{Exists, InSubquery};
use datafusion::logical_expr::{
    BinaryExpr, Expr, Filter, LogicalPlan, LogicalPlanBuilder, Operator, Subquery, lit, not, when,
};
use datafusion::scalar::ScalarValue;
use std::sync::Arc;

/// Makes conditions tell null from false where that matters.
///
/// Of a whole condition, or a part of it that has to hold, DataFusion makes a join that heeds nulls, unless it is
/// `NOT IN` and the subquery is about a row of the outer query: it refuses that. Of `IN` that is
/// deeper inside it makes a column that is true or false. That is as good under `AND` and `OR`, which let pass neither;
/// under everything else null is asked for as it is defined: where nothing equal is found, but the value or one of
/// the subquery is null.
pub(crate) fn with_nulls(plan: LogicalPlan) -> Result<LogicalPlan> {
    let rewritten = plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::Filter(filter) if has_in(&filter.predicate)? => {
            let predicate = condition(filter.predicate, Place::Whole)?;
            let filter = Filter::try_new(predicate, filter.input)?;
            Ok(Transformed::yes(LogicalPlan::Filter(filter)))
        }
        node => Ok(Transformed::no(node)),
    })?;
    Ok(rewritten.data)
}

fn has_in(expr: &Expr) -> Result<bool> {
    expr.exists(|expr| Ok(matches!(expr, Expr::InSubquery(_))))
}

/// Where a condition stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// It has to hold.
    Whole,
    /// It is one of several of which some have to hold.
    Part,
}

fn condition(expr: Expr, place: Place) -> Result<Expr> {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right })
            if matches!(op, Operator::And | Operator::Or) =>
        {
            let place = if op == Operator::And {
                place
            } else {
                Place::Part
            };
            let left = condition(*left, place)?;
            let right = condition(*right, place)?;
            Ok(Expr::BinaryExpr(BinaryExpr::new(
                Box::new(left),
                op,
                Box::new(right),
            )))
        }
        Expr::InSubquery(InSubquery { negated: false, .. }) => Ok(expr),
        Expr::InSubquery(InSubquery { ref subquery, .. })
            if place == Place::Whole && subquery.outer_ref_columns.is_empty() =>
        {
            Ok(expr)
        }
        Expr::Not(inner) => negated(*inner, place),
        other => Ok(other.transform_up(in_three_values)?.data),
    }
}

/// `NOT` moved inward, to where it can be said whether null matters.
fn negated(expr: Expr, place: Place) -> Result<Expr> {
    match expr {
        Expr::Not(inner) => condition(*inner, place),
        Expr::InSubquery(inner) => {
            let negated = !inner.negated;
            condition(Expr::InSubquery(InSubquery { negated, ..inner }), place)
        }
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: op @ (Operator::And | Operator::Or),
            right,
        }) => {
            let (op, place) = match op {
                Operator::Or => (Operator::And, place),
                _ => (Operator::Or, Place::Part),
            };
            let left = negated(*left, place)?;
            let right = negated(*right, place)?;
            Ok(Expr::BinaryExpr(BinaryExpr::new(
                Box::new(left),
                op,
                Box::new(right),
            )))
        }
        other => Ok(not(other.transform_up(in_three_values)?.data)),
    }
}

fn in_three_values(expr: Expr) -> Result<Transformed<Expr>> {
    let Expr::InSubquery(InSubquery {
        expr,
        subquery,
        negated,
    }) = expr
    else {
        return Ok(Transformed::no(expr));
    };
    let found = Expr::InSubquery(InSubquery::new(expr.clone(), subquery.clone(), false));
    let some_null = expr.is_null().or(exists(with_null(&subquery)?, false));
    let value = when(found, lit(true))
        .when(exists(subquery, true), lit(false))
        .when(some_null, Expr::Literal(ScalarValue::Boolean(None), None))
        .otherwise(lit(false))?;
    Ok(Transformed::yes(if negated { not(value) } else { value }))
}

fn exists(subquery: Subquery, negated: bool) -> Expr {
    Expr::Exists(Exists::new(subquery, negated))
}

/// The rows of the subquery whose first column is null.
fn with_null(subquery: &Subquery) -> Result<Subquery> {
    let rows = LogicalPlanBuilder::from(Arc::clone(&subquery.subquery));
    let first = rows.schema().columns().into_iter().next();
    let rows = match first {
        Some(first) => rows.filter(Expr::Column(first).is_null())?,
        // Refused later.
        None => rows,
    };
    Ok(subquery.with_plan(Arc::new(rows.build()?)))
}

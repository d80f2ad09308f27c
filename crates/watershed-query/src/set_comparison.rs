//! Comparisons with all or any rows of a subquery.

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::expr::SetComparison;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, LogicalPlan, SubqueryAlias};
use std::sync::Arc;

/// What the rows of such a subquery are called.
const NAME: &str = "__compared";

/// Gives the rows of every subquery after `ALL` or `ANY` a name of their own.
///
/// DataFusion compares their column with what stands before by name. Where both queries read the same table,
/// it would take both for the one of the subquery: `x >= ALL (SELECT x FROM t)` would be true for every row of
/// `t`. A subquery that refers to the outer one can only do so where their tables have different names.
pub(crate) fn named_apart(plan: LogicalPlan) -> Result<LogicalPlan> {
    let rewritten = plan.transform_up_with_subqueries(|node| {
        let names = NamePreserver::new(&node);
        node.map_expressions(|expr| {
            let name = names.save(&expr);
            let rewritten = expr.transform_up(named)?;
            Ok(rewritten.update_data(|expr| name.restore(expr)))
        })
    })?;
    Ok(rewritten.data)
}

fn named(expr: Expr) -> Result<Transformed<Expr>> {
    let Expr::SetComparison(SetComparison {
        expr,
        mut subquery,
        op,
        quantifier,
    }) = expr
    else {
        return Ok(Transformed::no(expr));
    };
    if !subquery.outer_ref_columns.is_empty() {
        let as_it_was = SetComparison::new(expr, subquery, op, quantifier);
        return Ok(Transformed::no(Expr::SetComparison(as_it_was)));
    }
    let rows = SubqueryAlias::try_new(Arc::clone(&subquery.subquery), NAME)?;
    subquery.subquery = Arc::new(LogicalPlan::SubqueryAlias(rows));
    let named = SetComparison::new(expr, subquery, op, quantifier);
    Ok(Transformed::yes(Expr::SetComparison(named)))
}

//! Integers where InfluxDB means something else than DataFusion.

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{BinaryExpr, Cast, Expr, ExprSchemable, LogicalPlan, Operator};
use datafusion::sql::sqlparser::ast::BinaryOperator;
use std::sync::Arc;

/// Makes casts of integers to timestamps count nanoseconds.
///
/// DataFusion's SQL planner writes such a cast as one to seconds inside one to nanoseconds; InfluxDB
/// documents `1643610630123000000::TIMESTAMP` as nanoseconds.
pub(crate) fn integers_as_nanoseconds(plan: LogicalPlan) -> Result<LogicalPlan> {
    let rewritten = plan.transform_up_with_subqueries(|node| {
        let schema = merge_schema(&node.inputs());
        // The names of columns are made from the expressions, so that they must stay as they are.
        let names = NamePreserver::new(&node);
        node.map_expressions(|expr| {
            let name = names.save(&expr);
            let rewritten = expr.transform_up(|expr| Ok(without_seconds(expr, &schema)))?;
            Ok(rewritten.update_data(|expr| name.restore(expr)))
        })
    })?;
    if rewritten.transformed {
        rewritten.data.recompute_schema()
    } else {
        Ok(rewritten.data)
    }
}

/// `x::Timestamp(s)::Timestamp(ns)` as `x::Timestamp(ns)`, if `x` is an integer.
fn without_seconds(expr: Expr, schema: &DFSchema) -> Transformed<Expr> {
    let direct = match &expr {
        Expr::Cast(outer) => match outer.expr.as_ref() {
            Expr::Cast(inner) => direct_cast(outer, inner, schema),
            _ => None,
        },
        _ => None,
    };
    match direct {
        Some(direct) => Transformed::yes(Expr::Cast(direct)),
        None => Transformed::no(expr),
    }
}

fn direct_cast(outer: &Cast, inner: &Cast, schema: &DFSchema) -> Option<Cast> {
    let to = outer.field.data_type();
    let through = inner.field.data_type();
    let rewritten = matches!(to, DataType::Timestamp(TimeUnit::Nanosecond, _))
        && matches!(through, DataType::Timestamp(TimeUnit::Second, _))
        && matches!(inner.expr.get_type(schema), Ok(DataType::Int64));
    rewritten.then(|| Cast::new_from_field(inner.expr.clone(), Arc::clone(&outer.field)))
}

/// Arithmetic between `BIGINT UNSIGNED` and signed integers gives a `BIGINT`.
///
/// DataFusion computes with decimals, so that nothing overflows on the way, and leaves the result one.
/// Clients expect an integer of integers. A result that is no `BIGINT` is an error while running.
#[derive(Debug)]
pub(super) struct MixedIntegers;

impl ExprPlanner for MixedIntegers {
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        let Some(op) = arithmetic(&expr.op) else {
            return Ok(PlannerResult::Original(expr));
        };
        let left = expr.left.get_type(schema);
        let right = expr.right.get_type(schema);
        let mixed = match (left, right) {
            (Ok(DataType::UInt64), Ok(other)) | (Ok(other), Ok(DataType::UInt64)) => {
                other.is_signed_integer()
            }
            _ => false,
        };
        if !mixed {
            return Ok(PlannerResult::Original(expr));
        }
        let operands = (Box::new(expr.left), Box::new(expr.right));
        let exact = Expr::BinaryExpr(BinaryExpr::new(operands.0, op, operands.1));
        let integer = Cast::new(Box::new(exact), DataType::Int64);
        Ok(PlannerResult::Planned(Expr::Cast(integer)))
    }
}

fn arithmetic(op: &BinaryOperator) -> Option<Operator> {
    match op {
        BinaryOperator::Plus => Some(Operator::Plus),
        BinaryOperator::Minus => Some(Operator::Minus),
        BinaryOperator::Multiply => Some(Operator::Multiply),
        BinaryOperator::Divide => Some(Operator::Divide),
        BinaryOperator::Modulo => Some(Operator::Modulo),
        _ => None,
    }
}

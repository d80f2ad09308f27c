//! Integers where InfluxDB means something else than DataFusion.

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result};
use datafusion::functions::core::coalesce;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{BinaryExpr, Cast, Expr, ExprSchemable, Operator};
use datafusion::sql::sqlparser::ast::BinaryOperator;
use std::sync::Arc;

/// Makes a cast of an integer to a timestamp count nanoseconds: `x::Timestamp(s)::Timestamp(ns)` as
/// `x::Timestamp(ns)`, if `x` is an integer.
///
/// DataFusion's SQL planner writes such a cast as one to seconds inside one to nanoseconds; InfluxDB
/// documents `1643610630123000000::TIMESTAMP` as nanoseconds.
pub(super) fn without_seconds(expr: Expr, schema: &DFSchema) -> Transformed<Expr> {
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

/// A choice between `BIGINT UNSIGNED` and signed integers is a `BIGINT`, as arithmetic is ([`MixedIntegers`]).
///
/// `nvl` and `ifnull` are the same as `coalesce`, and exact: by themselves they would take both for floats. `nullif`
/// gives its first argument or null, and has the type of it.
pub(super) fn choice_as_integer(expr: Expr, schema: &DFSchema) -> Transformed<Expr> {
    let to = match &expr {
        Expr::ScalarFunction(call) if is_mixed(&call.args, schema) => match call.func.name() {
            "coalesce" | "nvl" | "ifnull" | "greatest" | "least" => DataType::Int64,
            "nullif" => match call.args.first().map(|first| first.get_type(schema)) {
                Some(Ok(first)) => first,
                _ => return Transformed::no(expr),
            },
            _ => return Transformed::no(expr),
        },
        Expr::Case(case) => {
            let chosen = case.when_then_expr.iter().map(|(_, then)| then.as_ref());
            let chosen = chosen.chain(case.else_expr.as_deref());
            match is_mixed(chosen, schema) {
                true => DataType::Int64,
                false => return Transformed::no(expr),
            }
        }
        _ => return Transformed::no(expr),
    };
    let exact = match expr {
        Expr::ScalarFunction(call) if matches!(call.func.name(), "nvl" | "ifnull") => {
            coalesce().call(call.args)
        }
        other => other,
    };
    Transformed::yes(Expr::Cast(Cast::new(Box::new(exact), to)))
}

/// Whether there are unsigned and signed integers, and nothing else but nulls.
fn is_mixed<'a>(exprs: impl IntoIterator<Item = &'a Expr>, schema: &DFSchema) -> bool {
    let types = exprs.into_iter().map(|expr| expr.get_type(schema));
    match types.collect::<Result<Vec<_>>>() {
        Ok(types) => are_mixed(&types),
        Err(_) => false,
    }
}

/// Whether there are unsigned and signed integers, and nothing else but nulls.
pub(super) fn are_mixed(types: &[DataType]) -> bool {
    types.contains(&DataType::UInt64)
        && types.iter().any(DataType::is_signed_integer)
        && types
            .iter()
            .all(|data_type| data_type.is_integer() || data_type.is_null())
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

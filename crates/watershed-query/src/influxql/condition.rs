//! `WHERE` without its time range.
//!
//! 1. An absent tag is the empty text.
//! 2. A null field makes a comparison null, which does not keep the row.
//! 3. Values of types that can't be compared are neither equal nor unequal: the row is dropped, there is
//!    no error.

use super::error::{Error, Result, invalid};
use super::expr::{Lower, mixed_integers, same_integers, scalar_arity, variable};
use super::relation::Relation;
use super::scalar::matches;
use super::types::{Value, ValueType};
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::functions::core::expr_fn::coalesce;
use datafusion::logical_expr::{Expr as PlanExpr, Operator, binary_expr, cast, lit};
use regex::Regex;
use watershed_influxql::{Binary, BinaryOp, Expr, translate_regex};

/// The condition as a boolean expression over the rows of the relation.
pub(super) fn filter(relation: &Relation, condition: &Expr) -> Result<PlanExpr> {
    match condition {
        Expr::Binary(binary) if binary.op.is_logical() => {
            let left = filter(relation, &binary.left)?;
            let right = filter(relation, &binary.right)?;
            Ok(if binary.op == BinaryOp::And {
                left.and(right)
            } else {
                left.or(right)
            })
        }
        Expr::Binary(binary) if binary.op.is_regex_match() => regex_match(relation, binary),
        Expr::Binary(binary) if binary.op.is_comparison() => {
            let left = operand(relation, &binary.left)?;
            let right = operand(relation, &binary.right)?;
            compare(binary.op, left, right)
        }
        other => {
            let value = operand(relation, other)?;
            Ok(if value.value_type == ValueType::Boolean {
                value.expr
            } else {
                lit(false)
            })
        }
    }
}

/// Compiles a regular expression of a statement.
pub(super) fn compile(regex: &watershed_influxql::Regex) -> Result<Regex> {
    let wrong = |reason: String| {
        Error::Invalid(format!(
            "invalid regular expression '/{}/': {reason}",
            regex.as_str()
        ))
    };
    let pattern = translate_regex(regex.as_str()).map_err(|error| wrong(error.to_string()))?;
    Regex::new(&pattern).map_err(|error| wrong(error.to_string()))
}

/// One side of a comparison.
struct Operands<'a>(&'a Relation);

impl Lower for Operands<'_> {
    fn leaf(&mut self, expr: &Expr) -> Result<Value> {
        match expr {
            Expr::Var(var) => Ok(variable(self.0, var)),
            _ => invalid(
                "invalid expression, the only valid function calls are 'now' with no arguments, date_part(<literal>, time), or scalar math functions",
            ),
        }
    }

    fn value(&mut self, expr: &Expr) -> Result<Value> {
        match expr {
            // What can't be computed has no value; it is no error as it would be in SELECT.
            Expr::Binary(binary) if binary.op.is_arithmetic() => {
                if let Some(text) = joined(expr) {
                    return Ok(Value::new(lit(text), ValueType::String));
                }
                let left = self.value(&binary.left)?;
                let right = self.value(&binary.right)?;
                match super::expr::arithmetic(binary.op, left, right) {
                    Err(Error::Invalid(text)) if text.starts_with("incompatible operands") => {
                        Ok(Value::null())
                    }
                    other => other,
                }
            }
            Expr::Binary(_) => Ok(Value::new(filter(self.0, expr)?, ValueType::Boolean)),
            Expr::Call(call) if scalar_arity(&call.name).is_some_and(|n| n != call.args.len()) => {
                invalid(format!("invalid number of arguments for {}", call.name))
            }
            other => Rest(self).value(other),
        }
    }
}

/// The text of `'a' + 'b'`. Only literals can be joined.
fn joined(expr: &Expr) -> Option<String> {
    match expr {
        Expr::String(text) => Some(text.clone()),
        Expr::Binary(binary) if binary.op == BinaryOp::Add => {
            Some(joined(&binary.left)? + &joined(&binary.right)?)
        }
        _ => None,
    }
}

/// The expressions a condition treats as a `SELECT` list does.
struct Rest<'a, 'b>(&'a mut Operands<'b>);

impl Lower for Rest<'_, '_> {
    fn leaf(&mut self, expr: &Expr) -> Result<Value> {
        self.0.leaf(expr)
    }
}

fn operand(relation: &Relation, expr: &Expr) -> Result<Value> {
    Operands(relation).value(expr)
}

fn compare(op: BinaryOp, left: Value, right: Value) -> Result<PlanExpr> {
    use ValueType::{Boolean, Float, Integer, String, Tag, Unsigned};
    let equality = matches!(op, BinaryOp::Eq | BinaryOp::NotEq);
    Ok(match (left.value_type, right.value_type) {
        (Tag, String) if equality && right.is_literal() => compare_tag(op, left.expr, right.expr),
        (String, Tag) if equality && left.is_literal() => compare_tag(op, right.expr, left.expr),
        (Tag | String, Tag | String) if equality => comparison(op, text(left), text(right)),
        (Boolean, Boolean) if equality => comparison(op, left.expr, right.expr),
        (Integer, Unsigned) | (Unsigned, Integer) => match same_integers(left, right) {
            Some((left, right)) => comparison(op, left, right),
            None => return mixed_integers(op),
        },
        (a, b) if a == b && matches!(a, Integer | Unsigned) => {
            comparison(op, left.expr, right.expr)
        }
        (Float, number) | (number, Float) if number.is_number() => {
            comparison(op, left.float(), right.float())
        }
        _ => lit(false),
    })
}

/// A tag beside a literal. Plain comparisons are left plain, so that they can prune.
fn compare_tag(op: BinaryOp, tag: PlanExpr, literal: PlanExpr) -> PlanExpr {
    let empty =
        matches!(&literal, PlanExpr::Literal(ScalarValue::Utf8(Some(text)), _) if text.is_empty());
    match (op, empty) {
        (BinaryOp::Eq, true) => tag.is_null(),
        (BinaryOp::Eq, false) => tag.eq(literal),
        (_, true) => tag.is_not_null(),
        (_, false) => tag.clone().not_eq(literal).or(tag.is_null()),
    }
}

/// A tag or a text as text.
fn text(value: Value) -> PlanExpr {
    match value.value_type {
        ValueType::Tag => coalesce(vec![cast(value.expr, DataType::Utf8), lit("")]),
        _ => value.expr,
    }
}

fn comparison(op: BinaryOp, left: PlanExpr, right: PlanExpr) -> PlanExpr {
    let operator = match op {
        BinaryOp::NotEq => Operator::NotEq,
        BinaryOp::Lt => Operator::Lt,
        BinaryOp::LtEq => Operator::LtEq,
        BinaryOp::Gt => Operator::Gt,
        BinaryOp::GtEq => Operator::GtEq,
        _ => Operator::Eq,
    };
    binary_expr(left, operator, right)
}

fn regex_match(relation: &Relation, binary: &Binary) -> Result<PlanExpr> {
    let Expr::Regex(regex) = &binary.right else {
        return Ok(lit(false));
    };
    let regex = compile(regex)?;
    let Expr::Var(var) = &binary.left else {
        return Ok(lit(false));
    };
    let value = variable(relation, var);
    let matched = match value.value_type {
        ValueType::Tag => matches(value.expr, regex, true),
        ValueType::String => matches(value.expr, regex, false),
        _ => return Ok(lit(false)),
    };
    Ok(if binary.op == BinaryOp::NotMatches {
        !matched
    } else {
        matched
    })
}

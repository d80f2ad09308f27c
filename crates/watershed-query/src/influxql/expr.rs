//! Expressions: literals, arithmetic and scalar functions. What a column or any other function means
//! depends on where it stands; [`Lower`] leaves that to its implementers.

use super::error::{Result, invalid};
use super::relation::{Relation, TIME, column};
use super::scalar::{divide, modulo};
use super::types::{Value, ValueType};
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::functions::datetime::expr_fn::date_part;
use datafusion::functions::math::expr_fn as math;
use datafusion::logical_expr::expr::Case;
use datafusion::logical_expr::{Expr as PlanExpr, Operator, binary_expr, cast, lit};
use watershed_influxql::{BinaryOp, Call, Cast, Expr, VarRef};

/// The scalar functions and the number of their arguments.
const MATH: [(&str, usize); 19] = [
    ("abs", 1),
    ("acos", 1),
    ("asin", 1),
    ("atan", 1),
    ("atan2", 2),
    ("ceil", 1),
    ("cos", 1),
    ("exp", 1),
    ("floor", 1),
    ("ln", 1),
    ("log", 2),
    ("log10", 1),
    ("log2", 1),
    ("pow", 2),
    ("round", 1),
    ("sin", 1),
    ("sqrt", 1),
    ("tan", 1),
    ("date_part", 2),
];

/// The number of arguments of a scalar function; `None` for other functions.
pub(super) fn scalar_arity(name: &str) -> Option<usize> {
    MATH.iter()
        .find(|(known, _)| *known == name)
        .map(|(_, arity)| *arity)
}

/// The names of the scalar functions.
pub(super) fn scalar_names() -> impl Iterator<Item = &'static str> {
    MATH.iter().map(|(name, _)| *name)
}

/// Turns expressions of a statement into expressions of a plan.
pub(super) trait Lower {
    /// A column or a call that is not of a scalar function.
    fn leaf(&mut self, expr: &Expr) -> Result<Value>;

    /// Any expression without comparisons.
    fn value(&mut self, expr: &Expr) -> Result<Value> {
        match expr {
            Expr::Integer(value) => Ok(Value::new(lit(*value), ValueType::Integer)),
            Expr::Unsigned(value) => Ok(Value::new(lit(*value), ValueType::Unsigned)),
            Expr::Float(value) => Ok(Value::new(lit(*value), ValueType::Float)),
            Expr::String(value) => Ok(Value::new(lit(value.clone()), ValueType::String)),
            Expr::Boolean(value) => Ok(Value::new(lit(*value), ValueType::Boolean)),
            Expr::Duration(nanos) => Ok(Value::new(lit(*nanos), ValueType::Integer)),
            Expr::Binary(binary) if binary.op.is_arithmetic() => {
                let left = self.value(&binary.left)?;
                let right = self.value(&binary.right)?;
                arithmetic(binary.op, left, right)
            }
            Expr::Call(call) if call.name == "date_part" => part_of_time(call),
            Expr::Call(call) if scalar_arity(&call.name).is_some() => {
                let args = call
                    .args
                    .iter()
                    .map(|arg| self.value(arg))
                    .collect::<Result<Vec<_>>>()?;
                scalar(&call.name, args)
            }
            Expr::Var(_) | Expr::Call(_) => self.leaf(expr),
            Expr::Wildcard(_) | Expr::Regex(_) => {
                invalid("unsupported binary expression: contains a wildcard or regular expression")
            }
            other => invalid(format!("unexpected expression {other}")),
        }
    }
}

/// Expressions over the columns of one row.
pub(super) struct Rows<'a>(pub(super) &'a Relation);

impl Lower for Rows<'_> {
    fn leaf(&mut self, expr: &Expr) -> Result<Value> {
        match expr {
            Expr::Var(var) => Ok(variable(self.0, var)),
            other => invalid(format!("unexpected expression {other}")),
        }
    }
}

/// A column of a row with its cast.
pub(super) fn variable(relation: &Relation, var: &VarRef) -> Value {
    let value = relation.value(&var.name);
    let wanted = match var.cast {
        None => return value,
        Some(Cast::Field) if value.value_type.is_field() => return value,
        Some(Cast::Tag) if value.value_type == ValueType::Tag => return value,
        Some(Cast::Field | Cast::Tag) => return Value::null(),
        Some(Cast::Float) => ValueType::Float,
        Some(Cast::Integer) => ValueType::Integer,
        Some(Cast::Unsigned) => ValueType::Unsigned,
        Some(Cast::String) => ValueType::String,
        Some(Cast::Boolean) => ValueType::Boolean,
    };
    match value.value_type {
        same if same == wanted => value,
        number if number.is_number() && wanted.is_number() => {
            Value::new(cast(value.expr, wanted.data_type()), wanted)
        }
        _ => Value::null(),
    }
}

/// `date_part('<part>', time)`.
fn part_of_time(call: &Call) -> Result<Value> {
    let [Expr::String(part), Expr::Var(time)] = call.args.as_slice() else {
        return invalid("date_part: second argument must be time");
    };
    if !time.is_time() {
        return invalid("date_part: second argument must be time");
    }
    let part = date_part(lit(part.clone()), column(TIME));
    Ok(Value::new(cast(part, DataType::Int64), ValueType::Integer))
}

/// `left op right`.
pub(super) fn arithmetic(op: BinaryOp, left: Value, right: Value) -> Result<Value> {
    use ValueType::{Boolean, Float, Integer, Null, Unsigned};
    let bits = matches!(op, BinaryOp::BitAnd | BinaryOp::BitOr | BinaryOp::BitXor);
    match (left.value_type, right.value_type) {
        (Null, _) | (_, Null) => Ok(Value::null()),
        (Boolean, Boolean) if bits => Ok(boolean(op, left.expr, right.expr)),
        (Float, number) | (number, Float) if number.is_number() && !bits => {
            Ok(Value::new(plain(op, left.float(), right.float()), Float))
        }
        (Integer | Unsigned, Integer | Unsigned) if op == BinaryOp::Div => {
            Ok(Value::new(divide(left.float(), right.float()), Float))
        }
        (a, b) if a == b && matches!(a, Integer | Unsigned) => {
            Ok(Value::new(plain(op, left.expr, right.expr), a))
        }
        (Integer, Unsigned) | (Unsigned, Integer) => match same_integers(left, right) {
            Some((left, right)) => Ok(Value::new(plain(op, left, right), Unsigned)),
            None => mixed_integers(op),
        },
        (a, b) => invalid(format!(
            "incompatible operands for operator {}: {a} and {b}",
            op.as_str()
        )),
    }
}

/// The error of an unsigned column beside a signed one.
pub(super) fn mixed_integers<T>(op: BinaryOp) -> Result<T> {
    invalid(format!(
        "cannot use {} between an integer and unsigned, an explicit cast is required",
        op.as_str()
    ))
}

/// An integer and an unsigned number as two unsigned numbers, if the integer is a literal: a negative one
/// wraps round.
pub(super) fn same_integers(left: Value, right: Value) -> Option<(PlanExpr, PlanExpr)> {
    let unsigned = |value: Value| match (value.value_type, value.expr) {
        (ValueType::Unsigned, expr) => Some(expr),
        (_, PlanExpr::Literal(ScalarValue::Int64(Some(integer)), _)) => {
            Some(lit(integer.cast_unsigned()))
        }
        _ => None,
    };
    Some((unsigned(left)?, unsigned(right)?))
}

/// `left op right` of two numbers of one type, which is float if the operator is `/`.
fn plain(op: BinaryOp, left: PlanExpr, right: PlanExpr) -> PlanExpr {
    let operator = match op {
        BinaryOp::Div => return divide(left, right),
        BinaryOp::Mod => return modulo(left, right),
        BinaryOp::Add => Operator::Plus,
        BinaryOp::Sub => Operator::Minus,
        BinaryOp::BitAnd => Operator::BitwiseAnd,
        BinaryOp::BitOr => Operator::BitwiseOr,
        BinaryOp::BitXor => Operator::BitwiseXor,
        _ => Operator::Multiply,
    };
    binary_expr(left, operator, right)
}

fn boolean(op: BinaryOp, left: PlanExpr, right: PlanExpr) -> Value {
    let expr = match op {
        BinaryOp::BitAnd => left.and(right),
        BinaryOp::BitOr => left.or(right),
        _ => left.not_eq(right),
    };
    Value::new(expr, ValueType::Boolean)
}

/// A scalar function of numbers.
fn scalar(name: &str, args: Vec<Value>) -> Result<Value> {
    if args.iter().any(|arg| arg.value_type == ValueType::Null) {
        return Ok(Value::null());
    }
    if let Some(arg) = args.iter().find(|arg| !arg.value_type.is_number()) {
        return invalid(format!("{name} of a {} is not possible", arg.value_type));
    }
    let mut args = args.into_iter();
    match (args.next(), args.next()) {
        (Some(value), None) => Ok(scalar_of_one(name, value)),
        (Some(first), Some(second)) => Ok(Value::new(
            scalar_of_two(name, first.float(), second.float()),
            ValueType::Float,
        )),
        _ => invalid(format!(
            "invalid number of arguments for {name}, expected 1, got 0"
        )),
    }
}

fn scalar_of_one(name: &str, value: Value) -> Value {
    let value_type = value.value_type;
    let whole = matches!(value_type, ValueType::Integer | ValueType::Unsigned);
    match name {
        "ceil" | "floor" | "round" if whole => return value,
        "abs" if value_type == ValueType::Unsigned => return value,
        "abs" => return Value::new(math::abs(value.expr), value_type),
        _ => {}
    }
    let value = value.float();
    let expr = match name {
        "acos" => math::acos(value),
        "asin" => math::asin(value),
        "atan" => math::atan(value),
        "ceil" => math::ceil(value),
        "cos" => math::cos(value),
        "exp" => math::exp(value),
        "floor" => math::floor(value),
        "ln" => math::ln(value),
        "log10" => math::log10(value),
        "log2" => math::log2(value),
        "round" => math::round(vec![value]),
        "sin" => math::sin(value),
        "sqrt" => sqrt(value),
        _ => math::tan(value),
    };
    Value::new(expr, ValueType::Float)
}

/// Not a number where there is no root. DataFusion's own function fails there.
fn sqrt(value: PlanExpr) -> PlanExpr {
    let negative = value.clone().lt(lit(0.0));
    PlanExpr::Case(Case::new(
        None,
        vec![(Box::new(negative), Box::new(lit(f64::NAN)))],
        Some(Box::new(math::sqrt(value))),
    ))
}

fn scalar_of_two(name: &str, first: PlanExpr, second: PlanExpr) -> PlanExpr {
    match name {
        "atan2" => math::atan2(first, second),
        "pow" => math::power(first, second),
        // The base stands first in SQL.
        _ => math::log(second, first),
    }
}

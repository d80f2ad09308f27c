//! The placeholders of an SQL plan.

use crate::{ParamValue, Params, QueryError};
use arrow::datatypes::DataType;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{ParamValues, Result, ScalarValue};
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{Value, ValueWithSpan, VisitMut, VisitorMut};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};
use std::collections::HashMap;
use std::ops::ControlFlow;

/// The placeholders by name (`$name`), and the types that their places ask for.
///
/// # Errors
/// [`QueryError::ParameterType`] for one whose place does not tell; failures of the planner.
pub(crate) fn of(plan: &LogicalPlan) -> std::result::Result<Vec<(String, DataType)>, QueryError> {
    let types = types(plan).map_err(QueryError::Planning)?;
    let typed = types.into_iter().map(|(name, data_type)| match data_type {
        Some(data_type) => Ok((name, data_type)),
        None => Err(QueryError::ParameterType(name)),
    });
    let mut parameters = typed.collect::<std::result::Result<Vec<_>, _>>()?;
    parameters.sort_by(|a, b| placeholder_order(&a.0).cmp(&placeholder_order(&b.0)));
    Ok(parameters)
}

/// The values as the plan takes them: a number has the type that its place asks for, if that can hold it, so that
/// the result has the columns that were told before.
pub(crate) fn typed(plan: &LogicalPlan, params: &Params) -> Result<ParamValues> {
    if params.is_empty() {
        return Ok(params.to_datafusion());
    }
    let types = types(plan)?;
    let values = params.iter().map(|(name, value)| {
        let value = ScalarValue::from(value);
        let wanted = types.get(&format!("${name}")).cloned().flatten();
        let fitting = wanted.and_then(|wanted| as_number(&value, &wanted));
        (name.to_owned(), fitting.unwrap_or(value))
    });
    Ok(values.collect::<Vec<_>>().into())
}

/// # Errors
/// A placeholder is left in the plan.
pub(crate) fn all_bound(plan: &LogicalPlan) -> Result<()> {
    plan.clone()
        .with_param_values(ParamValues::Map(HashMap::new()))?;
    Ok(())
}

/// Whether the text has placeholders.
pub(crate) fn any(text: &str) -> bool {
    let tokens = Tokenizer::new(&GenericDialect {}, text).tokenize();
    let is_placeholder = |token: &Token| matches!(token, Token::Placeholder(_));
    tokens.is_ok_and(|tokens| tokens.iter().any(is_placeholder))
}

/// The statement with values written in the place of their placeholders; `None` if there are none to write.
pub(crate) fn in_statement(mut statement: Statement, params: &Params) -> Option<Statement> {
    let mut written = Written { params, any: false };
    let mut inner = &mut statement;
    while let Statement::Explain(explain) = inner {
        inner = &mut explain.statement;
    }
    if let Statement::Statement(sql) = inner {
        // It never breaks off.
        let _ = sql.visit(&mut written);
    }
    written.any.then_some(statement)
}

struct Written<'a> {
    params: &'a Params,
    any: bool,
}

impl VisitorMut for Written<'_> {
    type Break = ();

    fn pre_visit_value(&mut self, value: &mut ValueWithSpan) -> ControlFlow<()> {
        if let Value::Placeholder(name) = &value.value
            && let Some(param) = self.params.get(name.trim_start_matches('$'))
        {
            value.value = literal(param);
            self.any = true;
        }
        ControlFlow::Continue(())
    }
}

/// A value as a statement writes it.
fn literal(param: &ParamValue) -> Value {
    match param {
        ParamValue::Null => Value::Null,
        ParamValue::Bool(value) => Value::Boolean(*value),
        ParamValue::I64(value) => Value::Number(value.to_string(), false),
        ParamValue::U64(value) => Value::Number(value.to_string(), false),
        // With a point or an exponent, so that it stays a float.
        ParamValue::F64(value) if value.is_finite() => Value::Number(format!("{value:?}"), false),
        ParamValue::F64(value) => Value::SingleQuotedString(value.to_string()),
        ParamValue::String(value) => Value::SingleQuotedString(value.clone()),
    }
}

/// The number in another type, if it is the same there.
fn as_number(value: &ScalarValue, wanted: &DataType) -> Option<ScalarValue> {
    if !value.data_type().is_numeric() || !wanted.is_numeric() {
        return None;
    }
    let there = value.cast_to(wanted).ok()?;
    let back = there.cast_to(&value.data_type()).ok()?;
    (back == *value && !there.is_null()).then_some(there)
}

/// What the places of the placeholders ask for; a cast around one says it too.
fn types(plan: &LogicalPlan) -> Result<HashMap<String, Option<DataType>>> {
    let mut types = plan.get_parameter_types()?;
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::Limit(limit) = node {
            for bound in [&limit.skip, &limit.fetch].into_iter().flatten() {
                say(&mut types, bound, &DataType::Int64);
            }
        }
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                match expr {
                    Expr::Cast(cast) => say(&mut types, &cast.expr, cast.field.data_type()),
                    Expr::TryCast(cast) => say(&mut types, &cast.expr, cast.field.data_type()),
                    _ => {}
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(types)
}

/// Notes the type of what is a placeholder, if its place told none.
fn say(types: &mut HashMap<String, Option<DataType>>, expr: &Expr, data_type: &DataType) {
    if let Expr::Placeholder(placeholder) = expr
        && let Some(unknown @ None) = types.get_mut(&placeholder.id)
    {
        *unknown = Some(data_type.clone());
    }
}

/// `$2` before `$10`, and numbers before names.
fn placeholder_order(name: &str) -> (u64, &str) {
    let number = name.trim_start_matches('$').parse().unwrap_or(u64::MAX);
    (number, name)
}

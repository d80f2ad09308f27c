//! The placeholders of an SQL plan.

use crate::{Params, QueryError};
use arrow::datatypes::DataType;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{ParamValues, Result, ScalarValue};
use datafusion::logical_expr::{Expr, LogicalPlan};
use std::collections::HashMap;

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

//! Values in the place of `$name`.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Dimension, Expr, Select, Source, Statement};

#[cfg(test)]
mod tests;

/// The value of a bind parameter.
#[derive(Debug, Clone, PartialEq)]
pub enum ParamValue {
    Boolean(bool),
    Integer(i64),
    Unsigned(u64),
    Float(f64),
    String(String),
}

impl ParamValue {
    /// The literal that means this value; `None` if no literal does.
    fn literal(&self) -> Option<Expr> {
        Some(match self {
            ParamValue::Boolean(value) => Expr::Boolean(*value),
            ParamValue::Integer(value) => Expr::Integer(*value),
            ParamValue::Unsigned(value) => {
                i64::try_from(*value).map_or(Expr::Unsigned(*value), Expr::Integer)
            }
            ParamValue::Float(value) if value.is_finite() => Expr::Float(*value),
            ParamValue::Float(_) => return None,
            ParamValue::String(text) => Expr::String(text.clone()),
        })
    }
}

/// Why parameters and statements do not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BindError {
    #[error(
        "Bind parameter '${name}' was referenced in the InfluxQL statement but its value is undefined."
    )]
    Undefined { name: String },
    #[error("Bind parameter '{name}' was provided but not found in the InfluxQL statement")]
    Unused { name: String },
    #[error("Bind parameter '${name}' is not a finite number")]
    NotFinite { name: String },
}

/// Replaces every `$name` in the statements by the literal for its value.
///
/// The statements are then the same as if the literals had been written, so that a string next to
/// `time` is a timestamp. Parameters that no statement names are ignored; [`check_all_used`] finds
/// them.
///
/// # Errors
/// `Undefined` or `NotFinite` for the first parameter without a usable value; those before it are
/// replaced already.
pub fn bind(
    statements: &mut [Statement],
    params: &BTreeMap<String, ParamValue>,
) -> Result<(), BindError> {
    for statement in statements {
        for expr in roots_mut(statement) {
            bind_expr(expr, params)?;
        }
    }
    Ok(())
}

fn bind_expr(expr: &mut Expr, params: &BTreeMap<String, ParamValue>) -> Result<(), BindError> {
    if let Expr::Parameter(name) = expr {
        *expr = value_of(name, params)?;
        return Ok(());
    }
    for child in expr.children_mut() {
        bind_expr(child, params)?;
    }
    Ok(())
}

fn value_of(name: &str, params: &BTreeMap<String, ParamValue>) -> Result<Expr, BindError> {
    let Some(value) = params.get(name) else {
        return Err(BindError::Undefined {
            name: name.to_owned(),
        });
    };
    value.literal().ok_or_else(|| BindError::NotFinite {
        name: name.to_owned(),
    })
}

/// Checks that some statement names each parameter. To be called before [`bind`], which takes the
/// names away.
///
/// # Errors
/// `Unused` for the first parameter, in order of names, that none does.
pub fn check_all_used(
    statements: &[Statement],
    params: &BTreeMap<String, ParamValue>,
) -> Result<(), BindError> {
    let mut used = BTreeSet::new();
    for expr in statements.iter().flat_map(roots) {
        expr.walk(&mut |node| {
            if let Expr::Parameter(name) = node {
                used.insert(name.as_str());
            }
        });
    }
    match params.keys().find(|name| !used.contains(name.as_str())) {
        Some(name) => Err(BindError::Unused { name: name.clone() }),
        None => Ok(()),
    }
}

/// Every expression of a statement that is not part of another.
fn roots(statement: &Statement) -> Vec<&Expr> {
    match statement {
        Statement::Select(select) => {
            let mut roots = Vec::new();
            select_roots(select, &mut roots);
            roots
        }
        Statement::SelectInto(into) => {
            let mut roots = Vec::new();
            select_roots(&into.select, &mut roots);
            roots
        }
        Statement::Explain(explain) => roots(&explain.statement),
        Statement::ShowMeasurements(show) => show.condition.iter().collect(),
        Statement::ShowTagKeys(show) => show.condition.iter().collect(),
        Statement::ShowTagValues(show) => show.condition.iter().collect(),
        Statement::ShowSeries(show) => show.condition.iter().collect(),
        Statement::ShowCardinality(show) => {
            let condition = show.condition.iter();
            condition.chain(dimension_roots(&show.group_by)).collect()
        }
        Statement::DropSeries(drop) => drop.condition.iter().collect(),
        Statement::Delete(delete) => delete.condition.iter().collect(),
        Statement::ShowDatabases
        | Statement::ShowFieldKeys(_)
        | Statement::ShowRetentionPolicies(_)
        | Statement::ShowQueries
        | Statement::ShowStats(_)
        | Statement::ShowDiagnostics(_)
        | Statement::KillQuery(_)
        | Statement::CreateDatabase(_)
        | Statement::DropDatabase(_)
        | Statement::DropMeasurement(_)
        | Statement::CreateRetentionPolicy(_)
        | Statement::AlterRetentionPolicy(_)
        | Statement::DropRetentionPolicy(_)
        | Statement::Unsupported(_) => Vec::new(),
    }
}

fn select_roots<'a>(select: &'a Select, roots: &mut Vec<&'a Expr>) {
    roots.extend(select.fields.iter().map(|field| &field.expr));
    for source in &select.from {
        if let Source::Subquery(select) = source {
            select_roots(select, roots);
        }
    }
    roots.extend(&select.condition);
    roots.extend(dimension_roots(&select.group_by));
}

fn dimension_roots(dimensions: &[Dimension]) -> impl Iterator<Item = &Expr> {
    dimensions.iter().filter_map(|dimension| match dimension {
        Dimension::Time(time) => time.offset.as_ref(),
        _ => None,
    })
}

/// As [`roots`], to be changed in place.
fn roots_mut(statement: &mut Statement) -> Vec<&mut Expr> {
    match statement {
        Statement::Select(select) => {
            let mut roots = Vec::new();
            select_roots_mut(select, &mut roots);
            roots
        }
        Statement::SelectInto(into) => {
            let mut roots = Vec::new();
            select_roots_mut(&mut into.select, &mut roots);
            roots
        }
        Statement::Explain(explain) => roots_mut(&mut explain.statement),
        Statement::ShowMeasurements(show) => show.condition.iter_mut().collect(),
        Statement::ShowTagKeys(show) => show.condition.iter_mut().collect(),
        Statement::ShowTagValues(show) => show.condition.iter_mut().collect(),
        Statement::ShowSeries(show) => show.condition.iter_mut().collect(),
        Statement::ShowCardinality(show) => {
            let condition = show.condition.iter_mut();
            condition
                .chain(dimension_roots_mut(&mut show.group_by))
                .collect()
        }
        Statement::DropSeries(drop) => drop.condition.iter_mut().collect(),
        Statement::Delete(delete) => delete.condition.iter_mut().collect(),
        Statement::ShowDatabases
        | Statement::ShowFieldKeys(_)
        | Statement::ShowRetentionPolicies(_)
        | Statement::ShowQueries
        | Statement::ShowStats(_)
        | Statement::ShowDiagnostics(_)
        | Statement::KillQuery(_)
        | Statement::CreateDatabase(_)
        | Statement::DropDatabase(_)
        | Statement::DropMeasurement(_)
        | Statement::CreateRetentionPolicy(_)
        | Statement::AlterRetentionPolicy(_)
        | Statement::DropRetentionPolicy(_)
        | Statement::Unsupported(_) => Vec::new(),
    }
}

fn select_roots_mut<'a>(select: &'a mut Select, roots: &mut Vec<&'a mut Expr>) {
    roots.extend(select.fields.iter_mut().map(|field| &mut field.expr));
    for source in &mut select.from {
        if let Source::Subquery(select) = source {
            select_roots_mut(select, roots);
        }
    }
    roots.extend(&mut select.condition);
    roots.extend(dimension_roots_mut(&mut select.group_by));
}

fn dimension_roots_mut(dimensions: &mut [Dimension]) -> impl Iterator<Item = &mut Expr> {
    dimensions
        .iter_mut()
        .filter_map(|dimension| match dimension {
            Dimension::Time(time) => time.offset.as_mut(),
            _ => None,
        })
}

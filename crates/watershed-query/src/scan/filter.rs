//! What predicates say about time and tags.

use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{Between, BinaryExpr, Expr, Operator};
use datafusion::scalar::ScalarValue;
use std::collections::BTreeSet;
use watershed_model::{ColumnType, TIME_COLUMN, TableSchema, TimeRange, Timestamp};
use watershed_storage::{ScanFilter, TagFilter};

/// The rows that can pass all `predicates`: never too few, often too many.
pub(crate) fn filter(table: &TableSchema, predicates: &[Expr]) -> ScanFilter {
    let mut filter = ScanFilter {
        times: TimeRange::ALL,
        tags: Vec::new(),
    };
    for predicate in predicates {
        narrow(table, predicate, &mut filter);
    }
    filter
}

/// Whether [`filter`] learns something from the predicate.
pub(crate) fn prunes(table: &TableSchema, predicate: &Expr) -> bool {
    let learned = filter(table, std::slice::from_ref(predicate));
    learned.times != TimeRange::ALL || !learned.tags.is_empty()
}

/// Takes one predicate, and all it is an AND of, into the filter.
fn narrow(table: &TableSchema, predicate: &Expr, filter: &mut ScanFilter) {
    match predicate {
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: Operator::And,
            right,
        }) => {
            narrow(table, left, filter);
            narrow(table, right, filter);
        }
        Expr::Between(between) => filter.times = filter.times.intersect(&between_times(between)),
        other => {
            filter.times = filter.times.intersect(&compared_times(other));
            if let Some((column, values)) = tag_values(table, other) {
                narrow_tag(filter, column, values);
            }
        }
    }
}

/// A column that several predicates name can only have the values all of them allow.
fn narrow_tag(filter: &mut ScanFilter, column: &str, values: BTreeSet<String>) {
    match filter
        .tags
        .iter_mut()
        .find(|tag| tag.column.as_str() == column)
    {
        Some(tag) => tag.values.retain(|value| values.contains(value)),
        None => filter.tags.push(TagFilter {
            column: column.into(),
            values,
        }),
    }
}

/// The times that pass `time BETWEEN low AND high`.
fn between_times(between: &Between) -> TimeRange {
    if between.negated || !is_time(&between.expr) {
        return TimeRange::ALL;
    }
    let low = literal_time(&between.low).unwrap_or(i64::MIN);
    let high = literal_time(&between.high).unwrap_or(i64::MAX);
    TimeRange::from_nanos(low, high)
}

/// The times that pass a comparison; all of them if it is about something else.
fn compared_times(predicate: &Expr) -> TimeRange {
    let Expr::BinaryExpr(BinaryExpr { left, op, right }) = predicate else {
        return TimeRange::ALL;
    };
    let (op, nanos) = if is_time(left) {
        (Some(*op), literal_time(right))
    } else if is_time(right) {
        (op.swap(), literal_time(left))
    } else {
        return TimeRange::ALL;
    };
    let (Some(op), Some(nanos)) = (op, nanos) else {
        return TimeRange::ALL;
    };
    match op {
        Operator::Eq => TimeRange::from_nanos(nanos, nanos),
        Operator::GtEq => TimeRange::from_nanos(nanos, i64::MAX),
        Operator::LtEq => TimeRange::from_nanos(i64::MIN, nanos),
        Operator::Gt => match nanos.checked_add(1) {
            Some(min) => TimeRange::from_nanos(min, i64::MAX),
            None => EMPTY,
        },
        Operator::Lt => match nanos.checked_sub(1) {
            Some(max) => TimeRange::from_nanos(i64::MIN, max),
            None => EMPTY,
        },
        _ => TimeRange::ALL,
    }
}

/// No time at all.
const EMPTY: TimeRange = TimeRange {
    min: Timestamp::MAX,
    max: Timestamp::MIN,
};

fn is_time(expr: &Expr) -> bool {
    matches!(expr, Expr::Column(column) if column.name == TIME_COLUMN)
}

fn literal_time(expr: &Expr) -> Option<i64> {
    match expr {
        Expr::Literal(ScalarValue::TimestampNanosecond(nanos, _), _) => *nanos,
        _ => None,
    }
}

/// The values a tag must have one of to pass `tag = v`, `tag IN (…)` or an OR of such on the same tag.
fn tag_values<'a>(table: &'a TableSchema, predicate: &Expr) -> Option<(&'a str, BTreeSet<String>)> {
    match predicate {
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: Operator::Eq,
            right,
        }) => {
            let (tag, value) = match tag_name(table, left) {
                Some(tag) => (tag, literal_text(right)?),
                None => (tag_name(table, right)?, literal_text(left)?),
            };
            Some((tag, BTreeSet::from([value])))
        }
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: Operator::Or,
            right,
        }) => {
            let (tag, mut values) = tag_values(table, left)?;
            let (other, more) = tag_values(table, right)?;
            values.extend(more);
            (tag == other).then_some((tag, values))
        }
        Expr::InList(InList {
            expr,
            list,
            negated: false,
        }) => {
            let values = list.iter().map(literal_text).collect::<Option<_>>()?;
            Some((tag_name(table, expr)?, values))
        }
        _ => None,
    }
}

/// The tag an expression is, looked at directly or as a plain text.
fn tag_name<'a>(table: &'a TableSchema, expr: &Expr) -> Option<&'a str> {
    match expr {
        Expr::Column(column) => {
            let column = table.column(&column.name)?;
            (column.column_type == ColumnType::Tag).then_some(column.name.as_str())
        }
        Expr::Cast(cast) if cast.field.data_type().is_string() => tag_name(table, &cast.expr),
        _ => None,
    }
}

fn literal_text(expr: &Expr) -> Option<String> {
    let Expr::Literal(value, _) = expr else {
        return None;
    };
    text(value)
}

fn text(value: &ScalarValue) -> Option<String> {
    match value {
        ScalarValue::Utf8(text) | ScalarValue::LargeUtf8(text) | ScalarValue::Utf8View(text) => {
            text.clone()
        }
        ScalarValue::Dictionary(_, value) => text(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests;

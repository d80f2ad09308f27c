//! Which columns of an answer a rule is about, and their values in pairs.

use crate::answer::{Cell, Series};
use crate::generate::Query;
use watershed_influxql::{Expr, Select, Statement};

/// The outermost `SELECT`.
pub(super) fn select(query: &Query) -> Option<&Select> {
    match &query.statement {
        Statement::Select(select) => Some(select),
        _ => None,
    }
}

/// The time of a row, as far as it can be ordered.
pub(super) fn time(row: &[Cell]) -> i128 {
    match row.first() {
        Some(Cell::Time { nanos, .. }) => *nanos,
        Some(Cell::Integer(time)) => *time,
        _ => 0,
    }
}

/// Places of the columns that one of these functions is part of.
pub(super) fn columns_with(query: &Query, series: &Series, functions: &[&str]) -> Vec<usize> {
    columns_that(query, series, |expr| calls_one(expr, functions))
}

/// Places of the columns that are a tag or field as it is.
pub(super) fn bare_columns(query: &Query, series: &Series) -> Vec<usize> {
    let mut places = columns_that(query, series, |expr| matches!(expr, Expr::Var(_)));
    places.retain(|place| expr(query, series, *place).is_some_and(|e| matches!(e, Expr::Var(_))));
    places
}

/// Places of the columns with a node for which `test` holds. A list of one item may stand for several columns.
fn columns_that(query: &Query, series: &Series, test: impl Fn(&Expr) -> bool) -> Vec<usize> {
    let has_it = |place: &usize| {
        expr(query, series, *place).is_some_and(|expr| expr.any(&mut |node| test(node)))
    };
    (1..series.columns.len()).filter(has_it).collect()
}

/// The item that makes the column in this place, if that can be told.
fn expr<'a>(query: &'a Query, series: &Series, place: usize) -> Option<&'a Expr> {
    match select(query)?.fields.as_slice() {
        [only] => Some(&only.expr),
        fields if fields.len() + 1 == series.columns.len() => Some(&fields[place - 1].expr),
        _ => None,
    }
}

fn calls_one(expr: &Expr, functions: &[&str]) -> bool {
    matches!(expr, Expr::Call(call) if functions.contains(&call.name.as_str()))
}

/// Calls `change` for each pair of values of columns that one of these functions is part of, all columns if
/// there are none; with whether the function is not the whole of the column.
pub(super) fn each_pair(
    query: &Query,
    ours: &mut [Series],
    reference: &mut [Series],
    functions: &[&str],
    change: impl Fn(bool, &mut Cell, &mut Cell),
) {
    for (ours, reference) in ours.iter_mut().zip(reference) {
        let places = match functions {
            [] => (1..ours.columns.len()).collect(),
            functions => columns_with(query, ours, functions),
        };
        let is_whole = |place| expr(query, ours, place).is_some_and(|e| calls_one(e, functions));
        let terms: Vec<bool> = places.iter().map(|place| !is_whole(*place)).collect();
        change_pairs(ours, reference, &places, |nth, ours, reference| {
            change(terms[nth], ours, reference);
        });
    }
}

/// Calls `change` for each pair of values of columns with one of these operators; with whether nothing is around
/// the operator.
pub(super) fn each_term(
    query: &Query,
    ours: &mut [Series],
    reference: &mut [Series],
    operators: &[&str],
    change: impl Fn(bool, &mut Cell, &mut Cell),
) {
    let is_one = |expr: &Expr| matches!(expr, Expr::Binary(binary) if operators.contains(&binary.op.as_str()));
    for (ours, reference) in ours.iter_mut().zip(reference) {
        let places = columns_that(query, ours, is_one);
        let is_whole = |place: &usize| expr(query, ours, *place).is_some_and(is_one);
        let whole: Vec<bool> = places.iter().map(is_whole).collect();
        change_pairs(ours, reference, &places, |nth, ours, reference| {
            change(whole[nth], ours, reference);
        });
    }
}

/// Calls `change` for each pair of values in one of these columns, with the number of the column in the list.
/// Rows of one time are brought into an order by their other columns first.
fn change_pairs(
    ours: &mut Series,
    reference: &mut Series,
    places: &[usize],
    change: impl Fn(usize, &mut Cell, &mut Cell),
) {
    align(ours, places);
    align(reference, places);
    for (ours, reference) in ours.rows.iter_mut().zip(&mut reference.rows) {
        for (nth, place) in places.iter().enumerate() {
            if let (Some(ours), Some(reference)) = (ours.get_mut(*place), reference.get_mut(*place))
            {
                change(nth, ours, reference);
            }
        }
    }
}

fn align(series: &mut Series, places: &[usize]) {
    let key = |row: &Vec<Cell>| -> Vec<String> {
        let others = row
            .iter()
            .enumerate()
            .filter(|(place, _)| !places.contains(place));
        others.map(|(_, cell)| cell.to_string()).collect()
    };
    for of_one_time in series.rows.chunk_by_mut(|a, b| a.first() == b.first()) {
        of_one_time.sort_by_cached_key(key);
    }
}

//! Smaller statements and data that may show the same difference.

#[cfg(test)]
mod tests;

use crate::comparable::{MATH, is_bucketed, subquery};
use watershed_influxql::{Dimension, Expr, Field, Select, Source, Statement};

/// Statements that are a little simpler than `statement`, the greatest steps first.
pub fn simpler(statement: &Statement) -> Vec<Statement> {
    match statement {
        Statement::Select(select) => simpler_selects(select)
            .into_iter()
            .map(|select| Statement::Select(Box::new(select)))
            .collect(),
        Statement::ShowMeasurements(show) => {
            let mut all = Vec::new();
            offer(show, &mut all, |s| s.with.take().is_some());
            offer(show, &mut all, |s| s.limit.take().is_some());
            offer(show, &mut all, |s| s.offset.take().is_some());
            for condition in simpler_conditions(show.condition.as_ref()) {
                offer(show, &mut all, |s| set(&mut s.condition, condition));
            }
            all.into_iter().map(Statement::ShowMeasurements).collect()
        }
        Statement::ShowFieldKeys(show) => {
            let mut all = Vec::new();
            offer(show, &mut all, |s| !std::mem::take(&mut s.from).is_empty());
            offer(show, &mut all, |s| s.limit.take().is_some());
            offer(show, &mut all, |s| s.offset.take().is_some());
            all.into_iter().map(Statement::ShowFieldKeys).collect()
        }
        Statement::ShowTagKeys(show) => {
            let mut all = Vec::new();
            offer(show, &mut all, |s| !std::mem::take(&mut s.from).is_empty());
            offer(show, &mut all, |s| s.limit.take().is_some());
            offer(show, &mut all, |s| s.offset.take().is_some());
            for condition in simpler_conditions(show.condition.as_ref()) {
                offer(show, &mut all, |s| set(&mut s.condition, condition));
            }
            all.into_iter().map(Statement::ShowTagKeys).collect()
        }
        Statement::ShowTagValues(show) => {
            let mut all = Vec::new();
            offer(show, &mut all, |s| !std::mem::take(&mut s.from).is_empty());
            offer(show, &mut all, |s| s.limit.take().is_some());
            offer(show, &mut all, |s| s.offset.take().is_some());
            for condition in simpler_conditions(show.condition.as_ref()) {
                offer(show, &mut all, |s| set(&mut s.condition, condition));
            }
            all.into_iter().map(Statement::ShowTagValues).collect()
        }
        _ => Vec::new(),
    }
}

/// Parts of `items` that may do, each with some left out: halves, then quarters, down to `finest` parts.
pub fn parts<T: Clone>(items: &[T], finest: usize) -> Vec<Vec<T>> {
    let mut all = Vec::new();
    let mut count = 2;
    while count <= finest.min(items.len()) {
        let size = items.len().div_ceil(count);
        for start in (0..items.len()).step_by(size) {
            let end = (start + size).min(items.len());
            all.push([&items[..start], &items[end..]].concat());
        }
        count *= 2;
    }
    all
}

/// Adds a changed copy of `original`, if `change` says that it changed something.
fn offer<T: Clone>(original: &T, all: &mut Vec<T>, change: impl FnOnce(&mut T) -> bool) {
    let mut copy = original.clone();
    if change(&mut copy) {
        all.push(copy);
    }
}

fn set<T>(place: &mut T, value: T) -> bool {
    *place = value;
    true
}

fn simpler_selects(select: &Select) -> Vec<Select> {
    let mut all = Vec::new();
    // The subquery alone.
    for source in &select.from {
        if let Source::Subquery(inner) = source
            && !has_buckets(inner)
        {
            all.push((**inner).clone());
        }
    }
    if select.from.len() > 1 {
        for index in 0..select.from.len() {
            offer(select, &mut all, |s| {
                s.from.remove(index);
                true
            });
        }
    }
    if select.fields.len() > 1 {
        for index in 0..select.fields.len() {
            offer(select, &mut all, |s| {
                s.fields.remove(index);
                true
            });
        }
    }
    simpler_clauses(select, &mut all);
    for (index, field) in select.fields.iter().enumerate() {
        offer(select, &mut all, |s| s.fields[index].alias.take().is_some());
        for expr in simpler_items(&field.expr) {
            offer(select, &mut all, |s| set(&mut s.fields[index].expr, expr));
        }
    }
    for (index, source) in select.from.iter().enumerate() {
        if let Source::Subquery(inner) = source {
            for simpler in simpler_selects(inner) {
                // What is around it asks for columns by these names.
                if columns(inner) != columns(&simpler) {
                    continue;
                }
                offer(select, &mut all, |s| {
                    set(&mut s.from[index], Source::Subquery(Box::new(simpler)))
                });
            }
        }
    }
    all
}

/// Names of the columns that a query around this one can ask for, and its groups.
fn columns(select: &Select) -> (Vec<String>, Vec<&Dimension>) {
    let is_tag = |dimension: &&Dimension| !matches!(dimension, Dimension::Time(_));
    let names = select.fields.iter().map(Field::name).collect();
    (names, select.group_by.iter().filter(is_tag).collect())
}

fn simpler_clauses(select: &Select, all: &mut Vec<Select>) {
    for condition in simpler_conditions(select.condition.as_ref()) {
        offer(select, all, |s| set(&mut s.condition, condition));
    }
    if !has_buckets(select) {
        offer(select, all, |s| s.condition.take().is_some());
    }
    for (index, dimension) in select.group_by.iter().enumerate() {
        offer(select, all, |s| {
            let was = s.group_by.remove(index);
            if matches!(was, Dimension::Time(_)) {
                s.fill = None;
            }
            true
        });
        if let Dimension::Time(time) = dimension
            && time.offset.is_some()
        {
            offer(select, all, |s| match &mut s.group_by[index] {
                Dimension::Time(time) => time.offset.take().is_some(),
                _ => false,
            });
        }
    }
    offer(select, all, |s| s.fill.take().is_some());
    offer(select, all, |s| s.order.take().is_some());
    offer(select, all, |s| s.limit.take().is_some());
    offer(select, all, |s| s.offset.take().is_some());
    offer(select, all, |s| s.series_limit.take().is_some());
    offer(select, all, |s| s.series_offset.take().is_some());
    offer(select, all, |s| s.time_zone.take().is_some());
}

/// Whether there are buckets of time here or in a subquery.
fn has_buckets(select: &Select) -> bool {
    is_bucketed(select) || select.from.iter().filter_map(subquery).any(has_buckets)
}

/// Conditions with a part left out; `None` is no condition at all. Ranges of time stay as they are: without
/// them there are millions of buckets, or metadata of the last day alone.
fn simpler_conditions(condition: Option<&Expr>) -> Vec<Option<Expr>> {
    let Some(condition) = condition else {
        return Vec::new();
    };
    let mut all = Vec::new();
    if !names_time(condition) {
        all.push(None);
    }
    let range = time_comparisons(condition);
    let simpler = without_operand(condition).into_iter();
    all.extend(
        simpler
            .filter(|simpler| time_comparisons(simpler) == range)
            .map(Some),
    );
    all
}

fn names_time(condition: &Expr) -> bool {
    time_comparisons(condition) > 0
}

fn time_comparisons(condition: &Expr) -> usize {
    let mut count = 0;
    condition.walk(&mut |expr| {
        count += usize::from(matches!(expr, Expr::Var(column) if column.is_time()))
    });
    count
}

/// The tree with one of the operands of one `AND` or `OR` in the place of both.
fn without_operand(expr: &Expr) -> Vec<Expr> {
    let Expr::Binary(binary) = expr else {
        return Vec::new();
    };
    if !binary.op.is_logical() {
        return Vec::new();
    }
    let mut all = vec![binary.left.clone(), binary.right.clone()];
    for left in without_operand(&binary.left) {
        all.push(Expr::binary(binary.op, left, binary.right.clone()));
    }
    for right in without_operand(&binary.right) {
        all.push(Expr::binary(binary.op, binary.left.clone(), right));
    }
    all
}

/// Items of a list with an operator or call less. A column does not take the place of a call that makes one
/// value of many: what remains would be another kind of query.
fn simpler_items(expr: &Expr) -> Vec<Expr> {
    let keeps_rows = match expr {
        Expr::Call(call) => MATH.contains(&call.name.as_str()),
        _ => true,
    };
    let mut all: Vec<Expr> = expr
        .children()
        .into_iter()
        .filter(|child| match child {
            Expr::Var(_) => keeps_rows,
            Expr::Call(_) | Expr::Binary(_) => true,
            _ => false,
        })
        .cloned()
        .collect();
    for (index, child) in expr.children().into_iter().enumerate() {
        for simpler in simpler_items(child) {
            offer(expr, &mut all, |copy| {
                match copy.children_mut().into_iter().nth(index) {
                    Some(place) => set(place, simpler),
                    None => false,
                }
            });
        }
    }
    all
}
